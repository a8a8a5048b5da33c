//! Cursors of lists: opaque to the client, bound to the list that gave them out.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scorpius_core::Page;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::problem::{INVALID_REQUEST, Problem};
use crate::request::Request;

/// Wraps a store's cursor for a client; `list` names the list and its filters.
#[must_use]
pub fn seal(list: &str, cursor: &str) -> String {
    URL_SAFE_NO_PAD.encode([mark(list).as_slice(), cursor.as_bytes()].concat())
}

/// The store's cursor in `cursor=`, if there is one.
///
/// # Errors
/// 400 when it is not from this list. What is inside only says where to go on in a partition that
/// the caller may read anyway.
pub fn open(list: &str, request: &Request) -> Result<Option<String>, Problem> {
    let Some(text) = request.query.get("cursor") else { return Ok(None) };
    let bad = || {
        INVALID_REQUEST.because("the cursor does not belong to this list").at("/cursor", "not from this list")
    };
    open_text(list, text).map(Some).ok_or_else(bad)
}

/// What `text` says, when it is a cursor of `list`.
#[must_use]
pub fn open_text(list: &str, text: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    String::from_utf8(bytes.strip_prefix(mark(list).as_slice())?.to_vec()).ok()
}

fn mark(list: &str) -> [u8; 8] {
    let digest = Sha256::digest(list.as_bytes());
    digest[..8].try_into().expect("a digest has 32 bytes")
}

/// How a list goes on.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Pagination {
    /// For `cursor=` of the next request; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Pagination {
    /// After `page` of `list`.
    #[must_use]
    pub fn after(list: &str, page: &Page) -> Self {
        Self { next_cursor: page.cursor.as_deref().map(|cursor| seal(list, cursor)) }
    }
}
