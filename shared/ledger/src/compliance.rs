//! What a reviewer asks for, and which events are evidence for it: data, in `controls.json`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use schemars::JsonSchema;
use scorpius_core::event::matches_kind;
use serde::{Deserialize, Serialize};

use crate::bundle::Bundle;
use crate::entry::Entry;

/// What `ComplianceReport::format` says.
pub const REPORT_FORMAT: &str = "scorpius-report/1";

/// A law or a standard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Framework {
    /// How requests name it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Which edition was read.
    pub edition: String,
    /// For how long records are usually kept for it, in days; absent where the purpose decides.
    pub keep_days: Option<u32>,
    /// Those of its controls that the ledger has evidence for. The others are met elsewhere, or not at all.
    pub controls: Vec<Control>,
}

/// One thing that a framework asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// As the framework counts it.
    pub id: String,
    /// In our words, not the framework's.
    pub asks: String,
    /// Types of events that show it at work: whole, or a beginning and `*`.
    pub events: Vec<String>,
}

impl Control {
    /// Whether events of this type are evidence for it.
    #[must_use]
    pub fn wants(&self, kind: &str) -> bool {
        self.events.iter().any(|pattern| matches_kind(pattern, kind))
    }
}

/// All frameworks that are known.
///
/// # Panics
/// Never: the file is part of the program, and a test reads it.
#[must_use]
pub fn frameworks() -> &'static [Framework] {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        frameworks: Vec<Framework>,
    }
    static READ: OnceLock<Vec<Framework>> = OnceLock::new();
    READ.get_or_init(|| {
        let file: File = serde_json::from_str(include_str!("../controls.json")).expect("controls.json");
        file.frameworks
    })
}

/// What the ledger has for a framework in a stretch of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ComplianceReport {
    /// `scorpius-report/1`.
    pub format: String,
    /// The framework's id.
    pub framework: String,
    /// Its edition.
    pub edition: String,
    /// Whose entries.
    pub tenant: String,
    /// The first moment, RFC 3339, inclusive.
    pub from: String,
    /// The last moment, RFC 3339, exclusive.
    pub to: String,
    /// Whether all entries of that time were counted. If not, those from `from` to the last one counted were.
    pub complete: bool,
    /// Entries that were read.
    pub read: u64,
    /// Control by control.
    pub controls: Vec<ControlReport>,
    /// Proves what `controls` name as evidence; absent when there is none.
    pub bundle: Option<Bundle>,
}

/// What there is for one control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ControlReport {
    /// As the framework counts it.
    pub id: String,
    /// What it asks for.
    pub asks: String,
    /// How many events of each type there were.
    pub events: BTreeMap<String, u64>,
    /// Ids of some of them, the newest: these are proved by the bundle.
    pub evidence: Vec<String>,
}

/// Counts entries for a framework's controls, and remembers the newest for each.
pub(crate) struct Tally<'a> {
    framework: &'a Framework,
    each: usize,
    counted: Vec<(BTreeMap<String, u64>, Vec<String>)>,
}

impl<'a> Tally<'a> {
    /// Evidence for all controls together is at most `evidence_max` entries, as many for each.
    pub(crate) fn new(framework: &'a Framework, evidence_max: usize) -> Self {
        let each = (evidence_max / framework.controls.len().max(1)).max(1);
        Self { framework, each, counted: vec![Default::default(); framework.controls.len()] }
    }

    /// Counts one entry; the newest come first. What no checkpoint covers is counted and is no evidence.
    pub(crate) fn count(&mut self, entry: &Entry, covered: bool) {
        for (control, (events, evidence)) in self.framework.controls.iter().zip(&mut self.counted) {
            if control.wants(&entry.kind) {
                *events.entry(entry.kind.clone()).or_default() += 1;
                if covered && evidence.len() < self.each {
                    evidence.push(entry.id.clone());
                }
            }
        }
    }

    /// What there is for each.
    pub(crate) fn controls(self) -> Vec<ControlReport> {
        let report = |(control, (events, evidence)): (&Control, (BTreeMap<_, _>, Vec<_>))| ControlReport {
            id: control.id.clone(),
            asks: control.asks.clone(),
            events,
            evidence,
        };
        self.framework.controls.iter().zip(self.counted).map(report).collect()
    }
}

/// What is wrong with a report beside its bundle, one sentence each.
#[must_use]
pub(crate) fn faults(report: &ComplianceReport) -> Vec<String> {
    let entries: BTreeMap<&str, &Entry> = report
        .bundle
        .iter()
        .flat_map(Bundle::all_entries)
        .map(|proved| (proved.entry.id.as_str(), &proved.entry))
        .collect();
    let mut faults = Vec::new();
    for control in &report.controls {
        for id in &control.evidence {
            let what = match entries.get(id.as_str()) {
                None => "the report brings no proof of it",
                Some(entry) if !control.events.contains_key(&entry.kind) => {
                    "its type is not one that was counted"
                }
                Some(entry) if entry.tenant != report.tenant => "it is another tenant's",
                Some(entry) if !(report.from.as_str()..report.to.as_str()).contains(&entry.ts.as_str()) => {
                    "it is of another time"
                }
                Some(_) => continue,
            };
            faults.push(format!("{id}, evidence for {}: {what}", control.id));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frameworks_and_controls_are_named_once_and_ask_for_events() {
        let mut names = Vec::new();
        for framework in frameworks() {
            names.push(framework.id.clone());
            let mut ids: Vec<_> = framework.controls.iter().map(|control| &control.id).collect();
            assert!(!ids.is_empty());
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), framework.controls.len(), "{}", framework.id);
            for control in &framework.controls {
                assert!(!control.events.is_empty() && !control.asks.is_empty(), "{}", control.id);
            }
        }
        assert_eq!(names, ["gdpr", "hipaa", "pci-dss-4.0.1", "sox"]);
    }
}
