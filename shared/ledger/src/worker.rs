//! The worker of the queue `audit`.

mod logs;
mod together;

use std::sync::Arc;
use std::time::Duration;

use scorpius_core::error::chain;
use scorpius_core::{BlobName, Blobs, Clock, Event, Keys, PortError, Store, StoreError};
use scorpius_edge::queue::{AuditBatch, BATCH_EVENTS_MAX};
use scorpius_edge::{Message, Outcome};

use crate::alarm::{Alarm, AlarmKind};
use crate::hash;
use crate::note::Origin;
use crate::sequencer::{SequenceError, Sequencer};
use crate::witness::WitnessClient;
use logs::Logs;

/// Bytes of a batch's blob: 97 events of at most 32,000 bytes, and what lies between them.
const BATCH_BYTES_MAX: u64 = 4_000_000;
/// Bytes of a message: names, a hash and a number.
const MESSAGE_BYTES_MAX: usize = 2_000;
/// When a log that is broken is looked at again. Meanwhile the message is kept, and the alarm rings.
const BROKEN_S: u64 = 300;
/// Where the relay puts batches.
const BATCHES: &str = "audit-batches/";
/// Hand-outs after which a batch's body that is not there is missing, and not late.
const MISSING_RECEIVES: u32 = 5;

/// What the worker needs.
pub struct App {
    /// Puts batches, each event of them into its log.
    logs: Logs,
    /// Has the batches.
    blobs: Arc<dyn Blobs>,
}

impl App {
    /// Over these ports, for the shared log, which is called `origin`, and for tenants' own.
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

    /// Over a sequencer of the shared log, and where the batches are.
    #[must_use]
    pub fn over(sequencer: Sequencer, blobs: Arc<dyn Blobs>) -> Self {
        Self { logs: Logs::over(sequencer), blobs }
    }

    /// Asks these witnesses, if any, before a checkpoint is published.
    #[must_use]
    pub fn asking(self, witnesses: Option<WitnessClient>) -> Self {
        match witnesses {
            Some(witnesses) => Self { logs: self.logs.asking(witnesses), ..self },
            None => self,
        }
    }
}

/// One message in, one outcome out. `Done` means: all of it is in its logs, and their checkpoints cover it.
pub async fn handle(app: &App, message: &Message) -> Outcome {
    match take(app, message).await {
        Ok(()) => Outcome::Done,
        Err(Refused { outcome, alarm }) => {
            if let Some(alarm) = alarm {
                app.logs.shared().alarms.raise(alarm).await;
            }
            outcome
        }
    }
}

/// Why a message is not done, and whether somebody must know.
struct Refused {
    outcome: Outcome,
    /// Not raised yet.
    alarm: Option<Alarm>,
}

impl Refused {
    fn sequencing(batch: &str, error: &SequenceError) -> Self {
        Self { outcome: outcome(error), alarm: Alarm::of_sequencing(batch, error) }
    }

    fn port(error: &PortError) -> Self {
        Self { outcome: Outcome::retry(chain(error)), alarm: None }
    }
}

impl From<NotABatch> for Refused {
    fn from(NotABatch { alarm, why }: NotABatch) -> Self {
        Self { outcome: Outcome::reject(why), alarm: Some(alarm) }
    }
}

async fn take(app: &App, message: &Message) -> Result<(), Refused> {
    let (batch, name) = parse(&message.body, &message.id)?;
    // One byte more than there may be shows that there are too many.
    let blob = app.blobs.get_range(&name, 0..BATCH_BYTES_MAX + 1).await;
    let Some(blob) = blob.map_err(|error| Refused::port(&error))? else {
        // Whoever had this message before may have ended after the blob was removed.
        let held = app.logs.shared().holds(&batch.batch_id).await;
        return match held.map_err(|error| Refused::sequencing(&batch.batch_id, &error))? {
            true => Ok(()),
            false => Err(Refused {
                outcome: Outcome::retry(format_args!("the batch's `{name}` is not there yet")),
                alarm: (message.receives >= MISSING_RECEIVES)
                    .then(|| Alarm::about(AlarmKind::ObjectMissing, name.as_str())),
            }),
        };
    };
    let events = events_of(&batch, &blob)?;
    let batch_id = batch.batch_id.clone();
    app.logs.append(&batch_id, events).await?;
    // The events in clear have done their part: from here on the ledger has them, sealed under secrets that can end.
    app.blobs.delete(&name).await.map_err(|error| Refused::port(&error))
}

/// What came is no batch that can be taken.
#[derive(Debug)]
struct NotABatch {
    alarm: Alarm,
    why: String,
}

fn parse(body: &[u8], message: &str) -> Result<(AuditBatch, BlobName), NotABatch> {
    let broken =
        |what: &str, why: String| NotABatch { alarm: Alarm::about(AlarmKind::BrokenBatch, what), why };
    if body.len() > MESSAGE_BYTES_MAX {
        return Err(broken(message, format!("a message of more than {MESSAGE_BYTES_MAX} bytes")));
    }
    let batch: AuditBatch = serde_json::from_slice(body)
        .map_err(|error| broken(message, format!("not an audit batch: {error}")))?;
    if !scorpius_core::id::is_id("bat", &batch.batch_id) {
        return Err(broken(message, "the batch's id is none".to_owned()));
    }
    let broken = |why: String| broken(&batch.batch_id, why);
    if hash::bytes_of_hex(&batch.sha256).is_none() {
        return Err(broken("the batch's SHA-256 is none".to_owned()));
    }
    if !(1..=BATCH_EVENTS_MAX).contains(&batch.count) {
        return Err(broken(format!("a batch of {} events, not 1 to {BATCH_EVENTS_MAX}", batch.count)));
    }
    let name: BlobName = batch.blob.parse().map_err(|error| broken(format!("{error}")))?;
    // What is read here is removed afterwards: it must be nobody's but the relay's.
    if !name.as_str().starts_with(BATCHES) {
        let alarm = Alarm::about(AlarmKind::ForeignBatch, batch.batch_id.as_str());
        return Err(NotABatch { alarm, why: format!("`{name}` is no batch's body") });
    }
    Ok((batch, name))
}

fn events_of(batch: &AuditBatch, blob: &[u8]) -> Result<Vec<Event>, NotABatch> {
    let of = |kind, why: String| NotABatch { alarm: Alarm::about(kind, batch.batch_id.as_str()), why };
    if blob.len() as u64 > BATCH_BYTES_MAX {
        let why = format!("a batch of more than {BATCH_BYTES_MAX} bytes");
        return Err(of(AlarmKind::OversizeEntry, why));
    }
    let broken = |why| of(AlarmKind::BrokenBatch, why);
    if hash::sha256_hex(blob) != batch.sha256 {
        return Err(broken("the batch's blob is not the one that was claimed".to_owned()));
    }
    let events: Vec<Event> =
        serde_json::from_slice(blob).map_err(|error| broken(format!("not a batch of events: {error}")))?;
    match events.len() == batch.count {
        true => Ok(events),
        false => Err(broken(format!("{} events in a batch of {}", events.len(), batch.count))),
    }
}

fn outcome(error: &SequenceError) -> Outcome {
    let reason = chain(error);
    match error {
        SequenceError::Unpublished(error) => outcome(error),
        SequenceError::Entry { .. }
        | SequenceError::EventChanged(_)
        | SequenceError::OtherTenant(_)
        | SequenceError::TooMany(_) => Outcome::reject(reason),
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
