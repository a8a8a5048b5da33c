//! The doors of `auth`: API keys, the exchange for a token, and the doors of `token`.

mod create;
mod documents;
mod exchange;
mod introspect;
mod revoke;

use std::sync::Arc;

use http::StatusCode;
use scorpius_core::{Clock, Keys, Store};
use scorpius_edge::cursor::{self, Pagination};
use scorpius_edge::operation::PAGING;
use scorpius_edge::principal::EXCHANGE;
use scorpius_edge::problem::NOT_FOUND;
use scorpius_edge::{Access, Answer, Kind, Operation, Problem, ProblemType, Request, Response};
use scorpius_token::Sessions;

use crate::keys::ApiKeys;
use crate::{IdentitySettings, SessionLimits};

pub use documents::{
    CreateApiKey, CreatedApiKey, Introspect, Introspected, IssueToken, IssuedToken, KeyList, ShownApiKey,
};

/// The tenant has as many keys as it can have.
pub const TOO_MANY_API_KEYS: ProblemType =
    ProblemType { code: "too-many-api-keys", title: "Too many API keys", status: StatusCode::CONFLICT };

/// Problems that only these doors answer with.
pub const PROBLEMS: [&ProblemType; 3] =
    [&TOO_MANY_API_KEYS, &scorpius_token::api::SESSION_OVER, &scorpius_token::api::BAD_PROOF];

/// What these doors need.
pub struct App {
    /// API keys and remembered answers.
    pub store: Arc<dyn Store>,
    /// Signs tokens, and wraps remembered answers that show a secret.
    pub keys: Arc<dyn Keys>,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
    /// Whose tokens these are.
    pub settings: IdentitySettings,
    /// The doors of tokens that exist.
    pub tokens: scorpius_token::api::App,
}

impl App {
    /// Doors on these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        keys: Arc<dyn Keys>,
        clock: Arc<dyn Clock>,
        settings: IdentitySettings,
        limits: SessionLimits,
    ) -> Self {
        let sessions = Sessions {
            store: Arc::clone(&store),
            keys: Arc::clone(&keys),
            clock: Arc::clone(&clock),
            settings: settings.clone(),
            limits,
        };
        Self { store, keys, clock, settings, tokens: scorpius_token::api::App { sessions } }
    }
}

/// What is offered.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let mut operations = vec![
        Operation::new(
            "POST /v1/auth/api-keys",
            "createApiKey",
            "Makes an API key that may do no more than its maker; its secret is shown once.",
            Access::Action("key:write"),
        )
        .takes::<CreateApiKey>(r#"{"name": "scanner in CI", "permissions": ["scan:read", "scan:write"]}"#)
        .answers(Answer::json::<CreatedApiKey>(201, "The key, with its secret."))
        .fails(&TOO_MANY_API_KEYS),
        Operation::new(
            "GET /v1/auth/api-keys",
            "listApiKeys",
            "Shows the tenant's API keys, oldest first, without secrets.",
            Access::Action("key:read"),
        )
        .asks(&PAGING)
        .answers(Answer::json::<KeyList>(200, "One page of keys.")),
        Operation::new(
            "DELETE /v1/auth/api-keys/{id}",
            "revokeApiKey",
            "Revokes an API key and every token made from it, at once; again is fine.",
            Access::Action("key:write"),
        )
        .about(Kind::ApiKey)
        .answers(Answer::empty(204, "It does not count any more.")),
        Operation::new(
            "POST /v1/auth/token",
            "issueToken",
            "Exchanges the API key that asks for an access token of 10 minutes.",
            Access::Action(EXCHANGE),
        )
        .takes::<IssueToken>(r#"{"permissions": ["risk:score"]}"#)
        .answers(Answer::json::<IssuedToken>(200, "The token.")),
        Operation::new(
            "POST /v1/auth/introspect",
            "introspectToken",
            "Says whether a token of the own tenant counts now, and what it stands for.",
            Access::Action("token:introspect"),
        )
        .takes::<Introspect>(r#"{"token": "eyJhbGciOiJFZERTQSJ9.e30.AA"}"#)
        .answers(Answer::json::<Introspected>(200, "RFC 7662: `active`, and more when it is.")),
    ];
    operations.extend(scorpius_token::api::operations());
    operations
}

/// Request in, answer or problem out.
pub async fn handle(app: &App, request: Request) -> Response {
    if let Some(response) = scorpius_token::api::handle(&app.tokens, &request).await {
        return response;
    }
    let answer = match request.operation {
        "createApiKey" => create::create(app, &request).await,
        "listApiKeys" => list(app, &request).await,
        "revokeApiKey" => revoke::revoke(app, &request).await,
        "issueToken" => exchange::exchange(app, &request).await,
        "introspectToken" => introspect::introspect(app, &request).await,
        other => Err(NOT_FOUND.because(format_args!("no operation `{other}`"))),
    };
    answer.unwrap_or_else(|problem| problem.into_response(&request.request_id))
}

async fn list(app: &App, request: &Request) -> Result<Response, Problem> {
    let from = cursor::open("api-keys", request)?;
    let keys = ApiKeys(Arc::clone(&app.store));
    let (keys, page) = keys.page(request.tenant()?, request.limit()?, from).await?;
    let api_keys = keys.into_iter().map(ShownApiKey::from).collect();
    let list = KeyList { api_keys, pagination: Pagination::after("api-keys", &page) };
    Ok(Response::json(StatusCode::OK, &list))
}

#[cfg(test)]
mod tests;
