//! `POST /v1/auth/introspect`: RFC 7662, with JSON. A token of another tenant is as no token.

use std::sync::Arc;

use http::StatusCode;
use scorpius_core::{PortError, StoreError};
use scorpius_edge::{Caller, Problem, Request, Response};
use scorpius_token::refresh::RefreshRecord;
use scorpius_token::{Claims, OpaqueToken, Purpose, Session, User, Verifier};

use super::{App, Introspect, Introspected};
use crate::authorizer::{self, AuthorizerError, of_claims};
use crate::last_used::LastUsed;

#[derive(Debug, thiserror::Error)]
enum IntrospectError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keys(#[from] PortError),
}

pub(super) async fn introspect(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: Introspect = request.json()?;
    let said = match OpaqueToken::parse(Purpose::Refresh, &asked.token) {
        Some(token) => of_refresh_token(app, request, &token).await.map_err(problem)?,
        None => of_access_token(app, request, &asked.token).await.map_err(problem)?,
    };
    Ok(Response::json(StatusCode::OK, &said.unwrap_or_else(Introspected::inactive)))
}

async fn of_access_token(
    app: &App,
    request: &Request,
    token: &str,
) -> Result<Option<Introspected>, IntrospectError> {
    let verifier = Verifier::current(&*app.keys, &app.settings).await?;
    let Ok(claims) = verifier.verify(token, request.received_at) else { return Ok(None) };
    // A key's token names no session; the authorizer decides about both kinds, as before every door.
    let authorizer = authorizer::App {
        store: Arc::clone(&app.store),
        keys: Arc::clone(&app.keys),
        clock: Arc::clone(&app.clock),
        settings: app.settings.clone(),
        used: LastUsed::default(),
    };
    let caller = of_claims(&authorizer, claims.clone(), authorizer::From::default()).await.map_err(
        |error| match error {
            AuthorizerError::Store(error) => IntrospectError::Store(error),
            AuthorizerError::Keys(error) => IntrospectError::Keys(error),
        },
    )?;
    Ok(match caller {
        Caller::Known(_) if is_own(request, &claims) => Some(Introspected::of(claims)),
        Caller::Known(_) | Caller::Anonymous(_) => None,
    })
}

fn is_own(request: &Request, claims: &Claims) -> bool {
    request.tenant().is_ok_and(|tenant| *tenant == claims.tenant)
}

async fn of_refresh_token(
    app: &App,
    request: &Request,
    token: &OpaqueToken,
) -> Result<Option<Introspected>, IntrospectError> {
    if !request.tenant().is_ok_and(|tenant| *tenant == token.tenant) {
        return Ok(None);
    }
    let asked = [
        RefreshRecord::at(&token.tenant, &token.thing, &token.hash()),
        Session::at(&token.tenant, &token.user, &token.thing),
        User::at(&token.tenant, &token.user),
    ];
    let records = app.store.get_many(&asked).await?;
    let [Some(record), Some(session), Some(user)] = records.as_slice() else { return Ok(None) };
    let record: RefreshRecord = record.document().map_err(StoreError::from)?;
    let session: Session = session.document().map_err(StoreError::from)?;
    let user: User = user.document().map_err(StoreError::from)?;
    let now = request.received_at;
    let counts = record.used_at.is_none()
        && record.idle_until > now
        && session.is_live(&user, now)
        && user.status == scorpius_token::UserStatus::Active;
    Ok(counts.then(|| Introspected::of_refresh_token(&session, &record)))
}

fn problem(error: IntrospectError) -> Problem {
    match error {
        IntrospectError::Store(error) => error.into(),
        IntrospectError::Keys(error) => error.into(),
    }
}
