//! Which snapshot counts now, as every process sees it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use scorpius_core::error::chain;
use scorpius_core::{BlobName, Blobs, Clock, Key, Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::intel::{BadSnapshot, Indicator, ListHead, Listed, Snapshot};

/// For how long a process goes on with what the pointer said, in seconds.
pub const PINNED_FOR_S: u64 = 30;

/// Where the pointer is. There is one for all tenants: lists are public knowledge.
#[must_use]
pub fn pointer_key() -> Key {
    Key::new("intel", "current")
}

/// Which snapshot counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pointer {
    /// The blob's name, which has the hash of all its bytes.
    pub blob: String,
    /// Bytes of its head.
    pub head_bytes: u64,
    /// SHA-256 of its head, in hex.
    pub head_sha256: String,
    /// RFC 3339.
    pub published_at: String,
    /// Counts from 1.
    pub number: u64,
    /// Its lists.
    pub lists: Vec<ListHead>,
}

/// Why lists could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum IntelError {
    /// The pointer could not be read.
    #[error("the pointer to the lists could not be read")]
    Store(#[from] StoreError),
    /// The snapshot could not be read.
    #[error(transparent)]
    Snapshot(#[from] BadSnapshot),
}

/// What was asked of the lists, and what they said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// The lists that were asked.
    pub lists: Vec<ListHead>,
    /// Their rows, by what was asked.
    pub rows: Vec<(ListHead, Listed)>,
}

/// The snapshot that counts, read when it is first needed and exchanged as a whole.
pub struct Intel {
    store: Arc<dyn Store>,
    blobs: Arc<dyn Blobs>,
    clock: Arc<dyn Clock>,
    /// When the pointer was last asked, in milliseconds.
    looked_at: AtomicU64,
    /// With the blob's name.
    held: RwLock<Option<(String, Arc<Snapshot>)>>,
}

impl Intel {
    /// Nothing is read yet.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, blobs: Arc<dyn Blobs>, clock: Arc<dyn Clock>) -> Self {
        Self { store, blobs, clock, looked_at: AtomicU64::new(0), held: RwLock::new(None) }
    }

    /// The snapshot that counts; `None` before any feed was read.
    ///
    /// A new one that cannot be read leaves the old one in place, for verdicts name what they used; without
    /// an old one it is an error.
    ///
    /// # Errors
    /// `IntelError`.
    pub async fn current(&self) -> Result<Option<Arc<Snapshot>>, IntelError> {
        let held = self.held.read().ok().and_then(|held| held.clone());
        let now = self.clock.now().0;
        let looked_at = self.looked_at.load(Ordering::Acquire);
        let fresh = looked_at != 0 && now.saturating_sub(looked_at) < PINNED_FOR_S * 1_000;
        if fresh {
            return Ok(held.map(|(_, snapshot)| snapshot));
        }
        match self.look(held.as_ref().map(|(blob, _)| blob.as_str())).await {
            Ok(Looked::Same) => {
                self.looked_at.store(now, Ordering::Release);
                Ok(held.map(|(_, snapshot)| snapshot))
            }
            Ok(Looked::New(blob, snapshot)) => {
                let snapshot = Arc::new(snapshot);
                if let Ok(mut held) = self.held.write() {
                    *held = Some((blob, Arc::clone(&snapshot)));
                }
                self.looked_at.store(now, Ordering::Release);
                Ok(Some(snapshot))
            }
            Err(error) => match held {
                Some((_, snapshot)) => {
                    tracing::error!(error = chain(&error), "new lists could not be read, the old ones go on");
                    Ok(Some(snapshot))
                }
                None => Err(error),
            },
        }
    }

    async fn look(&self, held: Option<&str>) -> Result<Looked, IntelError> {
        let Some(record) = self.store.get(&pointer_key()).await? else { return Ok(Looked::Same) };
        let pointer: Pointer = record.document().map_err(StoreError::from)?;
        if held == Some(pointer.blob.as_str()) {
            return Ok(Looked::Same);
        }
        let blob: BlobName = pointer.blob.parse().map_err(|_| BadSnapshot::Form("name"))?;
        let snapshot = Snapshot::load(&*self.blobs, &blob, pointer.head_bytes, &pointer.head_sha256).await?;
        Ok(Looked::New(pointer.blob, snapshot))
    }

    /// Asks every list about `indicators`.
    ///
    /// # Errors
    /// `IntelError`.
    pub async fn ask(&self, indicators: &[Indicator]) -> Result<Answers, IntelError> {
        let Some(snapshot) = self.current().await? else { return Ok(Answers::default()) };
        let mut answers = Answers { lists: snapshot.lists().to_vec(), rows: Vec::new() };
        for indicator in indicators {
            answers.rows.extend(snapshot.find(&*self.blobs, indicator).await?);
        }
        Ok(answers)
    }
}

enum Looked {
    Same,
    New(String, Snapshot),
}
