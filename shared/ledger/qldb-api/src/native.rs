//! The ledger's own entries as a journal: one block for each entry of the tenant, whose document is the entry.
//!
//! Nobody pays for it before a digest is asked for: then entries that no block has yet are looked through, a bounded number
//! a time. A block's number is its entry's place in its log and one, so that whoever has a proof of ours knows it; numbers in between
//! are other tenants'. Those of a tenant's own log come after all that the shared log can have. There is no block 0, which would have to be the first of the chain: blocks follow
//! each other in the order in which they were added.

use std::sync::Arc;

use scorpius_core::{Actor, Event, Fact, StoreError, TenantId, Write};
use scorpius_ledger::LogKind;
use scorpius_ledger::journal::{TenantEntries, TenantEntry};
use scorpius_qldb::{Address, Document, block_of};
use serde_json::json;

use crate::facts::DigestMade;
use crate::journals::{BLOCKS_OF_A_COMMIT, Head, JournalError, Journals, NewBlock, ReadHead, hex_hash};

/// The name of the journal of entries.
pub const NATIVE: &str = "audit";
/// Pages of at most 200 entries that one request looks through.
const PAGES_MAX: usize = 10;
/// How often the race for the head is run.
const RACES_MAX: u32 = 4;
/// How late an entry may come after others with later ids and still be found by itself.
const LATE_MS: u64 = 3_600_000;
/// The number of the first entry of a tenant's own log: the shared log has at most 2^48 entries, the last at that number.
const OWN_FIRST: u64 = (1 << 48) + 1;

impl Journals {
    /// Brings the journal of entries up to what a checkpoint covers, as far as one request goes. `None` when there is
    /// nothing yet.
    pub(crate) async fn catch_up(
        &self,
        tenant: &TenantId,
        actor: &Actor,
    ) -> Result<Option<ReadHead>, JournalError> {
        let entries = TenantEntries::new(Arc::clone(&self.store));
        let mut read = match self.head(tenant, NATIVE).await? {
            Some(read) => read,
            None => ReadHead { head: empty(tenant), version: None },
        };
        let mut races = 0;
        for _ in 0..PAGES_MAX {
            let from = read.head.scan_from.clone();
            let page = entries.page(tenant, from.as_deref(), None).await?;
            let at_end = page.cursor.is_none();
            let new = self.missing(tenant, &page.entries).await?;
            let next_from = match (at_end, page.entries.last()) {
                (false, Some(last)) => Some(last.entry.id.clone()),
                (true, Some(last)) => Some(an_hour_before(&last.entry.id)),
                (_, None) => from.clone(),
            };
            match self.put(tenant, &read, &new, next_from).await? {
                Some(after) => read = after,
                None if races < RACES_MAX => {
                    races += 1;
                    read = self.head(tenant, NATIVE).await?.ok_or(StoreError::Busy)?;
                    continue;
                }
                None => return Err(StoreError::Busy.into()),
            }
            if at_end {
                break;
            }
        }
        if read.version.is_none() || read.head.size == 0 {
            return Ok(None);
        }
        self.tell(tenant, read, actor).await.map(Some)
    }

    /// Those of `entries` that a checkpoint covers and no block has, in the order of the log. Digests' own entries have none:
    /// each would make the next.
    async fn missing<'a>(
        &self,
        tenant: &TenantId,
        entries: &'a [TenantEntry],
    ) -> Result<Vec<&'a TenantEntry>, JournalError> {
        let wanted = |one: &&TenantEntry| one.is_covered && one.entry.kind != DigestMade::TYPE;
        let wanted: Vec<_> = entries.iter().filter(wanted).collect();
        let numbers: Vec<_> = wanted.iter().map(|one| number_of(one)).collect();
        let placed = self.placed(tenant, NATIVE, &numbers).await?;
        let mut missing: Vec<_> = wanted
            .into_iter()
            .zip(placed)
            .filter(|(_, placed)| placed.is_none())
            .map(|(one, _)| one)
            .collect();
        missing.sort_by_key(|one| number_of(one));
        Ok(missing)
    }

    async fn put(
        &self,
        tenant: &TenantId,
        read: &ReadHead,
        entries: &[&TenantEntry],
        scan_from: Option<String>,
    ) -> Result<Option<ReadHead>, JournalError> {
        if entries.is_empty() && (read.version.is_none() || read.head.scan_from == scan_from) {
            return Ok(Some(read.clone()));
        }
        let mut read = read.clone();
        let chunks: Vec<_> = match entries.is_empty() {
            true => vec![entries],
            false => entries.chunks(BLOCKS_OF_A_COMMIT).collect(),
        };
        let last = chunks.len() - 1;
        for (at, chunk) in chunks.into_iter().enumerate() {
            let mut before = hex_hash(&read.head.tip_hash);
            let mut blocks = Vec::with_capacity(chunk.len());
            for one in chunk {
                let block = written(&read.head.strand, one, &before)?;
                before.clone_from(&block.block_hash);
                blocks.push(block);
            }
            // What was looked through is behind us only once all of it is kept.
            let mut next = read.head.clone();
            if at == last {
                next.scan_from.clone_from(&scan_from);
            }
            match self.extend(tenant, NATIVE, &read, next, &blocks, false, Vec::new()).await? {
                Some(after) => read = after,
                None => return Ok(None),
            }
        }
        Ok(Some(read))
    }

    /// Emits the digest, unless one over as many blocks was told.
    async fn tell(&self, tenant: &TenantId, read: ReadHead, actor: &Actor) -> Result<ReadHead, JournalError> {
        if read.head.told >= read.head.size {
            return Ok(read);
        }
        let fact = DigestMade {
            ledger: NATIVE.to_owned(),
            strand_id: read.head.strand.clone(),
            sequence_no: read.head.tip,
            blocks: read.head.size,
            digest: crate::api::base64(&self.digest(tenant, NATIVE, read.head.size).await?),
        };
        let aggregate = format!("qldb_{NATIVE}");
        let event = Event::of(&fact, &aggregate, read.head.size, tenant, actor, &*self.clock);
        let next = Head { told: read.head.size, ..read.head.clone() };
        let told = self.extend(tenant, NATIVE, &read, next, &[], false, vec![Write::emit(event)]).await?;
        // Whoever was faster has told it, or tells of more.
        Ok(told.unwrap_or(read))
    }
}

fn empty(tenant: &TenantId) -> Head {
    let digits = tenant.as_str().split_once('_').map_or("", |(_, digits)| digits);
    Head {
        // Strands had 22 letters and digits; the tenant's own id is nobody else's.
        strand: digits.chars().take(22).collect(),
        size: 0,
        tip: 0,
        tip_hash: String::new(),
        scan_from: None,
        told: 0,
    }
}

fn number_of(one: &TenantEntry) -> u64 {
    match one.log {
        LogKind::Shared => one.index + 1,
        LogKind::Own => OWN_FIRST + one.index,
    }
}

fn written(strand: &str, one: &TenantEntry, before: &[u8]) -> Result<NewBlock, JournalError> {
    let broken = |error: String| JournalError::Broken(format!("entry `{}`: {error}", one.entry.id));
    let data =
        json!({"entry": one.entry, "index": one.index, "leaf": crate::api::base64(&one.leaf)}).to_string();
    let address = Address { strand: strand.to_owned(), sequence_no: number_of(one) };
    let document = Document { id: &one.entry.id, at: &one.entry.ts, data: &data };
    let block = block_of(&address, before, &document).map_err(|error| broken(error.to_string()))?;
    Ok(NewBlock { sequence_no: address.sequence_no, block_hash: block.block_hash, text: block.text })
}

/// The first id of an hour before an id's time: ids are UUIDv7, whose first 12 digits are milliseconds.
fn an_hour_before(id: &str) -> String {
    let ms = id.get(4..16).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default();
    format!("evt_{:012x}", ms.saturating_sub(LATE_MS))
}
