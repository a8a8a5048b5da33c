//! The operator's doors to the queues.

use std::sync::Arc;

use http::StatusCode;
use schemars::JsonSchema;
use scorpius_core::{Bus, Clock, Event, Fact, QueueDepth, Store, Write, new_id};
use scorpius_edge::idempotency::Once;
use scorpius_edge::problem::NOT_FOUND;
use scorpius_edge::{Access, Answer, Operation, Problem, Request, Response};
use serde::{Deserialize, Serialize};

/// Dead letters that one call puts back, unless it asks for fewer.
const REDRIVE_MAX: u32 = 1_000;

/// What the operator's doors need.
pub struct App {
    /// Remembers answers, and has the outbox.
    pub store: Arc<dyn Store>,
    /// Has the queues.
    pub bus: Arc<dyn Bus>,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
}

/// An operator asked for dead letters to be tried again.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct RedriveRequested {
    /// Which queue.
    pub queue: String,
    /// How many at most.
    pub max: u32,
}

impl Fact for RedriveRequested {
    const TYPE: &'static str = "scorpius.admin.redrive_requested.v1";
    const MEANING: &'static str = "An operator asked for dead letters of a queue to be tried again.";
}

/// How many dead letters to try again.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redrive {
    /// 1 to 1,000; 1,000 unless said.
    #[serde(default)]
    pub max: Option<u32>,
}

/// How full a queue is.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct QueueState {
    /// As in the manifest.
    pub queue: String,
    /// Waiting or in flight.
    pub messages: u64,
    /// Given up on.
    pub dead_letters: u64,
    /// Age of the oldest waiting message; absent where the queue does not tell (on AWS, CloudWatch does).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_age_s: Option<u64>,
}

/// All queues.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Queues {
    /// By name.
    pub queues: Vec<QueueState>,
}

impl From<QueueDepth> for QueueState {
    fn from(depth: QueueDepth) -> Self {
        let QueueDepth { queue, messages, dead_letters, oldest_age_s } = depth;
        Self { queue, messages, dead_letters, oldest_age_s }
    }
}

/// What is offered.
#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            "GET /v1/admin/queues",
            "listQueues",
            "Shows how full each queue is.",
            Access::Action("admin:read"),
        )
        .answers(Answer::json::<Queues>(200, "All queues.")),
        Operation::new(
            "POST /v1/admin/queues/{queue}/redrive",
            "redriveQueue",
            "Puts dead letters back to work, oldest first.",
            Access::Action("admin:write"),
        )
        .takes::<Redrive>(r#"{"max": 100}"#)
        .answers(Answer::json::<RedriveRequested>(202, "They are being put back.")),
    ]
}

/// Request in, answer or problem out.
pub async fn handle(app: &App, request: Request) -> Response {
    let answer = match request.operation {
        "listQueues" => list(app).await,
        "redriveQueue" => redrive(app, &request).await,
        other => Err(NOT_FOUND.because(format_args!("no operation `{other}`"))),
    };
    answer.unwrap_or_else(|problem| problem.into_response(&request.request_id))
}

async fn list(app: &App) -> Result<Response, Problem> {
    let queues = app.bus.depths().await?.into_iter().map(QueueState::from).collect();
    Ok(Response::json(StatusCode::OK, &Queues { queues }))
}

async fn redrive(app: &App, request: &Request) -> Result<Response, Problem> {
    let queue = request.parameter("queue")?.to_owned();
    let asked: Redrive = request.json()?;
    let max = asked.max.unwrap_or(REDRIVE_MAX);
    if !(1..=REDRIVE_MAX).contains(&max) {
        return Err(scorpius_edge::problem::INVALID_REQUEST
            .because(format_args!("`max` is 1 to {REDRIVE_MAX}"))
            .at("/max", "out of range"));
    }
    if !app.bus.depths().await?.iter().any(|depth| depth.queue == queue) {
        return Err(NOT_FOUND.because("no such queue"));
    }
    let once = Once::of(request)?;
    if let Some(answer) = once.answered(&*app.store).await? {
        return Ok(answer);
    }
    // The wish is recorded before it is carried out: a redrive that nobody knows of cannot happen.
    let fact = RedriveRequested { queue: queue.clone(), max };
    let aggregate = new_id("rdr", &*app.clock);
    let event = Event::of(&fact, &aggregate, 1, request.tenant()?, &request.actor()?, &*app.clock);
    let response = Response::json(StatusCode::ACCEPTED, &fact);
    let response = once.commit(&*app.store, &*app.clock, vec![Write::emit(event)], response).await?;
    app.bus.redrive(&queue, max).await?;
    Ok(response)
}
