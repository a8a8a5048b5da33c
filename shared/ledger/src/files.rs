//! A log's files, wherever they lie.

use async_trait::async_trait;
use bytes::Bytes;
use scorpius_core::{Blobs, PortError};

use crate::log::LogName;

/// The file that says below which index entries are gone, as a decimal number and a line's end; absent when none is.
pub const MINIMUM_FILE: &str = "minimum";
/// Bytes of that file.
pub(crate) const MINIMUM_BYTES_MAX: u64 = 32;

/// A log's files, as C2SP names them below its prefix: `checkpoint`, `tile/…`. Nothing that they hold is believed.
#[async_trait]
pub trait LogFiles: Send + Sync {
    /// The whole file, or `None`. Fails when it is larger than `bytes_max`.
    async fn file(&self, path: &str, bytes_max: u64) -> Result<Option<Bytes>, PortError>;
}

/// A log among the blobs.
#[derive(Clone, Copy)]
pub struct BlobFiles<'a> {
    blobs: &'a dyn Blobs,
    log: &'a LogName,
}

impl<'a> BlobFiles<'a> {
    /// The shared log.
    #[must_use]
    pub fn shared(blobs: &'a dyn Blobs) -> Self {
        Self::of(blobs, &LogName::Shared)
    }

    /// This log.
    #[must_use]
    pub fn of(blobs: &'a dyn Blobs, log: &'a LogName) -> Self {
        Self { blobs, log }
    }
}

#[async_trait]
impl LogFiles for BlobFiles<'_> {
    async fn file(&self, path: &str, bytes_max: u64) -> Result<Option<Bytes>, PortError> {
        self.blobs.get(&self.log.blob(path)?, bytes_max).await
    }
}
