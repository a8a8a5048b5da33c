//! Leaves that are in the log and that no checkpoint covers yet: with the tiles of the tree that is published, all that
//! writing the next tiles needs.
//!
//! They stand in the head's record, and so are committed with it. Those of a log whose leaves are hashes are 32 bytes each; entries in
//! clear have any length, and stand there as a tile has them. They hold no signature: a checkpoint is signed only when
//! its root has won, so that no signed checkpoint of a lost root can ever exist. (Ed25519 is deterministic: whoever signs
//! again after a crash makes the same note.)

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use scorpius_edge::queue::BATCH_EVENTS_MAX;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::entry::ENTRY_BYTES_MAX;
use crate::tile::{Level, TILE_WIDTH, TileName, decode_entries, encode_entries};
use crate::tree::{Edge, NamedTile};

/// Leaves that wait for a checkpoint at most: tiles that one process writes at once.
const PENDING_MAX: usize = 1_024;
/// Their bytes at most, and two for each: as Base64 they are 267 KB of a record, which may have 350.
const PENDING_BYTES_MAX: usize = 200_000;
// INVARIANT: all of one batch may wait.
const _: () = assert!(BATCH_EVENTS_MAX * (2 + ENTRY_BYTES_MAX) <= PENDING_BYTES_MAX);
/// Bytes of a leaf that is an HMAC.
const MAC_BYTES: usize = 32;
/// Before leaves of any length; no letter of Base64.
const ENTRIES: &str = "entries:";

/// Leaves in the order of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pending(pub(crate) Vec<Leaf>);

/// What is in a log at one place.
pub(crate) type Leaf = Bytes;

impl Pending {
    /// Whether as many more may wait with them.
    pub(crate) fn has_room_for(&self, more: &[&Leaf]) -> bool {
        let all = || self.0.iter().chain(more.iter().copied());
        all().count() <= PENDING_MAX && all().map(|leaf| 2 + leaf.len()).sum::<usize>() <= PENDING_BYTES_MAX
    }
}

/// As Base64 of all of them, or of what a tile has.
impl Serialize for Pending {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = match self.0.iter().all(|leaf| leaf.len() == MAC_BYTES) {
            true => STANDARD.encode(self.0.concat()),
            false => format!("{ENTRIES}{}", STANDARD.encode(encode_entries(&self.0))),
        };
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Pending {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let decoded = |text: &str| STANDARD.decode(text).map_err(serde::de::Error::custom);
        if let Some(entries) = text.strip_prefix(ENTRIES) {
            let leaves = all_entries(&decoded(entries)?).map(Self);
            return leaves.ok_or_else(|| serde::de::Error::custom("not entries as a tile has them"));
        }
        match decoded(&text)?.as_chunks::<MAC_BYTES>() {
            (leaves, []) => Ok(Self(leaves.iter().map(|leaf| Leaf::copy_from_slice(leaf)).collect())),
            _ => Err(serde::de::Error::custom("not leaves of 32 bytes")),
        }
    }
}

/// Entries as a tile has them, however many there are.
fn all_entries(mut bytes: &[u8]) -> Option<Vec<Leaf>> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(Leaf::copy_from_slice(entry));
        bytes = rest;
    }
    bytes.is_empty().then_some(entries)
}

/// The tree that is published, as far as appending to it needs it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Base {
    /// Its right edge.
    pub(crate) edge: Edge,
    /// Its last, partial tile of entries; empty when that one is full.
    pub(crate) before: Bytes,
}

impl Base {
    /// The tree with `leaves` after it, and the tiles in which it differs: entries first, then hashes from the leaves up. They
    /// depend on nothing else, so that whoever writes the same leaves in the same place writes the same bytes. `None` when
    /// the tile of entries is not that of the edge.
    pub(crate) fn with(&self, leaves: &[Leaf]) -> Option<(Edge, Vec<NamedTile>)> {
        let (mut edge, old) = (self.edge.clone(), self.edge.size());
        let mut tiles = entry_tiles(old, &self.before, leaves)?;
        tiles.extend(edge.append(leaves));
        tiles.extend(edge.partial_tiles(old));
        Some((edge, tiles))
    }
}

/// The name of the partial tile of entries at the end of a tree of `size`; `None` when there is none.
pub(crate) fn last_entries(size: u64) -> Option<TileName> {
    let width = u16::try_from(size & 255).ok()?;
    TileName::new(Level::Entries, size >> 8, width).ok()
}

fn entry_tiles(old: u64, before: &[u8], leaves: &[Leaf]) -> Option<Vec<NamedTile>> {
    let width = u16::try_from(old & 255).ok()?;
    let mut entries = decode_entries(before, width)?;
    entries.extend(leaves.iter().map(|leaf| &leaf[..]));
    let tiles = (old >> 8..).zip(entries.chunks(usize::from(TILE_WIDTH)));
    tiles
        .map(|(index, chunk)| {
            let width = u16::try_from(chunk.len()).ok()?;
            Some((TileName::new(Level::Entries, index, width).ok()?, encode_entries(chunk)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(byte: u8, size: usize) -> Leaf {
        vec![byte; size].into()
    }

    #[test]
    fn leaves_are_read_as_they_are_written_and_nothing_else_is() {
        for pending in [
            Pending::default(),
            Pending(vec![leaf(1, 32), leaf(2, 32)]),
            Pending(vec![leaf(1, 32), leaf(7, 700)]),
        ] {
            let text = serde_json::to_string(&pending).expect("JSON");
            assert_eq!(serde_json::from_str::<Pending>(&text).expect("leaves"), pending);
        }
        // As it was written before there were other leaves.
        let macs = Pending(vec![leaf(0, 32)]);
        assert_eq!(serde_json::to_string(&macs).expect("JSON"), format!("\"{}=\"", "A".repeat(43)));
        for bad in ["7", "\"?\"", "\"AAAA\"", "null", "\"entries:AA==\"", "\"entries:AAUA\"", "\"entries:?\""]
        {
            assert!(serde_json::from_str::<Pending>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_waits_fits_a_record_with_all_of_a_batch() {
        let (mac, entry) = (leaf(0, 32), leaf(b' ', ENTRY_BYTES_MAX));
        let more = |leaf: &Leaf, count: usize| Pending::default().has_room_for(&vec![leaf; count]);
        assert!(more(&mac, PENDING_MAX) && !more(&mac, PENDING_MAX + 1));
        assert!(more(&entry, BATCH_EVENTS_MAX) && !more(&entry, PENDING_MAX));
        let full = Pending(vec![entry; PENDING_BYTES_MAX / (2 + ENTRY_BYTES_MAX)]);
        assert!(!full.has_room_for(&[&leaf(0, ENTRY_BYTES_MAX)]));
        assert!(serde_json::to_string(&full).expect("JSON").len() < 300_000);
    }
}
