//! Who may end the contract, or run code in it.

use super::Candidate;
use crate::engine::contract::Contract;
use crate::engine::expr::{Expr, Id, render};
use crate::engine::machine::Effect;
use crate::engine::opcode::{self, Op};
use crate::engine::report::{Confidence, Severity};
use crate::engine::rules;
use crate::engine::taint::Taint;
use crate::engine::writers::Writer;

pub(super) fn find(contract: &Contract<'_>) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for (index, visit) in contract.visits().iter().enumerate() {
        for effect in &visit.effects {
            match *effect {
                Effect::SelfDestruct { pc, beneficiary } => {
                    candidates.extend(self_destruct(contract, index, pc, beneficiary));
                }
                Effect::Delegate { pc, op, target } if contract.graph.kept(index) => {
                    candidates.extend(delegate(contract, index, pc, op, target));
                    candidates.extend(foreign_code(contract, index, pc, target));
                }
                _ => {}
            }
        }
    }
    candidates
}

fn self_destruct(contract: &Contract<'_>, index: usize, pc: usize, beneficiary: Id) -> Option<Candidate> {
    if !contract.open(index) {
        return None;
    }
    let confidence = contract.certainty(index);
    let severity = worst_if_sure(confidence);
    let to = match contract.is_chosen(beneficiary) {
        true => "whom the caller names".to_owned(),
        false => format!("`{}`", render(contract.arena(), beneficiary)),
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

fn worst_if_sure(confidence: Confidence) -> Severity {
    match confidence {
        Confidence::Likely => Severity::Critical,
        Confidence::Possible => Severity::High,
    }
}

fn delegate(contract: &Contract<'_>, index: usize, pc: usize, op: Op, target: Id) -> Option<Candidate> {
    if !contract.open(index) {
        return None;
    }
    let arena = contract.arena();
    let direct =
        !matches!(arena.expr(target), Expr::Merge { .. } | Expr::Unknown { .. } | Expr::Answer { .. });
    let name = if op == opcode::CALLCODE { "CALLCODE" } else { "DELEGATECALL" };
    let (rule, severity, confidence, summary) = if arena.taint(target).has(Taint::CHOSEN) {
        let confidence = if direct { contract.certainty(index) } else { Confidence::Possible };
        let summary = format!("Any caller chooses the code that {name} runs on the contract's storage.");
        (&rules::DELEGATECALL, worst_if_sure(confidence), confidence, summary)
    } else {
        let by = written_target(contract, target)?;
        let summary = format!(
            "The code that {name} runs on the contract's storage is named by storage that any caller may write ({by})."
        );
        (&rules::UPGRADE, Severity::High, contract.certainty(index), summary)
    };
    Some(Candidate { rule, pc, visit: index, subject: target, severity, confidence, summary })
}

/// Code that somebody may exchange: a proxy's, or a module's.
fn foreign_code(contract: &Contract<'_>, index: usize, pc: usize, target: Id) -> Option<Candidate> {
    let taint = contract.taint(target);
    let chosen = taint.has(Taint::CHOSEN | Taint::MEMORY);
    let stored = taint.has(Taint::STORAGE | Taint::ANSWER);
    if !chosen && !stored || chosen && contract.open(index) {
        return None;
    }
    Some(Candidate {
        rule: &rules::PROXY,
        pc,
        visit: index,
        subject: target,
        severity: Severity::Info,
        confidence: Confidence::Likely,
        summary: format!(
            "`{}` names the code that runs on this contract's storage; whoever sets it can do anything.",
            render(contract.arena(), target)
        ),
    })
}

/// Who may write the storage that names the target.
fn written_target(contract: &Contract<'_>, target: Id) -> Option<Writer> {
    let slots = contract.arena().slots_read(target);
    slots.into_iter().find_map(|slot| contract.writers.of_slot(contract.arena(), slot, target))
}
