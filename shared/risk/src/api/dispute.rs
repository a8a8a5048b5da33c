//! `POST /v1/verdicts/{id}/disputes`: somebody says that a verdict is wrong, and the ledger has it.

use http::StatusCode;
use schemars::JsonSchema;
use scorpius_core::event::Event;
use scorpius_core::{Condition, Key, Write, new_id};
use scorpius_edge::idempotency::Once;
use scorpius_edge::problem::{INVALID_REQUEST, Problem, ProblemType};
use scorpius_edge::{Kind, Request, Response, Thing};
use serde::{Deserialize, Serialize};

use super::{App, sha256, unknown, verdict_id};
use crate::events::{Claim, Disputed};

/// The same caller disputed the same verdict before.
pub const ALREADY_DISPUTED: ProblemType =
    ProblemType { code: "already-disputed", title: "Already disputed", status: StatusCode::CONFLICT };

/// Characters of a reason.
const REASON_CHARS_MAX: usize = 2_000;

/// Says that a verdict is wrong.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DisputeRequest {
    /// `false_alarm`: it is harmless; `missed`: it is harmful.
    pub claim: Claim,
    /// Why, in words, at most 2,000 characters. It is kept with the tenant's data; the ledger gets its hash.
    pub reason: String,
}

/// A dispute. It changes no verdict and no weight: whoever makes the next rules reads it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Dispute {
    /// `dsp_…`.
    pub id: String,
    /// `vrd_…`.
    pub verdict_id: String,
    /// What is claimed.
    pub claim: Claim,
    /// Why.
    pub reason: String,
    /// Who says so.
    pub subject: String,
    /// RFC 3339.
    pub created_at: String,
}

pub(super) async fn dispute(app: &App, request: &Request) -> Result<Response, Problem> {
    let (tenant, actor, once) = (request.tenant()?, request.actor()?, Once::of(request)?);
    if let Some(answer) = once.answered(&*app.verdicts.store).await? {
        return Ok(answer);
    }
    let verdict_id = verdict_id(request)?;
    let DisputeRequest { claim, reason } = request.json()?;
    let length = reason.chars().count();
    if reason.trim().is_empty() || length > REASON_CHARS_MAX {
        return Err(INVALID_REQUEST
            .because("`reason` is not what it must be")
            .at("/reason", format_args!("1 to {REASON_CHARS_MAX} characters")));
    }
    let (verdict, _) = app.verdicts.shown(tenant, verdict_id).await?.ok_or_else(|| unknown(verdict_id))?;
    request.judge(Thing::new(Kind::Verdict, verdict_id, tenant)).await?;
    let subject = request.principal()?.subject.clone();
    // One of each caller: who has more to say says it to the operator.
    let key = Key::new(format!("{tenant}#dispute"), format!("{verdict_id}#{subject}"));
    let dispute = Dispute {
        id: new_id("dsp", &*app.clock),
        verdict_id: verdict_id.to_owned(),
        claim,
        reason,
        subject,
        created_at: request.received_at.to_string(),
    };
    let fact = Disputed {
        dispute_id: dispute.id.clone(),
        verdict_id: dispute.verdict_id.clone(),
        claim,
        reason_sha256: sha256(dispute.reason.as_bytes()),
        verdict_sha256: sha256(verdict.as_bytes()),
    };
    let event = Event::of(&fact, &dispute.id, 1, tenant, &actor, &*app.clock);
    let writes = vec![Write::put(key, &dispute, Condition::Absent), Write::emit(event)];
    let response = Response::json(StatusCode::CREATED, &dispute);
    let conflict = |index| {
        (index == 0).then(|| {
            ALREADY_DISPUTED.because(format_args!("you have disputed the verdict `{verdict_id}` before"))
        })
    };
    once.commit_or(&*app.verdicts.store, &*app.clock, writes, response, conflict).await
}
