//! The calls of QLDB by which a digest is saved and checked later, for programs that were written for it.
//!
//! ```text
//! an import's blocks ─┐
//!                     ├─> journals (blocks, and the tree over their hashes) ─> GetDigest, GetBlock, GetRevision
//! entries, as blocks ─┘
//! ```
//!
//! What they prove is what QLDB's proofs proved: that something is a member of what a digest covers. Our own log proves
//! more, and each digest over its entries enters it as an event.

pub mod api;
pub mod facts;
pub mod journals;
mod native;

use scorpius_core::EventSchema;

pub use journals::{Adding, Head, JournalError, Journals, NewBlock, is_journal_name};
pub use native::NATIVE;

/// What is emitted.
#[must_use]
pub fn events() -> Vec<EventSchema> {
    vec![EventSchema::of::<facts::DigestMade>()]
}
