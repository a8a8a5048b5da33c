//! How a log stands: for somebody who looks, and changes nothing.
//!
//! ```text
//! head ── checkpoint ── its file ── tiles ── minimum index ── last anchor: each against the one before
//! ```

use scorpius_core::PortError;
use scorpius_core::error::chain;
use tlog_tiles::Hash;

use super::{AnchorError, Anchorer, opened};
use crate::files::{BlobFiles, MINIMUM_BYTES_MAX, MINIMUM_FILE};
use crate::note::VerifierKey;
use crate::read::{self, CHECKPOINT_BYTES_MAX};
use crate::retention::Minimum;
use crate::tile::{Level, TILE_WIDTH, TileName};

/// Own logs that are looked at in one page.
const PAGE: usize = 50;
/// Tiles of each level that are looked for: the last ones.
const TILES_MAX: u64 = 64;

/// What was found of one log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogLook {
    /// Its name in checkpoints.
    pub origin: String,
    /// Entries that its checkpoint covers.
    pub size: u64,
    /// Entries that wait for a checkpoint: the next batch, or the next start of the host, brings it.
    pub waiting: u64,
    /// Entries below are kept no longer.
    pub minimum: u64,
    /// The legal hold that keeps entries from ending, and the index of the first of them.
    pub held: Option<(String, u64)>,
    /// How many anchors it has, and how many entries the last one covers.
    pub anchors: (u64, u64),
    /// What is wrong, one sentence each.
    pub faults: Vec<String>,
}

impl Anchorer {
    /// Looks at the shared log.
    pub async fn look(&self) -> LogLook {
        let mut look = LogLook { origin: self.origin.to_string(), ..LogLook::default() };
        if let Err(error) = self.look_into(&mut look).await {
            look.faults.push(chain(&error));
        }
        look
    }

    /// Looks at tenants' own logs, at most so many, in the order of their tenants' ids; and whether there are more.
    ///
    /// # Errors
    /// When it cannot be read which there are.
    pub async fn look_own(&self, logs_max: usize) -> Result<(Vec<LogLook>, bool), AnchorError> {
        let (mut looks, mut after) = (Vec::new(), None);
        loop {
            let limit = PAGE.min(logs_max.saturating_sub(looks.len()));
            if limit == 0 {
                return Ok((looks, true));
            }
            let page = self.own_logs().page(after.as_deref(), limit, self.clock.now()).await?;
            let (tenants, last) = page;
            for tenant in tenants {
                looks.push(self.of_tenant(tenant)?.look().await);
            }
            match last {
                Some(last) => after = Some(last),
                None => return Ok((looks, false)),
            }
        }
    }

    async fn look_into(&self, look: &mut LogLook) -> Result<(), AnchorError> {
        let key = VerifierKey::of_log(&*self.keys, &self.origin).await?;
        let last = match self.last(&key).await {
            Err(error @ AnchorError::Foreign(_)) => {
                look.faults.push(error.to_string());
                None
            }
            last => last?,
        };
        if let Some(last) = &last {
            look.anchors = (last.number, last.checkpoint.size);
        }
        let head = self.records.head().await?.map(|read| read.head);
        if let Some(head) = &head {
            look.size = head.published_size();
            look.waiting = head.size.saturating_sub(look.size);
            if head.origin != self.origin {
                look.faults.push(format!("its record calls it `{}`", head.origin));
            }
        }
        let Some(published) = head.and_then(|head| head.published) else {
            let behind =
                last.map(|last| AnchorError::RolledBack { known: 0, anchored: last.checkpoint.size });
            look.faults.extend(behind.map(|error| error.to_string()));
            return Ok(());
        };
        let checkpoint = match opened(&published, &key) {
            Err(error @ AnchorError::Unsigned) => {
                look.faults.push(error.to_string());
                return Ok(());
            }
            checkpoint => checkpoint?,
        };
        let mut unread = None;
        if let Some(last) = &last {
            match self.continues(&checkpoint, &last.checkpoint).await {
                Err(error @ (AnchorError::RolledBack { .. } | AnchorError::NotContinued { .. })) => {
                    look.faults.push(error.to_string());
                }
                Err(AnchorError::Read(error)) => unread = Some(chain(&error)),
                continued => continued?,
            }
        }
        self.look_at_copy(look, &key, &checkpoint.root).await?;
        self.look_at_tiles(look, &checkpoint.root).await?;
        // What keeps the anchor from being compared is mostly said by now.
        look.faults.extend(unread.filter(|why| !look.faults.contains(why)));
        Ok(())
    }

    /// What readers without the store get.
    async fn look_at_copy(
        &self,
        look: &mut LogLook,
        key: &VerifierKey,
        root: &Hash,
    ) -> Result<(), AnchorError> {
        let copy = self.blobs.get(&self.log.blob("checkpoint")?, CHECKPOINT_BYTES_MAX).await?;
        let opened = copy.map(|copy| crate::Checkpoint::open(&copy, std::slice::from_ref(key)));
        look.faults.extend(match opened {
            None => Some("its file `checkpoint` is missing; the next batch writes it".to_owned()),
            Some(Err(error)) => Some(format!("its file `checkpoint` cannot be believed: {error}")),
            Some(Ok(copy)) if copy.size != look.size => Some(format!(
                "its file `checkpoint` is of {} entries, and its record of {}",
                copy.size, look.size
            )),
            Some(Ok(copy)) if copy.root != *root => {
                Some("its file `checkpoint` has another root than its record".to_owned())
            }
            Some(Ok(_)) => None,
        });
        Ok(())
    }

    /// That the right edge makes the root, and that the last tiles of entries that are kept, and of their hashes, are there.
    async fn look_at_tiles(&self, look: &mut LogLook, root: &Hash) -> Result<(), AnchorError> {
        let files = BlobFiles::of(&*self.blobs, &self.log);
        if let Err(error) = read::edge(&files, look.size, root).await {
            look.faults.push(chain(&error));
        }
        let minimum = Minimum::of(&*self.alarms.store, &self.log).await?;
        look.minimum = minimum.index;
        look.held = minimum.held.map(|held| (held.hold, held.index));
        if minimum.index > look.size {
            look.faults.push(format!("its minimum index is {}, beyond its end", minimum.index));
        }
        let said = self.blobs.get(&self.log.blob(MINIMUM_FILE)?, MINIMUM_BYTES_MAX).await?;
        if minimum.index > 0 && said.is_none_or(|said| said != format!("{}\n", minimum.index)) {
            let why = format!(
                "its file `{MINIMUM_FILE}` does not say {}; the next hour's step writes it",
                minimum.index
            );
            look.faults.push(why);
        }
        let width = u64::from(TILE_WIDTH);
        let full = look.size / width;
        let mut names = Vec::new();
        for level in [Level::Entries, Level::Hashes(0)] {
            let from = match level {
                Level::Entries => minimum.index.max(minimum.deleted) / width,
                Level::Hashes(_) => 0,
            };
            for index in from.max(full.saturating_sub(TILES_MAX))..full {
                names.push(TileName::new(level, index, TILE_WIDTH));
            }
            if let Ok(rest @ 1..) = u16::try_from(look.size % width) {
                names.push(TileName::new(level, full, rest));
            }
        }
        for name in names {
            let name = name.map_err(|error| PortError::new("blobs", error))?;
            if self.blobs.get_range(&self.log.blob(&name.to_string())?, 0..1).await?.is_none() {
                // One is enough to go and look.
                look.faults.push(format!("its `{name}` is missing"));
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use scorpius_core::{Blobs, CommitId, Condition, ManualClock, SystemClock, Write};

    use super::*;
    use crate::log::{LogName, put_beginning};
    use crate::records::{Head, Records};
    use crate::testing::{MemoryBlobs, NOW, World, event_of, logs, origin, tenant};

    /// A log of 300 entries with an anchor.
    async fn anchored(log: &LogName) -> (World, Arc<MemoryBlobs>, Anchorer) {
        let (world, anchors) = (World::of(log), Arc::<MemoryBlobs>::default());
        if let LogName::Own(tenant) = log {
            let begun = [put_beginning(tenant, 0)];
            world.store.commit(CommitId::new(&SystemClock), &begun).await.expect("begun");
        }
        let events: Vec<_> = (0..300).map(|number| event_of(number, &tenant(1))).collect();
        for (number, batch) in events.chunks(97).enumerate() {
            world.sequencer().append(&format!("bat_{number}"), batch).await.expect("appended");
        }
        let ports: (_, Arc<dyn Blobs>, Arc<dyn Blobs>) =
            (world.store.clone(), world.blobs.clone(), anchors.clone());
        let clock = Arc::new(ManualClock::at(NOW));
        let anchorer = Anchorer::new(ports, world.keys.clone(), clock, origin());
        anchorer.run().await.expect("anchored");
        (world, anchors, anchorer)
    }

    async fn look(anchorer: &Anchorer, log: &LogName) -> LogLook {
        match log {
            LogName::Shared => anchorer.look().await,
            LogName::Own(_) => {
                let (mut looks, more) = anchorer.look_own(10).await.expect("looked");
                assert_eq!((looks.len(), more), (1, false));
                looks.pop().expect("a log")
            }
        }
    }

    #[tokio::test]
    async fn a_log_that_is_well_says_so_and_each_thing_that_is_not_is_named() {
        for log in logs() {
            let (_, _, anchorer) = anchored(&log).await;
            let well = look(&anchorer, &log).await;
            assert_eq!((well.size, well.waiting, well.minimum, well.anchors), (300, 0, 0, (1, 300)));
            assert_eq!((well.faults, well.held), (Vec::<String>::new(), None));
            let other = "other.example/log\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
            let cases: [(&str, Option<&str>, &str); 6] = [
                ("checkpoint", None, "`checkpoint` is missing"),
                ("checkpoint", Some(other), "cannot be believed"),
                ("tile/entries/000", None, "`tile/entries/000` is missing"),
                ("tile/entries/001.p/44", None, "`tile/entries/001.p/44` is missing"),
                ("tile/0/001.p/44", Some("x"), "300 entries"),
                ("tile/0/000", None, "tile/0/000"),
            ];
            for (file, bytes, said) in cases {
                let (world, _, anchorer) = anchored(&log).await;
                let name = log.blob(file).expect("a name");
                match bytes {
                    Some(bytes) => world.blobs.put(&name, bytes.to_owned().into()).await.expect("put"),
                    None => world.blobs.delete(&name).await.expect("deleted"),
                }
                let look = look(&anchorer, &log).await;
                assert!(look.faults.iter().any(|fault| fault.contains(said)), "{file}: {look:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_tile_without_which_the_anchor_cannot_be_compared_is_named() {
        for log in logs() {
            let (world, _, anchorer) = anchored(&log).await;
            let events: Vec<_> = (300..600).map(|number| event_of(number, &tenant(1))).collect();
            for (number, batch) in events.chunks(97).enumerate() {
                world.sequencer().append(&format!("bat_later_{number}"), batch).await.expect("appended");
            }
            assert_eq!(look(&anchorer, &log).await.faults, Vec::<String>::new());
            // It is there, and no part of the right edge.
            world.blobs.put(&log.blob("tile/0/001").expect("a name"), "x".into()).await.expect("put");
            let look = look(&anchorer, &log).await;
            assert_eq!((look.size, look.faults.len()), (600, 1), "{look:?}");
            assert!(look.faults[0].contains("the tree of 600 entries"), "{look:?}");
        }
    }

    #[tokio::test]
    async fn a_store_of_an_earlier_time_and_a_foreign_anchor_are_named() {
        for log in logs() {
            let (world, anchors, anchorer) = anchored(&log).await;
            let records = Records::new(world.store.clone(), log.clone());
            let read = records.head().await.expect("an answer").expect("a head");
            let unpublished = Head { published: None, ..read.head };
            let before = [records.put_head(&unpublished, Some(read.version))];
            world.store.commit(CommitId::new(&SystemClock), &before).await.expect("before its checkpoint");
            assert!(look(&anchorer, &log).await.faults[0].contains("rolled back"));
            let gone = [Write::Delete { key: log.head(), condition: Condition::Present }];
            world.store.commit(CommitId::new(&SystemClock), &gone).await.expect("gone");
            assert!(look(&anchorer, &log).await.faults[0].contains("rolled back"));
            let name = log.anchor("anchor-0000000001.json").expect("a name");
            anchors.put(&name, "{}".into()).await.expect("put");
            assert!(look(&anchorer, &log).await.faults[0].contains("is no anchor of this log"));
        }
    }

    #[tokio::test]
    async fn of_many_own_logs_so_many_are_looked_at_as_are_asked_for() {
        let (world, _, anchorer) = anchored(&LogName::Shared).await;
        for number in 1..=60 {
            let begun = [put_beginning(&tenant(number), 0)];
            world.store.commit(CommitId::new(&SystemClock), &begun).await.expect("begun");
        }
        let (looks, more) = anchorer.look_own(100).await.expect("looked");
        assert_eq!((looks.len(), more), (60, false));
        let (looks, more) = anchorer.look_own(55).await.expect("looked");
        assert_eq!((looks.len(), more), (55, true));
        assert!(looks.iter().all(|look| look.faults.is_empty() && look.size == 0));
    }
}
