//! All ports from one data folder.

use std::path::Path;
use std::sync::Arc;

use scorpius_core::{Clock, PortError};

use crate::sqlite::Database;
use crate::{
    AnchorFolder, DatabaseOptions, FileKeys, FolderBlobs, FolderMail, QueueSpec, SqliteQueues, SqliteStore,
};

/// What differs between hosts.
#[derive(Clone, Debug, Default)]
pub struct LocalOptions {
    /// The queues of the manifest.
    pub queues: Vec<QueueSpec>,
    /// What signed URLs begin with, without a closing slash: the host's own address. Empty: they are paths.
    pub base_url: String,
    /// How the database is opened.
    pub database: DatabaseOptions,
}

/// The ports of one machine.
#[derive(Clone)]
pub struct Local {
    /// Records.
    pub store: SqliteStore,
    /// Queues, in the same file.
    pub queues: SqliteQueues,
    /// Blobs.
    pub blobs: FolderBlobs,
    /// The ledger's anchors.
    pub anchors: AnchorFolder,
    /// Keys.
    pub keys: FileKeys,
    /// Letters.
    pub mail: FolderMail,
}

impl Local {
    /// Opens `dir`, and creates what is missing. One process at a time.
    ///
    /// # Errors
    /// When another process has it open, it was written by a newer version, cannot be written, or its
    /// keys are missing, damaged or readable by others.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>, options: LocalOptions) -> Result<Self, PortError> {
        // Keys are made before the database: where there is data, there are keys or they were lost.
        if Database::is_in(dir) {
            FileKeys::require(dir)?;
        }
        let keys = FileKeys::open(dir, Arc::clone(&clock))?;
        let store = SqliteStore::open_with(dir, Arc::clone(&clock), options.database)?;
        FileKeys::tidy_up(dir)?;
        let queues = SqliteQueues::beside(&store, options.queues);
        let mail = FolderMail::open(dir, Arc::clone(&clock));
        let blobs = FolderBlobs::open(dir, clock, &options.base_url)?.beside(&store);
        let anchors = AnchorFolder::in_folder(dir);
        Ok(Self { store, queues, blobs, anchors, keys, mail })
    }
}

#[cfg(test)]
mod tests {
    use scorpius_core::SystemClock;
    use scorpius_core::error::chain;

    use super::*;

    fn open(dir: &Path) -> Result<Local, PortError> {
        Local::open(dir, Arc::new(SystemClock), LocalOptions::default())
    }

    #[test]
    fn a_folder_has_one_host() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let dir = folder.path().join("new/data");
        let first = open(&dir).expect("the folder is made");
        let Err(error) = open(&dir) else { panic!("it must be refused") };
        assert!(chain(&error).contains("another process works in this folder"), "{}", chain(&error));
        drop(first);
        drop(open(&dir).expect("the lock is gone"));
    }

    #[test]
    fn data_without_its_keys_is_not_opened_with_other_keys() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        drop(open(folder.path()).expect("an empty folder"));
        std::fs::remove_file(folder.path().join("keys/wrap.key")).expect("it is there");
        let Err(error) = open(folder.path()) else { panic!("it must be refused") };
        assert!(chain(&error).contains("`wrap.key` is missing beside data"), "{}", chain(&error));
    }
}
