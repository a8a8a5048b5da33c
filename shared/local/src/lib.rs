//! The ports on one machine: SQLite for records and queues, folders for blobs and letters, files for keys.
//!
//! ```text
//! SqliteStore ┐                ┌ one writer thread ── scorpius.db (synced) + counters.db (not synced)
//! SqliteQueues├── Database ────┤
//! FolderBlobs ┘                └ a pool of readers
//!      └──────── blobs/   AnchorFolder ── anchors/   FileKeys ── keys/   FolderMail ── mail/
//! ```
//!
//! In memory they are the double of every port in tests; `ScriptedStore` beside them is for failures.

mod anchors;
mod blobs;
mod durable;
mod keys;
mod local;
mod mail;
mod queues;
mod scripted;
mod sqlite;
mod store;

pub use anchors::AnchorFolder;
pub use blobs::{BadSignature, FolderBlobs, Signed};
pub use keys::{FileKeys, TokenKeyStep};
pub use local::{Local, LocalOptions};
pub use mail::FolderMail;
pub use queues::{DeadLetter, QueueSpec, Received, SqliteQueues};
pub use scripted::{Asked, Fate, ScriptedStore};
pub use sqlite::{DatabaseOptions, Durability};
pub use store::SqliteStore;
