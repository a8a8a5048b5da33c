//! Shallow trees, each fitted to what those before it leave (gradient boosting with second derivatives).

use scorpius_risk::model::{Node, Split};

use crate::measures::sigmoid;

/// Thresholds of one feature that are tried.
const THRESHOLDS_MAX: usize = 31;
/// Rows that each side of a split has at least.
const SIDE_ROWS_MIN: usize = 10;
/// What pulls a value towards zero, in rows' worth of bend.
const RIDGE: f64 = 5.0;
/// What a split must gain.
const GAIN_MIN: f64 = 1.0;
/// The share of a tree's step that is taken.
const RATE: f64 = 0.1;

/// How many trees, and how deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) trees: usize,
    pub(crate) depth: usize,
}

/// Rows to learn from: features in whole numbers, what is counted before, what was true.
pub(crate) struct Rows<'a> {
    pub(crate) features: Vec<&'a [i64]>,
    pub(crate) before: Vec<f64>,
    pub(crate) harmful: Vec<bool>,
    /// Features of which more may only speak for harm.
    pub(crate) rising: &'a [bool],
}

/// Trees in one flat array, values in thousandths of log-odds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Forest {
    pub(crate) roots: Vec<usize>,
    pub(crate) nodes: Vec<Node>,
}

impl Forest {
    /// The trees' sum, in thousandths of log-odds.
    pub(crate) fn sum(&self, features: &[i64]) -> i64 {
        self.roots.iter().map(|root| leaf(&self.nodes, *root, features)).sum()
    }

    pub(crate) fn fit(shape: Shape, rows: &Rows<'_>) -> Self {
        let grower = Grower::of(rows, shape.depth);
        let mut forest = Self::default();
        let mut odds = rows.before.clone();
        let all: Vec<usize> = (0..odds.len()).collect();
        for _ in 0..shape.trees {
            let slopes: Vec<(f64, f64)> = odds
                .iter()
                .zip(&rows.harmful)
                .map(|(odds, harmful)| {
                    let p = sigmoid(*odds);
                    (p - f64::from(u8::from(*harmful)), p * (1.0 - p))
                })
                .collect();
            let root = forest.nodes.len();
            grower.grow(&mut forest.nodes, &slopes, &all, 0, (f64::NEG_INFINITY, f64::INFINITY));
            if forest.nodes.get(root).is_none_or(|node| node.split.is_none()) {
                // Nothing is left to be told apart.
                forest.nodes.truncate(root);
                break;
            }
            forest.roots.push(root);
            for (odds, features) in odds.iter_mut().zip(&rows.features) {
                *odds += leaf(&forest.nodes, root, features) as f64 / 1_000.0;
            }
        }
        forest
    }
}

fn leaf(nodes: &[Node], root: usize, features: &[i64]) -> i64 {
    let Some(mut node) = nodes.get(root) else { return 0 };
    while let Some(split) = node.split {
        let goes_left = features.get(split.feature).is_some_and(|number| *number <= split.at_most);
        match nodes.get(if goes_left { split.left } else { split.right }) {
            Some(child) => node = child,
            None => break,
        }
    }
    node.value
}

struct Grower<'a> {
    depth: usize,
    rising: &'a [bool],
    /// Of each feature, in rising order.
    thresholds: Vec<Vec<i64>>,
    /// Of each feature and row: how many thresholds are below it.
    bins: Vec<Vec<u8>>,
}

struct Best {
    gain: f64,
    feature: usize,
    bin: usize,
}

impl<'a> Grower<'a> {
    fn of(rows: &Rows<'a>, depth: usize) -> Self {
        let count = rows.features.first().map_or(0, |features| features.len());
        let (mut thresholds, mut bins) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for feature in 0..count {
            let numbers: Vec<i64> = rows
                .features
                .iter()
                .map(|features| features.get(feature).copied().unwrap_or_default())
                .collect();
            let cuts = cuts(&numbers);
            let bin =
                |number: &i64| u8::try_from(cuts.partition_point(|cut| cut < number)).unwrap_or(u8::MAX);
            bins.push(numbers.iter().map(bin).collect());
            thresholds.push(cuts);
        }
        Self { depth, rising: rows.rising, thresholds, bins }
    }

    /// Adds a node for `of` and what is below it. Every value stays within `bounds`, so that a rising feature rises
    /// whatever the others are.
    fn grow(
        &self,
        nodes: &mut Vec<Node>,
        slopes: &[(f64, f64)],
        of: &[usize],
        depth: usize,
        bounds: (f64, f64),
    ) -> usize {
        let place = nodes.len();
        let sum = total(slopes, of);
        let own = value(sum).clamp(bounds.0, bounds.1);
        nodes.push(Node { value: libm::round(own * RATE * 1_000.0) as i64, split: None });
        let best = if depth < self.depth { self.best(slopes, of, sum, bounds) } else { None };
        let Some(Best { feature, bin, .. }) = best else { return place };
        let (Some(cuts), Some(bins)) = (self.thresholds.get(feature), self.bins.get(feature)) else {
            return place;
        };
        let Some(at_most) = cuts.get(bin).copied() else { return place };
        let is_left = |row: &&usize| bins.get(**row).is_some_and(|of| usize::from(*of) <= bin);
        let (left, right): (Vec<_>, Vec<_>) = of.iter().partition(is_left);
        let (low, high) = match self.rising.get(feature) {
            Some(true) => {
                let clamped = |rows: &[usize]| value(total(slopes, rows)).clamp(bounds.0, bounds.1);
                let middle = f64::midpoint(clamped(&left), clamped(&right));
                ((bounds.0, middle), (middle, bounds.1))
            }
            _ => (bounds, bounds),
        };
        let left = self.grow(nodes, slopes, &left, depth + 1, low);
        let right = self.grow(nodes, slopes, &right, depth + 1, high);
        if let Some(node) = nodes.get_mut(place) {
            node.split = Some(Split { feature, at_most, left, right });
        }
        place
    }

    /// Of equal gains the first feature and the lowest threshold.
    fn best(&self, slopes: &[(f64, f64)], of: &[usize], sum: (f64, f64), bounds: (f64, f64)) -> Option<Best> {
        let mut best: Option<Best> = None;
        for (feature, bins) in self.bins.iter().enumerate() {
            let cuts = self.thresholds.get(feature)?.len();
            let mut table = vec![(0.0, 0.0, 0_usize); cuts + 1];
            for row in of {
                let (slope, bin) = (slopes.get(*row)?, table.get_mut(usize::from(*bins.get(*row)?))?);
                *bin = (bin.0 + slope.0, bin.1 + slope.1, bin.2 + 1);
            }
            let mut left = (0.0, 0.0, 0);
            for (bin, part) in table.iter().take(cuts).enumerate() {
                left = (left.0 + part.0, left.1 + part.1, left.2 + part.2);
                let right = (sum.0 - left.0, sum.1 - left.1);
                if left.2 < SIDE_ROWS_MIN || of.len() - left.2 < SIDE_ROWS_MIN {
                    continue;
                }
                let values = ((left.0, left.1), right);
                let values =
                    (value(values.0).clamp(bounds.0, bounds.1), value(values.1).clamp(bounds.0, bounds.1));
                if self.rising.get(feature) == Some(&true) && values.1 < values.0 {
                    continue;
                }
                let gain = worth((left.0, left.1)) + worth(right) - worth(sum);
                if gain > GAIN_MIN && best.as_ref().is_none_or(|best| gain > best.gain + 1e-9) {
                    best = Some(Best { gain, feature, bin });
                }
            }
        }
        best
    }
}

fn total(slopes: &[(f64, f64)], of: &[usize]) -> (f64, f64) {
    let of = of.iter().filter_map(|row| slopes.get(*row));
    of.fold((0.0, 0.0), |sum, slope| (sum.0 + slope.0, sum.1 + slope.1))
}

fn value((slope, bend): (f64, f64)) -> f64 {
    -slope / (bend + RIDGE)
}

fn worth((slope, bend): (f64, f64)) -> f64 {
    slope * slope / (bend + RIDGE)
}

/// Values between which rows fall, by their ranks; the highest is no threshold, for nothing is above it.
fn cuts(numbers: &[i64]) -> Vec<i64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    let Some(last) = sorted.last().copied() else { return Vec::new() };
    let mut distinct = sorted.clone();
    distinct.dedup();
    let mut cuts = match distinct.len() <= THRESHOLDS_MAX {
        true => distinct,
        false => {
            let at = |part: usize| sorted.get(sorted.len() * part / (THRESHOLDS_MAX + 1)).copied();
            (1..=THRESHOLDS_MAX).filter_map(at).collect()
        }
    };
    cuts.dedup();
    cuts.retain(|cut| *cut < last);
    cuts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(
        features: &[Vec<i64>],
        harmful: Vec<bool>,
        rising: &'static [bool],
    ) -> (Vec<Vec<i64>>, Vec<bool>, &'static [bool]) {
        (features.to_vec(), harmful, rising)
    }

    fn fit(shape: Shape, made: &(Vec<Vec<i64>>, Vec<bool>, &'static [bool])) -> Forest {
        let features = made.0.iter().map(Vec::as_slice).collect();
        let before = vec![0.0; made.0.len()];
        Forest::fit(shape, &Rows { features, before, harmful: made.1.clone(), rising: made.2 })
    }

    #[test]
    fn what_no_sum_can_tell_two_questions_tell() {
        // Harmful where exactly one is set.
        let features: Vec<Vec<i64>> = (0..400).map(|n| vec![n & 1, n >> 1 & 1, n % 7]).collect();
        let harmful = features.iter().map(|row| row[0] != row[1]).collect();
        let made = rows(&features, harmful, &[false, false, false]);
        // A first question alone gains nothing here, so that the pattern needs a start that is not even.
        let mut uneven = made.clone();
        uneven.0.extend((0..40).map(|_| vec![1, 0, 3]));
        uneven.1.extend([true; 40]);
        let forest = fit(Shape { trees: 60, depth: 2 }, &uneven);
        assert!(forest.sum(&[1, 0, 2]) > 500 && forest.sum(&[1, 1, 2]) < -500, "{forest:?}");
        assert_eq!(forest, fit(Shape { trees: 60, depth: 2 }, &uneven), "the same again");
    }

    #[test]
    fn noise_grows_no_tree() {
        let features: Vec<Vec<i64>> = (0..200).map(|n| vec![n * 37 % 11]).collect();
        let harmful = (0..200).map(|n| n % 2 == 0).collect();
        assert!(fit(Shape { trees: 20, depth: 3 }, &rows(&features, harmful, &[false])).roots.len() < 3);
    }

    proptest! {
        #[test]
        fn a_rising_feature_never_lowers_the_sum(
            made in prop::collection::vec(((0_i64..6, 0_i64..6), any::<bool>()), 60..200),
            other in 0_i64..6,
        ) {
            let features: Vec<Vec<i64>> = made.iter().map(|((one, two), _)| vec![*one, *two]).collect();
            let harmful = made.iter().map(|(_, harmful)| *harmful).collect();
            let forest = fit(Shape { trees: 15, depth: 3 }, &rows(&features, harmful, &[true, false]));
            let sums: Vec<_> = (0..6).map(|one| forest.sum(&[one, other])).collect();
            prop_assert!(sums.windows(2).all(|two| two[0] <= two[1]), "{sums:?}");
        }
    }
}
