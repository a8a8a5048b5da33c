//! The files of the ledger's logs, as rows beside the records: what is put together is one transaction and one sync.
//!
//! A folder that an older version wrote has them as files. These stay where they are, and are read when there is no row.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use scorpius_core::blobs::{Publication, Published};
use scorpius_core::crash::{CrashPoint, point};
use scorpius_core::{BlobName, PortError, Put, StoreError};

use super::{BlobError, port};
use crate::sqlite::{Cost, Database, MAIN, Table, store_error};
use crate::store::commit;

/// Where the logs are among the blobs.
const FOLDERS: [&str; 2] = ["ledger", "ledger-own"];
/// The format of the database from which on it has blobs.
const FORMAT_WITH_BLOBS: i64 = 2;

const GET: &str = "SELECT bytes FROM main.blobs WHERE name = ?1";
const PUT_IF_ABSENT: &str =
    "INSERT INTO main.blobs (name, bytes) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING";
const PUT: &str = "INSERT INTO main.blobs (name, bytes) VALUES (?1, ?2)
    ON CONFLICT (name) DO UPDATE SET bytes = excluded.bytes";
const DELETE: &str = "DELETE FROM main.blobs WHERE name = ?1";

/// Whether this blob is a log's.
pub(super) fn is_of_a_log(name: &BlobName) -> bool {
    name.as_str().split_once('/').is_some_and(|(folder, _)| FOLDERS.contains(&folder))
}

/// Whether there are logs in files.
pub(super) fn are_files(blobs: &Path) -> bool {
    FOLDERS.iter().any(|folder| blobs.join(folder).exists())
}

/// What of a blob is wanted.
#[derive(Clone)]
pub(super) enum Wanted {
    /// All of it, unless it has more bytes than this.
    Whole(u64),
    /// These bytes of it; fewer at its end.
    Part(Range<u64>),
}

impl Wanted {
    fn of(&self, blob: &[u8]) -> Result<Bytes, BlobError> {
        let size = blob.len() as u64;
        match self {
            Self::Whole(max) if size > *max => Err(BlobError::TooLarge { size, max: *max }),
            Self::Whole(_) => Ok(Bytes::copy_from_slice(blob)),
            Self::Part(range) => {
                let within = |at: u64| usize::try_from(at.min(size)).unwrap_or(blob.len());
                let part = blob.get(within(range.start)..within(range.end)).unwrap_or_default();
                Ok(Bytes::copy_from_slice(part))
            }
        }
    }
}

/// The rows of a host's own database.
#[derive(Clone)]
pub(super) struct Rows(pub(super) Arc<Database>);

impl Rows {
    pub(super) async fn get(&self, name: &BlobName, wanted: Wanted) -> Result<Option<Bytes>, PortError> {
        let name = name.clone();
        let read = move |connection: &Connection| get(connection, &name, &wanted).map_err(StoreError::from);
        self.0.read(read).await.map_err(in_the_store)
    }

    /// Unless there is a row, or a file at the path beside it.
    pub(super) async fn put_if_absent(
        &self,
        blobs: Vec<(BlobName, Bytes, Option<PathBuf>)>,
    ) -> Result<Vec<Put>, PortError> {
        let cost = Cost::synced(blobs.iter().map(|(_, bytes, _)| bytes.len()).sum());
        let put = self.0.write(cost, move |transaction| {
            transaction.touch(Table::Records);
            let mut insert = transaction.connection.prepare_cached(PUT_IF_ABSENT).map_err(store_error)?;
            let mut puts = Vec::with_capacity(blobs.len());
            for (name, bytes, file) in &blobs {
                let is_file = file.as_ref().is_some_and(|file| file.exists());
                let stored =
                    !is_file && insert.execute((name.as_str(), &bytes[..])).map_err(store_error)? > 0;
                puts.push(if stored { Put::Stored } else { Put::AlreadyThere });
                point(CrashPoint::LedgerApplying);
            }
            Ok(puts)
        });
        put.await.map_err(in_the_store)
    }

    /// One transaction: a blob that has other bytes is found before anything is written.
    pub(super) async fn publish(
        &self,
        publication: &Publication,
        files: Vec<Option<PathBuf>>,
    ) -> Result<Published, StoreError> {
        let Publication { blobs, pointer, id, writes } = publication.clone();
        let bytes = blobs.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() + pointer.1.len();
        let cost = Cost::synced(bytes + commit::size_bytes(&writes));
        let now = self.0.clock.now();
        let publish = self.0.write(cost, move |transaction| {
            if let Some(version) = commit::applied(transaction, id)? {
                return Ok(Published::Committed(version));
            }
            let mut absent = Vec::with_capacity(blobs.len());
            for ((name, bytes), file) in blobs.iter().zip(files) {
                match there(transaction.connection, name, file.as_deref())? {
                    Some(there) if there == *bytes => {}
                    Some(_) => return Ok(Published::OtherBytes(name.clone())),
                    None => absent.push((name, bytes)),
                }
            }
            transaction.touch(Table::Records);
            for (name, bytes) in absent {
                put(transaction.connection, name, bytes).map_err(store_error)?;
                point(CrashPoint::LedgerApplying);
            }
            point(CrashPoint::LedgerApplied);
            put(transaction.connection, &pointer.0, &pointer.1).map_err(store_error)?;
            commit::apply(transaction, id, now, writes).map(Published::Committed)
        });
        publish.await
    }

    pub(super) async fn put(&self, name: &BlobName, bytes: Bytes) -> Result<(), PortError> {
        let name = name.clone();
        self.change(bytes.len(), move |connection| put(connection, &name, &bytes)).await
    }

    pub(super) async fn delete(&self, name: &BlobName) -> Result<(), PortError> {
        let name = name.clone();
        self.change(0, move |connection| connection.prepare_cached(DELETE)?.execute([name.as_str()])).await
    }

    async fn change(
        &self,
        bytes: usize,
        change: impl FnOnce(&Connection) -> rusqlite::Result<usize> + Send + 'static,
    ) -> Result<(), PortError> {
        let changed = self.0.write(Cost::synced(bytes), move |transaction| {
            transaction.touch(Table::Records);
            change(transaction.connection).map(drop).map_err(store_error)
        });
        changed.await.map_err(in_the_store)
    }
}

/// The rows of a folder that is only read: a copy, or one where a host is at work.
pub(super) struct ReadRows {
    database: PathBuf,
    /// Opened when it is first needed; `None` within when the folder has no rows.
    connection: Mutex<Option<Option<Connection>>>,
}

impl ReadRows {
    pub(super) fn of(dir: &Path) -> Self {
        Self { database: dir.join(MAIN), connection: Mutex::default() }
    }

    /// Blocks the thread.
    pub(super) fn get(&self, name: &BlobName, wanted: &Wanted) -> io::Result<Option<Bytes>> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = match connection.as_ref() {
            Some(opened) => opened,
            None => connection.insert(open(&self.database).map_err(io::Error::other)?),
        };
        match opened {
            Some(opened) => get(opened, name, wanted).map_err(io::Error::other),
            None => Ok(None),
        }
    }
}

fn open(database: &Path) -> rusqlite::Result<Option<Connection>> {
    if !database.exists() {
        return Ok(None);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let format = |connection: &Connection| {
        connection.query_row("PRAGMA main.user_version", [], |row| row.get::<_, i64>(0))
    };
    let mut connection = Connection::open_with_flags(database, flags)?;
    let mut found = format(&connection);
    // Where nothing may be written, SQLite reads what it is told that nobody changes: without a log, nobody does.
    if found.is_err() && !with_suffix(database, "-wal").exists() {
        let path = database.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        let name = format!("file:{path}?immutable=1");
        connection = Connection::open_with_flags(name, flags | OpenFlags::SQLITE_OPEN_URI)?;
        found = format(&connection);
    }
    Ok((found? >= FORMAT_WITH_BLOBS).then_some(connection))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn get(connection: &Connection, name: &BlobName, wanted: &Wanted) -> Result<Option<Bytes>, PortError> {
    let mut select = connection.prepare_cached(GET).map_err(sqlite)?;
    let row = |row: &rusqlite::Row<'_>| Ok(wanted.of(row.get_ref(0)?.as_blob()?));
    let found = select.query_row([name.as_str()], row).optional().map_err(sqlite)?;
    found.transpose().map_err(|error| port(io::Error::other(error)))
}

/// What there is under this name: a row, or else the file.
fn there(connection: &Connection, name: &BlobName, file: Option<&Path>) -> Result<Option<Bytes>, PortError> {
    match (get(connection, name, &Wanted::Whole(u64::MAX))?, file) {
        (None, Some(file)) => match std::fs::read(file) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(port(error)),
        },
        (row, _) => Ok(row),
    }
}

fn put(connection: &Connection, name: &BlobName, bytes: &[u8]) -> rusqlite::Result<usize> {
    connection.prepare_cached(PUT)?.execute((name.as_str(), bytes))
}

fn sqlite(error: rusqlite::Error) -> PortError {
    PortError::new("blobs", error)
}

fn in_the_store(error: StoreError) -> PortError {
    match error {
        StoreError::Port(error) => error,
        other => PortError::new("blobs", other),
    }
}

#[cfg(test)]
mod tests;
