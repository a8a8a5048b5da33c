//! Calls whose outcome nobody looks at, and calls in loops.

use std::collections::BTreeMap;

use scorpius_scan::engine::Severity;

use super::{Case, Hit};
use crate::syntax::ast::{FunctionKind, Span};
use crate::walk::facts::{Call, CallKind, Event, What};
use crate::walk::value::{Source, Val};

/// Token functions whose `false` means that nothing happened.
const TOKEN_MOVES: [&str; 2] = ["transfer", "transferFrom"];

pub(super) fn detect(case: &Case<'_>, hits: &mut Vec<Hit>) {
    dropped(case, hits);
    for (_, event, call) in case.facts.calls() {
        locks(case, event, call, hits);
        if event.loops > 0 {
            in_loop(case, event, call, hits);
        }
    }
    value_in_loop(case, hits);
    stale_price(case, hits);
}

/// A place counts when no walk through it looks at the outcome.
fn dropped(case: &Case<'_>, hits: &mut Vec<Hit>) {
    let mut places: BTreeMap<Span, (&Event, &Call, bool)> = BTreeMap::new();
    for (index, event, call) in case.facts.calls() {
        let used = case.facts.used.contains(&index);
        places.entry(event.span).and_modify(|it| it.2 |= used).or_insert((event, call, used));
    }
    for (event, call, used) in places.into_values() {
        if used || call.in_try && call.kind == CallKind::External {
            continue;
        }
        match call.kind {
            CallKind::Low | CallKind::Delegate | CallKind::Send | CallKind::Static => {
                let what = format!(
                    "Nobody looks whether this `{}` succeeded; what follows happens either way.",
                    call.method
                );
                let severity = if call.kind == CallKind::Static { Severity::Low } else { Severity::Medium };
                hits.push(Hit::at("unchecked-call", severity, event, what));
            }
            CallKind::External if TOKEN_MOVES.contains(&call.method.as_str()) && moves_tokens(call) => {
                let what =
                    "A token that answers `false` instead of reverting moved nothing, and nobody looks.";
                hits.push(Hit::at("unchecked-token-transfer", Severity::Medium, event, what));
            }
            // An approval that is dropped is the habit of old tokens.
            CallKind::External if call.returns == Some(true) && call.method != "approve" => {
                let what = format!("What `{}` answers is dropped.", call.method);
                let severity = if call.reads_only { Severity::Medium } else { Severity::Low };
                hits.push(Hit::at("unused-return", severity, event, what));
            }
            _ => {}
        }
    }
}

/// Two or three arguments and an answer: ERC-20's functions, and not those of ERC-721, which answer nothing.
fn moves_tokens(call: &Call) -> bool {
    let arguments = if call.method == "transfer" { 2 } else { 3 };
    call.args.len() == arguments && call.returns != Some(false)
}

/// Ether goes to a single stored address that anyone takes the place of: if it refuses, nobody comes after it.
fn locks(case: &Case<'_>, event: &Event, call: &Call, hits: &mut Vec<Hit>) {
    let Some(Source::Var(id)) = call.target.exact else { return };
    let required = call.kind == CallKind::Transfer
        || matches!(call.kind, CallKind::Send | CallKind::Low) && reverts_on_failure(case, event);
    let taken = case.facts.writes().any(|(write, var, keys, value)| {
        var == id
            && keys.is_empty()
            && write.entry == event.entry
            && value.exact == Some(Source::Sender)
            && !case.guards.authorized(case.facts, write)
    });
    if call.pays() && required && taken {
        let what = format!("If `{}` refuses ether, this function always fails.", case.facts.name(id));
        hits.push(Hit::at("failed-send-locks", Severity::Medium, event, what));
    }
}

fn in_loop(case: &Case<'_>, event: &Event, call: &Call, hits: &mut Vec<Hit>) {
    let Some(entry) = case.facts.entry(event) else { return };
    if entry.kind == FunctionKind::Constructor {
        return;
    }
    match call.kind {
        CallKind::Delegate if entry.payable => {
            let what = "Each round of the loop sees the same `msg.value`.";
            hits.push(Hit::at("delegatecall-in-loop", Severity::High, event, what));
        }
        // What fails here fails for everybody, and somebody else decides whether it fails.
        CallKind::Transfer if !fixed(&call.target) => push_payment(event, call, hits, Severity::Medium),
        CallKind::External if !call.reads_only && !call.in_try && !fixed(&call.target) => {
            push_payment(event, call, hits, Severity::Low);
        }
        CallKind::Send | CallKind::Low if reverts_on_failure(case, event) && !fixed(&call.target) => {
            push_payment(event, call, hits, Severity::Medium);
        }
        _ => {}
    }
}

fn push_payment(event: &Event, call: &Call, hits: &mut Vec<Hit>, severity: Severity) {
    let what =
        format!("If one of the callees of `{}` fails, all rounds of the loop are undone.", call.method);
    hits.push(Hit::at("call-in-loop", severity, event, what));
}

/// One that was chosen once, by whoever made the contract, or by the caller himself.
fn fixed(target: &Val) -> bool {
    target.is_fixed()
        || target.exact == Some(Source::Sender)
        || target.exact.is_some_and(|it| matches!(it, Source::Var(_)))
}

/// Whether the outcome of the call at `event` is required.
fn reverts_on_failure(case: &Case<'_>, event: &Event) -> bool {
    let ok = |source: &Source| matches!(source, Source::Ok(index) if case.facts.events.get(*index as usize).is_some_and(|it| it.span == event.span));
    let later = case.facts.events.iter().filter(|other| other.entry == event.entry);
    later.into_iter().any(|other| match &other.what {
        // Both branches are walked for an `if`; `require` knows only the one.
        What::Condition(condition) => condition.holds
            && condition.test.sources().iter().any(ok)
            && !case.facts.events.iter().any(
                |it| matches!(&it.what, What::Condition(more) if !more.holds && more.span == condition.span),
            ),
        _ => false,
    })
}

fn value_in_loop(case: &Case<'_>, hits: &mut Vec<Hit>) {
    for event in case.facts.events.iter().filter(|event| event.loops > 0) {
        let counted = match &event.what {
            What::Write { value, .. } => value.has(Source::Value) && value.ty.is_some(),
            What::Call(call) => call.value.as_ref().is_some_and(|value| value.exact == Some(Source::Value)),
            What::Condition(condition) => {
                let sources = condition.test.sources();
                sources.contains(&Source::Value) && !sources.iter().any(|it| matches!(it, Source::Holding))
            }
            _ => false,
        };
        let payable = case.facts.entry(event).is_some_and(|entry| entry.payable);
        if counted && payable {
            let what = "Each round of the loop counts the same `msg.value`.";
            hits.push(Hit::at("value-in-loop", Severity::High, event, what));
        }
    }
}

/// A price whose time is not looked at.
fn stale_price(case: &Case<'_>, hits: &mut Vec<Hit>) {
    for (index, event, call) in case.facts.calls() {
        let old = matches!(call.method.as_str(), "latestAnswer" | "getPrice" | "getEmaPrice")
            && call.kind == CallKind::External
            && call.args.len() <= 1
            && call.returns.is_some();
        if old && call.method == "latestAnswer" {
            let what = "`latestAnswer` says nothing of how old the price is.";
            hits.push(Hit::at("stale-price", Severity::Medium, event, what));
            continue;
        }
        let timed = matches!(
            call.method.as_str(),
            "latestRoundData"
                | "getRoundData"
                | "getPriceUnsafe"
                | "getEmaPriceUnsafe"
                | "tryRead"
                | "readWithAge"
        );
        if !timed || call.kind != CallKind::External {
            continue;
        }
        // The time is one of several values: it is looked at if a condition with the block's time asks for this call.
        let asked = case.facts.events.iter().any(|other| match &other.what {
            What::Condition(condition) => {
                let sources = condition.test.sources();
                sources.contains(&Source::Returned(index))
                    && (sources.contains(&Source::Time) || rounds(&condition.test, index))
            }
            What::Leave(value) => value.parts.is_some() && value.has(Source::Returned(index)),
            _ => false,
        });
        if !asked {
            let what = format!("Of what `{}` answers, nobody looks at the time of the price.", call.method);
            hits.push(Hit::at("stale-price", Severity::Medium, event, what));
        }
    }
}

/// `answeredInRound >= roundId`: both from the same call.
fn rounds(test: &crate::walk::value::Test, index: u32) -> bool {
    let mut both = true;
    let mut values = 0;
    test.values(&mut |value| {
        values += 1;
        both &= value.has(Source::Returned(index));
    });
    both && values > 1
}
