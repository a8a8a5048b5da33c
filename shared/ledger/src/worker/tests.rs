use bytes::Bytes;
use proptest::prelude::*;
use scorpius_core::SystemClock;
use scorpius_core::event::time_of;
use serde_json::{Value, json};

use super::*;
use crate::proofs::Proofs;
use crate::testing::{World, event, origin, tenant};

fn app(world: &World) -> App {
    App::new(world.store.clone(), world.blobs.clone(), world.keys.clone(), Arc::new(SystemClock), origin())
}

/// What the relay does: the batch's body is a blob, and the message names it.
async fn send(world: &World, number: u64, body: impl Into<Bytes>, count: usize) -> AuditBatch {
    let body = body.into();
    let blob = BlobName::of_content("audit-batches", &body);
    world.blobs.put_if_absent(&blob, body.clone()).await.expect("stored");
    let sha256 = hash::sha256_hex(&body);
    AuditBatch { batch_id: format!("bat_{number:032x}"), blob: blob.to_string(), sha256, count }
}

async fn sent(world: &World, number: u64, events: &[Event]) -> AuditBatch {
    send(world, number, serde_json::to_vec(events).expect("JSON"), events.len()).await
}

async fn take(app: &App, body: impl Into<Bytes>) -> Outcome {
    handle(app, &Message { id: "m1".to_owned(), body: body.into(), receives: 1 }).await
}

async fn take_batch(app: &App, batch: &AuditBatch) -> Outcome {
    take(app, serde_json::to_vec(batch).expect("JSON")).await
}

#[tokio::test]
async fn a_batch_is_done_when_its_events_are_provable_and_again_when_it_comes_again() {
    let world = World::new();
    let app = app(&world);
    let batch = sent(&world, 1, &[event(1), event(2)]).await;
    for _ in 0..2 {
        assert_eq!(take_batch(&app, &batch).await, Outcome::Done);
        let proofs = Proofs { store: world.store.clone(), blobs: world.blobs.clone() };
        let proof = proofs.of_event(&tenant(1), &event(2).id).await.expect("an answer").expect("a proof");
        assert_eq!(proof.index, 1);
        assert_eq!(proof.entry.ts, time_of(&event(2)).expect("a time").to_string());
        assert!(proof.checkpoint.starts_with("example.com/audit\n2\n"), "{}", proof.checkpoint);
    }
}

#[tokio::test]
async fn a_batch_s_body_goes_once_the_ledger_has_it_and_is_not_asked_for_again() {
    let world = World::new();
    let app = app(&world);
    // The second has nothing that the first has not: it is remembered all the same.
    let batches = [sent(&world, 1, &[event(1), event(2)]).await, sent(&world, 2, &[event(2)]).await];
    assert_eq!(world.blobs.names("audit-batches/").len(), 2);
    for batch in &batches {
        assert_eq!(take_batch(&app, batch).await, Outcome::Done);
    }
    assert_eq!(world.blobs.names("audit-batches/"), [""; 0]);
    for batch in &batches {
        assert_eq!(take_batch(&app, batch).await, Outcome::Done);
    }
}

#[tokio::test]
async fn a_batch_whose_body_is_not_there_yet_comes_again() {
    let world = World::new();
    let batch = sent(&world, 1, &[event(1)]).await;
    world.blobs.now.lock().expect("unpoisoned").clear();
    assert!(matches!(take_batch(&app(&world), &batch).await, Outcome::Retry { after: None, .. }));
}

#[tokio::test]
async fn what_is_no_batch_is_rejected() {
    let world = World::new();
    let app = app(&world);
    let good = serde_json::to_value(sent(&world, 1, &[event(1)]).await).expect("JSON");
    let changed = |change: fn(&mut Value)| {
        let mut message = good.clone();
        change(&mut message);
        message.to_string()
    };
    for body in [
        String::new(),
        "null".to_owned(),
        "x".repeat(MESSAGE_BYTES_MAX + 1),
        changed(|m| m["batch_id"] = json!("bat_1")),
        changed(|m| m["blob"] = json!("../secret")),
        changed(|m| m["sha256"] = json!("00".repeat(32))),
        changed(|m| m["sha256"] = json!("00")),
        changed(|m| m["count"] = json!(0)),
        changed(|m| m["count"] = json!(2)),
        changed(|m| m["count"] = json!(98)),
        changed(|m| m["count"] = json!(-1)),
        changed(|m| m["more"] = json!(1)),
    ] {
        assert!(matches!(take(&app, body.clone()).await, Outcome::Reject { .. }), "{body}");
    }
    assert!(world.blobs.names("ledger/").is_empty());
}

#[tokio::test]
async fn a_body_that_is_no_list_of_events_is_rejected() {
    let world = World::new();
    let app = app(&world);
    let mut nameless = event(3);
    nameless.id = "evt_3".to_owned();
    let events = serde_json::to_vec(&[event(2), nameless]).expect("JSON");
    for (number, body, count) in
        [(1, b"[".to_vec(), 1), (2, b"[{}]".to_vec(), 1), (3, b"{}".to_vec(), 1), (4, events, 2)]
    {
        let batch = send(&world, number, body, count).await;
        let outcome = take_batch(&app, &batch).await;
        assert!(matches!(outcome, Outcome::Reject { .. }), "{outcome:?}");
    }
    assert!(world.blobs.names("ledger/").is_empty());
}

#[tokio::test]
async fn a_log_that_is_broken_keeps_the_message_for_later() {
    let world = World::new();
    let batch = sent(&world, 1, &[event(1)]).await;
    let tile = "ledger/tile/0/000.p/1".parse().expect("a name");
    world.blobs.put(&tile, Bytes::from_static(b"other")).await.expect("stored");
    let outcome = take_batch(&app(&world), &batch).await;
    assert!(
        matches!(&outcome, Outcome::Retry { after: Some(after), reason } if after.as_secs() == BROKEN_S && reason.contains("broken")),
        "{outcome:?}"
    );
}

proptest! {
    #[test]
    fn arbitrary_messages_and_bodies_never_panic(bytes: Vec<u8>, text in "\\PC{0,100}") {
        for given in [bytes.as_slice(), text.as_bytes()] {
            prop_assert!(parse(given, "m1").is_err());
            let batch = AuditBatch {
                batch_id: String::new(), blob: String::new(), sha256: hash::sha256_hex(given), count: 1,
            };
            prop_assert!(events_of(&batch, given).is_err());
        }
    }
}
