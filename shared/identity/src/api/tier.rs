//! `PUT /v1/admin/tenants/{id}/tier`: how often a tenant may ask, for the platform's operator.

use http::StatusCode;
use scorpius_core::{Actor, CommitId, Condition, Event, StoreError, TenantId, Write};
use scorpius_edge::idempotency::commit_with_retry;
use scorpius_edge::problem::NOT_FOUND;
use scorpius_edge::{Problem, Request, Response, Tier};
use scorpius_token::{Tenant, TenantStatus};

use super::{App, SetTier, TenantTier};
use crate::facts::TenantTierChanged;

/// A tenant's record is changed rarely.
const ATTEMPTS_MAX: u32 = 4;

#[derive(Debug, thiserror::Error)]
enum TierError {
    #[error("no such tenant")]
    Unknown,
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(super) async fn set(app: &App, request: &Request) -> Result<Response, Problem> {
    let SetTier { tier } = request.json()?;
    let (id, actor) = (request.parameter("id")?, request.actor()?);
    let mut outcome = attempt(app, id, tier, &actor).await;
    for _ in 1..ATTEMPTS_MAX {
        if !matches!(outcome, Err(TierError::Store(StoreError::Conflict { .. }))) {
            break;
        }
        outcome = attempt(app, id, tier, &actor).await;
    }
    let tenant = outcome.map_err(problem)?;
    Ok(Response::json(StatusCode::OK, &TenantTier { tenant: tenant.to_string(), tier }))
}

async fn attempt(app: &App, id: &str, tier: Tier, actor: &Actor) -> Result<TenantId, TierError> {
    let id: TenantId = id.parse().map_err(|_| TierError::Unknown)?;
    let record = app.store.get(&Tenant::at(&id)).await?.ok_or(TierError::Unknown)?;
    let mut tenant: Tenant = record.document().map_err(StoreError::from)?;
    if tenant.status == TenantStatus::Deleted {
        return Err(TierError::Unknown);
    }
    if tenant.tier == Some(tier) {
        return Ok(id);
    }
    let fact = TenantTierChanged { tier, before: tenant.tier };
    tenant.tier = Some(tier);
    tenant.events += 1;
    let event = Event::of(&fact, id.as_str(), tenant.events, &id, actor, &*app.clock);
    let writes =
        [Write::put(Tenant::at(&id), &tenant, Condition::VersionIs(record.version)), Write::emit(event)];
    commit_with_retry(&*app.store, CommitId::new(&*app.clock), &writes).await?;
    Ok(id)
}

fn problem(error: TierError) -> Problem {
    match error {
        TierError::Unknown => NOT_FOUND.because(error),
        TierError::Store(error) => error.into(),
    }
}
