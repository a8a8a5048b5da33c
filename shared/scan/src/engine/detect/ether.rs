//! Ether that anyone takes, that nobody gets out, and balances taken for more than they are.

use std::collections::BTreeSet;

use super::Candidate;
use super::calls::is_delegation;
use crate::engine::contract::{CallSite, Contract};
use crate::engine::expr::{Expr, Id, render};
use crate::engine::machine::Effect;
use crate::engine::opcode::{ADDRESS, BALANCE, CALLVALUE, EQ, SELFBALANCE};
use crate::engine::report::{Confidence, Severity};
use crate::engine::rules;
use crate::engine::taint::Taint;

/// `getReserves()`, `slot0()`: what a pool says of itself at this moment.
const SPOT: [u32; 2] = [0x0902_f1ac, 0x3850_c7bd];

pub(super) fn find(contract: &Contract<'_>) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    let mut told = BTreeSet::new();
    for site in &contract.calls {
        if told.insert((site.call.pc, contract.selector(site.visit))) {
            candidates.extend(withdrawal(contract, site));
            candidates.extend(spot_price(contract, site));
        }
    }
    candidates.extend(strict_balances(contract));
    candidates.extend(locked(contract));
    candidates
}

fn withdrawal(contract: &Contract<'_>, site: &CallSite) -> Option<Candidate> {
    let call = &site.call;
    let value = call.value?;
    if !contract.sends_ether(call) || !contract.is_chosen(call.target) || !contract.open(site.visit) {
        return None;
    }
    let paid = contract.taint(value);
    // What came with the call goes back; what storage or another contract says was owed before.
    if paid.has(Taint::STORAGE | Taint::ANSWER | Taint::VALUE | Taint::MEMORY | Taint::SIGNER) {
        return None;
    }
    // A game asks for a stake, a riddle for an answer, a sale for tokens: whatever is asked for is a condition.
    let conditions = contract.known(site.visit);
    let asked = conditions.iter().any(|known| {
        contract.taint(known.condition).has(
            Taint::STORAGE
                | Taint::ANSWER
                | Taint::VALUE
                | Taint::TIME
                | Taint::NUMBER
                | Taint::BLOCK
                | Taint::KEYED
                | Taint::SIGNER
                | Taint::MEMORY
                | Taint::CALLER
                | Taint::ORIGIN,
        ) && !is_refusal_of_ether(contract, known.condition)
            || contract
                .inside(known.condition)
                .iter()
                .any(|&part| matches!(contract.arena().expr(part), Expr::Hash(_)))
    });
    if asked || contract.visit(site.visit).state.conditioned {
        return None;
    }
    // Books that are kept on the way: what is booked is not simply taken.
    let function = contract.selector(site.visit);
    let books = contract.writes.iter().any(|write| {
        contract.selector(write.visit) == function
            && contract.taint(write.slot).has(Taint::CALLER | Taint::CALLDATA)
    });
    (!books).then(|| Candidate {
        rule: &rules::WITHDRAWAL,
        pc: call.pc,
        visit: site.visit,
        subject: value,
        severity: Severity::Critical,
        confidence: Confidence::Likely,
        summary: format!("Any caller can have `{}` sent to whom it names.", render(contract.arena(), value)),
    })
}

/// `require(msg.value == 0)`, which compilers put before functions that take none.
fn is_refusal_of_ether(contract: &Contract<'_>, condition: Id) -> bool {
    let (core, _) = contract.core(condition, true);
    *contract.arena().expr(core) == Expr::Env(CALLVALUE)
}

fn spot_price(contract: &Contract<'_>, site: &CallSite) -> Option<Candidate> {
    let call = &site.call;
    if !call.selector.is_some_and(|selector| SPOT.contains(&selector)) {
        return None;
    }
    let answer = |word: Id| {
        contract.inside(word).iter().any(|&part| match contract.arena().expr(part) {
            Expr::Answer { pc, .. } => *pc == call.pc,
            _ => false,
        })
    };
    let function = contract.selector(site.visit);
    let here = |visit: usize| contract.selector(visit) == function && contract.open(visit);
    // A comparison that keeps a path from going on, or a value that is stored or paid.
    let decides = contract.visits().iter().enumerate().any(|(index, visit)| {
        let Some(branch) = &visit.branch else { return false };
        let alive = |side: &[usize]| side.iter().any(|&next| contract.graph.kept(next));
        here(index)
            && contract.graph.kept(index)
            && alive(&branch.yes) != alive(&branch.no)
            && contract.taint(branch.condition).has(Taint::CALLDATA | Taint::STORAGE)
            && answer(branch.condition)
    });
    let books = contract.writes.iter().any(|write| here(write.visit) && answer(write.value));
    let pays = contract.calls.iter().any(|other| here(other.visit) && other.call.value.is_some_and(answer));
    (decides || books || pays).then(|| Candidate {
        rule: &rules::SPOT_PRICE,
        pc: call.pc,
        visit: site.visit,
        subject: call.target,
        severity: Severity::Medium,
        confidence: Confidence::Possible,
        summary: format!(
            "What the pool `{}` says at this moment decides about value.",
            render(contract.arena(), call.target)
        ),
    })
}

/// Whether the expression is the contract's own balance.
pub(crate) fn is_own_balance(contract: &Contract<'_>, id: Id) -> bool {
    match contract.arena().expr(id) {
        Expr::Env(SELFBALANCE) => true,
        Expr::Op(BALANCE, [of, ..]) => *contract.arena().expr(contract.bare(*of)) == Expr::Env(ADDRESS),
        _ => false,
    }
}

fn strict_balances(contract: &Contract<'_>) -> Vec<Candidate> {
    let arena = contract.arena();
    let mut candidates = Vec::new();
    let mut told = BTreeSet::new();
    for (index, visit) in contract.visits().iter().enumerate() {
        let Some(branch) = &visit.branch else { continue };
        if !contract.graph.kept(index) || !told.insert(branch.pc) {
            continue;
        }
        let strict = contract.comparisons(branch.condition).into_iter().find(|&part| {
            let Some([a, b]) = arena.as_op(part, EQ) else { return false };
            let side = |own: Id, other: Id| {
                // An empty purse is asked for often, and nobody minds.
                is_own_balance(contract, own)
                    && !contract.is_zero(other)
                    && !arena.taint(other).has(Taint::BALANCE)
            };
            side(a, b) || side(b, a)
        });
        if let Some(subject) = strict {
            candidates.push(Candidate {
                rule: &rules::STRICT_BALANCE,
                pc: branch.pc,
                visit: index,
                subject,
                severity: Severity::Medium,
                confidence: Confidence::Likely,
                summary: format!(
                    "`{}` fails for good once somebody forces ether in.",
                    render(arena, subject)
                ),
            });
        }
    }
    candidates
}

/// A way in for ether, and none out.
fn locked(contract: &Contract<'_>) -> Option<Candidate> {
    let out = contract.calls.iter().any(|site| contract.sends_ether(&site.call) || is_delegation(site))
        || contract.visits().iter().any(|visit| {
            visit.effects.iter().any(|effect| match effect {
                Effect::SelfDestruct { .. } | Effect::Delegate { .. } => true,
                Effect::Create { value } => !contract.is_zero(*value),
                _ => false,
            })
        });
    if out || !contract.explored.gaps.is_empty() {
        return None;
    }
    let (index, visit) = contract
        .visits()
        .iter()
        .enumerate()
        .find(|(index, visit)| visit.keeps && !contract.refuses_ether(*index))?;
    Some(Candidate {
        rule: &rules::LOCKED_ETHER,
        pc: visit.state.pc,
        visit: index,
        subject: first_word(contract)?,
        severity: Severity::Medium,
        confidence: Confidence::Likely,
        summary: "The contract takes ether here, and no instruction of it sends any.".to_owned(),
    })
}

fn first_word(contract: &Contract<'_>) -> Option<Id> {
    contract.visits().iter().find_map(|visit| visit.branch.as_ref().map(|branch| branch.condition))
}
