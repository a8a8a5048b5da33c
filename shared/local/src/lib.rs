//! The ports on one machine: SQLite for records and queues, a folder for blobs, files for keys.
//!
//! ```text
//! SqliteStore ┐                ┌ one writer thread ── scorpius.db (synced) + counters.db (not synced)
//!             ├── Database ────┤
//! SqliteQueues┘                └ a pool of readers
//! FolderBlobs ── blobs/        FileKeys ── keys/
//! ```

mod blobs;
mod durable;
mod keys;
mod local;
mod queues;
mod sqlite;
mod store;

pub use blobs::{BadSignature, FolderBlobs, Signed};
pub use keys::{FileKeys, TokenKeyStep};
pub use local::{Local, LocalOptions};
pub use queues::{DeadLetter, QueueSpec, Received, SqliteQueues};
pub use sqlite::{DatabaseOptions, Durability};
pub use store::SqliteStore;
