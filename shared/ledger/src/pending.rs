//! Leaves that are in the log and that no checkpoint covers yet: with the tiles of the tree that is published, all that
//! writing the next tiles needs.
//!
//! They stand in the head's record, and so are committed with it. They hold no signature: a checkpoint is signed only when
//! its root has won, so that no signed checkpoint of a lost root can ever exist. (Ed25519 is deterministic: whoever signs
//! again after a crash makes the same note.)

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::tile::{Level, TILE_WIDTH, TileName, decode_entries, encode_entries};
use crate::tree::{Edge, NamedTile};

/// Leaves that wait for a checkpoint at most: 32 KB of a record, and tiles that one process writes at once.
pub(crate) const PENDING_MAX: usize = 1_024;
const LEAF_BYTES: usize = 32;

/// Leaves in the order of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pending(pub(crate) Vec<[u8; LEAF_BYTES]>);

/// As Base64.
impl Serialize for Pending {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(self.0.as_flattened()))
    }
}

impl<'de> Deserialize<'de> for Pending {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        match bytes.as_chunks::<LEAF_BYTES>() {
            (leaves, []) => Ok(Self(leaves.to_vec())),
            _ => Err(serde::de::Error::custom("not leaves of 32 bytes")),
        }
    }
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
    pub(crate) fn with(&self, leaves: &[[u8; LEAF_BYTES]]) -> Option<(Edge, Vec<NamedTile>)> {
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

fn entry_tiles(old: u64, before: &[u8], leaves: &[[u8; LEAF_BYTES]]) -> Option<Vec<NamedTile>> {
    let width = u16::try_from(old & 255).ok()?;
    let mut entries = decode_entries(before, width)?;
    entries.extend(leaves.iter().map(<[u8; LEAF_BYTES]>::as_slice));
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

    #[test]
    fn leaves_are_read_as_they_are_written_and_nothing_else_is() {
        for pending in [Pending::default(), Pending(vec![[1; 32], [2; 32]])] {
            let text = serde_json::to_string(&pending).expect("JSON");
            assert_eq!(serde_json::from_str::<Pending>(&text).expect("leaves"), pending);
        }
        for bad in ["7", "\"?\"", "\"AAAA\"", "null"] {
            assert!(serde_json::from_str::<Pending>(bad).is_err(), "{bad}");
        }
    }
}
