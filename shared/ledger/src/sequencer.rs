//! The one way into a log, the shared one or a tenant's own: commit, apply, publish.
//!
//! ```text
//! A commit  : head moves, leaves, batch and events are recorded  the only truth; two sequencers: one wins
//! B apply   : tiles, put if absent                               the same bytes by whoever does it
//! C publish : sign, record, copy the checkpoint                  the record never goes back
//! ```
//!
//! Where blobs and records are in one place and no witness is asked, B and C are one transaction, signed before it.
//!
//! The head holds the leaves that no checkpoint covers yet. Whoever comes finds a head that is ahead of what is published and
//! does B and C first, from these leaves and the published tiles. Nothing is locked: a sequencer may stop anywhere and for
//! any time. Several batches that wait are committed one by one, and applied and published together.

mod error;
mod fresh;
mod publish;
mod together;

use std::sync::Arc;

use bytes::Bytes;
use scorpius_core::crash::{CrashPoint, point};
use scorpius_core::{Blobs, Clock, CommitId, Event, Keys, Store, StoreError, TenantId};
use scorpius_edge::idempotency::commit_with_retry;
use scorpius_edge::queue::BATCH_EVENTS_MAX;

use crate::alarm::Alarms;
use crate::files::BlobFiles;
use crate::hash::{self, SIZE_MAX};
use crate::log::LogName;
use crate::note::{NotAnOrigin, Origin};
use crate::payloads::Payloads;
use crate::pending::{Base, Pending, last_entries};
use crate::read;
use crate::records::{Head, ReadHead, Records, root_of};
use crate::witness::WitnessClient;
use fresh::{Fresh, recorded};

pub use error::{Broken, SequenceError};

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

/// Appends batches. Any number of these may work at once.
pub struct Sequencer {
    log: LogName,
    records: Records,
    store: Arc<dyn Store>,
    blobs: Arc<dyn Blobs>,
    keys: Arc<dyn Keys>,
    clock: Arc<dyn Clock>,
    payloads: Arc<Payloads>,
    origin: Origin,
    witnesses: Option<Arc<WitnessClient>>,
    pub(crate) alarms: Alarms,
}

impl Sequencer {
    /// Over these ports, for the shared log, which is called `origin`.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        blobs: Arc<dyn Blobs>,
        keys: Arc<dyn Keys>,
        clock: Arc<dyn Clock>,
        origin: Origin,
    ) -> Self {
        let payloads = Payloads::new(Arc::clone(&store), Arc::clone(&keys), Arc::clone(&clock));
        let (log, payloads) = (LogName::Shared, Arc::new(payloads));
        let records = Records::new(Arc::clone(&store), log.clone());
        let alarms = Alarms::new(Arc::clone(&store), Arc::clone(&clock), "audit-append");
        Self { log, records, store, blobs, keys, clock, payloads, origin, witnesses: None, alarms }
    }

    /// Over the same ports, for the own log of `tenant`. What is remembered of keys is shared.
    ///
    /// # Errors
    /// When the shared log's name leaves no room for the tenant's.
    pub fn of_tenant(&self, tenant: &TenantId) -> Result<Self, NotAnOrigin> {
        let log = LogName::Own(tenant.clone());
        Ok(Self {
            records: Records::new(Arc::clone(&self.store), log.clone()),
            store: Arc::clone(&self.store),
            blobs: Arc::clone(&self.blobs),
            keys: Arc::clone(&self.keys),
            clock: Arc::clone(&self.clock),
            payloads: Arc::clone(&self.payloads),
            origin: log.origin(&self.origin)?,
            witnesses: self.witnesses.clone(),
            alarms: self.alarms.clone().of_log(&log),
            log,
        })
    }

    /// Asks these witnesses before a checkpoint is published.
    #[must_use]
    pub fn asking(self, witnesses: WitnessClient) -> Self {
        Self { witnesses: Some(Arc::new(witnesses)), ..self }
    }

    /// Brings `events` into the log, each exactly once whatever came before, and publishes.
    ///
    /// # Errors
    /// `SequenceError`; what was committed stays committed, and the next call goes on from there.
    pub async fn append(&self, batch_id: &str, events: &[Event]) -> Result<Appended, SequenceError> {
        let mut appended = self.append_all(&[(batch_id, events)]).await;
        match appended.pop().unwrap_or(Err(SequenceError::Contention)) {
            // Nobody else has the reason, which is then the answer.
            Err(SequenceError::Unpublished(error)) => {
                Err(Arc::try_unwrap(error).unwrap_or_else(SequenceError::Unpublished))
            }
            other => other,
        }
    }

    /// Brings several batches into the log, in their order, and publishes them together; answers for each. One that is
    /// refused keeps no other out.
    pub async fn append_all(&self, batches: &[(&str, &[Event])]) -> Vec<Result<Appended, SequenceError>> {
        let mut open = None;
        let mut entered = Vec::with_capacity(batches.len());
        while let Some(rest) = batches.get(entered.len()..).filter(|rest| !rest.is_empty()) {
            if batches.len() > 1 {
                entered.extend(self.enter_together(&mut open, rest).await.into_iter().map(Ok));
            }
            // What could not be taken with the others, for whichever reason, is taken alone.
            if let Some((batch_id, events)) = batches.get(entered.len()) {
                entered.push(self.enter(&mut open, batch_id, events).await);
            }
        }
        if !entered.iter().any(Result::is_ok) {
            return entered;
        }
        match self.close(open).await {
            Ok(()) => entered,
            // None of them may be called done.
            Err(error) => {
                let error = Arc::new(error);
                let unpublished = |entered: Result<_, _>| {
                    entered.and_then(|_| Err(SequenceError::Unpublished(Arc::clone(&error))))
                };
                entered.into_iter().map(unpublished).collect()
            }
        }
    }

    /// Step A for one batch, on top of what this call has committed before.
    async fn enter(
        &self,
        open: &mut Option<Open>,
        batch_id: &str,
        events: &[Event],
    ) -> Result<Appended, SequenceError> {
        if events.len() > BATCH_EVENTS_MAX {
            return Err(SequenceError::TooMany(events.len()));
        }
        let batch = recorded(events)?;
        for _ in 0..RACES_MAX {
            // What fails below leaves nothing open: whoever comes next settles first.
            let mut at = match open.take() {
                Some(at) => at,
                None => Open { read: self.settle().await?, base: None },
            };
            let known = async { Ok(self.records.has_batch(batch_id).await?) };
            let (known, placed) = futures::try_join!(known, self.placed(&batch))?;
            if known {
                *open = Some(at);
                return Ok(Appended::Known);
            }
            let fresh = self.fresh(&batch, placed).await?;
            if fresh.is_empty() {
                // Remembered as well: whoever asks after its body is gone is told.
                let size = at.read.as_ref().map_or(0, |read| read.head.size);
                let id = CommitId::new(&*self.clock);
                let remember = [self.records.put_batch(batch_id, size, id.made_at())];
                match commit_with_retry(&*self.store, id, &remember).await {
                    Ok(_) | Err(StoreError::Conflict { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
                *open = Some(at);
                return Ok(Appended::Known);
            }
            if !at.has_room_for(&fresh) {
                self.close(Some(at)).await?;
                continue;
            }
            if self.commit(batch_id, &mut at, &fresh).await? {
                *open = Some(at);
                return Ok(Appended::Committed { entries: fresh.len() });
            }
        }
        // What is committed is not left for others to publish.
        self.settle().await?;
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
            let base = self.base(&read.head).await?;
            self.finish(read, &base).await?;
        }
        Err(SequenceError::Contention)
    }

    /// Steps B and C of what this call has committed.
    async fn close(&self, open: Option<Open>) -> Result<(), SequenceError> {
        match open {
            Some(Open { read: Some(read), base: Some(base) }) if read.head.is_ahead() => {
                if self.finish(read, &base).await? {
                    return Ok(());
                }
            }
            // Another batch failed after one was committed.
            None => drop(self.settle().await?),
            Some(_) => {}
        }
        self.copy_checkpoint().await
    }

    /// The tree that `head` says is published, from its tiles.
    async fn base(&self, head: &Head) -> Result<Base, SequenceError> {
        let Some(published) = &head.published else { return Ok(Base::default()) };
        let files = BlobFiles::of(&*self.blobs, &self.log);
        let edge = read::edge(&files, published.size, &root_of(&published.root)?).await?;
        let before = match last_entries(published.size) {
            Some(name) => read::tile(&files, name).await?,
            None => Bytes::new(),
        };
        Ok(Base { edge, before })
    }

    /// Step A. `false` when another sequencer was faster.
    async fn commit(
        &self,
        batch_id: &str,
        at: &mut Open,
        fresh: &[Fresh<'_>],
    ) -> Result<bool, SequenceError> {
        let base = match (at.base.take(), &at.read) {
            (Some(base), _) => base,
            (None, Some(read)) => self.base(&read.head).await?,
            (None, None) => Base::default(),
        };
        let first = at.read.as_ref().map_or(0, |read| read.head.size);
        if first + fresh.len() as u64 > SIZE_MAX {
            return Err(Broken::Full.into());
        }
        let mut pending = at.read.as_ref().map(|read| read.head.pending.clone()).unwrap_or_default();
        pending.0.extend(fresh.iter().map(|fresh| fresh.leaf.clone()));
        let (edge, _) = base.with(&pending.0).ok_or_else(|| not_its_tile(&base))?;
        let head = Head {
            origin: self.origin.clone(),
            size: edge.size(),
            root: hash::to_text(&edge.root()),
            pending,
            published: at.read.as_ref().and_then(|read| read.head.published.clone()),
        };
        let id = CommitId::new(&*self.clock);
        let mut writes = vec![
            self.records.put_head(&head, at.read.as_ref().map(|read| read.version)),
            self.records.put_batch(batch_id, head.size, id.made_at()),
        ];
        for (index, fresh) in (first..).zip(fresh) {
            let (tenant, keep) = (&fresh.event.tenantid, fresh.keep_payload);
            writes.push(self.records.put_event(tenant, &fresh.sealed, keep, index));
        }
        match commit_with_retry(&*self.store, id, &writes).await {
            Ok(version) => {
                point(CrashPoint::LedgerCommitted);
                *at = Open { read: Some(ReadHead { head, version }), base: Some(base) };
                Ok(true)
            }
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Where a call stands between its commits: the head as this call wrote or found it, and the tree that is published.
struct Open {
    read: Option<ReadHead>,
    /// Read when it is needed.
    base: Option<Base>,
}

impl Open {
    /// Whether `fresh` may wait with what waits.
    fn has_room_for(&self, fresh: &[Fresh<'_>]) -> bool {
        let more: Vec<_> = fresh.iter().map(|fresh| &fresh.leaf).collect();
        let pending = self.read.as_ref().map(|read| &read.head.pending);
        pending.unwrap_or(&Pending::default()).has_room_for(&more)
    }
}

fn not_its_tile(base: &Base) -> SequenceError {
    Broken::NotItsTile(base.edge.size()).into()
}

#[cfg(test)]
mod tests;
