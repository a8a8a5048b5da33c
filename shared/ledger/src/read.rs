//! Reading the log back from its blobs. The blobs are not trusted: whatever is read is checked against a root.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::future::try_join_all;
use scorpius_core::{BlobName, Blobs, PortError};
use tlog_tiles::{Hash, check_record, prove_record, prove_tree};

use crate::note::{Checkpoint, NoteError, VerifierKey};
use crate::tile::{Level, TILE_WIDTH, TileName, decode_entries};
use crate::tree::{Edge, NamedTile, Tiles, tiles_of_consistency, tiles_of_inclusion};

/// Where the latest checkpoint is copied to, for readers without the store.
pub const CHECKPOINT: &str = "ledger/checkpoint";
/// Bytes of a tile: 256 entries of 65,535 bytes.
const TILE_BYTES_MAX: u64 = 256 * (2 + 65_535);
/// Bytes of a checkpoint.
pub(crate) const CHECKPOINT_BYTES_MAX: u64 = 300_000;

/// Why the log could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The blobs did not answer.
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

/// The name of the checkpoint's copy.
///
/// # Panics
/// Never.
#[must_use]
pub fn checkpoint_name() -> BlobName {
    CHECKPOINT.parse().expect("a constant is a blob name")
}

/// One tile; a partial one may have been replaced by the full one of its place.
pub(crate) async fn tile(blobs: &dyn Blobs, name: TileName) -> Result<Bytes, ReadError> {
    if let Some(tile) = blobs.get(&name.blob(), TILE_BYTES_MAX).await? {
        return Ok(tile);
    }
    let missing = ReadError::Missing(name);
    if name.width() == TILE_WIDTH {
        return Err(missing);
    }
    let full = blobs.get(&name.full().blob(), TILE_BYTES_MAX).await?.ok_or(missing)?;
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
    blobs: &dyn Blobs,
    names: &[TileName],
) -> Result<BTreeMap<TileName, Bytes>, ReadError> {
    let read = names.iter().map(|&name| async move { Ok::<_, ReadError>((name, tile(blobs, name).await?)) });
    Ok(try_join_all(read).await?.into_iter().collect())
}

/// The right edge of the tree of `size` entries with `root`.
pub(crate) async fn edge(blobs: &dyn Blobs, size: u64, root: &Hash) -> Result<Edge, ReadError> {
    let tiles = tiles(blobs, &Edge::tiles_of(size)).await?;
    Edge::load(size, root, &tiles).map_err(|_| ReadError::Inconsistent { size })
}

/// The inclusion proof of entry `index` with `leaf_hash` in the tree of `size` entries with `root`, checked.
///
/// # Errors
/// `ReadError`.
pub async fn prove_inclusion(
    blobs: &dyn Blobs,
    size: u64,
    root: &Hash,
    index: u64,
    leaf_hash: Hash,
) -> Result<Vec<Hash>, ReadError> {
    if index >= size {
        return Err(ReadError::OutOfRange { asked: index, size });
    }
    let inconsistent = |_| ReadError::Inconsistent { size };
    let tiles = tiles(blobs, &tiles_of_inclusion(size, index)).await?;
    let proof = prove_record(size, index, &Tiles(&tiles)).map_err(inconsistent)?;
    check_record(&proof, size, *root, index, leaf_hash).map_err(inconsistent)?;
    Ok(proof)
}

/// The proof that the tree of `size` entries continues the one of `old`. Whoever has both roots checks it.
///
/// # Errors
/// `ReadError`.
pub async fn prove_consistency(blobs: &dyn Blobs, size: u64, old: u64) -> Result<Vec<Hash>, ReadError> {
    if old == 0 || old > size {
        return Err(ReadError::OutOfRange { asked: old, size });
    }
    let tiles = tiles(blobs, &tiles_of_consistency(size, old)).await?;
    prove_tree(size, old, &Tiles(&tiles)).map_err(|_| ReadError::Inconsistent { size })
}

/// A log that was read from its first entry to its checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct LogAudit {
    /// The checkpoint that everything leads to.
    pub checkpoint: Checkpoint,
    /// Tiles that were compared with what the entries make.
    pub tiles: u64,
}

/// Why a log is not what its checkpoint says.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// There is no checkpoint: nothing was ever committed, or this is no log.
    #[error("there is no `{CHECKPOINT}`")]
    NoCheckpoint,
    /// The checkpoint cannot be believed.
    #[error("the checkpoint cannot be believed")]
    Note(#[from] NoteError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A tile of entries is not what the format says.
    #[error("`{0}` does not hold the entries that it should")]
    Entries(TileName),
    /// A tile differs from what the entries make.
    #[error("`{0}` is not what the entries make")]
    Tile(TileName),
    /// The entries do not make the checkpoint's root.
    #[error("the entries do not make the checkpoint's root")]
    Root,
}

/// Reads the whole log: entries make tiles, tiles make the root, and a trusted key signed it.
///
/// # Errors
/// `AuditError`, at the first thing that is wrong.
pub async fn audit_log(blobs: &dyn Blobs, trusted: &[VerifierKey]) -> Result<LogAudit, AuditError> {
    let note = blobs.get(&checkpoint_name(), CHECKPOINT_BYTES_MAX).await.map_err(ReadError::from)?;
    let checkpoint = Checkpoint::open(&note.ok_or(AuditError::NoCheckpoint)?, trusted)?;
    let (mut edge, mut compared) = (Edge::empty(), 0);
    while edge.size() < checkpoint.size {
        let width = u16::try_from(checkpoint.size - edge.size()).unwrap_or(TILE_WIDTH).min(TILE_WIDTH);
        let place = edge.size() >> 8;
        let name = TileName::new(Level::Entries, place, width).map_err(|_| AuditError::Root)?;
        let bytes = tile(blobs, name).await?;
        let entries = decode_entries(&bytes, width).ok_or(AuditError::Entries(name))?;
        let full = edge.append(&entries);
        compared += 1 + compare(blobs, full).await?;
    }
    compared += compare(blobs, edge.partial_tiles(0)).await?;
    match edge.root() == checkpoint.root {
        true => Ok(LogAudit { checkpoint, tiles: compared }),
        false => Err(AuditError::Root),
    }
}

async fn compare(blobs: &dyn Blobs, expected: Vec<NamedTile>) -> Result<u64, AuditError> {
    let mut compared = 0;
    for (name, bytes) in expected {
        if tile(blobs, name).await? != bytes {
            return Err(AuditError::Tile(name));
        }
        compared += 1;
    }
    Ok(compared)
}
