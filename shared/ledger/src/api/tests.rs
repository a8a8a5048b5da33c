use std::collections::BTreeMap;

use bytes::Bytes;
use scorpius_core::{SystemClock, TenantId};
use scorpius_edge::{Caller, Principal, Role, Strength};
use serde_json::{Value, json};

use super::*;
use crate::testing::{NOW, World, event, event_of, tenant};
use crate::verify::{self, Verdict};

fn app(world: &World) -> App {
    App::new(world.store.clone(), world.blobs.clone(), world.keys.clone(), Arc::new(SystemClock))
}

fn request(operation: &'static str, tenant: &TenantId) -> Request {
    Request {
        operation,
        path: "/v1/audit".to_owned(),
        parameters: BTreeMap::new(),
        query: BTreeMap::new(),
        headers: BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]),
        body: Bytes::new(),
        caller: Caller::Known(Principal {
            tenant: tenant.clone(),
            subject: "key_1".to_owned(),
            roles: vec![Role::Auditor],
            scopes: None,
            strength: Strength::ApiKey,
            sign_in: None,
            network_tag: None,
        }),
        request_id: "req_test".to_owned(),
        network: "127.0.0.1".to_owned(),
        received_at: NOW,
    }
}

async fn ask_checkpoint(world: &World, if_none_match: &str) -> Response {
    let mut asked = request("getCheckpoint", &tenant(1));
    asked.headers.insert("if-none-match".to_owned(), if_none_match.to_owned());
    handle(&app(world), asked).await
}

async fn ask_proof(world: &World, tenant: &TenantId, event_id: &str) -> Response {
    let mut asked = request("getProof", tenant);
    asked.query.insert("event_id".to_owned(), event_id.to_owned());
    handle(&app(world), asked).await
}

async fn ask_bundle(world: &World, tenant: &TenantId, body: Value) -> Response {
    let mut asked = request("makeBundle", tenant);
    asked.body = body.to_string().into();
    handle(&app(world), asked).await
}

fn body(response: &Response) -> Value {
    serde_json::from_slice(&response.body).expect("JSON")
}

/// Ten events: the even ones are tenant 1's, the odd ones tenant 2's.
async fn world() -> World {
    let world = World::new();
    let events: Vec<_> = (0..10).map(|number| event_of(number, &tenant(1 + number % 2))).collect();
    world.sequencer().append("bat_1", &events).await.expect("appended");
    world
}

#[tokio::test]
async fn the_checkpoint_is_a_note_that_caches_can_ask_for() {
    let world = world().await;
    let answer = ask_checkpoint(&world, "").await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (200, Some("text/plain; charset=utf-8"))
    );
    assert_eq!(answer.header("etag"), Some("\"10\""));
    assert_eq!(verify::checkpoint(&answer.body, &world.trusted().await).verdict, Verdict::Verified);
    for known in ["\"10\"", "\"9\", W/\"10\""] {
        let answer = ask_checkpoint(&world, known).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (304, 0));
    }
    assert_eq!(ask_checkpoint(&world, "\"9\"").await.status.as_u16(), 200);
    let answer = ask_checkpoint(&World::new(), "").await;
    assert_eq!((answer.status.as_u16(), body(&answer)["code"].clone()), (404, json!("not-yet-included")));
}

#[tokio::test]
async fn a_proof_is_its_tenant_s_alone() {
    let world = world().await;
    let answer = ask_proof(&world, &tenant(1), &event(4).id).await;
    assert_eq!(answer.status.as_u16(), 200);
    let document = body(&answer);
    assert_eq!((&document["index"], &document["entry"]["aggregate"]), (&json!(4), &json!("vrd_4")));
    assert_eq!(document["witnesses"], json!({"k": 0, "n": 0}));
    // An event of another tenant and one that does not exist are answered alike.
    let others = ask_proof(&world, &tenant(2), &event(4).id).await;
    let nobodys = ask_proof(&world, &tenant(1), &event(99).id).await;
    assert_eq!((others.status.as_u16(), body(&others)), (404, body(&nobodys)));
    assert_eq!(body(&others)["code"], "not-yet-included");
    assert_eq!(others.header("retry-after"), Some("1"));
    for malformed in ["", "evt_1", "vrd_00000000000000000000000000000001", "evt_../../x"] {
        let answer = ask_proof(&world, &tenant(1), malformed).await;
        assert_eq!((answer.status.as_u16(), body(&answer)["code"].clone()), (400, json!("invalid-request")));
    }
}

#[tokio::test]
async fn a_bundle_is_verified_offline_and_opens_nothing_else() {
    let world = world().await;
    let ids = [event(8).id, event(0).id];
    let answer = ask_bundle(&world, &tenant(1), json!({"event_ids": ids})).await;
    assert_eq!(answer.status.as_u16(), 200);
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"evidence.json\""));
    let report = verify::bundle(&answer.body, &world.trusted().await);
    assert_eq!(report.verdict, Verdict::Verified, "{report}");
    let found: Vec<_> = report.entries.iter().map(|entry| (entry.entry.id.as_str(), entry.index)).collect();
    assert_eq!(found, [(ids[0].as_str(), 8), (ids[1].as_str(), 0)]);
    let bundle = body(&answer);
    assert_eq!(bundle["entries"][0]["data"], json!({"number": 8, "level": "safe"}));
    // The key of one entry is not that of the other.
    assert_ne!(bundle["entries"][0]["entry_key"], bundle["entries"][1]["entry_key"]);
    let mut swapped = bundle.clone();
    swapped["entries"][0]["entry_key"] = bundle["entries"][1]["entry_key"].clone();
    let report = verify::bundle(swapped.to_string().as_bytes(), &world.trusted().await);
    assert_eq!(report.verdict, Verdict::Failed);
}

#[tokio::test]
async fn a_bundle_is_whole_or_not_at_all() {
    let world = world().await;
    for (foreign, at) in [(event(1).id, 1), (event(99).id, 1)] {
        let answer = ask_bundle(&world, &tenant(1), json!({"event_ids": [event(0).id, foreign]})).await;
        assert_eq!(answer.status.as_u16(), 404);
        assert_eq!(body(&answer)["errors"][0]["pointer"], format!("/event_ids/{at}"));
    }
    let ids = |count: u64| (0..count).map(|number| event(number).id).collect::<Vec<_>>();
    for bad in [
        json!({"event_ids": []}),
        json!({"event_ids": ids(51)}),
        json!({"event_ids": ["evt_1"]}),
        json!({"event_ids": [event(0).id, event(0).id]}),
        json!({"event_ids": [event(0).id], "tenant": tenant(2)}),
        json!([]),
    ] {
        let answer = ask_bundle(&world, &tenant(1), bad.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), body(&answer)["code"].clone()),
            (400, json!("invalid-request")),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn a_bundle_of_fifty_large_events_is_answered() {
    let world = World::new();
    let events: Vec<_> = (0..50)
        .map(|number| {
            let mut event = event(number);
            event.data = json!({"text": "x".repeat(31_000)});
            event
        })
        .collect();
    world.sequencer().append("bat_1", &events).await.expect("appended");
    let ids: Vec<_> = events.iter().map(|event| event.id.clone()).collect();
    let answer = ask_bundle(&world, &tenant(1), json!({"event_ids": ids})).await;
    assert_eq!(answer.status.as_u16(), 200);
    assert_eq!(verify::bundle(&answer.body, &world.trusted().await).verdict, Verdict::Verified);
}

#[tokio::test]
async fn nobody_without_a_tenant_is_answered() {
    let world = world().await;
    for operation in ["getProof", "makeBundle"] {
        let mut asked = request(operation, &tenant(1));
        asked.query.insert("event_id".to_owned(), event(0).id);
        asked.body = json!({"event_ids": [event(0).id]}).to_string().into();
        asked.caller = Caller::Anonymous(scorpius_edge::Anonymous::NoCredential);
        assert_eq!(handle(&app(&world), asked).await.status.as_u16(), 401);
    }
}

#[test]
fn operations_are_those_of_the_manifest() {
    let manifest: Value =
        serde_json::from_str(include_str!("../../../../infra/stack.json")).expect("the manifest is JSON");
    let routes = manifest["functions"]["audit"]["trigger"]["http"].as_object().expect("routes").clone();
    let offered: serde_json::Map<_, _> = operations()
        .iter()
        .map(|operation| match operation.access {
            Access::Action(action) => (operation.route.to_owned(), json!(action)),
            Access::Public => (operation.route.to_owned(), json!("public")),
        })
        .collect();
    assert_eq!(offered, routes);
}
