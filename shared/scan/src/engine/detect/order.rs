//! What others can change while a transaction waits, and data that is shorter than it should be.

use std::collections::BTreeSet;

use super::Candidate;
use crate::engine::contract::{CallSite, Contract, WriteSite};
use crate::engine::expr::{Expr, Id, render};
use crate::engine::opcode::{CALLDATASIZE, LT};
use crate::engine::report::{Confidence, Severity};
use crate::engine::rules;
use crate::engine::taint::Taint;

pub(super) fn find(contract: &Contract<'_>) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    let mut told = BTreeSet::new();
    for site in &contract.calls {
        if told.insert((site.call.pc, contract.selector(site.visit))) {
            candidates.extend(order(contract, site));
        }
    }
    candidates.extend(short_address(contract));
    candidates
}

/// Ether for an open caller whose amount, or whether it is paid, another function decides.
fn order(contract: &Contract<'_>, site: &CallSite) -> Option<Candidate> {
    let call = &site.call;
    if !contract.sends_ether(call) || !contract.open(site.visit) {
        return None;
    }
    let arena = contract.arena();
    let value = call.value?;
    let of_amount = arena.slots_read(value);
    let of_permission = contract.slots_decided_on(&contract.known(site.visit));
    let changes = |slot: &Id, write: &&WriteSite| {
        // What is kept for each caller, only that caller changes.
        write.slot == *slot
            && arena.as_const(*slot).is_some()
            && contract.selector(write.visit) != contract.selector(site.visit)
    };
    let shared = |slot: &&Id| contract.writes.iter().any(|write| changes(slot, &write));
    let slot = *of_amount.iter().find(shared).or_else(|| of_permission.iter().find(shared))?;
    let amount = of_amount.contains(&slot);
    Some(Candidate {
        rule: &rules::ORDER,
        pc: call.pc,
        visit: site.visit,
        subject: slot,
        severity: Severity::Low,
        confidence: Confidence::Possible,
        summary: format!(
            "{} depends on `storage({})`, which another function changes.",
            if amount { "How much is paid" } else { "Whether it is paid" },
            render(arena, slot)
        ),
    })
}

/// `transfer(address,uint256)` and the like that take an amount from behind an address and never ask for the
/// length of the data.
fn short_address(contract: &Contract<'_>) -> Option<Candidate> {
    let arena = contract.arena();
    if contract.checks_arithmetic || asks_for_length(contract) {
        return None;
    }
    let moves = contract.writes.iter().find(|write| {
        let Some((keys, _)) = contract.mapping(write.slot) else { return false };
        let of_argument = |word: Id, at: u64| {
            contract.inside(word).iter().any(|&part| match arena.expr(part) {
                Expr::CallData(from) => arena.as_u64(*from) == Some(at),
                _ => false,
            })
        };
        // The address comes first, the amount right after it.
        keys.len() == 1
            && of_argument(keys[0], 4)
            && of_argument(write.value, 36)
            && contract.open(write.visit)
    })?;
    Some(Candidate {
        rule: &rules::SHORT_ADDRESS,
        pc: moves.pc,
        visit: moves.visit,
        subject: moves.value,
        severity: Severity::Low,
        confidence: Confidence::Possible,
        summary: "The amount is taken from data whose length nobody checked.".to_owned(),
    })
}

/// Whether some condition compares the size of the data with more than the selector's.
fn asks_for_length(contract: &Contract<'_>) -> bool {
    let arena = contract.arena();
    contract.visits().iter().filter_map(|visit| visit.branch.as_ref()).any(|branch| {
        contract.comparisons(branch.condition).iter().any(|&part| {
            arena.as_op(part, LT).is_some_and(|[a, b]| {
                [(a, b), (b, a)].into_iter().any(|(size, limit)| {
                    contract.inside(size).iter().any(|&word| *arena.expr(word) == Expr::Env(CALLDATASIZE))
                        && arena.as_u64(limit).is_some_and(|limit| limit >= 32)
                        && !arena.taint(size).has(Taint::STORAGE)
                })
            })
        })
    })
}
