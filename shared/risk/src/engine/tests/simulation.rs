//! What simulations add to verdicts. The contracts are those of `shared/evm/fixtures`.

use alloy_primitives::{Address, U256, keccak256};
use scorpius_evm::{State, Unread};

use super::*;
use crate::engine::ground::{Ground, Teller};

const SENDER: &str = "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb";
const THIEF: &str = "0x6666666666666666666666666666666666666661";
const CONTRACT: &str = "0xc1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1";
const TOKEN: &str = "0x7070707070707070707070707070707070707071";
const ETHER: &str = "1000000000000000000";

pub(crate) fn runtime(name: &str) -> String {
    let all = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../evm/fixtures/contracts.json"));
    let all: serde_json::Value = serde_json::from_str(all).expect("JSON");
    let code = all[name]["runtime"].as_str().unwrap_or_else(|| panic!("no contract {name}"));
    format!("0x{code}")
}

fn number(number: u64) -> String {
    format!("0x{number:064x}")
}

/// Solidity's place of `mapping[key]`.
fn in_mapping(key: &str, slot: &str) -> String {
    let key: Address = key.parse().expect("an address");
    let slot: alloy_primitives::B256 = slot.parse().expect("32 bytes");
    keccak256([key.into_word().0, slot.0].concat()).to_string()
}

fn padded(account: &str) -> String {
    account.parse::<Address>().expect("an address").into_word().to_string()
}

/// The sender has 10 ether and 1,000 tokens of the kind `token`, all of which `CONTRACT`, a `contract` of `THIEF`, may take.
pub(crate) fn state(contract: &str, token: &str) -> serde_json::Value {
    let allowance = in_mapping(CONTRACT, &in_mapping(SENDER, &number(1)));
    json!({
        "chain_id": 1,
        "block": {
            "number": 23_000_000, "hash": format!("0x{}", "b1".repeat(32)), "timestamp": 1_795_000_000,
            "coinbase": format!("0x{}", "cb".repeat(20)), "prevrandao": format!("0x{}", "5b".repeat(32)),
            "base_fee": 3_000_000_000_u64, "gas_limit": 45_000_000,
        },
        "accounts": {
            SENDER: {"balance": "10000000000000000000", "nonce": 7},
            THIEF: {"balance": "0"},
            CONTRACT: {
                "balance": "100000000000000000000", "nonce": 1, "code": runtime(contract),
                "storage": {number(0): padded(if contract == "Shop" { TOKEN } else { THIEF })},
            },
            TOKEN: {
                "balance": "0", "nonce": 1, "code": runtime(token),
                "storage": {
                    in_mapping(SENDER, &number(0)): number(1_000),
                    in_mapping(CONTRACT, &number(0)): format!("0x{:064x}", U256::MAX >> 8),
                    allowance: format!("0x{}", "ff".repeat(32)),
                    number(2): padded(THIEF),
                },
            },
        },
        "whole": true,
    })
}

fn ground(state: serde_json::Value) -> Ground {
    let state: State = serde_json::from_value(state).expect("a state");
    Ground {
        node: None,
        told_by: Teller::Chain,
        state: Some(state),
        unread: None,
        gas_limit: Some(300_000),
        gas_price: None,
    }
}

fn asked(to: &str, value: &str, signature: &str, arguments: &[&str]) -> Question {
    let selector = hex::encode(&keccak256(signature)[..4]);
    let words: String = arguments.iter().map(|argument| word(argument)).collect();
    call(to, value, &format!("{selector}{words}"))
}

fn inputs(question: Question, ground: Ground) -> Inputs {
    let id = "vrd_00000000000000000000000000000001".to_owned();
    Inputs::gather(question, &[], &Lists::seed(), id, ASKED_AT).over(Some(ground))
}

fn simulated(question: Question, ground: Ground) -> Verdict {
    let inputs = inputs(question, ground);
    let verdict = decide(&inputs, RuleSet::base());
    let again = Inputs::parse(&inputs.canonical()).expect("its own canonical form");
    assert_eq!(
        decide(&again, RuleSet::base()).canonical(),
        verdict.canonical(),
        "replay gives the same bytes"
    );
    verdict
}

/// What a simulation adds, beside what is shown.
fn added(verdict: &Verdict) -> BTreeSet<&str> {
    let names = [
        "simulated_failure",
        "outflow_to_account",
        "outflow_for_nothing",
        "proceeds_elsewhere",
        "hidden_approval",
        "surroundings_matter",
        "moment_or_sender_matters",
        "events_contradict_balances",
        "control_changed",
        "not_simulated",
    ];
    ids(verdict).into_iter().filter(|id| names.contains(id)).collect()
}

fn evidence<'v>(verdict: &'v Verdict, id: &str) -> &'v serde_json::Value {
    let signal = verdict.signals.iter().find(|signal| signal.id == id);
    &signal.unwrap_or_else(|| panic!("no {id} in {:?}", ids(verdict))).evidence["found"][0]
}

#[test]
fn a_lure_that_takes_what_was_approved_is_dangerous() {
    let lure = asked(CONTRACT, "0", "securityUpdate(address)", &[TOKEN]);
    let verdict = simulated(lure, ground(state("Drainer", "Token")));
    assert_eq!(added(&verdict), ["outflow_to_account"].into());
    assert!(verdict.level >= Level::Danger, "{:?}", verdict.level);
    let found = evidence(&verdict, "outflow_to_account");
    assert_eq!((&found["account"], &found["change"]), (&json!(account(THIEF).checksummed()), &json!("1000")));
    let block = verdict.block.expect("the block that was read");
    assert_eq!(block.number, 23_000_000);
    let shown = verdict.signals.iter().find(|signal| signal.id == "simulated").expect("what it does");
    assert_eq!(shown.evidence["found"][0]["changes_count"], 2);
    assert_eq!(shown.source, "simulation");
}

#[test]
fn who_behaves_otherwise_when_looked_at_is_dangerous_for_reasons_that_are_named() {
    let claim =
        |contract: &str| simulated(asked(CONTRACT, ETHER, "claim()", &[]), ground(state(contract, "Token")));
    for (trap, axis) in [
        ("CoinbaseTrap", "coinbase"),
        ("PrevrandaoTrap", "prevrandao"),
        ("BaseFeeTrap", "base_fee"),
        ("GasPriceTrap", "gas_price"),
        ("GasLimitTrap", "gas_limit"),
        ("BlockGasLimitTrap", "block_gas_limit"),
        ("BlobBaseFeeTrap", "blob_base_fee"),
        ("ChainIdTrap", "chain_id"),
        ("BlockHashTrap", "block_hash"),
        ("CallerBalanceTrap", "caller_balance"),
    ] {
        let verdict = claim(trap);
        assert!(verdict.level >= Level::Danger, "{trap}: {:?}", verdict.level);
        assert_eq!(evidence(&verdict, "surroundings_matter")["axis"], axis, "{trap}");
    }
    for trap in ["NumberTrap", "TimestampTrap", "CallerCodeTrap", "OriginTrap"] {
        let verdict = claim(trap);
        assert!(added(&verdict).contains("moment_or_sender_matters"), "{trap}: {:?}", added(&verdict));
        assert!(!added(&verdict).contains("surroundings_matter"), "{trap}");
    }
    for honest in ["Honest", "Curious"] {
        assert_eq!(added(&claim(honest)), BTreeSet::new(), "{honest}");
    }
}

#[test]
fn a_swap_is_judged_by_who_gets_the_proceeds() {
    let buy =
        |to: &str| simulated(asked(CONTRACT, "500", "buy(address)", &[to]), ground(state("Shop", "Token")));
    assert_eq!(added(&buy(SENDER)), BTreeSet::new());
    let verdict = buy(THIEF);
    assert_eq!(added(&verdict), ["proceeds_elsewhere"].into());
    assert!(verdict.level >= Level::Caution);
}

#[test]
fn a_transfer_to_whom_it_names_adds_nothing_and_is_not_called_safe_for_it() {
    let transfer = asked(TOKEN, "0", "transfer(address,uint256)", &[THIEF, "64"]);
    let verdict = simulated(transfer, ground(state("Shop", "Token")));
    assert_eq!(added(&verdict), BTreeSet::new());
    let shown = evidence(&verdict, "simulated");
    assert_eq!(shown["changes"][0]["change"], "-100");
}

#[test]
fn a_right_that_the_calldata_does_not_show_is_dangerous() {
    let transfer = asked(TOKEN, "0", "transfer(address,uint256)", &[CONTRACT, "64"]);
    let verdict = simulated(transfer, ground(state("Shop", "SneakyToken")));
    assert_eq!(added(&verdict), ["hidden_approval"].into());
    assert!(verdict.level >= Level::Danger);
    let approve = asked(TOKEN, "0", "approve(address,uint256)", &[CONTRACT, "64"]);
    assert_eq!(added(&simulated(approve, ground(state("Shop", "Token")))), BTreeSet::new());
}

#[test]
fn a_token_s_lies_and_a_sale_that_fails_are_seen() {
    let transfer = || asked(TOKEN, "0", "transfer(address,uint256)", &[CONTRACT, "64"]);
    let lying = simulated(transfer(), ground(state("Shop", "LyingToken")));
    assert_eq!(added(&lying), ["events_contradict_balances"].into());
    let free_only = simulated(transfer(), ground(state("Shop", "GasToken")));
    assert_eq!(added(&free_only), ["simulated_failure", "surroundings_matter"].into());
    assert_eq!(evidence(&free_only, "simulated_failure")["reason"], "sell");
    assert!(free_only.level >= Level::Danger);
}

#[test]
fn a_spender_s_code_is_known_from_the_state() {
    let approve = |spender: &str| {
        let all = "f".repeat(64);
        simulated(
            asked(TOKEN, "0", "approve(address,uint256)", &[spender, &all]),
            ground(state("Shop", "Token")),
        )
    };
    let verdict = approve(THIEF);
    assert_eq!(evidence(&verdict, "spender_is_eoa")["told_by"], "chain");
    assert!(verdict.level >= Level::Danger);
    assert!(!ids(&approve(CONTRACT)).contains("spender_is_eoa"));
}

#[test]
fn missing_state_widens_and_is_never_safe() {
    let approve = || asked(USDC, "0", "approve(address,uint256)", &[UNISWAP_ROUTER, "64"]);
    let safe = judge(approve(), &[]);
    assert_eq!(safe.level, Level::Safe);
    let mut partial = state("Shop", "Token");
    partial["whole"] = json!(false);
    let unread = |unread| Ground { state: None, unread: Some(unread), ..ground(state("Shop", "Token")) };
    for (ground, why) in [
        (ground(partial), "state_missing"),
        (unread(Unread::TimedOut), "timed_out"),
        (unread(Unread::Unreachable), "unreachable"),
        (unread(Unread::TooManyRounds), "too_many_rounds"),
    ] {
        let verdict = simulated(approve(), ground);
        assert_eq!(
            (verdict.level, evidence(&verdict, "not_simulated")["why"].as_str()),
            (Level::Unknown, Some(why))
        );
        assert_eq!(verdict.score, safe.score);
        assert!(verdict.interval[1] > safe.interval[1], "{:?} {:?}", verdict.interval, safe.interval);
    }
}

#[test]
fn one_changed_byte_of_the_state_is_another_verdict() {
    let transfer = || asked(TOKEN, "0", "transfer(address,uint256)", &[CONTRACT, "64"]);
    let one = simulated(transfer(), ground(state("Shop", "Token")));
    let mut other = state("Shop", "Token");
    other["accounts"][SENDER]["nonce"] = json!(8);
    let other = simulated(transfer(), ground(other));
    assert_ne!(one.inputs_sha256, other.inputs_sha256);
    let mut poor = state("Shop", "Token");
    poor["accounts"][TOKEN]["storage"][in_mapping(SENDER, &number(0))] = json!(number(99));
    assert_eq!(added(&simulated(transfer(), ground(poor))), ["simulated_failure"].into());
}

#[test]
fn inputs_with_a_state_that_cannot_be_run_over_are_refused() {
    let approve = asked(TOKEN, "0", "approve(address,uint256)", &[CONTRACT, "64"]);
    let text = String::from_utf8(inputs(approve, ground(state("Shop", "Token"))).canonical()).expect("UTF-8");
    let late = text.replace("1795000000,", "9007199254740992,").replace("1795000000}", "9007199254740992}");
    assert_ne!(text, late);
    assert!(matches!(Inputs::parse(late.as_bytes()), Err(inputs::BadInputs::State(_))));
    let thirsty = text.replace("\"gas_limit\":300000", "\"gas_limit\":9007199254740992");
    assert_ne!(text, thirsty);
    assert!(matches!(Inputs::parse(thirsty.as_bytes()), Err(inputs::BadInputs::State(_))));
}
