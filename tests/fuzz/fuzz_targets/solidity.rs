#![no_main]
//! Solidity, as callers hand it in: text, or the compiler's standard JSON input.

use libfuzzer_sys::fuzz_target;
use scorpius_scan::engine::Budget;
use scorpius_scan::source::Project;
use scorpius_source::scan;

fuzz_target!(|bytes: &[u8]| {
    let project = match serde_json::from_slice(bytes) {
        Ok(input) => Project::from_standard_input(&input),
        Err(_) => {
            let text = String::from_utf8_lossy(bytes).into_owned();
            Project::new([("a.sol".to_owned(), text)], [])
        }
    };
    if let Ok(project) = project {
        let report = scan(&project, Budget::Quick);
        assert_eq!(report.incomplete, !report.not_explored.is_empty());
    }
});
