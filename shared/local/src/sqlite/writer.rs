//! The one thread that writes: what arrives together is one transaction and one sync.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{Builder, JoinHandle};

use rusqlite::Connection;
use scorpius_core::crash::{self, CrashPoint};
use scorpius_core::{PortError, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::backlog::Backlog;
use super::signals::{Effects, Signals};
use super::table::Table;
use super::{port, stopped};

/// Jobs in one transaction; more wait for the next.
const GROUP_MAX: usize = 256;
/// Units of work that may wait. A job costs one, and one more for each 16 KB: 4,096 small ones or 64 MB.
const WAITING_MAX: usize = 4_096;
const UNIT_BYTES: usize = 16_384;

/// SQLite's own measure, which nobody changes.
const PAGE_BYTES: usize = 4_096;
/// A changed row is about two pages in the log, its own and an index's, and more when it is large.
const PAGES_PER_ROW: u64 = 2;

/// How much of the queue a job takes, and where it writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    bytes: usize,
    counters_only: bool,
}

impl Cost {
    /// Writes `bytes` to the synced file, perhaps also to the other.
    pub(crate) fn synced(bytes: usize) -> Self {
        Self { bytes, counters_only: false }
    }

    /// Writes `bytes` to the file that is not synced, and to no other.
    pub(crate) fn counters(bytes: usize) -> Self {
        Self { bytes, counters_only: true }
    }
}

/// What a job works in.
pub(crate) struct Transaction<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) effects: Effects,
    floors: &'a mut Floors,
    synced: bool,
    counters: bool,
}

/// The highest versions that went away with deleted records: no later one may be as low.
#[derive(Clone, Copy, Debug, Default)]
struct Floors {
    main: u64,
    counters: u64,
}

impl Transaction<'_> {
    /// The lowest version that no deleted record had.
    pub(crate) fn unused_version(&self) -> u64 {
        self.floors.main.max(self.floors.counters) + 1
    }

    /// Says that `table` is written to.
    pub(crate) fn touch(&mut self, table: Table) {
        match table {
            Table::Counters => self.counters = true,
            Table::Records | Table::Outbox => self.synced = true,
        }
    }

    /// Says that a record of `table` went away at `version`.
    pub(crate) fn raise_floor(&mut self, table: Table, version: u64) -> rusqlite::Result<()> {
        let (floor, sql) = match table {
            Table::Counters => (&mut self.floors.counters, "UPDATE counters.floor SET version = ?1"),
            Table::Records | Table::Outbox => (&mut self.floors.main, "UPDATE main.floor SET version = ?1"),
        };
        if version > *floor {
            self.connection.prepare_cached(sql)?.execute([version.cast_signed()])?;
            // Should the job be undone, a floor in memory that is too high does no harm.
            *floor = version;
        }
        Ok(())
    }
}

/// Why a whole group was not applied.
#[derive(Debug, thiserror::Error)]
enum GroupError {
    #[error("SQLite gave up the whole transaction")]
    GivenUp,
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

impl GroupError {
    fn is_busy(&self) -> bool {
        match self {
            Self::GivenUp => false,
            Self::Sqlite(error) => error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy),
        }
    }
}

trait Job: Send {
    fn cost(&self) -> Cost;
    /// Does the work; whether its changes are to stay.
    fn run(&mut self, transaction: &mut Transaction<'_>) -> bool;
    fn answer(self: Box<Self>, failed: Option<&Arc<GroupError>>);
}

struct Call<F, T> {
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
    cost: Cost,
    _permit: OwnedSemaphorePermit,
}

impl<F, T> Job for Call<F, T>
where
    F: FnOnce(&mut Transaction<'_>) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn cost(&self) -> Cost {
        self.cost
    }

    fn run(&mut self, transaction: &mut Transaction<'_>) -> bool {
        let Some(work) = self.work.take() else { return false };
        let result = catch_unwind(AssertUnwindSafe(|| work(transaction)))
            .unwrap_or_else(|_| Err(port("a write of the store panicked").into()));
        let stays = result.is_ok();
        self.result = Some(result);
        stays
    }

    fn answer(self: Box<Self>, failed: Option<&Arc<GroupError>>) {
        let result = match (failed, self.result) {
            // What was judged beside commits that failed says nothing.
            (Some(error), _) if error.is_busy() => Err(StoreError::Busy),
            (Some(error), _) => Err(PortError::new("store", Arc::clone(error)).into()),
            (None, Some(result)) => result,
            (None, None) => Err(stopped()),
        };
        // Who asked may have gone away meanwhile; the change stands.
        drop(self.reply.send(result));
    }
}

/// Where jobs go in; `None` once the writer is to stop.
type Entrance = RwLock<Option<Sender<Box<dyn Job>>>>;

/// Hands jobs to the writer.
#[derive(Clone)]
pub(crate) struct Submitter {
    jobs: Arc<Entrance>,
    room: Arc<Semaphore>,
}

impl Submitter {
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        cost: Cost,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError> {
        let units = u32::try_from(1 + cost.bytes / UNIT_BYTES).map_err(|_| StoreError::Busy)?;
        let permit = Arc::clone(&self.room).try_acquire_many_owned(units).map_err(|_| StoreError::Busy)?;
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Call { work: Some(work), result: None, reply, cost, _permit: permit });
        let jobs = self.jobs.read().unwrap_or_else(PoisonError::into_inner);
        jobs.as_ref().ok_or_else(stopped)?.send(job).map_err(|_| stopped())?;
        Ok(answer)
    }
}

/// The writer, seen from outside its thread.
pub(crate) struct Writer {
    submitter: Submitter,
    backlog: Arc<Backlog>,
    gate: Arc<RwLock<()>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(crate) fn start(
        connection: Connection,
        signals: Arc<Signals>,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let floor = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0).map(i64::cast_unsigned));
        let floors = Floors {
            main: floor("SELECT version FROM main.floor")?,
            counters: floor("SELECT version FROM counters.floor")?,
        };
        let (sender, jobs) = mpsc::channel();
        let backlog = Arc::new(Backlog::default());
        let gate = Arc::new(RwLock::new(()));
        let work =
            Work { connection, signals, floors, backlog: Arc::clone(&backlog), gate: Arc::clone(&gate) };
        let thread = Builder::new().name("store-write".to_owned()).spawn(move || work.run(&jobs))?;
        let submitter = Submitter {
            jobs: Arc::new(RwLock::new(Some(sender))),
            room: Arc::new(Semaphore::new(WAITING_MAX)),
        };
        Ok(Self { submitter, backlog, gate, thread: Mutex::new(Some(thread)) })
    }

    pub(crate) fn submitter(&self) -> Submitter {
        self.submitter.clone()
    }

    /// What it wrote to the log.
    pub(crate) fn backlog(&self) -> Arc<Backlog> {
        Arc::clone(&self.backlog)
    }

    /// Closed while a commit to both files becomes visible, which happens file by file.
    pub(crate) fn gate(&self) -> Arc<RwLock<()>> {
        Arc::clone(&self.gate)
    }

    pub(crate) fn stop(&self) {
        self.submitter.jobs.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()
            && thread.join().is_err()
        {
            tracing::error!("the writer of the store panicked");
        }
    }
}

/// The writer's side of its thread.
struct Work {
    connection: Connection,
    signals: Arc<Signals>,
    floors: Floors,
    backlog: Arc<Backlog>,
    gate: Arc<RwLock<()>>,
}

impl Work {
    fn run(mut self, jobs: &Receiver<Box<dyn Job>>) {
        while let Ok(first) = jobs.recv() {
            let group: Vec<_> = std::iter::once(first).chain(jobs.try_iter().take(GROUP_MAX - 1)).collect();
            // Counters need no sync, so that they need not wait for one either.
            let (counters, synced): (Vec<_>, Vec<_>) =
                group.into_iter().partition(|job| job.cost().counters_only);
            for group in [counters, synced] {
                if !group.is_empty() {
                    self.apply(group);
                }
            }
        }
    }

    fn apply(&mut self, mut group: Vec<Box<dyn Job>>) {
        let failed = match self.commit(&mut group) {
            Ok(effects) => {
                self.signals.announce(&effects);
                None
            }
            Err(error) => {
                tracing::error!(error = %error, jobs = group.len(), "a group of commits failed");
                self.roll_back();
                Some(Arc::new(error))
            }
        };
        for job in group {
            job.answer(failed.as_ref());
        }
    }

    fn commit(&mut self, group: &mut [Box<dyn Job>]) -> Result<Effects, GroupError> {
        let connection = &self.connection;
        let execute = |sql| connection.prepare_cached(sql)?.execute([]);
        let changes_before = connection.total_changes();
        let mut effects = Effects::default();
        let mut both_files = false;
        let mut pages = 0;
        execute("BEGIN IMMEDIATE")?;
        for job in group {
            execute("SAVEPOINT job")?;
            let mut transaction = Transaction {
                connection,
                effects: Effects::default(),
                floors: &mut self.floors,
                synced: false,
                counters: false,
            };
            let stays = job.run(&mut transaction);
            if stays {
                both_files |= transaction.synced && transaction.counters;
                effects.merge(transaction.effects);
            } else if connection.is_autocommit() {
                // SQLite gave the whole transaction up: disk full, no memory, an I/O error.
                return Err(GroupError::GivenUp);
            } else {
                execute("ROLLBACK TO job")?;
            }
            execute("RELEASE job")?;
            pages += (job.cost().bytes / PAGE_BYTES) as u64;
        }
        let changes = connection.total_changes() - changes_before;
        if changes > 0 {
            crash::point(CrashPoint::CommitBeforeSync);
        }
        let closed = both_files.then(|| self.gate.write().unwrap_or_else(PoisonError::into_inner));
        execute("COMMIT")?;
        drop(closed);
        if changes > 0 {
            crash::point(CrashPoint::CommitAfterSync);
            self.backlog.add(pages + changes * PAGES_PER_ROW);
        }
        Ok(effects)
    }

    fn roll_back(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(error = %error, "a transaction could not be rolled back");
        }
    }
}
