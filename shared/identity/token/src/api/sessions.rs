//! One's own sessions: see them, end one, end all.

use http::StatusCode;
use scorpius_core::id::is_id;
use scorpius_edge::cursor::{self, Pagination};
use scorpius_edge::problem::{NOT_FOUND, UNAUTHENTICATED};
use scorpius_edge::{Problem, Request, Response, SignIn};

use super::App;
use super::documents::{SessionList, ShownSession, without_cookies};
use crate::session::EndReason;
use crate::sessions::EndError;

pub(super) async fn log_out(app: &App, request: &Request) -> Result<Response, Problem> {
    let session = sign_in(request)?.session.clone();
    end_one(app, request, &session, EndReason::SignedOut).await?;
    Ok(without_cookies(Response::new(StatusCode::NO_CONTENT)))
}

pub(super) async fn end(app: &App, request: &Request) -> Result<Response, Problem> {
    let id = request.parameter("id")?;
    if !is_id("ses", id) {
        return Err(problem(EndError::Unknown));
    }
    end_one(app, request, id, EndReason::Revoked).await?;
    Ok(Response::new(StatusCode::NO_CONTENT))
}

pub(super) async fn end_all(app: &App, request: &Request) -> Result<Response, Problem> {
    let principal = request.principal()?;
    app.sessions.end_all(&principal.tenant, &principal.subject, &request.actor()?).await.map_err(problem)?;
    Ok(without_cookies(Response::new(StatusCode::NO_CONTENT)))
}

pub(super) async fn list(app: &App, request: &Request) -> Result<Response, Problem> {
    let principal = request.principal()?;
    let from = cursor::open("sessions", request)?;
    let standing = app.sessions.standing(&principal.tenant, &principal.subject).await?;
    let user = standing.user().ok_or_else(|| problem(EndError::NoUser))?;
    let (sessions, page) = app.sessions.page(user, request.limit()?, from, request.received_at).await?;
    let current = sign_in(request)?.session.as_str();
    let sessions = sessions.into_iter().map(|session| ShownSession::of(session, Some(current))).collect();
    let list = SessionList { sessions, pagination: Pagination::after("sessions", &page) };
    Ok(Response::json(StatusCode::OK, &list))
}

async fn end_one(app: &App, request: &Request, id: &str, reason: EndReason) -> Result<(), Problem> {
    let (principal, actor) = (request.principal()?, request.actor()?);
    app.sessions.end(&principal.tenant, &principal.subject, id, reason, &actor).await.map_err(problem)
}

fn sign_in(request: &Request) -> Result<&SignIn, Problem> {
    let sign_in = request.principal()?.sign_in.as_ref();
    sign_in.ok_or_else(|| UNAUTHENTICATED.because("this is for people who signed in"))
}

fn problem(error: EndError) -> Problem {
    match error {
        EndError::Unknown => NOT_FOUND.because(error),
        EndError::NoUser => UNAUTHENTICATED.because(error),
        EndError::Store(error) => error.into(),
    }
}
