use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use scorpius_core::{Blobs, Clock, SystemClock};

use super::*;
use crate::alarm::AlarmRaised;
use crate::log::{LogName, put_beginning};
use crate::testing::{MemoryBlobs, NOW, Script, Trouble, World, event_of, origin, tenant, told};

/// Each look at it takes so many milliseconds.
struct Ticking(AtomicU64, u64);

impl Clock for Ticking {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.0.fetch_add(self.1, Ordering::SeqCst))
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        SystemClock.fill_random(bytes);
    }
}

fn anchorer(world: &World, anchors: &Arc<MemoryBlobs>, tick_ms: u64) -> Anchorer {
    let (blobs, anchors): (Arc<dyn Blobs>, Arc<dyn Blobs>) = (world.blobs.clone(), anchors.clone());
    let clock = Arc::new(Ticking(AtomicU64::new(NOW.0), tick_ms));
    Anchorer::new((world.store.clone(), blobs, anchors), world.keys.clone(), clock, origin())
}

/// The same in a process that ends at the `at`-th call of store or keys.
fn dying(world: &World, anchors: &Arc<MemoryBlobs>, at: u64) -> Anchorer {
    let (store, keys) = world.troubled_ports(&Script::new(Trouble::DiesBefore, at));
    anchorer(&World { store, keys, ..world.clone() }, anchors, 0)
}

fn own(world: &World, number: u64) -> World {
    World { log: LogName::Own(tenant(number)), ..world.clone() }
}

async fn grow(world: &World, number: u64, event: u64) {
    let event = event_of(event, &tenant(number));
    own(world, number).sequencer().append(&format!("bat_{}", event.id), &[event]).await.expect("appended");
}

/// So many tenants with a log of one entry each, and one whose log has not begun.
async fn world(logs: u64) -> World {
    let world = World::new();
    for number in 1..=logs {
        let begin = put_beginning(&tenant(number), NOW.0 - 1);
        world.store.commit(CommitId::new(&SystemClock), &[begin]).await.expect("begun");
        grow(&world, number, 1).await;
    }
    let later = put_beginning(&tenant(logs + 1), NOW.0 + 86_400_000);
    world.store.commit(CommitId::new(&SystemClock), &[later]).await.expect("asked");
    world
}

fn anchored(anchors: &MemoryBlobs, anchor: u64) -> BTreeSet<String> {
    let suffix = format!("/anchor-{anchor:010}.json");
    let names = anchors.names("own/");
    names
        .iter()
        .filter_map(|name| name.strip_suffix(&suffix)?.strip_prefix("own/"))
        .map(str::to_owned)
        .collect()
}

fn tenants(numbers: impl Iterator<Item = u64>) -> BTreeSet<String> {
    numbers.map(|number| tenant(number).to_string()).collect()
}

#[tokio::test]
async fn each_own_log_is_anchored_and_one_that_is_broken_keeps_none_from_its_turn() {
    let (world, anchors) = (world(20).await, Arc::default());
    let anchorer = anchorer(&world, &anchors, 0);
    for _ in 0..2 {
        anchorer.run().await.expect("anchored");
        assert_eq!((anchored(&anchors, 1), anchored(&anchors, 2).len()), (tenants(1..=20), 0));
    }
    for number in 1..=20 {
        grow(&world, number, 2).await;
    }
    let tile = own(&world, 3).log.blob("tile/0/000.p/2").expect("a name");
    world.blobs.put(&tile, vec![0; 64].into()).await.expect("put");
    assert!(matches!(anchorer.run().await, Err(AnchorError::Read(_))));
    assert_eq!(anchored(&anchors, 2), tenants((1..=20).filter(|number| *number != 3)));
    // The files are those of each log alone, and follow each other.
    for number in [1, 20] {
        let folder = format!("own/{}/", tenant(number));
        let now = anchors.now.lock().expect("unpoisoned").clone();
        let files = now.into_iter().filter(|(name, _)| name.as_str().starts_with(&folder));
        let files: Vec<_> = files
            .map(|(name, bytes)| (name.to_string()[folder.len()..].to_owned(), bytes.to_vec()))
            .collect();
        let policy = crate::Policy::of_logs(&own(&world, number).trusted().await);
        let chain = super::super::AnchorChain::read(&files, &policy).expect("a chain");
        assert_eq!(chain.checkpoints.iter().map(|it| it.size).collect::<Vec<_>>(), [1, 2]);
    }
}

#[tokio::test]
async fn an_alarm_of_an_own_log_names_its_tenant() {
    let (world, anchors) = (world(2).await, Arc::default());
    let first = scorpius_core::operator::made(&tenant(9));
    world.store.commit(CommitId::new(&SystemClock), &[first]).await.expect("a first tenant");
    let tile = own(&world, 2).log.blob("tile/0/000.p/1").expect("a name");
    anchorer(&world, &anchors, 0).run().await.expect("anchored");
    grow(&world, 2, 2).await;
    let tile_now = own(&world, 2).log.blob("tile/0/000.p/2").expect("a name");
    for tile in [tile, tile_now] {
        world.blobs.delete(&tile).await.expect("gone");
    }
    anchorer(&world, &anchors, 0).run().await.expect_err("missing");
    let alarms = told::<AlarmRaised>(&*world.store).await.into_iter();
    let named: Vec<_> = alarms.map(|(event, alarm)| (event.tenantid, alarm.what)).collect();
    let what = format!("tile/0/000.p/2 of the log of {}", tenant(2));
    assert_eq!(named, [(tenant(9), Some(what))]);
}

#[tokio::test]
async fn with_more_logs_than_an_hour_has_time_for_each_has_its_turn() {
    let (world, anchors) = (world(30).await, Arc::default());
    let mut before = 0;
    for run in 1.. {
        // A step looks at the clock a few times: eight of them take up the time of a run.
        anchorer(&world, &anchors, 4_000).run().await.expect("anchored");
        let now = anchored(&anchors, 1).len();
        assert!(now > before && now - before <= 16, "run {run}: {before}, then {now}");
        before = now;
        if now == 30 {
            assert!(run > 1);
            break;
        }
    }
    assert_eq!(anchored(&anchors, 1), tenants(1..=30));
    // What grew meanwhile has its turn, wherever the last run ended.
    grow(&world, 2, 2).await;
    for _ in 0..5 {
        anchorer(&world, &anchors, 4_000).run().await.expect("anchored");
    }
    assert_eq!(anchored(&anchors, 2), tenants(2..=2));
}

#[tokio::test]
async fn runs_that_all_end_too_early_keep_no_log_from_its_turn() {
    let (world, anchors) = (world(30).await, Arc::default());
    for run in 1.. {
        // Each gets as far as a part of the logs.
        dying(&world, &anchors, 25).run().await.expect_err("it ends");
        if anchored(&anchors, 1) == tenants(1..=30) {
            assert!(run > 2);
            break;
        }
        assert!(run < 30, "{:?} of 30", anchored(&anchors, 1).len());
    }
}
