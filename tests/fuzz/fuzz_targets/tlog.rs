//! Proofs, requests to witnesses, policies, tile names and tiles: what is read is written again as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scorpius_ledger::Policy;
use scorpius_ledger::tile::{TileName, decode_entries, encode_entries};
use scorpius_ledger::tlog_proof::TlogProof;
use scorpius_ledger::witness::AddCheckpoint;

fuzz_target!(|bytes: &[u8]| {
    let _: Result<Policy, _> = Policy::parse(bytes);
    for width in [1, 2, 256] {
        if let Some(entries) = decode_entries(bytes, width) {
            assert_eq!(encode_entries(&entries), bytes);
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(proof) = text.parse::<TlogProof>() {
        assert_eq!(proof.to_string(), text);
    }
    if let Ok(request) = text.parse::<AddCheckpoint>() {
        assert_eq!(request.to_string(), text);
    }
    if let Ok(name) = text.parse::<TileName>() {
        assert_eq!(name.to_string(), text);
    }
});
