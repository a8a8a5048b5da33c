//! A user's sessions, for the tenant's administrators. One's own are seen and ended at `/v1/auth/sessions`.

use http::StatusCode;
use schemars::JsonSchema;
use scorpius_core::id::is_id;
use scorpius_edge::cursor::{self, Pagination};
use scorpius_edge::problem::{FORBIDDEN, NOT_FOUND};
use scorpius_edge::{Assurance, Factor, Principal, Problem, Request, Response};
use scorpius_token::Session;
use scorpius_token::session::EndReason;
use scorpius_token::sessions::EndError;
use serde::Serialize;

use super::App;
use super::users::user_id;

/// A session of somebody else. The address that it began from is for its user alone.
#[derive(Serialize, JsonSchema)]
pub(super) struct UserSession {
    /// `ses_…`.
    pub session_id: String,
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
    /// The program, as it described itself.
    pub agent: String,
    /// Whether its tokens are in a browser's cookies.
    pub cookies: bool,
    /// Whether its refresh tokens are bound to a key.
    pub bound: bool,
}

impl From<Session> for UserSession {
    fn from(session: Session) -> Self {
        Self {
            session_id: session.id,
            acr: session.acr,
            amr: session.amr,
            started_at: session.started_at.to_string(),
            used_at: session.used_at.to_string(),
            ends_at: session.ends_at.to_string(),
            agent: session.agent,
            cookies: session.csrf_sha256.is_some(),
            bound: session.dpop_jkt.is_some(),
        }
    }
}

/// One page of a user's sessions.
#[derive(Serialize, JsonSchema)]
pub(super) struct UserSessionList {
    /// Those that live, newest first. A page may be short, or empty, and go on.
    pub sessions: Vec<UserSession>,
    /// How the list goes on.
    pub pagination: Pagination,
}

/// `GET /v1/users/{id}/sessions`.
pub(super) async fn list(app: &App, request: &Request) -> Result<Response, Problem> {
    let (tenant, id) = (request.tenant()?, user_id(request)?);
    // Of one user: a cursor of another's list is none of this one.
    let name = format!("sessions of {id}");
    let (limit, from) = (request.limit()?, cursor::open(&name, request)?);
    let standing = app.sessions.standing(tenant, id).await?;
    let user = standing.user().ok_or_else(|| problem(EndError::NoUser))?;
    let (sessions, page) = app.sessions.page(user, limit, from, request.received_at).await?;
    let sessions = sessions.into_iter().map(UserSession::from).collect();
    let list = UserSessionList { sessions, pagination: Pagination::after(&name, &page) };
    Ok(Response::json(StatusCode::OK, &list))
}

/// `DELETE /v1/users/{id}/sessions/{session}`.
pub(super) async fn end(app: &App, request: &Request) -> Result<Response, Problem> {
    let (principal, id) = another(request)?;
    let session = request.parameter("session")?;
    if !is_id("ses", session) {
        return Err(problem(EndError::Unknown));
    }
    // Of whoever was erased, sessions lie about until they expire. They are nobody's.
    let standing = app.sessions.standing(&principal.tenant, id).await?;
    standing.user().ok_or_else(|| problem(EndError::NoUser))?;
    let actor = request.actor()?;
    app.sessions.end(&principal.tenant, id, session, EndReason::Revoked, &actor).await.map_err(problem)?;
    Ok(Response::new(StatusCode::NO_CONTENT))
}

/// `DELETE /v1/users/{id}/sessions`.
pub(super) async fn end_all(app: &App, request: &Request) -> Result<Response, Problem> {
    let (principal, id) = another(request)?;
    app.sessions.end_all(&principal.tenant, id, &request.actor()?).await.map_err(problem)?;
    Ok(Response::new(StatusCode::NO_CONTENT))
}

/// Who asks, and the user that they ask about, who is somebody else.
fn another(request: &Request) -> Result<(&Principal, &str), Problem> {
    let (principal, id) = (request.principal()?, user_id(request)?);
    match principal.subject == id {
        true => Err(FORBIDDEN.because("one's own sessions are ended at `/v1/auth/sessions`")),
        false => Ok((principal, id)),
    }
}

fn problem(error: EndError) -> Problem {
    match error {
        EndError::Unknown | EndError::NoUser => NOT_FOUND.because(error),
        EndError::Store(error) => error.into(),
    }
}
