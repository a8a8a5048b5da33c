//! The worker over a store in memory and a folder of blobs.

use bytes::Bytes;
use scorpius_core::Event;
use scorpius_edge::{Message, Outcome};

use crate::testing::{TENANT, World, get, json};
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
