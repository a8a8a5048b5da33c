//! Calls: whether anybody looks at what tokens answer, whether one that fails blocks others, and who says what is called.

use std::collections::BTreeSet;

use super::Candidate;
use crate::engine::contract::{CallSite, Contract};
use crate::engine::expr::{Expr, Id, render};
use crate::engine::opcode::{ADD, CALL, CALLCODE, DELEGATECALL, EQ, ISZERO, LT};
use crate::engine::report::{Confidence, Severity};
use crate::engine::rules::{self, Rule};
use crate::engine::taint::Taint;

/// ERC-20 `transfer`, `transferFrom`.
pub(super) const TRANSFER: u32 = 0xa905_9cbb;
pub(super) const TRANSFER_FROM: u32 = 0x23b8_72dd;

pub(super) fn find(contract: &Contract<'_>) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    let mut told = BTreeSet::new();
    for site in &contract.calls {
        // The first round of a loop is a state of its own, outside of the circle.
        let loops = contract.graph.circle(site.visit).is_some();
        if !told.insert((site.call.pc, contract.selector(site.visit), loops)) {
            continue;
        }
        candidates.extend(unchecked_transfer(contract, site));
        candidates.extend(in_loop(contract, site));
        candidates.extend(failed_send(contract, site));
        candidates.extend(arbitrary_call(contract, site));
        candidates.extend(arbitrary_transfer(contract, site));
    }
    candidates.extend(unbounded_loops(contract));
    candidates
}

struct Said {
    rule: &'static Rule,
    severity: Severity,
    confidence: Confidence,
    subject: Id,
    summary: String,
}

fn at(site: &CallSite, said: Said) -> Candidate {
    Candidate {
        rule: said.rule,
        pc: site.call.pc,
        visit: site.visit,
        subject: said.subject,
        severity: said.severity,
        confidence: said.confidence,
        summary: said.summary,
    }
}

fn unchecked_transfer(contract: &Contract<'_>, site: &CallSite) -> Option<Candidate> {
    let call = &site.call;
    if call.op != CALL || !matches!(call.selector, Some(TRANSFER | TRANSFER_FROM)) {
        return None;
    }
    let arena = contract.arena();
    let looks = contract.visits().iter().filter_map(|visit| visit.branch.as_ref()).any(|branch| {
        contract.taint(branch.condition).has(Taint::ANSWER)
            && !is_form_check(contract, branch.condition)
            && contract.inside(branch.condition).iter().any(|&part| {
                part == call.answer
                    || matches!(arena.expr(part), Expr::Merge { taint, .. } if taint.has(Taint::ANSWER))
            })
    });
    (!looks).then(|| {
        at(
            site,
            Said {
                rule: &rules::UNCHECKED_TRANSFER,
                severity: Severity::Medium,
                confidence: Confidence::Possible,
                subject: call.target,
                summary: format!(
                    "Tokens of `{}` are moved, and nobody looks at the answer.",
                    render(arena, call.target)
                ),
            },
        )
    })
}

/// Whether a condition only asks if a word has the form of a `bool`: `x == !!x`.
fn is_form_check(contract: &Contract<'_>, condition: Id) -> bool {
    let (core, _) = contract.core(condition, true);
    let Some([a, b]) = contract.arena().as_op(core, EQ) else { return false };
    let negated_twice = |word: Id, of: Id| {
        contract
            .arena()
            .as_op(word, ISZERO)
            .and_then(|[inner, _]| contract.arena().as_op(inner, ISZERO))
            .is_some_and(|[inner, _]| inner == of)
    };
    negated_twice(a, b) || negated_twice(b, a)
}

fn in_loop(contract: &Contract<'_>, site: &CallSite) -> Option<Candidate> {
    let call = &site.call;
    contract.graph.circle(site.visit)?;
    if !matches!(call.op, CALL | CALLCODE) || contract.is_internal(call) || !contract.fails_with(call.pc) {
        return None;
    }
    // A fixed contract that fails is not a receiver who refuses.
    let taint = contract.taint(call.target);
    if contract.slot_of(call.target).is_some_and(|slot| contract.arena().as_const(slot).is_some())
        || contract.arena().as_const(call.target).is_some()
        || taint == Taint::CHAIN
    {
        return None;
    }
    let ether = contract.sends_ether(call);
    // Who lists the receivers in the call itself can list others the next time.
    let severity = match ether && !taint.has(Taint::CALLDATA) {
        true => Severity::Medium,
        false => Severity::Low,
    };
    Some(at(
        site,
        Said {
            rule: &rules::CALL_IN_LOOP,
            severity,
            confidence: Confidence::Possible,
            subject: call.target,
            summary: "A loop calls one address after the other, and one that fails undoes all.".to_owned(),
        },
    ))
}

fn failed_send(contract: &Contract<'_>, site: &CallSite) -> Option<Candidate> {
    let call = &site.call;
    let slot = contract.slot_of(call.target)?;
    if !contract.sends_ether(call)
        || contract.graph.circle(site.visit).is_some()
        || contract.arena().as_const(slot).is_none()
        || !contract.open(site.visit)
        || !contract.fails_with(call.pc)
    {
        return None;
    }
    // Somebody who need not be trusted puts itself into the place, after the payment to the one before.
    let seat = contract.writes.iter().any(|write| {
        write.slot == slot
            && contract.open(write.visit)
            && contract.selector(write.visit) == contract.selector(site.visit)
            && contract.taint(write.value).has(Taint::CHOSEN)
    });
    seat.then(|| {
        at(
            site,
            Said {
                rule: &rules::FAILED_SEND,
                severity: Severity::Medium,
                confidence: Confidence::Likely,
                subject: call.target,
                summary: "Whoever sits in the place is paid before the next one may take it, and can refuse."
                    .to_owned(),
            },
        )
    })
}

fn arbitrary_call(contract: &Contract<'_>, site: &CallSite) -> Option<Candidate> {
    let call = &site.call;
    let target = contract.taint(call.target);
    let free = call.op == CALL
        && target.has(Taint::CALLDATA)
        && !target.has(Taint::STORAGE | Taint::SIGNER | Taint::ANSWER)
        && call.selector.is_none()
        && call.arguments.first().is_some_and(|&(at, word)| {
            at == 0
                && contract.taint(word).has(Taint::CALLDATA)
                && !contract
                    .inside(word)
                    .iter()
                    .any(|&part| matches!(contract.arena().expr(part), Expr::Hash(_)))
        })
        && !contract.is_stipend(call)
        && contract.open(site.visit)
        && !contract.visit(site.visit).state.conditioned;
    free.then(|| {
        at(
            site,
            Said {
                rule: &rules::ARBITRARY_CALL,
                severity: Severity::High,
                confidence: Confidence::Possible,
                subject: call.target,
                summary: "Any caller chooses the contract that is called, the function and its arguments."
                    .to_owned(),
            },
        )
    })
}

fn arbitrary_transfer(contract: &Contract<'_>, site: &CallSite) -> Option<Candidate> {
    let call = &site.call;
    let &(_, from) = call.arguments.iter().find(|(at, _)| *at == 0)?;
    let taint = contract.taint(from);
    let free = call.op == CALL
        && call.selector == Some(TRANSFER_FROM)
        && taint.has(Taint::CALLDATA)
        && !taint.has(Taint::CALLER | Taint::STORAGE | Taint::SIGNER | Taint::ANSWER)
        && contract.open(site.visit)
        // A comparison of the owner with the caller, or an allowance of one for the other, is a permission.
        && !contract.known(site.visit).iter().any(|known| {
            contract.inside(known.condition).iter().any(|&part| part == contract.bare(from))
                && contract.taint(known.condition).has(Taint::CALLER | Taint::KEYED)
        });
    free.then(|| {
        at(
            site,
            Said {
                rule: &rules::ARBITRARY_TRANSFER_FROM,
                severity: Severity::High,
                confidence: contract.certainty(site.visit),
                subject: from,
                summary: "Any caller names the owner whose approved tokens are moved.".to_owned(),
            },
        )
    })
}

/// Loops that end at a length which anyone can make longer.
fn unbounded_loops(contract: &Contract<'_>) -> Vec<Candidate> {
    let arena = contract.arena();
    let mut candidates = Vec::new();
    let mut told = BTreeSet::new();
    let grows: BTreeSet<Id> = contract
        .writes
        .iter()
        .filter(|write| arena.as_const(write.slot).is_some() && contract.open(write.visit))
        .filter(|write| {
            arena.as_op(write.value, ADD).is_some_and(|[by, old]| {
                arena.as_const(by).is_some_and(|by| !by.bit(255)) && contract.slot_of(old) == Some(write.slot)
            })
        })
        .map(|write| write.slot)
        .collect();
    for (index, visit) in contract.visits().iter().enumerate() {
        let (Some(circle), Some(branch)) = (contract.graph.circle(index), &visit.branch) else { continue };
        let leaves = visit.next.iter().any(|&next| contract.graph.circle(next) != Some(circle));
        if !leaves || !told.insert((branch.pc, visit.state.selector)) || !contract.graph.kept(index) {
            continue;
        }
        if clears_behind(contract, branch.condition) {
            continue;
        }
        let looked_at = contract.slots_looked_at(branch.condition);
        // An array's place says how far the loop is, and a mapping's key only whose word it is.
        let places = looked_at.iter().filter(|slot| contract.mapping(**slot).is_none());
        let places: Vec<Id> = places.flat_map(|&slot| arena.slots_read(slot)).collect();
        let length = looked_at.into_iter().chain(places).find(|slot| grows.contains(slot));
        let Some(length) = length else { continue };
        // Reading costs only who reads.
        let after = contract.after(index);
        let works = contract.visits().iter().enumerate().any(|(other, visit)| {
            after.get(other).copied().unwrap_or(false)
                && !visit.effects.is_empty()
                && contract.graph.kept(other)
        });
        if works {
            candidates.push(Candidate {
                rule: &rules::UNBOUNDED_LOOP,
                pc: branch.pc,
                visit: index,
                subject: length,
                severity: Severity::Low,
                confidence: Confidence::Possible,
                summary: format!(
                    "The loop ends at `storage({})`, which anyone can raise.",
                    render(arena, length)
                ),
            });
        }
    }
    candidates
}

/// Whether a loop goes from one end of an array's places to another: what is behind an array that got shorter is cleared so,
/// and nothing where it got longer. A loop over all of the array begins at a place that no length says.
fn clears_behind(contract: &Contract<'_>, condition: Id) -> bool {
    let arena = contract.arena();
    contract.comparisons(condition).into_iter().filter_map(|part| arena.as_op(part, LT)).any(
        |[place, end]| {
            let is_end = arena.as_op(end, ADD).is_some_and(|sides| {
                sides.iter().any(|&side| contract.is_start_of_array(side))
                    && sides.iter().any(|&side| arena.taint(side).has(Taint::STORAGE))
            });
            is_end && arena.taint(place).has(Taint::STORAGE)
        },
    )
}

/// The instructions that hand over control.
pub(super) fn is_delegation(site: &CallSite) -> bool {
    matches!(site.call.op, DELEGATECALL | CALLCODE)
}
