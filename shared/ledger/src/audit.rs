//! A whole log, read from its first entry to its checkpoint.

use bytes::Bytes;
use scorpius_core::{Blobs, PortError};
use tlog_tiles::{Hash, record_hash};

use crate::files::{BlobFiles, LogFiles, MINIMUM_BYTES_MAX, MINIMUM_FILE};
use crate::log::LogName;
use crate::note::{Checkpoint, NoteError, VerifierKey};
use crate::policy::{Believed, Policy};
use crate::read::{CHECKPOINT_BYTES_MAX, ReadError, tile};
use crate::tile::{Level, TILE_WIDTH, TileName, decode_entries};
use crate::tlog_proof::decimal;
use crate::tree::{Edge, NamedTile, hashes_of, tile_at};

/// A log that was read from its first entry to its checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct LogAudit {
    /// The checkpoint that everything leads to.
    pub checkpoint: Checkpoint,
    /// Who else saw that checkpoint.
    pub believed: Believed,
    /// Tiles that were compared with what the entries make.
    pub tiles: u64,
    /// Entries below are gone, as the log says itself: of them the hashes alone were read. 0 when all are there.
    pub minimum: u64,
}

/// Why a log is not what its checkpoint says.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// There is no checkpoint: nothing was ever committed, or this is no log.
    #[error("there is no `checkpoint`")]
    NoCheckpoint,
    /// The checkpoint cannot be believed.
    #[error("the checkpoint cannot be believed")]
    Note(#[from] NoteError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What the log says of the entries that are gone is nothing it can say.
    #[error("`{MINIMUM_FILE}` names no index at which this log could begin")]
    Minimum,
    /// A tile of entries is not what the format says.
    #[error("`{0}` does not hold the entries that it should")]
    Entries(TileName),
    /// A tile differs from what the entries make.
    #[error("`{0}` is not what the entries make")]
    Tile(TileName),
    /// The entries do not make the checkpoint's root.
    #[error("the entries do not make the checkpoint's root")]
    Root,
    /// The checkpoint that the caller kept is not of this history, or is of a longer one: the log was rolled
    /// back, or somebody was shown another one.
    #[error("the log does not continue the checkpoint of {size} entries that you kept")]
    NotYours {
        /// Entries of that checkpoint.
        size: u64,
    },
    /// Whoever watches could not take a file.
    #[error("what was read could not be handed on")]
    Watcher(#[source] PortError),
}

/// One file that was read and is what it should be.
pub struct Seen<'a> {
    /// As C2SP names it.
    pub path: String,
    /// Its bytes.
    pub bytes: &'a Bytes,
    /// Entries read so far.
    pub done: u64,
    /// Entries of the log.
    pub of: u64,
}

/// Called with every file. What it answers ends the reading.
pub type Watcher<'w> = &'w mut (dyn FnMut(Seen<'_>) -> Result<(), PortError> + Send);

/// What a log is held against.
pub struct Against<'a> {
    /// Who is believed.
    pub policy: &'a Policy,
    /// Checkpoints that the caller kept from earlier, smallest first, all of which this log must continue.
    pub kept: &'a [Checkpoint],
}

/// Reads the whole shared log: entries make tiles, tiles make the root, and a trusted key signed it.
///
/// # Errors
/// `AuditError`, at the first thing that is wrong.
pub async fn audit_log(blobs: &dyn Blobs, trusted: &[VerifierKey]) -> Result<LogAudit, AuditError> {
    audit_log_of(blobs, &LogName::Shared, trusted).await
}

/// As `audit_log`, of this log.
///
/// # Errors
/// `AuditError`, at the first thing that is wrong.
pub async fn audit_log_of(
    blobs: &dyn Blobs,
    log: &LogName,
    trusted: &[VerifierKey],
) -> Result<LogAudit, AuditError> {
    let policy = Policy::of_logs(trusted);
    let against = Against { policy: &policy, kept: &[] };
    walk_log(&BlobFiles::of(blobs, log), &against, &mut |_| Ok(())).await
}

/// As `audit_log`, from any files, against more, and with every file shown: tiles as they are read, the checkpoint last.
///
/// # Errors
/// `AuditError`, at the first thing that is wrong.
pub async fn walk_log(
    files: &dyn LogFiles,
    against: &Against<'_>,
    watcher: Watcher<'_>,
) -> Result<LogAudit, AuditError> {
    let note = files.file("checkpoint", CHECKPOINT_BYTES_MAX).await.map_err(ReadError::from)?;
    let note = note.ok_or(AuditError::NoCheckpoint)?;
    let believed = against.policy.open(&note)?;
    let checkpoint = believed.checkpoint.clone();
    let foreign = |kept: &&Checkpoint| kept.origin != checkpoint.origin || kept.size > checkpoint.size;
    if let Some(kept) = against.kept.iter().find(foreign) {
        return Err(AuditError::NotYours { size: kept.size });
    }
    let (minimum, said) = minimum_of(files, checkpoint.size).await?;
    let mut walk =
        Walk { files, kept: against.kept, edge: Edge::empty(), of: checkpoint.size, tiles: 0, watcher };
    while walk.edge.size() < minimum {
        walk.next_hashes().await?;
    }
    while walk.edge.size() < checkpoint.size {
        walk.next_entries().await?;
    }
    let partial = walk.edge.partial_tiles(0);
    walk.compare(partial).await?;
    if walk.edge.root() != checkpoint.root {
        return Err(AuditError::Root);
    }
    if let Some(said) = said {
        walk.show(MINIMUM_FILE.to_owned(), &said)?;
    }
    walk.show("checkpoint".to_owned(), &note)?;
    Ok(LogAudit { checkpoint, believed, tiles: walk.tiles, minimum })
}

/// Where the log says that its entries begin, and the file that says so. Nobody has signed it: it claims less, never more.
async fn minimum_of(files: &dyn LogFiles, size: u64) -> Result<(u64, Option<Bytes>), AuditError> {
    let said = files.file(MINIMUM_FILE, MINIMUM_BYTES_MAX).await.map_err(ReadError::from)?;
    let Some(said) = said else { return Ok((0, None)) };
    let text = std::str::from_utf8(&said).ok().and_then(|text| text.strip_suffix('\n'));
    let minimum = text.and_then(decimal).filter(|minimum| *minimum <= size && minimum.trailing_zeros() >= 8);
    Ok((minimum.ok_or(AuditError::Minimum)?, Some(said)))
}

struct Walk<'a, 'w> {
    files: &'a dyn LogFiles,
    /// Those that were not reached yet.
    kept: &'a [Checkpoint],
    edge: Edge,
    of: u64,
    tiles: u64,
    watcher: Watcher<'w>,
}

impl Walk<'_, '_> {
    /// One tile of entries, and the tiles of hashes that it fills.
    async fn next_entries(&mut self) -> Result<(), AuditError> {
        let old = self.edge.size();
        let width = u16::try_from(self.of - old).unwrap_or(TILE_WIDTH).min(TILE_WIDTH);
        let name = TileName::new(Level::Entries, old >> 8, width).map_err(|_| AuditError::Root)?;
        let bytes = tile(self.files, name).await?;
        let entries = decode_entries(&bytes, width).ok_or(AuditError::Entries(name))?;
        let hashes: Vec<_> = entries.into_iter().map(record_hash).collect();
        let full = self.grow(&hashes)?;
        self.show(name.to_string(), &bytes)?;
        self.compare(full).await
    }

    /// One tile of hashes of entries that are gone, and the tiles that it fills.
    async fn next_hashes(&mut self) -> Result<(), AuditError> {
        let name = tile_at(self.of, 0, self.edge.size() >> 8).ok_or(AuditError::Root)?;
        let bytes = tile(self.files, name).await?;
        let full = self.grow(&hashes_of(&bytes, TILE_WIDTH).ok_or(AuditError::Tile(name))?)?;
        self.compare(full).await
    }

    /// Appends the hashes of entries, and answers the tiles that they fill.
    fn grow(&mut self, hashes: &[Hash]) -> Result<Vec<NamedTile>, AuditError> {
        let (mut full, mut rest) = (Vec::new(), hashes);
        // Kept trees may end inside this tile.
        while let Some((kept, later)) = self.kept.split_first() {
            let more = kept.size.checked_sub(self.edge.size()).and_then(|more| usize::try_from(more).ok());
            let more = more.ok_or(AuditError::NotYours { size: kept.size })?;
            let Some((before, after)) = rest.split_at_checked(more) else { break };
            full.extend(self.edge.append_hashes(before));
            if kept.root != self.edge.root() {
                return Err(AuditError::NotYours { size: kept.size });
            }
            (rest, self.kept) = (after, later);
        }
        full.extend(self.edge.append_hashes(rest));
        Ok(full)
    }

    async fn compare(&mut self, expected: Vec<NamedTile>) -> Result<(), AuditError> {
        for (name, bytes) in expected {
            let there = tile(self.files, name).await?;
            if there != bytes {
                return Err(AuditError::Tile(name));
            }
            self.show(name.to_string(), &there)?;
        }
        Ok(())
    }

    fn show(&mut self, path: String, bytes: &Bytes) -> Result<(), AuditError> {
        self.tiles += u64::from(path.starts_with("tile/"));
        let (done, of) = (self.edge.size(), self.of);
        (self.watcher)(Seen { path, bytes, done, of }).map_err(AuditError::Watcher)
    }
}
