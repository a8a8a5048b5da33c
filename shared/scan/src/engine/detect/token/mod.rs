//! Traps of tokens: what a privileged caller can do to those who hold them. Every finding says that it can be
//! done, not that it was.

mod drains;
mod limits;

use std::collections::BTreeSet;

use alloy_primitives::U256;

use super::Candidate;
use super::calls::{TRANSFER, TRANSFER_FROM};
use crate::engine::contract::{Contract, WriteSite};
use crate::engine::expr::{Expr, Id};
use crate::engine::guard::Kind;
use crate::engine::opcode::{ADD, AND, CALLER, DIV, LT, MUL, ORIGIN, SUB};
use crate::engine::report::{Confidence, Severity};
use crate::engine::rules::{self, Rule};
use crate::engine::taint::Taint;

/// What makes a contract a token, as far as its code shows.
struct Token {
    /// Bases of the mappings that hold balances.
    balances: BTreeSet<Id>,
    /// Bases of the mappings of mappings that hold allowances.
    allowances: BTreeSet<Id>,
}

pub(super) fn find(contract: &Contract<'_>) -> Vec<Candidate> {
    let token = Token::of(contract);
    let mut candidates = drains::find(contract, token.is_some());
    candidates.extend(limits::of_payouts(contract));
    let Some(token) = token else { return candidates };
    for write in &contract.writes {
        candidates.extend(token.hidden_mint(contract, write));
        candidates.extend(token.leak(contract, write));
    }
    candidates.extend(limits::of_transfers(&token, contract));
    candidates.extend(token.fees(contract));
    candidates
}

/// The 160 bits of an address.
const ADDRESS_MASK: U256 = U256::from_limbs([u64::MAX, u64::MAX, u32::MAX as u64, 0]);

/// ERC-20 `approve`.
const APPROVE: u32 = 0x095e_a7b3;

/// Whether only callers who are let in get to the state.
fn is_let_in(contract: &Contract<'_>, visit: usize) -> bool {
    !contract.open(visit) || is_named(contract, visit)
}

/// Whether the caller is compared with a variable on the way to the state. It counts where anyone may write the
/// variable, too: that takes nothing from what can be done then.
fn is_named(contract: &Contract<'_>, visit: usize) -> bool {
    let guards = &contract.visit(visit).state.guards;
    guards.iter().filter_map(|&number| contract.explored.guards.get(number as usize)).any(|guard| {
        let trusts = &guard.fact.trusts;
        guard.fact.kind == Kind::Caller
            && !trusts.is_empty()
            && trusts.iter().all(|&slot| contract.arena().as_const(slot).is_some())
    })
}

fn is_transfer(selector: Option<u32>) -> bool {
    matches!(selector, Some(TRANSFER | TRANSFER_FROM))
}

impl Token {
    /// Balances are what `transfer` takes from one place of a mapping and adds to another.
    fn of(contract: &Contract<'_>) -> Option<Self> {
        let (mut lowered, mut raised) = (BTreeSet::new(), BTreeSet::new());
        let mut allowances = BTreeSet::new();
        for write in &contract.writes {
            let Some((keys, base)) = contract.mapping(write.slot) else { continue };
            match keys[..] {
                // What is merged from several paths shows no sum or difference any more, but where it comes from.
                [key]
                    if is_transfer(contract.selector(write.visit))
                        && contract.taint(write.value).has(Taint::STORAGE)
                        && !is_flag(contract, write) =>
                {
                    let key = contract.taint(key);
                    if key.has(Taint::CALLER) || contract.selector(write.visit) == Some(TRANSFER_FROM) {
                        lowered.insert(base);
                    }
                    if key.has(Taint::CALLDATA) {
                        raised.insert(base);
                    }
                }
                // What `approve` writes for the caller.
                [owner, _]
                    if contract.selector(write.visit) == Some(APPROVE)
                        && contract.taint(owner).has(Taint::CALLER) =>
                {
                    allowances.insert(base);
                }
                _ => {}
            }
        }
        let balances: BTreeSet<Id> = lowered.intersection(&raised).copied().collect();
        (!balances.is_empty()).then_some(Self { balances, allowances })
    }

    fn key(&self, contract: &Contract<'_>, slot: Id) -> Option<Id> {
        let (keys, base) = contract.mapping(slot)?;
        match keys[..] {
            [key] if self.balances.contains(&base) => Some(key),
            _ => None,
        }
    }

    /// A privileged caller raises a balance, and nobody's falls.
    fn hidden_mint(&self, contract: &Contract<'_>, write: &WriteSite) -> Option<Candidate> {
        let function = contract.selector(write.visit);
        self.key(contract, write.slot)?;
        if is_transfer(function)
            || !is_let_in(contract, write.visit)
            || takes(contract, write)
            || contract.out_of_time()
        {
            return None;
        }
        // An owner that is written is a token with a number (ERC-721).
        let names_someone = contract.inside(write.value).into_iter().any(|part| {
            contract.arena().as_op(part, AND).is_some_and(|[mask, word]| {
                contract.arena().as_const(mask) == Some(ADDRESS_MASK) && contract.is_chosen(word)
            })
        });
        let sets = contract.is_chosen(write.value) && contract.slot_of(write.value) != Some(write.slot);
        if !adds(contract, write) && (!sets || names_someone) {
            return None;
        }
        let pays = contract.writes.iter().any(|other| {
            contract.selector(other.visit) == function
                && self.key(contract, other.slot).is_some()
                && takes(contract, other)
        });
        if pays {
            return None;
        }
        // A supply that rises too is a mint that everyone sees; a cap bounds it.
        let seen = contract.writes.iter().any(|other| {
            contract.selector(other.visit) == function
                && contract.arena().as_const(other.slot).is_some()
                && adds(contract, other)
        });
        let (severity, how) = match (is_capped(contract, function), seen) {
            (true, _) => (Severity::Info, "up to a cap"),
            (false, true) => (Severity::Low, "and raises the supply"),
            (false, false) => (Severity::Medium, "without a trace in the supply"),
        };
        let summary = format!("A privileged caller can add to balances without taking from others, {how}.");
        Some(privileged(write.visit, write.pc, write.value, &rules::HIDDEN_MINT, severity, summary))
    }

    /// A privileged caller lowers somebody's balance, or gives itself an allowance.
    fn leak(&self, contract: &Contract<'_>, write: &WriteSite) -> Option<Candidate> {
        let arena = contract.arena();
        let function = contract.selector(write.visit);
        if function == Some(TRANSFER) || function == Some(TRANSFER_FROM) && !is_let_in(contract, write.visit)
        {
            return None;
        }
        if let Some((keys, base)) = contract.mapping(write.slot)
            && keys.len() == 2
            && self.allowances.contains(&base)
        {
            let owner = contract.taint(keys[0]);
            let theirs = !owner.has(Taint::CALLER | Taint::SIGNER) && owner.has(Taint::CALLDATA);
            return (theirs && is_let_in(contract, write.visit) && !takes(contract, write)).then(|| {
                privileged(
                    write.visit,
                    write.pc,
                    keys[0],
                    &rules::LEAK_TOKEN,
                    Severity::High,
                    "A privileged caller can set an allowance on somebody else's balance.".to_owned(),
                )
            });
        }
        let key = self.key(contract, write.slot)?;
        let of_caller =
            contract.inside(key).iter().any(|&part| matches!(arena.expr(part), Expr::Env(CALLER | ORIGIN)));
        if of_caller || !contract.taint(key).has(Taint::CALLDATA) || adds(contract, write) {
            return None;
        }
        let lowers = takes(contract, write) || contract.is_zero(write.value);
        if !lowers || contract.out_of_time() || self.asks_for_allowance(contract, write.visit) {
            return None;
        }
        Some(privileged(
            write.visit,
            write.pc,
            key,
            &rules::LEAK_TOKEN,
            Severity::High,
            "A caller who is let in can lower the balance of somebody who approved nothing.".to_owned(),
        ))
    }

    /// Whether the function looks at, or writes, an allowance or a permission for the caller.
    fn asks_for_allowance(&self, contract: &Contract<'_>, visit: usize) -> bool {
        let function = contract.selector(visit);
        let is_allowance = |slot: Id| {
            contract.mapping(slot).is_some_and(|(keys, _)| {
                keys.len() == 2
                    && keys
                        .iter()
                        .any(|&key| contract.taint(key).has(Taint::CALLER | Taint::ORIGIN | Taint::SELF))
            })
        };
        let here = |other: &usize| contract.selector(*other) == function;
        (0..contract.visits().len())
            .filter(here)
            .filter_map(|index| contract.visit(index).branch.as_ref())
            .any(|branch| contract.arena().slots_read(branch.condition).into_iter().any(is_allowance))
            || contract.writes.iter().any(|write| here(&write.visit) && is_allowance(write.slot))
    }

    fn is_of_holders(&self, contract: &Contract<'_>, slot: Id) -> bool {
        contract
            .mapping(slot)
            .is_some_and(|(_, base)| self.balances.contains(&base) || self.allowances.contains(&base))
    }

    /// Fees of a transfer that a privileged caller sets without a bound.
    fn fees(&self, contract: &Contract<'_>) -> Vec<Candidate> {
        let arena = contract.arena();
        let mut candidates = Vec::new();
        let mut told = BTreeSet::new();
        for write in &contract.writes {
            if !is_transfer(contract.selector(write.visit)) || self.key(contract, write.slot).is_none() {
                continue;
            }
            for part in contract.inside(write.value) {
                let Some([product, _]) = arena.as_op(part, DIV) else { continue };
                let Expr::Op(MUL, [a, b, _]) = arena.expr(product) else { continue };
                for rate in [*a, *b].into_iter().flat_map(|side| arena.slots_read(side)) {
                    if arena.as_const(rate).is_none() || !told.insert(rate) {
                        continue;
                    }
                    if let Some(setter) = limits::setters(contract, rate, part).next()
                        && contract.is_chosen(setter.value)
                        && !is_bounded(contract, setter)
                    {
                        candidates.push(privileged(
                            setter.visit,
                            setter.pc,
                            setter.value,
                            &rules::UNBOUNDED_FEE,
                            Severity::Medium,
                            "A privileged caller can set the fee of transfers to anything.".to_owned(),
                        ));
                    }
                }
            }
        }
        candidates
    }
}

fn privileged(
    visit: usize,
    pc: usize,
    subject: Id,
    rule: &'static Rule,
    severity: Severity,
    summary: String,
) -> Candidate {
    Candidate { rule, pc, visit, subject, severity, confidence: Confidence::Likely, summary }
}

/// Whether a constant is packed into the slot: a mark, and no number.
fn is_flag(contract: &Contract<'_>, write: &WriteSite) -> bool {
    let (bits, set) = contract.packed(write);
    bits != U256::MAX && !set.is_empty() && set.iter().all(|&word| contract.arena().as_const(word).is_some())
}

/// Whether the write takes something from what was there.
fn takes(contract: &Contract<'_>, write: &WriteSite) -> bool {
    let arena = contract.arena();
    contract.inside(write.value).into_iter().take(40).any(|part| match arena.expr(part) {
        Expr::Op(SUB, [from, _, _]) => contract.slot_of(*from) == Some(write.slot),
        _ => false,
    })
}

/// Whether the write adds something to what was there.
fn adds(contract: &Contract<'_>, write: &WriteSite) -> bool {
    let arena = contract.arena();
    contract.inside(write.value).into_iter().take(40).any(|part| match arena.expr(part) {
        // One more is a counter, of items or of steps.
        Expr::Op(ADD, [a, _, _]) if arena.as_const(*a).is_some() => false,
        Expr::Op(ADD, [a, b, _]) => {
            contract.slot_of(*a) == Some(write.slot) || contract.slot_of(*b) == Some(write.slot)
        }
        _ => false,
    })
}

/// Whether the function requires that a sum it keeps stays below a constant or another variable.
fn is_capped(contract: &Contract<'_>, function: Option<u32>) -> bool {
    let arena = contract.arena();
    let sums: Vec<Id> = contract
        .writes
        .iter()
        .filter(|write| contract.selector(write.visit) == function && arena.as_const(write.slot).is_some())
        .filter(|write| adds(contract, write))
        .map(|write| write.slot)
        .collect();
    contract.visits().iter().filter(|visit| visit.state.selector == function).any(|visit| {
        let Some(branch) = &visit.branch else { return false };
        let alive = |side: &[usize]| side.iter().any(|&next| contract.graph.kept(next));
        alive(&branch.yes) != alive(&branch.no)
            && contract.comparisons(branch.condition).into_iter().any(|part| {
                arena.as_op(part, LT).is_some_and(|[limit, sum]| {
                    let read = arena.slots_read(sum);
                    let is_limit = arena.as_const(limit).is_some_and(|word| word.bit_len() < 256)
                        || contract.slot_of(limit).is_some_and(|slot| !read.contains(&slot));
                    is_limit && read.iter().any(|slot| sums.contains(slot))
                })
            })
    })
}

/// Whether the value that is written has to be below a constant.
fn is_bounded(contract: &Contract<'_>, write: &WriteSite) -> bool {
    let arena = contract.arena();
    let written = contract.inside(write.value);
    contract.known(write.visit).iter().any(|known| {
        contract.comparisons(known.condition).into_iter().any(|part| {
            arena.as_op(part, LT).is_some_and(|[a, b]| {
                let bounds = |limit: Id, word: Id| {
                    arena.as_const(limit).is_some()
                        && arena.taint(word).has(Taint::CALLDATA)
                        && contract.inside(word).iter().any(|inner| {
                            written.contains(inner) && matches!(arena.expr(*inner), Expr::CallData(_))
                        })
                };
                bounds(a, b) || bounds(b, a)
            })
        })
    })
}
