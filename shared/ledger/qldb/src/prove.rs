//! A block as it is kept for who asks for it again, and the proofs from what is in it up to its hash.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ion_rs::{Element, Struct};

use crate::block::{Block, NotABlock};
use crate::depth;
use crate::hash::{Hash, merkle, path};

/// A block in Ion, read.
#[derive(Clone, Debug)]
pub struct StoredBlock {
    /// Its hashes.
    pub block: Block,
    value: Element,
}

impl StoredBlock {
    /// Reads one block as Ion text.
    ///
    /// # Errors
    /// `NotABlock`.
    pub fn of_text(text: &str) -> Result<Self, NotABlock> {
        if !depth::is_shallow(text.as_bytes()) {
            return Err(NotABlock::Unreadable("nested too deep".to_owned()));
        }
        let value = Element::read_one(text)
            .map_err(|error| NotABlock::Unreadable(error.to_string().chars().take(200).collect()))?;
        Ok(Self { block: Block::of_ion(&value)?, value })
    }

    /// The revision of the document `id` in this block as Ion text, and the hashes that lead from its hash to the
    /// block's; `None` when the block has no such document, or only its hash.
    #[must_use]
    pub fn revision(&self, id: &str) -> Option<(String, Vec<Hash>)> {
        let revisions = self.value.as_struct()?.get("revisions")?.as_list()?;
        let is_it = |revision: &Element| {
            let metadata = revision.as_struct().and_then(|one: &Struct| one.get("metadata"));
            metadata.and_then(Element::as_struct).and_then(|it| it.get("id")).and_then(Element::as_text)
                == Some(id)
        };
        // The last of a transaction is the one that stands.
        let at = revisions.elements().enumerate().filter(|(_, one)| is_it(one)).map(|(at, _)| at).last()?;
        let text = revisions.elements().nth(at)?.to_string();
        Some((text, self.block.path_of_revision(at)?))
    }
}

impl Block {
    /// The hashes that lead from revision `at` to the block's hash, nearest first.
    #[must_use]
    pub fn path_of_revision(&self, at: usize) -> Option<Vec<Hash>> {
        let hashes: Vec<_> = self.revisions.iter().map(|revision| revision.hash.clone()).collect();
        if at >= hashes.len() {
            return None;
        }
        let together = merkle(&hashes);
        let entry = self.entries.iter().position(|entry| *entry == together)?;
        let mut proof = path(&hashes, at);
        proof.extend(path(&self.entries, entry));
        proof.extend(Some(&self.previous_block_hash).filter(|hash| !hash.is_empty()).cloned());
        Some(proof)
    }
}

/// A proof as `GetRevision` and `GetBlock` give it: Ion text, a list of blobs.
#[must_use]
pub fn proof_to_ion(proof: &[Hash]) -> String {
    let blobs: Vec<_> = proof.iter().map(|hash| format!("{{{{{}}}}}", STANDARD.encode(hash))).collect();
    format!("[{}]", blobs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::{fold, proof_of_ion};

    #[test]
    fn a_block_of_the_service_proves_its_revision_and_says_the_same_again() {
        let fixture: serde_json::Value =
            serde_json::from_str(include_str!("../fixtures/block-2019.json")).expect("JSON");
        let text = fixture["block_ion_text"].as_str().expect("text");
        let stored = StoredBlock::of_text(text).expect("a block");
        let id = fixture_document(&stored);
        let (revision, proof) = stored.revision(&id).expect("its document");
        let revision = Element::read_one(revision).expect("Ion");
        let hash =
            revision.as_struct().and_then(|it| it.get("hash")).and_then(Element::as_blob).expect("a hash");
        assert_eq!(fold(hash, &proof), stored.block.block_hash);
        assert_eq!(proof_of_ion(proof_to_ion(&proof).as_bytes()).expect("a proof"), proof);
        assert!(stored.revision("another").is_none());

        let again = StoredBlock::of_text(&stored.value.to_string()).expect("the same block");
        assert_eq!(again.block.ion_hash, stored.block.ion_hash, "no type is lost on the way");
    }

    fn fixture_document(stored: &StoredBlock) -> String {
        let revisions =
            stored.value.as_struct().and_then(|it| it.get("revisions")).and_then(Element::as_list);
        let first = revisions.and_then(|list| list.elements().next()).and_then(Element::as_struct);
        let metadata =
            first.and_then(|it| it.get("metadata")).and_then(Element::as_struct).expect("metadata");
        metadata.get("id").and_then(Element::as_text).expect("an id").to_owned()
    }
}
