//! Why a batch is not in the log.

use std::sync::Arc;

use scorpius_core::{BlobName, PortError, StoreError};
use scorpius_edge::queue::BATCH_EVENTS_MAX;

use crate::bundle::Witnesses;
use crate::entry::NotAnEntry;
use crate::hash::SIZE_MAX;
use crate::note::Origin;
use crate::read::ReadError;

/// Why a batch is not in the log, or its checkpoint is not published yet.
#[derive(Debug, thiserror::Error)]
pub enum SequenceError {
    /// Other sequencers were faster every time. Try later.
    #[error("other sequencers hold the head")]
    Contention,
    /// The store said no.
    #[error("the ledger's records could not be read or changed")]
    Store(#[from] StoreError),
    /// Blobs or keys did not answer.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The log's tiles cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An event of the batch has no entry.
    #[error("event `{id}` has no entry")]
    Entry {
        /// Which.
        id: String,
        /// Why.
        source: NotAnEntry,
    },
    /// An event is in the log already, or twice in the batch, and says something else.
    #[error("event `{0}` differs from the one of the same id that came before")]
    EventChanged(String),
    /// An event is in the batch as two tenants'.
    #[error("event `{0}` is in the batch as two tenants'")]
    OtherTenant(String),
    /// More events than a batch may have.
    #[error("a batch of {0} events, over {BATCH_EVENTS_MAX}")]
    TooMany(usize),
    /// Its entries are in the log, and no checkpoint covers them before enough witnesses have cosigned it.
    #[error("cosigned by {witnesses}, which is fewer than the policy asks for: {refused}")]
    Quorum {
        /// By how many of how many.
        witnesses: Witnesses,
        /// Why the others did not.
        refused: String,
    },
    /// The log has another name than the one this sequencer was given.
    #[error("the log is `{log}`, and this sequencer was told `{told}`")]
    OtherOrigin {
        /// The log's.
        log: Origin,
        /// The setting.
        told: Origin,
    },
    /// It is in the log, and no checkpoint covers it yet.
    #[error("committed, and not published yet")]
    Unpublished(#[source] Arc<SequenceError>),
    /// Something that never changes has changed: the log stands still until a person has looked.
    #[error("the log is broken: {0}")]
    Broken(Broken),
}

/// What has changed that never changes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A tile exists and is another.
    #[error("`{0}` has other bytes than it can have")]
    OtherBytes(BlobName),
    /// The last, partial tile of entries does not fit the tree.
    #[error("the last tile of entries is not that of {0} entries")]
    NotItsTile(u64),
    /// The leaves that wait do not lead to the root that was committed.
    #[error("the head's leaves do not make its root")]
    Root,
    /// Somebody has seen more entries than the store knows.
    #[error("{seen_by} has {found} entries, and the store knows {known}: it was rolled back")]
    RolledBack {
        /// Who or what.
        seen_by: String,
        /// Entries that the store knows.
        known: u64,
        /// Entries that were seen.
        found: u64,
    },
    /// No index is left.
    #[error("the log is full at {SIZE_MAX} entries")]
    Full,
}

impl From<Broken> for SequenceError {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}
