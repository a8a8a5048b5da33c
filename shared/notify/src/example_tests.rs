//! The payloads in `events/` through the real doors and workers.

use bytes::Bytes;
use scorpius_edge::serve::Door;
use scorpius_edge::{HttpAnswer, HttpEvent, Message, Outcome, serve};
use serde_json::Value;

use crate::testing::World;

async fn answered(world: &World, event: &str) -> HttpAnswer {
    let event: HttpEvent = serde_json::from_str(event).expect("an event of the gateway");
    let operations = crate::api::operations();
    let door = Door {
        function: "webhooks",
        operations: &operations,
        gate: scorpius_edge::authorize::RoleTable::shared(),
        clock: world.clock.as_ref(),
        limiter: None,
        signatures: None,
    };
    let app = world.doors();
    serve(
        &door,
        event,
        std::future::pending(),
        |request| async move { crate::api::handle(&app, request).await },
    )
    .await
}

#[tokio::test]
async fn the_examples_of_webhooks_are_answered() {
    let world = World::new();
    let made = answered(&world, include_str!("../../../events/webhooks/create.json")).await;
    assert_eq!(made.status_code, 201, "{}", made.body);
    let made: Value = serde_json::from_str(&made.body).expect("JSON");
    let id = made["id"].as_str().expect("an id");

    let listed = answered(&world, include_str!("../../../events/webhooks/list.json")).await;
    assert!(listed.status_code == 200 && listed.body.contains(id), "{}", listed.body);
    let refused = answered(&world, include_str!("../../../events/webhooks/private-target.json")).await;
    assert_eq!(refused.status_code, 400, "{}", refused.body);
    for (example, found) in [
        (include_str!("../../../events/webhooks/deliveries.json"), 200),
        (include_str!("../../../events/webhooks/delete.json"), 204),
    ] {
        assert_eq!(answered(&world, example).await.status_code, 404);
        let theirs = "whk_0199d5c9b2c37d4e9f506b7c8d9e0f1a";
        assert!(example.contains(theirs));
        // Deleting comes last.
        assert_eq!(answered(&world, &example.replace(theirs, id)).await.status_code, found);
    }
}

fn message(example: &str) -> Message {
    let example: Value = serde_json::from_str(example).expect("JSON");
    let body = example["Records"][0]["body"].as_str().expect("a body").to_owned();
    Message { id: "1".to_owned(), body: Bytes::from(body), receives: 1 }
}

#[tokio::test]
async fn the_examples_of_the_workers_are_understood() {
    let world = World::new();
    let event = message(include_str!("../../../events/notifier/scan-completed.json"));
    assert_eq!(crate::fanout::handle(&world.fanout(), &event).await, Outcome::Done);
    let request = message(include_str!("../../../events/notifier-deliver/delivery-requested.json"));
    let outcome = crate::deliver::handle(&world.deliver(), &request).await;
    assert_eq!(outcome, Outcome::reject("the delivery has expired"));
}
