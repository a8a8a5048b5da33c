//! What is wrong with the ledger, told at once, and no more often than anybody can read.
//!
//! ```text
//! found ─┬─> a line of the log, always     counted as `LedgerAlarms`; needs nothing that may be what is broken
//!        └─> an event, committed           one an hour for each kind and thing, twenty an hour in all
//! ```
//!
//! The event is the operator's tenant's, or of whoever handed in the evidence that is false. A store that was rolled
//! back commits it as well; where that fails, the line is what is left.

use std::sync::Arc;

use schemars::JsonSchema;
use scorpius_core::error::chain;
use scorpius_core::operator::first_tenant_of;
use scorpius_core::{
    Actor, Clock, CommitId, Event, Fact, Key, Store, StoreError, TenantId, UnixMillis, Write, new_id,
};
use scorpius_edge::idempotency::commit_with_retry;
use scorpius_edge::queue::BATCH_EVENTS_MAX;
use serde::{Deserialize, Serialize};

use crate::entry::{NotAnEntry, PAYLOAD_BYTES_MAX};
use crate::hash::sha256_hex;
use crate::log::LogName;
use crate::read::ReadError;
use crate::sequencer::{Broken, SequenceError};
use crate::verify::{Continues, Refusal, Report, Verdict};

/// Events of one tenant in one hour: more is in the log.
const TOLD_MAX: i64 = 20;
const HOUR_S: u64 = 3_600;
/// What counters count.
const TOLD: &str = "told";
/// Characters of a name in an alarm.
const NAME_CHARS_MAX: usize = 200;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlarmKind {
    /// An event or a batch is larger than the ledger takes.
    OversizeEntry,
    /// What came as a batch is none, or not the one that was claimed.
    BrokenBatch,
    /// A batch names what is no batch's, or one event as two tenants'.
    ForeignBatch,
    /// An event is in the log already and says something else.
    EventChanged,
    /// A file of the log has other bytes than it can have.
    ObjectChanged,
    /// A file of the log is missing.
    ObjectMissing,
    /// The log has another name than it was told.
    OtherLog,
    /// Records or files are from an earlier time than somebody has seen.
    RolledBack,
    /// The checkpoint that readers get is older than one that was anchored, or than the one that somebody kept.
    StaleCheckpoint,
    /// The checkpoint that readers get is not signed by the log.
    ForgedCheckpoint,
    /// A witness has cosigned another history of this log.
    WitnessConflict,
    /// A checkpoint does not continue an earlier one.
    NotContinued,
    /// Evidence claims what is not so.
    TamperedEvidence,
}

impl AlarmKind {
    /// As the event names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OversizeEntry => "oversize_entry",
            Self::BrokenBatch => "broken_batch",
            Self::ForeignBatch => "foreign_batch",
            Self::EventChanged => "event_changed",
            Self::ObjectChanged => "object_changed",
            Self::ObjectMissing => "object_missing",
            Self::OtherLog => "other_log",
            Self::RolledBack => "rolled_back",
            Self::StaleCheckpoint => "stale_checkpoint",
            Self::ForgedCheckpoint => "forged_checkpoint",
            Self::WitnessConflict => "witness_conflict",
            Self::NotContinued => "not_continued",
            Self::TamperedEvidence => "tampered_evidence",
        }
    }

    /// Whether nothing more enters the log, or is anchored, before somebody has looked.
    #[must_use]
    pub fn stops(self) -> bool {
        match self {
            Self::ObjectChanged
            | Self::ObjectMissing
            | Self::OtherLog
            | Self::RolledBack
            | Self::NotContinued => true,
            Self::OversizeEntry
            | Self::BrokenBatch
            | Self::ForeignBatch
            | Self::EventChanged
            | Self::StaleCheckpoint
            | Self::ForgedCheckpoint
            | Self::WitnessConflict
            | Self::TamperedEvidence => false,
        }
    }
}

/// Something is wrong with the ledger. Aggregate: the alarm; sequence 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlarmRaised {
    /// `alm_…`.
    pub alarm_id: String,
    /// What is wrong.
    pub kind: AlarmKind,
    /// Whether nothing more enters the log, or is anchored, before somebody has looked.
    pub stops: bool,
    /// What it is about: a batch, an event, a file of the log, a witness.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// The size that was expected, or the largest that is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<u64>,
    /// The size that was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<u64>,
}

impl Fact for AlarmRaised {
    const TYPE: &'static str = "scorpius.audit.alarm.v1";
    const MEANING: &'static str = "Something is wrong with the ledger, or with evidence that was handed in; once an hour for each kind and thing.";
}

/// What was found, before it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// What is wrong.
    pub kind: AlarmKind,
    /// What it is about.
    pub what: Option<String>,
    /// The size that was expected.
    pub known: Option<u64>,
    /// The size that was found.
    pub found: Option<u64>,
}

impl Alarm {
    /// Of this kind, about `what`.
    pub(crate) fn about(kind: AlarmKind, what: impl Into<String>) -> Self {
        let what: String = what.into();
        Self { kind, what: Some(what.chars().take(NAME_CHARS_MAX).collect()), known: None, found: None }
    }

    /// With the tenant whose own log it is in: the same file of another log is another thing.
    pub(crate) fn in_log(self, log: &LogName) -> Self {
        match (log, &self.what) {
            (LogName::Own(tenant), Some(what)) if !what.contains(tenant.as_str()) => {
                Self { what: Some(format!("{what} of the log of {tenant}")), ..self }
            }
            (LogName::Shared | LogName::Own(_), _) => self,
        }
    }

    /// With the sizes that differ.
    pub(crate) fn sizes(self, known: u64, found: u64) -> Self {
        Self { known: Some(known), found: Some(found), ..self }
    }

    /// What `error` says is wrong while `batch` was brought in; `None` for what passes by itself.
    pub(crate) fn of_sequencing(batch: &str, error: &SequenceError) -> Option<Self> {
        let of = |kind| Some(Self::about(kind, batch));
        match error {
            SequenceError::Unpublished(error) => Self::of_sequencing(batch, error),
            SequenceError::Entry { id, source: NotAnEntry::TooLong(bytes) } => {
                Some(Self::about(AlarmKind::OversizeEntry, id).sizes(PAYLOAD_BYTES_MAX as u64, *bytes as u64))
            }
            SequenceError::Entry { id, .. } => Some(Self::about(AlarmKind::BrokenBatch, id)),
            SequenceError::TooMany(events) => {
                of(AlarmKind::OversizeEntry).map(|it| it.sizes(BATCH_EVENTS_MAX as u64, *events as u64))
            }
            SequenceError::Store(StoreError::Limit { .. }) => of(AlarmKind::OversizeEntry),
            SequenceError::EventChanged(id) => Some(Self::about(AlarmKind::EventChanged, id)),
            SequenceError::OtherTenant(id) => Some(Self::about(AlarmKind::ForeignBatch, id)),
            SequenceError::OtherOrigin { told, .. } => Some(Self::about(AlarmKind::OtherLog, told.as_str())),
            SequenceError::Read(error) => Self::of_reading(error),
            SequenceError::Broken(Broken::OtherBytes(name)) => {
                Some(Self::about(AlarmKind::ObjectChanged, name.as_str()))
            }
            SequenceError::Broken(Broken::NotItsTile(size)) => {
                Some(Self::about(AlarmKind::ObjectChanged, format!("the last tile of {size} entries")))
            }
            SequenceError::Broken(Broken::Root) => {
                Some(Self::about(AlarmKind::ObjectChanged, "the head's leaves"))
            }
            SequenceError::Broken(Broken::RolledBack { seen_by, known, found }) => {
                Some(Self::about(AlarmKind::RolledBack, seen_by).sizes(*known, *found))
            }
            SequenceError::Broken(Broken::Full) => of(AlarmKind::OversizeEntry),
            SequenceError::Contention
            | SequenceError::Store(_)
            | SequenceError::Port(_)
            | SequenceError::Quorum { .. } => None,
        }
    }

    /// What `error` says is wrong with the log's files.
    pub(crate) fn of_reading(error: &ReadError) -> Option<Self> {
        match error {
            ReadError::Port(_) => None,
            ReadError::Missing(name) => Some(Self::about(AlarmKind::ObjectMissing, name.to_string())),
            ReadError::Inconsistent { size } => {
                Some(Self::about(AlarmKind::ObjectChanged, format!("the tiles of {size} entries")))
            }
            ReadError::OutOfRange { asked, size } => {
                Some(Self::about(AlarmKind::RolledBack, "the tree").sizes(*asked, *size))
            }
        }
    }

    /// What a report on evidence shows to be false. What is no evidence of this log, or unreadable, is nobody's alarm.
    pub(crate) fn of_evidence(report: &Report) -> Option<Self> {
        if let Some(alarm) = report.own.as_deref().and_then(Self::of_evidence) {
            return Some(alarm);
        }
        let size = report.believed.as_ref().map(|believed| believed.checkpoint.size);
        match (report.verdict, report.continues, report.refusal.as_ref().map(Refusal::cause)) {
            (Verdict::Verified, ..) => None,
            (Verdict::Failed, Some(Continues::No(kept)), _) => {
                let size = size.unwrap_or_default();
                let kind = if size < kept { AlarmKind::StaleCheckpoint } else { AlarmKind::NotContinued };
                Some(Self::about(kind, "evidence").sizes(kept, size))
            }
            (Verdict::Failed, ..) | (Verdict::Refused, _, Some(Refusal::Checkpoint(_))) => {
                let false_entry = report.entries.iter().find(|entry| !entry.is_proved());
                let what = false_entry.map_or("evidence", |entry| entry.entry.id.as_str());
                Some(Self::about(AlarmKind::TamperedEvidence, what))
            }
            (Verdict::Refused, ..) => None,
        }
    }
}

/// Tells of alarms.
#[derive(Clone)]
pub(crate) struct Alarms {
    pub(crate) store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    /// The function that finds them.
    function: &'static str,
    /// The log in which it finds them.
    log: LogName,
}

impl Alarms {
    /// That `function` finds, in the shared log.
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, function: &'static str) -> Self {
        Self { store, clock, function, log: LogName::Shared }
    }

    /// The time that they tell.
    pub(crate) fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// The same in `log`.
    pub(crate) fn of_log(self, log: &LogName) -> Self {
        Self { log: log.clone(), ..self }
    }

    /// Tells the operator. What fails on the way is in the log, as the alarm itself is.
    pub(crate) async fn raise(&self, alarm: Alarm) {
        let alarm = alarm.in_log(&self.log);
        self.say(&alarm);
        let actor = Actor {
            name: format!("system:{}", self.function),
            strength: None,
            network: None,
            traceparent: None,
            hops: 0,
        };
        let told = match first_tenant_of(&*self.store).await {
            Ok(Some(operator)) => self.commit(&operator, &actor, alarm).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        untold(told);
    }

    /// Tells the tenant of whoever handed in what is false.
    pub(crate) async fn raise_to(&self, tenant: &TenantId, actor: &Actor, alarm: Alarm) {
        self.say(&alarm);
        untold(self.commit(tenant, actor, alarm).await);
    }

    /// The line that is counted. `alarm` is what the metric's filter looks for.
    fn say(&self, alarm: &Alarm) {
        tracing::error!(
            alarm = alarm.kind.name(),
            stops = alarm.kind.stops(),
            what = alarm.what,
            known = alarm.known,
            found = alarm.found,
            "the ledger raises an alarm"
        );
    }

    async fn commit(&self, tenant: &TenantId, actor: &Actor, alarm: Alarm) -> Result<(), StoreError> {
        let now = self.clock.now();
        let hour = now.as_s() / HOUR_S;
        let thing = sha256_hex(alarm.what.as_deref().unwrap_or_default().as_bytes());
        let partition = format!("counter#ledger-alarms#{tenant}");
        let once = |sort: String, max| Write::Add {
            key: Key::new(partition.clone(), sort),
            deltas: vec![(TOLD.to_owned(), 1)],
            only_if: Some((TOLD.to_owned(), max)),
            expires_at: Some(now.plus_s(2 * HOUR_S)),
        };
        let id = new_id("alm", &*self.clock);
        let Alarm { kind, what, known, found } = alarm;
        let fact = AlarmRaised { alarm_id: id.clone(), kind, stops: kind.stops(), what, known, found };
        let writes = [
            once(format!("{hour:08}#{}#{thing}", kind.name()), 1),
            once(format!("{hour:08}"), TOLD_MAX),
            Write::emit(Event::of(&fact, &id, 1, tenant, actor, &*self.clock)),
        ];
        match commit_with_retry(&*self.store, CommitId::new(&*self.clock), &writes).await {
            // Told in this hour already, or enough was told.
            Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn untold(told: Result<(), StoreError>) {
    if let Err(error) = told {
        tracing::error!(error = chain(&error), "an alarm of the ledger could not be committed");
    }
}

#[cfg(test)]
mod tests;
