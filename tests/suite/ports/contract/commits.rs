//! What a commit changes, and when it changes nothing.

use std::collections::BTreeSet;

use scorpius_core::store::{COMMIT_BYTES_MAX, KEY_BYTES_MAX, PAGE_MAX, RECORD_BYTES_MAX};
use scorpius_core::{Actor, Chained, Event, Fact, Link, PortError, TenantId};
use serde::Serialize;

use super::*;

#[derive(Debug, Serialize, schemars::JsonSchema)]
struct Tested {
    note: String,
}

impl Fact for Tested {
    const TYPE: &'static str = "scorpius.test.tested.v1";
    const MEANING: &'static str = "A test says so.";
}

fn event(world: &World, note: &str, aggregate: &str) -> Event {
    let fact = Tested { note: note.to_owned() };
    let tenant = TenantId::new(&*world.clock);
    Event::of(&fact, aggregate, 1, &tenant, &Actor::request("usr_1", None), &*world.clock)
}

pub(in super::super) async fn a_commit_takes_a_hundred_writes_and_not_one_more(world: &World) {
    let keys: Vec<_> = (0..101).map(|n| Key::new("hundred", format!("{n:03}"))).collect();
    let mut writes: Vec<_> = keys.iter().map(|key| put(key, 1, Condition::Absent)).collect();
    let refused = world.commit(&writes).await;
    assert!(matches!(refused, Err(StoreError::Limit { max: 100, asked: 101, .. })), "{refused:?}");
    assert_eq!(world.all(ListQuery::all("hundred")).await, []);
    writes.truncate(99);
    writes.push(Write::emit(event(world, "hundredth", "agg")));
    let version = world.must(writes).await;
    let records = world.all(ListQuery::all("hundred")).await;
    assert_eq!(records.len(), 99);
    assert!(records.iter().all(|record| record.version == version && record.attributes.int("n") == 1));
}

pub(in super::super) async fn every_limit_is_kept(world: &World) {
    let heavy = |sort: &str, bytes| Write::Put {
        key: Key::new("limits", sort),
        attributes: Attributes::new().with("b", Value::Bytes(vec![7; bytes])),
        expires_at: None,
        condition: Condition::Always,
    };
    let bytes_max = RECORD_BYTES_MAX - "limits".len() - "a".len() - "b".len();
    world.must(vec![heavy("a", bytes_max)]).await;
    let long = "k".repeat(KEY_BYTES_MAX);
    world.must(vec![put(&Key::new(long.clone(), long.clone()), 1, Condition::Absent)]).await;
    assert!(world.get(&Key::new(long.clone(), long.clone())).await.is_some());

    let longer = "k".repeat(KEY_BYTES_MAX + 1);
    let too_heavy: Vec<_> = (0..12).map(|n| heavy(&format!("h{n}"), COMMIT_BYTES_MAX / 12)).collect();
    let refused = [
        world.commit(&[heavy("b", bytes_max + 1)]).await,
        world.commit(&too_heavy).await,
        world.commit(&[put(&Key::new("", "a"), 1, Condition::Always)]).await,
        world.commit(&[put(&Key::new("limits", ""), 1, Condition::Always)]).await,
        world.commit(&[put(&Key::new("limits", longer.clone()), 1, Condition::Always)]).await,
        world.commit(&[delete(&Key::new(longer.clone(), "a"), Condition::Always)]).await,
        world.commit(&[Write::emit(event(world, &"x".repeat(33_000), "agg"))]).await,
    ];
    for (number, refused) in refused.iter().enumerate() {
        assert!(matches!(refused, Err(StoreError::Limit { .. })), "{number}: {refused:?}");
    }
    let limit = |result: Result<(), StoreError>| {
        assert!(matches!(result, Err(StoreError::Limit { .. })), "{result:?}")
    };
    limit(world.store.get(&Key::new("limits", longer.clone())).await.map(drop));
    limit(world.store.get_many(&vec![Key::new("limits", "a"); PAGE_MAX + 1]).await.map(drop));
    limit(world.store.list(&ListQuery { limit: 0, ..ListQuery::all("limits") }).await.map(drop));
    limit(world.store.list(&ListQuery { limit: PAGE_MAX + 1, ..ListQuery::all("limits") }).await.map(drop));
    limit(world.store.list(&ListQuery::all("")).await.map(drop));
    limit(world.store.add(&Key::new("limits", ""), &[("n", 1)], None, None).await.map(drop));
    assert_eq!(world.all(ListQuery::all("limits")).await.len(), 1);
}

pub(in super::super) async fn a_key_is_written_once_in_a_commit(world: &World) {
    let (a, b) = (Key::new("once", "a"), Key::new("once", "b"));
    let refused = world
        .commit(&[
            put(&a, 1, Condition::Always),
            put(&b, 1, Condition::Always),
            delete(&a, Condition::Always),
        ])
        .await;
    assert!(matches!(refused, Err(StoreError::SameKeyTwice { first: 0, second: 2 })), "{refused:?}");
    assert_eq!(world.all(ListQuery::all("once")).await, []);
}

pub(in super::super) async fn a_false_condition_names_its_write_and_nothing_is_changed(world: &World) {
    let key = |n: usize| Key::new("conflict", format!("{n}"));
    for n in 0..4 {
        world.must(vec![put(&key(n), 0, Condition::Always)]).await;
    }
    let before = world.all(ListQuery::all("conflict")).await;
    for wrong in 0..5 {
        let mut writes = vec![
            put(&key(0), 1, Condition::Present),
            delete(&key(1), Condition::Present),
            add(&key(2), 1, Some(1)),
            Write::Check { key: key(3), condition: Condition::Present },
            put(&key(4), 1, Condition::Absent),
            Write::emit(event(world, "never", "conflict")),
        ];
        writes[wrong] = match wrong {
            0 => put(&key(0), 1, Condition::VersionIs(before[0].version + 1)),
            1 => delete(&key(1), Condition::Absent),
            2 => add(&key(2), 2, Some(1)),
            3 => Write::Check { key: key(3), condition: Condition::Absent },
            _ => put(&key(4), 1, Condition::Present),
        };
        let refused = world.commit(&writes).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict { index }) if index == wrong),
            "{wrong}: {refused:?}"
        );
        assert_eq!(world.all(ListQuery::all("conflict")).await, before);
    }
}

pub(in super::super) async fn conditions_are_judged_against_what_is_there(world: &World) {
    let key = Key::new("conditions", "a");
    let conflict = |result: Result<u64, StoreError>| {
        assert!(matches!(result, Err(StoreError::Conflict { index: 0 })), "{result:?}");
    };
    conflict(world.commit(&[put(&key, 1, Condition::Present)]).await);
    conflict(world.commit(&[put(&key, 1, Condition::VersionIs(0))]).await);
    conflict(world.commit(&[delete(&key, Condition::Present)]).await);
    world.must(vec![delete(&key, Condition::Always)]).await;
    world.must(vec![delete(&key, Condition::Absent)]).await;
    assert_eq!(world.get(&key).await, None);
    let first = world.must(vec![put(&key, 1, Condition::Absent)]).await;
    conflict(world.commit(&[put(&key, 2, Condition::Absent)]).await);
    let second = world.must(vec![put(&key, 2, Condition::VersionIs(first))]).await;
    conflict(world.commit(&[put(&key, 3, Condition::VersionIs(first))]).await);
    conflict(world.commit(&[delete(&key, Condition::VersionIs(first))]).await);
    world.must(vec![delete(&key, Condition::VersionIs(second))]).await;
    assert_eq!(world.get(&key).await, None);
    conflict(world.commit(&[put(&key, 4, Condition::VersionIs(second))]).await);
    world.must(vec![put(&key, 4, Condition::Always)]).await;
    world.must(vec![put(&key, 5, Condition::Present)]).await;
    assert_eq!(world.get(&key).await.map(|record| record.attributes), Some(number(5)));
}

pub(in super::super) async fn a_check_guards_without_changing(world: &World) {
    let (guard, other) = (Key::new("check", "guard"), Key::new("check", "other"));
    let version = world.must(vec![put(&guard, 1, Condition::Always)]).await;
    let check = |condition| Write::Check { key: guard.clone(), condition };
    world.must(vec![check(Condition::VersionIs(version)), put(&other, 1, Condition::Always)]).await;
    let after = world.get(&guard).await.expect("it is there");
    assert_eq!((after.version, after.attributes), (version, number(1)));
    world.must(vec![put(&guard, 2, Condition::Always)]).await;
    let refused =
        world.commit(&[check(Condition::VersionIs(version)), put(&other, 2, Condition::Always)]).await;
    assert!(matches!(refused, Err(StoreError::Conflict { index: 0 })), "{refused:?}");
    assert_eq!(world.get(&other).await.map(|record| record.attributes), Some(number(1)));
}

pub(in super::super) async fn a_put_is_read_back_with_the_version_that_was_answered(world: &World) {
    let (a, b) = (Key::new("answered", "a"), Key::new("answered/2", "b"));
    for n in 0..5 {
        let version = world.must(vec![put(&a, n, Condition::Always), put(&b, n, Condition::Always)]).await;
        for key in [&a, &b] {
            let record = world.get(key).await.expect("it is there");
            let expected = Record { key: key.clone(), version, attributes: number(n), expires_at: None };
            assert_eq!(record, expected);
        }
    }
}

pub(in super::super) async fn no_version_is_used_twice_for_one_key(world: &World) {
    let key = Key::new("versions", "a");
    let mut seen = BTreeSet::new();
    for round in 0..30 {
        let ends = world.clock.now().plus_ms(50);
        let ending = Write::Put {
            key: key.clone(),
            attributes: number(1),
            expires_at: Some(ends),
            condition: Condition::Always,
        };
        for write in [put(&key, round, Condition::Always), add(&key, 1, None), ending] {
            world.must(vec![write]).await;
            let record = world.get(&key).await.expect("it is there");
            assert!(seen.insert(record.version), "version {} is used twice", record.version);
        }
        if round % 2 == 0 {
            world.must(vec![delete(&key, Condition::Always)]).await;
        } else {
            world.clock.advance_ms(100);
        }
        assert_eq!(world.get(&key).await, None);
    }
}

/// A store whose answers to commits are lost on the way.
struct LostAnswers<'a>(&'a World);

impl LostAnswers<'_> {
    async fn commit(&self, id: CommitId, writes: &[Write]) -> Result<u64, StoreError> {
        self.0.store.commit(id, writes).await?;
        Err(PortError::new("store", "the connection was reset").into())
    }
}

pub(in super::super) async fn a_lost_answer_is_asked_for_again_and_the_commit_is_applied_once(world: &World) {
    let (record, counter) = (Key::new("lost", "record"), Key::new("lost", "counter"));
    let volatile = Key::new("counter#lost", "counter");
    let told = event(world, "once", "lost");
    let writes = [
        put(&record, 1, Condition::Absent),
        add(&counter, 1, Some(1)),
        add(&volatile, 1, Some(1)),
        Write::emit(told.clone()),
    ];
    let id = world.id();
    let lost = LostAnswers(world).commit(id, &writes).await;
    assert!(matches!(lost, Err(StoreError::Port(_))), "{lost:?}");
    let version = world.get(&record).await.expect("it was applied").version;
    for later_ms in [0, 1_000, 590_000] {
        world.clock.advance_ms(later_ms);
        assert_eq!(world.store.commit(id, &writes).await.expect("it was applied"), version);
    }
    assert_eq!(world.get(&record).await.expect("it is there").version, version);
    for key in [&counter, &volatile] {
        assert_eq!(world.get(key).await.expect("it is there").attributes, number(1));
    }
    assert_eq!(world.all(ListQuery::all(told.outbox_key().partition)).await.len(), 1);
    let again = world.commit(&writes[..1]).await;
    assert!(
        matches!(again, Err(StoreError::Conflict { index: 0 })),
        "another id is another commit: {again:?}"
    );

    let only_volatile = [add(&volatile, 1, None)];
    let id = world.id();
    assert!(LostAnswers(world).commit(id, &only_volatile).await.is_err());
    world.store.commit(id, &only_volatile).await.expect("it was applied");
    assert_eq!(world.get(&volatile).await.expect("it is there").attributes, number(2));
}

pub(in super::super) async fn an_event_is_in_the_outbox_exactly_when_its_commit_was_applied(world: &World) {
    let key = Key::new("emit", "a");
    let (kept, dropped) = (event(world, "kept", "one"), event(world, "dropped", "one"));
    world.must(vec![put(&key, 1, Condition::Absent), Write::emit(kept.clone())]).await;
    let refused = world.commit(&[put(&key, 1, Condition::Absent), Write::emit(dropped.clone())]).await;
    assert!(matches!(refused, Err(StoreError::Conflict { index: 0 })), "{refused:?}");
    assert_eq!(kept.outbox_key().partition, dropped.outbox_key().partition);
    let rows = world.all(ListQuery::all(kept.outbox_key().partition)).await;
    let events: Vec<Event> = rows.iter().map(|row| row.document().expect("an event")).collect();
    assert_eq!(events, std::slice::from_ref(&kept));
    world.must(vec![delete(&kept.outbox_key(), Condition::Present)]).await;
    assert_eq!(world.all(ListQuery::all(kept.outbox_key().partition)).await, []);
}

pub(in super::super) async fn one_commit_reaches_all_three_tables(world: &World) {
    let keys = [Key::new("three", "a"), Key::new("counter#three", "a"), Key::new("outbox#three", "a")];
    world.must(keys.iter().map(|key| put(key, 1, Condition::Absent)).collect()).await;
    for key in &keys {
        assert_eq!(world.get(key).await.expect("it is there").attributes, number(1));
        assert_eq!(world.all(ListQuery::all(key.partition.clone())).await.len(), 1);
    }
    for wrong in 0..3 {
        let write = |(n, key)| put(key, 2, if n == wrong { Condition::Absent } else { Condition::Present });
        let refused = world.commit(&keys.iter().enumerate().map(write).collect::<Vec<_>>()).await;
        assert!(matches!(refused, Err(StoreError::Conflict { index }) if index == wrong), "{refused:?}");
    }
    for key in &keys {
        assert_eq!(world.get(key).await.expect("it is there").attributes, number(1));
    }
}

pub(in super::super) async fn values_come_back_as_they_were(world: &World) {
    let attributes = Attributes::new()
        .with("empty text", Value::Text(String::new()))
        .with("text", Value::Text("\u{0}\u{7f}ä€\u{10ffff}\"\\".to_owned()))
        .with("empty bytes", Value::Bytes(Vec::new()))
        .with("bytes", Value::Bytes((0..=255).collect()))
        .with("least", Value::Int(i64::MIN))
        .with("most", Value::Int(i64::MAX))
        .with("yes", Value::Bool(true))
        .with("ナ", Value::Bool(false));
    let odd = ["a#b", "ü\u{0}\n", "\u{10fffe}"];
    for (sort, attributes) in odd.into_iter().zip([attributes.clone(), Attributes::new(), attributes]) {
        let key = Key::new(format!("values {sort}"), sort);
        let expires_at = Some(UnixMillis(2_000_000_000_123));
        let write = Write::Put {
            key: key.clone(),
            attributes: attributes.clone(),
            expires_at,
            condition: Condition::Absent,
        };
        let version = world.must(vec![write]).await;
        assert_eq!(world.get(&key).await, Some(Record { key, version, attributes, expires_at }));
    }
}

pub(in super::super) async fn a_chain_is_applied_link_by_link_until_one_fails(world: &World) {
    let (head, other) = (Key::new("chain", "head"), Key::new("chain", "other"));
    let link = |n, condition, more: Option<Write>| {
        let writes = std::iter::once(put(&head, n, condition)).chain(more).collect();
        Link { id: world.id(), writes }
    };
    // Whatever the later links say of the head, each replaces the one before.
    let absent = |key: &str| Some(put(&Key::new("chain", key), 0, Condition::Absent));
    let links = vec![
        link(1, Condition::Absent, absent("a")),
        link(2, Condition::Absent, absent("b")),
        link(3, Condition::VersionIs(7), None),
    ];
    let Chained { versions, stopped } = world.store.commit_chain(&head, links).await;
    assert!(stopped.is_none(), "{stopped:?}");
    assert!(versions.len() == 3 && versions.is_sorted_by(|one, next| one < next), "{versions:?}");
    let record = world.get(&head).await.expect("it is there");
    assert_eq!((record.version, record.attributes), (versions[2], number(3)));

    // The third cannot be applied: nothing of it is, the two before it are, and the fourth is not tried.
    let links = vec![
        link(4, Condition::VersionIs(versions[2]), None),
        link(5, Condition::Absent, absent("c")),
        link(6, Condition::Absent, absent("a")),
        link(7, Condition::Absent, absent("d")),
    ];
    let Chained { versions, stopped } = world.store.commit_chain(&head, links).await;
    assert!(
        versions.len() == 2 && matches!(stopped, Some(StoreError::Conflict { index: 1 })),
        "{versions:?} {stopped:?}"
    );
    let record = world.get(&head).await.expect("it is there");
    assert_eq!((record.version, record.attributes), (versions[1], number(5)));
    assert!(world.get(&Key::new("chain", "c")).await.is_some());
    assert!(world.get(&Key::new("chain", "d")).await.is_none());

    // The first cannot be applied, or is no commit.
    for first in
        [link(8, Condition::Absent, None), link(8, Condition::Always, Some(put(&head, 9, Condition::Always)))]
    {
        let links = vec![first, link(9, Condition::Always, Some(put(&other, 1, Condition::Always)))];
        let Chained { versions, stopped } = world.store.commit_chain(&head, links).await;
        assert!(versions.is_empty() && stopped.is_some());
    }
    assert_eq!(world.get(&head).await.expect("it is there").attributes, number(5));
    assert!(world.get(&other).await.is_none());
}
