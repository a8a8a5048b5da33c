//! Reading the log back from its files. They are not trusted: whatever is read is checked against a root.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::future::try_join_all;
use scorpius_core::PortError;
use tlog_tiles::{Hash, check_record, check_tree, prove_record, prove_tree};

use crate::files::LogFiles;
use crate::tile::{Level, TILE_WIDTH, TileName, decode_entries};
use crate::tree::{Edge, Tiles, tile_at, tiles_of_consistency, tiles_of_inclusion};

/// Bytes of a tile: 256 entries of 65,535 bytes.
pub(crate) const TILE_BYTES_MAX: u64 = 256 * (2 + 65_535);
/// Bytes of a checkpoint.
pub const CHECKPOINT_BYTES_MAX: u64 = 300_000;

/// Why the log could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The files cannot be read.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A tile that the checkpoint covers is not there.
    #[error("the log has no `{0}`")]
    Missing(TileName),
    /// The tiles do not make the root that they should.
    #[error("the tiles do not make the root of the tree of {size} entries")]
    Inconsistent {
        /// Entries in that tree.
        size: u64,
    },
    /// No such entry or tree in the tree of `size` entries.
    #[error("asked for {asked} in a tree of {size} entries")]
    OutOfRange {
        /// Which entry or tree.
        asked: u64,
        /// Entries in the tree.
        size: u64,
    },
}

/// One tile; a partial one may have been replaced by the full one of its place.
pub(crate) async fn tile(files: &dyn LogFiles, name: TileName) -> Result<Bytes, ReadError> {
    if let Some(tile) = files.file(&name.to_string(), TILE_BYTES_MAX).await? {
        return Ok(tile);
    }
    let missing = ReadError::Missing(name);
    if name.width() == TILE_WIDTH {
        return Err(missing);
    }
    let full = files.file(&name.full().to_string(), TILE_BYTES_MAX).await?.ok_or(missing)?;
    narrowed(&full, name).ok_or(ReadError::Missing(name))
}

/// The first `name.width()` hashes or entries of a full tile.
fn narrowed(full: &Bytes, name: TileName) -> Option<Bytes> {
    let width = usize::from(name.width());
    let length = match name.level() {
        Level::Hashes(_) => width * 32,
        Level::Entries => {
            let entries = decode_entries(full, TILE_WIDTH)?;
            entries.iter().take(width).map(|entry| 2 + entry.len()).sum()
        }
    };
    (length <= full.len()).then(|| full.slice(..length))
}

pub(crate) async fn tiles(
    files: &dyn LogFiles,
    names: &[TileName],
) -> Result<BTreeMap<TileName, Bytes>, ReadError> {
    let read = names.iter().map(|&name| async move { Ok::<_, ReadError>((name, tile(files, name).await?)) });
    Ok(try_join_all(read).await?.into_iter().collect())
}

/// The right edge of the tree of `size` entries with `root`.
pub(crate) async fn edge(files: &dyn LogFiles, size: u64, root: &Hash) -> Result<Edge, ReadError> {
    let tiles = tiles(files, &Edge::tiles_of(size)).await?;
    Edge::load(size, root, &tiles).map_err(|_| ReadError::Inconsistent { size })
}

/// The inclusion proof of entry `index` with `leaf_hash` in the tree of `size` entries with `root`, checked.
///
/// # Errors
/// `ReadError`.
pub async fn prove_inclusion(
    files: &dyn LogFiles,
    size: u64,
    root: &Hash,
    index: u64,
    leaf_hash: Hash,
) -> Result<Vec<Hash>, ReadError> {
    if index >= size {
        return Err(ReadError::OutOfRange { asked: index, size });
    }
    let inconsistent = |_| ReadError::Inconsistent { size };
    let tiles = tiles(files, &tiles_of_inclusion(size, index)).await?;
    let proof = prove_record(size, index, &Tiles(&tiles)).map_err(inconsistent)?;
    check_record(&proof, size, *root, index, leaf_hash).map_err(inconsistent)?;
    Ok(proof)
}

/// The proof that the tree of `size` entries continues the one of `old`. Whoever has both roots checks it.
///
/// # Errors
/// `ReadError`.
pub async fn prove_consistency(files: &dyn LogFiles, size: u64, old: u64) -> Result<Vec<Hash>, ReadError> {
    if old == 0 || old > size {
        return Err(ReadError::OutOfRange { asked: old, size });
    }
    let tiles = tiles(files, &tiles_of_consistency(size, old)).await?;
    prove_tree(size, old, &Tiles(&tiles)).map_err(|_| ReadError::Inconsistent { size })
}

/// Tiles of a smaller tree, cut from those of the tree of `size` entries: of sizes that were never published there
/// are no tiles of their own.
async fn tiles_within(
    files: &dyn LogFiles,
    names: &[TileName],
    size: u64,
) -> Result<BTreeMap<TileName, Bytes>, ReadError> {
    let cut = |&name: &TileName| async move {
        let missing = ReadError::Missing(name);
        let Level::Hashes(level) = name.level() else { return Err(missing) };
        let wide = tile_at(size, level, name.index()).ok_or(ReadError::Missing(name))?;
        let bytes = tile(files, wide).await?;
        Ok((name, narrowed(&bytes, name).ok_or(missing)?))
    };
    Ok(try_join_all(names.iter().map(cut)).await?.into_iter().collect())
}

/// The root over the first `old` entries, as the tiles of the tree of `size` say it. Whoever needs to believe it
/// proves consistency.
async fn root_of(files: &dyn LogFiles, old: u64, size: u64) -> Result<Hash, ReadError> {
    let tiles = tiles_within(files, &Edge::tiles_of(old), size).await?;
    Edge::of_tiles(old, &tiles).map(|edge| edge.root()).ok_or(ReadError::Inconsistent { size: old })
}

/// The roots of two trees of one log, and the proof that the later one continues the earlier one.
#[derive(Clone, Debug, PartialEq)]
pub struct Consistency {
    /// Entries of the earlier tree.
    pub from: u64,
    /// Its root.
    pub from_root: Hash,
    /// Entries of the later tree.
    pub to: u64,
    /// Its root.
    pub to_root: Hash,
    /// RFC 6962 consistency proof; empty when `from` is 0 or `to`.
    pub proof: Vec<Hash>,
}

/// The proof that the tree of `to` entries continues the one of `from`, checked, and that both are of the history
/// whose tree of `size` entries has `root`.
///
/// # Errors
/// `ReadError`.
pub async fn prove_between(
    files: &dyn LogFiles,
    (from, to): (u64, u64),
    (size, root): (u64, &Hash),
) -> Result<Consistency, ReadError> {
    if to > size || from > to {
        return Err(ReadError::OutOfRange { asked: if to > size { to } else { from }, size });
    }
    let to_root = if to == size { *root } else { root_of(files, to, size).await? };
    leads_to(files, (to, &to_root), (size, root), size).await?;
    let from_root = if from == size { *root } else { root_of(files, from, size).await? };
    let proof = leads_to(files, (from, &from_root), (to, &to_root), size).await?;
    Ok(Consistency { from, from_root, to, to_root, proof })
}

async fn leads_to(
    files: &dyn LogFiles,
    (old, old_root): (u64, &Hash),
    (new, root): (u64, &Hash),
    size: u64,
) -> Result<Vec<Hash>, ReadError> {
    if old == 0 || (old == new && old_root == root) {
        return Ok(Vec::new());
    }
    let inconsistent = |_| ReadError::Inconsistent { size: new };
    let tiles = tiles_within(files, &tiles_of_consistency(new, old), size).await?;
    let proof = prove_tree(new, old, &Tiles(&tiles)).map_err(inconsistent)?;
    check_tree(&proof, new, *root, old, *old_root).map_err(inconsistent)?;
    Ok(proof)
}
