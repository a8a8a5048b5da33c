//! Blocks of an import that are kept, so that they can be asked for again.

use scorpius_core::TenantId;
use scorpius_qldb::hash::Hash;
use scorpius_qldb::{Report, Seen, StoredBlock};
use scorpius_qldb_api::journals::{BLOCKS_OF_A_COMMIT, BYTES_OF_A_COMMIT};
use scorpius_qldb_api::{Adding, Journals, NewBlock, is_journal_name};

type Error = Box<dyn std::error::Error>;

/// A journal that is being kept.
pub(super) struct Served {
    name: String,
    journals: Option<Journals>,
    strand: String,
    /// The hash of the block before the first of `blocks`.
    before: Hash,
    blocks: Vec<NewBlock>,
    bytes: usize,
    /// Blocks that were not kept before.
    pub(super) fresh: u64,
}

impl Served {
    /// The journal `name`, of the export that `report` is about.
    pub(super) fn new(name: &str, report: &Report) -> Result<Self, Error> {
        if report.json_blocks > 0 {
            return Err(
                "blocks in JSON have lost the types that were hashed: only an export in Ion can be served"
                    .into(),
            );
        }
        if !is_journal_name(name) || name == scorpius_qldb_api::NATIVE {
            return Err(scorpius_qldb_api::JournalError::Name.into());
        }
        Ok(Self {
            name: name.to_owned(),
            journals: None,
            strand: report.strand.clone(),
            before: Hash::new(),
            blocks: Vec::new(),
            bytes: 0,
            fresh: 0,
        })
    }

    pub(super) fn into(self, journals: Journals) -> Self {
        Self { journals: Some(journals), ..self }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// One block more. What is kept is what was read: its text is read again and must hash alike.
    pub(super) async fn put(&mut self, tenant: &TenantId, seen: Seen<'_>) -> Result<(), Error> {
        let number = seen.block.sequence_no;
        let text = seen.ion.ok_or_else(|| format!("block {number} is not in Ion"))?.to_string();
        if StoredBlock::of_text(&text)?.block.ion_hash != seen.block.ion_hash {
            return Err(format!("block {number} would not be the same once kept").into());
        }
        if self.blocks.len() >= BLOCKS_OF_A_COMMIT || self.bytes + text.len() > BYTES_OF_A_COMMIT {
            self.flush(tenant).await?;
        }
        if self.blocks.is_empty() {
            self.before.clone_from(&seen.block.previous_block_hash);
        }
        self.bytes += text.len();
        self.blocks.push(NewBlock { sequence_no: number, block_hash: seen.block.block_hash.clone(), text });
        Ok(())
    }

    pub(super) async fn flush(&mut self, tenant: &TenantId) -> Result<(), Error> {
        let Some(journals) = &self.journals else { return Ok(()) };
        let blocks = std::mem::take(&mut self.blocks);
        self.bytes = 0;
        if !blocks.is_empty() {
            let adding = Adding { strand: &self.strand, before: &self.before };
            self.fresh += journals.add(tenant, &self.name, adding, blocks).await?;
        }
        Ok(())
    }
}
