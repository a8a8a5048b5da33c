//! What is found in a transaction or a message beside its parties.

use serde_json::{Value, json};

use crate::calldata::{Call, Effect, Form};
use crate::engine::effect_rules::EffectRules;
use crate::engine::findings::Findings;
use crate::engine::inputs::Inputs;
use crate::engine::party_rules::Known;
use crate::engine::rules::{Rules, SignalId};
use crate::message::Reading;

/// Calls that a verdict shows; `count` says how many there are.
const CALLS_SHOWN_MAX: usize = 16;

pub(super) fn look(
    reading: &Reading,
    inputs: &Inputs,
    rules: &Rules,
    known: &Known<'_>,
    findings: &mut Findings,
) {
    let calls = &reading.calls;
    for note in &reading.notes {
        findings.add(note.id, known.asked("message", note.evidence.clone()));
    }
    let effects = EffectRules::new(reading, inputs, rules, known);
    for call in &calls.calls {
        look_at_form(call, known, findings);
        for effect in &call.effects {
            effects.look(call, effect, findings);
        }
    }
    if calls.incomplete {
        let evidence = json!({"calls_read": calls.calls.len()});
        findings.add(SignalId::CallsNotDecoded, known.asked("calldata", evidence));
    }
    let all = || calls.calls.iter().flat_map(|call| &call.effects);
    let only_revokes = all().all(|effect| matches!(effect, Effect::Revoke { .. } | Effect::Undelegate));
    let read_whole = !calls.incomplete && !findings.has(SignalId::UnknownCall);
    if read_whole && only_revokes && all().next().is_some() {
        let evidence = json!({"rights_taken_back": all().count()});
        findings.add(SignalId::Revocation, known.asked("calldata", evidence));
    }
    if calls.calls.iter().any(|call| call.form != Form::Plain) {
        let shown: Vec<_> = calls
            .calls
            .iter()
            .filter(|call| call.path != "message")
            .take(CALLS_SHOWN_MAX)
            .map(describe)
            .collect();
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
