//! Journals that Amazon QLDB exported to S3 before it ended in July 2025: are they what it signed off?
//!
//! ```text
//! folder ─ manifests, data objects ─> blocks in order ─┬─> chain     every block leads to the next
//!                                                      ├─> contents  documents and transactions are what blocks hash
//!                                                      └─> anchored  a digest that was saved covers a block
//! ```
//!
//! QLDB's hashes bind membership and not position, carry no signature, and the shape of the tree from blocks to a
//! digest was never published: what is proved here is weaker than a proof of our own ledger, and is said so.
//! Nothing in an export is believed, and no export can make this crate panic.

mod address;
mod block;
mod check;
pub mod conformance;
mod depth;
mod export;
pub mod hash;
mod prove;
pub mod tree;
mod write;

pub use address::{Address, NotAnAddress};
pub use block::{Block, NotABlock, Revision};
pub use check::{Checked, Contents, Fault};
pub use export::{Export, ExportError, Format, Object, Report, Seen, Visitor};
pub use prove::{StoredBlock, proof_to_ion};
pub use write::{Document, WrittenBlock, block_of};
