//! Reports as SARIF 2.1.0 (OASIS standard), for code-scanning services and editors.
//!
//! A finding in bytecode is an address of kind `instruction`, and the same as a byte region of the artifact, for
//! viewers that know only regions; where a compiler's output says what it is made of, it is that address and a region of
//! lines and columns. A finding in Solidity is such a region.

mod bytecode;
mod source;

use serde::Serialize;

use crate::engine::query::DetectorAbout;
use crate::engine::{Confidence, Replay, Rule, Severity};

pub use bytecode::{document, document_with};
pub use source::source_document;

/// The media type of SARIF.
pub const CONTENT_TYPE: &str = "application/sarif+json";
/// What it means that something was not explored.
const INCOMPLETE: &str = "What was not explored may hold anything: a report without findings then says little. Scan again with \
                          a larger budget, or hand in what is missing.";
/// Where this project lives.
const HOME: &str = env!("CARGO_PKG_REPOSITORY");

/// A SARIF log with one run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    automation_details: AutomationDetails,
    artifacts: Vec<Artifact>,
    column_kind: &'static str,
    invocations: [Invocation; 1],
    results: Vec<SarifResult>,
}

#[derive(Debug, Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    version: String,
    semantic_version: &'static str,
    information_uri: &'static str,
    rules: Vec<SarifRule>,
    notifications: [Descriptor; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    id: &'static str,
    short_description: Text,
    full_description: Text,
    help: Help,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifRule {
    id: String,
    /// Absent where it would be the id again.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    short_description: Text,
    full_description: Text,
    help: Help,
    /// Absent for detectors that have no page.
    #[serde(skip_serializing_if = "Option::is_none")]
    help_uri: Option<String>,
    default_configuration: Configuration,
    properties: RuleProperties,
}

#[derive(Debug, Serialize)]
struct Text {
    text: String,
}

#[derive(Debug, Serialize)]
struct Help {
    text: String,
    markdown: String,
}

#[derive(Debug, Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Debug, Serialize)]
struct RuleProperties {
    tags: Vec<String>,
    #[serde(rename = "security-severity")]
    security_severity: &'static str,
}

#[derive(Debug, Serialize)]
struct AutomationDetails {
    id: String,
}

#[derive(Debug, Serialize)]
struct Artifact {
    location: ArtifactLocation,
    length: usize,
    hashes: Hashes,
    #[serde(rename = "mimeType")]
    mime_type: &'static str,
}

#[derive(Debug, Serialize)]
struct Hashes {
    #[serde(rename = "sha-256")]
    sha256: String,
}

#[derive(Clone, Debug, Serialize)]
struct ArtifactLocation {
    uri: String,
    index: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Debug, Serialize)]
struct Notification {
    descriptor: DescriptorReference,
    level: &'static str,
    message: Text,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Location>,
}

#[derive(Debug, Serialize)]
struct DescriptorReference {
    id: &'static str,
    index: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult {
    rule_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_index: Option<usize>,
    level: &'static str,
    message: Text,
    locations: [Location; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    code_flows: Vec<CodeFlow>,
    partial_fingerprints: Fingerprints,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressions: Vec<Suppression>,
    properties: ResultProperties,
}

/// Why a result is no longer told as one.
#[derive(Debug, Serialize)]
struct Suppression {
    kind: &'static str,
    status: &'static str,
    justification: String,
}

impl Document {
    /// Marks the results for whose fingerprint `why` has a reason as suppressed.
    pub fn suppress(&mut self, why: impl Fn(&str) -> Option<String>) {
        for result in self.runs.iter_mut().flat_map(|run| &mut run.results) {
            let reason = why(&result.partial_fingerprints.scorpius_v1);
            result.suppressions = reason
                .map(|justification| Suppression { kind: "external", status: "accepted", justification })
                .into_iter()
                .collect();
        }
    }
}

#[derive(Debug, Serialize)]
struct Fingerprints {
    #[serde(rename = "scorpius/v1")]
    scorpius_v1: String,
}

#[derive(Debug, Serialize)]
struct ResultProperties {
    severity: &'static str,
    confidence: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    subject: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    selectors: Vec<String>,
    /// Transactions that show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<Replay>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<LogicalLocation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Text>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Address>,
}

/// Bytes of an artifact, or lines and columns of it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Region {
    #[serde(rename_all = "camelCase")]
    Bytes { byte_offset: usize, byte_length: usize },
    #[serde(rename_all = "camelCase")]
    Text {
        start_line: usize,
        start_column: usize,
        end_line: usize,
        end_column: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        snippet: Option<Text>,
    },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Address {
    absolute_address: usize,
    length: usize,
    kind: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    name: String,
    kind: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CodeFlow {
    thread_flows: [ThreadFlow; 1],
}

#[derive(Debug, Serialize)]
struct ThreadFlow {
    locations: Vec<ThreadFlowLocation>,
}

#[derive(Debug, Serialize)]
struct ThreadFlowLocation {
    location: Location,
}

fn driver(engine: &str, rules: impl Iterator<Item = SarifRule>) -> Driver {
    Driver {
        name: "scorpius-scan",
        // Validators want a version that starts with a number.
        version: engine.rsplit('/').next().unwrap_or_default().to_owned(),
        semantic_version: env!("CARGO_PKG_VERSION"),
        information_uri: HOME,
        rules: rules.collect(),
        notifications: [Descriptor {
            id: "incomplete",
            short_description: Text { text: "Something was not explored or not cross-checked.".to_owned() },
            full_description: Text { text: INCOMPLETE.to_owned() },
            help: Help { text: INCOMPLETE.to_owned(), markdown: INCOMPLETE.to_owned() },
        }],
    }
}

fn sarif_rule(rule: &Rule) -> SarifRule {
    let name = rule.id.contains('-').then(|| rule.id.split('-').map(capitalized).collect());
    SarifRule {
        id: rule.id.to_owned(),
        name,
        short_description: Text { text: format!("{}.", rule.title) },
        full_description: Text { text: rule.help.to_owned() },
        help: Help {
            text: format!("{} {}", rule.help, rule.remedy),
            markdown: format!("{}\n\n**What to do:** {}", rule.help, rule.remedy),
        },
        help_uri: Some(format!("{HOME}/blob/main/docs/detectors/{}.md", rule.id)),
        default_configuration: Configuration { level: level(rule.worst) },
        properties: RuleProperties {
            tags: tags(rule.swc, rule.cwe),
            security_severity: security_severity(rule.worst),
        },
    }
}

/// A detector that is not the platform's, as a rule.
fn given_rule(detector: &DetectorAbout) -> SarifRule {
    let DetectorAbout { id, title, swc, cwe, severity, help, fix, references, .. } = detector;
    let help = help.clone().unwrap_or_else(|| format!("{title}."));
    let mut markdown = help.clone();
    let mut text = help.clone();
    if let Some(fix) = fix {
        text.push_str(&format!(" {fix}"));
        markdown.push_str(&format!("\n\n**What to do:** {fix}"));
    }
    for link in references {
        text.push_str(&format!(" {link}"));
        markdown.push_str(&format!("\n\n<{link}>"));
    }
    SarifRule {
        id: id.clone(),
        name: None,
        short_description: Text { text: format!("{title}.") },
        full_description: Text { text: help },
        help: Help { text, markdown },
        help_uri: references.first().cloned(),
        default_configuration: Configuration { level: level(*severity) },
        properties: RuleProperties {
            tags: tags(*swc, *cwe),
            security_severity: security_severity(*severity),
        },
    }
}

fn tags(swc: Option<u16>, cwe: u16) -> Vec<String> {
    let swc = swc.map(|swc| format!("SWC-{swc}"));
    [Some("security".to_owned()), swc, Some(format!("external/cwe/cwe-{cwe}"))]
        .into_iter()
        .flatten()
        .collect()
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

// The scale that GitHub reads: over 9.0 critical, over 7.0 high, over 4.0 medium.
fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
        Severity::Info => "0.0",
    }
}

/// What is behind a finding's text when a path was not wholly followed.
fn caveat(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Likely => "",
        Confidence::Possible => {
            " (possible: the path depends on the contract's state or was not wholly followed)"
        }
    }
}
