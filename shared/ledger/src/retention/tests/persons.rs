//! Secrets of persons of whom nothing is left.

use scorpius_core::{Condition, Key, Write};

use super::*;
use crate::facts::{SubjectErased, SubjectForgotten};
use crate::log::put_beginning;
use crate::sequencer::Sequencer;
use crate::subjects::Subjects;

fn person(number: u64) -> String {
    format!("usr_{number:032x}")
}

/// A platform of one clock, and what should be so.
struct Town {
    kept: Kept,
    sealed: u64,
    /// By whom, of whom, and in which log.
    events: Vec<(Event, LogName)>,
}

impl Town {
    async fn new() -> Self {
        Self { kept: Kept::new().await, sealed: 0, events: Vec::new() }
    }

    fn sequencer(&self, log: &LogName) -> Sequencer {
        let world = &self.kept.world;
        let (blobs, clock): (Arc<dyn Blobs>, Arc<dyn Clock>) = (world.blobs.clone(), self.kept.clock.clone());
        let shared = Sequencer::new(world.store.clone(), blobs, world.keys.clone(), clock, origin());
        match log {
            LogName::Shared => shared,
            LogName::Own(tenant) => shared.of_tenant(tenant).expect("an origin"),
        }
    }

    /// `count` entries of these persons in turn.
    async fn seal(&mut self, log: &LogName, tenant: &TenantId, persons: &[u64], count: u64) {
        let events: Vec<_> = (0..count)
            .zip(persons.iter().cycle())
            .map(|(at, number)| Event { actor: person(*number), ..event_of(self.sealed + at, tenant) })
            .collect();
        self.sealed += count;
        for batch in events.chunks(97) {
            let id = format!("bat_{}", batch[0].id);
            self.sequencer(log).append(&id, batch).await.expect("appended");
        }
        self.events.extend(events.into_iter().map(|event| (event, log.clone())));
    }

    async fn step(&self) {
        self.kept.anchorer(Some(KEEP)).run().await.expect("a step");
    }

    fn payloads(&self) -> Payloads {
        let world = &self.kept.world;
        Payloads::new(world.store.clone(), world.keys.clone(), self.kept.clock.clone())
    }

    async fn subject(&self, tenant: &TenantId, number: u64) -> String {
        let key = self.payloads().tenant_keys.get(tenant).await.expect("an answer").expect("a key");
        key.subject_ref(tenant, &person(number))
    }

    async fn has_secret(&self, tenant: &TenantId, number: u64) -> bool {
        let subject = self.subject(tenant, number).await;
        let read = self.payloads().subjects.read(tenant, &subject).await.expect("an answer");
        read.is_some_and(|read| read.erased_at.is_none())
    }

    /// As an earlier version left the record: it says nothing of when the secret was used.
    async fn undate(&self, tenant: &TenantId, number: u64) -> Key {
        let key = Subjects::key(tenant, &self.subject(tenant, number).await);
        let store = &*self.kept.world.store;
        let record = store.get(&key).await.expect("an answer").expect("a record");
        let mut attributes = record.attributes;
        for day in ["shared_day", "own_day"] {
            attributes.0.remove(day);
        }
        let put =
            Write::Put { key: key.clone(), attributes, expires_at: None, condition: Condition::Present };
        store.commit(CommitId::new(&SystemClock), &[put]).await.expect("put");
        key
    }

    async fn erase(&self, tenant: &TenantId, number: u64) {
        let (store, clock): (_, Arc<dyn Clock>) = (self.kept.world.store.clone(), self.kept.clock.clone());
        let payloads = self.payloads();
        let erasure = Erasure { store: &store, clock: &clock, payloads: &payloads, backups_s: 0 };
        let actor = Actor::request("key_1", None);
        drop(erasure.erase(tenant, &person(number), &actor).await);
    }

    /// Whoever is told to be forgotten, in the order of their pseudonyms.
    async fn forgotten(&self) -> Vec<(Event, SubjectForgotten)> {
        let mut told = told::<SubjectForgotten>(&*self.kept.world.store).await;
        told.sort_by(|(_, one), (_, two)| one.subject.cmp(&two.subject));
        told
    }

    /// What is left can be read, unless somebody in it was erased. Answers who is in what is left.
    async fn check(&self) -> BTreeSet<(TenantId, String)> {
        let erased = told::<SubjectErased>(&*self.kept.world.store).await;
        let payloads = self.payloads();
        let mut left = BTreeSet::new();
        for (event, _) in &self.events {
            let tenant = &event.tenantid;
            let key = Key::new(Records::events_of(tenant), event.id.as_str());
            let Some(record) = self.kept.world.store.get(&key).await.expect("an answer") else { continue };
            let entry = Records::placed_in(&record).expect("ours").entry().expect("an entry");
            let is_erased = erased.iter().any(|(_, fact)| entry.subjects.contains(&fact.subject));
            let opened = payloads.of_record(tenant, &record).await.expect("an answer");
            assert_eq!(opened.is_none(), is_erased, "{}", event.id);
            left.extend(entry.subjects.into_iter().map(|subject| (tenant.clone(), subject)));
        }
        left
    }

    /// Persons 1 to 3 of tenant 1, of whom nothing is left after the next step but the secrets.
    async fn due(log: &LogName) -> Self {
        let mut town = Self::new().await;
        if let LogName::Own(whose) = log {
            let begun = [put_beginning(whose, 0)];
            town.kept.world.store.commit(CommitId::new(&SystemClock), &begun).await.expect("begun");
        }
        town.seal(log, &tenant(1), &[1, 2, 3], 100).await;
        town.step().await;
        for (days, count) in [(5, 120), (1, 30), (1, 50)] {
            town.kept.days(days);
            town.seal(log, &tenant(1), &[9], count).await;
            town.step().await;
        }
        town.kept.days(91);
        town.step().await;
        town.kept.days(7);
        town
    }
}

#[tokio::test]
async fn of_whom_nothing_is_left_the_secret_goes_and_of_nobody_else() {
    for log in testing::logs() {
        let town = Town::due(&log).await;
        for number in [1, 2, 3, 9] {
            assert!(town.has_secret(&tenant(1), number).await, "{number}");
        }
        town.step().await;
        assert_eq!(town.check().await, BTreeSet::from([(tenant(1), town.subject(&tenant(1), 9).await)]));
        for number in [1, 2, 3] {
            assert!(!town.has_secret(&tenant(1), number).await, "{number} in {log:?}");
        }
        assert!(town.has_secret(&tenant(1), 9).await);
        let told = town.forgotten().await;
        let mut subjects = Vec::new();
        for number in [1, 2, 3] {
            subjects.push(town.subject(&tenant(1), number).await);
        }
        subjects.sort();
        assert_eq!(told.iter().map(|(_, fact)| fact.subject.clone()).collect::<Vec<_>>(), subjects);
        for (event, fact) in &told {
            assert_eq!((&event.tenantid, event.sequence), (&tenant(1), 1));
            assert_eq!((&*fact.last_used, &fact.of_tenant), ("2026-11-21", &None));
        }
        // The next days change nothing.
        for _ in 0..3 {
            town.kept.days(1);
            town.step().await;
        }
        assert_eq!(town.forgotten().await.len(), 3);
    }
}

#[tokio::test]
async fn who_is_held_or_erased_or_comes_back_keeps_what_there_is() {
    let mut town = Town::due(&LogName::Shared).await;
    let whose = tenant(1);
    town.kept.hold(&whose, &person(1), true).await;
    town.erase(&whose, 2).await;
    town.seal(&LogName::Shared, &whose, &[3], 1).await;
    town.step().await;
    town.kept.days(1);
    town.step().await;
    assert_eq!(town.forgotten().await, []);
    assert!(town.has_secret(&whose, 1).await && town.has_secret(&whose, 3).await);
    town.check().await;
    // That somebody was erased is kept, so that nothing of them is ever sealed again.
    let erased = town.subject(&whose, 2).await;
    let read = town.payloads().subjects.read(&whose, &erased).await.expect("an answer").expect("a record");
    assert!(read.erased_at.is_some());

    // The hold kept the entries, too: both end now.
    town.kept.hold(&whose, &person(1), false).await;
    for days in [1, 8, 1] {
        town.kept.days(days);
        town.step().await;
    }
    assert!(!town.has_secret(&whose, 1).await && town.has_secret(&whose, 3).await);
    assert_eq!(town.forgotten().await.len(), 1);
    // Who comes back has another secret, and can go again.
    town.seal(&LogName::Shared, &whose, &[1], 1).await;
    assert!(town.has_secret(&whose, 1).await);
    town.check().await;
}

#[tokio::test]
async fn a_secret_of_which_nobody_knows_when_it_was_used_waits_as_long_as_one_of_today() {
    let town = Town::due(&LogName::Shared).await;
    let (whose, store) = (tenant(1), &*town.kept.world.store);
    let key = town.undate(&whose, 1).await;
    town.step().await;
    assert!(town.has_secret(&whose, 1).await && !town.has_secret(&whose, 2).await);
    let record = store.get(&key).await.expect("an answer").expect("a record");
    assert_eq!(record.attributes.int("shared_day"), (town.kept.clock.now().0 / DAY_MS) as i64);
}

/// The secret is used for one kind of log again, and nothing ever said that it was used for the other.
#[tokio::test]
async fn a_secret_of_before_days_were_written_down_stays_as_long_as_either_log_needs_it() {
    let whose = tenant(1);
    let own = LogName::Own(whose.clone());
    for (first, second) in [(LogName::Shared, own.clone()), (own, LogName::Shared)] {
        let mut town = Town::new().await;
        let begun = [put_beginning(&whose, 0)];
        town.kept.world.store.commit(CommitId::new(&SystemClock), &begun).await.expect("begun");
        // By the other person's hold this log stays as it is.
        town.seal(&first, &whose, &[1, 2], 300).await;
        town.undate(&whose, 1).await;
        town.kept.hold(&whose, &person(2), true).await;
        for (persons, days) in [(1, 0), (9, 5), (9, 1), (9, 1)] {
            town.kept.days(days);
            town.seal(&second, &whose, &[persons], 300).await;
            town.step().await;
        }
        for days in [91, 7, 1] {
            town.kept.days(days);
            town.step().await;
        }
        assert!(Minimum::of(&*town.kept.world.store, &second).await.expect("a record").deleted > 300);
        assert!(town.has_secret(&whose, 1).await, "{first:?}");
        town.check().await;
    }
}

#[tokio::test]
async fn the_operator_is_told_of_the_persons_of_a_tenant_that_is_gone() {
    let town = Town::due(&LogName::Shared).await;
    let whose = tenant(1);
    let destroyed = Write::Delete { key: crate::keys::place(&whose), condition: Condition::Present };
    town.kept.world.store.commit(CommitId::new(&SystemClock), &[destroyed]).await.expect("deleted");
    town.step().await;
    let told = town.forgotten().await;
    assert_eq!(told.len(), 3);
    for (event, fact) in told {
        assert_eq!((event.tenantid, fact.of_tenant.as_deref()), (tenant(9), Some(whose.as_str())));
    }
}

#[tokio::test]
async fn a_run_that_dies_anywhere_is_finished_by_the_next_and_tells_of_each_once() {
    let script = Script::new(Trouble::Fails, u64::MAX);
    Town::due(&LogName::Shared).await.kept.troubled(&script).run().await.expect("a step");
    let log = script.log();
    // What comes before is retention's, and tried there.
    let first = log.iter().position(|call| call == "get ledger#forgetting").expect("a pass") as u64;
    for trouble in Trouble::DEADLY {
        for at in first..=log.len() as u64 {
            let town = Town::due(&LogName::Shared).await;
            let script = Script::new(trouble, at);
            drop(town.kept.troubled(&script).run().await);
            assert!(script.was_reached(), "{trouble:?} at {at} was not reached");
            town.check().await;
            town.step().await;
            town.kept.days(1);
            town.step().await;
            assert_eq!(town.forgotten().await.len(), 3, "{trouble:?} at {at}");
            for number in [1, 2, 3] {
                assert!(!town.has_secret(&tenant(1), number).await, "{trouble:?} at {at}");
            }
            assert!(town.has_secret(&tenant(1), 9).await);
            town.check().await;
        }
    }
}

#[tokio::test]
async fn what_comes_before_any_commit_of_a_run_finds_its_secret_or_makes_another() {
    let script = Script::new(Trouble::Fails, u64::MAX);
    Town::due(&LogName::Shared).await.kept.troubled(&script).run().await.expect("a step");
    let log = script.log();
    let first = log.iter().position(|call| call == "get ledger#forgetting").expect("a pass") as u64;
    for is_held in [false, true] {
        for at in first..=log.len() as u64 {
            let town = Arc::new(tokio::sync::Mutex::new(Town::due(&LogName::Shared).await));
            let (store, clock) = {
                let town = town.lock().await;
                (town.kept.world.clone(), town.kept.clock.clone())
            };
            let meanwhile = Arc::clone(&town);
            let script = Script::sleeping(at, async move {
                let mut town = meanwhile.lock().await;
                match is_held {
                    true if town.has_secret(&tenant(1), 1).await => {
                        town.kept.hold(&tenant(1), &person(1), true).await;
                    }
                    true => {}
                    false => town.seal(&LogName::Shared, &tenant(1), &[1], 1).await,
                }
            });
            let anchors = town.lock().await.kept.anchors.clone();
            let (ports, keys) = store.troubled_ports(&script);
            let (blobs, anchors) = (script.blobs(store.blobs.clone()), script.blobs(anchors));
            let anchorer = Anchorer::new((ports, blobs, anchors), keys, clock, origin()).keeping(Some(KEEP));
            anchorer.run().await.expect("a step");
            assert!(script.was_reached());
            let town = town.lock().await;
            town.check().await;
            let subject = town.subject(&tenant(1), 1).await;
            let is_forgotten = town.forgotten().await.iter().any(|(_, fact)| fact.subject == subject);
            match is_held {
                // Either it was gone before the hold, which then was none, or it stays.
                true => assert_ne!(town.has_secret(&tenant(1), 1).await, is_forgotten, "at {at}"),
                false => assert!(town.has_secret(&tenant(1), 1).await, "at {at}"),
            }
            // Nobody else waits for that.
            for number in [2, 3] {
                town.kept.days(1);
                town.step().await;
                assert!(!town.has_secret(&tenant(1), number).await, "at {at}");
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Happens {
    Entries { own: bool, persons: Vec<u64>, count: u64 },
    Days(u64),
    Hold(u64, bool),
    Erase(u64),
    Step,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (any::<bool>(), prop::collection::vec(1_u64..6, 1..4), 1_u64..200)
            .prop_map(|(own, persons, count)| Happens::Entries { own, persons, count }),
        4 => (1_u64..60).prop_map(Happens::Days),
        1 => (1_u64..6, any::<bool>()).prop_map(|(number, placed)| Happens::Hold(number, placed)),
        1 => (1_u64..6).prop_map(Happens::Erase),
        6 => Just(Happens::Step),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_what_is_left_can_be_read_and_who_is_not_in_it_is_forgotten_in_the_end(
        program in prop::collection::vec(happens(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (mut town, whose) = (Town::new().await, tenant(1));
            let own = LogName::Own(whose.clone());
            let begun = [put_beginning(&whose, 0)];
            town.kept.world.store.commit(CommitId::new(&SystemClock), &begun).await.expect("begun");
            let (mut held, mut erased) = (BTreeSet::new(), BTreeSet::new());
            for happens in program {
                match happens {
                    Happens::Entries { own: is_own, persons, count } => {
                        let log = if is_own { own.clone() } else { LogName::Shared };
                        town.seal(&log, &whose, &persons, count).await;
                    }
                    Happens::Days(days) => town.kept.days(days),
                    Happens::Hold(number, placed) => {
                        let is_known = town.sealed > 0 && town.has_secret(&whose, number).await;
                        if is_known && !erased.contains(&number) && placed != held.contains(&number) {
                            town.kept.hold(&whose, &person(number), placed).await;
                            if placed { held.insert(number) } else { held.remove(&number) };
                        }
                    }
                    Happens::Erase(number) => {
                        let is_known = town.sealed > 0 && town.has_secret(&whose, number).await;
                        if is_known && !held.contains(&number) {
                            town.erase(&whose, number).await;
                            erased.insert(number);
                        }
                    }
                    Happens::Step => town.step().await,
                }
                town.check().await;
                for number in &held {
                    assert!(town.has_secret(&whose, *number).await, "{number} is held");
                }
            }
            for number in &held {
                town.kept.hold(&whose, &person(*number), false).await;
            }
            // Both logs go on, by somebody else, until all of this is past.
            for _ in 0..8 {
                for log in [&LogName::Shared, &own] {
                    town.seal(log, &whose, &[99], 150).await;
                }
                for _ in 0..2 {
                    town.step().await;
                    town.kept.days(20);
                }
            }
            for _ in 0..8 {
                town.step().await;
                town.kept.days(20);
            }
            let left = town.check().await;
            for number in 1..6 {
                let subject = town.subject(&whose, number).await;
                let is_left = left.contains(&(whose.clone(), subject));
                let keeps = town.has_secret(&whose, number).await;
                assert!(!keeps || is_left, "{number} is kept for nothing");
            }
        });
    }
}
