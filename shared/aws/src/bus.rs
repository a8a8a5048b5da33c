//! `Bus` on EventBridge and SQS.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use aws_sdk_sqs::types::{Message, QueueAttributeName};
use futures::future::try_join_all;
use scorpius_core::{Bus, Clock, Event, PortError, QueueDepth};

use crate::connect::Lazily;
use crate::fault::{Patience, is_busy};

/// Entries of one `PutEvents`.
const ENTRIES_MAX: usize = 10;
/// Bytes of one `PutEvents`, below EventBridge's 256 KB for what it counts besides.
const ENTRIES_BYTES_MAX: usize = 250_000;
/// Messages of one `ReceiveMessage`.
const RECEIVE_MAX: u32 = 10;
/// How long a dead letter is hidden while it is put back.
const HIDDEN_S: i32 = 60;

/// Why a message did not go where it should.
#[derive(Debug, thiserror::Error)]
enum BusError {
    #[error("no queue `{0}` in the settings")]
    NoSuchQueue(String),
    #[error("no event bus in the settings")]
    NoBus,
    #[error("a message that is not UTF-8")]
    NotText,
    #[error("EventBridge refused {refused} events, the first with `{code}`")]
    Refused { refused: usize, code: String },
    #[error("SQS answered without `{0}`")]
    Incomplete(&'static str),
}

/// Where a queue is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueUrls {
    /// Of the queue itself.
    pub live: String,
    /// Of its dead letters.
    pub dead: Option<String>,
}

/// The event bus and the queues.
pub struct AwsBus {
    events: Lazily<aws_sdk_eventbridge::Client>,
    sqs: Lazily<aws_sdk_sqs::Client>,
    bus: Option<String>,
    queues: BTreeMap<String, QueueUrls>,
    clock: Arc<dyn Clock>,
}

impl AwsBus {
    /// Publishes to `bus`, sends to `queues`.
    pub(crate) fn new(
        events: Lazily<aws_sdk_eventbridge::Client>,
        sqs: Lazily<aws_sdk_sqs::Client>,
        bus: Option<String>,
        queues: BTreeMap<String, QueueUrls>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { events, sqs, bus, queues, clock }
    }

    fn urls(&self, queue: &str) -> Result<&QueueUrls, PortError> {
        self.queues.get(queue).ok_or_else(|| port(BusError::NoSuchQueue(queue.to_owned())))
    }

    fn dead_letters<'u>(&self, queue: &str, urls: &'u QueueUrls) -> Result<&'u str, PortError> {
        urls.dead.as_deref().ok_or_else(|| port(BusError::NoSuchQueue(format!("{queue} (dead letters)"))))
    }

    /// Sends entries until EventBridge has taken each, within bounds.
    async fn put_all(&self, mut entries: Vec<PutEventsRequestEntry>) -> Result<(), PortError> {
        let mut patience = Patience::new(&*self.clock);
        loop {
            let answer =
                self.events.put_events().set_entries(Some(entries.clone())).send().await.map_err(port)?;
            let refused = refused(entries, answer.entries());
            let Some((_, code)) = refused.first() else { return Ok(()) };
            let error = BusError::Refused { refused: refused.len(), code: code.clone() };
            let hopeless = refused.iter().any(|(_, code)| !may_be_tried_again(code));
            entries = refused.into_iter().map(|(entry, _)| entry).collect();
            if hopeless || !patience.wait().await {
                return Err(port(error));
            }
        }
    }

    async fn waiting(&self, url: &str) -> Result<u64, PortError> {
        use QueueAttributeName::{ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible};
        let counted = [ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible];
        let request =
            self.sqs.get_queue_attributes().queue_url(url).set_attribute_names(Some(counted.to_vec()));
        let answer = request.send().await.map_err(port)?;
        let attributes = answer.attributes.unwrap_or_default();
        counted.iter().try_fold(0, |sum, name| {
            let count = attributes.get(name).and_then(|text| text.parse::<u64>().ok());
            count
                .map(|count| sum + count)
                .ok_or_else(|| port(BusError::Incomplete("ApproximateNumberOfMessages")))
        })
    }

    async fn dead(&self, url: &str, max: u32) -> Result<Vec<Message>, PortError> {
        let wanted = i32::try_from(max.min(RECEIVE_MAX)).unwrap_or(1);
        let request = self
            .sqs
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(wanted)
            .visibility_timeout(HIDDEN_S)
            // A second of waiting asks all of SQS's servers and not some.
            .wait_time_seconds(1);
        Ok(request.send().await.map_err(port)?.messages.unwrap_or_default())
    }

    /// Sent before it is deleted: a crash between the two doubles a message, and loses none.
    async fn put_back(&self, dead: &str, live: &str, message: Message) -> Result<(), PortError> {
        let body = message.body.ok_or_else(|| port(BusError::Incomplete("Body")))?;
        let receipt = message.receipt_handle.ok_or_else(|| port(BusError::Incomplete("ReceiptHandle")))?;
        self.sqs.send_message().queue_url(live).message_body(body).send().await.map_err(port)?;
        self.sqs.delete_message().queue_url(dead).receipt_handle(receipt).send().await.map_err(port)?;
        Ok(())
    }
}

/// The entries that were refused, each with its code. Answers come in the order of the entries.
fn refused(
    entries: Vec<PutEventsRequestEntry>,
    answers: &[PutEventsResultEntry],
) -> Vec<(PutEventsRequestEntry, String)> {
    let code_at = |index: usize| match answers.get(index) {
        Some(answer) => answer.error_code().map(str::to_owned),
        None => Some("InternalFailure".to_owned()),
    };
    entries.into_iter().enumerate().filter_map(|(index, entry)| Some((entry, code_at(index)?))).collect()
}

fn may_be_tried_again(code: &str) -> bool {
    is_busy(code) || matches!(code, "InternalFailure" | "InternalException" | "ServiceUnavailable")
}

/// Consecutive runs of events that fit into one `PutEvents`, by count and by bytes.
fn batches(events: &[Event]) -> Vec<Vec<(&Event, String)>> {
    let mut batches: Vec<Vec<(&Event, String)>> = Vec::new();
    let mut bytes = 0;
    for event in events {
        let detail = event.to_json();
        // What EventBridge counts: detail, type, source, and 14 for the time.
        let size = detail.len() + event.kind.len() + event.source.len() + 14;
        match batches.last_mut() {
            Some(batch) if batch.len() < ENTRIES_MAX && bytes + size <= ENTRIES_BYTES_MAX => {
                batch.push((event, detail));
                bytes += size;
            }
            _ => {
                batches.push(vec![(event, detail)]);
                bytes = size;
            }
        }
    }
    batches
}

fn port(error: impl std::error::Error + Send + Sync + 'static) -> PortError {
    PortError::new("bus", error)
}

#[async_trait]
impl Bus for AwsBus {
    /// A rule of the bus hands `$.detail`, which is the event as it stands, to each queue.
    async fn publish(&self, events: &[Event]) -> Result<(), PortError> {
        let bus = self.bus.as_deref().ok_or_else(|| port(BusError::NoBus))?;
        for batch in batches(events) {
            let entry = |(event, detail): (&Event, String)| {
                PutEventsRequestEntry::builder()
                    .event_bus_name(bus)
                    .source(&event.source)
                    .detail_type(&event.kind)
                    .detail(detail)
                    .build()
            };
            self.put_all(batch.into_iter().map(entry).collect()).await?;
        }
        Ok(())
    }

    async fn send(&self, queue: &str, body: &[u8]) -> Result<(), PortError> {
        let urls = self.urls(queue)?;
        let body = std::str::from_utf8(body).map_err(|_| port(BusError::NotText))?;
        self.sqs.send_message().queue_url(&urls.live).message_body(body).send().await.map_err(port)?;
        Ok(())
    }

    async fn depths(&self) -> Result<Vec<QueueDepth>, PortError> {
        try_join_all(self.queues.iter().map(async |(queue, urls)| {
            let (messages, dead_letters) = futures::future::try_join(
                self.waiting(&urls.live),
                self.waiting(self.dead_letters(queue, urls)?),
            )
            .await?;
            // SQS tells the age to CloudWatch alone (`ApproximateAgeOfOldestMessage`).
            Ok(QueueDepth { queue: queue.clone(), messages, dead_letters, oldest_age_s: None })
        }))
        .await
    }

    /// SQS's own redrive (`StartMessageMoveTask`) knows no maximum and no count, and refuses queues
    /// that dead letters were sent to by hand, so messages are moved one by one. SQS keeps no strict order.
    async fn redrive(&self, queue: &str, max: u32) -> Result<u32, PortError> {
        let urls = self.urls(queue)?;
        let dead = self.dead_letters(queue, urls)?;
        let mut moved = 0;
        while moved < max {
            let messages = self.dead(dead, max - moved).await?;
            if messages.is_empty() {
                break;
            }
            let count = u32::try_from(messages.len()).unwrap_or(u32::MAX);
            try_join_all(messages.into_iter().map(|message| self.put_back(dead, &urls.live, message)))
                .await?;
            moved += count;
        }
        Ok(moved)
    }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use scorpius_core::{Actor, Fact, SystemClock, TenantId};
    use serde::Serialize;

    use super::*;

    #[derive(Serialize, JsonSchema)]
    struct Told {
        text: String,
    }

    impl Fact for Told {
        const TYPE: &'static str = "scorpius.test.told.v1";
        const MEANING: &'static str = "A test told something.";
    }

    fn event(bytes: usize) -> Event {
        let fact = Told { text: "x".repeat(bytes) };
        let tenant = TenantId::new(&SystemClock);
        Event::of(&fact, "a", 1, &tenant, &Actor::request("usr_1", None), &SystemClock)
    }

    #[test]
    fn a_batch_holds_what_eventbridge_takes() {
        let sizes = |events: &[Event]| batches(events).iter().map(Vec::len).collect::<Vec<_>>();
        let small: Vec<_> = (0..23).map(|_| event(10)).collect();
        assert_eq!(sizes(&small), [10, 10, 3]);
        let large: Vec<_> = (0..10).map(|_| event(31_000)).collect();
        assert_eq!(sizes(&large), [7, 3]);
        assert_eq!(sizes(&[]), [0; 0]);
    }

    #[test]
    fn only_what_was_refused_is_sent_again() {
        let entry = |name: &str| PutEventsRequestEntry::builder().source(name).build();
        let fine = PutEventsResultEntry::builder().event_id("1").build();
        let failed = PutEventsResultEntry::builder().error_code("ThrottlingException").build();
        let left = refused(vec![entry("a"), entry("b"), entry("c")], &[fine, failed]);
        let left: Vec<_> =
            left.iter().map(|(entry, code)| (entry.source().unwrap_or(""), code.as_str())).collect();
        assert_eq!(left, [("b", "ThrottlingException"), ("c", "InternalFailure")]);
        assert!(may_be_tried_again("ThrottlingException") && !may_be_tried_again("MalformedDetail"));
    }
}
