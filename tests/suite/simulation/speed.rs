//! How long a simulated transaction takes through the whole host, durably recorded: printed, and held against no clock.
//! `cargo test -p scorpius-tests --test suite simulation::speed -- --nocapture`

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use scorpius_evm::{Address, Limits, Transaction, U256, prefetch};
use serde_json::{Value, json};

use super::node::{Node, calldata, hex};
use crate::desk::Desk;
use crate::say;

/// Requests of each kind that are measured, and those before them that are not.
const REQUESTS: usize = 200;
const BEFORE: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_is_simulated_from_a_node_and_from_told_state_and_the_times_are_told() {
    let Some(node) = Node::start().await else { return };
    let sender = node.accounts[0];
    let token = node.deploy(sender, "Token", &[], U256::ZERO).await;
    let words = [U256::from(0x99), U256::from(100)];
    let data = calldata("transfer(address,uint256)", &words);
    let chain = format!("eip155:{}", node.chain_id);
    let asked = json!({
        "chain": chain, "from": sender.to_string(), "to": token.to_string(), "value": "0",
        "data": format!("0x{}", hex(&data)), "gas_limit": 200_000,
    });
    let desk = Desk::open_with(|settings| settings.chains = format!("{}={}", node.chain_id, node.url)).await;
    let mut told = asked.clone();
    told["state"] = state(&node, sender, token, data).await;
    let (mut read, mut local) = (Vec::with_capacity(REQUESTS), Vec::with_capacity(REQUESTS));
    // By turns, so that both have the same store and the same neighbours.
    for number in 0..BEFORE + REQUESTS {
        // What was read of a block before helps nobody, and no limit of a minute is reached.
        node.ask("anvil_mine", json!(["0x1"])).await;
        desk.clock.advance_ms(1_000);
        let times = [took(&desk, &asked, "chain").await, took(&desk, &told, "asker").await];
        if number >= BEFORE {
            read.push(times[0]);
            local.push(times[1]);
        }
    }
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    say(&format!("simulated transactions, {REQUESTS} of each, one at a time, load {}", load.trim()));
    say(&line("state read from a node on loopback, a new block each time", read));
    say(&line("state told", local));
}

async fn state(node: &Node, from: Address, to: Address, data: Vec<u8>) -> Value {
    let (data, gas_limit) = (data.into(), Some(200_000));
    let transaction = Transaction { from, to, value: U256::ZERO, data, gas_limit, gas_price: None };
    let limits = Limits::standard();
    let read =
        prefetch(&*node.chain(), node.chain_id, &transaction, &BTreeSet::new(), &limits, &|| false).await;
    assert_eq!(read.unread, None);
    serde_json::to_value(read.state.expect("a head")).expect("JSON")
}

/// From the request to the answer, with the verdict's record on disk.
async fn took(desk: &Desk, asked: &Value, told_by: &str) -> Duration {
    let began = Instant::now();
    let verdict = desk.post("/v1/risk/transaction", asked).await.expect(200);
    let took = began.elapsed();
    let signals = verdict["signals"].as_array().expect("signals");
    let simulated = signals.iter().find(|signal| signal["id"] == "simulated");
    let simulated = simulated.unwrap_or_else(|| panic!("it was not simulated: {verdict}"));
    assert_eq!(simulated["evidence"]["found"][0]["state_told_by"], told_by, "{verdict}");
    took
}

fn line(what: &str, mut times: Vec<Duration>) -> String {
    times.sort();
    let at =
        |permille: usize| times[(times.len() * permille / 1_000).min(times.len() - 1)].as_secs_f64() * 1e3;
    format!("{what}: p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms", at(500), at(990), at(1_000))
}
