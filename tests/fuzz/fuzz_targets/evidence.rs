#![no_main]
//! Evidence bundles and checkpoints, as anyone may show them.

use libfuzzer_sys::fuzz_target;
use scorpius_ledger::verify::{self, Verdict};
use scorpius_ledger::VerifierKey;

fuzz_target!(|bytes: &[u8]| {
    let origin = "fuzz.example/log".parse().expect("an origin");
    // The base point is a key, and no seed leads to it: nobody signs with it.
    let mut point = [0x66; 32];
    point[0] = 0x58;
    let key = VerifierKey::new(&origin, &point).expect("a point of the curve");
    assert_ne!(verify::bundle(bytes, std::slice::from_ref(&key)).verdict, Verdict::Verified);
    assert_ne!(verify::checkpoint(bytes, &[key]).verdict, Verdict::Verified);
});
