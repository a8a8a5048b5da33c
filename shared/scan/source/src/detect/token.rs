//! Vaults, hashes of packed values, and payments that cannot be made.

use std::collections::BTreeMap;

use scorpius_scan::engine::Severity;

use super::{Case, Hit};
use crate::syntax::ast::{FunctionKind, Operator, Span, Type};
use crate::walk::facts::{Event, What};
use crate::walk::value::{Source, Val};

pub(super) fn detect(case: &Case<'_>, hits: &mut Vec<Hit>) {
    packed(case, hits);
    first_depositor(case, hits);
    not_payable(case, hits);
}

fn packed(case: &Case<'_>, hits: &mut Vec<Hit>) {
    for &index in &case.facts.hashed {
        let Some(event) = case.facts.events.get(index as usize) else { continue };
        let What::Packed(args) = &event.what else { continue };
        let varies = |value: &Val| value.literal.is_none() && value.ty.as_ref().is_some_and(Type::is_dynamic);
        let chosen =
            |value: &Val| value.any(|it| matches!(it, Source::Param(_) | Source::Var(_) | Source::Data));
        let beside = args.windows(2).any(|two| two.iter().all(|it| varies(it) && chosen(it)));
        if beside {
            let what =
                "Two values of varying length stand beside each other: other values have the same hash.";
            hits.push(Hit::at("encode-packed-collision", Severity::High, event, what));
        }
    }
}

/// Shares are what is given times supply by what the token says that the vault holds.
fn first_depositor(case: &Case<'_>, hits: &mut Vec<Hit>) {
    for (index, event) in (0u32..).zip(&case.facts.events) {
        let What::Arithmetic { operator: Operator::Div, left, right, .. } = &event.what else { continue };
        let holdings = right.from.iter().any(|source| {
            let Source::Returned(at) = source else { return false };
            case.facts.call(*at).is_some_and(|(_, call)| {
                call.method == "balanceOf"
                    && call.args.first().is_some_and(|it| it.exact == Some(Source::This))
            })
        });
        let supply = left.variables().any(|id| case.facts.variable(id).is_some_and(|it| it.ty.is_integer()));
        let given = left.is_argument();
        // Something constant beside the holdings is what virtual shares look like.
        let offset = right.has(Source::Fixed);
        if !holdings || !supply || !given || offset || case.guards.authorized(case.facts, event) {
            continue;
        }
        let minted = case.facts.writes().any(|(write, _, keys, value)| {
            write.entry == event.entry && !keys.is_empty() && value.has(Source::Quotient(index))
        });
        if minted {
            let what = "Whoever is first can give tokens to the vault, so that the shares of those after him round down to nothing.";
            hits.push(Hit::at("first-depositor", Severity::Medium, event, what));
        }
    }
}

/// `msg.value` where none can be.
fn not_payable(case: &Case<'_>, hits: &mut Vec<Hit>) {
    let mut places: BTreeMap<Span, (&Event, bool)> = BTreeMap::new();
    for event in &case.facts.events {
        let used = match &event.what {
            What::Condition(condition) => {
                let mut used = false;
                let mut zero = false;
                condition.test.values(&mut |value| {
                    used |= value.has(Source::Value);
                    zero |= value.is_zero();
                });
                used && !zero
            }
            What::Write { value, .. } => value.has(Source::Value),
            _ => false,
        };
        if used {
            let payable =
                case.facts.entry(event).is_some_and(|it| it.payable || it.kind == FunctionKind::Constructor);
            places.entry(event.span).and_modify(|it| it.1 |= payable).or_insert((event, payable));
        }
    }
    for (event, payable) in places.into_values() {
        if !payable {
            let what = "No payable function leads here, so `msg.value` is always zero.";
            hits.push(Hit::at("value-not-payable", Severity::Medium, event, what));
        }
    }
}
