#![no_main]
//! JSON bodies, as doors read them.

use libfuzzer_sys::fuzz_target;
use scorpius_edge::body;

fuzz_target!(|bytes: &[u8]| {
    let read: Result<serde_json::Value, _> = body::json(Some("application/json"), bytes);
    if read.is_ok() {
        serde_json::from_slice::<serde_json::Value>(bytes).expect("strict is a part of JSON");
    }
});
