#![no_main]
//! API keys, as callers send them.

use libfuzzer_sys::fuzz_target;
use scorpius_identity::ApiSecret;

fuzz_target!(|text: &str| {
    if let Ok(secret) = text.parse::<ApiSecret>() {
        assert_eq!(secret.reveal(), text, "one spelling for each key");
    }
});
