//! Learns, and measures what was learned on groups that it was not learned from.
//!
//! Three contenders say how likely harm is: the rules as they are, with the best start; weights of evidence that are
//! learned; and the rules with trees on top. How many trees and how deep is chosen within each fold, by folds of its own.

use std::collections::{BTreeMap, BTreeSet};

use scorpius_risk::engine::rules::{Class, RuleSet, SignalId};
use scorpius_risk::model::{BadModel, Model, Parts};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::additive::{Additive, Sign, intercept};
use crate::calibration::{Calibration, isotonic, read};
use crate::curve::{self, LearnedCurve};
use crate::measures::{Measures, sigmoid};
use crate::set::{DataSet, Row, SetError};
use crate::trees::{Forest, Rows, Shape};

/// Folds that measure.
pub(crate) const FOLDS: u64 = 5;
/// Folds within a fold, that choose.
const INNER_FOLDS: u64 = 3;
/// What is tried.
const SHAPES: [Shape; 4] = [
    Shape { trees: 40, depth: 1 },
    Shape { trees: 120, depth: 1 },
    Shape { trees: 60, depth: 2 },
    Shape { trees: 60, depth: 3 },
];
/// What a model may add and take away, in thousandths of log-odds: from the rules' prior it does not reach `caution` alone.
const BOUNDS: (i64, i64) = (1_600, 1_000);
/// A difference counts from so many standard errors.
const ERRORS_MIN: f64 = 2.0;
/// A class with fewer rows of either kind is not learned.
const ROWS_MIN: usize = 30;

/// What a training is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Decides which groups are in which fold.
    pub seed: u64,
    /// What models are called, after their class.
    pub name: String,
}

/// What one way of judging measured on groups that it was not learned from.
#[derive(Clone, Debug, Serialize)]
pub struct Contender {
    /// `rules`, `learned_weights`, `rules_and_trees`.
    pub name: &'static str,
    /// The measures.
    pub measures: Measures,
    /// Expected calibration error after the isotonic curve of the other folds.
    pub calibrated_error: f64,
    /// Within each set that has both kinds of rows: rows, and the chance that a harmful one is above a harmless one.
    pub within: BTreeMap<String, (usize, f64)>,
}

/// What was learned of one class.
#[derive(Debug)]
pub struct Outcome {
    /// What was measured.
    pub contenders: Vec<Contender>,
    /// By how much the trees' Brier score is below the better of the others, and the standard error of that, over groups.
    pub gain: (f64, f64),
    /// Why trees ship, or do not.
    pub reason: String,
    /// Whether they beat the others.
    pub ships: bool,
    /// Learned weights, and where counting starts, in thousandths of log-odds.
    pub weights: BTreeMap<SignalId, i64>,
    /// Where counting starts on this set.
    pub intercept: i64,
    /// The trees that all rows give.
    pub model: Option<Model>,
    /// From the rules' log-odds to the share that was harmful, on this set.
    pub calibration: Vec<Calibration>,
    /// What evidence is worth, for classes whose verdicts have a likelihood.
    pub curve: Option<LearnedCurve>,
}

/// Why nothing was learned.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// One kind of rows is missing, or nearly.
    #[error("{harmful} harmful and {harmless} harmless rows: at least {ROWS_MIN} of each are needed")]
    TooFew {
        /// Of one kind.
        harmful: usize,
        /// Of the other.
        harmless: usize,
    },
    /// The trees are no model.
    #[error(transparent)]
    Model(#[from] BadModel),
    /// The rows could not be hashed.
    #[error(transparent)]
    Set(#[from] SetError),
}

/// Learns one class. The same rows and settings give the same outcome.
///
/// # Errors
/// `LearnError`.
pub fn learn(set: &DataSet, settings: &Settings) -> Result<Outcome, LearnError> {
    let harmful = set.rows.iter().filter(|row| row.harmful).count();
    let harmless = set.rows.len() - harmful;
    if harmful < ROWS_MIN || harmless < ROWS_MIN {
        return Err(LearnError::TooFew { harmful, harmless });
    }
    let of = Learner { set, signals: signals(set), rising: set.rising() };
    let folds: Vec<u64> = set.rows.iter().map(|row| fold(settings.seed, &row.group, FOLDS)).collect();
    let has_trees = set.kind.model().is_some();
    // Log-odds by contender, of each row by what the other folds taught.
    let mut odds = [vec![0.0; set.rows.len()], vec![0.0; set.rows.len()], vec![0.0; set.rows.len()]];
    for number in 0..FOLDS {
        let (train, test) = split(&folds, number);
        let said = of.fold(&train, &test, settings.seed.wrapping_add(number + 1), has_trees);
        for (all, said) in odds.iter_mut().zip(said) {
            for (row, odds) in test.iter().zip(said) {
                if let Some(place) = all.get_mut(*row) {
                    *place = odds;
                }
            }
        }
    }
    let names = ["rules", "learned_weights", "rules_and_trees"];
    let shown = if has_trees { 3 } else { 2 };
    let contenders: Vec<_> = names
        .into_iter()
        .zip(&odds)
        .take(shown)
        .map(|(name, odds)| of.contender(name, odds, &folds))
        .collect();
    let (gain, ships, reason) = of.judged(&contenders, &odds);
    let curve = match set.kind.likelihood() {
        Some((class, model)) => {
            let [rules, _, trees] = &odds;
            let by = |(rules, trees): (&f64, &f64)| libm::round((trees - rules) * 1_000.0) as i64;
            let terms: Vec<_> = match ships {
                true => rules.iter().zip(trees).map(by).collect(),
                false => vec![0; set.rows.len()],
            };
            Some(curve::learn(set, class, &terms, &folds, model.filter(|_| ships))?)
        }
        None => None,
    };
    let all: Vec<usize> = (0..set.rows.len()).collect();
    let additive = of.additive(&all);
    let model = match set.kind.model() {
        Some(class) => {
            let (forest, scale) = of.trees(&all, settings.seed);
            Some(Model::of(Parts {
                name: format!("{}-{}", class.name(), settings.name),
                class,
                roots: forest.roots,
                nodes: forest.nodes,
                scale,
                bounds: BOUNDS,
                data_sha256: set.sha256()?,
                seed: settings.seed,
                measures: contenders.iter().flat_map(millionths).collect(),
            })?)
        }
        None => None,
    };
    let calibration = isotonic(&of.pairs(odds.first().map(Vec::as_slice).unwrap_or_default()));
    Ok(Outcome {
        contenders,
        gain,
        reason,
        ships,
        intercept: additive.intercept,
        weights: of.signals.iter().map(|(id, _)| *id).zip(additive.weights).collect(),
        model,
        calibration,
        curve,
    })
}

fn millionths(contender: &Contender) -> [(String, i64); 6] {
    let of = &contender.measures;
    [
        ("brier", of.brier),
        ("calibration_error", of.calibration_error),
        ("precision_at_permille", of.at_permille.precision),
        ("recall_at_permille", of.at_permille.recall),
        ("precision_at_percent", of.at_percent.precision),
        ("recall_at_percent", of.at_percent.recall),
    ]
    .map(|(name, number)| (format!("{}.{name}", contender.name), libm::round(number * 1e6) as i64))
}

struct Learner<'a> {
    set: &'a DataSet,
    /// Those that a row has, with the way that each may speak.
    signals: Vec<(SignalId, Sign)>,
    rising: Vec<bool>,
}

fn signals(set: &DataSet) -> Vec<(SignalId, Sign)> {
    let found: BTreeSet<_> = set.rows.iter().flat_map(|row| row.signals.iter().copied()).collect();
    let sign = |id: SignalId| match RuleSet::base().signals.get(&id)?.class {
        Class::Evidence | Class::Novelty => Some((id, Sign::Up)),
        Class::Trust => Some((id, Sign::Down)),
        Class::Hard | Class::Missing | Class::Information => None,
    };
    found.into_iter().filter_map(sign).collect()
}

/// Which fold a group is in: all of it, whatever else is in the set.
fn fold(seed: u64, group: &str, folds: u64) -> u64 {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    hash.update(group);
    hash.finalize().iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte)) % folds
}

pub(crate) fn split(folds: &[u64], number: u64) -> (Vec<usize>, Vec<usize>) {
    let (test, train) = (0..folds.len()).partition(|row| folds.get(*row) == Some(&number));
    (train, test)
}

impl Learner<'_> {
    fn row(&self, row: usize) -> Option<&Row> {
        self.set.rows.get(row)
    }

    fn rows(&self, of: &[usize]) -> Vec<&Row> {
        of.iter().filter_map(|row| self.row(*row)).collect()
    }

    fn places(&self, row: &Row) -> Vec<usize> {
        let has = |(_, (id, _)): &(usize, &(SignalId, Sign))| row.signals.contains(id);
        self.signals.iter().enumerate().filter(has).map(|(place, _)| place).collect()
    }

    fn pairs(&self, odds: &[f64]) -> Vec<(f64, bool)> {
        odds.iter().zip(&self.set.rows).map(|(odds, row)| (*odds, row.harmful)).collect()
    }

    fn additive(&self, of: &[usize]) -> Additive {
        let rows = self.rows(of);
        let places: Vec<_> = rows.iter().map(|row| self.places(row)).collect();
        let signs: Vec<_> = self.signals.iter().map(|(_, sign)| *sign).collect();
        let rows: Vec<_> =
            places.iter().zip(&rows).map(|(places, row)| (places.as_slice(), row.harmful)).collect();
        Additive::fit(&signs, &rows)
    }

    /// What the rules say with the start that fits the rows `of`.
    fn start(&self, of: &[usize]) -> f64 {
        let rows = self.rows(of);
        let odds: Vec<_> = rows.iter().map(|row| by_rules(row)).collect();
        intercept(&odds, &rows.iter().map(|row| row.harmful).collect::<Vec<_>>())
    }

    /// Log-odds of `test`, by each contender, learned from `train` alone.
    fn fold(&self, train: &[usize], test: &[usize], seed: u64, has_trees: bool) -> [Vec<f64>; 3] {
        let (start, additive) = (self.start(train), self.additive(train));
        let rows = self.rows(test);
        let rules: Vec<_> = rows.iter().map(|row| by_rules(row) + start).collect();
        let learned = rows.iter().map(|row| additive.odds(&self.places(row))).collect();
        let trees = match has_trees {
            true => {
                let (forest, scale) = self.trees(train, seed);
                let term = |row: &Row| term(&forest, scale, row);
                rules.iter().zip(&rows).map(|(rules, row)| rules + term(row)).collect()
            }
            false => Vec::new(),
        };
        [rules, learned, trees]
    }

    /// Trees over `train`, of the shape and the scale that folds of their own choose.
    fn trees(&self, train: &[usize], seed: u64) -> (Forest, i64) {
        let folds: Vec<u64> =
            self.rows(train).iter().map(|row| fold(seed ^ 0x5eed, &row.group, INNER_FOLDS)).collect();
        let mut best: Option<(f64, Shape, i64)> = None;
        for shape in SHAPES {
            let mut terms = Vec::new();
            for number in 0..INNER_FOLDS {
                let (inner, outer) = split(&folds, number);
                let pick =
                    |of: &[usize]| of.iter().filter_map(|at| train.get(*at).copied()).collect::<Vec<_>>();
                let (inner, outer) = (pick(&inner), pick(&outer));
                let (forest, start) = (self.forest(&inner, shape), self.start(&inner));
                let said = |row: &&Row| (by_rules(row) + start, forest.sum(&row.features), row.harmful);
                terms.extend(self.rows(&outer).iter().map(said));
            }
            for scale in [0, 250, 500, 750, 1_000, 1_250, 1_500] {
                let pairs: Vec<_> = terms
                    .iter()
                    .map(|(before, sum, harmful)| (sigmoid(before + bounded(*sum, scale)), *harmful))
                    .collect();
                let loss = Measures::of(&pairs).log_loss;
                if best.is_none_or(|(least, ..)| loss < least - 1e-9) {
                    best = Some((loss, shape, scale));
                }
            }
        }
        let (_, shape, scale) = best.unwrap_or((0.0, Shape { trees: 0, depth: 1 }, 0));
        (self.forest(train, shape), scale)
    }

    fn forest(&self, of: &[usize], shape: Shape) -> Forest {
        let (rows, start) = (self.rows(of), self.start(of));
        let rows = Rows {
            features: rows.iter().map(|row| row.features.as_slice()).collect(),
            before: rows.iter().map(|row| by_rules(row) + start).collect(),
            harmful: rows.iter().map(|row| row.harmful).collect(),
            rising: &self.rising,
        };
        Forest::fit(shape, &rows)
    }

    fn contender(&self, name: &'static str, odds: &[f64], folds: &[u64]) -> Contender {
        let pairs = self.pairs(odds);
        let likely = |pairs: &[(f64, bool)]| -> Vec<_> {
            pairs.iter().map(|(odds, harmful)| (sigmoid(*odds), *harmful)).collect()
        };
        let mut calibrated = Vec::with_capacity(pairs.len());
        for number in 0..FOLDS {
            let (train, test) = split(folds, number);
            let pick = |of: &[usize]| of.iter().filter_map(|at| pairs.get(*at).copied()).collect::<Vec<_>>();
            let curve = isotonic(&pick(&train));
            calibrated.extend(pick(&test).iter().map(|(odds, harmful)| (read(&curve, *odds), *harmful)));
        }
        let both =
            self.set.sources().into_iter().filter(|(_, (harmful, harmless))| *harmful > 0 && *harmless > 0);
        let within = both.map(|(source, _)| {
            let of: Vec<_> = pairs
                .iter()
                .zip(&self.set.rows)
                .filter(|(_, row)| row.source == source)
                .map(|(pair, _)| *pair)
                .collect();
            (source.to_owned(), (of.len(), Measures::of(&likely(&of)).auc))
        });
        Contender {
            name,
            measures: Measures::of(&likely(&pairs)),
            calibrated_error: Measures::of(&calibrated).calibration_error,
            within: within.collect(),
        }
    }

    /// Trees ship when they are better than both others by more than chance would have it, when the false alarms are few,
    /// and within each set that can tell traps from its own harmless rows: between sets they may only tell the sets apart.
    fn judged(&self, contenders: &[Contender], odds: &[Vec<f64>; 3]) -> ((f64, f64), bool, String) {
        let [rules, learned, trees] = contenders else {
            return ((0.0, 0.0), false, "this class has no features for trees".to_owned());
        };
        let other = if learned.measures.brier < rules.measures.brier { 1 } else { 0 };
        let [of_rules, of_learned, of_trees] = odds;
        let gain = self.gain(if other == 1 { of_learned } else { of_rules }, of_trees);
        let best = if other == 1 { learned } else { rules };
        let recall = |of: &Contender| of.measures.at_percent.recall;
        let worse_within = trees.within.iter().find(|(source, (_, auc))| {
            [rules, learned].iter().any(|of| of.within.get(*source).is_some_and(|(_, other)| other > auc))
        });
        if gain.0 <= ERRORS_MIN * gain.1 {
            let reason = format!(
                "the Brier score is {:.4} below that of `{}`, which is within {ERRORS_MIN} standard errors ({:.4})",
                gain.0, best.name, gain.1
            );
            return (gain, false, reason);
        }
        if recall(trees) < recall(rules).max(recall(learned)) {
            return (gain, false, "at one false alarm in a hundred they find less".to_owned());
        }
        if let Some((source, _)) = worse_within {
            let reason =
                format!("within `{source}` alone they rank worse: what they learned tells sets apart");
            return (gain, false, reason);
        }
        let reason = format!(
            "the Brier score is {:.4} below that of `{}` ({:.1} standard errors), and at one false alarm in a hundred they find more",
            gain.0,
            best.name,
            gain.0 / gain.1.max(1e-9)
        );
        (gain, true, reason)
    }

    /// Mean difference of squares, and its standard error with rows of a group taken together.
    fn gain(&self, before: &[f64], after: &[f64]) -> (f64, f64) {
        let mut groups: BTreeMap<&str, f64> = BTreeMap::new();
        for ((before, after), row) in before.iter().zip(after).zip(&self.set.rows) {
            let square = |odds: f64| {
                let by = sigmoid(odds) - f64::from(u8::from(row.harmful));
                by * by
            };
            *groups.entry(&row.group).or_default() += square(*before) - square(*after);
        }
        let (rows, count) = (self.set.rows.len() as f64, groups.len() as f64);
        let sum: f64 = groups.values().sum();
        let mean = sum / count;
        let squares: f64 = groups.values().map(|by| (by - mean) * (by - mean)).sum();
        (sum / rows, libm::sqrt(squares * count / (count - 1.0).max(1.0)) / rows)
    }
}

fn by_rules(row: &Row) -> f64 {
    row.contributions as f64 / 1_000.0
}

/// As the engine counts it: scaled, then bounded.
fn bounded(sum: i64, scale: i64) -> f64 {
    (sum * scale / 1_000).clamp(-BOUNDS.1, BOUNDS.0) as f64 / 1_000.0
}

fn term(forest: &Forest, scale: i64, row: &Row) -> f64 {
    bounded(forest.sum(&row.features), scale)
}
