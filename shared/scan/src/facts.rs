//! What happened to a scan.

use schemars::JsonSchema;
use scorpius_core::Fact;
use serde::{Deserialize, Serialize};

use crate::engine::{Budget, Severity};
use crate::scans::Input;
use crate::triage::State;

/// A contract's code was handed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScanRequested {
    /// `scn_…`.
    pub scan_id: String,
    /// What is to be scanned.
    #[serde(default)]
    pub input: Input,
    /// SHA-256 of the code.
    pub code_sha256: String,
    /// Bytes of code.
    pub size_bytes: usize,
    /// How much the scan may cost.
    pub budget: Budget,
}

impl Fact for ScanRequested {
    const TYPE: &'static str = "scorpius.scan.requested.v1";
    const MEANING: &'static str = "A contract's code or Solidity was handed in to be scanned.";
}

/// A contract's code was handed in, and others wait for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct HighScanRequested(pub ScanRequested);

impl Fact for HighScanRequested {
    const TYPE: &'static str = "scorpius.scan.high_requested.v1";
    const MEANING: &'static str = "As `scorpius.scan.requested.v1`, with high priority.";
}

/// A contract's code was handed in, and may wait for others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct LowScanRequested(pub ScanRequested);

impl Fact for LowScanRequested {
    const TYPE: &'static str = "scorpius.scan.low_requested.v1";
    const MEANING: &'static str = "As `scorpius.scan.requested.v1`, with low priority.";
}

/// How many findings there are of each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FindingCounts {
    /// Costs everybody everything.
    pub critical: usize,
    /// Costs users what they put in, under conditions.
    pub high: usize,
    /// Costs some users something.
    pub medium: usize,
    /// Costs little.
    pub low: usize,
    /// Worth knowing.
    pub info: usize,
}

impl FindingCounts {
    /// Counts findings by how bad they are.
    #[must_use]
    pub fn of(severities: impl IntoIterator<Item = Severity>) -> Self {
        let mut counts = Self::default();
        for severity in severities {
            let count = match severity {
                Severity::Critical => &mut counts.critical,
                Severity::High => &mut counts.high,
                Severity::Medium => &mut counts.medium,
                Severity::Low => &mut counts.low,
                Severity::Info => &mut counts.info,
            };
            *count += 1;
        }
        counts
    }
}

/// A scan has a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScanCompleted {
    /// `scn_…`.
    pub scan_id: String,
    /// SHA-256 of the code.
    pub code_sha256: String,
    /// SHA-256 of the report, as it is stored.
    pub report_sha256: String,
    /// Which engine made the report.
    pub engine: String,
    /// How many findings there are.
    pub findings: FindingCounts,
    /// Whether something was not explored.
    pub incomplete: bool,
    /// Which set of the tenant's own detectors was asked, as reports name it; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detectors_sha256: Option<String>,
}

impl Fact for ScanCompleted {
    const TYPE: &'static str = "scorpius.scan.completed.v1";
    const MEANING: &'static str = "A scan has a report.";
}

/// Why there is no report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// The code that was handed in is not there any more.
    CodeMissing,
    /// The engine broke on this code.
    EngineBroke,
}

/// A scan will have no report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScanFailed {
    /// `scn_…`.
    pub scan_id: String,
    /// SHA-256 of the code.
    pub code_sha256: String,
    /// Why.
    pub reason: FailureReason,
}

impl Fact for ScanFailed {
    const TYPE: &'static str = "scorpius.scan.failed.v1";
    const MEANING: &'static str = "A scan will have no report.";
}

/// A scan was called off before it had a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScanCancelled {
    /// `scn_…`.
    pub scan_id: String,
    /// SHA-256 of the code.
    pub code_sha256: String,
}

impl Fact for ScanCancelled {
    const TYPE: &'static str = "scorpius.scan.cancelled.v1";
    const MEANING: &'static str = "A scan was called off before it had a report.";
}

/// A target that is scanned again and again is to be, from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleCreated {
    /// `rsc_…`.
    pub schedule_id: String,
    /// Hours between two scans.
    pub interval_hours: u32,
}

impl Fact for ScheduleCreated {
    const TYPE: &'static str = "scorpius.scan.schedule_created.v1";
    const MEANING: &'static str = "A target is to be scanned again and again.";
}

/// A target is scanned no more of its own accord.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleDeleted {
    /// `rsc_…`.
    pub schedule_id: String,
}

impl Fact for ScheduleDeleted {
    const TYPE: &'static str = "scorpius.scan.schedule_deleted.v1";
    const MEANING: &'static str = "A target is no longer scanned again and again.";
}

/// A scan that a schedule started found something else than the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScanChanged {
    /// `scn_…`, the later one.
    pub scan_id: String,
    /// `scn_…`, the earlier one.
    pub previous_scan_id: String,
    /// `rsc_…`.
    pub schedule_id: String,
    /// Whether other code was scanned.
    pub code_changed: bool,
    /// Whether a proxy on the way leads elsewhere or has another administrator, or there are others.
    pub implementation_changed: bool,
    /// Whether another engine or another set of the tenant's own detectors looked: what is new or fixed may then be its doing.
    pub engine_changed: bool,
    /// Findings that only the later scan has.
    pub new: FindingCounts,
    /// Findings that only the earlier scan has.
    pub fixed: FindingCounts,
    /// Whether either is incomplete: what looks fixed may then not have been explored.
    pub incomplete: bool,
}

impl Fact for ScanChanged {
    const TYPE: &'static str = "scorpius.scan.changed.v1";
    const MEANING: &'static str =
        "A scan that a schedule started has other findings, or other code, than the one before.";
}

/// Somebody decided what a finding is. Why stays with the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FindingTriaged {
    /// Which one: 32 hex digits.
    pub fingerprint: String,
    /// What was decided.
    pub state: State,
    /// Until when it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

impl Fact for FindingTriaged {
    const TYPE: &'static str = "scorpius.scan.finding_triaged.v1";
    const MEANING: &'static str = "Somebody decided what a finding is.";
}

/// A tenant's own detector was put or replaced. Its text stays with the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DetectorPut {
    /// As its text says it.
    pub detector_id: String,
    /// The number of this change, of all changes of the tenant's detectors.
    pub version: u64,
    /// SHA-256 of the text.
    pub source_sha256: String,
    /// Whether scans ask it.
    pub active: bool,
}

impl Fact for DetectorPut {
    const TYPE: &'static str = "scorpius.scan.detector_put.v1";
    const MEANING: &'static str = "A tenant's own detector was put or replaced.";
}

/// A tenant's own detector was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DetectorRemoved {
    /// As its text said it.
    pub detector_id: String,
    /// The number of this change, of all changes of the tenant's detectors.
    pub version: u64,
}

impl Fact for DetectorRemoved {
    const TYPE: &'static str = "scorpius.scan.detector_removed.v1";
    const MEANING: &'static str = "A tenant's own detector was removed.";
}
