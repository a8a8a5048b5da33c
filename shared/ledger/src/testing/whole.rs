//! What must be true of a log after whatever happened to it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bytes::Bytes;
use scorpius_core::{BlobName, Event};
use tlog_tiles::{Hash, check_tree};

use super::{World, event};
use crate::entry::Recorded;
use crate::files::BlobFiles;
use crate::log::LogName;
use crate::proofs::Proofs;
use crate::read::prove_consistency;
use crate::records::{Published, root_of};
use crate::{Checkpoint, audit_log_of};

pub(crate) fn batch(numbers: Range<u64>) -> Vec<Event> {
    numbers.map(event).collect()
}

pub(crate) async fn published(world: &World) -> Option<Published> {
    world.records().head().await.expect("a head").and_then(|read| read.head.published)
}

/// A log with a part of a tile behind it, so that every step has something to read.
pub(crate) async fn begun() -> World {
    let world = World::new();
    world.sequencer().append("bat_0", &batch(0..97)).await.expect("appended");
    world.sequencer().append("bat_1", &batch(97..194)).await.expect("appended");
    world.sequencer().append("bat_2", &batch(194..250)).await.expect("appended");
    world
}

/// The same with less behind it, where every call of an append is tried in turn.
pub(crate) async fn begun_small(log: &LogName) -> World {
    let world = World::of(log);
    world.sequencer().append("bat_0", &batch(0..9)).await.expect("appended");
    world
}

/// The log is whole, its head is published, and each of `events` is in it exactly once.
pub(crate) async fn check(world: &World, events: &[Event]) {
    let audit =
        audit_log_of(&*world.blobs, &world.log, &world.trusted().await).await.expect("a log that is whole");
    let head = world.records().head().await.expect("a store").expect("a head").head;
    assert!(!head.is_ahead());
    assert_eq!(head.published.as_ref().map(|published| published.size), Some(events.len() as u64));
    assert_eq!(
        (audit.checkpoint.size, Ok(audit.checkpoint.root)),
        (head.size, root_of(&head.root).map_err(|_| ()))
    );
    each_exactly_once(world, events).await;
    assert!(head.pending.0.is_empty(), "nothing is left behind");
    objects_never_changed(world);
    released_checkpoints_agree(world).await;
}

/// Each of `events` has a proof, and their places are all the places there are.
pub(crate) async fn each_exactly_once(world: &World, events: &[Event]) {
    let proofs = Proofs { store: world.store.clone(), blobs: world.blobs.clone() };
    let mut indexes = BTreeSet::new();
    for event in events {
        let proof =
            proofs.of_event(&event.tenantid, &event.id).await.expect("a proof").expect("it is in the log");
        assert!(Recorded::of(event).expect("an entry").is_of(&proof.entry, None));
        assert!(indexes.insert(proof.index), "two events at {}", proof.index);
    }
    assert_eq!(indexes.into_iter().collect::<Vec<_>>(), (0..events.len() as u64).collect::<Vec<_>>());
}

/// Of every byte that was ever put: a tile has one content, and what is no checkpoint holds no signature.
pub(crate) fn objects_never_changed(world: &World) {
    let history = world.blobs.history.lock().expect("unpoisoned");
    let mut tiles: BTreeMap<&str, &Bytes> = BTreeMap::new();
    let is_checkpoint = |name: &BlobName| name.as_str().ends_with("/checkpoint");
    for (name, bytes) in history.iter().filter(|(name, _)| !is_checkpoint(name)) {
        // A signature's line begins so; three bytes of it alone are in hashes, too, now and then.
        assert!(!String::from_utf8_lossy(bytes).contains("\n— "), "{name} holds a signature");
        if name.as_str().contains("/tile/") {
            let before = tiles.insert(name.as_str(), bytes);
            assert!(before.is_none_or(|before| before == bytes), "{name} changed");
        }
    }
}

/// The checkpoints that anybody could ever read, in the order in which they came.
pub(crate) async fn released(world: &World) -> Vec<(u64, Hash)> {
    let key = world.trusted().await;
    let history = world.blobs.history.lock().expect("unpoisoned");
    let checkpoint = world.log.blob("checkpoint").expect("a name");
    let notes = history.iter().filter(|(name, _)| *name == checkpoint);
    let open = |bytes: &Bytes| Checkpoint::open(bytes, &key).expect("a checkpoint");
    notes.map(|(_, bytes)| open(bytes)).map(|checkpoint| (checkpoint.size, checkpoint.root)).collect()
}

/// Any two checkpoints that anybody ever saw are of one history.
pub(crate) async fn released_checkpoints_agree(world: &World) {
    let mut roots = BTreeMap::new();
    for (size, root) in released(world).await {
        assert!(roots.insert(size, root).is_none_or(|before| before == root), "a split view at {size}");
    }
    let all: Vec<_> = roots.into_iter().collect();
    let files = BlobFiles::of(&*world.blobs, &world.log);
    for (at, (old, old_root)) in all.iter().enumerate() {
        for (new, new_root) in &all[at..] {
            let proof = prove_consistency(&files, *new, *old).await.expect("a proof");
            check_tree(&proof, *new, *new_root, *old, *old_root).expect("consistent");
        }
    }
}
