//! Variables that nobody sets, pointers that point nowhere, and ether that stays.

use std::collections::BTreeSet;

use scorpius_scan::engine::Severity;

use super::guard::is_constructor;
use super::{Case, Hit, once};
use crate::syntax::ast::{ContractKind, ExprKind, FunctionKind, Operator, Type};
use crate::syntax::visit::{expressions, mentions};
use crate::walk::facts::{CallKind, What};
use crate::walk::value::{Source, VarId};

pub(super) fn detect(case: &Case<'_>, hits: &mut Vec<Hit>) {
    let whole = !case.facts.out_of_steps && !case.facts.out_of_time;
    if whole {
        never_set(case, hits);
        locked_ether(case, hits);
    }
    unset_locals(case, hits);
    lengths(case, hits);
    zero_checks(case, hits);
    deletions(case, hits);
}

fn never_set(case: &Case<'_>, hits: &mut Vec<Hit>) {
    let facts = case.facts;
    // Heirs may set what their base only reads.
    if case.program.heirs.contains(&facts.contract) || !case.program.is_deployable(facts.contract) {
        return;
    }
    let written: BTreeSet<VarId> = facts.writes().map(|(_, var, ..)| var).collect();
    for (id, variable) in (0u32..).zip(&facts.variables) {
        let fine =
            variable.fixed || variable.has_value || written.contains(&id) || facts.escaped.contains(&id);
        let read = facts.entries.iter().any(|entry| entry.reads.contains(&id));
        if fine || !read || variable.name.starts_with("__") || is_set_for_heirs(case, &variable.name) {
            continue;
        }
        let pays = facts.calls().any(|(_, _, call)| call.target.exact == Some(Source::Var(id)));
        let severity = if pays { Severity::High } else { Severity::Medium };
        let what = format!("Nothing sets `{}`, which is always zero.", variable.name);
        hits.push(Hit::of("uninitialized-state", severity, variable.span, Some(variable.contract), what));
    }
}

/// Whether a function that nothing calls here sets it: it is there for those who inherit.
fn is_set_for_heirs(case: &Case<'_>, name: &str) -> bool {
    let functions = case.facts.order.iter().flat_map(|&id| &case.program.contract(id).functions);
    functions.into_iter().any(|function| {
        let mut found = false;
        expressions(function, &mut |it| {
            let target = match &it.kind {
                ExprKind::Assign(_, left, _)
                | ExprKind::Step(_, left)
                | ExprKind::Unary(Operator::Delete, left) => left,
                ExprKind::Call { callee, .. } => match &callee.kind {
                    ExprKind::Member(object, method) if method == "push" || method == "pop" => object,
                    _ => return,
                },
                _ => return,
            };
            found |= mentions(target, name);
        });
        found
    })
}

fn unset_locals(case: &Case<'_>, hits: &mut Vec<Hit>) {
    for event in &case.facts.events {
        let What::ReadUnset { name, reference, address } = &event.what else { continue };
        let old = case.program.version(event.contract.file) < (0, 5, 0);
        if *reference && old {
            let what = format!("`{name}` points to the first slots of storage.");
            hits.push(Hit::at("uninitialized-storage-pointer", Severity::High, event, what));
        } else if *address && event.loops == 0 {
            let what = format!("Nothing was assigned to `{name}`, which is zero here.");
            hits.push(Hit::at("uninitialized-local", Severity::Medium, event, what));
        }
    }
}

fn locked_ether(case: &Case<'_>, hits: &mut Vec<Hit>) {
    let facts = case.facts;
    let contract = case.program.contract(facts.contract);
    if contract.kind != ContractKind::Contract || !case.program.is_deployable(facts.contract) {
        return;
    }
    // A payable constructor alone takes ether once, from whoever deploys.
    let Some(taker) = facts.entries.iter().find(|it| it.payable && it.kind != FunctionKind::Constructor)
    else {
        return;
    };
    let leaves = facts.events.iter().any(|event| match &event.what {
        What::Destroy(_) => true,
        What::Call(call) => {
            call.value.is_some()
                || matches!(call.kind, CallKind::Delegate | CallKind::Send | CallKind::Transfer)
        }
        _ => false,
    });
    // A function that takes ether only to refuse it.
    let refuses = facts.entries.iter().filter(|it| it.payable && it.kind != FunctionKind::Constructor).all(|entry| {
        facts.events.iter().any(|event| {
            facts.entry(event).is_some_and(|it| it.span == entry.span)
                && matches!(&event.what, What::Condition(condition) if condition.test.sources().contains(&Source::Value))
        })
    });
    let ends = ends_by_force(case);
    if !leaves && !refuses && !ends {
        let what =
            format!("`{}` takes ether, and no function of `{}` lets it out.", taker.name, contract.name);
        let hit = Hit::of("locked-ether", Severity::Medium, taker.span, Some(facts.contract), what);
        hits.push(hit.within(&taker.name));
    }
}

/// Whether every payable function always reverts: nothing can be left of it.
fn ends_by_force(case: &Case<'_>) -> bool {
    let mut payable = case
        .facts
        .entries
        .iter()
        .zip(0u32..)
        .filter(|(it, _)| it.payable && it.kind != FunctionKind::Constructor);
    payable.all(|(_, index)| {
        !case.facts.events.iter().any(|event| event.entry == index && matches!(event.what, What::Leave(_)))
    })
}

fn lengths(case: &Case<'_>, hits: &mut Vec<Hit>) {
    for (event, var, keys, value) in case.facts.writes() {
        let length = keys.iter().any(|key| key.literal.as_deref() == Some("length"));
        let old = case.program.version(event.contract.file) < (0, 6, 0);
        if !length || !old || case.guards.authorized(case.facts, event) {
            continue;
        }
        let What::Write { operator, .. } = &event.what else { continue };
        let asked = event.conditions.iter().any(|it| it.test.sources().contains(&Source::Var(var)));
        let shrinks = *operator == Some(Operator::Sub) && !asked;
        if value.is_argument() && operator.is_none() || shrinks {
            let what = match shrinks {
                true => {
                    "The length of an empty array becomes the largest number there is; any slot is then one of its elements."
                }
                false => {
                    "Whoever calls says how long the array is; with it any slot of storage is one of its elements."
                }
            };
            hits.push(Hit::at("array-length-write", Severity::High, event, what));
        }
    }
}

fn zero_checks(case: &Case<'_>, hits: &mut Vec<Hit>) {
    for (event, var, keys, value) in case.facts.writes() {
        let Some(variable) = case.facts.variable(var) else { continue };
        let Some(source @ Source::Param(_)) = value.exact else { continue };
        if !keys.is_empty() || !variable.ty.is_address() {
            continue;
        }
        let asked = case.facts.events.iter().any(|other| {
            other.entry == event.entry
                && matches!(&other.what, What::Condition(condition) if condition.test.sources().contains(&source))
        });
        let matters = case.guards.trusted.contains(&var)
            || case.facts.calls().any(|(_, _, call)| call.target.exact == Some(Source::Var(var)));
        if !asked && matters {
            let what = format!("Nobody looks whether the new `{}` is zero.", variable.name);
            hits.push(Hit::at("missing-zero-check", Severity::Low, event, what));
        }
    }
}

fn deletions(case: &Case<'_>, hits: &mut Vec<Hit>) {
    let mut seen = BTreeSet::new();
    for event in &case.facts.events {
        match &event.what {
            What::Deleted(Type::User(path)) => {
                let mut order = vec![event.contract];
                order.extend(&case.facts.order);
                let found = case.program.structure(event.contract.file, &order, path);
                let mapped =
                    found.and_then(|it| it.members.iter().find(|(_, ty)| matches!(ty, Type::Mapping(..))));
                if let Some((member, _)) = mapped
                    && once(&mut seen, event.span)
                {
                    let what = format!("`{member}` of the struct is a mapping and stays as it is.");
                    hits.push(Hit::at("mapping-deletion", Severity::Medium, event, what));
                }
            }
            What::Copied { parameter, callee } if !is_constructor(case.facts, event) => {
                let what = format!(
                    "The function works on a copy of the array, and what it writes to `{parameter}` is lost."
                );
                hits.push(
                    Hit::at("array-by-reference", Severity::High, event, what).with(*callee, "the function"),
                );
            }
            _ => {}
        }
    }
}
