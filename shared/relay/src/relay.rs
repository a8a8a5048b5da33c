//! Publishing rows and claiming them for the ledger.

use std::sync::Arc;

use scorpius_core::crash::{CrashPoint, point};
use scorpius_core::{
    Attributes, BlobName, Blobs, Bus, Clock, CommitId, Condition, Event, Key, PortError, Store, StoreError,
    Write, new_id,
};
use scorpius_edge::queue::{AuditBatch, BATCH_EVENTS_MAX};

/// The queue that audit batches go to.
pub(crate) const AUDIT_QUEUE: &str = "audit";
/// Where batches that may not have been sent are recorded.
pub(crate) const BATCHES: &str = "relay#batches";
/// How often a claim is tried when another relay takes rows of it away.
const CLAIMS_MAX: u32 = 5;
/// Parts that fail one after the other before the ports count as down, and not a row as stuck.
const FAILURES_MAX: u32 = 8;
/// For how long rows that fail are looked for; a relay has 60 s in all.
const SEARCH_MS: u64 = 20_000;

/// Why rows were not carried on. They are still in the outbox, or in a recorded batch.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The store said no.
    #[error("the outbox could not be read or claimed")]
    Store(#[from] StoreError),
    /// The bus or the blobs did not answer.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A batch is recorded and was not sent; a sweep sends it.
    #[error("a recorded batch was not sent")]
    Unsent(#[source] PortError),
}

/// What one call carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relayed {
    /// Events handed to the bus.
    pub published: usize,
    /// Events claimed in batches; fewer than published when another relay was faster.
    pub claimed: usize,
    /// Batches sent to the ledger's queue.
    pub batches: usize,
    /// Rows that would not go while others did: they stay in the outbox, and grow old there.
    pub stuck: usize,
}

/// Carries rows. Any number of these may work at once.
pub struct Relay {
    /// Has the outbox.
    pub store: Arc<dyn Store>,
    /// Gets the batches' bodies.
    pub blobs: Arc<dyn Blobs>,
    /// Leads to the queues.
    pub bus: Arc<dyn Bus>,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
}

impl Relay {
    /// Publishes `events`, which are rows of the outbox, then claims and sends them. One row that the bus or
    /// the store will never take does not keep the others back: what fails is halved until it is alone.
    ///
    /// # Errors
    /// When a port fails; what was not claimed stays in the outbox.
    pub async fn relay(&self, events: &[Event]) -> Result<Relayed, RelayError> {
        let mut relayed = Relayed::default();
        let begun = self.clock.now();
        let (mut parts, mut failures, mut stuck) = (vec![events], 0, Vec::new());
        while let Some(part) = parts.pop() {
            let error = match self.carry(part, &mut relayed).await {
                Ok(()) => {
                    failures = 0;
                    continue;
                }
                Err(error @ RelayError::Unsent(_)) => return Err(error),
                Err(error) => error,
            };
            failures += 1;
            if failures > FAILURES_MAX || self.clock.now().since_ms(begun) > SEARCH_MS {
                return Err(error);
            }
            match part.split_at(part.len() / 2) {
                ([], [row]) => stuck.push((row, error)),
                // Rows that are stuck grow old, so that the younger half is the likelier to go.
                (older, younger) => parts.extend([older, younger]),
            }
        }
        relayed.stuck = stuck.len();
        if relayed.published == 0
            && let Some((_, error)) = stuck.pop()
        {
            return Err(error);
        }
        for (row, error) in stuck {
            let error = scorpius_core::error::chain(&error);
            tracing::error!(event = row.id, error, "a row is stuck in the outbox");
        }
        Ok(relayed)
    }

    async fn carry(&self, events: &[Event], relayed: &mut Relayed) -> Result<(), RelayError> {
        if events.is_empty() {
            return Ok(());
        }
        self.bus.publish(events).await?;
        point(CrashPoint::RelayPublished);
        for chunk in events.chunks(BATCH_EVENTS_MAX) {
            if let Some(batch) = self.claim(chunk).await? {
                relayed.claimed += batch.count;
                relayed.batches += 1;
                self.send(&batch).await?;
            }
        }
        relayed.published += events.len();
        Ok(())
    }

    /// Takes `events` out of the outbox and records them as one batch; rows that another relay took
    /// first are left out. `None` when none is left.
    async fn claim(&self, events: &[Event]) -> Result<Option<AuditBatch>, RelayError> {
        let mut mine: Vec<&Event> = events.iter().collect();
        for _ in 0..CLAIMS_MAX {
            if mine.is_empty() {
                return Ok(None);
            }
            match self.try_claim(&mine).await {
                Err(RelayError::Store(StoreError::Conflict { .. })) => mine = self.still_there(&mine).await?,
                Ok(batch) => return Ok(Some(batch)),
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Busy.into())
    }

    async fn try_claim(&self, events: &[&Event]) -> Result<AuditBatch, RelayError> {
        let body = serde_json::to_vec(events).map_err(|error| PortError::new("store", error))?;
        let blob = BlobName::of_content("audit-batches", &body);
        let sha256 = blob.as_str().rsplit('/').next().unwrap_or_default().to_owned();
        let batch = AuditBatch {
            batch_id: new_id("bat", &*self.clock),
            blob: blob.to_string(),
            sha256,
            count: events.len(),
        };
        self.blobs.put_if_absent(&blob, body.into()).await?;
        point(CrashPoint::RelayBatchWritten);

        let mut writes: Vec<_> = events
            .iter()
            .map(|event| Write::Delete { key: event.outbox_key(), condition: Condition::Present })
            .collect();
        writes.push(Write::Put {
            key: Key::new(BATCHES, batch.batch_id.as_str()),
            attributes: Attributes::document(&batch),
            expires_at: None,
            condition: Condition::Absent,
        });
        let id = CommitId::new(&*self.clock);
        match self.store.commit(id, &writes).await {
            // The answer may be lost though the claim stands: the same id asks again without harm.
            Err(StoreError::Port(_)) => self.store.commit(id, &writes).await?,
            other => other?,
        };
        point(CrashPoint::RelayBatchClaimed);
        Ok(batch)
    }

    async fn still_there<'e>(&self, events: &[&'e Event]) -> Result<Vec<&'e Event>, RelayError> {
        let keys: Vec<_> = events.iter().map(|event| event.outbox_key()).collect();
        let rows = self.store.get_many(&keys).await?;
        Ok(events.iter().zip(rows).filter_map(|(event, row)| row.is_some().then_some(*event)).collect())
    }

    /// Sends a recorded batch, then forgets it. Sent twice after a crash between the two.
    pub(crate) async fn send(&self, batch: &AuditBatch) -> Result<(), RelayError> {
        let body = serde_json::to_vec(batch).map_err(|error| PortError::new("bus", error))?;
        self.bus.send(AUDIT_QUEUE, &body).await.map_err(RelayError::Unsent)?;
        point(CrashPoint::RelayBatchSent);
        let forget =
            Write::Delete { key: Key::new(BATCHES, batch.batch_id.as_str()), condition: Condition::Always };
        self.store.commit(CommitId::new(&*self.clock), &[forget]).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
