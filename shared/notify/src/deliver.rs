//! The worker `notifier-deliver`: one signed attempt, and when to try again.
//!
//! The record decides, not the message: whatever is handed out twice, too early or after a crash,
//! an attempt is made only when the record says that one is due. A crash between the receiver's
//! answer and the record repeats the attempt, with the same `webhook-id`.
//!
//! A dead letter that is put back to work begins at the foot of the ladder. It is told from a
//! repeated hand-out by its count, which starts again at 1.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use scorpius_core::crash::{CrashPoint, point};
use scorpius_core::error::chain;
use scorpius_core::{
    Actor, Clock, CommitId, Condition, Egress, EgressError, EgressRequest, EgressResponse, Event, Keys,
    PortError, Store, StoreError, TenantId, TopicError, TopicMessage, Topics, UnixMillis, Write,
};
use scorpius_edge::idempotency::commit_with_retry;
use scorpius_edge::{Message, Outcome};

use crate::delivery::{ANSWER_BYTES_MAX, Attempt, AttemptError, Delivery, DeliveryState, Tried, payload_key};
use crate::facts::{Delivered, DeliveryFailed, DeliveryRequested, Failure};
use crate::secret::SigningSecret;
use crate::webhook::{Target, Webhook};

/// What one attempt may take, from name resolution to the answer's last byte.
const DEADLINE: Duration = Duration::from_secs(15);
/// Bytes that are read of an answer; of these, 1 KiB is kept.
const ANSWER_READ_MAX: usize = 65_536;

/// What the worker needs.
pub struct App {
    /// Has webhooks and deliveries.
    pub store: Arc<dyn Store>,
    /// Unwraps the signing secrets.
    pub keys: Arc<dyn Keys>,
    /// The way out.
    pub egress: Arc<dyn Egress>,
    /// The other way out.
    pub topics: Arc<dyn Topics>,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
}

/// Why nothing was attempted or recorded; the message comes again.
#[derive(Debug, thiserror::Error)]
enum DeliverError {
    #[error("the delivery could not be read or recorded")]
    Store(#[from] StoreError),
    #[error("the signing secret could not be unwrapped")]
    Keys(#[from] PortError),
}

/// A delivery with all that an attempt needs.
struct Work {
    tenant: TenantId,
    cause: Event,
    delivery: Delivery,
    version: u64,
    webhook: Option<(Webhook, u64)>,
    body: Option<Bytes>,
}

/// What is to be done about a delivery.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Nothing,
    Wait(Duration),
    StayDead,
    TurnOff,
    Send,
    BeginAgain,
}

/// Makes the attempt that is due, if one is.
pub async fn handle(app: &App, message: &Message) -> Outcome {
    let cause = match message.event() {
        Ok(event) => event,
        Err(outcome) => return outcome,
    };
    let requested = match cause.fact::<DeliveryRequested>() {
        Ok(Some(requested)) => requested,
        Ok(None) => return Outcome::reject("not a request for a delivery"),
        Err(error) => return Outcome::reject(chain(&error)),
    };
    let outcome = async {
        match load(app, cause, &requested).await? {
            Some(work) => proceed(app, work, message.receives).await,
            None => Ok(Outcome::reject("the delivery has expired")),
        }
    };
    outcome.await.unwrap_or_else(|error: DeliverError| match error {
        DeliverError::Store(_) | DeliverError::Keys(_) => Outcome::retry(chain(&error)),
    })
}

async fn load(app: &App, cause: Event, requested: &DeliveryRequested) -> Result<Option<Work>, DeliverError> {
    let tenant = cause.tenantid.clone();
    let keys = [
        Delivery::key(&tenant, &requested.webhook_id, &requested.event_id),
        Webhook::key(&tenant, &requested.webhook_id),
        payload_key(&tenant, &requested.event_id),
    ];
    let mut records = app.store.get_many(&keys).await?.into_iter();
    let mut next = || records.next().flatten();
    let (Some(delivery), webhook, payload) = (next(), next(), next()) else { return Ok(None) };
    let webhook = match webhook {
        Some(record) => Some((record.document().map_err(StoreError::from)?, record.version)),
        None => None,
    };
    let body = payload.and_then(|record| {
        record.attributes.text("event").map(|text| Bytes::copy_from_slice(text.as_bytes()))
    });
    let version = delivery.version;
    let delivery = delivery.document().map_err(StoreError::from)?;
    Ok(Some(Work { tenant, cause, delivery, version, webhook, body }))
}

async fn proceed(app: &App, mut work: Work, receives: u32) -> Result<Outcome, DeliverError> {
    let now = app.clock.now();
    let on = work.webhook.as_ref().is_some_and(|(webhook, _)| webhook.active);
    match step(&work.delivery, on, receives, now) {
        Step::Nothing => Ok(Outcome::Done),
        Step::Wait(after) => Ok(Outcome::retry_after(after, "the next attempt is not due")),
        Step::StayDead => Ok(Outcome::reject("given up before")),
        Step::TurnOff => {
            work.delivery = work.delivery.given_up(Failure::WebhookOff, now);
            record(app, &work, "").await
        }
        Step::Send => attempt(app, work).await,
        Step::BeginAgain => {
            work.delivery = work.delivery.begun_again(now);
            attempt(app, work).await
        }
    }
}

fn step(delivery: &Delivery, webhook_is_on: bool, receives: u32, now: UnixMillis) -> Step {
    match delivery.state {
        DeliveryState::Delivered | DeliveryState::Failed(Failure::Gone | Failure::WebhookOff) => {
            Step::Nothing
        }
        DeliveryState::Failed(Failure::Exhausted | Failure::Blocked) if receives > 1 => Step::StayDead,
        DeliveryState::Failed(Failure::Exhausted | Failure::Blocked) if webhook_is_on => Step::BeginAgain,
        DeliveryState::Failed(Failure::Exhausted | Failure::Blocked) => Step::TurnOff,
        DeliveryState::Pending if !webhook_is_on => Step::TurnOff,
        DeliveryState::Pending if now < delivery.next_attempt_at => {
            Step::Wait(whole_seconds(delivery.next_attempt_at.since_ms(now)))
        }
        DeliveryState::Pending => Step::Send,
    }
}

/// Rounded up: SQS counts in seconds, and a message that comes early costs a hand-out.
fn whole_seconds(ms: u64) -> Duration {
    Duration::from_secs(ms.div_ceil(1000))
}

async fn attempt(app: &App, mut work: Work) -> Result<Outcome, DeliverError> {
    let (Some((webhook, _)), Some(body)) = (&work.webhook, &work.body) else {
        return Ok(Outcome::reject("the event has expired"));
    };
    let secret = SigningSecret::unwrap(app.keys.as_ref(), &work.tenant, &webhook.id, &webhook.secret).await?;
    let at = app.clock.now();
    let signed = Signed::new(&work.delivery, &secret, at, body.clone());
    let answer = match &webhook.target {
        Target::Url(url) => match app.egress.check_url(url) {
            Ok(()) => app.egress.send(signed.request(url)).await,
            Err(error) => Err(error),
        },
        Target::Topic(topic) => publish(app, &work.tenant, signed.message(topic, &work)).await,
    };
    point(CrashPoint::WebhookAnswered);
    let said = match &answer {
        Ok(answer) => format!("answered {}", answer.status),
        Err(error) => chain(error),
    };
    let tried = judge(answer, at, app.clock.now());
    work.delivery = work.delivery.after(&tried, app.clock.as_ref());
    record(app, &work, &said).await
}

/// What Standard Webhooks has a receiver check.
struct Signed {
    id: String,
    at: UnixMillis,
    signature: String,
    body: Bytes,
}

impl Signed {
    fn new(delivery: &Delivery, secret: &SigningSecret, at: UnixMillis, body: Bytes) -> Self {
        let signature = secret.sign(&delivery.event_id, at.as_s(), &body);
        Self { id: delivery.event_id.clone(), at, signature, body }
    }

    fn parts(&self) -> [(&'static str, String); 3] {
        [
            ("webhook-id", self.id.clone()),
            ("webhook-timestamp", self.at.as_s().to_string()),
            ("webhook-signature", self.signature.clone()),
        ]
    }

    fn request(self, url: &str) -> EgressRequest {
        let headers = [
            ("content-type", "application/cloudevents+json; charset=utf-8".to_owned()),
            ("user-agent", concat!("scorpius-webhooks/", env!("CARGO_PKG_VERSION")).to_owned()),
        ];
        let headers = headers.into_iter().chain(self.parts());
        EgressRequest {
            method: "POST",
            url: url.to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value)).collect(),
            body: self.body,
            deadline: DEADLINE,
            answer_bytes_max: ANSWER_READ_MAX,
        }
    }

    fn message(self, topic: &str, work: &Work) -> TopicMessage {
        let filters =
            [("event-type", work.delivery.event_type.clone()), ("tenant-id", work.tenant.to_string())];
        TopicMessage {
            topic: topic.to_owned(),
            id: self.id.clone(),
            attributes: self.parts().into_iter().chain(filters).collect(),
            // It was text when it was stored.
            body: String::from_utf8_lossy(&self.body).into_owned(),
        }
    }
}

/// A topic's answer as a receiver's: what becomes of a delivery is the same for both.
async fn publish(app: &App, tenant: &TenantId, message: TopicMessage) -> Result<EgressResponse, EgressError> {
    let answered =
        |status, body: String| EgressResponse { status, headers: Vec::new(), body: Bytes::from(body) };
    match app.topics.publish(tenant, message).await {
        Ok(id) => Ok(answered(200, id)),
        Err(TopicError::Refused { status, code }) => Ok(answered(status, code)),
        Err(TopicError::NotAllowed { reason }) => Err(EgressError::Blocked { reason }),
        Err(TopicError::Port(error)) => Err(EgressError::Port(error)),
    }
}

fn judge(answer: Result<EgressResponse, EgressError>, at: UnixMillis, now: UnixMillis) -> Tried {
    let took_ms = now.since_ms(at);
    let failed = |error| Tried {
        attempt: Attempt { at, took_ms, status: None, error: Some(error) },
        answer: None,
        retry_after: None,
    };
    match answer {
        Ok(response) => {
            let error = (!(200..300).contains(&response.status)).then_some(AttemptError::Status);
            let retry_after = response.headers.iter().find(|(name, _)| name == "retry-after");
            let start = response.body.get(..ANSWER_BYTES_MAX).unwrap_or(&response.body);
            Tried {
                attempt: Attempt { at, took_ms, status: Some(response.status), error },
                answer: Some(String::from_utf8_lossy(start).into_owned()),
                retry_after: retry_after.map(|(_, value)| value.clone()),
            }
        }
        Err(EgressError::Blocked { .. }) => failed(AttemptError::Blocked),
        Err(EgressError::TimedOut) => failed(AttemptError::Timeout),
        Err(EgressError::TooLong) => failed(AttemptError::AnswerTooLong),
        Err(EgressError::Port(_)) => failed(AttemptError::Connection),
    }
}

/// Writes the delivery down, and then answers for the message.
async fn record(app: &App, work: &Work, said: &str) -> Result<Outcome, DeliverError> {
    let mut writes = vec![work.delivery.put(&work.tenant, Condition::VersionIs(work.version))];
    let gone = work.delivery.state == DeliveryState::Failed(Failure::Gone);
    if let (true, Some((webhook, version))) = (gone, &work.webhook) {
        let off = Webhook { active: false, gone_at: Some(app.clock.now()), ..webhook.clone() };
        let key = Webhook::key(&work.tenant, &webhook.id);
        writes.push(Write::put(key, &off, Condition::VersionIs(*version)));
    }
    writes.extend(told(app, work));
    match commit_with_retry(app.store.as_ref(), CommitId::new(app.clock.as_ref()), &writes).await {
        Ok(_) => Ok(outcome(&work.delivery, app.clock.now(), said)),
        // Somebody else recorded an attempt or removed the webhook: what they wrote decides.
        Err(StoreError::Conflict { .. }) => Ok(Outcome::retry("the delivery changed meanwhile")),
        Err(error) => Err(error.into()),
    }
}

fn outcome(delivery: &Delivery, now: UnixMillis, said: &str) -> Outcome {
    match delivery.state {
        DeliveryState::Pending => {
            Outcome::retry_after(whole_seconds(delivery.next_attempt_at.since_ms(now)), said)
        }
        DeliveryState::Delivered | DeliveryState::Failed(Failure::Gone | Failure::WebhookOff) => {
            Outcome::Done
        }
        DeliveryState::Failed(Failure::Exhausted) => {
            Outcome::reject(format_args!("given up after {} attempts: {said}", delivery.attempts))
        }
        DeliveryState::Failed(Failure::Blocked) => Outcome::reject(said),
    }
}

/// The event that a change of state is told by; an attempt that is to be repeated is none.
fn told(app: &App, work: &Work) -> Option<Write> {
    let (delivery, clock) = (&work.delivery, app.clock.as_ref());
    let actor = Actor::reacting("notifier-deliver", &work.cause);
    let (delivery_id, webhook_id, event_id) =
        (delivery.id.clone(), delivery.webhook_id.clone(), delivery.event_id.clone());
    let (attempts, last_status) = (delivery.attempts, delivery.last_status());
    let event = match delivery.state {
        DeliveryState::Pending => return None,
        DeliveryState::Delivered => {
            let status = last_status.unwrap_or_default();
            let fact = Delivered { delivery_id, webhook_id, event_id, attempts, status };
            Event::of(&fact, &delivery.id, delivery.sequence, &work.tenant, &actor, clock)
        }
        DeliveryState::Failed(reason) => {
            let webhook_disabled = reason == Failure::Gone;
            let fact = DeliveryFailed {
                delivery_id,
                webhook_id,
                event_id,
                attempts,
                reason,
                last_status,
                webhook_disabled,
            };
            Event::of(&fact, &delivery.id, delivery.sequence, &work.tenant, &actor, clock)
        }
    };
    Some(Write::emit(event))
}

#[cfg(test)]
mod tests;
