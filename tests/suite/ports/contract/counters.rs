//! `Add`: counting without reading.

use super::*;

fn keys() -> [Key; 2] {
    [Key::new("counting", "a"), Key::new("counter#counting", "a")]
}

pub(in super::super) async fn add_counts_from_zero_and_answers_with_the_sum(world: &World) {
    for key in keys() {
        let add = async |deltas: &[(&str, i64)]| {
            world.store.add(&key, deltas, None, None).await.expect("it counts")
        };
        assert_eq!(add(&[("n", 5)]).await, number(5));
        assert_eq!(add(&[("n", -7), ("m", 1)]).await, number(-2).with("m", Value::Int(1)));
        let text = number(1).with("t", Value::Text("kept".to_owned()));
        let write = Write::Put {
            key: key.clone(),
            attributes: text,
            expires_at: None,
            condition: Condition::Present,
        };
        world.must(vec![write]).await;
        assert_eq!(add(&[("n", 1)]).await, number(2).with("t", Value::Text("kept".to_owned())));
        world.must(vec![super::add(&key, 1, None)]).await;
        assert_eq!(world.get(&key).await.expect("it is there").attributes.int("n"), 3);
    }
}

pub(in super::super) async fn add_under_a_maximum_stops_at_it(world: &World) {
    for key in keys() {
        let add = async |n, max| world.store.add(&key, &[("n", n)], Some(("n", max)), None).await;
        let over = |result: Result<Attributes, StoreError>| {
            assert!(matches!(result, Err(StoreError::Conflict { index: 0 })), "{result:?}");
        };
        over(add(4, 3).await);
        assert_eq!(world.get(&key).await, None);
        assert_eq!(add(3, 3).await.expect("3 is not over 3"), number(3));
        over(add(1, 3).await);
        assert_eq!(add(-1, 3).await.expect("2 is not over 3"), number(2));
        assert_eq!(add(1, 3).await.expect("3 is not over 3"), number(3));
        let refused = world
            .commit(&[put(&Key::new("counting", "b"), 1, Condition::Always), super::add(&key, 1, Some(3))])
            .await;
        assert!(matches!(refused, Err(StoreError::Conflict { index: 1 })), "{refused:?}");
        assert_eq!(world.get(&key).await.expect("it is there").attributes, number(3));
    }
}

pub(in super::super) async fn a_maximum_holds_whoever_asks_at_once(world: &World) {
    const MAX: i64 = 20;
    for key in keys() {
        let tasks: Vec<_> = (0..32)
            .map(|task| {
                let (store, key) = (Arc::clone(&world.store), key.clone());
                let id = world.id();
                tokio::spawn(async move {
                    let asked = match task % 2 {
                        0 => store.add(&key, &[("n", 1)], Some(("n", MAX)), None).await.map(drop),
                        _ => store.commit(id, &[super::add(&key, 1, Some(MAX))]).await.map(drop),
                    };
                    match asked {
                        Ok(()) => 1,
                        Err(StoreError::Conflict { index: 0 }) => 0,
                        Err(error) => panic!("neither granted nor refused: {error:?}"),
                    }
                })
            })
            .collect();
        let mut granted = 0;
        for task in tasks {
            granted += task.await.expect("the task ends");
        }
        assert_eq!(granted, MAX);
        assert_eq!(world.get(&key).await.expect("it is there").attributes, number(MAX));
    }
}

pub(in super::super) async fn what_is_no_number_is_not_added_to(world: &World) {
    for key in keys() {
        let attributes = Attributes::new().with("n", Value::Text("1".to_owned()));
        let write =
            Write::Put { key: key.clone(), attributes, expires_at: None, condition: Condition::Always };
        world.must(vec![write]).await;
        let before = world.get(&key).await;
        let refused = world.store.add(&key, &[("n", 1)], None, None).await;
        assert!(matches!(refused, Err(StoreError::Port(_))), "{refused:?}");
        assert!(world.commit(&[super::add(&key, 1, None)]).await.is_err());
        assert_eq!(world.get(&key).await, before);
    }
}
