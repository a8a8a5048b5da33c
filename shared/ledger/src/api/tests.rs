mod found;
mod own;

use bytes::Bytes;
use scorpius_core::{SystemClock, TenantId};
use scorpius_edge::{Caller, Role};
use serde_json::{Value, json};

use super::*;
use crate::testing::{self, NOW, World, body, event, event_of, tenant};
use crate::verify::{self, Verdict};

fn app(world: &World) -> App {
    App::new(world.store.clone(), world.blobs.clone(), world.keys.clone(), Arc::new(SystemClock))
}

fn request(operation: &'static str, tenant: &TenantId) -> Request {
    testing::request(operation, tenant, Role::Auditor)
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
    let etag = answer.header("etag").expect("a tag").to_owned();
    assert_eq!(etag, format!("\"{}\"", hash::sha256_hex(&answer.body)));
    assert_eq!(verify::checkpoint(&answer.body, &world.trusted().await).verdict, Verdict::Verified);
    for known in [etag.clone(), format!("\"9\", W/{etag}")] {
        let answer = ask_checkpoint(&world, &known).await;
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
    assert_eq!((&document["index"], &document["entry"]["sequence"]), (&json!(4), &json!(1)));
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
    assert_eq!(bundle["entries"][0]["payload"]["data"], json!({"number": 8, "level": "safe"}));
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

async fn ask(world: &World, operation: &'static str, set: impl FnOnce(&mut Request)) -> Response {
    let mut asked = request(operation, &tenant(1));
    set(&mut asked);
    handle(&app(world), asked).await
}

/// As somebody without credentials asks.
async fn ask_tile(world: &World, path: &str) -> Response {
    ask(world, "getLogTile", |asked| {
        asked.caller = Caller::Anonymous(scorpius_edge::Anonymous::NoCredential);
        asked.parameters.insert("path".to_owned(), path.to_owned());
    })
    .await
}

#[tokio::test]
async fn the_log_s_files_are_everybody_s_and_never_change() {
    let world = world().await;
    let tile = ask_tile(&world, "0/000.p/10").await;
    assert_eq!((tile.status.as_u16(), tile.body.len()), (200, 320));
    assert_eq!(tile.header("content-type"), Some("application/octet-stream"));
    assert_eq!(tile.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(ask_tile(&world, "entries/000.p/10").await.body.len(), 340);
    for missing in
        ["0/000", "0/001", "1/000", "entries/000", "0/000.p/11", "../checkpoint", "0/000.p/010", ""]
    {
        let answer = ask_tile(&world, missing).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("cache-control")),
            (404, Some("no-store")),
            "{missing}"
        );
    }
    let note = ask(&world, "getLogCheckpoint", |asked| {
        asked.caller = Caller::Anonymous(scorpius_edge::Anonymous::NoCredential);
    })
    .await;
    assert_eq!(verify::checkpoint(&note.body, &world.trusted().await).verdict, Verdict::Verified);
}

/// Every file of a log: its path, and its content.
type Files = Vec<(String, Bytes)>;

/// What somebody without credentials can fetch of a log of `number` events of one tenant.
async fn public_files(number: u64, tenant: &TenantId) -> Files {
    let world = World::new();
    let events: Vec<_> = (0..number).map(|number| event_of(number, tenant)).collect();
    world.sequencer().append("bat_1", &events).await.expect("appended");
    let mut files = Vec::new();
    for name in world.blobs.names("ledger/tile/") {
        let path = name.trim_start_matches("ledger/tile/");
        files.push((path.to_owned(), ask_tile(&world, path).await.body));
    }
    let note = ask(&world, "getLogCheckpoint", |_| {}).await;
    files.push(("checkpoint".to_owned(), note.body));
    files
}

#[tokio::test]
async fn in_a_shared_log_nothing_fetched_without_credentials_differs_between_two_tenants_but_32_byte_values()
{
    let (one, two) = (public_files(40, &tenant(1)).await, public_files(40, &tenant(2)).await);
    let names = |files: &Files| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(names(&one), names(&two));
    for ((path, one), (_, two)) in one.iter().zip(&two) {
        assert_eq!(one.len(), two.len(), "{path}");
        let differ: Vec<_> = match path.as_str() {
            // The root and the signature over it, in Base64; name and size are the same.
            "checkpoint" => {
                let lines = |note: &Bytes| String::from_utf8(note.to_vec()).expect("text");
                let (one, two) = (lines(one), lines(two));
                one.lines().zip(two.lines()).map(|(one, two)| one == two).collect()
            }
            // Each entry is 32 bytes after its length, which is the same.
            path if path.starts_with("entries/") => {
                let lengths =
                    |tile: &Bytes| tile.chunks(34).map(|entry| entry[..2].to_vec()).collect::<Vec<_>>();
                assert_eq!(lengths(one), vec![vec![0, 32]; 40]);
                assert_eq!(lengths(one), lengths(two));
                Vec::new()
            }
            _ => Vec::new(),
        };
        if path == "checkpoint" {
            assert_eq!(differ, [true, true, false, true, false], "{path}");
        }
    }
    // The same events of the same tenant in two worlds differ too: keys are a tenant's own, and random.
    assert_ne!(one, public_files(40, &tenant(1)).await);
}

#[tokio::test]
async fn growth_is_proved_between_any_two_sizes() {
    let world = world().await;
    world.sequencer().append("bat_2", &[event(100), event(101), event(102)]).await.expect("appended");
    world.sequencer().append("bat_3", &[event(103)]).await.expect("appended");
    let ask_sizes = async |from: &str, to: Option<&str>| {
        ask(&world, "getConsistency", |asked| {
            asked.query.insert("from".to_owned(), from.to_owned());
            asked.query.extend(to.map(|to| ("to".to_owned(), to.to_owned())));
        })
        .await
    };
    for (from, to) in [(0, 14), (1, 14), (10, 13), (10, 14), (13, 14), (14, 14), (0, 0)] {
        let answer = ask_sizes(&from.to_string(), Some(&to.to_string())).await;
        assert_eq!(answer.status.as_u16(), 200, "{from} to {to}");
        let document: ConsistencyDocument = serde_json::from_slice(&answer.body).expect("a document");
        let root = |text: &str| hash::from_text(text).expect("a hash");
        let proof: Vec<_> = document.proof.iter().map(|text| root(text)).collect();
        let (old, new) = (root(&document.from_root), root(&document.to_root));
        match from {
            0 => assert!(proof.is_empty()),
            from => tlog_tiles::check_tree(&proof, to, new, from, old).expect("consistent"),
        }
    }
    assert_eq!(body(&ask_sizes("10", None).await)["to"], 14);
    for (from, to, status) in [
        ("14", Some("13"), 400),
        ("01", None, 400),
        ("-1", None, 400),
        ("x", None, 400),
        ("0", Some("15"), 404),
    ] {
        assert_eq!(ask_sizes(from, to).await.status.as_u16(), status, "{from} to {to:?}");
    }
    assert_eq!(ask(&world, "getConsistency", |_| {}).await.status.as_u16(), 400);
}

#[tokio::test]
async fn a_proof_is_one_text_that_stands_alone() {
    let world = world().await;
    let ask_proof = async |accept: &str| {
        ask(&world, "getEventProof", |asked| {
            asked.parameters.insert("id".to_owned(), event(4).id);
            asked.headers.insert("accept".to_owned(), accept.to_owned());
        })
        .await
    };
    assert_eq!(body(&ask_proof("application/json").await)["index"], 4);
    let answer = ask_proof("text/plain;q=1, */*").await;
    let text = String::from_utf8(answer.body.to_vec()).expect("text");
    let policy = crate::Policy::of_logs(&world.trusted().await);
    let report = verify::tlog_proof(&text, None, &policy);
    assert_eq!(report.verdict, Verdict::Verified);
    assert_eq!(report.entries[0].entry.id, event(4).id);
    let moved = text.replacen("index 4", "index 5", 1);
    assert_eq!(verify::tlog_proof(&moved, None, &policy).verdict, Verdict::Failed);
    assert_eq!(verify::tlog_proof(&text, Some(b"another entry"), &policy).verdict, Verdict::Failed);
}

#[tokio::test]
async fn evidence_is_checked_here_for_those_who_trust_this_server() {
    let world = world().await;
    let bundle = body(&ask_bundle(&world, &tenant(1), json!({"event_ids": [event(2).id]})).await);
    let kept = String::from_utf8(ask_checkpoint(&world, "").await.body.to_vec()).expect("text");
    world.sequencer().append("bat_2", &[event(100)]).await.expect("appended");
    let note = String::from_utf8(ask_checkpoint(&world, "").await.body.to_vec()).expect("text");
    let check = async |asked: Value| {
        body(&ask(&world, "verifyEvidence", |to| to.body = asked.to_string().into()).await)
    };
    assert_eq!(check(json!({"bundle": bundle})).await["verdict"], "verified");
    let said = check(json!({"checkpoint": note, "kept": kept})).await;
    assert_eq!((&said["verdict"], &said["consistent_with"]), (&json!("verified"), &json!(10)));
    // The older one does not continue the newer one: what a rolled-back log looks like.
    assert_eq!(check(json!({"checkpoint": kept, "kept": note})).await["verdict"], "failed");
    let mut forged = bundle.clone();
    forged["entries"][0]["entry"]["sequence"] = json!(9);
    assert_eq!(check(json!({"bundle": forged})).await["verdict"], "failed");
    assert_eq!(check(json!({"checkpoint": "x"})).await["verdict"], "refused");
    for bad in [json!({}), json!({"checkpoint": note, "bundle": bundle}), json!({"key": "mine"})] {
        assert_eq!(check(bad.clone()).await["status"], 400, "{bad}");
    }
}
