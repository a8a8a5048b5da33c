//! How good probabilities are.

use serde::Serialize;

/// Bins of the calibration error, of equal width.
const BINS: usize = 10;

pub(crate) fn sigmoid(odds: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-odds.clamp(-40.0, 40.0)))
}

/// What is found when at most a share of the harmless is flagged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AtRate {
    /// Harmless rows that may be flagged.
    pub allowed: usize,
    /// Of the flagged, the share that is harmful; none flagged is 0.
    pub precision: f64,
    /// Of the harmful, the share that is flagged.
    pub recall: f64,
}

/// Measures of probabilities against what was true.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Measures {
    /// Rows.
    pub rows: usize,
    /// Of them harmful.
    pub harmful: usize,
    /// Mean square of the difference.
    pub brier: f64,
    /// Mean of the negative log-likelihood, natural logarithm.
    pub log_loss: f64,
    /// Expected calibration error, ten bins.
    pub calibration_error: f64,
    /// Chance that a harmful row is above a harmless one; half where they are equal.
    pub auc: f64,
    /// At most one in a thousand harmless rows flagged.
    pub at_permille: AtRate,
    /// At most one in a hundred.
    pub at_percent: AtRate,
}

impl Measures {
    /// Of pairs of probability and truth.
    pub(crate) fn of(pairs: &[(f64, bool)]) -> Self {
        let total = pairs.len().max(1) as f64;
        let (mut brier, mut log_loss, mut bins) = (0.0, 0.0, [(0.0, 0.0); BINS]);
        for (p, harmful) in pairs {
            let truth = f64::from(u8::from(*harmful));
            brier += (p - truth) * (p - truth);
            let likely = if *harmful { *p } else { 1.0 - p };
            log_loss -= libm::log(likely.max(1e-12));
            if let Some(bin) = bins.get_mut(((p * BINS as f64) as usize).min(BINS - 1)) {
                (bin.0, bin.1) = (bin.0 + p, bin.1 + truth);
            }
        }
        Self {
            rows: pairs.len(),
            harmful: pairs.iter().filter(|(_, harmful)| *harmful).count(),
            brier: brier / total,
            log_loss: log_loss / total,
            calibration_error: bins.iter().map(|(sum, truth)| (sum - truth).abs()).sum::<f64>() / total,
            auc: auc(pairs),
            at_permille: at_rate(pairs, 1_000),
            at_percent: at_rate(pairs, 100),
        }
    }
}

/// Groups of equal weight that a shifted calibration error is taken over.
const GROUPS: usize = 10;

/// Some rows that are said to be alike: what was said on average, what was true, and their share of all.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Alike {
    /// Said.
    pub said: f64,
    /// True.
    pub harmful: f64,
    /// Of all, once the kinds have the shares of the prior.
    pub weight: f64,
    /// Rows.
    pub rows: usize,
}

/// Measures as if a told share of what is asked about were harmful: rows of each kind count so that they make up that share.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shifted {
    /// The share.
    pub share: f64,
    /// Mean square of the difference.
    pub brier: f64,
    /// The same when the share is all that is said.
    pub brier_of_share: f64,
    /// Expected calibration error over `alike`.
    pub calibration_error: f64,
    /// By what was said; what was said alike is together.
    pub alike: Vec<Alike>,
}

impl Shifted {
    /// Of pairs of evidence, as log-odds without a start, and truth.
    pub(crate) fn of(pairs: &[(f64, bool)], share: f64) -> Self {
        let harmful = pairs.iter().filter(|(_, harmful)| *harmful).count();
        let each = |share: f64, rows: usize| share / rows.max(1) as f64;
        let (of_harmful, of_harmless) = (each(share, harmful), each(1.0 - share, pairs.len() - harmful));
        let start = libm::log(share / (1.0 - share));
        let mut sorted: Vec<_> =
            pairs.iter().map(|(odds, harmful)| (sigmoid(start + odds), *harmful)).collect();
        sorted.sort_by(|one, two| one.0.total_cmp(&two.0));
        let (mut brier, mut alike) = (0.0, Vec::<Alike>::new());
        for same in sorted.chunk_by(|one, two| one.0.total_cmp(&two.0).is_eq()) {
            let Some((said, _)) = same.first() else { continue };
            let bad = of_harmful * same.iter().filter(|(_, harmful)| *harmful).count() as f64;
            let good = of_harmless * same.iter().filter(|(_, harmful)| !*harmful).count() as f64;
            brier += bad * (1.0 - said) * (1.0 - said) + good * said * said;
            let here = Alike { said: *said, harmful: bad, weight: bad + good, rows: same.len() };
            match alike
                .last_mut()
                .filter(|last| last.weight * (GROUPS as f64) < 1.0 && last.rows < pairs.len() / GROUPS)
            {
                Some(last) => {
                    let weight = last.weight + here.weight;
                    last.said = (last.said * last.weight + here.said * here.weight) / weight;
                    (last.weight, last.harmful, last.rows) =
                        (weight, last.harmful + here.harmful, last.rows + here.rows);
                }
                None => alike.push(here),
            }
        }
        for group in &mut alike {
            group.harmful /= group.weight;
        }
        Self {
            share,
            brier,
            brier_of_share: share * (1.0 - share),
            calibration_error: alike.iter().map(|of| of.weight * (of.said - of.harmful).abs()).sum(),
            alike,
        }
    }
}

/// By ranks (Mann and Whitney).
fn auc(pairs: &[(f64, bool)]) -> f64 {
    let mut sorted = pairs.to_vec();
    sorted.sort_by(|one, two| one.0.total_cmp(&two.0));
    let (mut below, mut wins, mut harmful_all) = (0.0, 0.0, 0.0);
    for same in sorted.chunk_by(|one, two| one.0.total_cmp(&two.0).is_eq()) {
        let harmful = same.iter().filter(|(_, harmful)| *harmful).count() as f64;
        let harmless = same.len() as f64 - harmful;
        wins += harmful * (below + harmless / 2.0);
        below += harmless;
        harmful_all += harmful;
    }
    if below * harmful_all > 0.0 { wins / (below * harmful_all) } else { 0.5 }
}

/// Flags from the top, whole ties at once, as long as at most one in `of` harmless rows is flagged.
fn at_rate(pairs: &[(f64, bool)], of: usize) -> AtRate {
    let harmful_all = pairs.iter().filter(|(_, harmful)| *harmful).count();
    let allowed = (pairs.len() - harmful_all) / of;
    let mut sorted = pairs.to_vec();
    sorted.sort_by(|one, two| two.0.total_cmp(&one.0));
    let (mut found, mut wrong) = (0, 0);
    for same in sorted.chunk_by(|one, two| one.0.total_cmp(&two.0).is_eq()) {
        let harmful = same.iter().filter(|(_, harmful)| *harmful).count();
        if wrong + same.len() - harmful > allowed {
            break;
        }
        (found, wrong) = (found + harmful, wrong + same.len() - harmful);
    }
    let share = |part: usize, of: usize| if of == 0 { 0.0 } else { part as f64 / of as f64 };
    AtRate { allowed, precision: share(found, found + wrong), recall: share(found, harmful_all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perfect_and_blind_guesses_have_the_measures_that_they_must_have() {
        let perfect: Vec<_> = (0..200).map(|n| (f64::from(u8::from(n < 50)), n < 50)).collect();
        let of = Measures::of(&perfect);
        assert_eq!((of.brier, of.calibration_error, of.auc, of.at_permille.recall), (0.0, 0.0, 1.0, 1.0));
        let blind: Vec<_> = (0..200).map(|n| (0.25, n < 50)).collect();
        let of = Measures::of(&blind);
        assert_eq!((of.brier, of.auc, of.at_percent.recall), (0.1875, 0.5, 0.0));
        assert!(of.calibration_error < 1e-9);
    }

    #[test]
    fn a_shifted_measure_is_that_of_a_set_with_that_share() {
        // One harmful row counts as many as 49 harmless ones by their share: 2 %.
        let pairs: Vec<_> = (0..100).map(|number| (0.0, number < 50)).collect();
        let of = Shifted::of(&pairs, 0.02);
        assert!((of.brier - 0.0196).abs() < 1e-12 && (of.brier_of_share - of.brier).abs() < 1e-12, "{of:?}");
        assert!(of.calibration_error < 1e-12 && of.alike.len() == 1, "{of:?}");
        let over: Vec<_> = pairs.iter().map(|(_, harmful)| (5.0, *harmful)).collect();
        assert!(Shifted::of(&over, 0.02).calibration_error > 0.7);
    }

    #[test]
    fn a_rate_of_false_alarms_is_kept_with_ties() {
        // One harmless row of a hundred is above most harmful ones.
        let mut pairs = vec![(0.9, true), (0.8, false), (0.7, true), (0.7, true), (0.6, false)];
        pairs.extend((0..98).map(|_| (0.1, false)));
        let at = at_rate(&pairs, 100);
        assert_eq!((at.allowed, at.precision, at.recall), (1, 0.75, 1.0));
        assert_eq!(at_rate(&pairs, 1_000), AtRate { allowed: 0, precision: 1.0, recall: 1.0 / 3.0 });
    }
}
