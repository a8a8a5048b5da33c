//! From log-odds in thousandths to what is printed. The only floating point in the engine.

/// Beyond this many thousandths six digits do not change any more.
const CLAMP: i64 = 40_000;

/// A probability in millionths, 0 to 1,000,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Probability(u32);

impl Probability {
    /// 1 / (1 + e^(-x / 1000)). `libm` is pinned, so that every machine computes the same bits.
    #[must_use]
    pub fn of_log_odds(thousandths: i64) -> Self {
        // Exact: the clamp keeps the number far below 2^53.
        let x = thousandths.clamp(-CLAMP, CLAMP) as f64 / 1000.0;
        let p = 1.0 / (1.0 + libm::exp(-x));
        // In range: p is in (0, 1).
        Self(libm::round(p * 1_000_000.0) as u32)
    }

    /// 0 to 100, half rounded up: computed from the printed digits, so that a reader gets the same.
    #[must_use]
    pub fn score(self) -> u8 {
        u8::try_from((self.0 + 5_000) / 10_000).unwrap_or(100)
    }
}

/// Six digits after the point: `0.019996`.
impl std::fmt::Display for Probability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(thousandths: i64, printed: &str, score: u8) {
        let probability = Probability::of_log_odds(thousandths);
        assert_eq!((probability.to_string().as_str(), probability.score()), (printed, score));
    }

    #[test]
    fn log_odds_become_probabilities_that_a_reader_can_check() {
        // Computed by another program as 1 / (1 + e^(-x/1000)).
        check(0, "0.500000", 50);
        check(-3892, "0.019996", 2);
        check(-2197, "0.100020", 10);
        check(405, "0.599888", 60);
        check(2197, "0.899980", 90);
        check(i64::MIN, "0.000000", 0);
        check(i64::MAX, "1.000000", 100);
    }

    proptest! {
        #[test]
        fn more_log_odds_never_mean_less_probability(one in any::<i64>(), two in -50_000_i64..50_000) {
            let (low, high) = (one.min(two), one.max(two));
            let (low, high) = (Probability::of_log_odds(low), Probability::of_log_odds(high));
            prop_assert!(low <= high && low.score() <= high.score() && high.score() <= 100);
        }
    }
}
