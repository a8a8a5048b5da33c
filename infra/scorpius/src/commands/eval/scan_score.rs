//! The score of the scanner's results, read and printed.

use std::error::Error;
use std::path::{Path, PathBuf};

use scorpius_scan::engine::Severity;
use scorpius_scan::evaluation::score::{CATEGORIES, Counts, Filter, Score, Scorer};

use super::corpus;
use crate::terminal::Terminal;

/// What is to be scored.
pub(crate) struct Scored<'a> {
    pub(crate) corpora: &'a [PathBuf],
    pub(crate) results: &'a Path,
    pub(crate) novel_to: &'a [PathBuf],
    pub(crate) without_sources: &'a [String],
    pub(crate) by_group: bool,
    pub(crate) min_severity: Severity,
}

impl Scored<'_> {
    pub(crate) fn score(self) -> Result<Score, Box<dyn Error>> {
        let results = corpus::open(self.results)?.collect::<Result<Vec<_>, _>>()?;
        let filter = Filter {
            min_severity: self.min_severity,
            without_sources: self.without_sources.to_vec(),
            by_group: self.by_group,
        };
        let mut scorer = Scorer::new(results.iter().map(String::as_str), filter)?;
        for path in self.novel_to {
            for line in corpus::open(path)? {
                scorer.seen(&line?)?;
            }
        }
        for path in self.corpora {
            for line in corpus::open(path)? {
                scorer.count(&line?)?;
            }
        }
        Ok(scorer.finish())
    }
}

/// The score as tables.
pub(crate) fn print(score: &Score) {
    let terminal = Terminal::default();
    let line = |text: String| terminal.line(text);
    line(format!(
        "{} contracts, {} without a result or with an error, {} incomplete",
        score.contracts, score.errors, score.incomplete
    ));
    if let Some(permille) = (1000 * score.jumps_resolved).checked_div(score.jumps) {
        let share = format!("{}.{}", permille / 10, permille % 10);
        line(format!("jumps resolved: {} of {} ({share} %)", score.jumps_resolved, score.jumps));
    }
    line(format!(
        "{:32}{:>5}{:>5}{:>8} |{:>6}{:>5}{:>8}{:>8}{:>8}{:>8} |{:>10}",
        "category", "pos", "TP", "recall", "neg", "FP", "false %", "prec %", "F1", "J", "unjudged %"
    ));
    let mut micro = Counts::default();
    for category in CATEGORIES {
        let counts = score.categories.get(category).copied().unwrap_or_default();
        if judged(&counts) == 0 && counts.unlabelled_hits == 0 {
            continue;
        }
        micro.true_positives += counts.true_positives;
        micro.false_negatives += counts.false_negatives;
        micro.false_positives += counts.false_positives;
        micro.true_negatives += counts.true_negatives;
        row(&terminal, category, &counts);
    }
    row(&terminal, "all (micro)", &micro);
    for (subtype, counts) in &score.subtypes {
        row(&terminal, subtype, counts);
    }
    if score.benign > 0 {
        line(format!(
            "harmless: {} of {} contracts have a finding ({:.1} %)",
            score.benign_hit,
            score.benign,
            100.0 * f64::from(score.benign_hit) / f64::from(score.benign)
        ));
    }
    if let (Some(p50), Some(p95), Some(p99), Some(most)) =
        (score.quantile(0.5), score.quantile(0.95), score.quantile(0.99), score.seconds.last())
    {
        line(format!("seconds a contract: p50 {p50:.4}, p95 {p95:.4}, p99 {p99:.4}, max {most:.3}"));
    }
}

fn judged(counts: &Counts) -> u32 {
    counts.true_positives + counts.false_negatives + counts.false_positives + counts.true_negatives
}

fn row(terminal: &Terminal, name: &str, counts: &Counts) {
    let percent = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{:.1}", 100.0 * share));
    let unlabelled =
        (counts.unlabelled > 0).then(|| f64::from(counts.unlabelled_hits) / f64::from(counts.unlabelled));
    terminal.line(format!(
        "{name:32}{:>5}{:>5}{:>8} |{:>6}{:>5}{:>8}{:>8}{:>8}{:>8} |{:>10}",
        counts.true_positives + counts.false_negatives,
        counts.true_positives,
        percent(counts.recall()),
        counts.false_positives + counts.true_negatives,
        counts.false_positives,
        percent(counts.false_alarms()),
        percent(counts.precision()),
        percent(counts.f1()),
        percent(counts.j()),
        percent(unlabelled),
    ));
}
