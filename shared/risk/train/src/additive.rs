//! Weights of evidence: logistic regression whose weights keep the sign that their signal's class gives them.

use crate::measures::sigmoid;

/// What pulls a weight towards zero, in rows.
const RIDGE: f64 = 1.0;
/// Rounds over all weights.
const ROUNDS_MAX: usize = 200;
/// Below this no weight moves any more.
const MOVE_MIN: f64 = 1e-6;
/// No weight is larger, in log-odds: what a set separates fully would grow for ever.
const WEIGHT_MAX: f64 = 7.0;

/// Which way a signal may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// For harm.
    Up,
    /// Against it.
    Down,
}

/// Where counting starts, and a weight for each signal, in thousandths of log-odds as the engine has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Additive {
    pub(crate) intercept: i64,
    pub(crate) weights: Vec<i64>,
}

impl Additive {
    /// Learns from rows, each with the places of its signals. One weight after the other takes a step of Newton's.
    pub(crate) fn fit(signs: &[Sign], rows: &[(&[usize], bool)]) -> Self {
        let mut of_signal: Vec<Vec<usize>> = vec![Vec::new(); signs.len()];
        for (row, (signals, _)) in rows.iter().enumerate() {
            for signal in *signals {
                if let Some(rows) = of_signal.get_mut(*signal) {
                    rows.push(row);
                }
            }
        }
        let all: Vec<usize> = (0..rows.len()).collect();
        let mut odds = vec![0.0; rows.len()];
        let (mut intercept, mut weights) = (0.0, vec![0.0; signs.len()]);
        for _ in 0..ROUNDS_MAX {
            let mut moved =
                step(rows, &all, &mut odds, &mut intercept, 1e-9, |weight| weight.clamp(-15.0, 15.0));
            for ((weight, sign), of) in weights.iter_mut().zip(signs).zip(&of_signal) {
                let fits = |weight: f64| match sign {
                    Sign::Up => weight.clamp(0.0, WEIGHT_MAX),
                    Sign::Down => weight.clamp(-WEIGHT_MAX, 0.0),
                };
                moved = f64::max(moved, step(rows, of, &mut odds, weight, RIDGE, fits));
            }
            if moved < MOVE_MIN {
                break;
            }
        }
        let whole = |number: f64| libm::round(number * 1_000.0) as i64;
        Self { intercept: whole(intercept), weights: weights.into_iter().map(whole).collect() }
    }

    /// Log-odds of a row with these signals.
    pub(crate) fn odds(&self, signals: &[usize]) -> f64 {
        let weights = signals.iter().filter_map(|signal| self.weights.get(*signal));
        (self.intercept + weights.sum::<i64>()) as f64 / 1_000.0
    }
}

/// Moves one weight, which is that of the rows `of`, and says by how much.
fn step(
    rows: &[(&[usize], bool)],
    of: &[usize],
    odds: &mut [f64],
    weight: &mut f64,
    ridge: f64,
    fits: impl Fn(f64) -> f64,
) -> f64 {
    let (mut slope, mut bend) = (ridge * *weight, ridge);
    for row in of {
        let (Some((_, harmful)), Some(odds)) = (rows.get(*row), odds.get(*row)) else { continue };
        let p = sigmoid(*odds);
        slope += p - f64::from(u8::from(*harmful));
        bend += p * (1.0 - p);
    }
    // No step is longer than two: far out, the curve is nearly flat.
    let next = fits(*weight - (slope / bend).clamp(-2.0, 2.0));
    let by = next - *weight;
    for row in of {
        if let Some(odds) = odds.get_mut(*row) {
            *odds += by;
        }
    }
    *weight = next;
    by.abs()
}

/// What is to be added to `odds` so that as many are expected as are harmful.
pub(crate) fn intercept(odds: &[f64], harmful: &[bool]) -> f64 {
    let mut by = 0.0;
    for _ in 0..ROUNDS_MAX {
        let (mut slope, mut bend) = (0.0, 1e-9);
        for (odds, harmful) in odds.iter().zip(harmful) {
            let p = sigmoid(odds + by);
            slope += p - f64::from(u8::from(*harmful));
            bend += p * (1.0 - p);
        }
        let step = (slope / bend).clamp(-2.0, 2.0);
        by -= step;
        if step.abs() < MOVE_MIN {
            break;
        }
    }
    by
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_log_odds_and_keep_their_sign() {
        // Signal 0: 8 of 10 are harmful, without any: 1 of 11. Signal 1 speaks for harm in the data, and may only speak against.
        let mut rows: Vec<(&[usize], bool)> = Vec::new();
        for number in 0..1_000 {
            rows.push((&[0], number % 10 < 8));
            rows.push((&[], number % 11 == 0));
            rows.push((&[1], true));
        }
        let fit = Additive::fit(&[Sign::Up, Sign::Down], &rows);
        assert_eq!(fit.weights[1], 0);
        assert!((-400..400).contains(&fit.intercept), "{fit:?}");
        let alone: Vec<_> = rows.iter().filter(|(signals, _)| *signals != [1]).copied().collect();
        let fit = Additive::fit(&[Sign::Up, Sign::Down], &alone);
        // ln(8/2) - ln(1/10) = 3.69, less what the ridge takes.
        assert!((3_600..3_750).contains(&fit.weights[0]), "{fit:?}");
        assert_eq!(fit, Additive::fit(&[Sign::Up, Sign::Down], &alone), "the same again");
    }

    #[test]
    fn an_intercept_makes_the_sum_right() {
        let odds = [0.0, 1.0, -1.0, 2.0];
        let by = intercept(&odds, &[true, false, false, false]);
        let expected: f64 = odds.iter().map(|odds| sigmoid(odds + by)).sum();
        assert!((expected - 1.0).abs() < 1e-6);
    }
}
