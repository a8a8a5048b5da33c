//! One labelled contract through the engine, for measuring. Labels are not read.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::engine::{self, Budget};

pub mod score;

/// What is read of a corpus line.
#[derive(Debug, Deserialize)]
struct Case {
    id: String,
    #[serde(default)]
    runtime_bytecode: Option<String>,
}

/// One line of results.
#[derive(Debug, Serialize)]
pub struct CaseResult {
    /// As in the corpus.
    pub id: String,
    /// What was found.
    pub findings: Vec<CaseFinding>,
    /// How long it took.
    pub seconds: f64,
    /// Whether something was not explored.
    pub incomplete: bool,
    /// Jumps that a path reached.
    pub jumps: usize,
    /// Of these, how many have a known destination on every path.
    pub jumps_resolved: usize,
    /// Why there is no result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One finding in the words of the corpora.
#[derive(Debug, Serialize)]
pub struct CaseFinding {
    /// The category of the DASP ten.
    pub category: String,
    /// Smart contract weakness, where the registry has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swc: Option<u16>,
    /// Which rule, with `_` as the corpora write it.
    pub subtype: String,
    /// Where in the code.
    pub pc: usize,
    /// How sure.
    pub confidence: &'static str,
    /// How bad.
    pub severity: &'static str,
}

/// Scans the contract of one corpus line.
///
/// # Errors
/// When the line is not JSON with an `id`.
pub fn case(line: &str, budget: Budget) -> Result<CaseResult, serde_json::Error> {
    let case: Case = serde_json::from_str(line)?;
    let text = case.runtime_bytecode.unwrap_or_default();
    let failed = |id, error: String| CaseResult {
        id,
        findings: Vec::new(),
        seconds: 0.0,
        incomplete: true,
        jumps: 0,
        jumps_resolved: 0,
        error: Some(error),
    };
    let code = match hex::decode(text.strip_prefix("0x").unwrap_or(&text)) {
        Ok(code) if code.is_empty() => return Ok(failed(case.id, "there is no runtime bytecode".to_owned())),
        Ok(code) => code,
        Err(error) => return Ok(failed(case.id, error.to_string())),
    };
    let started = Instant::now();
    let report = engine::scan(&code, budget);
    let seconds = started.elapsed().as_secs_f64();
    let findings = report
        .findings
        .into_iter()
        .map(|finding| CaseFinding {
            category: finding.category,
            swc: finding.swc,
            subtype: finding.detector.replace('-', "_"),
            pc: finding.pc,
            confidence: finding.confidence.name(),
            severity: finding.severity.name(),
        })
        .collect();
    Ok(CaseResult {
        id: case.id,
        findings,
        seconds,
        incomplete: report.incomplete,
        jumps: report.coverage.jumps,
        jumps_resolved: report.coverage.jumps_resolved,
        error: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_corpus_line_becomes_a_result_line() {
        // CALLER SELFDESTRUCT
        let result =
            case(r#"{"id": "a", "runtime_bytecode": "0x33ff", "labels": 7}"#, Budget::Quick).expect("a line");
        assert_eq!((result.id.as_str(), result.findings.len()), ("a", 1));
        assert_eq!(result.findings[0].swc, Some(106));
        let broken = case(r#"{"id": "b", "runtime_bytecode": "0x3"}"#, Budget::Quick).expect("a line");
        assert!(broken.error.is_some());
        assert!(case("{}", Budget::Quick).is_err());
    }
}
