//! Proofs that the log only grew, and checks for those who trust this server with them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use schemars::JsonSchema;
use scorpius_core::PortError;
use scorpius_edge::problem::INVALID_REQUEST;
use scorpius_edge::{Problem, Request, Response};
use serde::{Deserialize, Serialize};

use super::{App, NOT_YET_INCLUDED, named, published};
use crate::alarm::{Alarm, AlarmKind};
use crate::bundle::Bundle;
use crate::files::BlobFiles;
use crate::hash;
use crate::log::LogName;
use crate::note::{Checkpoint, Origin, VerifierKey};
use crate::policy::Policy;
use crate::read::{self, ReadError};
use crate::records::root_of;
use crate::verify;

/// That a later tree continues an earlier one.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ConsistencyDocument {
    /// Entries of the earlier tree.
    pub from: u64,
    /// Its root, in Base64, as the log says: compare it with the one that you kept.
    pub from_root: String,
    /// Entries of the later tree.
    pub to: u64,
    /// Its root, in Base64.
    pub to_root: String,
    /// RFC 6962 consistency proof, in Base64; empty when `from` is 0 or `to`.
    pub proof: Vec<String>,
    /// The log's latest checkpoint as a signed note (C2SP).
    pub checkpoint: String,
}

/// Evidence to check: one of `bundle`, `checkpoint` and `tlog_proof`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyRequest {
    /// An evidence bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Bundle>,
    /// A checkpoint as a signed note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// A proof as C2SP writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tlog_proof: Option<String>,
    /// The entry that `tlog_proof` is of, in Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// A checkpoint that was kept from earlier: is it of the same history?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
}

pub(super) async fn consistency(app: &App, request: &Request) -> Result<Response, Problem> {
    let from = size(request, "from")?.ok_or_else(|| bad("from", "is needed"))?;
    let to = size(request, "to")?;
    let log = named(request)?;
    let published = published(app, &log).await?;
    let to = to.unwrap_or(published.size);
    if from > to {
        return Err(bad("from", "is larger than `to`"));
    }
    if to > published.size {
        let why = format!("the latest checkpoint covers {} entries", published.size);
        return Err(NOT_YET_INCLUDED.because(why).at("/to", "beyond the latest checkpoint"));
    }
    let root = root_of(&published.root)?;
    let files = BlobFiles::of(&*app.proofs.blobs, &log);
    let proved = read::prove_between(&files, (from, to), (published.size, &root)).await.map_err(port)?;
    let document = ConsistencyDocument {
        from: proved.from,
        from_root: hash::to_text(&proved.from_root),
        to: proved.to,
        to_root: hash::to_text(&proved.to_root),
        proof: proved.proof.iter().map(hash::to_text).collect(),
        checkpoint: published.note,
    };
    Ok(Response::json(StatusCode::OK, &document))
}

/// `name` as C2SP writes a size: no sign, no leading zero.
fn size(request: &Request, name: &str) -> Result<Option<u64>, Problem> {
    let Some(text) = request.query.get(name) else { return Ok(None) };
    let size = crate::tlog_proof::decimal(text).ok_or_else(|| bad(name, "is no whole number"))?;
    Ok(Some(size))
}

fn bad(name: &str, why: &str) -> Problem {
    INVALID_REQUEST.because(format_args!("`{name}` {why}")).at(format!("/{name}"), why)
}

fn port(error: ReadError) -> PortError {
    match error {
        ReadError::Port(error) => error,
        error => PortError::new("ledger", error),
    }
}

/// Checks evidence with this log's own key. Whoever does not trust this server asks `scorpius verify`.
pub(super) async fn verify(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: VerifyRequest = request.json()?;
    let given = [asked.bundle.is_some(), asked.checkpoint.is_some(), asked.tlog_proof.is_some()];
    if given.into_iter().filter(|given| *given).count() != 1 {
        return Err(INVALID_REQUEST.because("give one of `bundle`, `checkpoint` and `tlog_proof`"));
    }
    let policy = Policy::of_logs(&keys(app, request).await?);
    let report = match (asked.bundle, asked.checkpoint, asked.tlog_proof) {
        (Some(bundle), None, None) => verify::bundle_of(bundle, &policy),
        (None, Some(note), None) => verify::checkpoint_under(note.as_bytes(), &policy),
        (None, None, Some(text)) => {
            let entry = asked.entry.as_deref().map(|text| STANDARD.decode(text)).transpose();
            let entry = entry.map_err(|_| bad("entry", "is not Base64"))?;
            verify::tlog_proof(&text, entry.as_deref(), &policy)
        }
        _ => return Err(INVALID_REQUEST.because("give one of `bundle`, `checkpoint` and `tlog_proof`")),
    };
    let report = match asked.kept {
        Some(kept) => against(app, request, report, &kept, &policy).await?,
        None => report,
    };
    if let Some(alarm) = Alarm::of_evidence(&report) {
        app.alarms.raise_to(request.tenant()?, &request.actor()?, alarm).await;
    }
    Ok(Response::json(StatusCode::OK, &report.scope()))
}

/// The keys of the logs that have the caller's entries; nobody is told what is true of another tenant's own log.
async fn keys(app: &App, request: &Request) -> Result<Vec<VerifierKey>, Problem> {
    let published = published(app, &LogName::Shared).await?;
    let origin = published.note.lines().next().unwrap_or_default();
    let shared: Origin = origin.parse().map_err(|error| PortError::new("store", error))?;
    let own = LogName::Own(request.tenant()?.clone()).origin(&shared);
    let own = own.map_err(|error| PortError::new("ledger", error))?;
    let keys =
        [VerifierKey::of_log(&*app.keys, &shared).await?, VerifierKey::of_log(&*app.keys, &own).await?];
    Ok(keys.to_vec())
}

/// Which of the caller's logs has this checkpoint.
fn log_of(request: &Request, checkpoint: &Checkpoint) -> Result<LogName, Problem> {
    let tenant = request.tenant()?;
    let is_own = checkpoint.origin.as_str().ends_with(&format!("/{tenant}"));
    Ok(if is_own { LogName::Own(tenant.clone()) } else { LogName::Shared })
}

/// Holds the report's checkpoint against the kept one; the proof is made from this log.
async fn against(
    app: &App,
    request: &Request,
    report: verify::Report,
    kept: &str,
    policy: &Policy,
) -> Result<verify::Report, Problem> {
    let kept = policy.open(kept.as_bytes()).map_err(|error| bad("kept", &error.to_string()))?.checkpoint;
    // This log has signed it, and knows nothing of it.
    let log = log_of(request, &kept)?;
    let published = app.proofs.published(&log).await?.map_or(0, |published| published.size);
    if kept.size > published {
        let alarm = Alarm::about(AlarmKind::RolledBack, "a kept checkpoint").sizes(published, kept.size);
        app.alarms.clone().of_log(&log).raise(alarm).await;
    }
    let proof = match report.held_against(&kept).map(|checkpoint| checkpoint.size) {
        Some(size) => proof(app, &log, &kept, size).await?,
        None => Vec::new(),
    };
    Ok(report.against(&kept, &proof))
}

/// Empty where there can be none: the check then fails.
async fn proof(
    app: &App,
    log: &LogName,
    kept: &Checkpoint,
    size: u64,
) -> Result<Vec<tlog_tiles::Hash>, Problem> {
    if kept.size == 0 || kept.size >= size {
        return Ok(Vec::new());
    }
    let files = BlobFiles::of(&*app.proofs.blobs, log);
    Ok(read::prove_consistency(&files, size, kept.size).await.map_err(port)?)
}
