//! Ways in which what the contract itself holds leaves it: the ether of buyers, tokens that were sent to it or
//! that it may move.

use std::collections::BTreeSet;

use super::super::Candidate;
use super::super::calls::{TRANSFER, TRANSFER_FROM};
use super::{is_let_in, is_named, limits, privileged};
use crate::engine::contract::{CallSite, Contract};
use crate::engine::expr::Id;
use crate::engine::machine::Effect;
use crate::engine::report::Severity;
use crate::engine::rules;
use crate::engine::taint::Taint;

/// What kind of contract something leaves.
#[derive(Clone, Copy)]
struct Nature {
    is_token: bool,
    /// Whether callers pay for something: what comes along is booked, or decides what is.
    is_paid: bool,
}

pub(super) fn find(contract: &Contract<'_>, is_token: bool) -> Vec<Candidate> {
    let mut told = BTreeSet::new();
    let mut candidates = Vec::new();
    let nature = Nature { is_token, is_paid: is_paid(contract) };
    for site in &contract.calls {
        let Some((subject, how)) = leaves(contract, site, nature) else { continue };
        if told.insert(site.call.pc) {
            candidates.push(drain(site.visit, site.call.pc, subject, how));
        }
    }
    candidates.extend(ended(contract).filter(|_| nature.is_paid));
    candidates
}

/// What the call takes out of the contract, and at whose word.
fn leaves(contract: &Contract<'_>, site: &CallSite, nature: Nature) -> Option<(Id, &'static str)> {
    let Nature { is_token, is_paid } = nature;
    let call = &site.call;
    let let_in = is_let_in(contract, site.visit);
    if let Some(value) = call.value.filter(|_| contract.sends_ether(call) && call.selector.is_none()) {
        let taint = contract.taint(value);
        // What came with the call is given back.
        if !taint.has(Taint::VALUE) {
            // A token that sells nothing has ether only of its own making: fees that it changed.
            if let_in && taint.has(Taint::BALANCE | Taint::CALLDATA) && (is_paid || !is_token) {
                return Some((value, "when a privileged caller says so"));
            }
            if !let_in && is_token && is_priced(contract, value) {
                return Some((value, "at a price that a privileged caller sets"));
            }
        }
    }
    let of_caller = |(at, word): &(u64, Id)| *at == 0 && contract.taint(*word).has(Taint::CALLER);
    let moves = call.selector == Some(TRANSFER)
        || call.selector == Some(TRANSFER_FROM) && !call.arguments.iter().any(of_caller);
    (moves && let_in).then_some((call.target, "when a privileged caller says so"))
}

/// Whether a variable that a privileged caller sets decides how much it is.
fn is_priced(contract: &Contract<'_>, value: Id) -> bool {
    contract.slots_inside(value).into_iter().any(|slot| {
        contract.arena().as_const(slot).is_some()
            && limits::setters(contract, slot, value)
                .any(|write| is_named(contract, write.visit) && contract.is_chosen(write.value))
    })
}

/// The end of the contract, where a privileged caller decides about it.
fn ended(contract: &Contract<'_>) -> Option<Candidate> {
    let (visit, pc, beneficiary) = contract.visits().iter().enumerate().find_map(|(index, visit)| {
        let end = visit.effects.iter().find_map(|effect| match effect {
            Effect::SelfDestruct { pc, beneficiary } => Some((index, *pc, *beneficiary)),
            _ => None,
        });
        end.filter(|_| is_let_in(contract, index))
    })?;
    Some(drain(visit, pc, beneficiary, "when a privileged caller ends it"))
}

fn is_paid(contract: &Contract<'_>) -> bool {
    contract
        .writes
        .iter()
        .any(|write| contract.taint(write.value).has(Taint::VALUE) && !is_let_in(contract, write.visit))
}

fn drain(visit: usize, pc: usize, subject: Id, how: &str) -> Candidate {
    let summary = format!("What others paid into the contract leaves it {how}.");
    privileged(visit, pc, subject, &rules::LEAK_TOKEN, Severity::Info, summary)
}
