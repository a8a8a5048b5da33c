//! Guards: conditions that let only some callers pass.
//!
//! A condition is a guard on the side on which it ties whoever is asking (the caller, the signer of the
//! transaction, a recovered signer) to something that the asker does not choose: storage, a constant, the
//! contract itself, a contract's answer. `x != owner` guards its other side; `!blocked[caller]` guards nothing.

use alloy_primitives::U256;

use super::expr::{Arena, Expr, Id};
use super::opcode::{ADD, AND, CALLER, DIV, EQ, ISZERO, LT, MUL, NOT, OR, ORIGIN, SLT, SUB, XOR};
use super::taint::Taint;

/// What ties the asker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The caller is compared.
    Caller,
    /// The signer of the transaction is compared: passing says nothing of who calls.
    Origin,
    /// Something is looked up for the caller, or another contract is asked about it.
    Lookup,
    /// A signature is checked.
    Signature,
}

/// What a guard makes sure of.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub(crate) kind: Kind,
    /// The comparison.
    pub(crate) condition: Id,
    /// Storage that it trusts.
    pub(crate) trusts: Vec<Id>,
}

/// One guard that a path may have passed.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    pub(crate) pc: usize,
    pub(crate) fact: Fact,
}

/// Nesting of a condition that is looked through.
const DEPTH_MAX: usize = 8;

/// The guards that are passed where `condition` is non-zero (`holds`) or zero.
pub(crate) fn facts(arena: &Arena, condition: Id, holds: bool) -> Vec<Fact> {
    facts_at(arena, condition, holds, DEPTH_MAX)
}

fn facts_at(arena: &Arena, condition: Id, holds: bool, depth: usize) -> Vec<Fact> {
    if depth == 0 {
        return Vec::new();
    }
    let deeper = |id, holds| facts_at(arena, id, holds, depth - 1);
    match (arena.expr(condition), holds) {
        (Expr::Op(ISZERO, [a, ..]), _) => deeper(*a, !holds),
        (Expr::Op(AND, [a, b, _]), true) if arena.as_const(*a).is_none() => {
            let mut both = deeper(*a, true);
            both.extend(deeper(*b, true));
            both
        }
        (Expr::Op(AND, [mask, word, _]), true) if arena.as_const(*mask).is_some() => deeper(*word, true),
        (Expr::Op(OR, [a, b, _]), false) => {
            let mut both = deeper(*a, false);
            both.extend(deeper(*b, false));
            both
        }
        (Expr::Op(OR, [a, b, _]), true) => {
            let (left, right) = (deeper(*a, true), deeper(*b, true));
            // One of the two suffices to pass, so both must guard.
            if left.is_empty() || right.is_empty() { Vec::new() } else { [left, right].concat() }
        }
        (Expr::Op(EQ, [a, b, _]), true) | (Expr::Op(SUB | XOR, [a, b, _]), false) => {
            equality(arena, condition, *a, *b).into_iter().collect()
        }
        (Expr::Op(LT | SLT, [small, large, _]), true) => ranked(arena, condition, *large, *small),
        // Not `a < b`: `a` is at least `b`, which says something unless `b` may be 0.
        (Expr::Op(LT | SLT, [large, small, _]), false)
            if arena.as_const(*small).is_none_or(|w| !w.is_zero()) =>
        {
            ranked(arena, condition, *large, *small)
        }
        // The caller is zero: nobody passes.
        (Expr::Env(CALLER | ORIGIN), false) => {
            vec![Fact { kind: Kind::Caller, condition, trusts: Vec::new() }]
        }
        (_, true) => truth(arena, condition),
        (_, false) => Vec::new(),
    }
}

/// `a == b` as a guard.
fn equality(arena: &Arena, condition: Id, a: Id, b: Id) -> Option<Fact> {
    let (ta, tb) = (arena.taint(a), arena.taint(b));
    let ordered = [(a, ta, b, tb), (b, tb, a, ta)];
    let (_, asker, against, trusted) = ordered
        .into_iter()
        .find(|(_, taint, _, _)| taint.has(Taint::IDENTITY))
        .or_else(|| ordered.into_iter().find(|(_, taint, _, _)| taint.has(Taint::KEYED)))?;
    // What the caller may choose on the other side too ties it to nothing: `tx.origin == msg.sender`.
    // Of memory that was not followed it is only known that it may be so.
    if trusted.has(Taint::CHOSEN) && !trusted.has(Taint::MEMORY) {
        return None;
    }
    let kind = kind(asker);
    let mut trusts = arena.slots_read(against);
    if !asker.has(Taint::IDENTITY) {
        trusts.extend(arena.slots_read(condition));
    }
    Some(Fact { kind, condition, trusts })
}

fn kind(asker: Taint) -> Kind {
    if asker.has(Taint::SIGNER | Taint::SIGNER_KEYED) {
        Kind::Signature
    } else if asker.has(Taint::CALLER) {
        Kind::Caller
    } else if asker.has(Taint::ORIGIN | Taint::ORIGIN_KEYED) && !asker.has(Taint::CALLER_KEYED) {
        Kind::Origin
    } else {
        Kind::Lookup
    }
}

/// `large > small` where the larger was looked up for the asker: a rank, a role, a share.
fn ranked(arena: &Arena, condition: Id, large: Id, small: Id) -> Vec<Fact> {
    let (of_asker, limit) = (arena.taint(large), arena.taint(small));
    // Against an argument it is a balance, against the block a waiting time: neither picks out callers.
    let is_rank = of_asker.has(Taint::KEYED)
        && !of_asker.has(Taint::CHOSEN | Taint::CHAIN)
        && !limit.has(Taint::CHOSEN | Taint::CHAIN | Taint::MEMORY);
    match is_rank {
        true => vec![Fact { kind: kind(of_asker), condition, trusts: arena.slots_read(large) }],
        false => Vec::new(),
    }
}

/// A word that is not zero: a flag that was looked up for the asker.
fn truth(arena: &Arena, condition: Id) -> Vec<Fact> {
    let taint = arena.taint(condition);
    match taint.has(Taint::KEYED) && !taint.has(Taint::CHOSEN) {
        true => vec![Fact { kind: kind(taint), condition, trusts: arena.slots_read(condition) }],
        false => Vec::new(),
    }
}

/// Whether the condition only finds out whether a sum, product or difference wrapped: it lets through whatever
/// fits, and so says nothing of state.
pub(crate) fn is_wrap_check(arena: &Arena, condition: Id) -> bool {
    let made_of = |word: Id, part: Id| match arena.expr(word) {
        Expr::Op(ADD | MUL | SUB, [a, b, _]) => *a == part || *b == part,
        _ => false,
    };
    match arena.expr(condition) {
        Expr::Op(ISZERO, [inner, ..]) => is_wrap_check(arena, *inner),
        Expr::Op(LT, [a, b, _]) => {
            made_of(*a, *b)
                || made_of(*b, *a)
                || matches!(arena.expr(*a), Expr::Op(NOT, _))
                // `a > max / b`, `a > max - b`
                || matches!(arena.expr(*a), Expr::Op(DIV | SUB, [max, ..]) if arena.as_const(*max).is_some())
                // Nothing is above the largest number but one: `x + 1`.
                || arena.as_const(*a).is_some_and(|max| max.bit_len() == 256)
        }
        Expr::Op(EQ, [a, b, _]) => [*a, *b].into_iter().any(|side| {
            // `x == max` before `x + 1`
            matches!(arena.expr(side), Expr::Op(DIV, [product, ..]) if matches!(arena.expr(*product), Expr::Op(MUL, _)))
                || arena.as_const(side) == Some(U256::MAX)
        }),
        Expr::Op(OR, [a, b, _]) => is_wrap_check(arena, *a) || is_wrap_check(arena, *b),
        Expr::Op(AND, [a, b, _]) => {
            arena.as_const(*a).is_none() && (is_wrap_check(arena, *a) || is_wrap_check(arena, *b))
        }
        _ => false,
    }
}

/// The selector that is chosen where `condition` is non-zero (`holds`) or zero.
pub(crate) fn selected(arena: &Arena, condition: Id, holds: bool) -> Option<u32> {
    let equal = match (arena.expr(condition), holds) {
        (Expr::Op(ISZERO, [a, ..]), _) => return selected(arena, *a, !holds),
        (Expr::Op(EQ, [a, b, _]), true) | (Expr::Op(SUB | XOR, [a, b, _]), false) => (*a, *b),
        // `selector == 0` is written so.
        (Expr::Selector, false) => return Some(0),
        _ => return None,
    };
    let constant = match (arena.expr(equal.0), arena.expr(equal.1)) {
        (Expr::Const(word), Expr::Selector) | (Expr::Selector, Expr::Const(word)) => *word,
        // Hand-written code may compare the left-aligned word: eq(const << 224, and(mask, calldata(0))).
        (Expr::Const(word), Expr::Op(AND, [mask, _, _]))
            if arena.as_const(*mask) == Some(U256::from(u32::MAX) << 224)
                && arena.taint(equal.1).has(Taint::CALLDATA) =>
        {
            *word >> 224
        }
        _ => return None,
    };
    u32::try_from(constant).ok()
}
