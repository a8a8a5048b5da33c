//! From a feed on the network to a verdict that names it.

use std::net::SocketAddr;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use scorpius_egress::AllowedTarget;
use scorpius_feeds::{Outcome, feeds_of};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::desk::Desk;

const THIEF: &str = "0x52908400098527886e0f7030069857d2e4169ee7";

/// Serves `feeds` on a free loopback port for as long as the test's runtime lives.
async fn serve(feeds: Router) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("it listens");
    tokio::spawn(async move { axum::serve(listener, feeds).await.expect("it serves") });
    address
}

async fn desk(address: SocketAddr) -> Desk {
    let feeds = json!([
        {"name": "accounts", "kind": "threats", "format": "json", "url": format!("http://{address}/accounts"), "source": "the watch"},
        {"name": "sites", "kind": "threats", "format": "phishing-detect", "url": format!("http://{address}/sites")},
        {"name": "gone", "kind": "sanctions", "format": "csv", "url": format!("http://{address}/gone")}
    ]);
    Desk::open_with(|settings| {
        settings.feeds = feeds_of(&feeds.to_string()).expect("feeds");
        settings.egress_allow = vec![AllowedTarget { host: address.ip().to_string(), port: address.port() }];
    })
    .await
}

fn signal<'a>(verdict: &'a Value, id: &str) -> &'a Value {
    let signals = verdict["signals"].as_array().expect("signals");
    signals.iter().find(|signal| signal["id"] == id).unwrap_or_else(|| panic!("no {id} in {verdict}"))
}

#[tokio::test]
async fn a_listed_site_and_account_are_dangerous_once_their_feed_was_read() {
    let feeds = Router::new()
        .route("/accounts", get(|| async { format!(r#"["{THIEF}"]"#) }))
        .route(
            "/sites",
            get(|| async { r#"{"blacklist": ["steal.example"], "whitelist": ["fine.example"]}"# }),
        )
        .route("/gone", get(|| async { StatusCode::GONE }));
    let desk = desk(serve(feeds).await).await;
    let ask_account = json!({"chain": "ethereum", "address": THIEF});
    let before = desk.post("/v1/risk/address", &ask_account).await.expect(200);
    assert_eq!(before["level"], "unknown");

    let outcomes = desk.host.read_feeds().await.expect("the feeds are read");
    assert_eq!(outcomes["accounts"], Outcome::Read { added: 1, removed: 0 });
    assert_eq!(outcomes["sites"], Outcome::Read { added: 2, removed: 0 });
    assert_eq!(outcomes["gone"], Outcome::Refused("answered with status 410".to_owned()));
    desk.clock.advance_ms(30_000);

    let verdict = desk.post("/v1/risk/address", &ask_account).await.expect(200);
    let bad = |verdict: &Value| ["danger", "critical"].iter().any(|level| verdict["level"] == *level);
    assert!(bad(&verdict), "{verdict}");
    let found = &signal(&verdict, "threat_list")["evidence"]["found"][0];
    assert_eq!((&found["list"], &found["said_by"]), (&json!("accounts"), &json!("the watch")));
    let names = |verdict: &Value| -> Vec<String> {
        let lists = verdict["lists"].as_array().expect("lists");
        lists.iter().map(|list| list["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert!(names(&verdict).contains(&"sites-allowed".to_owned()), "every list that was asked is named");

    let site = async |name: &str| desk.post("/v1/risk/domain", &json!({"domain": name})).await.expect(200);
    let stolen = site("https://app.steal.example/claim").await;
    assert!(bad(&stolen), "{stolen}");
    assert_eq!(signal(&stolen, "threat_list")["evidence"]["found"][0]["listed"], "domain:steal.example");
    assert_eq!(site("fine.example").await["level"], "safe");
    assert_eq!(site("other.example").await["level"], "unknown");

    // A signature is judged by who asks for it, too.
    let mut message = json!({"chain": "ethereum", "message": "hello", "origin": "app.steal.example"});
    let signed = desk.post("/v1/risk/signature", &message).await.expect(200);
    signal(&signed, "threat_list");
    message["origin"] = json!("fine.example");
    let plain = desk.post("/v1/risk/signature", &message).await.expect(200);
    assert!(plain["signals"].as_array().expect("signals").iter().all(|it| it["id"] != "known_domain"));

    // What the lists said is part of the inputs: no list is needed to make the verdict again.
    let path = format!("/v1/verdicts/{}/replay", stolen["id"].as_str().expect("an id"));
    let replay = desk.post(&path, &json!({})).await.expect(200);
    assert_eq!(replay["same"], true);
    desk.settle().await;
    let (from, to) = ("2026-11-21T00:00:00.000Z", "2026-11-22T00:00:00.000Z");
    for kind in ["scorpius.intel.snapshot_published.v1", "scorpius.intel.feed_refused.v1"] {
        let told = desk.get(&format!("/v1/audit/events?from={from}&to={to}&type={kind}")).await.expect(200);
        assert_eq!(told["events"].as_array().map(Vec::len), Some(1), "{told}");
    }
}

/// Stores, long enough to have a print; what it stores is `constant`.
fn contract(constant: &str) -> String {
    format!("0x3354{}", format!("60{constant}600155").repeat(120))
}

#[tokio::test]
async fn a_copy_of_listed_code_is_dangerous_at_an_address_a_token_and_a_spender() {
    let code: scorpius_evm::Bytes = contract("01").parse().expect("hex");
    let print = scorpius_scan::sketch::Sketch::of(&code).whole.expect("a print");
    let print = scorpius_evm::Bytes::copy_from_slice(&print.0).to_string();
    let rows =
        json!([{"part": "whole", "print": print, "name": "Drainer 7", "date": "2026-11-19"}]).to_string();
    let address = serve(Router::new().route("/code", get(move || async move { rows }))).await;
    let feed = json!({
        "name": "bad-code", "kind": "bad_code", "format": "code-prints",
        "url": format!("http://{address}/code"), "source": "the watch",
    });
    let wrong = |key: &str, value: &str| {
        let mut feed = feed.clone();
        feed[key] = json!(value);
        feeds_of(&json!([feed]).to_string())
    };
    assert!(wrong("kind", "threats").is_err() && wrong("format", "json").is_err());
    let desk = Desk::open_with(|settings| {
        settings.feeds = feeds_of(&json!([feed]).to_string()).expect("a feed");
        settings.egress_allow = vec![AllowedTarget { host: address.ip().to_string(), port: address.port() }];
    })
    .await;
    let asked = |code: &str| json!({"chain": "ethereum", "address": THIEF, "code": code});
    let before = desk.post("/v1/risk/address", &asked(&contract("07"))).await.expect(200);
    assert_eq!(before["level"], "unknown");
    let outcomes = desk.host.read_feeds().await.expect("the feeds are read");
    assert_eq!(outcomes["bad-code"], Outcome::Read { added: 1, removed: 0 });
    desk.clock.advance_ms(30_000);

    for door in ["/v1/risk/address", "/v1/risk/token"] {
        let verdict = desk.post(door, &asked(&contract("07"))).await.expect(200);
        let found = &signal(&verdict, "known_bad_code")["evidence"]["found"][0];
        let version =
            verdict["lists"].as_array().expect("lists").iter().find(|list| list["name"] == "bad-code");
        assert_eq!(found["list_version"], version.expect("it is named")["version"]);
        assert_eq!((&found["name"], &found["said_by"]), (&json!("Drainer 7"), &json!("the watch")));
        assert!(["danger", "critical"].iter().any(|level| verdict["level"] == *level), "{verdict}");
        let path = format!("/v1/verdicts/{}/replay", verdict["id"].as_str().expect("an id"));
        assert_eq!(desk.post(&path, &json!({})).await.expect(200)["same"], true);
        // A part of it, and a longer one that begins as it does, are other code.
        for other in [contract("07")[..400].to_owned(), contract("07") + "33ff"] {
            let verdict = desk.post(door, &asked(&other)).await.expect(200);
            let ids = verdict["signals"].as_array().expect("signals");
            assert!(ids.iter().all(|signal| signal["id"] != "known_bad_code"), "{verdict}");
        }
    }

    // A spender whose code the state tells.
    let owner = "0xd1220a0cf47c7b9be7a2e6ba89f429762e7b9adb";
    let account =
        |code: &str| json!({"balance": "1000000000000000000", "nonce": 0, "code": code, "storage": {}});
    let token = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48";
    let zero = format!("0x{}", "0".repeat(64));
    let transaction = json!({
        "chain": "ethereum", "from": owner, "to": token, "value": "0",
        "data": format!("0x095ea7b3{:0>64}{:0>64}", &THIEF[2..], "64"),
        "state": {
            "chain_id": 1, "rules": "cancun", "whole": true,
            "block": {"number": 20_000_000, "hash": zero, "timestamp": 1_795_254_000, "coinbase": THIEF,
                      "prevrandao": zero, "base_fee": 1_000_000_000_u64, "gas_limit": 30_000_000},
            "accounts": {owner: account("0x"), token: account("0x00"), THIEF: account(&contract("09"))},
        },
    });
    let verdict = desk.post("/v1/risk/transaction", &transaction).await.expect(200);
    let found = &signal(&verdict, "known_bad_code")["evidence"]["found"][0];
    assert_eq!((&found["role"], &found["told_by"]), (&json!("spender"), &json!("asker")));
}
