#![no_main]
//! Zip archives, as callers hand them in.

use libfuzzer_sys::fuzz_target;
use scorpius_scan::source::Project;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(project) = Project::from_zip(bytes) {
        assert!(
            project
                .files()
                .all(|(path, _)| !path.starts_with('/') && !path.split('/').any(|part| part == ".."))
        );
    }
});
