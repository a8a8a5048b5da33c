//! Commits under readers and under each other.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

pub(in super::super) async fn once_a_part_of_a_commit_is_seen_all_of_it_is(world: &World) {
    const ROUNDS: i64 = 100;
    let pairs = [("whole", "whole/2"), ("whole/3", "counter#whole"), ("counter#whole/2", "outbox#whole")];
    for (first, second) in pairs {
        let (first, second) = (Key::new(first, "a"), Key::new(second, "b"));
        let ended = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = [(first.clone(), second.clone()), (second.clone(), first.clone())]
            .into_iter()
            .map(|(one, other)| {
                let (store, ended) = (Arc::clone(&world.store), Arc::clone(&ended));
                tokio::spawn(async move {
                    let read = async |key| {
                        let record = store.get(key).await.expect("the store answers");
                        record.map_or(0, |record| record.attributes.int("n"))
                    };
                    while !ended.load(Ordering::SeqCst) {
                        let earlier = read(&one).await;
                        let later = read(&other).await;
                        assert!(
                            later >= earlier,
                            "`{}` is at {earlier}, then `{}` at {later}",
                            one.partition,
                            other.partition
                        );
                    }
                })
            })
            .collect();
        for n in 1..=ROUNDS {
            world.must(vec![put(&first, n, Condition::Always), put(&second, n, Condition::Always)]).await;
        }
        ended.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.await.expect("no reader saw half a commit");
        }
    }
}

pub(in super::super) async fn no_update_is_lost_under_versions(world: &World) {
    const TASKS: i64 = 8;
    const EACH: i64 = 5;
    let key = Key::new("updates", "a");
    world.must(vec![put(&key, 0, Condition::Absent)]).await;
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (store, clock, key) = (Arc::clone(&world.store), Arc::clone(&world.clock), key.clone());
            tokio::spawn(async move {
                let mut done = 0;
                while done < EACH {
                    let record = store.get(&key).await.expect("the store answers").expect("it is there");
                    let next =
                        put(&key, record.attributes.int("n") + 1, Condition::VersionIs(record.version));
                    clock.advance_ms(1);
                    match store.commit(CommitId::new(&*clock), &[next]).await {
                        Ok(_) => done += 1,
                        Err(StoreError::Conflict { index: 0 } | StoreError::Busy) => {}
                        Err(error) => panic!("neither applied nor refused: {error:?}"),
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("the task ends");
    }
    assert_eq!(world.get(&key).await.expect("it is there").attributes, number(TASKS * EACH));
}
