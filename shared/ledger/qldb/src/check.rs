//! Whether a block is what its hashes say.

use crate::block::Block;
use crate::hash::{Hash, dot, merkle};

/// What is wrong with a block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The list of entries is not the one that was hashed.
    #[error("its entries do not make its `entriesHash`")]
    Entries,
    /// `blockHash` is not that of entries and block before.
    #[error("its `blockHash` is not that of its entries and the block before")]
    BlockHash,
    /// The block before has another hash than this one says.
    #[error("the block before has another hash than it says")]
    Chain,
    /// It is the first block, and says that there is one before.
    #[error("it is block 0 and says that there is a block before")]
    NotFirst,
    /// Documents are not those that were hashed.
    #[error("revision {0} is not what its hash is of")]
    Revision(usize),
    /// The revisions together are not among the entries.
    #[error("its revisions are not among its entries")]
    Revisions,
    /// The transaction's description is not among the entries.
    #[error("its `transactionInfo` is not among its entries")]
    TransactionInfo,
    /// The redaction's description is not among the entries.
    #[error("its `redactionInfo` is not among its entries")]
    RedactionInfo,
    /// A statement is not the one that was digested.
    #[error("{0} statements are not those that were digested")]
    Statements(usize),
}

/// How much of what a block holds was compared with its hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Revisions whose metadata and data, or data's hash, make their hash.
    pub revisions: usize,
    /// Those of them whose data was redacted.
    pub redacted: usize,
    /// Revisions of which nothing but the hash was exported.
    pub hash_only: usize,
    /// Statements whose text makes their digest.
    pub statements: usize,
    /// Descriptions of transactions and redactions.
    pub descriptions: usize,
    /// Entries that nothing in the block explains: the system's own, and whatever was taken out of the export.
    pub unexplained: usize,
}

/// What came of one block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// What is wrong, chain first; empty when nothing is.
    pub faults: Vec<Fault>,
    /// What was compared, beyond the chain.
    pub contents: Contents,
}

impl Block {
    /// Compares everything that can be compared. `before` is the hash of the block before, if that was read.
    #[must_use]
    pub fn check(&self, before: Option<&Hash>) -> Checked {
        let mut checked = Checked::default();
        let faults = &mut checked.faults;
        if merkle(&self.entries) != self.entries_hash {
            faults.push(Fault::Entries);
        }
        if dot(&self.entries_hash, &self.previous_block_hash) != self.block_hash {
            faults.push(Fault::BlockHash);
        }
        if before.is_some_and(|before| *before != self.previous_block_hash) {
            faults.push(Fault::Chain);
        }
        if self.sequence_no == 0 && !self.previous_block_hash.is_empty() {
            faults.push(Fault::NotFirst);
        }
        self.check_contents(&mut checked);
        checked
    }

    fn check_contents(&self, checked: &mut Checked) {
        let Checked { faults, contents } = checked;
        // The transaction's description, the revisions together and the rest come in no order that was published.
        let is_entry = |hash: &Hash| self.entries.contains(hash);
        for (at, revision) in self.revisions.iter().enumerate() {
            match &revision.computed {
                None => contents.hash_only += 1,
                Some(computed) if *computed == revision.hash => {
                    contents.revisions += 1;
                    contents.redacted += usize::from(revision.redacted);
                }
                Some(_) => faults.push(Fault::Revision(at)),
            }
        }
        let hashes: Vec<_> = self.revisions.iter().map(|revision| revision.hash.clone()).collect();
        if !hashes.is_empty() && !is_entry(&merkle(&hashes)) {
            faults.push(Fault::Revisions);
        }
        for (info, fault) in
            [(&self.transaction_info, Fault::TransactionInfo), (&self.redaction_info, Fault::RedactionInfo)]
        {
            match info {
                Some(hash) if is_entry(hash) => contents.descriptions += 1,
                Some(_) => faults.push(fault),
                None => {}
            }
        }
        let explained = usize::from(!hashes.is_empty())
            + [&self.transaction_info, &self.redaction_info].into_iter().flatten().count();
        let there = self.entries.iter().filter(|entry| !entry.is_empty()).count();
        contents.unexplained = there.saturating_sub(explained);
        match self.wrong_statements {
            0 => contents.statements = self.statements,
            wrong => faults.push(Fault::Statements(wrong)),
        }
    }
}

#[cfg(test)]
mod tests;
