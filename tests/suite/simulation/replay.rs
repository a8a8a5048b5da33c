//! A thousand verdicts, taken out and made again by a fresh process with no store and no chain.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::desk::Desk;
use crate::platform::program;
use crate::tree;

const SIGNER: &str = "0xd1220a0cf47c7b9be7a2e6ba89f429762e7b9adb";
const CONTRACT: &str = "0xc1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1";

/// A claim at a contract of `shared/evm/fixtures`, with the state that it is run over.
fn claim(contract: &str) -> Value {
    let all: Value = serde_json::from_str(&tree::read("shared/evm/fixtures/contracts.json")).expect("JSON");
    let code = all[contract]["runtime"].as_str().expect("a contract");
    let word = |byte: &str| format!("0x{}", byte.repeat(32));
    json!({
        "kind": "transaction", "chain": "ethereum", "from": SIGNER, "to": CONTRACT,
        // claim()
        "value": "1000000000000000000", "data": "0x4e71d92d", "gas_limit": 200_000,
        "state": {
            "chain_id": 1, "whole": true,
            "block": {
                "number": 23_000_000, "hash": word("b1"), "timestamp": 1_795_000_000, "coinbase": format!("0x{}", "cb".repeat(20)),
                "prevrandao": word("5b"), "base_fee": 3_000_000_000_u64, "gas_limit": 45_000_000,
            },
            "accounts": {
                SIGNER: {"balance": "10000000000000000000"},
                CONTRACT: {"balance": "100000000000000000000", "nonce": 1, "code": format!("0x{code}")},
            },
        },
    })
}

fn items(batch: usize) -> Vec<Value> {
    let item = |place: usize| match place {
        0 => claim("GasPriceTrap"),
        1 => claim("CoinbaseTrap"),
        2 => claim("Honest"),
        3 => claim("OriginTrap"),
        place if place % 3 == 0 => {
            json!({"kind": "domain", "domain": format!("claim-{batch}-{place}.example.com")})
        }
        place if place % 3 == 1 => {
            json!({"kind": "signature", "chain": "polygon", "message": format!("sign {batch} {place}")})
        }
        place => {
            let address = format!("0x{:040x}", 0x00ab_cdef_0000_usize + batch * 1_000 + place);
            json!({"kind": "address", "chain": "ethereum", "address": address})
        }
    };
    (0..100).map(item).collect()
}

fn scorpius(arguments: &[&Path]) -> Output {
    let mut command = Command::new(program());
    command.arg("verdicts").args(arguments);
    command.output().expect("the program starts")
}

fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].concat().iter().map(|byte| char::from(*byte)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_verdicts_are_made_again_by_a_fresh_process_byte_for_byte() {
    let desk = Desk::open().await;
    let mut answered = BTreeSet::new();
    for batch in 0..10 {
        let said = desk.post("/v1/risk/batch", &json!({"items": items(batch)})).await;
        assert_eq!(said.status, 200, "{}", said.json);
        for result in said.json["results"].as_array().expect("results") {
            let verdict = result.get("verdict").unwrap_or_else(|| panic!("{result}"));
            answered.insert(canonical(verdict));
        }
    }
    assert_eq!(answered.len(), 1_000);
    let danger = answered.iter().filter(|verdict| verdict.contains("\"surroundings_matter\"")).count();
    assert_eq!(danger, 20, "two traps a batch are revealed");

    let data = desk.folder().to_owned();
    drop(desk.host);
    let folder = tempfile::tempdir().expect("a folder");
    let (file, again) = (folder.path().join("verdicts.jsonl"), folder.path().join("again.jsonl"));
    let exported = scorpius(&["export".as_ref(), "--data".as_ref(), &data, "--to".as_ref(), &file]);
    assert!(exported.status.success(), "{}", said(&exported));
    assert!(said(&exported).contains("1000 verdicts"), "{}", said(&exported));

    let elsewhere = ["replay".as_ref(), file.as_path(), "--to".as_ref(), &again];
    let replayed = scorpius(&elsewhere);
    assert!(replayed.status.success(), "{}", said(&replayed));
    assert!(said(&replayed).contains("1000 of 1000 verdicts are the same bytes"), "{}", said(&replayed));
    let made = std::fs::read_to_string(&again).expect("what was made");
    assert_eq!(made.lines().map(str::to_owned).collect::<BTreeSet<_>>(), answered);

    // One digit of one balance.
    let text = std::fs::read_to_string(&file).expect("what was exported");
    let changed =
        text.replacen("\"balance\":\"100000000000000000000\"", "\"balance\":\"100000000000000000001\"", 1);
    assert_ne!(text, changed);
    std::fs::write(&file, changed).expect("the folder is writable");
    let replayed = scorpius(&["replay".as_ref(), file.as_path()]);
    assert_eq!(replayed.status.code(), Some(1), "{}", said(&replayed));
    assert!(said(&replayed).contains("999 of 1000"), "{}", said(&replayed));
}

/// As RFC 8785 writes it: verdicts have ASCII keys and whole numbers only.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| name.as_str());
            let members =
                members.into_iter().map(|(name, value)| format!("{}:{}", json!(name), canonical(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        value => value.to_string(),
    }
}
