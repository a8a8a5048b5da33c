//! Reports on Solidity.

use super::{
    Artifact, ArtifactLocation, AutomationDetails, DescriptorReference, Document, Fingerprints, Hashes,
    Invocation, Location, LogicalLocation, Notification, PhysicalLocation, Region, ResultProperties, Run,
    SarifResult, Text, Tool, caveat, driver, level, sarif_rule,
};
use crate::engine::SOURCE_RULES;
use crate::source::{Place, SourceFinding, SourceReport};

/// The document for one report on Solidity.
#[must_use]
pub fn source_document(report: &SourceReport) -> Document {
    Document {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: Tool { driver: driver(&report.engine, SOURCE_RULES.iter().map(|rule| sarif_rule(rule))) },
            // The same name for each run over the same repository, so that services compare them.
            automation_details: AutomationDetails { id: "scorpius-source/".to_owned() },
            artifacts: (0..)
                .zip(&report.files)
                .map(|(index, file)| Artifact {
                    location: ArtifactLocation { uri: uri(&file.path), index },
                    length: file.size_bytes,
                    hashes: Hashes { sha256: file.sha256.clone() },
                    mime_type: "text/x-solidity",
                })
                .collect(),
            column_kind: "unicodeCodePoints",
            invocations: [Invocation {
                execution_successful: true,
                tool_execution_notifications: report
                    .not_explored
                    .iter()
                    .map(|gap| Notification {
                        descriptor: DescriptorReference { id: "incomplete", index: 0 },
                        level: "warning",
                        message: Text { text: format!("Not explored: {}: {}.", gap.what, gap.why) },
                        locations: gap.place.iter().map(|place| at(report, place, None)).collect(),
                    })
                    .collect(),
            }],
            results: report.findings.iter().map(|finding| result(report, finding)).collect(),
        }],
    }
}

fn result(report: &SourceReport, finding: &SourceFinding) -> SarifResult {
    let mut location = at(report, &finding.place, Some(&finding.excerpt));
    let names = [(Some(&finding.contract), "type"), (finding.function.as_ref(), "function")];
    location.logical_locations = names
        .into_iter()
        .filter_map(|(name, kind)| Some((name?, kind)))
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, kind)| LogicalLocation { name: name.clone(), kind })
        .collect();
    SarifResult {
        rule_index: SOURCE_RULES.iter().position(|rule| rule.id == finding.detector),
        rule_id: finding.detector.clone(),
        level: level(finding.severity),
        message: Text { text: format!("{}{}", finding.summary, caveat(finding.confidence)) },
        locations: [location],
        related_locations: (1..)
            .zip(&finding.related)
            .map(|(id, related)| Location {
                id: Some(id),
                message: Some(Text { text: related.what.clone() }),
                ..at(report, &related.place, None)
            })
            .collect(),
        code_flows: Vec::new(),
        suppressions: Vec::new(),
        partial_fingerprints: Fingerprints { scorpius_v1: finding.fingerprint.clone() },
        properties: ResultProperties {
            severity: finding.severity.name(),
            confidence: finding.confidence.name(),
            subject: String::new(),
            selectors: Vec::new(),
            replay: None,
        },
    }
}

fn at(report: &SourceReport, place: &Place, excerpt: Option<&str>) -> Location {
    let index = report.files.iter().position(|file| file.path == place.path).unwrap_or(0);
    Location {
        id: None,
        physical_location: PhysicalLocation {
            artifact_location: ArtifactLocation { uri: uri(&place.path), index },
            region: Region::Text {
                start_line: place.line,
                start_column: place.column,
                end_line: place.end_line,
                end_column: place.end_column,
                snippet: excerpt.map(|text| Text { text: text.to_owned() }),
            },
            address: None,
        },
        logical_locations: Vec::new(),
        message: None,
    }
}

/// A path as a relative reference (RFC 3986): what is not unreserved is percent-encoded.
pub(super) fn uri(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b'@' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Budget, Confidence, Severity};
    use crate::source::{ENGINE, Related, SourceFile, SourceGap};

    #[test]
    fn a_finding_is_a_region_of_a_file() {
        let place =
            |line| Place { path: "src/a b.sol".to_owned(), line, column: 3, end_line: line, end_column: 9 };
        let report = SourceReport {
            engine: ENGINE.to_owned(),
            budget: Budget::Quick,
            project_sha256: "00".repeat(32),
            files: vec![SourceFile {
                path: "src/a b.sol".to_owned(),
                sha256: "11".repeat(32),
                size_bytes: 7,
                dependency: false,
                pragma: None,
            }],
            contracts: Vec::new(),
            incomplete: true,
            stopped_by_time: false,
            not_explored: vec![SourceGap {
                what: "syntax".to_owned(),
                place: Some(place(1)),
                why: "not Solidity".to_owned(),
            }],
            findings: vec![SourceFinding {
                detector: "reentrancy-eth".to_owned(),
                title: "t".to_owned(),
                category: "reentrancy".to_owned(),
                swc: Some(107),
                cwe: 841,
                severity: Severity::High,
                confidence: Confidence::Likely,
                place: place(4),
                contract: "A".to_owned(),
                function: Some("f".to_owned()),
                summary: "s".to_owned(),
                excerpt: "e".to_owned(),
                related: vec![Related { place: place(6), what: "w".to_owned() }],
                fingerprint: "22".repeat(16),
            }],
        };
        let run = &serde_json::to_value(source_document(&report)).expect("JSON")["runs"][0];
        let result = &run["results"][0];
        let physical = &result["locations"][0]["physicalLocation"];
        assert_eq!(physical["artifactLocation"]["uri"], "src/a%20b.sol");
        assert_eq!(
            physical["region"],
            serde_json::json!({"startLine": 4, "startColumn": 3, "endLine": 4, "endColumn": 9, "snippet": {"text": "e"}})
        );
        assert!(physical.get("address").is_none());
        let index = result["ruleIndex"].as_u64().expect("an index") as usize;
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], "reentrancy-eth");
        assert_eq!(result["relatedLocations"][0]["message"]["text"], "w");
        let note = &run["invocations"][0]["toolExecutionNotifications"][0];
        assert_eq!(note["locations"][0]["physicalLocation"]["region"]["startLine"], 1);
    }
}
