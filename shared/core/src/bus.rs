//! The way from the outbox to the queues. Only the relay and the operator's doors use it.

use async_trait::async_trait;

use crate::error::PortError;
use crate::event::Event;

/// How full a queue is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueDepth {
    /// As in the manifest.
    pub queue: String,
    /// Waiting or in flight.
    pub messages: u64,
    /// Given up on; they stay until they are redriven or purged.
    pub dead_letters: u64,
    /// Age of the oldest waiting message; `None` where the queue does not tell (SQS tells CloudWatch alone).
    pub oldest_age_s: Option<u64>,
}

/// Hands events and messages to queues, at least once and in no order.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Hands each event to every queue whose subscription matches its type. `Ok` means durable there.
    async fn publish(&self, events: &[Event]) -> Result<(), PortError>;

    /// Hands one message of at most 900 KB to `queue`.
    async fn send(&self, queue: &str, body: &[u8]) -> Result<(), PortError>;

    /// Every queue.
    async fn depths(&self) -> Result<Vec<QueueDepth>, PortError>;

    /// Puts up to `max` dead letters of `queue` back to work, oldest first; answers how many.
    async fn redrive(&self, queue: &str, max: u32) -> Result<u32, PortError>;
}
