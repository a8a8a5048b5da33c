//! Big things: bytes under a name, written once.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::error::PortError;
use crate::id::CommitId;
use crate::store::{StoreError, Write};

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

/// Blobs that one `put_all_if_absent` takes. A process of the ledger puts two tiles for each 256 of 1,024 leaves, and a few partial ones.
pub const PUT_ALL_MAX: usize = 64;

/// More blobs than are put at once.
#[derive(Debug, thiserror::Error)]
#[error("{0} blobs to put at once, over {PUT_ALL_MAX}")]
struct TooMany(usize);

/// The limit of `put_all_if_absent`, which every adapter holds to before anything is put.
///
/// # Errors
/// When there are more than `PUT_ALL_MAX`.
pub fn check_put_all(blobs: &[(BlobName, Bytes)]) -> Result<(), PortError> {
    match blobs.len() <= PUT_ALL_MAX {
        true => Ok(()),
        false => Err(PortError::new("blobs", TooMany(blobs.len()))),
    }
}

/// `Blobs::put_all_if_absent` where each blob is put for itself.
///
/// # Errors
/// When there are too many, or one of them could not be put: those after it were not tried.
pub async fn put_each<B: Blobs + ?Sized>(
    to: &B,
    blobs: Vec<(BlobName, Bytes)>,
) -> Result<Vec<Put>, PortError> {
    check_put_all(&blobs)?;
    let mut puts = Vec::with_capacity(blobs.len());
    for (name, bytes) in blobs {
        puts.push(to.put_if_absent(&name, bytes).await?);
    }
    Ok(puts)
}

/// Blobs, and the commit of the store beside them that tells of them.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Stored unless their names are taken, as by `Blobs::put_all_if_absent`: at most `PUT_ALL_MAX`, each name once.
    pub blobs: Vec<(BlobName, Bytes)>,
    /// Stored whatever was there, as by `Blobs::put`.
    pub pointer: (BlobName, Bytes),
    /// As for `Store::commit`.
    pub id: CommitId,
    /// As for `Store::commit`.
    pub writes: Vec<Write>,
}

/// What became of a `Publication`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// All of it is there; the version that every `Put` of the commit has.
    Committed(u64),
    /// A blob of this name has other bytes; nothing was changed.
    OtherBytes(BlobName),
}

/// Blobs that are in one place with the records of a store.
#[async_trait]
pub trait BlobsWithRecords: Send + Sync {
    /// Stores the blobs and the pointer, and commits, all of it or nothing; it is seen at once. Fails as `Store::commit` does, and may be tried
    /// again as that: where it was applied before, the pointer is left as it is.
    async fn publish(&self, publication: &Publication) -> Result<Published, StoreError>;
}

/// Bytes under a name. `Ok` means durable; a reader sees all of a blob or none of it.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores `bytes` unless the name is taken.
    async fn put_if_absent(&self, name: &BlobName, bytes: Bytes) -> Result<Put, PortError>;

    /// Stores each of at most `PUT_ALL_MAX` blobs unless its name is taken, in any order, and answers for each in theirs. `Ok` means that all are
    /// durable, which an adapter may bring about at once; when it fails, any of them may be there. Of a name that comes twice either may be stored.
    async fn put_all_if_absent(&self, blobs: Vec<(BlobName, Bytes)>) -> Result<Vec<Put>, PortError> {
        put_each(self, blobs).await
    }

    /// Stores `bytes` whatever was there. Only for pointers such as a log's latest checkpoint.
    async fn put(&self, name: &BlobName, bytes: Bytes) -> Result<(), PortError>;

    /// These blobs as they are in one place with the records of the store that they are used with; `None` when they are elsewhere: then who
    /// publishes does one thing after the other.
    fn with_records(&self) -> Option<&dyn BlobsWithRecords> {
        None
    }

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
