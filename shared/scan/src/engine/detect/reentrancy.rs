//! Calls to contracts that callers choose, before the state is changed that decided about the call.

use std::collections::BTreeSet;

use super::Candidate;
use crate::engine::contract::{CallSite, Contract, WriteSite};
use crate::engine::expr::{Id, render};
use crate::engine::graph::Known;
use crate::engine::machine::Effect;
use crate::engine::opcode::CALL;
use crate::engine::report::{Confidence, Severity};
use crate::engine::rules;
use crate::engine::taint::Taint;

pub(super) fn find(contract: &Contract<'_>) -> Vec<Candidate> {
    let mut told = BTreeSet::new();
    contract
        .calls
        .iter()
        .filter(|site| site.call.op == CALL && !contract.is_stipend(&site.call))
        .filter(|site| !contract.is_internal(&site.call))
        .filter(|site| told.insert((site.call.pc, contract.selector(site.visit), contract.open(site.visit))))
        .filter_map(|site| candidate(contract, site))
        .collect()
}

fn candidate(contract: &Contract<'_>, site: &CallSite) -> Option<Candidate> {
    let call = &site.call;
    let ether = contract.sends_ether(call);
    let theirs = callee(contract, call.target)?;
    let known = contract.known(site.visit);
    let mut decided = contract.slots_decided_on(&known);
    // What sizes the payment decides about it as much.
    decided.extend(call.value.iter().flat_map(|&value| contract.arena().slots_read(value)));
    if !ether {
        decided.extend(call.arguments.iter().flat_map(|&(_, word)| contract.arena().slots_read(word)));
    }
    let after = contract.after(site.visit);
    let later = |write: &&WriteSite| {
        contract.selector(write.visit) == contract.selector(site.visit)
            && (after.get(write.visit).copied().unwrap_or(false)
                || write.visit == site.visit && write.place > site.place)
    };
    let late: Vec<&WriteSite> = contract.writes.iter().filter(later).collect();
    if is_locked(contract, site, &known, &late) {
        return None;
    }
    let open = contract.open(site.visit);
    let decides =
        |write: &&&WriteSite| decided.contains(&write.slot) && !is_asked_again(contract, &after, write);
    let Some(spoiled) = late.iter().find(decides) else {
        return ether.then(|| all_gas(contract, site));
    };
    let confidence = match theirs {
        Callee::Chosen if open => Confidence::Likely,
        _ => Confidence::Possible,
    };
    let (rule, severity) = match (ether, open, theirs) {
        (true, true, Callee::Chosen) => (&rules::REENTRANCY_ETHER, Severity::High),
        (true, true, Callee::Stored) => (&rules::REENTRANCY_ETHER, Severity::Medium),
        (true, ..) => (&rules::REENTRANCY_ETHER, Severity::Low),
        (false, true, Callee::Chosen | Callee::Stored) => (&rules::REENTRANCY_OTHER, Severity::Medium),
        // A token or a partner that somebody trusted named: too common, and hardly ever a way in.
        (false, ..) => return None,
    };
    let what = render(contract.arena(), spoiled.slot);
    Some(Candidate {
        rule,
        pc: call.pc,
        visit: site.visit,
        subject: spoiled.slot,
        severity,
        confidence,
        summary: format!(
            "The call hands over control before `storage({what})` is written at {:#x}, which decides about the call.",
            spoiled.pc
        ),
    })
}

/// Ether with all gas, and nothing that a second entry would find unchanged.
fn all_gas(contract: &Contract<'_>, site: &CallSite) -> Candidate {
    Candidate {
        rule: &rules::ALL_GAS,
        pc: site.call.pc,
        visit: site.visit,
        subject: site.call.target,
        severity: Severity::Info,
        confidence: Confidence::Possible,
        summary: format!(
            "Ether goes to `{}` with all gas: the callee can call back, here or elsewhere.",
            render(contract.arena(), site.call.target)
        ),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Callee {
    /// The caller, or whom it names.
    Chosen,
    /// Whom somebody put into storage who need not be trusted.
    Stored,
    /// Whom somebody trusted put into storage, or another contract named.
    Trusted,
}

/// Who is called, if it may be an attacker.
fn callee(contract: &Contract<'_>, target: Id) -> Option<Callee> {
    let taint = contract.taint(target);
    if taint.has(Taint::CHOSEN) {
        Some(Callee::Chosen)
    } else if contract.is_written_by_anyone(target) || taint.has(Taint::KEYED) {
        Some(Callee::Stored)
    } else if taint.has(Taint::STORAGE | Taint::ANSWER | Taint::MEMORY) {
        Some(Callee::Trusted)
    } else {
        None
    }
}

/// Whether the variable is looked at once more between the call and the write, so that a second entry fails.
fn is_asked_again(contract: &Contract<'_>, after: &[bool], write: &WriteSite) -> bool {
    contract.known(write.visit).iter().any(|known| {
        known.required
            && after.get(known.visit).copied().unwrap_or(false)
            && contract.arena().slots_read(known.condition).contains(&write.slot)
    })
}

/// Whether a lock is held during the call: a variable that was looked at, is written before the call, and is
/// written or looked at again after it; or transient storage.
fn is_locked(contract: &Contract<'_>, site: &CallSite, known: &[Known], late: &[&WriteSite]) -> bool {
    let arena = contract.arena();
    let decided = contract.slots_decided_on(known);
    let earlier: Vec<usize> = contract.graph.always_before(site.visit).collect();
    let before =
        |visit: usize, place: usize| earlier.contains(&visit) || visit == site.visit && place < site.place;
    let transient = earlier.iter().chain([&site.visit]).any(|&visit| {
        let mut effects = contract.visit(visit).effects.iter().enumerate();
        effects.any(|(place, effect)| matches!(effect, Effect::Lock) && before(visit, place))
    });
    transient
        || contract.writes.iter().any(|write| {
            arena.as_const(write.slot).is_some()
                && before(write.visit, write.place)
                && (decided.contains(&write.slot) && late.iter().any(|late| late.slot == write.slot)
                    || looked_at_after(contract, site, write.slot))
        })
}

/// Whether a branch after the call requires something of `slot`.
fn looked_at_after(contract: &Contract<'_>, site: &CallSite, slot: Id) -> bool {
    let after = contract.after(site.visit);
    contract.visits().iter().enumerate().any(|(index, visit)| {
        let Some(branch) = &visit.branch else { return false };
        let alive = |side: &[usize]| side.iter().any(|&next| contract.graph.kept(next));
        after.get(index).copied().unwrap_or(false)
            && alive(&branch.yes) != alive(&branch.no)
            && contract.arena().slots_read(branch.condition).contains(&slot)
    })
}
