//! `POST /v1/verdicts/{id}/outcome`: what a verdict's subject turned out to be, which settles its disputes.

use http::StatusCode;
use schemars::JsonSchema;
use scorpius_core::event::Event;
use scorpius_core::{Condition, Key, TenantId, Write};
use scorpius_edge::idempotency::Once;
use scorpius_edge::problem::{INVALID_REQUEST, Problem, ProblemType};
use scorpius_edge::{Kind, Request, Response, Thing};
use serde::{Deserialize, Serialize};

use super::{App, sha256, unknown, verdict_id};
use crate::events::{Label, Resolved};

/// Somebody said before what the verdict's subject turned out to be.
pub const ALREADY_RESOLVED: ProblemType =
    ProblemType { code: "already-resolved", title: "Already resolved", status: StatusCode::CONFLICT };

/// Characters of a reason.
const REASON_CHARS_MAX: usize = 2_000;

/// Says what it turned out to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutcomeRequest {
    /// `harmful` or `harmless`.
    pub label: Label,
    /// How that is known, in words, at most 2,000 characters. It is kept with the tenant's data; the ledger gets its hash.
    pub reason: String,
}

/// What a verdict's subject turned out to be. It changes no verdict and no weight: the next training reads it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// `vrd_…`.
    pub verdict_id: String,
    /// What it is.
    pub label: Label,
    /// How that is known.
    pub reason: String,
    /// Who says so.
    pub subject: String,
    /// RFC 3339.
    pub created_at: String,
}

impl Outcome {
    /// Where a verdict's outcome is.
    #[must_use]
    pub fn key(tenant: &TenantId, verdict_id: &str) -> Key {
        Key::new(format!("{tenant}#outcome"), verdict_id)
    }
}

pub(super) async fn resolve(app: &App, request: &Request) -> Result<Response, Problem> {
    let (tenant, actor, once) = (request.tenant()?, request.actor()?, Once::of(request)?);
    if let Some(answer) = once.answered(&*app.verdicts.store).await? {
        return Ok(answer);
    }
    let verdict_id = verdict_id(request)?;
    let OutcomeRequest { label, reason } = request.json()?;
    if reason.trim().is_empty() || reason.chars().count() > REASON_CHARS_MAX {
        return Err(INVALID_REQUEST
            .because("`reason` is not what it must be")
            .at("/reason", format_args!("1 to {REASON_CHARS_MAX} characters")));
    }
    let (verdict, _) = app.verdicts.shown(tenant, verdict_id).await?.ok_or_else(|| unknown(verdict_id))?;
    request.judge(Thing::new(Kind::Verdict, verdict_id, tenant)).await?;
    let outcome = Outcome {
        verdict_id: verdict_id.to_owned(),
        label,
        reason,
        subject: request.principal()?.subject.clone(),
        created_at: request.received_at.to_string(),
    };
    let fact = Resolved {
        verdict_id: outcome.verdict_id.clone(),
        label,
        reason_sha256: sha256(outcome.reason.as_bytes()),
        verdict_sha256: sha256(verdict.as_bytes()),
    };
    // Of an aggregate of its own: the verdict's events have their numbers already.
    let aggregate = format!("{verdict_id}/outcome");
    let event = Event::of(&fact, &aggregate, 1, tenant, &actor, &*app.clock);
    let key = Outcome::key(tenant, verdict_id);
    let writes = vec![Write::put(key, &outcome, Condition::Absent), Write::emit(event)];
    let response = Response::json(StatusCode::CREATED, &outcome);
    let conflict = |index| {
        (index == 0).then(|| {
            ALREADY_RESOLVED.because(format_args!("what the subject of `{verdict_id}` is was said before"))
        })
    };
    once.commit_or(&*app.verdicts.store, &*app.clock, writes, response, conflict).await
}
