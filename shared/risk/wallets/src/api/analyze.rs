//! `POST /v1/wallets/{id}/analyze-transaction`: what to do with a transaction of a wallet.
//!
//! The verdict is made from what was read of the wallet, and what is remembered of the wallet is made from the verdict. Both
//! are one commit, on condition that the past is as it was read: of two requests at once, one judges again.

use std::sync::atomic::{AtomicBool, Ordering};

use http::StatusCode;
use scorpius_core::chain::{ChainError, SentTransaction};
use scorpius_core::{Condition, Event, Write};
use scorpius_edge::idempotency::Once;
use scorpius_edge::problem::{INTERNAL, NOT_FOUND, Problem, UNAVAILABLE};
use scorpius_edge::{Request, Response};
use scorpius_risk::address::{Account, ChainId};
use scorpius_risk::api::{
    Asked, INVALID_TRANSACTION, Judged, READING_MS_MAX, Run, TransactionRequest, judge,
};
use scorpius_risk::engine::guard::{Action, DecisionRule};
use scorpius_risk::engine::inputs::{Calldata, Question, Wei};
use serde_json::value::RawValue;

use super::alerts;
use super::documents::{
    AnalysisRequest, AnalyzedTransaction, DetailLevel, SeenTransaction, UnsignedTransaction,
};
use super::{App, NO_ENDPOINT, below, invalid, no_such_wallet, thing, wallet_id};
use crate::events::ThreatDetected;
use crate::explain::{confidence, factors, recommendations};
use crate::guarded::Guarded;
use crate::past::{Analysis, Remembered};
use crate::wallet::Wallet;

/// Tries against others who ask about the same wallet.
const TRIES_MAX: usize = 6;
/// Where the past, the wallet and an alert are among the writes.
const PAST: usize = 0;
const WALLET: usize = 1;
const ALERT: usize = 2;

/// What is asked, and how it became known.
#[derive(Clone)]
struct Subject {
    asked: Asked,
    seen: Option<(String, Option<u64>)>,
}

pub(super) async fn analyze(app: &App, request: &Request) -> Result<Response, Problem> {
    let (tenant, id, once) = (request.tenant()?, wallet_id(request)?, Once::of(request)?);
    if let Some(answer) = once.answered(&*app.store).await? {
        return Ok(answer);
    }
    let body: AnalysisRequest = request.json()?;
    let find = async || Guarded::find(&*app.store, tenant, id).await?.ok_or_else(no_such_wallet);
    let mut guarded = find().await?;
    request.judge(thing(request, &guarded.wallet)?).await?;
    let detail = body.detail_level;
    let subject = subject(app, &guarded.wallet, body).await?;
    for _ in 0..TRIES_MAX {
        if let Some(response) = attempt(app, request, &once, &guarded, (subject.clone(), detail)).await? {
            return Ok(response);
        }
        guarded = find().await?;
    }
    Err(UNAVAILABLE.plain().retry_after_s(1))
}

/// `None` when another analysis of the wallet came first.
async fn attempt(
    app: &App,
    request: &Request,
    once: &Once,
    guarded: &Guarded,
    (subject, detail): (Subject, DetailLevel),
) -> Result<Option<Response>, Problem> {
    let (tenant, now) = (request.tenant()?, request.received_at);
    let Subject { mut asked, seen } = subject;
    asked.history.extend(guarded.past.known());
    asked.guard = Some(guarded.guard(now));
    asked.priors = Some(guarded.policy.likelihood_priors);
    let judged = judge(&app.risk, request, asked, app.clock.now().plus_ms(READING_MS_MAX)).await?;
    let Judged { answer, writes: told, verdict, moved } = judged;
    let decision = verdict.decision.ok_or_else(|| INTERNAL.because("a guarded verdict without decision"))?;
    let policy = guarded.policy_here();
    let is_sent = seen.is_some();
    let analysis = Analysis { at: now, verdict: &verdict, decision, moved: &moved, policy: &policy, is_sent };
    let past = guarded.past.clone().after(&analysis);
    let as_read = guarded.past_version.map_or(Condition::Absent, Condition::VersionIs);
    let wallet = &guarded.wallet;
    let mut writes = vec![
        Write::put(Remembered::key(tenant, &wallet.id), &past, as_read),
        Write::Check { key: Wallet::key(tenant, &wallet.id), condition: Condition::Present },
    ];
    let is_over = verdict.score >= wallet.risk_threshold || verdict.score >= policy.global_risk_threshold;
    let alerted = match is_over || decision.rule == DecisionRule::HardRule {
        true => alerts::raising(app, request, wallet, &verdict, decision.rule).await?,
        false => Vec::new(),
    };
    let has_alert = !alerted.is_empty();
    writes.extend(alerted);
    writes.extend(told);
    if decision.action != Action::Allow {
        let fact = ThreatDetected {
            wallet_id: wallet.id.clone(),
            verdict_id: verdict.id.clone(),
            action: decision.action,
            rule: decision.rule,
            level: verdict.level,
            score: verdict.score,
        };
        // The verdict's own event is its first.
        writes.push(Write::emit(Event::of(&fact, &verdict.id, 2, tenant, &request.actor()?, &*app.clock)));
    }
    let text = String::from_utf8(answer).map_err(|error| INTERNAL.because(error))?;
    let whole = RawValue::from_string(text).map_err(|error| INTERNAL.because(error))?;
    let is_full = detail == DetailLevel::Full;
    let shown = AnalyzedTransaction {
        wallet_id: wallet.id.clone(),
        analyzed_at: now.to_string(),
        decision,
        risk_score: verdict.score,
        risk_level: verdict.level,
        confidence: confidence(&verdict),
        risk_factors: is_full.then(|| factors(&verdict)),
        recommendations: recommendations(&verdict),
        transaction: seen.map(|(hash, block)| SeenTransaction {
            hash,
            status: if block.is_some() { "included" } else { "pending" },
            block,
        }),
        verdict_id: verdict.id.clone(),
        verdict: Some(whole).filter(|_| is_full),
    };
    let response = Response::json(StatusCode::OK, &shown);
    let raced = AtomicBool::new(false);
    let conflict = |index| match index {
        // Whoever raised the alert meanwhile was first.
        ALERT if has_alert => {
            raced.store(true, Ordering::Relaxed);
            None
        }
        PAST => {
            raced.store(true, Ordering::Relaxed);
            None
        }
        WALLET => Some(no_such_wallet()),
        _ => None,
    };
    match once.commit_or(&*app.store, &*app.clock, writes, response, conflict).await {
        Err(_) if raced.load(Ordering::Relaxed) => Ok(None),
        answered => answered.map(Some),
    }
}

async fn subject(app: &App, wallet: &Wallet, body: AnalysisRequest) -> Result<Subject, Problem> {
    match (body.transaction, body.transaction_hash) {
        (Some(transaction), None) => Ok(Subject { asked: unsigned(wallet, transaction)?, seen: None }),
        (None, Some(hash)) => sent(app, wallet, hash).await,
        _ => Err(invalid("/transaction", "give exactly one of `transaction` and `transaction_hash`")),
    }
}

fn unsigned(wallet: &Wallet, asked: UnsignedTransaction) -> Result<Asked, Problem> {
    let request = TransactionRequest {
        chain: wallet.chain.to_string(),
        from: Some(wallet.address.to_string()),
        to: asked.to,
        value: asked.value,
        data: asked.data,
        history: asked.history,
        accounts: asked.accounts,
        gas_limit: asked.gas_limit,
        gas_price: asked.gas_price,
        state: asked.state,
    };
    Asked::transaction(request).map_err(|problem| below("/transaction", problem))
}

async fn sent(app: &App, wallet: &Wallet, text: String) -> Result<Subject, Problem> {
    let wrong = |detail: &str| INVALID_TRANSACTION.because(detail).at("/transaction_hash", detail);
    let mut hash = [0; 32];
    let digits = text.strip_prefix("0x").unwrap_or_default();
    hex::decode_to_slice(digits, &mut hash).map_err(|_| wrong("not 32 bytes in hex after `0x`"))?;
    let found = read(app, wallet, hash).await?;
    let found = found.ok_or_else(|| NOT_FOUND.because("the node knows no transaction of this hash"))?;
    let SentTransaction { from, to, value, data, gas_limit, block } = found;
    if Account::new(from) != wallet.address {
        return Err(wrong("another account signed it"));
    }
    let to = to.ok_or_else(|| wrong("it creates a contract, and is not judged"))?;
    let data = Calldata::of(data.to_vec()).map_err(|error| INTERNAL.because(error))?;
    let question = Question::Transaction {
        chain: wallet.chain,
        from: Some(wallet.address),
        to: Account::new(to),
        value: Wei::of_bytes(value),
        data,
        irregular: Vec::new(),
    };
    let gas_limit = Some(gas_limit).filter(|gas| *gas <= ChainId::MAX);
    let run = Run { gas_limit, is_past: block.is_some(), ..Run::default() };
    Ok(Subject { asked: Asked { run, ..Asked::alone(question) }, seen: Some((text, block)) })
}

async fn read(app: &App, wallet: &Wallet, hash: [u8; 32]) -> Result<Option<SentTransaction>, Problem> {
    let none = || {
        NO_ENDPOINT.because(format_args!(
            "no node of {} is configured here; give the transaction itself as `transaction`",
            wallet.chain
        ))
    };
    let Some(chain) = &app.risk.chain else { return Err(none()) };
    match chain.transaction(wallet.chain.number(), hash).await {
        Ok(found) => Ok(found),
        Err(ChainError::NoEndpoint { .. }) => Err(none()),
        Err(ChainError::UnknownBlock) => Ok(None),
        Err(ChainError::Port(error)) => Err(error.into()),
    }
}
