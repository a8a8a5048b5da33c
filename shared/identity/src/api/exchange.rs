//! `POST /v1/auth/token`.

use std::sync::Arc;

use http::StatusCode;
use scorpius_core::{Event, PortError, StoreError, UnixMillis, Write};
use scorpius_edge::idempotency::Once;
use scorpius_edge::problem::{FORBIDDEN, UNAUTHENTICATED};
use scorpius_edge::{Principal, Problem, Request, Response, Strength};
use scorpius_token::access::sign;
use scorpius_token::{Claims, Method, Refused, Tenant, Who, may_issue};

use super::create::grant_problem;
use super::{App, IssueToken, IssuedToken};
use crate::facts::TokenIssued;
use crate::keys::{ApiKeys, KeyState};
use crate::power::{GrantError, Power};

#[derive(Debug, thiserror::Error)]
enum ExchangeError {
    #[error("only an API key is exchanged for a token, not another token")]
    NotAKey,
    #[error("the key that asks does not count any more")]
    Refused(#[from] Refused),
    #[error(transparent)]
    Grant(#[from] GrantError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keys(#[from] PortError),
}

pub(super) async fn exchange(app: &App, request: &Request) -> Result<Response, Problem> {
    let principal = request.principal()?;
    let asked: IssueToken = if request.body.is_empty() { IssueToken::default() } else { request.json()? };
    if principal.strength != Strength::ApiKey {
        return Err(problem(ExchangeError::NotAKey));
    }
    let once = Once::of(request)?;
    if let Some(answer) = once.answered_sealed(&*app.store, &*app.keys).await? {
        return Ok(answer);
    }
    let (claims, token) = issue(app, principal, &asked, request.received_at).await.map_err(problem)?;
    let expires_at = UnixMillis(claims.exp.saturating_mul(1000)).to_string();
    let fact = TokenIssued {
        token_id: claims.jti.clone(),
        key_id: claims.client_id.clone(),
        expires_at: expires_at.clone(),
    };
    let event = Event::of(&fact, &claims.jti, 1, &claims.tenant, &request.actor()?, &*app.clock);
    let answer = IssuedToken {
        access_token: token,
        token_type: "Bearer".to_owned(),
        expires_in: claims.exp.saturating_sub(claims.iat),
        expires_at,
        scope: claims.scope,
    };
    let response = Response::json(StatusCode::OK, &answer);
    once.commit_sealed(&*app.store, &*app.clock, &*app.keys, vec![Write::emit(event)], response, |_| None)
        .await
}

async fn issue(
    app: &App,
    principal: &Principal,
    asked: &IssueToken,
    now: UnixMillis,
) -> Result<(Claims, String), ExchangeError> {
    let power = Power::of(principal).narrowed(asked.permissions.as_deref())?;
    let keys = ApiKeys(Arc::clone(&app.store));
    let key = keys.get(&principal.tenant, &principal.subject).await?.map(|(key, _)| key);
    let tenant = app.store.get(&Tenant::at(&principal.tenant)).await?;
    let tenant = tenant.map(|record| record.document::<Tenant>()).transpose().map_err(StoreError::from)?;
    let counts = key.as_ref().is_some_and(|key| key.state(now) == KeyState::Active);
    let who = Who::Key { id: &principal.subject, counts };
    let permit = may_issue(tenant.as_ref(), who, Method::ApiKey, now)?;
    let granted = (power.roles.as_slice(), power.permissions.as_deref());
    let end = key.and_then(|key| key.expires_at);
    let claims = Claims::of_key(&app.settings, &permit, granted, end, &*app.clock);
    let token = sign(&*app.keys, &permit, &claims).await?;
    Ok((claims, token))
}

fn problem(error: ExchangeError) -> Problem {
    match error {
        ExchangeError::NotAKey => FORBIDDEN.because(error),
        ExchangeError::Refused(_) => UNAUTHENTICATED.because(error),
        ExchangeError::Grant(refused) => grant_problem(&refused),
        ExchangeError::Store(error) => error.into(),
        ExchangeError::Keys(error) => error.into(),
    }
}
