//! `SqliteStore`: the store of one machine.

pub(crate) mod commit;
mod cursor;
mod read;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use scorpius_core::store::{PAGE_MAX, check_commit, check_key, check_list, limit};
use scorpius_core::{
    Attributes, Chained, Clock, CommitId, Key, Link, ListQuery, Page, PortError, Record, Store, StoreError,
    UnixMillis, Write,
};
use tokio::sync::watch;

use crate::sqlite::{Cost, Database, DatabaseOptions, Table, Transaction};

/// Parts that a scan may be divided into; DynamoDB's own bound.
const SEGMENTS_MAX: usize = 1_000_000;

/// Records in SQLite.
///
/// A clone is the same store. The last one to go waits for what was accepted, and closes the files.
#[derive(Clone)]
pub struct SqliteStore {
    database: Arc<Database>,
}

impl SqliteStore {
    /// Opens the store in `dir`, and creates it when there is none. No other process may have it open.
    ///
    /// # Errors
    /// When the folder is in use, cannot be written, or was written by a newer version.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, PortError> {
        Self::open_with(dir, clock, DatabaseOptions::default())
    }

    /// Opens the store in `dir` as `options` say.
    ///
    /// # Errors
    /// As `open`.
    pub fn open_with(dir: &Path, clock: Arc<dyn Clock>, options: DatabaseOptions) -> Result<Self, PortError> {
        Ok(Self::over(Database::open(dir, clock, options)?))
    }

    /// A store that ends with its last clone. It is the same code over a folder that is removed, without syncs.
    ///
    /// # Errors
    /// When there is no room for temporary files.
    pub fn in_memory(clock: Arc<dyn Clock>) -> Result<Self, PortError> {
        Ok(Self::over(Database::temporary(clock)?))
    }

    pub(crate) fn over(database: Arc<Database>) -> Self {
        Self { database }
    }

    pub(crate) fn database(&self) -> Arc<Database> {
        Arc::clone(&self.database)
    }

    /// A number that rises after commits that emitted. The relay waits for it with `changed()`.
    #[must_use]
    pub fn on_emit(&self) -> watch::Receiver<u64> {
        self.database.signals.emitted()
    }

    /// Refuses further work and returns when all that was accepted is done. Blocks the thread.
    pub fn shutdown(&self) {
        self.database.shut_down();
    }

    async fn write(&self, writes: Vec<Write>, id: CommitId) -> Result<u64, StoreError> {
        let bytes = commit::size_bytes(&writes);
        let cost = if commit::counters_only(&writes) { Cost::counters(bytes) } else { Cost::synced(bytes) };
        let now = self.database.clock.now();
        self.database.write(cost, move |transaction| commit::apply(transaction, id, now, writes)).await
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        check_key(key)?;
        let (key, now) = (key.clone(), self.database.clock.now());
        let gate = self.database.gate();
        self.database
            .read(move |connection| {
                let counter = Table::of(&key.partition) == Table::Counters;
                let _open = counter.then(|| read::pass(&gate));
                read::get(connection, &key, now)
            })
            .await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, StoreError> {
        limit("keys in a request", PAGE_MAX, keys.len())?;
        keys.iter().try_for_each(check_key)?;
        let (keys, now) = (keys.to_vec(), self.database.clock.now());
        let gate = self.database.gate();
        self.database
            .read(move |connection| {
                let counters = keys.iter().any(|key| Table::of(&key.partition) == Table::Counters);
                let _open = counters.then(|| read::pass(&gate));
                keys.iter().map(|key| read::get(connection, key, now)).collect()
            })
            .await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page, StoreError> {
        check_list(query)?;
        let (query, now) = (query.clone(), self.database.clock.now());
        self.database.read(move |connection| read::list(connection, &query, now)).await
    }

    async fn scan(&self, segment: u32, of: u32, cursor: Option<&str>) -> Result<Page, StoreError> {
        limit("parts of a scan", SEGMENTS_MAX, of as usize)?;
        limit("the part of a scan, from 0", (of as usize).saturating_sub(1), segment as usize)?;
        let (cursor, now) = (cursor.map(str::to_owned), self.database.clock.now());
        self.database
            .read(move |connection| read::scan(connection, (segment, of.max(1)), cursor.as_deref(), now))
            .await
    }

    async fn commit(&self, id: CommitId, writes: &[Write]) -> Result<u64, StoreError> {
        check_commit(writes)?;
        self.write(writes.to_vec(), id).await
    }

    /// One transaction and one sync for all of them.
    async fn commit_chain(&self, key: &Key, mut links: Vec<Link>) -> Chained {
        let refused =
            links.iter().enumerate().find_map(|(at, link)| Some((at, check_commit(&link.writes).err()?)));
        let (fine, refused) = refused.map_or((links.len(), None), |(at, error)| (at, Some(error)));
        links.truncate(fine);
        if links.is_empty() {
            return Chained { versions: Vec::new(), stopped: refused };
        }
        let cost = Cost::synced(links.iter().map(|link| commit::size_bytes(&link.writes)).sum());
        let (key, now) = (key.clone(), self.database.clock.now());
        let work =
            move |transaction: &mut Transaction<'_>| commit::apply_chain(transaction, now, &key, links);
        match self.database.write(cost, work).await {
            Ok(chained) => Chained { stopped: chained.stopped.or(refused), ..chained },
            Err(error) => Chained { versions: Vec::new(), stopped: Some(error) },
        }
    }

    async fn add(
        &self,
        key: &Key,
        deltas: &[(&str, i64)],
        only_if: Option<(&str, i64)>,
        expires_at: Option<UnixMillis>,
    ) -> Result<Attributes, StoreError> {
        let write = Write::Add {
            key: key.clone(),
            deltas: deltas.iter().map(|(name, delta)| ((*name).to_owned(), *delta)).collect(),
            only_if: only_if.map(|(name, max)| (name.to_owned(), max)),
            expires_at,
        };
        let writes = [write];
        check_commit(&writes)?;
        let bytes = commit::size_bytes(&writes);
        let counters_only = Table::of(&key.partition) == Table::Counters;
        let cost = if counters_only { Cost::counters(bytes) } else { Cost::synced(bytes) };
        let id = CommitId::new(&*self.database.clock);
        self.database.write(cost, move |transaction| commit::add(transaction, id, writes.into())).await
    }
}

#[cfg(test)]
mod tests {
    use scorpius_core::{Condition, ManualClock, SystemClock};

    use super::*;

    #[tokio::test]
    async fn what_was_put_is_read_back_after_the_store_was_opened_again() {
        let clock = Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let key = Key::new("ten#thing", "a");
        let store = SqliteStore::open(folder.path(), clock.clone()).expect("an empty folder opens");
        let put = Write::put(key.clone(), &"hello", Condition::Absent);
        let version = store.commit(CommitId::new(&*clock), &[put]).await.expect("nothing is there");
        drop(store);
        let store = SqliteStore::open(folder.path(), clock).expect("the lock is gone");
        let record = store.get(&key).await.expect("the store answers").expect("it is there");
        assert_eq!(
            (record.version, record.document::<String>().expect("text")),
            (version, "hello".to_owned())
        );
    }

    #[tokio::test]
    async fn a_folder_is_open_once() {
        let clock = Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = SqliteStore::open(folder.path(), clock.clone()).expect("an empty folder opens");
        assert!(SqliteStore::open(folder.path(), clock.clone()).is_err());
        store.shutdown();
        assert!(store.get(&Key::new("a", "b")).await.is_err());
    }

    #[test]
    fn a_file_of_a_newer_version_is_refused() {
        let clock = Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)));
        let folder = tempfile::tempdir().expect("a temporary folder");
        drop(SqliteStore::open(folder.path(), clock.clone()).expect("an empty folder opens"));
        let file = rusqlite::Connection::open(folder.path().join("scorpius.db")).expect("a database");
        file.execute_batch("PRAGMA user_version = 99").expect("nobody else has it open");
        drop(file);
        let Err(error) = SqliteStore::open(folder.path(), clock) else { panic!("it must be refused") };
        assert!(scorpius_core::error::chain(&error).contains("format 99"), "{error:?}");
    }

    #[tokio::test]
    async fn damaged_counters_are_begun_again_and_records_stay() {
        let clock = Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (record, counter) = (Key::new("ten#thing", "a"), Key::new("counter#x", "a"));
        let store = SqliteStore::open(folder.path(), clock.clone()).expect("an empty folder opens");
        let put = Write::put(record.clone(), &1, Condition::Always);
        store.commit(CommitId::new(&*clock), &[put]).await.expect("it is stored");
        store.add(&counter, &[("n", 1)], None, None).await.expect("it counts");
        drop(store);
        std::fs::write(folder.path().join("counters.db"), [7; 9_000]).expect("a file is there");
        let store = SqliteStore::open(folder.path(), clock).expect("counters may be lost");
        assert!(store.get(&record).await.expect("the store answers").is_some());
        assert_eq!(store.get(&counter).await.expect("the store answers"), None);
    }

    #[test]
    fn counters_that_are_damaged_before_there_are_records_keep_no_folder_closed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("counters.db"), [7; 9_000]).expect("a file is there");
        drop(SqliteStore::open(folder.path(), Arc::new(SystemClock)).expect("counters may be lost"));
    }

    #[tokio::test]
    async fn the_log_has_its_room_before_it_is_used() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let size = || folder.path().join("scorpius.db-wal").metadata().expect("a log").len();
        for start in 0..2 {
            let store = SqliteStore::open(folder.path(), Arc::new(SystemClock)).expect("the folder opens");
            assert_eq!(size(), 8 << 20, "start {start}");
            let put = Write::put(Key::new("ten#thing", "a"), &start, Condition::Always);
            store.commit(CommitId::new(&SystemClock), &[put]).await.expect("it is stored");
            assert_eq!(size(), 8 << 20, "it is written over");
        }
    }

    #[tokio::test]
    async fn versions_rise_although_the_clock_stands_or_steps_back_and_records_go_away() {
        let clock = Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)));
        let back = Arc::new(ManualClock::at(UnixMillis(1_795_254_030_000)));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut last = 0;
        for clock in [clock.clone(), back.clone(), clock, back] {
            let store = SqliteStore::open(folder.path(), clock.clone()).expect("the folder opens");
            for partition in ["ten#thing", "counter#x"] {
                let key = Key::new(partition, "a");
                for _ in 0..20 {
                    let put = Write::put(key.clone(), &1, Condition::Absent);
                    let version = store.commit(CommitId::new(&*clock), &[put]).await.expect("it is absent");
                    assert!(version > last, "{version} after {last}");
                    store.add(&key, &[("n", 1)], None, None).await.expect("it counts");
                    let added = store.get(&key).await.expect("the store answers").expect("it is there");
                    assert!(added.version > version);
                    last = added.version;
                    let delete = Write::Delete { key: key.clone(), condition: Condition::Present };
                    store.commit(CommitId::new(&*clock), &[delete]).await.expect("it is there");
                }
            }
        }
    }

    #[tokio::test]
    async fn a_sum_beyond_64_bits_is_refused_and_nothing_is_changed() {
        let clock = Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)));
        let store = SqliteStore::in_memory(clock.clone()).expect("there is room for a store");
        let key = Key::new("counter#x", "a");
        for (start, delta) in [(i64::MAX, 1), (i64::MIN, -1)] {
            let attributes = Attributes::new().with("n", scorpius_core::Value::Int(start));
            let put = Write::Put {
                key: key.clone(),
                attributes: attributes.clone(),
                expires_at: None,
                condition: Condition::Always,
            };
            store.commit(CommitId::new(&*clock), &[put]).await.expect("it is stored");
            let refused = store.add(&key, &[("m", 1), ("n", delta)], None, None).await;
            assert!(matches!(refused, Err(StoreError::Port(_))), "{refused:?}");
            let record = store.get(&key).await.expect("the store answers").expect("it is there");
            assert_eq!(record.attributes, attributes);
        }
    }

    #[tokio::test]
    async fn whoever_relays_is_told_of_events_and_of_nothing_else() {
        let clock = Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)));
        let store = SqliteStore::in_memory(clock.clone()).expect("there is room for a store");
        let mut emitted = store.on_emit();
        let put = Write::put(Key::new("a", "b"), &1, Condition::Absent);
        store.commit(CommitId::new(&*clock), std::slice::from_ref(&put)).await.expect("it is stored");
        assert!(!emitted.has_changed().expect("the store is open"));
        let event = crate::queues::example_event("scorpius.test.tested.v1", &*clock);
        let refused = store.commit(CommitId::new(&*clock), &[put, Write::emit(event.clone())]).await;
        assert!(refused.is_err() && !emitted.has_changed().expect("the store is open"));
        store.commit(CommitId::new(&*clock), &[Write::emit(event)]).await.expect("it is stored");
        emitted.changed().await.expect("the store is open");
    }
}
