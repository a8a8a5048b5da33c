//! A note that opens is signed by the key that was asked for, over the body that is read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scorpius_ledger::VerifierKey;
use scorpius_ledger::note::{Checkpoint, body_of};

const KEY: &str = "example.com/audit/acme+2090cdbe+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";

fuzz_target!(|bytes: &[u8]| {
    let key: VerifierKey = KEY.parse().expect("a key");
    if let Ok(checkpoint) = Checkpoint::open(bytes, std::slice::from_ref(&key)) {
        let text = std::str::from_utf8(bytes).expect("a note is text");
        assert!(body_of(text).is_some_and(|body| body.starts_with(&checkpoint.body())));
    }
});
