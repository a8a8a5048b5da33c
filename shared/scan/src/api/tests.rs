//! The doors over a store in memory and a folder of blobs.

use scorpius_core::BlobName;
use scorpius_edge::Outcome;
use serde_json::{Value, json};

use crate::engine::CODE_BYTES_MAX;
use crate::testing::{OTHER_TENANT, TENANT, World, get, json, post};
use crate::worker;

#[tokio::test]
async fn a_scan_is_recorded_with_its_code_and_its_event() {
    let world = World::new();
    let body = json!({"bytecode": "0x33ff", "label": "anyone may end it", "budget": "quick"});
    let answer = world.ask(post("createScan", &body)).await;
    assert_eq!(answer.status.as_u16(), 202);
    let scan = json(&answer);
    let id = scan["id"].as_str().expect("an id");
    assert_eq!(scan["status"], "queued");
    assert_eq!(scan["links"]["self"], format!("/v1/scans/{id}"));
    assert_eq!(scan["links"]["sarif"], format!("/v1/scans/{id}/sarif"));
    let [event] = &world.emitted().await[..] else { panic!("one event") };
    assert_eq!(
        (event.kind.as_str(), event.aggregate.as_str(), event.sequence),
        ("scorpius.scan.requested.v1", id, 1)
    );
    assert_eq!(event.data["code_sha256"], scan["code_sha256"]);
    assert!(!event.to_json().contains("anyone may end it"), "a label is the tenant's own");
    let code = BlobName::of_content("code", &[0x33, 0xff]);
    assert_eq!(world.blobs.get(&code, 10).await.expect("blobs").as_deref(), Some(&[0x33, 0xff][..]));
}

#[tokio::test]
async fn an_idempotency_key_makes_one_scan_of_two_requests() {
    let world = World::new();
    let mut request = post("createScan", &json!({"bytecode": "0x00"}));
    request.headers.insert("idempotency-key".to_owned(), "once".to_owned());
    let first = world.ask(request.clone()).await;
    let second = world.ask(request).await;
    assert_eq!((first.status.as_u16(), json(&first)), (second.status.as_u16(), json(&second)));
    assert_eq!(world.emitted().await.len(), 1);
}

#[tokio::test]
async fn what_is_no_bytecode_is_refused_and_leaves_nothing() {
    let world = World::new();
    let too_long = format!("0x{}", "00".repeat(CODE_BYTES_MAX + 1));
    for (body, status) in [
        (json!({"bytecode": "0x"}), 400),
        (json!({"bytecode": "0x0"}), 400),
        (json!({"bytecode": "33ff"}), 400),
        (json!({"bytecode": "0x73__$0123$__"}), 400),
        (json!({"bytecode": too_long}), 413),
        (json!({}), 400),
        (json!({"bytecode": "0x00", "label": ""}), 400),
        (json!({"bytecode": "0x00", "label": "a\u{7}"}), 400),
        (json!({"bytecode": "0x00", "label": "a".repeat(101)}), 400),
        (json!({"bytecode": "0x00", "budget": "endless"}), 400),
        (json!({"bytecode": "0x00", "tenant": TENANT}), 400),
    ] {
        let answer = world.ask(post("createScan", &body)).await;
        assert_eq!(answer.status.as_u16(), status, "{body:.80}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    }
    assert!(world.emitted().await.is_empty());
}

#[tokio::test]
async fn a_scan_is_shown_with_its_report_once_it_is_completed() {
    let world = World::new();
    let id = world.scan("0x33ff").await;
    let queued = world.ask(get("getScan", TENANT, Some(&id))).await;
    assert_eq!((json(&queued)["status"].as_str(), json(&queued).get("report")), (Some("queued"), None));
    let early = world.ask(get("getScanSarif", TENANT, Some(&id))).await;
    assert_eq!((early.status.as_u16(), json(&early)["code"].as_str()), (409, Some("scan-not-finished")));

    let message = world.message(&id).await;
    assert_eq!(worker::handle(&world.worker, &message).await, Outcome::Done);

    let shown = json(&world.ask(get("getScan", TENANT, Some(&id))).await);
    assert_eq!(shown["status"], "completed");
    assert_eq!(shown["result"]["findings"]["critical"], 1);
    assert_eq!(shown["report"]["findings"][0]["detector"], "unguarded-selfdestruct");
    let sarif = world.ask(get("getScanSarif", TENANT, Some(&id))).await;
    assert_eq!((sarif.status.as_u16(), sarif.header("content-type")), (200, Some("application/sarif+json")));
    let result = &json(&sarif)["runs"][0]["results"][0];
    assert_eq!(result["locations"][0]["physicalLocation"]["address"]["absoluteAddress"], 1);
}

#[tokio::test]
async fn solidity_is_scanned_like_bytecode() {
    let world = World::new();
    let zip = "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==";
    for (body, status, at) in [
        (json!({"files": {"src/A.sol": "contract A {}"}, "remappings": ["@x/=lib/x/"]}), 202, ""),
        (json!({"standard_json": {"sources": {"A.sol": {"content": "contract A {}"}}}}), 202, ""),
        (json!({"files": {"../A.sol": ""}}), 400, "/files"),
        (json!({"files": {}}), 400, "/files"),
        (json!({"files": {"A.sol": "x".repeat((1 << 20) + 1)}}), 413, "/files"),
        (json!({"standard_json": {"sources": {"A.sol": {"urls": ["https://a"]}}}}), 400, "/standard_json"),
        (json!({"archive": "no"}), 400, "/archive"),
        (json!({"archive": zip}), 400, "/archive"),
        (json!({"files": {"A.sol": ""}, "bytecode": "0x00"}), 400, ""),
        (json!({"bytecode": "0x00", "remappings": []}), 400, "/remappings"),
    ] {
        let answer = world.ask(post("createScan", &body)).await;
        assert_eq!(answer.status.as_u16(), status, "{body:.80}");
        if status != 202 {
            assert_eq!(json(&answer)["errors"][0]["pointer"].as_str(), Some(at), "{body:.80}");
        }
    }
    let created = json(&world.ask(post("createScan", &json!({"files": {"A.sol": "contract A {}"}}))).await);
    let id = created["id"].as_str().expect("an id");
    assert_eq!((created["input"].as_str(), created["size_bytes"].as_u64()), (Some("solidity"), Some(13)));
    assert_eq!(worker::handle(&world.worker, &world.message(id).await).await, Outcome::Done);
    let shown = json(&world.ask(get("getScan", TENANT, Some(id))).await);
    assert_eq!(shown["source_report"]["files"][0]["path"], "A.sol");
    assert!(shown.get("report").is_none());
    let sarif = json(&world.ask(get("getScanSarif", TENANT, Some(id))).await);
    assert_eq!(sarif["runs"][0]["artifacts"][0]["location"]["uri"], "A.sol");
}

#[tokio::test]
async fn another_tenant_s_scan_does_not_exist() {
    let world = World::new();
    let id = world.scan("0x00").await;
    for operation in ["getScan", "getScanSarif"] {
        let theirs = world.ask(get(operation, OTHER_TENANT, Some(&id))).await;
        let none = world.ask(get(operation, TENANT, Some("scn_00000000000000000000000000000000"))).await;
        let nonsense = world.ask(get(operation, TENANT, Some("../../code"))).await;
        assert_eq!([theirs.status.as_u16(), none.status.as_u16(), nonsense.status.as_u16()], [404; 3]);
    }
    let list = json(&world.ask(get("listScans", OTHER_TENANT, None)).await);
    assert_eq!(list["scans"], json!([]));
}

#[tokio::test]
async fn scans_are_listed_newest_first_page_by_page() {
    let world = World::new();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(world.scan("0x00").await);
    }
    ids.reverse();
    let mut listed: Vec<Value> = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut request = get("listScans", TENANT, None);
        request.query.insert("limit".to_owned(), "2".to_owned());
        request.query.extend(cursor.map(|cursor| ("cursor".to_owned(), cursor)));
        let page = json(&world.ask(request).await);
        listed.extend(page["scans"].as_array().expect("a list").clone());
        cursor = page["pagination"]["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(
        listed.iter().map(|scan| scan["id"].as_str()).collect::<Vec<_>>(),
        ids.iter().map(|id| Some(id.as_str())).collect::<Vec<_>>()
    );
    assert!(listed.iter().all(|scan| scan.get("report").is_none()));
}
