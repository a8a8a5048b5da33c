//! The logs that a batch's events belong to.
//!
//! ```text
//! batch ─┬─> own log of one tenant ──┐
//!        ├─> own log of another ─────┤ all there?
//!        └─> shared log ─────────────┴─yes─> the shared log remembers the batch
//! ```
//!
//! A log takes its part of the batch under the batch's id. The shared log remembers that id only once every other log has its part, so that
//! whoever finds it there knows that all of the batch is in. One log that is broken keeps no event out of another.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{self, StreamExt};
use scorpius_core::{Event, PortError, TenantId, UnixMillis};
use scorpius_edge::Outcome;

use super::together::Together;
use super::{Refused, Sequencer};
use crate::keys::REMEMBERED_MS;
use crate::log::{BEGINS_AFTER_MS, Beginning, LogKind, OwnLogs};
use crate::sequencer::{Appended, SequenceError};
use crate::witness::WitnessClient;

/// Own logs that one process keeps ready; those that nobody uses make room.
const READY_MAX: usize = 256;
/// Tenants of whom it is remembered whether they have a log of their own.
const REMEMBERED_MAX: usize = 10_000;
/// Own logs that are written at once for one batch.
const AT_ONCE: usize = 8;
/// What follows a batch's id while the shared log has its part, and another log not yet.
const IN_PART: &str = "-in-part";

// INVARIANT: that a tenant has no log of its own is forgotten before one that is asked for begins.
const _: () = assert!(2 * REMEMBERED_MS < BEGINS_AFTER_MS);

/// One log, and who waits for it.
struct Log {
    sequencer: Sequencer,
    together: Together,
}

impl Log {
    async fn append(&self, part_id: String, events: Vec<Event>) -> Result<Appended, SequenceError> {
        self.together.append(&self.sequencer, part_id, events).await
    }

    /// Why the batch is not done. The alarm is raised here: it is known in which log, and of several refusals one alone is told.
    async fn refused(&self, batch_id: &str, error: &SequenceError) -> Refused {
        let Refused { outcome, alarm } = Refused::sequencing(batch_id, error);
        if let Some(alarm) = alarm {
            self.sequencer.alarms.raise(alarm).await;
        }
        Refused { outcome, alarm: None }
    }
}

/// Whether a tenant has a log of its own, as it was read at that moment.
type Known = (Option<Beginning>, UnixMillis);

/// The shared log, and the own ones that were needed.
pub(super) struct Logs {
    shared: Log,
    own: Mutex<HashMap<TenantId, Arc<Log>>>,
    beginnings: OwnLogs,
    known: Mutex<HashMap<TenantId, Known>>,
}

impl Logs {
    /// Over the sequencer of the shared log.
    pub(super) fn over(sequencer: Sequencer) -> Self {
        Self {
            beginnings: OwnLogs::new(Arc::clone(&sequencer.alarms.store)),
            shared: Log { sequencer, together: Together::default() },
            own: Mutex::default(),
            known: Mutex::default(),
        }
    }

    pub(super) fn asking(self, witnesses: WitnessClient) -> Self {
        let sequencer = self.shared.sequencer.asking(witnesses);
        Self { shared: Log { sequencer, ..self.shared }, own: Mutex::default(), ..self }
    }

    /// The sequencer of the shared log.
    pub(super) fn shared(&self) -> &Sequencer {
        &self.shared.sequencer
    }

    /// Brings each event of the batch into its log.
    pub(super) async fn append(&self, batch_id: &str, events: Vec<Event>) -> Result<(), Refused> {
        let sorted = self.sorted(events).await;
        let (shared, own) = sorted.map_err(|error| Refused::sequencing(batch_id, &error))?;
        let appending = own.into_iter().map(|(tenant, events)| self.append_own(batch_id, tenant, events));
        let appended: Vec<_> = stream::iter(appending).buffer_unordered(AT_ONCE).collect().await;
        let mut failed: Vec<_> = appended.into_iter().filter_map(Result::err).collect();
        let part_id = match failed.is_empty() {
            true => batch_id.to_owned(),
            false => format!("{batch_id}{IN_PART}"),
        };
        // Of an empty part there is only to remember that all the others are there.
        if (failed.is_empty() || !shared.is_empty())
            && let Err(error) = self.shared.append(part_id, shared).await
        {
            failed.push(self.shared.refused(batch_id, &error).await);
        }
        told_of(failed)
    }

    async fn append_own(&self, batch_id: &str, tenant: TenantId, events: Vec<Event>) -> Result<(), Refused> {
        let log = self.log_of(&tenant).map_err(|error| Refused::sequencing(batch_id, &error.into()))?;
        match log.append(batch_id.to_owned(), events).await {
            Ok(_) => Ok(()),
            Err(error) => Err(log.refused(batch_id, &error).await),
        }
    }

    /// The events of the shared log, and those of each own log, in their order.
    async fn sorted(
        &self,
        events: Vec<Event>,
    ) -> Result<(Vec<Event>, BTreeMap<TenantId, Vec<Event>>), SequenceError> {
        let beginnings = self.beginnings_of(&events).await?;
        let mut own: BTreeMap<_, Vec<_>> = BTreeMap::new();
        if beginnings.is_empty() {
            return Ok((events, own));
        }
        // No log sees all of the batch.
        let mut tenants = HashMap::new();
        for event in &events {
            if *tenants.entry(event.id.as_str()).or_insert(&event.tenantid) != &event.tenantid {
                return Err(SequenceError::OtherTenant(event.id.chars().take(60).collect()));
            }
        }
        let mut shared = Vec::new();
        for event in events {
            match Beginning::kind_of(beginnings.get(&event.tenantid), &event.id) {
                LogKind::Shared => shared.push(event),
                LogKind::Own => own.entry(event.tenantid.clone()).or_default().push(event),
            }
        }
        Ok((shared, own))
    }

    /// When the own logs of these events' tenants begin, of those who have one.
    async fn beginnings_of(&self, events: &[Event]) -> Result<BTreeMap<TenantId, Beginning>, SequenceError> {
        let tenants: BTreeSet<_> = events.iter().map(|event| &event.tenantid).collect();
        let (mut found, mut missing) = (BTreeMap::new(), Vec::new());
        let now = self.shared.sequencer.alarms.now();
        for tenant in tenants {
            match self.recall(tenant, now) {
                Some(Some(beginning)) => drop(found.insert(tenant.clone(), beginning)),
                Some(None) => {}
                None => missing.push(tenant),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let read = self.beginnings.of_all(&missing).await?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for (tenant, beginning) in missing.into_iter().zip(read) {
            if known.len() >= REMEMBERED_MAX {
                known.clear();
            }
            known.insert(tenant.clone(), (beginning.clone(), now));
            found.extend(beginning.map(|beginning| (tenant.clone(), beginning)));
        }
        Ok(found)
    }

    /// A beginning never changes; that there is none may.
    fn recall(&self, tenant: &TenantId, now: UnixMillis) -> Option<Option<Beginning>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (beginning, at) = known.get(tenant)?;
        // A clock that stepped back must not make it last.
        let is_fresh = *at <= now && now.since_ms(*at) < REMEMBERED_MS;
        (beginning.is_some() || is_fresh).then(|| beginning.clone())
    }

    /// The own log of this tenant: one in a process, so that what waits for it is brought in together.
    fn log_of(&self, tenant: &TenantId) -> Result<Arc<Log>, PortError> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = own.get(tenant) {
            return Ok(Arc::clone(log));
        }
        if own.len() >= READY_MAX {
            own.retain(|_, log| Arc::strong_count(log) > 1);
        }
        let sequencer = self.shared.sequencer.of_tenant(tenant);
        let sequencer = sequencer.map_err(|error| PortError::new("ledger", error))?;
        let log = Arc::new(Log { sequencer, together: Together::default() });
        own.insert(tenant.clone(), Arc::clone(&log));
        Ok(log)
    }
}

/// What is told of several refusals: as long as one may pass, the message comes again.
fn told_of(mut refused: Vec<Refused>) -> Result<(), Refused> {
    refused.sort_by_key(|one| !matches!(one.outcome, Outcome::Retry { .. }));
    refused.into_iter().next().map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests;
