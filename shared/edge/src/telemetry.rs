//! Logs as JSON lines with a correlation id, and CloudWatch metrics in embedded metric format (EMF).

use std::io::Write;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use serde_json::json;

use crate::response::Response;

/// Where lines go. Set once, in `main`.
static SINK: OnceLock<Mutex<Box<dyn Write + Send>>> = OnceLock::new();

/// Sends metric lines to `sink`; without this call there are none. The first call counts.
pub fn metrics_to(sink: Box<dyn Write + Send>) {
    if SINK.set(Mutex::new(sink)).is_err() {
        tracing::warn!("metrics already have a sink");
    }
}

/// One call of a door, as log and metric.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// As in the manifest.
    pub function: String,
    /// `operationId`, or `-` when the route is unknown.
    pub operation: &'static str,
    /// `req_…`.
    pub request_id: String,
    /// Whose.
    pub tenant: Option<String>,
    /// Who.
    pub subject: Option<String>,
    method: String,
    path: String,
    status: u16,
    problem: Option<&'static str>,
    cause: Option<String>,
    took: Duration,
}

impl Invocation {
    /// Just begun.
    #[must_use]
    pub fn new(function: &str, request_id: &str, method: &str, path: &str) -> Self {
        Self {
            function: function.to_owned(),
            operation: "-",
            request_id: request_id.to_owned(),
            tenant: None,
            subject: None,
            method: method.to_owned(),
            path: path.chars().take(200).collect(),
            status: 0,
            problem: None,
            cause: None,
            took: Duration::ZERO,
        }
    }

    /// Ended with `response`.
    pub fn answered(&mut self, response: &Response, took: Duration) {
        self.status = response.status.as_u16();
        self.problem = response.problem;
        self.cause.clone_from(&response.cause);
        self.took = took;
    }
}

/// One log line and one metric line.
pub fn record(invocation: &Invocation) {
    let Invocation { function, operation, request_id, method, path, status, .. } = invocation;
    let tenant = invocation.tenant.as_deref().unwrap_or("-");
    let subject = invocation.subject.as_deref().unwrap_or("-");
    let problem = invocation.problem.unwrap_or("-");
    let took_us = u64::try_from(invocation.took.as_micros()).unwrap_or(u64::MAX);
    match &invocation.cause {
        Some(cause) => tracing::error!(
            target: "scorpius::request",
            function, operation, request_id, tenant, subject, method, path, status, problem, took_us, cause,
        ),
        None => tracing::info!(
            target: "scorpius::request",
            function, operation, request_id, tenant, subject, method, path, status, problem, took_us,
        ),
    }
    let metrics = [
        ("Requests", "Count", 1.0),
        ("ClientErrors", "Count", f64::from(u8::from((400..500).contains(status)))),
        ("ServerErrors", "Count", f64::from(u8::from(*status >= 500))),
        ("Latency", "Milliseconds", took_us as f64 / 1000.0),
    ];
    emit(function, operation, request_id, &metrics);
}

/// One message that a worker was handed, as log and metric.
pub fn record_message(
    function: &str,
    message_id: &str,
    receives: u32,
    outcome: &crate::queue::Outcome,
    took: Duration,
) {
    use crate::queue::Outcome;
    let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let (done, retried, rejected) = match outcome {
        Outcome::Done => {
            tracing::info!(target: "scorpius::message", function, message_id, receives, outcome = "done", took_us);
            (1.0, 0.0, 0.0)
        }
        Outcome::Retry { reason, after } => {
            let after_s = after.as_secs();
            tracing::warn!(target: "scorpius::message", function, message_id, receives, outcome = "retry", after_s, reason, took_us);
            (0.0, 1.0, 0.0)
        }
        Outcome::Reject { reason } => {
            tracing::error!(target: "scorpius::message", function, message_id, receives, outcome = "reject", reason, took_us);
            (0.0, 0.0, 1.0)
        }
    };
    let metrics = [
        ("MessagesDone", "Count", done),
        ("MessagesRetried", "Count", retried),
        ("MessagesRejected", "Count", rejected),
        ("Latency", "Milliseconds", took_us as f64 / 1000.0),
    ];
    emit(function, "-", message_id, &metrics);
}

fn emit(function: &str, operation: &str, id: &str, metrics: &[(&str, &str, f64)]) {
    let Some(sink) = SINK.get() else { return };
    let line = emf(function, operation, id, metrics);
    let Ok(mut sink) = sink.lock() else { return };
    if let Err(error) = writeln!(sink, "{line}") {
        tracing::warn!(%error, "a metric line was not written");
    }
}

/// One EMF document: dimensions are function and operation, and never a tenant, so that their number stays small.
fn emf(function: &str, operation: &str, id: &str, metrics: &[(&str, &str, f64)]) -> serde_json::Value {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let names: Vec<_> = metrics.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
    let mut document = json!({
        "_aws": {
            "Timestamp": u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            "CloudWatchMetrics": [{
                "Namespace": "Scorpius",
                "Dimensions": [["function"], ["function", "operation"]],
                "Metrics": names,
            }],
        },
        "function": function,
        "operation": operation,
        "request_id": id,
    });
    for (name, _, value) in metrics {
        document[*name] = json!(value);
    }
    document
}

/// Logs as JSON lines on `writer`; the level comes from `SCORPIUS_LOG`, `info` unless set.
pub fn log_json_to<W>(writer: W)
where
    W: for<'w> tracing_subscriber::fmt::MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = tracing_subscriber::EnvFilter::try_from_env("SCORPIUS_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_env_filter(filter)
        .with_writer(writer)
        .try_init();
    if started.is_err() {
        tracing::warn!("logging was already set up");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_line_is_embedded_metric_format() {
        let line = emf("risk-score", "scoreAddress", "req_1", &[("Latency", "Milliseconds", 1.5)]);
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], "Latency");
        assert_eq!(line["Latency"], 1.5);
        assert_eq!(line["function"], "risk-score");
    }
}
