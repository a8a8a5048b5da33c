//! The worker of the queue `audit`.

mod together;

use std::sync::Arc;
use std::time::Duration;

use scorpius_core::error::chain;
use scorpius_core::{BlobName, Blobs, Clock, Event, Keys, Store, StoreError};
use scorpius_edge::queue::{AuditBatch, BATCH_EVENTS_MAX};
use scorpius_edge::{Message, Outcome};

use crate::hash;
use crate::note::Origin;
use crate::sequencer::{SequenceError, Sequencer};
use crate::witness::WitnessClient;
use together::Together;

/// Bytes of a batch's blob: 97 events of at most 32,000 bytes, and what lies between them.
const BATCH_BYTES_MAX: u64 = 4_000_000;
/// Bytes of a message: names, a hash and a number.
const MESSAGE_BYTES_MAX: usize = 2_000;
/// When a log that is broken is looked at again. Meanwhile the message is kept, and the alarm rings.
const BROKEN_S: u64 = 300;

/// What the worker needs.
pub struct App {
    /// Puts batches into the log.
    sequencer: Sequencer,
    /// Has the batches.
    blobs: Arc<dyn Blobs>,
    together: Together,
}

impl App {
    /// Over these ports, for the log called `origin`.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        blobs: Arc<dyn Blobs>,
        keys: Arc<dyn Keys>,
        clock: Arc<dyn Clock>,
        origin: Origin,
    ) -> Self {
        Self::over(Sequencer::new(store, Arc::clone(&blobs), keys, clock, origin), blobs)
    }

    /// Over a sequencer, and where the batches are.
    #[must_use]
    pub fn over(sequencer: Sequencer, blobs: Arc<dyn Blobs>) -> Self {
        Self { sequencer, blobs, together: Together::default() }
    }

    /// Asks these witnesses before a checkpoint is published.
    #[must_use]
    pub fn asking(self, witnesses: WitnessClient) -> Self {
        Self { sequencer: self.sequencer.asking(witnesses), ..self }
    }
}

/// One message in, one outcome out. `Done` means: in the log, and the checkpoint covers it.
pub async fn handle(app: &App, message: &Message) -> Outcome {
    match take(app, message).await {
        Ok(()) => Outcome::Done,
        Err(outcome) => outcome,
    }
}

async fn take(app: &App, message: &Message) -> Result<(), Outcome> {
    let (batch, name) = parse(&message.body).map_err(Outcome::reject)?;
    let blob = app.blobs.get(&name, BATCH_BYTES_MAX).await.map_err(|error| Outcome::retry(chain(&error)))?;
    let Some(blob) = blob else {
        // Whoever had this message before may have ended after the blob was removed.
        return match app.sequencer.holds(&batch.batch_id).await.map_err(|error| outcome(&error))? {
            true => Ok(()),
            false => Err(Outcome::retry(format_args!("the batch's `{name}` is not there yet"))),
        };
    };
    let events = events_of(&batch, &blob).map_err(Outcome::reject)?;
    app.together.append(&app.sequencer, batch.batch_id, events).await.map_err(|error| outcome(&error))?;
    // The events in clear have done their part: from here on the ledger has them, sealed under secrets that can end.
    app.blobs.delete(&name).await.map_err(|error| Outcome::retry(chain(&error)))
}

fn parse(body: &[u8]) -> Result<(AuditBatch, BlobName), String> {
    if body.len() > MESSAGE_BYTES_MAX {
        return Err(format!("a message of more than {MESSAGE_BYTES_MAX} bytes"));
    }
    let batch: AuditBatch =
        serde_json::from_slice(body).map_err(|error| format!("not an audit batch: {error}"))?;
    if !scorpius_core::id::is_id("bat", &batch.batch_id) {
        return Err("the batch's id is none".to_owned());
    }
    if hash::bytes_of_hex(&batch.sha256).is_none() {
        return Err("the batch's SHA-256 is none".to_owned());
    }
    if !(1..=BATCH_EVENTS_MAX).contains(&batch.count) {
        return Err(format!("a batch of {} events, not 1 to {BATCH_EVENTS_MAX}", batch.count));
    }
    let name = batch.blob.parse().map_err(|error| format!("{error}"))?;
    Ok((batch, name))
}

fn events_of(batch: &AuditBatch, blob: &[u8]) -> Result<Vec<Event>, String> {
    if hash::sha256_hex(blob) != batch.sha256 {
        return Err("the batch's blob is not the one that was claimed".to_owned());
    }
    let events: Vec<Event> =
        serde_json::from_slice(blob).map_err(|error| format!("not a batch of events: {error}"))?;
    match events.len() == batch.count {
        true => Ok(events),
        false => Err(format!("{} events in a batch of {}", events.len(), batch.count)),
    }
}

fn outcome(error: &SequenceError) -> Outcome {
    let reason = chain(error);
    match error {
        SequenceError::Unpublished(error) => outcome(error),
        SequenceError::Entry { .. } | SequenceError::EventChanged(_) | SequenceError::TooMany(_) => {
            Outcome::reject(reason)
        }
        SequenceError::Contention
        | SequenceError::Quorum { .. }
        | SequenceError::Store(StoreError::Conflict { .. } | StoreError::Busy | StoreError::Port(_))
        | SequenceError::Port(_) => Outcome::retry(reason),
        SequenceError::Store(
            StoreError::Limit { .. } | StoreError::SameKeyTwice { .. } | StoreError::BadCursor,
        ) => Outcome::reject(reason),
        // Missing tiles may be late; other bytes never become right. Neither may be overwritten.
        SequenceError::Read(_) | SequenceError::Broken(_) | SequenceError::OtherOrigin { .. } => {
            Outcome::retry_after(Duration::from_secs(BROKEN_S), reason)
        }
    }
}

#[cfg(test)]
mod tests;
