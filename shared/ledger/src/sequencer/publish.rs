//! Steps B and C: tiles, signature, checkpoint.

use bytes::Bytes;
use scorpius_core::blobs::{BlobsWithRecords, Publication, Published};
use scorpius_core::crash::{CrashPoint, point};
use scorpius_core::{BlobName, CommitId, KeyName, PortError, Put, StoreError};
use scorpius_edge::idempotency::commit_with_retry;

use super::{Broken, RACES_MAX, SequenceError, Sequencer, not_its_tile};
use crate::alarm::{Alarm, AlarmKind};
use crate::bundle::Witnesses;
use crate::files::BlobFiles;
use crate::log::LogKind;
use crate::note::{Checkpoint, VerifierKey};
use crate::pending::Base;
use crate::read::{CHECKPOINT_BYTES_MAX, TILE_BYTES_MAX};
use crate::records::{Head, ReadHead, root_of};

impl Sequencer {
    /// Steps B and C of what `read` says is committed, on the published tree `base`; whether the copy of the checkpoint was made with them.
    pub(super) async fn finish(&self, read: ReadHead, base: &Base) -> Result<bool, SequenceError> {
        let ReadHead { head, version } = read;
        let (edge, tiles) = base.with(&head.pending.0).ok_or_else(|| not_its_tile(base))?;
        if edge.size() != head.size || edge.root() != root_of(&head.root)? {
            return Err(Broken::Root.into());
        }
        let mut blobs = Vec::with_capacity(tiles.len());
        for (name, bytes) in tiles {
            blobs.push((self.log.blob(&name.to_string())?, bytes.into()));
        }
        match (self.blobs.with_records(), &self.witnesses) {
            (Some(together), None) => self.finish_at_once(together, head, version, blobs).await,
            // Witnesses ask for proofs that are made of the tiles.
            (Some(_) | None, _) => self.finish_in_order(head, version, blobs).await.map(|()| false),
        }
    }

    async fn finish_in_order(
        &self,
        head: Head,
        version: u64,
        blobs: Vec<(BlobName, Bytes)>,
    ) -> Result<(), SequenceError> {
        // In any order: nobody looks for them before the checkpoint is there.
        self.put_same(blobs).await?;
        point(CrashPoint::LedgerApplied);

        let note = self.sign(&head).await?;
        let (note, witnesses) = self.cosigned(&head, note).await?;
        let write = self.records.put_head(&head.published_with(note, witnesses), Some(version));
        match commit_with_retry(&*self.store, CommitId::new(&*self.clock), &[write]).await {
            // On a conflict another sequencer has published this, and may have gone on.
            Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Where blobs and records are in one place, tiles, head and copy are there together or not at all. `false` when another sequencer was
    /// faster.
    async fn finish_at_once(
        &self,
        together: &dyn BlobsWithRecords,
        head: Head,
        version: u64,
        blobs: Vec<(BlobName, Bytes)>,
    ) -> Result<bool, SequenceError> {
        let name = self.log.blob("checkpoint")?;
        let copy = self.blobs.get(&name, CHECKPOINT_BYTES_MAX).await?;
        let known = head.published.as_ref().map(|published| published.note.as_bytes());
        if let Some(copy) = copy.filter(|copy| Some(&copy[..]) != known) {
            self.not_rolled_back(&copy, head.size).await?;
        }
        let note = self.sign(&head).await?;
        let head = head.published_with(note.clone(), Witnesses::default());
        let publication = Publication {
            blobs,
            pointer: (name, note.into()),
            id: CommitId::new(&*self.clock),
            writes: vec![self.records.put_head(&head, Some(version))],
        };
        let published = match together.publish(&publication).await {
            Err(StoreError::Port(_)) => together.publish(&publication).await,
            other => other,
        };
        match published {
            Ok(Published::Committed(_)) => Ok(true),
            Ok(Published::OtherBytes(name)) => Err(Broken::OtherBytes(name).into()),
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn sign(&self, head: &Head) -> Result<String, SequenceError> {
        let checkpoint = head.checkpoint()?;
        let signature = self.keys.sign(KeyName::Ledger, checkpoint.body().as_bytes()).await?;
        let key = VerifierKey::of_log(&*self.keys, &self.origin).await?;
        Ok(checkpoint.signed(&key, &signature).map_err(|error| PortError::new("keys", error))?)
    }

    /// The note with the cosignatures that could be had, and by how many of how many. Whether they are enough is asked of the shared log
    /// alone: who witnesses that one may not know of a tenant's.
    async fn cosigned(&self, head: &Head, note: String) -> Result<(String, Witnesses), SequenceError> {
        let Some(client) = &self.witnesses else { return Ok((note, Witnesses::default())) };
        let files = BlobFiles::of(&*self.blobs, &self.log);
        let is_needed = self.log.kind() == LogKind::Shared && client.policy().asks_for_witnesses();
        let asked = client.ask(&files, &head.checkpoint()?, &note, head.published_size(), is_needed).await;
        if let Some((witness, size)) = asked.ahead {
            // Another sequencer may have gone on meanwhile; else the log has lost what the witness saw.
            let now = self.records.head().await?.map_or(0, |read| read.head.size);
            return Err(match size > now {
                true => {
                    let seen_by = format!("witness `{witness}`");
                    Broken::RolledBack { seen_by, known: now, found: size }.into()
                }
                false => SequenceError::Contention,
            });
        }
        // Whether enough others cosign is for the policy to say: one witness alone stops no log.
        for witness in asked.conflicts {
            let alarm = Alarm::about(AlarmKind::WitnessConflict, witness);
            self.alarms.raise(Alarm { found: Some(head.size), ..alarm }).await;
        }
        let note = note + &asked.lines.concat();
        let own = VerifierKey::of_log(&*self.keys, &self.origin).await?;
        let policy = client.policy().clone().believing(&own);
        let believed = policy.open(note.as_bytes()).map_err(|error| PortError::new("keys", error))?;
        if believed.quorum || !is_needed {
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
    pub(super) async fn copy_checkpoint(&self) -> Result<(), SequenceError> {
        let name = self.log.blob("checkpoint")?;
        for _ in 0..RACES_MAX {
            let Some(read) = self.records.head().await? else { return Ok(()) };
            let Some(published) = read.head.published else { return Ok(()) };
            match self.blobs.get(&name, CHECKPOINT_BYTES_MAX).await? {
                Some(copy) if copy == published.note => return Ok(()),
                Some(copy) => self.not_rolled_back(&copy, published.size).await?,
                None => {}
            }
            self.blobs.put(&name, published.note.into()).await?;
        }
        Err(SequenceError::Contention)
    }

    /// A copy that this log signed for more entries than the `size` that the record knows is from a future that the store has lost.
    async fn not_rolled_back(&self, copy: &[u8], size: u64) -> Result<(), SequenceError> {
        let key = VerifierKey::of_log(&*self.keys, &self.origin).await?;
        let Ok(copied) = Checkpoint::open(copy, &[key]) else {
            // Whatever it is, the log's own takes its place.
            self.alarms.raise(Alarm::about(AlarmKind::ForgedCheckpoint, "checkpoint")).await;
            return Ok(());
        };
        if copied.size <= size {
            return Ok(());
        }
        // Another sequencer may have published it since the record was read.
        let now = self.records.head().await?.map_or(0, |read| read.head.published_size());
        match copied.size > now {
            true => {
                let seen_by = "a published checkpoint".to_owned();
                Err(Broken::RolledBack { seen_by, known: now, found: copied.size }.into())
            }
            false => Ok(()),
        }
    }

    /// Puts blobs that can only ever have these bytes.
    async fn put_same(&self, blobs: Vec<(BlobName, Bytes)>) -> Result<(), SequenceError> {
        let puts = self.blobs.put_all_if_absent(blobs.clone()).await?;
        for ((name, bytes), put) in blobs.iter().zip(puts) {
            match put {
                Put::Stored => {}
                Put::AlreadyThere => self.is_same(name, bytes).await?,
            }
        }
        Ok(())
    }

    async fn is_same(&self, name: &BlobName, bytes: &Bytes) -> Result<(), SequenceError> {
        match self.blobs.get(name, TILE_BYTES_MAX).await {
            Ok(Some(there)) if there == *bytes => Ok(()),
            // A partial tile may be removed once its place is full; whoever put it retries.
            Ok(None) => Err(SequenceError::Contention),
            Ok(Some(_)) => Err(Broken::OtherBytes(name.clone()).into()),
            Err(error) => Err(error.into()),
        }
    }
}
