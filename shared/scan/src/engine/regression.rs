//! The regression set: contracts of our own, labelled by what was written into them. It holds the engine to
//! what it finds and is silent on today; how accurate that is on others' code, it does not say.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Budget, Finding, Severity, scan};

#[derive(Deserialize)]
struct Label {
    category: String,
    #[serde(default)]
    subtype: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    id: String,
    labels: Vec<Label>,
    absent: Vec<Label>,
    benign: bool,
    runtime_bytecode: String,
}

/// Builds in which a label is missed, each with why. A fix takes its line away; the test insists.
const MISSED: [&str; 0] = [];

/// Builds that are accused of what they guard against.
const ACCUSED: [&str; 0] = [];

fn lines() -> Vec<Line> {
    include_str!("../../regression/contracts.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of the set"))
        .collect()
}

fn rule(finding: &Finding) -> String {
    finding.detector.replace('-', "_")
}

/// What is wrong with the findings for one build.
fn judge(line: &Line) -> (bool, bool) {
    let code = hex::decode(line.runtime_bytecode.trim_start_matches("0x")).expect("hex");
    let findings = scan(&code, Budget::Standard).findings;
    let rules: BTreeSet<String> = findings.iter().map(rule).collect();
    let missed = line
        .labels
        .iter()
        .any(|label| !label.subtype.as_ref().is_some_and(|subtype| rules.contains(subtype)));
    // A twin may have a note; it must not have a finding of the kind. A harmless one has nothing to act upon.
    let accused = line.absent.iter().any(|label| match &label.subtype {
        Some(subtype) => rules.contains(subtype),
        None => findings
            .iter()
            .any(|finding| finding.category == label.category && finding.severity >= Severity::Low),
    }) || line.benign && findings.iter().any(|finding| finding.severity >= Severity::Medium);
    (missed, accused)
}

#[test]
fn the_set_is_as_large_and_as_varied_as_it_says() {
    let (mut vulnerable, mut harmless, mut compilers) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for line in lines() {
        let parts: Vec<&str> = line.id.split('/').collect();
        let name = parts[1..3].join("/");
        compilers.insert(parts[3].to_owned());
        if line.labels.is_empty() {
            harmless.insert(name)
        } else {
            vulnerable.insert(name)
        };
    }
    assert!(vulnerable.len() >= 60 && harmless.len() >= 60 && compilers.len() == 7);
    // Every category that is judged has contracts with it and twins without it.
    let with = |of: fn(&Line) -> &Vec<Label>| -> BTreeSet<String> {
        lines()
            .iter()
            .flat_map(|line| of(line).iter().map(|label| label.category.clone()).collect::<Vec<_>>())
            .collect()
    };
    let (positive, negative) = (with(|line| &line.labels), with(|line| &line.absent));
    let alone: Vec<_> = positive.difference(&negative).collect();
    assert_eq!(alone, ["front_running", "time_manipulation", "unchecked_return_values"]);
}

#[test]
fn what_is_written_into_the_contracts_is_found_and_their_twins_are_not_accused() {
    let (mut missed, mut accused) = (Vec::new(), Vec::new());
    let lines = lines();
    // One after the other: evmole's threads are bounded, and other tests need some too.
    for line in &lines {
        let (miss, accuse) = judge(line);
        if miss {
            missed.push(line.id.as_str());
        }
        if accuse {
            accused.push(line.id.as_str());
        }
    }
    assert_eq!(missed, MISSED);
    assert_eq!(accused, ACCUSED);
}
