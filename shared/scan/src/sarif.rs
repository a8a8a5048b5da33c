//! Reports as SARIF 2.1.0 (OASIS standard), for code-scanning services and editors.
//!
//! Findings are places in bytecode: an address of kind `instruction`, and the same as a byte region of the
//! artifact, for viewers that know only regions.

use serde::Serialize;

use crate::engine::{Confidence, CrossCheck, Finding, RULES, Report, Rule, Severity};

/// The media type of SARIF.
pub const CONTENT_TYPE: &str = "application/sarif+json";
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
    artifacts: [Artifact; 1],
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
struct Descriptor {
    id: &'static str,
    #[serde(rename = "shortDescription")]
    short_description: Text,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifRule {
    id: &'static str,
    name: String,
    short_description: Text,
    full_description: Text,
    help: Help,
    help_uri: String,
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
    code_flows: Vec<CodeFlow>,
    partial_fingerprints: Fingerprints,
    properties: ResultProperties,
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
    subject: String,
    selectors: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
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
    address: Address,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    byte_offset: usize,
    byte_length: usize,
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

/// The document for one report.
#[must_use]
pub fn document(report: &Report) -> Document {
    let code = Code { uri: format!("bytecode/{}.bin", report.code.code_sha256) };
    Document {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: Tool { driver: driver(report) },
            automation_details: AutomationDetails {
                id: format!("scorpius-scan/{}/", report.code.code_sha256),
            },
            artifacts: [Artifact {
                location: code.location(),
                length: report.code.size_bytes,
                hashes: Hashes { sha256: report.code.code_sha256.clone() },
                mime_type: "application/octet-stream",
            }],
            invocations: [Invocation {
                execution_successful: true,
                tool_execution_notifications: notifications(report, &code),
            }],
            results: report.findings.iter().map(|finding| result(finding, &code)).collect(),
        }],
    }
}

fn driver(report: &Report) -> Driver {
    Driver {
        name: "scorpius-scan",
        // Validators want a version that starts with a number.
        version: report.engine.rsplit('/').next().unwrap_or_default().to_owned(),
        semantic_version: env!("CARGO_PKG_VERSION"),
        information_uri: HOME,
        rules: RULES.iter().map(|rule| sarif_rule(rule)).collect(),
        notifications: [Descriptor {
            id: "incomplete",
            short_description: Text { text: "Something was not explored or not cross-checked.".to_owned() },
        }],
    }
}

fn sarif_rule(rule: &Rule) -> SarifRule {
    let name = rule.id.split('-').map(capitalized).collect();
    SarifRule {
        id: rule.id,
        name,
        short_description: Text { text: format!("{}.", rule.title) },
        full_description: Text { text: rule.help.to_owned() },
        help: Help {
            text: format!("{} {}", rule.help, rule.remedy),
            markdown: format!("{}\n\n**What to do:** {}", rule.help, rule.remedy),
        },
        help_uri: format!("{HOME}/blob/main/docs/detectors/{}.md", rule.id),
        default_configuration: Configuration { level: level(rule.worst) },
        properties: RuleProperties {
            tags: [
                Some("security".to_owned()),
                rule.swc.map(|swc| format!("SWC-{swc}")),
                Some(format!("external/cwe/cwe-{}", rule.cwe)),
            ]
            .into_iter()
            .flatten()
            .collect(),
            security_severity: security_severity(rule.worst),
        },
    }
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

struct Code {
    uri: String,
}

impl Code {
    fn location(&self) -> ArtifactLocation {
        ArtifactLocation { uri: self.uri.clone(), index: 0 }
    }

    fn at(&self, pc: usize) -> Location {
        Location {
            physical_location: PhysicalLocation {
                artifact_location: self.location(),
                region: Region { byte_offset: pc, byte_length: 1 },
                address: Address { absolute_address: pc, length: 1, kind: "instruction" },
            },
            logical_locations: Vec::new(),
            message: None,
        }
    }
}

fn notifications(report: &Report, code: &Code) -> Vec<Notification> {
    let incomplete = report.not_explored.iter().map(|gap| Notification {
        descriptor: DescriptorReference { id: "incomplete", index: 0 },
        level: "warning",
        message: Text { text: format!("Not explored: {}: {}.", gap.what, gap.why) },
        locations: gap.pc.map(|pc| code.at(pc)).into_iter().collect(),
    });
    let mut all: Vec<_> = incomplete.collect();
    if let CrossCheck::Unavailable { reason } = &report.cross_check {
        all.push(Notification {
            descriptor: DescriptorReference { id: "incomplete", index: 0 },
            level: "note",
            message: Text { text: format!("The cross-check by evmole is missing: {reason}.") },
            locations: Vec::new(),
        });
    }
    all
}

fn result(finding: &Finding, code: &Code) -> SarifResult {
    let mut location = code.at(finding.pc);
    location.logical_locations = vec![LogicalLocation {
        name: finding.selector.clone().unwrap_or_else(|| "fallback".to_owned()),
        kind: "function",
    }];
    let sure = match finding.confidence {
        Confidence::Likely => "",
        Confidence::Possible => {
            " (possible: the path depends on the contract's state or was not wholly followed)"
        }
    };
    SarifResult {
        rule_index: RULES.iter().position(|rule| rule.id == finding.detector),
        rule_id: finding.detector.clone(),
        level: level(finding.severity),
        message: Text { text: format!("{}{sure}", finding.summary) },
        locations: [location],
        code_flows: code_flow(finding, code).into_iter().collect(),
        partial_fingerprints: Fingerprints { scorpius_v1: finding.fingerprint.clone() },
        properties: ResultProperties {
            severity: finding.severity.name(),
            confidence: finding.confidence.name(),
            subject: finding.evidence.subject.clone(),
            selectors: finding.selectors.clone(),
        },
    }
}

/// The path to a finding: the blocks, each with the branch that leads on, and the instruction itself.
fn code_flow(finding: &Finding, code: &Code) -> Option<CodeFlow> {
    let step =
        |pc, text| ThreadFlowLocation { location: Location { message: Some(Text { text }), ..code.at(pc) } };
    // From the end: both lists are cut at the start.
    let mut branches = finding.evidence.conditions.iter().rev().peekable();
    let mut locations = vec![step(finding.pc, finding.summary.clone())];
    for (index, &pc) in finding.evidence.path.iter().rev().enumerate() {
        let branch = if index == 0 { None } else { branches.next_if(|branch| branch.block == pc) };
        let text = match branch {
            Some(branch) if branch.holds => format!("{} holds", branch.condition),
            Some(branch) => format!("{} does not hold", branch.condition),
            None => format!("block at {pc:#x}"),
        };
        locations.push(step(pc, text));
    }
    locations.reverse();
    (locations.len() > 1).then_some(CodeFlow { thread_flows: [ThreadFlow { locations }] })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::engine::{Budget, scan};

    fn sarif(code: &[u8]) -> Value {
        serde_json::to_value(document(&scan(code, Budget::Quick))).expect("JSON")
    }

    #[test]
    fn a_finding_is_a_place_with_a_path_and_a_fingerprint() {
        // CALLER SELFDESTRUCT
        let document = sarif(&[0x33, 0xff]);
        assert_eq!(document["version"], "2.1.0");
        let run = &document["runs"][0];
        let result = &run["results"][0];
        assert_eq!(result["ruleId"], "unguarded-selfdestruct");
        let index = result["ruleIndex"].as_u64().expect("an index") as usize;
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(
            (place["address"]["absoluteAddress"].as_u64(), place["address"]["kind"].as_str()),
            (Some(1), Some("instruction"))
        );
        assert_eq!(place["artifactLocation"]["uri"], run["artifacts"][0]["location"]["uri"]);
        let steps = result["codeFlows"][0]["threadFlows"][0]["locations"].as_array().expect("a path");
        assert_eq!(steps.len(), 2);
        assert_eq!(result["partialFingerprints"]["scorpius/v1"].as_str().map(str::len), Some(32));
        assert_eq!(run["invocations"][0]["executionSuccessful"], true);
        assert_eq!(run["invocations"][0]["toolExecutionNotifications"], serde_json::json!([]));
    }

    #[test]
    fn what_was_not_explored_is_a_notification() {
        // Jumps to where the caller says.
        let document = sarif(&[0x5f, 0x35, 0x56]);
        let notes = &document["runs"][0]["invocations"][0]["toolExecutionNotifications"];
        assert_eq!(notes[0]["level"], "warning");
        assert_eq!(notes[0]["locations"][0]["physicalLocation"]["address"]["absoluteAddress"], 2);
    }
}
