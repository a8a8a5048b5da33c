//! The health doors, and the API's own description.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use schemars::JsonSchema;
use scorpius_core::{BlobName, Blobs, Key, KeyName, Keys, Store};
use serde::Serialize;

use crate::operation::{Access, Answer, Operation};
use crate::problem::{NOT_FOUND, Problem};
use crate::request::Request;
use crate::response::Response;

/// What the health doors look at.
pub struct App {
    /// Read once by `ready` and `deep`.
    pub store: Arc<dyn Store>,
    /// Read once by `deep`.
    pub blobs: Arc<dyn Blobs>,
    /// Asked for its public keys by `deep`.
    pub keys: Arc<dyn Keys>,
    /// `openapi.json` as built from all doors.
    pub openapi: String,
}

/// How one part of the platform is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Part {
    /// `store`, `blobs`, `keys`.
    pub name: &'static str,
    /// Whether it answered.
    pub ok: bool,
    /// How long it took.
    pub took_ms: u64,
}

/// How the platform is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Health {
    /// `ok` or `unavailable`.
    pub status: &'static str,
    /// The program's version.
    pub version: &'static str,
    /// What was looked at.
    pub parts: Vec<Part>,
}

/// What is offered. `/healthz` and `/health/live` say that the process runs; `/readyz`, `/health` and
/// `/health/ready` that it can work; `/health/deep` looks at every dependency.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let health = |route, id, summary| {
        Operation::new(route, id, summary, Access::Public)
            .answers(Answer::json::<Health>(200, "It is well."))
            .answers(Answer::json::<Health>(503, "It is not."))
            .unlimited()
    };
    vec![
        health("GET /healthz", "getHealthz", "Says whether the process runs."),
        health("GET /health/live", "getLiveness", "Says whether the process runs."),
        health("GET /readyz", "getReadyz", "Says whether requests can be served."),
        health("GET /health", "getHealth", "Says whether requests can be served."),
        health("GET /health/ready", "getReadiness", "Says whether requests can be served."),
        health("GET /health/deep", "getDeepHealth", "Looks at every dependency."),
        Operation::new("GET /openapi.json", "getOpenApi", "The description of this API.", Access::Public)
            .answers(Answer::other(200, "OpenAPI 3.1.", "application/json"))
            .unlimited(),
    ]
}

/// Request in, health or document out.
pub async fn handle(app: &App, request: Request) -> Response {
    match request.operation {
        "getHealthz" | "getLiveness" => answer(Vec::new()),
        "getReadyz" | "getHealth" | "getReadiness" => answer(vec![store(app).await]),
        "getDeepHealth" => answer(vec![store(app).await, blobs(app).await, keys(app).await]),
        "getOpenApi" => Response::json_bytes(StatusCode::OK, app.openapi.clone())
            .with_header("access-control-allow-origin", "*"),
        other => {
            let problem: Problem = NOT_FOUND.because(format_args!("no operation `{other}`"));
            problem.into_response(&request.request_id)
        }
    }
}

fn answer(parts: Vec<Part>) -> Response {
    let ok = parts.iter().all(|part| part.ok);
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let health =
        Health { status: if ok { "ok" } else { "unavailable" }, version: env!("CARGO_PKG_VERSION"), parts };
    Response::json(status, &health)
}

async fn store(app: &App) -> Part {
    let started = Instant::now();
    part("store", started, app.store.get(&Key::new("health", "probe")).await.map_err(|e| e.to_string()).err())
}

async fn blobs(app: &App) -> Part {
    let started = Instant::now();
    let name: BlobName = "health/probe".parse().expect("a constant blob name");
    part("blobs", started, app.blobs.get_range(&name, 0..1).await.map_err(|e| e.to_string()).err())
}

async fn keys(app: &App) -> Part {
    let started = Instant::now();
    let mut error = None;
    for key in KeyName::ALL {
        error = error.or(app.keys.public_key(key).await.map_err(|e| e.to_string()).err());
    }
    part("keys", started, error)
}

fn part(name: &'static str, started: Instant, error: Option<String>) -> Part {
    if let Some(error) = &error {
        tracing::error!(part = name, error, "a dependency does not answer");
    }
    let took: Duration = started.elapsed();
    Part { name, ok: error.is_none(), took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX) }
}
