#![no_main]
//! Events, as queues bring them.

use libfuzzer_sys::fuzz_target;
use scorpius_core::Event;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(event) = Event::parse(bytes) {
        assert_eq!(Event::parse(event.to_json().as_bytes()).expect("what we write we read"), event);
    }
});
