//! Wallets: put under guard, shown, changed, released.

use http::StatusCode;
use scorpius_core::{Condition, UnixMillis, Write, new_id};
use scorpius_edge::cursor::{self, Pagination};
use scorpius_edge::idempotency::Once;
use scorpius_edge::{Problem, Request, Response, etag};
use scorpius_risk::address::{Account, ChainId};
use scorpius_risk::api::{Asked, Judged, READING_MS_MAX, account, chain, judge};
use scorpius_risk::engine::guard::DecisionRule;
use scorpius_risk::engine::inputs::Question;

use super::documents::{ChangeWallet, LastTransaction, ProtectRequest, WalletDetail, WalletList, WalletView};
use super::{ALREADY_PROTECTED, App, TOO_MANY_WALLETS, invalid, thing, threshold, words};
use super::{alerts, policy};
use crate::events::{WalletChanged, WalletProtected, WalletReleased};
use crate::explain::factors;
use crate::guarded::document_or_default;
use crate::lists::Lists;
use crate::past::Remembered;
use crate::wallet::{Risk, WALLETS_MAX, Wallet};

/// Characters of a name.
const NAME_CHARS_MAX: usize = 100;

/// `POST /v1/wallets/protect`.
pub(super) async fn protect(app: &App, request: &Request) -> Result<Response, Problem> {
    let (tenant, once) = (request.tenant()?, Once::of(request)?);
    if let Some(answer) = once.answered(&*app.store).await? {
        return Ok(answer);
    }
    let asked: ProtectRequest = request.json()?;
    let chain = chain(&asked.chain)?;
    let address = account("/address", &asked.address)?;
    let name = words("/name", &asked.name, NAME_CHARS_MAX)?;
    let risk_threshold = threshold("/risk_threshold", asked.risk_threshold)?;
    let (judged, risk) = judged(app, request, chain, address).await?;
    let now = request.received_at;
    let wallet = Wallet {
        id: new_id("wal", &*app.clock),
        chain,
        address,
        name,
        risk_threshold,
        monitoring_level: asked.monitoring_level,
        created_at: now,
        created_by: request.principal()?.subject.clone(),
        updated_at: now,
        risk,
        events: 1,
    };
    let fact = WalletProtected {
        wallet_id: wallet.id.clone(),
        chain: chain.to_string(),
        risk_threshold,
        monitoring_level: wallet.monitoring_level,
        verdict_id: wallet.risk.verdict_id.clone(),
    };
    let mut writes = Vec::from(wallet.adding(tenant));
    writes.push(app.emit(request, &fact, &wallet)?);
    writes.extend(alerted(app, request, &wallet, &judged).await?);
    writes.extend(judged.writes);
    let shown = detail(&wallet, &Remembered::default(), now);
    let response = Response::json(StatusCode::CREATED, &shown).with_header("etag", &etag::of(wallet.events));
    let conflict = |index| match index {
        1 => Some(ALREADY_PROTECTED.because("the address is under guard on this chain")),
        2 => Some(TOO_MANY_WALLETS.because(format_args!("a tenant has at most {WALLETS_MAX} wallets"))),
        _ => None,
    };
    once.commit_or(&*app.store, &*app.clock, writes, response, conflict).await
}

/// What raises an alert, where the wallet's own address reaches its threshold or its tenant's.
async fn alerted(
    app: &App,
    request: &Request,
    wallet: &Wallet,
    judged: &Judged,
) -> Result<Vec<Write>, Problem> {
    let (policy, _) = policy::current(app, request).await?;
    let rule = match judged.verdict.score {
        score if score >= wallet.risk_threshold => DecisionRule::RiskThreshold,
        score if score >= policy.global_risk_threshold => DecisionRule::GlobalRiskThreshold,
        _ => return Ok(Vec::new()),
    };
    alerts::raising(app, request, wallet, &judged.verdict, rule).await
}

/// The address itself, judged as its own door would.
async fn judged(
    app: &App,
    request: &Request,
    chain: ChainId,
    address: Account,
) -> Result<(Judged, Risk), Problem> {
    let asked = Asked::alone(Question::Address { chain, address });
    let judged = judge(&app.risk, request, asked, app.clock.now().plus_ms(READING_MS_MAX)).await?;
    let risk = Risk {
        verdict_id: judged.verdict.id.clone(),
        score: judged.verdict.score,
        level: judged.verdict.level,
        factors: factors(&judged.verdict),
        as_of: request.received_at,
    };
    Ok((judged, risk))
}

/// `GET /v1/wallets`.
pub(super) async fn list(app: &App, request: &Request) -> Result<Response, Problem> {
    let on = request.query.get("chain").map(|text| chain(text)).transpose()?;
    let list = on.map_or_else(|| "wallets".to_owned(), |chain| format!("wallets/{chain}"));
    let cursor = cursor::open(&list, request)?;
    let (wallets, page) = app.wallets().page(request.tenant()?, on, request.limit()?, cursor).await?;
    let mut shown = Vec::with_capacity(wallets.len());
    for wallet in wallets {
        if request.sees(thing(request, &wallet)?).await? {
            shown.push(view(&wallet));
        }
    }
    let answer = WalletList { wallets: shown, pagination: Pagination::after(&list, &page) };
    Ok(Response::json(StatusCode::OK, &answer))
}

/// `GET /v1/wallets/{id}`.
pub(super) async fn show(app: &App, request: &Request) -> Result<Response, Problem> {
    let (wallet, _) = app.judged(request).await?;
    let past = app.store.get(&Remembered::key(request.tenant()?, &wallet.id)).await?;
    let past: Remembered = document_or_default(past.as_ref())?;
    let shown = detail(&wallet, &past, request.received_at);
    Ok(Response::json(StatusCode::OK, &shown).with_header("etag", &etag::of(wallet.events)))
}

/// `PATCH /v1/wallets/{id}`.
pub(super) async fn change(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: ChangeWallet = request.json()?;
    if asked.name.is_none() && asked.risk_threshold.is_none() && asked.monitoring_level.is_none() {
        return Err(invalid("", "name `name`, `risk_threshold` or `monitoring_level`"));
    }
    let (mut wallet, version) = app.judged(request).await?;
    etag::check(request, wallet.events, false)?;
    if let Some(name) = &asked.name {
        wallet.name = words("/name", name, NAME_CHARS_MAX)?;
    }
    if let Some(score) = asked.risk_threshold {
        wallet.risk_threshold = threshold("/risk_threshold", score)?;
    }
    wallet.monitoring_level = asked.monitoring_level.unwrap_or(wallet.monitoring_level);
    let (judged, risk) = judged(app, request, wallet.chain, wallet.address).await?;
    (wallet.risk, wallet.updated_at, wallet.events) = (risk, request.received_at, wallet.events + 1);
    let fact = WalletChanged {
        wallet_id: wallet.id.clone(),
        risk_threshold: wallet.risk_threshold,
        monitoring_level: wallet.monitoring_level,
        verdict_id: wallet.risk.verdict_id.clone(),
    };
    let tenant = request.tenant()?;
    let put = Write::put(Wallet::key(tenant, &wallet.id), &wallet, Condition::VersionIs(version));
    let mut writes = vec![put, app.emit(request, &fact, &wallet)?];
    writes.extend(alerted(app, request, &wallet, &judged).await?);
    writes.extend(judged.writes);
    let past = app.store.get(&Remembered::key(tenant, &wallet.id)).await?;
    let shown = detail(&wallet, &document_or_default(past.as_ref())?, request.received_at);
    app.commit(&writes).await?;
    Ok(Response::json(StatusCode::OK, &shown).with_header("etag", &etag::of(wallet.events)))
}

/// `DELETE /v1/wallets/{id}`.
pub(super) async fn release(app: &App, request: &Request) -> Result<Response, Problem> {
    let (mut wallet, version) = app.judged(request).await?;
    etag::check(request, wallet.events, false)?;
    let tenant = request.tenant()?;
    let mut writes = Vec::from(wallet.removing(tenant, version));
    writes.push(Write::Delete { key: Lists::key(tenant, &wallet.id), condition: Condition::Always });
    writes.push(Write::Delete { key: Remembered::key(tenant, &wallet.id), condition: Condition::Always });
    wallet.events += 1;
    writes.push(app.emit(request, &WalletReleased { wallet_id: wallet.id.clone() }, &wallet)?);
    app.commit(&writes).await?;
    Ok(Response::new(StatusCode::NO_CONTENT))
}

fn view(wallet: &Wallet) -> WalletView {
    WalletView {
        wallet_id: wallet.id.clone(),
        address: wallet.address.checksummed(),
        chain: wallet.chain.to_string(),
        name: wallet.name.clone(),
        status: "protected",
        risk_score: wallet.risk.score,
        risk_level: wallet.risk.level,
        risk_threshold: wallet.risk_threshold,
        monitoring_level: wallet.monitoring_level,
        created_at: wallet.created_at.to_string(),
        last_updated: wallet.updated_at.to_string(),
    }
}

fn detail(wallet: &Wallet, past: &Remembered, now: UnixMillis) -> WalletDetail {
    WalletDetail {
        wallet: view(wallet),
        verdict_id: wallet.risk.verdict_id.clone(),
        risk_as_of: wallet.risk.as_of.to_string(),
        risk_factors: wallet.risk.factors.clone(),
        transaction_count: past.analyses,
        transaction_count_24h: past.analyses_24h(now),
        last_transaction: past.last.as_ref().map(|last| LastTransaction {
            verdict_id: last.verdict_id.clone(),
            analyzed_at: last.at.to_string(),
            risk_score: last.score,
            risk_level: last.level,
            decision: last.decision,
        }),
    }
}
