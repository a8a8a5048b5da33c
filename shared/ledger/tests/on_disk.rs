//! The ledger on one machine's files: what it wrote is there after a restart, and an auditor reads all of it.

use std::path::Path;
use std::sync::Arc;

use scorpius_core::{BlobName, Blobs, Event, Store, SystemClock, TenantId};
use scorpius_edge::queue::AuditBatch;
use scorpius_edge::{Message, Outcome};
use scorpius_ledger::anchor::AnchorError;
use scorpius_ledger::worker;
use scorpius_ledger::{Anchored, Anchorer, Origin, Proofs, Sequencer, VerifierKey, audit_log, hash};
use scorpius_local::{FileKeys, FolderBlobs, Local, LocalOptions, SqliteStore};
use serde_json::json;

fn origin() -> Origin {
    "example.com/audit".parse().expect("an origin")
}

fn open(dir: &Path) -> (Local, worker::App) {
    let clock = Arc::new(SystemClock);
    let local = Local::open(dir, clock.clone(), LocalOptions::default()).expect("a data folder");
    let (store, blobs, keys) =
        (Arc::new(local.store.clone()), Arc::new(local.blobs.clone()), Arc::new(local.keys.clone()));
    (local, worker::App::new(store, blobs, keys, clock, origin()))
}

fn tenant() -> TenantId {
    "ten_00000000000000000000000000000001".parse().expect("a tenant")
}

fn event(number: u64) -> Event {
    Event {
        specversion: "1.0".to_owned(),
        id: format!("evt_{number:032x}"),
        source: "/scorpius/scan".to_owned(),
        kind: "scorpius.scan.completed.v1".to_owned(),
        subject: format!("scn_{number}"),
        time: "2026-11-21T09:40:40Z".to_owned(),
        datacontenttype: "application/json".to_owned(),
        tenantid: tenant(),
        actor: "system:scan-job".to_owned(),
        strength: None,
        network: None,
        traceparent: None,
        aggregate: format!("scn_{number}"),
        sequence: 2,
        hops: 1,
        data: json!({"findings": number}),
    }
}

async fn message(local: &Local, number: u64, events: &[Event]) -> Message {
    let body = serde_json::to_vec(events).expect("JSON");
    let blob = BlobName::of_content("audit-batches", &body);
    let sha256 = hash::sha256_hex(&body);
    local.blobs.put_if_absent(&blob, body.into()).await.expect("stored");
    let batch_id = format!("bat_{number:032x}");
    let batch = AuditBatch { batch_id, blob: blob.to_string(), sha256, count: events.len() };
    let body = serde_json::to_vec(&batch).expect("JSON");
    Message { id: number.to_string(), body: body.into(), receives: 1 }
}

#[tokio::test]
async fn a_log_outlives_its_process_and_is_read_from_end_to_end() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for start in 0..3 {
        let (local, app) = open(folder.path());
        for number in 0..2 {
            let from = (start * 2 + number) * 90;
            let events: Vec<_> = (from..from + 90).map(event).collect();
            let message = message(&local, from, &events).await;
            assert_eq!(worker::handle(&app, &message).await, Outcome::Done);
        }
        let trusted = [VerifierKey::of_log(&local.keys, &origin()).await.expect("a key")];
        let audit = audit_log(&local.blobs, &trusted).await.expect("a log that is whole");
        assert_eq!(audit.checkpoint.size, (start + 1) * 180);
        let proofs = Proofs { store: Arc::new(local.store.clone()), blobs: Arc::new(local.blobs.clone()) };
        let proof = proofs.of_event(&tenant(), &event(17).id).await.expect("an answer").expect("a proof");
        assert_eq!(proof.index, 17);
    }
}

#[tokio::test]
async fn a_log_whose_tiles_are_files_of_an_older_version_goes_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clock = Arc::new(SystemClock);
    {
        let store = SqliteStore::open(folder.path(), clock.clone()).expect("a data folder");
        let blobs = FolderBlobs::open(folder.path(), clock.clone(), "").expect("a data folder");
        let keys = FileKeys::open(folder.path(), clock.clone()).expect("keys");
        let older = Sequencer::new(Arc::new(store), Arc::new(blobs), Arc::new(keys), clock.clone(), origin());
        for from in [0, 90, 180] {
            let events: Vec<_> = (from..from + 90).map(event).collect();
            older.append(&format!("bat_{from}"), &events).await.expect("appended");
        }
    }
    assert!(folder.path().join("blobs/ledger/checkpoint~").is_file());
    // That version's database has no table for blobs.
    let database = rusqlite::Connection::open(folder.path().join("scorpius.db")).expect("a database");
    database.execute_batch("DROP TABLE blobs; PRAGMA user_version = 1;").expect("nobody else has it open");
    drop(database);
    let audited = async |key: VerifierKey| {
        let read = FolderBlobs::for_reading(folder.path());
        audit_log(&read, &[key]).await.expect("a log that is whole").checkpoint.size
    };
    for size in [360, 450] {
        let (local, _) = open(folder.path());
        let key = VerifierKey::of_log(&local.keys, &origin()).await.expect("a key");
        assert_eq!(audited(key.clone()).await, size - 90, "before anything is put");
        let (store, blobs): (Arc<dyn Store>, Arc<dyn Blobs>) = (Arc::new(local.store), Arc::new(local.blobs));
        let sequencer =
            Sequencer::new(store.clone(), blobs.clone(), Arc::new(local.keys), clock.clone(), origin());
        sequencer.append("bat_0", &[]).await.expect("known");
        let events: Vec<_> = (size - 90..size).map(event).collect();
        sequencer.append(&format!("bat_{size}"), &events).await.expect("appended");
        assert_eq!(audited(key).await, size);
        let proofs = Proofs { store, blobs };
        for number in [17, size - 1] {
            let proof = proofs.of_event(&tenant(), &event(number).id).await.expect("an answer");
            assert_eq!(proof.expect("a proof").index, number);
        }
    }
}

/// Records, tiles and checkpoint go back together, and make a log that is whole: only the anchors know better.
#[tokio::test]
async fn a_database_that_was_put_back_is_found_out_by_its_anchors() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (database, copy) = (folder.path().join("scorpius.db"), folder.path().join("copy"));
    let grow = async |numbers: std::ops::Range<u64>| {
        let (local, app) = open(folder.path());
        let message = message(&local, numbers.start, &numbers.map(event).collect::<Vec<_>>()).await;
        assert_eq!(worker::handle(&app, &message).await, Outcome::Done);
    };
    let anchorer = |local: &Local| {
        let ports: (Arc<dyn Store>, Arc<dyn Blobs>, Arc<dyn Blobs>) =
            (Arc::new(local.store.clone()), Arc::new(local.blobs.clone()), Arc::new(local.anchors.clone()));
        Anchorer::new(ports, Arc::new(local.keys.clone()), Arc::new(SystemClock), origin())
    };
    grow(0..90).await;
    std::fs::copy(&database, &copy).expect("copied while nobody has it open");
    grow(90..180).await;
    let anchored = anchorer(&open(folder.path()).0).run().await.expect("anchored");
    assert_eq!(anchored, Anchored::Put { number: 1, size: 180 });

    std::fs::copy(&copy, &database).expect("put back while nobody has it open");
    {
        let (local, _) = open(folder.path());
        let key = VerifierKey::of_log(&local.keys, &origin()).await.expect("a key");
        assert_eq!(audit_log(&local.blobs, &[key]).await.expect("a log that is whole").checkpoint.size, 90);
        let refused = anchorer(&local).run().await.expect_err("behind its anchor");
        assert!(matches!(refused, AnchorError::RolledBack { known: 90, anchored: 180 }), "{refused:?}");
        let look = anchorer(&local).look().await;
        assert!(look.faults.iter().any(|fault| fault.contains("it was rolled back")), "{look:?}");
    }
    // Also when it has gone on beyond the anchor.
    for from in [200, 300] {
        grow(from..from + 90).await;
    }
    let (local, _) = open(folder.path());
    let refused = anchorer(&local).run().await.expect_err("another history");
    assert!(matches!(refused, AnchorError::NotContinued { size: 270, anchored: 180 }), "{refused:?}");
    assert_eq!(anchorer(&local).look().await.faults, [refused.to_string()]);
}
