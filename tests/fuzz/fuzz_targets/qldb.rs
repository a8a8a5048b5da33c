#![no_main]
//! Journals of QLDB, as nobody vouches for them: blocks in Ion text, binary and JSON, proofs and addresses.

use libfuzzer_sys::fuzz_target;
use scorpius_qldb::{Address, Block, StoredBlock, hash};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(stored) = StoredBlock::of_text(text) {
            let faults = stored.block.check(None).faults;
            for (at, revision) in stored.block.revisions.iter().enumerate() {
                if let (Some(path), true) = (stored.block.path_of_revision(at), faults.is_empty()) {
                    assert_eq!(hash::fold(&revision.hash, &path), stored.block.block_hash);
                }
            }
        }
        if let Ok(address) = Address::of_ion(text) {
            assert_eq!(Address::of_ion(&address.to_string()), Ok(address));
        }
    }
    if let Ok(proof) = hash::proof_of_ion(bytes) {
        assert_eq!(hash::proof_of_ion(scorpius_qldb::proof_to_ion(&proof).as_bytes()), Ok(proof));
    }
    if let Ok(value) = serde_json::from_slice(bytes) {
        if let Ok(block) = Block::of_json(&value) {
            let _ = block.check(None);
        }
    }
});
