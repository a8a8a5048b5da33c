#![no_main]
//! Calldata of a transaction, as callers send it.

use libfuzzer_sys::fuzz_target;
use scorpius_risk::calldata;

fuzz_target!(|bytes: &[u8]| {
    let to = "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2".parse().expect("an address");
    calldata::read(to, bytes);
});
