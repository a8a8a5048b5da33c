//! Big things: bytes under a name, written once.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::error::PortError;

/// A blob's name: segments of `a-z A-Z 0-9 . _ -` between slashes, at most 512 bytes, none of them `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobName(String);

/// Not a name for a blob.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a blob name: `{0}`")]
pub struct NotABlobName(String);

impl BlobName {
    /// `<folder>/<SHA-256 of bytes>`: content-addressed.
    ///
    /// # Panics
    /// When `folder` is not a blob name itself; callers give constants and ids.
    #[must_use]
    pub fn of_content(folder: &str, bytes: &[u8]) -> Self {
        format!("{folder}/{}", hex::encode(Sha256::digest(bytes)))
            .parse()
            .expect("a folder made of constants and ids is a blob name")
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BlobName {
    type Err = NotABlobName;

    fn from_str(text: &str) -> Result<Self, NotABlobName> {
        let segment_is_fine = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        match text.len() <= 512 && text.split('/').all(segment_is_fine) {
            true => Ok(Self(text.to_owned())),
            false => Err(NotABlobName(text.chars().take(60).collect())),
        }
    }
}

impl fmt::Display for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What became of a `put_if_absent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is there now.
    Stored,
    /// It was there before, whatever its bytes; nothing was changed.
    AlreadyThere,
}

/// Bytes under a name. `Ok` means durable; a reader sees all of a blob or none of it.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores `bytes` unless the name is taken.
    async fn put_if_absent(&self, name: &BlobName, bytes: Bytes) -> Result<Put, PortError>;

    /// Stores `bytes` whatever was there. Only for pointers such as a log's latest checkpoint.
    async fn put(&self, name: &BlobName, bytes: Bytes) -> Result<(), PortError>;

    /// The whole blob, or `None`. Fails when it is larger than `max_bytes`.
    async fn get(&self, name: &BlobName, max_bytes: u64) -> Result<Option<Bytes>, PortError>;

    /// The bytes of `range`; shorter at the blob's end; `None` when there is no such blob.
    async fn get_range(&self, name: &BlobName, range: Range<u64>) -> Result<Option<Bytes>, PortError>;

    /// Removes the blob; fine when it is absent. For staging areas and expired drafts only.
    async fn delete(&self, name: &BlobName) -> Result<(), PortError>;

    /// A URL with which anyone may read the blob for `valid_for` (at most an hour).
    async fn sign_get(&self, name: &BlobName, valid_for: Duration) -> Result<String, PortError>;

    /// A URL with which anyone may write the blob once, at most `max_bytes`, for `valid_for` (at most an hour).
    async fn sign_put(
        &self,
        name: &BlobName,
        max_bytes: u64,
        valid_for: Duration,
    ) -> Result<String, PortError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_s_name_cannot_leave_its_folder() {
        for bad in ["", "/a", "a/", "a//b", "..", "a/../b", "a/./b", "a b", "a\\b", "a\0", "ä"] {
            assert!(bad.parse::<BlobName>().is_err(), "{bad}");
        }
        assert!("a".repeat(513).parse::<BlobName>().is_err());
        assert!("tile/0/x001/067.p/5".parse::<BlobName>().is_ok());
    }
}
