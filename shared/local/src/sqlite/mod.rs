//! One folder's database: who writes, who reads, who tidies up.

mod backlog;
mod codec;
mod readers;
mod schema;
mod signals;
mod table;
mod upkeep;
mod writer;

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::Arc;

use scorpius_core::{Clock, PortError, StoreError};
use tempfile::TempDir;

pub(crate) use codec::{decode, encode};
use readers::Readers;
pub(crate) use schema::MAIN;
use schema::Place;
pub use schema::{DatabaseOptions, Durability};
pub(crate) use signals::Signals;
pub(crate) use table::Table;
use upkeep::Upkeep;
use writer::Writer;
pub(crate) use writer::{Cost, Transaction};

use crate::durable;

/// The database of one data folder. The last one who holds it waits for what was accepted, and closes.
pub(crate) struct Database {
    // Dropped in this order: upkeep asks the writer; the writer closes after the readers.
    upkeep: Upkeep,
    readers: Readers,
    writer: Writer,
    pub(crate) signals: Arc<Signals>,
    pub(crate) clock: Arc<dyn Clock>,
    _lock: File,
    _temporary: Option<TempDir>,
}

/// Why a folder cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CannotOpen {
    #[error("another process works in this folder")]
    Locked,
    #[error("`{file}` has format {found}, and this program knows up to {known}")]
    Newer { file: &'static str, found: i64, known: usize },
}

impl Database {
    /// Opens the databases in `dir`, creating what is missing.
    pub(crate) fn open(
        dir: &Path,
        clock: Arc<dyn Clock>,
        options: DatabaseOptions,
    ) -> Result<Arc<Self>, PortError> {
        Self::start(Place { dir: dir.to_owned(), options }, clock, None).map_err(port)
    }

    /// Whether there is a database in `dir`.
    pub(crate) fn is_in(dir: &Path) -> bool {
        dir.join(schema::MAIN).exists()
    }

    /// The same in a folder that goes away with the database, and without waiting for the disk.
    pub(crate) fn temporary(clock: Arc<dyn Clock>) -> Result<Arc<Self>, PortError> {
        let temporary = tempfile::tempdir().map_err(port)?;
        let options = DatabaseOptions { durability: Durability::ProcessDeath, ..DatabaseOptions::default() };
        Self::start(Place { dir: temporary.path().to_owned(), options }, clock, Some(temporary)).map_err(port)
    }

    fn start(
        place: Place,
        clock: Arc<dyn Clock>,
        temporary: Option<TempDir>,
    ) -> Result<Arc<Self>, Box<dyn std::error::Error + Send + Sync>> {
        durable::create_dir(&place.dir)?;
        let lock = lock(&place.dir)?;
        let connection = place.open_writer()?;
        let signals = Arc::new(Signals::default());
        let writer = Writer::start(connection, Arc::clone(&signals))?;
        let readers = Readers::start(&place)?;
        let upkeep = Upkeep::start(&place, Arc::clone(&clock), writer.submitter(), writer.backlog())?;
        Ok(Arc::new(Self { upkeep, readers, writer, signals, clock, _lock: lock, _temporary: temporary }))
    }

    /// Has the writer do `work` as part of the next group; answers when the group is durable.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        cost: Cost,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.submitter().submit(cost, work)?.await.map_err(|_| stopped())?
    }

    /// Has a reader do `work`.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers.submit(work)?.await.map_err(|_| stopped())?
    }

    /// To be held while counters are read: see `Writer::gate`.
    pub(crate) fn gate(&self) -> Arc<std::sync::RwLock<()>> {
        self.writer.gate()
    }

    /// Refuses further work, and returns when all accepted work is done. Blocks the thread.
    pub(crate) fn shut_down(&self) {
        self.upkeep.stop();
        self.readers.stop();
        self.writer.stop();
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.shut_down();
    }
}

fn lock(dir: &Path) -> Result<File, Box<dyn std::error::Error + Send + Sync>> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(dir.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(CannotOpen::Locked.into()),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

fn port(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PortError {
    PortError::new("store", source)
}

fn stopped() -> StoreError {
    port("the store is closed").into()
}

/// What SQLite's refusal means to a caller.
pub(crate) fn store_error(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => StoreError::Busy,
        _ => port(error).into(),
    }
}
