//! Alerts: raised with the verdict that is their cause, listed, shown, acknowledged, closed.

use http::StatusCode;
use schemars::JsonSchema;
use scorpius_core::id::is_id;
use scorpius_core::{Condition, Event, Write};
use scorpius_edge::cursor::{self, Pagination};
use scorpius_edge::problem::NOT_FOUND;
use scorpius_edge::{Kind, Problem, Request, Response, Thing, etag};
use scorpius_risk::engine::guard::DecisionRule;
use scorpius_risk::engine::verdict::{Level, Verdict};
use serde::{Deserialize, Serialize};

use super::{ALERT_CLOSED, App, invalid, words};
use crate::alert::{Alert, AlertState, Alerts, ClosedReason};
use crate::events::{AlertChanged, AlertRaised};
use crate::wallet::Wallet;

/// Characters of a note.
const NOTE_CHARS_MAX: usize = 500;
/// Pages of the store that one page of alerts may look at: filters leave most out.
const PAGES_MAX: usize = 10;

/// An alert.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AlertView {
    /// `alr_…`: the same rule, wallet and subject have the same.
    pub alert_id: String,
    /// `wal_…`.
    pub wallet_id: String,
    /// `vrd_…`: the verdict has the reasons.
    pub verdict_id: String,
    /// Which rule of the guard raised it.
    pub rule: DecisionRule,
    /// `address` or `transaction`.
    pub subject_kind: String,
    /// What to think of the subject.
    pub level: Level,
    /// 0 to 100.
    pub score: u8,
    /// What became of it.
    pub state: AlertState,
    /// Why it was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<ClosedReason>,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// RFC 3339.
    pub raised_at: String,
    /// Who changed its state last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<String>,
}

/// A page of alerts.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AlertList {
    /// Newest first. A page may have fewer than asked for, and the list still go on.
    pub alerts: Vec<AlertView>,
    /// How to go on.
    pub pagination: Pagination,
}

/// What becomes of an alert.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeAlert {
    /// `acknowledged` or `closed`.
    pub state: AlertState,
    /// Why it is closed; needed for that, and for nothing else.
    #[serde(default)]
    pub reason: Option<ClosedReason>,
    /// In words, 1 to 500 characters.
    #[serde(default)]
    pub note: Option<String>,
}

/// What is to be committed with `verdict`, where it reaches the threshold of `wallet` or of its tenant: an alert, unless it was
/// raised before, and the event that tells of it.
pub(super) async fn raising(
    app: &App,
    request: &Request,
    wallet: &Wallet,
    verdict: &Verdict,
    rule: DecisionRule,
) -> Result<Vec<Write>, Problem> {
    let (tenant, actor) = (request.tenant()?, request.actor()?);
    let alert = Alert::raised(wallet, verdict, rule, request.received_at);
    if app.alerts().find(tenant, &alert.id).await?.is_some() {
        return Ok(Vec::new());
    }
    let fact = AlertRaised {
        alert_id: alert.id.clone(),
        wallet_id: alert.wallet_id.clone(),
        verdict_id: alert.verdict_id.clone(),
        rule,
        level: alert.level,
        score: alert.score,
    };
    let mut writes = Vec::from(alert.adding(tenant));
    writes.push(Write::emit(Event::of(&fact, &alert.id, alert.events, tenant, &actor, &*app.clock)));
    Ok(writes)
}

/// `GET /v1/alerts`.
pub(super) async fn list(app: &App, request: &Request) -> Result<Response, Problem> {
    let (tenant, limit) = (request.tenant()?, request.limit()?);
    let asked = |name: &str| request.query.get(name).map(String::as_str);
    let (wallet, state) = (asked("wallet_id"), asked("state"));
    let is_known = state.is_none_or(|state| ["open", "acknowledged", "closed"].contains(&state));
    if !is_known {
        return Err(invalid("/state", "`open`, `acknowledged` or `closed`"));
    }
    if wallet.is_some_and(|wallet| !is_id("wal", wallet)) {
        return Err(invalid("/wallet_id", "not the id of a wallet"));
    }
    let list = format!("alerts/{}/{}", wallet.unwrap_or_default(), state.unwrap_or_default());
    let mut cursor = cursor::open(&list, request)?;
    let mut alerts = Vec::new();
    for _ in 0..PAGES_MAX {
        // No more than is left is read, so that the store's place to go on is the list's.
        let (found, page) = app.alerts().page(tenant, limit - alerts.len(), cursor).await?;
        for alert in found {
            let fits = wallet.is_none_or(|wallet| alert.wallet_id == wallet)
                && state.is_none_or(|state| name(alert.state) == state);
            if fits && request.sees(thing(request, &alert)?).await? {
                alerts.push(view(&alert));
            }
        }
        cursor = page.cursor;
        if cursor.is_none() || alerts.len() >= limit {
            break;
        }
    }
    let next_cursor = cursor.map(|cursor| cursor::seal(&list, &cursor));
    Ok(Response::json(StatusCode::OK, &AlertList { alerts, pagination: Pagination { next_cursor } }))
}

/// `GET /v1/alerts/{id}`.
pub(super) async fn show(app: &App, request: &Request) -> Result<Response, Problem> {
    let (alert, _) = judged(app, request).await?;
    Ok(Response::json(StatusCode::OK, &view(&alert)).with_header("etag", &etag::of(alert.events)))
}

/// `PATCH /v1/alerts/{id}`.
pub(super) async fn change(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: ChangeAlert = request.json()?;
    match (asked.state, asked.reason) {
        (AlertState::Open, _) => return Err(invalid("/state", "`acknowledged` or `closed`")),
        (AlertState::Closed, None) => return Err(invalid("/reason", "say why it is closed")),
        (AlertState::Acknowledged, Some(_)) => {
            return Err(invalid("/reason", "only what is closed has a reason"));
        }
        (AlertState::Closed, Some(_)) | (AlertState::Acknowledged, None) => {}
    }
    let note = asked.note.as_deref().map(|note| words("/note", note, NOTE_CHARS_MAX)).transpose()?;
    let (mut alert, version) = judged(app, request).await?;
    etag::check(request, alert.events, false)?;
    if alert.state == AlertState::Closed {
        return Err(ALERT_CLOSED.because(format_args!("`{}` is closed", alert.id)));
    }
    (alert.state, alert.reason) = (asked.state, asked.reason);
    alert.note = note.or(alert.note);
    alert.changed = Some((request.principal()?.subject.clone(), request.received_at));
    alert.events += 1;
    let (tenant, actor) = (request.tenant()?, request.actor()?);
    let fact = AlertChanged {
        alert_id: alert.id.clone(),
        wallet_id: alert.wallet_id.clone(),
        state: alert.state,
        reason: alert.reason,
    };
    let writes = [
        Write::put(Alert::key(tenant, &alert.id), &alert, Condition::VersionIs(version)),
        Write::emit(Event::of(&fact, &alert.id, alert.events, tenant, &actor, &*app.clock)),
    ];
    app.commit(&writes).await?;
    Ok(Response::json(StatusCode::OK, &view(&alert)).with_header("etag", &etag::of(alert.events)))
}

/// The path's alert, if the caller may do to its wallet what this operation does.
async fn judged(app: &App, request: &Request) -> Result<(Alert, u64), Problem> {
    let id = request.parameter("id")?;
    let absent = || NOT_FOUND.because("no such alert");
    if !is_id("alr", id) {
        return Err(absent());
    }
    let (alert, version) = app.alerts().find(request.tenant()?, id).await?.ok_or_else(absent)?;
    request.judge(thing(request, &alert)?).await?;
    Ok((alert, version))
}

/// An alert is its wallet's, also when that is released.
fn thing<'a>(request: &'a Request, alert: &'a Alert) -> Result<Thing<'a>, Problem> {
    Ok(Thing::new(Kind::Wallet, &alert.wallet_id, request.tenant()?).owned_by(&alert.wallet_owner))
}

fn name(state: AlertState) -> &'static str {
    match state {
        AlertState::Open => "open",
        AlertState::Acknowledged => "acknowledged",
        AlertState::Closed => "closed",
    }
}

fn view(alert: &Alert) -> AlertView {
    AlertView {
        alert_id: alert.id.clone(),
        wallet_id: alert.wallet_id.clone(),
        verdict_id: alert.verdict_id.clone(),
        rule: alert.rule,
        subject_kind: alert.subject_kind.clone(),
        level: alert.level,
        score: alert.score,
        state: alert.state,
        reason: alert.reason,
        note: alert.note.clone(),
        raised_at: alert.raised_at.to_string(),
        changed_by: alert.changed.as_ref().map(|(by, _)| by.clone()),
        changed_at: alert.changed.as_ref().map(|(_, at)| at.to_string()),
    }
}

impl App {
    fn alerts(&self) -> Alerts {
        Alerts { store: std::sync::Arc::clone(&self.store) }
    }
}
