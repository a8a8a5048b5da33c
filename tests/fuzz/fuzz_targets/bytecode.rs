#![no_main]
//! Bytecode, as callers hand it in.

use libfuzzer_sys::fuzz_target;
use scorpius_scan::engine::{Budget, scan};

fuzz_target!(|bytes: &[u8]| {
    scan(bytes, Budget::Quick);
});
