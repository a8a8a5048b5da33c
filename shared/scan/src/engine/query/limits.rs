//! What bounds a detector and its run.

use crate::engine::Budget;

/// Bytes of one detector's text.
pub const SOURCE_BYTES_MAX: usize = 16 * 1024;
/// Detectors of one set.
pub const DETECTORS_MAX: usize = 50;
/// Characters of an id.
pub(super) const ID_BYTES_MAX: usize = 60;
/// Conditions in conditions: bounds recursion.
pub(super) const NESTING_MAX: usize = 16;
/// Tests of one detector.
pub(super) const TESTS_MAX: usize = 400;
/// Queries of one detector.
pub(super) const QUERIES_MAX: usize = 16;
/// Variables that are bound at one place.
pub(super) const BINDINGS_MAX: usize = 4;
/// Fields after one another.
pub(super) const PATH_MAX: usize = 6;
/// Links of one detector.
pub(super) const REFERENCES_MAX: usize = 5;
/// Members of a set in braces.
pub(super) const MEMBERS_MAX: usize = 64;
/// Values in one message.
pub(super) const HOLES_MAX: usize = 8;
/// Characters of a title.
pub(super) const TITLE_CHARS_MAX: usize = 100;
/// Characters of a message before its values are put in.
pub(super) const MESSAGE_CHARS_MAX: usize = 500;
/// Characters of `help` and `fix`.
pub(super) const HELP_CHARS_MAX: usize = 1_000;
/// Characters of a link.
pub(super) const LINK_CHARS_MAX: usize = 200;
/// Places that one detector reports in one contract.
pub const FINDINGS_OF_ONE_MAX: usize = 20;
/// Places that a set reports in one contract: a report has to fit into an answer.
pub const FINDINGS_OF_SET_MAX: usize = 40;
/// Things of one kind that a query goes through.
pub(super) const SITES_MAX: usize = 4_000;

/// Steps that one detector may take in one scan.
#[must_use]
pub fn fuel_of_one(budget: Budget) -> u64 {
    match budget {
        Budget::Quick => 1_000_000,
        Budget::Standard => 10_000_000,
        Budget::Deep => 50_000_000,
    }
}

/// Steps that all detectors of a set may take in one scan.
#[must_use]
pub fn fuel_of_set(budget: Budget) -> u64 {
    5 * fuel_of_one(budget)
}
