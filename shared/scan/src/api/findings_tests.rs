//! Comparing, calling off and deciding.

use scorpius_edge::Outcome;
use serde_json::{Value, json};

use crate::testing::{OTHER_TENANT, TENANT, World, get, json, post};
use crate::worker;

const FINGERPRINT: &str = "00112233445566778899aabbccddeeff";

async fn done(world: &World, bytecode: &str) -> String {
    let id = world.scan(bytecode).await;
    assert_eq!(worker::handle(&world.worker, &world.message(&id).await).await, Outcome::Done);
    id
}

async fn compare(world: &World, later: &str, against: &str) -> (u16, Value) {
    let mut request = get("compareScans", TENANT, Some(later));
    request.query.insert("against".to_owned(), against.to_owned());
    let answer = world.ask(request).await;
    (answer.status.as_u16(), json(&answer))
}

async fn decide(world: &World, fingerprint: &str, body: &Value) -> (u16, Value) {
    let mut request = post("decideFinding", body);
    request.parameters.insert("fingerprint".to_owned(), fingerprint.to_owned());
    let answer = world.ask(request).await;
    (answer.status.as_u16(), json(&answer))
}

#[tokio::test]
async fn two_scans_are_compared_finding_by_finding() {
    let world = World::new();
    // CALLER SELFDESTRUCT, and nothing.
    let (bad, good, again) =
        (done(&world, "0x33ff").await, done(&world, "0x00").await, done(&world, "0x33ff").await);
    let (_, better) = compare(&world, &good, &bad).await;
    assert_eq!([&better["new_count"], &better["fixed_count"], &better["unchanged_count"]], [0, 1, 0]);
    assert_eq!(better["fixed"][0]["detector"], "unguarded-selfdestruct");
    let (_, worse) = compare(&world, &bad, &good).await;
    assert_eq!((worse["new_count"].as_u64(), worse["new"][0]["place"].as_str()), (Some(1), Some("1")));
    let (_, same) = compare(&world, &again, &bad).await;
    assert_eq!([&same["new_count"], &same["fixed_count"], &same["unchanged_count"]], [0, 0, 1]);
    assert_eq!((same["incomplete"].as_bool(), same["against"].as_str()), (Some(false), Some(bad.as_str())));
}

#[tokio::test]
async fn what_cannot_be_compared_is_refused() {
    let world = World::new();
    let (first, queued) = (done(&world, "0x33ff").await, world.scan("0x00").await);
    let solidity = json(&world.ask(post("createScan", &json!({"files": {"A.sol": "contract A {}"}}))).await);
    let solidity = solidity["id"].as_str().expect("an id");
    assert_eq!(worker::handle(&world.worker, &world.message(solidity).await).await, Outcome::Done);
    for (against, status) in [
        ("", 400),
        (queued.as_str(), 409),
        ("scn_00000000000000000000000000000000", 404),
        ("x", 404),
        (solidity, 400),
    ] {
        assert_eq!(compare(&world, &first, against).await.0, status, "{against}");
    }
    let mut theirs = get("compareScans", OTHER_TENANT, Some(&first));
    theirs.query.insert("against".to_owned(), first.clone());
    assert_eq!(world.ask(theirs).await.status.as_u16(), 404);
}

#[tokio::test]
async fn a_scan_is_called_off_once_and_never_runs() {
    let world = World::new();
    let id = world.scan("0x33ff").await;
    let message = world.message(&id).await;
    let theirs = world.ask(get("cancelScan", OTHER_TENANT, Some(&id))).await;
    assert_eq!(theirs.status.as_u16(), 404);
    let first = world.ask(get("cancelScan", TENANT, Some(&id))).await;
    assert_eq!((first.status.as_u16(), json(&first)["status"].as_str()), (200, Some("cancelled")));
    let second = world.ask(get("cancelScan", TENANT, Some(&id))).await;
    assert_eq!((second.status.as_u16(), json(&second)["code"].as_str()), (409, Some("scan-finished")));
    assert_eq!(worker::handle(&world.worker, &message).await, Outcome::Done);
    let events = world.emitted().await;
    let of_scan: Vec<_> =
        events.iter().filter(|it| it.aggregate == id).map(|it| (it.kind.as_str(), it.sequence)).collect();
    assert_eq!(of_scan, [("scorpius.scan.requested.v1", 1), ("scorpius.scan.cancelled.v1", 2)]);
    let sarif = world.ask(get("getScanSarif", TENANT, Some(&id))).await;
    assert_eq!(json(&sarif)["code"], "scan-failed");
    let over = done(&world, "0x00").await;
    assert_eq!(world.ask(get("cancelScan", TENANT, Some(&over))).await.status.as_u16(), 409);
}

#[tokio::test]
async fn scans_are_filtered_by_status_and_input() {
    let world = World::new();
    let (finished, waiting) = (done(&world, "0x33ff").await, world.scan("0x00").await);
    for (query, expected) in [
        (("status", "completed"), json!([finished])),
        (("status", "queued"), json!([waiting])),
        (("input", "solidity"), json!([])),
    ] {
        let mut request = get("listScans", TENANT, None);
        request.query.insert(query.0.to_owned(), query.1.to_owned());
        let list = json(&world.ask(request).await);
        let ids: Vec<&Value> = list["scans"].as_array().expect("a list").iter().map(|it| &it["id"]).collect();
        assert_eq!(json!(ids), expected, "{query:?}");
    }
    let mut request = get("listScans", TENANT, None);
    request.query.insert("status".to_owned(), "odd".to_owned());
    assert_eq!(world.ask(request).await.status.as_u16(), 400);
}

#[tokio::test]
async fn a_decision_stands_beside_its_finding_until_it_expires() {
    let world = World::new();
    let id = done(&world, "0x33ff").await;
    let shown = json(&world.ask(get("getScan", TENANT, Some(&id))).await);
    let fingerprint = shown["report"]["findings"][0]["fingerprint"].as_str().expect("one").to_owned();
    assert!(shown.get("triage").is_none());
    let body =
        json!({"state": "accepted_risk", "reason": "it ends in May", "expires_at": "2030-05-31T00:00:00Z"});
    let (status, decision) = decide(&world, &fingerprint, &body).await;
    assert_eq!((status, decision["revision"].as_u64()), (200, Some(1)));
    let shown = json(&world.ask(get("getScan", TENANT, Some(&id))).await);
    assert_eq!(
        (&shown["triage"][0]["fingerprint"], &shown["triage"][0]["state"]),
        (&json!(fingerprint), &json!("accepted_risk"))
    );
    let sarif = json(&world.ask(get("getScanSarif", TENANT, Some(&id))).await);
    assert_eq!(
        sarif["runs"][0]["results"][0]["suppressions"],
        json!([{"kind": "external", "status": "accepted", "justification": "it ends in May"}])
    );
    let (_, compared) = compare(&world, &id, &id).await;
    assert_eq!(compared["unchanged"][0]["state"], "accepted_risk");
    // Of another tenant it says nothing.
    let theirs = json(&world.ask(get("listDecisions", OTHER_TENANT, None)).await);
    assert_eq!(theirs["decisions"], json!([]));
    let (_, again) =
        decide(&world, &fingerprint, &json!({"state": "confirmed", "reason": "it is true"})).await;
    assert_eq!(again["revision"], 2);
    let events = world.emitted().await;
    let last = events.iter().rfind(|it| it.aggregate == fingerprint).expect("an event");
    assert_eq!((last.kind.as_str(), last.sequence), ("scorpius.scan.finding_triaged.v1", 2));
    assert!(!last.to_json().contains("it is true"), "a reason is the tenant's own");
    let sarif = json(&world.ask(get("getScanSarif", TENANT, Some(&id))).await);
    assert!(sarif["runs"][0]["results"][0].get("suppressions").is_none());
}

#[tokio::test]
async fn a_decision_that_is_over_is_listed_and_no_longer_holds() {
    let world = World::new();
    let id = done(&world, "0x33ff").await;
    let shown = json(&world.ask(get("getScan", TENANT, Some(&id))).await);
    let fingerprint = shown["report"]["findings"][0]["fingerprint"].as_str().expect("one").to_owned();
    let soon = scorpius_core::UnixMillis(crate::testing::NOW.0 + 60_000).to_string();
    decide(&world, &fingerprint, &json!({"state": "false_positive", "reason": "looked", "expires_at": soon}))
        .await;
    let mut later = get("getScan", TENANT, Some(&id));
    later.received_at = scorpius_core::UnixMillis(crate::testing::NOW.0 + 60_000);
    assert!(json(&world.ask(later).await).get("triage").is_none());
    let list = json(&world.ask(get("listDecisions", TENANT, None)).await);
    assert_eq!(list["decisions"][0]["fingerprint"], json!(fingerprint));
}

#[tokio::test]
async fn what_is_no_decision_is_refused() {
    let world = World::new();
    for (fingerprint, body, status) in [
        ("../scans", json!({"state": "open", "reason": "a"}), 404),
        (FINGERPRINT, json!({"state": "maybe", "reason": "a"}), 400),
        (FINGERPRINT, json!({"state": "open"}), 400),
        (FINGERPRINT, json!({"state": "open", "reason": " "}), 400),
        (FINGERPRINT, json!({"state": "open", "reason": "a".repeat(501)}), 400),
        (FINGERPRINT, json!({"state": "open", "reason": "a\u{7}"}), 400),
        (FINGERPRINT, json!({"state": "open", "reason": "a", "expires_at": "2001-01-01T00:00:00Z"}), 400),
        (FINGERPRINT, json!({"state": "open", "reason": "a", "expires_at": "soon"}), 400),
        (FINGERPRINT, json!({"state": "open", "reason": "a", "expires_at": "2040-01-01T00:00:00Z"}), 200),
    ] {
        assert_eq!(decide(&world, fingerprint, &body).await.0, status, "{body:.80}");
    }
}
