//! What ends, what stays, and what a hold or a crash changes.

mod held;
mod own;
mod persons;

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use scorpius_core::{
    Actor, Blobs, Clock, CommitId, Event, ListQuery, ManualClock, SystemClock, TenantId, operator,
};
use scorpius_edge::{Response, Role};
use serde_json::json;
use tlog_tiles::check_tree;

use super::*;
use crate::Checkpoint;
use crate::anchor::{Anchored, Anchorer};
use crate::api;
use crate::audit::{Against, AuditError, LogAudit, walk_log};
use crate::erasure::Erasure;
use crate::facts::RetentionAdvanced;
use crate::files::{BlobFiles, MINIMUM_FILE};
use crate::holds::Held;
use crate::log::LogName;
use crate::payloads::Payloads;
use crate::policy::Policy;
use crate::proofs::Proofs;
use crate::read::prove_between;
use crate::records::{Records, root_of};
use crate::testing::{
    self, MemoryBlobs, NOW, PERSON, Script, Trouble, World, body, event_of, origin, published, tenant, told,
};

const KEEP: KeepDays = KeepDays(90);

/// A platform whose clock the test turns.
struct Kept {
    world: World,
    anchors: Arc<MemoryBlobs>,
    clock: Arc<ManualClock>,
    events: Vec<Event>,
}

fn kept_event(number: u64) -> Event {
    // Each in some hundred is of somebody else.
    let actor = if number == 300 { "usr_00000000000000000000000000000300" } else { PERSON };
    Event { actor: actor.to_owned(), ..event_of(number, &tenant(1 + number % 2)) }
}

impl Kept {
    async fn new() -> Self {
        let world = World::new();
        let id = CommitId::new(&SystemClock);
        world.store.commit(id, &[operator::made(&tenant(9))]).await.expect("a first tenant");
        let clock = Arc::new(ManualClock::at(NOW));
        Self { world, anchors: Arc::default(), clock, events: Vec::new() }
    }

    /// `sizes` entries, each of them anchored a day after the one before.
    async fn of(sizes: &[u64]) -> Self {
        let mut kept = Self::new().await;
        for size in sizes {
            kept.grow(*size).await;
            assert!(matches!(kept.anchorer(None).run().await.expect("anchored"), Anchored::Put { .. }));
            kept.days(1);
        }
        kept
    }

    async fn grow(&mut self, size: u64) {
        let first = self.events.len() as u64;
        let events: Vec<_> = (first..size).map(kept_event).collect();
        let sequencer = self.world.sequencer();
        for (at, batch) in events.chunks(97).enumerate() {
            sequencer.append(&format!("bat_{first}_{at}"), batch).await.expect("appended");
        }
        self.events.extend(events);
    }

    fn days(&self, days: u64) {
        self.clock.advance_ms(days * DAY_MS);
    }

    fn anchorer(&self, keep: Option<KeepDays>) -> Anchorer {
        let (blobs, anchors): (Arc<dyn Blobs>, Arc<dyn Blobs>) =
            (self.world.blobs.clone(), self.anchors.clone());
        let ports = (self.world.store.clone(), blobs, anchors);
        Anchorer::new(ports, self.world.keys.clone(), self.clock.clone(), origin()).keeping(keep)
    }

    /// The same, with trouble ahead.
    fn troubled(&self, script: &Arc<Script>) -> Anchorer {
        let (store, keys) = self.world.troubled_ports(script);
        let (blobs, anchors) = (script.blobs(self.world.blobs.clone()), script.blobs(self.anchors.clone()));
        Anchorer::new((store, blobs, anchors), keys, self.clock.clone(), origin()).keeping(Some(KEEP))
    }

    async fn step(&self) -> Minimum {
        self.anchorer(Some(KEEP)).run().await.expect("a step");
        self.minimum().await
    }

    async fn minimum(&self) -> Minimum {
        Minimum::of(&*self.world.store, &LogName::Shared).await.expect("a record")
    }

    /// Past the policy, the announcement and the notice: what is old enough is gone.
    async fn end(&self) -> Minimum {
        self.days(91);
        self.step().await;
        self.days(7);
        self.step().await
    }

    async fn hold(&self, tenant: &TenantId, person: &str, placed: bool) {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let store = self.world.store.clone();
        let payloads = Payloads::new(store.clone(), self.world.keys.clone(), clock.clone());
        let erasure = Erasure { store: &store, clock: &clock, payloads: &payloads, backups_s: 0 };
        let actor =
            Actor { name: "key_1".to_owned(), strength: None, network: None, traceparent: None, hops: 0 };
        match placed {
            true => drop(
                erasure
                    .hold(tenant, &Held::Person(person.to_owned()), "Case 12", &actor)
                    .await
                    .expect("held"),
            ),
            false => {
                erasure.lift(tenant, &Held::Person(person.to_owned()), None, &actor).await.expect("lifted")
            }
        }
    }

    async fn told(&self) -> Vec<(u64, u64)> {
        let mut told = told::<RetentionAdvanced>(&*self.world.store).await;
        assert!(told.iter().all(|(event, _)| event.tenantid == tenant(9)));
        told.sort_by_key(|(event, _)| event.sequence);
        let sequences: Vec<_> = told.iter().map(|(event, _)| event.sequence).collect();
        assert_eq!(sequences, (1..=told.len() as u64).collect::<Vec<_>>());
        told.into_iter().map(|(_, fact)| (fact.from, fact.to)).collect()
    }

    async fn records(&self) -> BTreeSet<u64> {
        let mut indexes = BTreeSet::new();
        for number in [1, 2] {
            let mut query = ListQuery::all(Records::events_of(&tenant(number)));
            loop {
                let page = self.world.store.list(&query).await.expect("a page");
                let placed =
                    page.records.iter().map(|record| Records::placed_in(record).expect("ours").index);
                indexes.extend(placed);
                match page.cursor {
                    Some(cursor) => query.cursor = Some(cursor),
                    None => break,
                }
            }
        }
        indexes
    }

    async fn audit(&self) -> Result<LogAudit, AuditError> {
        let key = self.world.trusted().await;
        let policy = Policy::of_logs(&key);
        let mut kept = Vec::new();
        for (name, bytes) in self.anchors.now.lock().expect("unpoisoned").iter() {
            if name.as_str().starts_with("own/") {
                continue;
            }
            assert!(name.as_str().starts_with("anchor-"));
            let anchor = crate::anchor::Anchor::parse(bytes).expect("an anchor");
            kept.push(Checkpoint::open(anchor.checkpoint.as_bytes(), &key).expect("a checkpoint"));
        }
        let against = Against { policy: &policy, kept: &kept };
        walk_log(&BlobFiles::shared(&*self.world.blobs), &against, &mut |_| Ok(())).await
    }

    /// Every entry that is kept is proved, what is below is not, and the log continues every anchor.
    async fn check(&self, minimum: u64) {
        let proofs = Proofs { store: self.world.store.clone(), blobs: self.world.blobs.clone() };
        for (index, event) in (0..).zip(&self.events) {
            let proof = proofs.of_event(&event.tenantid, &event.id).await.expect("an answer");
            let gone = proofs.gone(&event.tenantid, &event.id).await.expect("an answer");
            match index < minimum {
                true => assert_eq!((proof, gone), (None, Some(minimum)), "{index}"),
                // Making a proof checks it against the checkpoint's root.
                false => assert_eq!((proof.expect("a proof").index, gone), (index, None)),
            }
        }
        let audit = self.audit().await.expect("a log that is whole");
        assert_eq!((audit.minimum, audit.checkpoint.size), (minimum, self.events.len() as u64));
    }

    async fn ask(&self, operation: &'static str, tile: Option<&str>, ids: &[&str]) -> Response {
        let clock = self.clock.clone();
        let world = &self.world;
        let app = api::App::new(world.store.clone(), world.blobs.clone(), world.keys.clone(), clock);
        let mut asked = testing::request(operation, &tenant(1), Role::Admin);
        if let Some(tile) = tile {
            asked.parameters.insert("path".to_owned(), tile.to_owned());
        }
        if let Some(id) = ids.first() {
            asked.parameters.insert("id".to_owned(), (*id).to_owned());
        }
        asked.body = json!({"event_ids": ids}).to_string().into();
        api::handle(&app, asked).await
    }

    fn tiles(&self) -> Vec<String> {
        self.world.blobs.names("ledger/tile/entries/00")
    }
}

#[test]
fn days_are_enough_for_nothing_to_enter_twice() {
    for text in ["", "0", "89", "-1", "1e3", "36501", "90 "] {
        assert_eq!(text.parse::<KeepDays>(), Err(NotKeepDays), "{text}");
    }
    assert_eq!("90".parse(), Ok(KEEP));
    assert_eq!(KEEP.to_string(), "90");
    assert_eq!(KEEP.ends_at(NOW), UnixMillis(NOW.0 - 90 * DAY_MS));
    assert_eq!((whole(255), whole(256), whole(700)), (0, 256, 512));
}

#[tokio::test]
async fn what_is_old_enough_is_announced_then_denied_and_deleted_in_whole_tiles() {
    let kept = Kept::of(&[600, 700]).await;
    assert_eq!(kept.step().await, Minimum::default(), "nothing is old");
    // The first anchor is past ninety days, the second is not.
    kept.days(88);
    let announced = kept.step().await;
    let next = announced.announced.expect("announced");
    assert_eq!((announced.index, next.index), (0, 512));
    assert_eq!(next.effective_ms, kept.clock.now().0 + NOTICE_MS);
    assert_eq!(next.until_ms, NOW.0);
    assert_eq!(kept.told().await, [(0, 512)]);
    kept.check(0).await;
    // Not a moment before.
    kept.clock.advance_ms(NOTICE_MS - 1);
    assert_eq!(kept.step().await.index, 0);
    kept.clock.advance_ms(1);
    let minimum = kept.step().await;
    assert_eq!((minimum.index, minimum.deleted, minimum.announced), (512, 512, None));
    assert_eq!(kept.told().await, [(0, 512)]);
    assert_eq!(kept.records().await, (512..700).collect());
    assert!(
        kept.tiles().iter().all(|name| name.starts_with("ledger/tile/entries/002")),
        "{:?}",
        kept.tiles()
    );
    kept.check(512).await;
    // Asked again, nothing happens, and the log goes on.
    assert_eq!(kept.step().await.told, 1);
    let mut kept = kept;
    kept.grow(800).await;
    kept.check(512).await;
}

#[tokio::test]
async fn without_a_policy_all_is_kept_and_nothing_announced_takes_effect() {
    let kept = Kept::of(&[300]).await;
    kept.days(1_000);
    kept.anchorer(None).run().await.expect("anchored");
    assert_eq!(kept.minimum().await, Minimum::default());
    assert!(kept.step().await.announced.is_some());
    kept.days(30);
    kept.anchorer(None).run().await.expect("anchored");
    assert_eq!(kept.minimum().await.index, 0);
    // With a longer one, what was announced is called off.
    kept.anchorer(Some(KeepDays(2_000))).run().await.expect("a step");
    assert_eq!((kept.minimum().await.index, kept.minimum().await.announced), (0, None));
    assert_eq!(kept.told().await, [(0, 256), (0, 0)]);
    kept.check(0).await;
}

#[tokio::test]
async fn the_doors_say_what_is_gone_and_from_where_on_all_is_there() {
    let kept = Kept::of(&[600]).await;
    let (old, young) = (kept.events[4].id.clone(), kept.events[598].id.clone());
    for tile in ["entries/000", "entries/001"] {
        assert_eq!(kept.ask("getLogTile", Some(tile), &[]).await.status.as_u16(), 200);
    }
    kept.end().await;
    for (operation, ids) in [("getEventProof", vec![&*old]), ("makeBundle", vec![&*young, &*old])] {
        let answer = kept.ask(operation, None, &ids).await;
        assert_eq!((answer.status.as_u16(), &body(&answer)["code"]), (410, &json!("no-longer-kept")));
        assert!(body(&answer)["detail"].as_str().expect("why").contains("512"), "{:?}", body(&answer));
        assert_eq!(kept.ask(operation, None, &[&young]).await.status.as_u16(), 200);
    }
    for tile in ["entries/000", "entries/001", "entries/001.p/38"] {
        assert_eq!(kept.ask("getLogTile", Some(tile), &[]).await.status.as_u16(), 410, "{tile}");
    }
    for tile in ["0/000", "0/001", "entries/002.p/88"] {
        assert_eq!(kept.ask("getLogTile", Some(tile), &[]).await.status.as_u16(), 200, "{tile}");
    }
    // A file that claims what cannot be, and one that claims less than is gone.
    for (said, found) in [("500\n", "minimum"), ("1024\n", "minimum"), ("", "minimum"), ("256\n", "missing")]
    {
        kept.world
            .blobs
            .put(&LogName::Shared.blob(MINIMUM_FILE).expect("a name"), said.into())
            .await
            .expect("put");
        let refused = kept.audit().await.expect_err("not whole");
        assert_eq!(matches!(refused, AuditError::Minimum), found == "minimum", "{said}");
    }
    // The next hour puts it right.
    kept.step().await;
    kept.check(512).await;
}

#[tokio::test]
async fn a_hold_that_comes_between_announcement_and_effect_stops_it() {
    let kept = Kept::of(&[700]).await;
    kept.days(91);
    assert_eq!(kept.step().await.announced.map(|it| it.index), Some(512));
    let person = &kept.events[300].actor;
    kept.hold(&tenant(1), person, true).await;
    kept.days(8);
    let minimum = kept.step().await;
    assert_eq!((minimum.index, minimum.deleted), (256, 256), "the tile of the entry that is held stays");
    assert_eq!(kept.told().await, [(0, 512), (0, 256)]);
    kept.check(256).await;
    kept.days(30);
    assert_eq!(kept.step().await.announced, None, "nothing more is announced past it");
    kept.hold(&tenant(1), person, false).await;
    assert_eq!(kept.step().await.announced.map(|it| it.index), Some(512));
    kept.days(7);
    assert_eq!(kept.step().await.deleted, 512);
    kept.check(512).await;
}

#[tokio::test]
async fn a_hold_on_the_first_entry_calls_all_of_it_off() {
    let kept = Kept::of(&[600]).await;
    kept.days(91);
    kept.step().await;
    kept.hold(&tenant(2), PERSON, true).await;
    kept.days(7);
    assert_eq!((kept.step().await.index, kept.told().await), (0, vec![(0, 512), (0, 0)]));
    kept.check(0).await;
    assert_eq!(kept.records().await.len(), 600);
}

/// The calls of a step that are tried: of several alike in a row the first and the last.
fn tried(log: &[String]) -> Vec<u64> {
    let differs = |at: usize, other: Option<usize>| other.and_then(|other| log.get(other)) != log.get(at);
    (0..log.len())
        .filter(|at| differs(*at, at.checked_sub(1)) || differs(*at, Some(at + 1)))
        .map(|at| at as u64 + 1)
        .collect()
}

/// A log that waits for its announcement, its effect, or for being deleted.
async fn before(stage: usize) -> Kept {
    let kept = Kept::of(&[300]).await;
    kept.days(91);
    if stage > 0 {
        kept.step().await;
        kept.days(7);
    }
    kept
}

#[tokio::test]
async fn a_step_that_dies_anywhere_is_finished_by_the_next() {
    let mut reached = BTreeSet::new();
    for stage in [0, 1] {
        let script = Script::new(Trouble::Fails, u64::MAX);
        before(stage).await.troubled(&script).run().await.expect("a step");
        let log = script.log();
        for trouble in Trouble::DEADLY {
            for at in tried(&log) {
                let kept = before(stage).await;
                let script = Script::new(trouble, at);
                drop(kept.troubled(&script).run().await);
                assert!(script.was_reached(), "{trouble:?} at {at} was not reached");
                reached.extend(usize::try_from(at).ok().and_then(|at| script.log().get(at - 1).cloned()));
                let index = kept.minimum().await.index;
                if index == 0 {
                    kept.check(0).await;
                    assert_eq!(
                        kept.records().await.len(),
                        300,
                        "{trouble:?} at {at}: deleted before it was denied"
                    );
                }
                kept.days(7);
                kept.step().await;
                kept.days(7);
                let minimum = kept.step().await;
                assert_eq!((minimum.index, minimum.deleted), (256, 256), "{trouble:?} at {at}");
                assert_eq!(kept.told().await, [(0, 256)]);
                assert_eq!(kept.records().await, (256..300).collect());
                assert!(kept.tiles().iter().all(|name| name.starts_with("ledger/tile/entries/001")));
                kept.check(256).await;
            }
        }
    }
    for call in ["commit", "put ledger/minimum", "get_range ledger/tile", "delete ledger/tile", "list"] {
        assert!(reached.contains(call), "no step died at `{call}`: {reached:?}");
    }
}

#[tokio::test]
async fn a_hold_that_comes_before_any_commit_of_a_step_is_heeded() {
    for stage in [0, 1] {
        let script = Script::new(Trouble::Fails, u64::MAX);
        before(stage).await.troubled(&script).run().await.expect("a step");
        for (at, call) in (1..).zip(script.log()) {
            if call != "commit" {
                continue;
            }
            let kept = Arc::new(before(stage).await);
            let held = Arc::clone(&kept);
            let script = Script::sleeping(at, async move { held.hold(&tenant(1), PERSON, true).await });
            let before = kept.records().await;
            kept.troubled(&script).run().await.expect("a step");
            assert!(script.was_reached());
            // What was deleted by then is gone; from then on nothing more is.
            let after = kept.records().await;
            assert!(after.len() == before.len() || at > 1, "stage {stage} at {at}");
            for _ in 0..3 {
                kept.days(7);
                kept.step().await;
            }
            let later: Vec<_> = kept.records().await.into_iter().filter(|index| *index < 256).collect();
            let left: Vec<_> = after.into_iter().filter(|index| *index < 256).collect();
            let lowest = left.iter().find(|index| *index % 2 == 0);
            assert_eq!(
                later.is_empty(),
                lowest.is_none(),
                "stage {stage} at {at}: held entries were deleted"
            );
            if let Some(lowest) = lowest {
                assert!(later.contains(lowest));
                assert!(
                    later.iter().filter(|index| *index % 2 == 0).count()
                        == left.iter().filter(|index| *index % 2 == 0).count()
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn whatever_is_gone_what_is_kept_is_proved_and_every_two_anchors_agree(
        steps in prop::collection::vec(1_u64..400, 1..5), old in 0_usize..5,
    ) {
        let sizes: Vec<u64> = steps.iter().scan(0, |size, step| { *size += step; Some(*size) }).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let kept = Kept::of(&sizes).await;
            // So that `old` of the anchors are past ninety days: each was put a day after the one before.
            let old = old.min(sizes.len());
            kept.clock.advance_ms((90 + old as u64) * DAY_MS - sizes.len() as u64 * DAY_MS - DAY_MS);
            let announced = kept.step().await;
            let expected = old.checked_sub(1).map_or(0, |last| whole(sizes[last]));
            assert_eq!(announced.announced.map_or(0, |it| it.index), expected);
            kept.days(7);
            let minimum = kept.step().await;
            assert_eq!((minimum.index, minimum.deleted), (expected, expected));
            kept.check(expected).await;
            let published = published(&kept.world).await.expect("published");
            let (size, root) = (published.size, root_of(&published.root).expect("a root"));
            let files = BlobFiles::shared(&*kept.world.blobs);
            for (at, from) in sizes.iter().enumerate() {
                for to in &sizes[at..] {
                    let found = prove_between(&files, (*from, *to), (size, &root)).await.expect("a proof");
                    if from != to {
                        check_tree(&found.proof, *to, found.to_root, *from, found.from_root).expect("consistent");
                    }
                }
            }
        });
    }
}
