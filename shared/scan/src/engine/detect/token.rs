//! Traps of tokens: what a privileged caller can do to those who hold them. Every finding says that it can be
//! done, not that it was.

use std::collections::BTreeSet;

use alloy_primitives::U256;

use super::Candidate;
use super::calls::{TRANSFER, TRANSFER_FROM};
use crate::engine::contract::{Contract, WriteSite};
use crate::engine::expr::{Expr, Id, render};
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
    let mut candidates = drains(contract, token.is_some());
    let Some(token) = token else { return candidates };
    for write in &contract.writes {
        candidates.extend(token.hidden_mint(contract, write));
        candidates.extend(token.leak(contract, write));
    }
    candidates.extend(token.limits(contract));
    candidates.extend(token.fees(contract));
    candidates
}

/// The 160 bits of an address.
const ADDRESS_MASK: U256 = U256::from_limbs([u64::MAX, u64::MAX, u32::MAX as u64, 0]);

/// ERC-20 `approve`.
const APPROVE: u32 = 0x095e_a7b3;

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
                        && contract.taint(write.value).has(Taint::STORAGE) =>
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
        if is_transfer(function) || contract.open(write.visit) || takes(contract, write) {
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
        if function == Some(TRANSFER) || function == Some(TRANSFER_FROM) && contract.open(write.visit) {
            return None;
        }
        if let Some((keys, base)) = contract.mapping(write.slot)
            && keys.len() == 2
            && self.allowances.contains(&base)
        {
            let owner = contract.taint(keys[0]);
            let theirs = !owner.has(Taint::CALLER | Taint::SIGNER) && owner.has(Taint::CALLDATA);
            return (theirs && !contract.open(write.visit) && !takes(contract, write)).then(|| {
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
        if !lowers || self.asks_for_allowance(contract, write.visit) {
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

    /// Conditions of transfers that a privileged caller switches.
    fn limits(&self, contract: &Contract<'_>) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        let mut told = BTreeSet::new();
        let moves = self.moves(contract);
        for (index, visit) in contract.visits().iter().enumerate() {
            let Some(branch) = &visit.branch else { continue };
            if !is_transfer(visit.state.selector) || !contract.graph.kept(index) {
                continue;
            }
            let goes_on = |side: &[usize]| side.iter().any(|&next| moves.get(next).copied().unwrap_or(false));
            if goes_on(&branch.yes) == goes_on(&branch.no) {
                continue;
            }
            for slot in contract.slots_inside(branch.condition) {
                if self.is_of_holders(contract, slot) || !told.insert((branch.pc, slot)) {
                    continue;
                }
                if switch(contract, slot).is_none() {
                    continue;
                }
                candidates.extend(self.limit(contract, index, branch.pc, branch.condition, slot));
            }
        }
        candidates
    }

    /// States from which a transfer may still change a balance.
    fn moves(&self, contract: &Contract<'_>) -> Vec<bool> {
        let mut moves = vec![false; contract.visits().len()];
        let writes = contract.writes.iter().filter(|write| {
            is_transfer(contract.selector(write.visit)) && self.key(contract, write.slot).is_some()
        });
        for write in writes {
            if moves.get(write.visit).copied().unwrap_or(true) {
                continue;
            }
            for (to, leads) in moves.iter_mut().zip(contract.graph.leading_to(write.visit)) {
                *to |= leads;
            }
            if let Some(to) = moves.get_mut(write.visit) {
                *to = true;
            }
        }
        moves
    }

    fn is_of_holders(&self, contract: &Contract<'_>, slot: Id) -> bool {
        contract
            .mapping(slot)
            .is_some_and(|(_, base)| self.balances.contains(&base) || self.allowances.contains(&base))
    }

    fn limit(
        &self,
        contract: &Contract<'_>,
        visit: usize,
        pc: usize,
        condition: Id,
        slot: Id,
    ) -> Vec<Candidate> {
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
        vec![privileged(visit, pc, condition, rule, Severity::Low, summary.to_owned()), limit]
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
                    if let Some(setter) = switch(contract, rate)
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

/// Ways in which what the contract itself holds leaves it: the ether of buyers, tokens that were sent to it.
fn drains(contract: &Contract<'_>, is_token: bool) -> Vec<Candidate> {
    let mut told = BTreeSet::new();
    let mut candidates = Vec::new();
    for site in &contract.calls {
        let call = &site.call;
        let open = contract.open(site.visit);
        let value = call.value.filter(|_| contract.sends_ether(call) && call.selector.is_none());
        let ether = value.is_some_and(|value| {
            let taint = contract.taint(value);
            match open {
                // What came with the call is given back; what storage prices is sold back.
                true => is_token && !taint.has(Taint::VALUE) && taint.has(Taint::STORAGE),
                false => !taint.has(Taint::VALUE) && taint.has(Taint::BALANCE | Taint::CALLDATA),
            }
        });
        let tokens = call.selector == Some(TRANSFER) && !open;
        if !ether && !tokens || !told.insert(call.pc) {
            continue;
        }
        let how = if open {
            "at a price that a privileged caller sets"
        } else {
            "when a privileged caller says so"
        };
        candidates.push(privileged(
            site.visit,
            call.pc,
            value.unwrap_or(call.target),
            &rules::LEAK_TOKEN,
            Severity::Info,
            format!("What others paid into the contract leaves it {how}."),
        ));
    }
    candidates
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

/// Who, behind a guard and outside of transfers, writes the variable.
fn switch<'c>(contract: &'c Contract<'_>, slot: Id) -> Option<&'c WriteSite> {
    contract.writes.iter().find(|write| {
        contract.same_variable(write.slot, slot)
            && !is_transfer(contract.selector(write.visit))
            && !contract.open(write.visit)
            // A supply or a counter moves with what is booked; nobody sets it.
            && !takes(contract, write)
            && !adds(contract, write)
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
