//! What these doors take and answer, and the cookies of browsers.

use http::StatusCode;
use schemars::JsonSchema;
use scorpius_core::UnixMillis;
use scorpius_edge::cursor::Pagination;
use scorpius_edge::{Assurance, Factor, Response};
use serde::{Deserialize, Serialize};

use crate::session::Session;
use crate::sessions::Granted;

/// The cookie with the access token. `__Host-`: from this host alone, by TLS, for all paths (RFC 6265bis, section 4.1.3.2).
pub const ACCESS_COOKIE: &str = "__Host-scorpius-access";
/// The cookie with the refresh token.
pub const REFRESH_COOKIE: &str = "__Host-scorpius-refresh";
/// The cookie that only this host's own pages can read, and show in `X-CSRF-Token`.
pub const CSRF_COOKIE: &str = "__Host-scorpius-csrf";

/// A refresh token. It is left out when it is in its cookie.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// As the sign-in or the last refresh answered it.
    #[serde(default)]
    pub refresh_token: Option<String>,
}

/// A token to revoke: RFC 7009, section 2.1, as JSON.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// A refresh token or an access token.
    pub token: String,
    /// `refresh_token` or `access_token`; what it is can be seen from the token itself.
    #[serde(default)]
    pub token_type_hint: Option<String>,
}

/// Tokens of a session: members as in RFC 6749, section 5.1.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct GrantedTokens {
    /// For `Authorization: Bearer`; absent when it is in a cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
    /// `Bearer`.
    pub token_type: String,
    /// Seconds from its issue.
    pub expires_in: u64,
    /// RFC 3339.
    pub expires_at: String,
    /// For the next `POST /v1/auth/refresh`, once; absent when it is in a cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// `ses_…`.
    pub session_id: String,
    /// When the session ends at the latest. RFC 3339.
    pub session_ends_at: String,
    /// The level that was proved.
    pub acr: Assurance,
    /// How.
    pub amr: Vec<Factor>,
}

/// The answer that gives `granted` to the client: in the body, or in cookies.
#[must_use]
pub fn granted(status: StatusCode, granted: &Granted, cookies: bool) -> Response {
    let session = &granted.session;
    let expires_in = granted.claims.exp.saturating_sub(granted.claims.iat);
    let body = GrantedTokens {
        access_token: (!cookies).then(|| granted.access_token.to_string()),
        token_type: "Bearer".to_owned(),
        expires_in,
        expires_at: UnixMillis(granted.claims.exp.saturating_mul(1_000)).to_string(),
        refresh_token: (!cookies).then(|| granted.refresh_token.to_string()),
        session_id: session.id.clone(),
        session_ends_at: session.ends_at.to_string(),
        acr: session.acr,
        amr: session.amr.clone(),
    };
    let mut response = Response::json(status, &body);
    if cookies {
        let session_s = session.ends_at.since_ms(session.used_at) / 1_000;
        response = response
            .with_header("set-cookie", &access_cookie(&granted.access_token, expires_in))
            .with_header("set-cookie", &cookie(REFRESH_COOKIE, &granted.refresh_token, session_s, true));
        if let Some(token) = &granted.csrf_token {
            response = response.with_header("set-cookie", &cookie(CSRF_COOKIE, token, session_s, false));
        }
    }
    response
}

/// The cookie of an access token that counts for `expires_in` seconds.
#[must_use]
pub fn access_cookie(token: &str, expires_in: u64) -> String {
    cookie(ACCESS_COOKIE, token, expires_in, true)
}

/// `response`, taking the session's cookies back.
#[must_use]
pub fn without_cookies(response: Response) -> Response {
    [ACCESS_COOKIE, REFRESH_COOKIE, CSRF_COOKIE]
        .into_iter()
        .fold(response, |response, name| response.with_header("set-cookie", &cookie(name, "", 0, true)))
}

fn cookie(name: &str, value: &str, max_age_s: u64, http_only: bool) -> String {
    let http_only = if http_only { "; HttpOnly" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={max_age_s}; Secure; SameSite=Strict{http_only}")
}

/// One of one's own sessions.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ShownSession {
    /// `ses_…`.
    pub session_id: String,
    /// Whether it is the one that asks.
    pub current: bool,
    /// The level that was proved.
    pub acr: Assurance,
    /// How.
    pub amr: Vec<Factor>,
    /// RFC 3339.
    pub started_at: String,
    /// When it was last refreshed. RFC 3339.
    pub used_at: String,
    /// When it ends at the latest. RFC 3339.
    pub ends_at: String,
    /// The address that it began from.
    pub network: String,
    /// The program, as it described itself.
    pub agent: String,
    /// Whether its tokens are in a browser's cookies.
    pub cookies: bool,
    /// Whether its refresh tokens are bound to a key.
    pub bound: bool,
}

impl ShownSession {
    /// `session`, asked for by the session `current`.
    #[must_use]
    pub fn of(session: Session, current: Option<&str>) -> Self {
        Self {
            current: current == Some(session.id.as_str()),
            session_id: session.id,
            acr: session.acr,
            amr: session.amr,
            started_at: session.started_at.to_string(),
            used_at: session.used_at.to_string(),
            ends_at: session.ends_at.to_string(),
            network: session.network,
            agent: session.agent,
            cookies: session.csrf_sha256.is_some(),
            bound: session.dpop_jkt.is_some(),
        }
    }
}

/// One page of sessions.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SessionList {
    /// Newest first. A page may be short, or empty, and go on.
    pub sessions: Vec<ShownSession>,
    /// How the list goes on.
    pub pagination: Pagination,
}
