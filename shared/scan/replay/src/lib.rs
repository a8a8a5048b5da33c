//! Findings that are replayed: what the bytecode engine claims is tried on an EVM.
//!
//! ```text
//! scan ─> findings + paths ─> search (solve, run, look) ─> calls ─> show: run from the start ─> Finding.replay
//! ```
//!
//! The search guesses and the EVM judges: a replay is only told if all its steps, run from the start, had the effect.
//! That no replay was found says nothing, and changes nothing about a finding.

mod agent;
mod kind;
mod search;
mod show;
mod stage;

use std::sync::Arc;

use scorpius_scan::engine::query::{DetectorSet, PREFIX};
use scorpius_scan::engine::{self, Budget, Deadline, Paths, Report, Run, Stage};

use kind::Kind;
use search::Search;
use stage::Scene;

/// Findings of one contract that are tried.
const FINDINGS_MAX: usize = 40;

/// Scans runtime bytecode within `budget`, asks the detectors of `set` too, and with `standard` and `deep` tries what was found.
#[must_use]
pub fn scan(bytes: &[u8], budget: Budget, set: &DetectorSet) -> Report {
    scan_until(bytes, budget, set, &Deadline::after(budget.time()))
}

/// The same, seen by whoever holds `run`.
#[must_use]
pub fn scan_watched(bytes: &[u8], budget: Budget, set: &DetectorSet, run: &Arc<Run>) -> Report {
    scan_until(bytes, budget, set, &Deadline::watched(budget.time(), run))
}

fn scan_until(bytes: &[u8], budget: Budget, set: &DetectorSet, deadline: &Deadline) -> Report {
    let (mut report, paths) = engine::scan_paths(bytes, budget, set, deadline);
    if budget != Budget::Quick {
        confirm(bytes, &mut report, &paths, budget, deadline);
    }
    report
}

/// Tries each finding of `report` until `deadline`, and puts what worked beside it.
fn confirm(bytes: &[u8], report: &mut Report, paths: &Paths, budget: Budget, deadline: &Deadline) {
    if report.findings.iter().all(|finding| Kind::of(finding).is_none()) {
        return;
    }
    let scene = Scene::new(bytes, paths);
    // A share of what is left: a report that waits for its last replay is late for nothing.
    let deadline = deadline.earlier(deadline.left() / 2);
    let mut search = Search::new(&scene, paths, budget, &deadline);
    let ours = report.findings.iter_mut().enumerate().filter(|(_, it)| !it.detector.starts_with(PREFIX));
    let tried: Vec<_> = ours.take(FINDINGS_MAX).collect();
    let known = tried.len();
    for (done, (number, finding)) in tried.into_iter().enumerate() {
        deadline.tell(Stage::Replay, done, known);
        if let Some(kind) = Kind::of(finding) {
            finding.replay = search.replay(number, finding, kind);
        }
    }
    // Another run may find more, so this report is not the one for these bytes.
    report.stopped_by_time |= search.is_late();
}

#[cfg(test)]
mod tests;
