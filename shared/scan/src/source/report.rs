//! What a scan of Solidity says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::{Budget, Confidence, Severity};

/// Which engine made a report; changes whenever a report for the same files may.
pub const ENGINE: &str = concat!("scorpius-source/", env!("CARGO_PKG_VERSION"), "+1");
/// Findings of one report.
pub const SOURCE_FINDINGS_MAX: usize = 500;

/// One project's report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceReport {
    /// Which engine made it.
    pub engine: String,
    /// How much it was allowed to cost.
    pub budget: Budget,
    /// SHA-256 of the project, as it was handed in.
    pub project_sha256: String,
    /// What was read, by path.
    pub files: Vec<SourceFile>,
    /// What was walked, by path and name.
    pub contracts: Vec<SourceContract>,
    /// Whether something was not read or not followed. A report without findings then says little.
    pub incomplete: bool,
    /// Whether time ran out, so that another run of the same scan may see more.
    pub stopped_by_time: bool,
    /// What was not read or not followed, and why; at most 100.
    pub not_explored: Vec<SourceGap>,
    /// Worst first, then in the order of the text; at most 500.
    pub findings: Vec<SourceFinding>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceFile {
    /// As handed in.
    pub path: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// How long it is.
    pub size_bytes: usize,
    /// Whether it is somebody else's: read and followed, and findings in it are left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dependency: bool,
    /// The compiler versions that it asks for, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pragma: Option<String>,
}

/// One contract.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct SourceContract {
    /// The file.
    pub path: String,
    /// Its name.
    pub name: String,
    /// `contract`, `abstract`, `interface` or `library`.
    pub kind: String,
    /// Whether it was walked; what cannot be deployed and others inherit is walked with them.
    pub walked: bool,
}

/// A stretch of a file. Lines and columns count from 1, columns in characters; the end is exclusive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// The file, as handed in.
    pub path: String,
    /// First line.
    pub line: usize,
    /// First column.
    pub column: usize,
    /// Last line.
    pub end_line: usize,
    /// One past the last column.
    pub end_column: usize,
}

/// Something that was not read or not followed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct SourceGap {
    /// `syntax`, `import`, `inheritance`, `function`, `contract`, `time` or `findings`.
    pub what: String,
    /// Where, if it has a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Why not.
    pub why: String,
}

/// Another place that a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Related {
    /// Where.
    pub place: Place,
    /// What is there.
    pub what: String,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceFinding {
    /// Which rule: `reentrancy-eth`, ...
    pub detector: String,
    /// The rule in a few words.
    pub title: String,
    /// The category of the DASP ten, such as `access_control`; `other`, or `honeypot` for traps.
    pub category: String,
    /// Smart contract weakness, where the registry has one: 106 is SWC-106.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swc: Option<u16>,
    /// Common weakness enumeration: 284 is CWE-284.
    pub cwe: u16,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// Where.
    pub place: Place,
    /// The contract in whose text it stands.
    pub contract: String,
    /// The function in whose text it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// What it means here, in one or two sentences.
    pub summary: String,
    /// The first line of the place, at most 200 characters.
    pub excerpt: String,
    /// Other places that show it, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Related>,
    /// Stays the same when code elsewhere moves.
    pub fingerprint: String,
}
