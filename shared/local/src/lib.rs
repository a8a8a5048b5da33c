//! The ports on one machine: SQLite for records and queues, folders for blobs and letters, files for keys.
//!
//! ```text
//! SqliteStore ┐                ┌ one writer thread ── scorpius.db (synced) + counters.db (not synced)
//!             ├── Database ────┤
//! SqliteQueues┘                └ a pool of readers
//! FolderBlobs ── blobs/   AnchorFolder ── anchors/   FileKeys ── keys/   FolderMail ── mail/
//! ```

mod anchors;
mod blobs;
mod durable;
mod keys;
mod local;
mod mail;
mod queues;
mod sqlite;
mod store;

pub use anchors::AnchorFolder;
pub use blobs::{BadSignature, FolderBlobs, Signed};
pub use keys::{FileKeys, TokenKeyStep};
pub use local::{Local, LocalOptions};
pub use mail::FolderMail;
pub use queues::{DeadLetter, QueueSpec, Received, SqliteQueues};
pub use sqlite::{DatabaseOptions, Durability};
pub use store::SqliteStore;
