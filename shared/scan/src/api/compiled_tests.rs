//! Scans with the compiler's output, and scans of the same code without.

use scorpius_edge::Outcome;
use serde_json::{Value, json};

use crate::testing::{OTHER_TENANT, TENANT, World, get, json, post};
use crate::worker;

/// CALLER SELFDESTRUCT
const CODE: &str = "0x33ff";

fn compiled(map: &str) -> Value {
    json!({
        "output": {
            "contracts": {"A.sol": {"A": {"evm": {"deployedBytecode": {"object": "33ff", "sourceMap": map}}}}},
            "sources": {"A.sol": {"id": 0}},
        },
        "sources": {"A.sol": "contract A {\n  end();\n}\n"},
    })
}

/// A completed scan with `body`, by whoever `tenant` is.
async fn scanned(world: &World, body: &Value, tenant: &str) -> Value {
    let request = post("createScan", body);
    let as_tenant = get("createScan", tenant, None);
    let answer = world.ask(scorpius_edge::Request { caller: as_tenant.caller, ..request }).await;
    assert_eq!(answer.status.as_u16(), 202, "{answer:?}");
    let made = json(&answer);
    let id = made["id"].as_str().expect("an id");
    assert_eq!(worker::handle(&world.worker, &world.message(id).await).await, Outcome::Done);
    json(&world.ask(get("getScan", tenant, Some(id))).await)
}

#[tokio::test]
async fn only_the_scan_that_came_with_an_output_has_lines() {
    let world = World::new();
    let plain = json!({"bytecode": CODE, "budget": "quick"});
    let with = json!({"bytecode": CODE, "budget": "quick", "compiled": compiled("0:12:0;15:5")});
    let marked = scanned(&world, &with, TENANT).await;
    assert_eq!(marked["compiled"]["contract"], "A.sol:A");
    let place = json!({"path": "A.sol", "line": 2, "column": 3, "end_line": 2, "end_column": 8});
    let origin = json!({"kind": "source", "place": place, "excerpt": "end();"});
    assert_eq!(marked["report"]["findings"][0]["origin"], origin);
    let id = marked["id"].as_str().expect("an id");
    let sarif = json(&world.ask(get("getScanSarif", TENANT, Some(id))).await);
    let location = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(location["artifactLocation"]["uri"], "A.sol");
    assert_eq!(
        (&location["region"]["startLine"], &location["address"]["absoluteAddress"]),
        (&json!(2), &json!(1))
    );

    // The report is the same one, given again from what is remembered of the code; another output gives other lines.
    let other = json!({"bytecode": CODE, "budget": "quick", "compiled": compiled("0:12:0;-1:-1:-1")});
    let other = scanned(&world, &other, TENANT).await;
    assert_eq!(other["result"]["report_sha256"], marked["result"]["report_sha256"]);
    assert_eq!(other["report"]["findings"][0]["origin"], json!({"kind": "compiler"}));
    for tenant in [TENANT, OTHER_TENANT] {
        let bare = scanned(&world, &plain, tenant).await;
        assert_eq!(bare["result"]["report_sha256"], marked["result"]["report_sha256"]);
        assert_eq!(
            (bare.get("compiled"), bare["report"]["findings"][0].get("origin")),
            (None, None),
            "{tenant}"
        );
        let id = bare["id"].as_str().expect("an id");
        let sarif = world.ask(get("getScanSarif", tenant, Some(id))).await;
        assert!(!String::from_utf8_lossy(&sarif.body).contains("A.sol"), "{tenant}");
    }
    let theirs = world.ask(get("getScan", OTHER_TENANT, Some(id))).await;
    assert_eq!(theirs.status.as_u16(), 404);
}

#[tokio::test]
async fn a_comparison_names_lines_where_the_scan_has_them() {
    let world = World::new();
    let with = json!({"bytecode": CODE, "budget": "quick", "compiled": compiled("0:12:0;15:5")});
    let marked = scanned(&world, &with, TENANT).await;
    let bare = scanned(&world, &json!({"bytecode": CODE, "budget": "quick"}), TENANT).await;
    let empty = scanned(&world, &json!({"bytecode": "0x00", "budget": "quick"}), TENANT).await;
    let compare = async |later: &Value, against: &Value| {
        let mut request = get("compareScans", TENANT, later["id"].as_str());
        request.query.insert("against".to_owned(), against["id"].as_str().expect("an id").to_owned());
        json(&world.ask(request).await)
    };
    for (comparison, kind, line) in [
        (compare(&marked, &empty).await, "new", json!("A.sol:2")),
        (compare(&empty, &marked).await, "fixed", json!("A.sol:2")),
        (compare(&marked, &bare).await, "unchanged", json!("A.sol:2")),
        (compare(&bare, &marked).await, "unchanged", Value::Null),
    ] {
        let finding = &comparison[kind][0];
        assert_eq!((&finding["place"], &finding["line"]), (&json!("1"), &line), "{comparison}");
    }
}

#[tokio::test]
async fn a_schedule_of_a_scan_keeps_its_lines() {
    let world = World::new();
    let with = json!({"bytecode": CODE, "budget": "quick", "compiled": compiled("0:12:0;15:5")});
    let scan = scanned(&world, &with, TENANT).await;
    let asked = json!({"scan_id": scan["id"], "interval_hours": 1});
    let schedule = json(&world.ask(post("createScanSchedule", &asked)).await);
    assert_eq!(schedule["target"]["given"]["compiled"], scan["compiled"]);
}

#[tokio::test]
async fn an_output_that_does_not_fit_is_refused_and_leaves_nothing() {
    let world = World::new();
    let refused = async |body: Value, status: u16, code: &str, at: &str| {
        let answer = world.ask(post("createScan", &body)).await;
        let said = json(&answer);
        assert_eq!((answer.status.as_u16(), said["code"].as_str()), (status, Some(code)), "{said}");
        assert_eq!(said["errors"][0]["pointer"].as_str(), Some(at), "{said}");
    };
    let with = |compiled: Value| json!({"bytecode": CODE, "compiled": compiled});
    let changed = |change: fn(&mut Value)| {
        let mut compiled = compiled("0:12:0;15:5");
        change(&mut compiled);
        json!({"bytecode": CODE, "compiled": compiled})
    };
    refused(json!({"bytecode": "0x33fe", "compiled": compiled("")}), 422, "other-code", "/compiled/output")
        .await;
    refused(changed(|it| it["contract"] = "A.sol:B".into()), 422, "other-code", "/compiled/contract").await;
    refused(with(compiled("1;x")), 400, "invalid-request", "/compiled/output").await;
    refused(with(compiled("")), 400, "invalid-request", "/compiled/output").await;
    refused(changed(|it| it["sources"] = json!({})), 400, "invalid-request", "/compiled/sources").await;
    let long = changed(|it| it["sources"]["A.sol"] = "x".repeat((1 << 20) + 1).into());
    refused(long, 413, "too-large", "/compiled").await;
    let solidity = json!({"files": {"A.sol": ""}, "compiled": compiled("")});
    refused(solidity, 400, "invalid-request", "/compiled").await;
    // Of another shape: told before anything is read.
    for body in [changed(|it| it["sources"] = json!([1])), changed(|it| it["output"] = json!("x"))] {
        assert_eq!(world.ask(post("createScan", &body)).await.status.as_u16(), 400);
    }
    assert!(world.emitted().await.is_empty());
}
