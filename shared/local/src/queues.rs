//! `SqliteQueues`: durable queues in the store's own file.
//!
//! A message is handed out with a term. Whoever is done within it says so; otherwise the message
//! comes back, and after too many times it is a dead letter.

mod sql;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::select_all;
use scorpius_core::event::matches_kind;
use scorpius_core::{Bus, Event, PortError, QueueDepth, StoreError, UnixMillis};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::SqliteStore;
use crate::sqlite::{Cost, Database, Transaction, store_error};

/// Bytes of one message, as on AWS after encoding.
const BODY_BYTES_MAX: usize = 900_000;
/// Messages of one hand-out. SQS takes 10; this bounds memory.
const RECEIVE_MAX: u32 = 100;
/// The longest term and the longest wait before a retry: SQS's.
const TERM_MAX: Duration = Duration::from_secs(12 * 3600);

/// One queue as the manifest has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSpec {
    /// As in the manifest.
    pub name: String,
    /// Types of the events that it wants, `*` at the end stands for any rest; none for what the relay fills.
    pub patterns: Vec<String>,
    /// Hand-outs before a message is a dead letter.
    pub receives_max: u32,
}

/// A message that was handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The same each time this message is handed out.
    pub id: String,
    /// As it was sent.
    pub body: Bytes,
    /// Hand-outs, this one included.
    pub receives: u32,
}

/// A message that was given up on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// As it was sent.
    pub body: Bytes,
    /// What the last worker said.
    pub reason: String,
    /// Hand-outs before it was given up on.
    pub receives: u32,
    /// When it was sent.
    pub first_enqueued: UnixMillis,
}

/// Why a queue does not do what it is asked.
#[derive(Debug, thiserror::Error)]
enum BusError {
    #[error("there is no queue `{0}`")]
    UnknownQueue(String),
    #[error("a message is at most {BODY_BYTES_MAX} bytes, this one is {0}")]
    TooLong(usize),
    #[error("not the id of a message: `{0}`")]
    NotAMessage(String),
    #[error(transparent)]
    Store(StoreError),
}

impl From<BusError> for PortError {
    fn from(error: BusError) -> Self {
        match error {
            BusError::Store(StoreError::Port(error)) => error,
            error => Self::new("bus", error),
        }
    }
}

/// The queues beside a store's records.
#[derive(Clone)]
pub struct SqliteQueues {
    database: Arc<Database>,
    queues: Arc<BTreeMap<String, QueueSpec>>,
}

impl SqliteQueues {
    /// The queues in the file of `store`.
    #[must_use]
    pub fn beside(store: &SqliteStore, queues: Vec<QueueSpec>) -> Self {
        let queues = queues.into_iter().map(|queue| (queue.name.clone(), queue)).collect();
        Self { database: store.database(), queues: Arc::new(queues) }
    }

    /// A number that rises when messages come to `queue`, or come back at another time than they would have.
    #[must_use]
    pub fn on_arrival(&self, queue: &str) -> watch::Receiver<u64> {
        self.database.signals.arrived(queue)
    }

    /// Hands out up to `max` messages for `term`: until then nobody else gets them. Those that were
    /// handed out too often become dead letters instead.
    ///
    /// # Errors
    /// When there is no such queue, or the store does not work.
    pub async fn receive(&self, queue: &str, max: u32, term: Duration) -> Result<Vec<Received>, PortError> {
        let spec = self.spec(queue)?;
        let (queue, receives_max) = (spec.name.clone(), spec.receives_max.max(1));
        let now = self.database.clock.now();
        let until = now.plus_ms(millis(term));
        self.write(0, move |transaction| {
            let due = sql::due(transaction.connection, &queue, now, max.min(RECEIVE_MAX))?;
            let mut received = Vec::with_capacity(due.len());
            for (id, body, receives) in due {
                if receives >= receives_max {
                    sql::bury(transaction.connection, id, now, None)?;
                    continue;
                }
                sql::hand_out(transaction.connection, id, until)?;
                received.push(Received { id: id.to_string(), body, receives: receives + 1 });
            }
            Ok(received)
        })
        .await
    }

    /// As `receive` from the first of `queues` that has something; when none has, waits up to `wait` for something to
    /// arrive or come back.
    ///
    /// # Errors
    /// As `receive`.
    pub async fn receive_within(
        &self,
        queues: &[&str],
        max: u32,
        term: Duration,
        wait: Duration,
    ) -> Result<Vec<Received>, PortError> {
        let mut arrivals: Vec<_> = queues.iter().map(|queue| self.on_arrival(queue)).collect();
        let deadline = Instant::now() + wait;
        loop {
            arrivals.iter_mut().for_each(watch::Receiver::mark_unchanged);
            for queue in queues {
                let received = self.receive(queue, max, term).await?;
                if !received.is_empty() {
                    return Ok(received);
                }
            }
            if Instant::now() >= deadline {
                return Ok(Vec::new());
            }
            let mut wake = deadline;
            for queue in queues {
                // A message that is due and was not handed out was buried; look again a little later.
                if let Some(at) = self.next_due(queue).await? {
                    let due = Duration::from_millis(at.since_ms(self.database.clock.now()).max(1));
                    wake = wake.min(Instant::now() + due);
                }
            }
            let arrived = select_all(arrivals.iter_mut().map(|arrival| Box::pin(arrival.changed())));
            tokio::select! {
                (changed, _, _) = arrived => changed.map_err(|error| PortError::new("bus", error))?,
                () = sleep_until(wake) => {}
            }
        }
    }

    /// The message's effect is durable: forgets it. Fine when it is gone already.
    ///
    /// # Errors
    /// When the store does not work.
    pub async fn done(&self, id: &str) -> Result<(), PortError> {
        let id = message_id(id)?;
        self.write(0, move |transaction| sql::forget(transaction.connection, id)).await
    }

    /// Lets the message be handed out again, not before `after`, and keeps `reason` should that be its last time.
    ///
    /// # Errors
    /// When the store does not work.
    pub async fn retry(&self, id: &str, after: Duration, reason: &str) -> Result<(), PortError> {
        let id = message_id(id)?;
        let due = self.database.clock.now().plus_ms(millis(after));
        let reason = shortened(reason);
        self.write(0, move |transaction| {
            if let Some(queue) = sql::delay(transaction.connection, id, due, Some(&reason))? {
                transaction.effects.queues.insert(queue);
            }
            Ok(())
        })
        .await
    }

    /// Makes the message a dead letter at once.
    ///
    /// # Errors
    /// When the store does not work.
    pub async fn reject(&self, id: &str, reason: &str) -> Result<(), PortError> {
        let id = message_id(id)?;
        let (now, reason) = (self.database.clock.now(), shortened(reason));
        self.write(0, move |transaction| sql::bury(transaction.connection, id, now, Some(&reason))).await
    }

    /// Begins the message's term again: `term` from this moment.
    ///
    /// # Errors
    /// When the store does not work.
    pub async fn extend(&self, id: &str, term: Duration) -> Result<(), PortError> {
        let id = message_id(id)?;
        let until = self.database.clock.now().plus_ms(millis(term));
        self.write(0, move |transaction| sql::delay(transaction.connection, id, until, None).map(drop)).await
    }

    /// Up to `max` dead letters of `queue`, oldest first.
    ///
    /// # Errors
    /// When there is no such queue, or the store does not work.
    pub async fn dead_letters(&self, queue: &str, max: u32) -> Result<Vec<DeadLetter>, PortError> {
        let queue = self.spec(queue)?.name.clone();
        self.read(move |connection| sql::dead_letters(connection, &queue, max.min(RECEIVE_MAX))).await
    }

    /// When the next message of `queue` may be handed out.
    async fn next_due(&self, queue: &str) -> Result<Option<UnixMillis>, PortError> {
        let queue = queue.to_owned();
        self.read(move |connection| sql::next_due(connection, &queue)).await
    }

    fn spec(&self, queue: &str) -> Result<&QueueSpec, BusError> {
        self.queues.get(queue).ok_or_else(|| BusError::UnknownQueue(queue.chars().take(60).collect()))
    }

    async fn write<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce(&mut Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, PortError> {
        let work = move |transaction: &mut Transaction<'_>| work(transaction).map_err(store_error);
        Ok(self.database.write(Cost::synced(bytes), work).await.map_err(BusError::Store)?)
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, PortError> {
        let work = move |connection: &rusqlite::Connection| work(connection).map_err(store_error);
        Ok(self.database.read(work).await.map_err(BusError::Store)?)
    }

    /// Puts all `messages` into their queues, or none.
    async fn enqueue(&self, messages: Vec<(String, Vec<u8>)>) -> Result<(), PortError> {
        if let Some((_, body)) = messages.iter().find(|(_, body)| body.len() > BODY_BYTES_MAX) {
            return Err(BusError::TooLong(body.len()).into());
        }
        let bytes = messages.iter().map(|(_, body)| body.len() + 64).sum();
        let now = self.database.clock.now();
        self.write(bytes, move |transaction| {
            for (queue, body) in messages {
                sql::enqueue(transaction.connection, &queue, now, &body)?;
                transaction.effects.queues.insert(queue);
            }
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl Bus for SqliteQueues {
    async fn publish(&self, events: &[Event]) -> Result<(), PortError> {
        let mut messages = Vec::new();
        for event in events {
            let body = event.to_json().into_bytes();
            let wants =
                |queue: &&QueueSpec| queue.patterns.iter().any(|pattern| matches_kind(pattern, &event.kind));
            messages
                .extend(self.queues.values().filter(wants).map(|queue| (queue.name.clone(), body.clone())));
        }
        match messages.is_empty() {
            true => Ok(()),
            false => self.enqueue(messages).await,
        }
    }

    async fn send(&self, queue: &str, body: &[u8]) -> Result<(), PortError> {
        let queue = self.spec(queue)?.name.clone();
        self.enqueue(vec![(queue, body.to_vec())]).await
    }

    async fn depths(&self) -> Result<Vec<QueueDepth>, PortError> {
        let names: Vec<_> = self.queues.keys().cloned().collect();
        let now = self.database.clock.now();
        self.read(move |connection| names.iter().map(|queue| sql::depth(connection, queue, now)).collect())
            .await
    }

    async fn redrive(&self, queue: &str, max: u32) -> Result<u32, PortError> {
        let queue = self.spec(queue)?.name.clone();
        let now = self.database.clock.now();
        self.write(0, move |transaction| {
            let redriven = sql::redrive(transaction.connection, &queue, now, max)?;
            transaction.effects.queues.insert(queue);
            Ok(redriven)
        })
        .await
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.min(TERM_MAX).as_millis()).unwrap_or(u64::MAX)
}

fn message_id(id: &str) -> Result<i64, BusError> {
    id.parse().map_err(|_| BusError::NotAMessage(id.chars().take(40).collect()))
}

fn shortened(reason: &str) -> String {
    reason.chars().take(500).collect()
}

#[cfg(test)]
pub(crate) use tests::event as example_event;

#[cfg(test)]
mod tests;
