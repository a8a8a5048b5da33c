//! Results against labels. Counts what `docs/accuracy.md` explains; reads the labels that running never sees.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::engine::Severity;

/// The categories that are scored.
pub const CATEGORIES: [&str; 11] = [
    "access_control",
    "arithmetic",
    "bad_randomness",
    "denial_of_service",
    "front_running",
    "reentrancy",
    "short_addresses",
    "time_manipulation",
    "unchecked_low_level_calls",
    "other",
    "honeypot",
];

/// The category of a smart contract weakness, as the Consolidated Ground Truth (CGT) maps them.
fn category_of_swc(swc: u64) -> Option<&'static str> {
    Some(match swc {
        100 | 105 | 106 | 112 | 115 | 117 | 118 | 124 => "access_control",
        101 => "arithmetic",
        104 => "unchecked_low_level_calls",
        107 => "reentrancy",
        113 | 126 | 128 | 134 => "denial_of_service",
        114 => "front_running",
        116 => "time_manipulation",
        120 => "bad_randomness",
        109 | 110 | 119 | 123 | 127 | 132 | 133 | 997 => "other",
        996 => "honeypot",
        _ => return None,
    })
}

/// One thing that a corpus or a scanner says of a contract.
#[derive(Clone, Debug, Default, Deserialize)]
struct Claim {
    #[serde(default)]
    category: Option<String>,
    #[serde(default)]
    swc: Option<serde_json::Value>,
    #[serde(default)]
    subtype: Option<String>,
    #[serde(default)]
    severity: Option<String>,
    #[serde(default)]
    by: Vec<String>,
}

impl Claim {
    fn category(&self) -> Option<String> {
        if let Some(category) = self.category.as_deref().filter(|text| !text.is_empty()) {
            return Some(category.to_lowercase().replace(['-', ' '], "_"));
        }
        let swc = match self.swc.as_ref()? {
            serde_json::Value::String(text) => {
                text.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0)
            }
            other => other.as_u64()?,
        };
        category_of_swc(swc).map(str::to_owned)
    }

    /// As bad as `least`, where it says how bad it is.
    fn counts(&self, least: Severity) -> bool {
        let severity = match self.severity.as_deref().map(str::to_lowercase).as_deref() {
            Some("info") => Severity::Info,
            Some("low") => Severity::Low,
            Some("medium") => Severity::Medium,
            Some("critical") => Severity::Critical,
            _ => Severity::High,
        };
        severity >= least
    }
}

/// A corpus line's labels.
#[derive(Debug, Deserialize)]
struct Labelled {
    id: String,
    #[serde(default)]
    labels: Vec<Claim>,
    #[serde(default)]
    absent: Vec<Claim>,
    #[serde(default)]
    disputed: Vec<Claim>,
    #[serde(default)]
    benign: bool,
    #[serde(default)]
    honeypot: Option<bool>,
    #[serde(default)]
    group: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Answered {
    id: String,
    #[serde(default)]
    findings: Vec<Claim>,
    #[serde(default)]
    seconds: Option<f64>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    incomplete: bool,
    #[serde(default)]
    jumps: u64,
    #[serde(default)]
    jumps_resolved: u64,
}

/// What is left out of a score.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Findings that are less bad.
    pub min_severity: Severity,
    /// Labels that only these data sets gave.
    pub without_sources: Vec<String>,
    /// Contracts of which one with the same opcodes was counted before.
    pub by_group: bool,
}

/// Counts for one category or trap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Labelled and found.
    pub true_positives: u32,
    /// Labelled and not found.
    pub false_negatives: u32,
    /// Known to be absent, and found.
    pub false_positives: u32,
    /// Known to be absent, and not found.
    pub true_negatives: u32,
    /// Not judged by anyone.
    pub unlabelled: u32,
    /// Of these, where it is found.
    pub unlabelled_hits: u32,
}

fn share(part: u32, whole: u32) -> Option<f64> {
    (whole > 0).then(|| f64::from(part) / f64::from(whole))
}

impl Counts {
    /// Found of what is labelled.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        share(self.true_positives, self.true_positives + self.false_negatives)
    }

    /// Found of what is known to be absent.
    #[must_use]
    pub fn false_alarms(&self) -> Option<f64> {
        share(self.false_positives, self.false_positives + self.true_negatives)
    }

    /// True among what is found and judged.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        share(self.true_positives, self.true_positives + self.false_positives)
    }

    /// The harmonic mean of precision and recall.
    #[must_use]
    pub fn f1(&self) -> Option<f64> {
        let (precision, recall) = (self.precision()?, self.recall()?);
        Some(if precision + recall == 0.0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) })
    }

    /// Recall minus false alarms (Youden's J): 0 for who flags everything or nothing.
    #[must_use]
    pub fn j(&self) -> Option<f64> {
        Some(self.recall()? - self.false_alarms()?)
    }

    fn judge(&mut self, positive: bool, negative: bool, hit: bool) {
        match (positive, negative, hit) {
            (true, _, true) => self.true_positives += 1,
            (true, _, false) => self.false_negatives += 1,
            (false, true, true) => self.false_positives += 1,
            (false, true, false) => self.true_negatives += 1,
            (false, false, hit) => {
                self.unlabelled += 1;
                self.unlabelled_hits += u32::from(hit);
            }
        }
    }
}

/// A whole score.
#[derive(Debug, Default, Serialize)]
pub struct Score {
    /// Contracts that were counted.
    pub contracts: u32,
    /// Of these, without a result, or with an error.
    pub errors: u32,
    /// Of these, not wholly explored.
    pub incomplete: u32,
    /// By category.
    pub categories: BTreeMap<String, Counts>,
    /// By `category/subtype`, where the corpus judges it.
    pub subtypes: BTreeMap<String, Counts>,
    /// Harmless contracts.
    pub benign: u32,
    /// Of these, with any finding.
    pub benign_hit: u32,
    /// Jumps that paths reached, in all contracts.
    pub jumps: u64,
    /// Of these, how many have a known destination on every path.
    pub jumps_resolved: u64,
    /// Seconds for each contract, rising.
    pub seconds: Vec<f64>,
}

impl Score {
    /// The time within which `share` of the contracts were done.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let last = self.seconds.len().checked_sub(1)?;
        // The count is far below where f64 loses integers.
        let at = (share * self.seconds.len() as f64) as usize;
        self.seconds.get(at.min(last)).copied()
    }
}

/// Counts, corpus line by corpus line.
pub struct Scorer {
    filter: Filter,
    results: HashMap<String, Answered>,
    /// Opcode skeletons that are left out.
    known: BTreeSet<String>,
    score: Score,
}

impl Scorer {
    /// For these results, one JSON object a line.
    ///
    /// # Errors
    /// When a line is no result.
    pub fn new<'a>(
        results: impl Iterator<Item = &'a str>,
        filter: Filter,
    ) -> Result<Self, serde_json::Error> {
        let results = results
            .filter(|line| !line.trim().is_empty())
            .map(|line| serde_json::from_str::<Answered>(line).map(|result| (result.id.clone(), result)))
            .collect::<Result<_, _>>()?;
        Ok(Self { filter, results, known: BTreeSet::new(), score: Score::default() })
    }

    /// Leaves out contracts with the opcodes of this corpus line.
    ///
    /// # Errors
    /// When the line is no corpus line.
    pub fn seen(&mut self, line: &str) -> Result<(), serde_json::Error> {
        self.known.extend(serde_json::from_str::<Labelled>(line)?.group);
        Ok(())
    }

    /// Counts one corpus line.
    ///
    /// # Errors
    /// When the line is no corpus line.
    pub fn count(&mut self, line: &str) -> Result<(), serde_json::Error> {
        let mut case: Labelled = serde_json::from_str(line)?;
        if case.group.as_ref().is_some_and(|group| self.known.contains(group)) {
            return Ok(());
        }
        if self.filter.by_group {
            self.known.extend(case.group.take());
        }
        let ignored = |claim: &Claim| {
            !claim.by.is_empty()
                && claim.by.iter().all(|by| {
                    let source = by.split(':').next().unwrap_or_default();
                    self.filter.without_sources.iter().any(|without| without == source)
                })
        };
        case.labels.retain(|claim| !ignored(claim));
        case.absent.retain(|claim| !ignored(claim));
        let result = self.results.get(&case.id);
        self.score.contracts += 1;
        self.score.errors += u32::from(result.is_none_or(|result| result.error.is_some()));
        self.score.incomplete += u32::from(result.is_none_or(|result| result.incomplete));
        self.score.jumps += result.map_or(0, |result| result.jumps);
        self.score.jumps_resolved += result.map_or(0, |result| result.jumps_resolved);
        self.score.seconds.extend(result.and_then(|result| result.seconds));
        let found: Vec<&Claim> = result
            .iter()
            .flat_map(|result| &result.findings)
            .filter(|claim| claim.counts(self.filter.min_severity))
            .collect();
        count_categories(&mut self.score, &case, &found);
        count_subtypes(&mut self.score, &case, &found);
        Ok(())
    }

    /// The score of all lines so far.
    #[must_use]
    pub fn finish(mut self) -> Score {
        self.score.seconds.sort_by(f64::total_cmp);
        self.score
    }
}

fn count_categories(score: &mut Score, case: &Labelled, found: &[&Claim]) {
    let hits: BTreeSet<String> = found.iter().filter_map(|claim| claim.category()).collect();
    let mut positive: BTreeSet<String> = case.labels.iter().filter_map(Claim::category).collect();
    let disputed: BTreeSet<String> = case.disputed.iter().filter_map(Claim::category).collect();
    let mut negative: BTreeSet<String> =
        case.absent.iter().filter(|claim| claim.subtype.is_none()).filter_map(Claim::category).collect();
    match case.honeypot {
        Some(true) => _ = positive.insert("honeypot".to_owned()),
        Some(false) => {
            positive.remove("honeypot");
            negative.insert("honeypot".to_owned());
        }
        None => {}
    }
    negative.retain(|category| !disputed.contains(category));
    if case.benign {
        negative = CATEGORIES.iter().map(|&category| category.to_owned()).collect();
        score.benign += 1;
        score.benign_hit += u32::from(!found.is_empty());
    }
    for category in CATEGORIES {
        score.categories.entry(category.to_owned()).or_default().judge(
            positive.contains(category),
            negative.contains(category),
            hits.contains(category),
        );
    }
}

fn count_subtypes(score: &mut Score, case: &Labelled, found: &[&Claim]) {
    let name = |claim: &Claim| {
        claim.subtype.as_ref().and_then(|subtype| Some(format!("{}/{subtype}", claim.category()?)))
    };
    let hits: BTreeSet<String> = found.iter().filter_map(|claim| name(claim)).collect();
    for (claims, positive) in [(&case.labels, true), (&case.absent, false)] {
        for subtype in claims.iter().filter_map(name) {
            let hit = hits.contains(&subtype);
            score.subtypes.entry(subtype).or_default().judge(positive, !positive, hit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(corpus: &[&str], results: &[&str], without: &[&str]) -> Score {
        let filter = Filter {
            min_severity: Severity::Low,
            without_sources: without.iter().map(|&source| source.to_owned()).collect(),
            by_group: true,
        };
        let mut scorer = Scorer::new(results.iter().copied(), filter).expect("results");
        for line in corpus {
            scorer.count(line).expect("a corpus line");
        }
        scorer.finish()
    }

    #[test]
    fn only_what_is_judged_counts_and_a_missing_result_costs_recall() {
        let corpus = [
            r#"{"id":"a","labels":[{"swc":107,"by":["Zeus:1","Other:2"]}]}"#,
            r#"{"id":"b","labels":[{"category":"reentrancy"}],"absent":[{"swc":115}]}"#,
            r#"{"id":"c","absent":[{"category":"reentrancy","by":["Zeus:1"]}]}"#,
            r#"{"id":"d","benign":true,"group":"g"}"#,
            r#"{"id":"e","benign":true,"group":"g"}"#,
        ];
        let results = [
            r#"{"id":"a","findings":[{"category":"Reentrancy","severity":"high"}],"seconds":0.5}"#,
            r#"{"id":"c","findings":[{"swc":"SWC-107"}],"seconds":0.1}"#,
            r#"{"id":"d","findings":[{"category":"odd","severity":"info"}]}"#,
        ];
        let all = score(&corpus, &results, &[]);
        let reentrancy = all.categories["reentrancy"];
        assert_eq!(
            (reentrancy.true_positives, reentrancy.false_negatives, reentrancy.false_positives),
            (1, 1, 1)
        );
        assert_eq!(reentrancy.true_negatives, 1);
        assert_eq!((reentrancy.recall(), reentrancy.false_alarms()), (Some(0.5), Some(0.5)));
        assert_eq!((reentrancy.f1(), reentrancy.j()), (Some(0.5), Some(0.0)));
        assert_eq!((all.contracts, all.errors, all.benign, all.benign_hit), (4, 1, 1, 0));
        assert_eq!(all.categories["access_control"].true_negatives, 2);
        assert_eq!(all.quantile(0.5), Some(0.5));
        let fewer = score(&corpus, &results, &["Zeus"]);
        assert_eq!(
            (fewer.categories["reentrancy"].false_positives, fewer.categories["reentrancy"].unlabelled_hits),
            (0, 1)
        );
        assert_eq!(fewer.categories["reentrancy"].true_positives, 1);
    }

    #[test]
    fn traps_are_scored_one_by_one() {
        let corpus = [
            r#"{"id":"a","honeypot":true,"labels":[{"category":"honeypot","subtype":"hidden_mint"}],"absent":[{"category":"honeypot","subtype":"limit_sell"}]}"#,
        ];
        let results = [r#"{"id":"a","findings":[{"category":"honeypot","subtype":"limit_sell"}]}"#];
        let score = score(&corpus, &results, &[]);
        assert_eq!(score.categories["honeypot"].true_positives, 1);
        assert_eq!(score.subtypes["honeypot/hidden_mint"].false_negatives, 1);
        assert_eq!(score.subtypes["honeypot/limit_sell"].false_positives, 1);
    }
}
