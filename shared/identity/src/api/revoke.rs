//! `DELETE /v1/auth/api-keys/{id}`.

use std::sync::Arc;

use http::StatusCode;
use scorpius_core::id::is_id;
use scorpius_core::{Actor, CommitId, Event, StoreError, UnixMillis, Write};
use scorpius_edge::idempotency::commit_with_retry;
use scorpius_edge::problem::{FORBIDDEN, NOT_FOUND};
use scorpius_edge::{Principal, Problem, Request, Response};

use super::App;
use crate::facts::{ApiKeyRevoked, RevokeReason};
use crate::keys::{ApiKeys, revocation};
use crate::power::Power;

/// A key is changed rarely: by a rotation, or by another revocation.
const ATTEMPTS_MAX: u32 = 4;

#[derive(Debug, thiserror::Error)]
enum RevokeError {
    #[error("no such key")]
    Unknown,
    #[error("that key may do more than you")]
    Stronger,
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(super) async fn revoke(app: &App, request: &Request) -> Result<Response, Problem> {
    let (principal, id, actor) = (request.principal()?, request.parameter("id")?, request.actor()?);
    let mut outcome = attempt(app, principal, id, &actor, request.received_at).await;
    for _ in 1..ATTEMPTS_MAX {
        if !matches!(outcome, Err(RevokeError::Store(StoreError::Conflict { .. }))) {
            break;
        }
        outcome = attempt(app, principal, id, &actor, request.received_at).await;
    }
    outcome.map_err(problem)?;
    Ok(Response::new(StatusCode::NO_CONTENT))
}

async fn attempt(
    app: &App,
    principal: &Principal,
    id: &str,
    actor: &Actor,
    now: UnixMillis,
) -> Result<(), RevokeError> {
    if !is_id("key", id) {
        return Err(RevokeError::Unknown);
    }
    let keys = ApiKeys(Arc::clone(&app.store));
    let (mut key, version) = keys.get(&principal.tenant, id).await?.ok_or(RevokeError::Unknown)?;
    if key.id != principal.subject && !Power::of(principal).covers(&key.power()) {
        return Err(RevokeError::Stronger);
    }
    if key.revoked_at.is_some() {
        return Ok(());
    }
    key.events += 1;
    let fact = ApiKeyRevoked { key_id: key.id.clone(), reason: RevokeReason::Requested };
    let event = Event::of(&fact, &key.id, key.events, &key.tenant, actor, &*app.clock);
    let mut writes = revocation(key, version, now).to_vec();
    writes.push(Write::emit(event));
    commit_with_retry(&*app.store, CommitId::new(&*app.clock), &writes).await?;
    Ok(())
}

fn problem(error: RevokeError) -> Problem {
    match error {
        RevokeError::Unknown => NOT_FOUND.because(error),
        RevokeError::Stronger => FORBIDDEN.because(error),
        RevokeError::Store(error) => error.into(),
    }
}
