//! Sums that wrap, digits that are lost, and shifts the wrong way round.

use std::collections::BTreeSet;

use scorpius_scan::engine::Severity;

use super::{Case, Hit};
use crate::syntax::ast::{FunctionKind, Operator, Type};
use crate::walk::facts::{Event, What};
use crate::walk::value::{Source, Test, Val};

pub(super) fn detect(case: &Case<'_>, hits: &mut Vec<Hit>) {
    for event in &case.facts.events {
        if let What::Compare { operator, left, right, in_text: true } = &event.what {
            decided(event, *operator, left, right, hits);
        }
        let What::Arithmetic { operator, left, right, checked, assembly } = &event.what else { continue };
        match operator {
            Operator::Mul => divided_first(case, event, left, right, hits),
            // `shl(x, 8)` shifts the constant 8.
            Operator::Shl | Operator::Shr if *assembly => {
                if right.literal.is_some() && left.literal.is_none() && !left.is_fixed() {
                    let what = "The constant is shifted by the value, not the value by the constant.";
                    hits.push(Hit::at("shift-order", Severity::High, event, what));
                }
                continue;
            }
            _ => {}
        }
        if !checked && !assembly {
            wraps(case, event, *operator, left, right, hits);
        }
    }
}

/// A comparison whose end is known beforehand.
fn decided(event: &Event, operator: Operator, left: &Val, right: &Val, hits: &mut Vec<Hit>) {
    let same = left.exact == right.exact
        && matches!(left.exact, Some(Source::Param(_) | Source::Var(_) | Source::Sender | Source::Value));
    let unsigned = |value: &Val| match &value.ty {
        Some(Type::Elementary(name)) if value.literal.is_none() => name.strip_prefix("uint").map(width),
        _ => None,
    };
    let zero = match operator {
        Operator::Ge | Operator::Lt => unsigned(left).is_some() && right.is_zero(),
        Operator::Le | Operator::Gt => unsigned(right).is_some() && left.is_zero(),
        _ => false,
    };
    let beyond = [(left, right), (right, left)].into_iter().any(|(value, bound)| {
        let number = bound.literal.as_deref().and_then(|text| text.parse::<u128>().ok());
        match (unsigned(value), number) {
            (Some(bits), Some(number)) if bits < 128 => number >= 1 << bits,
            _ => false,
        }
    });
    if same || zero || beyond {
        let what = "This comparison always ends the same way.";
        hits.push(Hit::at("tautology", Severity::Medium, event, what));
    }
}

/// Bits of `uintN`.
fn width(digits: &str) -> u32 {
    digits.parse().unwrap_or(256)
}

fn divided_first(case: &Case<'_>, event: &Event, left: &Val, right: &Val, hits: &mut Vec<Hit>) {
    let quotients = |value: &Val| -> Vec<u32> {
        let each =
            value.from.iter().filter_map(|it| if let Source::Quotient(at) = it { Some(*at) } else { None });
        each.collect()
    };
    for (divided, factor) in [(left, right), (right, left)] {
        for at in quotients(divided) {
            let Some(division) = case.facts.events.get(at as usize) else { continue };
            let What::Arithmetic { left: above, right: below, .. } = &division.what else { continue };
            // Rounding down to a multiple: the divisor is the factor.
            let rounds = below.literal.is_some() && below.literal == factor.literal
                || below.exact.is_some()
                    && below.exact == factor.exact
                    && !matches!(below.exact, Some(Source::Fixed));
            let same_text = division.function == event.function && division.contract == event.contract;
            let constant = above.is_fixed() && below.is_fixed();
            let whole_seconds = below.from.is_empty();
            // A denominator that is itself scaled is the business of whoever wrote the fixed-point code.
            if rounds || !same_text || constant || whole_seconds || factor.literal.as_deref() == Some("1") {
                continue;
            }
            let what = "The quotient has lost its fraction before it is multiplied.";
            hits.push(
                Hit::at("divide-before-multiply", Severity::Medium, event, what)
                    .with(division.span, "the division"),
            );
            return;
        }
    }
}

/// An operation that nothing checks, on what the caller says.
fn wraps(case: &Case<'_>, event: &Event, operator: Operator, left: &Val, right: &Val, hits: &mut Vec<Hit>) {
    let (rule, word) = match operator {
        Operator::Sub => ("integer-underflow", "difference"),
        Operator::Add => ("integer-overflow", "sum"),
        Operator::Mul => ("integer-overflow", "product"),
        _ => return,
    };
    let number = |value: &Val| value.ty.as_ref().is_none_or(Type::is_integer);
    if !number(left) || !number(right) || left.is_fixed() && right.is_fixed() {
        return;
    }
    let constructor = case.facts.entry(event).is_some_and(|it| it.kind == FunctionKind::Constructor);
    let chosen = |value: &Val| value.any(|it| matches!(it, Source::Param(_) | Source::Data));
    if constructor || !(chosen(left) || chosen(right)) || case.guards.authorized(case.facts, event) {
        return;
    }
    let wanted: BTreeSet<Source> = left
        .from
        .union(&right.from)
        .copied()
        .filter(|it| !matches!(it, Source::Fixed | Source::Quotient(_)))
        .collect();
    // Conditions before and after: old code adds first and compares then.
    let asked = case.facts.events.iter().filter(|it| it.entry == event.entry).any(|it| match &it.what {
        What::Condition(condition) => {
            let would = |leaf: &Test, truth: bool| asks(leaf, truth, &wanted, operator, left, right);
            !is_empty_promise(&condition.test) && condition.test.implies(condition.holds, &would)
        }
        _ => false,
    });
    if asked || checked_elsewhere(case, event, operator, right) || !matters(case, event, &wanted) {
        return;
    }
    // What is taken from one account and given to another adds up to what there is.
    if operator == Operator::Add && is_moved(case, event, left) {
        return;
    }
    let what = format!("This {word} of what the caller says may wrap, and nothing checks it.");
    let severity = if operator == Operator::Add { Severity::Medium } else { Severity::High };
    hits.push(Hit::at(rule, severity, event, what));
}

/// Whether a condition would find out: it compares the operands of a difference, the result of a sum or product
/// with an operand, or holds what the caller says below a bound.
fn asks(
    leaf: &Test,
    truth: bool,
    wanted: &BTreeSet<Source>,
    operator: Operator,
    left: &Val,
    right: &Val,
) -> bool {
    let Test::Compare(compared, one, other) = leaf else { return false };
    let plain = |value: &Val| -> BTreeSet<Source> {
        value.from.iter().copied().filter(|it| !matches!(it, Source::Fixed | Source::Quotient(_))).collect()
    };
    let (a, b) = (plain(one), plain(other));
    let all: BTreeSet<Source> = a.union(&b).copied().collect();
    match operator {
        // What is taken away was held below something that the contract keeps, maybe another book of the same.
        Operator::Sub => {
            let kept = bounds(*compared, truth, one, other)
                .is_some_and(|(small, bound)| small.from == right.from && bound.variables().next().is_some());
            kept || wanted.is_subset(&all)
        }
        // `c >= a`, `c / a == b`; a balance that is compared with the result says nothing about it.
        _ => {
            all == *wanted && (a != b || wanted.len() == 1)
                || bounds(*compared, truth, one, other).is_some_and(|(small, bound)| {
                    let chosen = |it: &Val| it.any(|source| matches!(source, Source::Param(_)));
                    !bound.is_zero() && [left, right].iter().any(|it| chosen(it) && it.from == small.from)
                })
        }
    }
}

/// Whether the same amount is added or taken away beside it where the compiler checks: then it fits here too, as long
/// as the books agree.
fn checked_elsewhere(case: &Case<'_>, event: &Event, operator: Operator, amount: &Val) -> bool {
    case.facts.events.iter().filter(|it| it.entry == event.entry).any(|it| match &it.what {
        What::Arithmetic { operator: other, right, checked: true, .. } => {
            *other == operator && right.from == amount.from && operator != Operator::Mul
        }
        _ => false,
    })
}

/// Which of both is the smaller one.
fn bounds<'v>(compared: Operator, truth: bool, one: &'v Val, other: &'v Val) -> Option<(&'v Val, &'v Val)> {
    match (compared, truth) {
        (Operator::Lt | Operator::Le, true) | (Operator::Gt | Operator::Ge, false) => Some((one, other)),
        (Operator::Gt | Operator::Ge, true) | (Operator::Lt | Operator::Le, false) => Some((other, one)),
        _ => None,
    }
}

/// `x - y >= 0` of unsigned numbers is always true.
fn is_empty_promise(test: &Test) -> bool {
    match test {
        Test::Compare(Operator::Ge, _, right) => right.is_zero(),
        Test::Compare(Operator::Le, left, _) => left.is_zero(),
        Test::Compare(..) | Test::Truth(_) => false,
        Test::Not(inner) => is_empty_promise(inner),
        Test::And(left, right) | Test::Or(left, right) => is_empty_promise(left) && is_empty_promise(right),
    }
}

/// Whether the result is stored, sent or compared later in the same entry.
fn matters(case: &Case<'_>, event: &Event, wanted: &BTreeSet<Source>) -> bool {
    let has_all = |value: &Val| wanted.iter().all(|it| value.has(*it));
    case.facts.events.iter().filter(|it| it.entry == event.entry).any(|it| match &it.what {
        What::Write { value, .. } => has_all(value),
        What::Call(call) => call.value.as_ref().is_some_and(has_all),
        What::Condition(condition) => {
            let mut all = false;
            condition.test.values(&mut |value| all |= has_all(value));
            all
        }
        _ => false,
    })
}

/// Whether the same variable is made smaller in the same entry.
fn is_moved(case: &Case<'_>, event: &Event, left: &Val) -> bool {
    let Some(place) = left.place else { return false };
    case.facts.events.iter().filter(|it| it.entry == event.entry).any(|it| {
        matches!(&it.what, What::Arithmetic { operator: Operator::Sub, left, .. } if left.place == Some(place))
    })
}
