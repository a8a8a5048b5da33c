//! The payloads in `events/` through the real doors and the real worker.

use bytes::Bytes;
use scorpius_edge::serve::Door;
use scorpius_edge::{HttpAnswer, HttpEvent, Message, Outcome, serve};
use serde_json::Value;

use crate::testing::World;
use crate::{api, worker};

/// The scan that the examples name.
const EXAMPLE: &str = "scn_0199d5cae5f67071c2839e0f1a2b3c4d";

async fn answered(world: &World, event: &str) -> HttpAnswer {
    let event: HttpEvent = serde_json::from_str(event).expect("an event of the gateway");
    let operations = api::operations();
    let door = Door {
        function: "scan",
        operations: &operations,
        gate: scorpius_edge::authorize::RoleTable::shared(),
        clock: world.clock.as_ref(),
        limiter: None,
        signatures: None,
    };
    let handle = |request| async { api::handle(&world.doors, request).await };
    serve(&door, event, std::future::pending(), handle).await
}

#[tokio::test]
async fn the_examples_go_through_doors_and_worker() {
    let world = World::new();
    let made = answered(&world, include_str!("../../../events/scan/create.json")).await;
    assert_eq!(made.status_code, 202, "{}", made.body);
    let made: Value = serde_json::from_str(&made.body).expect("JSON");
    let id = made["id"].as_str().expect("an id");
    let compiled = answered(&world, include_str!("../../../events/scan/create-compiled.json")).await;
    assert!(compiled.body.contains("src/Heir.sol:Heir"), "{}", compiled.body);
    let refused = answered(&world, include_str!("../../../events/scan/not-bytecode.json")).await;
    assert_eq!(refused.status_code, 400, "{}", refused.body);

    let example: Value =
        serde_json::from_str(include_str!("../../../events/scan-job/requested.json")).expect("JSON");
    let body = example["Records"][0]["body"].as_str().expect("a body");
    let message = |body: String| Message { id: "1".to_owned(), body: Bytes::from(body), receives: 1 };
    // Nobody asked for the example's own scan here.
    let unknown = worker::handle(&world.worker, &message(body.to_owned())).await;
    assert!(matches!(unknown, Outcome::Reject { .. }), "{unknown:?}");
    assert_eq!(worker::handle(&world.worker, &message(body.replace(EXAMPLE, id))).await, Outcome::Done);

    let listed = answered(&world, include_str!("../../../events/scan/list.json")).await;
    assert!(listed.status_code == 200 && listed.body.contains(id), "{}", listed.body);
    for example in
        [include_str!("../../../events/scan/show.json"), include_str!("../../../events/scan/sarif.json")]
    {
        assert_eq!(answered(&world, example).await.status_code, 404);
        let ours = answered(&world, &example.replace(EXAMPLE, id)).await;
        assert!(ours.status_code == 200 && ours.body.contains("unguarded-selfdestruct"), "{}", ours.body);
    }
}
