//! Conditions that a privileged caller switches, and without which holders cannot sell or get paid.

use std::collections::BTreeSet;

use super::super::Candidate;
use super::super::calls::TRANSFER;
use super::{ADDRESS_MASK, Token, adds, is_let_in, is_named, is_transfer, privileged, takes};
use crate::engine::contract::{Contract, WriteSite};
use crate::engine::expr::{Expr, Id, render};
use crate::engine::guard::is_wrap_check;
use crate::engine::opcode::{ADD, AND, CALLER, EXTCODESIZE, SUB};
use crate::engine::report::Severity;
use crate::engine::rules::{self, Rule};
use crate::engine::taint::Taint;

/// Conditions of transfers.
pub(super) fn of_transfers(token: &Token, contract: &Contract<'_>) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    let mut told = BTreeSet::new();
    let moved: BTreeSet<usize> = contract
        .writes
        .iter()
        .filter(|write| {
            is_transfer(contract.selector(write.visit)) && token.key(contract, write.slot).is_some()
        })
        .map(|write| write.visit)
        .collect();
    let moves = leading_to(contract, &moved);
    let unmoved = without(contract, &moved);
    for (index, visit) in contract.visits().iter().enumerate() {
        let Some(branch) = &visit.branch else { continue };
        if !is_transfer(visit.state.selector) || !contract.graph.kept(index) {
            continue;
        }
        let Some(stopped) = stopped(&moves, &branch.yes, &branch.no) else { continue };
        // Behind a transfer only an error stops it; what else is not done there is something besides.
        let ends_kept = stopped.iter().any(|&next| contract.graph.kept(next));
        if ends_kept && !unmoved.get(index).copied().unwrap_or(true) || !decides(contract, branch.condition) {
            continue;
        }
        for slot in contract.slots_looked_at(branch.condition) {
            if token.is_of_holders(contract, slot) || !told.insert((branch.pc, slot)) {
                continue;
            }
            if setters(contract, slot, branch.condition).next().is_some()
                || is_set_by_transfers(contract, slot)
            {
                candidates.extend(limit(contract, index, branch.pc, branch.condition, slot));
            }
        }
    }
    candidates
}

/// Conditions without which the contract does not pay its callers, in ether or in tokens.
pub(super) fn of_payouts(contract: &Contract<'_>) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    let mut told = BTreeSet::new();
    let paid: BTreeSet<usize> = contract
        .calls
        .iter()
        .filter(|site| {
            let call = &site.call;
            let to_caller = |word: Id| *contract.arena().expr(contract.bare(word)) == Expr::Env(CALLER);
            let ether = contract.sends_ether(call) && to_caller(call.target);
            let tokens = call.selector == Some(TRANSFER)
                && call.arguments.iter().any(|&(at, word)| at == 0 && to_caller(word));
            (ether || tokens) && !is_named(contract, site.visit)
        })
        .map(|site| site.visit)
        .collect();
    if paid.is_empty() {
        return candidates;
    }
    let pays = leading_to(contract, &paid);
    for (index, visit) in contract.visits().iter().enumerate() {
        let Some(branch) = &visit.branch else { continue };
        if !contract.graph.kept(index)
            || stopped(&pays, &branch.yes, &branch.no).is_none()
            || !decides(contract, branch.condition)
        {
            continue;
        }
        for slot in contract.slots_looked_at(branch.condition) {
            if contract.arena().as_const(slot).is_none() || !told.insert((branch.pc, slot)) {
                continue;
            }
            if !setters(contract, slot, branch.condition).any(|write| is_named(contract, write.visit)) {
                continue;
            }
            candidates.push(privileged(
                index,
                branch.pc,
                branch.condition,
                &rules::LIMIT_SELL,
                Severity::Info,
                format!(
                    "What the contract pays its callers depends on `storage({})`, which a privileged caller \
                     writes.",
                    render(contract.arena(), slot)
                ),
            ));
        }
    }
    candidates
}

/// For each state, whether one of `states` may still be reached; so for these.
fn leading_to(contract: &Contract<'_>, states: &BTreeSet<usize>) -> Vec<bool> {
    let mut leading = contract.graph.leading_to(states);
    for &state in states {
        if let Some(leads) = leading.get_mut(state) {
            *leads = true;
        }
    }
    leading
}

/// For each state, whether some path from the start comes there without one of `states`; not so for these.
fn without(contract: &Contract<'_>, states: &BTreeSet<usize>) -> Vec<bool> {
    let mut barred = vec![false; contract.visits().len()];
    for &state in states {
        if let Some(barred) = barred.get_mut(state) {
            *barred = true;
        }
    }
    let mut reached = vec![false; contract.visits().len()];
    let mut open = vec![0];
    while let Some(index) = open.pop() {
        let Some(seen) = reached.get_mut(index) else { continue };
        if !barred[index] && !std::mem::replace(seen, true) {
            open.extend(&contract.visit(index).next);
        }
    }
    reached
}

/// Whether a condition lets somebody decide. That a sum fits, that there is code at an address, and that an
/// address is not zero are checks of the compiler or of good order.
fn decides(contract: &Contract<'_>, condition: Id) -> bool {
    let (core, _) = contract.core(condition, true);
    let is_address = contract
        .arena()
        .as_op(core, AND)
        .is_some_and(|[mask, _]| contract.arena().as_const(mask) == Some(ADDRESS_MASK));
    !is_address
        && !is_wrap_check(contract.arena(), condition)
        && !contract
            .inside(core)
            .iter()
            .any(|&part| matches!(contract.arena().expr(part), Expr::Op(EXTCODESIZE, _)))
}

/// The side of a branch from which none of the states is reached, if the other one leads to some.
fn stopped<'s>(leads: &[bool], yes: &'s [usize], no: &'s [usize]) -> Option<&'s [usize]> {
    let goes_on = |side: &[usize]| side.iter().any(|&next| leads.get(next).copied().unwrap_or(false));
    match (goes_on(yes), goes_on(no)) {
        (true, false) => Some(no),
        (false, true) => Some(yes),
        _ => None,
    }
}

fn limit(contract: &Contract<'_>, visit: usize, pc: usize, condition: Id, slot: Id) -> [Candidate; 2] {
    let of_holder = contract.mapping(slot).is_some();
    let (rule, summary): (&'static Rule, _) = match of_holder {
        true => (&rules::BLACKLIST, "Transfers of single holders fail when a privileged caller says so."),
        false => (&rules::PAUSABLE, "Transfers fail when a privileged caller says so."),
    };
    let limit = privileged(
        visit,
        pc,
        condition,
        &rules::LIMIT_SELL,
        Severity::Low,
        format!(
            "A transfer fails depending on `storage({})`, which a privileged caller writes.",
            render(contract.arena(), slot)
        ),
    );
    [privileged(visit, pc, condition, rule, Severity::Low, summary.to_owned()), limit]
}

/// Who, let in and outside of transfers, sets what `reader` uses of the variable; nobody once time has run out.
pub(super) fn setters<'c>(
    contract: &'c Contract<'_>,
    slot: Id,
    reader: Id,
) -> impl Iterator<Item = &'c WriteSite> {
    let read = contract.bits_read(reader, slot);
    contract.writes.iter().filter(move |write| {
        !read.is_zero()
            && contract.same_variable(write.slot, slot)
            && !(contract.packed(write).0 & read).is_zero()
            && !is_transfer(contract.selector(write.visit))
            && is_let_in(contract, write.visit)
            // A supply or a counter moves with what is booked; nobody sets it.
            && !takes(contract, write)
            && !adds(contract, write)
            && !steps(contract, write)
    })
}

/// Whether transfers themselves put their holders on the list, when somebody in particular makes them: whoever
/// is sent tokens from there cannot send them on.
fn is_set_by_transfers(contract: &Contract<'_>, slot: Id) -> bool {
    contract.mapping(slot).is_some()
        && !contract.out_of_time()
        && contract.writes.iter().any(|write| {
            contract.same_variable(write.slot, slot)
                && is_transfer(contract.selector(write.visit))
                && is_let_in(contract, write.visit)
                // A flag: what depends on the block or the amount ends by itself.
                && contract.taint(write.value).only(Taint::STORAGE) == contract.taint(write.value)
                && !contract.is_zero(write.value)
        })
}

/// Whether the write counts up or down by one.
fn steps(contract: &Contract<'_>, write: &WriteSite) -> bool {
    match contract.arena().expr(contract.bare(write.value)) {
        Expr::Op(ADD | SUB, [a, b, _]) => {
            [*a, *b].iter().any(|&side| contract.slot_of(side) == Some(write.slot))
        }
        _ => false,
    }
}
