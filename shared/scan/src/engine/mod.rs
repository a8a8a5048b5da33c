//! The scanner: bytes and a budget in, a report out. No I/O, no panic, always an end.
//!
//! ```text
//! bytes ─> code ─> explore (symbolic words, guards) ─> detect ─> Report
//!            └──> evmole (own thread, bounded) ──┘ cross-check, hints for unresolved jumps
//! ```

mod code;
mod contract;
mod deadline;

mod detect;
mod evidence;
mod explore;
mod expr;
mod fold;
mod graph;
mod guard;
mod join;
mod machine;
mod memory;
mod opcode;
pub mod query;
mod recovery;
mod report;
mod rules;
mod run;
mod skeleton;
mod solve;
mod taint;
mod writers;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use code::Shape;
pub(crate) use code::{instruction_places, instructions_end};
pub use deadline::{Budget, Deadline};
pub use report::{
    Branch, Change, Confidence, Coverage, CrossCheck, DetectorsAsked, ENGINE, Effect, EffectKind, Evidence,
    Finding, Function, Given, GuardSeen, NotExplored, Replay, Report, Severity, Step,
};
pub use rules::{RULES, Rule, SOURCE_RULES, every_rule};
pub use run::{Run, Seen, Stage};
pub use skeleton::Skeleton;
pub use solve::{Attempt, Goal, Paths, Wanted, World};

use code::Code;
use detect::{Besides, Detected};
use evidence::hex_selector;
use explore::{Explored, Gap, explore};
use query::DetectorSet;
use recovery::{NoRecovery, Recovered, Recovery};

/// Bytes of code that are taken. Deployed code has at most 24,576 (EIP-170), other chains allow more.
pub const CODE_BYTES_MAX: usize = 128 * 1024;
/// Things not explored that are told.
const NOT_EXPLORED_MAX: usize = 100;

/// Scans runtime bytecode within `budget`.
#[must_use]
pub fn scan(bytes: &[u8], budget: Budget) -> Report {
    scan_until(bytes, budget, &Deadline::after(budget.time()))
}

/// The same, and asks the detectors of `set` too.
#[must_use]
pub fn scan_asking(bytes: &[u8], budget: Budget, set: &DetectorSet) -> Report {
    scan_paths(bytes, budget, set, &Deadline::after(budget.time())).0
}

/// The same, seen by whoever holds `run`.
#[must_use]
pub fn scan_watched(bytes: &[u8], budget: Budget, set: &DetectorSet, run: &Arc<Run>) -> Report {
    scan_paths(bytes, budget, set, &Deadline::watched(budget.time(), run)).0
}

/// Scans with the limits of `budget` until `deadline`. What is over `CODE_BYTES_MAX` is not looked at.
#[must_use]
pub fn scan_until(bytes: &[u8], budget: Budget, deadline: &Deadline) -> Report {
    scan_paths(bytes, budget, DetectorSet::none(), deadline).0
}

/// The same with the detectors of `set`, and with the paths to the findings, for whoever wants to go them.
#[must_use]
pub fn scan_paths(bytes: &[u8], budget: Budget, set: &DetectorSet, deadline: &Deadline) -> (Report, Paths) {
    let whole = bytes.len();
    let bytes = bytes.get(..CODE_BYTES_MAX).unwrap_or(bytes);
    let code = Code::new(bytes);
    let recovery = if deadline.is_timed() { Recovery::start(bytes) } else { Recovery::not_asked() };
    // A quarter is kept for the detectors.
    let exploring = deadline.earlier(budget.time() / 4);
    let mut explored = explore(&code, None, budget.limits(), &exploring);
    // An eighth of the budget, if our own part has left so much.
    let recovered = recovery.finish(deadline.left().min(budget.time() / 8));
    if let Ok(recovered) = &recovered {
        // Its hints are needed rarely, so the first round goes without waiting for them.
        if explored.gaps.iter().any(|gap| matches!(gap, Gap::Jump { .. })) {
            explored = explore(&code, Some(recovered), budget.limits(), &exploring);
        }
    }
    let detected = match code.has_any(&detect::OF_INTEREST) || !set.is_empty() {
        true => detect::detect(&explored, &code, Besides { set, budget }, deadline),
        false => Detected::default(),
    };
    if detected.stopped_by_time {
        explored.gaps.insert(Gap::Deadline);
    }
    // First: of so many gaps that some are left out, these are told.
    let mut not_explored = detected.cut_short;
    not_explored.extend(gaps(&explored, &recovered, &detected.targets_unknown));
    if detected.omitted > 0 {
        let why = format!("{} more findings are left out", detected.omitted);
        not_explored.push(NotExplored { what: "findings".to_owned(), pc: None, why });
    }
    if whole > bytes.len() {
        let why = format!("the code has {whole} bytes, {CODE_BYTES_MAX} are taken");
        not_explored.push(NotExplored { what: "code".to_owned(), pc: Some(bytes.len()), why });
    }
    not_explored.truncate(NOT_EXPLORED_MAX);
    let report = Report {
        engine: ENGINE.to_owned(),
        budget,
        code: code.shape(),
        functions: functions(&explored, &recovered),
        coverage: coverage(&explored),
        cross_check: cross_check(&explored, recovered),
        incomplete: !not_explored.is_empty(),
        stopped_by_time: explored.gaps.contains(&Gap::Deadline),
        not_explored,
        findings: detected.findings,
        detectors: DetectorsAsked::of(set),
    };
    (report, Paths::new(explored, detected.graph, detected.ways))
}

fn gaps(
    explored: &Explored,
    recovered: &Result<Recovered, NoRecovery>,
    targets_unknown: &BTreeSet<usize>,
) -> Vec<NotExplored> {
    let entry = |what: &str, pc: Option<usize>, why: String| NotExplored { what: what.to_owned(), pc, why };
    let mut all: Vec<NotExplored> = explored
        .gaps
        .iter()
        .map(|gap| match gap {
            Gap::Deadline => entry("code", None, "time ran out".to_owned()),
            Gap::Limit(what) => entry("code", None, format!("the budget's limit on {what} is reached")),
            Gap::Crowded { pc } => {
                entry("block", Some(*pc), "more paths lead here than the budget follows".to_owned())
            }
            Gap::Recursion { pc } => {
                entry("block", Some(*pc), "a function calls itself, and a few rounds are followed".to_owned())
            }
            Gap::Jump { pc } => entry("jump", Some(*pc), "its destination is not known".to_owned()),
        })
        .collect();
    all.extend(targets_unknown.iter().map(|&pc| {
        entry(
            "delegatecall_target",
            Some(pc),
            "the target comes from memory that was not followed".to_owned(),
        )
    }));
    let listed = recovered.iter().flat_map(|recovered| &recovered.functions);
    all.extend(listed.filter(|(selector, _)| !explored.functions.contains_key(selector)).map(
        |(&selector, &pc)| {
            entry(
                "function",
                Some(pc),
                format!("no path reached {}, which evmole lists", hex_selector(selector)),
            )
        },
    ));
    all
}

fn functions(explored: &Explored, recovered: &Result<Recovered, NoRecovery>) -> Vec<Function> {
    let mut all = explored.functions.clone();
    if let Ok(recovered) = recovered {
        for (&selector, &pc) in &recovered.functions {
            all.entry(selector).or_insert(pc);
        }
    }
    all.into_iter()
        .map(|(selector, pc)| Function {
            selector: hex_selector(selector),
            pc,
            explored: explored.functions.contains_key(&selector),
            known_to_evmole: recovered.as_ref().ok().map(|them| them.functions.contains_key(&selector)),
        })
        .collect()
}

fn reached(explored: &Explored) -> BTreeSet<usize> {
    explored.visits.iter().map(|visit| visit.state.pc).collect()
}

fn coverage(explored: &Explored) -> Coverage {
    let open = explored.gaps.iter().filter(|gap| matches!(gap, Gap::Jump { .. })).count();
    let jumps = explored.jumps.len();
    let jumps_resolved = jumps.saturating_sub(open);
    Coverage {
        blocks: reached(explored).len(),
        states: explored.visits.len(),
        steps: explored.steps,
        jumps,
        jumps_resolved,
        jumps_recovered: explored.jumps_recovered.len(),
        jumps_resolved_permille: (jumps_resolved * 1000).checked_div(jumps).unwrap_or(1000),
    }
}

fn cross_check(explored: &Explored, recovered: Result<Recovered, NoRecovery>) -> CrossCheck {
    match recovered {
        Err(reason) => CrossCheck::Unavailable { reason: reason.to_string() },
        Ok(recovered) => {
            let here = reached(explored);
            let only =
                recovered.functions.keys().filter(|selector| !explored.functions.contains_key(selector));
            CrossCheck::Compared {
                blocks_shared: here.intersection(&recovered.blocks).count(),
                blocks_only_here: here.difference(&recovered.blocks).count(),
                blocks_only_evmole: recovered.blocks.difference(&here).count(),
                selectors_only_evmole: only.map(|&selector| hex_selector(selector)).collect(),
            }
        }
    }
}

#[cfg(test)]
mod regression;
#[cfg(test)]
mod tests;
