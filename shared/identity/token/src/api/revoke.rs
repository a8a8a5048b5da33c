//! `POST /v1/auth/revoke`: RFC 7009, with JSON. Whoever holds a token may end it, and learns nothing else.

use http::StatusCode;
use scorpius_core::{Attributes, CommitId, Condition, Event, StoreError, TenantId, UnixMillis, Write};
use scorpius_edge::idempotency::commit_with_retry;
use scorpius_edge::{Problem, Request, Response};

use super::App;
use super::documents::Revoke;
use crate::access::{LEEWAY_S, Verifier, revoked_at};
use crate::claims::Claims;
use crate::facts::TokenRevoked;
use crate::opaque::{OpaqueToken, Purpose};
use crate::refresh::RefreshRecord;
use crate::session::EndReason;
use crate::sessions::EndError;

pub(super) async fn revoke(app: &App, request: &Request) -> Result<Response, Problem> {
    let Revoke { token, token_type_hint: _ } = request.json()?;
    match OpaqueToken::parse(Purpose::Refresh, &token) {
        Some(token) => refresh_token(app, request, &token).await?,
        None => access_token(app, request, &token).await?,
    }
    Ok(Response::new(StatusCode::NO_CONTENT))
}

async fn refresh_token(app: &App, request: &Request, token: &OpaqueToken) -> Result<(), Problem> {
    let key = RefreshRecord::at(&token.tenant, &token.thing, &token.hash());
    match app.sessions.store.get(&key).await? {
        Some(_) => end(app, request, (&token.tenant, &token.user, &token.thing)).await,
        None => Ok(()),
    }
}

async fn access_token(app: &App, request: &Request, token: &str) -> Result<(), Problem> {
    let sessions = &app.sessions;
    let verifier = Verifier::current(&*sessions.keys, &sessions.settings).await?;
    let Ok(claims) = verifier.verify(token, request.received_at) else { return Ok(()) };
    match &claims.sid {
        Some(session) => end(app, request, (&claims.tenant, &claims.sub, session)).await,
        None => key_token(app, request, &claims).await,
    }
}

/// A key's token has no session: it alone is remembered as revoked, until it would have ended anyway.
async fn key_token(app: &App, request: &Request, claims: &Claims) -> Result<(), Problem> {
    let sessions = &app.sessions;
    let fact = TokenRevoked { token_id: claims.jti.clone(), key_id: claims.client_id.clone() };
    let actor = request.visitor(&claims.sub, None);
    let writes = [
        Write::Put {
            key: revoked_at(&claims.tenant, &claims.jti),
            attributes: Attributes::new(),
            expires_at: Some(UnixMillis((claims.exp + LEEWAY_S + 1).saturating_mul(1_000))),
            condition: Condition::Absent,
        },
        Write::emit(Event::of(&fact, &claims.jti, 2, &claims.tenant, &actor, &*sessions.clock)),
    ];
    match commit_with_retry(&*sessions.store, CommitId::new(&*sessions.clock), &writes).await {
        // It was revoked before.
        Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn end(
    app: &App,
    request: &Request,
    (tenant, user, session): (&TenantId, &str, &str),
) -> Result<(), Problem> {
    let actor = request.visitor(user, None);
    match app.sessions.end(tenant, user, session, EndReason::SignedOut, &actor).await {
        Ok(()) | Err(EndError::Unknown | EndError::NoUser) => Ok(()),
        Err(EndError::Store(error)) => Err(error.into()),
    }
}
