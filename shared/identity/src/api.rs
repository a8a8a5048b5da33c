//! The doors of `auth`: API keys, the exchange for a token, and the public key.

mod create;
mod documents;
mod exchange;
mod revoke;

use std::sync::Arc;

use http::StatusCode;
use scorpius_core::{Clock, KeyName, Keys, Store};
use scorpius_edge::cursor::{self, Pagination};
use scorpius_edge::operation::PAGING;
use scorpius_edge::principal::EXCHANGE;
use scorpius_edge::problem::NOT_FOUND;
use scorpius_edge::{Access, Answer, Operation, Problem, ProblemType, Request, Response};

use crate::jwk::{Jwk, JwkSet};
use crate::keys::ApiKeys;
use crate::token::IdentitySettings;

pub use documents::{CreateApiKey, CreatedApiKey, IssueToken, IssuedToken, KeyList, ShownApiKey};

/// The tenant has as many keys as it can have.
pub const TOO_MANY_API_KEYS: ProblemType =
    ProblemType { code: "too-many-api-keys", title: "Too many API keys", status: StatusCode::CONFLICT };

/// Problems that only these doors answer with.
pub const PROBLEMS: [&ProblemType; 1] = [&TOO_MANY_API_KEYS];

/// How long others may keep the public key, in seconds: a token's lifetime.
const JWKS_MAX_AGE_S: u64 = crate::token::LIFETIME_S;

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
}

/// What is offered.
#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
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
            "GET /.well-known/jwks.json",
            "getJwks",
            "The public key that access tokens are checked with.",
            Access::Public,
        )
        .answers(Answer::json::<JwkSet>(200, "RFC 7517 key set.")),
    ]
}

/// Request in, answer or problem out.
pub async fn handle(app: &App, request: Request) -> Response {
    let answer = match request.operation {
        "createApiKey" => create::create(app, &request).await,
        "listApiKeys" => list(app, &request).await,
        "revokeApiKey" => revoke::revoke(app, &request).await,
        "issueToken" => exchange::exchange(app, &request).await,
        "getJwks" => jwks(app).await,
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

async fn jwks(app: &App) -> Result<Response, Problem> {
    let keys = vec![Jwk::ed25519(&app.keys.public_key(KeyName::Token).await?)];
    let json = serde_json::to_vec(&JwkSet { keys }).expect("a key set has string keys only");
    Ok(Response::new(StatusCode::OK)
        .with_header("content-type", "application/json")
        .with_header("cache-control", &format!("public, max-age={JWKS_MAX_AGE_S}"))
        .with_body(json))
}

#[cfg(test)]
mod tests;
