//! Evidence and states that are false: each an error, an alarm, and nothing lost. What is false in a batch is in the file above.

use super::*;
use crate::anchor::{AnchorError, Anchorer};
use crate::testing::MemoryBlobs;

/// Entries 0 to 4, and then 5 to 8; with the checkpoints after each.
async fn two_checkpoints() -> (World, [String; 2]) {
    let world = world().await;
    let mut notes = Vec::new();
    for (number, numbers) in [(0, 0..5), (1, 5..9)] {
        world.sequencer().append(&format!("bat_{number}"), &batch(numbers)).await.expect("appended");
        notes.push(published(&world).await.expect("published").note);
    }
    let notes = notes.try_into().expect("two");
    (world, notes)
}

async fn bundle(world: &World, ids: &[String]) -> serde_json::Value {
    let (store, blobs, keys) = (world.store.clone(), world.blobs.clone(), world.keys.clone());
    let app = crate::api::App::new(store, blobs, keys, Arc::new(SystemClock));
    let mut asked = testing::request("makeBundle", &tenant(1), Role::Auditor);
    asked.body = json!({ "event_ids": ids }).to_string().into();
    body(&crate::api::handle(&app, asked).await)
}

#[tokio::test]
async fn a_bundle_that_was_tampered_with_fails_is_told_and_changes_nothing() {
    let (world, _) = two_checkpoints().await;
    let whole = bundle(&world, &[event(3).id, event(6).id]).await;
    assert_eq!(judged(&world, json!({ "bundle": whole })).await, "verified");
    assert!(alarms(&world).await.is_empty());
    let mut tampered = whole.clone();
    tampered["entries"][1]["entry"]["ts"] = json!("2026-01-01T00:00:00.000Z");
    assert_eq!(judged(&world, json!({ "bundle": tampered })).await, "failed");
    let raised = alarms(&world).await;
    let [(whose, alarm)] = &raised[..] else { panic!("{raised:?}") };
    assert_eq!((whose, alarm.kind), (&tenant(1), AlarmKind::TamperedEvidence));
    assert_eq!((alarm.what.as_ref(), alarm.stops), (Some(&event(6).id), false));
    // What is true stays proved, and the log goes on.
    assert_eq!(judged(&world, json!({ "bundle": whole })).await, "verified");
    world.sequencer().append("bat_2", &batch(9..12)).await.expect("appended");
    check(&world, &batch(0..12)).await;
}

#[tokio::test]
async fn a_stale_checkpoint_fails_is_told_and_the_log_goes_on() {
    let (world, [old, new]) = two_checkpoints().await;
    // Handed in as evidence, by whoever kept a later one.
    assert_eq!(judged(&world, json!({"checkpoint": old, "kept": new})).await, "failed");
    // Shown to readers, by whoever can write files.
    let anchors = Arc::<MemoryBlobs>::default();
    let anchorer = || {
        let ports: (_, Arc<dyn Blobs>, Arc<dyn Blobs>) =
            (world.store.clone(), world.blobs.clone(), anchors.clone());
        Anchorer::new(ports, world.keys.clone(), Arc::new(SystemClock), origin())
    };
    anchorer().run().await.expect("anchored");
    let copy: BlobName = "ledger/checkpoint".parse().expect("a name");
    world.blobs.put(&copy, old.into()).await.expect("put");
    anchorer().run().await.expect("known");
    let look = anchorer().look().await;
    assert!(look.faults[0].contains("is of 5 entries, and its record of 9"), "{look:?}");
    let raised: Vec<_> =
        alarms(&world).await.into_iter().map(|(whose, it)| (whose, it.kind, it.known, it.found)).collect();
    for whose in [tenant(1), tenant(OPERATOR)] {
        let told = (whose, AlarmKind::StaleCheckpoint, Some(9), Some(5));
        assert!(raised.contains(&told), "{raised:?}");
    }
    assert_eq!(raised.len(), 2);
    // The next batch shows the latest one again.
    world.sequencer().append("bat_2", &batch(9..12)).await.expect("appended");
    check(&world, &batch(0..12)).await;
    assert_eq!(anchorer().look().await.faults, Vec::<String>::new());
}

#[tokio::test]
async fn a_store_that_was_rolled_back_takes_nothing_is_told_and_goes_on_once_it_is_put_back() {
    let (world, _) = two_checkpoints().await;
    let anchors = Arc::<MemoryBlobs>::default();
    let anchorer = |world: &World| {
        let ports: (_, Arc<dyn Blobs>, Arc<dyn Blobs>) =
            (world.store.clone(), world.blobs.clone(), anchors.clone());
        Anchorer::new(ports, world.keys.clone(), Arc::new(SystemClock), origin())
    };
    anchorer(&world).run().await.expect("anchored");
    let files = world.blobs.now.lock().expect("unpoisoned").clone();
    // Records of before the second batch, with the files and anchors of after it.
    let back = World { store: self::world().await.store, ..world.clone() };
    let early = World { blobs: Arc::default(), ..back.clone() };
    early.sequencer().append("bat_0", &batch(0..5)).await.expect("appended");
    let refused = anchorer(&back).run().await.expect_err("rolled back");
    assert!(matches!(refused, AnchorError::RolledBack { known: 5, anchored: 9 }), "{refused:?}");
    let next = sent(&back, 2, to_json(&batch(9..12)), 3).await;
    let outcome = take(&worker_of(&back), &next, 1).await;
    assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
    let raised = alarms(&back).await;
    assert!(!raised.is_empty() && raised.iter().all(|(whose, it)| *whose == tenant(OPERATOR) && it.stops));
    assert!(raised.iter().any(|(_, it)| it.kind == AlarmKind::RolledBack), "{raised:?}");
    // No file is written over, the batch waits, and with its own records the log takes it.
    let now = world.blobs.now.lock().expect("unpoisoned").clone();
    assert!(files.iter().all(|(name, bytes)| now.get(name) == Some(bytes)), "a file was changed");
    assert_eq!(take(&worker_of(&world), &next, 2).await, Outcome::Done);
    check(&world, &batch(0..12)).await;
    anchorer(&world).run().await.expect("anchored");
}
