//! What a wallet's guard adds to verdicts.

use alloy_primitives::U256;
use scorpius_evm::State;

use super::simulation::state;
use super::*;
use crate::engine::ground::{Ground, Teller};
use crate::engine::guard::{
    Action, Decision, DecisionRule, Guard, Holding, Limit, Monitoring, Past, Policy, Spent, Usual,
};
use crate::engine::inputs::Wei;
use crate::engine::{Decided, decide_hashed};

/// Who signs in `call`.
const WALLET: &str = "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb";
const THIEF: &str = "0x6666666666666666666666666666666666666661";
const CONTRACT: &str = "0xc1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1";

fn guard() -> Guard {
    Guard {
        wallet_id: "wal_00000000000000000000000000000001".to_owned(),
        account: account(WALLET),
        monitoring: Monitoring::Standard,
        risk_threshold: 60,
        allowed: Vec::new(),
        blocked: Vec::new(),
        policy: Policy {
            version: 1,
            global_risk_threshold: 60,
            auto_block_threshold: 90,
            limits: Vec::new(),
        },
        past: Past::default(),
    }
}

fn limit(asset: Holding) -> Limit {
    Limit {
        asset,
        per_transaction: None,
        per_24h: None,
        unlimited_approvals: true,
        listed_contracts_only: false,
    }
}

fn limited(limits: &[Limit]) -> Guard {
    let mut guard = guard();
    guard.policy.limits = limits.to_vec();
    guard
}

fn inputs(question: Question, guard: &Guard, history: &[&str]) -> Inputs {
    let history: Vec<_> = history.iter().map(|text| account(text)).collect();
    let id = "vrd_00000000000000000000000000000001".to_owned();
    Inputs::gather(question, &history, &Lists::seed(), id, ASKED_AT).guarded(Some(guard.clone()))
}

fn decided(inputs: &Inputs) -> Decided {
    let decided = decide_hashed(inputs, String::new(), inputs.rules());
    let again = Inputs::parse(&inputs.canonical()).expect("its own canonical form");
    let again = decide_hashed(&again, String::new(), again.rules());
    assert_eq!(again.verdict.canonical(), decided.verdict.canonical(), "replay gives the same bytes");
    assert_eq!(again.moved, decided.moved);
    decided
}

#[track_caller]
fn check(question: Question, guard: &Guard, expected: (Action, DecisionRule), signals: &[&str]) {
    let verdict = decided(&inputs(question, guard, &[])).verdict;
    let Decision { action, rule, .. } = verdict.decision.expect("a decision");
    assert_eq!((action, rule), expected, "score {}: {:?}", verdict.score, ids(&verdict));
    let missing: Vec<_> = signals.iter().filter(|id| !ids(&verdict).contains(*id)).collect();
    assert!(missing.is_empty(), "{missing:?} of {:?}", ids(&verdict));
    let guard_s = |id: &&str| SignalId::GUARD.iter().any(|known| known.name() == *id);
    let more: Vec<_> = ids(&verdict)
        .into_iter()
        .filter(guard_s)
        .filter(|id| *id != "guarded" && !signals.contains(id))
        .collect();
    assert!(more.is_empty(), "{more:?}");
}

fn transfer(to: &str, amount: &str) -> Question {
    call(USDC, "0", &format!("a9059cbb{}{}", word(to), word(amount)))
}

fn approve(spender: &str, amount: &str) -> Question {
    call(USDC, "0", &format!("095ea7b3{}{}", word(spender), word(amount)))
}

fn wei(amount: u64) -> Wei {
    U256::from(amount).into()
}

const NO_RULE: (Action, DecisionRule) = (Action::Allow, DecisionRule::NoRule);
const HARD: (Action, DecisionRule) = (Action::Block, DecisionRule::HardRule);

#[test]
fn a_counterparty_on_the_block_list_is_blocked_and_taking_its_right_back_is_not() {
    let blocking = Guard { blocked: vec![account(NOBODY)], ..guard() };
    check(transfer(NOBODY, "64"), &guard(), NO_RULE, &[]);
    check(transfer(NOBODY, "64"), &blocking, HARD, &["block_listed"]);
    check(call(NOBODY, "1", ""), &blocking, HARD, &["block_listed"]);
    check(approve(NOBODY, "64"), &blocking, HARD, &["block_listed"]);
    check(approve(NOBODY, "0"), &blocking, NO_RULE, &[]);
}

#[test]
fn a_blocked_account_is_found_in_what_a_simulation_shows() {
    let told: State = serde_json::from_value(state("Drainer", "Token")).expect("a state");
    let ground = Ground {
        node: None,
        told_by: Teller::Chain,
        state: Some(told),
        unread: None,
        gas_limit: Some(300_000),
        gas_price: None,
    };
    let selector = hex::encode(&alloy_primitives::keccak256("securityUpdate(address)")[..4]);
    let lure = call(CONTRACT, "0", &format!("{selector}{:0>64}", "7070707070707070707070707070707070707071"));
    let blocking = Guard { blocked: vec![account(THIEF)], ..guard() };
    let decided = decided(&inputs(lure, &blocking, &[]).over(Some(ground)));
    let signal = decided.verdict.signals.iter().find(|signal| signal.id == "block_listed").expect("found");
    assert_eq!(signal.source, "simulation");
    let token = Holding::Token(account("0x7070707070707070707070707070707070707071"));
    assert!(decided.moved.leaves[&token] >= wei(1_000), "{:?}", decided.moved);
}

#[test]
fn an_allow_list_answers_for_whom_it_names_and_for_how_much() {
    let all = "f".repeat(64);
    let warned = (Action::Warn, DecisionRule::Caution);
    check(approve(NOBODY, &all), &guard(), warned, &[]);
    let allowing = Guard { allowed: vec![account(NOBODY)], ..guard() };
    check(approve(NOBODY, &all), &allowing, NO_RULE, &["allow_listed"]);
    let strict = Guard { monitoring: Monitoring::Strict, ..allowing.clone() };
    check(approve(NOBODY, &all), &strict, NO_RULE, &["allow_listed"]);
    let other = Guard { allowed: vec![account(THIEF)], ..guard() };
    check(approve(NOBODY, &all), &other, warned, &[]);
}

#[test]
fn an_allow_list_never_silences_sanctions_or_a_hard_rule() {
    let allowing = |who: &str| Guard { allowed: vec![account(who)], ..guard() };
    let not_counted = &["allow_not_counted"][..];
    check(transfer(RONIN_EXPLOITER, "1"), &allowing(RONIN_EXPLOITER), HARD, not_counted);
    let both = Guard { blocked: vec![account(NOBODY)], ..allowing(NOBODY) };
    check(transfer(NOBODY, "1"), &both, HARD, &["block_listed", "allow_not_counted"]);
    let mut limited = allowing(NOBODY);
    limited.policy.limits = vec![Limit { per_transaction: Some(wei(5)), ..limit(Holding::Native) }];
    check(call(NOBODY, "6", ""), &limited, HARD, &["policy_value_limit", "allow_not_counted"]);
    // An imitation of somebody whom the wallet knows is one, whoever listed it.
    let fake = twin(NOBODY);
    let verdict = decided(&inputs(transfer(&fake, "1"), &allowing(&fake), &[NOBODY])).verdict;
    assert_eq!(verdict.decision.expect("a decision").action, Action::Block);
    assert!(ids(&verdict).contains("allow_not_counted"));
}

#[test]
fn limits_are_of_one_asset_and_count_what_was_spent() {
    let usdc = Holding::Token(account(USDC));
    let per_transaction = |asset| limited(&[Limit { per_transaction: Some(wei(100)), ..limit(asset) }]);
    check(transfer(NOBODY, "64"), &per_transaction(usdc), NO_RULE, &[]);
    check(transfer(NOBODY, "65"), &per_transaction(usdc), HARD, &["policy_value_limit"]);
    check(approve(UNISWAP_ROUTER, "65"), &per_transaction(usdc), HARD, &["policy_value_limit"]);
    check(approve(UNISWAP_ROUTER, &"f".repeat(64)), &per_transaction(usdc), NO_RULE, &[]);
    check(transfer(NOBODY, "65"), &per_transaction(Holding::Native), NO_RULE, &[]);
    check(call(NOBODY, "101", ""), &per_transaction(Holding::Native), HARD, &["policy_value_limit"]);
    let mut daily = limited(&[Limit { per_24h: Some(wei(100)), ..limit(usdc) }]);
    daily.past.spent_24h = vec![Spent { asset: usdc, amount: wei(90) }];
    check(transfer(NOBODY, "a"), &daily, NO_RULE, &[]);
    check(transfer(NOBODY, "b"), &daily, HARD, &["policy_daily_limit"]);
    daily.past.spent_24h = vec![Spent { asset: Holding::Native, amount: wei(90) }];
    check(transfer(NOBODY, "64"), &daily, NO_RULE, &[]);
}

#[test]
fn a_policy_may_forbid_rights_without_limit_and_contracts_that_nobody_listed() {
    let all = "f".repeat(64);
    let none = limited(&[Limit { unlimited_approvals: false, ..limit(Holding::Any) }]);
    check(approve(UNISWAP_ROUTER, &all), &none, HARD, &["policy_unlimited_approval"]);
    check(approve(UNISWAP_ROUTER, "64"), &none, NO_RULE, &[]);
    let for_all = call(USDC, "0", &format!("a22cb465{}{}", word(UNISWAP_ROUTER), word("1")));
    check(for_all, &none, HARD, &["policy_unlimited_approval"]);
    let listed = limited(&[Limit { listed_contracts_only: true, ..limit(Holding::Any) }]);
    check(approve(UNISWAP_ROUTER, "64"), &listed, NO_RULE, &[]);
    check(approve(NOBODY, "64"), &listed, HARD, &["policy_contract_not_listed"]);
    check(call(NOBODY, "1", ""), &listed, NO_RULE, &[]);
    let allowing = Guard { allowed: vec![account(NOBODY)], ..listed };
    check(approve(NOBODY, "64"), &allowing, NO_RULE, &["allow_listed"]);
}

#[test]
fn a_limit_that_cannot_be_checked_is_said() {
    let limited = limited(&[Limit { per_24h: Some(wei(100)), ..limit(Holding::Token(account(USDC))) }]);
    let unread = call(USDC, "0", "12345678");
    check(unread.clone(), &guard(), NO_RULE, &[]);
    check(unread, &limited, (Action::Warn, DecisionRule::LimitNotChecked), &["policy_not_checked"]);
}

#[test]
fn what_a_wallet_never_did_is_said_once_something_is_known_of_it() {
    let usual = |count| vec![Usual { asset: Holding::Native, count, median: wei(10), largest: wei(50) }];
    let mut known = guard();
    known.past = Past { analyses: 5, spent_24h: Vec::new(), usual: usual(5) };
    let plain = |amount: &str| call(NOBODY, amount, "");
    let new = &["new_counterparty"][..];
    check(plain("99"), &known, NO_RULE, new);
    check(
        plain("100"),
        &known,
        (Action::Warn, DecisionRule::Caution),
        &["new_counterparty", "unusual_value"],
    );
    known.past.usual = usual(4);
    check(plain("100"), &known, NO_RULE, new);
    known.past.analyses = 4;
    check(plain("100"), &known, NO_RULE, &[]);
    known.past.analyses = 5;
    let old = decided(&inputs(plain("1"), &known, &[NOBODY])).verdict;
    assert!(!ids(&old).contains("new_counterparty"));
    let strict = Guard { monitoring: Monitoring::Strict, ..known };
    check(plain("1"), &strict, (Action::Warn, DecisionRule::Unknown), new);
    check(approve(UNISWAP_ROUTER, "1"), &Guard { past: Past::default(), ..strict }, NO_RULE, &[]);
}

#[test]
fn thresholds_decide_in_their_order() {
    let drain = || approve(NOBODY, &"f".repeat(64));
    let at = |own, global, block| {
        let mut guard = Guard { risk_threshold: own, monitoring: Monitoring::Basic, ..guard() };
        (guard.policy.global_risk_threshold, guard.policy.auto_block_threshold) = (global, block);
        guard
    };
    let score = decided(&inputs(drain(), &guard(), &[])).verdict.score;
    let by = |action, rule| (action, rule);
    check(drain(), &at(100, 100, 100), NO_RULE, &[]);
    check(drain(), &at(score, score, 100), by(Action::Warn, DecisionRule::RiskThreshold), &[]);
    check(drain(), &at(100, score, 100), by(Action::Warn, DecisionRule::GlobalRiskThreshold), &[]);
    check(drain(), &at(score, score, score), by(Action::Block, DecisionRule::AutoBlockThreshold), &[]);
    check(drain(), &at(score + 1, score + 1, 100), NO_RULE, &[]);
}

fn some_guard() -> impl Strategy<Value = Guard> {
    let accounts = || prop::collection::vec(some_account(), 0..4);
    let limits =
        (some_account(), 0_u64..3, any::<bool>(), any::<bool>()).prop_map(|(token, most, two, three)| {
            let amounts = Limit { per_transaction: Some(wei(most)), ..limit(Holding::Token(token)) };
            vec![
                amounts,
                Limit { unlimited_approvals: two, listed_contracts_only: three, ..limit(Holding::Any) },
            ]
        });
    (accounts(), accounts(), limits, 0_u64..9).prop_map(|(allowed, blocked, limits, analyses)| {
        let mut guard = Guard { allowed, blocked, ..limited(&limits) };
        guard.past.analyses = analyses;
        guard
    })
}

/// Everyone in `question`, so that lists hit.
fn listing(question: &Question, guard: Guard, allow: bool, block: bool) -> Guard {
    let mut guard = guard;
    guard.allowed.extend(question.accounts().into_iter().filter(|_| allow));
    guard.blocked.extend(question.accounts().into_iter().take(1).filter(|_| block));
    guard
}

proptest! {
    #[test]
    fn an_allow_list_never_makes_of_a_hard_rule_anything_less(
        question in some_question(), guard in some_guard(), block: bool,
    ) {
        let bare = listing(&question, Guard { allowed: Vec::new(), ..guard.clone() }, false, block);
        let without = decided(&inputs(question.clone(), &bare, &[])).verdict;
        let allowing = listing(&question, Guard { allowed: guard.allowed, ..bare.clone() }, true, false);
        let with = decided(&inputs(question, &allowing, &[])).verdict;
        let hard = |verdict: &Verdict| {
            let names = ["sanctions_list", "block_listed", "policy_value_limit", "policy_unlimited_approval"];
            names.into_iter().filter(|name| ids(verdict).contains(name)).collect::<Vec<_>>()
        };
        // A contract that must be listed is, once it is allowed: that rule asks the list itself.
        prop_assert_eq!(hard(&with), hard(&without));
        if !hard(&without).is_empty() {
            prop_assert_eq!((with.level, with.score), (Level::Critical, 100));
            prop_assert_eq!(with.decision.map(|it| (it.action, it.rule)), Some(HARD));
            prop_assert!(!ids(&with).contains("allow_listed"));
        }
    }

    #[test]
    fn a_guarded_verdict_s_contributions_add_up_and_its_bytes_are_made_again(
        question in some_question(), guard in some_guard(),
    ) {
        let verdict = decided(&inputs(question, &guard, &[])).verdict;
        let probability = Probability::of_log_odds(sum(&verdict));
        prop_assert_eq!(&verdict.probability, &probability.to_string());
        prop_assert_eq!(verdict.rules_sha256.as_str(), RuleSet::wallet().sha256());
        prop_assert!(verdict.decision.is_some());
    }
}
