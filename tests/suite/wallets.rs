//! Wallets under guard, on the real host.

use scorpius_edge::Role;
use scorpius_egress::AllowedTarget;
use serde_json::{Value, json};

use crate::authorization::callers::{by_key, key};
use crate::desk::{Desk, Said};
use crate::entries::ledger;
use crate::hooks::Hooks;

const WALLET: &str = "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb";
/// Circle's USD Coin on Ethereum.
const USDC: &str = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
/// The second example of EIP-55: on no list.
const NOBODY: &str = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359";
const THREAT: &str = "scorpius.wallet.threat_detected.v1";

async fn put(desk: &Desk, path: &str, body: &Value) -> Said {
    let headers = [("content-type", "application/json"), ("if-match", "*")];
    desk.ask("PUT", path, &headers, body.to_string().as_bytes()).await
}

async fn protected(desk: &Desk) -> String {
    let asked = json!({"address": WALLET, "chain": "ethereum", "name": "Treasury"});
    let wallet = desk.post("/v1/wallets/protect", &asked).await;
    format!("/v1/wallets/{}", wallet.text("wallet_id"))
}

async fn analyzed(desk: &Desk, wallet: &str, transaction: &Value) -> Value {
    let path = format!("{wallet}/analyze-transaction");
    desk.post(&path, &json!({"transaction": transaction})).await.expect(200)
}

fn drainer() -> Value {
    let spender = NOBODY[2..].to_lowercase();
    json!({
        "to": USDC, "value": "0", "data": format!("0x095ea7b3{spender:0>64}{}", "f".repeat(64)),
        "accounts": [{"address": NOBODY, "code": "none"}],
    })
}

#[tokio::test]
async fn a_protected_wallet_s_drainer_is_blocked_told_to_a_webhook_in_the_ledger_and_made_again() {
    let hooks = Hooks::start().await;
    let address = hooks.address();
    let desk = Desk::open_with(|settings| {
        settings.egress_allow = vec![AllowedTarget { host: address.ip().to_string(), port: address.port() }];
    })
    .await;
    let webhook = json!({"url": hooks.url(), "events": [THREAT]});
    desk.post("/v1/config/webhooks", &webhook).await.expect(201);
    let wallet = protected(&desk).await;

    let blocked = analyzed(&desk, &wallet, &drainer()).await;
    assert_eq!(blocked["decision"]["action"], "block", "{blocked}");
    let id = blocked["verdict"]["id"].as_str().expect("an id").to_owned();
    desk.settle().await;

    let seen = hooks.seen();
    let told: Vec<_> = seen.events.keys().collect();
    assert_eq!(told, [&(THREAT.to_owned(), id.clone())]);
    let entries = ledger(&desk.host).await;
    let threat = entries.values().find(|entry| entry["type"] == THREAT).expect("an entry");
    assert_eq!(threat["payload"]["aggregate"], id);
    let text = threat.to_string().to_lowercase();
    assert!(
        !text.contains(&NOBODY[2..].to_lowercase()) && !text.contains(&WALLET[2..].to_lowercase()),
        "{text}"
    );

    let shown = desk.get(&format!("/v1/verdicts/{id}")).await.expect(200);
    assert_eq!((&shown["proof"]["status"], &shown["decision"]), (&json!("included"), &blocked["decision"]));
    let replayed = desk.post(&format!("/v1/verdicts/{id}/replay"), &json!({})).await.expect(200);
    assert_eq!(replayed["same"], true, "{replayed}");

    let range = json!({"start": "2026-11-21T00:00:00Z", "end": "2026-11-22T00:00:00Z"});
    let query = json!({"query": {"time_range": range, "filters": {"level": "danger", "threat_types": ["spender_is_eoa"]}}});
    let found = desk.post("/v1/search/threats", &query).await.expect(200);
    assert_eq!(
        (&found["results"][0]["id"], &found["aggregations"]["found"]),
        (&json!(id), &json!(1)),
        "{found}"
    );
    assert_eq!(found["complete"], true);
}

#[tokio::test]
async fn an_alert_is_raised_once_told_listed_and_closed() {
    const RAISED: &str = "scorpius.alert.raised.v1";
    let hooks = Hooks::start().await;
    let address = hooks.address();
    let desk = Desk::open_with(|settings| {
        settings.egress_allow = vec![AllowedTarget { host: address.ip().to_string(), port: address.port() }];
    })
    .await;
    desk.post("/v1/config/webhooks", &json!({"url": hooks.url(), "events": [RAISED]})).await.expect(201);
    let wallet = protected(&desk).await;
    assert_eq!(desk.get("/v1/alerts").await.expect(200)["alerts"], json!([]), "its own address is fine");

    let first = analyzed(&desk, &wallet, &drainer()).await;
    let second = analyzed(&desk, &wallet, &drainer()).await;
    assert_ne!(first["verdict"]["id"], second["verdict"]["id"]);
    analyzed(&desk, &wallet, &json!({"to": NOBODY, "value": "1"})).await;
    let listed = desk.get("/v1/alerts?state=open").await.expect(200);
    let alerts = listed["alerts"].as_array().expect("alerts");
    assert_eq!(alerts.len(), 1, "{listed}");
    assert_eq!(alerts[0]["verdict_id"], first["verdict"]["id"]);
    let id = alerts[0]["alert_id"].as_str().expect("an id").to_owned();
    desk.settle().await;
    let seen = hooks.seen();
    assert_eq!(seen.events.keys().collect::<Vec<_>>(), [&(RAISED.to_owned(), id.clone())]);
    let text = ledger(&desk.host).await.values().find(|entry| entry["type"] == RAISED).map(Value::to_string);
    let text = text.expect("the ledger has it").to_lowercase();
    assert!(!text.contains(&NOBODY[2..].to_lowercase()), "{text}");

    // Another amount is another subject; the list goes on by its cursor, and its filters hold.
    let mut other = drainer();
    other["data"] = json!(other["data"].as_str().expect("calldata").replace("ffff", "fffe"));
    desk.clock.advance_ms(1_000);
    analyzed(&desk, &wallet, &other).await;
    let page = desk.get("/v1/alerts?limit=1").await.expect(200);
    assert_ne!(page["alerts"][0]["alert_id"], json!(id), "newest first");
    let cursor = page["pagination"]["next_cursor"].as_str().expect("it goes on");
    let rest = desk.get(&format!("/v1/alerts?limit=1&cursor={cursor}")).await.expect(200);
    assert_eq!(rest["alerts"][0]["alert_id"], json!(id));
    let of_another = format!("/v1/alerts?wallet_id=wal_{:032}", 1);
    assert_eq!(desk.get(&of_another).await.expect(200)["alerts"], json!([]));
    assert_eq!(desk.get("/v1/alerts?state=loud").await.status, 400);

    let path = format!("/v1/alerts/{id}");
    let change = async |body: Value| {
        let headers = [("content-type", "application/json"), ("if-match", "*")];
        desk.ask("PATCH", &path, &headers, body.to_string().as_bytes()).await
    };
    let acknowledged = change(json!({"state": "acknowledged"})).await.expect(200);
    assert_eq!(acknowledged["state"], "acknowledged");
    assert_eq!(change(json!({"state": "closed"})).await.status, 400, "a reason is needed");
    assert_eq!(change(json!({"state": "open"})).await.status, 400);
    let closed =
        change(json!({"state": "closed", "reason": "harmful", "note": "a drainer"})).await.expect(200);
    assert_eq!((&closed["reason"], &closed["note"]), (&json!("harmful"), &json!("a drainer")));
    let again = change(json!({"state": "acknowledged"})).await;
    assert_eq!(again.expect(409)["code"], "alert-closed");
    let stale = [("content-type", "application/json"), ("if-match", "\"1\"")];
    assert_eq!(desk.ask("PATCH", &path, &stale, br#"{"state": "acknowledged"}"#).await.status, 412);

    // What was closed is not raised again, and it stays when its wallet is released.
    analyzed(&desk, &wallet, &drainer()).await;
    desk.ask("DELETE", &wallet, &[], b"").await.expect(204);
    assert_eq!(desk.get(&path).await.expect(200)["state"], "closed");
    assert_eq!(desk.get("/v1/alerts").await.expect(200)["alerts"].as_array().map(Vec::len), Some(2));
    let foreign = desk.second_tenant().await;
    let headers: Vec<_> = by_key(&foreign).into_iter().collect();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(desk.ask("GET", &path, &headers, b"").await.status, 404);
}

#[tokio::test]
async fn a_change_of_the_policy_binds_the_next_request() {
    let desk = Desk::open().await;
    let wallet = protected(&desk).await;
    let payment = json!({"to": NOBODY, "value": "1000"});
    let action = async || analyzed(&desk, &wallet, &payment).await["decision"]["action"].clone();
    assert_eq!(action().await, "allow");
    let policy = |most: &str| {
        let limit = json!({"chain": "ethereum", "asset": "native", "per_transaction": most});
        json!({"global_risk_threshold": 60, "auto_block_threshold": 90, "transaction_limits": [limit]})
    };
    put(&desk, "/v1/config/security-policies", &policy("999")).await.expect(200);
    assert_eq!(action().await, "block");
    put(&desk, "/v1/config/security-policies", &policy("1000")).await.expect(200);
    assert_eq!(action().await, "allow");
    let entry = format!("{wallet}/lists/block/{NOBODY}");
    put(&desk, &entry, &json!({"reason": "asked us for a seed phrase"})).await.expect(200);
    assert_eq!(action().await, "block");
    desk.ask("DELETE", &entry, &[], b"").await.expect(204);
    assert_eq!(action().await, "allow");
}

#[tokio::test]
async fn a_restart_forgets_nothing_of_a_wallet() {
    let desk = Desk::open().await;
    let wallet = protected(&desk).await;
    put(&desk, &format!("{wallet}/lists/allow/{NOBODY}"), &json!({"reason": "ours"})).await.expect(200);
    analyzed(&desk, &wallet, &json!({"to": NOBODY, "value": "1"})).await;
    let before = desk.get(&wallet).await.expect(200);
    let desk = desk.restart().await;
    assert_eq!(desk.get(&wallet).await.expect(200), before);
    assert_eq!(before["transaction_count_24h"], 1);
    let list = desk.get(&format!("{wallet}/lists/allow")).await.expect(200);
    assert_eq!(list["entries"][0]["address"], NOBODY);
}

#[tokio::test]
async fn who_reads_wallets_changes_none_and_another_tenant_sees_none() {
    let desk = Desk::open().await;
    let wallet = protected(&desk).await;
    let viewer = key(&desk, Role::Viewer, None).await;
    let foreign = desk.second_tenant().await;
    let status = async |who: &str, method: &str, path: &str, body: &Value| {
        let headers: Vec<_> =
            by_key(who).into_iter().chain([("content-type", "application/json".to_owned())]).collect();
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        desk.ask(method, path, &headers, &body).await.status
    };
    let analysis = json!({"transaction": {"to": NOBODY, "value": "1"}});
    for (method, path, body, viewer_gets, foreign_gets) in [
        ("GET", wallet.clone(), Value::Null, 200, 404),
        ("PATCH", wallet.clone(), json!({"name": "x"}), 403, 404),
        ("GET", format!("{wallet}/lists/block"), Value::Null, 200, 404),
        ("PUT", format!("{wallet}/lists/block/{NOBODY}"), json!({"reason": "x"}), 403, 404),
        ("POST", format!("{wallet}/analyze-transaction"), analysis, 403, 404),
        ("GET", "/v1/config/security-policies".to_owned(), Value::Null, 403, 200),
        ("DELETE", wallet.clone(), Value::Null, 403, 404),
    ] {
        assert_eq!(status(&viewer, method, &path, &body).await, viewer_gets, "{method} {path}");
        assert_eq!(status(&foreign, method, &path, &body).await, foreign_gets, "{method} {path}");
    }
    desk.get(&wallet).await.expect(200);
}
