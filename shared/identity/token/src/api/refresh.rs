//! `POST /v1/auth/refresh`.

use http::StatusCode;
use scorpius_edge::problem::{FORBIDDEN, INVALID_REQUEST};
use scorpius_edge::{Problem, Request, Response};

use super::documents::{REFRESH_COOKIE, Refresh, without_cookies};
use super::{App, BAD_PROOF, SESSION_OVER, granted};
use crate::dpop::{DpopError, Proof};
use crate::sessions::{Presented, RotateError, Sessions};

pub(super) async fn refresh(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: Refresh = if request.body.is_empty() { Refresh::default() } else { request.json()? };
    let (token, in_cookie) = match (asked.refresh_token.as_deref(), request.cookie(REFRESH_COOKIE)) {
        (Some(token), _) => (token, false),
        (None, Some(token)) => (token, true),
        (None, None) => {
            return Err(INVALID_REQUEST
                .because("send `refresh_token`, or its cookie")
                .at("/refresh_token", "missing, and no cookie"));
        }
    };
    let jkt = proof(&app.sessions, request).await?;
    let header = |name: &str| request.headers.get(name).map(String::as_str);
    let presented = Presented {
        token,
        agent: header("user-agent").unwrap_or_default(),
        actor: &request.visitor("anonymous", None),
        network: &request.network,
        csrf: header("x-csrf-token"),
        in_cookie,
        dpop_jkt: jkt.as_deref(),
    };
    match app.sessions.rotate(presented).await {
        Ok(tokens) => Ok(granted(StatusCode::OK, &tokens, in_cookie)),
        // What the browser holds is of no use any more.
        Err(error @ (RotateError::Invalid | RotateError::Expired | RotateError::Reused)) if in_cookie => {
            Ok(without_cookies(problem(error).into_response(&request.request_id)))
        }
        Err(error) => Err(problem(error)),
    }
}

/// The thumbprint of the key that `request` is proved with, if it carries a proof. A proof counts once.
///
/// # Errors
/// 401 when the proof proves nothing.
pub async fn proof(sessions: &Sessions, request: &Request) -> Result<Option<String>, Problem> {
    let Some(text) = request.headers.get("dpop") else { return Ok(None) };
    let address = format!("{}{}", sessions.settings.issuer.trim_end_matches('/'), request.path);
    let now = request.received_at;
    let checked = Proof::check(text, "POST", &address, now).map_err(bad_proof)?;
    checked.spend(&*sessions.store, &*sessions.clock).await.map_err(bad_proof)?;
    Ok(Some(checked.jkt))
}

fn bad_proof(error: DpopError) -> Problem {
    match error {
        DpopError::Store(error) => error.into(),
        DpopError::Form
        | DpopError::Key
        | DpopError::Signature
        | DpopError::OtherRequest
        | DpopError::Time
        | DpopError::Replayed => BAD_PROOF.because(error).challenging("error=\"invalid_dpop_proof\""),
    }
}

fn problem(error: RotateError) -> Problem {
    match error {
        // One answer for all: whoever found a token learns nothing about its owner.
        RotateError::Invalid | RotateError::Expired | RotateError::Reused | RotateError::Refused(_) => {
            SESSION_OVER.because("the refresh token does not count; sign in again")
        }
        RotateError::NoCsrfToken => FORBIDDEN.because(error),
        RotateError::NoProof => BAD_PROOF.because(error).challenging("error=\"invalid_dpop_proof\""),
        RotateError::Store(error) => error.into(),
        RotateError::Keys(error) => error.into(),
    }
}
