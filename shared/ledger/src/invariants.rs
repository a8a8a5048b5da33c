//! The ledger's invariants, a test for each. What may happen in between: trouble at any call to any port.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use scorpius_core::{
    Actor, Clock, Egress, EgressError, EgressRequest, EgressResponse, Keys, Store, SystemClock,
};
use scorpius_edge::{Message, Outcome};

use crate::audit::{Against, AuditError, walk_log};
use crate::bundle::Witnesses;
use crate::erasure::{Erasure, ErasureError};
use crate::facts::SubjectErased;
use crate::files::BlobFiles;
use crate::log::LogName;
use crate::payloads::Payloads;
use crate::policy::Policy;
use crate::proofs::Proofs;
use crate::sequencer::{Broken, SequenceError, Sequencer};
use crate::testing::{
    PERSON, Script, Trouble, World, batch, begun_small, check, each_exactly_once, logs,
    objects_never_changed, origin, published, released, released_checkpoints_agree, tenant, told,
};
use crate::witness::{AddCheckpoint, Witness};
use crate::{Checkpoint, audit_log_of, vectors};

/// The calls of one append to a log that goes on: where a process can die, or an answer be lost.
const KILL_POINTS: [&str; 16] = [
    "get ledger#log",
    "get ledger#batches",
    "get_many",
    "get ledger/tile",
    "commit",
    "put_if_absent ledger/tile",
    "sign",
    "public_key",
    "commit",
    "get ledger#log",
    "get ledger/checkpoint",
    "public_key",
    "get ledger#log",
    "put ledger/checkpoint",
    "get ledger#log",
    "get ledger/checkpoint",
];

/// Ports that take one thing after the other, and ports that take several at once.
const SCRIPTS: [fn(Trouble, u64) -> Arc<Script>; 2] = [Script::new, Script::at_once];

/// The same where blobs and records are in one place.
const KILL_POINTS_AT_ONCE: [&str; 9] = [
    "get ledger#log",
    "get ledger#batches",
    "get_many",
    "get ledger/tile",
    "commit",
    "get ledger/checkpoint",
    "sign",
    "public_key",
    "publish",
];

/// What one append calls, as listed by running it; kinds that may come in any order or number are named once.
async fn calls(log: &LogName, script: fn(Trouble, u64) -> Arc<Script>) -> Vec<String> {
    let world = begun_small(log).await;
    let script = script(Trouble::Fails, u64::MAX);
    world.troubled(&script).append("bat_3", &batch(9..19)).await.expect("appended");
    script.log()
}

#[tokio::test]
async fn the_kill_points_are_those_that_are_listed() {
    let listed = [&KILL_POINTS[..], &KILL_POINTS_AT_ONCE];
    let keys = |call: &String| call.ends_with("#ledger-key") || call == "unwrap";
    for log in logs() {
        for (script, listed) in SCRIPTS.into_iter().zip(listed) {
            let called: BTreeSet<_> =
                calls(&log, script).await.into_iter().filter(|call| !keys(call)).collect();
            assert_eq!(called, listed.iter().map(ToString::to_string).collect(), "{log:?}");
        }
    }
}

/// Every kind of trouble at every call of one append to either log; what follows is each time a new world.
async fn after_each_trouble<F: Future<Output = ()>>(then: impl Fn(World, Trouble, u64) -> F) {
    for (log, script) in logs().iter().flat_map(|log| SCRIPTS.map(|script| (log, script))) {
        after_each_trouble_in(log, script, &then).await;
    }
}

async fn after_each_trouble_in<F: Future<Output = ()>>(
    log: &LogName,
    script: fn(Trouble, u64) -> Arc<Script>,
    then: &impl Fn(World, Trouble, u64) -> F,
) {
    let points = calls(log, script).await.len() as u64;
    for trouble in Trouble::DEADLY {
        for at in 1..=points {
            let world = begun_small(log).await;
            let script = script(trouble, at);
            let result = world.troubled(&script).append("bat_3", &batch(9..19)).await;
            assert!(script.was_reached(), "{trouble:?} at {at} was not reached");
            let size = published(&world).await.expect("published").size;
            assert!(result.is_err() || size == 19, "{trouble:?} at {at}: acknowledged and not published");
            then(world, trouble, at).await;
        }
    }
}

#[tokio::test]
async fn invariant_1_no_two_released_checkpoints_are_inconsistent() {
    after_each_trouble(|world, _, _| async move {
        // Others go on with batches of equal length before the retry.
        world.sequencer().append("bat_4", &batch(300..310)).await.expect("appended");
        world.sequencer().append("bat_3", &batch(9..19)).await.expect("appended");
        released_checkpoints_agree(&world).await;
    })
    .await;
}

#[tokio::test]
async fn invariant_2_an_object_that_a_released_checkpoint_covers_never_changes() {
    for log in logs() {
        let world = begun_small(&log).await;
        let (one, two) = (world.sequencer(), world.sequencer());
        for round in 0..4 {
            let (a, b) = (300 + round * 20..310 + round * 20, 310 + round * 20..320 + round * 20);
            let (id_a, id_b) = (format!("bat_a{round}"), format!("bat_b{round}"));
            let (batch_a, batch_b) = (batch(a), batch(b));
            let (one, two) =
                futures::future::join(one.append(&id_a, &batch_a), two.append(&id_b, &batch_b)).await;
            for appended in [one, two] {
                assert!(matches!(appended, Ok(_) | Err(SequenceError::Contention)));
            }
            objects_never_changed(&world);
        }
    }
}

#[tokio::test]
async fn invariant_3_every_released_checkpoint_is_fully_readable() {
    for log in logs() {
        let world = begun_small(&log).await;
        world.sequencer().append("bat_3", &batch(9..106)).await.expect("appended");
        let history = world.blobs.history.lock().expect("unpoisoned").clone();
        let (mut now, mut read) = (BTreeMap::new(), 0);
        for (name, bytes) in history {
            let is_checkpoint = name.as_str().ends_with("/checkpoint");
            now.insert(name, bytes);
            if is_checkpoint {
                let then = world.with_blobs(now.clone());
                audit_log_of(&*then.blobs, &then.log, &then.trusted().await)
                    .await
                    .expect("all of it is there already");
                read += 1;
            }
        }
        assert_eq!(read, 2);
    }
}

#[tokio::test]
async fn invariant_4_what_was_committed_survives_any_crash() {
    let mut kept = BTreeSet::new();
    for log in logs() {
        let before = begun_small(&log).await.blobs.now.lock().expect("unpoisoned").clone();
        kept.extend(before.into_keys());
    }
    after_each_trouble(|world, trouble, at| {
        let kept = kept.clone();
        async move {
            let head = world.records().head().await.expect("a store").expect("a head").head;
            if !head.is_ahead() {
                return;
            }
            // Nothing but the head's record and what was published is needed: whatever was applied may be lost.
            let mut now = world.blobs.now.lock().expect("unpoisoned").clone();
            now.retain(|name, _| kept.contains(name));
            let world = world.with_blobs(now);
            world.sequencer().append("bat_9", &batch(900..901)).await.expect("appended");
            let events = [batch(0..19), batch(900..901)].concat();
            each_exactly_once(&world, &events).await;
            let audit = audit_log_of(&*world.blobs, &world.log, &world.trusted().await).await;
            assert_eq!(audit.expect("whole").checkpoint.size, 20, "{trouble:?} at {at}");
        }
    })
    .await;
}

#[tokio::test]
async fn invariant_5_a_message_that_is_done_is_included_and_each_batch_once() {
    for log in logs() {
        let world = begun_small(&log).await;
        let events = batch(9..19);
        let body = serde_json::to_vec(&events).expect("JSON");
        let blob = scorpius_core::BlobName::of_content("audit-batches", &body);
        let sha256 = crate::hash::sha256_hex(&body);
        scorpius_core::Blobs::put_if_absent(&*world.blobs, &blob, body.into()).await.expect("stored");
        let batch = scorpius_edge::queue::AuditBatch {
            batch_id: format!("bat_{:032x}", 3),
            blob: blob.to_string(),
            sha256,
            count: events.len(),
        };
        let message = Message {
            id: "m".to_owned(),
            body: serde_json::to_vec(&batch).expect("JSON").into(),
            receives: 1,
        };
        let blobs: Arc<dyn scorpius_core::Blobs> = world.blobs.clone();
        // Handed out twice at once, and again afterwards.
        let app = |sequencer: Sequencer| crate::worker::App::over(sequencer, blobs.clone());
        let (one, two) = (app(world.sequencer()), app(world.sequencer()));
        let outcomes = futures::future::join(
            crate::worker::handle(&one, &message),
            crate::worker::handle(&two, &message),
        )
        .await;
        for outcome in [outcomes.0, outcomes.1, crate::worker::handle(&one, &message).await] {
            if outcome == Outcome::Done {
                check(&world, &self::batch(0..19)).await;
            }
        }
        check(&world, &self::batch(0..19)).await;
    }
}

/// A witness behind a loopback of its own, which remembers what it was asked.
pub(crate) struct Loopback {
    witness: Witness,
    asked: Mutex<Vec<(u64, u64)>>,
}

#[async_trait]
impl Egress for Loopback {
    async fn send(&self, request: EgressRequest) -> Result<EgressResponse, EgressError> {
        let text = std::str::from_utf8(&request.body).expect("text");
        let asked: AddCheckpoint = text.parse().expect("a request");
        let size = asked.note.lines().nth(1).and_then(|size| size.parse().ok()).expect("a size");
        self.asked.lock().expect("unpoisoned").push((asked.old, size));
        let (status, kind, body) =
            self.witness.add_checkpoint(&request.body).await.expect("an answer").to_http();
        let headers = vec![("content-type".to_owned(), kind.to_owned())];
        Ok(EgressResponse { status, headers, body: body.into() })
    }

    fn check_url(&self, _: &str) -> Result<(), EgressError> {
        Ok(())
    }
}

/// A witness of this log that keeps its own memory and key.
pub(crate) async fn loopback(world: &World) -> (Arc<Loopback>, Policy) {
    let folder = tempfile::tempdir().expect("a folder");
    let keys: Arc<dyn Keys> =
        Arc::new(scorpius_local::FileKeys::open(folder.path(), Arc::new(SystemClock)).expect("keys"));
    let store: Arc<dyn Store> =
        Arc::new(scorpius_local::SqliteStore::in_memory(Arc::new(SystemClock)).expect("a store"));
    let name = "witness.example/w1".parse().expect("a name");
    let logs = world.trusted().await.to_vec();
    let witness = Witness::new(store, keys, Arc::new(SystemClock), &name, logs).await.expect("a witness");
    let policy = format!("witness w1 {} http://w1\nquorum w1\n", witness.key());
    let policy = Policy::parse(policy.as_bytes()).expect("a policy");
    (Arc::new(Loopback { witness, asked: Mutex::default() }), policy)
}

#[tokio::test]
async fn invariant_6_the_published_size_never_decreases_and_no_witness_is_asked_from_beyond_it() {
    for log in logs() {
        let world = World::of(&log);
        let (loopback, policy) = loopback(&world).await;
        for number in 0..4 {
            let sequencer = world.witnessed(loopback.clone(), policy.clone());
            let events = batch(number * 90..(number + 1) * 90);
            sequencer.append(&format!("bat_{number}"), &events).await.expect("appended");
            let published = published(&world).await.expect("published");
            assert_eq!(published.witnesses, Witnesses { k: 1, n: 1 });
            let believed =
                policy.clone().believing(&world.trusted().await[0]).open(published.note.as_bytes());
            assert!(believed.expect("a checkpoint").quorum);
        }
        let sizes: Vec<_> = released(&world).await.into_iter().map(|(size, _)| size).collect();
        assert!(sizes.is_sorted(), "{sizes:?}");
        assert_eq!(*loopback.asked.lock().expect("unpoisoned"), [(0, 90), (90, 180), (180, 270), (270, 360)]);
    }
}

#[tokio::test]
async fn invariant_7_a_lost_race_leaks_nothing() {
    for log in logs() {
        for at in 1..=calls(&log, Script::new).await.len() as u64 {
            let world = begun_small(&log).await;
            let busy = world.sequencer();
            let script = Script::sleeping(at, async move {
                busy.append("bat_4", &batch(300..310)).await.expect("appended");
            });
            world.troubled(&script).append("bat_3", &batch(9..19)).await.expect("appended");
            // What was signed is what was released, one note a size; a root that lost was never signed.
            objects_never_changed(&world);
            let mut sizes: Vec<_> = released(&world).await;
            sizes.sort_by_key(|(size, _)| *size);
            sizes.dedup();
            let unique: BTreeSet<_> = sizes.iter().map(|(size, _)| size).collect();
            assert_eq!(unique.len(), sizes.len(), "two roots of one size at {at}");
            check(&world, &[batch(0..19), batch(300..310)].concat()).await;
            let signed = script.log().iter().filter(|call| *call == "sign").count();
            assert!(signed <= 2, "{signed} signatures at {at}");
        }
    }
}

/// Erases the person of `testing::event` over ports that may be in trouble.
async fn erase(store: Arc<dyn Store>, keys: Arc<dyn Keys>) -> Result<(), ErasureError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let payloads = Payloads::new(store.clone(), keys, clock.clone());
    let erasure = Erasure { store: &store, clock: &clock, payloads: &payloads, backups_s: 0 };
    erasure.erase(&tenant(1), PERSON, &Actor::request("usr_admin", None)).await.map(|_| ())
}

#[tokio::test]
async fn invariant_8_erasure_changes_no_byte_of_the_log_and_closes_what_it_says_of_a_person() {
    for log in logs() {
        let world = begun_small(&log).await;
        let before = world.blobs.now.lock().expect("unpoisoned").clone();
        let proofs = Proofs { store: world.store.clone(), blobs: world.blobs.clone() };
        let events = batch(0..9);
        let mine: Vec<_> = events.iter().filter(|event| event.tenantid == tenant(1)).collect();
        let theirs: Vec<_> = events.iter().filter(|event| event.tenantid != tenant(1)).collect();
        // A process that is new remembers nothing.
        let opened = async |events: &[&scorpius_core::Event]| {
            let payloads = Payloads::new(world.store.clone(), world.keys.clone(), Arc::new(SystemClock));
            let mut opened = Vec::new();
            for event in events {
                let ids = [event.id.as_str()];
                let proved = proofs.of_events(&event.tenantid, &ids).await.expect("proofs");
                let proved = proved.into_iter().next().flatten().expect("it is in the log");
                let pair = [(&proved.document.entry, &proved.placed)];
                opened.extend(payloads.open(&event.tenantid, &pair).await.expect("an answer"));
            }
            opened.iter().flatten().count()
        };
        assert!(!mine.is_empty() && opened(&mine).await == mine.len());

        // Whatever happens at any call, it is not done, or done as a whole; and it can be tried again.
        let calls = {
            let (other, script) = (begun_small(&log).await, Script::new(Trouble::Fails, u64::MAX));
            let (store, keys) = other.troubled_ports(&script);
            erase(store, keys).await.expect("erased");
            script.log().len() as u64
        };
        for trouble in Trouble::DEADLY {
            for at in 1..=calls {
                let (other, script) = (begun_small(&log).await, Script::new(trouble, at));
                let (store, keys) = other.troubled_ports(&script);
                let first = erase(store, keys).await;
                assert!(script.was_reached(), "{trouble:?} at {at}");
                let told = told::<SubjectErased>(&*other.store).await.len();
                assert!(told <= 1 && (first.is_err() || told == 1), "{trouble:?} at {at}");
                erase(other.store.clone(), other.keys.clone()).await.expect("erased");
                let told = self::told::<SubjectErased>(&*other.store).await.len();
                assert_eq!(told, 1, "{trouble:?} at {at}");
            }
        }

        erase(world.store.clone(), world.keys.clone()).await.expect("erased");
        assert_eq!(opened(&mine).await, 0);
        assert_eq!(opened(&theirs).await, theirs.len(), "another tenant's are its own");
        assert_eq!(*world.blobs.now.lock().expect("unpoisoned"), before);
        check(&world, &events).await;

        // What comes again is known; what comes late is closed when it is made, and proved.
        world.sequencer().append("bat_again", &events).await.expect("known");
        world.sequencer().append("bat_late", &batch(9..19)).await.expect("appended");
        let late = batch(9..19);
        let late: Vec<_> = late.iter().filter(|event| event.tenantid == tenant(1)).collect();
        assert!(!late.is_empty() && opened(&late).await == 0);
        check(&world, &batch(0..19)).await;
    }
}

#[tokio::test]
async fn invariant_9_a_rolled_back_store_or_log_is_detected() {
    for log in logs() {
        let trust = |world: &World| world.clone();
        let world = World::of(&log);
        let (loopback, policy) = loopback(&world).await;
        let sequencer = world.witnessed(loopback.clone(), policy.clone());
        sequencer.append("bat_0", &batch(0..90)).await.expect("appended");
        let old_blobs = world.blobs.now.lock().expect("unpoisoned").clone();
        let kept = published(&world).await.expect("published");
        sequencer.append("bat_1", &batch(90..200)).await.expect_err("over the limit of a batch");
        sequencer.append("bat_1", &batch(90..180)).await.expect("appended");
        let newer = published(&world).await.expect("published");

        // The blobs went back: their tiles do not make the head's root.
        let back = trust(&world).with_blobs(old_blobs.clone());
        let stopped = back.sequencer().append("bat_2", &batch(500..501)).await.expect_err("stopped");
        assert!(matches!(stopped, SequenceError::Read(_) | SequenceError::Broken(_)), "{stopped}");

        // The records went back: a fresh store, and the published checkpoint is of a future that it does not know.
        let fresh = World { blobs: world.blobs.clone(), ..World::of(&log) };
        let stopped = fresh.sequencer().append("bat_2", &batch(500..501)).await.expect_err("stopped");
        assert!(matches!(stopped, SequenceError::Broken(_)), "{stopped}");

        // Both went back: the witness has seen more.
        let both = World::of(&log);
        let stopped =
            both.witnessed(loopback, policy).append("bat_2", &batch(500..501)).await.expect_err("stopped");
        assert!(matches!(&stopped, SequenceError::Broken(Broken::RolledBack { .. })), "{stopped}");

        // An auditor who kept a checkpoint finds it alone.
        let trusted = world.trusted().await;
        let newer = Checkpoint::open(newer.note.as_bytes(), &trusted).expect("a checkpoint");
        let kept = Checkpoint::open(kept.note.as_bytes(), &trusted).expect("a checkpoint");
        let policy = Policy::of_logs(&trusted);
        let old = trust(&world).with_blobs(old_blobs);
        let walk = async |blobs: &dyn scorpius_core::Blobs, kept: &[Checkpoint]| {
            let against = Against { policy: &policy, kept };
            walk_log(&BlobFiles::of(blobs, &log), &against, &mut |_| Ok(())).await
        };
        let walked = walk(&*old.blobs, std::slice::from_ref(&newer)).await;
        assert!(matches!(walked, Err(AuditError::NotYours { size: 180 })));
        walk(&*world.blobs, &[kept.clone(), newer.clone()]).await.expect("it continues both");
        let forged = Checkpoint { root: newer.root, ..kept.clone() };
        for kept in [vec![forged.clone()], vec![forged, newer.clone()], vec![newer, kept]] {
            let walked = walk(&*world.blobs, &kept).await;
            assert!(matches!(walked, Err(AuditError::NotYours { size: 90 })), "{walked:?}");
        }
    }
}

#[tokio::test]
async fn a_log_whose_witnesses_are_silent_loses_nothing_and_publishes_when_they_speak() {
    for log in logs() {
        let world = World::of(&log);
        let (loopback, policy) = loopback(&world).await;
        let silent = format!("witness w1 {} http://w1\nquorum w1\n", stranger());
        let silent = Policy::parse(silent.as_bytes()).expect("a policy");
        let refused = world.witnessed(loopback.clone(), silent).append("bat_0", &batch(0..9)).await;
        if let LogName::Own(_) = log {
            // Who witnesses the shared log may not know of this one, which says that it is cosigned by nobody.
            refused.expect("appended");
            let published = published(&world).await.expect("published");
            assert_eq!(published.witnesses, Witnesses { k: 0, n: 1 });
            continue;
        }
        assert!(matches!(refused, Err(SequenceError::Quorum { witnesses: Witnesses { k: 0, n: 1 }, .. })));
        assert!(published(&world).await.is_none() && released(&world).await.is_empty());
        world.witnessed(loopback, policy).append("bat_0", &batch(0..9)).await.expect("appended");
        check(&world, &batch(0..9)).await;
    }
}

fn stranger() -> crate::WitnessKey {
    let signing = ed25519_dalek::SigningKey::from_bytes(&[5; 32]);
    let name = "witness.example/w1".parse().expect("a name");
    crate::WitnessKey::new(&name, signing.verifying_key().as_bytes()).expect("a key")
}

#[test]
fn invariant_10_the_verifier_rejects_every_claim_and_note_that_must_fail() {
    assert_eq!(vectors::probe().0, 11);
    assert_eq!(vectors::bad_notes(), 6);
    assert_eq!(origin().as_str(), "example.com/audit");
}
