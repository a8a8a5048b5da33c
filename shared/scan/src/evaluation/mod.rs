//! One labelled contract through the engine, for measuring. Labels are not read.

use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::engine::query::DetectorSet;
use crate::engine::{Budget, Report};
use crate::engines::Engines;
use crate::source::{Project, SourceReport};

pub mod score;

/// What is read of a corpus line.
#[derive(Debug, Deserialize)]
struct Case {
    id: String,
    #[serde(default)]
    runtime_bytecode: Option<String>,
    /// Solidity; a name of a file is none.
    #[serde(default)]
    source: Option<String>,
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
    /// Where in the bytecode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pc: Option<usize>,
    /// Where in the source, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Whether transactions were found that show it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
    /// How sure.
    pub confidence: &'static str,
    /// How bad.
    pub severity: &'static str,
}

/// Scans the contract of one corpus line: its bytecode, its source, or both.
///
/// # Errors
/// When the line is not JSON with an `id`.
pub fn case(line: &str, budget: Budget, engines: Engines) -> Result<CaseResult, serde_json::Error> {
    let case: Case = serde_json::from_str(line)?;
    let started = Instant::now();
    let mut result = CaseResult {
        id: case.id,
        findings: Vec::new(),
        seconds: 0.0,
        incomplete: false,
        jumps: 0,
        jumps_resolved: 0,
        error: None,
    };
    let text = case.runtime_bytecode.unwrap_or_default();
    let source = case.source.filter(|text| text.contains('{'));
    match hex::decode(text.strip_prefix("0x").unwrap_or(&text)) {
        Ok(code) if !code.is_empty() => {
            result.bytecode(&(engines.bytecode)(&code, budget, DetectorSet::none(), &Arc::default()))
        }
        Ok(_) if source.is_some() => {}
        Ok(_) => result.fail("there is no runtime bytecode".to_owned()),
        Err(error) => result.fail(error.to_string()),
    }
    if let Some(text) = source {
        match Project::new([("contract.sol".to_owned(), text)], []) {
            Ok(project) => result.source(&(engines.solidity)(&project, budget, &Arc::default())),
            Err(error) => result.fail(error.to_string()),
        }
    }
    result.seconds = started.elapsed().as_secs_f64();
    Ok(result)
}

impl CaseResult {
    fn fail(&mut self, error: String) {
        self.incomplete = true;
        self.error = Some(error);
    }

    fn bytecode(&mut self, report: &Report) {
        self.incomplete |= report.incomplete;
        self.jumps = report.coverage.jumps;
        self.jumps_resolved = report.coverage.jumps_resolved;
        self.findings.extend(report.findings.iter().map(|finding| CaseFinding {
            category: finding.category.clone(),
            swc: finding.swc,
            subtype: finding.detector.replace('-', "_"),
            pc: Some(finding.pc),
            line: None,
            replayed: finding.replay.is_some(),
            confidence: finding.confidence.name(),
            severity: finding.severity.name(),
        }));
    }

    fn source(&mut self, report: &SourceReport) {
        self.incomplete |= report.incomplete;
        self.findings.extend(report.findings.iter().map(|finding| CaseFinding {
            category: finding.category.clone(),
            swc: finding.swc,
            subtype: finding.detector.replace('-', "_"),
            pc: None,
            line: Some(finding.place.line),
            replayed: false,
            confidence: finding.confidence.name(),
            severity: finding.severity.name(),
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ENGINES;

    #[test]
    fn a_corpus_line_becomes_a_result_line() {
        // CALLER SELFDESTRUCT
        let result =
            case(r#"{"id": "a", "runtime_bytecode": "0x33ff", "labels": 7}"#, Budget::Quick, ENGINES)
                .expect("a line");
        assert_eq!((result.id.as_str(), result.findings.len()), ("a", 1));
        assert_eq!(result.findings[0].swc, Some(106));
        let broken =
            case(r#"{"id": "b", "runtime_bytecode": "0x3"}"#, Budget::Quick, ENGINES).expect("a line");
        assert!(broken.error.is_some());
        let only_source =
            case(r#"{"id": "c", "source": "contract A {}"}"#, Budget::Quick, ENGINES).expect("a line");
        assert!(only_source.error.is_none());
        let a_name = case(r#"{"id": "d", "source": "a.sol"}"#, Budget::Quick, ENGINES).expect("a line");
        assert!(a_name.error.is_some());
        assert!(case("{}", Budget::Quick, ENGINES).is_err());
    }
}
