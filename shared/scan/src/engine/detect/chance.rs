//! What blocks say, taken for chance or as a judge.

use std::collections::BTreeSet;

use super::Candidate;
use crate::engine::contract::Contract;
use crate::engine::expr::{Expr, Id, render};
use crate::engine::machine::Effect;
use crate::engine::opcode::{BLOCKHASH, COINBASE, GASLIMIT, MOD, NUMBER, PREVRANDAO, TIMESTAMP};
use crate::engine::report::{Confidence, Severity};
use crate::engine::rules;
use crate::engine::taint::Taint;

/// Everything that a block decides.
fn of_block() -> Taint {
    Taint::TIME | Taint::NUMBER | Taint::BLOCK
}

pub(super) fn find(contract: &Contract<'_>) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    let mut told = BTreeSet::new();
    for (visit, pc, word) in words(contract) {
        if !contract.taint(word).has(of_block()) || !told.insert((pc, word)) {
            continue;
        }
        if let Some(source) = chance(contract, word) {
            candidates.push(Candidate {
                rule: &rules::RANDOMNESS,
                pc,
                visit,
                subject: word,
                severity: Severity::Medium,
                confidence: Confidence::Likely,
                summary: format!("`{}` is used as if it were chance.", render(contract.arena(), source)),
            });
        }
    }
    candidates.extend(judged_by_time(contract));
    candidates
}

/// Words that decide something: conditions, and what is stored or sent.
fn words(contract: &Contract<'_>) -> Vec<(usize, usize, Id)> {
    let conditions = contract.visits().iter().enumerate().filter_map(|(index, visit)| {
        let branch = visit.branch.as_ref()?;
        contract.graph.kept(index).then_some((index, branch.pc, branch.condition))
    });
    let stored = contract
        .writes
        .iter()
        .flat_map(|write| [(write.visit, write.pc, write.value), (write.visit, write.pc, write.slot)]);
    let sent = contract.calls.iter().flat_map(|site| {
        let call = &site.call;
        let words = call.value.into_iter().chain([call.target]);
        words.map(|word| (site.visit, call.pc, word)).collect::<Vec<_>>()
    });
    conditions.chain(stored).chain(sent).collect()
}

/// The part of `word` that is chance made of a block: a hash or a remainder of what the block says, or
/// something of it that no clock needs.
fn chance(contract: &Contract<'_>, word: Id) -> Option<Id> {
    let arena = contract.arena();
    contract.inside(word).into_iter().find(|&part| match arena.expr(part) {
        Expr::Env(PREVRANDAO | COINBASE | GASLIMIT) | Expr::Op(BLOCKHASH, _) => true,
        Expr::Op(MOD, [a, by, _]) => {
            // The remainder by a day or an hour is a calendar, that by 2^32 a shorter number.
            arena.taint(*a).has(of_block())
                && arena.as_u64(*by).is_none_or(|by| by % 60 != 0 && (by < 1 << 16 || !by.is_power_of_two()))
        }
        Expr::Hash(words) => words.iter().any(|&word| arena.taint(word).has(of_block())),
        _ => false,
    })
}

/// Branches on the time behind which ether moves.
fn judged_by_time(contract: &Contract<'_>) -> Vec<Candidate> {
    let arena = contract.arena();
    let mut candidates = Vec::new();
    let mut told = BTreeSet::new();
    for (index, visit) in contract.visits().iter().enumerate() {
        let Some(branch) = &visit.branch else { continue };
        if !contract.taint(branch.condition).has(Taint::TIME | Taint::NUMBER) {
            continue;
        }
        let inside = contract.inside(branch.condition);
        let by_time = inside.iter().any(|&part| *arena.expr(part) == Expr::Env(TIMESTAMP));
        let by_number = inside.iter().any(|&part| *arena.expr(part) == Expr::Env(NUMBER));
        if !by_time && !by_number
            || !contract.graph.kept(index)
            || !told.insert((branch.pc, visit.state.selector))
        {
            continue;
        }
        let after = contract.after(index);
        let pays =
            contract.calls.iter().any(|site| {
                after.get(site.visit).copied().unwrap_or(false) && contract.sends_ether(&site.call)
            }) || contract.visits().iter().enumerate().any(|(other, visit)| {
                after.get(other).copied().unwrap_or(false)
                    && visit.effects.iter().any(|effect| matches!(effect, Effect::SelfDestruct { .. }))
            });
        if pays {
            let (rule, severity, what) = match by_time {
                true => (&rules::TIMESTAMP, Severity::Low, "time"),
                false => (&rules::BLOCK_NUMBER, Severity::Info, "number"),
            };
            candidates.push(Candidate {
                rule,
                pc: branch.pc,
                visit: index,
                subject: branch.condition,
                severity,
                confidence: Confidence::Possible,
                summary: format!(
                    "Whether ether moves depends on the block's {what}: `{}`.",
                    render(arena, branch.condition)
                ),
            });
        }
    }
    candidates
}
