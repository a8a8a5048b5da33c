//! From a score to the share that was harmful: the best curve that never falls.

use serde::Serialize;

/// One step of the curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Calibration {
    /// From these log-odds on, in thousandths.
    pub from: i64,
    /// The share that was harmful, in millionths.
    pub share: i64,
    /// Rows that tell it.
    pub rows: usize,
}

/// Neighbours that say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pool {
    /// From here on, in thousandths of log-odds.
    pub(crate) from: i64,
    pub(crate) rows: usize,
    pub(crate) harmful: usize,
}

/// Pools neighbours until no share is below the one before it (Ayer and others, 1955), by log-odds in thousandths. All of it
/// in whole numbers.
pub(crate) fn pools(pairs: &[(i64, bool)]) -> Vec<Pool> {
    let mut sorted = pairs.to_vec();
    sorted.sort_by_key(|(odds, _)| *odds);
    let mut pools: Vec<Pool> = Vec::new();
    for same in sorted.chunk_by(|one, two| one.0 == two.0) {
        let Some((from, _)) = same.first() else { continue };
        let harmful = same.iter().filter(|(_, harmful)| *harmful).count();
        let mut pool = Pool { from: *from, rows: same.len(), harmful };
        while let Some(last) =
            pools.last().filter(|last| last.harmful * pool.rows >= pool.harmful * last.rows)
        {
            pool =
                Pool { from: last.from, rows: last.rows + pool.rows, harmful: last.harmful + pool.harmful };
            pools.pop();
        }
        pools.push(pool);
    }
    pools
}

/// The pools' shares. By log-odds.
#[must_use]
pub fn isotonic(pairs: &[(f64, bool)]) -> Vec<Calibration> {
    let whole = |number: f64| libm::round(number) as i64;
    let pairs: Vec<_> = pairs.iter().map(|(odds, harmful)| (whole(odds * 1_000.0), *harmful)).collect();
    let step = |Pool { from, rows, harmful }: Pool| Calibration {
        from,
        share: whole(harmful as f64 / rows as f64 * 1_000_000.0),
        rows,
    };
    pools(&pairs).into_iter().map(step).collect()
}

/// What the curve says of `odds`, as a probability; between two steps in a straight line.
pub(crate) fn read(curve: &[Calibration], odds: f64) -> f64 {
    let at = curve.partition_point(|step| step.from as f64 <= odds * 1_000.0);
    let share = |step: &Calibration| step.share as f64 / 1_000_000.0;
    match (at.checked_sub(1).and_then(|before| curve.get(before)), curve.get(at)) {
        (Some(before), Some(after)) => {
            let way = (odds * 1_000.0 - before.from as f64) / (after.from - before.from) as f64;
            share(before) + way * (share(after) - share(before))
        }
        (Some(step), None) | (None, Some(step)) => share(step),
        (None, None) => 0.5,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_fall_is_pooled() {
        let curve = isotonic(&[(0.0, false), (1.0, true), (2.0, false), (3.0, true)]);
        let shares: Vec<_> = curve.iter().map(|step| (step.from, step.share, step.rows)).collect();
        assert_eq!(shares, [(0, 0, 1), (1_000, 500_000, 2), (3_000, 1_000_000, 1)]);
        assert_eq!((read(&curve, -5.0), read(&curve, 2.0), read(&curve, 9.0)), (0.0, 0.75, 1.0));
    }

    proptest! {
        #[test]
        fn the_curve_rises_and_keeps_the_mean(pairs in prop::collection::vec((-9.0..9.0_f64, any::<bool>()), 1..60)) {
            let curve = isotonic(&pairs);
            prop_assert!(curve.windows(2).all(|two| two[0].share < two[1].share && two[0].from <= two[1].from));
            let rows: usize = curve.iter().map(|step| step.rows).sum();
            let harmful = pairs.iter().filter(|(_, harmful)| *harmful).count();
            let told: f64 = curve.iter().map(|step| step.share as f64 / 1e6 * step.rows as f64).sum();
            prop_assert!(rows == pairs.len() && (told - harmful as f64).abs() < 1e-3);
        }
    }
}
