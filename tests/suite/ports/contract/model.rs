//! Random programs of commits, beside a map in memory that does the same.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::*;

const CASES: u32 = 96;

#[derive(Clone, Debug)]
enum When {
    Always,
    Absent,
    Present,
    Current,
    Old,
}

#[derive(Clone, Debug)]
enum Change {
    Put { n: i64, ends_in_ms: Option<u64>, when: When },
    Delete(When),
    Check(When),
    Add { n: i64, max: Option<i64>, ends_in_ms: Option<u64> },
}

#[derive(Clone, Debug)]
enum Step {
    /// By number of the key.
    Commit(BTreeMap<usize, Change>),
    Wait(u64),
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        3 => Just(When::Always),
        1 => Just(When::Absent),
        2 => Just(When::Present),
        3 => Just(When::Current),
        1 => Just(When::Old),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let ends = || proptest::option::weighted(0.3, 1..20u64);
    prop_oneof![
        4 => (any::<i64>(), ends(), when()).prop_map(|(n, ends_in_ms, when)| Change::Put { n, ends_in_ms, when }),
        2 => when().prop_map(Change::Delete),
        1 => when().prop_map(Change::Check),
        4 => (-5..10i64, proptest::option::weighted(0.3, 0..20i64), ends())
            .prop_map(|(n, max, ends_in_ms)| Change::Add { n, max, ends_in_ms }),
    ]
}

fn program() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => proptest::collection::btree_map(0..6usize, change(), 1..4).prop_map(Step::Commit),
        1 => (1..10u64).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 1..20)
}

/// What the store should hold.
struct Model {
    keys: [Key; 6],
    records: BTreeMap<Key, Record>,
    old_versions: BTreeMap<Key, u64>,
}

impl Model {
    fn new(case: u64) -> Self {
        let key = |partition: &str, sort: &str| Key::new(format!("{partition}model{case}"), sort);
        let keys = [
            key("", "a"),
            key("", "b"),
            key("", "é"),
            key("x", "a"),
            key("counter#", "a"),
            key("counter#", "b"),
        ];
        Self { keys, records: BTreeMap::new(), old_versions: BTreeMap::new() }
    }

    fn live(&self, key: &Key, now: UnixMillis) -> Option<&Record> {
        self.records.get(key).filter(|record| record.expires_at.is_none_or(|end| end > now))
    }

    fn condition(&self, key: &Key, when: &When, now: UnixMillis) -> Condition {
        match when {
            When::Always => Condition::Always,
            When::Absent => Condition::Absent,
            When::Present => Condition::Present,
            When::Current => Condition::VersionIs(self.live(key, now).map_or(1, |record| record.version)),
            When::Old => Condition::VersionIs(self.old_versions.get(key).copied().unwrap_or(1)),
        }
    }

    fn write(&self, number: usize, change: &Change, now: UnixMillis) -> Write {
        let key = self.keys[number].clone();
        let end = |ends_in_ms: &Option<u64>| ends_in_ms.map(|ms| now.plus_ms(ms));
        match change {
            Change::Put { n, ends_in_ms, when } => {
                let condition = self.condition(&key, when, now);
                Write::Put {
                    key,
                    attributes: super::number(n % 1_000),
                    expires_at: end(ends_in_ms),
                    condition,
                }
            }
            Change::Delete(when) => delete(&key, self.condition(&key, when, now)),
            Change::Check(when) => Write::Check { condition: self.condition(&key, when, now), key },
            Change::Add { n, max, ends_in_ms } => {
                let only_if = max.map(|max| ("n".to_owned(), max));
                Write::Add { key, deltas: vec![("n".to_owned(), *n)], only_if, expires_at: end(ends_in_ms) }
            }
        }
    }

    fn holds(&self, write: &Write, now: UnixMillis) -> bool {
        let live = self.live(&write.key(), now);
        match write {
            Write::Put { condition, .. }
            | Write::Delete { condition, .. }
            | Write::Check { condition, .. } => match condition {
                Condition::Always => true,
                Condition::Absent => live.is_none(),
                Condition::Present => live.is_some(),
                Condition::VersionIs(version) => live.is_some_and(|live| live.version == *version),
            },
            Write::Add { deltas, only_if, .. } => {
                let sum = live.map_or(0, |live| live.attributes.int("n")) + deltas[0].1;
                only_if.as_ref().is_none_or(|(_, max)| sum <= *max)
            }
            Write::Emit(_) => true,
        }
    }

    fn apply(&mut self, write: &Write, version: u64, now: UnixMillis) {
        let key = write.key().into_owned();
        let live = self.live(&key, now).cloned();
        let (attributes, expires_at) = match write {
            Write::Put { attributes, expires_at, .. } => (attributes.clone(), *expires_at),
            Write::Add { deltas, expires_at, .. } => match &live {
                Some(live) => (super::number(live.attributes.int("n") + deltas[0].1), live.expires_at),
                None => (super::number(deltas[0].1), *expires_at),
            },
            Write::Delete { .. } => {
                self.records.remove(&key);
                return;
            }
            Write::Check { .. } | Write::Emit(_) => return,
        };
        if let Some(live) = live {
            self.old_versions.insert(key.clone(), live.version);
        }
        self.records.insert(key.clone(), Record { key, version, attributes, expires_at });
    }
}

async fn run(world: &World, program: &[Step], case: u64) -> Result<(), TestCaseError> {
    let mut model = Model::new(case);
    let check = |holds, what: String| if holds { Ok(()) } else { Err(TestCaseError::fail(what)) };
    for (number, step) in program.iter().enumerate() {
        match step {
            Step::Wait(ms) => world.clock.advance_ms(*ms),
            Step::Commit(changes) => {
                let id = world.id();
                let now = world.clock.now();
                let writes: Vec<_> =
                    changes.iter().map(|(number, change)| model.write(*number, change, now)).collect();
                let expected = writes.iter().position(|write| !model.holds(write, now));
                match (world.store.commit(id, &writes).await, expected) {
                    (Ok(version), None) => {
                        for write in &writes {
                            model.apply(write, version, now);
                        }
                    }
                    (Err(StoreError::Conflict { index }), Some(expected)) if index == expected => {}
                    (answer, expected) => {
                        let what = format!("step {number}: {writes:?} gave {answer:?}, not {expected:?}");
                        return Err(TestCaseError::fail(what));
                    }
                }
            }
        }
        let found = world.store.get_many(&model.keys).await.expect("the store answers");
        for (key, found) in model.keys.clone().iter().zip(found) {
            let expected = model.live(key, world.clock.now()).cloned();
            // An `Add` does not answer which version it gave.
            let version = |record: &Option<Record>| record.as_ref().map(|record| record.version);
            if let (Some(version), Some(record)) = (version(&found), model.records.get_mut(key)) {
                record.version = version;
            }
            let expected = expected.map(|record| Record { version: version(&found).unwrap_or(0), ..record });
            check(found == expected, format!("after step {number}: {found:?}, not {expected:?}"))?;
        }
    }
    for partition in model.keys.iter().map(|key| &key.partition) {
        let now = world.clock.now();
        let of_partition =
            |record: &&Record| record.key.partition == *partition && model.live(&record.key, now).is_some();
        let expected: Vec<_> = model.records.values().filter(of_partition).cloned().collect();
        for descending in [false, true] {
            let mut found = world.all(ListQuery { descending, limit: 2, ..ListQuery::all(partition) }).await;
            if descending {
                found.reverse();
            }
            check(found == expected, format!("`{partition}` lists {found:?}, not {expected:?}"))?;
        }
    }
    Ok(())
}

pub(in super::super) async fn random_programs_end_as_in_the_model(world: &World) {
    let cases = AtomicU64::new(0);
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let ran = runner.run(&program(), |program| {
        let case = cases.fetch_add(1, Ordering::SeqCst);
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(run(world, &program, case)))
    });
    ran.unwrap_or_else(|failure| panic!("{failure}"));
}
