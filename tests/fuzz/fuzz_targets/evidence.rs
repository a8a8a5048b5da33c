#![no_main]
//! Evidence bundles and checkpoints, as anyone may show them.

use libfuzzer_sys::fuzz_target;
use scorpius_ledger::verify::{self, Verdict};
use scorpius_ledger::VerifierKey;

fuzz_target!(|bytes: &[u8]| {
    let origin = "fuzz.example/log".parse().expect("an origin");
    // The identity point is no key that anybody signs with.
    let Ok(key) = VerifierKey::new(&origin, &[0x42; 32]) else { return };
    assert_ne!(verify::bundle(bytes, std::slice::from_ref(&key)).verdict, Verdict::Verified);
    assert_ne!(verify::checkpoint(bytes, &[key]).verdict, Verdict::Verified);
});
