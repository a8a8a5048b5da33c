//! Contracts of a real node, by their addresses: scanned through the door and by the program, and judged as tokens.

use std::process::Command;

use scorpius_evm::{Address, U256};
use serde_json::{Value, json};

use super::node::Node;
use crate::desk::Desk;
use crate::platform::program;

/// `selfdestruct(caller)`.
const ANYONE_MAY_END_IT: &str = "0x33ff";
/// ERC-1967's place of the logic.
const LOGIC: &str = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc";

async fn put_code(node: &Node, at: Address, code: &str) {
    node.ask("anvil_setCode", json!([at, code])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contract_is_scanned_by_its_address_through_its_proxy() {
    let Some(node) = Node::start().await else { return };
    let (proxy, logic) = (Address::repeat_byte(0x71), Address::repeat_byte(0x72));
    put_code(&node, proxy, "0x00").await;
    put_code(&node, logic, ANYONE_MAY_END_IT).await;
    node.ask("anvil_setStorageAt", json!([proxy, LOGIC, logic.into_word()])).await;
    node.ask("anvil_mine", json!([])).await;
    let endpoint = format!("{}={}", node.chain_id, node.url);

    let chains = endpoint.clone();
    let desk = Desk::open_with(|settings| settings.chains = chains).await;
    let asked =
        json!({"deployed": {"chain": format!("eip155:{}", node.chain_id), "address": proxy.to_string()}});
    let scan = desk.post("/v1/scans", &asked).await.expect(202);
    assert_eq!(scan["deployed"]["proxies"][0]["points_to"], logic.to_string());
    desk.settle().await;
    let id = scan["id"].as_str().expect("an id");
    let shown = desk.get(&format!("/v1/scans/{id}")).await.expect(200);
    assert_eq!(shown["report"]["findings"][0]["detector"], "unguarded-selfdestruct", "{shown}");

    let said = Command::new(program())
        .args(["scan", &proxy.to_string(), "--chain", &endpoint])
        .output()
        .expect("the program runs");
    let text = String::from_utf8_lossy(&said.stdout);
    assert_eq!(said.status.code(), Some(1), "{text} {}", String::from_utf8_lossy(&said.stderr));
    assert!(text.contains(&format!("runs the code of {logic} (erc1967)")), "{text}");
    assert!(text.contains("unguarded-selfdestruct"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_a_node_is_asked_for_its_name_and_its_code_is_scanned() {
    let Some(node) = Node::start().await else { return };
    let deployer = node.accounts[0];
    let token = node.deploy(deployer, "Token", &[], U256::ZERO).await;
    let desk = Desk::open_with(|settings| settings.chains = format!("{}={}", node.chain_id, node.url)).await;
    let asked = json!({"chain": format!("eip155:{}", node.chain_id), "address": token.to_string()});
    let verdict = desk.post("/v1/risk/token", &asked).await.expect(200);
    assert!(verdict["block"]["number"].is_u64(), "{verdict}");
    let signals = verdict["signals"].as_array().expect("signals");
    let seen = signals.iter().find(|signal| signal["id"] == "token_seen").expect("it was seen");
    let seen = &seen["evidence"]["found"][0];
    assert_eq!(seen["scanned_sha256"], seen["code_sha256"], "{seen}");
    assert_ne!(seen["code_bytes"], Value::from(0));
    let id = verdict["id"].as_str().expect("an id");
    let replayed = desk.post(&format!("/v1/verdicts/{id}/replay"), &json!({})).await.expect(200);
    assert_eq!(replayed["same"], true, "{replayed}");
}
