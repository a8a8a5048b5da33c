#![no_main]
//! The gateway's events.

use libfuzzer_sys::fuzz_target;
use scorpius_edge::HttpEvent;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(event) = serde_json::from_slice::<HttpEvent>(bytes) {
        event.caller();
        event.body_bytes();
    }
});
