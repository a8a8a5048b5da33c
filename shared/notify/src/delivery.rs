//! One event on its way to one webhook: its record, and what may become of it.

use std::sync::Arc;

use scorpius_core::{
    Attributes, Clock, Condition, Event, Key, ListQuery, Page, Record, Store, StoreError, TenantId,
    UnixMillis, Value, Write,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::facts::Failure;
use crate::ladder::next_attempt;

/// How long a delivery and the event that it carries are kept: longer than queues keep dead letters.
const MEMORY_S: u64 = 30 * 86_400;
/// Attempts whose details are kept; the count goes on.
const HISTORY_MAX: usize = 24;
/// Bytes of a receiver's answer that are kept and shown.
pub(crate) const ANSWER_BYTES_MAX: usize = 1_024;

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// An attempt is due now or later.
    Pending,
    /// The receiver took it.
    Delivered,
    /// Given up, for this reason.
    Failed(Failure),
}

/// Why an attempt gave no success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptError {
    /// The receiver answered with another status than 2xx.
    Status,
    /// No answer within 15 s.
    Timeout,
    /// No connection, no TLS, or no HTTP.
    Connection,
    /// An answer of more than 64 KiB.
    AnswerTooLong,
    /// The target may not be called.
    Blocked,
}

/// One request that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began.
    pub at: UnixMillis,
    /// How long it took.
    pub took_ms: u64,
    /// What was answered, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What was wrong; `None` is success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<AttemptError>,
}

/// One event on its way to one webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// `dlv_…`, made from the event's and the webhook's id.
    pub id: String,
    /// Where it goes.
    pub webhook_id: String,
    /// What goes there, and `webhook-id` of every attempt.
    pub event_id: String,
    /// The event's type.
    pub event_type: String,
    /// What became of it.
    pub state: DeliveryState,
    /// Requests tried in all.
    pub attempts: u32,
    /// The rung of the ladder that the next failure climbs.
    pub rung: usize,
    /// Not before this moment.
    pub next_attempt_at: UnixMillis,
    /// The latest attempts, oldest first.
    pub history: Vec<Attempt>,
    /// The start of the latest answer's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// When it was asked for.
    pub created_at: UnixMillis,
    /// When it was delivered or given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<UnixMillis>,
    /// Events told of it.
    pub sequence: u64,
}

/// What a receiver answered, or why it did not.
#[derive(Clone, Debug)]
pub(crate) struct Tried {
    pub(crate) attempt: Attempt,
    pub(crate) answer: Option<String>,
    pub(crate) retry_after: Option<String>,
}

impl Delivery {
    pub(crate) fn requested(event: &Event, webhook_id: &str, now: UnixMillis) -> Self {
        Self {
            id: delivery_id(&event.id, webhook_id),
            webhook_id: webhook_id.to_owned(),
            event_id: event.id.clone(),
            event_type: event.kind.clone(),
            state: DeliveryState::Pending,
            attempts: 0,
            rung: 0,
            next_attempt_at: now,
            history: Vec::new(),
            answer: None,
            created_at: now,
            finished_at: None,
            sequence: 1,
        }
    }

    pub(crate) fn key(tenant: &TenantId, webhook_id: &str, event_id: &str) -> Key {
        Key::new(format!("{tenant}#deliveries#{webhook_id}"), event_id)
    }

    pub(crate) fn put(&self, tenant: &TenantId, condition: Condition) -> Write {
        Write::Put {
            key: Self::key(tenant, &self.webhook_id, &self.event_id),
            attributes: Attributes::document(self),
            expires_at: Some(self.created_at.plus_s(MEMORY_S)),
            condition,
        }
    }

    /// A redriven delivery begins at the foot of the ladder.
    pub(crate) fn begun_again(mut self, now: UnixMillis) -> Self {
        self.state = DeliveryState::Pending;
        (self.rung, self.next_attempt_at, self.finished_at) = (0, now, None);
        self
    }

    /// After one more attempt.
    pub(crate) fn after(mut self, tried: &Tried, clock: &dyn Clock) -> Self {
        self.attempts = self.attempts.saturating_add(1);
        self.answer.clone_from(&tried.answer);
        if self.history.len() >= HISTORY_MAX {
            self.history.remove(0);
        }
        self.history.push(tried.attempt.clone());
        match (tried.attempt.error, tried.attempt.status) {
            (None, _) => self.ended(DeliveryState::Delivered, clock.now()),
            (Some(AttemptError::Blocked), _) => self.given_up(Failure::Blocked, clock.now()),
            (Some(AttemptError::Status), Some(410)) => self.given_up(Failure::Gone, clock.now()),
            (Some(_), _) => match next_attempt(self.rung, tried.retry_after.as_deref(), clock) {
                None => self.given_up(Failure::Exhausted, clock.now()),
                Some(at) => {
                    self.next_attempt_at = at;
                    self.rung += 1;
                    self
                }
            },
        }
    }

    pub(crate) fn given_up(self, reason: Failure, now: UnixMillis) -> Self {
        self.ended(DeliveryState::Failed(reason), now)
    }

    fn ended(mut self, state: DeliveryState, now: UnixMillis) -> Self {
        self.state = state;
        self.finished_at = Some(now);
        self.sequence += 1;
        self
    }

    pub(crate) fn last_status(&self) -> Option<u16> {
        self.history.last().and_then(|attempt| attempt.status)
    }
}

/// The same for the same event and webhook.
pub(crate) fn delivery_id(event_id: &str, webhook_id: &str) -> String {
    let digest = Sha256::digest(format!("{event_id}/{webhook_id}"));
    format!("dlv_{}", hex::encode(&digest[..16]))
}

/// Where an event waits for its deliveries, once for all of them.
pub(crate) fn payload_key(tenant: &TenantId, event_id: &str) -> Key {
    Key::new(format!("{tenant}#notified"), event_id)
}

/// Keeps the event's bytes. Whoever writes them again writes the same.
pub(crate) fn payload(event: &Event, now: UnixMillis) -> Write {
    Write::Put {
        key: payload_key(&event.tenantid, &event.id),
        attributes: Attributes::new().with("event", Value::Text(event.to_json())),
        expires_at: Some(now.plus_s(MEMORY_S)),
        condition: Condition::Always,
    }
}

/// Deliveries in the store.
#[derive(Clone)]
pub struct Deliveries {
    store: Arc<dyn Store>,
}

impl Deliveries {
    /// Kept in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// One page of a webhook's deliveries, latest event first.
    ///
    /// # Errors
    /// As the store.
    pub async fn page(
        &self,
        tenant: &TenantId,
        webhook_id: &str,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<(Vec<Delivery>, Page), StoreError> {
        let partition = Delivery::key(tenant, webhook_id, "-").partition;
        let query = ListQuery { limit, cursor, descending: true, ..ListQuery::all(partition) };
        let page = self.store.list(&query).await?;
        let deliveries = page.records.iter().map(Record::document).collect::<Result<_, _>>()?;
        Ok((deliveries, page))
    }
}
