//! The loops that AWS Lambda runs: an event in its document's form, a door, an answer.
//!
//! Documents are read with our own few types. What is in them is not trusted: a message that
//! cannot be read, or a panic, costs that message and nothing else.

mod authorizer;
mod http;
mod invoke;
mod queue;
mod schedule;
mod stream;

use std::time::{Duration, SystemTime};

pub use authorizer::serve_authorizer;
pub use http::{serve_http, serve_signed};
pub use invoke::serve_invoke;
pub use lambda_runtime::Error;
pub use queue::{SqsEvent, SqsQueue, serve_queue};
pub use schedule::serve_schedule;
pub use stream::serve_stream;

/// What is left for answering when the time that Lambda gives is nearly over.
const MARGIN: Duration = Duration::from_millis(500);

/// Logs and metrics are lines on standard output, which CloudWatch reads as JSON and as EMF.
fn start_telemetry() {
    scorpius_edge::telemetry::log_json_to(std::io::stdout);
    scorpius_edge::telemetry::metrics_to(Box::new(std::io::stdout()));
}

/// The longest that Lambda lets a function work.
const WORK_MAX: Duration = Duration::from_secs(900);

/// How long this invocation may go on working.
fn time_left(context: &lambda_runtime::Context) -> Duration {
    left(context.deadline(), SystemTime::now())
}

/// Lambda says until when; `cargo lambda watch` says for how long, as if the epoch were now.
fn left(deadline: SystemTime, now: SystemTime) -> Duration {
    let since_epoch = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let left = match since_epoch <= WORK_MAX {
        true => since_epoch,
        false => deadline.duration_since(now).unwrap_or_default(),
    };
    left.saturating_sub(MARGIN)
}

/// `batchItemFailures`: what Lambda hands out again, from a queue or a stream.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchAnswer {
    /// One for each.
    pub batch_item_failures: Vec<BatchItem>,
}

/// A message or a row that is not done with.
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItem {
    /// A message's id, or a row's sequence number.
    pub item_identifier: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_a_time_or_a_while() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_667_413);
        let check = |deadline, ms| assert_eq!(left(deadline, now), Duration::from_millis(ms));
        check(now + Duration::from_secs(30), 29_500);
        check(now - Duration::from_secs(1), 0);
        check(now + Duration::from_millis(100), 0);
        check(SystemTime::UNIX_EPOCH + Duration::from_secs(600), 599_500);
    }
}
