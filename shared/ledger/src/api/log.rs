//! The shared log's files, for everyone: nothing in them differs between tenants but 32-byte values.

use http::StatusCode;
use scorpius_core::Blobs;
use scorpius_edge::problem::NOT_FOUND;
use scorpius_edge::{Problem, Request, Response};

use super::{App, GONE, NOT_YET_INCLUDED};
use crate::files::{BlobFiles, LogFiles};
use crate::hash;
use crate::read::TILE_BYTES_MAX;
use crate::tile::{Level, TILE_WIDTH, TileName};

/// A tile of a name has one content for ever.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// What is not there may be there in a moment.
const NOT_NOW: &str = "no-store";

/// The latest checkpoint. Two of one size may differ by who cosigned, so that its tag is of its bytes.
pub(super) async fn checkpoint(app: &App, request: &Request) -> Result<Response, Problem> {
    let published = app.proofs.published().await?;
    let published = published.ok_or_else(|| NOT_YET_INCLUDED.because("the ledger has no entry yet"))?;
    let etag = format!("\"{}\"", hash::sha256_hex(published.note.as_bytes()));
    let response = match is_known(request, &etag) {
        true => Response::new(StatusCode::NOT_MODIFIED),
        false => Response::new(StatusCode::OK)
            .with_header("content-type", "text/plain; charset=utf-8")
            .with_body(published.note),
    };
    Ok(response.with_header("etag", &etag).with_header("cache-control", "no-cache"))
}

/// One tile, exactly as it lies in the log.
pub(super) async fn tile(app: &App, request: &Request) -> Result<Response, Problem> {
    let path = format!("tile/{}", request.parameter("path")?);
    let name: TileName = path.parse().map_err(|error| NOT_FOUND.because(error))?;
    if name.level() == Level::Entries {
        let minimum = app.proofs.minimum().await?.index;
        if name.index() < minimum / u64::from(TILE_WIDTH) {
            return Err(
                GONE.because(format_args!("entries below the minimum index {minimum} are kept no longer"))
            );
        }
    }
    // One content for ever: whoever knows the name's tag knows the bytes.
    let etag = format!("\"{}\"", hash::sha256_hex(path.as_bytes()));
    if is_known(request, &etag) {
        return Ok(Response::new(StatusCode::NOT_MODIFIED)
            .with_header("etag", &etag)
            .with_header("cache-control", FOR_EVER));
    }
    let blobs: &dyn Blobs = &*app.proofs.blobs;
    match BlobFiles::shared(blobs).file(&name.to_string(), TILE_BYTES_MAX).await? {
        Some(bytes) => Ok(Response::new(StatusCode::OK)
            .with_header("content-type", "application/octet-stream")
            .with_header("cache-control", FOR_EVER)
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
