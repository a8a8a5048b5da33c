#![no_main]
//! URLs that tenants name.

use libfuzzer_sys::fuzz_target;
use scorpius_core::Egress;
use scorpius_egress::{EgressOptions, GuardedEgress};

fuzz_target!(|text: &str| {
    let egress = GuardedEgress::new(EgressOptions::default());
    if egress.check_url(text).is_ok() {
        assert!(text.starts_with("https://"), "{text}");
        assert!(!text.contains('@'), "{text}");
    }
});
