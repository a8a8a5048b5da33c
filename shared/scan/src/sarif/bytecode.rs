//! Reports on bytecode.

use super::source::uri;
use super::{
    Address, Artifact, ArtifactLocation, AutomationDetails, CodeFlow, DescriptorReference, Document,
    Fingerprints, Hashes, Invocation, Location, LogicalLocation, Notification, PhysicalLocation, Region,
    ResultProperties, Run, SarifResult, Text, ThreadFlow, ThreadFlowLocation, Tool, caveat, driver,
    given_rule, level, sarif_rule,
};
use crate::compiled::{Lines, Origin};
use crate::engine::{CrossCheck, Finding, RULES, Report};
use crate::source::Place;

/// The document for one report.
#[must_use]
pub fn document(report: &Report) -> Document {
    document_with(report, None)
}

/// The same with regions of the files that the code is made of.
#[must_use]
pub fn document_with(report: &Report, lines: Option<&Lines>) -> Document {
    let code = Code { uri: format!("bytecode/{}.bin", report.code.code_sha256), lines };
    let given = report.detectors.iter().flat_map(|asked| &asked.detectors);
    let rules = RULES.iter().map(|rule| sarif_rule(rule)).chain(given.map(given_rule));
    Document {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: Tool { driver: driver(&report.engine, rules) },
            automation_details: AutomationDetails {
                id: format!("scorpius-scan/{}/", report.code.code_sha256),
            },
            artifacts: code.artifacts(report),
            // Without lines no column is used; viewers still want to know.
            column_kind: "unicodeCodePoints",
            invocations: [Invocation {
                execution_successful: true,
                tool_execution_notifications: notifications(report, &code),
            }],
            results: report.findings.iter().map(|finding| result(finding, report, &code)).collect(),
        }],
    }
}

struct Code<'a> {
    uri: String,
    lines: Option<&'a Lines>,
}

impl Code<'_> {
    fn location(&self) -> ArtifactLocation {
        ArtifactLocation { uri: self.uri.clone(), index: 0 }
    }

    /// The code, then the files that it is made of.
    fn artifacts(&self, report: &Report) -> Vec<Artifact> {
        let mut all = vec![Artifact {
            location: self.location(),
            length: report.code.size_bytes,
            hashes: Hashes { sha256: report.code.code_sha256.clone() },
            mime_type: "application/octet-stream",
        }];
        let files = self.lines.map(Lines::files).unwrap_or_default();
        all.extend((1..).zip(files).map(|(index, file)| Artifact {
            location: ArtifactLocation { uri: uri(&file.path), index },
            length: file.size_bytes,
            hashes: Hashes { sha256: file.sha256.clone() },
            mime_type: if file.path.ends_with(".sol") { "text/x-solidity" } else { "text/plain" },
        }));
        all
    }

    fn at(&self, pc: usize) -> Location {
        self.shown(pc, false)
    }

    /// The instruction at `pc`, with its line where that is asked for and known.
    fn shown(&self, pc: usize, with_snippet: bool) -> Location {
        let origin = self.lines.and_then(|lines| lines.at(pc));
        let (artifact_location, region, message) = match origin {
            Some(Origin::Source { place, excerpt }) => {
                let snippet = (with_snippet && !excerpt.is_empty()).then_some(Text { text: excerpt });
                let (artifact, region) = self.region(&place, snippet);
                (artifact, region, None)
            }
            Some(Origin::Compiler) => {
                let message = Text { text: "Code that the compiler adds.".to_owned() };
                (self.location(), bytes(pc), Some(message))
            }
            None => (self.location(), bytes(pc), None),
        };
        Location {
            id: None,
            physical_location: PhysicalLocation {
                artifact_location,
                region,
                address: Some(Address { absolute_address: pc, length: 1, kind: "instruction" }),
            },
            logical_locations: Vec::new(),
            message,
        }
    }

    /// Where somebody's own line calls the code of a finding that nobody wrote.
    fn caller(&self, finding: &Finding) -> Option<Location> {
        let lines = self.lines?;
        if lines.place(finding.pc).is_some() {
            return None;
        }
        let called = lines.called_from(&finding.evidence.callers)?;
        let message = Some(Text { text: "Called from here.".to_owned() });
        Some(Location { id: Some(1), message, ..self.shown(called.pc, true) })
    }

    fn region(&self, place: &Place, snippet: Option<Text>) -> (ArtifactLocation, Region) {
        let files = self.lines.map(Lines::files).unwrap_or_default();
        // INVARIANT: the place is of the table itself, so that its file is there. The first artifact is the code.
        let index = files.iter().position(|file| file.path == place.path).map_or(0, |index| index + 1);
        let region = Region::Text {
            start_line: place.line,
            start_column: place.column,
            end_line: place.end_line,
            end_column: place.end_column,
            snippet,
        };
        (ArtifactLocation { uri: uri(&place.path), index }, region)
    }
}

fn bytes(pc: usize) -> Region {
    Region::Bytes { byte_offset: pc, byte_length: 1 }
}

fn notifications(report: &Report, code: &Code<'_>) -> Vec<Notification> {
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

/// Where a rule stands among those of the document: the platform's, then the others.
fn rule_index(id: &str, report: &Report) -> Option<usize> {
    let given = report.detectors.iter().flat_map(|asked| &asked.detectors).map(|it| it.id.as_str());
    RULES.iter().map(|rule| rule.id).chain(given).position(|rule| rule == id)
}

fn result(finding: &Finding, report: &Report, code: &Code<'_>) -> SarifResult {
    let mut location = code.shown(finding.pc, true);
    location.logical_locations = vec![LogicalLocation {
        name: finding.selector.clone().unwrap_or_else(|| "fallback".to_owned()),
        kind: "function",
    }];
    let sure = caveat(finding.confidence);
    SarifResult {
        rule_index: rule_index(&finding.detector, report),
        rule_id: finding.detector.clone(),
        level: level(finding.severity),
        message: Text { text: format!("{}{sure}", finding.summary) },
        locations: [location],
        related_locations: code.caller(finding).into_iter().collect(),
        code_flows: code_flow(finding, code).into_iter().collect(),
        suppressions: Vec::new(),
        partial_fingerprints: Fingerprints { scorpius_v1: finding.fingerprint.clone() },
        properties: ResultProperties {
            severity: finding.severity.name(),
            confidence: finding.confidence.name(),
            subject: finding.evidence.subject.clone(),
            selectors: finding.selectors.clone(),
            replay: finding.replay.clone(),
        },
    }
}

/// The path to a finding: the blocks, each with the branch that leads on, and the instruction itself.
fn code_flow(finding: &Finding, code: &Code<'_>) -> Option<CodeFlow> {
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
