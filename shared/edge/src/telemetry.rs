//! Logs as JSON lines with a correlation id, and CloudWatch metrics in embedded metric format (EMF).

use std::io::Write;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use serde_json::json;

use tracing_subscriber::filter::{LevelFilter, ParseError, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

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
            let after_s = crate::queue::pause(*after, receives).as_secs();
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

/// Logs as JSON lines on `writer`; levels come from `SCORPIUS_LOG`, such as `warn` or `warn,scorpius=debug`, and are
/// `info` unless set.
pub fn log_json_to<W>(writer: W)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_writer(writer);
    let wanted = std::env::var("SCORPIUS_LOG");
    let (levels, unread) = levels(wanted.as_deref().unwrap_or_default());
    let started = tracing_subscriber::registry().with(lines).with(levels).try_init();
    if started.is_err() {
        tracing::warn!("logging was already set up");
    }
    if let Some(error) = unread {
        tracing::warn!(%error, "`SCORPIUS_LOG` cannot be read, and the level is `info`");
    }
}

/// A level for each target. Not `EnvFilter`, which can also tell fields apart and brings an engine of regular
/// expressions into each function for it.
fn levels(wanted: &str) -> (Targets, Option<ParseError>) {
    let info = || Targets::new().with_default(LevelFilter::INFO);
    match wanted.parse::<Targets>() {
        Ok(_) if wanted.is_empty() => (info(), None),
        Ok(levels) => (levels, None),
        Err(error) => (info(), Some(error)),
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

    #[test]
    fn levels_are_read_for_each_target_and_are_info_where_they_cannot_be() {
        use tracing::Level;
        let check = |wanted: &str, target: &str, level: Level, logged: bool| {
            assert_eq!(levels(wanted).0.would_enable(target, &level), logged, "{wanted}: {target} {level}");
        };
        check("", "scorpius::request", Level::INFO, true);
        check("", "scorpius::request", Level::DEBUG, false);
        check("warn,scorpius=debug", "scorpius::request", Level::DEBUG, true);
        check("warn,scorpius=debug", "hyper", Level::INFO, false);
        check("scorpius=loud", "scorpius::request", Level::INFO, true);
        check("scorpius=loud", "scorpius::request", Level::DEBUG, false);
        assert!(levels("scorpius=loud").1.is_some());
        assert!(levels("off").1.is_none());
    }
}
