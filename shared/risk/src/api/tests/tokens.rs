//! `POST /v1/risk/token`, and accounts of other kinds of chain.

use super::simulation::with_state;
use super::*;
use crate::engine::tests::simulation::runtime;

const TOKEN: &str = "0x7070707070707070707070707070707070707071";
const PROXY: &str = "0x9090909090909090909090909090909090909091";
/// ERC-1967's place of the logic.
const LOGIC: &str = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc";

fn token_at(address: &str) -> Value {
    json!({"chain": "ethereum", "address": address})
}

fn ids(verdict: &Value) -> Vec<&str> {
    let signals = verdict["signals"].as_array().expect("signals");
    signals.iter().map(|signal| signal["id"].as_str().expect("an id")).collect()
}

fn with_proxy(is_down: bool) -> Bench {
    with_state(is_down, |state| {
        state["accounts"][PROXY] = json!({
            "balance": "0", "nonce": 1, "code": runtime("Proxy"),
            "storage": {LOGIC: format!("0x{:0>64}", &TOKEN[2..])},
        });
    })
}

#[tokio::test]
async fn a_token_is_read_through_its_proxy_and_its_verdict_replays() {
    let bench = with_proxy(false);
    let (status, verdict, _) = bench.ask(ask("scoreToken", &token_at(PROXY))).await;
    assert_eq!(status, 200, "{verdict}");
    assert_eq!(verdict["subject"]["kind"], "token");
    assert_eq!(verdict["block"]["number"], 23_000_000);
    assert!(ids(&verdict).contains(&"token_replaceable"), "{verdict}");
    assert!(
        !ids(&verdict).contains(&"token_no_code") && !ids(&verdict).contains(&"no_chain_data"),
        "{verdict}"
    );
    let seen = verdict["signals"].as_array().expect("signals").iter().find(|it| it["id"] == "token_seen");
    let seen = &seen.expect("it was seen")["evidence"]["found"][0];
    assert_eq!(seen["proxy"]["points_to"], TOKEN.to_lowercase());
    assert_ne!(seen["scanned_sha256"], seen["code_sha256"], "the logic was scanned, not the proxy");
    let id = verdict["id"].as_str().expect("an id");
    let (_, replayed, _) = bench.ask(about("replayVerdict", id)).await;
    assert_eq!(replayed["same"], true, "{replayed}");
}

#[tokio::test]
async fn without_a_chain_code_may_be_told_and_nothing_else_is_made_up() {
    let bench = bench();
    let (status, verdict, _) = bench.ask(ask("scoreToken", &token_at(TOKEN))).await;
    assert_eq!((status, verdict["level"].as_str()), (200, Some("unknown")), "{verdict}");
    let mut told = token_at(TOKEN);
    told["code"] = json!(runtime("Token"));
    let (_, verdict, _) = bench.ask(ask("scoreToken", &told)).await;
    let signals = verdict["signals"].as_array().expect("signals");
    let seen = signals.iter().find(|signal| signal["id"] == "token_seen").expect("it was seen");
    assert_eq!(seen["source"], "asker");
    assert_eq!(verdict["block"], Value::Null);

    let unreachable = with_proxy(true);
    let (_, verdict, _) = unreachable.ask(ask("scoreToken", &token_at(PROXY))).await;
    assert_eq!(verdict["level"], "unknown", "{verdict}");
    let nobody = with_proxy(false);
    let (_, verdict, _) = nobody.ask(ask("scoreToken", &token_at(NOBODY))).await;
    assert!(ids(&verdict).contains(&"token_no_code"), "{verdict}");
}

#[tokio::test]
async fn a_token_in_a_batch_is_judged_as_alone() {
    let bench = with_proxy(false);
    let mut item = token_at(PROXY);
    item["kind"] = json!("token");
    let (status, answer, _) = bench.ask(ask("scoreBatch", &json!({"items": [item]}))).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["results"][0]["verdict"]["subject"]["kind"], "token");
}

#[tokio::test]
async fn bad_tokens_get_a_clear_problem() {
    let bench = bench();
    let with_code = |code: &str| json!({"chain": "ethereum", "address": TOKEN, "code": code});
    for code in ["6001".to_owned(), "0x600".to_owned(), format!("0x{}", "00".repeat(131_073))] {
        for door in ["scoreToken", "scoreAddress"] {
            let (status, problem, _) = bench.ask(ask(door, &with_code(&code))).await;
            assert_eq!((status, problem["code"].as_str()), (400, Some("invalid-code")), "{problem}");
            assert_eq!(problem["errors"][0]["pointer"], "/code", "{problem}");
        }
    }
    for (body, code, pointer) in [
        (token_at("0x1"), "invalid-address", "/address"),
        (token_at("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"), "unsupported-address", "/address"),
        (json!({"chain": "bitcoin", "address": TOKEN}), "unsupported-chain", "/chain"),
    ] {
        let (status, problem, _) = bench.ask(ask("scoreToken", &body)).await;
        assert_eq!((status, problem["code"].as_str()), (400, Some(code)), "{problem}");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
}

#[tokio::test]
async fn accounts_of_other_chains_are_screened_by_lists_alone_and_that_is_said() {
    let bench = bench();
    for (chain, address, caip) in [
        ("bitcoin", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "bip122:000000000019d6689c085ae165831e93"),
        ("solana", "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA", "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"),
        ("tron", "TJCnKsPa7y5okkXvQAidZBzqx3QyQ6sxMW", "tron:0x2b6653dc"),
    ] {
        let asked = json!({"chain": chain, "address": address});
        let (status, verdict, _) = bench.ask(ask("scoreAddress", &asked)).await;
        assert_eq!((status, verdict["level"].as_str()), (200, Some("unknown")), "{verdict}");
        assert_eq!(verdict["subject"], json!({"kind": "address", "chain": caip, "address": address}));
        assert_eq!(ids(&verdict), ["prior", "list_only"]);
        let (_, replayed, _) =
            bench.ask(about("replayVerdict", verdict["id"].as_str().expect("an id"))).await;
        assert_eq!(replayed["same"], true, "{replayed}");
        let wrong = json!({"chain": chain, "address": format!("{address}0")});
        let (status, problem, _) = bench.ask(ask("scoreAddress", &wrong)).await;
        assert_eq!((status, problem["code"].as_str()), (400, Some("invalid-address")), "{problem}");
    }
}

#[tokio::test]
async fn dealings_that_are_told_count_and_are_limited() {
    let bench = bench();
    let dealing = |from: &str| json!({"from": from, "to": NOBODY});
    let asked = |dealings: Vec<Value>| {
        let mut asked = token_at(NOBODY);
        asked["dealings"] = Value::from(dealings);
        asked
    };
    let (status, verdict, _) = bench.ask(ask("scoreAddress", &asked(vec![dealing(RONIN_EXPLOITER)]))).await;
    assert_eq!((status, verdict["level"].as_str()), (200, Some("caution")), "{verdict}");
    assert!(ids(&verdict).contains(&"exposure_direct"), "{verdict}");
    let many = vec![dealing(RONIN_EXPLOITER); 2_001];
    let (status, problem, _) = bench.ask(ask("scoreAddress", &asked(many))).await;
    assert_eq!((status, problem["errors"][0]["pointer"].as_str()), (413, Some("/dealings")), "{problem}");
    let (status, problem, _) = bench.ask(ask("scoreAddress", &asked(vec![dealing("0x1")]))).await;
    assert_eq!(
        (status, problem["errors"][0]["pointer"].as_str()),
        (400, Some("/dealings/0/from")),
        "{problem}"
    );
}
