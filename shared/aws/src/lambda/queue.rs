//! Messages of an SQS queue, with partial batch answers.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use aws_sdk_sqs::types::MessageAttributeValue;
use bytes::Bytes;
use futures::FutureExt;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use scorpius_edge::queue::pause;
use scorpius_edge::serve::panic_message;
use scorpius_edge::{Message, Outcome, telemetry};
use serde::Deserialize;

use super::{BatchAnswer, BatchItem, start_telemetry, time_left};
use crate::bus::QueueUrls;
use crate::connect::Lazily;

/// SQS hides a message no longer than 12 hours.
const HIDDEN_MAX: Duration = Duration::from_secs(43_200);
/// Characters of a reason that go with a dead letter.
const REASON_MAX: usize = 1_000;

/// The queues that a function consumes, and where their dead letters go.
pub struct SqsQueue {
    client: Lazily<aws_sdk_sqs::Client>,
    function: &'static str,
    urls: Vec<QueueUrls>,
}

/// A batch of messages as Lambda hands it out.
#[derive(Debug, Deserialize)]
pub struct SqsEvent {
    #[serde(rename = "Records")]
    records: Vec<SqsRecord>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SqsRecord {
    message_id: String,
    receipt_handle: String,
    body: String,
    #[serde(default)]
    attributes: SqsAttributes,
    /// The queue that it comes from.
    #[serde(default, rename = "eventSourceARN")]
    source: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SqsAttributes {
    #[serde(default)]
    approximate_receive_count: String,
}

impl SqsRecord {
    fn message(&self) -> Message {
        Message {
            id: self.message_id.clone(),
            body: Bytes::copy_from_slice(self.body.as_bytes()),
            receives: self.receives(),
        }
    }

    fn receives(&self) -> u32 {
        self.attributes.approximate_receive_count.parse().unwrap_or(1)
    }
}

/// Hands out messages for as long as the sandbox lives.
///
/// # Errors
/// When the runtime cannot be reached.
pub async fn serve_queue<F, R>(queue: SqsQueue, handle: F) -> Result<(), Error>
where
    F: Fn(Message) -> R,
    R: Future<Output = Outcome>,
{
    start_telemetry();
    let (queue, handle) = (&queue, &handle);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let deadline = Instant::now() + time_left(&event.context);
        Ok::<_, Error>(queue.handle(&event.payload, deadline, handle).await)
    }))
    .await
}

/// Handles one message; a panic, or the end of the time, is a retry.
async fn work<F, R>(function: &str, record: &SqsRecord, deadline: Instant, handle: &F) -> Outcome
where
    F: Fn(Message) -> R,
    R: Future<Output = Outcome>,
{
    let message = record.message();
    let (id, receives, started) = (message.id.clone(), message.receives, Instant::now());
    let left = deadline.saturating_duration_since(started);
    // The closure itself may panic before there is a future.
    let worked = AssertUnwindSafe(async { handle(message).await }).catch_unwind();
    let outcome = match tokio::time::timeout(left, worked).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => Outcome::retry(format_args!("panic: {}", panic_message(panic.as_ref()))),
        Err(_) => Outcome::retry("the function's time is over"),
    };
    telemetry::record_message(function, &id, receives, &outcome, started.elapsed());
    outcome
}

/// Where the queue is whose ARN is `source`. A function with one queue need not be told.
fn urls_of<'u>(urls: &'u [QueueUrls], source: &str) -> Option<&'u QueueUrls> {
    match urls {
        [only] => Some(only),
        several => {
            let name = source.rsplit(':').next().filter(|name| !name.is_empty());
            several.iter().find(|urls| urls.live.rsplit('/').next() == name)
        }
    }
}

impl SqsQueue {
    /// The queue at `urls`, consumed by `function`.
    pub(crate) fn new(client: Lazily<aws_sdk_sqs::Client>, function: &'static str, urls: QueueUrls) -> Self {
        Self { client, function, urls: vec![urls] }
    }

    /// This queue and `other`, consumed by one function.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.urls.extend(other.urls);
        self
    }

    /// Handles one batch, message by message, and answers with those that are to be handed out again.
    pub async fn handle<F, R>(&self, event: &SqsEvent, deadline: Instant, handle: &F) -> BatchAnswer
    where
        F: Fn(Message) -> R,
        R: Future<Output = Outcome>,
    {
        let mut answer = BatchAnswer::default();
        for record in &event.records {
            let outcome = work(self.function, record, deadline, handle).await;
            if !self.settle(record, outcome).await {
                answer.batch_item_failures.push(BatchItem { item_identifier: record.message_id.clone() });
            }
        }
        answer
    }

    /// Whether the message is done with; otherwise Lambda hands it out again.
    async fn settle(&self, record: &SqsRecord, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Done => true,
            Outcome::Retry { after, .. } => {
                self.hide(record, pause(after, record.receives())).await;
                false
            }
            Outcome::Reject { reason } => self.bury(record, &reason).await,
        }
    }

    /// When this fails, the queue's own visibility timeout is the pause.
    async fn hide(&self, record: &SqsRecord, after: Duration) {
        let Some(urls) = urls_of(&self.urls, &record.source) else { return };
        let hidden_s = i32::try_from(after.min(HIDDEN_MAX).as_secs()).unwrap_or(i32::MAX);
        let request = self
            .client
            .change_message_visibility()
            .queue_url(&urls.live)
            .receipt_handle(&record.receipt_handle)
            .visibility_timeout(hidden_s);
        if let Err(error) = request.send().await {
            let error = scorpius_core::error::chain(&error);
            tracing::warn!(message_id = record.message_id, error, "a message's pause was not set");
        }
    }

    /// Copies the message to the dead letters with its reason; Lambda then deletes it from the queue.
    async fn bury(&self, record: &SqsRecord, reason: &str) -> bool {
        let urls = urls_of(&self.urls, &record.source);
        let Some(dead) = urls.and_then(|urls| urls.dead.as_ref()) else { return false };
        let text = |value: &str| {
            let value: String =
                value.chars().take(REASON_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
            // SQS refuses an empty value.
            let value = if value.is_empty() { "-".to_owned() } else { value };
            MessageAttributeValue::builder().data_type("String").string_value(value).build()
        };
        let (Ok(reason), Ok(function), Ok(id)) =
            (text(reason), text(self.function), text(&record.message_id))
        else {
            return false;
        };
        let request = self
            .client
            .send_message()
            .queue_url(dead)
            .message_body(&record.body)
            .message_attributes("reason", reason)
            .message_attributes("function", function)
            .message_attributes("message_id", id);
        match request.send().await {
            Ok(_) => true,
            Err(error) => {
                let error = scorpius_core::error::chain(&error);
                tracing::error!(message_id = record.message_id, error, "a dead letter was not kept");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(body: &str) -> SqsRecord {
        let json = serde_json::json!({
            "messageId": "m1", "receiptHandle": "r1", "body": body,
            "attributes": {"ApproximateReceiveCount": "3"}, "eventSource": "aws:sqs",
        });
        serde_json::from_value(json).expect("a record")
    }

    async fn work_with(body: &str, left: Duration) -> Outcome {
        work(
            "test",
            &record(body),
            Instant::now() + left,
            &async |message: Message| match &message.body[..] {
                b"panic" => panic!("poison"),
                b"slow" => std::future::pending().await,
                _ => {
                    assert_eq!((message.id.as_str(), message.receives), ("m1", 3));
                    Outcome::Done
                }
            },
        )
        .await
    }

    #[test]
    fn a_message_is_answered_where_it_comes_from() {
        let at = |name: &str| QueueUrls { live: format!("https://sqs.example/1/p-{name}"), dead: None };
        let both = [at("scan-high"), at("scan")];
        let arn = |name: &str| format!("arn:aws:sqs:eu-west-1:1:p-{name}");
        assert_eq!(urls_of(&both, &arn("scan")), Some(&both[1]));
        assert_eq!(urls_of(&both, &arn("scan-high")), Some(&both[0]));
        assert_eq!(urls_of(&both, &arn("scan-low")), None);
        assert_eq!(urls_of(&both, ""), None);
        assert_eq!(urls_of(&both[..1], ""), Some(&both[0]));
    }

    #[tokio::test]
    async fn a_panic_costs_only_its_message() {
        let long = Duration::from_secs(60);
        assert_eq!(work_with("panic", long).await, Outcome::retry("panic: poison"));
        assert_eq!(work_with("fine", long).await, Outcome::Done);
    }

    #[tokio::test]
    async fn a_message_that_takes_too_long_is_handed_out_again() {
        let outcome = work_with("slow", Duration::from_millis(1)).await;
        assert_eq!(outcome, Outcome::retry("the function's time is over"));
    }

    #[test]
    fn the_answer_names_what_failed() {
        let answer =
            BatchAnswer { batch_item_failures: vec![BatchItem { item_identifier: "m1".to_owned() }] };
        let json = serde_json::to_value(answer).expect("JSON");
        assert_eq!(json, serde_json::json!({"batchItemFailures": [{"itemIdentifier": "m1"}]}));
    }
}
