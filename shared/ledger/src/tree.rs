//! RFC 6962 trees: what appending needs to know of one, and proofs from its tiles.

use std::collections::BTreeMap;

use bytes::Bytes;
use tlog_tiles::{Error as TlogError, Hash, HashReader, node_hash, record_hash};

use crate::hash::SIZE_MAX;
use crate::tile::{Level, TILE_WIDTH, TileName};

/// Bytes of a hash in a tile.
const HASH_BYTES: usize = 32;

/// A tree's right edge: all that appending to it and its root depend on.
///
/// One list per level of tiles: the hashes of the tile that is not full yet, at most 255.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edge {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

/// A tile and its bytes.
pub type NamedTile = (TileName, Vec<u8>);

/// Tiles that do not make the edge of a tree with that root.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tiles at the edge of the tree of {size} entries are not that tree's")]
pub struct NotTheEdge {
    size: u64,
}

impl Edge {
    /// The empty tree.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// The partial tiles that `Edge::load` needs for a tree of `size` entries.
    #[must_use]
    pub fn tiles_of(size: u64) -> Vec<TileName> {
        levels_of(size)
            .filter_map(|level| tile_at(size, level, nodes(size, level) >> 8))
            .filter(partial)
            .collect()
    }

    /// The edge of the tree of `size` entries, when `tiles` (those of `tiles_of`) make its `root`.
    ///
    /// # Errors
    /// When they do not.
    pub fn load(size: u64, root: &Hash, tiles: &BTreeMap<TileName, Bytes>) -> Result<Self, NotTheEdge> {
        Self::of_tiles(size, tiles).filter(|edge| edge.root() == *root).ok_or(NotTheEdge { size })
    }

    /// The edge that `tiles` (those of `tiles_of`) make, whatever its root is; `None` when one is missing.
    #[must_use]
    pub fn of_tiles(size: u64, tiles: &BTreeMap<TileName, Bytes>) -> Option<Self> {
        let mut levels = Vec::new();
        for level in levels_of(size) {
            let name = tile_at(size, level, nodes(size, level) >> 8).filter(partial);
            levels.push(match name {
                Some(name) => tiles.get(&name).and_then(|tile| hashes_of(tile, name.width()))?,
                None => Vec::new(),
            });
        }
        (size <= SIZE_MAX).then_some(Self { size, levels })
    }

    /// Entries in the tree.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends leaves and answers the tiles that became full.
    pub fn append<E: AsRef<[u8]>>(&mut self, entries: &[E]) -> Vec<NamedTile> {
        let hashes: Vec<_> = entries.iter().map(|entry| record_hash(entry.as_ref())).collect();
        self.append_hashes(&hashes)
    }

    /// As `append`, of leaves whose hashes alone are known.
    pub(crate) fn append_hashes(&mut self, hashes: &[Hash]) -> Vec<NamedTile> {
        let mut full = Vec::new();
        for hash in hashes {
            self.size += 1;
            self.push(0, *hash, &mut full);
        }
        full
    }

    fn push(&mut self, level: u8, hash: Hash, full: &mut Vec<NamedTile>) {
        let at = usize::from(level);
        if self.levels.len() <= at {
            self.levels.resize(at + 1, Vec::new());
        }
        self.levels[at].push(hash);
        if self.levels[at].len() < usize::from(TILE_WIDTH) {
            return;
        }
        let tile = std::mem::take(&mut self.levels[at]);
        // The tile that just filled is the last one of its level.
        let index = (nodes(self.size, level) >> 8) - 1;
        full.push((name_of(level, index, TILE_WIDTH), bytes_of(&tile)));
        self.push(level + 1, perfect(&tile), full);
    }

    /// The tiles that are not full, but differ from those of the tree when it had `since` entries.
    #[must_use]
    pub fn partial_tiles(&self, since: u64) -> Vec<NamedTile> {
        let mut tiles = Vec::new();
        for (level, hashes) in (0_u8..).zip(&self.levels) {
            let count = nodes(self.size, level);
            if !hashes.is_empty() && count != nodes(since, level) {
                // At most 255 hashes are kept of a level.
                let width = u16::try_from(hashes.len()).unwrap_or(TILE_WIDTH);
                tiles.push((name_of(level, count >> 8, width), bytes_of(hashes)));
            }
        }
        tiles
    }

    /// RFC 6962, section 2.1; of the empty tree it is the SHA-256 of nothing.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut root: Option<Hash> = None;
        for hashes in &self.levels {
            // From the right: the perfect trees of this level are ever larger to the left.
            let mut rest = hashes.as_slice();
            while !rest.is_empty() {
                let (left, right) = rest.split_at(rest.len() - (1 << rest.len().trailing_zeros()));
                let hash = perfect(right);
                root = Some(root.map_or(hash, |root| node_hash(hash, root)));
                rest = left;
            }
        }
        root.unwrap_or(tlog_tiles::EMPTY_HASH)
    }
}

/// The root over a power of two of hashes.
fn perfect(hashes: &[Hash]) -> Hash {
    match hashes {
        [hash] => *hash,
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            node_hash(perfect(left), perfect(right))
        }
    }
}

/// Complete subtrees of height 8 × `level`.
fn nodes(size: u64, level: u8) -> u64 {
    size.checked_shr(8 * u32::from(level)).unwrap_or(0)
}

/// The levels of tiles that a tree of `size` entries has.
fn levels_of(size: u64) -> impl Iterator<Item = u8> {
    (0..8).take_while(move |&level| nodes(size, level) > 0)
}

/// The `index`-th tile of `level`, as wide as it is in a tree of `size` entries; `None` when it is empty.
pub(crate) fn tile_at(size: u64, level: u8, index: u64) -> Option<TileName> {
    let hashes = nodes(size, level).checked_sub(index.checked_mul(256)?)?;
    let width = u16::try_from(hashes.min(256)).ok()?;
    TileName::new(Level::Hashes(level), index, width).ok()
}

fn partial(name: &TileName) -> bool {
    name.width() < TILE_WIDTH
}

fn name_of(level: u8, index: u64, width: u16) -> TileName {
    TileName::new(Level::Hashes(level), index, width).expect("a tree below 2^56 entries has at most 8 levels")
}

fn bytes_of(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// The hashes in a tile, exactly `width` of them.
pub(crate) fn hashes_of(tile: &[u8], width: u16) -> Option<Vec<Hash>> {
    let (hashes, rest) = tile.as_chunks::<HASH_BYTES>();
    (rest.is_empty() && hashes.len() == usize::from(width))
        .then(|| hashes.iter().map(|hash| Hash(*hash)).collect())
}

/// The tiles that hold every hash of the proof of entry `index` in the tree of `size` entries.
#[must_use]
pub fn tiles_of_inclusion(size: u64, index: u64) -> Vec<TileName> {
    let on_path = levels_of(size).filter_map(|level| tile_at(size, level, nodes(index, level) >> 8));
    let mut tiles: Vec<_> = on_path.chain(Edge::tiles_of(size)).collect();
    tiles.sort_unstable();
    tiles.dedup();
    tiles
}

/// The tiles that hold every hash of the proof that the tree of `size` entries continues the one of `old`.
#[must_use]
pub fn tiles_of_consistency(size: u64, old: u64) -> Vec<TileName> {
    // The proof starts at the last entry of the old tree and goes up beside its path.
    tiles_of_inclusion(size, old.saturating_sub(1))
}

/// Tiles of one tree, as a source of its hashes. Nothing is believed: proofs are checked after they are made.
pub struct Tiles<'a>(pub &'a BTreeMap<TileName, Bytes>);

impl HashReader for Tiles<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, TlogError> {
        indexes.iter().map(|&index| self.hash(index).ok_or(TlogError::IndexesNotInTree)).collect()
    }
}

impl Tiles<'_> {
    fn hash(&self, index: u64) -> Option<Hash> {
        let (height, n) = tlog_tiles::tlog::split_stored_hash_index(index);
        let (level, within) = (height / 8, height % 8);
        let first = n << within;
        let at = usize::try_from(first & 255).ok()?;
        let (from, until) = (at * HASH_BYTES, (at + (1 << within)) * HASH_BYTES);
        // Names sort by index, then by width: the one tile of this place is in this range.
        let place = name_of(level, first >> 8, 1)..=name_of(level, first >> 8, TILE_WIDTH);
        let (_, tile) = self.0.range(place).next_back()?;
        let (hashes, _) = tile.get(from..until)?.as_chunks::<HASH_BYTES>();
        let hashes: Vec<_> = hashes.iter().map(|hash| Hash(*hash)).collect();
        Some(perfect(&hashes))
    }
}

#[cfg(test)]
mod tests;
