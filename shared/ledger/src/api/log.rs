//! The logs as files: the shared log's for everyone, where nothing differs between tenants but 32-byte values, and a tenant's own for that
//! tenant. Which tenant's is said by the credential alone: nobody can name another's.

use http::StatusCode;
use schemars::JsonSchema;
use scorpius_core::operator::first_tenant_of;
use scorpius_core::{PortError, TenantId, UnixMillis};
use scorpius_edge::problem::NOT_FOUND;
use scorpius_edge::{Problem, Request, Response};
use serde::{Deserialize, Serialize};

use super::{App, GONE, NOT_YET_INCLUDED, named, published};
use crate::files::{BlobFiles, LogFiles};
use crate::hash;
use crate::log::{LogKind, LogName, OwnLogs};
use crate::note::{Origin, VerifierKey};
use crate::read::TILE_BYTES_MAX;
use crate::records::{Head, Records};
use crate::tile::{Level, TILE_WIDTH, TileName};

/// A tile of a name has one content for ever.
const FOR_EVER: &str = "max-age=31536000, immutable";
/// What is not there may be there in a moment.
const NOT_NOW: &str = "no-store";

/// A log that has entries of the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogDocument {
    /// Its name in checkpoints.
    pub origin: String,
    /// Its verifier key, as note verifiers write it. Whoever does not trust this server has it from elsewhere.
    pub key: String,
    /// Entries that its latest checkpoint covers.
    pub size: u64,
    /// Which of them are kept.
    pub kept: KeptDocument,
}

/// Which entries of a log are kept, and what keeps the others from ending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeptDocument {
    /// Entries below are kept no longer; 0 when all are.
    pub minimum_index: u64,
    /// The next minimum index, where one is announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<NextMinimum>,
    /// The legal hold that keeps it from going on, where it is the caller's tenant's, or the caller's tenant runs the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<HeldDocument>,
}

/// A minimum index that is announced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NextMinimum {
    /// Entries below are kept no longer then.
    pub index: u64,
    /// When, RFC 3339.
    pub effective_at: String,
}

/// What keeps entries from ending, as it was found in the last hour in which some were old enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeldDocument {
    /// `hld_…`.
    pub hold: String,
    /// The index of the first entry that it keeps: it and all after it stay.
    pub index: u64,
}

/// A log that has entries of this tenant alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OwnLogDocument {
    /// The log.
    #[serde(flatten)]
    pub log: LogDocument,
    /// It has the events from this moment on, RFC 3339; earlier ones are in the shared log. It may be to come, and never moves.
    pub since: String,
}

/// The logs that have entries of the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogsDocument {
    /// The one that tenants share.
    pub shared: LogDocument,
    /// The tenant's own; absent unless it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<OwnLogDocument>,
}

pub(super) async fn logs(app: &App, request: &Request) -> Result<Response, Problem> {
    let tenant = request.tenant()?;
    let head = head(app, &LogName::Shared).await?;
    let head = head.ok_or_else(|| NOT_YET_INCLUDED.because("the ledger has no entry yet"))?;
    let shared =
        document(app, &head.origin, head.published_size(), kept(app, tenant, &LogName::Shared).await?)
            .await?;
    let beginning = OwnLogs::new(std::sync::Arc::clone(&app.proofs.store)).of(tenant).await?;
    let own = match beginning {
        None => None,
        Some(beginning) => {
            let log = LogName::Own(tenant.clone());
            let origin = log.origin(&head.origin).map_err(|error| PortError::new("ledger", error))?;
            let size = self::head(app, &log).await?.map_or(0, |head| head.published_size());
            let since = UnixMillis(beginning.since_ms).to_string();
            let kept = kept(app, tenant, &log).await?;
            Some(OwnLogDocument { log: document(app, &origin, size, kept).await?, since })
        }
    };
    Ok(Response::json(StatusCode::OK, &LogsDocument { shared, own }))
}

async fn head(app: &App, log: &LogName) -> Result<Option<Head>, Problem> {
    let records = Records::new(std::sync::Arc::clone(&app.proofs.store), log.clone());
    Ok(records.head().await?.map(|read| read.head))
}

async fn document(app: &App, origin: &Origin, size: u64, kept: KeptDocument) -> Result<LogDocument, Problem> {
    let key = VerifierKey::of_log(&*app.keys, origin).await?;
    Ok(LogDocument { origin: origin.to_string(), key: key.to_string(), size, kept })
}

/// What a tenant may know of what is kept: nothing of another's holds, unless it runs the platform.
async fn kept(app: &App, tenant: &TenantId, log: &LogName) -> Result<KeptDocument, Problem> {
    let minimum = app.proofs.minimum(log).await?;
    let next = minimum.announced.map(|next| NextMinimum {
        index: next.index,
        effective_at: UnixMillis(next.effective_ms).to_string(),
    });
    let held = match minimum.held {
        Some(held) => {
            let may_know =
                held.tenant == *tenant || first_tenant_of(&*app.proofs.store).await?.as_ref() == Some(tenant);
            may_know.then_some(HeldDocument { hold: held.hold, index: held.index })
        }
        None => None,
    };
    Ok(KeptDocument { minimum_index: minimum.index, next, held })
}

/// Of the log that is asked for.
pub(super) async fn checkpoint_asked(app: &App, request: &Request) -> Result<Response, Problem> {
    checkpoint(app, request, &named(request)?).await
}

pub(super) async fn own_checkpoint(app: &App, request: &Request) -> Result<Response, Problem> {
    checkpoint(app, request, &LogName::Own(request.tenant()?.clone())).await
}

pub(super) async fn own_tile(app: &App, request: &Request) -> Result<Response, Problem> {
    tile(app, request, &LogName::Own(request.tenant()?.clone())).await
}

/// Who may keep a copy.
fn kept_by(log: &LogName) -> &'static str {
    match log.kind() {
        LogKind::Shared => "public",
        LogKind::Own => "private",
    }
}

/// The latest checkpoint. Two of one size may differ by who cosigned, so that its tag is of its bytes.
pub(super) async fn checkpoint(app: &App, request: &Request, log: &LogName) -> Result<Response, Problem> {
    let published = published(app, log).await?;
    let etag = format!("\"{}\"", hash::sha256_hex(published.note.as_bytes()));
    let response = match is_known(request, &etag) {
        true => Response::new(StatusCode::NOT_MODIFIED),
        false => Response::new(StatusCode::OK)
            .with_header("content-type", "text/plain; charset=utf-8")
            .with_body(published.note),
    };
    let caching = match log.kind() {
        LogKind::Shared => "no-cache",
        LogKind::Own => "private, no-cache",
    };
    Ok(response.with_header("etag", &etag).with_header("cache-control", caching))
}

/// One tile, exactly as it lies in the log.
pub(super) async fn tile(app: &App, request: &Request, log: &LogName) -> Result<Response, Problem> {
    let path = format!("tile/{}", request.parameter("path")?);
    let name: TileName = path.parse().map_err(|error| NOT_FOUND.because(error))?;
    if name.level() == Level::Entries {
        let minimum = app.proofs.minimum(log).await?.index;
        if name.index() < minimum / u64::from(TILE_WIDTH) {
            return Err(
                GONE.because(format_args!("entries below the minimum index {minimum} are kept no longer"))
            );
        }
    }
    // One content for ever: whoever knows the name's tag knows the bytes. Another log's tile of that name is another.
    let tagged = match log {
        LogName::Shared => path,
        LogName::Own(tenant) => format!("{tenant}/{path}"),
    };
    let etag = format!("\"{}\"", hash::sha256_hex(tagged.as_bytes()));
    let for_ever = format!("{}, {FOR_EVER}", kept_by(log));
    if is_known(request, &etag) {
        return Ok(Response::new(StatusCode::NOT_MODIFIED)
            .with_header("etag", &etag)
            .with_header("cache-control", &for_ever));
    }
    match BlobFiles::of(&*app.proofs.blobs, log).file(&name.to_string(), TILE_BYTES_MAX).await? {
        Some(bytes) => Ok(Response::new(StatusCode::OK)
            .with_header("content-type", "application/octet-stream")
            .with_header("cache-control", &for_ever)
            .with_header("etag", &etag)
            .with_body(bytes)),
        None => {
            let missing = NOT_FOUND.because(format_args!("the log has no `{name}`"));
            Ok(missing.into_response(&request.request_id).with_header("cache-control", NOT_NOW))
        }
    }
}

fn is_known(request: &Request, etag: &str) -> bool {
    let asked = request.headers.get("if-none-match").map(String::as_str).unwrap_or_default();
    asked.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag)
}
