//! A tenant's detectors through the doors and the worker.

use bytes::Bytes;
use scorpius_edge::{Outcome, Request, Response};
use serde_json::{Value, json};

use crate::testing::{OTHER_TENANT, TENANT, World, get, json};
use crate::worker;

/// CALLER SELFDESTRUCT
const CODE: &str = "0x33ff";

fn text(id: &str, severity: &str) -> String {
    format!(
        "detector \"{id}\" {{ title \"Somebody ends it\" severity {severity} cwe 284 message \"`{{end.beneficiary}}` \
         ends it.\" fix \"Do not.\" find end in selfdestructs where end.open report end }}"
    )
}

fn ask(operation: &'static str, tenant: &str, id: &str, body: Option<&Value>) -> Request {
    let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
    Request { body, ..get(operation, tenant, Some(id)) }
}

fn of_detector(operation: &'static str, tenant: &str, id: &str) -> Request {
    let mut request = get(operation, tenant, None);
    request.parameters.insert("detector".to_owned(), id.to_owned());
    request
}

async fn put(world: &World, tenant: &str, id: &str, body: &Value, version: Option<&str>) -> Response {
    let body = Bytes::from(body.to_string());
    let mut request = Request { body, ..of_detector("putDetector", tenant, id) };
    request.headers.extend(version.map(|version| ("if-match".to_owned(), version.to_owned())));
    world.ask(request).await
}

async fn scanned(world: &World, tenant: &str) -> Value {
    let body = json!({"bytecode": CODE, "budget": "quick"});
    let made = world.ask(ask("createScan", tenant, "", Some(&body))).await;
    let id = json(&made)["id"].as_str().expect("an id").to_owned();
    assert_eq!(worker::handle(&world.worker, &world.message(&id).await).await, Outcome::Done);
    json(&world.ask(get("getScan", tenant, Some(&id))).await)
}

fn of<'v>(scan: &'v Value, detector: &str) -> Vec<&'v Value> {
    let findings = scan["report"]["findings"].as_array().expect("findings");
    findings.iter().filter(|finding| finding["detector"] == detector).collect()
}

#[tokio::test]
async fn a_detector_is_put_shown_listed_replaced_and_removed_by_version() {
    let world = World::new();
    let body = |severity: &str| json!({"source": text("open-end", severity)});
    assert_eq!(put(&world, TENANT, "open-end", &body("low"), Some("\"3\"")).await.status.as_u16(), 412);
    let made = put(&world, TENANT, "open-end", &body("low"), Some("\"0\"")).await;
    assert_eq!((made.status.as_u16(), made.header("etag")), (200, Some("\"1\"")));
    let shown = json(&world.ask(of_detector("getDetector", TENANT, "open-end")).await);
    assert_eq!(shown, json(&made));
    assert_eq!(
        (&shown["active"], &shown["severity"], &shown["version"]),
        (&json!(true), &json!("low"), &json!(1))
    );
    let listed = json(&world.ask(get("listDetectors", TENANT, None)).await);
    assert_eq!(listed["detectors"][0]["id"], "open-end");
    assert!(listed["detectors"][0].get("source").is_none());

    // Whoever did not see the version does not replace it.
    assert_eq!(put(&world, TENANT, "open-end", &body("high"), None).await.status.as_u16(), 412);
    assert_eq!(put(&world, TENANT, "open-end", &body("high"), Some("\"2\"")).await.status.as_u16(), 412);
    let changed = put(&world, TENANT, "open-end", &body("high"), Some("\"1\"")).await;
    assert_eq!((changed.status.as_u16(), json(&changed)["version"].as_u64()), (200, Some(2)));
    assert_eq!(json(&changed)["created_at"], shown["created_at"]);

    let mut stale = of_detector("deleteDetector", TENANT, "open-end");
    stale.headers.insert("if-match".to_owned(), "\"1\"".to_owned());
    assert_eq!(world.ask(stale).await.status.as_u16(), 412);
    assert_eq!(world.ask(of_detector("deleteDetector", TENANT, "open-end")).await.status.as_u16(), 204);
    assert_eq!(world.ask(of_detector("deleteDetector", TENANT, "open-end")).await.status.as_u16(), 404);
    assert_eq!(world.ask(of_detector("getDetector", TENANT, "open-end")).await.status.as_u16(), 404);
    // A version is never used twice.
    let again = put(&world, TENANT, "open-end", &body("low"), None).await;
    assert_eq!(json(&again)["version"], 4);

    let events = world.emitted().await;
    let told: Vec<_> =
        events.iter().map(|it| (it.kind.as_str(), it.aggregate.as_str(), it.sequence)).collect();
    let (put, removed) = ("scorpius.scan.detector_put.v1", "scorpius.scan.detector_removed.v1");
    assert_eq!(
        told,
        [(put, "open-end", 1), (put, "open-end", 2), (removed, "open-end", 3), (put, "open-end", 4)]
    );
    assert!(!events[0].to_json().contains("Somebody"), "the text stays with the tenant");
}

#[tokio::test]
async fn what_is_no_detector_is_refused_with_its_place() {
    let world = World::new();
    let wrong = json!({"source": "detector \"open-end\" {\n title 3"});
    let answer = put(&world, TENANT, "open-end", &wrong, None).await;
    assert_eq!((answer.status.as_u16(), &json(&answer)["code"]), (400, &json!("invalid-detector")));
    let error = &json(&answer)["errors"][0];
    assert_eq!(error["pointer"], "/source");
    assert!(
        error["detail"].as_str().expect("text").starts_with("line 2, column 8: expected a text"),
        "{error}"
    );
    for (id, body) in [
        ("other", json!({"source": text("open-end", "low")})),
        ("open-end", json!({"source": text("open-end", "low"), "extra": 1})),
        ("open-end", json!({"source": " ".repeat(20_000)})),
        ("open-end", json!({})),
        ("Open End", json!({"source": text("open-end", "low")})),
    ] {
        let answer = put(&world, TENANT, id, &body, None).await;
        assert_eq!(answer.status.as_u16(), 400, "{body:.80}");
    }
    assert_eq!(world.emitted().await, []);
}

#[tokio::test]
async fn a_tenant_has_so_many_detectors() {
    let world = World::new();
    for number in 0..50 {
        let id = format!("number-{number}");
        let answer = put(&world, TENANT, &id, &json!({"source": text(&id, "low")}), None).await;
        assert_eq!(answer.status.as_u16(), 200);
    }
    let body = json!({"source": text("one-more", "low")});
    let answer = put(&world, TENANT, "one-more", &body, None).await;
    assert_eq!((answer.status.as_u16(), &json(&answer)["code"]), (409, &json!("too-many-detectors")));
    // Replacing adds none, and what is removed makes room.
    let replaced =
        put(&world, TENANT, "number-0", &json!({"source": text("number-0", "high")}), Some("*")).await;
    assert_eq!(replaced.status.as_u16(), 200);
    assert_eq!(world.ask(of_detector("deleteDetector", TENANT, "number-1")).await.status.as_u16(), 204);
    assert_eq!(put(&world, TENANT, "one-more", &body, None).await.status.as_u16(), 200);
    // The set is read whole, whatever a page of it holds.
    let scan = scanned(&world, TENANT).await;
    assert_eq!(scan["report"]["detectors"]["detectors"].as_array().map(Vec::len), Some(50));
}

#[tokio::test]
async fn a_tenants_scans_ask_its_own_detectors_and_nobody_elses() {
    let world = World::new();
    let without = scanned(&world, TENANT).await;
    assert!(
        without["report"].get("detectors").is_none() && without["result"].get("detectors_sha256").is_none()
    );
    put(&world, TENANT, "open-end", &json!({"source": text("open-end", "low")}), None).await;
    put(&world, OTHER_TENANT, "their-own", &json!({"source": text("their-own", "high")}), None).await;
    let (ours, theirs) = (scanned(&world, TENANT).await, scanned(&world, OTHER_TENANT).await);
    assert_eq!((of(&ours, "tenant/open-end").len(), of(&ours, "tenant/their-own").len()), (1, 0));
    assert_eq!((of(&theirs, "tenant/open-end").len(), of(&theirs, "tenant/their-own").len()), (0, 1));
    assert_eq!(of(&ours, "tenant/open-end")[0]["summary"], "`caller` ends it.");
    assert_eq!(ours["result"]["detectors_sha256"], ours["report"]["detectors"]["sha256"]);
    assert_ne!(ours["result"]["detectors_sha256"], theirs["result"]["detectors_sha256"]);
    assert_eq!(world.ask(of_detector("getDetector", OTHER_TENANT, "open-end")).await.status.as_u16(), 404);
    assert_eq!(world.ask(of_detector("deleteDetector", OTHER_TENANT, "open-end")).await.status.as_u16(), 404);
    let listed = json(&world.ask(get("listDetectors", OTHER_TENANT, None)).await);
    assert_eq!(listed["detectors"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn the_same_code_is_not_answered_from_before_once_the_detectors_changed() {
    let world = World::new();
    let report = |scan: &Value| scan["result"]["report_sha256"].clone();
    let first = scanned(&world, TENANT).await;
    put(&world, TENANT, "open-end", &json!({"source": text("open-end", "low")}), None).await;
    let with = scanned(&world, TENANT).await;
    assert_eq!(of(&with, "tenant/open-end")[0]["severity"], "low");
    put(&world, TENANT, "open-end", &json!({"source": text("open-end", "high")}), Some("*")).await;
    let changed = scanned(&world, TENANT).await;
    assert_eq!(of(&changed, "tenant/open-end")[0]["severity"], "high");
    // The finding is the same one, so what was decided about it holds.
    let fingerprint = |scan: &Value| of(scan, "tenant/open-end")[0]["fingerprint"].clone();
    assert_eq!(fingerprint(&with), fingerprint(&changed));
    put(&world, TENANT, "open-end", &json!({"source": text("open-end", "low")}), Some("*")).await;
    assert_eq!(report(&scanned(&world, TENANT).await), report(&with), "the same set, the same report");
    let off = json!({"source": text("open-end", "low"), "active": false});
    put(&world, TENANT, "open-end", &off, Some("*")).await;
    assert_eq!(report(&scanned(&world, TENANT).await), report(&first));
    world.ask(of_detector("deleteDetector", TENANT, "open-end")).await;
    assert_eq!(report(&scanned(&world, TENANT).await), report(&first));
}

#[tokio::test]
async fn a_detectors_findings_are_rules_in_sarif_and_can_be_compared_and_suppressed() {
    let world = World::new();
    let before = scanned(&world, TENANT).await;
    put(&world, TENANT, "open-end", &json!({"source": text("open-end", "high")}), None).await;
    let after = scanned(&world, TENANT).await;
    let mut compare = get("compareScans", TENANT, after["id"].as_str());
    compare.query.insert("against".to_owned(), before["id"].as_str().expect("an id").to_owned());
    let compared = json(&world.ask(compare).await);
    assert_eq!(
        (&compared["new_count"], &compared["new"][0]["detector"]),
        (&json!(1), &json!("tenant/open-end"))
    );
    let fingerprint = of(&after, "tenant/open-end")[0]["fingerprint"].as_str().expect("a fingerprint");
    let mut decide = ask(
        "decideFinding",
        TENANT,
        "",
        Some(&json!({"state": "false_positive", "reason": "it is meant to end"})),
    );
    decide.parameters.insert("fingerprint".to_owned(), fingerprint.to_owned());
    assert_eq!(world.ask(decide).await.status.as_u16(), 200);
    let sarif = json(&world.ask(get("getScanSarif", TENANT, after["id"].as_str())).await);
    let run = &sarif["runs"][0];
    let results = run["results"].as_array().expect("results");
    let result = results.iter().find(|it| it["ruleId"] == "tenant/open-end").expect("its result");
    let index = result["ruleIndex"].as_u64().expect("an index") as usize;
    let rule = &run["tool"]["driver"]["rules"][index];
    assert_eq!(
        (&rule["id"], &rule["help"]["text"]),
        (&json!("tenant/open-end"), &json!("Somebody ends it. Do not."))
    );
    assert_eq!(result["suppressions"][0]["justification"], "it is meant to end");
}

#[tokio::test]
async fn a_text_is_tried_without_being_kept() {
    let world = World::new();
    let tried = async |body: &Value| json(&world.ask(ask("checkDetector", TENANT, "", Some(body))).await);
    let wrong = tried(&json!({"source": "detector \"abc\" {\n find x in thieves report x }"})).await;
    assert_eq!(
        (&wrong["valid"], &wrong["fault"]["line"], &wrong["fault"]["column"]),
        (&json!(false), &json!(2), &json!(12))
    );
    let fine = tried(&json!({"source": text("open-end", "low")})).await;
    assert_eq!((&fine["valid"], &fine["detector"]["id"]), (&json!(true), &json!("tenant/open-end")));
    assert!(fine.get("findings").is_none());
    let found = tried(&json!({"source": text("open-end", "low"), "bytecode": CODE})).await;
    assert_eq!(found["findings"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["findings"][0]["detector"], "tenant/open-end");
    let bad = ask("checkDetector", TENANT, "", Some(&json!({"source": "", "bytecode": "33ff"})));
    assert_eq!(world.ask(bad).await.status.as_u16(), 400);
    assert_eq!(world.emitted().await, []);
    assert_eq!(json(&world.ask(get("listDetectors", TENANT, None)).await)["detectors"], json!([]));
}
