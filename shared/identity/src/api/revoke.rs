//! `DELETE /v1/auth/api-keys/{id}`.

use std::sync::Arc;

use http::StatusCode;
use scorpius_core::id::is_id;
use scorpius_core::{Actor, CommitId, Event, StoreError, Write};
use scorpius_edge::idempotency::commit_with_retry;
use scorpius_edge::problem::{FORBIDDEN, NOT_FOUND};
use scorpius_edge::{Kind, Problem, Request, Response, Thing};

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
    #[error("refused by policy")]
    Refused(Problem),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(super) async fn revoke(app: &App, request: &Request) -> Result<Response, Problem> {
    let (id, actor) = (request.parameter("id")?, request.actor()?);
    let mut outcome = attempt(app, request, id, &actor).await;
    for _ in 1..ATTEMPTS_MAX {
        if !matches!(outcome, Err(RevokeError::Store(StoreError::Conflict { .. }))) {
            break;
        }
        outcome = attempt(app, request, id, &actor).await;
    }
    outcome.map_err(problem)?;
    Ok(Response::new(StatusCode::NO_CONTENT))
}

async fn attempt(app: &App, request: &Request, id: &str, actor: &Actor) -> Result<(), RevokeError> {
    if !is_id("key", id) {
        return Err(RevokeError::Unknown);
    }
    let principal = request.principal().map_err(RevokeError::Refused)?;
    let keys = ApiKeys(Arc::clone(&app.store));
    let (mut key, version) = keys.get(&principal.tenant, id).await?.ok_or(RevokeError::Unknown)?;
    let thing = Thing::new(Kind::ApiKey, &key.id, &key.tenant).owned_by(&key.created_by);
    request.judge(thing).await.map_err(RevokeError::Refused)?;
    if key.id != principal.subject && !Power::of(principal).covers(&key.power()) {
        return Err(RevokeError::Stronger);
    }
    if key.revoked_at.is_some() {
        return Ok(());
    }
    key.events += 1;
    let fact = ApiKeyRevoked { key_id: key.id.clone(), reason: RevokeReason::Requested };
    let event = Event::of(&fact, &key.id, key.events, &key.tenant, actor, &*app.clock);
    let mut writes = revocation(key, version, request.received_at).to_vec();
    writes.push(Write::emit(event));
    commit_with_retry(&*app.store, CommitId::new(&*app.clock), &writes).await?;
    Ok(())
}

fn problem(error: RevokeError) -> Problem {
    match error {
        RevokeError::Unknown => NOT_FOUND.because(error),
        RevokeError::Stronger => FORBIDDEN.because(error),
        RevokeError::Refused(problem) => problem,
        RevokeError::Store(error) => error.into(),
    }
}
