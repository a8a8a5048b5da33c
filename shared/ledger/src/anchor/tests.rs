use std::collections::BTreeSet;

use proptest::prelude::*;
use scorpius_core::{CommitId, SystemClock, operator};

use super::*;
use crate::alarm::AlarmRaised;
use crate::policy::Policy;
use crate::testing::{MemoryBlobs, Script, Trouble, World, batch, origin, published, tenant, told};

async fn world() -> World {
    let world = World::new();
    let id = CommitId::new(&SystemClock);
    world.store.commit(id, &[operator::made(&tenant(9))]).await.expect("a first tenant");
    world
}

async fn raised(world: &World) -> BTreeSet<&'static str> {
    let told = told::<AlarmRaised>(&*world.store).await;
    told.into_iter().map(|(_, alarm)| alarm.kind.name()).collect()
}

fn anchorer(world: &World, anchors: &Arc<MemoryBlobs>) -> Anchorer {
    let (blobs, anchors): (Arc<dyn Blobs>, Arc<dyn Blobs>) = (world.blobs.clone(), anchors.clone());
    let ports = (world.store.clone(), blobs, anchors);
    Anchorer::new(ports, world.keys.clone(), Arc::new(SystemClock), origin())
}

fn files(anchors: &MemoryBlobs) -> Vec<(String, Vec<u8>)> {
    let now = anchors.now.lock().expect("unpoisoned");
    now.iter().map(|(name, bytes)| (name.to_string(), bytes.to_vec())).collect()
}

async fn chain(world: &World, anchors: &MemoryBlobs) -> Result<AnchorChain, NotAChain> {
    AnchorChain::read(&files(anchors), &Policy::of_logs(&world.trusted().await))
}

#[tokio::test]
async fn each_hour_s_checkpoint_is_anchored_once_and_names_the_one_before() {
    let (world, anchors) = (world().await, Arc::default());
    let anchorer = anchorer(&world, &anchors);
    assert_eq!(anchorer.run().await.expect("nothing to do"), Anchored::Empty);
    for (hour, end) in (1..).zip([5, 90, 300]) {
        let start = if hour == 1 { 0 } else { [5, 90][hour as usize - 2] };
        for from in (start..end).step_by(90) {
            let events = batch(from..end.min(from + 90));
            world.sequencer().append(&format!("bat_{hour}_{from}"), &events).await.expect("appended");
        }
        assert_eq!(anchorer.run().await.expect("anchored"), Anchored::Put { number: hour, size: end });
        assert_eq!(anchorer.run().await.expect("anchored"), Anchored::Known { number: hour });
    }
    let chain = chain(&world, &anchors).await.expect("a chain");
    let sizes: Vec<_> = chain.checkpoints.iter().map(|checkpoint| checkpoint.size).collect();
    assert_eq!(sizes, [5, 90, 300]);
    assert!(chain.from <= chain.to);
    assert!(raised(&world).await.is_empty());
    // No anchor was ever written over.
    assert_eq!(anchors.history.lock().expect("unpoisoned").len(), 3);
}

#[tokio::test]
async fn a_store_that_was_rolled_back_is_behind_its_anchors() {
    let (world, anchors) = (world().await, Arc::default());
    world.sequencer().append("bat_0", &batch(0..9)).await.expect("appended");
    anchorer(&world, &anchors).run().await.expect("anchored");
    // Nothing is left, and then less than there was.
    let back = self::world().await;
    let refused = anchorer(&back, &anchors).run().await;
    assert!(matches!(refused, Err(AnchorError::RolledBack { known: 0, anchored: 9 })), "{refused:?}");
    back.sequencer().append("bat_1", &batch(0..3)).await.expect("appended");
    let refused = anchorer(&back, &anchors).run().await;
    assert!(matches!(refused, Err(AnchorError::RolledBack { known: 3, anchored: 9 })), "{refused:?}");
    assert_eq!(raised(&back).await, ["rolled_back"].into());
    assert_eq!(files(&anchors).len(), 1);
}

#[tokio::test]
async fn another_history_is_not_anchored() {
    let (world, anchors) = (world().await, Arc::default());
    world.sequencer().append("bat_0", &batch(0..9)).await.expect("appended");
    anchorer(&world, &anchors).run().await.expect("anchored");
    let fork = self::world().await;
    for (size, numbers) in [(9, 100..109), (20, 109..120)] {
        fork.sequencer().append(&format!("bat_{size}"), &batch(numbers)).await.expect("appended");
        let refused = anchorer(&fork, &anchors).run().await;
        let Err(AnchorError::NotContinued { size: found, anchored: 9 }) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(found, size);
    }
    assert_eq!(raised(&fork).await, ["not_continued"].into());
    assert_eq!(files(&anchors).len(), 1);
}

#[tokio::test]
async fn a_log_whose_tiles_are_not_its_own_is_not_anchored() {
    for (tile, kind) in [(Some(vec![7; 12 * 32]), "object_changed"), (None, "object_missing")] {
        let (world, anchors) = (world().await, Arc::default());
        world.sequencer().append("bat_0", &batch(0..9)).await.expect("appended");
        anchorer(&world, &anchors).run().await.expect("anchored");
        world.sequencer().append("bat_1", &batch(9..12)).await.expect("appended");
        let name: BlobName = "ledger/tile/0/000.p/12".parse().expect("a name");
        let whole = {
            let mut now = world.blobs.now.lock().expect("unpoisoned");
            let whole = now.remove(&name).expect("it is there");
            now.extend(tile.map(|tile| (name.clone(), tile.into())));
            whole
        };
        assert!(matches!(anchorer(&world, &anchors).run().await, Err(AnchorError::Read(_))));
        assert_eq!(raised(&world).await, [kind].into());
        assert_eq!(files(&anchors).len(), 1);
        // Put back, it goes on.
        world.blobs.now.lock().expect("unpoisoned").insert(name, whole);
        let anchored = anchorer(&world, &anchors).run().await.expect("anchored");
        assert_eq!(anchored, Anchored::Put { number: 2, size: 12 });
    }
}

#[tokio::test]
async fn an_anchor_that_somebody_changed_stops_anchoring() {
    let (world, anchors) = (world().await, Arc::<MemoryBlobs>::default());
    world.sequencer().append("bat_0", &batch(0..9)).await.expect("appended");
    anchorer(&world, &anchors).run().await.expect("anchored");
    let changed = files(&anchors)[0].1.clone();
    let text = String::from_utf8(changed).expect("text").replace("\\n9\\n", "\\n8\\n");
    anchors
        .now
        .lock()
        .expect("unpoisoned")
        .insert(LogName::Shared.anchor(&Anchor::file(1)).expect("a name"), text.into());
    let refused = anchorer(&world, &anchors).run().await;
    assert!(matches!(&refused, Err(AnchorError::Foreign(file)) if *file == Anchor::file(1)), "{refused:?}");
    assert_eq!(raised(&world).await, ["object_changed"].into());
    assert!(matches!(chain(&world, &anchors).await, Err(NotAChain::Note { number: 1, .. })));
}

#[tokio::test]
async fn readers_who_are_shown_an_old_checkpoint_are_an_alarm_and_keep_no_anchor_back() {
    let (world, anchors) = (world().await, Arc::default());
    world.sequencer().append("bat_0", &batch(0..3)).await.expect("appended");
    let old = published(&world).await.expect("published").note;
    world.sequencer().append("bat_1", &batch(3..9)).await.expect("appended");
    anchorer(&world, &anchors).run().await.expect("anchored");
    let copy: BlobName = "ledger/checkpoint".parse().expect("a name");
    world.blobs.now.lock().expect("unpoisoned").insert(copy, old.into());
    anchorer(&world, &anchors).run().await.expect("known");
    assert_eq!(raised(&world).await, ["stale_checkpoint"].into());
}

#[tokio::test]
async fn several_at_once_leave_no_gap_and_no_number_twice() {
    let (world, anchors) = (world().await, Arc::default());
    for round in 0..5 {
        let events = batch(round * 10..(round + 1) * 10);
        world.sequencer().append(&format!("bat_{round}"), &events).await.expect("appended");
        let all = (0..4).map(|_| async { anchorer(&world, &anchors).run().await });
        for anchored in futures::future::join_all(all).await {
            assert!(matches!(anchored, Ok(Anchored::Put { .. } | Anchored::Known { .. })), "{anchored:?}");
        }
    }
    assert_eq!(chain(&world, &anchors).await.expect("a chain").checkpoints.len(), 5);
}

#[tokio::test]
async fn trouble_at_any_call_leaves_a_chain_that_goes_on() {
    for trouble in Trouble::DEADLY {
        for at in 1.. {
            let (world, anchors) = (world().await, Arc::default());
            for (round, numbers) in [(0, 0..9), (1, 9..19)] {
                world.sequencer().append(&format!("bat_{round}"), &batch(numbers)).await.expect("appended");
                if round == 0 {
                    anchorer(&world, &anchors).run().await.expect("anchored");
                }
            }
            let script = Script::new(trouble, at);
            let (store, keys) = world.troubled_ports(&script);
            let (blobs, put): (Arc<dyn Blobs>, Arc<dyn Blobs>) = (world.blobs.clone(), anchors.clone());
            let ports = (store, script.blobs(blobs), script.blobs(put));
            let first = Anchorer::new(ports, keys, Arc::new(SystemClock), origin()).run().await;
            assert!(first.is_err() || files(&anchors).len() == 2, "{trouble:?} at {at}");
            world.sequencer().append("bat_2", &batch(19..25)).await.expect("appended");
            let then = anchorer(&world, &anchors).run().await.expect("anchored");
            assert!(matches!(then, Anchored::Put { size: 25, .. }));
            let chain = chain(&world, &anchors).await.expect("a chain");
            assert_eq!(chain.checkpoints.last().map(|last| last.size), Some(25));
            if !script.was_reached() {
                assert!(at > 8, "an anchor takes more calls than {at}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_chain_with_a_gap_a_change_or_a_stranger_is_none() {
    let (world, anchors) = (world().await, Arc::default());
    for round in 0..4 {
        let events = batch(round * 5..(round + 1) * 5);
        world.sequencer().append(&format!("bat_{round}"), &events).await.expect("appended");
        anchorer(&world, &anchors).run().await.expect("anchored");
    }
    let policy = Policy::of_logs(&world.trusted().await);
    let all = files(&anchors);
    assert_eq!(AnchorChain::read(&all, &policy).expect("a chain").checkpoints.len(), 4);
    assert_eq!(AnchorChain::read(&all[2..], &policy).expect("a later part").checkpoints.len(), 2);
    assert_eq!(AnchorChain::read(&[], &policy), Err(NotAChain::Empty));
    let without = |at: usize| {
        let mut some = all.clone();
        some.remove(at);
        AnchorChain::read(&some, &policy)
    };
    assert_eq!(without(1), Err(NotAChain::Gap { expected: 2, found: 3 }));
    // A later date, in canonical form: the next one does not name it.
    let mut dated = all.clone();
    let mut anchor = Anchor::parse(&dated[1].1).expect("an anchor");
    anchor.anchored_at = "2020-01-01T00:00:00.000Z".to_owned();
    dated[1].1 = canonical(&anchor).expect("JSON").into_bytes();
    assert_eq!(AnchorChain::read(&dated, &policy), Err(NotAChain::NotLinked(3)));
    let mut other = all.clone();
    other[0].1 = b"{}".to_vec();
    assert!(matches!(AnchorChain::read(&other, &policy), Err(NotAChain::NotAnAnchor { .. })));
    let stranger = Policy::default();
    assert!(matches!(AnchorChain::read(&all, &stranger), Err(NotAChain::Note { number: 1, .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn the_last_anchor_is_found_however_many_there_are(count in 0_u64..200) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (found, asked) = runtime.block_on(async {
            let (world, anchors) = (World::new(), Arc::<MemoryBlobs>::default());
            world.sequencer().append("bat_0", &batch(0..1)).await.expect("appended");
            let checkpoint = published(&world).await.expect("published").note;
            for number in 1..=count {
                let anchor = Anchor {
                    format: FORMAT.to_owned(), number, anchored_at: String::new(), previous: String::new(),
                    checkpoint: checkpoint.clone(),
                };
                let bytes = canonical(&anchor).expect("JSON");
                anchors.put_if_absent(&LogName::Shared.anchor(&Anchor::file(number)).expect("a name"), bytes.into()).await.expect("put");
            }
            let script = Script::new(Trouble::Fails, u64::MAX);
            let ports = (world.store.clone(), world.blobs.clone() as Arc<dyn Blobs>, script.blobs(anchors));
            let keys = world.keys.clone();
            let anchorer = Anchorer::new(ports, keys, Arc::new(SystemClock), origin());
            let key = VerifierKey::of_log(&*world.keys, &origin()).await.expect("a key");
            let last = anchorer.last(&key).await.expect("an answer").map_or(0, |last| last.number);
            (last, script.log().len())
        });
        prop_assert_eq!(found, count);
        prop_assert!(asked <= 20, "{} names for {}", asked, count);
    }
}
