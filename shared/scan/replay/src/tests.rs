//! Our own contracts and the scanner's regression set: what is replayed, and that guarded twins are not.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use scorpius_scan::engine::query::DetectorSet;
use scorpius_scan::engine::{Budget, EffectKind, Replay};
use serde::Deserialize;

use super::scan;

#[derive(Deserialize)]
struct Build {
    name: String,
    build: String,
    #[serde(default)]
    shows: Option<String>,
    runtime: String,
}

#[derive(Deserialize)]
struct Label {
    #[serde(default)]
    subtype: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    id: String,
    labels: Vec<Label>,
    runtime_bytecode: String,
}

fn replays(code: &str, budget: Budget) -> BTreeMap<String, Replay> {
    let code = hex::decode(code.trim_start_matches("0x")).expect("hex");
    let findings = scan(&code, budget, DetectorSet::none()).findings.into_iter();
    findings.filter_map(|finding| Some((finding.detector, finding.replay?))).collect()
}

fn builds() -> Vec<Build> {
    let lines = include_str!("../fixtures/contracts.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).expect("a build")).collect()
}

#[test]
fn every_vulnerable_build_is_replayed_and_no_guarded_twin_is() {
    let (mut wrong, mut rules) = (Vec::new(), BTreeSet::new());
    for build in builds() {
        let shown = replays(&build.runtime, Budget::Standard);
        let right = match &build.shows {
            Some(rule) => shown.contains_key(rule),
            None => shown.is_empty(),
        };
        if !right {
            wrong.push(format!("{} {}: {:?}", build.name, build.build, shown.keys()));
        }
        rules.extend(build.shows);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(rules.len(), 13, "{rules:?}");
}

/// Rules of the regression set, how many builds have them, and how many of these are replayed. The others need
/// storage that a constructor writes, an owner's call, or win something that is no ether.
const REPLAYED: [(&str, usize, usize); 14] = [
    ("arbitrary-storage-write", 4, 4),
    ("integer-overflow", 14, 14),
    ("integer-underflow", 8, 8),
    ("reentrancy-eth", 22, 22),
    ("timestamp-dependence", 8, 8),
    ("tx-origin-authentication", 4, 4),
    ("unchecked-call", 14, 4),
    ("unguarded-delegatecall", 4, 4),
    ("unguarded-owner-change", 6, 6),
    ("unguarded-selfdestruct", 4, 4),
    ("unguarded-upgrade", 4, 4),
    ("unguarded-withdrawal", 10, 10),
    ("unprotected-initializer", 4, 4),
    ("weak-randomness", 14, 12),
];

/// Twins of one weakness that have another: here anyone may become the owner, who freezes nobody.
const BESIDE: [(&str, &str); 1] = [("v4/MisnamedOwnerOfName", "unguarded-owner-change")];

#[test]
fn of_the_regression_set_so_much_is_replayed_and_nothing_of_its_twins() {
    let tried: BTreeSet<&str> = [
        "unguarded-selfdestruct",
        "unguarded-withdrawal",
        "unguarded-owner-change",
        "unprotected-initializer",
        "unguarded-delegatecall",
        "unguarded-upgrade",
        "arbitrary-storage-write",
        "tx-origin-authentication",
        "reentrancy-eth",
        "unchecked-call",
        "integer-overflow",
        "integer-underflow",
        "weak-randomness",
        "timestamp-dependence",
    ]
    .into();
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut missing = Vec::new();
    for line in include_str!("../../regression/contracts.jsonl").lines() {
        let line: Line = serde_json::from_str(line).expect("a line of the set");
        let shown = replays(&line.runtime_bytecode, Budget::Standard);
        if line.labels.is_empty() {
            let beside =
                BESIDE.iter().filter(|(name, _)| line.id.starts_with(&format!("regression/{name}/")));
            let beside: BTreeSet<_> = beside.map(|(_, rule)| *rule).collect();
            assert_eq!(shown.keys().map(String::as_str).collect::<BTreeSet<_>>(), beside, "{}", line.id);
        }
        for label in line.labels {
            let Some(rule) = label.subtype.map(|rule| rule.replace('_', "-")) else { continue };
            if !tried.contains(rule.as_str()) {
                continue;
            }
            let count = counts.entry(rule.clone()).or_default();
            count.0 += 1;
            match shown.contains_key(&rule) {
                true => count.1 += 1,
                false => missing.push(line.id.clone()),
            }
        }
    }
    let counts: Vec<_> = counts.iter().map(|(rule, (all, shown))| (rule.as_str(), *all, *shown)).collect();
    assert_eq!(counts, REPLAYED, "{}", missing.join("\n"));
}

#[test]
fn a_quick_scan_tries_nothing() {
    assert!(replays("33ff", Budget::Quick).is_empty());
}

#[test]
fn a_replay_says_what_was_there_what_to_send_and_what_it_does() {
    // CALLER SELFDESTRUCT
    let shown = replays("33ff", Budget::Standard);
    let replay = &shown["unguarded-selfdestruct"];
    assert_eq!(replay.fork, "osaka");
    let [step] = &replay.steps[..] else { panic!("{:?}", replay.steps) };
    assert_eq!(step.from, replay.given.attacker);
    assert_eq!(step.to.as_ref(), Some(&replay.given.contract));
    assert_eq!((step.value.as_str(), step.data.as_str()), ("0", "0x"));
    let effect = &replay.effect;
    assert_eq!(effect.kind, EffectKind::Destroyed);
    assert_eq!((effect.gained_wei.as_str(), effect.contract_wei.as_str()), ("5000000000000000000", "0"));
    assert!(effect.summary.contains("before the Cancun fork its code is gone too"), "{}", effect.summary);
}

#[test]
fn the_same_bytes_give_the_same_replays() {
    for build in builds().iter().step_by(7) {
        let one = replays(&build.runtime, Budget::Standard);
        assert_eq!(one, replays(&build.runtime, Budget::Standard), "{}", build.name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 1..300)) {
        // An end that pays whoever calls, so that there is something to try.
        let code: Vec<u8> = bytes.into_iter().chain([0x5b, 0x33, 0xff]).collect();
        prop_assert!(scan(&code, Budget::Standard, DetectorSet::none()).findings.len() <= 100);
    }
}
