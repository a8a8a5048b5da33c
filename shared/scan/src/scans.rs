//! Scans that were asked for, and what became of them.

use std::sync::Arc;

use bytes::Bytes;
use schemars::JsonSchema;
use scorpius_core::{
    Attributes, BlobName, Blobs, Condition, Key, ListQuery, Page, PortError, Store, StoreError, TenantId,
    UnixMillis, Write,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::bytecode::Bytecode;
use crate::compiled::Lines;
use crate::deployed::DeployedAt;
use crate::engine::{Budget, CODE_BYTES_MAX};
use crate::facts::{FailureReason, FindingCounts};
use crate::priority::Priority;
use crate::source::Project;

/// Bytes of a report; the engine's own limits keep it well below.
const REPORT_BYTES_MAX: u64 = 5_000_000;
/// Bytes of a table of lines: what the texts have at most, and 60 for each instruction of the longest code.
const LINES_BYTES_MAX: u64 = 32 << 20;
/// Bytes of a project as JSON: what is taken at most, every byte escaped.
const PROJECT_JSON_BYTES_MAX: u64 = 48 << 20;
/// How long a report is given again for the same code.
const REUSED_FOR_S: u64 = 30 * 86_400;

/// Where a scan stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Waits for its turn or is at work: its progress says which.
    Queued,
    /// Has a report.
    Completed,
    /// Will have none.
    Failed,
    /// Was called off before it had a report.
    Cancelled,
}

/// What is scanned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Input {
    /// A contract's runtime bytecode.
    #[default]
    Bytecode,
    /// Solidity.
    Solidity,
}

/// One scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScanRecord {
    /// `scn_…`.
    pub id: String,
    /// What the caller calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// How much harm its disclosure would do: 0 to 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitivity: Option<u8>,
    /// Where it stands.
    pub status: Status,
    /// What is scanned.
    #[serde(default)]
    pub input: Input,
    /// Where the code was read, if it was read from a chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed: Option<DeployedAt>,
    /// What the compiler said of the code, if its output was handed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compiled: Option<CompiledAs>,
    /// Which scans it overtakes.
    #[serde(default)]
    pub priority: Priority,
    /// The schedule that started it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rescan: Option<Rescan>,
    /// How much it may cost.
    pub budget: Budget,
    /// SHA-256 of the code; of Solidity, that of the project as it is stored.
    pub code_sha256: String,
    /// Bytes of code, or of all files.
    pub size_bytes: usize,
    /// Who asked.
    pub requested_by: String,
    /// When, RFC 3339.
    pub requested_at: String,
    /// When it was completed or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    /// What the report says in short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<ResultSummary>,
    /// Why there is no report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureReason>,
}

/// What the compiler said of a scan's code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CompiledAs {
    /// The contract, `path:Name`.
    pub contract: String,
    /// SHA-256 of the table of lines, as it is stored.
    pub lines_sha256: String,
}

/// Which schedule started a scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rescan {
    /// `rsc_…`.
    pub schedule_id: String,
    /// The scan before it, with which it is compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_scan_id: Option<String>,
}

/// A report in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResultSummary {
    /// SHA-256 of the report, as it is stored.
    pub report_sha256: String,
    /// Which engine made it.
    pub engine: String,
    /// How many findings there are.
    pub findings: FindingCounts,
    /// Whether something was not explored.
    pub incomplete: bool,
    /// Which set of the tenant's own detectors was asked, as the report names it; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detectors_sha256: Option<String>,
}

/// A tenant's scans.
#[derive(Clone)]
pub struct Scans {
    store: Arc<dyn Store>,
    blobs: Arc<dyn Blobs>,
}

/// Bytes under a name that are not what was put there.
#[derive(Debug, thiserror::Error)]
#[error("blob `{name}` does not hold what was put there")]
struct BadBlob {
    name: BlobName,
    #[source]
    source: Option<serde_json::Error>,
}

impl Scans {
    /// Over the two ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, blobs: Arc<dyn Blobs>) -> Self {
        Self { store, blobs }
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The scan and the version of its record.
    ///
    /// # Errors
    /// What the store says.
    pub async fn find(&self, tenant: &TenantId, id: &str) -> Result<Option<(ScanRecord, u64)>, StoreError> {
        let Some(record) = self.store.get(&scan_key(tenant, id)).await? else { return Ok(None) };
        let scan: ScanRecord = record.document()?;
        Ok(Some((scan, record.version)))
    }

    /// One page, newest first.
    ///
    /// # Errors
    /// What the store says.
    pub async fn newest(
        &self,
        tenant: &TenantId,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<(Vec<ScanRecord>, Page), StoreError> {
        let query = ListQuery { descending: true, limit, cursor, ..ListQuery::all(partition(tenant)) };
        let page = self.store.list(&query).await?;
        let scans = page.records.iter().map(|record| record.document()).collect::<Result<_, _>>()?;
        Ok((scans, page))
    }

    /// Keeps the code until it is scanned.
    ///
    /// # Errors
    /// What the blobs say.
    pub(crate) async fn keep_code(&self, code: &Bytecode) -> Result<(), PortError> {
        let bytes = Bytes::copy_from_slice(code.as_bytes());
        self.blobs.put_if_absent(&BlobName::of_content("code", &bytes), bytes).await?;
        Ok(())
    }

    /// Keeps the files until they are scanned.
    ///
    /// # Errors
    /// What the blobs say.
    pub(crate) async fn keep_project(&self, project: &Project) -> Result<(), PortError> {
        let bytes = Bytes::from(project.to_bytes());
        self.blobs.put_if_absent(&BlobName::of_content("sources", &bytes), bytes).await?;
        Ok(())
    }

    pub(crate) async fn project(&self, sha256: &str) -> Result<Option<Project>, PortError> {
        let Some(name) = content_name("sources", sha256) else { return Ok(None) };
        let bytes = self.blobs.get(&name, PROJECT_JSON_BYTES_MAX).await?;
        Ok(bytes.and_then(|bytes| Project::from_bytes(&bytes)))
    }

    pub(crate) async fn code(&self, sha256: &str) -> Result<Option<Bytes>, PortError> {
        let Some(name) = content_name("code", sha256) else { return Ok(None) };
        self.blobs.get(&name, CODE_BYTES_MAX as u64).await
    }

    /// Keeps a report; answers with its SHA-256.
    pub(crate) async fn keep_report<R: Serialize>(&self, report: &R) -> Result<String, PortError> {
        self.keep_json("scan-reports", report).await
    }

    /// Keeps what the compiler said of a scan's code.
    pub(crate) async fn keep_lines(&self, lines: &Lines) -> Result<CompiledAs, PortError> {
        let lines_sha256 = self.keep_json("scan-lines", lines).await?;
        Ok(CompiledAs { contract: lines.contract().to_owned(), lines_sha256 })
    }

    async fn keep_json<T: Serialize>(&self, folder: &str, document: &T) -> Result<String, PortError> {
        let json = serde_json::to_vec(document).map_err(|error| PortError::new("blobs", error))?;
        let name = BlobName::of_content(folder, &json);
        self.blobs.put_if_absent(&name, Bytes::from(json)).await?;
        Ok(name.as_str().rsplit('/').next().unwrap_or_default().to_owned())
    }

    /// The report of a completed scan: of bytecode a `Report`, of Solidity a `SourceReport`.
    ///
    /// # Errors
    /// What the blobs say; a report that is gone or is none.
    pub async fn report<R: DeserializeOwned>(&self, summary: &ResultSummary) -> Result<R, PortError> {
        self.json("scan-reports", &summary.report_sha256, REPORT_BYTES_MAX).await
    }

    /// Which lines the code of a scan is made of.
    ///
    /// # Errors
    /// What the blobs say; a table that is gone or is none.
    pub(crate) async fn lines(&self, compiled: &CompiledAs) -> Result<Lines, PortError> {
        self.json("scan-lines", &compiled.lines_sha256, LINES_BYTES_MAX).await
    }

    async fn json<T: DeserializeOwned>(
        &self,
        folder: &str,
        sha256: &str,
        bytes_max: u64,
    ) -> Result<T, PortError> {
        let bad = |name, source| PortError::new("blobs", BadBlob { name, source });
        let name = content_name(folder, sha256).unwrap_or_else(|| BlobName::of_content(folder, b""));
        let Some(json) = self.blobs.get(&name, bytes_max).await? else { return Err(bad(name, None)) };
        serde_json::from_slice(&json).map_err(|error| bad(name, Some(error)))
    }

    /// What an earlier scan of the same code by the same engine with the same budget and the same detectors found.
    pub(crate) async fn earlier(
        &self,
        tenant: &TenantId,
        scan: &ScanRecord,
        engine: &str,
        detectors: Option<&str>,
    ) -> Result<Option<ResultSummary>, StoreError> {
        match self.store.get(&earlier_key(tenant, scan, engine, detectors)).await? {
            Some(record) => Ok(Some(record.document()?)),
            None => Ok(None),
        }
    }
}

/// Writes a scan that is asked for.
pub(crate) fn put_new(tenant: &TenantId, scan: &ScanRecord) -> Write {
    Write::put(scan_key(tenant, &scan.id), scan, Condition::Absent)
}

/// Writes what became of a scan whose record had `version`.
pub(crate) fn put_finished(tenant: &TenantId, scan: &ScanRecord, version: u64) -> Write {
    Write::put(scan_key(tenant, &scan.id), scan, Condition::VersionIs(version))
}

/// Remembers a result for the same code. Per tenant: what one tenant scans is nobody else's business.
pub(crate) fn put_earlier(
    tenant: &TenantId,
    scan: &ScanRecord,
    summary: &ResultSummary,
    now: UnixMillis,
) -> Write {
    Write::Put {
        key: earlier_key(tenant, scan, &summary.engine, summary.detectors_sha256.as_deref()),
        attributes: Attributes::document(summary),
        expires_at: Some(now.plus_s(REUSED_FOR_S)),
        condition: Condition::Always,
    }
}

fn partition(tenant: &TenantId) -> String {
    format!("{tenant}#scans")
}

pub(crate) fn scan_key(tenant: &TenantId, id: &str) -> Key {
    Key::new(partition(tenant), id)
}

fn earlier_key(tenant: &TenantId, scan: &ScanRecord, engine: &str, detectors: Option<&str>) -> Key {
    let detectors = detectors.map(|sha256| format!("#{sha256}")).unwrap_or_default();
    let sort = format!("{}#{engine}#{}{detectors}", scan.code_sha256, scan.budget.name());
    Key::new(format!("{tenant}#scan-results"), sort)
}

fn content_name(folder: &str, sha256: &str) -> Option<BlobName> {
    format!("{folder}/{sha256}").parse().ok()
}
