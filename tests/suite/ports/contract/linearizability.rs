//! Single records under four clients: what they see is one order of events.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use scorpius_core::Page;

use super::history::{Asked, Call, State, is_linearizable};
use super::*;

const HISTORIES: u64 = 1_000;
const CLIENTS: u64 = 4;
const CALLS_EACH: usize = 4;
/// Histories recorded side by side.
const AT_ONCE: u64 = 50;

/// One client of one record.
struct Client {
    store: Arc<dyn Store>,
    clock: Arc<ManualClock>,
    /// Drawn from before and after each call; shared by all clients.
    time: Arc<AtomicU64>,
    key: Key,
    random: u64,
    seen: State,
    calls: Vec<Call>,
}

impl Client {
    fn draw(&mut self, below: u64) -> u64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }

    fn now(&self) -> u64 {
        self.time.fetch_add(1, Ordering::SeqCst)
    }

    async fn get(&mut self) {
        let began = self.now();
        let record = self.store.get(&self.key).await.expect("the store answers");
        let answered = self.now();
        self.seen = record.map(|record| (record.version, record.attributes.int("n")));
        self.calls.push(Call { asked: Asked::Get(self.seen), began, answered });
    }

    async fn commit(&mut self, write: Write) -> Option<(Option<u64>, u64, u64)> {
        self.clock.advance_ms(1);
        let id = CommitId::new(&*self.clock);
        let began = self.now();
        let answer = self.store.commit(id, &[write]).await;
        let answered = self.now();
        match answer {
            Ok(version) => Some((Some(version), began, answered)),
            Err(StoreError::Conflict { index: 0 }) => Some((None, began, answered)),
            // Nothing was changed and nothing was learned.
            Err(StoreError::Busy) => None,
            Err(error) => panic!("neither applied nor refused: {error:?}"),
        }
    }

    async fn put(&mut self, condition: Condition) {
        let value = i64::try_from(self.draw(1 << 30)).expect("30 bits");
        if let Some((version, began, answered)) = self.commit(put(&self.key.clone(), value, condition)).await
        {
            self.seen = version.map(|version| (version, value)).or(self.seen);
            self.calls.push(Call { asked: Asked::Put { condition, value, version }, began, answered });
        }
    }

    async fn delete(&mut self, condition: Condition) {
        if let Some((version, began, answered)) = self.commit(delete(&self.key.clone(), condition)).await {
            let done = version.is_some();
            self.calls.push(Call { asked: Asked::Delete { condition, done }, began, answered });
        }
    }

    async fn work(mut self) -> Vec<Call> {
        for _ in 0..CALLS_EACH {
            let as_seen = self.seen.map_or(Condition::Absent, |(version, _)| Condition::VersionIs(version));
            match self.draw(8) {
                0..=2 => self.get().await,
                3 | 4 => self.put(as_seen).await,
                5 => self.put(Condition::Always).await,
                6 => self.put(Condition::Present).await,
                _ => self.delete(as_seen).await,
            }
        }
        self.calls
    }
}

fn client(world: &World, store: &Arc<dyn Store>, time: &Arc<AtomicU64>, key: &Key, seed: u64) -> Client {
    Client {
        store: Arc::clone(store),
        clock: Arc::clone(&world.clock),
        time: Arc::clone(time),
        key: key.clone(),
        random: seed,
        seen: None,
        calls: Vec::new(),
    }
}

/// What four clients see of one record.
async fn record(world: &World, store: &Arc<dyn Store>, time: &Arc<AtomicU64>, history: u64) -> Vec<Call> {
    let key = Key::new(format!("history{history}"), "a");
    let clients = (0..CLIENTS).map(|number| client(world, store, time, &key, history * CLIENTS + number));
    let tasks: Vec<_> = clients.map(|client| tokio::spawn(client.work())).collect();
    let mut calls = Vec::new();
    for task in tasks {
        calls.extend(task.await.expect("the client ends"));
    }
    calls
}

pub(in super::super) async fn a_thousand_histories_of_single_records_are_linearizable(world: &World) {
    let time = Arc::new(AtomicU64::new(0));
    let mut side_by_side = 0;
    for first in (0..HISTORIES).step_by(AT_ONCE as usize) {
        let histories: Vec<_> =
            (first..first + AT_ONCE).map(|history| record(world, &world.store, &time, history)).collect();
        for (history, calls) in (first..).zip(futures::future::join_all(histories).await) {
            assert!(is_linearizable(&calls), "history {history} has no order: {calls:#?}");
            let overlaps = |call: &Call| {
                calls.iter().any(|other| call.began < other.began && other.began < call.answered)
            };
            side_by_side += calls.iter().filter(|call| overlaps(call)).count();
        }
    }
    assert!(side_by_side > 1_000, "only {side_by_side} calls overlapped: nothing was tested");
}

/// A store that once answers a `get` with what it read before.
struct Stale {
    store: Arc<dyn Store>,
    read: Mutex<Option<Record>>,
    lie: AtomicBool,
}

#[async_trait]
impl Store for Stale {
    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        if self.lie.swap(false, Ordering::SeqCst) {
            return Ok(self.read.lock().expect("no reader panics").clone());
        }
        let record = self.store.get(key).await?;
        self.read.lock().expect("no reader panics").clone_from(&record);
        Ok(record)
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, StoreError> {
        self.store.get_many(keys).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page, StoreError> {
        self.store.list(query).await
    }

    async fn scan(&self, segment: u32, of: u32, cursor: Option<&str>) -> Result<Page, StoreError> {
        self.store.scan(segment, of, cursor).await
    }

    async fn commit(&self, id: CommitId, writes: &[Write]) -> Result<u64, StoreError> {
        self.store.commit(id, writes).await
    }

    async fn add(
        &self,
        key: &Key,
        deltas: &[(&str, i64)],
        only_if: Option<(&str, i64)>,
        expires_at: Option<UnixMillis>,
    ) -> Result<Attributes, StoreError> {
        self.store.add(key, deltas, only_if, expires_at).await
    }
}

pub(in super::super) async fn a_planted_stale_read_is_found(world: &World) {
    let time = Arc::new(AtomicU64::new(0));
    let lie = AtomicBool::new(false);
    let stale = Arc::new(Stale { store: Arc::clone(&world.store), read: Mutex::new(None), lie });
    let store: Arc<dyn Store> = stale.clone();
    for history in 0..20 {
        let before = record(world, &store, &time, history).await;
        let key = Key::new(format!("history{history}"), "a");
        let mut client = client(world, &store, &time, &key, history);
        client.put(Condition::Always).await;
        client.get().await;
        client.put(Condition::Always).await;
        let mut honest = self::client(world, &store, &time, &key, history);
        stale.lie.store(true, Ordering::SeqCst);
        client.get().await;
        honest.get().await;
        assert!(
            !is_linearizable(&[before.clone(), client.calls.clone()].concat()),
            "the stale read was accepted"
        );
        client.calls.pop();
        assert!(
            is_linearizable(&[before, client.calls, honest.calls].concat()),
            "an honest history was refused"
        );
    }
}
