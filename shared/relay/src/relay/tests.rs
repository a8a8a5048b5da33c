use std::collections::BTreeSet;
use std::sync::Mutex;

use async_trait::async_trait;
use scorpius_core::{Actor, Fact, ListQuery, ManualClock, QueueDepth, TenantId, UnixMillis, Value};
use scorpius_local::{FolderBlobs, SqliteStore};
use tempfile::TempDir;

use super::*;
use crate::api::RedriveRequested;

/// A bus that takes what it is given, except as it is told.
#[derive(Default)]
struct ScriptedBus {
    /// Events that it never takes, nor what comes with them.
    poison: Mutex<BTreeSet<String>>,
    /// Whether it takes nothing at all.
    down: Mutex<bool>,
    /// Whether the ledger's queue takes nothing.
    queue_down: Mutex<bool>,
    calls: Mutex<usize>,
    took: Mutex<BTreeSet<String>>,
    batches: Mutex<usize>,
}

#[async_trait]
impl Bus for ScriptedBus {
    async fn publish(&self, events: &[Event]) -> Result<(), PortError> {
        *self.calls.lock().expect("no poison") += 1;
        let poison = self.poison.lock().expect("no poison");
        if *self.down.lock().expect("no poison") || events.iter().any(|event| poison.contains(&event.id)) {
            return Err(PortError::new("bus", "refused"));
        }
        self.took.lock().expect("no poison").extend(events.iter().map(|event| event.id.clone()));
        Ok(())
    }

    async fn send(&self, _: &str, _: &[u8]) -> Result<(), PortError> {
        if *self.queue_down.lock().expect("no poison") {
            return Err(PortError::new("bus", "down"));
        }
        *self.batches.lock().expect("no poison") += 1;
        Ok(())
    }

    async fn depths(&self) -> Result<Vec<QueueDepth>, PortError> {
        Ok(Vec::new())
    }

    async fn redrive(&self, _: &str, _: u32) -> Result<u32, PortError> {
        Ok(0)
    }
}

struct World {
    relay: Relay,
    bus: Arc<ScriptedBus>,
    clock: Arc<ManualClock>,
    _folder: TempDir,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)));
        let folder = tempfile::tempdir().expect("a folder");
        let bus = Arc::new(ScriptedBus::default());
        let relay = Relay {
            store: Arc::new(SqliteStore::in_memory(clock.clone()).expect("there is room for a store")),
            blobs: Arc::new(FolderBlobs::open(folder.path(), clock.clone(), "").expect("it opens")),
            bus: bus.clone(),
            clock: clock.clone(),
        };
        Self { relay, bus, clock, _folder: folder }
    }

    /// Puts events into the outbox, a millisecond apart.
    async fn emit(&self, count: usize) -> Vec<Event> {
        let tenant = TenantId::new(&*self.clock);
        let mut events = Vec::new();
        for number in 0..count {
            let fact = RedriveRequested { queue: "audit".to_owned(), max: 1 };
            let aggregate = format!("rdr_{number}");
            let actor = Actor::request("usr_1", None);
            events.push(Event::of(&fact, &aggregate, 1, &tenant, &actor, &*self.clock));
            self.clock.advance_ms(1);
        }
        for chunk in events.chunks(90) {
            let writes: Vec<_> = chunk.iter().map(|event| Write::emit(event.clone())).collect();
            self.relay.store.commit(CommitId::new(&*self.clock), &writes).await.expect("it is stored");
        }
        events
    }

    async fn rows(&self) -> BTreeSet<String> {
        let mut rows = BTreeSet::new();
        for shard in 0..scorpius_core::store::OUTBOX_PARTITIONS {
            let page = self.relay.store.list(&ListQuery::all(format!("outbox#{shard}"))).await;
            rows.extend(page.expect("a page").records.into_iter().map(|row| row.key.sort));
        }
        rows
    }

    async fn recorded(&self) -> usize {
        self.relay.store.list(&ListQuery::all(BATCHES)).await.expect("a page").records.len()
    }
}

#[tokio::test]
async fn a_row_that_the_bus_never_takes_keeps_no_other_back() {
    for place in [0, 1, 48, 95, 96] {
        let world = World::new();
        let events = world.emit(97).await;
        let poison = events[place].id.clone();
        world.bus.poison.lock().expect("no poison").insert(poison.clone());
        let relayed = world.relay.relay(&events).await.expect("the others go");
        assert_eq!((relayed.published, relayed.claimed, relayed.stuck), (96, 96, 1), "at {place}");
        assert_eq!(world.rows().await, BTreeSet::from([poison]), "at {place}");
        assert_eq!(world.bus.took.lock().expect("no poison").len(), 96);
    }
}

#[tokio::test]
async fn a_bus_that_is_down_is_not_asked_for_each_row() {
    let world = World::new();
    let events = world.emit(97).await;
    *world.bus.down.lock().expect("no poison") = true;
    world.relay.relay(&events).await.expect_err("nothing goes");
    let calls = *world.bus.calls.lock().expect("no poison");
    assert!(calls <= 1 + FAILURES_MAX as usize, "{calls} calls");
    assert_eq!(world.rows().await.len(), 97);

    *world.bus.down.lock().expect("no poison") = false;
    assert_eq!(world.relay.relay(&events).await.expect("it is up").claimed, 97);
    assert_eq!(world.rows().await.len(), 0);
}

#[tokio::test]
async fn a_lone_row_that_does_not_go_is_a_failure() {
    let world = World::new();
    let events = world.emit(1).await;
    world.bus.poison.lock().expect("no poison").insert(events[0].id.clone());
    world.relay.relay(&events).await.expect_err("nothing goes");
    assert_eq!(world.relay.relay(&[]).await.expect("nothing to do"), Relayed::default());
}

#[tokio::test]
async fn a_batch_that_was_not_sent_is_sent_by_a_sweep() {
    let world = World::new();
    let events = world.emit(3).await;
    *world.bus.queue_down.lock().expect("no poison") = true;
    let failed = world.relay.relay(&events).await.expect_err("the queue takes nothing");
    assert!(matches!(failed, RelayError::Unsent(_)), "{failed:?}");
    assert_eq!((world.rows().await.len(), world.recorded().await), (0, 1), "it is claimed");

    *world.bus.queue_down.lock().expect("no poison") = false;
    world.clock.advance_ms(60_000);
    assert_eq!(world.relay.sweep(60_000, 2_000).await.expect("it sweeps").resent, 1);
    assert_eq!((world.recorded().await, *world.bus.batches.lock().expect("no poison")), (0, 1));
}

#[tokio::test]
async fn rows_that_stay_grow_old_where_the_sweep_sees_them() {
    let world = World::new();
    let events = world.emit(2).await;
    let (stuck, fine) = (&events[0], &events[1]);
    world.bus.poison.lock().expect("no poison").insert(stuck.id.clone());
    // A row that holds no event, between the two.
    let key = Key::new(stuck.outbox_key().partition, format!("{}x", stuck.id));
    let attributes = Attributes::new().with("doc", Value::Text("{".to_owned()));
    let broken = Write::Put { key: key.clone(), attributes, expires_at: None, condition: Condition::Absent };
    world.relay.store.commit(CommitId::new(&*world.clock), &[broken]).await.expect("it is stored");

    world.clock.advance_ms(300_000);
    let swept = world.relay.sweep(60_000, 2_000).await.expect("the other row goes");
    assert_eq!((swept.relayed.published, swept.relayed.stuck, swept.unreadable), (1, 1, 1));
    assert!(swept.oldest_age_ms >= 300_000, "{swept:?}");
    assert!(!world.rows().await.contains(&fine.id));

    // Alone, they are a failure of each run, until somebody mends them.
    world.relay.tick(60_000, 2_000).await.expect_err("nothing goes");
    world.bus.poison.lock().expect("no poison").clear();
    world.relay.tick(60_000, 2_000).await.expect("it goes");
    let swept = world.relay.sweep(60_000, 2_000).await.expect("it sweeps");
    assert_eq!((swept.relayed, swept.unreadable), (Relayed::default(), 1));
    assert!(swept.oldest_age_ms >= 300_000, "a row that cannot be read is old as well");
    assert_eq!(world.rows().await, BTreeSet::from([key.sort]));
    assert_eq!(RedriveRequested::TYPE, events[0].kind);
}
