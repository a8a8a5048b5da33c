//! Journals as they are kept: a head, a record for each block, and the tiles of the tree over their hashes.
//!
//! Blocks, tiles and head change in one commit on the head's version, so that a journal is whole at every moment.

use std::sync::Arc;

use scorpius_core::{
    Attributes, BlobName, Blobs, Clock, CommitId, Condition, Key, Keys, PortError, Record, Store, StoreError,
    TenantId, Value, Write,
};
use scorpius_edge::idempotency::commit_with_retry;
use scorpius_ledger::journal::TenantSeals;
use scorpius_qldb::StoredBlock;
use scorpius_qldb::hash::Hash;
use scorpius_qldb::tree::{self, TileAt, Tiles};
use serde::{Deserialize, Serialize};

/// Blocks that one commit adds: beside them there are the head, tiles and an event.
pub const BLOCKS_OF_A_COMMIT: usize = 80;
/// Bytes of blocks in the records of one commit.
pub const BYTES_OF_A_COMMIT: usize = 3_000_000;
/// Bytes of a block that is kept in its record; a larger one is a blob.
const RECORD_BYTES: usize = 200_000;
/// Bytes of a block that is kept: an answer has at most 4 MB, with escapes.
pub const BLOCK_BYTES_MAX: usize = 3_000_000;
/// Characters of a journal's name, as QLDB had it.
const NAME_CHARS_MAX: usize = 32;

/// Where a journal stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Its strand.
    pub strand: String,
    /// Blocks.
    pub size: u64,
    /// The number of the last one.
    pub tip: u64,
    /// Its hash, in hex: what the next one follows.
    pub tip_hash: String,
    /// Of entries: the id from which they are looked through next; at the end it goes back an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan_from: Option<String>,
    /// Blocks that a told digest covers.
    #[serde(default)]
    pub told: u64,
}

/// A head, and the version that a commit must still find; none before the first block.
#[derive(Clone, Debug)]
pub struct ReadHead {
    pub(crate) head: Head,
    pub(crate) version: Option<u64>,
}

/// A block on its way into a journal.
#[derive(Clone, Debug)]
pub struct NewBlock {
    /// Its number.
    pub sequence_no: u64,
    /// Its hash.
    pub block_hash: Hash,
    /// All of it, Ion text.
    pub text: String,
}

/// A block's place in the tree, and its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) position: u64,
    pub(crate) block_hash: Hash,
}

/// Why a journal cannot be read or extended.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another journal has this name.
    #[error("the journal `{0}` is of another strand")]
    OtherStrand(String),
    /// The name is of no form.
    #[error("a journal's name is 1 to {NAME_CHARS_MAX} letters, digits and hyphens, and not `{NATIVE}`", NATIVE = crate::NATIVE)]
    Name,
    /// What comes does not follow what is there.
    #[error("block {0} does not follow the last one that is kept")]
    Gap(u64),
    /// The same number with another hash.
    #[error("block {0} is kept with another hash")]
    OtherBlock(u64),
    /// Larger than can be answered.
    #[error("block {0} has more than {BLOCK_BYTES_MAX} bytes")]
    TooLarge(u64),
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is kept is not what it was.
    #[error("the journal is broken: {0}")]
    Broken(String),
}

impl From<PortError> for JournalError {
    fn from(error: PortError) -> Self {
        Self::Store(error.into())
    }
}

/// Whether QLDB could have called a ledger so.
#[must_use]
pub fn is_journal_name(name: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The journals of all tenants.
pub struct Journals {
    pub(crate) store: Arc<dyn Store>,
    blobs: Arc<dyn Blobs>,
    pub(crate) clock: Arc<dyn Clock>,
    seals: TenantSeals,
}

impl Journals {
    /// Over these ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        blobs: Arc<dyn Blobs>,
        keys: Arc<dyn Keys>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let seals = TenantSeals::new(Arc::clone(&store), keys, Arc::clone(&clock));
        Self { store, blobs, clock, seals }
    }

    /// Where a journal stands; `None` when there is none of this name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn head(&self, tenant: &TenantId, name: &str) -> Result<Option<ReadHead>, StoreError> {
        let Some(record) = self.store.get(&head_key(tenant, name)).await? else { return Ok(None) };
        Ok(Some(ReadHead { head: record.document()?, version: Some(record.version) }))
    }

    /// Adds blocks of an import, in order; those that are kept already are compared. Documents are sealed.
    ///
    /// # Errors
    /// `JournalError`; what was added before stays.
    pub async fn add(
        &self,
        tenant: &TenantId,
        name: &str,
        adding: Adding<'_>,
        blocks: Vec<NewBlock>,
    ) -> Result<u64, JournalError> {
        if !is_journal_name(name) || name == crate::NATIVE {
            return Err(JournalError::Name);
        }
        let read = self.head(tenant, name).await?;
        if read.as_ref().is_some_and(|read| read.head.strand != adding.strand) {
            return Err(JournalError::OtherStrand(name.to_owned()));
        }
        let (known, fresh): (Vec<_>, Vec<_>) = blocks
            .into_iter()
            .partition(|block| read.as_ref().is_some_and(|read| block.sequence_no <= read.head.tip));
        let numbers: Vec<_> = known.iter().map(|block| block.sequence_no).collect();
        for (block, placed) in known.iter().zip(self.placed(tenant, name, &numbers).await?) {
            if placed.is_none_or(|placed| placed.block_hash != block.block_hash) {
                return Err(JournalError::OtherBlock(block.sequence_no));
            }
        }
        let Some(first) = fresh.first() else { return Ok(0) };
        let follows = read.as_ref().is_none_or(|read| {
            first.sequence_no == read.head.tip + 1
                && *known.last().map_or(adding.before, |last| &last.block_hash)
                    == hex_hash(&read.head.tip_hash)
        });
        if !follows {
            return Err(JournalError::Gap(first.sequence_no));
        }
        let count = fresh.len() as u64;
        let read = read.unwrap_or_else(|| ReadHead {
            head: Head {
                strand: adding.strand.to_owned(),
                size: 0,
                tip: 0,
                tip_hash: String::new(),
                scan_from: None,
                told: 0,
            },
            version: None,
        });
        let next = read.head.clone();
        match self.extend(tenant, name, &read, next, &fresh, true, Vec::new()).await? {
            Some(_) => Ok(count),
            None => Err(StoreError::Busy.into()),
        }
    }

    /// One commit: `blocks` after those of `read`, and the head `next` with their size and tip. `None` when somebody
    /// else was faster.
    #[expect(clippy::too_many_arguments, reason = "one commit, whose parts are these")]
    pub(crate) async fn extend(
        &self,
        tenant: &TenantId,
        name: &str,
        read: &ReadHead,
        mut next: Head,
        blocks: &[NewBlock],
        sealed: bool,
        more: Vec<Write>,
    ) -> Result<Option<ReadHead>, JournalError> {
        let size = read.head.size;
        let edge = self.tiles(tenant, name, tree::edge(size)).await?;
        let leaves: Vec<_> = blocks.iter().map(|block| block.block_hash.clone()).collect();
        let changed = tree::append(size, &edge, &leaves)
            .ok_or_else(|| JournalError::Broken(format!("`{name}` has not the tiles of {size} blocks")))?;
        next.size = size + blocks.len() as u64;
        if let Some(last) = blocks.last() {
            next.tip = last.sequence_no;
            next.tip_hash = hex_of(&last.block_hash);
        }
        let condition = read.version.map_or(Condition::Absent, Condition::VersionIs);
        let mut writes = vec![Write::put(head_key(tenant, name), &next, condition)];
        for (position, block) in (size..).zip(blocks) {
            let mut attributes = Attributes::new()
                .with("position", Value::Int(i64::try_from(position).unwrap_or(i64::MAX)))
                .with("hash", Value::Bytes(block.block_hash.clone()));
            let (attribute, value) = self.body(tenant, name, block, sealed).await?;
            attributes = attributes.with(attribute, value);
            let key = block_key(tenant, name, block.sequence_no);
            writes.push(Write::Put { key, attributes, expires_at: None, condition: Condition::Absent });
        }
        for (at, hashes) in changed {
            let attributes = Attributes::new().with("hashes", Value::Bytes(hashes.concat()));
            let key = tile_key(tenant, name, at);
            writes.push(Write::Put { key, attributes, expires_at: None, condition: Condition::Always });
        }
        writes.extend(more);
        match commit_with_retry(&*self.store, CommitId::new(&*self.clock), &writes).await {
            Ok(version) => Ok(Some(ReadHead { head: next, version: Some(version) })),
            Err(StoreError::Conflict { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn body(
        &self,
        tenant: &TenantId,
        name: &str,
        block: &NewBlock,
        sealed: bool,
    ) -> Result<(&'static str, Value), JournalError> {
        if block.text.len() > BLOCK_BYTES_MAX {
            return Err(JournalError::TooLarge(block.sequence_no));
        }
        if !sealed {
            return Ok(("text", Value::Text(block.text.clone())));
        }
        let about = about(name, block.sequence_no);
        let sealed = self.seals.seal(tenant, &about, block.text.as_bytes()).await?;
        if sealed.len() <= RECORD_BYTES {
            return Ok(("sealed", Value::Bytes(sealed)));
        }
        // Each sealing has bytes of its own, and so a name of its own: nobody's blob is overwritten.
        let blob = BlobName::of_content(&format!("qldb/{tenant}"), &sealed);
        self.blobs.put_if_absent(&blob, sealed.into()).await?;
        Ok(("blob", Value::Text(blob.to_string())))
    }

    /// Where blocks are in the tree, in the order asked; at most 200.
    pub(crate) async fn placed(
        &self,
        tenant: &TenantId,
        name: &str,
        numbers: &[u64],
    ) -> Result<Vec<Option<Placed>>, StoreError> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<_> = numbers.iter().map(|number| block_key(tenant, name, *number)).collect();
        let records = self.store.get_many(&keys).await?;
        records.iter().map(|record| Ok(record.as_ref().map(placed_of).transpose()?)).collect()
    }

    /// The block `number` and its place; `None` when there is none, or its tenant's secret is destroyed.
    pub(crate) async fn block(
        &self,
        tenant: &TenantId,
        name: &str,
        number: u64,
    ) -> Result<Option<(Placed, StoredBlock, String)>, JournalError> {
        let Some(record) = self.store.get(&block_key(tenant, name, number)).await? else { return Ok(None) };
        let placed = placed_of(&record)?;
        let sealed = match (record.attributes.0.get("text"), record.attributes.text("blob")) {
            (Some(Value::Text(text)), _) => return self.stored(number, placed, text.clone()).map(Some),
            (_, Some(blob)) => {
                let name: BlobName = blob.parse().map_err(|error| PortError::new("store", error))?;
                let bytes = self.blobs.get(&name, BLOCK_BYTES_MAX as u64 + 1_000).await?;
                bytes.ok_or_else(|| JournalError::Broken(format!("`{name}` is gone")))?.to_vec()
            }
            _ => match record.attributes.0.get("sealed") {
                Some(Value::Bytes(sealed)) => sealed.clone(),
                _ => return Err(JournalError::Broken(format!("block {number} has no text"))),
            },
        };
        let Some(text) = self.seals.open(tenant, &about(name, number), &sealed).await? else {
            return Ok(None);
        };
        let text = String::from_utf8(text).map_err(|error| PortError::new("store", error))?;
        self.stored(number, placed, text).map(Some)
    }

    fn stored(
        &self,
        number: u64,
        placed: Placed,
        text: String,
    ) -> Result<(Placed, StoredBlock, String), JournalError> {
        let stored = StoredBlock::of_text(&text).map_err(|error| PortError::new("store", error))?;
        match stored.block.block_hash == placed.block_hash {
            true => Ok((placed, stored, text)),
            false => Err(JournalError::Broken(format!("block {number} has another hash than the tree"))),
        }
    }

    /// The digest over the first `size` blocks.
    pub(crate) async fn digest(
        &self,
        tenant: &TenantId,
        name: &str,
        size: u64,
    ) -> Result<Hash, JournalError> {
        let tiles = self.tiles(tenant, name, tree::needed(size, None)).await?;
        tree::root(size, &tiles).ok_or_else(|| lacks(name, size))
    }

    /// What leads from the block at `position` to that digest.
    pub(crate) async fn proof(
        &self,
        tenant: &TenantId,
        name: &str,
        (size, position): (u64, u64),
    ) -> Result<Vec<Hash>, JournalError> {
        let tiles = self.tiles(tenant, name, tree::needed(size, Some(position))).await?;
        tree::prove(size, position, &tiles).ok_or_else(|| lacks(name, size))
    }

    async fn tiles(
        &self,
        tenant: &TenantId,
        name: &str,
        at: impl IntoIterator<Item = TileAt>,
    ) -> Result<Tiles, JournalError> {
        let at: Vec<_> = at.into_iter().collect();
        if at.is_empty() {
            return Ok(Tiles::new());
        }
        let keys: Vec<_> = at.iter().map(|at| tile_key(tenant, name, *at)).collect();
        let records = self.store.get_many(&keys).await?;
        let tiles = at.into_iter().zip(records).filter_map(|(at, record)| {
            match record?.attributes.0.remove("hashes") {
                Some(Value::Bytes(hashes)) => Some((at, hashes.chunks(32).map(<[u8]>::to_vec).collect())),
                _ => None,
            }
        });
        Ok(tiles.collect())
    }
}

/// What comes with blocks of an import.
#[derive(Clone, Copy, Debug)]
pub struct Adding<'a> {
    /// The journal's strand.
    pub strand: &'a str,
    /// The hash of the block before the first one; empty for the first of all.
    pub before: &'a Hash,
}

fn lacks(name: &str, size: u64) -> JournalError {
    JournalError::Broken(format!("`{name}` has not the tiles of {size} blocks"))
}

fn placed_of(record: &Record) -> Result<Placed, PortError> {
    match record.attributes.0.get("hash") {
        Some(Value::Bytes(hash)) => Ok(Placed {
            position: u64::try_from(record.attributes.int("position"))
                .map_err(|error| PortError::new("store", error))?,
            block_hash: hash.clone(),
        }),
        _ => Err(PortError::new("store", "a block's record without its hash")),
    }
}

fn about(name: &str, number: u64) -> String {
    format!("qldb-block:{name}:{number}")
}

fn head_key(tenant: &TenantId, name: &str) -> Key {
    Key::new(format!("{tenant}#qldb"), name)
}

fn block_key(tenant: &TenantId, name: &str, number: u64) -> Key {
    Key::new(format!("{tenant}#qldb-block#{name}"), format!("{number:020}"))
}

fn tile_key(tenant: &TenantId, name: &str, (level, number): TileAt) -> Key {
    Key::new(format!("{tenant}#qldb-tile#{name}"), format!("{level}/{number:012}"))
}

fn hex_of(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A hash of 32 bytes in hex, or nothing.
pub(crate) fn hex_hash(text: &str) -> Hash {
    let byte = |at: usize| text.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    (0..text.len()).step_by(2).map_while(byte).collect()
}
