use scorpius_core::BlobName;
use tlog_tiles::record_hash;

use super::*;
use crate::audit_log_of;
use crate::proofs::Proofs;
use crate::read::prove_inclusion;
use crate::testing::{Script, Trouble, World, batch, begun, check, event, event_of, published, tenant};

#[tokio::test]
async fn batches_follow_each_other_through_full_tiles() {
    let world = World::new();
    let sequencer = world.sequencer();
    let mut sizes = Vec::new();
    for number in 0..6 {
        let events = batch(number * 97..(number + 1) * 97);
        let appended = sequencer.append(&format!("bat_{number}"), &events).await.expect("appended");
        assert_eq!(appended, Appended::Committed { entries: 97 });
        sizes.push(published(&world).await.expect("published").size);
    }
    assert_eq!(sizes, [97, 194, 291, 388, 485, 582]);
    check(&world, &batch(0..582)).await;
}

#[tokio::test]
async fn the_same_batch_twice_enters_once() {
    let world = World::new();
    for expected in [Appended::Committed { entries: 5 }, Appended::Known] {
        assert_eq!(world.sequencer().append("bat_1", &batch(0..5)).await.expect("appended"), expected);
    }
    check(&world, &batch(0..5)).await;
}

#[tokio::test]
async fn events_regrouped_into_other_batches_enter_once() {
    let world = World::new();
    let append =
        async |id: &str, events: &[Event]| world.sequencer().append(id, events).await.expect("appended");
    assert_eq!(append("bat_1", &batch(0..10)).await, Appended::Committed { entries: 10 });
    assert_eq!(append("bat_2", &batch(5..15)).await, Appended::Committed { entries: 5 });
    assert_eq!(append("bat_3", &batch(3..12)).await, Appended::Known);
    let twice = [batch(14..16), batch(14..16)].concat();
    assert_eq!(append("bat_4", &twice).await, Appended::Committed { entries: 1 });
    check(&world, &batch(0..16)).await;
}

#[tokio::test]
async fn the_ledger_s_own_events_never_enter() {
    let world = World::new();
    let mut events = batch(0..3);
    events[1].kind = "scorpius.ledger.checkpoint_published.v1".to_owned();
    let appended = world.sequencer().append("bat_1", &events).await.expect("appended");
    assert_eq!(appended, Appended::Committed { entries: 2 });
    events.remove(1);
    check(&world, &events).await;
    let mut own = event(9);
    own.kind = "scorpius.ledger.checkpoint_published.v1".to_owned();
    assert_eq!(world.sequencer().append("bat_2", &[own]).await.expect("appended"), Appended::Known);
}

#[tokio::test]
async fn an_event_that_comes_back_changed_is_refused() {
    let world = World::new();
    world.sequencer().append("bat_1", &batch(0..3)).await.expect("appended");
    let mut forged = event(1);
    forged.actor = "key_2".to_owned();
    for events in [vec![forged.clone()], vec![event(7), event(1), forged.clone()]] {
        let refused = world.sequencer().append("bat_2", &events).await.expect_err("refused");
        assert!(matches!(refused, SequenceError::EventChanged(id) if id == forged.id));
    }
    check(&world, &batch(0..3)).await;
}

#[tokio::test]
async fn tenants_share_the_log_and_nothing_else() {
    let world = World::new();
    let events: Vec<_> = (0..20).map(|number| event_of(number, &tenant(number % 3))).collect();
    world.sequencer().append("bat_1", &events).await.expect("appended");
    check(&world, &events).await;
    let proofs = Proofs { store: world.store.clone(), blobs: world.blobs.clone() };
    assert!(proofs.of_event(&tenant(1), &events[0].id).await.expect("an answer").is_none());
    // Nothing that can be fetched names a tenant, an event or a subject.
    let history = world.blobs.history.lock().expect("unpoisoned");
    for (name, bytes) in history.iter() {
        let text = String::from_utf8_lossy(bytes);
        assert!(
            !["ten_", "evt_", "vrd_", "key_", "scorpius.risk"].iter().any(|word| text.contains(word)),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_log_has_one_name() {
    let world = World::new();
    world.sequencer().append("bat_1", &batch(0..1)).await.expect("appended");
    let other = "example.com/other".parse().expect("an origin");
    let clock = Arc::new(scorpius_core::SystemClock);
    let sequencer =
        Sequencer::new(world.store.clone(), world.blobs.clone(), world.keys.clone(), clock, other);
    let refused = sequencer.append("bat_2", &batch(1..2)).await.expect_err("refused");
    assert!(matches!(refused, SequenceError::OtherOrigin { .. }));
}

#[tokio::test]
async fn a_tile_that_changed_stops_the_log() {
    for changed in ["ledger/tile/0/000.p/5", "ledger/tile/entries/000.p/5"] {
        let world = World::new();
        world.sequencer().append("bat_1", &batch(0..5)).await.expect("appended");
        let name: BlobName = changed.parse().expect("a name");
        let mut bytes = world.blobs.now.lock().expect("unpoisoned")[&name].to_vec();
        bytes[20] ^= 1;
        world.blobs.now.lock().expect("unpoisoned").insert(name, bytes.into());
        assert!(audit_log_of(&*world.blobs, &world.log, &world.trusted().await).await.is_err());
        let appended = world.sequencer().append("bat_2", &batch(5..6)).await;
        // A changed entry goes into no tile of hashes; whoever reads the whole log finds it.
        assert_eq!(appended.is_err(), changed.contains("tile/0/"), "{changed}");
    }
}

#[tokio::test]
async fn a_tile_that_somebody_else_wrote_is_never_overwritten() {
    let world = World::new();
    let name: BlobName = "ledger/tile/0/000.p/5".parse().expect("a name");
    world.blobs.now.lock().expect("unpoisoned").insert(name.clone(), Bytes::from_static(b"mine"));
    let stopped = world.sequencer().append("bat_1", &batch(0..5)).await.expect_err("stopped");
    assert!(matches!(stopped, SequenceError::Broken(_)), "{stopped}");
    assert!(published(&world).await.is_none());
    assert_eq!(world.blobs.now.lock().expect("unpoisoned")[&name], "mine");
    // Once it is out of the way, the committed batch is finished from the head.
    world.blobs.now.lock().expect("unpoisoned").remove(&name);
    assert_eq!(world.sequencer().append("bat_1", &batch(0..5)).await.expect("appended"), Appended::Known);
    check(&world, &batch(0..5)).await;
}

#[tokio::test]
async fn trouble_at_any_call_loses_nothing_and_doubles_nothing() {
    let (next, then) = (batch(250..260), batch(260..262));
    for trouble in Trouble::DEADLY {
        for at in 1.. {
            let world = begun().await;
            let script = Script::new(trouble, at);
            let first = world.troubled(&script).append("bat_3", &next).await;
            let size_before = published(&world).await.expect("published").size;
            assert!(
                first.is_err() || size_before == 260,
                "{trouble:?} at {at}: acknowledged and not published"
            );
            // Other work may come before the retry, and the same events in another batch.
            world.sequencer().append("bat_4", &then).await.expect("appended");
            assert!(published(&world).await.expect("published").size >= size_before);
            world.sequencer().append("bat_3", &next).await.expect("appended");
            world.sequencer().append("bat_5", &[&next[3..], &then[..]].concat()).await.expect("appended");
            check(&world, &batch(0..262)).await;
            if !script.was_reached() {
                assert!(at > 15, "a batch makes more calls than {at}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_sequencer_that_sleeps_at_any_call_breaks_nothing() {
    // The same batch, one of equal length, and two batches, while the first sequencer sleeps.
    let others: [&[(&str, std::ops::Range<u64>)]; 3] =
        [&[("bat_3", 250..257)], &[("bat_4", 300..307)], &[("bat_3", 250..257), ("bat_4", 300..307)]];
    for other in others {
        for at in 1.. {
            let world = begun().await;
            let (busy, batches) = (world.sequencer(), other.to_vec());
            let script = Script::sleeping(at, async move {
                for (id, numbers) in batches {
                    busy.append(id, &batch(numbers)).await.expect("appended");
                }
            });
            let sleeper = world.troubled(&script);
            sleeper.append("bat_3", &batch(250..257)).await.expect("appended");
            if !script.was_reached() {
                assert!(at > 15, "a batch makes more calls than {at}");
                break;
            }
            let mut events = batch(0..257);
            if other.iter().any(|(id, _)| *id == "bat_4") {
                events.extend(batch(300..307));
            }
            check(&world, &events).await;
        }
    }
}

/// The same log with a batch on top that is committed, and whose sequencer has died: at the first call from
/// `from` on where that is so, which is answered too.
async fn begun_and_ahead(from: u64) -> (World, u64) {
    for at in from.. {
        let world = begun().await;
        let died =
            world.troubled(&Script::new(Trouble::DiesBefore, at)).append("bat_3", &batch(250..260)).await;
        assert!(died.is_err(), "no call is between commit and publication");
        let head = world.records().head().await.expect("a store").expect("a head").head;
        if head.is_ahead() {
            return (world, at);
        }
    }
    unreachable!("the calls of a batch are few")
}

#[tokio::test]
async fn a_sequencer_that_sleeps_while_it_recovers_breaks_nothing() {
    let mut dies_at = 1;
    for at in 1.. {
        let world;
        (world, dies_at) = begun_and_ahead(dies_at).await;
        let busy = world.sequencer();
        let script = Script::sleeping(at, async move {
            busy.append("bat_4", &batch(260..270)).await.expect("appended");
        });
        world.troubled(&script).append("bat_3", &batch(250..260)).await.expect("appended");
        if !script.was_reached() {
            assert!(at > 8, "a recovery makes more calls than {at}");
            break;
        }
        check(&world, &batch(0..270)).await;
    }
}

#[tokio::test]
async fn sequencers_at_once_agree_on_one_history() {
    let world = World::new();
    let work = |own: u64| {
        let world = world.clone();
        async move {
            let sequencer = world.sequencer();
            for step in 0..8 {
                // Everybody gets every batch, in another order.
                let number = (step * 3 + own * 5) % 8;
                let events = batch(number * 40..(number + 1) * 40);
                while let Err(error) = sequencer.append(&format!("bat_{number}"), &events).await {
                    assert!(
                        matches!(error, SequenceError::Contention | SequenceError::Store(StoreError::Busy)),
                        "{error}"
                    );
                    tokio::task::yield_now().await;
                }
            }
        }
    };
    futures::future::join4(work(0), work(1), work(2), work(3)).await;
    check(&world, &batch(0..320)).await;
}

#[tokio::test]
async fn a_proof_under_an_old_checkpoint_stands() {
    let world = World::new();
    world.sequencer().append("bat_1", &batch(0..97)).await.expect("appended");
    let old = published(&world).await.expect("published");
    for number in 1..4 {
        let events = batch(number * 97..(number + 1) * 97);
        world.sequencer().append(&format!("bat_{}", number + 1), &events).await.expect("appended");
    }
    // The partial tile of the old tree may be gone once the full one is there.
    for partial in ["ledger/tile/0/000.p/97", "ledger/tile/entries/000.p/97"] {
        world.blobs.now.lock().expect("unpoisoned").remove(&partial.parse::<BlobName>().expect("a name"));
    }
    let records = world.records();
    let place =
        records.placed(&[(&tenant(1), &event(5).id)]).await.expect("placed").remove(0).expect("there");
    let root = root_of(&old.root).expect("a root");
    let files = BlobFiles::shared(&*world.blobs);
    let proof = prove_inclusion(&files, old.size, &root, place.index, record_hash(&place.leaf)).await;
    assert!(proof.is_ok());
}

#[tokio::test]
async fn batches_that_wait_are_committed_one_by_one_and_published_together() {
    let world = World::new();
    world.sequencer().append("bat_0", &batch(0..50)).await.expect("appended");
    let mut forged = batch(60..61);
    forged[0].time = "now".to_owned();
    let batches: Vec<_> = (0..12).map(|number| batch(50 + number * 97..50 + (number + 1) * 97)).collect();
    let names: Vec<_> = (1..=12).map(|number| format!("bat_{number}")).collect();
    let mut all: Vec<(&str, &[Event])> =
        names.iter().zip(&batches).map(|(name, events)| (name.as_str(), &events[..])).collect();
    all.insert(3, ("bat_bad", &forged));
    all.insert(5, ("bat_0", &[]));
    let results = world.sequencer().append_all(&all).await;
    for (at, result) in results.iter().enumerate() {
        match at {
            3 => assert!(matches!(result, Err(SequenceError::Entry { .. }))),
            5 => assert!(matches!(result, Ok(Appended::Known))),
            _ => assert!(matches!(result, Ok(Appended::Committed { entries: 97 })), "{at}: {result:?}"),
        }
    }
    // One checkpoint before, one when 1,024 leaves waited, and one at the end.
    assert_eq!(crate::testing::released(&world).await.len(), 3);
    check(&world, &batch(0..50 + 12 * 97)).await;
}

#[tokio::test]
async fn trouble_at_any_call_of_several_batches_loses_nothing_and_doubles_nothing() {
    let batches = [batch(9..19), batch(19..24), batch(24..30)];
    let all = [("bat_3", &batches[0][..]), ("bat_4", &batches[1][..]), ("bat_5", &batches[2][..])];
    let scripts: [fn(Trouble, u64) -> std::sync::Arc<Script>; 2] = [Script::new, Script::at_once];
    for (trouble, script) in Trouble::DEADLY.iter().flat_map(|trouble| scripts.map(|new| (*trouble, new))) {
        for at in 1.. {
            let world = crate::testing::begun_small(&LogName::Shared).await;
            let script = script(trouble, at);
            let first = world.troubled(&script).append_all(&all).await;
            let size = published(&world).await.expect("published").size;
            let done: usize = first
                .iter()
                .zip(&batches)
                .map(|(one, events)| one.as_ref().map_or(0, |_| events.len()))
                .sum();
            assert!(size >= 9 + done as u64, "{trouble:?} at {at}: acknowledged and not published");
            // Others go on before the retry, which comes in another order.
            world.sequencer().append("bat_6", &batch(30..33)).await.expect("appended");
            for (name, events) in all.iter().rev() {
                world.sequencer().append(name, events).await.expect("appended");
            }
            check(&world, &batch(0..33)).await;
            if !script.was_reached() {
                assert!(at > 12, "three batches make more calls than {at}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_sequencer_that_sleeps_between_several_batches_breaks_nothing() {
    let batches = [batch(9..19), batch(19..24)];
    let all = [("bat_3", &batches[0][..]), ("bat_4", &batches[1][..])];
    for at in 1.. {
        let world = crate::testing::begun_small(&LogName::Shared).await;
        let busy = world.sequencer();
        let script = Script::sleeping(at, async move {
            busy.append("bat_6", &batch(300..310)).await.expect("appended");
        });
        for result in world.troubled(&script).append_all(&all).await {
            result.expect("appended");
        }
        if !script.was_reached() {
            assert!(at > 15, "two batches make more calls than {at}");
            break;
        }
        check(&world, &[batch(0..24), batch(300..310)].concat()).await;
    }
}

#[tokio::test]
async fn several_batches_are_one_chain_of_commits_and_what_stands_against_one_is_found_out_alone() {
    let world = World::new();
    let script = Script::at_once(Trouble::Fails, u64::MAX);
    let batches: Vec<_> = (0..5).map(|number| batch(number * 20..(number + 1) * 20)).collect();
    let names = ["bat_0", "bat_1", "bat_2", "bat_3", "bat_4"];
    let all: Vec<_> = names.iter().zip(&batches).map(|(name, events)| (*name, &events[..])).collect();
    for result in world.troubled(&script).append_all(&all).await {
        assert_eq!(result.expect("appended"), Appended::Committed { entries: 20 });
    }
    // The chain, two secrets that are made at first, and the published head.
    let commits = script.log().iter().filter(|call| *call == "commit").count();
    assert!(commits <= 4, "{commits} commits for five batches");
    check(&world, &batch(0..100)).await;

    // Within one call: an event that an earlier batch brings, a batch that comes twice, one that was there before.
    let (twice, new, mixed) = (batch(100..110), batch(110..120), batch(105..125));
    let all = [
        ("bat_5", &twice[..]),
        ("bat_6", &mixed[..]),
        ("bat_5", &twice[..]),
        ("bat_0", &[]),
        ("bat_7", &new[..]),
    ];
    let results: Vec<_> =
        world.sequencer().append_all(&all).await.into_iter().map(|result| result.expect("in it")).collect();
    let committed = |entries| Appended::Committed { entries };
    assert_eq!(results, [committed(10), committed(15), Appended::Known, Appended::Known, Appended::Known]);
    check(&world, &batch(0..125)).await;
}
