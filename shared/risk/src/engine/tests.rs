use std::collections::BTreeSet;

use proptest::prelude::*;
use scorpius_core::UnixMillis;

use super::*;
use crate::address::Account;
use crate::foreign::{ForeignAccount, Network};
use crate::intel::{Answers, ListHead, Listed};
use crate::lists::{ListKind, Lists};

/// A golden verdict's inputs and its bytes.
pub(crate) fn golden(name: &str) -> [String; 2] {
    ["inputs", "verdict"].map(|part| {
        let file = format!("{}/golden/{name}.{part}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        text.trim_end().to_owned()
    })
}

const ASKED_AT: UnixMillis = UnixMillis(1_795_254_040_000);
const USDC: &str = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
const USDT: &str = "0xdAC17F958D2ee523a2206206994597C13D831ec7";
const UNISWAP_ROUTER: &str = "0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D";
const RONIN_EXPLOITER: &str = "0x098B716B8Aaf21512996dC57EB0615e2383E2f96";
const TORNADO_ROUTER: &str = "0xd90e2f925DA726b50C4Ed8D0Fb90Ad053324F31b";
// The second example of EIP-55: on no list.
const NOBODY: &str = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359";

fn account(text: &str) -> Account {
    text.parse().expect("an address")
}

fn judge(question: Question, history: &[&str]) -> Verdict {
    let history: Vec<_> = history.iter().map(|text| account(text)).collect();
    let id = "vrd_00000000000000000000000000000001".to_owned();
    let inputs = Inputs::gather(question, &history, &Lists::seed(), id, ASKED_AT);
    let verdict = decide(&inputs, RuleSet::base());
    let again = Inputs::parse(&inputs.canonical()).expect("its own canonical form");
    assert_eq!(
        decide(&again, RuleSet::base()).canonical(),
        verdict.canonical(),
        "replay gives the same bytes"
    );
    verdict
}

fn address(text: &str) -> Question {
    Question::Address { chain: "ethereum".parse().expect("a chain"), address: account(text) }
}

fn call(to: &str, value: &str, data: &str) -> Question {
    Question::Transaction {
        chain: "ethereum".parse().expect("a chain"),
        from: Some(account("0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb")),
        to: account(to),
        value: value.to_owned().try_into().expect("wei"),
        data: format!("0x{}", data.replace(' ', "")).try_into().expect("calldata"),
        irregular: Vec::new(),
    }
}

fn word(text: &str) -> String {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    format!("{:0>64}", digits.to_lowercase())
}

fn ids(verdict: &Verdict) -> BTreeSet<&str> {
    verdict.signals.iter().map(|signal| signal.id.as_str()).collect()
}

#[track_caller]
fn check(question: Question, history: &[&str], level: Level, expected: &[&str]) {
    let verdict = judge(question, history);
    let mut wanted: BTreeSet<_> = expected.iter().copied().collect();
    wanted.insert("prior");
    wanted.extend(["decoded_calls"].into_iter().filter(|id| ids(&verdict).contains(id)));
    assert_eq!((verdict.level, ids(&verdict)), (level, wanted), "score {}", verdict.score);
}

/// The twelfth byte changed: the same ends.
fn twin(text: &str) -> String {
    let mut bytes = *account(text).bytes();
    bytes[11] ^= 0x5a;
    Account::new(bytes).checksummed()
}

#[test]
fn an_address_is_judged_by_what_is_known_of_it() {
    check(address(RONIN_EXPLOITER), &[], Level::Critical, &["sanctions_list", "no_chain_data"]);
    check(address(TORNADO_ROUTER), &[], Level::Unknown, &["formerly_listed", "no_chain_data"]);
    check(address(USDC), &[], Level::Safe, &["well_known"]);
    check(address(NOBODY), &[], Level::Unknown, &["no_chain_data"]);
    check(address("0x0000000000000000000000000000000000000000"), &[], Level::Caution, &["burn_address"]);
    check(address("0x0000000000000000000000000000000000000001"), &[], Level::Caution, &["precompile"]);
    check(address(&twin(USDC)), &[], Level::Danger, &["lookalike_known", "no_chain_data"]);
    check(
        address("0x00000000000000000a5a5a5a5a5a5a5a5a5a5a5a"),
        &[],
        Level::Unknown,
        &["vanity_address", "no_chain_data"],
    );
}

#[test]
fn an_account_of_another_kind_of_chain_is_known_by_lists_alone() {
    let text = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
    let account = ForeignAccount::parse(Network::Bitcoin, text).expect("an account");
    let row = |indicator: &str| Listed {
        indicator: indicator.parse().expect("an account"),
        name: "Somebody".to_owned(),
        kind: None,
        chains: None,
        source: "a government".to_owned(),
        date: "2026-11-20".to_owned(),
        delisted: None,
    };
    let list = ListHead {
        name: "government".to_owned(),
        kind: ListKind::Sanctions,
        as_of: "2026-11-20".to_owned(),
        version: "00".to_owned(),
        rows: 2,
    };
    let rows = [format!("bitcoin:{text}"), format!("evm:{}", NOBODY.to_lowercase())];
    let rows = rows.iter().map(|indicator| (list.clone(), row(indicator))).collect();
    let answers = Answers { lists: vec![list.clone()], rows };
    let id = "vrd_00000000000000000000000000000001".to_owned();
    let question = Question::ForeignAddress { account };
    assert_eq!(question.indicators(), [answers.rows[0].1.indicator.clone()]);
    let inputs = Inputs::gather(question, &[], &Lists::seed(), id, ASKED_AT).listed(&answers);
    let verdict = decide(&inputs, RuleSet::base());
    assert_eq!(
        (verdict.level, ids(&verdict)),
        (Level::Critical, ["list_only", "prior", "sanctions_list"].into())
    );
    // What was not asked about is not answered.
    assert_eq!((inputs.sites.len(), inputs.facts.len()), (1, 0));
}

#[test]
fn a_known_contract_is_known_on_its_own_chains_only() {
    let on =
        |chain: &str| Question::Address { chain: chain.parse().expect("a chain"), address: account(USDC) };
    assert_eq!(judge(on("ethereum"), &[]).level, Level::Safe);
    assert_eq!(judge(on("polygon"), &[]).level, Level::Unknown);
    let sanctioned = Question::Address {
        chain: "eip155:999".parse().expect("a chain"),
        address: account(RONIN_EXPLOITER),
    };
    assert_eq!(judge(sanctioned, &[]).level, Level::Critical);
}

#[test]
fn an_imitation_of_the_history_is_poison() {
    let fake = twin(NOBODY);
    check(address(&fake), &[NOBODY], Level::Critical, &["lookalike_history", "no_chain_data"]);
    check(address(NOBODY), &[NOBODY], Level::Unknown, &["no_chain_data"]);
    check(address(&fake), &[NOBODY, &fake], Level::Caution, &["lookalike_ambiguous", "no_chain_data"]);
    check(call(&fake, "1", ""), &[NOBODY], Level::Critical, &["lookalike_history", "no_chain_data"]);
    let transfer = format!("a9059cbb{}{}", word(&fake), word("64"));
    check(call(USDC, "0", &transfer), &[NOBODY], Level::Critical, &["lookalike_history", "no_chain_data"]);
}

#[test]
fn an_approval_is_judged_by_amount_and_spender() {
    let approve = |spender: &str, amount: &str| format!("095ea7b3{}{}", word(spender), word(amount));
    let all = "f".repeat(64);
    check(call(USDC, "0", &approve(UNISWAP_ROUTER, "64")), &[], Level::Safe, &["well_known"]);
    check(
        call(USDC, "0", &approve(UNISWAP_ROUTER, &all)),
        &[],
        Level::Safe,
        &["well_known", "unlimited_approval"],
    );
    check(
        call(USDC, "0", &approve(NOBODY, &all)),
        &[],
        Level::Caution,
        &["unknown_spender", "unlimited_approval", "no_chain_data"],
    );
    check(
        call(USDC, "0", &approve(RONIN_EXPLOITER, "1")),
        &[],
        Level::Critical,
        &["sanctions_list", "unknown_spender", "no_chain_data"],
    );
    // Taking a right back from a listed spender is no dealing with it.
    check(
        call(USDC, "0", &approve(RONIN_EXPLOITER, "0")),
        &[],
        Level::Safe,
        &["revocation", "revoked_party", "well_known"],
    );
    // On a contract that may be a collection, the same bytes give away the token with id 0.
    check(
        call(NOBODY, "0", &approve(RONIN_EXPLOITER, "0")),
        &[],
        Level::Critical,
        &["sanctions_list", "unknown_spender", "no_chain_data"],
    );
    let for_all = |operator: &str, yes: &str| format!("a22cb465{}{}", word(operator), word(yes));
    check(
        call(NOBODY, "0", &for_all("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "1")),
        &[],
        Level::Caution,
        &["approval_for_all", "unknown_spender", "no_chain_data"],
    );
}

#[test]
fn a_permission_without_end_is_said() {
    let permit = |deadline: &str| {
        format!(
            "d505accf{}{}{}{}{}{}{}",
            word("a1"),
            word(UNISWAP_ROUTER),
            word("1"),
            word(deadline),
            word("1b"),
            word("1"),
            word("2")
        )
    };
    let (soon, far) = (1_795_254_040_u64 + 3_600, 1_795_254_040_u64 + 2_678_401);
    check(call(USDC, "0", &permit(&format!("{soon:x}"))), &[], Level::Safe, &["well_known"]);
    check(
        call(USDC, "0", &permit(&format!("{far:x}"))),
        &[],
        Level::Safe,
        &["well_known", "permit_far_deadline"],
    );
}

#[test]
fn tokens_that_would_be_lost_are_said() {
    let transfer = |to: &str| format!("a9059cbb{}{}", word(to), word("64"));
    check(
        call(NOBODY, "0", &transfer(NOBODY)),
        &[],
        Level::Critical,
        &["transfer_to_token", "no_chain_data"],
    );
    check(call(USDC, "0", &transfer(USDC)), &[], Level::Danger, &["transfer_to_token", "well_known"]);
    check(
        call(NOBODY, "0", &transfer("0x0000000000000000000000000000000000000000")),
        &[],
        Level::Caution,
        &["burn_address", "no_chain_data"],
    );
}

#[test]
fn what_cannot_be_read_is_never_safe() {
    check(call(USDC, "0", "12345678"), &[], Level::Unknown, &["well_known", "unknown_call"]);
    check(call(USDC, "0", "1234"), &[], Level::Unknown, &["well_known", "unknown_call"]);
    check(
        call(USDC, "0", "a9059cbb"),
        &[],
        Level::Unknown,
        &["well_known", "malformed_calldata", "calls_not_decoded"],
    );
    let dirty = format!("095ea7b3{}{}", word(UNISWAP_ROUTER).replacen("00000000", "deadbeef", 1), word("1"));
    check(call(NOBODY, "0", &dirty), &[], Level::Caution, &["noncanonical_calldata", "no_chain_data"]);
    let trailing = format!("095ea7b3{}{}abcd", word(UNISWAP_ROUTER), word("1"));
    check(call(USDC, "0", &trailing), &[], Level::Safe, &["well_known", "trailing_calldata"]);
    check(call(NOBODY, "1", ""), &[], Level::Unknown, &["no_chain_data"]);
}

#[test]
fn a_sanctioned_party_is_found_wherever_it_hides() {
    let inner = format!("a9059cbb{}{}", word(RONIN_EXPLOITER), word("1"));
    let padded = format!("{inner:0<192}");
    let multicall = format!("ac9650d8{}{}{}{}{padded}", word("20"), word("1"), word("20"), word("44"));
    let of_another = format!("23b872dd{}{}{}", word(RONIN_EXPLOITER), word(NOBODY), word("1"));
    for question in
        [call(NOBODY, "0", &multicall), call(NOBODY, "0", &of_another), call(RONIN_EXPLOITER, "1", "")]
    {
        let verdict = judge(question, &[]);
        assert_eq!((verdict.level, verdict.score), (Level::Critical, 100));
        assert_eq!((verdict.probability.as_str(), verdict.interval[0].as_str()), ("1.000000", "1.000000"));
        assert!(verdict.advice.contains("sanctions"), "{}", verdict.advice);
    }
}

#[test]
fn the_decoded_calls_are_shown() {
    let verdict = judge(call(USDT, "0", &format!("a9059cbb{}{}", word(NOBODY), word("64"))), &[]);
    let shown = verdict.signals.iter().find(|signal| signal.id == "decoded_calls").expect("the calls");
    let call = &shown.evidence["found"][0]["calls"][0];
    assert_eq!(call["function"], "transfer(address,uint256)");
    assert_eq!(call["arguments"], json!({"to": NOBODY, "amount": "100"}));
}

/// The golden verdicts: whoever changes one, changes what the engine's name stands for.
#[test]
fn golden_verdicts_keep_their_bytes() {
    let mut changed = Vec::new();
    for name in ["address", "approval", "guarded", "permit", "simulated", "site"] {
        let [inputs, verdict] = golden(name);
        let read = Inputs::parse(inputs.as_bytes()).expect("inputs");
        assert_eq!(String::from_utf8_lossy(&read.canonical()), inputs);
        let decided = String::from_utf8(decide(&read, read.rules()).canonical()).expect("UTF-8");
        if decided != verdict {
            changed.push(format!("{name}: {decided}"));
        }
    }
    assert!(changed.is_empty(), "is {ENGINE} still its name?\n{}", changed.join("\n"));
}

fn sum(verdict: &Verdict) -> i64 {
    verdict.signals.iter().map(|signal| signal.contribution).sum()
}

fn some_account() -> impl Strategy<Value = Account> {
    let listed: Vec<_> = Lists::seed().iter().flat_map(|list| list.rows()).map(|row| row.address).collect();
    prop_oneof![
        any::<[u8; 20]>().prop_map(Account::new),
        prop::sample::select(listed.clone()),
        prop::sample::select(listed)
            .prop_map(|account| account.checksummed())
            .prop_map(|text| account(&twin(&text))),
        (0_u8..20).prop_map(|last| {
            let mut bytes = [0; 20];
            bytes[19] = last;
            Account::new(bytes)
        }),
    ]
}

fn some_question() -> impl Strategy<Value = Question> {
    let data = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200).prop_map(hex::encode),
        (some_account(), any::<[u8; 32]>()).prop_map(|(spender, amount)| {
            format!("095ea7b3{}{}", word(&spender.to_string()), hex::encode(amount))
        }),
        (some_account(), prop::bool::ANY).prop_map(|(operator, yes)| {
            format!("a22cb465{}{}", word(&operator.to_string()), word(if yes { "1" } else { "0" }))
        }),
        (some_account(), some_account()).prop_map(|(from, to)| {
            format!("23b872dd{}{}{}", word(&from.to_string()), word(&to.to_string()), word("1"))
        }),
    ];
    prop_oneof![
        some_account().prop_map(|account| address(&account.to_string())),
        (some_account(), data).prop_map(|(to, data)| call(&to.to_string(), "1", &data)),
    ]
}

proptest! {
    #[test]
    fn the_printed_contributions_add_up_to_the_score(
        question in some_question(),
        history in prop::collection::vec(some_account(), 0..20),
    ) {
        let inputs = Inputs::gather(question, &history, &Lists::seed(), "vrd_1".to_owned(), ASKED_AT);
        let verdict = decide(&inputs, RuleSet::base());
        let probability = Probability::of_log_odds(sum(&verdict));
        prop_assert_eq!(&verdict.probability, &probability.to_string());
        prop_assert_eq!(verdict.score, probability.score());
        prop_assert!(verdict.signals.iter().all(|signal| signal.contribution == signal.value * signal.weight));
        prop_assert!(verdict.interval[0] <= verdict.probability && verdict.probability <= verdict.interval[1]);
        let has = |id: &str| verdict.signals.iter().any(|signal| signal.id == id);
        prop_assert!(!has("sanctions_list") || (verdict.score == 100 && verdict.level == Level::Critical));
        if ["no_chain_data", "unknown_call", "calls_not_decoded"].into_iter().any(has) {
            prop_assert!(verdict.level != Level::Safe);
        }
    }

    #[test]
    fn the_order_in_which_things_are_given_does_not_matter(
        question in some_question(),
        history in prop::collection::vec(some_account(), 0..20),
    ) {
        let inputs = |history: &[Account]| {
            Inputs::gather(question.clone(), history, &Lists::seed(), "vrd_1".to_owned(), ASKED_AT)
        };
        let one = inputs(&history);
        let reversed: Vec<_> = history.iter().rev().copied().collect();
        prop_assert_eq!(&inputs(&reversed).canonical(), &one.canonical());
        let mut shuffled = one.clone();
        shuffled.facts.reverse();
        shuffled.history.reverse();
        let (one, shuffled) = (decide(&one, RuleSet::base()), decide(&shuffled, RuleSet::base()));
        prop_assert_eq!(&one.signals, &shuffled.signals);
        prop_assert_eq!((one.score, one.level, one.advice), (shuffled.score, shuffled.level, shuffled.advice));
    }

    #[test]
    fn canonical_bytes_are_stable_through_reading(question in some_question()) {
        let inputs = Inputs::gather(question, &[], &Lists::seed(), "vrd_1".to_owned(), ASKED_AT);
        let bytes = inputs.canonical();
        let again = Inputs::parse(&bytes).expect("its own canonical form");
        prop_assert_eq!(again.canonical(), bytes);
        let verdict = decide(&inputs, RuleSet::base());
        let reread: Verdict = serde_json::from_slice(&verdict.canonical()).expect("a verdict");
        prop_assert_eq!(reread.canonical(), verdict.canonical());
    }

    #[test]
    fn novelty_alone_never_reaches_danger(question in some_question()) {
        let inputs = Inputs::gather(question, &[], &Lists::seed(), "vrd_1".to_owned(), ASKED_AT);
        let verdict = decide(&inputs, RuleSet::base());
        let rules = RuleSet::base();
        let serious = SignalIds::of(&verdict).any(|rule| matches!(rule, Class::Hard | Class::Evidence));
        prop_assert!(serious || verdict.level < Level::Danger, "{rules:?}");
    }

    #[test]
    fn arbitrary_bytes_are_no_inputs_or_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(inputs) = Inputs::parse(&bytes) {
            prop_assert!(decide(&inputs, RuleSet::base()).score <= 100);
        }
    }
}

struct SignalIds;

impl SignalIds {
    fn of(verdict: &Verdict) -> impl Iterator<Item = Class> {
        let rules = RuleSet::base();
        verdict.signals.iter().filter_map(|signal| {
            let id = serde_json::from_value(Value::from(signal.id.as_str())).ok()?;
            Some(rules.signals.get(&id)?.class)
        })
    }
}

mod code;
mod guard;
mod likely;
mod requests;
pub(crate) mod simulation;
