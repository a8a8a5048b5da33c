//! The tenant's rules for its wallets.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use scorpius_core::{Condition, Event, Write};
use scorpius_edge::problem::TOO_LARGE;
use scorpius_edge::{Problem, Request, Response, etag};
use scorpius_risk::api::chain;
use scorpius_risk::engine::guard::{Holding, Limit};
use scorpius_risk::engine::inputs::Wei;
use scorpius_risk::likelihood::{BadPrior, Priors};

use super::documents::{PolicyRequest, PolicyView, TransactionLimit};
use super::{App, invalid, sha256_of, threshold};
use crate::events::SecurityPolicyChanged;
use crate::guarded::document_or_default;
use crate::policy::{Changed, LIMITS_MAX, LIMITS_OF_CHAIN_MAX, LimitOnChain, SecurityPolicy};

pub(super) async fn current(app: &App, request: &Request) -> Result<(SecurityPolicy, Condition), Problem> {
    let record = app.store.get(&SecurityPolicy::key(request.tenant()?)).await?;
    let as_read = record.as_ref().map_or(Condition::Absent, |record| Condition::VersionIs(record.version));
    Ok((document_or_default(record.as_ref())?, as_read))
}

/// `GET /v1/config/security-policies`.
pub(super) async fn show(app: &App, request: &Request) -> Result<Response, Problem> {
    let (policy, _) = current(app, request).await?;
    Ok(answer(policy))
}

/// `PUT /v1/config/security-policies`.
pub(super) async fn put(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: PolicyRequest = request.json()?;
    let (before, as_read) = current(app, request).await?;
    etag::check(request, before.version, true)?;
    let by = request.principal()?.subject.clone();
    let changed = Some(Changed { at: request.received_at, by });
    let policy = SecurityPolicy {
        version: before.version + 1,
        global_risk_threshold: threshold("/global_risk_threshold", asked.global_risk_threshold)?,
        auto_block_threshold: threshold("/auto_block_threshold", asked.auto_block_threshold)?,
        limits: limits(asked.transaction_limits)?,
        likelihood_priors: priors(asked.likelihood_priors)?,
        changed,
    };
    if policy.auto_block_threshold < policy.global_risk_threshold {
        return Err(invalid("/auto_block_threshold", "at least `global_risk_threshold`"));
    }
    let tenant = request.tenant()?;
    let fact = SecurityPolicyChanged {
        version: policy.version,
        global_risk_threshold: policy.global_risk_threshold,
        auto_block_threshold: policy.auto_block_threshold,
        limits: u64::try_from(policy.limits.len()).unwrap_or(u64::MAX),
        policy_sha256: sha256_of(&policy)?,
    };
    let about = format!("{tenant}/security-policy");
    let event = Event::of(&fact, &about, policy.version, tenant, &request.actor()?, &*app.clock);
    let writes = [Write::put(SecurityPolicy::key(tenant), &policy, as_read), Write::emit(event)];
    app.commit(&writes).await?;
    Ok(answer(policy))
}

fn priors(asked: Priors) -> Result<Priors, Problem> {
    let wrong = |bad: BadPrior| invalid(&format!("/likelihood_priors/{}", bad.class.name()), bad);
    asked.check().map_err(wrong)?;
    Ok(asked)
}

fn limits(asked: Vec<TransactionLimit>) -> Result<Vec<LimitOnChain>, Problem> {
    if asked.len() > LIMITS_MAX {
        let most = format_args!("more than {LIMITS_MAX} items");
        return Err(TOO_LARGE.because("too many limits").at("/transaction_limits", most));
    }
    let (mut seen, mut of_chain) = (BTreeSet::new(), BTreeMap::new());
    let mut limits = Vec::with_capacity(asked.len());
    for (index, asked) in asked.into_iter().enumerate() {
        let at = |member: &str| format!("/transaction_limits/{index}/{member}");
        let on = chain(&asked.chain).map_err(|mut problem| {
            problem.errors.iter_mut().for_each(|error| error.pointer = at("chain"));
            problem
        })?;
        let asset = Holding::try_from(asked.asset).map_err(|error| invalid(&at("asset"), error))?;
        let amount = |member: &str, text: Option<String>| match text {
            Some(_) if asset == Holding::Any => {
                Err(invalid(&at(member), "amounts are of one asset; `any` has none"))
            }
            text => text.map(Wei::try_from).transpose().map_err(|error| invalid(&at(member), error)),
        };
        let limit = Limit {
            asset,
            per_transaction: amount("per_transaction", asked.per_transaction)?,
            per_24h: amount("per_24h", asked.per_24h)?,
            unlimited_approvals: asked.unlimited_approvals,
            listed_contracts_only: asked.listed_contracts_only,
        };
        if !seen.insert((on, asset)) {
            return Err(invalid(&at("asset"), "the chain has a limit of this asset already"));
        }
        let count: &mut usize = of_chain.entry(on).or_default();
        *count += 1;
        if *count > LIMITS_OF_CHAIN_MAX {
            return Err(invalid(
                &at("chain"),
                format_args!("a chain has at most {LIMITS_OF_CHAIN_MAX} limits"),
            ));
        }
        limits.push(LimitOnChain { chain: on, limit });
    }
    limits.sort_by_key(|limit| (limit.chain, limit.limit.asset));
    Ok(limits)
}

fn answer(policy: SecurityPolicy) -> Response {
    let limit = |LimitOnChain { chain, limit }: LimitOnChain| TransactionLimit {
        chain: chain.to_string(),
        asset: match limit.asset {
            Holding::Token(token) => token.checksummed(),
            other => other.into(),
        },
        per_transaction: limit.per_transaction.map(Into::into),
        per_24h: limit.per_24h.map(Into::into),
        unlimited_approvals: limit.unlimited_approvals,
        listed_contracts_only: limit.listed_contracts_only,
    };
    let (updated_at, updated_by) = policy.changed.map(|changed| (changed.at.to_string(), changed.by)).unzip();
    let view = PolicyView {
        version: policy.version,
        global_risk_threshold: policy.global_risk_threshold,
        auto_block_threshold: policy.auto_block_threshold,
        transaction_limits: policy.limits.into_iter().map(limit).collect(),
        likelihood_priors: policy.likelihood_priors,
        updated_at,
        updated_by,
    };
    Response::json(StatusCode::OK, &view).with_header("etag", &etag::of(policy.version))
}
