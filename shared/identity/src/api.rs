//! The doors of `auth`: API keys, the exchange for a token, and the doors of `token`.
//!
//! A person who makes or rotates a key must have proved who they are a short while ago: what they get outlives
//! their session.

mod create;
mod documents;
mod exchange;
mod introspect;
mod leaked;
mod maker;
mod revoke;
mod rotate;
mod signing;
mod tier;

use std::sync::Arc;

use http::StatusCode;
use scorpius_core::{Clock, Keys, Store};
use scorpius_edge::cursor::{self, Pagination};
use scorpius_edge::operation::PAGING;
use scorpius_edge::principal::EXCHANGE;
use scorpius_edge::problem::{CONFLICT, NOT_FOUND};
use scorpius_edge::{Access, Answer, Assurance, Kind, Operation, Problem, ProblemType, Request, Response};
use scorpius_token::Sessions;

use crate::keys::ApiKeys;
use crate::last_used::LastUsed;
use crate::{IdentitySettings, SessionLimits};

pub use documents::{
    AwsCredentials, CreateApiKey, CreatedApiKey, Introspect, Introspected, IssueToken, IssuedToken, KeyList,
    ReportLeakedApiKey, RotateApiKey, RotatedApiKey, SetTier, ShownApiKey, TenantTier,
};

/// The tenant has as many keys as it can have.
pub const TOO_MANY_API_KEYS: ProblemType =
    ProblemType { code: "too-many-api-keys", title: "Too many API keys", status: StatusCode::CONFLICT };

/// How fresh a person's proof is who is given a key's secret.
const FRESH_S: u64 = 900;

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
        .fails(&TOO_MANY_API_KEYS)
        .demands(Assurance::Aal1, FRESH_S),
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
            "POST /v1/auth/api-keys/{id}/rotate",
            "rotateApiKey",
            "Gives an API key that may do no more than the caller another secret; the one before counts for a while.",
            Access::Action("key:write"),
        )
        .takes::<RotateApiKey>(r#"{"overlap_s": 3600}"#)
        .answers(Answer::json::<RotatedApiKey>(200, "The key, with its new secret."))
        .fails(&CONFLICT)
        .demands(Assurance::Aal1, FRESH_S),
        Operation::new(
            "POST /v1/auth/api-keys/leaked",
            "reportLeakedApiKey",
            "Ends the API key whose text is shown, for whoever found it; what is no key of ours is answered alike.",
            Access::Public,
        )
        .takes::<ReportLeakedApiKey>(r#"{"api_key": "sk_test_0351MgALSSzqNXlXD2UyFV0351MgALSSzqNXlXD2UyFW00000000000000000000000000000000000000001DA015yv4"}"#)
        .answers(Answer::empty(204, "It does not count (any more).")),
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
        Operation::new(
            "PUT /v1/admin/tenants/{id}/tier",
            "setTenantTier",
            "Says how often a tenant may ask.",
            Access::Action("admin:write"),
        )
        .takes::<SetTier>(r#"{"tier": "professional"}"#)
        .answers(Answer::json::<TenantTier>(200, "The tenant's tier.")),
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
        "rotateApiKey" => rotate::rotate(app, &request).await,
        "reportLeakedApiKey" => leaked::report(app, &request).await,
        "issueToken" => exchange::exchange(app, &request).await,
        "setTenantTier" => tier::set(app, &request).await,
        "introspectToken" => introspect::introspect(app, &request).await,
        other => Err(NOT_FOUND.because(format_args!("no operation `{other}`"))),
    };
    answer.unwrap_or_else(|problem| problem.into_response(&request.request_id))
}

async fn list(app: &App, request: &Request) -> Result<Response, Problem> {
    let from = cursor::open("api-keys", request)?;
    let tenant = request.tenant()?;
    let (keys, page) = ApiKeys(Arc::clone(&app.store)).page(tenant, request.limit()?, from).await?;
    let at: Vec<_> = keys.iter().map(|key| LastUsed::at(tenant, &key.id)).collect();
    let used = if at.is_empty() { Vec::new() } else { app.store.get_many(&at).await? };
    let api_keys = keys.into_iter().zip(used).map(|(key, used)| {
        let last_used_at = used.as_ref().and_then(LastUsed::hour_of).map(|hour| hour.to_string());
        ShownApiKey { last_used_at, ..ShownApiKey::from(key) }
    });
    let api_keys = api_keys.collect();
    let list = KeyList { api_keys, pagination: Pagination::after("api-keys", &page) };
    Ok(Response::json(StatusCode::OK, &list))
}

#[cfg(test)]
mod key_tests;
#[cfg(test)]
mod tests;
