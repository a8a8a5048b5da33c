//! Threat intelligence: feeds are read on a schedule, judged, and become the snapshot that verdicts ask.
//!
//! ```text
//! feed ─> fetch (Egress) ─> formats ─> judge ─┬─> list (blob) ──> snapshot (blob) ─> pointer (one commit)
//!                                             └─> refused: the last good list stays, and an event says why
//! ```

mod events;
mod feed;
mod fetch;
pub mod formats;
mod judge;
mod list;
mod sync;
#[cfg(test)]
mod tests;

pub use events::{FeedRefused, ListChange, SnapshotPublished, events};
pub use feed::{BadFeeds, FEEDS_MAX, Feed, FeedState, Format, Refused, feeds_of, state_key};
pub use judge::Refusal;
pub use sync::{Outcome, Sync, SyncError};
