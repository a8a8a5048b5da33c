//! The doors of `auth` about tokens that exist: refresh, revocation, sessions, and what others check tokens with.

mod discovery;
mod documents;
mod refresh;
mod revoke;
mod sessions;

use http::StatusCode;
use scorpius_core::KeyName;
use scorpius_edge::operation::PAGING;
use scorpius_edge::principal::OWN_ACCOUNT;
use scorpius_edge::problem::FORBIDDEN;
use scorpius_edge::{Access, Answer, Operation, Problem, ProblemType, Request, Response};

use crate::jwk::{Jwk, JwkSet};
use crate::sessions::Sessions;

pub use documents::{
    ACCESS_COOKIE, CSRF_COOKIE, GrantedTokens, REFRESH_COOKIE, Refresh, Revoke, SessionList, ShownSession,
    access_cookie, granted, without_cookies,
};
pub use refresh::proof;

/// The refresh token, or the session behind it, does not count (any more).
pub const SESSION_OVER: ProblemType =
    ProblemType { code: "session-over", title: "Session over", status: StatusCode::UNAUTHORIZED };
/// A `DPoP` proof is missing, wrong, or was used before.
pub const BAD_PROOF: ProblemType =
    ProblemType { code: "bad-proof", title: "Proof of possession refused", status: StatusCode::UNAUTHORIZED };

/// Problems that only these doors answer with.
pub const PROBLEMS: [&ProblemType; 2] = [&SESSION_OVER, &BAD_PROOF];

/// How long others may keep the public keys, in seconds. A key is published for longer than this before it signs.
pub const JWKS_MAX_AGE_S: u64 = 600;

/// What these doors need.
pub struct App {
    /// Sessions, and the ports under them.
    pub sessions: Sessions,
}

/// What is offered.
#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            "POST /v1/auth/refresh",
            "refreshToken",
            "Exchanges a refresh token, in the body or in its cookie, for the next one and an access token.",
            Access::Public,
        )
        .takes::<Refresh>(r#"{"refresh_token": "scr_AaH9egAAcACAAAAAAAAAAQGh_XoAAHAAgAAAAAAAAAMBof16AABwAIAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#)
        .answers(Answer::json::<GrantedTokens>(200, "The tokens."))
        .fails(&SESSION_OVER)
        .fails(&BAD_PROOF)
        .fails(&FORBIDDEN),
        Operation::new(
            "POST /v1/auth/revoke",
            "revokeToken",
            "Ends what a refresh token or an access token stands for; what is no token of ours is answered alike.",
            Access::Public,
        )
        .takes::<Revoke>(r#"{"token": "scr_AaH9egAAcACAAAAAAAAAAQGh_XoAAHAAgAAAAAAAAAMBof16AABwAIAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#)
        .answers(Answer::empty(204, "It does not count (any more).")),
        Operation::new(
            "POST /v1/auth/logout",
            "logOut",
            "Ends the session that asks, and takes its cookies back.",
            Access::Action(OWN_ACCOUNT),
        )
        .answers(Answer::empty(204, "It is over.")),
        Operation::new(
            "GET /v1/auth/sessions",
            "listSessions",
            "Shows one's own live sessions, newest first.",
            Access::Action(OWN_ACCOUNT),
        )
        .asks(&PAGING)
        .answers(Answer::json::<SessionList>(200, "One page of sessions.")),
        Operation::new(
            "DELETE /v1/auth/sessions",
            "endAllSessions",
            "Ends all one's own sessions, the one that asks too.",
            Access::Action(OWN_ACCOUNT),
        )
        .answers(Answer::empty(204, "They are over.")),
        Operation::new(
            "DELETE /v1/auth/sessions/{id}",
            "endSession",
            "Ends one of one's own sessions; again is fine.",
            Access::Action(OWN_ACCOUNT),
        )
        .answers(Answer::empty(204, "It is over.")),
        Operation::new(
            "GET /.well-known/jwks.json",
            "getJwks",
            "The public keys that access tokens are checked with; the first one signs.",
            Access::Public,
        )
        .answers(Answer::json::<JwkSet>(200, "RFC 7517 key set.")),
        Operation::new(
            "GET /.well-known/oauth-authorization-server",
            "getAuthorizationServer",
            "Who issues tokens here, and by which doors.",
            Access::Public,
        )
        .answers(Answer::json::<discovery::AuthorizationServer>(200, "RFC 8414 metadata.")),
        Operation::new(
            "GET /.well-known/oauth-protected-resource",
            "getProtectedResource",
            "What this API takes, and who issues it.",
            Access::Public,
        )
        .answers(Answer::json::<discovery::ProtectedResource>(200, "RFC 9728 metadata.")),
    ]
}

/// Request in, answer or problem out; `None` for an operation of another crate.
pub async fn handle(app: &App, request: &Request) -> Option<Response> {
    let answer = match request.operation {
        "refreshToken" => refresh::refresh(app, request).await,
        "revokeToken" => revoke::revoke(app, request).await,
        "logOut" => sessions::log_out(app, request).await,
        "listSessions" => sessions::list(app, request).await,
        "endAllSessions" => sessions::end_all(app, request).await,
        "endSession" => sessions::end(app, request).await,
        "getJwks" => jwks(app).await,
        "getAuthorizationServer" => Ok(discovery::authorization_server(&app.sessions.settings)),
        "getProtectedResource" => Ok(discovery::protected_resource(&app.sessions.settings)),
        _ => return None,
    };
    Some(answer.unwrap_or_else(|problem| problem.into_response(&request.request_id)))
}

async fn jwks(app: &App) -> Result<Response, Problem> {
    let keys = app.sessions.keys.public_keys(KeyName::Token).await?;
    Ok(published(&JwkSet { keys: keys.iter().map(Jwk::ed25519).collect() }))
}

/// A document that everybody may keep for a while.
fn published<T: serde::Serialize>(document: &T) -> Response {
    let json = serde_json::to_vec(document).expect("published documents have string keys only");
    Response::new(StatusCode::OK)
        .with_header("content-type", "application/json")
        .with_header("cache-control", &format!("public, max-age={JWKS_MAX_AGE_S}"))
        .with_body(json)
}
