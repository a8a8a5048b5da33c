//! Calls during which the callee finds the contract half changed.

use std::collections::BTreeSet;

use scorpius_scan::engine::{Confidence, Severity};

use super::guard::is_constructor;
use super::{Case, Hit};
use crate::syntax::ast::Operator;
use crate::walk::facts::{Call, CallKind, Event, Pending, What};
use crate::walk::value::{Source, VarId};

pub(super) fn detect(case: &Case<'_>, hits: &mut Vec<Hit>) {
    for (event, var, _, value) in case.facts.writes() {
        // What was there before is put back.
        let restores = value.exact == Some(Source::Var(var));
        if is_constructor(case.facts, event) || restores {
            continue;
        }
        for pending in event.pending.iter() {
            late_write(case, event, var, pending, hits);
        }
    }
}

/// `var` is written while the call of `pending` may have come back.
fn late_write(case: &Case<'_>, event: &Event, var: VarId, pending: &Pending, hits: &mut Vec<Hit>) {
    let Some((call_event, call)) = case.facts.call(pending.event) else { return };
    if call_event.span == event.span {
        return;
    }
    let name = case.facts.name(var);
    let wrote = format!("`{name}` is written after the call");
    if is_locked(call_event) || counts_entries(case, call_event) {
        // The lock itself is opened afterwards; that is what it is for.
        if !is_lock(call_event, var) {
            read_only(case, call_event, call, var, &wrote, event, hits);
        }
        return;
    }
    let trusted = is_trusted(case, call);
    let decided = pending.read.contains(&var);
    // The write of the next round of a loop: in its own round it comes first.
    let earlier = case.facts.events.get(..pending.event as usize).unwrap_or_default();
    let next_round = event.loops > 0
        && earlier.iter().any(|it| {
            it.span == event.span && it.entry == event.entry && matches!(it.what, What::Write { .. })
        });
    let authorized = next_round || case.guards.authorized(case.facts, call_event);
    let hit = match (decided, call.pays()) {
        (true, true) => {
            let severity = if trusted || authorized { Severity::Low } else { Severity::High };
            let what = format!(
                "Ether leaves before `{name}`, which was read before, is changed: called back, the function pays again."
            );
            Hit::at("reentrancy-eth", severity, call_event, what)
        }
        (true, false) => {
            let severity = if trusted || authorized { Severity::Low } else { Severity::Medium };
            let what =
                format!("Another contract is called before `{name}`, which was read before, is changed.");
            Hit::at("reentrancy-no-eth", severity, call_event, what)
        }
        (false, _) => {
            let severity = if trusted || authorized { Severity::Info } else { Severity::Low };
            let what = format!("Another contract is called before `{name}` is changed.");
            Hit::at("reentrancy-benign", severity, call_event, what)
        }
    };
    let confidence = if trusted { Confidence::Possible } else { Confidence::Likely };
    hits.push(Hit { confidence, ..hit }.with(event.span, wrote));
}

/// A callee that neither the caller nor anyone chooses.
fn is_trusted(case: &Case<'_>, call: &Call) -> bool {
    let target = &call.target;
    let chosen =
        target.any(|it| matches!(it, Source::Sender | Source::Origin | Source::Param(_) | Source::Data));
    let open = target.variables().any(|id| case.guards.open.contains(&id) || written_by_anyone(case, id));
    let from_elsewhere = target.any(|it| matches!(it, Source::Returned(_)));
    !chosen && !open && !from_elsewhere && !target.keyed_by_choice && !target.keyed_by_sender
}

fn written_by_anyone(case: &Case<'_>, id: VarId) -> bool {
    case.facts.writes().any(|(event, var, _, value)| {
        var == id
            && value.any(Source::is_chosen)
            && !is_constructor(case.facts, event)
            && !case.guards.authorized(case.facts, event)
            && !super::guard::is_once(case.facts, event)
    })
}

/// Variables that are asked and written before the call, and are no part of the books: a lock.
fn locks(event: &Event) -> BTreeSet<VarId> {
    let mut all = BTreeSet::new();
    for condition in event.conditions.iter() {
        let sources = condition.test.sources();
        let plain = sources.iter().all(|it| matches!(it, Source::Var(_) | Source::Fixed));
        let mut keyed = false;
        condition.test.values(&mut |value| keyed |= value.keyed_by_sender || value.keyed_by_choice);
        if plain && !keyed {
            all.extend(sources.iter().filter_map(|it| match it {
                Source::Var(id) if event.written.contains(id) => Some(*id),
                _ => None,
            }));
        }
    }
    all
}

/// A lock that looks afterwards: what was written before the call is compared with itself behind it.
fn counts_entries(case: &Case<'_>, call_event: &Event) -> bool {
    let mut later = case.facts.events.iter().filter(|it| it.entry == call_event.entry);
    later.any(|event| {
        let What::Compare { operator: Operator::Eq, left, right, .. } = &event.what else { return false };
        let behind = event
            .pending
            .iter()
            .any(|it| case.facts.events.get(it.event as usize).is_some_and(|it| it.span == call_event.span));
        let same: BTreeSet<VarId> =
            left.variables().filter(|id| right.variables().any(|it| it == *id)).collect();
        behind && same.iter().any(|id| call_event.written.contains(id))
    })
}

fn is_lock(event: &Event, var: VarId) -> bool {
    locks(event).contains(&var)
}

fn is_locked(event: &Event) -> bool {
    event.named_lock || !locks(event).is_empty()
}

/// The function is locked; those that only read are not.
fn read_only(
    case: &Case<'_>,
    call_event: &Event,
    call: &Call,
    var: VarId,
    wrote: &str,
    event: &Event,
    hits: &mut Vec<Hit>,
) {
    let hands_over = call.kind == CallKind::Low && call.pays() || call.kind == CallKind::External;
    if !hands_over || is_trusted(case, call) {
        return;
    }
    let guards = locks(call_event);
    let reader = case.facts.entries.iter().find(|entry| {
        entry.reads_only && entry.reads.contains(&var) && entry.reads.is_disjoint(&guards)
            && !entry.modifiers.iter().any(|name| name.to_lowercase().contains("reentran"))
            // A getter of one variable is asked for that alone; a price is made of several.
            && entry.reads.len() > 1
    });
    if let Some(reader) = reader {
        let what = format!(
            "While this call is under way, `{}` answers with `{}` as it was before.",
            reader.name,
            case.facts.name(var)
        );
        let hit = Hit::at("read-only-reentrancy", Severity::Medium, call_event, what).possible();
        hits.push(hit.with(event.span, wrote).with(reader.span, "what others ask"));
    }
}
