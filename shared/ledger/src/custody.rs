//! The doors of those who keep the ledger for others: erasing persons, legal holds, and asking for a log of one's own.

use std::sync::Arc;

use http::StatusCode;
use schemars::JsonSchema;
use scorpius_core::{Clock, Keys, Store, UnixMillis};
use scorpius_edge::cursor::{self, Pagination};
use scorpius_edge::operation::{PAGING, Parameter};
use scorpius_edge::problem::{CONFLICT, INTERNAL, INVALID_REQUEST, LEGAL_HOLD, NOT_FOUND};
use scorpius_edge::{Access, Answer, Operation, Problem, Request, Response};
use serde::{Deserialize, Serialize};

use crate::entry::is_personal;
use crate::erasure::{Erased, Erasure, ErasureError};
use crate::holds::{Held, Hold, NotHoldable};
use crate::log::{LogName, OwnLogs};
use crate::payloads::Payloads;
use crate::records::Records;

/// Characters of a hold's reason.
const REASON_CHARS_MAX: usize = 500;
/// The names of the lists of holds, for cursors.
const LIST: &str = "audit-holds";
const LIFTED_LIST: &str = "audit-holds-lifted";
const STATE: Parameter = Parameter {
    name: "state",
    meaning: "`placed`, the default, or `lifted`: those that were lifted in the last 400 days.",
    required: false,
};
const REASON: Parameter = Parameter {
    name: "reason",
    meaning: "Why it is lifted, 1 to 500 characters. Kept with the hold for 400 days, and in no event.",
    required: false,
};

/// Why something is held.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldRequest {
    /// 1 to 500 characters. Kept with the hold, and in no event.
    #[schemars(length(min = 1, max = 500))]
    pub reason: String,
}

/// That the tenant is to have a log of its own.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OwnLogAnswer {
    /// Events from this moment on go into it, RFC 3339; earlier ones stay in the shared log. It never moves.
    pub since: String,
    /// When it was asked for first, RFC 3339.
    pub asked_at: String,
    /// Who asked first.
    pub asked_by: String,
}

/// A page of holds.
#[derive(Debug, Serialize, JsonSchema)]
pub struct HoldList {
    /// In the order of the names of what is held; lifted ones as they were placed.
    pub holds: Vec<Hold>,
    /// How the list goes on.
    pub pagination: Pagination,
}

/// What the doors need.
pub struct App {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    payloads: Payloads,
    backups_s: u64,
}

impl App {
    /// Over these ports. Backups of the store are kept for `backups_s` seconds: a secret is in them for as long.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, keys: Arc<dyn Keys>, clock: Arc<dyn Clock>, backups_s: u64) -> Self {
        let payloads = Payloads::new(Arc::clone(&store), keys, Arc::clone(&clock));
        Self { store, clock, payloads, backups_s }
    }
}

/// What is offered.
#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            "DELETE /v1/audit/subjects/{id}",
            "eraseSubject",
            "Erases a person from the ledger: what events say of them can be read no more, by anyone, and every proof stands.",
            Access::Action("audit:erase"),
        )
        .answers(Answer::json::<Erased>(200, "It is done, and when it is effective everywhere."))
        .fails(&INVALID_REQUEST)
        .fails(&LEGAL_HOLD),
        Operation::new("GET /v1/audit/holds", "listHolds", "Lists the legal holds.", Access::Action("audit:read"))
            .asks(&PAGING)
            .asks(&[STATE])
            .answers(Answer::json::<HoldList>(200, "A page of holds."))
            .fails(&INVALID_REQUEST),
        Operation::new(
            "PUT /v1/audit/holds/{id}",
            "placeHold",
            "Places a legal hold, until it is lifted: on a person (`usr_…`, `key_…`), on the tenant (its id), on a resource (`resource:` and its id), or on a stretch of time (`FROM--TO`, two moments in RFC 3339). What it is on is neither erased nor let end.",
            Access::Action("audit:hold"),
        )
        .takes::<HoldRequest>(r#"{"reason": "Case 12/2026"}"#)
        .answers(Answer::json::<Hold>(200, "The hold; placed again it keeps its id."))
        .fails(&INVALID_REQUEST)
        .fails(&CONFLICT),
        Operation::new(
            "DELETE /v1/audit/holds/{id}",
            "liftHold",
            "Lifts a legal hold, named as it was placed.",
            Access::Action("audit:hold"),
        )
        .asks(&[REASON])
        .answers(Answer::empty(204, "It is lifted."))
        .fails(&INVALID_REQUEST),
        Operation::new(
            "PUT /v1/audit/log",
            "askOwnLog",
            "Asks for a log of the tenant's own, which begins an hour later and is kept for ever. Asked again it answers as it was.",
            Access::Action("audit:separate"),
        )
        .answers(Answer::json::<OwnLogAnswer>(200, "When it begins.")),
    ]
}

/// Request in, answer or problem out.
pub async fn handle(app: &App, request: Request) -> Response {
    let answer = match request.operation {
        "askOwnLog" => own_log(app, &request).await,
        "eraseSubject" => erase(app, &request).await,
        "liftHold" => lift(app, &request).await,
        "listHolds" => holds(app, &request).await,
        "placeHold" => hold(app, &request).await,
        other => Err(NOT_FOUND.because(format_args!("no operation `{other}`"))),
    };
    answer.unwrap_or_else(|problem| problem.into_response(&request.request_id))
}

fn erasure(app: &App) -> Erasure<'_> {
    Erasure { store: &app.store, clock: &app.clock, payloads: &app.payloads, backups_s: app.backups_s }
}

async fn erase(app: &App, request: &Request) -> Result<Response, Problem> {
    let erased = erasure(app).erase(request.tenant()?, person(request)?, &request.actor()?).await;
    Ok(Response::json(StatusCode::OK, &erased.map_err(problem)?))
}

/// Needs no `Idempotency-Key`: asked again it places the same hold again.
async fn hold(app: &App, request: &Request) -> Result<Response, Problem> {
    let (tenant, held) = (request.tenant()?, held(request)?);
    let HoldRequest { reason } = request.json()?;
    is_reason(&reason)?;
    let hold = erasure(app).hold(tenant, &held, &reason, &request.actor()?).await.map_err(problem)?;
    Ok(Response::json(StatusCode::OK, &hold))
}

fn is_reason(reason: &str) -> Result<(), Problem> {
    match !reason.trim().is_empty() && reason.chars().count() <= REASON_CHARS_MAX {
        true => Ok(()),
        false => Err(INVALID_REQUEST
            .because(format_args!("`reason` is 1 to {REASON_CHARS_MAX} characters"))
            .at("/reason", "empty or too long")),
    }
}

/// Needs no `Idempotency-Key`: the first answer stands for ever.
async fn own_log(app: &App, request: &Request) -> Result<Response, Problem> {
    let (tenant, logs) = (request.tenant()?, OwnLogs::new(Arc::clone(&app.store)));
    // It can never be taken back: a platform whose name leaves no room for the tenant's is found out before.
    if let Some(shared) = Records::new(Arc::clone(&app.store), LogName::Shared).head().await? {
        LogName::Own(tenant.clone()).origin(&shared.head.origin).map_err(|error| INTERNAL.because(error))?;
    }
    let beginning = logs.ask(tenant, &request.actor()?, &*app.clock).await?;
    let answer = OwnLogAnswer {
        since: UnixMillis(beginning.since_ms).to_string(),
        asked_at: UnixMillis(beginning.asked_ms).to_string(),
        asked_by: beginning.asked_by,
    };
    Ok(Response::json(StatusCode::OK, &answer))
}

async fn lift(app: &App, request: &Request) -> Result<Response, Problem> {
    let (tenant, held, reason) = (request.tenant()?, held(request)?, request.query.get("reason"));
    if let Some(reason) = reason {
        is_reason(reason)?;
    }
    let reason = reason.map(String::as_str);
    erasure(app).lift(tenant, &held, reason, &request.actor()?).await.map_err(problem)?;
    Ok(Response::new(StatusCode::NO_CONTENT))
}

async fn holds(app: &App, request: &Request) -> Result<Response, Problem> {
    let is_lifted = match request.query.get("state").map(String::as_str) {
        None | Some("placed") => false,
        Some("lifted") => true,
        Some(_) => {
            let why = "`state` is `placed` or `lifted`";
            return Err(INVALID_REQUEST.because(why).at("/state", "neither of the two"));
        }
    };
    let list = if is_lifted { LIFTED_LIST } else { LIST };
    let from = cursor::open(list, request)?;
    let (tenant, limit) = (request.tenant()?, request.limit()?);
    let (holds, next) = erasure(app).holds(tenant, is_lifted, limit, from).await?;
    let pagination = Pagination { next_cursor: next.as_deref().map(|next| cursor::seal(list, next)) };
    Ok(Response::json(StatusCode::OK, &HoldList { holds, pagination }))
}

fn held(request: &Request) -> Result<Held, Problem> {
    Held::parse(request.tenant()?, request.parameter("id")?).map_err(|error| match error {
        NotHoldable::OtherTenant => NOT_FOUND.because(error),
        NotHoldable::Name | NotHoldable::Period => {
            INVALID_REQUEST.because(error).at("/id", "nothing that can be held")
        }
    })
}

fn person(request: &Request) -> Result<&str, Problem> {
    let person = request.parameter("id")?;
    match is_personal(person) {
        true => Ok(person),
        false => Err(INVALID_REQUEST
            .because("who can be erased is named by an id: `usr_…` or `key_…`")
            .at("/id", "not the id of a person")),
    }
}

fn problem(error: ErasureError) -> Problem {
    match error {
        ErasureError::Held | ErasureError::HeldBesides => LEGAL_HOLD.because(error),
        ErasureError::Unknown | ErasureError::NotHeld => NOT_FOUND.because(error),
        ErasureError::AlreadyErased | ErasureError::TooManyHolds => CONFLICT.because(error),
        ErasureError::Store(error) => error.into(),
    }
}

#[cfg(test)]
mod tests;
