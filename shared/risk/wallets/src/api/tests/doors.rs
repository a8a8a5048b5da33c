//! The doors themselves: wallets, lists, policies, and what none of them takes.

use super::*;

fn about(operation: &'static str, wallet: &str) -> Ask {
    ask(operation, &Value::Null).of(wallet)
}

#[tokio::test]
async fn a_wallet_is_protected_once_shown_changed_and_released() {
    let bench = bench();
    let made = bench.expect(201, ask("protectWallet", &of_address(WALLET))).await;
    let wallet = made["wallet_id"].as_str().expect("an id");
    assert_eq!((&made["status"], &made["chain"]), (&json!("protected"), &json!("eip155:1")));
    assert_eq!((&made["risk_level"], &made["last_transaction"]), (&json!("unknown"), &Value::Null));
    let again = bench.expect(409, ask("protectWallet", &of_address(&WALLET.to_lowercase()))).await;
    assert_eq!(again["code"], "already-protected");
    let elsewhere = json!({"address": WALLET, "chain": "base", "name": "There"});
    bench.expect(201, ask("protectWallet", &elsewhere)).await;

    let change = ask("changeWallet", &json!({"name": "Vault", "risk_threshold": 30})).of(wallet);
    let changed = bench.expect(200, change.clone().with("if-match", "\"1\"")).await;
    assert_eq!((&changed["name"], &changed["risk_threshold"]), (&json!("Vault"), &json!(30)));
    assert_ne!(changed["verdict_id"], made["verdict_id"]);
    let stale = bench.expect(412, change.with("if-match", "\"1\"")).await;
    assert_eq!(stale["code"], "precondition-failed");

    bench.expect(200, ask("putEntry", &json!({"reason": "x"})).of(wallet).on("block", NOBODY)).await;
    bench.analyzed(wallet, &payment(SOMEBODY, "1")).await;
    bench.expect(204, about("releaseWallet", wallet)).await;
    for operation in ["getWallet", "releaseWallet"] {
        bench.expect(404, about(operation, wallet)).await;
    }
    let anew = bench.protected().await;
    assert_ne!(anew, wallet);
    let shown = bench.expect(200, about("getWallet", &anew)).await;
    assert_eq!(shown["transaction_count"], 0);
    let aggregate: Vec<_> = bench.events().await.into_iter().filter(|it| it.aggregate == wallet).collect();
    let told: std::collections::BTreeSet<_> =
        aggregate.iter().map(|event| (event.sequence, event.kind.as_str())).collect();
    assert_eq!(
        Vec::from_iter(told),
        [
            (1, "scorpius.wallet.protected.v1"),
            (2, "scorpius.wallet.changed.v1"),
            (3, "scorpius.wallet.list_entry_set.v1"),
            (4, "scorpius.wallet.released.v1"),
        ]
    );
}

#[tokio::test]
async fn protecting_with_the_same_key_is_one_wallet() {
    let bench = bench();
    let asked = || ask("protectWallet", &of_address(WALLET)).with("idempotency-key", "k1");
    let first = bench.expect(201, asked()).await;
    assert_eq!(bench.expect(201, asked()).await, first);
    assert_eq!(bench.told("scorpius.wallet.protected.v1").await.len(), 1);
}

#[tokio::test]
async fn wallets_are_listed_in_pages_whole_or_of_one_chain() {
    let bench = bench();
    for number in 1..=5 {
        let chain = if number % 2 == 0 { "ethereum" } else { "base" };
        let body = json!({"address": format!("0x{number:040x}"), "chain": chain, "name": "w"});
        bench.expect(201, ask("protectWallet", &body)).await;
        bench.clock.advance_ms(10);
    }
    for (chain, expected) in
        [(None, vec![1, 2, 3, 4, 5]), (Some("base"), vec![1, 3, 5]), (Some("polygon"), vec![])]
    {
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut asked = ask("listWallets", &Value::Null).asking("limit", 2);
            asked.query.extend(chain.map(|chain| ("chain", chain.to_owned())));
            asked.query.extend(cursor.clone().map(|cursor| ("cursor", cursor)));
            let page = bench.expect(200, asked).await;
            let wallets = page["wallets"].as_array().expect("wallets");
            seen.extend(
                wallets
                    .iter()
                    .map(|it| it["address"].as_str().expect("hex")[38..].parse::<i32>().expect("a number")),
            );
            cursor = page["pagination"]["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, expected, "{chain:?}");
    }
}

#[tokio::test]
async fn a_list_is_bounded_paged_and_an_address_is_on_one_list_only() {
    let bench = bench();
    let wallet = bench.protected().await;
    let put = |list: &str, who: &str| ask("putEntry", &json!({"reason": "r"})).of(&wallet).on(list, who);
    let shown = bench.expect(200, put("allow", NOBODY)).await;
    assert_eq!((&shown["address"], &shown["added_by"]), (&json!(NOBODY), &json!("key_1")));
    assert_eq!(bench.expect(409, put("block", NOBODY)).await["code"], "on-other-list");
    assert_eq!(bench.expect(400, put("block", WALLET)).await["errors"][0]["pointer"], "/address");
    for number in 1..200 {
        bench.expect(200, put("allow", &format!("0x{number:040x}"))).await;
    }
    assert_eq!(bench.expect(409, put("allow", SOMEBODY)).await["code"], "list-full");
    bench.expect(200, put("allow", NOBODY)).await;
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut asked = about("listEntries", &wallet).on("allow", "").asking("limit", 70);
        asked.query.extend(cursor.clone().map(|cursor| ("cursor", cursor)));
        let page = bench.expect(200, asked).await;
        seen.extend(page["entries"].as_array().expect("entries").iter().map(|it| it["address"].to_string()));
        cursor = page["pagination"]["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    let distinct: std::collections::BTreeSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len()), (200, 200));
    bench.expect(204, about("deleteEntry", &wallet).on("allow", NOBODY)).await;
    bench.expect(404, about("deleteEntry", &wallet).on("allow", NOBODY)).await;
    let hashes: std::collections::BTreeSet<_> = bench
        .events()
        .await
        .into_iter()
        .filter(|event| event.kind == "scorpius.wallet.list_entry_removed.v1")
        .map(|event| event.data["entry_sha256"].as_str().expect("a hash").len())
        .collect();
    assert_eq!(hashes, [64].into());
}

#[tokio::test]
async fn a_policy_is_replaced_by_its_version() {
    let bench = bench();
    let none = bench.expect(200, ask("getSecurityPolicy", &Value::Null)).await;
    assert_eq!(
        none,
        json!({
            "version": 0, "global_risk_threshold": 60, "auto_block_threshold": 90, "transaction_limits": [],
            "likelihood_priors": {},
        })
    );
    let limits = json!([
        {"chain": "base", "asset": USDC.to_lowercase(), "per_24h": "5"},
        {"chain": "ethereum", "asset": "any", "unlimited_approvals": false},
    ]);
    let mut asked = policy(limits);
    asked["likelihood_priors"] = json!({"payment": 700});
    let put = ask("putSecurityPolicy", &asked);
    assert_eq!(bench.expect(412, put.clone()).await["code"], "precondition-failed");
    let made = bench.expect(200, put.clone().with("if-match", "\"0\"")).await;
    assert_eq!((&made["version"], &made["updated_by"]), (&json!(1), &json!("key_1")));
    let limit = json!({
        "chain": "eip155:1", "asset": "any", "unlimited_approvals": false, "listed_contracts_only": false,
    });
    assert_eq!(made["transaction_limits"][0], limit);
    assert_eq!(made["transaction_limits"][1]["asset"], USDC);
    assert_eq!(made["likelihood_priors"], json!({"payment": 700}));
    let wallet = bench.protected().await;
    let analyzed = bench.analyzed(&wallet, &payment(NOBODY, "1")).await;
    let prior = &analyzed["verdict"]["likelihood"]["prior"];
    assert_eq!(prior, &json!({"per_million": 700, "source": "policy"}), "{analyzed}");
    bench.expect(412, put.with("if-match", "\"0\"")).await;
    assert_eq!(bench.expect(200, ask("getSecurityPolicy", &Value::Null)).await, made);
    let told = bench.told("scorpius.wallet.security_policy_changed.v1").await;
    assert_eq!((told.len(), &told[0].data["version"], &told[0].data["limits"]), (1, &json!(1), &json!(2)));
    assert_eq!(bench.expect(200, ask("getSecurityPolicy", &Value::Null).by(2)).await, none);
}

#[tokio::test]
async fn a_wallet_s_own_address_raises_an_alert_at_either_threshold() {
    let bench = bench();
    let wallet = bench.protected().await;
    let alerts = async || bench.expect(200, ask("listAlerts", &Value::Null)).await["alerts"].clone();
    assert_eq!(alerts().await, json!([]), "its score is below both");
    let mut low = policy(json!([]));
    low["global_risk_threshold"] = json!(1);
    bench.expect(200, ask("putSecurityPolicy", &low).with("if-match", "*")).await;
    let change = |threshold: u8| ask("changeWallet", &json!({"risk_threshold": threshold})).of(&wallet);
    for (threshold, rule) in [(100, "global_risk_threshold"), (1, "risk_threshold")] {
        let changed = bench.expect(200, change(threshold)).await;
        bench.expect(200, change(threshold)).await;
        let raised = alerts().await;
        let raised: Vec<_> =
            raised.as_array().expect("alerts").iter().filter(|it| it["rule"] == rule).collect();
        assert_eq!(raised.len(), 1, "once: {raised:?}");
        assert_eq!(
            (&raised[0]["verdict_id"], &raised[0]["subject_kind"]),
            (&changed["verdict_id"], &json!("address"))
        );
    }
    assert_eq!(bench.told("scorpius.alert.raised.v1").await.len(), 2);
}

#[tokio::test]
async fn what_is_not_of_its_form_is_a_clear_problem_at_each_door() {
    let bench = bench();
    let wallet = bench.protected().await;
    let protect = |name: &str, value: Value| {
        let mut body = of_address(NOBODY);
        body[name] = value;
        ask("protectWallet", &body)
    };
    let put = |body: Value| ask("putSecurityPolicy", &body).with("if-match", "*");
    let limit = |name: &str, value: Value| {
        let mut limit = json!({"chain": "ethereum", "asset": "native"});
        limit[name] = value;
        put(policy(json!([limit])))
    };
    let likely = |class: &str, value: Value| {
        let mut policy = policy(json!([]));
        policy["likelihood_priors"] = json!({class: value});
        put(policy)
    };
    let entry = |body: Value, who: &str| ask("putEntry", &body).of(&wallet).on("allow", who);
    let analyze = |body: Value| ask("analyzeTransaction", &body).of(&wallet);
    let many: Vec<_> = (1..=17).map(|n| json!({"chain": "base", "asset": format!("0x{n:040x}")})).collect();
    let twice = json!([{"chain": "ethereum", "asset": "any"}, {"chain": "eip155:1", "asset": "any"}]);
    let too_many = json!(vec![json!({"chain": "base", "asset": "any"}); 51]);
    for (asked, status, code, pointer) in [
        (protect("address", json!("0x12")), 400, "invalid-address", "/address"),
        (protect("address", json!(NOBODY.replace('B', "b"))), 400, "invalid-address", "/address"),
        (protect("address", json!("vitalik.eth")), 400, "unsupported-address", "/address"),
        (protect("chain", json!("bitcoin")), 400, "unsupported-chain", "/chain"),
        (likely("domain", json!(0)), 400, "invalid-request", "/likelihood_priors/domain"),
        (likely("payment", json!(500_001)), 400, "invalid-request", "/likelihood_priors/payment"),
        (protect("name", json!("")), 400, "invalid-request", "/name"),
        (protect("name", json!("a\nb")), 400, "invalid-request", "/name"),
        (protect("name", json!("x".repeat(101))), 400, "invalid-request", "/name"),
        (protect("risk_threshold", json!(0)), 400, "invalid-request", "/risk_threshold"),
        (protect("risk_threshold", json!(101)), 400, "invalid-request", "/risk_threshold"),
        (protect("risk_threshold", json!(0.7)), 400, "invalid-request", ""),
        (protect("monitoring_level", json!("paranoid")), 400, "invalid-request", ""),
        (protect("alert_webhook", json!("https://example.com")), 400, "invalid-request", ""),
        (ask("listWallets", &Value::Null).asking("chain", "x"), 400, "unsupported-chain", "/chain"),
        (ask("listWallets", &Value::Null).asking("limit", 0), 400, "invalid-request", "/limit"),
        (ask("listWallets", &Value::Null).asking("cursor", "x"), 400, "invalid-request", "/cursor"),
        (about("getWallet", "wal_1"), 404, "not-found", ""),
        (ask("changeWallet", &json!({})).of(&wallet), 400, "invalid-request", ""),
        (ask("changeWallet", &json!({"address": NOBODY})).of(&wallet), 400, "invalid-request", ""),
        (about("listEntries", &wallet).on("grey", ""), 404, "not-found", ""),
        (
            about("listEntries", &wallet).on("allow", "").asking("cursor", "e30"),
            400,
            "invalid-request",
            "/cursor",
        ),
        (entry(json!({"reason": "r"}), "0x1"), 400, "invalid-address", "/address"),
        (entry(json!({"reason": " "}), NOBODY), 400, "invalid-request", "/reason"),
        (entry(json!({"reason": "r", "expires_at": "soon"}), NOBODY), 400, "invalid-request", "/expires_at"),
        (
            entry(json!({"reason": "r", "expires_at": "2026-01-01T00:00:00Z"}), NOBODY),
            400,
            "invalid-request",
            "/expires_at",
        ),
        (
            entry(json!({"reason": "r", "expires_at": "2126-01-01T00:00:00Z"}), NOBODY),
            400,
            "invalid-request",
            "/expires_at",
        ),
        (analyze(json!({})), 400, "invalid-request", "/transaction"),
        (
            analyze(json!({"transaction": payment(NOBODY, "1"), "transaction_hash": "0x"})),
            400,
            "invalid-request",
            "/transaction",
        ),
        (analyze(json!({"transaction": payment("me", "1")})), 400, "unsupported-address", "/transaction/to"),
        (
            analyze(json!({"transaction": payment(NOBODY, "-1")})),
            400,
            "invalid-transaction",
            "/transaction/value",
        ),
        (
            analyze(json!({"transaction": {"to": NOBODY, "value": "1", "data": "0x1"}})),
            400,
            "invalid-transaction",
            "/transaction/data",
        ),
        (
            analyze(json!({"transaction": {"to": NOBODY, "value": "1", "from": NOBODY}})),
            400,
            "invalid-request",
            "",
        ),
        (
            analyze(json!({"transaction": {"to": NOBODY, "value": "1", "history": vec![NOBODY; 1001]}})),
            413,
            "too-large",
            "/transaction/history",
        ),
        (
            put(json!({"global_risk_threshold": 90, "auto_block_threshold": 60})),
            400,
            "invalid-request",
            "/auto_block_threshold",
        ),
        (
            put(json!({"global_risk_threshold": 0, "auto_block_threshold": 60})),
            400,
            "invalid-request",
            "/global_risk_threshold",
        ),
        (put(json!({"auto_block_threshold": 60})), 400, "invalid-request", ""),
        (limit("chain", json!("x")), 400, "unsupported-chain", "/transaction_limits/0/chain"),
        (limit("asset", json!("gold")), 400, "invalid-request", "/transaction_limits/0/asset"),
        (limit("per_24h", json!("1.5")), 400, "invalid-request", "/transaction_limits/0/per_24h"),
        (limit("per_24h", json!("9".repeat(78))), 400, "invalid-request", "/transaction_limits/0/per_24h"),
        (
            put(policy(json!([{"chain": "base", "asset": "any", "per_24h": "1"}]))),
            400,
            "invalid-request",
            "/transaction_limits/0/per_24h",
        ),
        (put(policy(twice)), 400, "invalid-request", "/transaction_limits/1/asset"),
        (put(policy(json!(many))), 400, "invalid-request", "/transaction_limits/16/chain"),
        (put(policy(too_many)), 413, "too-large", "/transaction_limits"),
    ] {
        let shown = format!("{} {:?} {}", asked.operation, asked.query, asked.body);
        let (given, problem) = bench.ask(asked).await;
        assert_eq!((given, problem["code"].as_str()), (status, Some(code)), "{shown}: {problem}");
        let found = problem["errors"][0]["pointer"].as_str().unwrap_or_default();
        assert!(pointer.is_empty() || found == pointer, "{shown}: {problem}");
    }
    let kinds: Vec<_> = bench.events().await.into_iter().map(|event| event.kind).collect();
    assert_eq!(kinds.len(), 2, "the wallet and its verdict: {kinds:?}");
}

#[tokio::test]
async fn another_tenant_s_wallet_is_not_found_at_any_door() {
    let bench = bench();
    let wallet = bench.protected().await;
    let entry = json!({"reason": "r"});
    let before = bench.events().await.len();
    for asked in [
        about("getWallet", &wallet),
        ask("changeWallet", &json!({"name": "x"})).of(&wallet),
        about("releaseWallet", &wallet),
        about("listEntries", &wallet).on("allow", ""),
        ask("putEntry", &entry).of(&wallet).on("allow", NOBODY),
        about("deleteEntry", &wallet).on("allow", NOBODY),
        ask("analyzeTransaction", &json!({"transaction": payment(NOBODY, "1")})).of(&wallet),
    ] {
        let operation = asked.operation;
        let (status, problem) = bench.ask(asked.by(2)).await;
        assert_eq!((status, problem["code"].as_str()), (404, Some("not-found")), "{operation}");
    }
    let list = bench.expect(200, ask("listWallets", &Value::Null).by(2)).await;
    assert_eq!(list["wallets"], json!([]));
    assert_eq!(bench.events().await.len(), before);
    bench.expect(201, ask("protectWallet", &of_address(WALLET)).by(2)).await;
}

#[test]
fn the_doors_and_events_are_those_of_the_manifest() {
    let manifest = include_str!("../../../../../../infra/stack.json");
    let manifest = scorpius_edge::manifest::Manifest::parse(manifest).expect("the manifest");
    let wired: Vec<_> = manifest.routes().filter(|(name, ..)| *name == "wallet-guard").collect();
    let mut offered = operations();
    offered.sort_by_key(|operation| operation.route);
    let action = |operation: &Operation| match operation.access {
        Access::Action(action) => action,
        Access::Public => "public",
    };
    let offered: Vec<_> = offered.iter().map(|it| ("wallet-guard", it.route, action(it))).collect();
    assert_eq!(offered, wired);
}

#[test]
fn the_examples_of_the_operations_are_taken() {
    for operation in operations() {
        let Some(example) = operation.example else { continue };
        let taken = match operation.id {
            "protectWallet" => serde_json::from_str::<ProtectRequest>(example).is_ok(),
            "changeWallet" => serde_json::from_str::<ChangeWallet>(example).is_ok(),
            "changeAlert" => serde_json::from_str::<ChangeAlert>(example).is_ok(),
            "putEntry" => serde_json::from_str::<EntryRequest>(example).is_ok(),
            "analyzeTransaction" => serde_json::from_str::<AnalysisRequest>(example).is_ok(),
            "putSecurityPolicy" => serde_json::from_str::<PolicyRequest>(example).is_ok(),
            other => panic!("an example for `{other}`"),
        };
        assert!(taken, "{}", operation.id);
    }
}

#[tokio::test]
async fn the_example_events_are_answered() {
    let bench = bench();
    let operations = operations();
    let door = scorpius_edge::serve::Door {
        function: "wallet-guard",
        operations: &operations,
        gate: scorpius_edge::authorize::RoleTable::shared(),
        clock: &*bench.clock,
        limiter: None,
        signatures: None,
    };
    let serve = async |text: &str, id: Option<&str>| {
        let mut event: HttpEvent = serde_json::from_str(text).expect("an event");
        if let (Some(id), Some(parameters)) = (id, &mut event.path_parameters) {
            parameters.insert("id".to_owned(), id.to_owned());
        }
        let answer =
            scorpius_edge::serve(&door, event, std::future::pending(), |request| handle(&bench.app, request))
                .await;
        let body = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
        (answer.status_code, body)
    };
    let example = |name: &str| {
        let path = format!("{}/../../../events/wallet-guard/{name}.json", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let (status, made) = serve(&example("protect"), None).await;
    assert_eq!(status, 201, "{made}");
    let id = made["wallet_id"].as_str();
    for (name, expected) in [
        ("list", 200),
        ("get", 200),
        ("change", 200),
        ("entry", 200),
        ("entries", 200),
        ("analyze", 200),
        ("policy", 200),
        ("put-policy", 200),
        ("drop-entry", 204),
        ("release", 204),
    ] {
        let (status, answer) = serve(&example(name), id).await;
        assert_eq!(status, expected, "{name}: {answer}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_body_makes_the_doors_fail(body in prop_oneof![
        "\\PC{0,80}",
        "\\{\"transaction\":\\{\"to\":\"0x[0-9a-fA-F]{38,40}\",\"value\":\"[0-9]{0,80}\",\"data\":\"0x[0-9a-f]{0,80}\"\\}\\}",
        "\\{\"(name|reason|chain|address)\":\"[a-z0-9]{0,45}\",\"risk_threshold\":[0-9]{1,4}\\}",
    ]) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let bench = bench();
            let wallet = bench.protected().await;
            for operation in ["protectWallet", "changeWallet", "putEntry", "analyzeTransaction", "putSecurityPolicy"] {
                let asked = ask(operation, &json!({})).of(&wallet).on("allow", NOBODY).with("if-match", "*");
                let (status, problem) = bench.ask(Ask { body: body.clone(), ..asked }).await;
                assert!(status == 200 || status == 201 || (400..500).contains(&status), "{problem}");
            }
        });
    }
}
