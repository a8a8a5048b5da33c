use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use scorpius_core::{Event, ManualClock, TenantId, UnixMillis, Write, new_id};
use scorpius_edge::{Caller, HttpEvent, Principal, Role, Strength};
use scorpius_ledger::Sequencer;
use scorpius_local::{FileKeys, FolderBlobs, SqliteStore};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::events::Scored;
use crate::verdicts::Kept;

const RONIN_EXPLOITER: &str = "0x098B716B8Aaf21512996dC57EB0615e2383E2f96";
const USDC: &str = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
const NOBODY: &str = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359";

struct Bench {
    app: App,
    clock: Arc<ManualClock>,
    folder: TempDir,
}

fn bench() -> Bench {
    let clock = Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)));
    let folder = tempfile::tempdir().expect("a folder");
    let store = SqliteStore::in_memory(clock.clone()).expect("a store");
    let blobs = FolderBlobs::open(folder.path(), clock.clone(), "http://127.0.0.1").expect("blobs");
    let app = App::new(Arc::new(store), Arc::new(blobs), clock.clone());
    Bench { app, clock, folder }
}

fn tenant(number: u64) -> TenantId {
    format!("ten_{number:032x}").parse().expect("a tenant")
}

struct Ask {
    operation: &'static str,
    id: Option<String>,
    key: Option<&'static str>,
    body: String,
    tenant: u64,
}

fn ask(operation: &'static str, body: &Value) -> Ask {
    Ask { operation, id: None, key: None, body: body.to_string(), tenant: 1 }
}

fn about(operation: &'static str, id: &str) -> Ask {
    Ask { operation, id: Some(id.to_owned()), key: None, body: String::new(), tenant: 1 }
}

impl Bench {
    async fn ask(&self, ask: Ask) -> (u16, Value, Response) {
        let mut headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
        headers.extend(ask.key.map(|key| ("idempotency-key".to_owned(), key.to_owned())));
        let request = Request {
            operation: ask.operation,
            path: "/v1/risk".to_owned(),
            parameters: ask.id.map(|id| ("id".to_owned(), id)).into_iter().collect(),
            query: BTreeMap::new(),
            headers,
            body: Bytes::from(ask.body),
            caller: Caller::Known(Principal {
                tenant: tenant(ask.tenant),
                subject: "key_1".to_owned(),
                roles: vec![Role::Admin],
                scopes: None,
                strength: Strength::ApiKey,
                sign_in: None,
                network_tag: None,
                standing: Default::default(),
                allowance: scorpius_edge::Allowance::default(),
            }),
            request_id: "req_1".to_owned(),
            network: "127.0.0.1".to_owned(),
            received_at: self.clock.now(),
            judge: scorpius_edge::Judge::absent(),
        };
        let response = handle(&self.app, request).await;
        let value = serde_json::from_slice(&response.body).expect("JSON");
        (response.status.as_u16(), value, response)
    }

    async fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for shard in 0..scorpius_core::store::OUTBOX_PARTITIONS {
            let query = scorpius_core::ListQuery::all(format!("outbox#{shard}"));
            let page = self.app.verdicts.store.list(&query).await.expect("a page");
            events.extend(page.records.iter().map(|record| record.document::<Event>().expect("an event")));
        }
        events
    }
}

fn address_of(address: &str) -> Value {
    json!({"chain": "ethereum", "address": address})
}

fn transaction(to: &str, data: &str) -> Value {
    json!({"chain": "ethereum", "to": to, "value": "0", "data": data})
}

#[tokio::test]
async fn a_verdict_is_answered_stored_told_and_made_again_as_the_same_bytes() {
    let bench = bench();
    let (status, verdict, response) = bench.ask(ask("scoreAddress", &address_of(RONIN_EXPLOITER))).await;
    assert_eq!((status, &verdict["level"], &verdict["score"]), (200, &json!("critical"), &json!(100)));
    let id = verdict["id"].as_str().expect("an id");

    let events = bench.events().await;
    assert_eq!(events.len(), 1);
    let fact = events[0].fact::<Scored>().expect("its data").expect("its type");
    assert_eq!((fact.verdict_id.as_str(), fact.level, fact.score), (id, verdict_level(&verdict), 100));
    assert_eq!(fact.verdict_sha256, sha256(&response.body));
    assert!(!events[0].to_json().to_lowercase().contains(&RONIN_EXPLOITER.to_lowercase()[2..]));

    let (status, mut shown, _) = bench.ask(about("getVerdict", id)).await;
    let proof = shown.as_object_mut().expect("an object").remove("proof");
    assert_eq!((status, proof), (200, Some(json!({"status": "pending", "event_id": events[0].id}))));
    assert_eq!(serde_json_canonicalizer::to_vec(&shown).expect("canonical"), response.body);

    let (status, replayed, _) = bench.ask(about("replayVerdict", id)).await;
    assert_eq!((status, &replayed["same"], &replayed["engine"]), (200, &json!(true), &json!(ENGINE)));
    assert_eq!(replayed["verdict"], verdict);
    assert_eq!(replayed["stored_sha256"], json!(fact.verdict_sha256));
    assert_eq!(bench.events().await.len(), 1, "showing and replaying change nothing");
}

#[tokio::test]
async fn a_verdict_shows_its_proof_once_the_ledger_has_it() {
    let bench = bench();
    let (_, verdict, _) = bench.ask(ask("scoreAddress", &address_of(USDC))).await;
    let id = verdict["id"].as_str().expect("an id");
    let events = bench.events().await;
    let keys = FileKeys::open(bench.folder.path(), bench.clock.clone()).expect("keys");
    let (store, blobs) = (bench.app.verdicts.store.clone(), bench.app.verdicts.blobs.clone());
    let origin = "scorpius.example/log".parse().expect("an origin");
    let ledger = Sequencer::new(store, blobs, Arc::new(keys), bench.clock.clone(), origin);
    let batch = new_id("bat", &*bench.clock);
    ledger.append(&batch, &events).await.expect("appended");

    let (status, shown, _) = bench.ask(about("getVerdict", id)).await;
    assert_eq!((status, &shown["proof"]["status"]), (200, &json!("included")));
    assert_eq!(shown["proof"]["event_id"], json!(events[0].id));
    assert!(
        shown["proof"]["checkpoint"].as_str().is_some_and(|note| note.starts_with("scorpius.example/log\n"))
    );
    assert_eq!((&shown["id"], &shown["signals"]), (&verdict["id"], &verdict["signals"]));
}

fn verdict_level(verdict: &Value) -> crate::engine::verdict::Level {
    serde_json::from_value(verdict["level"].clone()).expect("a level")
}

#[tokio::test]
async fn large_inputs_are_kept_too() {
    let bench = bench();
    let history: Vec<_> = (0..1_000).map(|n| format!("0x{n:040x}")).collect();
    let mut body = transaction(NOBODY, &format!("0x{}", "ab".repeat(131_072)));
    body["history"] = json!(history);
    let (status, verdict, _) = bench.ask(ask("scoreTransaction", &body)).await;
    assert_eq!((status, &verdict["level"]), (200, &json!("unknown")));
    let (status, replayed, _) =
        bench.ask(about("replayVerdict", verdict["id"].as_str().expect("an id"))).await;
    assert_eq!((status, &replayed["same"]), (200, &json!(true)));
}

#[tokio::test]
async fn the_largest_verdict_fits_its_record() {
    let bench = bench();
    // Sixteen shown calls, each with as long a list as is shown, and the idempotent answer beside it.
    let word = |n: usize| format!("{n:064x}");
    let detail = format!("{}{}{}{}", word(0xabc), "f".repeat(64), word(0xffff_ffff), word(0));
    let batch = format!(
        "2a2d80d1{}{}{}{}{}{}{}{}{}",
        word(1),
        word(0x60),
        word(0x60 + 0x60 + 0x20 + 8 * 0x80),
        word(0x60),
        word(2),
        word(3),
        word(8),
        detail.repeat(8),
        word(0)
    );
    let padded = format!("{batch:0<0$}", batch.len().div_ceil(64) * 64);
    let count = 60;
    let stride = 32 + padded.len() / 2;
    let heads: String = (0..count).map(|n| word(count * 32 + n * stride)).collect();
    let tails = format!("{}{padded}", word(batch.len() / 2)).repeat(count);
    let data = format!("0xac9650d8{}{}{heads}{tails}", word(32), word(count));
    let mut once = ask("scoreTransaction", &transaction(NOBODY, &data));
    once.key = Some("largest");
    let (status, verdict, response) = bench.ask(once).await;
    assert_eq!(status, 200, "{verdict}");
    let calls = verdict["signals"].as_array().expect("signals").iter().find(|s| s["id"] == "decoded_calls");
    assert_eq!(calls.expect("calls")["evidence"]["found"][0]["calls_count"], json!(count + 1));
    assert!(response.body.len() < 100_000, "{}", response.body.len());
}

#[tokio::test]
async fn the_same_key_gets_the_same_answer_and_another_body_a_conflict() {
    let bench = bench();
    let with_key = |address: &str| Ask { key: Some("once"), ..ask("scoreAddress", &address_of(address)) };
    let (_, first, _) = bench.ask(with_key(USDC)).await;
    let (status, second, response) = bench.ask(with_key(USDC)).await;
    assert_eq!((status, &second, response.header("idempotency-replayed")), (200, &first, Some("true")));
    let (status, problem, _) = bench.ask(with_key(NOBODY)).await;
    assert_eq!((status, &problem["code"]), (409, &json!("idempotency-conflict")));
    assert_eq!(bench.events().await.len(), 1);
}

#[tokio::test]
async fn another_tenant_s_verdict_is_not_there() {
    let bench = bench();
    let (_, verdict, _) = bench.ask(ask("scoreAddress", &address_of(USDC))).await;
    let id = verdict["id"].as_str().expect("an id");
    for operation in ["getVerdict", "replayVerdict"] {
        let (status, ..) = bench.ask(Ask { tenant: 2, ..about(operation, id) }).await;
        assert_eq!(status, 404);
        for id in ["vrd_1", "", "../x", &format!("vrd_{}", "0".repeat(32))] {
            assert_eq!(bench.ask(about(operation, id)).await.0, 404, "{id}");
        }
    }
}

#[tokio::test]
async fn a_verdict_of_another_engine_is_not_replayed() {
    let bench = bench();
    for (member, other) in [("engine", "scorpius-risk/0"), ("rules_sha256", "00")] {
        let (_, mut verdict, _) = bench.ask(ask("scoreAddress", &address_of(USDC))).await;
        let id = format!("vrd_{:032x}", member.len());
        verdict[member] = json!(other);
        let kept = Kept { verdict: verdict.to_string(), inputs: Bytes::new(), event_id: "evt_1".to_owned() };
        let write = bench.app.verdicts.keep(&tenant(1), &id, &kept).await.expect("a write");
        let commit = scorpius_core::CommitId::new(&*bench.clock);
        bench.app.verdicts.store.commit(commit, &[write]).await.expect("committed");
        let (status, problem, _) = bench.ask(about("replayVerdict", &id)).await;
        assert_eq!((status, &problem["code"]), (409, &json!("engine-not-available")));
    }
}

fn permit() -> Value {
    serde_json::from_str(SIGNATURE_EXAMPLE).expect("JSON")
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_named() {
    let bench = bench();
    let wrong_checksum = RONIN_EXPLOITER.replace('B', "b");
    let many: Vec<_> = (0..1_001).map(|_| USDC).collect();
    for (operation, body, status, code, pointer) in [
        ("scoreAddress", address_of(&wrong_checksum), 400, "invalid-address", "/address"),
        ("scoreAddress", address_of("0x12"), 400, "invalid-address", "/address"),
        (
            "scoreAddress",
            address_of("bc1qxy2kgdygjrsqtzq2n0yrf2493p83kkfjhx0wlh"),
            400,
            "unsupported-address",
            "/address",
        ),
        ("scoreAddress", json!({"chain": "litecoin", "address": USDC}), 400, "unsupported-chain", "/chain"),
        (
            "scoreAddress",
            json!({"chain": "ethereum", "address": USDC, "history": [USDC, "0x"]}),
            400,
            "invalid-address",
            "/history/1",
        ),
        (
            "scoreAddress",
            json!({"chain": "ethereum", "address": USDC, "history": many}),
            413,
            "too-large",
            "/history",
        ),
        ("scoreAddress", json!({"chain": "ethereum", "adress": USDC}), 400, "invalid-request", ""),
        ("scoreTransaction", transaction("0x1", "0x"), 400, "invalid-address", "/to"),
        ("scoreTransaction", transaction(USDC, "095ea7b3"), 400, "invalid-transaction", "/data"),
        ("scoreTransaction", transaction(USDC, "0x095"), 400, "invalid-transaction", "/data"),
        (
            "scoreTransaction",
            transaction(USDC, &format!("0x{}", "00".repeat(131_073))),
            400,
            "invalid-transaction",
            "/data",
        ),
        (
            "scoreTransaction",
            json!({"chain": "ethereum", "to": USDC, "value": "1.5"}),
            400,
            "invalid-transaction",
            "/value",
        ),
        (
            "scoreTransaction",
            json!({"chain": "ethereum", "to": USDC, "value": "0x1"}),
            400,
            "invalid-transaction",
            "/value",
        ),
        (
            "scoreTransaction",
            json!({"chain": "ethereum", "to": USDC, "value": "9".repeat(78)}),
            400,
            "invalid-transaction",
            "/value",
        ),
        (
            "scoreTransaction",
            json!({"chain": "ethereum", "to": USDC, "value": "1", "from": "me"}),
            400,
            "unsupported-address",
            "/from",
        ),
    ] {
        let (given, problem, _) = bench.ask(ask(operation, &body)).await;
        assert_eq!((given, problem["code"].as_str()), (status, Some(code)), "{problem}");
        assert_eq!(problem["errors"][0]["pointer"].as_str().unwrap_or_default(), pointer, "{problem}");
    }
    assert!(bench.events().await.is_empty());
}

#[test]
fn the_doors_are_described() {
    let functions = BTreeMap::from([("risk-score".to_owned(), operations())]);
    let document = scorpius_edge::openapi::document(&functions);
    for (schema, member) in [("Verdict", "inputs_sha256"), ("ProvedVerdict", "proof"), ("Replay", "same")] {
        let described = &document["components"]["schemas"][schema]["properties"][member];
        assert!(described.is_object(), "{schema}: {}", document["components"]["schemas"][schema]);
    }
    let manifest = include_str!("../../../../infra/stack.json");
    let manifest = scorpius_edge::manifest::Manifest::parse(manifest).expect("the manifest");
    let wired: Vec<_> = manifest.routes().filter(|(name, ..)| *name == "risk-score").collect();
    let mut offered = operations();
    offered.sort_by_key(|operation| operation.route);
    let offered: Vec<_> = offered
        .iter()
        .map(|operation| match operation.access {
            Access::Action(action) => ("risk-score", operation.route, action),
            Access::Public => ("risk-score", operation.route, "public"),
        })
        .collect();
    assert_eq!(offered, wired);
    let told: Vec<_> = crate::events().iter().map(|event| event.kind).collect();
    assert_eq!(told, ["scorpius.risk.disputed.v1", "scorpius.risk.resolved.v1", "scorpius.risk.scored.v1"]);
}

#[test]
fn the_examples_of_the_operations_are_taken() {
    for operation in operations() {
        let Some(example) = operation.example else { continue };
        match operation.id {
            "scoreAddress" => assert!(serde_json::from_str::<AddressRequest>(example).is_ok()),
            "scoreToken" => assert!(serde_json::from_str::<TokenRequest>(example).is_ok()),
            "scoreTransaction" => assert!(serde_json::from_str::<TransactionRequest>(example).is_ok()),
            "scoreDomain" => assert!(serde_json::from_str::<DomainRequest>(example).is_ok()),
            "scoreSignature" => assert!(serde_json::from_str::<SignatureRequest>(example).is_ok()),
            "scoreBatch" => assert!(serde_json::from_str::<BatchRequest>(example).is_ok()),
            "searchThreats" => assert!(serde_json::from_str::<ThreatSearch>(example).is_ok()),
            "resolveVerdict" => assert!(serde_json::from_str::<OutcomeRequest>(example).is_ok()),
            "disputeVerdict" => assert!(serde_json::from_str::<DisputeRequest>(example).is_ok()),
            other => panic!("an example for `{other}`"),
        }
    }
}

#[tokio::test]
async fn the_example_events_are_answered() {
    let bench = bench();
    let operations = operations();
    let door = scorpius_edge::serve::Door {
        function: "risk-score",
        operations: &operations,
        gate: scorpius_edge::authorize::RoleTable::shared(),
        clock: &*bench.clock,
        limiter: None,
        signatures: None,
    };
    let serve = async |text: &str, id: Option<&str>| {
        let mut event: HttpEvent = serde_json::from_str(text).expect("an event");
        if let Some(id) = id {
            event.path_parameters = Some(BTreeMap::from([("id".to_owned(), id.to_owned())]));
        }
        let answer =
            scorpius_edge::serve(&door, event, std::future::pending(), |request| handle(&bench.app, request))
                .await;
        let body: Value = serde_json::from_str(&answer.body).expect("JSON");
        (answer.status_code, body)
    };
    let (status, verdict) = serve(include_str!("../../../../events/risk-score/address.json"), None).await;
    assert_eq!((status, &verdict["level"]), (200, &json!("critical")), "{verdict}");
    let (status, approval) =
        serve(include_str!("../../../../events/risk-score/transaction.json"), None).await;
    assert_eq!((status, &approval["level"]), (200, &json!("caution")), "{approval}");
    let (status, permit) = serve(include_str!("../../../../events/risk-score/signature.json"), None).await;
    assert_eq!((status, &permit["level"]), (200, &json!("critical")), "{permit}");
    let id = verdict["id"].as_str();
    let (status, shown) = serve(include_str!("../../../../events/risk-score/verdict.json"), id).await;
    assert_eq!((status, &shown["id"]), (200, &verdict["id"]));
    let (status, replayed) = serve(include_str!("../../../../events/risk-score/replay.json"), id).await;
    assert_eq!((status, &replayed["same"]), (200, &json!(true)));
    let (status, problem) = serve(include_str!("../../../../events/risk-score/mistyped.json"), None).await;
    assert_eq!((status, &problem["code"]), (400, &json!("invalid-address")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_body_makes_the_doors_fail(body in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        "\\{\"chain\":\"(ethereum|eip155:1|x)\",\"(to|address)\":\"0x[0-9a-fA-F]{38,40}\",\"value\":\"[0-9]{0,80}\",\"data\":\"0x[0-9a-f]{0,80}\"\\}".prop_map(String::into_bytes),
    ]) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let bench = bench();
            for operation in ["scoreAddress", "scoreTransaction", "scoreSignature", "scoreDomain"] {
                let text = String::from_utf8_lossy(&body).into_owned();
                let (status, problem, _) = bench.ask(Ask { body: text, ..ask(operation, &json!({})) }).await;
                assert!(status == 200 || (400..500).contains(&status), "{problem}");
            }
        });
    }
}

mod codes;
mod many;
mod messages;
mod outcomes;
mod search;
mod simulation;
mod sites;
mod tokens;
