//! `POST /v1/auth/api-keys/leaked`: whoever found a key's text ends it. Nothing else proves more than the text
//! itself, which could do far worse, so nobody is asked who they are; and every answer is the same.

use http::StatusCode;
use scorpius_core::{Actor, CommitId, Condition, Event, StoreError, UnixMillis, Write};
use scorpius_edge::idempotency::commit_with_retry;
use scorpius_edge::{Problem, Request, Response};
use scorpius_token::Tenant;

use super::{App, ReportLeakedApiKey};
use crate::facts::{ApiKeyLeaked, ApiKeyRevoked, LeakedSecret, RevokeReason};
use crate::keys::{ApiKey, KeyState, Shown, revocation};
use crate::secret::ApiSecret;

/// A key is changed rarely: by a rotation, or by another report of the same leak.
const ATTEMPTS_MAX: u32 = 4;

pub(super) async fn report(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: ReportLeakedApiKey = request.json()?;
    // What is no key of ours is answered like one that is, and like one that was ended long ago.
    if let Ok(secret) = asked.api_key.parse::<ApiSecret>() {
        let mut outcome = end(app, request, &secret).await;
        for _ in 1..ATTEMPTS_MAX {
            if !matches!(outcome, Err(StoreError::Conflict { .. })) {
                break;
            }
            outcome = end(app, request, &secret).await;
        }
        outcome?;
    }
    Ok(Response::new(StatusCode::NO_CONTENT))
}

async fn end(app: &App, request: &Request, secret: &ApiSecret) -> Result<(), StoreError> {
    let now = request.received_at;
    let at = ApiKey::at(secret.tenant(), secret.key_id());
    let records = app.store.get_many(&[at, Tenant::at(secret.tenant())]).await?;
    let [Some(record), Some(tenant)] = records.as_slice() else { return Ok(()) };
    let (key, tenant): (ApiKey, Tenant) = (record.document()?, tenant.document()?);
    if key.state(now) != KeyState::Active {
        return Ok(());
    }
    let actor = request.visitor("anonymous", Some(tenant.network_tag(&request.network)));
    let writes = match key.opened_by(secret, now) {
        None => return Ok(()),
        Some(Shown::Current) => revoked(app, key, record.version, &actor, now),
        Some(Shown::Previous) => without_previous(app, key, record.version, &actor),
    };
    commit_with_retry(&*app.store, CommitId::new(&*app.clock), &writes).await?;
    Ok(())
}

fn revoked(app: &App, mut key: ApiKey, version: u64, actor: &Actor, now: UnixMillis) -> Vec<Write> {
    let (id, tenant, events) = (key.id.clone(), key.tenant.clone(), key.events);
    key.events += 2;
    let mut writes = revocation(key, version, now).to_vec();
    let fact = ApiKeyRevoked { key_id: id.clone(), reason: RevokeReason::Leaked };
    writes.push(Write::emit(Event::of(&fact, &id, events + 1, &tenant, actor, &*app.clock)));
    let fact = ApiKeyLeaked { key_id: id.clone(), secret: LeakedSecret::Current };
    writes.push(Write::emit(Event::of(&fact, &id, events + 2, &tenant, actor, &*app.clock)));
    writes
}

/// The key's owner has moved on to another secret, which nobody found.
fn without_previous(app: &App, mut key: ApiKey, version: u64, actor: &Actor) -> Vec<Write> {
    key.previous = None;
    key.events += 1;
    let fact = ApiKeyLeaked { key_id: key.id.clone(), secret: LeakedSecret::Previous };
    let event = Event::of(&fact, &key.id, key.events, &key.tenant, actor, &*app.clock);
    vec![
        Write::put(ApiKey::at(&key.tenant, &key.id), &key, Condition::VersionIs(version)),
        Write::emit(event),
    ]
}
