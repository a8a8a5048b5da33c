mod evidence;

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use scorpius_core::{BlobName, Blobs, SystemClock, operator};
use scorpius_edge::queue::AuditBatch;
use scorpius_edge::{Message, Outcome, Role};
use serde_json::json;

use super::*;
use crate::invariants::loopback;
use crate::testing::{self, World, batch, body, check, event, origin, published, tenant};
use crate::worker;

const OPERATOR: u64 = 9;

/// A world whose platform was started.
async fn world() -> World {
    let world = World::new();
    started(&world).await;
    world
}

async fn started(world: &World) {
    let id = CommitId::new(&SystemClock);
    world.store.commit(id, &[operator::made(&tenant(OPERATOR))]).await.expect("a first tenant");
}

/// The alarms that wait in the outbox, each with whose it is.
async fn alarms(world: &World) -> Vec<(TenantId, AlarmRaised)> {
    let told = testing::told::<AlarmRaised>(&*world.store).await;
    told.into_iter().map(|(event, alarm)| (event.tenantid, alarm)).collect()
}

async fn kinds(world: &World) -> Vec<AlarmKind> {
    alarms(world).await.into_iter().map(|(_, alarm)| alarm.kind).collect()
}

fn worker_of(world: &World) -> worker::App {
    let (store, blobs, keys) = (world.store.clone(), world.blobs.clone(), world.keys.clone());
    worker::App::new(store, blobs, keys, Arc::new(SystemClock), origin())
}

async fn sent(world: &World, number: u64, body: Vec<u8>, count: usize) -> AuditBatch {
    let blob = BlobName::of_content("audit-batches", &body);
    let sha256 = sha256_hex(&body);
    world.blobs.put_if_absent(&blob, body.into()).await.expect("stored");
    AuditBatch { batch_id: format!("bat_{number:032x}"), blob: blob.to_string(), sha256, count }
}

async fn take(app: &worker::App, batch: &AuditBatch, receives: u32) -> Outcome {
    let body = serde_json::to_vec(batch).expect("JSON").into();
    worker::handle(app, &Message { id: "m1".to_owned(), body, receives }).await
}

#[tokio::test]
async fn a_batch_that_cannot_be_taken_raises_an_alarm_and_loses_nothing() {
    let mut huge = event(1);
    huge.data = json!("x".repeat(PAYLOAD_BYTES_MAX));
    let mut changed = event(2);
    changed.actor = "key_2".to_owned();
    let mut theirs = event(7);
    theirs.tenantid = tenant(2);
    let mut nameless = event(3);
    nameless.id = "evt_3".to_owned();
    let cases: [(AlarmKind, &str, Vec<u8>, usize); 7] = [
        (AlarmKind::OversizeEntry, &huge.id, to_json(&[event(4), huge.clone()]), 2),
        (AlarmKind::OversizeEntry, "bat_00000000000000000000000000000001", vec![b' '; 4_000_001], 1),
        (AlarmKind::BrokenBatch, "bat_00000000000000000000000000000001", b"[{}]".to_vec(), 1),
        (AlarmKind::BrokenBatch, "bat_00000000000000000000000000000001", to_json(&[event(4)]), 2),
        (AlarmKind::BrokenBatch, "evt_3", to_json(&[nameless]), 1),
        (AlarmKind::EventChanged, &changed.id, to_json(&[event(4), changed.clone()]), 2),
        (AlarmKind::ForeignBatch, &theirs.id, to_json(&[event(7), theirs.clone()]), 2),
    ];
    for (kind, what, body, count) in cases {
        let world = world().await;
        world.sequencer().append("bat_0", &batch(0..3)).await.expect("appended");
        let app = worker_of(&world);
        let bad = sent(&world, 1, body, count).await;
        let outcome = take(&app, &bad, 1).await;
        assert!(matches!(outcome, Outcome::Reject { .. }), "{kind:?}: {outcome:?}");
        let raised = alarms(&world).await;
        let [(whose, alarm)] = &raised[..] else { panic!("{kind:?}: {raised:?}") };
        assert_eq!((whose, alarm.kind, alarm.what.as_deref()), (&tenant(OPERATOR), kind, Some(what)));
        assert!(!alarm.stops);
        // The batch's body waits for whoever looks at the dead letter, and others go on.
        assert_eq!(world.blobs.names("audit-batches/"), [bad.blob]);
        let good = sent(&world, 2, to_json(&batch(3..5)), 2).await;
        assert_eq!(take(&app, &good, 1).await, Outcome::Done);
        check(&world, &batch(0..5)).await;
    }
}

fn to_json(events: &[Event]) -> Vec<u8> {
    serde_json::to_vec(events).expect("JSON")
}

#[tokio::test]
async fn a_batch_that_names_what_is_no_batch_s_is_not_read_and_not_removed() {
    let world = world().await;
    let body = to_json(&batch(0..1));
    let name: BlobName = "scans/ten_1/source".parse().expect("a name");
    world.blobs.put(&name, body.clone().into()).await.expect("stored");
    let batch_id = format!("bat_{:032x}", 1);
    let foreign = AuditBatch { batch_id, blob: name.to_string(), sha256: sha256_hex(&body), count: 1 };
    assert!(matches!(take(&worker_of(&world), &foreign, 1).await, Outcome::Reject { .. }));
    assert_eq!(kinds(&world).await, [AlarmKind::ForeignBatch]);
    assert_eq!(world.blobs.names("scans/"), [name.as_str()]);
    assert!(published(&world).await.is_none());
}

#[tokio::test]
async fn a_batch_whose_body_stays_away_raises_an_alarm_after_some_hand_outs() {
    let world = world().await;
    let lost = sent(&world, 1, to_json(&batch(0..1)), 1).await;
    world.blobs.now.lock().expect("unpoisoned").clear();
    let app = worker_of(&world);
    for receives in 1..5 {
        assert!(matches!(take(&app, &lost, receives).await, Outcome::Retry { .. }));
        assert!(kinds(&world).await.is_empty());
    }
    assert!(matches!(take(&app, &lost, 5).await, Outcome::Retry { .. }));
    assert_eq!(kinds(&world).await, [AlarmKind::ObjectMissing]);
}

#[tokio::test]
async fn a_tile_that_changed_or_went_stops_the_log_until_it_is_put_back() {
    let tile: BlobName = "ledger/tile/0/000.p/3".parse().expect("a name");
    for (kind, damaged) in
        [(AlarmKind::ObjectChanged, Some(Bytes::from_static(&[7; 96]))), (AlarmKind::ObjectMissing, None)]
    {
        let world = world().await;
        world.sequencer().append("bat_0", &batch(0..3)).await.expect("appended");
        let whole = {
            let mut now = world.blobs.now.lock().expect("unpoisoned");
            let whole = now.remove(&tile).expect("it is there");
            now.extend(damaged.map(|bytes| (tile.clone(), bytes)));
            whole
        };
        let app = worker_of(&world);
        let next = sent(&world, 1, to_json(&batch(3..5)), 2).await;
        for _ in 0..3 {
            let outcome = take(&app, &next, 1).await;
            assert!(
                matches!(outcome, Outcome::Retry { after: Some(after), .. } if after == Duration::from_secs(300)),
                "{outcome:?}"
            );
        }
        let raised = alarms(&world).await;
        assert!(matches!(&raised[..], [(_, alarm)] if alarm.kind == kind && alarm.stops), "{raised:?}");
        assert_eq!(published(&world).await.expect("published").size, 3);
        // The operator puts back what the copy has.
        world.blobs.now.lock().expect("unpoisoned").insert(tile.clone(), whole);
        assert_eq!(take(&app, &next, 2).await, Outcome::Done);
        check(&world, &batch(0..5)).await;
    }
}

#[tokio::test]
async fn a_tile_of_somebody_else_stops_the_log_and_stays_as_it_is() {
    let world = world().await;
    let tile: BlobName = "ledger/tile/0/000.p/2".parse().expect("a name");
    world.blobs.put(&tile, Bytes::from_static(b"mine")).await.expect("stored");
    let next = sent(&world, 1, to_json(&batch(0..2)), 2).await;
    assert!(matches!(take(&worker_of(&world), &next, 1).await, Outcome::Retry { .. }));
    let raised = alarms(&world).await;
    let [(_, alarm)] = &raised[..] else { panic!("{raised:?}") };
    assert_eq!((alarm.kind, alarm.what.as_deref()), (AlarmKind::ObjectChanged, Some(tile.as_str())));
    assert_eq!(world.blobs.now.lock().expect("unpoisoned")[&tile], "mine");
}

#[tokio::test]
async fn a_rolled_back_store_is_told_with_both_sizes() {
    let world = world().await;
    world.sequencer().append("bat_0", &batch(0..9)).await.expect("appended");
    // A store from before the first entry.
    let back = World { blobs: world.blobs.clone(), ..self::world().await };
    let next = sent(&back, 1, to_json(&batch(500..501)), 1).await;
    // Its first entry would be another: the tile that is there is not overwritten, or the checkpoint is found to be ahead.
    assert!(matches!(take(&worker_of(&back), &next, 1).await, Outcome::Retry { .. }));
    let raised = alarms(&back).await;
    let [(_, alarm)] = &raised[..] else { panic!("{raised:?}") };
    assert_eq!((alarm.kind, alarm.known, alarm.found), (AlarmKind::RolledBack, Some(1), Some(9)));
    assert!(alarm.stops);
}

#[tokio::test]
async fn a_log_of_another_name_is_told() {
    let world = world().await;
    world.sequencer().append("bat_0", &batch(0..1)).await.expect("appended");
    let other = "example.com/other".parse().expect("an origin");
    let (store, blobs, keys) = (world.store.clone(), world.blobs.clone(), world.keys.clone());
    let app = worker::App::new(store, blobs, keys, Arc::new(SystemClock), other);
    let next = sent(&world, 1, to_json(&batch(1..2)), 1).await;
    assert!(matches!(take(&app, &next, 1).await, Outcome::Retry { .. }));
    assert_eq!(kinds(&world).await, [AlarmKind::OtherLog]);
}

#[tokio::test]
async fn a_checkpoint_that_the_log_did_not_sign_is_told_and_replaced() {
    let world = world().await;
    world.sequencer().append("bat_0", &batch(0..1)).await.expect("appended");
    let name: BlobName = "ledger/checkpoint".parse().expect("a name");
    world.blobs.now.lock().expect("unpoisoned").insert(name.clone(), Bytes::from_static(b"forged"));
    world.sequencer().append("bat_1", &batch(1..2)).await.expect("appended");
    assert_eq!(kinds(&world).await, [AlarmKind::ForgedCheckpoint]);
    check(&world, &batch(0..2)).await;
}

#[tokio::test]
async fn a_witness_that_has_cosigned_another_history_is_told() {
    let world = world().await;
    let (witness, policy) = loopback(&world).await;
    world.witnessed(witness.clone(), policy.clone()).append("bat_0", &batch(0..9)).await.expect("appended");
    // The same key signs another history of the same length, and then one that goes on from it.
    let fork = self::world().await;
    for numbers in [100..109, 109..112] {
        let batch_id = format!("bat_{}", numbers.start);
        let events = batch(numbers);
        let refused = fork.witnessed(witness.clone(), policy.clone()).append(&batch_id, &events).await;
        assert!(refused.is_err(), "the policy asks for this witness");
    }
    let raised = alarms(&fork).await;
    let [(_, alarm)] = &raised[..] else { panic!("{raised:?}") };
    assert_eq!(
        (alarm.kind, alarm.what.as_deref(), alarm.found),
        (AlarmKind::WitnessConflict, Some("w1"), Some(9))
    );
    assert!(published(&fork).await.is_none());
}

async fn judged(world: &World, asked: serde_json::Value) -> String {
    let (store, blobs, keys) = (world.store.clone(), world.blobs.clone(), world.keys.clone());
    let app = crate::api::App::new(store, blobs, keys, Arc::new(SystemClock));
    let mut request = testing::request("verifyEvidence", &tenant(1), Role::Auditor);
    request.body = asked.to_string().into();
    let answer = crate::api::handle(&app, request).await;
    body(&answer)["verdict"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn evidence_that_is_false_is_told_to_whoever_handed_it_in() {
    let world = world().await;
    world.sequencer().append("bat_0", &batch(0..5)).await.expect("appended");
    let old = published(&world).await.expect("published").note;
    world.sequencer().append("bat_1", &batch(5..9)).await.expect("appended");
    let new = published(&world).await.expect("published").note;

    assert_eq!(judged(&world, json!({"checkpoint": new})).await, "verified");
    assert_eq!(judged(&world, json!({"checkpoint": new, "kept": old})).await, "verified");
    assert_eq!(judged(&world, json!({"checkpoint": "no note"})).await, "refused");
    let raised = alarms(&world).await;
    // Whatever has no signature of this log is no checkpoint of it, a scrap of text as well as a changed size.
    assert!(matches!(&raised[..], [(_, alarm)] if alarm.kind == AlarmKind::TamperedEvidence), "{raised:?}");

    assert_eq!(judged(&world, json!({"checkpoint": old, "kept": new})).await, "failed");
    let raised = alarms(&world).await;
    let stale = raised.iter().find(|(_, alarm)| alarm.kind == AlarmKind::StaleCheckpoint);
    let (whose, alarm) = stale.expect("an alarm");
    assert_eq!(whose, &tenant(1));
    assert_eq!((alarm.kind, alarm.known, alarm.found), (AlarmKind::StaleCheckpoint, Some(9), Some(5)));
    assert_eq!(raised.len(), 2);

    // A checkpoint that this log signed, of entries that its records do not know: both are told.
    let back = World { keys: world.keys.clone(), ..self::world().await };
    back.sequencer().append("bat_0", &batch(0..5)).await.expect("appended");
    assert_eq!(judged(&back, json!({"checkpoint": old, "kept": new})).await, "failed");
    let raised: BTreeSet<_> =
        alarms(&back).await.into_iter().map(|(whose, it)| (whose, it.kind.name())).collect();
    let expected = [(tenant(1), "stale_checkpoint"), (tenant(OPERATOR), "rolled_back")];
    assert_eq!(raised, expected.into());
}

#[tokio::test]
async fn a_loop_of_alarms_is_told_once_and_many_things_twenty_times_an_hour() {
    let world = world().await;
    let alarms = Alarms::new(world.store.clone(), Arc::new(SystemClock), "audit-append");
    for _ in 0..10 {
        alarms.raise(Alarm::about(AlarmKind::BrokenBatch, "bat_1")).await;
    }
    assert_eq!(kinds(&world).await.len(), 1);
    for number in 0..40 {
        alarms.raise(Alarm::about(AlarmKind::BrokenBatch, format!("bat_{number}"))).await;
    }
    // Twenty an hour, and the clock may have struck meanwhile.
    assert!((20..=40).contains(&kinds(&world).await.len()), "{}", kinds(&world).await.len());
}

#[tokio::test]
async fn before_the_first_start_an_alarm_is_a_line_alone() {
    let world = World::new();
    let alarms = Alarms::new(world.store.clone(), Arc::new(SystemClock), "audit-append");
    alarms.raise(Alarm::about(AlarmKind::RolledBack, "x").sizes(1, 2)).await;
    assert!(kinds(&world).await.is_empty());
}

#[test]
fn what_passes_by_itself_is_no_alarm() {
    for error in [SequenceError::Contention, StoreError::Busy.into()] {
        assert_eq!(Alarm::of_sequencing("bat_1", &error), None);
    }
}
