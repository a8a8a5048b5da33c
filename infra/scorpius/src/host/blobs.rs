//! Signed URLs: what S3 serves on AWS.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use scorpius_core::{Blobs, Put};
use scorpius_edge::HttpAnswer;
use scorpius_local::Signed;

use super::Host;
use super::gateway::{BODY_BYTES_MAX, WireRequest};

/// Where signed URLs lie.
const PREFIX: &str = "/local/blobs/";

impl Host {
    /// The answer to a request for a signed URL; `None` when it is for something else.
    pub(super) async fn signed_blob(&self, request: &WireRequest) -> Option<HttpAnswer> {
        if !request.path.starts_with(PREFIX) {
            return None;
        }
        let signed = self.local.blobs.check_signed(&request.method, &request.path, &request.query);
        let answered = match signed {
            Err(error) => {
                tracing::info!(%error, "a signed URL was refused");
                return Some(plain(403));
            }
            Ok(Signed::Get { name }) => self
                .local
                .blobs
                .get(&name, BODY_BYTES_MAX as u64)
                .await
                .map(|blob| blob.map_or_else(|| plain(404), |bytes| with_body(&bytes))),
            Ok(Signed::PutOnce { max_bytes, .. }) if request.body.len() as u64 > max_bytes => Ok(plain(413)),
            Ok(Signed::PutOnce { name, .. }) => {
                let bytes = Bytes::copy_from_slice(&request.body);
                self.local.blobs.put_if_absent(&name, bytes).await.map(|put| match put {
                    Put::Stored => plain(200),
                    Put::AlreadyThere => plain(412),
                })
            }
        };
        Some(answered.unwrap_or_else(|error| {
            tracing::error!(error = scorpius_core::error::chain(&error), "a blob cannot be served");
            plain(503)
        }))
    }
}

fn plain(status: u16) -> HttpAnswer {
    HttpAnswer {
        status_code: status,
        headers: BTreeMap::new(),
        cookies: Vec::new(),
        body: String::new(),
        is_base64_encoded: false,
    }
}

fn with_body(bytes: &[u8]) -> HttpAnswer {
    let mut answer = plain(200);
    answer.headers.insert("content-type".to_owned(), "application/octet-stream".to_owned());
    answer.headers.insert("x-content-type-options".to_owned(), "nosniff".to_owned());
    answer.body = STANDARD.encode(bytes);
    answer.is_base64_encoded = true;
    answer
}
