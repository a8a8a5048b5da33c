//! Contracts of `fixtures`, run.

mod limits;
mod reading;
mod traps;

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::event::Control;
use crate::run::CallKind;
use crate::*;

const ETHER: u64 = 1_000_000_000_000_000_000;
const SENDER: Address = Address::repeat_byte(0xa1);
const FRIEND: Address = Address::repeat_byte(0xf1);
const THIEF: Address = Address::repeat_byte(0x66);
const CONTRACT: Address = Address::repeat_byte(0xc1);
const TOKEN: Address = Address::repeat_byte(0x70);

/// Deployed code of a contract of `fixtures`.
fn runtime(name: &str) -> Bytes {
    let all: serde_json::Value =
        serde_json::from_str(include_str!("../../fixtures/contracts.json")).expect("JSON");
    let code = all[name]["runtime"].as_str().unwrap_or_else(|| panic!("no contract {name}"));
    hex::decode(code).expect("hex").into()
}

fn ether(number: u64) -> U256 {
    U256::from(number) * U256::from(ETHER)
}

fn block() -> Block {
    Block {
        number: 23_000_000,
        hash: B256::repeat_byte(0xb1),
        timestamp: 1_795_000_000,
        coinbase: Address::repeat_byte(0xcb),
        prevrandao: B256::repeat_byte(0x5b),
        base_fee: 3_000_000_000,
        gas_limit: 45_000_000,
        blob_base_fee: 1,
    }
}

/// A sender with 10 ether, and what else there is.
fn state(accounts: &[(Address, Account)]) -> State {
    let sender = Account { balance: ether(10), nonce: 7, ..Account::default() };
    let accounts = [(SENDER, sender)].into_iter().chain(accounts.iter().cloned()).collect();
    State {
        chain_id: 1,
        rules: Rules::Osaka,
        block: block(),
        accounts,
        block_hashes: BTreeMap::new(),
        whole: true,
    }
}

fn contract(name: &str, balance: U256, slots: &[(B256, U256)]) -> Account {
    let storage = slots.iter().map(|(slot, value)| (*slot, B256::from(*value))).collect();
    Account { balance, nonce: 1, code: runtime(name), storage }
}

fn slot(number: u64) -> B256 {
    B256::from(U256::from(number))
}

/// Solidity's place of `mapping[key]`.
fn in_mapping(key: Address, slot: B256) -> B256 {
    alloy_primitives::keccak256([key.into_word().0, slot.0].concat())
}

/// A token of `fixtures` of which the sender has 1,000, and `CONTRACT` may take everything.
fn token(name: &str) -> (Address, Account) {
    let balance = in_mapping(SENDER, slot(0));
    let allowance = in_mapping(CONTRACT, in_mapping(SENDER, slot(1)));
    let slots = [(balance, U256::from(1_000)), (allowance, U256::MAX)];
    (TOKEN, contract(name, U256::ZERO, &slots))
}

fn call(to: Address, value: U256, signature: &str, arguments: &[U256]) -> Transaction {
    let words = arguments.iter().flat_map(|word| word.to_be_bytes::<32>());
    let data = alloy_primitives::keccak256(signature)[..4].iter().copied().chain(words).collect();
    Transaction { from: SENDER, to, value, data, gas_limit: None, gas_price: None }
}

fn word(address: Address) -> U256 {
    U256::from_be_bytes(address.into_word().0)
}

fn simulated(state: &State, transaction: &Transaction) -> Simulation {
    let simulation = simulate(state, transaction, &Limits::standard(), &|| false).expect("a good state");
    assert!(simulation.is_whole(), "{:?} {:?}", simulation.missing, simulation.cut);
    assert_eq!(simulation.contexts_run, 24);
    simulation
}

/// Changes as `account asset delta`.
fn changes(run: &Run) -> Vec<String> {
    let name = |account: Address| match account {
        SENDER => "sender",
        FRIEND => "friend",
        THIEF => "thief",
        CONTRACT => "contract",
        _ => "other",
    };
    let asset = |asset: Asset| match asset {
        Asset::Coin => "coin".to_owned(),
        Asset::Token { .. } => "token".to_owned(),
        Asset::Item { id, .. } => format!("item {id}"),
    };
    let line =
        |change: &Change| format!("{} {} {}", name(change.account), asset(change.asset), change.delta());
    run.changes.iter().map(line).collect()
}

#[test]
fn a_payment_moves_coin_and_costs_what_it_costs() {
    let payment = Transaction { data: Bytes::new(), ..call(FRIEND, ether(3), "", &[]) };
    let simulation = simulated(&state(&[]), &payment);
    assert_eq!(simulation.run.status, Status::Success);
    assert_eq!(simulation.run.gas_used, 21_000);
    assert_eq!(
        changes(&simulation.run),
        ["sender coin -3000000000000000000", "friend coin 3000000000000000000"]
    );
    assert_eq!(simulation.differing, []);
}

#[test]
fn a_payment_of_more_than_there_is_fails() {
    let payment = Transaction { data: Bytes::new(), ..call(FRIEND, ether(11), "", &[]) };
    let simulation = simulate(&state(&[]), &payment, &Limits::standard(), &|| false).expect("a good state");
    assert!(!simulation.run.status.is_success(), "{:?}", simulation.run.status);
    assert_eq!(changes(&simulation.run), Vec::<String>::new());
}

#[test]
fn a_transfer_is_measured_at_the_token() {
    let transfer = call(TOKEN, U256::ZERO, "transfer(address,uint256)", &[word(FRIEND), U256::from(400)]);
    let simulation = simulated(&state(&[token("Token")]), &transfer);
    assert_eq!(changes(&simulation.run), ["sender token -400", "friend token 400"]);
    assert!(simulation.run.changes.iter().all(|change| change.measured.is_some()));
    assert_eq!(simulation.differing, []);
    let taxed = simulated(&state(&[token("TaxToken")]), &transfer);
    assert!(changes(&taxed.run).contains(&"friend token 380".to_owned()), "{:?}", changes(&taxed.run));
}

#[test]
fn a_token_whose_events_lie_is_found_out() {
    let transfer = call(TOKEN, U256::ZERO, "transfer(address,uint256)", &[word(FRIEND), U256::from(400)]);
    let run = simulated(&state(&[token("LyingToken")]), &transfer).run;
    assert_eq!(changes(&run), ["sender token 0", "friend token 0"]);
    assert!(run.changes.iter().all(Change::is_contradictory), "{:?}", run.changes);
}

#[test]
fn a_lure_takes_what_was_approved_and_what_is_sent() {
    let drainer = contract("Drainer", U256::ZERO, &[(slot(0), word(THIEF))]);
    let lure = call(CONTRACT, ether(2), "securityUpdate(address)", &[word(TOKEN)]);
    let run = simulated(&state(&[token("Token"), (CONTRACT, drainer)]), &lure).run;
    let expected = [
        "sender coin -2000000000000000000",
        "sender token -1000",
        "thief coin 2000000000000000000",
        "thief token 1000",
    ];
    assert_eq!(changes(&run), expected);
    let made: Vec<_> = run.calls.iter().map(|call| (call.depth, call.kind, call.to)).collect();
    assert_eq!(
        made,
        [
            (0, CallKind::Call, CONTRACT),
            (1, CallKind::Staticcall, TOKEN),
            (1, CallKind::Call, TOKEN),
            (1, CallKind::Call, THIEF),
        ]
    );
}

#[test]
fn rights_are_read_from_events_and_from_the_token() {
    let approve = call(TOKEN, U256::ZERO, "approve(address,uint256)", &[word(THIEF), U256::MAX]);
    let run = simulated(&state(&[token("Token")]), &approve).run;
    let [approval] = &run.approvals[..] else { panic!("{:?}", run.approvals) };
    assert_eq!(
        (approval.owner, approval.spender, approval.asset),
        (SENDER, THIEF, Asset::Token { token: TOKEN })
    );
    assert_eq!((approval.before, approval.after), (Some(U256::ZERO), Some(U256::MAX)));
    assert!(approval.is_grant());
    let revoke = call(TOKEN, U256::ZERO, "approve(address,uint256)", &[word(CONTRACT), U256::ZERO]);
    let run = simulated(&state(&[token("Token")]), &revoke).run;
    assert!(run.approvals.iter().all(|approval| !approval.is_grant() && approval.before == Some(U256::MAX)));
}

#[test]
fn rights_that_a_keeper_keeps_are_asked_of_the_keeper() {
    let keeper = contract("Keeper", U256::ZERO, &[]);
    let arguments = [word(TOKEN), word(THIEF), U256::from(77), U256::from(1_800_000_000)];
    let approve = call(CONTRACT, U256::ZERO, "approve(address,address,uint160,uint48)", &arguments);
    let run = simulated(&state(&[token("Token"), (CONTRACT, keeper)]), &approve).run;
    let [approval] = &run.approvals[..] else { panic!("{:?}", run.approvals) };
    assert_eq!((approval.through, approval.after), (Some(CONTRACT), Some(U256::from(77))));
    assert_eq!(approval.expires, Some(1_800_000_000));
}

#[test]
fn collections_and_editions_are_told_apart() {
    let owner_of = alloy_primitives::keccak256([U256::from(5).to_be_bytes::<32>(), slot(0).0].concat());
    let held = [(owner_of, word(SENDER)), (in_mapping(SENDER, slot(1)), U256::ONE)];
    let state = state(&[(TOKEN, contract("Collection", U256::ZERO, &held))]);
    let transfer = call(
        TOKEN,
        U256::ZERO,
        "transferFrom(address,address,uint256)",
        &[word(SENDER), word(FRIEND), U256::from(5)],
    );
    assert_eq!(changes(&simulated(&state, &transfer).run), ["sender item 5 -1", "friend item 5 1"]);
    let all = call(TOKEN, U256::ZERO, "setApprovalForAll(address,bool)", &[word(THIEF), U256::ONE]);
    let run = simulated(&state, &all).run;
    let [approval] = &run.approvals[..] else { panic!("{:?}", run.approvals) };
    assert_eq!((approval.spender, approval.amount), (THIEF, U256::MAX));
}

#[test]
fn coin_that_becomes_a_token_is_counted_on_both_sides() {
    let state = state(&[(TOKEN, contract("Wrapped", U256::ZERO, &[]))]);
    let run = simulated(&state, &call(TOKEN, ether(1), "deposit()", &[])).run;
    assert!(
        changes(&run).starts_with(&[
            "sender coin -1000000000000000000".to_owned(),
            "sender token 1000000000000000000".to_owned()
        ]),
        "{:?}",
        changes(&run)
    );
}

#[test]
fn control_over_contracts_is_told() {
    let give = call(TOKEN, U256::ZERO, "transferOwnership(address)", &[word(THIEF)]);
    let owned = contract("Token", U256::ZERO, &[(slot(2), word(SENDER))]);
    let run = simulated(&state(&[(TOKEN, owned)]), &give).run;
    assert_eq!(run.events, [Event::Control { contract: TOKEN, what: Control::Owner, to: THIEF }]);
    let place =
        "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc".parse().expect("32 bytes");
    let proxy = contract("Proxy", U256::ZERO, &[(place, word(TOKEN))]);
    let upgrade = call(CONTRACT, U256::ZERO, "upgradeTo(address)", &[word(THIEF)]);
    let run = simulated(&state(&[(CONTRACT, proxy), token("Token")]), &upgrade).run;
    assert_eq!(run.events, [Event::Control { contract: CONTRACT, what: Control::Implementation, to: THIEF }]);
}

#[test]
fn a_transfer_behind_a_proxy_is_the_proxys() {
    let place =
        "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc".parse().expect("32 bytes");
    let slots = [(place, word(CONTRACT)), (in_mapping(SENDER, slot(0)), U256::from(9))];
    let proxy = contract("Proxy", U256::ZERO, &slots);
    let state = state(&[(TOKEN, proxy), (CONTRACT, contract("Token", U256::ZERO, &[]))]);
    let transfer = call(TOKEN, U256::ZERO, "transfer(address,uint256)", &[word(FRIEND), U256::from(4)]);
    let run = simulated(&state, &transfer).run;
    assert_eq!(changes(&run), ["sender token -4", "friend token 4"]);
    assert_eq!(run.changes[0].asset, Asset::Token { token: TOKEN });
}

#[test]
fn why_it_failed_is_said() {
    let state = state(&[(CONTRACT, contract("Burner", U256::ZERO, &[]))]);
    let fail = |how: u64| {
        let simulation = simulated(&state, &call(CONTRACT, U256::ZERO, "fail(uint256)", &[U256::from(how)]));
        assert!(simulation.differing.is_empty() && simulation.run.events.is_empty());
        simulation.run.status
    };
    let reverted = |reason: &str| Status::Reverted { reason: reason.to_owned() };
    assert_eq!(fail(0), reverted("no"));
    assert_eq!(fail(1), reverted("panic 0x01: an assertion failed"));
    assert_eq!(fail(2), reverted("panic 0x12: division by zero"));
    assert_eq!(fail(9), reverted(""));
}

#[test]
fn a_contract_that_is_gone_at_once_leaves_its_trace() {
    let state = state(&[(CONTRACT, contract("Burner", U256::ZERO, &[]))]);
    let run = simulated(&state, &call(CONTRACT, ether(1), "flash()", &[])).run;
    let kinds: Vec<_> = run.calls.iter().map(|call| call.kind).collect();
    assert_eq!(kinds, [CallKind::Call, CallKind::Create, CallKind::Selfdestruct]);
    assert_ne!(run.calls[1].to, Address::ZERO);
    assert_eq!(changes(&run), Vec::<String>::new());
}

#[test]
fn what_is_missing_is_named_and_reading_it_completes_the_simulation() {
    let transfer = call(TOKEN, U256::ZERO, "transfer(address,uint256)", &[word(FRIEND), U256::from(400)]);
    let all = state(&[token("Token")]);
    let mut known = State { whole: false, accounts: BTreeMap::new(), ..all.clone() };
    let mut rounds = 0;
    let simulation = loop {
        let simulation = simulate(&known, &transfer, &Limits::standard(), &|| false).expect("a good state");
        if simulation.is_whole() {
            break simulation;
        }
        rounds += 1;
        assert!(rounds < 8, "{:?}", simulation.missing);
        for need in simulation.missing {
            assert!(!known.has(&need), "{need:?} is there");
            match need {
                Need::Account { address } => {
                    let there = all.accounts.get(&address).cloned().unwrap_or_default();
                    known.accounts.insert(address, Account { storage: BTreeMap::new(), ..there });
                }
                Need::Slot { address, slot } => {
                    let there = all.accounts.get(&address).and_then(|account| account.storage.get(&slot));
                    let account = known.accounts.get_mut(&address).expect("read before its slots");
                    account.storage.insert(slot, there.copied().unwrap_or_default());
                }
                Need::BlockHash { number } => {
                    known.block_hashes.insert(number, B256::ZERO);
                }
            }
        }
    };
    assert!(rounds > 1);
    assert_eq!(simulation, simulated(&all, &transfer));
}

#[test]
fn a_state_has_one_canonical_form() {
    let state = state(&[token("Token"), (CONTRACT, contract("Keeper", ether(1), &[]))]);
    let canonical = state.canonical();
    let again: State = serde_json::from_slice(&canonical).expect("its own form");
    assert_eq!((&again, again.canonical()), (&state, canonical.clone()));
    let text = String::from_utf8(canonical).expect("UTF-8");
    assert!(text.contains(r#""balance":"10000000000000000000""#), "{text}");
    assert!(serde_json::from_str::<State>(&text.replacen("\"whole\"", "\"hole\"", 1)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_code_never_panics_and_two_runs_are_equal(
        code in proptest::collection::vec(any::<u8>(), 0..200),
        prefix in prop_oneof![Just(&[][..]), Just(&[0xef, 0x01, 0x00][..]), Just(&[0x33, 0x5f, 0x5f, 0x5f][..])],
        data in proptest::collection::vec(any::<u8>(), 0..64),
        whole: bool,
    ) {
        let code = [prefix, &code].concat().into();
        let account = Account { balance: ether(1), nonce: 1, code, storage: BTreeMap::new() };
        let mut state = state(&[(CONTRACT, account)]);
        state.whole = whole;
        let transaction = Transaction { data: data.into(), ..call(CONTRACT, ether(1), "", &[]) };
        let limits = Limits { steps_max: 5_000, ..Limits::standard() };
        let simulation = simulate(&state, &transaction, &limits, &|| false);
        prop_assert_eq!(&simulation, &simulate(&state, &transaction, &limits, &|| false));
        prop_assert!(serde_json_canonicalizer::to_vec(&simulation.expect("a good state")).is_ok());
    }
}
