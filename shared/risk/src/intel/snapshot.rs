//! The form of a snapshot: made once, read in parts.
//!
//! ```text
//! head:   magic (16) | sizes: 4 x u32 | lists (JSON) | filter: descriptor, fingerprints | index of blocks
//! blocks: JSON lines, sorted by key; rows of one key are in one block
//! ```
//!
//! Numbers are little-endian. Whoever has the head's hash can check every part: the head is hashed as a
//! whole, and its index has the hash of each block.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use scorpius_core::{BlobName, Blobs, PortError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use xorf::{BinaryFuse16, BinaryFuse16Ref, DmaSerializable, Filter, FilterRef};
use zerocopy::IntoBytes;

use crate::intel::{Indicator, ListHead, Listed};

/// Rows of all lists together.
pub const SNAPSHOT_ROWS_MAX: usize = 4_000_000;
const MAGIC: &[u8; 16] = b"scorpius-intel/1";
/// Magic and sizes.
const FIXED_BYTES: usize = 32;
/// First key, offset, length, hash.
const INDEX_BYTES: usize = 8 + 8 + 4 + 16;
const DESCRIPTOR_BYTES: usize = <BinaryFuse16 as DmaSerializable>::DESCRIPTOR_LEN;
/// A block is closed when it has this many bytes.
const BLOCK_BYTES: usize = 4_096;
/// Rows of one key; a list says a thing once.
const SAME_KEY_MAX: usize = 64;
/// Blocks that are kept in memory once they were read.
const BLOCKS_KEPT_MAX: usize = 256;
/// Bytes of a head: that of four million rows has 13 million.
const HEAD_BYTES_MAX: u64 = 64_000_000;
/// Bytes of a block with the most rows of one key, each with its longest texts.
const BLOCK_BYTES_MAX: u64 = 200_000;

/// Bytes that are no snapshot, or not the one that was named.
#[derive(Debug, thiserror::Error)]
pub enum BadSnapshot {
    /// A part is missing, longer than it may be, or not in its form.
    #[error("the snapshot's {0} is not in its form")]
    Form(&'static str),
    /// A part is not what its hash says.
    #[error("the snapshot's {0} was changed")]
    Changed(&'static str),
    /// Too many rows, or too many of one indicator.
    #[error("{0}")]
    TooMany(&'static str),
    /// The blobs did not answer.
    #[error(transparent)]
    Port(#[from] PortError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    list: u16,
    row: Listed,
}

/// A finished snapshot.
pub struct Built {
    /// The whole of it.
    pub bytes: Bytes,
    /// Bytes of its head.
    pub head_bytes: u64,
    /// SHA-256 of its head.
    pub head_sha256: String,
}

/// Makes a snapshot of `lists`. The same lists give the same bytes.
///
/// # Errors
/// Over a limit.
pub fn build(lists: &[(ListHead, Vec<Listed>)]) -> Result<Built, BadSnapshot> {
    if lists.iter().map(|(_, rows)| rows.len()).sum::<usize>() > SNAPSHOT_ROWS_MAX {
        return Err(BadSnapshot::TooMany("more rows than a snapshot takes"));
    }
    let mut sorted: Vec<(u64, u16, &Listed)> = Vec::new();
    for (number, (_, rows)) in (0_u16..).zip(lists) {
        sorted.extend(rows.iter().map(|row| (row.indicator.key(), number, row)));
    }
    sorted.sort_unstable();
    let (mut blocks, mut index, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    let mut start = 0;
    let mut first = None;
    for same in sorted.chunk_by(|one, two| one.0 == two.0) {
        if same.len() > SAME_KEY_MAX {
            return Err(BadSnapshot::TooMany("an indicator has more rows than a snapshot takes"));
        }
        let Some((key, ..)) = same.first() else { continue };
        keys.push(*key);
        first.get_or_insert(*key);
        for (_, list, row) in same {
            let line = Line { list: *list, row: (*row).clone() };
            serde_json::to_writer(&mut blocks, &line).map_err(|_| BadSnapshot::Form("row"))?;
            blocks.push(b'\n');
        }
        if blocks.len() - start >= BLOCK_BYTES {
            close(&mut index, first.take(), &blocks, &mut start)?;
        }
    }
    close(&mut index, first.take(), &blocks, &mut start)?;

    let heads: Vec<_> = lists.iter().map(|(head, _)| head).collect();
    let heads = serde_json_canonicalizer::to_vec(&heads).map_err(|_| BadSnapshot::Form("lists"))?;
    let filter = (!keys.is_empty()).then(|| BinaryFuse16::try_from(&keys).ok()).flatten();
    let fingerprints = filter.as_ref().map_or(0, |filter| filter.fingerprints.len());
    let mut head = MAGIC.to_vec();
    for size in [heads.len(), fingerprints, index.len() / INDEX_BYTES, 0] {
        head.extend(u32::try_from(size).map_err(|_| BadSnapshot::Form("head"))?.to_le_bytes());
    }
    head.extend(heads);
    if let Some(filter) = &filter {
        let mut descriptor = [0; DESCRIPTOR_BYTES];
        filter.dma_copy_descriptor_to(&mut descriptor);
        head.extend(descriptor);
        head.extend(filter.fingerprints.iter().flat_map(|print| print.to_le_bytes()));
    }
    head.extend(index);
    let (head_bytes, head_sha256) = (head.len() as u64, hex::encode(Sha256::digest(&head)));
    head.extend(blocks);
    Ok(Built { bytes: head.into(), head_bytes, head_sha256 })
}

fn close(
    index: &mut Vec<u8>,
    first: Option<u64>,
    blocks: &[u8],
    start: &mut usize,
) -> Result<(), BadSnapshot> {
    let (Some(first), Some(block)) = (first, blocks.get(*start..)) else { return Ok(()) };
    index.extend(first.to_le_bytes());
    index.extend((*start as u64).to_le_bytes());
    index.extend(u32::try_from(block.len()).map_err(|_| BadSnapshot::Form("block"))?.to_le_bytes());
    index.extend(Sha256::digest(block).iter().take(16));
    *start = blocks.len();
    Ok(())
}

/// Takes the parts of bytes one after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize, what: &'static str) -> Result<&'a [u8], BadSnapshot> {
        let (part, rest) = self.0.split_at_checked(bytes).ok_or(BadSnapshot::Form(what))?;
        self.0 = rest;
        Ok(part)
    }

    fn u32(&mut self, what: &'static str) -> Result<usize, BadSnapshot> {
        let bytes = self.take(4, what)?.try_into().map_err(|_| BadSnapshot::Form(what))?;
        usize::try_from(u32::from_le_bytes(bytes)).map_err(|_| BadSnapshot::Form(what))
    }

    fn u64(&mut self, what: &'static str) -> Result<u64, BadSnapshot> {
        let bytes = self.take(8, what)?.try_into().map_err(|_| BadSnapshot::Form(what))?;
        Ok(u64::from_le_bytes(bytes))
    }
}

#[derive(Debug)]
struct BlockRef {
    first: u64,
    offset: u64,
    bytes: u64,
    sha256: [u8; 16],
}

#[derive(Debug)]
struct Prints {
    descriptor: [u8; DESCRIPTOR_BYTES],
    fingerprints: Vec<u16>,
}

impl Prints {
    fn may_have(&self, key: u64) -> bool {
        BinaryFuse16Ref::from_dma(&self.descriptor, self.fingerprints.as_bytes()).contains(&key)
    }
}

/// A snapshot whose head is in memory: about 2.3 bytes an indicator, and 36 for every 4 KB of rows.
pub struct Snapshot {
    blob: BlobName,
    head_bytes: u64,
    lists: Vec<ListHead>,
    prints: Option<Prints>,
    blocks: Vec<BlockRef>,
    kept: std::sync::Mutex<BTreeMap<usize, Arc<Vec<Line>>>>,
}

impl Snapshot {
    /// Reads the head of `blob`, which has `head_bytes` and this hash.
    ///
    /// # Errors
    /// When it is missing, changed, or of another form.
    pub async fn load(
        blobs: &dyn Blobs,
        blob: &BlobName,
        head_bytes: u64,
        head_sha256: &str,
    ) -> Result<Self, BadSnapshot> {
        if head_bytes > HEAD_BYTES_MAX {
            return Err(BadSnapshot::Form("head"));
        }
        let head = blobs.get_range(blob, 0..head_bytes).await?.ok_or(BadSnapshot::Form("blob"))?;
        if hex::encode(Sha256::digest(&head)) != head_sha256 {
            return Err(BadSnapshot::Changed("head"));
        }
        Self::parse(blob.clone(), &head)
    }

    fn parse(blob: BlobName, head: &[u8]) -> Result<Self, BadSnapshot> {
        let mut reader = Reader(head);
        if reader.take(MAGIC.len(), "magic")? != MAGIC {
            return Err(BadSnapshot::Form("magic"));
        }
        let (lists, prints, blocks) = (reader.u32("sizes")?, reader.u32("sizes")?, reader.u32("sizes")?);
        reader.u32("sizes")?;
        debug_assert_eq!(head.len() - reader.0.len(), FIXED_BYTES, "four sizes after the magic");
        let lists: Vec<ListHead> =
            serde_json::from_slice(reader.take(lists, "lists")?).map_err(|_| BadSnapshot::Form("lists"))?;
        let prints = match prints {
            0 => None,
            prints => {
                let descriptor = reader.take(DESCRIPTOR_BYTES, "filter")?;
                let descriptor = descriptor.try_into().map_err(|_| BadSnapshot::Form("filter"))?;
                let bytes = reader.take(prints * 2, "filter")?;
                let (pairs, _) = bytes.as_chunks::<2>();
                let fingerprints = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
                Some(Prints { descriptor, fingerprints })
            }
        };
        let blocks = (0..blocks).map(|_| {
            let first = reader.u64("index")?;
            let (offset, bytes) = (reader.u64("index")?, reader.u32("index")? as u64);
            let sha256 = reader.take(16, "index")?.try_into().map_err(|_| BadSnapshot::Form("index"))?;
            Ok(BlockRef { first, offset, bytes, sha256 })
        });
        let blocks = blocks.collect::<Result<Vec<_>, BadSnapshot>>()?;
        let sorted = blocks.is_sorted_by(|one, two| one.first < two.first);
        if !reader.0.is_empty() || !sorted || blocks.iter().any(|block| block.bytes > BLOCK_BYTES_MAX) {
            return Err(BadSnapshot::Form("index"));
        }
        let head_bytes = head.len() as u64;
        Ok(Self { blob, head_bytes, lists, prints, blocks, kept: std::sync::Mutex::default() })
    }

    /// Its lists.
    #[must_use]
    pub fn lists(&self) -> &[ListHead] {
        &self.lists
    }

    /// Bytes that it takes in memory, without the blocks that were read.
    #[must_use]
    pub fn head_bytes(&self) -> u64 {
        self.head_bytes
    }

    /// Every row about `indicator`, each with its list.
    ///
    /// # Errors
    /// When a block that may have one cannot be read: nobody may take that for an answer.
    pub async fn find(
        &self,
        blobs: &dyn Blobs,
        indicator: &Indicator,
    ) -> Result<Vec<(ListHead, Listed)>, BadSnapshot> {
        let key = indicator.key();
        if self.prints.as_ref().is_some_and(|prints| !prints.may_have(key)) {
            return Ok(Vec::new());
        }
        let Some(at) = self.blocks.partition_point(|block| block.first <= key).checked_sub(1) else {
            return Ok(Vec::new());
        };
        let block = self.block(blobs, at).await?;
        let rows = block.iter().filter(|line| line.row.indicator == *indicator);
        let listed = rows.map(|line| {
            let list = self.lists.get(usize::from(line.list)).ok_or(BadSnapshot::Form("row"))?;
            Ok((list.clone(), line.row.clone()))
        });
        listed.collect()
    }

    async fn block(&self, blobs: &dyn Blobs, at: usize) -> Result<Arc<Vec<Line>>, BadSnapshot> {
        if let Some(block) = self.kept.lock().ok().and_then(|kept| kept.get(&at).cloned()) {
            return Ok(block);
        }
        let part = self.blocks.get(at).ok_or(BadSnapshot::Form("index"))?;
        let start = self.head_bytes.saturating_add(part.offset);
        let range = start..start.saturating_add(part.bytes);
        let bytes = blobs.get_range(&self.blob, range).await?.ok_or(BadSnapshot::Form("blob"))?;
        if Sha256::digest(&bytes).get(..16) != Some(part.sha256.as_slice()) {
            return Err(BadSnapshot::Changed("block"));
        }
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let lines: Result<Vec<Line>, _> = lines.map(serde_json::from_slice).collect();
        let block = Arc::new(lines.map_err(|_| BadSnapshot::Form("row"))?);
        if let Ok(mut kept) = self.kept.lock() {
            if kept.len() >= BLOCKS_KEPT_MAX {
                kept.clear();
            }
            kept.insert(at, Arc::clone(&block));
        }
        Ok(block)
    }
}
