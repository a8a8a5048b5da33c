//! The two files, their tables, and how a connection to them is set up.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::CannotOpen;
use crate::durable;

pub(crate) const MAIN: &str = "scorpius.db";
const COUNTERS: &str = "counters.db";
/// How long a connection waits for another one's lock. The only one that locks for long is a checkpoint.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// Bytes of the log that are on the disk before they are used. A sync of what is written over them waits for no change of the file's size. The
/// log is folded in when it has half of that, and then starts from its beginning again.
const LOG_BYTES: usize = 8 << 20;
/// Statements that a connection keeps prepared; there are fewer than that.
const STATEMENTS_MAX: usize = 128;

/// What an acknowledged commit outlives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The machine losing power: commits wait for the disk.
    #[default]
    PowerLoss,
    /// The process being killed, and no more: commits never wait. For tests and throw-away data.
    ProcessDeath,
}

/// How the database is opened.
#[derive(Clone, Debug, Default)]
pub struct DatabaseOptions {
    /// What commits outlive.
    pub durability: Durability,
    /// The SQLite VFS to use; `None` is the platform's own. Tests put one in that loses power.
    pub vfs: Option<String>,
}

/// Where the files are and how they are opened.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) dir: PathBuf,
    pub(crate) options: DatabaseOptions,
}

/// What brings the file from one format to the next. Its format is how many of them it has; a file with a higher one is refused.
const MAIN_SCHEMA: [&str; 2] = [
    "
    CREATE TABLE records (partition BLOB NOT NULL, sort BLOB NOT NULL, version INTEGER NOT NULL,
        expires_at INTEGER, attributes BLOB NOT NULL, PRIMARY KEY (partition, sort)) WITHOUT ROWID;
    CREATE INDEX records_end ON records (expires_at) WHERE expires_at IS NOT NULL;
    CREATE TABLE outbox (partition BLOB NOT NULL, sort BLOB NOT NULL, version INTEGER NOT NULL,
        expires_at INTEGER, attributes BLOB NOT NULL, PRIMARY KEY (partition, sort)) WITHOUT ROWID;
    CREATE INDEX outbox_end ON outbox (expires_at) WHERE expires_at IS NOT NULL;
    CREATE TABLE commits (id TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE floor (only INTEGER PRIMARY KEY CHECK (only = 0), version INTEGER NOT NULL);
    INSERT INTO floor VALUES (0, 0);
    CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, visible_at INTEGER NOT NULL,
        first_enqueued_at INTEGER NOT NULL, receives INTEGER NOT NULL, handed_out INTEGER NOT NULL DEFAULT 0,
        reason TEXT NOT NULL, body BLOB NOT NULL);
    CREATE INDEX messages_due ON messages (queue, visible_at, id);
    CREATE TABLE dead_letters (id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, died_at INTEGER NOT NULL,
        first_enqueued_at INTEGER NOT NULL, receives INTEGER NOT NULL, reason TEXT NOT NULL, body BLOB NOT NULL);
    CREATE INDEX dead_letters_of ON dead_letters (queue, id);
",
    "CREATE TABLE blobs (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, bytes BLOB NOT NULL);",
];

const COUNTERS_SCHEMA: [&str; 1] = ["
    CREATE TABLE counters.records (partition BLOB NOT NULL, sort BLOB NOT NULL, version INTEGER NOT NULL,
        expires_at INTEGER, attributes BLOB NOT NULL, PRIMARY KEY (partition, sort)) WITHOUT ROWID;
    CREATE INDEX counters.records_end ON records (expires_at) WHERE expires_at IS NOT NULL;
    CREATE TABLE counters.commits (id TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE counters.floor (only INTEGER PRIMARY KEY CHECK (only = 0), version INTEGER NOT NULL);
    INSERT INTO counters.floor VALUES (0, 0);
"];

type OpenError = Box<dyn Error + Send + Sync>;

impl Place {
    /// The connection that writes; creates the files and brings them to this format.
    pub(crate) fn open_writer(&self) -> Result<Connection, OpenError> {
        let counters = self.dir.join(COUNTERS);
        let open = || self.reserve_log().and_then(|()| self.try_open_writer());
        match open() {
            // Counters are not synced: after a power loss the file may be damaged, and is begun again.
            Err(error) if counters.exists() && self.counters_are_damaged() => {
                tracing::warn!(error = %error, "counters were damaged and are begun again");
                for suffix in ["", "-wal", "-shm"] {
                    remove(&self.dir.join(format!("{COUNTERS}{suffix}")))?;
                }
                open()
            }
            other => other,
        }
    }

    /// Zeros are no log: SQLite finds nothing in them, and writes over them.
    fn reserve_log(&self) -> Result<(), OpenError> {
        if self.options.durability != Durability::PowerLoss || self.options.vfs.is_some() {
            return Ok(());
        }
        if !self.dir.join(MAIN).exists() {
            // SQLite removes the log of a database that is not there yet.
            drop(self.try_open_writer()?);
        }
        let log = self.dir.join(format!("{MAIN}-wal"));
        // A log that is there is of a process that was killed, and is read first; or empty, of one that only read.
        match log.exists() {
            true => Ok(()),
            false => Ok(durable::write_zeros(&log, LOG_BYTES)?),
        }
    }

    fn try_open_writer(&self) -> Result<Connection, OpenError> {
        let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        connection.execute_batch("PRAGMA main.journal_mode = WAL; PRAGMA counters.journal_mode = WAL;")?;
        for (schema, file, steps) in
            [("main", MAIN, &MAIN_SCHEMA[..]), ("counters", COUNTERS, &COUNTERS_SCHEMA[..])]
        {
            let found: i64 =
                connection.query_row(&format!("PRAGMA {schema}.user_version"), [], |row| row.get(0))?;
            let known = steps.len();
            let missing = usize::try_from(found).ok().and_then(|found| steps.get(found..));
            let missing = missing.ok_or(CannotOpen::Newer { file, found, known })?;
            if !missing.is_empty() {
                let tables = missing.concat();
                connection.execute_batch(&format!(
                    "BEGIN IMMEDIATE; {tables} PRAGMA {schema}.user_version = {known}; COMMIT;"
                ))?;
            }
        }
        quick_check(&connection)?;
        // The folder is this process's alone, so whoever had these messages in hand is dead.
        connection.execute("UPDATE messages SET visible_at = 0, handed_out = 0 WHERE handed_out = 1", [])?;
        Ok(connection)
    }

    fn counters_are_damaged(&self) -> bool {
        let path = self.dir.join(COUNTERS);
        let checked = Connection::open(path).and_then(|connection| {
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
        });
        match checked {
            Ok(answer) => answer != "ok",
            Err(error) => matches!(
                error.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
            ),
        }
    }

    /// A connection that only reads; the files exist.
    pub(crate) fn open_reader(&self) -> Result<Connection, rusqlite::Error> {
        let connection = self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.execute_batch("PRAGMA query_only = ON;")?;
        Ok(connection)
    }

    /// A connection that moves pages from the log into the file.
    pub(crate) fn open_checkpointer(&self) -> Result<Connection, rusqlite::Error> {
        self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    fn connect(&self, access: OpenFlags) -> Result<Connection, rusqlite::Error> {
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let path = self.dir.join(MAIN);
        let connection = match &self.options.vfs {
            Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs.as_str())?,
            None => Connection::open_with_flags(path, flags)?,
        };
        connection.busy_timeout(LOCK_WAIT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        let counters = self.dir.join(COUNTERS);
        connection.execute("ATTACH DATABASE ?1 AS counters", [counters.to_string_lossy()])?;
        let sync = match self.options.durability {
            Durability::PowerLoss => "FULL",
            Durability::ProcessDeath => "OFF",
        };
        // Checkpoints are upkeep's: SQLite's own would make a commit wait for two more syncs.
        connection.execute_batch(&format!(
            "PRAGMA main.synchronous = {sync}; PRAGMA counters.synchronous = OFF; PRAGMA wal_autocheckpoint = 0;
             PRAGMA main.cache_size = -16000; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;"
        ))?;
        Ok(connection)
    }
}

/// A damaged counters file is found here and not in the middle of a request.
fn quick_check(connection: &Connection) -> Result<(), OpenError> {
    let answer: String = connection.query_row("PRAGMA counters.quick_check(1)", [], |row| row.get(0))?;
    match answer.as_str() {
        "ok" => Ok(()),
        _ => Err(answer.into()),
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
