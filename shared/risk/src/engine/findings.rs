//! What was found, before it is weighed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::engine::inputs::{Fact, Party};
use crate::engine::listed::SiteFact;
use crate::engine::rules::SignalId;

/// Findings of one signal that a verdict shows; `count` says how many there were.
const SHOWN_MAX: usize = 8;

/// One thing found.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) evidence: Value,
    pub(super) source: String,
    pub(super) as_of: String,
}

/// All things found, whatever the order they were found in.
#[derive(Debug, Default)]
pub(super) struct Findings {
    found: BTreeMap<SignalId, Vec<Finding>>,
}

/// One signal's findings, ready to show.
pub(super) struct Found {
    pub(super) id: SignalId,
    pub(super) evidence: Value,
    pub(super) source: String,
    pub(super) as_of: String,
}

impl Findings {
    pub(super) fn add(&mut self, id: SignalId, finding: Finding) {
        self.found.entry(id).or_default().push(finding);
    }

    pub(super) fn has(&self, id: SignalId) -> bool {
        self.found.contains_key(&id)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = SignalId> {
        self.found.keys().copied()
    }

    /// Each signal once, in the order of their names; findings in the order of their text.
    pub(super) fn into_found(self) -> impl Iterator<Item = Found> {
        self.found.into_iter().filter_map(|(id, mut findings)| {
            if findings.len() > 1 {
                findings.sort_by_cached_key(|finding| finding.evidence.to_string());
            }
            let first = findings.first()?;
            let (source, as_of) = (first.source.clone(), first.as_of.clone());
            let count = findings.len();
            let shown: Vec<_> =
                findings.into_iter().take(SHOWN_MAX).map(|finding| finding.evidence).collect();
            Some(Found { id, evidence: json!({"count": count, "found": shown}), source, as_of })
        })
    }
}

impl Party {
    /// Who, in which part, in which call.
    pub(super) fn evidence(&self) -> Value {
        let mut evidence = json!({"address": self.account.checksummed(), "role": self.role.name()});
        if let Some(call) = &self.call {
            evidence["call"] = Value::from(call.as_str());
        }
        evidence
    }
}

impl Fact {
    /// What the list says of `party`.
    pub(super) fn finding(&self, party: &Party, as_of: &str) -> Finding {
        let mut evidence = party.evidence();
        evidence["list"] = Value::from(self.list.as_str());
        evidence["name"] = Value::from(&*self.row.name);
        evidence["said_by"] = Value::from(&*self.row.source);
        evidence["said_on"] = Value::from(&*self.row.date);
        if let Some(delisted) = &self.row.delisted {
            evidence["delisted_on"] = Value::from(&**delisted);
        }
        if self.row.address != self.account {
            evidence["imitates"] = Value::from(self.row.address.checksummed());
        }
        Finding { evidence, source: format!("list:{}", self.list), as_of: as_of.to_owned() }
    }
}

impl SiteFact {
    /// What the list says of the site.
    pub(super) fn finding(&self, as_of: &str) -> Finding {
        let mut evidence = json!({
            "listed": self.row.indicator.to_string(),
            "list": self.list,
            "name": self.row.name,
            "said_by": self.row.source,
            "said_on": self.row.date,
        });
        if let Some(delisted) = &self.row.delisted {
            evidence["delisted_on"] = Value::from(delisted.as_str());
        }
        Finding { evidence, source: format!("list:{}", self.list), as_of: as_of.to_owned() }
    }
}
