//! What other tools said of the same Solidity: reports of Slither, Mythril and Aderyn, and any SARIF log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::{SOURCE_RULES, Severity};
use crate::source::SourceReport;

/// Bytes of one report.
pub const REPORT_BYTES_MAX: usize = 64 << 20;
/// Findings that are taken of one report.
const FINDINGS_MAX: usize = 10_000;
/// Characters of a message.
const MESSAGE_CHARS_MAX: usize = 500;
/// Lines between two findings that are still the same one: tools point at the statement, its function or its name.
const LINES_APART: usize = 1;

/// Slither's names and ours, where they ask the same.
pub(crate) const SLITHER: [(&str, &str); 50] = [
    ("abiencoderv2-array", "encoder-array"),
    ("arbitrary-send-erc20", "arbitrary-transfer-from"),
    ("arbitrary-send-erc20-permit", "permit-misuse"),
    ("arbitrary-send-eth", "unguarded-withdrawal"),
    ("array-by-reference", "array-by-reference"),
    ("controlled-array-length", "array-length-write"),
    ("controlled-delegatecall", "unguarded-delegatecall"),
    ("delegatecall-loop", "delegatecall-in-loop"),
    ("encode-packed-collision", "encode-packed-collision"),
    ("incorrect-exp", "caret-exponent"),
    ("incorrect-return", "assembly-return"),
    ("incorrect-shift", "shift-order"),
    ("msg-value-in-nonpayable", "value-not-payable"),
    ("msg-value-loop", "value-in-loop"),
    ("multiple-constructors", "multiple-constructors"),
    ("name-reused", "name-reused"),
    ("public-mappings-nested", "public-nested-mapping"),
    ("reentrancy-eth", "reentrancy-eth"),
    ("rtlo", "right-to-left-override"),
    ("shadowing-state", "shadowed-state-variable"),
    ("storage-array", "signed-storage-array"),
    ("suicidal", "unguarded-selfdestruct"),
    ("unchecked-transfer", "unchecked-token-transfer"),
    ("uninitialized-state", "uninitialized-state"),
    ("uninitialized-storage", "uninitialized-storage-pointer"),
    ("unprotected-upgrade", "unguarded-upgrade"),
    ("weak-prng", "weak-randomness"),
    ("boolean-cst", "boolean-constant"),
    ("chronicle-unchecked-price", "stale-price"),
    ("constant-function-asm", "view-changes-state"),
    ("constant-function-state", "view-changes-state"),
    ("divide-before-multiply", "divide-before-multiply"),
    ("enum-conversion", "enum-conversion"),
    ("erc20-interface", "nonstandard-token"),
    ("erc721-interface", "nonstandard-token"),
    ("incorrect-equality", "strict-balance-equality"),
    ("locked-ether", "locked-ether"),
    ("mapping-deletion", "mapping-deletion"),
    ("pyth-unchecked-publishtime", "stale-price"),
    ("reentrancy-no-eth", "reentrancy-no-eth"),
    ("reused-constructor", "reused-base-constructor"),
    ("shadowing-abstract", "shadowed-state-variable"),
    ("tautological-compare", "tautology"),
    ("tautology", "tautology"),
    ("tx-origin", "tx-origin-authentication"),
    ("unchecked-lowlevel", "unchecked-call"),
    ("unchecked-send", "unchecked-call"),
    ("uninitialized-local", "uninitialized-local"),
    ("unused-return", "unused-return"),
    ("write-after-write", "write-after-write"),
];

/// One finding of another tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExternalFinding {
    /// Which tool, as it calls itself.
    pub tool: String,
    /// Its rule.
    pub rule: String,
    /// How bad, on our scale.
    pub severity: Severity,
    /// The file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// What it says.
    pub message: String,
    /// The fingerprint of our finding that says the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<String>,
    /// Weakness, where the tool names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swc: Option<u16>,
}

/// What is no report of a tool that is read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAReport {
    /// Not JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// JSON of another shape.
    #[error("neither a report of Slither, Mythril or Aderyn, nor a SARIF log")]
    Unknown,
    /// Too long, or too much in it.
    #[error("more than {REPORT_BYTES_MAX} bytes or {FINDINGS_MAX} findings")]
    TooMuch,
}

/// Reads the report of another tool. What a finding says is cut at 500 characters.
///
/// # Errors
/// What is none.
pub fn read(bytes: &[u8]) -> Result<Vec<ExternalFinding>, NotAReport> {
    if bytes.len() > REPORT_BYTES_MAX {
        return Err(NotAReport::TooMuch);
    }
    let report: Value =
        serde_json::from_slice(bytes).map_err(|error| NotAReport::NotJson(error.to_string()))?;
    let all = sarif(&report)
        .or_else(|| slither(&report))
        .or_else(|| aderyn(&report))
        .or_else(|| mythril(&report))
        .ok_or(NotAReport::Unknown)?;
    match all.len() > FINDINGS_MAX {
        true => Err(NotAReport::TooMuch),
        false => Ok(all),
    }
}

/// Says of each external finding which of ours it is, and drops what another tool said of the same place before.
#[must_use]
pub fn merged(report: &SourceReport, found: Vec<ExternalFinding>) -> Vec<ExternalFinding> {
    let mut kept: Vec<ExternalFinding> = Vec::new();
    for mut finding in found {
        finding.same_as =
            report.findings.iter().find(|ours| is_same(&finding, ours)).map(|it| it.fingerprint.clone());
        let twice = kept.iter().any(|it| {
            (it.tool.as_str(), it.rule.as_str(), &it.path, it.line)
                == (finding.tool.as_str(), finding.rule.as_str(), &finding.path, finding.line)
        });
        if !twice {
            kept.push(finding);
        }
    }
    kept
}

fn is_same(theirs: &ExternalFinding, ours: &crate::source::SourceFinding) -> bool {
    let file = theirs.path.as_deref().is_some_and(|path| {
        path == ours.place.path
            || path.ends_with(&format!("/{}", ours.place.path))
            || ours.place.path.ends_with(&format!("/{path}"))
    });
    let near = theirs.line.is_some_and(|line| {
        line + LINES_APART >= ours.place.line && line <= ours.place.end_line + LINES_APART
    });
    let rule = our_rule(&theirs.rule) == Some(ours.detector.as_str())
        || theirs.swc.is_some() && theirs.swc == ours.swc;
    file && near && rule
}

/// The rule of ours that asks what theirs does.
fn our_rule(theirs: &str) -> Option<&'static str> {
    // Slither's SARIF puts two numbers before the name.
    let name = theirs.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '-');
    let known = SLITHER.iter().find(|(slither, _)| *slither == name).map(|(_, ours)| *ours);
    known.or_else(|| SOURCE_RULES.iter().find(|rule| rule.id == name).map(|rule| rule.id))
}

fn text(value: &Value) -> String {
    let whole = value.as_str().unwrap_or_default();
    whole.chars().filter(|it| !it.is_control() || *it == '\n').take(MESSAGE_CHARS_MAX).collect()
}

fn path(value: &Value) -> Option<String> {
    value.as_str().map(|_| text(value).replace('\n', " "))
}

fn line(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|line| usize::try_from(line).ok()).filter(|line| *line > 0)
}

fn severity(word: &str) -> Severity {
    match word.to_lowercase().as_str() {
        "critical" => Severity::Critical,
        "high" | "error" => Severity::High,
        "medium" | "warning" => Severity::Medium,
        "low" | "note" => Severity::Low,
        _ => Severity::Info,
    }
}

fn slither(report: &Value) -> Option<Vec<ExternalFinding>> {
    let detectors = report["results"]["detectors"].as_array()?;
    let each = detectors.iter().map(|found| {
        let place = &found["elements"][0]["source_mapping"];
        ExternalFinding {
            tool: "slither".to_owned(),
            rule: text(&found["check"]),
            severity: severity(&text(&found["impact"])),
            path: path(&place["filename_relative"]),
            line: line(&place["lines"][0]),
            message: text(&found["description"]),
            same_as: None,
            swc: None,
        }
    });
    Some(each.collect())
}

fn mythril(report: &Value) -> Option<Vec<ExternalFinding>> {
    let issues = report["issues"].as_array()?;
    let each = issues.iter().map(|found| ExternalFinding {
        tool: "mythril".to_owned(),
        rule: text(&found["title"]),
        severity: severity(&text(&found["severity"])),
        path: path(&found["filename"]),
        line: line(&found["lineno"]),
        message: text(&found["description"]),
        same_as: None,
        swc: found["swc-id"].as_str().and_then(|number| number.parse().ok()),
    });
    Some(each.collect())
}

fn aderyn(report: &Value) -> Option<Vec<ExternalFinding>> {
    let lists = [(&report["high_issues"], Severity::High), (&report["low_issues"], Severity::Low)];
    if lists.iter().all(|(list, _)| list["issues"].as_array().is_none()) {
        return None;
    }
    let mut all = Vec::new();
    for (list, severity) in lists {
        for issue in list["issues"].as_array().into_iter().flatten() {
            for place in issue["instances"].as_array().into_iter().flatten() {
                all.push(ExternalFinding {
                    tool: "aderyn".to_owned(),
                    rule: text(&issue["detector_name"]),
                    severity,
                    path: path(&place["contract_path"]),
                    line: line(&place["line_no"]),
                    message: text(&issue["title"]),
                    same_as: None,
                    swc: None,
                });
            }
        }
    }
    Some(all)
}

fn sarif(report: &Value) -> Option<Vec<ExternalFinding>> {
    let runs = report["runs"].as_array()?;
    let mut all = Vec::new();
    for run in runs {
        let tool = text(&run["tool"]["driver"]["name"]);
        for found in run["results"].as_array().into_iter().flatten() {
            let place = &found["locations"][0]["physicalLocation"];
            all.push(ExternalFinding {
                tool: tool.clone(),
                rule: text(&found["ruleId"]),
                // SARIF 2.1.0, section 3.27.10: a result without a level is a warning.
                severity: severity(found["level"].as_str().unwrap_or("warning")),
                path: path(&place["artifactLocation"]["uri"]),
                line: line(&place["region"]["startLine"]),
                message: text(&found["message"]["text"]),
                same_as: None,
                swc: None,
            });
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Budget, Confidence};
    use crate::source::{Place, Project, SourceFinding};

    fn ours() -> SourceReport {
        let project = Project::new([("src/A.sol".to_owned(), String::new())], []).expect("a project");
        let mut report = crate::testing::solidity(&project, Budget::Quick, &std::sync::Arc::default());
        report.findings.push(SourceFinding {
            detector: "reentrancy-eth".to_owned(),
            title: String::new(),
            category: "reentrancy".to_owned(),
            swc: Some(107),
            cwe: 841,
            severity: Severity::High,
            confidence: Confidence::Likely,
            place: Place { path: "src/A.sol".to_owned(), line: 12, column: 1, end_line: 12, end_column: 9 },
            contract: "A".to_owned(),
            function: None,
            summary: String::new(),
            excerpt: String::new(),
            related: Vec::new(),
            fingerprint: "ours".to_owned(),
        });
        report
    }

    #[test]
    fn reports_of_four_kinds_are_read_and_tied_to_our_findings() {
        for (report, tool) in [
            (
                r#"{"success": true, "results": {"detectors": [{"check": "reentrancy-eth", "impact": "High", "description": "d",
                    "elements": [{"source_mapping": {"filename_relative": "src/A.sol", "lines": [11, 12]}}]}]}}"#,
                "slither",
            ),
            (
                r#"{"error": null, "issues": [{"title": "External Call", "severity": "High", "swc-id": "107", "lineno": 12,
                    "filename": "src/A.sol", "description": "d"}]}"#,
                "mythril",
            ),
            (
                r#"{"runs": [{"tool": {"driver": {"name": "Slither"}}, "results": [{"ruleId": "0-0-reentrancy-eth", "level": "error",
                    "message": {"text": "d"}, "locations": [{"physicalLocation": {"artifactLocation": {"uri": "src/A.sol"},
                    "region": {"startLine": 12}}}]}]}]}"#,
                "Slither",
            ),
        ] {
            let found = merged(&ours(), read(report.as_bytes()).expect("a report"));
            assert_eq!((found.len(), found[0].tool.as_str(), found[0].severity), (1, tool, Severity::High));
            assert_eq!(found[0].same_as.as_deref(), Some("ours"), "{tool}");
        }
        let aderyn = r#"{"high_issues": {"issues": [{"title": "t", "detector_name": "weak-randomness",
            "instances": [{"contract_path": "src/A.sol", "line_no": 3}, {"contract_path": "src/A.sol", "line_no": 3}]}]},
            "low_issues": {"issues": []}}"#;
        let found = merged(&ours(), read(aderyn.as_bytes()).expect("a report"));
        assert_eq!((found.len(), found[0].line, found[0].same_as.as_deref()), (1, Some(3), None));
    }

    #[test]
    fn what_is_no_report_is_refused() {
        assert!(matches!(read(b"no"), Err(NotAReport::NotJson(_))));
        assert_eq!(read(b"{}"), Err(NotAReport::Unknown));
        assert_eq!(read(b"[]"), Err(NotAReport::Unknown));
        let many = format!(r#"{{"issues": [{}]}}"#, vec!["{}"; FINDINGS_MAX + 1].join(","));
        assert_eq!(read(many.as_bytes()), Err(NotAReport::TooMuch));
    }

    #[test]
    fn the_page_on_slither_says_the_same() {
        let page = include_str!("../../../docs/slither.md");
        let rows = page.lines().filter_map(|row| {
            let mut cells = row.split(" | ");
            let name = cells.next()?.strip_prefix("| ")?;
            let ours = cells.nth(1)?.strip_prefix('[')?.split(']').next()?;
            Some((name, ours))
        });
        let mut rows: Vec<_> = rows.collect();
        let mut ours = SLITHER.to_vec();
        rows.sort_unstable();
        ours.sort_unstable();
        assert_eq!(rows, ours);
        assert!(page.contains(&format!("{} of 59", SLITHER.len())));
        for (_, rule) in SLITHER {
            assert!(SOURCE_RULES.iter().any(|it| it.id == rule), "{rule}");
        }
    }
}
