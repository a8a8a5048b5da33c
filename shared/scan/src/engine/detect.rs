//! Detectors: questions to what exploring found out.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::deadline::Deadline;
use super::evidence;
use super::explore::{Explored, Visit};
use super::expr::{Expr, Id, render};
use super::guard::Kind;
use super::machine::Effect;
use super::opcode::{self, Op};
use super::report::{Confidence, Finding, Severity};
use super::rules::{self, Rule};
use super::taint::Taint;
use super::writers::{Writer, Writers};

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
    /// Whether the deadline cut the judging of guards short.
    pub(crate) stopped_by_time: bool,
}

/// Findings that are told.
const FINDINGS_MAX: usize = 100;

/// Asks every detector.
pub(crate) fn detect(explored: &Explored, deadline: &Deadline) -> Detected {
    let kept = kept(&explored.visits);
    let writers = Writers::of(explored, &kept, deadline);
    let mut origins = BTreeSet::new();
    let mut candidates = Vec::new();
    let mut targets_unknown = BTreeSet::new();
    for (index, visit) in explored.visits.iter().enumerate() {
        for effect in &visit.effects {
            match *effect {
                Effect::SelfDestruct { pc, beneficiary } => {
                    candidates.extend(self_destruct(explored, &writers, index, pc, beneficiary));
                }
                Effect::Delegate { pc, op, target } if kept[index] => {
                    let taint = explored.arena.taint(target);
                    if taint.has(Taint::MEMORY)
                        && !taint.has(Taint::CHOSEN)
                        && open(explored, &writers, visit)
                    {
                        targets_unknown.insert(pc);
                    }
                    candidates.extend(delegate(explored, &writers, index, pc, op, target));
                }
                Effect::Delegate { .. } | Effect::Write { .. } | Effect::Other => {}
            }
        }
        if kept[index] && (visit.keeps || !visit.effects.is_empty()) {
            candidates.extend(origin(explored, index, &mut origins));
        }
    }
    let mut places = places(explored, candidates);
    let omitted = places.len().saturating_sub(FINDINGS_MAX);
    places.truncate(FINDINGS_MAX);
    let mut findings: Vec<Finding> =
        places.iter().filter_map(|ways| evidence::finding(explored, &writers, ways)).collect();
    evidence::tell_apart(&mut findings);
    Detected { findings, targets_unknown, omitted, stopped_by_time: writers.stopped_by_time }
}

/// For each state, whether a path from it may end with its effects kept.
fn kept(visits: &[Visit]) -> Vec<bool> {
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); visits.len()];
    for (index, visit) in visits.iter().enumerate() {
        for &next in &visit.next {
            if let Some(before) = before.get_mut(next) {
                before.push(index);
            }
        }
    }
    let mut kept = vec![false; visits.len()];
    let mut open: Vec<usize> =
        visits.iter().enumerate().filter(|(_, visit)| visit.keeps).map(|(index, _)| index).collect();
    while let Some(index) = open.pop() {
        if !std::mem::replace(&mut kept[index], true) {
            open.extend(before[index].iter().copied().filter(|&earlier| !kept[earlier]));
        }
    }
    kept
}

/// Whether no guard that counts is behind the state.
fn open(explored: &Explored, writers: &Writers, visit: &Visit) -> bool {
    visit.state.guards.iter().all(|&guard| writers.voids(explored, guard).is_some())
}

/// How sure a path makes, and whether a voided guard or a condition on storage is on it.
fn certainty(visit: &Visit) -> Confidence {
    match visit.state.conditioned {
        true => Confidence::Possible,
        false => Confidence::Likely,
    }
}

fn self_destruct(
    explored: &Explored,
    writers: &Writers,
    index: usize,
    pc: usize,
    beneficiary: Id,
) -> Option<Candidate> {
    let visit = &explored.visits[index];
    if !open(explored, writers, visit) {
        return None;
    }
    let confidence = certainty(visit);
    let severity = match confidence {
        Confidence::Likely => Severity::Critical,
        Confidence::Possible => Severity::High,
    };
    let to = match explored.arena.taint(beneficiary).has(Taint::CHOSEN) {
        true => "whom the caller names".to_owned(),
        false => format!("`{}`", render(&explored.arena, beneficiary)),
    };
    Some(Candidate {
        rule: &rules::SELFDESTRUCT,
        pc,
        visit: index,
        subject: beneficiary,
        severity,
        confidence,
        summary: format!("Any caller can make the contract destroy itself; its balance goes to {to}."),
    })
}

fn delegate(
    explored: &Explored,
    writers: &Writers,
    index: usize,
    pc: usize,
    op: Op,
    target: Id,
) -> Option<Candidate> {
    let visit = &explored.visits[index];
    if !open(explored, writers, visit) {
        return None;
    }
    let arena = &explored.arena;
    let taint = arena.taint(target);
    let direct =
        !matches!(arena.expr(target), Expr::Merge { .. } | Expr::Unknown { .. } | Expr::Answer { .. });
    let name = if op == opcode::CALLCODE { "CALLCODE" } else { "DELEGATECALL" };
    let (severity, confidence, summary) = if taint.has(Taint::CHOSEN) {
        let confidence = if direct { certainty(visit) } else { Confidence::Possible };
        let severity = if confidence == Confidence::Likely { Severity::Critical } else { Severity::High };
        (
            severity,
            confidence,
            format!("Any caller chooses the code that {name} runs on the contract's storage."),
        )
    } else {
        let by = written_target(explored, writers, target)?;
        let summary = format!(
            "The code that {name} runs on the contract's storage is named by storage that any caller may write ({by})."
        );
        (Severity::High, certainty(visit), summary)
    };
    Some(Candidate {
        rule: &rules::DELEGATECALL,
        pc,
        visit: index,
        subject: target,
        severity,
        confidence,
        summary,
    })
}

/// Who may write the storage that names the target.
fn written_target(explored: &Explored, writers: &Writers, target: Id) -> Option<Writer> {
    let slots = explored.arena.slots_read(target);
    slots.into_iter().find_map(|slot| writers.of_slot(&explored.arena, slot, target))
}

/// Guards on the signer behind a state, each told once for each function.
fn origin(explored: &Explored, index: usize, told: &mut BTreeSet<(u32, Option<u32>)>) -> Vec<Candidate> {
    let visit = &explored.visits[index];
    let signer = |&&number: &&u32| {
        explored.guards.get(number as usize).is_some_and(|guard| guard.fact.kind == Kind::Origin)
    };
    let new: Vec<u32> = visit
        .state
        .guards
        .iter()
        .filter(signer)
        .copied()
        .filter(|&number| told.insert((number, visit.state.selector)))
        .collect();
    new.into_iter()
        .filter_map(|number| explored.guards.get(number as usize))
        .map(|guard| Candidate {
            rule: &rules::TX_ORIGIN,
            pc: guard.pc,
            visit: index,
            subject: guard.fact.condition,
            severity: Severity::Medium,
            confidence: Confidence::Likely,
            summary:
                "Whoever gets the trusted account to call another contract is let in through that contract."
                    .to_owned(),
        })
        .collect()
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
pub(crate) const OF_INTEREST: [Op; 4] =
    [opcode::SELFDESTRUCT, opcode::DELEGATECALL, opcode::CALLCODE, opcode::ORIGIN];
