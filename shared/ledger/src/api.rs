//! The doors to the ledger: a tenant's, with the log of its own if it has one, and the shared log's files for everyone.

mod check;
mod events;
mod log;
mod report;

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use schemars::JsonSchema;
use scorpius_core::{Blobs, Clock, Keys, PortError, Store, TenantId, id};
use scorpius_edge::operation::PAGING;
use scorpius_edge::problem::{INVALID_REQUEST, NOT_FOUND};
use scorpius_edge::{Access, Answer, Operation, Parameter, Problem, ProblemType, Request, Response};
use serde::{Deserialize, Serialize};

use crate::alarm::Alarms;
use crate::bundle::{
    BUNDLE_EVENTS_MAX, BUNDLE_FORMAT, BUNDLE_FORMAT_CLEAR, Bundle, BundleEntry, BundlePart, Opens,
};
use crate::compliance::ComplianceReport;
use crate::entry::{TenantKey, canonical};
use crate::hash;
use crate::log::{LogKind, LogName};
use crate::payloads::Payloads;
use crate::proofs::{ProofDocument, Proofs, Proved};
use crate::records::Published;
use crate::tlog_proof::TlogProof;
use crate::verify::Scope;

pub use check::{ConsistencyDocument, VerifyRequest};
pub use events::{AuditEvent, AuditEvents};
pub use log::{LogDocument, LogsDocument, OwnLogDocument};
pub use report::{ControlsDocument, ReportRequest};

/// No checkpoint covers it: it is on its way, or it does not exist, or it is somebody else's. A caller
/// who knows that it exists tries again in a moment.
const NOT_YET_INCLUDED: ProblemType = ProblemType {
    code: "not-yet-included",
    title: "Not covered by a checkpoint",
    status: StatusCode::NOT_FOUND,
};

/// The operator keeps entries for so long and no longer.
const GONE: ProblemType =
    ProblemType { code: "no-longer-kept", title: "Kept no longer", status: StatusCode::GONE };

/// Which log is asked.
const LOG: Parameter = Parameter {
    name: "log",
    meaning: "`shared`, the log that tenants share, or `own`, the tenant's; `shared` by default.",
    required: false,
};

/// What the doors need.
pub struct App {
    proofs: Proofs,
    payloads: Payloads,
    keys: Arc<dyn Keys>,
    alarms: Alarms,
}

impl App {
    /// Over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        blobs: Arc<dyn Blobs>,
        keys: Arc<dyn Keys>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let payloads = Payloads::new(Arc::clone(&store), Arc::clone(&keys), Arc::clone(&clock));
        let alarms = Alarms::new(Arc::clone(&store), clock, "audit");
        Self { proofs: Proofs { store, blobs }, payloads, keys, alarms }
    }
}

/// Which events to prove.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BundleRequest {
    /// 1 to 50 ids, each once.
    #[schemars(length(min = 1, max = 50))]
    pub event_ids: Vec<String>,
}

/// What is offered.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let action = Access::Action("audit:read");
    vec![
        Operation::new(
            "GET /v1/audit/checkpoint",
            "getCheckpoint",
            "Answers the ledger's latest checkpoint, a signed note as C2SP defines it.",
            action,
        )
        .asks(&[LOG])
        .answers(Answer::other(200, "The note.", "text/plain; charset=utf-8"))
        .answers(Answer::other(304, "It is the one that `If-None-Match` names.", "text/plain; charset=utf-8"))
        .fails(&NOT_YET_INCLUDED),
        Operation::new(
            "GET /v1/audit/proofs",
            "getProof",
            "Proves that an event of the caller's tenant is in the ledger.",
            action,
        )
        .asks(&[Parameter { name: "event_id", meaning: "The event's id, `evt_…`.", required: true }])
        .answers(Answer::json::<ProofDocument>(200, "The proof, under the latest checkpoint."))
        .fails(&GONE)
        .fails(&NOT_YET_INCLUDED),
        Operation::new(
            "POST /v1/audit/bundles",
            "makeBundle",
            "Makes an evidence bundle: a file that proves events offline, to somebody who has the ledger's verifier key.",
            action,
        )
        .takes::<BundleRequest>(r#"{"event_ids": ["evt_019ab5d2a0007c3e8f2b6a51d4e09c77"]}"#)
        .answers(Answer::json::<Bundle>(200, "The bundle. It opens these entries, and no others."))
        .fails(&GONE)
        .fails(&NOT_YET_INCLUDED),
        Operation::new(
            "GET /v1/audit/events",
            "searchAuditEvents",
            "Finds entries of the caller's tenant by time and by what they say, as JSON or, asked for `application/x-ndjson`, as one document a line with the next page as `Link`. An event is found within seconds, and later when it had to be put back to work: who copies entries asks again for the last hour.",
            action,
        )
        .asks(&[
            Parameter { name: "from", meaning: "The first moment, RFC 3339 in UTC, inclusive.", required: true },
            Parameter { name: "to", meaning: "The last moment, RFC 3339 in UTC, exclusive; at most 366 days later.", required: true },
            Parameter { name: "type", meaning: "The event's type, or what it begins with and `*`.", required: false },
            Parameter { name: "actor", meaning: "Who caused it.", required: false },
            Parameter { name: "resource", meaning: "What it is about: the id of the aggregate.", required: false },
            Parameter { name: "subject", meaning: "A person that it is about, or who caused it: `usr_…` or `key_…`. Finds what is left of erased persons, too.", required: false },
            Parameter { name: "order", meaning: "`desc`, from the newest, or `asc`, from the oldest; `desc` by default.", required: false },
        ])
        .asks(&PAGING)
        .answers(Answer::json::<AuditEvents>(200, "A page of entries."))
        .fails(&INVALID_REQUEST),
        Operation::new(
            "GET /v1/audit/controls",
            "listControls",
            "Answers which events are evidence for which control of which framework.",
            action,
        )
        .answers(Answer::json::<ControlsDocument>(200, "All frameworks.")),
        Operation::new(
            "POST /v1/audit/reports",
            "makeReport",
            "Makes a report for reviewers: what the ledger has for each control of a framework in a stretch of time, with an evidence bundle that `scorpius verify` checks offline.",
            action,
        )
        .takes::<ReportRequest>(r#"{"framework": "pci-dss-4.0.1", "from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"}"#)
        .answers(Answer::json::<ComplianceReport>(200, "The report. Its bundle opens these entries, and no others."))
        .fails(&NOT_YET_INCLUDED)
        .fails(&INVALID_REQUEST),
        Operation::new(
            "GET /v1/audit/events/{id}/proof",
            "getEventProof",
            "Proves that an event of the caller's tenant is in the ledger, as JSON or, asked for `text/plain`, as a C2SP tlog-proof.",
            action,
        )
        .answers(Answer::json::<ProofDocument>(200, "The proof, under the latest checkpoint."))
        .fails(&GONE)
        .fails(&NOT_YET_INCLUDED)
        .fails(&INVALID_REQUEST),
        Operation::new(
            "GET /v1/audit/consistency",
            "getConsistency",
            "Proves that the ledger at one size continues the ledger at an earlier size.",
            action,
        )
        .asks(&[
            Parameter { name: "from", meaning: "Entries of the earlier tree, as its checkpoint says.", required: true },
            Parameter { name: "to", meaning: "Entries of the later tree; the latest checkpoint's by default.", required: false },
            LOG,
        ])
        .answers(Answer::json::<ConsistencyDocument>(200, "Both roots, and the proof."))
        .fails(&NOT_YET_INCLUDED),
        Operation::new(
            "POST /v1/audit/verify",
            "verifyEvidence",
            "Checks a bundle, a checkpoint or a proof with this log's key. Whoever does not trust this server uses `scorpius verify`.",
            action,
        )
        .takes::<VerifyRequest>(r#"{"checkpoint": "example.com/audit\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— example.com/audit …\n"}"#)
        .answers(Answer::json::<Scope>(200, "What was checked, what was found, and what was not checked."))
        .fails(&NOT_YET_INCLUDED),
        Operation::new(
            "GET /v1/audit/log",
            "getLogs",
            "Answers which logs have the entries of the caller's tenant: the shared one, and the tenant's own if it was asked for.",
            action,
        )
        .answers(Answer::json::<LogsDocument>(200, "The logs."))
        .fails(&NOT_YET_INCLUDED),
        Operation::new(
            "GET /v1/audit/log/own/checkpoint",
            "getOwnLogCheckpoint",
            "Answers the latest checkpoint of the tenant's own log, for that tenant alone: `<prefix>/checkpoint` of C2SP tlog-tiles.",
            action,
        )
        .answers(Answer::other(200, "The note.", "text/plain; charset=utf-8"))
        .answers(Answer::other(304, "It is the one that `If-None-Match` names.", "text/plain; charset=utf-8"))
        .fails(&NOT_YET_INCLUDED),
        Operation::new(
            "GET /v1/audit/log/own/tile/{path+}",
            "getOwnLogTile",
            "Answers a tile of the tenant's own log, for that tenant alone: `<prefix>/tile/…` of C2SP tlog-tiles. Never changes.",
            action,
        )
        .answers(Answer::other(200, "The tile.", "application/octet-stream"))
        .fails(&GONE)
        .answers(Answer::other(304, "It is the one that `If-None-Match` names.", "application/octet-stream")),
        Operation::new(
            "GET /v1/audit/log/checkpoint",
            "getLogCheckpoint",
            "Answers the shared log's latest checkpoint, for everyone: `<prefix>/checkpoint` of C2SP tlog-tiles.",
            Access::Public,
        )
        .answers(Answer::other(200, "The note.", "text/plain; charset=utf-8"))
        .answers(Answer::other(304, "It is the one that `If-None-Match` names.", "text/plain; charset=utf-8"))
        .fails(&NOT_YET_INCLUDED),
        Operation::new(
            "GET /v1/audit/log/tile/{path+}",
            "getLogTile",
            "Answers a tile of the shared log, for everyone: `<prefix>/tile/…` of C2SP tlog-tiles. Never changes.",
            Access::Public,
        )
        .answers(Answer::other(200, "The tile.", "application/octet-stream"))
        .fails(&GONE)
        .answers(Answer::other(304, "It is the one that `If-None-Match` names.", "application/octet-stream")),
    ]
}

/// Request in, answer or problem out.
pub async fn handle(app: &App, request: Request) -> Response {
    let answer = match request.operation {
        "getCheckpoint" => log::checkpoint_asked(app, &request).await,
        "getLogCheckpoint" => log::checkpoint(app, &request, &LogName::Shared).await,
        "getConsistency" => check::consistency(app, &request).await,
        "getEventProof" => event_proof(app, &request).await,
        "getLogTile" => log::tile(app, &request, &LogName::Shared).await,
        "getLogs" => log::logs(app, &request).await,
        "getOwnLogCheckpoint" => log::own_checkpoint(app, &request).await,
        "getOwnLogTile" => log::own_tile(app, &request).await,
        "getProof" => proof(app, &request).await,
        "listControls" => Ok(report::controls()),
        "makeReport" => report::make(app, &request).await,
        "searchAuditEvents" => events::list(app, &request).await,
        "verifyEvidence" => check::verify(app, &request).await,
        "makeBundle" => bundle(app, &request).await,
        other => Err(NOT_FOUND.because(format_args!("no operation `{other}`"))),
    };
    answer.unwrap_or_else(|problem| problem.into_response(&request.request_id))
}

async fn proof(app: &App, request: &Request) -> Result<Response, Problem> {
    let event_id = request.query.get("event_id").map(String::as_str).unwrap_or_default();
    check_event_id(event_id, "/event_id")?;
    let tenant = request.tenant()?;
    let document = app.proofs.of_event(tenant, event_id).await?;
    let Some(document) = document else { return Err(absent(app, tenant, event_id).await?) };
    Ok(Response::json(StatusCode::OK, &document))
}

/// As JSON, or as one text that stands alone: its extra data is the entry and the key that open the leaf.
async fn event_proof(app: &App, request: &Request) -> Result<Response, Problem> {
    let (tenant, event_id) = (request.tenant()?, request.parameter("id")?);
    check_event_id(event_id, "/id")?;
    let document = app.proofs.of_event(tenant, event_id).await?;
    let Some(document) = document else { return Err(absent(app, tenant, event_id).await?) };
    let accept = request.headers.get("accept").map(String::as_str).unwrap_or_default();
    if !accept.split(',').any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == "text/plain")) {
        return Ok(Response::json(StatusCode::OK, &document));
    }
    // A leaf that is the entry needs no key.
    let is_clear = document.leaf == STANDARD.encode(document.entry.canonical());
    let entry_key = match is_clear {
        true => None,
        false => Some(tenant_key(app, tenant).await?.entry_key(tenant, event_id).to_text()),
    };
    let opens = Opens { entry_key, entry: document.entry };
    let hashes = document.proof.iter().map(|text| hash::from_text(text)).collect::<Option<Vec<_>>>();
    let proof = TlogProof {
        extra: Some(canonical(&opens).map_err(|error| PortError::new("store", error))?.into_bytes()),
        index: document.index,
        hashes: hashes.ok_or_else(|| PortError::new("ledger", "a proof of ours is misspelt"))?,
        checkpoint: document.checkpoint,
    };
    Ok(Response::new(StatusCode::OK)
        .with_header("content-type", "text/plain; charset=utf-8")
        .with_header("cache-control", "no-store")
        .with_header("content-disposition", "attachment; filename=\"event.tlog-proof\"")
        .with_body(proof.to_string()))
}

/// Why there is no proof of an event.
async fn absent(app: &App, tenant: &TenantId, event_id: &str) -> Result<Problem, Problem> {
    Ok(match app.proofs.gone(tenant, event_id).await? {
        Some(minimum) => GONE.because(format_args!(
            "entries below the minimum index {minimum} are kept no longer, and this event would be one of them"
        )),
        None => NOT_YET_INCLUDED.because(NOT_COVERED).retry_after_s(1),
    })
}

const NOT_COVERED: &str = "no checkpoint covers such an event of this tenant; events follow within seconds";

/// Reads only, so that it needs no `Idempotency-Key`: asked again it answers under a later checkpoint.
async fn bundle(app: &App, request: &Request) -> Result<Response, Problem> {
    let tenant = request.tenant()?;
    let BundleRequest { event_ids } = request.json()?;
    check_event_ids(&event_ids)?;
    let ids: Vec<_> = event_ids.iter().map(String::as_str).collect();
    let mut proved = Vec::with_capacity(ids.len());
    for (at, found) in app.proofs.of_events(tenant, &ids).await?.into_iter().enumerate() {
        let Some(found) = found else {
            let problem = absent(app, tenant, ids.get(at).copied().unwrap_or_default()).await?;
            return Err(
                problem.at(format!("/event_ids/{at}"), "not covered by a checkpoint, or kept no longer")
            );
        };
        proved.push(found);
    }
    let bundle = sealed(app, tenant, proved).await?;
    Ok(Response::json(StatusCode::OK, &bundle)
        .with_header("content-disposition", "attachment; filename=\"evidence.json\""))
}

async fn tenant_key(app: &App, tenant: &TenantId) -> Result<TenantKey, Problem> {
    let key = app.payloads.tenant_keys.get(tenant).await?;
    Ok(key.ok_or_else(|| PortError::new("store", "a tenant with entries has no ledger key"))?)
}

/// The bundle of what was proved, under one checkpoint of each log. What is erased is proved, and not shown.
async fn sealed(app: &App, tenant: &TenantId, proved: Vec<Proved>) -> Result<Bundle, Problem> {
    let key = tenant_key(app, tenant).await?;
    let pairs: Vec<_> = proved.iter().map(|proved| (&proved.document.entry, &proved.placed)).collect();
    let opened = app.payloads.open(tenant, &pairs).await?;
    let mut parts: BTreeMap<LogKind, BundlePart> = BTreeMap::new();
    for (Proved { document, placed }, opened) in proved.into_iter().zip(opened) {
        let ProofDocument { event_id, index, entry, proof, checkpoint, .. } = document;
        let (payload, blind_key) = opened.map(|opened| (opened.payload, opened.blind.to_text())).unzip();
        let entry_key = match placed.kind {
            LogKind::Shared => Some(key.entry_key(tenant, &event_id).to_text()),
            LogKind::Own => None,
        };
        let part = parts.entry(placed.kind).or_insert_with(|| BundlePart {
            origin: checkpoint.lines().next().unwrap_or_default().to_owned(),
            entries: Vec::new(),
            checkpoint,
        });
        part.entries.push(BundleEntry { entry, entry_key, index, proof, payload, blind_key });
    }
    let is_clear = parts.contains_key(&LogKind::Own);
    let format = if is_clear { BUNDLE_FORMAT_CLEAR } else { BUNDLE_FORMAT }.to_owned();
    let mut parts = parts.into_values();
    let first = parts.next().ok_or_else(|| PortError::new("ledger", "a bundle of nothing"))?;
    let BundlePart { origin, entries, checkpoint } = first;
    Ok(Bundle { format, origin, entries, checkpoint, own: parts.next() })
}

/// The log that a request names, of the two that can have the caller's entries; the shared one by default.
fn named(request: &Request) -> Result<LogName, Problem> {
    let Some(text) = request.query.get("log") else { return Ok(LogName::Shared) };
    match LogKind::parse(text) {
        Some(kind) => Ok(kind.of(request.tenant()?)),
        None => Err(INVALID_REQUEST.because("`log` is `shared` or `own`").at("/log", "not a log")),
    }
}

/// The latest checkpoint of a log.
async fn published(app: &App, log: &LogName) -> Result<Published, Problem> {
    app.proofs.published(log).await?.ok_or_else(|| match log {
        LogName::Shared => NOT_YET_INCLUDED.because("the ledger has no entry yet"),
        LogName::Own(_) => {
            NOT_YET_INCLUDED.because("this tenant has no log of its own, or it has no entry yet")
        }
    })
}

fn check_event_ids(event_ids: &[String]) -> Result<(), Problem> {
    if !(1..=BUNDLE_EVENTS_MAX).contains(&event_ids.len()) {
        return Err(INVALID_REQUEST
            .because(format_args!("`event_ids` has 1 to {BUNDLE_EVENTS_MAX} ids"))
            .at("/event_ids", "too few or too many"));
    }
    for (at, event_id) in event_ids.iter().enumerate() {
        let pointer = format!("/event_ids/{at}");
        check_event_id(event_id, &pointer)?;
        if event_ids.iter().take(at).any(|before| before == event_id) {
            return Err(INVALID_REQUEST.because("an event is named twice").at(pointer, "named before"));
        }
    }
    Ok(())
}

fn check_event_id(event_id: &str, pointer: &str) -> Result<(), Problem> {
    match id::is_id("evt", event_id) {
        true => Ok(()),
        false => Err(INVALID_REQUEST
            .because("an event's id is `evt_` and 32 lower-case hex digits")
            .at(pointer, "not an event's id")),
    }
}

#[cfg(test)]
mod tests;
