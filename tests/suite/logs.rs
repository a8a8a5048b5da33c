//! A tenant that asks for an audit log of its own.

use std::path::Path;
use std::process::{Command, Output};

use scorpius_ledger::verify::{self, Verdict};
use scorpius_ledger::{LogName, VerifierKey, audit_log, audit_log_of};
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::entries::only_tenant;
use crate::platform::program;

const HOUR_MS: u64 = 3_600_000;

async fn score(desk: &Desk, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let address = json!({"chain": "eip155:1", "address": format!("0x{number:040x}")});
        desk.post("/v1/risk/address", &address).await.expect(200);
    }
    desk.settle().await;
}

async fn scored(desk: &Desk) -> Vec<Value> {
    let path = "/v1/audit/events?from=2026-11-21T00:00:00Z&to=2026-11-22T00:00:00Z&order=asc&type=scorpius.risk.scored.v1";
    desk.get(path).await.expect(200)["events"].as_array().expect("a list").clone()
}

fn scorpius(arguments: &[&str]) -> Output {
    Command::new(program()).args(arguments).output().expect("it runs")
}

#[track_caller]
fn said(output: &Output, code: i32) -> String {
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[tokio::test]
async fn a_tenant_s_own_log_begins_when_it_was_told_and_is_its_tenant_s_alone() {
    let desk = Desk::open().await;
    let tenant = only_tenant(&desk.host).await;
    let other = desk.second_tenant().await;
    score(&desk, 0..3).await;
    let none = desk.get("/v1/audit/log").await.expect(200);
    assert!(none.get("own").is_none(), "{none}");
    assert_eq!(desk.get("/v1/audit/log/own/checkpoint").await.status, 404);

    // Asked for once, and again: the first answer stands.
    let asked = desk.ask("PUT", "/v1/audit/log", &[], b"").await.expect(200);
    desk.clock.advance_ms(HOUR_MS / 2);
    assert_eq!(desk.ask("PUT", "/v1/audit/log", &[], b"").await.expect(200), asked);
    score(&desk, 3..5).await;
    desk.clock.advance_ms(HOUR_MS / 2);
    score(&desk, 5..9).await;

    let logs = desk.get("/v1/audit/log").await.expect(200);
    assert_eq!((&logs["own"]["since"], &logs["own"]["size"]), (&asked["since"], &json!(4)));
    let places: Vec<_> = scored(&desk).await.iter().map(|event| event["log"].clone()).collect();
    assert_eq!(places, [vec![json!("shared"); 5], vec![json!("own"); 4]].concat());
    assert!(scored(&desk).await.iter().all(|event| event["included"] == true));

    // Both logs are whole, each under its own name.
    let shared_key = desk.host.functions.verifier_key().clone();
    let own_key: VerifierKey = logs["own"]["key"].as_str().expect("a key").parse().expect("a key");
    let own = LogName::Own(tenant.parse().expect("a tenant"));
    let blobs = &desk.host.local.blobs;
    audit_log(blobs, std::slice::from_ref(&shared_key)).await.expect("the shared log is whole");
    let whole = audit_log_of(blobs, &own, std::slice::from_ref(&own_key)).await.expect("it is whole");
    assert_eq!(whole.checkpoint.size, 4);
    audit_log_of(blobs, &own, std::slice::from_ref(&shared_key)).await.expect_err("another log's key");

    // Its files are its tenant's; who asks for them without its credential, or with another's, is told of nothing.
    let tile = "/v1/audit/log/own/tile/entries/000.p/4";
    for path in ["/v1/audit/log/own/checkpoint", tile] {
        let mine = desk.get(path).await;
        assert_eq!(mine.status, 200);
        let private = mine.answer.headers.iter().find(|(name, _)| name.as_str() == "cache-control");
        assert!(private.is_some_and(|(_, value)| value.starts_with("private")), "{private:?}");
        let theirs = desk.ask("GET", path, &[("x-api-key", other.as_str())], b"").await;
        assert_eq!((theirs.status, theirs.answer.body.contains(&tenant)), (404, false));
        assert_eq!(desk.ask("GET", path, &[("x-api-key", "none")], b"").await.status, 401);
    }
    // What everybody can fetch is 32 bytes an entry.
    let public = desk.get("/v1/audit/log/checkpoint").await;
    let size = public.answer.body.lines().nth(1).expect("a size").to_owned();
    assert_eq!(logs["shared"]["size"].to_string(), size);
    assert!(!public.answer.body.contains(&tenant));

    evidence(&desk, &tenant, (&shared_key, &own_key)).await;
}

/// What an auditor does with the program, with files alone.
async fn evidence(desk: &Desk, tenant: &str, (shared_key, own_key): (&VerifierKey, &VerifierKey)) {
    let events = scored(desk).await;
    let ids: Vec<_> = [1, 7].map(|at| events[at]["entry"]["id"].clone()).to_vec();
    let bundle = desk.post("/v1/audit/bundles", &json!({ "event_ids": ids })).await.expect(200);
    assert_eq!(bundle["own"]["origin"], own_key.name());
    let bytes = serde_json::to_vec(&bundle).expect("JSON");
    let report = verify::bundle(&bytes, &[shared_key.clone(), own_key.clone()]);
    assert_eq!(report.verdict, Verdict::Verified, "{report}");

    let elsewhere = tempfile::tempdir().expect("a folder");
    let put = |name: &str, bytes: &[u8]| {
        let file = elsewhere.path().join(name);
        std::fs::write(&file, bytes).expect("written");
        file
    };
    let file = put("evidence.json", &bytes);
    let (shared, own) = (
        put("shared.vkey", shared_key.to_string().as_bytes()),
        put("own.vkey", own_key.to_string().as_bytes()),
    );
    let (file, shared, own) = (text(&file), text(&shared), text(&own));
    for keys in [vec!["--key", shared, "--key", own], vec!["--key", shared, "--log-of", tenant]] {
        let output = said(&scorpius(&[vec!["verify", file], keys].concat()), 0);
        for origin in [shared_key.name(), own_key.name()] {
            assert!(output.contains(&format!("log        {origin}\n")), "{output}");
        }
    }
    let refused = said(&scorpius(&["verify", file, "--key", shared]), 2);
    assert!(
        refused.contains(&format!("the part `own`, of the log `{}`, cannot be judged", own_key.name())),
        "{refused}"
    );

    // The whole log, in place and written out, and against its anchor.
    desk.host.tick("audit-anchor").await.expect("anchored");
    let anchors = desk.folder().join("anchors/own").join(tenant);
    let data = text(desk.folder());
    let with_anchor = ["--anchors", text(&anchors)];
    for key in [shared, own] {
        let verify = ["verify", "--log", data, "--log-of", tenant, "--key", key];
        let output = said(&scorpius(&[&verify[..], &with_anchor].concat()), 0);
        assert!(output.contains(&format!("log        {}\n", own_key.name())), "{output}");
        assert!(output.contains("consistent with 1 anchors"), "{output}");
    }
    let export = elsewhere.path().join("export");
    said(
        &scorpius(&[
            "ledger",
            "export",
            "--data",
            data,
            "--key",
            shared,
            "--log",
            tenant,
            "--to",
            text(&export),
        ]),
        0,
    );
    // A log that is not where it was said to be.
    let nobody = "ten_00000000000000000000000000000000";
    let absent = said(&scorpius(&["verify", "--log", data, "--log-of", nobody, "--key", shared]), 2);
    assert!(absent.contains(&format!("is a data folder that does not have a log of {nobody}")), "{absent}");
    let empty = text(elsewhere.path());
    let absent = said(&scorpius(&["verify", "--log", empty, "--log-of", tenant, "--key", shared]), 2);
    assert!(absent.contains("is neither a log, which has `checkpoint`, nor a data folder"), "{absent}");
    said(&scorpius(&["verify", "--log", text(&export), "--key", own]), 0);
    said(&scorpius(&["verify", "--log", text(&export), "--key", shared]), 1);
    said(&scorpius(&["ledger", "export", "--data", data, "--log", "mine", "--to", text(&export)]), 2);
}
