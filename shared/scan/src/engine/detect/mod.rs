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

use super::code::Code;
use super::contract::Contract;
use super::deadline::{Budget, Deadline};
use super::evidence::{self, Seen};
use super::explore::Explored;
use super::expr::Id;
use super::graph::Graph;
use super::machine::Effect;
use super::opcode::{self, Op};
use super::query::{self, DetectorSet, FINDINGS_OF_SET_MAX, Facts, Halt};
use super::report::{Confidence, Finding, NotExplored, Severity};
use super::rules::Rule;
use super::solve::Way;
use super::taint::Taint;

pub(crate) use ether::is_own_balance;

/// One way to reach something that a rule is about.
pub(crate) struct Candidate<R = &'static Rule> {
    pub(crate) rule: R,
    pub(crate) pc: usize,
    pub(crate) visit: usize,
    pub(crate) subject: Id,
    pub(crate) severity: Severity,
    pub(crate) confidence: Confidence,
    pub(crate) summary: String,
}

/// What a finding says of its detector, whether that is code or text.
#[derive(Clone, Copy)]
pub(crate) struct Heading<'d> {
    pub(crate) id: &'d str,
    pub(crate) title: &'d str,
    pub(crate) category: &'d str,
    pub(crate) swc: Option<u16>,
    pub(crate) cwe: u16,
}

impl Candidate {
    fn headed<'d>(self) -> Candidate<Heading<'d>> {
        let Rule { id, title, category, swc, cwe, .. } = self.rule;
        let rule = Heading { id, title, category, swc: *swc, cwe: *cwe };
        let Self { pc, visit, subject, severity, confidence, summary, .. } = self;
        Candidate { rule, pc, visit, subject, severity, confidence, summary }
    }
}

/// What is asked besides the platform's own detectors, and how much that may cost.
#[derive(Clone, Copy)]
pub(crate) struct Besides<'d> {
    pub(crate) set: &'d DetectorSet,
    pub(crate) budget: Budget,
}

/// What the detectors say, and the delegate calls whose target nobody knows.
#[derive(Default)]
pub(crate) struct Detected {
    pub(crate) findings: Vec<Finding>,
    pub(crate) targets_unknown: BTreeSet<usize>,
    /// Findings beyond those that are told.
    pub(crate) omitted: usize,
    /// Which detectors of the set were not asked to the end, and why.
    pub(crate) cut_short: Vec<NotExplored>,
    /// Whether the deadline kept some detectors from being asked to the end.
    pub(crate) stopped_by_time: bool,
    /// For each finding, where it is and the states that lead to it.
    pub(crate) ways: Vec<Vec<Way>>,
    /// What comes before and after what.
    pub(crate) graph: Graph,
}

/// Findings of the platform's own detectors that are told.
const FINDINGS_MAX: usize = 100;

type Detector = fn(&Contract<'_>) -> Vec<Candidate>;

/// Every detector that is code; `query::shipped` are the platform's others.
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
pub(crate) fn detect(
    explored: &Explored,
    code: &Code<'_>,
    besides: Besides<'_>,
    deadline: &Deadline,
) -> Detected {
    let contract = Contract::new(explored, code.checks_arithmetic(), deadline);
    let mut candidates = own(&contract);
    for detector in DETECTORS {
        let found = detector(&contract);
        // Without time, conditions are not known, and what follows from their absence is not to be told.
        if contract.is_cut() {
            break;
        }
        candidates.extend(found.into_iter().map(Candidate::headed));
    }
    let mut places = places(explored, candidates);
    let mut omitted = places.len().saturating_sub(FINDINGS_MAX);
    places.truncate(FINDINGS_MAX);
    let (theirs, cut_short) = asked(&contract, besides);
    let mut others = self::places(explored, theirs);
    // Theirs never take the place of ours.
    omitted += others.len().saturating_sub(FINDINGS_OF_SET_MAX);
    others.truncate(FINDINGS_OF_SET_MAX);
    places.extend(others);
    worst_first(&mut places);
    let stopped_by_time = contract.is_cut();
    let seen = Seen { explored, code, writers: &contract.writers };
    let mut findings: Vec<Finding> = places.iter().filter_map(|ways| seen.finding(ways)).collect();
    evidence::tell_apart(&mut findings);
    let way = |of: &Candidate<Heading<'_>>| Way { visit: of.visit, pc: of.pc, subject: of.subject };
    let ways = places.iter().map(|ways| ways.iter().map(way).collect()).collect();
    let targets_unknown = targets_unknown(&contract);
    let graph = contract.graph;
    Detected { findings, targets_unknown, omitted, cut_short, stopped_by_time, ways, graph }
}

/// What the platform's detectors say that are written in the language. They go through each thing once.
fn own(contract: &Contract<'_>) -> Vec<Candidate<Heading<'static>>> {
    let facts = Facts::new(contract, u64::MAX);
    let run = |detector| query::run(detector, &facts, u64::MAX, usize::MAX).candidates;
    query::shipped().iter().flat_map(run).collect()
}

/// What the detectors of the set say, and of which of them there may be more.
fn asked<'d>(
    contract: &Contract<'_>,
    besides: Besides<'d>,
) -> (Vec<Candidate<Heading<'d>>>, Vec<NotExplored>) {
    let Besides { set, budget } = besides;
    let facts = Facts::new(contract, query::fuel_of_set(budget));
    let (mut candidates, mut cut_short) = (Vec::new(), Vec::new());
    let note = |why: String| NotExplored { what: "detector".to_owned(), pc: None, why };
    for id in set.unreadable() {
        cut_short.push(note(format!("`{}{id}` was not asked: its text cannot be read", query::PREFIX)));
    }
    for detector in set.detectors() {
        let ran = query::run(detector, &facts, query::fuel_of_one(budget), query::FINDINGS_OF_ONE_MAX);
        let id = &detector.about().id;
        cut_short.extend(ran.halted.map(|halt| {
            note(match halt {
                Halt::Fuel => format!("`{id}` ran out of fuel: there may be more than it found"),
                Halt::Time => format!("`{id}` was not asked: time ran out"),
                Halt::Findings => {
                    format!(
                        "`{id}` finds more than {} places; the rest is left out",
                        query::FINDINGS_OF_ONE_MAX
                    )
                }
            })
        }));
        candidates.extend(ran.candidates);
    }
    cut_short.extend(
        facts
            .crowded()
            .into_iter()
            .map(|entity| note(format!("the contract has more {entity} than detectors are asked about"))),
    );
    (candidates, cut_short)
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
fn places<'d>(
    explored: &Explored,
    candidates: Vec<Candidate<Heading<'d>>>,
) -> Vec<Vec<Candidate<Heading<'d>>>> {
    let mut places: BTreeMap<(&str, usize), Vec<Candidate<Heading<'d>>>> = BTreeMap::new();
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
    worst_first(&mut places);
    places
}

fn worst_first(places: &mut [Vec<Candidate<Heading<'_>>>]) {
    places.sort_by_key(|ways| ways.first().map(|way| (Reverse((way.severity, way.confidence)), way.pc)));
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
