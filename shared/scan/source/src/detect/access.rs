//! Who may destroy, upgrade, take over, pay out, and act for others.

use scorpius_scan::engine::Severity;

use super::guard::{is_constructor, is_once};
use super::{Case, Hit, each_leaf};
use crate::syntax::ast::{FunctionKind, Operator};
use crate::walk::facts::{Call, CallKind, Event, What};
use crate::walk::value::{Source, Test, Val};

pub(super) fn detect(case: &Case<'_>, hits: &mut Vec<Hit>) {
    for event in &case.facts.events {
        match &event.what {
            What::Destroy(to) => destroy(case, event, to, hits),
            What::Call(call) => {
                delegate(case, event, call, hits);
                pay(case, event, call, hits);
                anything(case, event, call, hits);
                act_for_others(case, event, call, hits);
            }
            What::Condition(condition) => {
                origin(event, &condition.test, hits);
                no_contract(event, &condition.test, hits);
            }
            What::Write { var, keys, value, .. } => take_over(case, event, *var, keys, value, hits),
            What::Recover(args) => replay(case, event, args, hits),
            _ => {}
        }
    }
    empty_authorization(case, hits);
    unprotected_upgrade(case, hits);
}

fn destroy(case: &Case<'_>, event: &Event, to: &Val, hits: &mut Vec<Hit>) {
    if case.guards.authorized(case.facts, event) {
        return;
    }
    let gain = if to.any(Source::is_chosen) {
        "and its ether goes to whom he names"
    } else {
        "and its users lose it"
    };
    let severity = if is_personal(case, event, to) { Severity::High } else { Severity::Critical };
    let summary = format!("Anyone can destroy the contract, {gain}.");
    hits.push(Hit::at("unguarded-selfdestruct", severity, event, summary));
}

fn delegate(case: &Case<'_>, event: &Event, call: &Call, hits: &mut Vec<Hit>) {
    if call.kind != CallKind::Delegate {
        return;
    }
    let open = |value: &Val| value.variables().any(|id| case.guards.open.contains(&id));
    let own = event.conditions.iter().any(|it| {
        let mut asks = false;
        it.test.values(&mut |value| asks |= value.has(Source::This));
        asks
    });
    if (call.target.is_argument() || call.target.exact == Some(Source::Sender)) && !own {
        if !case.guards.authorized(case.facts, event) {
            let what =
                "Whoever calls says which code runs in the contract, on its storage and with its ether.";
            hits.push(Hit::at("unguarded-delegatecall", Severity::Critical, event, what));
        } else if !is_constructor(case.facts, event) {
            let what = "A privileged caller says which code runs in the contract, on its storage and with its ether.";
            hits.push(Hit::at("unguarded-delegatecall", Severity::Low, event, what).possible());
        }
    } else if open(&call.target) {
        let name = call.target.variables().next().map_or("?", |id| case.facts.name(id));
        let what = format!("The code that runs here is at `{name}`, which anyone can set.");
        hits.push(Hit::at("unguarded-upgrade", Severity::Critical, event, what));
    }
}

/// Ether goes where the caller says, and nothing of what is known says that it is his.
fn pay(case: &Case<'_>, event: &Event, call: &Call, hits: &mut Vec<Hit>) {
    let Some(value) = call.value.as_ref().filter(|_| call.pays()) else { return };
    let to_sender = call.target.exact == Some(Source::Sender);
    let to_named = call.target.is_argument() && call.target.place.is_none();
    if !to_sender && !to_named || case.guards.authorized(case.facts, event) {
        return;
    }
    // His own money goes through, or comes back.
    if value.has(Source::Value) && !value.has(Source::OwnEther) {
        return;
    }
    if signed(case, event)
        || is_personal(case, event, value)
        || value.keyed_by_choice
        || call.target.keyed_by_choice
    {
        return;
    }
    let booked = value.variables().next().is_some() && !value.is_argument() && !value.has(Source::OwnEther);
    let paid_in = event.conditions.iter().any(|it| it.test.sources().contains(&Source::Value));
    let whom = if to_sender { "the caller" } else { "whom the caller names" };
    let once = is_once(case.facts, event);
    let hit = |severity, summary| Hit::at("unguarded-withdrawal", severity, event, summary);
    let summary = format!("Ether of the contract goes to {whom}, and anyone may call.");
    match booked || paid_in || once {
        // A game, a sale, a share: under some condition he may well deserve it.
        true => {
            if value.has(Source::OwnEther) && !once {
                hits.push(hit(Severity::Medium, summary).possible());
            }
        }
        false => hits.push(hit(Severity::High, summary)),
    }
}

/// Whoever calls says whom the contract calls, and with which data.
fn anything(case: &Case<'_>, event: &Event, call: &Call, hits: &mut Vec<Hit>) {
    let chosen = call.kind == CallKind::Low
        && call.target.is_argument()
        && call.target.place.is_none()
        && call.args.iter().any(|data| matches!(data.exact, Some(Source::Param(_) | Source::Data)));
    if chosen && !case.guards.authorized(case.facts, event) && !signed(case, event) {
        let what = "Whoever calls makes the contract call anything, with what others gave and allowed it.";
        hits.push(Hit::at("arbitrary-call", Severity::High, event, what));
    }
}

/// Whether what is known at `event` is about the caller's own account.
pub(super) fn is_personal(case: &Case<'_>, event: &Event, value: &Val) -> bool {
    let mut personal = value.keyed_by_sender;
    for condition in event.conditions.iter() {
        condition.test.values(&mut |it| personal |= it.keyed_by_sender);
    }
    personal
        || case.facts.events.iter().any(|other| match &other.what {
            What::Write { keys, operator, value, .. } => {
                other.entry == event.entry
                    && keys.iter().any(|key| key.exact == Some(Source::Sender))
                    && (*operator == Some(Operator::Sub)
                        || value.is_zero()
                        || *operator == Some(Operator::Delete))
            }
            _ => false,
        })
}

/// `transferFrom(from, ..)` for a `from` whom the caller chooses, with what he allowed the contract to take.
fn act_for_others(case: &Case<'_>, event: &Event, call: &Call, hits: &mut Vec<Hit>) {
    let moves = matches!(call.method.as_str(), "transferFrom" | "safeTransferFrom");
    if call.kind != CallKind::External || !moves || call.args.len() < 3 {
        return;
    }
    let Some(from) = call.args.first() else { return };
    let chosen = from.is_argument() && !from.keyed_by_sender && from.place.is_none();
    if !chosen || case.guards.authorized(case.facts, event) || signed(case, event) {
        return;
    }
    // Somebody was asked whether this caller may act for him.
    let asked = event.conditions.iter().any(|condition| {
        let mut both = false;
        condition.test.values(&mut |value| both |= value.keyed_by_sender);
        both
    });
    let own_token = call.target.exact == Some(Source::This);
    if asked || own_token {
        return;
    }
    let permit = case.facts.calls().find(|(_, other, it)| {
        other.entry == event.entry
            && matches!(it.method.as_str(), "permit" | "safePermit")
            && it.kind == CallKind::External
    });
    match permit {
        Some((_, other, _)) => hits.push(
            Hit::at("permit-misuse", Severity::High, event, "Tokens of whom the caller names are moved after a `permit` that a token without one need not have refused.")
                .with(other.span, "the permit"),
        ),
        None => {
            let what = "Whoever calls says whose tokens are moved: those of everyone who approved the contract.";
            hits.push(Hit::at("arbitrary-transfer-from", Severity::High, event, what));
        }
    }
}

/// Whether a signature was checked before.
fn signed(case: &Case<'_>, event: &Event) -> bool {
    event.conditions.iter().any(|it| it.test.sources().contains(&Source::Signer))
        || case.facts.calls().any(|(_, other, call)| {
            other.entry == event.entry && call.method.to_lowercase().contains("validsignature")
        })
}

fn origin(event: &Event, test: &Test, hits: &mut Vec<Hit>) {
    let mut asks = false;
    each_leaf(test, &mut |leaf| {
        if let Test::Compare(Operator::Eq | Operator::Ne, left, right) = leaf {
            let one = left.has(Source::Origin) != right.has(Source::Origin);
            asks |= one && !left.has(Source::Sender) && !right.has(Source::Sender);
        }
        if let Test::Truth(value) = leaf {
            asks |= value.has(Source::Origin);
        }
    });
    if asks {
        let what = "`tx.origin` decides who is let in: a contract that somebody with rights calls can call on with them.";
        hits.push(Hit::at("tx-origin-authentication", Severity::Medium, event, what));
    }
}

fn no_contract(event: &Event, test: &Test, hits: &mut Vec<Hit>) {
    let mut asks = false;
    each_leaf(test, &mut |leaf| {
        if let Test::Compare(Operator::Eq | Operator::Ne, left, right) = leaf {
            let pair = |a: &Val, b: &Val| a.exact == Some(Source::Sender) && b.exact == Some(Source::Origin);
            asks |= pair(left, right) || pair(right, left);
        }
    });
    if asks {
        let what = "A caller that is `tx.origin` is taken for a person; since EIP-7702 it may run code.";
        hits.push(Hit::at("caller-is-no-contract", Severity::Low, event, what).possible());
    }
}

/// A variable that guards trust is set by anyone to what he likes.
fn take_over(case: &Case<'_>, event: &Event, var: u32, keys: &[Val], value: &Val, hits: &mut Vec<Hit>) {
    let named = case.guards.trusted.contains(&var) && case.guards.open.contains(&var);
    if !named || case.guards.authorized(case.facts, event) || is_once(case.facts, event) {
        return;
    }
    let chosen = value.any(Source::is_chosen) || keys.iter().any(|key| key.any(Source::is_chosen));
    // Whoever registers himself gains what all others have; whoever names the owner gains the contract.
    if !chosen || !keys.is_empty() {
        return;
    }
    let name = case.facts.name(var);
    let what = format!("`{name}`, by which others are let in, is set by anyone.");
    hits.push(Hit::at("unguarded-owner-change", Severity::Critical, event, what));
}

/// A signature is checked, and nothing that changes is in what was signed or remembers it.
fn replay(case: &Case<'_>, event: &Event, args: &[Val], hits: &mut Vec<Hit>) {
    if is_constructor(case.facts, event) {
        return;
    }
    let Some(entry) = case.facts.entry(event) else { return };
    if entry.reads_only {
        return;
    }
    let signed = args.first().cloned().unwrap_or_default();
    let writes: Vec<_> = case.facts.writes().filter(|(write, ..)| write.entry == event.entry).collect();
    let acts = !writes.is_empty()
        || case.facts.calls().any(|(_, other, call)| {
            other.entry == event.entry && !call.reads_only && call.kind != CallKind::Static
        });
    if !acts {
        return;
    }
    // A nonce: something that is signed, or asked for, is changed.
    let asked: std::collections::BTreeSet<_> = case
        .facts
        .events
        .iter()
        .filter(|other| other.entry == event.entry)
        .filter_map(|other| match &other.what {
            What::Condition(condition) => Some(condition.test.sources()),
            _ => None,
        })
        .flatten()
        .collect();
    let remembered = writes.iter().any(|(_, var, keys, _)| {
        let source = Source::Var(*var);
        signed.has(source)
            || asked.contains(&source)
                && keys.iter().any(|key| key.from.iter().any(|it| signed.has(*it)) || key.has(Source::Hash))
            || asked.contains(&source) && keys.is_empty()
    });
    // What is signed is not always known: a library puts it together in assembly. Then any counter will do.
    let known = signed.any(|it| matches!(it, Source::Param(_) | Source::Var(_) | Source::Sender));
    let counts = writes.iter().any(|(write, _, keys, value)| {
        let step = matches!(&write.what, What::Write { operator: Some(Operator::Add), .. });
        !keys.is_empty() && (step || value.literal.as_deref() == Some("true"))
    });
    if !remembered && (known || !counts) {
        let what =
            "Nothing remembers that this signature was used, and nothing that changes is signed with it.";
        let severity = if known { Severity::High } else { Severity::Medium };
        let hit = Hit::at("signature-replay", severity, event, what);
        hits.push(if known { hit } else { hit.possible() });
    }
}

/// `_authorizeUpgrade` that authorizes everybody.
fn empty_authorization(case: &Case<'_>, hits: &mut Vec<Hit>) {
    let found = case.facts.order.iter().find_map(|&id| {
        let functions = &case.program.contract(id).functions;
        functions.iter().find(|it| it.name == "_authorizeUpgrade").map(|it| (id, it))
    });
    if let Some((id, function)) = found
        && function.body.as_ref().is_some_and(Vec::is_empty)
        && function.modifiers.is_empty()
    {
        let what = "`_authorizeUpgrade` refuses nobody, so anyone can replace the code.";
        let hit = Hit::of("unguarded-upgrade", Severity::Critical, function.span, Some(id), what);
        hits.push(hit.within(&function.name));
    }
}

/// An implementation that anyone can initialise, and that its owner can then destroy or run foreign code in.
fn unprotected_upgrade(case: &Case<'_>, hits: &mut Vec<Hit>) {
    let facts = case.facts;
    let initializes = |name: &String| name == "initializer" || name == "reinitializer";
    let Some(initializer) = facts
        .entries
        .iter()
        .find(|it| it.kind == FunctionKind::Function && it.modifiers.iter().any(initializes))
    else {
        return;
    };
    let disabled = facts.entries.iter().any(|entry| {
        entry.kind == FunctionKind::Constructor
            && (entry.modifiers.iter().any(initializes) || disables(case, entry.span))
    });
    let dangerous = facts.events.iter().find(|event| {
        let direct = facts.entry(event).is_some_and(|it| it.kind != FunctionKind::Constructor);
        let proxied = event.conditions.iter().any(|it| it.test.sources().contains(&Source::This));
        direct
            && !proxied
            && matches!(&event.what, What::Destroy(_) | What::Call(Call { kind: CallKind::Delegate, .. }))
    });
    if let (Some(event), false) = (dangerous, disabled) {
        let what = format!(
            "Anyone can call `{}` on the implementation itself and then end it, for all proxies that use it.",
            initializer.name
        );
        hits.push(
            Hit::at("unguarded-upgrade", Severity::High, event, what)
                .with(initializer.span, "the initializer"),
        );
    }
}

/// Whether a constructor calls `_disableInitializers`.
fn disables(case: &Case<'_>, span: crate::syntax::ast::Span) -> bool {
    case.facts.order.iter().any(|&id| {
        let mut functions = case.program.contract(id).functions.iter();
        functions.any(|it| it.span == span && super::tree::calls(it, "_disableInitializers"))
    })
}
