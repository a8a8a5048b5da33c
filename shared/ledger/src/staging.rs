//! What is written before a batch is committed: all that is needed to write its tiles afterwards.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use scorpius_core::BlobName;
use serde::{Deserialize, Serialize};
use tlog_tiles::Hash;

use crate::files;
use crate::hash;
use crate::tile::{Level, TILE_WIDTH, TileName, decode_entries, encode_entries};
use crate::tree::{Edge, NamedTile};

/// Bytes of a staged batch: at most two tiles of entries and two of each level.
pub(crate) const STAGED_BYTES_MAX: u64 = 4_000_000;

/// A batch that is ready to be applied.
///
/// It depends on nothing but the tree before it and its entries, so that whoever stages the same
/// entries in the same place writes the same bytes. It holds no signature: a checkpoint is signed
/// only when its root has won, so that no signed checkpoint of a lost root can ever exist. (Ed25519
/// is deterministic: whoever signs again after a crash makes the same note.)
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Staged {
    /// Entries in the tree afterwards.
    pub(crate) size: u64,
    /// Its root, in Base64.
    pub(crate) root: String,
    tiles: Vec<StagedTile>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StagedTile {
    name: String,
    /// Base64.
    bytes: String,
}

/// Bytes that are no staged batch.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotStaged {
    #[error("not a staged batch")]
    Json(#[from] serde_json::Error),
    #[error("a staged tile's bytes are not Base64")]
    Bytes(#[from] base64::DecodeError),
    #[error(transparent)]
    Name(#[from] crate::tile::NotATile),
}

impl Staged {
    /// Appends `leaves` to the tree whose edge is `edge` and whose last, partial tile of entries is `before`.
    /// `None` when `before` is not that tile.
    pub(crate) fn of(mut edge: Edge, before: &[u8], leaves: &[[u8; 32]]) -> Option<Self> {
        let old = edge.size();
        let mut tiles = entry_tiles(old, before, leaves)?;
        tiles.extend(edge.append(leaves));
        tiles.extend(edge.partial_tiles(old));
        let tiles = tiles
            .into_iter()
            .map(|(name, bytes)| StagedTile { name: name.to_string(), bytes: STANDARD.encode(bytes) })
            .collect();
        Some(Self { size: edge.size(), root: hash::to_text(&edge.root()), tiles })
    }

    /// Where it is put.
    pub(crate) fn blob(&self, root: &Hash) -> BlobName {
        files::blob(&format!("staging/{}-{}", self.size, hex::encode(root.0)))
            .expect("digits and hex are a blob name")
    }

    pub(crate) fn to_bytes(&self) -> Bytes {
        serde_json::to_vec(self).expect("a staged batch is numbers and strings").into()
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, NotStaged> {
        Ok(serde_json::from_slice(bytes)?)
    }

    /// The tiles to write: entries first, then hashes from the leaves up.
    pub(crate) fn tiles(&self) -> Result<Vec<NamedTile>, NotStaged> {
        self.tiles.iter().map(|tile| Ok((tile.name.parse()?, STANDARD.decode(&tile.bytes)?))).collect()
    }
}

/// The name of the partial tile of entries at the end of a tree of `size`; `None` when there is none.
pub(crate) fn last_entries(size: u64) -> Option<TileName> {
    let width = u16::try_from(size & 255).ok()?;
    TileName::new(Level::Entries, size >> 8, width).ok()
}

fn entry_tiles(old: u64, before: &[u8], leaves: &[[u8; 32]]) -> Option<Vec<NamedTile>> {
    let width = u16::try_from(old & 255).ok()?;
    let mut entries = decode_entries(before, width)?;
    entries.extend(leaves.iter().map(<[u8; 32]>::as_slice));
    let tiles = (old >> 8..).zip(entries.chunks(usize::from(TILE_WIDTH)));
    tiles
        .map(|(index, chunk)| {
            let width = u16::try_from(chunk.len()).ok()?;
            Some((TileName::new(Level::Entries, index, width).ok()?, encode_entries(chunk)))
        })
        .collect()
}
