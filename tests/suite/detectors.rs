//! A tenant's own detector, from the first try to its end, and the scans between.

use serde_json::{Value, json};

use crate::desk::{Desk, Said};
use crate::tree;

/// CALLER SELFDESTRUCT
const CODE: &str = "0x33ff";

async fn put(desk: &Desk, source: &str, version: &str) -> Said {
    let headers = [("content-type", "application/json"), ("if-match", version)];
    let body = json!({"source": source}).to_string();
    desk.ask("PUT", "/v1/detectors/named", &headers, body.as_bytes()).await
}

/// A scan of the code by whoever holds `key`, once it is over.
async fn scanned(desk: &Desk, key: &str) -> Value {
    let headers = [("content-type", "application/json"), ("x-api-key", key)];
    let body = json!({"bytecode": CODE}).to_string();
    let made = desk.ask("POST", "/v1/scans", &headers, body.as_bytes()).await;
    desk.settle().await;
    let path = format!("/v1/scans/{}", made.text("id"));
    desk.ask("GET", &path, &[("x-api-key", key)], b"").await.expect(200)
}

fn theirs(scan: &Value) -> Vec<&Value> {
    let findings = scan["report"]["findings"].as_array().unwrap_or_else(|| panic!("no findings: {scan}"));
    findings.iter().filter(|finding| finding["detector"] == "tenant/named").collect()
}

#[tokio::test]
async fn a_tenants_detector_finds_in_its_own_scans_until_it_is_removed() {
    let desk = Desk::open().await;
    let (ours, others) = (desk.api_key.clone(), desk.second_tenant().await);
    let source = tree::read("shared/scan/fixtures/detectors/named.det");
    let before = scanned(&desk, &ours).await;
    assert_eq!(theirs(&before), Vec::<&Value>::new());

    // It is tried before it counts.
    let wrong = json!({"source": source.replace("end.open", "end.opened"), "bytecode": CODE});
    let tried = desk.post("/v1/detectors/check", &wrong).await.expect(200);
    assert_eq!((&tried["valid"], &tried["fault"]["line"]), (&json!(false), &json!(15)), "{tried}");
    let tried =
        desk.post("/v1/detectors/check", &json!({"source": source, "bytecode": CODE})).await.expect(200);
    assert_eq!(tried["findings"][0]["detector"], "tenant/named");

    put(&desk, &source, "\"0\"").await.expect(200);
    let with = scanned(&desk, &ours).await;
    let [finding] = theirs(&with)[..] else { panic!("one finding: {with}") };
    assert_eq!(
        (&finding["severity"], &finding["cwe"], &finding["swc"]),
        (&json!("high"), &json!(284), &json!(106))
    );
    assert_eq!(with["report"]["detectors"]["detectors"][0]["id"], "tenant/named");
    assert_eq!(
        theirs(&scanned(&desk, &others).await),
        Vec::<&Value>::new(),
        "another tenant's scan of the same code"
    );
    let id = with["id"].as_str().expect("an id");
    let sarif = desk.get(&format!("/v1/scans/{id}/sarif")).await.expect(200);
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"].as_array().expect("rules");
    assert!(rules.iter().any(|rule| rule["id"] == "tenant/named"));

    // Changed: the same place, seen otherwise.
    assert_eq!(put(&desk, &source, "\"0\"").await.status, 412);
    let version = desk.get("/v1/detectors/named").await.expect(200)["version"].to_string();
    put(&desk, &source.replace("high", "low"), &format!("\"{version}\"")).await.expect(200);
    let changed = scanned(&desk, &ours).await;
    let [other] = theirs(&changed)[..] else { panic!("one finding: {changed}") };
    assert_eq!((&other["severity"], &other["fingerprint"]), (&json!("low"), &finding["fingerprint"]));
    assert_ne!(changed["result"]["detectors_sha256"], with["result"]["detectors_sha256"]);

    assert_eq!(desk.ask("DELETE", "/v1/detectors/named", &[], b"").await.status, 204);
    let after = scanned(&desk, &ours).await;
    assert_eq!(theirs(&after), Vec::<&Value>::new());
    assert_eq!(after["result"]["report_sha256"], before["result"]["report_sha256"]);

    // Each change is in the ledger, without the text.
    let (from, to) = ("2026-11-21T00:00:00.000Z", "2026-11-22T00:00:00.000Z");
    for (kind, count) in [("scorpius.scan.detector_put.v1", 2), ("scorpius.scan.detector_removed.v1", 1)] {
        let told = desk.get(&format!("/v1/audit/events?from={from}&to={to}&type={kind}")).await.expect(200);
        assert_eq!(told["events"].as_array().map(Vec::len), Some(count), "{told}");
        assert!(!told.to_string().contains("gets the balance"));
    }
}
