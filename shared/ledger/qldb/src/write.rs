//! A block of our own in QLDB's form, with one document.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ion_rs::{Element, IonResult};

use crate::address::Address;
use crate::hash::{self, Hash, dot};

/// What a block is made of.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    /// Its id, in the journal's own words.
    pub id: &'a str,
    /// When it was committed: RFC 3339 in UTC.
    pub at: &'a str,
    /// What it says, as JSON, which is Ion.
    pub data: &'a str,
}

/// A block, written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenBlock {
    /// Ion text.
    pub text: String,
    /// Over its entries and the block before.
    pub block_hash: Hash,
}

/// The block at `address`, after the one with `before`, that has this document and nothing else.
///
/// # Errors
/// For data that is no Ion.
pub fn block_of(address: &Address, before: &[u8], document: &Document<'_>) -> IonResult<WrittenBlock> {
    let Document { id, at, data } = document;
    let blob = |hash: &[u8]| format!("{{{{{}}}}}", STANDARD.encode(hash));
    let id = Element::string(*id);
    let metadata = format!("{{id:{id},version:0,txTime:{at},txId:{id}}}");
    let (data, metadata) = (Element::read_one(data)?, Element::read_one(metadata)?);
    let revision = dot(&hash::of_ion(&metadata)?, &hash::of_ion(&data)?);
    // One revision, one entry: both trees are their only leaf.
    let block_hash = dot(&revision, before);
    let (entry, hash, previous) = (blob(&revision), blob(&block_hash), blob(before));
    let text = format!(
        "{{blockAddress:{address},transactionId:{id},blockTimestamp:{at},blockHash:{hash},entriesHash:{entry},\
         previousBlockHash:{previous},entriesHashList:[{entry}],\
         revisions:[{{blockAddress:{address},hash:{entry},data:{data},metadata:{metadata}}}]}}"
    );
    Ok(WrittenBlock { text, block_hash })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::fold;
    use crate::prove::StoredBlock;

    #[test]
    fn a_block_of_ours_is_what_an_import_finds_sound() {
        let document = Document {
            id: "evt_1",
            at: "2026-11-21T09:40:40.123Z",
            data: r#"{"a":1,"b":"x\u00e9\"","c":[true,null],"d":1.50}"#,
        };
        let mut before = Hash::new();
        for sequence_no in [0, 7] {
            let address = Address { strand: "ours".to_owned(), sequence_no };
            let written = block_of(&address, &before, &document).expect("a block");
            let stored = StoredBlock::of_text(&written.text).expect("a block");
            let checked = stored.block.check(Some(&before));
            assert!(checked.faults.is_empty(), "{:?}", checked.faults);
            assert_eq!((checked.contents.revisions, checked.contents.unexplained), (1, 0));
            assert_eq!(stored.block.block_hash, written.block_hash);
            assert_eq!(stored.block.timestamp, "2026-11-21T09:40:40.123+00:00");
            let (_, proof) = stored.revision("evt_1").expect("its document");
            assert_eq!(fold(&stored.block.revisions[0].hash, &proof), written.block_hash);
            before = written.block_hash;
        }
        assert!(
            block_of(
                &Address { strand: "a".to_owned(), sequence_no: 0 },
                &[],
                &Document { data: "{", ..document }
            )
            .is_err()
        );
    }
}
