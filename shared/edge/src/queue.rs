//! What a worker is handed, and what it answers.

use std::time::Duration;

use bytes::Bytes;
use schemars::JsonSchema;
use scorpius_core::Event;
use scorpius_core::event::HOPS_MAX;
use serde::{Deserialize, Serialize};

/// Events of one audit batch: the ledger's commit holds one write per event, and three more.
pub const BATCH_EVENTS_MAX: usize = 97;
/// Seconds that a message waits at most before it is tried again, where its worker names no pause of its own.
const PAUSE_S_MAX: u64 = 900;

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
    /// Ours to fix: hand it out again after a pause. Too many of these and it is a dead letter.
    Retry {
        /// At most 12 hours: SQS keeps a message invisible no longer. Without it the pause grows with how often the
        /// message was handed out, see [`pause`].
        after: Option<Duration>,
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
    /// Again, soon at first and later and later.
    pub fn retry(reason: impl std::fmt::Display) -> Self {
        Self::Retry { after: None, reason: reason.to_string() }
    }

    /// Again at `after`.
    pub fn retry_after(after: Duration, reason: impl std::fmt::Display) -> Self {
        Self::Retry { after: Some(after), reason: reason.to_string() }
    }

    /// Never.
    pub fn reject(reason: impl std::fmt::Display) -> Self {
        Self::Reject { reason: reason.to_string() }
    }
}

/// How long a message waits that was handed out `receives` times and failed: a second at first, then twice as long
/// each time, up to a quarter of an hour. So what is away for a while does not make dead letters of all that waits for it.
#[must_use]
pub fn pause(after: Option<Duration>, receives: u32) -> Duration {
    after.unwrap_or_else(|| {
        let doubled = 1u64.checked_shl(receives.saturating_sub(1)).unwrap_or(PAUSE_S_MAX);
        Duration::from_secs(doubled.min(PAUSE_S_MAX))
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_quarter_of_an_hour_unless_the_worker_names_one() {
        let seconds: Vec<_> =
            [0, 1, 2, 3, 10, 11, 64, 65, u32::MAX].map(|receives| pause(None, receives).as_secs()).into();
        assert_eq!(seconds, [1, 1, 2, 4, 512, 900, 900, 900, 900]);
        assert_eq!(pause(Some(Duration::from_secs(7)), 20), Duration::from_secs(7));
    }
}
