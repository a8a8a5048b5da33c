//! Detectors: questions to what exploring found out. Each file is about one kind of question.

mod access;
mod arithmetic;
mod calls;
mod chance;
mod ether;
mod order;
mod reentrancy;
mod takeover;
mod token;
mod trap;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::contract::Contract;
use super::deadline::Deadline;
use super::evidence;
use super::explore::Explored;
use super::expr::Id;
use super::graph::Graph;
use super::machine::Effect;
use super::opcode::{self, Op};
use super::report::{Confidence, Finding, Severity};
use super::rules::Rule;
use super::solve::Way;
use super::taint::Taint;

/// One way to reach something that a rule is about.
pub(crate) struct Candidate {
    pub(crate) rule: &'static Rule,
    pub(crate) pc: usize,
    pub(crate) visit: usize,
    pub(crate) subject: Id,
    pub(crate) severity: Severity,
    pub(crate) confidence: Confidence,
    pub(crate) summary: String,
}

/// What the detectors say, and the delegate calls whose target nobody knows.
#[derive(Default)]
pub(crate) struct Detected {
    pub(crate) findings: Vec<Finding>,
    pub(crate) targets_unknown: BTreeSet<usize>,
    /// Findings beyond those that are told.
    pub(crate) omitted: usize,
    /// Whether the deadline kept some detectors from being asked to the end.
    pub(crate) stopped_by_time: bool,
    /// For each finding, where it is and the states that lead to it.
    pub(crate) ways: Vec<Vec<Way>>,
    /// What comes before and after what.
    pub(crate) graph: Graph,
}

/// Findings that are told.
const FINDINGS_MAX: usize = 100;

type Detector = fn(&Contract<'_>) -> Vec<Candidate>;

/// Every detector.
const DETECTORS: [Detector; 10] = [
    access::find,
    takeover::find,
    reentrancy::find,
    calls::find,
    arithmetic::find,
    chance::find,
    order::find,
    ether::find,
    token::find,
    trap::find,
];

/// Asks every detector.
pub(crate) fn detect(explored: &Explored, checks_arithmetic: bool, deadline: &Deadline) -> Detected {
    let contract = Contract::new(explored, checks_arithmetic, deadline);
    let mut candidates = Vec::new();
    for detector in DETECTORS {
        let found = detector(&contract);
        // Without time, conditions are not known, and what follows from their absence is not to be told.
        if contract.is_cut() {
            break;
        }
        candidates.extend(found);
    }
    let stopped_by_time = contract.is_cut();
    let mut places = places(explored, candidates);
    let omitted = places.len().saturating_sub(FINDINGS_MAX);
    places.truncate(FINDINGS_MAX);
    let mut findings: Vec<Finding> =
        places.iter().filter_map(|ways| evidence::finding(explored, &contract.writers, ways)).collect();
    evidence::tell_apart(&mut findings);
    let way = |of: &Candidate| Way { visit: of.visit, pc: of.pc, subject: of.subject };
    let ways = places.iter().map(|ways| ways.iter().map(way).collect()).collect();
    let targets_unknown = targets_unknown(&contract);
    Detected { findings, targets_unknown, omitted, stopped_by_time, ways, graph: contract.graph }
}

/// Delegate calls whose target comes from memory that was not followed, where any caller gets.
fn targets_unknown(contract: &Contract<'_>) -> BTreeSet<usize> {
    let mut unknown = BTreeSet::new();
    for (index, visit) in contract.visits().iter().enumerate() {
        for effect in &visit.effects {
            let &Effect::Delegate { pc, target, .. } = effect else { continue };
            let taint = contract.taint(target);
            if taint.has(Taint::MEMORY)
                && !taint.has(Taint::CHOSEN)
                && contract.graph.kept(index)
                && contract.open(index)
            {
                unknown.insert(pc);
            }
        }
    }
    unknown
}

/// The ways to each rule and place, the surest and shortest first; the worst place first.
fn places(explored: &Explored, candidates: Vec<Candidate>) -> Vec<Vec<Candidate>> {
    let mut places: BTreeMap<(&str, usize), Vec<Candidate>> = BTreeMap::new();
    for candidate in candidates {
        places.entry((candidate.rule.id, candidate.pc)).or_default().push(candidate);
    }
    let mut places: Vec<_> = places.into_values().collect();
    for ways in &mut places {
        ways.sort_by_key(|way| {
            let guards = explored.visits[way.visit].state.guards.len();
            (Reverse((way.confidence, way.severity)), guards, way.visit)
        });
    }
    places.sort_by_key(|ways| ways.first().map(|way| (Reverse((way.severity, way.confidence)), way.pc)));
    places
}

/// The instructions without which no detector has anything to say.
pub(crate) const OF_INTEREST: [Op; 8] = [
    opcode::SELFDESTRUCT,
    opcode::DELEGATECALL,
    opcode::CALLCODE,
    opcode::ORIGIN,
    opcode::CALL,
    opcode::SSTORE,
    opcode::TIMESTAMP,
    opcode::CALLVALUE,
];
