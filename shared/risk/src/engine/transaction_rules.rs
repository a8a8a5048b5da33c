//! What is found in a transaction beside its parties.

use alloy_primitives::U256;
use scorpius_core::UnixMillis;
use serde_json::{Value, json};

use crate::calldata::{Call, Calls, Effect, Form, is_unlimited};
use crate::engine::findings::Findings;
use crate::engine::inputs::Inputs;
use crate::engine::party_rules::Known;
use crate::engine::rules::{Rules, SignalId};

/// Calls that a verdict shows; `count` says how many there are.
const CALLS_SHOWN_MAX: usize = 16;

pub(super) fn look(
    calls: &Calls,
    inputs: &Inputs,
    rules: &Rules,
    known: &Known<'_>,
    findings: &mut Findings,
) {
    // Checked where inputs are made and read.
    let now = inputs.asked_at.parse().unwrap_or(UnixMillis(0));
    let far = U256::from(now.as_s().saturating_add(rules.permit_far_s));
    for call in &calls.calls {
        look_at_form(call, known, findings);
        for effect in &call.effects {
            look_at_effect(call, effect, far, known, findings);
        }
    }
    if calls.incomplete {
        let evidence = json!({"calls_read": calls.calls.len()});
        findings.add(SignalId::CallsNotDecoded, known.asked("calldata", evidence));
    }
    let effects = || calls.calls.iter().flat_map(|call| &call.effects);
    let only_revokes = effects().all(|effect| matches!(effect, Effect::Revoke { .. }));
    let read_whole = !calls.incomplete && !findings.has(SignalId::UnknownCall);
    if read_whole && only_revokes && effects().next().is_some() {
        let evidence = json!({"rights_taken_back": effects().count()});
        findings.add(SignalId::Revocation, known.asked("calldata", evidence));
    }
    if calls.calls.iter().any(|call| call.form != Form::Plain) {
        let shown: Vec<_> = calls.calls.iter().take(CALLS_SHOWN_MAX).map(describe).collect();
        let evidence = json!({"calls_count": calls.calls.len(), "calls": shown});
        findings.add(SignalId::DecodedCalls, known.asked("calldata", evidence));
    }
}

fn look_at_form(call: &Call, known: &Known<'_>, findings: &mut Findings) {
    let mut evidence = json!({"call": call.path, "selector": selector(call)});
    let id = match call.form {
        Form::Plain | Form::Canonical => return,
        // Whom a registry vouches for is known; what an unknown call of it does is not.
        Form::Unknown => SignalId::UnknownCall,
        Form::Malformed => SignalId::MalformedCalldata,
        Form::NonCanonical => SignalId::NoncanonicalCalldata,
        Form::Trailing(bytes) => {
            evidence["trailing_bytes"] = Value::from(bytes);
            SignalId::TrailingCalldata
        }
    };
    if let Some(function) = call.function {
        evidence["function"] = Value::from(function);
    }
    findings.add(id, known.asked("calldata", evidence));
}

fn look_at_effect(call: &Call, effect: &Effect, far: U256, known: &Known<'_>, findings: &mut Findings) {
    let at = |mut evidence: Value| {
        evidence["call"] = Value::from(call.path.as_str());
        known.asked("calldata", evidence)
    };
    match effect {
        Effect::Transfer { token, to, .. } if token == to => {
            findings.add(SignalId::TransferToToken, at(json!({"token": token.checksummed()})));
        }
        Effect::Transfer { .. } | Effect::Revoke { .. } => {}
        Effect::Allow { token, spender, amount, amount_max, until_s } => {
            let who = || json!({"token": token.checksummed(), "spender": spender.checksummed()});
            if is_unlimited(*amount, *amount_max) {
                let mut evidence = who();
                evidence["amount"] = Value::from(amount.to_string());
                findings.add(SignalId::UnlimitedApproval, at(evidence));
            }
            if let Some(until_s) = until_s.filter(|until| *until > far) {
                let mut evidence = who();
                evidence["until_s"] = Value::from(until_s.to_string());
                findings.add(SignalId::PermitFarDeadline, at(evidence));
            }
            if !known.is_well_known(spender) {
                findings.add(SignalId::UnknownSpender, at(who()));
            }
        }
        Effect::AllowZero { token, spender } => {
            if !known.is_well_known(spender) {
                let evidence = json!({"token": token.checksummed(), "spender": spender.checksummed()});
                findings.add(SignalId::UnknownSpender, at(evidence));
            }
        }
        Effect::AllowAll { token, operator } => {
            let who = || json!({"token": token.checksummed(), "spender": operator.checksummed()});
            findings.add(SignalId::ApprovalForAll, at(who()));
            if !known.is_well_known(operator) {
                findings.add(SignalId::UnknownSpender, at(who()));
            }
        }
    }
}

fn selector(call: &Call) -> String {
    format!("0x{}", hex::encode(&call.selector))
}

fn describe(call: &Call) -> Value {
    let form = match call.form {
        Form::Plain => "plain",
        Form::Canonical => "canonical",
        Form::Trailing(_) => "trailing_bytes",
        Form::NonCanonical => "non_canonical",
        Form::Malformed => "malformed",
        Form::Unknown => "unknown",
    };
    json!({
        "path": call.path,
        "to": call.target.checksummed(),
        "selector": selector(call),
        "function": call.function,
        "arguments": call.arguments,
        "form": form,
        "data_bytes": call.size_bytes,
    })
}
