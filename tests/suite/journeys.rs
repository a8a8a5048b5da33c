//! Stories through several functions, on the real host.

use std::sync::Arc;

use scorpius_core::{Bus, Event, ListQuery, Store, SystemClock, UnixMillis, Write};
use scorpius_edge::queue::AuditBatch;
use scorpius_ledger::verify::{self, Verdict};
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::entries::ledger;

/// PUSH1 0 CALLDATALOAD SELFDESTRUCT: a contract that anyone may destroy.
const OPEN_TO_ALL: &str = "0x600035ff";
/// Circle's USD Coin on Ethereum.
const USDC: &str = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";

fn address(text: &str) -> Value {
    json!({"chain": "eip155:1", "address": text})
}

#[tokio::test]
async fn a_verdict_is_in_the_ledger_with_a_proof() {
    let desk = Desk::open().await;
    let verdict = desk.post("/v1/risk/address", &address(USDC)).await.expect(200);
    let id = verdict["id"].as_str().expect("an id");
    let before = desk.get(&format!("/v1/verdicts/{id}")).await.expect(200);
    assert_eq!(before["proof"]["status"], "pending", "{before}");
    desk.settle().await;
    let after = desk.get(&format!("/v1/verdicts/{id}")).await.expect(200);
    assert_eq!(after["proof"]["status"], "included", "{after}");
}

#[tokio::test]
async fn a_scan_goes_through_its_queue_and_comes_back_with_findings() {
    let desk = Desk::open().await;
    let scan = desk.post("/v1/scans", &json!({"bytecode": OPEN_TO_ALL})).await.expect(202);
    let path = format!("/v1/scans/{}", scan["id"].as_str().expect("an id"));
    assert_eq!(desk.get(&path).await.expect(200)["status"], "queued");
    desk.settle().await;
    let done = desk.get(&path).await.expect(200);
    assert_eq!(done["status"], "completed");
    let findings = done["report"]["findings"].as_array().expect("findings");
    assert!(findings.iter().any(|finding| finding["swc"] == 106), "{done}");
    let sarif = desk.get(&format!("{path}/sarif")).await.expect(200);
    assert_eq!(sarif["version"], "2.1.0");
}

#[tokio::test]
async fn the_same_key_gets_the_same_answer_and_another_body_a_conflict() {
    let desk = Desk::open().await;
    let first = desk.post_once("/v1/risk/address", "key-1", &address(USDC)).await.expect(200);
    let again = desk.post_once("/v1/risk/address", "key-1", &address(USDC)).await;
    assert_eq!(again.answer.headers["idempotency-replayed"], "true");
    assert_eq!(again.expect(200), first);
    let other = json!({"chain": "eip155:10", "address": USDC});
    let refused = desk.post_once("/v1/risk/address", "key-1", &other).await;
    assert_eq!(refused.text("code"), "idempotency-conflict");
    desk.settle().await;
    let scored =
        ledger(&desk.host).await.into_values().filter(|entry| entry["type"] == "scorpius.risk.scored.v1");
    assert_eq!(scored.count(), 1);
}

#[tokio::test]
async fn a_relay_that_never_runs_loses_nothing() {
    let desk = Desk::open_with(|settings| settings.relay = false).await;
    let mut verdicts = Vec::new();
    for number in 0..150_u32 {
        let verdict = desk.post("/v1/risk/address", &address(&format!("0x{number:040x}"))).await.expect(200);
        verdicts.push(verdict["id"].as_str().expect("an id").to_owned());
    }
    desk.host.tick("outbox-sweep").await.expect("it sweeps");
    assert_eq!(outbox_rows(&desk).await, 151, "the sweep leaves to the relay what is young");
    desk.clock.advance_ms(61_000);
    desk.host.tick("outbox-sweep").await.expect("it sweeps");
    assert_eq!(outbox_rows(&desk).await, 0);
    desk.settle().await;
    let entries = ledger(&desk.host).await;
    for id in verdicts {
        assert!(
            entries.values().any(|entry| entry["payload"]["aggregate"] == id),
            "{id} is not in the ledger"
        );
    }
}

async fn outbox_rows(desk: &Desk) -> usize {
    let mut rows = 0;
    for shard in 0..scorpius_core::store::OUTBOX_PARTITIONS {
        rows += desk
            .host
            .local
            .store
            .list(&ListQuery::all(format!("outbox#{shard}")))
            .await
            .expect("a page")
            .records
            .len();
    }
    rows
}

#[tokio::test]
async fn events_that_come_again_in_other_batches_stand_in_the_ledger_once() {
    let desk = Desk::open().await;
    for number in 0..40_u32 {
        desk.post("/v1/risk/address", &address(&format!("0x{number:040x}"))).await.expect(200);
    }
    let events = outbox_events(&desk).await;
    desk.settle().await;
    let before = ledger(&desk.host).await;
    assert!(events.iter().all(|event| before.contains_key(&event.id)));

    // The same events, cut differently and in another order, as a stream and a sweep at once would bring them.
    let mut regrouped: Vec<Vec<&Event>> = vec![Vec::new(); 7];
    for (number, event) in events.iter().rev().enumerate() {
        regrouped[number % 7].push(event);
    }
    for group in regrouped.iter().chain(&regrouped) {
        send_batch(&desk, group).await;
    }
    desk.settle().await;
    assert_eq!(ledger(&desk.host).await, before);
}

async fn outbox_events(desk: &Desk) -> Vec<Event> {
    let mut events = Vec::new();
    for shard in 0..scorpius_core::store::OUTBOX_PARTITIONS {
        let page =
            desk.host.local.store.list(&ListQuery::all(format!("outbox#{shard}"))).await.expect("a page");
        events.extend(page.records.iter().map(|row| row.document::<Event>().expect("an event")));
    }
    events
}

async fn send_batch(desk: &Desk, events: &[&Event]) {
    let body = serde_json::to_vec(events).expect("JSON");
    let blob = scorpius_core::BlobName::of_content("audit-batches", &body);
    let sha256 = blob.as_str().rsplit('/').next().expect("a digest").to_owned();
    let batch_id = scorpius_core::new_id("bat", &*desk.clock);
    let batch = AuditBatch { batch_id, blob: blob.to_string(), sha256, count: events.len() };
    scorpius_core::Blobs::put_if_absent(&desk.host.local.blobs, &blob, body.into())
        .await
        .expect("it is stored");
    let message = serde_json::to_vec(&batch).expect("JSON");
    desk.host.local.queues.send("audit", &message).await.expect("it is sent");
}

#[tokio::test]
async fn an_event_derived_too_often_is_a_dead_letter_that_an_operator_can_see_and_redrive() {
    let desk = Desk::open().await;
    desk.post("/v1/scans", &json!({"bytecode": OPEN_TO_ALL})).await.expect(202);
    let mut event = outbox_events(&desk)
        .await
        .into_iter()
        .find(|event| event.kind == "scorpius.scan.requested.v1")
        .expect("a request");
    event.hops = scorpius_core::event::HOPS_MAX;
    desk.host.local.queues.publish(&[event]).await.expect("it is published");
    desk.settle().await;
    let scan = |said: &Value| {
        said["queues"]
            .as_array()
            .expect("a list")
            .iter()
            .find(|queue| queue["queue"] == "scan")
            .cloned()
            .expect("it")
    };
    let queues = desk.get("/v1/admin/queues").await.expect(200);
    assert_eq!((&scan(&queues)["dead_letters"], &scan(&queues)["messages"]), (&json!(1), &json!(0)));

    let redriven = desk.post("/v1/admin/queues/scan/redrive", &json!({"max": 10})).await.expect(202);
    assert_eq!(redriven["queue"], "scan");
    let queues = desk.get("/v1/admin/queues").await.expect(200);
    assert_eq!((&scan(&queues)["dead_letters"], &scan(&queues)["messages"]), (&json!(0), &json!(1)));
    desk.settle().await;
    let wishes =
        ledger(&desk.host).await.into_values().filter(|e| e["type"] == "scorpius.admin.redrive_requested.v1");
    assert_eq!(wishes.count(), 1);
    assert_eq!(desk.post("/v1/admin/queues/none/redrive", &json!({})).await.status, 404);
}

#[tokio::test]
async fn a_restart_loses_nothing() {
    let desk = Desk::open().await;
    let verdict = desk.post("/v1/risk/address", &address(USDC)).await.expect(200);
    let scan = desk.post("/v1/scans", &json!({"bytecode": OPEN_TO_ALL})).await.expect(202);
    let desk = desk.restart().await;
    desk.settle().await;
    let verdict =
        desk.get(&format!("/v1/verdicts/{}", verdict["id"].as_str().expect("an id"))).await.expect(200);
    assert_eq!(verdict["proof"]["status"], "included");
    let scan = desk.get(&format!("/v1/scans/{}", scan["id"].as_str().expect("an id"))).await.expect(200);
    assert_eq!(scan["status"], "completed");
}

#[tokio::test]
async fn evidence_is_checked_offline_with_a_key_from_elsewhere() {
    let desk = Desk::open().await;
    for number in 0..5_u32 {
        desk.post("/v1/risk/address", &address(&format!("0x{number:040x}"))).await.expect(200);
    }
    let ids: Vec<_> = outbox_events(&desk).await.into_iter().map(|event| event.id).collect();
    desk.settle().await;
    let bundle = desk.post("/v1/audit/bundles", &json!({"event_ids": ids})).await.expect(200);
    let bytes = serde_json::to_vec(&bundle).expect("JSON");
    let report = verify::bundle(&bytes, std::slice::from_ref(desk.host.functions.verifier_key()));
    assert_eq!(report.verdict, Verdict::Verified, "{report}");
    assert_eq!(report.entries.len(), ids.len());
    assert!(report.to_string().contains("0 of 0"), "{report}");

    // The stream of a standing clock's randomness is the same for every desk: keys of another need another clock.
    let other = Desk::open_with(|settings| settings.clock = Arc::new(SystemClock)).await;
    let report = verify::bundle(&bytes, std::slice::from_ref(other.host.functions.verifier_key()));
    assert_eq!(report.verdict, Verdict::Refused, "{report}");
}

#[tokio::test]
async fn a_reviewer_finds_what_was_done_and_proves_it() {
    let desk = Desk::open().await;
    desk.post("/v1/risk/address", &address(USDC)).await.expect(200);
    desk.post("/v1/scans", &json!({"bytecode": OPEN_TO_ALL})).await.expect(202);
    let at: UnixMillis = outbox_events(&desk).await[0].time.parse().expect("a time");
    desk.settle().await;
    let (from, to) = (UnixMillis(at.0 - 86_400_000).to_string(), at.plus_s(86_400).to_string());
    let path = |more: &str| format!("/v1/audit/events?from={from}&to={to}{more}");

    let scored = desk.get(&path("&type=scorpius.risk.scored.v1")).await.expect(200);
    assert_eq!(scored["events"].as_array().map(Vec::len), Some(1), "{scored}");
    let event = &scored["events"][0];
    assert_eq!(
        (&event["included"], &event["entry"]["type"]),
        (&json!(true), &json!("scorpius.risk.scored.v1"))
    );
    let (id, actor) = (&event["entry"]["id"], event["payload"]["actor"].as_str().expect("an actor"));
    let mine = desk.get(&path(&format!("&subject={actor}&order=asc"))).await.expect(200);
    let mine = mine["events"].as_array().expect("events").clone();
    assert!(mine.iter().any(|event| event["entry"]["id"] == *id) && mine.len() > 1, "{mine:?}");

    let ask = json!({"framework": "sox", "from": from, "to": to});
    let report = desk.post("/v1/audit/reports", &ask).await.expect(200);
    let bytes = serde_json::to_vec(&report).expect("JSON");
    let judged = verify::bundle(&bytes, std::slice::from_ref(desk.host.functions.verifier_key()));
    assert_eq!((judged.verdict, judged.evidence), (Verdict::Verified, Some(Vec::new())));

    let stranger = desk.second_tenant().await;
    let headers = [("x-api-key", stranger.as_str())];
    let theirs = desk.ask("GET", &path(""), &headers, b"").await.expect(200);
    let seen = theirs["events"].as_array().expect("events");
    assert!(seen.iter().all(|theirs| mine.iter().all(|mine| mine["index"] != theirs["index"])), "{theirs}");
}

#[tokio::test]
async fn one_tenant_s_things_are_not_there_for_another() {
    let desk = Desk::open().await;
    let verdict = desk.post("/v1/risk/address", &address(USDC)).await.expect(200);
    let scan = desk.post("/v1/scans", &json!({"bytecode": OPEN_TO_ALL})).await.expect(202);
    let events: Vec<_> = outbox_events(&desk).await.into_iter().map(|event| event.id).collect();
    desk.settle().await;
    let stranger = desk.second_tenant().await;
    let headers = [("x-api-key", stranger.as_str()), ("content-type", "application/json")];
    for path in [
        format!("/v1/verdicts/{}", verdict["id"].as_str().expect("an id")),
        format!("/v1/scans/{}", scan["id"].as_str().expect("an id")),
        format!("/v1/audit/proofs?event_id={}", events[0]),
    ] {
        assert_eq!(desk.get(&path).await.status, 200, "{path}");
        assert_eq!(desk.ask("GET", &path, &headers, b"").await.status, 404, "{path}");
    }
    let bundle = json!({"event_ids": [events[0]]}).to_string();
    assert_eq!(desk.ask("POST", "/v1/audit/bundles", &headers, bundle.as_bytes()).await.status, 404);
    assert_eq!(desk.ask("GET", "/v1/admin/queues", &headers, b"").await.status, 403);
}

#[tokio::test]
async fn an_outbox_row_that_holds_no_event_blocks_no_other() {
    let desk = Desk::open().await;
    let junk =
        Write::put(scorpius_core::Key::new("outbox#3", "evt_0"), &"junk", scorpius_core::Condition::Absent);
    let id = scorpius_core::CommitId::new(&*desk.clock);
    desk.host.local.store.commit(id, &[junk]).await.expect("it is stored");
    desk.post("/v1/risk/address", &address(USDC)).await.expect(200);
    desk.settle().await;
    assert!(ledger(&desk.host).await.values().any(|entry| entry["type"] == "scorpius.risk.scored.v1"));
    assert_eq!(outbox_rows(&desk).await, 1, "the defect stays where an operator finds it");
}

#[tokio::test]
async fn health_doors_answer_without_a_credential() {
    let desk = Desk::open().await;
    for path in ["/healthz", "/readyz", "/health", "/health/live", "/health/ready", "/health/deep"] {
        let said = desk.ask("GET", path, &[("x-api-key", "")], b"").await;
        assert_eq!(said.status, 200, "{path}: {}", said.answer.body);
        assert_eq!(said.json["status"], "ok", "{path}");
    }
    let deep = desk.get("/health/deep").await.expect(200);
    let parts: Vec<_> = deep["parts"].as_array().expect("parts").iter().map(|part| &part["name"]).collect();
    assert_eq!(parts, ["store", "blobs", "keys"]);
}

#[tokio::test]
async fn browsers_may_call_from_the_origins_that_the_operator_names_and_from_no_other() {
    let friend = "https://console.example";
    let desk = Desk::open_with(|settings| settings.cors.origins.push(friend.to_owned())).await;
    let preflight = desk.ask("OPTIONS", "/v1/risk/address", &[("origin", friend)], b"").await;
    assert_eq!((preflight.status, &*preflight.answer.headers["access-control-allow-origin"]), (204, friend));
    assert!(preflight.answer.headers["access-control-allow-headers"].contains("x-api-key"));
    let answer = desk.ask("GET", "/healthz", &[("origin", friend)], b"").await.answer;
    assert_eq!(answer.headers["access-control-allow-origin"], friend);

    let stranger = "https://console.example.evil";
    for method in ["OPTIONS", "GET"] {
        let answer = desk.ask(method, "/healthz", &[("origin", stranger)], b"").await.answer;
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{method}");
    }
}
