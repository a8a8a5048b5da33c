//! A report in plain words, and as a document.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Continues, Data, EntryReport, Report, Verdict};
use crate::bundle::Witnesses;
use crate::hash;
use crate::policy::Believed;

/// How far a check went: what it says, and what it does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Scope {
    /// `verified`, `failed` or `refused`.
    pub verdict: String,
    /// Why nothing was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// The log's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Entries that its checkpoint covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The root over them, in Base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// By how many of how many trusted witnesses the checkpoint is cosigned.
    pub witnessed: Witnesses,
    /// Whether these are as many as the policy asks for; absent when it asks for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quorum: Option<bool>,
    /// Entries of the kept checkpoint that this one was shown to continue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consistent_with: Option<u64>,
    /// The first and the end of the range that is complete: every entry in it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complete: Option<(u64, u64)>,
    /// How far the check of those entries went that another log has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<Box<Scope>>,
    /// What was found, one sentence each.
    pub findings: Vec<String>,
    /// What this check does not say, whatever its verdict.
    pub not_checked: Vec<String>,
}

impl Scope {
    /// Of a whole log that was read and continues the checkpoint that was kept, of so many entries, if one was; what else was found is for
    /// the caller to add.
    #[must_use]
    pub fn of_log(believed: &Believed, quorum: Option<bool>, kept: Option<u64>) -> Self {
        let report = Report {
            verdict: if quorum == Some(false) { Verdict::Failed } else { Verdict::Verified },
            refusal: None,
            believed: Some(believed.clone()),
            continues: kept.map(Continues::Yes),
            quorum,
            entries: Vec::new(),
            record: None,
            own: None,
            evidence: None,
        };
        let mut scope = report.scope();
        let elsewhere = "that a tenant's entries are all in this log: the shared one may have some, and the tenant's own others";
        scope.not_checked.push(elsewhere.to_owned());
        scope
    }

    /// Of a log that is not what its checkpoint says.
    #[must_use]
    pub fn failed(why: &str) -> Self {
        Self {
            verdict: Verdict::Failed.name().to_owned(),
            refusal: None,
            origin: None,
            size: None,
            root: None,
            witnessed: Witnesses::default(),
            quorum: None,
            consistent_with: None,
            complete: None,
            own: None,
            findings: vec![format!("NOT PROVED: {why}")],
            not_checked: Vec::new(),
        }
    }
}

impl Report {
    /// The report as a document.
    #[must_use]
    pub fn scope(&self) -> Scope {
        let checkpoint = self.believed.as_ref().map(|believed| &believed.checkpoint);
        Scope {
            verdict: self.verdict.name().to_owned(),
            refusal: self.refusal.as_ref().map(ToString::to_string),
            origin: checkpoint.map(|checkpoint| checkpoint.origin.to_string()),
            size: checkpoint.map(|checkpoint| checkpoint.size),
            root: checkpoint.map(|checkpoint| hash::to_text(&checkpoint.root)),
            witnessed: self.witnesses(),
            quorum: self.quorum,
            consistent_with: match self.continues {
                Some(Continues::Yes(size)) => Some(size),
                Some(Continues::No(_)) | None => None,
            },
            complete: None,
            own: self.own.as_ref().map(|own| Box::new(own.scope())),
            findings: self.findings(),
            not_checked: self.not_checked(),
        }
    }

    fn witnesses(&self) -> Witnesses {
        self.believed.as_ref().map_or_else(Witnesses::default, |believed| believed.witnesses)
    }

    fn findings(&self) -> Vec<String> {
        let mut found = Vec::new();
        match self.continues {
            Some(Continues::Yes(size)) => {
                found.push(format!("consistent with the checkpoint of {size} entries that you kept"));
            }
            Some(Continues::No(size)) => found
                .push(format!("NOT PROVED that it continues the checkpoint of {size} entries that you kept")),
            None => {}
        }
        match self.quorum {
            Some(true) => found.push("the witnesses that your policy asks for have cosigned".to_owned()),
            Some(false) => {
                found.push("NOT PROVED: fewer witnesses cosigned than your policy asks for".to_owned())
            }
            None => {}
        }
        match self.record {
            Some((index, true)) => found.push(format!("included: the entry at index {index}")),
            Some((index, false)) => found.push(format!("NOT PROVED: the entry is not at index {index}")),
            None => {}
        }
        found.extend(self.entries.iter().flat_map(EntryReport::findings));
        if let Some(faults) = &self.evidence {
            found.extend(faults.iter().map(|fault| format!("NOT PROVED: {fault}")));
            if faults.is_empty() {
                found.push("all that the report names as evidence is among these entries".to_owned());
            }
        }
        found
    }

    /// What this check does not say, whatever its verdict.
    #[must_use]
    pub fn not_checked(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if self.refusal.is_some() {
            return missing;
        }
        if self.witnesses().k == 0 {
            missing.push(
                "that others were shown the same log: no trusted witness cosigned this checkpoint".to_owned(),
            );
        }
        if self.continues.is_none() {
            missing
                .push("that the log continues what you saw before: no kept checkpoint was given".to_owned());
        }
        if !self.entries.is_empty() || self.record.is_some() {
            missing.push("that these are all entries of their tenant".to_owned());
            missing.push(
                "that what an entry says is true: the log shows only what was said, and in which order"
                    .to_owned(),
            );
        }
        if self.evidence.is_some() {
            missing.push("the report's counts: only what it names as evidence is proved".to_owned());
        }
        let withheld = self.entries.iter().filter(|entry| entry.data == Data::Withheld).count();
        if withheld > 0 {
            missing.push(format!("the payload of {withheld} entries, which is not shown"));
        }
        missing
    }
}

impl EntryReport {
    fn findings(&self) -> Vec<String> {
        let Self { entry, index, included, data, payload } = self;
        let about = match payload {
            Some(payload) => {
                format!("{} of {} about {} by {}", entry.kind, entry.ts, payload.aggregate, payload.actor)
            }
            None => format!("{} of {}", entry.kind, entry.ts),
        };
        let first = match included {
            Ok(()) => format!("included: {} at index {index}, {about}", entry.id),
            Err(why) => format!("NOT PROVED: {}: {why}, {about}", entry.id),
        };
        let second = match data {
            Data::Matches => "its payload is what the log commits to",
            Data::Withheld => "its payload is not shown",
            Data::Differs => "NOT PROVED: its payload is not what the log commits to",
        };
        vec![first, second.to_owned()]
    }
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

/// The report as a person reads it, one finding a line, log by log.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(refusal) = &self.refusal {
            return writeln!(f, "REFUSED: {refusal}");
        }
        self.say(f)?;
        writeln!(f, "{}", self.verdict.name().to_uppercase())
    }
}

impl Report {
    fn say(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Believed { checkpoint, cosigned, witnesses, .. }) = &self.believed {
            writeln!(f, "log        {}", checkpoint.origin)?;
            let root = hash::to_text(&checkpoint.root);
            writeln!(f, "checkpoint {} entries, root {root}, signed by the log's key", checkpoint.size)?;
            writeln!(f, "witnessed  by {witnesses}")?;
            for seen in cosigned {
                writeln!(f, "           {} at {} s since 1970", seen.witness, seen.time_s)?;
            }
        }
        for finding in self.findings() {
            writeln!(f, "{finding}")?;
        }
        for missing in self.not_checked() {
            writeln!(f, "unchecked  {missing}")?;
        }
        match &self.own {
            Some(own) => own.say(f),
            None => Ok(()),
        }
    }
}
