//! The one way into the log: stage, compare-and-swap, apply, publish.
//!
//! ```text
//! A stage   : blob ledger/staging/<size>-<root>          everything that applying needs; nobody refers to it
//! B commit  : head moves, batch and events are recorded  the only truth; two sequencers: one wins
//! C apply   : tiles, put if absent                       the same bytes by whoever does it
//! D publish : sign, record, copy the checkpoint          the record never goes back
//! ```
//!
//! Whoever comes finds a head that is ahead of what is published and does C and D first, from the
//! staging blob. Nothing is locked: a sequencer may stop anywhere and for any time.

mod fresh;

use std::sync::Arc;

use bytes::Bytes;
use futures::future::{try_join, try_join_all};
use scorpius_core::crash::{CrashPoint, point};
use scorpius_core::{
    BlobName, Blobs, Clock, CommitId, Event, KeyName, Keys, PortError, Put, Store, StoreError, Write,
};
use scorpius_edge::idempotency::commit_with_retry;
use scorpius_edge::queue::BATCH_EVENTS_MAX;

use crate::bundle::Witnesses;
use crate::entry::NotAnEntry;
use crate::files::{BlobFiles, blob};
use crate::hash::SIZE_MAX;
use crate::note::{Checkpoint, Origin, VerifierKey};
use crate::payloads::Payloads;
use crate::read::{self, CHECKPOINT_BYTES_MAX, ReadError};
use crate::records::{Head, Published, ReadHead, Records, root_of};
use crate::staging::{STAGED_BYTES_MAX, Staged, last_entries};
use crate::tree::Edge;
use crate::witness::WitnessClient;
use fresh::{Fresh, recorded};

/// How often the race for the head is run before the queue is asked to wait.
const RACES_MAX: u32 = 4;

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// Its events are in the log, and the checkpoint covers them.
    Committed {
        /// Entries that it added; fewer than its events when some were in the log before.
        entries: usize,
    },
    /// All of it was in the log before, and the checkpoint covers it.
    Known,
}

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
    /// Something that never changes has changed: the log stands still until a person has looked.
    #[error("the log is broken: {0}")]
    Broken(String),
}

/// Appends batches. Any number of these may work at once.
pub struct Sequencer {
    records: Records,
    store: Arc<dyn Store>,
    blobs: Arc<dyn Blobs>,
    keys: Arc<dyn Keys>,
    clock: Arc<dyn Clock>,
    payloads: Payloads,
    origin: Origin,
    witnesses: Option<WitnessClient>,
}

impl Sequencer {
    /// Over these ports, for the log called `origin`.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        blobs: Arc<dyn Blobs>,
        keys: Arc<dyn Keys>,
        clock: Arc<dyn Clock>,
        origin: Origin,
    ) -> Self {
        let payloads = Payloads::new(Arc::clone(&store), Arc::clone(&keys), Arc::clone(&clock));
        let records = Records::new(Arc::clone(&store));
        Self { records, store, blobs, keys, clock, payloads, origin, witnesses: None }
    }

    /// Asks these witnesses before a checkpoint is published.
    #[must_use]
    pub fn asking(self, witnesses: WitnessClient) -> Self {
        Self { witnesses: Some(witnesses), ..self }
    }

    /// Brings `events` into the log, each exactly once whatever came before, and publishes.
    ///
    /// # Errors
    /// `SequenceError`; what was committed stays committed, and the next call goes on from there.
    pub async fn append(&self, batch_id: &str, events: &[Event]) -> Result<Appended, SequenceError> {
        if events.len() > BATCH_EVENTS_MAX {
            return Err(SequenceError::TooMany(events.len()));
        }
        let batch = recorded(events)?;
        let mut lost: Option<BlobName> = None;
        for _ in 0..RACES_MAX {
            let read = self.settle().await?;
            self.forget(lost.take()).await?;
            if self.records.has_batch(batch_id).await? {
                self.copy_checkpoint().await?;
                return Ok(Appended::Known);
            }
            let fresh = self.fresh(&batch).await?;
            if fresh.is_empty() {
                // Remembered as well: whoever asks after its body is gone is told.
                let size = read.as_ref().map_or(0, |read| read.head.size);
                let id = CommitId::new(&*self.clock);
                let remember = [Records::put_batch(batch_id, size, id.made_at())];
                match commit_with_retry(&*self.store, id, &remember).await {
                    Ok(_) | Err(StoreError::Conflict { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
                self.copy_checkpoint().await?;
                return Ok(Appended::Known);
            }
            let staged = self.stage(read.as_ref(), &fresh).await?;
            match self.commit(batch_id, read.as_ref(), &staged, &fresh).await? {
                Some(read) => {
                    let staging = self.finish(read, &staged).await?;
                    try_join(self.forget(Some(staging)), self.copy_checkpoint()).await?;
                    return Ok(Appended::Committed { entries: fresh.len() });
                }
                None => lost = Some(staged.blob(&root_of(&staged.root)?)),
            }
        }
        self.settle().await?;
        self.forget(lost).await?;
        Err(SequenceError::Contention)
    }

    /// Whether all of this batch is in the log, and the checkpoint covers it.
    ///
    /// # Errors
    /// As `append`.
    pub async fn holds(&self, batch_id: &str) -> Result<bool, SequenceError> {
        self.settle().await?;
        let known = self.records.has_batch(batch_id).await?;
        if known {
            self.copy_checkpoint().await?;
        }
        Ok(known)
    }

    /// Removes a staging that was applied, or one that lost its race once the head has moved past it: nobody will
    /// ever need it.
    async fn forget(&self, staging: Option<BlobName>) -> Result<(), SequenceError> {
        match staging {
            Some(name) => Ok(self.blobs.delete(&name).await?),
            None => Ok(()),
        }
    }

    /// Finishes what others have committed, and answers the head, which is then all published.
    ///
    /// # Errors
    /// `SequenceError`.
    async fn settle(&self) -> Result<Option<ReadHead>, SequenceError> {
        for _ in 0..RACES_MAX {
            let Some(read) = self.records.head().await? else { return Ok(None) };
            if read.head.origin != self.origin {
                let (log, told) = (read.head.origin, self.origin.clone());
                return Err(SequenceError::OtherOrigin { log, told });
            }
            if !read.head.is_ahead() {
                return Ok(Some(read));
            }
            let name: BlobName = read.head.staging.parse().map_err(|error| PortError::new("store", error))?;
            if let Some(bytes) = self.blobs.get(&name, STAGED_BYTES_MAX).await? {
                let staged = Staged::parse(&bytes).map_err(|error| broken(format!("`{name}`: {error}")))?;
                let staging = self.finish(read, &staged).await?;
                self.forget(Some(staging)).await?;
            } else if self.records.head().await?.is_some_and(|now| now.version == read.version) {
                // Whoever publishes removes the staging afterwards; nobody has published.
                return Err(broken(format!("the head needs `{name}`, which is gone")));
            }
        }
        Err(SequenceError::Contention)
    }

    /// Step A.
    async fn stage(&self, read: Option<&ReadHead>, fresh: &[Fresh<'_>]) -> Result<Staged, SequenceError> {
        let files = BlobFiles::shared(&*self.blobs);
        let (edge, before) = match read {
            None => (Edge::empty(), Bytes::new()),
            Some(ReadHead { head, .. }) => {
                let edge = read::edge(&files, head.size, &root_of(&head.root)?).await?;
                let before = match last_entries(head.size) {
                    Some(name) => read::tile(&files, name).await?,
                    None => Bytes::new(),
                };
                (edge, before)
            }
        };
        let size = edge.size();
        if size + fresh.len() as u64 > SIZE_MAX {
            return Err(broken(format!("the log is full at {SIZE_MAX} entries")));
        }
        let leaves: Vec<_> = fresh.iter().map(|fresh| fresh.sealed.leaf).collect();
        let staged = Staged::of(edge, &before, &leaves)
            .ok_or_else(|| broken(format!("the last tile of entries is not that of {size} entries")))?;
        self.put_same(&staged.blob(&root_of(&staged.root)?), staged.to_bytes()).await?;
        point(CrashPoint::LedgerStaged);
        Ok(staged)
    }

    /// Step B. `None` when another sequencer was faster.
    async fn commit(
        &self,
        batch_id: &str,
        read: Option<&ReadHead>,
        staged: &Staged,
        fresh: &[Fresh<'_>],
    ) -> Result<Option<ReadHead>, SequenceError> {
        let first = read.map_or(0, |read| read.head.size);
        let head = Head {
            origin: self.origin.clone(),
            size: staged.size,
            root: staged.root.clone(),
            staging: staged.blob(&root_of(&staged.root)?).to_string(),
            published: read.and_then(|read| read.head.published.clone()),
        };
        let id = CommitId::new(&*self.clock);
        let mut writes = vec![
            Records::put_head(&head, read.map(|read| read.version)),
            Records::put_batch(batch_id, head.size, id.made_at()),
        ];
        for (index, fresh) in (first..).zip(fresh) {
            writes.push(Records::put_event(&fresh.event.tenantid, &fresh.sealed, fresh.keep_payload, index));
        }
        match commit_with_retry(&*self.store, id, &writes).await {
            Ok(version) => {
                point(CrashPoint::LedgerCommitted);
                Ok(Some(ReadHead { head, version }))
            }
            Err(StoreError::Conflict { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Steps C and D of what `read` says is committed; answers the staging, which nobody needs any more.
    async fn finish(&self, read: ReadHead, staged: &Staged) -> Result<BlobName, SequenceError> {
        let ReadHead { head, version } = read;
        if staged.size != head.size || staged.root != head.root {
            return Err(broken(format!("`{}` is of another tree", head.staging)));
        }
        let tiles = staged.tiles().map_err(|error| broken(format!("`{}`: {error}", head.staging)))?;
        // In any order: nobody looks for them before the checkpoint is there.
        try_join_all(tiles.into_iter().map(|(name, bytes)| async move {
            self.put_same(&blob(&name.to_string())?, bytes.into()).await?;
            point(CrashPoint::LedgerApplying);
            Ok::<_, SequenceError>(())
        }))
        .await?;
        point(CrashPoint::LedgerApplied);

        let note = self.sign(&head).await?;
        let (note, witnesses) = self.cosigned(&head, note).await?;
        let published = Published { size: head.size, root: head.root.clone(), note, witnesses };
        let staging: BlobName = head.staging.parse().map_err(|error| PortError::new("store", error))?;
        let head = Head { published: Some(published), ..head };
        let write: Write = Records::put_head(&head, Some(version));
        match commit_with_retry(&*self.store, CommitId::new(&*self.clock), &[write]).await {
            // On a conflict another sequencer has published this, and may have gone on.
            Ok(_) | Err(StoreError::Conflict { .. }) => Ok(staging),
            Err(error) => Err(error.into()),
        }
    }

    async fn sign(&self, head: &Head) -> Result<String, SequenceError> {
        let checkpoint = head.checkpoint()?;
        let signature = self.keys.sign(KeyName::Ledger, checkpoint.body().as_bytes()).await?;
        let key = VerifierKey::of_log(&*self.keys, &self.origin).await?;
        Ok(checkpoint.signed(&key, &signature).map_err(|error| PortError::new("keys", error))?)
    }

    /// The note with the cosignatures that could be had, and by how many of how many.
    async fn cosigned(&self, head: &Head, note: String) -> Result<(String, Witnesses), SequenceError> {
        let Some(client) = &self.witnesses else { return Ok((note, Witnesses::default())) };
        let files = BlobFiles::shared(&*self.blobs);
        let asked = client.ask(&files, &head.checkpoint()?, &note, head.published_size()).await;
        if let Some((witness, size)) = asked.ahead {
            // Another sequencer may have gone on meanwhile; else the log has lost what the witness saw.
            let now = self.records.head().await?.map_or(0, |read| read.head.size);
            return Err(match size > now {
                true => broken(format!(
                    "witness `{witness}` has cosigned {size} entries, and the log has {now}: it was rolled back"
                )),
                false => SequenceError::Contention,
            });
        }
        let note = note + &asked.lines.concat();
        let own = VerifierKey::of_log(&*self.keys, &self.origin).await?;
        let policy = client.policy().clone().believing(&own);
        let believed = policy.open(note.as_bytes()).map_err(|error| PortError::new("keys", error))?;
        if believed.quorum {
            return Ok((note, believed.witnesses));
        }
        let refused: Vec<_> = asked.refused.iter().map(|(name, why)| format!("`{name}`: {why}")).collect();
        Err(SequenceError::Quorum { witnesses: believed.witnesses, refused: refused.join("; ") })
    }

    /// Makes the copy of the checkpoint for readers without the store the one that is recorded.
    ///
    /// A copy cannot be swapped by condition, so a sequencer that slept may put an old one over a
    /// newer one. Therefore whoever puts looks again, and a message is done only after the copy was
    /// seen to be the record's: a sequencer that dies in between is followed by its message's retry.
    async fn copy_checkpoint(&self) -> Result<(), SequenceError> {
        let name = blob("checkpoint")?;
        for _ in 0..RACES_MAX {
            let Some(read) = self.records.head().await? else { return Ok(()) };
            let Some(published) = read.head.published else { return Ok(()) };
            match self.blobs.get(&name, CHECKPOINT_BYTES_MAX).await? {
                Some(copy) if copy == published.note => return Ok(()),
                Some(copy) => self.not_rolled_back(&copy, &published).await?,
                None => {}
            }
            self.blobs.put(&name, published.note.into()).await?;
        }
        Err(SequenceError::Contention)
    }

    /// A copy that this log signed for more entries than the record knows is from a future that the store has lost.
    async fn not_rolled_back(&self, copy: &[u8], published: &Published) -> Result<(), SequenceError> {
        let key = VerifierKey::of_log(&*self.keys, &self.origin).await?;
        let Ok(copied) = Checkpoint::open(copy, &[key]) else { return Ok(()) };
        if copied.size <= published.size {
            return Ok(());
        }
        // Another sequencer may have published it since the record was read.
        let now = self.records.head().await?.map_or(0, |read| read.head.published_size());
        match copied.size > now {
            true => Err(broken(format!(
                "a checkpoint of {} entries was published, and the store knows {now}: it was rolled back",
                copied.size
            ))),
            false => Ok(()),
        }
    }

    /// Puts a blob that can only ever have these bytes.
    async fn put_same(&self, name: &BlobName, bytes: Bytes) -> Result<(), SequenceError> {
        if self.blobs.put_if_absent(name, bytes.clone()).await? == Put::Stored {
            return Ok(());
        }
        match self.blobs.get(name, STAGED_BYTES_MAX).await {
            Ok(Some(there)) if there == bytes => Ok(()),
            // A losing sequencer's staging may be removed at any time; whoever put it retries.
            Ok(None) => Err(SequenceError::Contention),
            Ok(Some(_)) => Err(broken(format!("`{name}` has other bytes than it can have"))),
            Err(error) => Err(error.into()),
        }
    }
}

fn broken(what: String) -> SequenceError {
    SequenceError::Broken(what)
}

#[cfg(test)]
mod tests;
