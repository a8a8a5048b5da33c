//! An earlier report: what of it is found again, and what is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;

use serde_json::Value;

use crate::terminal::{Terminal, tame};

/// Bytes of a baseline.
const BYTES_MAX: u64 = 64 << 20;
/// Findings of each kind that are told one by one.
const TOLD_MAX: usize = 50;

/// The findings of an earlier report: by fingerprint, rule and place.
#[derive(Default)]
pub(super) struct Baseline {
    findings: BTreeMap<String, String>,
}

impl Baseline {
    /// Of a report of `--json`, or of a SARIF log.
    pub(super) fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        if path.metadata()?.len() > BYTES_MAX {
            return Err(format!("{} is too large for a report", path.display()).into());
        }
        Self::of(&serde_json::from_slice(&std::fs::read(path)?)?)
            .ok_or_else(|| format!("{} is neither a report nor a SARIF log", path.display()).into())
    }

    fn of(document: &Value) -> Option<Self> {
        let findings = match (document["findings"].as_array(), document["runs"].as_array()) {
            (Some(findings), _) => findings.iter().filter_map(of_report).collect(),
            (None, Some(runs)) => {
                let results = runs.iter().filter_map(|run| run["results"].as_array()).flatten();
                results.filter_map(of_sarif).collect()
            }
            (None, None) => return None,
        };
        Some(Self { findings })
    }

    /// Whether it has the finding.
    pub(super) fn has(&self, fingerprint: &str) -> bool {
        self.findings.contains_key(fingerprint)
    }

    /// Says which of `found`, by fingerprint with rule and place, are in it, and which of its own are not found again.
    pub(super) fn tell<'p>(&'p self, found: &'p [(&str, String)], incomplete: bool, terminal: &Terminal) {
        let again = |(it, place): &'p (&str, String)| Some(fuller(place, self.findings.get(*it)?));
        let unchanged: Vec<_> = found.iter().filter_map(again).collect();
        let now: BTreeSet<_> = found.iter().map(|(it, _)| *it).collect();
        let fixed: Vec<_> = self
            .findings
            .iter()
            .filter(|(it, _)| !now.contains(it.as_str()))
            .map(|(_, place)| place.as_str())
            .collect();
        let gone = match incomplete {
            true => "of the baseline are not found again, and not all code was explored",
            false => "of the baseline are fixed",
        };
        list(&unchanged, "are in the baseline", "unchanged", terminal);
        list(&fixed, gone, "fixed", terminal);
    }
}

/// Where a finding is now, as far as both reports say it: one that has lines says more than one of the same code that has none.
fn fuller<'p>(ours: &'p str, theirs: &'p str) -> &'p str {
    match theirs.strip_prefix(ours) {
        // A line, and not another digit of another place.
        Some(more) if more.starts_with(", ") => theirs,
        _ => ours,
    }
}

fn list(places: &[&str], what: &str, word: &str, terminal: &Terminal) {
    if places.is_empty() {
        return;
    }
    terminal.line(format!("{} findings {what}", places.len()));
    for place in places.iter().take(TOLD_MAX) {
        terminal.line(format!("  {word}: {place}"));
    }
    if let Some(more) = places.len().checked_sub(TOLD_MAX).filter(|more| *more > 0) {
        terminal.line(format!("  and {more} more"));
    }
}

/// A rule and where it found something: `pc` in bytecode, a line where there is one.
pub(super) fn place(rule: &str, pc: Option<usize>, line: Option<(&str, usize)>) -> String {
    let line = line.map(|(path, line)| format!("{path}:{line}"));
    let places: Vec<_> = pc.map(|pc| format!("pc {pc}")).into_iter().chain(line).collect();
    let at = if places.is_empty() { String::new() } else { format!(" at {}", places.join(", ")) };
    // Whatever a baseline says is shown on a terminal.
    tame(&format!("{rule}{at}"))
}

fn number(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|number| usize::try_from(number).ok())
}

fn of_report(finding: &Value) -> Option<(String, String)> {
    let lines = [&finding["place"], &finding["origin"]["place"], &finding["called_from"]["place"]];
    let line = lines.into_iter().find_map(|place| Some((place["path"].as_str()?, number(&place["line"])?)));
    let rule = finding["detector"].as_str().unwrap_or_default();
    Some((finding["fingerprint"].as_str()?.to_owned(), place(rule, number(&finding["pc"]), line)))
}

fn of_sarif(result: &Value) -> Option<(String, String)> {
    let places = [&result["locations"][0], &result["relatedLocations"][0]].map(|it| &it["physicalLocation"]);
    let [at, called_from] = places;
    let pc = number(&at["address"]["absoluteAddress"]);
    // What is related to a finding in Solidity is another place; in bytecode it is where the call is.
    let lines = if pc.is_some() { vec![at, called_from] } else { vec![at] };
    let line = lines.into_iter().find_map(|place| {
        Some((place["artifactLocation"]["uri"].as_str()?, number(&place["region"]["startLine"])?))
    });
    let rule = result["ruleId"].as_str().unwrap_or_default();
    let fingerprint = result["partialFingerprints"]["scorpius/v1"].as_str()?;
    Some((fingerprint.to_owned(), place(rule, pc, line)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(document: &Value, expected: &[&str]) {
        let baseline = Baseline::of(document).expect("a baseline");
        assert_eq!(baseline.findings.into_values().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn reports_of_both_kinds_name_rule_place_and_line() {
        let line = json!({"path": "A.sol", "line": 3});
        check(
            &json!({"findings": [
                {"fingerprint": "1", "detector": "r", "pc": 7},
                {"fingerprint": "2", "detector": "r", "pc": 7, "origin": {"kind": "source", "place": line}},
                {"fingerprint": "3", "detector": "r", "pc": 7, "origin": {"kind": "compiler"}, "called_from": {"place": line}},
                {"fingerprint": "4", "detector": "r", "place": line},
                {"detector": "r"},
            ]}),
            &["r at pc 7", "r at pc 7, A.sol:3", "r at pc 7, A.sol:3", "r at A.sol:3"],
        );
        let location = |address: Value, region: Value| json!({"physicalLocation": {"artifactLocation": {"uri": "A.sol"}, "address": address, "region": region}});
        let (at, lines) = (json!({"absoluteAddress": 7}), json!({"startLine": 3}));
        let bytes = json!({"byteOffset": 7});
        let result = |fingerprint: &str, location: Value, related: Vec<Value>| {
            json!({"ruleId": "r", "partialFingerprints": {"scorpius/v1": fingerprint}, "locations": [location],
                "relatedLocations": related})
        };
        check(
            &json!({"runs": [{"results": [
                result("1", location(at.clone(), bytes.clone()), vec![]),
                result("2", location(at.clone(), lines.clone()), vec![]),
                result("3", location(at, bytes), vec![location(Value::Null, lines.clone())]),
                result("4", location(Value::Null, lines), vec![]),
            ]}]}),
            &["r at pc 7", "r at pc 7, A.sol:3", "r at pc 7, A.sol:3", "r at A.sol:3"],
        );
        assert!(Baseline::of(&json!({"a": 1})).is_none());
    }

    #[test]
    fn lines_of_the_baseline_are_told_for_the_same_place_alone() {
        assert_eq!(fuller("r at pc 7", "r at pc 7, A.sol:3"), "r at pc 7, A.sol:3");
        for (ours, theirs) in [
            ("r at pc 7", "r at pc 71, A.sol:3"),
            ("r at pc 7, A.sol:3", "r at pc 7"),
            ("r at A.sol:3", "r at A.sol:31"),
        ] {
            assert_eq!(fuller(ours, theirs), ours);
        }
    }

    #[test]
    fn nothing_of_a_baseline_turns_the_terminal() {
        assert_eq!(place("r\u{1b}[2K", None, Some(("a\rb\u{202e}", 1))), "r[2K at ab:1");
    }
}
