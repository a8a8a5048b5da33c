//! What is found in code that was looked at by itself: that a list reports it, and what a model makes of it.

use serde_json::{Value, json};

use crate::calldata::Role;
use crate::domain;
use crate::engine::findings::{Finding, Findings};
use crate::engine::inputs::{Inputs, Party, Question};
use crate::engine::rules::{RuleSet, SignalId, SignalRule};
use crate::engine::verdict::Signal;
use crate::model::{Class, Model};

/// Who is known by its code. What the signer has himself is not judged.
pub(super) fn look(inputs: &Inputs, parties: &[Party], findings: &mut Findings) {
    let others =
        parties.iter().filter(|party| !matches!(party.role, Role::Sender | Role::Owner | Role::Revoked));
    for party in others {
        for looked in inputs.codes.iter().filter(|looked| looked.account == party.account) {
            for says in &looked.listed {
                let list = inputs.lists.iter().find(|list| list.name == says.list);
                let mut evidence = party.evidence();
                evidence["code_sha256"] = Value::from(looked.code.sha256.as_str());
                evidence["told_by"] = Value::from(looked.told_by.name());
                evidence["part"] = Value::from(says.part.as_str());
                evidence["print"] = Value::from(says.row.indicator.to_string());
                evidence["list"] = Value::from(says.list.as_str());
                evidence["list_version"] = Value::from(list.map_or("", |list| list.version.as_str()));
                evidence["name"] = Value::from(says.row.name.as_str());
                evidence["said_by"] = Value::from(says.row.source.as_str());
                evidence["said_on"] = Value::from(says.row.date.as_str());
                let as_of = list.map_or(inputs.asked_at.as_str(), |list| list.as_of.as_str()).to_owned();
                let source = format!("list:{}", says.list);
                findings.add(SignalId::KnownBadCode, Finding { evidence, source, as_of });
            }
        }
    }
}

/// What the model says whom the rules name, as one signal that lists how it came to it.
pub(super) fn model<'a>(inputs: &Inputs, rules: &'a RuleSet) -> Option<(&'a SignalRule, Signal)> {
    let (id, features) = match &inputs.question {
        Question::Address { address, .. } | Question::Token { address, .. } => {
            let looked = inputs.codes.iter().find(|looked| looked.is_of(address))?;
            (SignalId::CodeModel, looked.features.clone())
        }
        Question::Domain { domain, .. } => (SignalId::NameModel, domain::features::of(domain)),
        Question::ForeignAddress { .. } | Question::Transaction { .. } | Question::Signature { .. } => {
            return None;
        }
    };
    let class = if id == SignalId::NameModel { Class::Domain } else { Class::Contract };
    let model = rules.model(class)?;
    let rule = rules.signals.get(&id)?;
    let value = said(model, &features)?;
    Some((rule, signal(id, rule, value, model, rules)))
}

fn said(model: &Model, features: &[i64]) -> Option<(i64, Value)> {
    let said = model.say(features)?;
    let moved: Vec<_> = said
        .moved
        .iter()
        .map(|(place, by)| {
            let value = features.get(*place).copied().unwrap_or_default();
            json!({"feature": model.feature(*place), "value": value, "contribution": by})
        })
        .collect();
    let evidence = json!({
        "model": model.name(),
        "model_sha256": model.sha256(),
        "start": said.start,
        "moved": moved,
        "scaled": said.scaled,
        "bounded": said.bounded,
    });
    Some((said.total(), json!({"count": 1, "found": [evidence]})))
}

fn signal(
    id: SignalId,
    rule: &SignalRule,
    (value, evidence): (i64, Value),
    model: &Model,
    rules: &RuleSet,
) -> Signal {
    Signal {
        id: id.name(),
        value,
        weight: rule.weight,
        contribution: value * rule.weight,
        evidence,
        source: format!("model:{}", model.name()),
        as_of: rules.date.clone(),
    }
}
