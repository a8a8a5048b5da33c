//! A model card: what was learned from what, and how good it is, as Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use scorpius_risk::likelihood::Step;

use crate::curve::LearnedCurve;
use crate::learn::{Contender, LearnError, Outcome};
use crate::measures::Shifted;
use crate::set::{Builder, DataSet};

/// One class: its set, its hash, and what came of it.
pub type Learned<'a> = (&'a DataSet, String, Result<Outcome, LearnError>);

/// The card of a training, without what people add: purpose, provenance of the sets, and limits.
///
/// # Errors
/// Never: writing to a text does not fail.
pub fn card(
    seed: u64,
    classes: &[Learned<'_>],
    skipped: &BTreeMap<&'static str, u64>,
) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "# Training\n")?;
    writeln!(
        text,
        "Engine `{}`, seed {seed}. Five folds by group; no group is on both sides of a split.\n",
        Builder::engine()
    )?;
    for (set, sha256, outcome) in classes {
        writeln!(text, "## {}\n", set.kind.name())?;
        writeln!(text, "Rows have the SHA-256 `{sha256}`.\n")?;
        writeln!(text, "| set | harmful | harmless |\n| --- | --- | --- |")?;
        for (source, (harmful, harmless)) in set.sources() {
            writeln!(text, "| {source} | {harmful} | {harmless} |")?;
        }
        writeln!(text)?;
        match outcome {
            Err(error) => writeln!(text, "Not learned: {error}.\n")?,
            Ok(outcome) => learned(&mut text, outcome)?,
        }
    }
    writeln!(text, "## Left out\n\n| why | lines |\n| --- | --- |")?;
    for (why, lines) in skipped {
        writeln!(text, "| {why} | {lines} |")?;
    }
    Ok(text)
}

/// What verdicts say of how likely harm is, each row by the folds that did not have it.
fn likelihood(text: &mut String, of: &LearnedCurve) -> std::fmt::Result {
    writeln!(text, "\nLikelihood: {}\n", of.curve.about)?;
    writeln!(
        text,
        "| at | by | Brier | of the share alone | calibration error |\n| --- | --- | --- | --- | --- |"
    )?;
    let set = &of.at_set;
    let share = set.harmful as f64 / set.rows.max(1) as f64;
    let (brier, error, alone) = (set.brier, set.calibration_error, share * (1.0 - share));
    writeln!(text, "| the set's share, {share:.4} | curve | {brier:.6} | {alone:.6} | {error:.6} |")?;
    for (by, at) in [("curve", &of.applied), ("rules", &of.by_rules)] {
        let Shifted { share, brier, brier_of_share, calibration_error, .. } = at;
        writeln!(text, "| {share:.4} | {by} | {brier:.6} | {brier_of_share:.6} | {calibration_error:.6} |")?;
    }
    writeln!(text, "\n| said | harmful | rows |\n| --- | --- | --- |")?;
    for alike in &of.applied.alike {
        writeln!(text, "| {:.4} | {:.4} | {} |", alike.said, alike.harmful, alike.rows)?;
    }
    writeln!(
        text,
        "\n| from | evidence | low | high | harmful | harmless |\n| --- | --- | --- | --- | --- | --- |"
    )?;
    for step in &of.curve.steps {
        let Step { from, evidence, low, high, harmful, harmless } = step;
        writeln!(text, "| {from} | {evidence} | {low} | {high} | {harmful} | {harmless} |")?;
    }
    Ok(())
}

fn learned(text: &mut String, outcome: &Outcome) -> std::fmt::Result {
    writeln!(
        text,
        "| by | Brier | log loss | calibration error | after calibration | AUC | at 0.1 % false alarms: allowed, precision, recall | at 1 %: allowed, precision, recall |"
    )?;
    writeln!(text, "| --- | --- | --- | --- | --- | --- | --- | --- |")?;
    for Contender { name, measures: of, calibrated_error, .. } in &outcome.contenders {
        let at = |at: &crate::measures::AtRate| {
            format!("{}, {:.1} %, {:.1} %", at.allowed, 100.0 * at.precision, 100.0 * at.recall)
        };
        writeln!(
            text,
            "| {name} | {:.4} | {:.4} | {:.4} | {calibrated_error:.4} | {:.3} | {} | {} |",
            of.brier,
            of.log_loss,
            of.calibration_error,
            of.auc,
            at(&of.at_permille),
            at(&of.at_percent)
        )?;
    }
    let within = outcome.contenders.first().map(|first| first.within.keys().collect::<Vec<_>>());
    for source in within.unwrap_or_default() {
        let each = outcome.contenders.iter().filter_map(|of| Some((of.name, of.within.get(source)?)));
        let each: Vec<_> = each.map(|(name, (rows, auc))| format!("{name} {auc:.3} ({rows} rows)")).collect();
        writeln!(text, "\nAUC within `{source}`: {}.", each.join(", "))?;
    }
    let says = if outcome.ships { "Trees are a term of the score" } else { "Trees are no term of the score" };
    writeln!(text, "\n{says}: {}.\n", outcome.reason)?;
    if let Some(model) = &outcome.model {
        writeln!(text, "The trees of all rows: `{}`, SHA-256 `{}`.\n", model.name(), model.sha256())?;
    }
    writeln!(text, "Learned weights, thousandths of log-odds, from {}:\n", outcome.intercept)?;
    writeln!(text, "| signal | weight |\n| --- | --- |")?;
    for (id, weight) in &outcome.weights {
        writeln!(text, "| `{}` | {weight} |", id.name())?;
    }
    writeln!(
        text,
        "\nWhat the rules' log-odds meant on this set (isotonic):\n\n| from | share harmful | rows |\n| --- | --- | --- |"
    )?;
    for step in &outcome.calibration {
        writeln!(text, "| {} | {:.4} | {} |", step.from, step.share as f64 / 1e6, step.rows)?;
    }
    if let Some(of) = &outcome.curve {
        likelihood(text, of)?;
    }
    writeln!(text)
}
