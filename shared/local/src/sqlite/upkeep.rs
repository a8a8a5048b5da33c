//! What is done beside commits: the log is folded into the file, and what has ended is removed.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use scorpius_core::store::COMMIT_MEMORY_S;
use scorpius_core::{Clock, StoreError, UnixMillis};

use super::backlog::{Backlog, Woken};
use super::schema::Place;
use super::store_error;
use super::table::Table;
use super::writer::{Cost, Submitter, Transaction};

/// Frames in the log at which the writer waits until it starts from its beginning again: 64 MB.
const FRAMES_MAX: i64 = 16_000;
/// How often what has ended is removed.
const PURGE_EVERY: Duration = Duration::from_secs(20);
/// Rows that one purge removes of one kind.
const PURGE_MAX: i64 = 500;

/// The thread that does it.
pub(crate) struct Upkeep {
    backlog: Arc<Backlog>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Upkeep {
    pub(crate) fn start(
        place: &Place,
        clock: Arc<dyn Clock>,
        writer: Submitter,
        backlog: Arc<Backlog>,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let work = Work { connection: place.open_checkpointer()?, clock, writer };
        let waits_for = Arc::clone(&backlog);
        let thread = Builder::new().name("store-upkeep".to_owned()).spawn(move || work.run(&waits_for))?;
        Ok(Self { backlog, thread: Mutex::new(Some(thread)) })
    }

    pub(crate) fn stop(&self) {
        self.backlog.close();
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()
            && thread.join().is_err()
        {
            tracing::error!("the store's upkeep panicked");
        }
    }
}

struct Work {
    connection: Connection,
    clock: Arc<dyn Clock>,
    writer: Submitter,
}

impl Work {
    fn run(&self, backlog: &Backlog) {
        let mut purged = Instant::now();
        loop {
            match backlog.wait(PURGE_EVERY.saturating_sub(purged.elapsed())) {
                Woken::Closed => return,
                Woken::ToFold => self.fold(),
                Woken::Idle => {}
            }
            if purged.elapsed() >= PURGE_EVERY {
                purged = Instant::now();
                self.purge();
            }
        }
    }

    fn fold(&self) {
        let frames = self.checkpoint("PRAGMA wal_checkpoint(PASSIVE)");
        if frames.is_some_and(|frames| frames > FRAMES_MAX) {
            // The log starts again only when nobody appends: under steady load it has to be made so.
            self.checkpoint("PRAGMA wal_checkpoint(RESTART)");
        }
    }

    fn checkpoint(&self, sql: &str) -> Option<i64> {
        // The row is: gave up waiting, frames in the log, frames folded in.
        match self.connection.query_row(sql, [], |row| row.get(1)) {
            Ok(frames) => Some(frames),
            Err(error) => {
                tracing::warn!(error = %error, "a checkpoint failed; the log keeps what it has");
                None
            }
        }
    }

    fn purge(&self) {
        // A retry asks with its first try's time, so that what ended a moment ago may still be asked for.
        let before = UnixMillis(self.clock.now().0.saturating_sub(COMMIT_MEMORY_S * 1000));
        for table in [Table::Records, Table::Outbox, Table::Counters] {
            let work = move |transaction: &mut Transaction<'_>| {
                purge_records(transaction, table, before).map_err(store_error)
            };
            self.ask(if table == Table::Counters { Cost::counters(0) } else { Cost::synced(0) }, work);
        }
        for (cost, sql) in [(Cost::synced(0), FORGET), (Cost::counters(0), FORGET_COUNTERS)] {
            self.ask(cost, move |transaction| forget(transaction, sql, before).map_err(store_error));
        }
    }

    fn ask(
        &self,
        cost: Cost,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<(), StoreError> + Send + 'static,
    ) {
        let asked = self.writer.submit(cost, work).map(tokio::sync::oneshot::Receiver::blocking_recv);
        match asked {
            // A store that is busy or closing is tidied up another time.
            Ok(Ok(Ok(()))) | Err(_) | Ok(Err(_)) => {}
            Ok(Ok(Err(error))) => tracing::warn!(error = %error, "what has ended was not removed"),
        }
    }
}

const FORGET: &str = "DELETE FROM main.commits WHERE id IN
    (SELECT id FROM main.commits WHERE id < ?1 AND at_ms < ?2 LIMIT ?3)";
const FORGET_COUNTERS: &str = "DELETE FROM counters.commits WHERE id IN
    (SELECT id FROM counters.commits WHERE id < ?1 AND at_ms < ?2 LIMIT ?3)";

fn purge_records(
    transaction: &mut Transaction<'_>,
    table: Table,
    before: UnixMillis,
) -> rusqlite::Result<()> {
    let sql = table.sql();
    let ended = {
        let mut statement = transaction.connection.prepare_cached(sql.ended)?;
        let rows = statement.query_map((before.0.cast_signed(), PURGE_MAX), |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, i64>(2)?))
        })?;
        rows.collect::<rusqlite::Result<Vec<_>>>()?
    };
    for (partition, sort, version) in ended {
        transaction.raise_floor(table, version.cast_unsigned())?;
        transaction.connection.prepare_cached(sql.delete)?.execute((partition, sort))?;
    }
    Ok(())
}

fn forget(transaction: &mut Transaction<'_>, sql: &str, before: UnixMillis) -> rusqlite::Result<()> {
    // Ids begin with the time in hex, so that the old ones are the first ones.
    let hex = format!("{:012x}", before.0);
    let (high, low) = hex.split_at(hex.len().saturating_sub(4));
    transaction.connection.prepare_cached(sql)?.execute((
        format!("{high}-{low}"),
        before.0.cast_signed(),
        PURGE_MAX,
    ))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use scorpius_core::{Attributes, CommitId, ManualClock};

    use super::*;
    use crate::sqlite::signals::Signals;
    use crate::sqlite::writer::Writer;
    use crate::sqlite::{DatabaseOptions, encode};

    fn count(connection: &Connection, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        connection.query_row(&sql, [], |row| row.get(0)).expect("SQLite answers")
    }

    #[test]
    fn what_ended_long_ago_is_removed_and_nothing_else() {
        let clock = Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = Place { dir: folder.path().to_owned(), options: DatabaseOptions::default() };
        let connection = place.open_writer().expect("an empty folder opens");
        let tables = [Table::Records, Table::Outbox, Table::Counters];
        for (number, end) in [None, Some(0), Some(1_000), Some(2_000_000)].into_iter().enumerate() {
            let end = end.map(|ms| clock.now().plus_ms(ms).0.cast_signed());
            for table in tables {
                let row =
                    (b"p", number.to_string().into_bytes(), 7 + number, end, encode(&Attributes::new()));
                connection.execute(table.sql().put, row).expect("SQLite writes");
            }
            let id = CommitId::new(&*clock).to_string();
            for schema in ["main", "counters"] {
                let sql = format!("INSERT INTO {schema}.commits VALUES (?1, ?2, 1)");
                connection.execute(&sql, (&id, clock.now().0.cast_signed())).expect("SQLite writes");
            }
            clock.advance_ms(1);
        }
        let signals = Arc::new(Signals::default());
        let writer = Writer::start(connection, signals).expect("the writer starts");
        let connection = place.open_checkpointer().expect("the files are there");
        let work = Work { connection, clock: clock.clone(), writer: writer.submitter() };
        let counts = || {
            ["main.records", "main.outbox", "counters.records", "main.commits", "counters.commits"]
                .map(|table| count(&work.connection, table))
        };
        clock.advance_ms(2_000);
        work.purge();
        assert_eq!(counts(), [4, 4, 4, 4, 4], "what a retry may ask for stays");
        clock.advance_ms(COMMIT_MEMORY_S * 1000);
        work.purge();
        assert_eq!(counts(), [2, 2, 2, 0, 0]);
        // The highest version that went away is remembered, in each file.
        let floor =
            |sql| work.connection.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("SQLite answers");
        assert_eq!(floor("SELECT version FROM main.floor"), 9);
        assert_eq!(floor("SELECT version FROM counters.floor"), 9);
        writer.stop();
    }
}
