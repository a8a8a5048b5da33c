use bytes::Bytes;
use scorpius_core::{BlobName, Blobs, Clock, CommitId, Condition, ManualClock, SystemClock, Write};
use scorpius_edge::queue::AuditBatch;
use scorpius_edge::{Message, Role};

use crate::alarm::{Alarm, AlarmKind, AlarmRaised};
use crate::hash::sha256_hex;
use crate::log::{LogName, put_beginning};
use crate::testing::{
    MemoryBlobs, NOW, Script, Trouble, World, body, check, event_of, objects_never_changed, origin,
    published, request, tenant, told,
};
use crate::worker::{App, handle};
use crate::{Proofs, api};

use super::*;

/// An event of this moment, as its id says.
fn at(ms: u64, number: u64, of: u64) -> Event {
    Event { id: format!("evt_{ms:012x}{number:020x}"), ..event_of(number, &tenant(of)) }
}

/// Where tenants 1 and 3 have a log of their own since `NOW`.
async fn begun() -> World {
    let world = World::new();
    let begin = [put_beginning(&tenant(1), NOW.0), put_beginning(&tenant(3), NOW.0)];
    world.store.commit(CommitId::new(&SystemClock), &begin).await.expect("begun");
    world
}

fn own(world: &World, of: u64) -> World {
    World { log: LogName::Own(tenant(of)), ..world.clone() }
}

fn app(world: &World) -> App {
    App::over(world.sequencer(), world.blobs.clone())
}

async fn sent(world: &World, number: u64, events: &[Event]) -> Message {
    let bytes: Bytes = serde_json::to_vec(events).expect("JSON").into();
    let blob = BlobName::of_content("audit-batches", &bytes);
    world.blobs.put_if_absent(&blob, bytes.clone()).await.expect("stored");
    let (batch_id, sha256) = (format!("bat_{number:032x}"), sha256_hex(&bytes));
    let batch = AuditBatch { batch_id, blob: blob.to_string(), sha256, count: events.len() };
    Message { id: "m".to_owned(), body: serde_json::to_vec(&batch).expect("JSON").into(), receives: 1 }
}

/// Of tenant 1 before and after its log begins, of tenant 3 after, and of tenant 2, who has none.
fn mixed() -> Vec<Event> {
    let of_all = [(1, NOW.0 - 1, 1), (2, NOW.0, 1), (3, NOW.0, 2), (4, NOW.0 + 1, 1), (5, NOW.0 + 1, 3)];
    of_all.map(|(number, ms, of)| at(ms, number, of)).to_vec()
}

/// Each event of `events` is once in the log that it belongs to, and all three logs are whole.
async fn check_all(world: &World, events: &[Event]) {
    let belongs = |event: &Event| match event.id.as_str() >= format!("evt_{:012x}", NOW.0).as_str() {
        true if event.tenantid == tenant(1) => 1,
        true if event.tenantid == tenant(3) => 3,
        _ => 0,
    };
    let of = |log: u64| events.iter().filter(|event| belongs(event) == log).cloned().collect::<Vec<_>>();
    check(world, &of(0)).await;
    for log in [1, 3] {
        check(&own(world, log), &of(log)).await;
    }
}

#[tokio::test]
async fn each_event_of_a_batch_goes_into_its_log_and_the_batch_is_done_when_all_have() {
    let world = begun().await;
    let message = sent(&world, 1, &mixed()).await;
    for _ in 0..2 {
        assert_eq!(handle(&app(&world), &message).await, Outcome::Done);
        check_all(&world, &mixed()).await;
    }
    assert_eq!(world.blobs.names("audit-batches/"), [""; 0]);
    // Nothing but one tenant's own: the shared log remembers the batch all the same.
    let more = [at(NOW.0 + 2, 6, 1), at(NOW.0 + 3, 7, 1)];
    let message = sent(&world, 2, &more).await;
    for _ in 0..2 {
        assert_eq!(handle(&app(&world), &message).await, Outcome::Done);
    }
    check_all(&world, &[mixed(), more.to_vec()].concat()).await;
    let note = published(&own(&world, 1)).await.expect("published").note;
    assert!(note.starts_with(&format!("{}/{}\n4\n", origin(), tenant(1))), "{note}");
}

#[tokio::test]
async fn trouble_at_any_call_for_a_split_batch_loses_nothing_and_doubles_nothing() {
    for trouble in Trouble::DEADLY {
        for at_call in 1.. {
            let world = begun().await;
            let message = sent(&world, 1, &mixed()).await;
            let script = Script::new(trouble, at_call);
            let troubled = App::over(world.troubled(&script), script.blobs(world.blobs.clone()));
            let first = handle(&troubled, &message).await;
            assert!(!matches!(first, Outcome::Reject { .. }), "{trouble:?} at {at_call}: {first:?}");
            if first == Outcome::Done {
                check_all(&world, &mixed()).await;
            }
            // The same events come in other groups before the retry.
            let regrouped =
                [mixed()[1..4].to_vec(), vec![at(NOW.0 + 9, 9, 2), at(NOW.0 + 9, 10, 1)]].concat();
            let other = sent(&world, 2, &regrouped).await;
            assert_eq!(handle(&app(&world), &other).await, Outcome::Done, "{trouble:?} at {at_call}");
            assert_eq!(handle(&app(&world), &message).await, Outcome::Done, "{trouble:?} at {at_call}");
            check_all(&world, &[mixed(), regrouped[3..].to_vec()].concat()).await;
            assert_eq!(world.blobs.names("audit-batches/"), [""; 0]);
            if !script.was_reached() {
                assert!(at_call > 40, "three logs make more calls than {at_call}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_log_that_is_broken_keeps_no_event_out_of_another_and_its_batch_comes_again() {
    let world = begun().await;
    let tile: BlobName = format!("ledger-own/{}/tile/0/000.p/2", tenant(1)).parse().expect("a name");
    world.blobs.put(&tile, Bytes::from_static(b"other")).await.expect("stored");
    let message = sent(&world, 1, &mixed()).await;
    let outcome = handle(&app(&world), &message).await;
    assert!(
        matches!(&outcome, Outcome::Retry { after: Some(after), .. } if after.as_secs() == 300),
        "{outcome:?}"
    );
    assert_eq!(published(&world).await.expect("published").size, 2);
    assert_eq!(published(&own(&world, 3)).await.expect("published").size, 1);
    assert!(published(&own(&world, 1)).await.is_none());
    // Whoever comes after somebody removed the body is not told that all is done.
    world.blobs.now.lock().expect("unpoisoned").remove(&tile);
    let bodies = world.blobs.now.lock().expect("unpoisoned").clone();
    world
        .blobs
        .now
        .lock()
        .expect("unpoisoned")
        .retain(|name, _| !name.as_str().starts_with("audit-batches/"));
    assert!(matches!(handle(&app(&world), &message).await, Outcome::Retry { .. }));
    *world.blobs.now.lock().expect("unpoisoned") = bodies;
    // The forged tile is no part of what the log ever put.
    world.blobs.history.lock().expect("unpoisoned").retain(|(name, _)| *name != tile);
    assert_eq!(handle(&app(&world), &message).await, Outcome::Done);
    check_all(&world, &mixed()).await;
}

#[tokio::test]
async fn of_two_logs_that_are_broken_each_raises_its_alarm() {
    let world = begun().await;
    let first = scorpius_core::operator::made(&tenant(9));
    world.store.commit(CommitId::new(&SystemClock), &[first]).await.expect("a first tenant");
    let tiles = [&world, &own(&world, 1)].map(|world| world.log.blob("tile/0/000.p/2").expect("a name"));
    for tile in &tiles {
        world.blobs.put(tile, Bytes::from_static(b"other")).await.expect("stored");
    }
    let outcome = handle(&app(&world), &sent(&world, 1, &mixed()).await).await;
    assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
    let told = told::<AlarmRaised>(&*world.store).await.into_iter();
    let named: BTreeSet<_> = told.map(|(_, alarm)| (alarm.kind.name(), alarm.what)).collect();
    assert_eq!(named, tiles.map(|tile| ("object_changed", Some(tile.to_string()))).into());
}

#[tokio::test]
async fn around_the_beginning_whoever_sorts_and_whenever_no_event_is_lost_or_doubled() {
    let world = World::new();
    // This process has read that there is no log, and remembers it.
    let stale = app(&world);
    let early = at(NOW.0 - 9, 1, 1);
    assert_eq!(handle(&stale, &sent(&world, 1, std::slice::from_ref(&early)).await).await, Outcome::Done);
    let begin = [put_beginning(&tenant(1), NOW.0), put_beginning(&tenant(3), NOW.0)];
    world.store.commit(CommitId::new(&SystemClock), &begin).await.expect("begun");
    // Before the beginning all sort alike, whatever they remember.
    let before = [at(NOW.0 - 2, 2, 1), at(NOW.0 - 1, 3, 1)];
    for (number, app) in [(2, &stale), (3, &app(&world))] {
        assert_eq!(handle(app, &sent(&world, number, &before).await).await, Outcome::Done);
    }
    let after = [at(NOW.0 - 1, 3, 1), at(NOW.0, 4, 1), at(NOW.0 + 1, 5, 1), at(NOW.0, 6, 3)];
    for number in 4..7 {
        let first = usize::try_from(number).expect("small") - 4;
        assert_eq!(handle(&app(&world), &sent(&world, number, &after[first..]).await).await, Outcome::Done);
    }
    let all = [vec![early], before.to_vec(), after[1..].to_vec()].concat();
    check_all(&world, &all).await;
    // Who remembers for longer than it may would take the wrong log; an event that is in one never enters the other.
    let proofs = Proofs { store: world.store.clone(), blobs: world.blobs.clone() };
    assert_eq!(handle(&stale, &sent(&world, 9, &after).await).await, Outcome::Done);
    check_all(&world, &all).await;
    let proof = proofs.of_event(&tenant(1), &after[1].id).await.expect("an answer").expect("a proof");
    assert!(proof.checkpoint.starts_with(&format!("{}/{}\n", origin(), tenant(1))));
    assert_eq!(proof.index, 0);
}

/// How an operator goes back to the shared log: no worker at work, a beginning that never comes, and then workers that remember nothing.
#[tokio::test]
async fn with_a_beginning_that_never_comes_events_go_into_the_shared_log_again_and_what_was_stays_proved() {
    let world = begun().await;
    let events = mixed();
    assert_eq!(handle(&app(&world), &sent(&world, 1, &events).await).await, Outcome::Done);
    let never = UnixMillis(u64::MAX >> 16);
    let gone = put_beginning(&tenant(1), never.0);
    let Write::Put { key, attributes, .. } = gone else { panic!("a record") };
    let moved = Write::Put { key, attributes, expires_at: None, condition: Condition::Present };
    world.store.commit(CommitId::new(&SystemClock), &[moved]).await.expect("moved");
    let before = published(&world).await.expect("published").size;
    let own_before = published(&own(&world, 1)).await;
    // An event that comes again, and one that is new.
    let later = at(NOW.0 + 2, 6, 1);
    let again = [events[1].clone(), later.clone()];
    assert_eq!(handle(&app(&world), &sent(&world, 2, &again).await).await, Outcome::Done);
    assert_eq!(published(&world).await.expect("published").size, before + 1);
    assert_eq!(published(&own(&world, 1)).await, own_before);
    let proofs = Proofs { store: world.store.clone(), blobs: world.blobs.clone() };
    for event in events.iter().chain([&later]) {
        assert!(
            proofs.of_event(&event.tenantid, &event.id).await.expect("an answer").is_some(),
            "{}",
            event.id
        );
    }
}

#[tokio::test]
async fn that_there_is_no_log_is_forgotten_before_one_begins() {
    let world = World::new();
    let clock = std::sync::Arc::new(ManualClock::at(NOW));
    let shared =
        Sequencer::new(world.store.clone(), world.blobs.clone(), world.keys.clone(), clock.clone(), origin());
    let app = App::over(shared, world.blobs.clone());
    assert_eq!(handle(&app, &sent(&world, 1, &[at(NOW.0, 1, 1)]).await).await, Outcome::Done);
    let actor = scorpius_core::Actor::request("usr_1", None);
    let logs = OwnLogs::new(world.store.clone());
    let asked = logs.ask(&tenant(1), &actor, &*clock).await.expect("asked");
    clock.advance_ms(BEGINS_AFTER_MS);
    assert_eq!(logs.ask(&tenant(1), &actor, &*clock).await.expect("asked"), asked, "it never moves");
    assert_eq!(asked.since_ms, clock.now().0);
    let events = [at(asked.since_ms - 1, 2, 1), at(asked.since_ms, 3, 1)];
    assert_eq!(handle(&app, &sent(&world, 2, &events).await).await, Outcome::Done);
    assert_eq!(published(&world).await.expect("published").size, 2);
    assert_eq!(published(&own(&world, 1)).await.expect("published").size, 1);
}

#[tokio::test]
async fn an_event_as_two_tenants_is_refused_whichever_logs_they_have() {
    let world = begun().await;
    let mut forged = at(NOW.0, 1, 2);
    forged.tenantid = tenant(1);
    let message = sent(&world, 1, &[at(NOW.0, 1, 2), forged]).await;
    let outcome = handle(&app(&world), &message).await;
    assert!(matches!(outcome, Outcome::Reject { .. }), "{outcome:?}");
    assert!(published(&world).await.is_none() && published(&own(&world, 1)).await.is_none());
}

#[tokio::test]
async fn many_batches_for_many_logs_at_once_are_all_there() {
    let world = begun().await;
    let (one, two) = (app(&world), app(&world));
    let mut all = Vec::new();
    let mut messages = Vec::new();
    for number in 0..12 {
        let events: Vec<_> =
            (0..9).map(|one| at(NOW.0 + number, number * 9 + one + 1, 1 + one % 3)).collect();
        messages.push(sent(&world, number, &events).await);
        all.extend(events);
    }
    while !messages.is_empty() {
        let turn = |(at, message)| handle(if at % 2 == 0 { &one } else { &two }, message);
        let outcomes = futures::future::join_all(messages.iter().enumerate().map(turn)).await;
        let mut outcomes = outcomes.into_iter();
        messages.retain(|_| outcomes.next().expect("as many") != Outcome::Done);
        objects_never_changed(&world);
    }
    check_all(&world, &all).await;
}

/// What of a folder can be fetched, as text where it is some.
fn files(blobs: &MemoryBlobs, folder: &str) -> Vec<(String, Bytes)> {
    let now = blobs.now.lock().expect("unpoisoned");
    let of = now.iter().filter(|(name, _)| name.as_str().starts_with(folder));
    of.map(|(name, bytes)| (name.to_string(), bytes.clone())).collect()
}

#[tokio::test]
async fn what_anybody_can_fetch_tells_no_tenant_of_another_and_an_own_log_is_its_tenant_s_alone() {
    let world = begun().await;
    assert_eq!(handle(&app(&world), &sent(&world, 1, &mixed()).await).await, Outcome::Done);
    let words = ["ten_", "evt_", "vrd_", "usr_", "scorpius.risk"];
    for (name, bytes) in files(&world.blobs, "ledger/") {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!words.iter().any(|word| text.contains(word)), "{name}");
        if name.contains("/entries/") {
            let entries = crate::tile::decode_entries(&bytes, 2).expect("entries");
            assert!(entries.iter().all(|entry| entry.len() == 32), "32-byte values alone");
        }
    }
    // In the own log, its tenant's entries in clear, and nobody else's.
    let entries = format!("ledger-own/{}/tile/entries/000.p/2", tenant(1));
    let (_, bytes) = files(&world.blobs, &entries).pop().expect("a tile");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.contains(&mixed()[1].id) && text.contains(tenant(1).as_str()));
    assert!(
        !text.contains(tenant(3).as_str()) && !text.contains("usr_"),
        "persons by their pseudonyms alone"
    );

    let app = api::App::new(
        world.store.clone(),
        world.blobs.clone(),
        world.keys.clone(),
        std::sync::Arc::new(SystemClock),
    );
    let ask = async |operation, path: Option<&str>, of: u64| {
        let mut request = request(operation, &tenant(of), Role::Auditor);
        request.parameters.extend(path.map(|path| ("path".to_owned(), path.to_owned())));
        api::handle(&app, request).await
    };
    for (operation, path) in [("getOwnLogCheckpoint", None), ("getOwnLogTile", Some("entries/000.p/2"))] {
        let mine = ask(operation, path, 1).await;
        assert_eq!(mine.status.as_u16(), 200);
        assert!(
            mine.headers.iter().any(|(name, value)| *name == "cache-control" && value.starts_with("private"))
        );
        // Tenant 3 has a log of one entry, and tenant 2 has none.
        assert_eq!(ask(operation, path, 2).await.status.as_u16(), 404);
        let theirs = ask(operation, path, 3).await;
        assert!(!String::from_utf8_lossy(&theirs.body).contains(tenant(1).as_str()));
    }
    for path in [format!("../../ledger-own/{}/checkpoint", tenant(1)), format!("entries/../{}", tenant(1))] {
        assert_eq!(ask("getLogTile", Some(&path), 2).await.status.as_u16(), 404);
        assert_eq!(ask("getOwnLogTile", Some(&path), 2).await.status.as_u16(), 404);
    }
    let logs = body(&ask("getLogs", None, 1).await);
    assert_eq!(logs["own"]["origin"], format!("{}/{}", origin(), tenant(1)));
    assert_eq!((logs["own"]["size"].as_u64(), logs["shared"]["size"].as_u64()), (Some(2), Some(2)));
    assert!(body(&ask("getLogs", None, 2).await).get("own").is_none());
}

#[test]
fn an_alarm_of_an_own_log_says_whose() {
    let alarm = Alarm::about(AlarmKind::StaleCheckpoint, "checkpoint").in_log(&LogName::Own(tenant(1)));
    assert_eq!(alarm.what, Some(format!("checkpoint of the log of {}", tenant(1))));
}
