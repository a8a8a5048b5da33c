//! Scans as work: what overtakes what, how far a scan is, and targets that are scanned again and again.

use std::collections::BTreeMap;
use std::time::Duration;

use scorpius_core::{Clock, Event, UnixMillis};
use scorpius_identity::ApiSecret;
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::entries::ledger;
use crate::tree;

/// PUSH1 0 CALLDATALOAD SELFDESTRUCT: a contract that anyone may destroy.
const OPEN_TO_ALL: &str = "0x600035ff";
const HOUR_MS: u64 = 3_600_000;
const QUEUES: [&str; 3] = ["scan-high", "scan", "scan-low"];

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().expect("a text")
}

async fn asked(desk: &Desk, priority: &str) -> String {
    let scan = json!({"bytecode": OPEN_TO_ALL, "budget": "quick", "priority": priority});
    let scan = desk.post("/v1/scans", &scan).await.expect(202);
    assert_eq!(text(&scan, "priority"), priority);
    text(&scan, "id").to_owned()
}

/// How many events of `kind` the ledger has.
async fn told(desk: &Desk, kind: &str) -> usize {
    ledger(&desk.host).await.into_values().filter(|entry| entry["type"] == kind).count()
}

#[tokio::test]
async fn a_scan_of_high_priority_is_handed_out_before_fifty_low_ones_that_wait() {
    let desk = Desk::open().await;
    let mut asked_for = Vec::new();
    for _ in 0..50 {
        asked_for.push(asked(&desk, "low").await);
    }
    asked_for.push(asked(&desk, "normal").await);
    let high = asked(&desk, "high").await;
    while desk.host.relay.sweep(0, 1_000).await.expect("it relays").goes_on() {}

    // A term that is over at once: the messages stay for the workers.
    let queues = &desk.host.local.queues;
    let first = queues.receive_within(&QUEUES, 1, Duration::ZERO, Duration::ZERO).await.expect("queues");
    let first = Event::parse(&first.first().expect("a message").body).expect("an event");
    assert_eq!((first.kind.as_str(), &first.aggregate), ("scorpius.scan.high_requested.v1", &high));
    let depths: BTreeMap<&str, u64> = [("scan-high", 1), ("scan", 1), ("scan-low", 50)].into();
    let said = desk.get("/v1/admin/queues").await.expect(200);
    for queue in said["queues"].as_array().expect("queues") {
        if let Some(depth) = depths.get(text(queue, "queue")) {
            assert_eq!(queue["messages"], *depth, "{queue}");
        }
    }

    desk.settle().await;
    for id in asked_for.iter().chain([&high]) {
        assert_eq!(desk.get(&format!("/v1/scans/{id}")).await.expect(200)["status"], "completed");
    }
}

#[tokio::test]
async fn a_scan_says_how_far_it_is_until_it_is_over() {
    let desk = Desk::open().await;
    let id = asked(&desk, "normal").await;
    let path = format!("/v1/scans/{id}");
    let waiting = desk.get(&path).await.expect(200);
    assert_eq!(waiting["progress"], json!({"stage": "queued", "since": waiting["requested_at"]}));
    let other = asked(&desk, "normal").await;
    desk.post(&format!("/v1/scans/{other}/cancel"), &json!({})).await.expect(200);
    desk.settle().await;
    for (path, status) in [(path, "completed"), (format!("/v1/scans/{other}"), "cancelled")] {
        let over = desk.get(&path).await.expect(200);
        assert_eq!((text(&over, "status"), over.get("progress")), (status, None));
    }
    assert_eq!(told(&desk, "scorpius.scan.completed.v1").await, 1);
}

#[tokio::test]
async fn a_scan_with_the_compilers_output_has_lines_and_nobody_elses_of_the_same_code_has() {
    let desk = Desk::open().await;
    let theirs = desk.second_tenant().await;
    let fixture: Value =
        serde_json::from_str(&tree::read("shared/scan/fixtures/compiled/old.json")).expect("JSON");
    let contract = &fixture["output"]["contracts"]["contracts/Old.sol"]["Old"];
    let code = format!("0x{}", text(&contract["evm"]["deployedBytecode"], "object"));
    let source = text(&fixture["input"]["sources"]["contracts/Old.sol"], "content");
    let fault = 1 + source.lines().position(|line| line.contains("selfdestruct(heir)")).expect("a line");
    let plain = json!({"bytecode": code});
    let with =
        json!({"bytecode": code, "compiled": {"output": fixture["output"], "sources": fixture["input"]}});
    let scanned = async |key: &str, body: &Value| {
        let headers = [("content-type", "application/json"), ("x-api-key", key)];
        let made = desk.ask("POST", "/v1/scans", &headers, body.to_string().as_bytes()).await.expect(202);
        desk.settle().await;
        let path = format!("/v1/scans/{}", text(&made, "id"));
        let shown = desk.ask("GET", &path, &headers, b"").await.expect(200);
        let sarif = desk.ask("GET", &format!("{path}/sarif"), &headers, b"").await.expect(200);
        (shown, sarif)
    };
    let destroys = |shown: &Value| {
        let findings = shown["report"]["findings"].as_array().expect("findings").clone();
        let found = findings.into_iter().find(|it| it["detector"] == "unguarded-selfdestruct");
        found.expect("the finding")
    };
    let (shown, sarif) = scanned(&desk.api_key, &with).await;
    let origin = &destroys(&shown)["origin"];
    assert_eq!((text(origin, "kind"), &origin["place"]["line"]), ("source", &json!(fault)));
    let results = sarif["runs"][0]["results"].as_array().expect("results");
    let result = results.iter().find(|it| it["ruleId"] == "unguarded-selfdestruct").expect("the result");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "contracts/Old.sol");
    assert_eq!(place["region"]["startLine"], json!(fault));
    for key in [&desk.api_key, &theirs] {
        let (bare, sarif) = scanned(key, &plain).await;
        assert_eq!(bare["result"]["report_sha256"], shown["result"]["report_sha256"]);
        assert_eq!(destroys(&bare).get("origin"), None);
        assert!(!sarif.to_string().contains("Old.sol"));
    }
    // What is told to others names no file.
    let now = desk.clock.now();
    let (from, to) = (UnixMillis(now.0 - HOUR_MS), now.plus_s(60));
    for kind in ["scorpius.scan.requested.v1", "scorpius.scan.completed.v1"] {
        let path = format!("/v1/audit/events?from={from}&to={to}&type={kind}");
        let events = desk.get(&path).await.expect(200);
        assert_eq!(events["events"].as_array().map(Vec::len), Some(2), "{events}");
        assert!(!events.to_string().contains("Old.sol"), "{events}");
    }
    let other = json!({"bytecode": OPEN_TO_ALL, "compiled": with["compiled"]});
    let refused = desk.post("/v1/scans", &other).await.expect(422);
    assert_eq!(text(&refused, "code"), "other-code");
}

#[tokio::test]
async fn a_schedule_scans_its_target_each_period_and_not_while_its_tenant_is_suspended() {
    let desk = Desk::open().await;
    let key = desk.second_tenant().await;
    let tenant = key.parse::<ApiSecret>().expect("a key").tenant().to_string();
    let headers = [("x-api-key", key.as_str()), ("content-type", "application/json")];
    let post =
        async |path: &str, body: Value| desk.ask("POST", path, &headers, body.to_string().as_bytes()).await;
    let scan = post("/v1/scans", json!({"bytecode": OPEN_TO_ALL, "label": "vault"})).await.expect(202);
    desk.settle().await;
    let asked = json!({"scan_id": scan["id"], "interval_hours": 1, "budget": "quick"});
    let schedule = post("/v1/scan-schedules", asked).await.expect(201);
    let path = format!("/v1/scan-schedules/{}", text(&schedule, "id"));
    assert_eq!(desk.get(&path).await.status, 404, "another tenant's schedule");

    let told = async |kind: &str| {
        let now = desk.clock.now();
        let (from, to) = (UnixMillis(now.0 - 86_400_000), now.plus_s(86_400));
        let path = format!("/v1/audit/events?from={from}&to={to}&type={kind}");
        let events = desk.ask("GET", &path, &headers, b"").await.expect(200);
        events["events"].as_array().map_or(0, Vec::len)
    };
    let period = async || {
        desk.clock.advance_ms(HOUR_MS);
        // The second of two ticks finds nothing to do.
        desk.host.tick("scan-rescan").await.expect("it ticks");
        desk.host.tick("scan-rescan").await.expect("it ticks");
        desk.settle().await;
    };
    let started = async || told("scorpius.scan.low_requested.v1").await;
    period().await;
    assert_eq!(started().await, 1);
    let seen = desk.ask("GET", &path, &headers, b"").await.expect(200);
    let again = format!("/v1/scans/{}", text(&seen, "last_scan_id"));
    let again = desk.ask("GET", &again, &headers, b"").await.expect(200);
    assert_eq!((text(&again, "status"), text(&again, "label")), ("completed", "vault"));
    assert_eq!(again["rescan"], json!({"schedule_id": schedule["id"], "previous_scan_id": scan["id"]}));
    // The same engine finds the same in the same code.
    assert_eq!(told("scorpius.scan.changed.v1").await, 0);

    desk.post(&format!("/v1/admin/tenants/{tenant}/suspend"), &json!({})).await.expect(200);
    period().await;
    desk.post(&format!("/v1/admin/tenants/{tenant}/resume"), &json!({})).await.expect(200);
    assert_eq!(started().await, 1);
    let seen = desk.ask("GET", &path, &headers, b"").await.expect(200);
    assert_eq!((text(&seen, "missed"), &seen["runs"]), ("suspended", &json!(1)));
    period().await;
    assert_eq!(started().await, 2);

    assert_eq!(desk.ask("DELETE", &path, &headers, b"").await.status, 204);
    period().await;
    assert_eq!(started().await, 2);
    assert_eq!(told("scorpius.scan.schedule_deleted.v1").await, 1);
}
