//! The doors of `webhooks`.

use std::sync::Arc;

use http::StatusCode;
use schemars::JsonSchema;
use scorpius_core::{
    Clock, CommitId, Egress, EgressError, Event, Keys, Store, StoreError, TenantId, TopicError, Topics,
    Write, new_id,
};
use scorpius_edge::cursor::{self, Pagination};
use scorpius_edge::idempotency::{Once, commit_with_retry};
use scorpius_edge::operation::PAGING;
use scorpius_edge::problem::{INTERNAL, INVALID_REQUEST, NOT_FOUND, UNAVAILABLE};
use scorpius_edge::{Access, Answer, Kind, Operation, Problem, ProblemType, Request, Response, Thing};
use serde::{Deserialize, Serialize};

use crate::delivery::{Attempt, AttemptError, Deliveries, Delivery, DeliveryState};
use crate::facts::{Failure, WebhookCreated, WebhookDeleted};
use crate::pattern::{EventPattern, NotAPattern};
use crate::secret::SigningSecret;
use crate::webhook::{Target, WEBHOOKS_MAX, Webhook, Webhooks};

/// Patterns of one webhook.
const PATTERNS_MAX: usize = 50;
/// Characters of a description.
const DESCRIPTION_CHARS_MAX: usize = 200;

/// The tenant has as many webhooks as it may.
pub const TOO_MANY_WEBHOOKS: ProblemType =
    ProblemType { code: "too-many-webhooks", title: "Too many webhooks", status: StatusCode::CONFLICT };

/// What the doors need.
pub struct App {
    /// Has webhooks and deliveries.
    pub store: Arc<dyn Store>,
    /// Wraps the signing secrets.
    pub keys: Arc<dyn Keys>,
    /// Says which URLs may be called; nothing is sent from here.
    pub egress: Arc<dyn Egress>,
    /// Says which topics may be published to; nothing is sent from here.
    pub topics: Arc<dyn Topics>,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
}

/// A webhook to add: one of `url` and `topic`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// `https://…`, at most 2,048 bytes, on a public host.
    #[serde(default)]
    pub url: Option<String>,
    /// The ARN of an SNS topic that the operator has allowed to the tenant, in place of `url`. Its messages are the events;
    /// `webhook-id`, `webhook-timestamp`, `webhook-signature`, `event-type` and `tenant-id` are attributes of them.
    #[serde(default)]
    pub topic: Option<String>,
    /// 1 to 50 types of events, or starts of types with a closing `*`, such as `scorpius.scan.*`.
    pub events: Vec<String>,
    /// At most 200 characters.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether events go there; true unless said.
    #[serde(default = "yes")]
    pub active: bool,
}

fn yes() -> bool {
    true
}

/// A webhook.
#[derive(Debug, Serialize, JsonSchema)]
pub struct WebhookView {
    /// `whk_…`.
    pub id: String,
    /// Where events go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The topic that events go to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Which types.
    pub events: Vec<String>,
    /// The tenant's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether events go there.
    pub active: bool,
    /// When the receiver answered 410, which made it inactive. RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone_at: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// `whsec_…`, with which receivers check signatures. Shown in the answer that creates the webhook only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// A page of webhooks.
#[derive(Debug, Serialize, JsonSchema)]
pub struct WebhookList {
    /// Oldest first.
    pub webhooks: Vec<WebhookView>,
    /// How to go on.
    pub pagination: Pagination,
}

/// One request that was tried.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AttemptView {
    /// RFC 3339.
    pub at: String,
    /// Milliseconds.
    pub took_ms: u64,
    /// HTTP status, if there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// `status`, `timeout`, `connection`, `answer_too_long` or `blocked`; absent on success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
}

/// One event on its way to a webhook.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeliveryView {
    /// `dlv_…`.
    pub id: String,
    /// What is delivered, and `webhook-id` of every attempt.
    pub event_id: String,
    /// Its type.
    pub event_type: String,
    /// `pending`, `delivered` or `failed`.
    pub state: &'static str,
    /// Why it failed: `exhausted`, `blocked`, `gone` or `webhook_off`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Requests tried.
    pub attempts: u32,
    /// The latest of them, oldest first.
    pub history: Vec<AttemptView>,
    /// The first 1,024 bytes of the latest answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// When the next attempt is due, while it is pending. RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// When it was delivered or given up. RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
}

/// A page of deliveries.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeliveryList {
    /// Latest event first.
    pub deliveries: Vec<DeliveryView>,
    /// How to go on.
    pub pagination: Pagination,
}

/// What the doors offer.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let example = r#"{"url":"https://hooks.example.com/scorpius","events":["scorpius.scan.*","scorpius.risk.scored.v1"],"description":"Security room"}"#;
    let (write, read) = (Access::Action("webhook:write"), Access::Action("webhook:read"));
    vec![
        Operation::new(
            "POST /v1/config/webhooks",
            "createWebhook",
            "Adds a webhook and shows its signing secret once.",
            write,
        )
        .takes::<NewWebhook>(example)
        .answers(Answer::json::<WebhookView>(201, "The webhook, with its secret."))
        .fails(&TOO_MANY_WEBHOOKS),
        Operation::new("GET /v1/config/webhooks", "listWebhooks", "Lists the tenant's webhooks.", read)
            .asks(&PAGING)
            .answers(Answer::json::<WebhookList>(200, "A page of webhooks.")),
        Operation::new("DELETE /v1/config/webhooks/{id}", "deleteWebhook", "Removes a webhook.", write)
            .about(Kind::Webhook)
            .answers(Answer::empty(204, "It is removed.")),
        Operation::new(
            "GET /v1/config/webhooks/{id}/deliveries",
            "listWebhookDeliveries",
            "Lists what was delivered to a webhook, and what was not.",
            read,
        )
        .about(Kind::Webhook)
        .asks(&PAGING)
        .answers(Answer::json::<DeliveryList>(200, "A page of deliveries.")),
    ]
}

/// Request in, answer or problem out.
pub async fn handle(app: &App, request: Request) -> Response {
    let answer = match request.operation {
        "createWebhook" => create(app, &request).await,
        "listWebhooks" => list(app, &request).await,
        "deleteWebhook" => delete(app, &request).await,
        "listWebhookDeliveries" => deliveries(app, &request).await,
        other => Err(INTERNAL.because(format_args!("no door for `{other}`"))),
    };
    answer.unwrap_or_else(|problem| problem.into_response(&request.request_id))
}

/// Why a webhook cannot be added.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The URL is not one that may be called, or that could not be told.
    #[error("the URL may not be called")]
    Url(#[from] EgressError),
    /// The topic is not one that may be published to.
    #[error("the topic may not be published to")]
    Topic(#[from] TopicError),
    /// Neither, or both.
    #[error("a webhook has one of `url` and `topic`")]
    Targets,
    /// One of `events` is no pattern.
    #[error("not a pattern of event types: `{pattern}`")]
    NotAPattern {
        /// Its place in `events`.
        index: usize,
        /// The start of it.
        pattern: String,
    },
    /// None, or too many.
    #[error("`events` has 1 to {PATTERNS_MAX} patterns, got {count}")]
    PatternCount {
        /// How many.
        count: usize,
    },
    /// Too long, or not printable.
    #[error("`description` has at most {DESCRIPTION_CHARS_MAX} characters, none of them control characters")]
    Description,
}

fn problem(error: CreateError) -> Problem {
    let invalid = |pointer: &str| INVALID_REQUEST.because(&error).at(pointer, &error);
    match &error {
        CreateError::Url(EgressError::Blocked { reason }) => {
            INVALID_REQUEST.because(format_args!("`url` may not be called: {reason}")).at("/url", reason)
        }
        CreateError::Topic(TopicError::NotAllowed { reason }) => {
            let said = format_args!("`topic` may not be published to: {reason}");
            INVALID_REQUEST.because(said).at("/topic", reason)
        }
        CreateError::Targets => invalid("/url"),
        CreateError::Url(EgressError::TimedOut | EgressError::TooLong | EgressError::Port(_))
        | CreateError::Topic(TopicError::Refused { .. } | TopicError::Port(_)) => {
            let mut problem = UNAVAILABLE.plain().retry_after_s(1);
            problem.cause = Some(scorpius_core::error::chain(&error));
            problem
        }
        CreateError::NotAPattern { index, .. } => invalid(&format!("/events/{index}")),
        CreateError::PatternCount { .. } => invalid("/events"),
        CreateError::Description => invalid("/description"),
    }
}

async fn create(app: &App, request: &Request) -> Result<Response, Problem> {
    let tenant = request.tenant()?.clone();
    let once = Once::of(request)?;
    if let Some(answer) = once.answered_sealed(app.store.as_ref(), app.keys.as_ref()).await? {
        return Ok(answer);
    }
    let asked: NewWebhook = request.json()?;
    let (target, events) = check(app, &tenant, &asked).map_err(problem)?;
    let id = new_id("whk", app.clock.as_ref());
    let secret = SigningSecret::generate(app.clock.as_ref());
    let webhook = Webhook {
        target,
        events,
        description: asked.description,
        active: asked.active,
        gone_at: None,
        created_at: app.clock.now(),
        created_by: Some(request.principal()?.subject.clone()),
        secret: secret.wrap(app.keys.as_ref(), &tenant, &id).await?,
        id,
    };
    let fact = WebhookCreated {
        webhook_id: webhook.id.clone(),
        host_sha256: webhook.host_sha256(),
        events: webhook.events.iter().map(ToString::to_string).collect(),
        active: webhook.active,
    };
    let event = Event::of(&fact, &webhook.id, 1, &tenant, &request.actor()?, app.clock.as_ref());
    let mut writes = Vec::from(webhook.adding(&tenant));
    writes.push(Write::emit(event));

    let shown = WebhookView { secret: Some(secret.shown().to_string()), ..view(webhook) };
    let response = Response::json(StatusCode::CREATED, &shown);
    let conflict = |index| {
        let too_many =
            || TOO_MANY_WEBHOOKS.because(format_args!("a tenant has at most {WEBHOOKS_MAX} webhooks"));
        (index == 1).then(too_many)
    };
    once.commit_sealed(app.store.as_ref(), app.clock.as_ref(), app.keys.as_ref(), writes, response, conflict)
        .await
}

fn check(
    app: &App,
    tenant: &TenantId,
    asked: &NewWebhook,
) -> Result<(Target, Vec<EventPattern>), CreateError> {
    let target = match (&asked.url, &asked.topic) {
        (Some(url), None) => {
            app.egress.check_url(url)?;
            Target::Url(url.clone())
        }
        (None, Some(topic)) => {
            app.topics.check(tenant, topic)?;
            Target::Topic(topic.clone())
        }
        (Some(_), Some(_)) | (None, None) => return Err(CreateError::Targets),
    };
    if asked.events.is_empty() || asked.events.len() > PATTERNS_MAX {
        return Err(CreateError::PatternCount { count: asked.events.len() });
    }
    let description = asked.description.as_deref().unwrap_or_default();
    if description.chars().count() > DESCRIPTION_CHARS_MAX || description.chars().any(char::is_control) {
        return Err(CreateError::Description);
    }
    let mut patterns: Vec<EventPattern> = Vec::new();
    for (index, text) in asked.events.iter().enumerate() {
        let pattern: EventPattern =
            text.parse().map_err(|NotAPattern(pattern)| CreateError::NotAPattern { index, pattern })?;
        if !patterns.contains(&pattern) {
            patterns.push(pattern);
        }
    }
    Ok((target, patterns))
}

async fn list(app: &App, request: &Request) -> Result<Response, Problem> {
    const LIST: &str = "webhooks";
    let cursor = cursor::open(LIST, request)?;
    let (webhooks, page) =
        Webhooks::new(Arc::clone(&app.store)).page(request.tenant()?, request.limit()?, cursor).await?;
    let mut shown = Vec::new();
    for webhook in webhooks {
        if request.sees(thing(request, &webhook)?).await? {
            shown.push(view(webhook));
        }
    }
    let answer = WebhookList { webhooks: shown, pagination: Pagination::after(LIST, &page) };
    Ok(Response::json(StatusCode::OK, &answer))
}

async fn delete(app: &App, request: &Request) -> Result<Response, Problem> {
    let (tenant, id) = (request.tenant()?, known_id(request)?);
    judged(app, request, id).await?;
    let event = Event::of(
        &WebhookDeleted { webhook_id: id.to_owned() },
        id,
        2,
        tenant,
        &request.actor()?,
        app.clock.as_ref(),
    );
    let mut writes = Vec::from(Webhook::removing(tenant, id));
    writes.push(Write::emit(event));
    match commit_with_retry(app.store.as_ref(), CommitId::new(app.clock.as_ref()), &writes).await {
        Ok(_) => Ok(Response::new(StatusCode::NO_CONTENT)),
        Err(StoreError::Conflict { .. }) => Err(no_such_webhook()),
        Err(error) => Err(error.into()),
    }
}

async fn deliveries(app: &App, request: &Request) -> Result<Response, Problem> {
    let (tenant, id) = (request.tenant()?, known_id(request)?);
    let list = format!("webhooks/{id}/deliveries");
    let cursor = cursor::open(&list, request)?;
    judged(app, request, id).await?;
    let (deliveries, page) =
        Deliveries::new(Arc::clone(&app.store)).page(tenant, id, request.limit()?, cursor).await?;
    let answer = DeliveryList {
        deliveries: deliveries.into_iter().map(delivery_view).collect(),
        pagination: Pagination::after(&list, &page),
    };
    Ok(Response::json(StatusCode::OK, &answer))
}

/// The path's `id`; what is not even an id of a webhook does not exist.
fn known_id(request: &Request) -> Result<&str, Problem> {
    let id = request.parameter("id")?;
    if scorpius_core::id::is_id("whk", id) { Ok(id) } else { Err(no_such_webhook()) }
}

/// Finds it, and goes on only if the caller may.
async fn judged(app: &App, request: &Request, id: &str) -> Result<(), Problem> {
    let found = Webhooks::new(Arc::clone(&app.store)).find(request.tenant()?, id).await?;
    let webhook = found.ok_or_else(no_such_webhook)?;
    request.judge(thing(request, &webhook)?).await
}

/// A webhook as policies see it.
fn thing<'a>(request: &'a Request, webhook: &'a Webhook) -> Result<Thing<'a>, Problem> {
    let thing = Thing::new(Kind::Webhook, &webhook.id, request.tenant()?);
    Ok(Thing { owner: webhook.created_by.as_deref(), ..thing })
}

fn no_such_webhook() -> Problem {
    NOT_FOUND.because("no such webhook")
}

fn view(webhook: Webhook) -> WebhookView {
    let (url, topic) = match webhook.target {
        Target::Url(url) => (Some(url), None),
        Target::Topic(topic) => (None, Some(topic)),
    };
    WebhookView {
        id: webhook.id,
        url,
        topic,
        events: webhook.events.iter().map(ToString::to_string).collect(),
        description: webhook.description,
        active: webhook.active,
        gone_at: webhook.gone_at.map(|at| at.to_string()),
        created_at: webhook.created_at.to_string(),
        secret: None,
    }
}

fn delivery_view(delivery: Delivery) -> DeliveryView {
    let (state, reason) = match delivery.state {
        DeliveryState::Pending => ("pending", None),
        DeliveryState::Delivered => ("delivered", None),
        DeliveryState::Failed(Failure::Exhausted) => ("failed", Some("exhausted")),
        DeliveryState::Failed(Failure::Blocked) => ("failed", Some("blocked")),
        DeliveryState::Failed(Failure::Gone) => ("failed", Some("gone")),
        DeliveryState::Failed(Failure::WebhookOff) => ("failed", Some("webhook_off")),
    };
    let pending = delivery.state == DeliveryState::Pending;
    DeliveryView {
        id: delivery.id,
        event_id: delivery.event_id,
        event_type: delivery.event_type,
        state,
        reason,
        attempts: delivery.attempts,
        history: delivery.history.iter().map(attempt_view).collect(),
        answer: delivery.answer,
        next_attempt_at: pending.then(|| delivery.next_attempt_at.to_string()),
        created_at: delivery.created_at.to_string(),
        finished_at: delivery.finished_at.map(|at| at.to_string()),
    }
}

fn attempt_view(attempt: &Attempt) -> AttemptView {
    let error = attempt.error.map(|error| match error {
        AttemptError::Status => "status",
        AttemptError::Timeout => "timeout",
        AttemptError::Connection => "connection",
        AttemptError::AnswerTooLong => "answer_too_long",
        AttemptError::Blocked => "blocked",
    });
    AttemptView { at: attempt.at.to_string(), took_ms: attempt.took_ms, status: attempt.status, error }
}

#[cfg(test)]
mod tests;
