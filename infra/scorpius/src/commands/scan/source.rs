//! The table for Solidity.

use scorpius_scan::external::ExternalFinding;
use scorpius_scan::source::{Project, SourceFinding, SourceReport};

use super::baseline::{self, Baseline};
use crate::terminal::{Terminal, is_unruly};

/// Prints what is not known, each with its lines.
pub(super) fn table(project: &Project, report: &SourceReport, known: &Baseline, terminal: &Terminal) {
    let walked = report.contracts.iter().filter(|contract| contract.walked).count();
    terminal.line(format!(
        "{}: {} files, {} contracts, {walked} of them walked",
        report.engine,
        report.files.len(),
        report.contracts.len(),
    ));
    for gap in &report.not_explored {
        let place = gap.place.as_ref().map(|place| format!(" at {}:{}", place.path, place.line));
        terminal.line(format!("not explored: {}{} ({})", gap.what, place.unwrap_or_default(), gap.why));
    }
    for finding in super::fresh(&report.findings, named, (known, report.incomplete), terminal) {
        show(project, finding, terminal);
    }
}

fn named(finding: &SourceFinding) -> (&str, String) {
    let line = Some((finding.place.path.as_str(), finding.place.line));
    (&finding.fingerprint, baseline::place(&finding.detector, None, line))
}

fn show(project: &Project, finding: &SourceFinding, terminal: &Terminal) {
    let place = &finding.place;
    terminal.gap();
    terminal.heading(&format!(
        "{} ({}): {}",
        finding.severity.name(),
        finding.confidence.name(),
        finding.detector
    ));
    terminal.line(format!("  --> {}:{}:{}", place.path, place.line, place.column));
    let text =
        project.files().find(|(path, _)| *path == place.path).map(|(_, text)| text).unwrap_or_default();
    let line = text.lines().nth(place.line.saturating_sub(1)).unwrap_or_default();
    // What a file says may turn the terminal round.
    let line: String = line.chars().map(|it| if is_unruly(it) { ' ' } else { it }).collect();
    let width = place.line.to_string().len();
    let end = if place.end_line == place.line { place.end_column } else { line.chars().count() + 1 };
    let marks = "^".repeat(end.saturating_sub(place.column).clamp(1, 200));
    let before = " ".repeat(place.column.saturating_sub(1));
    terminal.line(format!("{} | {line}", place.line));
    terminal.line(format!("{} | {before}{marks}", " ".repeat(width)));
    let whole = match &finding.function {
        Some(function) => format!("{}.{function}: {}", finding.contract, finding.summary),
        None => finding.summary.clone(),
    };
    terminal.line(format!("  {whole}"));
    for related in &finding.related {
        terminal.line(format!("  see {}:{}: {}", related.place.path, related.place.line, related.what));
    }
}

/// What other tools said.
pub(super) fn others(imported: &[ExternalFinding], terminal: &Terminal) {
    let (same, only): (Vec<_>, Vec<_>) = imported.iter().partition(|it| it.same_as.is_some());
    if !same.is_empty() {
        terminal.gap();
        terminal.line(format!("{} findings of other tools are among these", same.len()));
    }
    for finding in only {
        terminal.gap();
        terminal.heading(&format!("{} ({} alone): {}", finding.severity.name(), finding.tool, finding.rule));
        if let (Some(path), Some(line)) = (&finding.path, finding.line) {
            terminal.line(format!("  --> {path}:{line}"));
        }
        for line in finding.message.lines().take(4) {
            terminal.line(format!("  {line}"));
        }
    }
}
