//! The worker over a store in memory and a folder of blobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use scorpius_core::{CommitId, Event};
use scorpius_edge::{Message, Outcome};

use crate::engine::query::DetectorSet;
use crate::engine::{self, Budget, Deadline, Report, Run, Seen, Stage};
use crate::engines::Engines;
use crate::progress::{Progress, Told};
use crate::testing::{ENGINES, NOW, TENANT, World, get, json};
use crate::worker::handle;

async fn told(world: &World, id: &str) -> Vec<(String, u64)> {
    let events = world.emitted().await;
    events
        .into_iter()
        .filter(|event| event.aggregate == id)
        .map(|event| (event.kind, event.sequence))
        .collect()
}

#[tokio::test]
async fn the_same_message_twice_completes_a_scan_once() {
    let world = World::new();
    let id = world.scan("0x33ff").await;
    let message = world.message(&id).await;
    assert_eq!(handle(&world.worker, &message).await, Outcome::Done);
    let first = json(&world.ask(get("getScan", TENANT, Some(&id))).await);
    assert_eq!(handle(&world.worker, &message).await, Outcome::Done);
    assert_eq!(json(&world.ask(get("getScan", TENANT, Some(&id))).await), first);
    let events = told(&world, &id).await;
    assert_eq!(
        events,
        [("scorpius.scan.requested.v1".to_owned(), 1), ("scorpius.scan.completed.v1".to_owned(), 2)]
    );
}

#[tokio::test]
async fn two_workers_with_one_message_complete_a_scan_once() {
    let world = World::new();
    let id = world.scan("0x33ff").await;
    let message = world.message(&id).await;
    let both = tokio::join!(handle(&world.worker, &message), handle(&world.worker, &message));
    assert_eq!(both, (Outcome::Done, Outcome::Done));
    assert_eq!(told(&world, &id).await.len(), 2);
}

#[tokio::test]
async fn a_completed_scan_tells_counts_and_hashes_only() {
    let world = World::new();
    let id = world.scan("0x33ff").await;
    handle(&world.worker, &world.message(&id).await).await;
    let events = world.emitted().await;
    let event = events.iter().find(|event| event.sequence == 2).expect("the second event");
    assert_eq!((event.actor.as_str(), event.hops), ("system:scan-job", 1));
    assert_eq!(
        event.data["findings"],
        serde_json::json!({"critical": 1, "high": 0, "medium": 0, "low": 0, "info": 0})
    );
    assert_eq!(event.data["incomplete"], false);
    let scan = json(&world.ask(get("getScan", TENANT, Some(&id))).await);
    assert_eq!(event.data["report_sha256"], scan["result"]["report_sha256"]);
}

#[tokio::test]
async fn the_same_code_again_gets_the_same_report() {
    let world = World::new();
    let (first, second) = (world.scan("0x33ff").await, world.scan("0x33ff").await);
    for id in [&first, &second] {
        assert_eq!(handle(&world.worker, &world.message(id).await).await, Outcome::Done);
        // Without the code, only the remembered report can complete the second.
        std::fs::remove_dir_all(world.folder.path().join("blobs/code")).unwrap_or_default();
    }
    let report = |scan: serde_json::Value| scan["result"]["report_sha256"].clone();
    let [a, b] = [
        json(&world.ask(get("getScan", TENANT, Some(&first))).await),
        json(&world.ask(get("getScan", TENANT, Some(&second))).await),
    ];
    assert_eq!(b["status"], "completed");
    assert_eq!(report(a), report(b));
}

#[tokio::test]
async fn code_that_stays_away_fails_the_scan() {
    let world = World::new();
    let id = world.scan("0x33ff").await;
    std::fs::remove_dir_all(world.folder.path().join("blobs/code")).expect("the code's folder");
    let message = world.message(&id).await;
    assert!(matches!(handle(&world.worker, &message).await, Outcome::Retry { .. }));
    let last = Message { receives: 3, ..message };
    assert_eq!(handle(&world.worker, &last).await, Outcome::Done);
    assert_eq!(told(&world, &id).await.last(), Some(&("scorpius.scan.failed.v1".to_owned(), 2)));
    let scan = json(&world.ask(get("getScan", TENANT, Some(&id))).await);
    assert_eq!((scan["status"].as_str(), scan["failure"].as_str()), (Some("failed"), Some("code_missing")));
    let sarif = world.ask(get("getScanSarif", TENANT, Some(&id))).await;
    assert_eq!(json(&sarif)["code"], "scan-failed");
}

#[tokio::test]
async fn what_is_no_request_is_a_dead_letter() {
    let world = World::new();
    let id = world.scan("0x00").await;
    let event = Event::parse(&world.message(&id).await.body).expect("an event");
    let unknown = Event {
        data: serde_json::json!({"scan_id": "scn_1", "code_sha256": "", "size_bytes": 1, "budget": "quick"}),
        ..event.clone()
    };
    let shapeless = Event { data: serde_json::json!({"scan_id": 7}), ..event.clone() };
    let other = Event { kind: "scorpius.scan.completed.v1".to_owned(), ..event.clone() };
    let tired = Event { hops: 8, ..event };
    let bodies = [unknown, shapeless, other, tired].map(|event| event.to_json());
    for body in bodies.iter().map(String::as_bytes).chain([&b"{"[..], b"\xff"]) {
        let message = Message { id: "1".to_owned(), body: Bytes::copy_from_slice(body), receives: 1 };
        assert!(matches!(handle(&world.worker, &message).await, Outcome::Reject { .. }));
    }
}

/// An engine that looks for findings until it is stopped.
fn endless(bytes: &[u8], budget: Budget, _: &DetectorSet, run: &Arc<Run>) -> Report {
    let deadline = Deadline::watched(Duration::from_secs(60), run);
    let mut done = 0;
    while !deadline.passed() {
        done += 1;
        run.tell(Stage::Engine, done, done + 1);
        std::thread::yield_now();
    }
    engine::scan_until(bytes, budget, &deadline)
}

async fn seen(world: &World, id: &str) -> serde_json::Value {
    json(&world.ask(get("getScan", TENANT, Some(id))).await)
}

#[tokio::test]
async fn a_scan_tells_how_far_it_is_and_hears_at_work_that_it_was_called_off() {
    let mut world = World::new();
    world.worker.engines = Engines { bytecode: endless, ..ENGINES };
    world.worker.tell_every = Duration::from_millis(1);
    let id = world.scan("0x33ff").await;
    let waiting = seen(&world, &id).await;
    let queued = serde_json::json!({"stage": "queued", "since": waiting["requested_at"]});
    assert_eq!((&waiting["status"], &waiting["progress"]), (&"queued".into(), &queued));
    let message = world.message(&id).await;
    let called_off = AtomicBool::new(false);
    let user = async {
        loop {
            let scan = seen(&world, &id).await;
            let progress = &scan["progress"];
            if progress["stage"] == "engine" && progress["steps_done"].as_u64() > Some(0) {
                assert!(progress["steps_known"].as_u64() > progress["steps_done"].as_u64(), "{progress}");
                assert!(progress["told_at"].is_string() && progress["since"].is_string(), "{progress}");
                break;
            }
            tokio::task::yield_now().await;
        }
        let answer = world.ask(get("cancelScan", TENANT, Some(&id))).await;
        assert_eq!(answer.status.as_u16(), 200, "{answer:?}");
        called_off.store(true, Ordering::Relaxed);
    };
    // The engine ends only because it was called off: its own time is a minute.
    let (outcome, ()) = tokio::join!(handle(&world.worker, &message), user);
    assert!(called_off.load(Ordering::Relaxed));
    assert_eq!(outcome, Outcome::Done);
    let scan = seen(&world, &id).await;
    assert_eq!((&scan["status"], scan.get("progress")), (&"cancelled".into(), None));
    let last = told(&world, &id).await.pop();
    assert_eq!(last, Some(("scorpius.scan.cancelled.v1".to_owned(), 2)));
}

#[tokio::test]
async fn late_word_changes_nothing_of_a_scan_that_is_over() {
    let world = World::new();
    for end in ["completed", "cancelled"] {
        let id = world.scan("0x33ff").await;
        let tenant = TENANT.parse().expect("a tenant");
        let (scan, version) =
            world.worker.scans.find(&tenant, &id).await.expect("a store").expect("the scan");
        let word = Progress::of(Seen { stage: Stage::Engine, done: 1, known: 2 }, NOW, NOW);
        let tell = async || {
            let commit = CommitId::new(&*world.worker.clock);
            world.worker.scans.tell(commit, (&tenant, &id, version), &word, NOW).await.expect("a store")
        };
        assert_eq!(tell().await, Told::Kept);
        assert_eq!(world.worker.scans.progress(&tenant, &scan).await.expect("a store"), Some(word.clone()));
        match end {
            "completed" => drop(handle(&world.worker, &world.message(&id).await).await),
            _ => drop(world.ask(get("cancelScan", TENANT, Some(&id))).await),
        }
        let over = seen(&world, &id).await;
        assert_eq!(tell().await, Told::Over);
        assert_eq!(seen(&world, &id).await, over);
        assert_eq!((&over["status"], over.get("progress")), (&end.into(), None));
    }
}

fn breaks(_: &[u8], _: Budget, _: &DetectorSet, _: &Arc<Run>) -> Report {
    panic!("an engine that breaks")
}

#[tokio::test]
async fn an_engine_that_breaks_fails_its_scan() {
    let mut world = World::new();
    world.worker.engines = Engines { bytecode: breaks, ..ENGINES };
    let id = world.scan("0x33ff").await;
    assert_eq!(handle(&world.worker, &world.message(&id).await).await, Outcome::Done);
    let scan = seen(&world, &id).await;
    assert_eq!((&scan["status"], &scan["failure"]), (&"failed".into(), &"engine_broke".into()));
}
