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

use std::time::Duration;

pub use authorizer::serve_authorizer;
pub use http::serve_http;
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

/// How long this invocation may go on working.
fn time_left(context: &lambda_runtime::Context) -> Duration {
    let left = context.deadline().duration_since(std::time::SystemTime::now()).unwrap_or_default();
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
