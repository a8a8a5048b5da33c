//! Transactions that are simulated, and then really sent: what was foretold is compared with what happened.

mod contracts;
mod exploits;
mod node;
mod replay;
mod scenarios;
mod speed;

use std::collections::{BTreeMap, BTreeSet};

use scorpius_evm::{
    Address, Asset, Axis, Change, Limits, Run, Simulation, Strength, Transaction, U256, prefetch, simulate,
};
use serde_json::{Value, json};

use self::node::Node;
use self::scenarios::Scenario;
use crate::desk::Desk;

/// Wei per gas of every transaction.
const GAS_PRICE: u64 = 5_000_000_000;
/// Gas that every transaction may use, as a wallet would set it.
const GAS_LIMIT: u64 = 400_000;

/// What happened to one scenario.
struct Outcome {
    foretold: Simulation,
    /// Whether it was included without a revert.
    went_through: bool,
    gas_used: u64,
    logs: usize,
    /// Each account's coin, less before, fees left out.
    coins: BTreeMap<Address, (U256, U256)>,
    /// Each token and account that was foretold to change, before and after.
    tokens: Vec<(Change, U256, U256)>,
    /// `allowance` afterwards of each right that was foretold.
    rights: Vec<(U256, U256)>,
}

async fn play(node: &Node, scenario: &Scenario) -> Outcome {
    let transaction = Transaction {
        from: scenario.from,
        to: scenario.to,
        value: scenario.value,
        data: scenario.data.clone().into(),
        gas_limit: Some(GAS_LIMIT),
        gas_price: Some(U256::from(GAS_PRICE)),
    };
    let chain = node.chain();
    let limits = Limits::standard();
    let read = prefetch(&*chain, node.chain_id, &transaction, &BTreeSet::new(), &limits, &|| false).await;
    assert_eq!(read.unread, None, "{}", scenario.name);
    let state = read.state.expect("a head");
    let foretold = simulate(&state, &transaction, &limits, &|| false).expect("a good state");
    assert!(foretold.is_whole(), "{}: {:?} {:?}", scenario.name, foretold.missing, foretold.cut);

    let mut before = BTreeMap::new();
    let parties: BTreeSet<_> = foretold
        .run
        .changes
        .iter()
        .map(|change| change.account)
        .chain([scenario.from, scenario.to])
        .chain(scenario.bystanders.iter().copied())
        .collect();
    for party in &parties {
        before.insert(*party, node.balance(*party).await);
    }
    let mut tokens = Vec::new();
    for change in &foretold.run.changes {
        if let Asset::Token { token } = change.asset {
            tokens.push((change.clone(), node.token_balance(token, change.account).await));
        }
    }

    node.in_twelve_seconds(state.block.timestamp).await;
    let receipt = node.send(&transaction).await;
    let number = |name: &str| node::number(&receipt[name]);
    let gas_used = number("gasUsed").to::<u64>();
    let fee = U256::from(gas_used) * number("effectiveGasPrice");
    let mut coins = BTreeMap::new();
    for party in &parties {
        let mut after = node.balance(*party).await;
        if *party == scenario.from {
            after += fee;
        }
        coins.insert(*party, (before[party], after));
    }
    let mut measured = Vec::new();
    for (change, before) in tokens {
        let Asset::Token { token } = change.asset else { continue };
        let after = node.token_balance(token, change.account).await;
        measured.push((change, before, after));
    }
    let mut rights = Vec::new();
    for approval in &foretold.run.approvals {
        if let (Asset::Token { token }, None, Some(_)) = (approval.asset, approval.through, approval.after) {
            rights.push((approval.allowed(), node.allowance(token, approval.owner, approval.spender).await));
        }
    }
    Outcome {
        went_through: number("status") == U256::ONE,
        gas_used,
        logs: receipt["logs"].as_array().expect("logs").len(),
        coins,
        tokens: measured,
        rights,
        foretold,
    }
}

/// What `run` says of `account`'s coin, as a pair like the measured one.
fn coin_after(run: &Run, account: Address, before: U256) -> U256 {
    let change = run.changes_of(account).find(|change| change.asset == Asset::Coin);
    match change.map(Change::delta) {
        None => before,
        Some(delta) if delta.is_loss() => before - delta.amount(),
        Some(delta) => before + delta.amount(),
    }
}

/// What was foretold for the next block is what happened.
fn check(name: &str, outcome: &Outcome) {
    let run = &outcome.foretold.run;
    assert_eq!(run.status.is_success(), outcome.went_through, "{name}: {:?}", run.status);
    assert_eq!(run.gas_used, outcome.gas_used, "{name}: gas");
    // A batch is one log and an event for each of its tokens.
    let logs = outcome.logs + usize::from(name == "editions");
    assert_eq!(run.events.len(), logs, "{name}: {:?}", run.events);
    for (account, (before, after)) in &outcome.coins {
        assert_eq!(coin_after(run, *account, *before), *after, "{name}: coin of {account}, before {before}");
    }
    for (change, before, after) in &outcome.tokens {
        assert_eq!(scorpius_evm::Delta::between(*before, *after), change.delta(), "{name}: {change:?}");
    }
    for (foretold, found) in &outcome.rights {
        assert_eq!(foretold, found, "{name}: a right");
    }
}

/// Whether one of the surroundings that were tried shows what happened.
fn is_among_what_was_shown(outcome: &Outcome, account: Address) -> bool {
    let (before, after) = outcome.coins[&account];
    let mut shown = outcome.foretold.differing.iter().map(|there| &there.run).chain([&outcome.foretold.run]);
    shown.any(|run| coin_after(run, account, before) == after)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_foretold_of_transactions_is_what_happens_on_a_real_node() {
    let Some(node) = Node::start().await else { return };
    let scenarios = scenarios::all(&node).await;
    let mut traps = BTreeSet::new();
    let mut sent = 0;
    for scenario in &scenarios {
        let outcome = play(&node, scenario).await;
        sent += 1;
        let revealed: BTreeSet<_> = outcome.foretold.differing.iter().map(|there| there.axis).collect();
        if let Some(axis) = scenario.trap {
            assert_eq!(revealed, BTreeSet::from([axis]), "{}", scenario.name);
            traps.insert(axis);
        }
        // Nobody knows the next block's randomness: then one of the ways that were shown is what happens.
        if revealed.contains(&Axis::Prevrandao) {
            assert!(is_among_what_was_shown(&outcome, scenario.from), "{}", scenario.name);
            continue;
        }
        check(scenario.name, &outcome);
        if scenario.trap.is_none() {
            let strong = outcome.foretold.differing.iter().filter(|there| there.strength == Strength::Strong);
            let strong: Vec<_> = strong.map(|there| (there.context, &there.differs)).collect();
            assert_eq!(
                (strong.len(), scenario.name),
                (usize::from(scenario.is_two_faced), scenario.name),
                "{strong:?}"
            );
        }
    }
    assert!(sent >= 40, "{sent} transactions");
    assert_eq!(traps, Axis::ALL.into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verdict_says_what_a_node_then_does() {
    let Some(node) = Node::start().await else { return };
    let scenarios = scenarios::all(&node).await;
    let chains = format!("{}={}", node.chain_id, node.url);
    let desk = Desk::open_with(|settings| settings.chains = chains).await;
    for (name, level, signal) in [
        // Before the lure, which leaves nothing to be sent.
        ("a transfer of tokens", &["safe", "unknown"][..], "simulated"),
        ("a lure that takes tokens and coin", &["danger", "critical"], "outflow_to_account"),
        ("trap: CoinbaseTrap", &["danger", "critical"], "surroundings_matter"),
        ("trap: GasPriceTrap", &["danger", "critical"], "surroundings_matter"),
        ("a purchase for somebody else", &["caution", "danger", "critical"], "proceeds_elsewhere"),
        ("a transfer that is closed", &["caution"], "simulated_failure"),
    ] {
        let scenario = scenarios.iter().find(|scenario| scenario.name == name).expect("a scenario");
        let asked = json!({
            "chain": format!("eip155:{}", node.chain_id), "from": scenario.from.to_string(), "to": scenario.to.to_string(),
            "value": scenario.value.to_string(), "data": format!("0x{}", node::hex(&scenario.data)),
            "gas_limit": GAS_LIMIT, "gas_price": GAS_PRICE.to_string(),
        });
        let said = desk.post("/v1/risk/transaction", &asked).await;
        assert_eq!(said.status, 200, "{name}: {}", said.json);
        let signals = said.json["signals"].as_array().expect("signals");
        let ids: Vec<_> = signals.iter().filter_map(|signal| signal["id"].as_str()).collect();
        assert!(ids.contains(&signal), "{name}: {ids:?}");
        assert!(
            level.contains(&said.json["level"].as_str().expect("a level")),
            "{name}: {} {ids:?}",
            said.json["level"]
        );
        let shown = signals.iter().find(|signal| signal["id"] == "simulated").expect("what it does");
        // The node's own simulation has no price of gas, which one trap looks at.
        if name != "trap: GasPriceTrap" {
            assert_eq!(shown["evidence"]["found"][0]["node_agrees"], true, "{name}: {shown}");
        }
        let outcome = play(&node, scenario).await;
        assert_eq!(shown["evidence"]["found"][0]["gas_used"], Value::from(outcome.gas_used), "{name}");
        let id = said.json["id"].as_str().expect("an id");
        let replayed = desk.post(&format!("/v1/verdicts/{id}/replay"), &json!({})).await;
        assert_eq!((replayed.status, &replayed.json["same"]), (200, &json!(true)), "{}", replayed.json);
    }
}
