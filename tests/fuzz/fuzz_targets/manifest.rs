#![no_main]
//! The wiring manifest.

use libfuzzer_sys::fuzz_target;
use scorpius_edge::manifest::Manifest;

fuzz_target!(|text: &str| {
    if let Ok(manifest) = Manifest::parse(text) {
        manifest.routes().count();
    }
});
