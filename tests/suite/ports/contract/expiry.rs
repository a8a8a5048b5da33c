//! A record that has ended is absent at once, whenever it is really removed.

use super::*;

fn ending(key: &Key, n: i64, at: UnixMillis, condition: Condition) -> Write {
    Write::Put { key: key.clone(), attributes: number(n), expires_at: Some(at), condition }
}

pub(in super::super) async fn what_has_ended_is_absent_to_every_question_at_once(world: &World) {
    for partition in ["ending", "counter#ending", "outbox#ending"] {
        let key = |sort| Key::new(partition, sort);
        let end = world.clock.now().plus_ms(1_000);
        world
            .must(vec![ending(&key("a"), 1, end, Condition::Absent), put(&key("b"), 1, Condition::Absent)])
            .await;
        world.clock.advance_ms(end.since_ms(world.clock.now()) - 1);
        let seen = world.get(&key("a")).await.expect("it has a millisecond left");
        assert_eq!(seen.expires_at, Some(end));
        assert_eq!(world.all(ListQuery::all(partition)).await.len(), 2);

        world.clock.advance_ms(1);
        assert_eq!(world.get(&key("a")).await, None);
        let many = world.store.get_many(&[key("a"), key("b")]).await.expect("the store answers");
        assert!(many[0].is_none() && many[1].is_some());
        for descending in [false, true] {
            let listed = world.all(ListQuery { descending, limit: 1, ..ListQuery::all(partition) }).await;
            assert_eq!(listed.iter().map(|record| &*record.key.sort).collect::<Vec<_>>(), ["b"]);
        }
        for condition in [Condition::Present, Condition::VersionIs(seen.version)] {
            let refused = world.commit(&[Write::Check { key: key("a"), condition }]).await;
            assert!(matches!(refused, Err(StoreError::Conflict { index: 0 })), "{refused:?}");
        }
        let later = world.clock.now().plus_ms(1_000);
        world.must(vec![ending(&key("a"), 2, later, Condition::Absent)]).await;
        assert_eq!(world.get(&key("a")).await.expect("it is there again").attributes, number(2));
    }
    let scanned = world.store.scan(0, 1, None).await.expect("the store answers").records;
    assert!(scanned.iter().any(|record| record.key == Key::new("ending", "b")));
    world.clock.advance_ms(1_000);
    let scanned = world.store.scan(0, 1, None).await.expect("the store answers").records;
    assert!(!scanned.iter().any(|record| record.key == Key::new("ending", "a")));
}

pub(in super::super) async fn a_counter_that_has_ended_begins_again(world: &World) {
    for key in [Key::new("ending", "n"), Key::new("counter#ending", "n")] {
        let add = async |n, end| world.store.add(&key, &[("n", n)], Some(("n", 5)), Some(end)).await;
        let end = world.clock.now().plus_ms(1_000);
        assert_eq!(add(5, end).await.expect("5 is not over 5"), number(5));
        assert_eq!(world.get(&key).await.expect("it is there").expires_at, Some(end));
        assert!(add(1, end).await.is_err());
        assert_eq!(add(-1, end.plus_ms(7)).await.expect("it counts"), number(4));
        assert_eq!(world.get(&key).await.expect("it is there").expires_at, Some(end), "its end is its own");
        world.clock.advance_ms(1_000);
        let next = world.clock.now().plus_ms(1_000);
        assert_eq!(add(2, next).await.expect("it begins again"), number(2));
        assert_eq!(world.get(&key).await.expect("it is there").expires_at, Some(next));
        world.clock.advance_ms(1_000);
        let write = Write::Add {
            key: key.clone(),
            deltas: vec![("n".to_owned(), 3)],
            only_if: None,
            expires_at: None,
        };
        world.must(vec![write]).await;
        let record = world.get(&key).await.expect("it begins again");
        assert_eq!((record.attributes, record.expires_at), (number(3), None));
    }
}

pub(in super::super) async fn a_retry_judges_expiry_by_the_time_of_the_first_try(world: &World) {
    let key = Key::new("ending", "retry");
    let end = world.clock.now().plus_ms(1_000);
    world.must(vec![ending(&key, 1, end, Condition::Absent)]).await;
    let id = world.id();
    world.clock.advance_ms(2_000);
    assert_eq!(world.get(&key).await, None);
    // The first try never arrived; the second asks what the first would have asked.
    world
        .store
        .commit(id, &[put(&key, 2, Condition::Present)])
        .await
        .expect("it was present when the id was made");
    assert_eq!(world.get(&key).await.expect("it is there").attributes, number(2));
}
