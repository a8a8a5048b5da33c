//! Anchors: every hour the latest checkpoint is put where nobody can take it away again.
//!
//! ```text
//! last anchor ─┐
//! record ──────┼─ continues? ─yes─> anchor-0000000042.json, put once
//! tiles ───────┘             └no──> an alarm, and no anchor
//! ```
//!
//! Anchors are numbered from 1 without a gap, so that the last one is found by asking for names alone, whatever the store remembers:
//! a store or a log that was rolled back is behind the last anchor. Each names the hash of the one before. None is put
//! while nothing was published, and none is told of as an event: telling would make the log grow every hour.
//!
//! Tenants' own logs have anchors of their own, beside those of the shared log. A run takes as many of them as it has time for, and
//! the next goes on after the last.

use std::sync::Arc;

use bytes::Bytes;
use schemars::JsonSchema;
use scorpius_core::{BlobName, Blobs, Clock, Keys, PortError, Put, Store, StoreError, TenantId, UnixMillis};
use serde::{Deserialize, Serialize};
use tlog_tiles::check_tree;

use crate::alarm::{Alarm, AlarmKind, Alarms};
use crate::entry::canonical;
use crate::files::BlobFiles;
use crate::hash::sha256_hex;
use crate::log::LogName;
use crate::note::{Checkpoint, NOTE_BYTES_MAX, Origin, VerifierKey};
use crate::payloads::Payloads;
use crate::read::{self, CHECKPOINT_BYTES_MAX, ReadError};
use crate::records::{Published, Records, root_of};
use crate::retention::{Forgetting, KeepDays, Retention};

mod check;
mod look;
mod own;

pub use check::{AnchorChain, NotAChain};
pub use look::LogLook;

/// What an anchor says it is.
const FORMAT: &str = "scorpius-anchor/1";
/// Bytes of an anchor: a note as a JSON string, in which each line's end takes two bytes.
const ANCHOR_BYTES_MAX: u64 = 2 * NOTE_BYTES_MAX as u64;
/// What the first anchor names as the one before.
const NO_ANCHOR: &str = "";
/// How often the race for a number is run.
const RACES_MAX: u32 = 4;
/// One every hour for ever does not come so far.
const NUMBER_MAX: u64 = 9_999_999_999;

/// A checkpoint that cannot be taken away again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// Always `scorpius-anchor/1`.
    pub format: String,
    /// From 1, without a gap.
    pub number: u64,
    /// When it was put, as the function says; RFC 3339.
    pub anchored_at: String,
    /// SHA-256 of the anchor before, as its file is, in hex; empty in the first.
    pub previous: String,
    /// The checkpoint, a signed note with its cosignatures.
    pub checkpoint: String,
}

impl Anchor {
    /// Reads an anchor's file.
    ///
    /// # Errors
    /// When it is none of this version.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotAnAnchor> {
        let anchor: Self = serde_json::from_slice(bytes).map_err(|error| NotAnAnchor(error.to_string()))?;
        match anchor.format == FORMAT && anchor.number >= 1 {
            true => Ok(anchor),
            false => Err(NotAnAnchor(format!("its format is not `{FORMAT}`"))),
        }
    }

    /// The name of the file of the `number`-th.
    #[must_use]
    pub fn file(number: u64) -> String {
        format!("anchor-{number:010}.json")
    }
}

/// Bytes that are no anchor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an anchor: {0}")]
pub struct NotAnAnchor(String);

/// What became of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchored {
    /// The checkpoint of so many entries is the anchor of this number.
    Put {
        /// From 1.
        number: u64,
        /// Entries.
        size: u64,
    },
    /// The last anchor is of the latest checkpoint.
    Known {
        /// Its number.
        number: u64,
    },
    /// The log has no entry yet.
    Empty,
}

/// Why there is no anchor.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    /// Others anchor at the same time, again and again.
    #[error("others put anchors at the same time")]
    Contention,
    /// The store did not answer.
    #[error("the ledger's records could not be read")]
    Store(#[from] StoreError),
    /// Blobs or keys did not answer.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The log's files could not be read, or are not what they must be.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An anchor is not what this log put.
    #[error("`{0}` is no anchor of this log")]
    Foreign(String),
    /// The record holds no checkpoint that this log signed.
    #[error("the latest checkpoint is not one that the log signed")]
    Unsigned,
    /// The last anchor has more entries: records and log are from an earlier time.
    #[error("{anchored} entries are anchored, and the store knows {known}: it was rolled back")]
    RolledBack {
        /// Entries that the store knows.
        known: u64,
        /// Entries of the last anchor.
        anchored: u64,
    },
    /// Two histories were signed.
    #[error("the checkpoint of {size} entries does not continue the anchored one of {anchored}")]
    NotContinued {
        /// Entries of the checkpoint.
        size: u64,
        /// Entries of the last anchor.
        anchored: u64,
    },
}

impl AnchorError {
    /// What somebody must know; `None` for what passes by itself.
    fn alarm(&self) -> Option<Alarm> {
        match self {
            Self::Contention | Self::Store(_) | Self::Port(_) => None,
            Self::Read(error) => Alarm::of_reading(error),
            Self::Foreign(name) => Some(Alarm::about(AlarmKind::ObjectChanged, name)),
            Self::Unsigned => Some(Alarm::about(AlarmKind::ObjectChanged, "the head's checkpoint")),
            Self::RolledBack { known, anchored } => {
                Some(Alarm::about(AlarmKind::RolledBack, "an anchor").sizes(*known, *anchored))
            }
            Self::NotContinued { size, anchored } => {
                Some(Alarm::about(AlarmKind::NotContinued, "an anchor").sizes(*anchored, *size))
            }
        }
    }
}

/// Puts anchors. Any number of these may work at once.
pub struct Anchorer {
    log: LogName,
    records: Records,
    blobs: Arc<dyn Blobs>,
    anchors: Arc<dyn Blobs>,
    keys: Arc<dyn Keys>,
    clock: Arc<dyn Clock>,
    origin: Origin,
    alarms: Alarms,
    payloads: Arc<Payloads>,
    keep: Option<KeepDays>,
}

/// The last anchor there is.
struct Last {
    number: u64,
    /// SHA-256 of its file.
    sha256: String,
    checkpoint: Checkpoint,
}

impl Anchorer {
    /// Over these ports, for the shared log, which is called `origin`, and tenants' own. `anchors` is where nothing is ever changed.
    #[must_use]
    pub fn new(
        (store, blobs, anchors): (Arc<dyn Store>, Arc<dyn Blobs>, Arc<dyn Blobs>),
        keys: Arc<dyn Keys>,
        clock: Arc<dyn Clock>,
        origin: Origin,
    ) -> Self {
        let log = LogName::Shared;
        let records = Records::new(Arc::clone(&store), log.clone());
        let payloads = Payloads::new(Arc::clone(&store), Arc::clone(&keys), Arc::clone(&clock));
        let (alarms, payloads) = (Alarms::new(store, Arc::clone(&clock), "audit-anchor"), Arc::new(payloads));
        Self { log, records, blobs, anchors, keys, clock, origin, alarms, payloads, keep: None }
    }

    /// Lets entries end that are older, after each anchor; without it all are kept for ever.
    #[must_use]
    pub fn keeping(self, keep: Option<KeepDays>) -> Self {
        Self { keep, ..self }
    }

    /// Takes one step for the shared log, and then for tenants' own, and lets secrets end of whom nothing is left. What is wrong with
    /// one log keeps no other from its step.
    ///
    /// # Errors
    /// `AnchorError`, the shared log's first; what is wrong with a log is told as an alarm, too.
    pub async fn run(&self) -> Result<Anchored, AnchorError> {
        let shared = self.step().await;
        let own = self.step_own().await;
        let forgotten = self.forget().await;
        let anchored = shared?;
        own?;
        forgotten?;
        Ok(anchored)
    }

    async fn forget(&self) -> Result<(), AnchorError> {
        match self.keep {
            Some(_) => {
                let (store, clock) = (&*self.alarms.store, &*self.clock);
                Forgetting { store, clock, anchorer: self }.step().await
            }
            None => Ok(()),
        }
    }

    /// The same for the own log of `tenant`.
    pub(crate) fn of_tenant(&self, tenant: TenantId) -> Result<Self, PortError> {
        let log = LogName::Own(tenant);
        Ok(Self {
            records: Records::new(Arc::clone(&self.alarms.store), log.clone()),
            blobs: Arc::clone(&self.blobs),
            anchors: Arc::clone(&self.anchors),
            keys: Arc::clone(&self.keys),
            clock: Arc::clone(&self.clock),
            origin: log.origin(&self.origin).map_err(|error| PortError::new("ledger", error))?,
            alarms: self.alarms.clone().of_log(&log),
            payloads: Arc::clone(&self.payloads),
            keep: self.keep,
            log,
        })
    }

    /// Anchors the latest checkpoint, unless it is anchored or does not continue the last one that is, and lets entries end.
    async fn step(&self) -> Result<Anchored, AnchorError> {
        let anchored = self.anchor().await;
        if let Some(alarm) = anchored.as_ref().err().and_then(AnchorError::alarm) {
            self.alarms.raise(alarm).await;
        }
        let anchored = anchored?;
        if let Some(keep) = self.keep {
            let ports = (&*self.alarms.store, &*self.blobs, &*self.clock);
            let (anchorer, payloads, log) = (self, &*self.payloads, &self.log);
            Retention { ports, anchorer, payloads, log, keep }.step().await?;
        }
        Ok(anchored)
    }

    async fn anchor(&self) -> Result<Anchored, AnchorError> {
        let key = VerifierKey::of_log(&*self.keys, &self.origin).await?;
        for _ in 0..RACES_MAX {
            // First the anchor: whatever is published now is published after it.
            let last = self.last(&key).await?;
            let published = self.records.head().await?.and_then(|read| read.head.published);
            let Some(published) = published else {
                return match last {
                    None => Ok(Anchored::Empty),
                    Some(last) => Err(AnchorError::RolledBack { known: 0, anchored: last.checkpoint.size }),
                };
            };
            let checkpoint = opened(&published, &key)?;
            let number = match &last {
                None => 1,
                Some(last) => {
                    self.continues(&checkpoint, &last.checkpoint).await?;
                    self.readers_get_no_older(&last.checkpoint, &key).await?;
                    if last.checkpoint.size == checkpoint.size {
                        return Ok(Anchored::Known { number: last.number });
                    }
                    last.number + 1
                }
            };
            let anchor = Anchor {
                format: FORMAT.to_owned(),
                number,
                anchored_at: self.clock.now().to_string(),
                previous: last.map_or_else(|| NO_ANCHOR.to_owned(), |last| last.sha256),
                checkpoint: published.note,
            };
            let bytes = canonical(&anchor).map_err(|error| PortError::new("anchors", error))?;
            if self.anchors.put_if_absent(&self.name(number)?, bytes.into()).await? == Put::Stored {
                return Ok(Anchored::Put { number, size: checkpoint.size });
            }
            // Somebody else has this number; what they anchored is the next to be continued.
        }
        Err(AnchorError::Contention)
    }

    /// The last anchor, by asking for names: twice as far each time, and then between.
    async fn last(&self, key: &VerifierKey) -> Result<Option<Last>, AnchorError> {
        let (mut there, mut absent) = (0, 1);
        while self.find(absent).await?.is_some() {
            (there, absent) = (absent, 2 * absent);
        }
        while absent - there > 1 {
            let between = there + (absent - there) / 2;
            match self.find(between).await? {
                Some(_) => there = between,
                None => absent = between,
            }
        }
        match there {
            0 => Ok(None),
            _ => self.read(there, key).await.map(|(last, _)| Some(last)),
        }
    }

    /// The anchor of this number, and when it was put.
    async fn read(&self, there: u64, key: &VerifierKey) -> Result<(Last, String), AnchorError> {
        let foreign = || AnchorError::Foreign(Anchor::file(there));
        let bytes = self.find(there).await?.ok_or_else(foreign)?;
        let anchor = Anchor::parse(&bytes).map_err(|_| foreign())?;
        let checkpoint = Checkpoint::open(anchor.checkpoint.as_bytes(), std::slice::from_ref(key));
        let checkpoint = checkpoint.map_err(|_| foreign())?;
        if anchor.number != there || checkpoint.origin != self.origin {
            return Err(foreign());
        }
        Ok((Last { number: there, sha256: sha256_hex(&bytes), checkpoint }, anchor.anchored_at))
    }

    /// Entries of the last anchor that was put by `moment`, and when it was put: they were in the log then.
    pub(crate) async fn anchored_by(
        &self,
        moment: UnixMillis,
    ) -> Result<Option<(u64, UnixMillis)>, AnchorError> {
        let key = VerifierKey::of_log(&*self.keys, &self.origin).await?;
        let Some(last) = self.last(&key).await? else { return Ok(None) };
        let (mut old, mut young, mut found) = (0, last.number + 1, None);
        while young - old > 1 {
            let between = old + (young - old) / 2;
            let (anchor, at) = self.read(between, &key).await?;
            let at: UnixMillis = at.parse().map_err(|_| AnchorError::Foreign(Anchor::file(between)))?;
            if at <= moment {
                (old, found) = (between, Some((anchor.checkpoint.size, at)));
            } else {
                young = between;
            }
        }
        Ok(found)
    }

    /// A moment before which nothing was committed that is at `index` or after it; `None` when no anchor shows one.
    pub(crate) async fn none_before(&self, index: u64) -> Result<Option<UnixMillis>, AnchorError> {
        let key = VerifierKey::of_log(&*self.keys, &self.origin).await?;
        let Some(last) = self.last(&key).await? else { return Ok(None) };
        let (mut below, mut beyond) = (0, last.number + 1);
        while beyond - below > 1 {
            let between = below + (beyond - below) / 2;
            match self.read(between, &key).await?.0.checkpoint.size <= index {
                true => below = between,
                false => beyond = between,
            }
        }
        // What waited for its checkpoint when that one was put may be after it. What was committed when the one before was put is not:
        // whatever is published covers all that is committed by then.
        if below < 2 {
            return Ok(None);
        }
        let (_, at) = self.read(below - 1, &key).await?;
        at.parse().map(Some).map_err(|_| AnchorError::Foreign(Anchor::file(below - 1)))
    }

    async fn find(&self, number: u64) -> Result<Option<Bytes>, PortError> {
        if number > NUMBER_MAX {
            return Ok(None);
        }
        self.anchors.get(&self.name(number)?, ANCHOR_BYTES_MAX).await
    }

    fn name(&self, number: u64) -> Result<BlobName, PortError> {
        self.log.anchor(&Anchor::file(number))
    }

    /// Whether the checkpoint continues the anchored one, by the log's own tiles.
    async fn continues(&self, checkpoint: &Checkpoint, anchored: &Checkpoint) -> Result<(), AnchorError> {
        let (size, old) = (checkpoint.size, anchored.size);
        if size < old {
            return Err(AnchorError::RolledBack { known: size, anchored: old });
        }
        let not_continued = AnchorError::NotContinued { size, anchored: old };
        if size == old {
            return if checkpoint.root == anchored.root { Ok(()) } else { Err(not_continued) };
        }
        let files = BlobFiles::of(&*self.blobs, &self.log);
        // The tiles are first shown to be this checkpoint's, so that tiles that changed are not taken for another history.
        read::edge(&files, size, &checkpoint.root).await?;
        let proof = read::prove_consistency(&files, size, old).await?;
        check_tree(&proof, size, checkpoint.root, old, anchored.root).map_err(|_| not_continued)
    }

    /// Whoever reads without the store must not be shown what was current an hour ago. Nothing here depends on that copy.
    async fn readers_get_no_older(
        &self,
        anchored: &Checkpoint,
        key: &VerifierKey,
    ) -> Result<(), AnchorError> {
        let copy = self.blobs.get(&self.log.blob("checkpoint")?, CHECKPOINT_BYTES_MAX).await?;
        let copied = copy.map(|copy| Checkpoint::open(&copy, std::slice::from_ref(key)));
        let alarm = match copied {
            None => Alarm::about(AlarmKind::ObjectMissing, "checkpoint"),
            Some(Err(_)) => Alarm::about(AlarmKind::ForgedCheckpoint, "checkpoint"),
            Some(Ok(copied)) if copied.size < anchored.size => {
                Alarm::about(AlarmKind::StaleCheckpoint, "checkpoint").sizes(anchored.size, copied.size)
            }
            Some(Ok(_)) => return Ok(()),
        };
        self.alarms.raise(alarm).await;
        Ok(())
    }
}

/// What the record says, as the log has signed it.
fn opened(published: &Published, key: &VerifierKey) -> Result<Checkpoint, AnchorError> {
    let checkpoint = Checkpoint::open(published.note.as_bytes(), std::slice::from_ref(key))
        .map_err(|_| AnchorError::Unsigned)?;
    match checkpoint.size == published.size && checkpoint.root == root_of(&published.root)? {
        true => Ok(checkpoint),
        false => Err(AnchorError::Unsigned),
    }
}

#[cfg(test)]
mod tests;
