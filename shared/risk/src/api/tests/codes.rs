//! Code that a list reports, where a node is asked for it: at an address, a token, whom a transaction calls, and behind proxies.

use scorpius_core::{BlobName, CommitId, Condition};

use super::simulation::with_state;
use super::*;
use crate::code::look;
use crate::engine::ground::Teller;
use crate::intel::{ListHead, Listed, Pointer, build, pointer_key};
use crate::lists::ListKind;

const SENDER: &str = "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb";
const BAD: &str = "0xbabababababababababababababababababababa";
/// Says nothing itself, and runs what is at `BAD` (ERC-1167).
const MINIMAL: &str = "0x1167116711671167116711671167116711671167";
/// Has bad code, and names a harmless token as its logic (ERC-1967).
const DISGUISED: &str = "0x1967196719671967196719671967196719671967";
const TOKEN: &str = "0x7070707070707070707070707070707070707071";
const LOGIC: &str = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc";

/// Long enough to have a print.
fn bad_code(constant: &str) -> String {
    format!("0x3354{}", format!("60{constant}600155").repeat(120))
}

async fn listing_bad_code() -> Bench {
    let bench = with_state(false, |state| {
        let account = |code: String, storage: Value| json!({"balance": "0", "nonce": 1, "code": code, "storage": storage});
        let minimal = format!("0x363d3d373d3d3d363d73{}5af43d82803e903d91602b57fd5bf3", &BAD[2..]);
        state["accounts"][BAD] = account(bad_code("07"), json!({}));
        state["accounts"][MINIMAL] = account(minimal, json!({}));
        state["accounts"][DISGUISED] =
            account(bad_code("08"), json!({LOGIC: format!("0x{:0>64}", &TOKEN[2..])}));
    });
    let code = hex::decode(&bad_code("01")[2..]).expect("hex");
    let (_, parts) = look(BAD.parse().expect("an account"), Teller::Asker, &code, None);
    let row = Listed {
        indicator: parts.first().expect("a print").1.clone(),
        name: "Drainer 7".to_owned(),
        kind: None,
        chains: None,
        source: "the watch".to_owned(),
        date: "2026-11-19".to_owned(),
        delisted: None,
    };
    let head = ListHead {
        name: "bad-code".to_owned(),
        kind: ListKind::BadCode,
        as_of: "2026-11-20".to_owned(),
        version: "ab".repeat(32),
        rows: 1,
    };
    let built = build(&[(head.clone(), vec![row])]).expect("a snapshot");
    let blob = BlobName::of_content("intel-snapshots", &built.bytes);
    bench.app.verdicts.blobs.put_if_absent(&blob, built.bytes).await.expect("kept");
    let pointer = Pointer {
        blob: blob.to_string(),
        head_bytes: built.head_bytes,
        head_sha256: built.head_sha256,
        published_at: bench.clock.now().to_string(),
        number: 1,
        lists: vec![head],
    };
    let put = Write::put(pointer_key(), &pointer, Condition::Always);
    bench.app.verdicts.store.commit(CommitId::new(&*bench.clock), &[put]).await.expect("published");
    bench
}

fn bad(verdict: &Value) -> Option<&Value> {
    let signals = verdict["signals"].as_array().expect("signals");
    Some(&signals.iter().find(|signal| signal["id"] == "known_bad_code")?["evidence"]["found"][0])
}

#[tokio::test]
async fn bad_code_is_found_where_a_node_has_it_also_behind_proxies() {
    let bench = listing_bad_code().await;
    for at in [BAD, MINIMAL, DISGUISED] {
        let asked = json!({"chain": "ethereum", "address": at});
        let (_, unread, _) = bench.ask(ask("scoreAddress", &asked)).await;
        assert_eq!((bad(&unread), &unread["block"]), (None, &Value::Null), "nobody wanted it read");
        let read = json!({"chain": "ethereum", "address": at, "read_code": true});
        let sent = json!({"chain": "ethereum", "from": SENDER, "to": at, "value": "0", "data": "0x"});
        for (door, asked) in [("scoreAddress", &read), ("scoreToken", &asked), ("scoreTransaction", &sent)] {
            let (status, verdict, _) = bench.ask(ask(door, asked)).await;
            assert_eq!(status, 200, "{verdict}");
            let found = bad(&verdict).unwrap_or_else(|| panic!("{door} of {at}: {verdict}"));
            assert_eq!((&found["told_by"], &found["name"]), (&json!("chain"), &json!("Drainer 7")));
            assert_eq!(verdict["block"]["number"], 23_000_000);
            let (_, replayed, _) =
                bench.ask(about("replayVerdict", verdict["id"].as_str().expect("an id"))).await;
            assert_eq!(replayed["same"], true, "{replayed}");
        }
    }
    let harmless = json!({"chain": "ethereum", "address": TOKEN, "read_code": true});
    let (_, verdict, _) = bench.ask(ask("scoreAddress", &harmless)).await;
    assert_eq!(bad(&verdict), None, "{verdict}");
}

#[tokio::test]
async fn code_that_could_not_be_read_is_told_with_the_reason_and_never_safe() {
    let bench = with_state(true, |_| ());
    let known = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
    for (at, wanted, level) in [(TOKEN, true, "unknown"), (known, true, "unknown"), (known, false, "safe")] {
        let asked = json!({"chain": "ethereum", "address": at, "read_code": wanted});
        let (status, verdict, _) = bench.ask(ask("scoreAddress", &asked)).await;
        assert_eq!((status, &verdict["level"]), (200, &json!(level)), "{verdict}");
        let signals = verdict["signals"].as_array().expect("signals");
        let missing = signals.iter().find(|signal| signal["id"] == "no_chain_data");
        let why = missing.map(|signal| &signal["evidence"]["found"][0]["code_unread"]);
        assert_eq!(why, wanted.then_some(&json!("unreachable")), "{verdict}");
        let (_, replayed, _) =
            bench.ask(about("replayVerdict", verdict["id"].as_str().expect("an id"))).await;
        assert_eq!(replayed["same"], true, "{replayed}");
    }
    // Of a chain without an endpoint, too.
    let elsewhere = json!({"chain": "polygon", "address": TOKEN, "read_code": true});
    let (_, verdict, _) = bench.ask(ask("scoreAddress", &elsewhere)).await;
    assert!(verdict["signals"].to_string().contains("\"code_unread\":\"no_endpoint\""), "{verdict}");
}
