//! `POST /v1/risk/signature`.

use super::*;

#[tokio::test]
async fn a_signature_s_verdict_has_the_hash_and_is_made_again_as_the_same_bytes() {
    let bench = bench();
    let mut asked = permit();
    for (accounts, level) in [
        (json!([]), "caution"),
        (json!([{"address": NOBODY, "code": "none"}]), "critical"),
        (json!([{"address": NOBODY, "code": "contract", "age_days": 2}]), "danger"),
        (json!([{"address": NOBODY, "code": "contract", "verified": false}]), "danger"),
        (json!([{"address": NOBODY, "code": "contract", "age_days": 900, "verified": true}]), "caution"),
    ] {
        asked["accounts"] = accounts;
        let (status, verdict, _) = bench.ask(ask("scoreSignature", &asked)).await;
        assert_eq!((status, &verdict["level"]), (200, &json!(level)), "{verdict}");
        assert_eq!(verdict["subject"]["primary_type"], "Permit");
        assert_eq!(verdict["subject"]["hash"].as_str().map(str::len), Some(66));
        let id = verdict["id"].as_str().expect("an id");
        let (status, replayed, _) = bench.ask(about("replayVerdict", id)).await;
        assert_eq!((status, &replayed["same"]), (200, &json!(true)));
    }
    for body in [
        json!({"chain": "ethereum", "message": "Hello", "origin": "https://Example.com:443/x"}),
        json!({"chain": "ethereum", "hash": format!("0x{}", "ab".repeat(32))}),
        json!({"chain": "ethereum", "authorization": {"chain_id": 0, "address": NOBODY, "nonce": 1}}),
    ] {
        let (status, verdict, _) = bench.ask(ask("scoreSignature", &body)).await;
        assert_eq!(status, 200, "{verdict}");
        let id = verdict["id"].as_str().expect("an id");
        let (_, replayed, _) = bench.ask(about("replayVerdict", id)).await;
        assert_eq!(replayed["same"], json!(true), "{body}");
    }
    // No address, text or type is told in events.
    for event in bench.events().await {
        assert!(!event.to_json().to_lowercase().contains(&NOBODY.to_lowercase()[2..]));
    }
}

#[tokio::test]
async fn a_hostile_message_is_a_clear_problem_and_leaves_nothing() {
    let bench = bench();
    let typed = |change: &dyn Fn(&mut Value)| {
        let mut asked = permit();
        change(&mut asked["typed_data"]);
        asked
    };
    let cyclic = typed(&|data| data["types"]["Permit"] = json!([{"name": "x", "type": "Permit[]"}]));
    let missing = typed(&|data| data["primaryType"] = json!("Nobody"));
    let number = typed(&|data| data["message"]["value"] = json!(1e30));
    let large = typed(&|data| data["message"]["more"] = json!("x".repeat(1_000_000)));
    let mut nested = json!(1);
    for _ in 0..60 {
        nested = json!([nested]);
    }
    let nested = typed(&|data| data["message"]["value"] = nested.clone());
    let no_domain = typed(&|data| data["domain"] = Value::Null);
    let two = json!({"chain": "ethereum", "message": "x", "hash": "0x"});
    let states: Vec<_> = (0..65).map(|_| json!({"address": NOBODY})).collect();
    let with_states = json!({"chain": "ethereum", "message": "x", "accounts": states});
    let wrong =
        json!({"chain": "ethereum", "message": "x", "accounts": [{"address": NOBODY.replace('B', "b")}]});
    for (body, status, code, pointer) in [
        (cyclic, 400, "invalid-message", "/typed_data"),
        (missing, 400, "invalid-message", "/typed_data"),
        (number, 400, "invalid-message", "/typed_data"),
        (large, 400, "invalid-message", "/typed_data"),
        (nested, 400, "invalid-message", "/typed_data"),
        (no_domain, 400, "invalid-message", "/typed_data"),
        (two, 400, "invalid-message", ""),
        (json!({"chain": "ethereum"}), 400, "invalid-message", ""),
        (json!({"chain": "ethereum", "hash": "0x12"}), 400, "invalid-message", "/hash"),
        (json!({"chain": "ethereum", "message": "x".repeat(131_073)}), 400, "invalid-message", "/message"),
        (json!({"chain": "ethereum", "message": "x", "origin": "a b"}), 400, "invalid-message", "/origin"),
        (with_states, 413, "too-large", "/accounts"),
        (wrong, 400, "invalid-address", "/accounts/0/address"),
    ] {
        let (given, problem, _) = bench.ask(ask("scoreSignature", &body)).await;
        assert_eq!((given, problem["code"].as_str()), (status, Some(code)), "{problem}");
        assert_eq!(problem["errors"][0]["pointer"].as_str().unwrap_or_default(), pointer, "{problem}");
    }
    assert!(bench.events().await.is_empty());
}
