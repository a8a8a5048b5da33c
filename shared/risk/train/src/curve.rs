//! What evidence is worth on a set: the best curve that never falls, as log-odds without where they begin.
//!
//! ```text
//! sum of contributions, harmful or not ─> pools that rise (whole numbers) ─> share among the harmful / share among the harmless
//! ```
//!
//! The quotient does not depend on how many rows of a set are harmful, so that it can be moved to any other share (Saerens
//! and others, 2002). Half a row of each kind is added, so that no pool says never or always.

use std::collections::{BTreeMap, BTreeSet};

use scorpius_risk::engine::rules::{RuleSet, SignalId};
use scorpius_risk::likelihood::{Class, Curve, Measured, Priors, Step};

use crate::calibration::pools;
use crate::learn::{FOLDS, split};
use crate::measures::{Measures, Shifted, sigmoid};
use crate::set::{DataSet, SetError};

/// A signal of fewer rows is not measured.
const SIGNAL_ROWS_MIN: usize = 30;
/// A step has as many rows, save where all have fewer.
const STEP_ROWS_MIN: usize = 20;
/// A source of fewer harmful rows does not say how much sources differ.
const SOURCE_ROWS_MIN: usize = 200;
/// Standard errors on each side: 95 of 100.
const ERRORS: f64 = 1.96;

/// One row, as the curve sees it.
#[derive(Clone, Copy, Debug)]
struct Seen<'a> {
    /// Thousandths of log-odds.
    sum: i64,
    harmful: bool,
    group: &'a str,
    source: &'a str,
}

/// A curve, and what was measured with each fold's by the others'.
#[derive(Debug)]
pub struct LearnedCurve {
    /// As it ships.
    pub curve: Curve,
    /// At the share of the set that is harmful, before anything is held at the prior.
    pub at_set: Measures,
    /// At the platform's prior, as it is applied.
    pub applied: Shifted,
    /// At the platform's prior, by the weights of the rules.
    pub by_rules: Shifted,
}

/// What is said of a class's sets, and whether its harmful rows are of one kind alone: then what does not look like that kind
/// is not less likely to be harmful otherwise.
fn about(class: Class) -> (&'static str, bool) {
    match class {
        Class::Domain => (
            "Names of sites that lists block, against names that a list allows or tolerates. No list was asked: what lists report is counted by hand.",
            false,
        ),
        Class::Payment => (
            "Payments to addresses that imitate another, against payments to whom was meant (made, not observed) and honest ones. There is no other kind of harm in it, so that nothing moves below the prior.",
            true,
        ),
    }
}

/// The curve of `class`, where `terms` is what a model said of each row by folds that did not have it, and `model` its signal,
/// if it counts.
pub(crate) fn learn(
    set: &DataSet,
    class: Class,
    terms: &[i64],
    folds: &[u64],
    model: Option<SignalId>,
) -> Result<LearnedCurve, SetError> {
    let (about, is_one_kind) = about(class);
    let rules = RuleSet::base();
    let weight = |id: &SignalId| rules.signals.get(id).map_or(0, |rule| rule.weight);
    let mut counts: BTreeMap<SignalId, usize> = BTreeMap::new();
    for id in set.rows.iter().flat_map(|row| &row.signals) {
        *counts.entry(*id).or_default() += 1;
    }
    let measured: BTreeSet<_> =
        counts.into_iter().filter(|(_, rows)| *rows >= SIGNAL_ROWS_MIN).map(|(id, _)| id).collect();
    let rows: Vec<_> = set
        .rows
        .iter()
        .zip(terms)
        .map(|(row, term)| Seen {
            sum: term + row.signals.iter().filter(|id| measured.contains(id)).map(weight).sum::<i64>(),
            harmful: row.harmful,
            group: &row.group,
            source: &row.source,
        })
        .collect();
    let mut at_set = Vec::with_capacity(rows.len());
    let mut applied = Vec::with_capacity(rows.len());
    for number in 0..FOLDS {
        let (train, test) = split(folds, number);
        let pick = |of: &[usize]| of.iter().filter_map(|at| rows.get(*at).copied()).collect::<Vec<_>>();
        let (train, test) = (pick(&train), pick(&test));
        let (free, held) = (steps(&train, false), steps(&train, is_one_kind));
        let harmful = train.iter().filter(|row| row.harmful).count() as f64;
        let start = libm::log(harmful / (train.len() as f64 - harmful));
        for row in test {
            at_set.push((sigmoid(start + evidence(&free, row.sum)), row.harmful));
            applied.push((evidence(&held, row.sum), row.harmful));
        }
    }
    let share = f64::from(Priors::default().of(class).per_million) / 1e6;
    let by_rules: Vec<_> = rows.iter().map(|row| (row.sum as f64 / 1_000.0, row.harmful)).collect();
    let (at_set, applied, by_rules) =
        (Measures::of(&at_set), Shifted::of(&applied, share), Shifted::of(&by_rules, share));
    let curve = Curve {
        about: about.to_owned(),
        signals: measured.into_iter().chain(model).collect(),
        steps: steps(&rows, is_one_kind),
        data_sha256: set.sha256()?,
        measures: measures(&at_set, &applied, &by_rules),
    };
    Ok(LearnedCurve { curve, at_set, applied, by_rules })
}

fn measures(at_set: &Measures, applied: &Shifted, by_rules: &Shifted) -> Measured {
    let millionths = |number: f64| libm::round(number * 1e6) as i64;
    let count = |rows: usize| i64::try_from(rows).unwrap_or(i64::MAX);
    [
        ("rows.harmful", count(at_set.harmful)),
        ("rows.harmless", count(at_set.rows - at_set.harmful)),
        ("set.brier", millionths(at_set.brier)),
        ("set.calibration_error", millionths(at_set.calibration_error)),
        ("prior.brier", millionths(applied.brier)),
        ("prior.calibration_error", millionths(applied.calibration_error)),
        ("rules_prior.brier", millionths(by_rules.brier)),
        ("rules_prior.calibration_error", millionths(by_rules.calibration_error)),
    ]
    .map(|(name, number)| (name.to_owned(), number))
    .into()
}

/// What the curve says of a sum, in log-odds.
fn evidence(steps: &[Step], sum: i64) -> f64 {
    let behind = steps.partition_point(|step| step.from <= sum);
    steps.get(behind.saturating_sub(1)).map_or(0.0, |step| step.evidence as f64 / 1_000.0)
}

fn steps(rows: &[Seen<'_>], is_one_kind: bool) -> Vec<Step> {
    let pairs: Vec<_> = rows.iter().map(|row| (row.sum, row.harmful)).collect();
    let mut froms: Vec<(i64, usize)> = Vec::new();
    for pool in pools(&pairs) {
        match froms.last_mut().filter(|last| last.1 < STEP_ROWS_MIN || pool.rows < STEP_ROWS_MIN) {
            Some(last) => last.1 += pool.rows,
            None => froms.push((pool.from, pool.rows)),
        }
    }
    let whole = Share::of(rows.iter().copied());
    let sources: BTreeSet<_> = rows.iter().filter(|row| row.harmful).map(|row| row.source).collect();
    let sources: Vec<_> = sources
        .into_iter()
        .map(|source| (source, rows.iter().filter(|row| row.harmful && row.source == source).count()))
        .filter(|(_, count)| *count >= SOURCE_ROWS_MIN)
        .collect();
    let mut steps: Vec<Step> = Vec::with_capacity(froms.len());
    for (index, (from, _)) in froms.iter().enumerate() {
        let until = froms.get(index + 1).map_or(i64::MAX, |next| next.0);
        let here = || rows.iter().copied().filter(|row| (*from..until).contains(&row.sum));
        let share = Share::of(here());
        let by_source = |(source, all): &(&str, usize)| {
            let of = here().filter(|row| row.harmful && row.source == *source).count();
            quotient((of, *all), (share.harmless, whole.harmless))
        };
        let middle = quotient((share.harmful, whole.harmful), (share.harmless, whole.harmless));
        let error = ERRORS * share.error(&whole);
        let each: Vec<f64> = sources.iter().map(by_source).collect();
        let low = each.iter().copied().fold(middle - error, f64::min);
        let high = each.iter().copied().fold(middle + error, f64::max);
        let floor = if is_one_kind { 0 } else { i64::MIN };
        let before = steps.last().map_or([floor; 3], |step| [step.low, step.evidence, step.high]);
        let whole_number = |number: f64| libm::round(number * 1_000.0) as i64;
        let [low, evidence, high] = [low, middle, high].map(whole_number);
        steps.push(Step {
            from: *from,
            low: low.max(before[0]).max(floor),
            evidence: evidence.max(before[1]).max(floor),
            high: high.max(before[2]).max(floor),
            harmful: share.harmful as u64,
            harmless: share.harmless as u64,
        });
    }
    steps
}

/// The share of a part among the harmful by that among the harmless, as a logarithm.
fn quotient(harmful: (usize, usize), harmless: (usize, usize)) -> f64 {
    let share = |(part, all): (usize, usize)| (part as f64 + 0.5) / (all as f64 + 1.0);
    libm::log(share(harmful) / share(harmless))
}

/// How many rows, and of how many groups.
struct Share {
    harmful: usize,
    harmless: usize,
    groups: [usize; 2],
}

impl Share {
    fn of<'a>(rows: impl Iterator<Item = Seen<'a>>) -> Self {
        let (mut counts, mut groups) = ([0, 0], [BTreeSet::new(), BTreeSet::new()]);
        for row in rows {
            let kind = usize::from(!row.harmful);
            if let (Some(count), Some(groups)) = (counts.get_mut(kind), groups.get_mut(kind)) {
                *count += 1;
                groups.insert(row.group);
            }
        }
        let [harmful, harmless] = counts;
        Self { harmful, harmless, groups: groups.map(|groups| groups.len()) }
    }

    /// The standard error of the logarithm, where a group's rows count as one.
    fn error(&self, whole: &Self) -> f64 {
        let of = |part: usize, all: usize| 1.0 / (part as f64 + 0.5) - 1.0 / (all as f64 + 1.0);
        let pairs = self.groups.iter().zip(&whole.groups);
        libm::sqrt(pairs.map(|(part, all)| of(*part, *all).max(0.0)).sum())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seen(sum: i64, harmful: bool, group: &'static str) -> Seen<'static> {
        Seen { sum, harmful, group, source: "made" }
    }

    fn many(harmful: [usize; 2], harmless: [usize; 2]) -> Vec<Seen<'static>> {
        let of = |sum, count, harmful| std::iter::repeat_n(seen(sum, harmful, "one"), count);
        let [low, high] = harmful;
        let [safe, odd] = harmless;
        of(0, low, true)
            .chain(of(2_000, high, true))
            .chain(of(0, safe, false))
            .chain(of(2_000, odd, false))
            .collect()
    }

    #[test]
    fn evidence_is_the_same_whatever_share_of_the_set_is_harmful() {
        let said =
            |rows: &[Seen<'_>]| -> Vec<i64> { steps(rows, false).iter().map(|step| step.evidence).collect() };
        let (few, lots) = (said(&many([200, 600], [700, 100])), said(&many([2_000, 6_000], [700, 100])));
        for (one, two) in few.iter().zip(&lots) {
            assert!((one - two).abs() < 5, "{few:?} {lots:?}");
        }
        // log(0.25 / 0.875) and log(0.75 / 0.125), but for the half row.
        assert!((lots[0] + 1_252).abs() < 10 && (lots[1] - 1_789).abs() < 10, "{lots:?}");
    }

    #[test]
    fn one_kind_of_harm_says_nothing_against_others() {
        let steps = steps(&many([1, 600], [700, 1]), true);
        assert_eq!((steps[0].low, steps[0].evidence), (0, 0));
        assert!(steps[1].evidence > 5_000, "{steps:?}");
    }

    #[test]
    fn few_groups_are_told_by_wide_bounds() {
        let mut apart = many([200, 600], [700, 100]);
        let names: Vec<&'static str> =
            (0..apart.len()).map(|number| &*Box::leak(number.to_string().into_boxed_str())).collect();
        for (row, name) in apart.iter_mut().zip(names) {
            row.group = name;
        }
        let width = |rows: &[Seen<'_>]| steps(rows, false).iter().map(|step| step.high - step.low).max();
        assert!(width(&apart) < width(&many([200, 600], [700, 100])));
    }

    proptest! {
        #[test]
        fn steps_rise_and_hold_their_estimate(
            rows in prop::collection::vec((-50..50_i64, any::<bool>()), 2..400),
            one_kind in any::<bool>(),
        ) {
            let rows: Vec<_> = rows.iter().map(|(sum, harmful)| seen(sum * 100, *harmful, "one")).collect();
            let steps = steps(&rows, one_kind);
            prop_assert!(steps.iter().all(|step| step.low <= step.evidence && step.evidence <= step.high));
            prop_assert!(steps.windows(2).all(|two| two[0].from < two[1].from
                && two[0].low <= two[1].low
                && two[0].evidence <= two[1].evidence
                && two[0].high <= two[1].high));
            let told: u64 = steps.iter().map(|step| step.harmful + step.harmless).sum();
            prop_assert_eq!(told, rows.len() as u64);
        }
    }
}
