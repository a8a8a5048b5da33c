//! Techniques of honeypots: contracts that look as if they could be robbed (Torres and others, The Art of the
//! Scam, 2019), as far as bytecode shows them.

use std::collections::BTreeSet;

use super::Candidate;
use super::ether::is_own_balance;
use crate::engine::contract::{CallSite, Contract};
use crate::engine::expr::{Expr, Id};
use crate::engine::opcode::{CALL, CALLCODE, CALLVALUE, DELEGATECALL, EQ, LT};
use crate::engine::report::{Confidence, Severity};
use crate::engine::rules::{self, Rule};
use crate::engine::taint::Taint;

pub(super) fn find(contract: &Contract<'_>) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    let mut told = BTreeSet::new();
    for site in &contract.calls {
        let baits = contract.sends_ether(&site.call)
            && contract.is_chosen(site.call.target)
            && contract.open(site.visit);
        if baits && told.insert((site.call.pc, contract.selector(site.visit))) {
            candidates.extend(balance_disorder(contract, site));
            candidates.extend(hidden_update(contract, site));
            candidates.extend(straw_man(contract, site));
        }
    }
    candidates
}

fn trap(site: &CallSite, rule: &'static Rule, subject: Id, summary: &str) -> Candidate {
    Candidate {
        rule,
        pc: site.call.pc,
        visit: site.visit,
        subject,
        severity: Severity::Medium,
        confidence: Confidence::Possible,
        summary: summary.to_owned(),
    }
}

/// Paid only if the ether that came along is at least the balance, of which it is a part.
fn balance_disorder(contract: &Contract<'_>, site: &CallSite) -> Option<Candidate> {
    let arena = contract.arena();
    let paid = site.call.value?;
    let pays_all = contract.inside(paid).iter().any(|&part| is_own_balance(contract, part));
    let known = contract.known(site.visit);
    let promise = known.iter().find(|known| {
        let (core, holds) = contract.core(known.condition, known.holds);
        arena.as_op(core, LT).is_some_and(|[a, b]| {
            let (small, large) = if holds { (a, b) } else { (b, a) };
            is_own_balance(contract, small) && *arena.expr(large) == Expr::Env(CALLVALUE)
        })
    })?;
    pays_all.then(|| {
        trap(
            site,
            &rules::BALANCE_DISORDER,
            promise.condition,
            "The reward is paid only to who sends as much as the contract has, his own ether included.",
        )
    })
}

/// Paid for a secret that everyone who pays may set, until a privileged caller throws a switch.
fn hidden_update(contract: &Contract<'_>, site: &CallSite) -> Option<Candidate> {
    let known = contract.known(site.visit);
    let arena = contract.arena();
    // The hash of what the caller passes is compared with storage itself.
    let secret = known.iter().find(|known| {
        contract.comparisons(known.condition).into_iter().any(|part| {
            arena.as_op(part, EQ).is_some_and(|[a, b]| {
                [(a, b), (b, a)].into_iter().any(|(hash, kept)| {
                    matches!(arena.expr(hash), Expr::Hash(_))
                        && contract.taint(hash).has(Taint::CALLDATA)
                        && matches!(arena.expr(kept), Expr::Storage(_))
                })
            })
        })
    })?;
    let slots = contract.arena().slots_read(secret.condition);
    let baited = contract.writes.iter().any(|write| {
        slots.contains(&write.slot)
            && contract.open(write.visit)
            && contract.slots_decided_on(&contract.known(write.visit)).iter().any(|&switch| {
                contract.writes.iter().any(|other| {
                    other.slot == switch
                        && !contract.open(other.visit)
                        && contract.selector(other.visit) != contract.selector(write.visit)
                })
            })
    });
    baited.then(|| {
        trap(
            site,
            &rules::HIDDEN_STATE_UPDATE,
            secret.condition,
            "The secret seems to be everyone's to set, until a privileged caller throws a switch.",
        )
    })
}

/// Paid only if a contract agrees whose address nobody but a privileged caller set.
fn straw_man(contract: &Contract<'_>, site: &CallSite) -> Option<Candidate> {
    let before: BTreeSet<usize> = contract.graph.always_before(site.visit).collect();
    let after = contract.after(site.visit);
    let stands_between = contract.calls.iter().find(|other| {
        let call = &other.call;
        let target = contract.slot_of(call.target);
        matches!(call.op, CALL | DELEGATECALL | CALLCODE)
            && !contract.sends_ether(call)
            && (before.contains(&other.visit)
                || after.get(other.visit).copied().unwrap_or(false)
                    && contract.selector(other.visit) == contract.selector(site.visit))
            && target.is_some_and(|slot| contract.arena().as_const(slot).is_some())
            && !contract.is_written_by_anyone(call.target)
            && !contract.is_stipend(&site.call)
    })?;
    let value = site.call.value?;
    let books = contract.arena().slots_read(value);
    (!books.is_empty()).then(|| {
        trap(
            site,
            &rules::STRAW_MAN,
            stands_between.call.target,
            "Whether the payout goes through is decided by a contract that callers cannot choose or see.",
        )
    })
}
