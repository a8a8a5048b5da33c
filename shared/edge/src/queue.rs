//! What a worker is handed, and what it answers.

use std::time::Duration;

use bytes::Bytes;
use schemars::JsonSchema;
use scorpius_core::Event;
use scorpius_core::event::HOPS_MAX;
use serde::{Deserialize, Serialize};

/// Events of one audit batch: the ledger's commit holds one write per event, and three more.
pub const BATCH_EVENTS_MAX: usize = 97;

/// One message of a queue. It may come more than once.
#[derive(Clone, Debug)]
pub struct Message {
    /// The queue's own id.
    pub id: String,
    /// An event as JSON, or what the relay sends.
    pub body: Bytes,
    /// How often it was handed out, this time included.
    pub receives: u32,
}

/// What the queue `audit` carries: a batch whose members never change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditBatch {
    /// `bat_…`: the ledger takes each once.
    pub batch_id: String,
    /// Where the events are, as one JSON array.
    pub blob: String,
    /// SHA-256 of the blob, in hex.
    pub sha256: String,
    /// How many events.
    #[schemars(range(min = 1, max = BATCH_EVENTS_MAX))]
    pub count: usize,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its effect is durable; forget it.
    Done,
    /// Ours to fix: hand it out again, not before `after`. Too many of these and it is a dead letter.
    Retry {
        /// At most 12 hours: SQS keeps a message invisible no longer.
        after: Duration,
        /// For the log.
        reason: String,
    },
    /// It will never succeed: a dead letter at once.
    Reject {
        /// For the log.
        reason: String,
    },
}

impl Outcome {
    /// Again in about a second.
    pub fn retry(reason: impl std::fmt::Display) -> Self {
        Self::Retry { after: Duration::from_secs(1), reason: reason.to_string() }
    }

    /// Again at `after`.
    pub fn retry_after(after: Duration, reason: impl std::fmt::Display) -> Self {
        Self::Retry { after, reason: reason.to_string() }
    }

    /// Never.
    pub fn reject(reason: impl std::fmt::Display) -> Self {
        Self::Reject { reason: reason.to_string() }
    }
}

impl Message {
    /// The event in it.
    ///
    /// # Errors
    /// `Reject` for what is no event, and for one that was derived too often.
    pub fn event(&self) -> Result<Event, Outcome> {
        let event =
            Event::parse(&self.body).map_err(|error| Outcome::reject(scorpius_core::error::chain(&error)))?;
        match event.hops < HOPS_MAX {
            true => Ok(event),
            false => Err(Outcome::reject(format_args!("derived through {} events", event.hops))),
        }
    }
}
