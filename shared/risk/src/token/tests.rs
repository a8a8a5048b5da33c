use alloy_primitives::Bytes;
use std::collections::{BTreeMap, BTreeSet};

use scorpius_core::UnixMillis;
use serde_json::{Value, json};

use super::*;
use crate::engine::decide;
use crate::engine::inputs::{Inputs, Question};
use crate::engine::rules::RuleSet;
use crate::engine::verdict::{Level, Verdict};
use crate::lists::Lists;

/// On no list.
const TOKEN: &str = "0x7070707070707070707070707070707070707071";
const USDC: &str = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";

/// Compiled contracts of the scanner's regression set: name, compiler, code.
fn contracts() -> Vec<(String, Bytes)> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../scan/regression/contracts.jsonl");
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let contract = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let text = |name: &str| line[name].as_str().expect("a text").to_owned();
        let code = text("runtime_bytecode");
        (text("contract_name"), hex::decode(&code[2..]).expect("hex").into())
    };
    text.lines().map(contract).collect()
}

fn token(code: &Bytes) -> TokenSeen {
    TokenSeen {
        told_by: Teller::Chain,
        unread: None,
        code: Some(CodeSeen::of(code)),
        proxy: None,
        answers: None,
        scan: (!code.is_empty()).then(|| scan(code)),
    }
}

fn judge(address: &str, token: Option<TokenSeen>) -> Verdict {
    let question = Question::Token {
        chain: "ethereum".parse().expect("a chain"),
        address: address.parse().expect("an address"),
    };
    let lists = Lists::seed();
    let id = "vrd_00000000000000000000000000000001".to_owned();
    let inputs = Inputs::gather(question, &[], &lists, id, UnixMillis(1_795_254_040_000));
    let inputs = match token {
        Some(token) => inputs.seen(token, None, &lists),
        None => inputs,
    };
    let verdict = decide(&inputs, RuleSet::base());
    let again = Inputs::parse(&inputs.canonical()).expect("its own canonical form");
    assert_eq!(decide(&again, RuleSet::base()).canonical(), verdict.canonical());
    verdict
}

fn found(verdict: &Verdict) -> BTreeSet<&str> {
    let shown = |id: &&str| !matches!(*id, "prior" | "token_seen");
    verdict.signals.iter().map(|signal| signal.id.as_str()).filter(shown).collect()
}

#[test]
fn powers_over_holders_are_found_in_code_of_every_compiler() {
    let mut seen = BTreeSet::new();
    for (name, code) in contracts() {
        let expected = match name.as_str() {
            "TakesBack" => (Level::Danger, "token_takes_holders"),
            "MintToken" => (Level::Caution, "token_mint"),
            _ => continue,
        };
        let verdict = judge(TOKEN, Some(token(&code)));
        assert_eq!(verdict.level, expected.0, "{name} {:?}", found(&verdict));
        assert!(found(&verdict).contains(expected.1), "{name} {:?}", found(&verdict));
        seen.insert(name);
    }
    assert_eq!(seen.len(), 2);
}

/// Whoever changes the scanner or these signals sees here what verdicts about tokens say otherwise.
#[test]
fn signals_of_the_tokens_in_the_regression_set_are_these() {
    let mut counts = BTreeMap::new();
    // `transfer` and `balanceOf`.
    let selectors = [[0xa9, 0x05, 0x9c, 0xbb], [0x70, 0xa0, 0x82, 0x31]];
    let is_token =
        |code: &Bytes| selectors.iter().all(|selector| code.windows(4).any(|four| four == selector));
    for (_, code) in contracts().into_iter().filter(|(_, code)| is_token(code)) {
        let seen = TokenSeen { scan: Some(scan_whole(&code)), ..token(&Bytes::new()) };
        let verdict = judge(TOKEN, Some(TokenSeen { code: Some(CodeSeen::of(&code)), ..seen }));
        for id in found(&verdict) {
            *counts.entry(id.to_owned()).or_insert(0) += 1;
        }
    }
    // No `token_sell_switch`: it asks for `medium`, and the scanner says `low` and `info` of what limits selling.
    let expected = [
        ("token_blacklist", 8),
        ("token_fee", 4),
        ("token_mint", 8),
        ("token_pausable", 12),
        ("token_takes_holders", 4),
        ("token_without_functions", 6),
    ];
    assert_eq!(counts, expected.map(|(id, count)| (id.to_owned(), count)).into());
}

#[test]
fn plain_tokens_are_not_accused() {
    let mut seen = 0;
    for (name, code) in contracts() {
        if ["PlainToken", "CappedToken", "BurnableToken", "SafeToken"].contains(&name.as_str()) {
            let verdict = judge(TOKEN, Some(token(&code)));
            assert!(verdict.level <= Level::Unknown, "{name} {:?}", found(&verdict));
            seen += 1;
        }
    }
    assert!(seen >= 8, "{seen}");
}

#[test]
fn what_is_not_there_or_not_read_is_said() {
    let nothing = judge(TOKEN, None);
    assert_eq!(nothing.level, Level::Unknown);
    assert_eq!(found(&nothing), ["no_chain_data", "token_scan_incomplete"].into());
    let empty = judge(TOKEN, Some(token(&Bytes::new())));
    assert_eq!((empty.level, found(&empty)), (Level::Caution, ["token_no_code"].into()));
    // `stop`.
    let other = judge(TOKEN, Some(token(&Bytes::from_static(&[0]))));
    assert_eq!((other.level, found(&other)), (Level::Caution, ["token_without_functions"].into()));
    let unread = TokenSeen { code: None, unread: Some(Unread::Unreachable), ..token(&Bytes::new()) };
    assert_eq!(judge(TOKEN, Some(unread)).level, Level::Unknown);
    // A well-known one is not vouched for by what nobody looked at.
    assert!(found(&judge(USDC, None)).contains("well_known"));
}

#[test]
fn a_namesake_a_proxy_and_an_owner_that_is_gone_count() {
    let plain = contracts().into_iter().find(|(name, _)| name == "PlainToken").expect("a token").1;
    let named = |symbol: &str, owner: Option<Account>| TokenSeen {
        answers: Some(TokenAnswers { symbol: Some(symbol.to_owned()), owner, ..TokenAnswers::default() }),
        ..token(&plain)
    };
    let namesake = judge(TOKEN, Some(named("USDC", None)));
    assert_eq!((namesake.level, found(&namesake)), (Level::Caution, ["token_namesake"].into()));
    assert!(!found(&judge(USDC, Some(named("USDC", None)))).contains("token_namesake"));
    assert_eq!(found(&judge(TOKEN, Some(named("OWN", Some(Account::ZERO))))), ["token_unowned"].into());

    let proxy = |kind| {
        let proxy = ProxySeen { kind, points_to: TOKEN.parse().expect("an address"), admin: None };
        TokenSeen { proxy: Some(proxy), ..named("OWN", Some(Account::ZERO)) }
    };
    assert_eq!(found(&judge(TOKEN, Some(proxy(ProxyKind::Erc1967)))), ["token_replaceable"].into());
    assert_eq!(found(&judge(TOKEN, Some(proxy(ProxyKind::Erc1167)))), ["token_unowned"].into());
}

#[test]
fn what_was_seen_is_read_strictly() {
    let seen = json!({"told_by": "chain", "code": {"sha256": "00", "bytes": 1}});
    assert!(serde_json::from_value::<TokenSeen>(seen.clone()).is_ok());
    let mut more = seen;
    more["score"] = json!(1);
    assert!(serde_json::from_value::<TokenSeen>(more).is_err());
}
