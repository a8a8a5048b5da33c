//! What differs between a scan that a schedule started and the one before it.

use std::collections::BTreeMap;

use scorpius_core::{PortError, StoreError, TenantId};
use serde::Deserialize;

use crate::engine::Severity;
use crate::facts::{FindingCounts, ScanChanged};
use crate::scans::{Rescan, ResultSummary, ScanRecord, Scans, Status};

/// Scans that are looked at for one with a report: one that failed or was called off is passed over.
const STEPS_MAX: usize = 8;

/// Why it cannot be told what differs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompareError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Of a report of either engine, what tells findings apart.
#[derive(Deserialize)]
struct Brief {
    findings: Vec<BriefFinding>,
}

#[derive(Deserialize)]
struct BriefFinding {
    fingerprint: String,
    severity: Severity,
}

impl Scans {
    /// What differs between `scan`, whose result is `now`, and the one before it; `None` when nothing does, or there is none.
    pub(crate) async fn changed(
        &self,
        tenant: &TenantId,
        scan: &ScanRecord,
        now: &ResultSummary,
    ) -> Result<Option<ScanChanged>, CompareError> {
        let Some(rescan) = &scan.rescan else { return Ok(None) };
        let Some((earlier, then)) = self.before(tenant, rescan).await? else { return Ok(None) };
        let (ours, theirs) = match now.report_sha256 == then.report_sha256 {
            true => Default::default(),
            false => (self.findings(now).await?, self.findings(&then).await?),
        };
        let only = |these: &BTreeMap<String, Severity>, those: &BTreeMap<String, Severity>| {
            FindingCounts::of(these.iter().filter(|(it, _)| !those.contains_key(*it)).map(|(_, it)| *it))
        };
        let (new, fixed) = (only(&ours, &theirs), only(&theirs, &ours));
        let way = |scan: &ScanRecord| scan.deployed.as_ref().map(|it| it.proxies.clone()).unwrap_or_default();
        let changed = ScanChanged {
            scan_id: scan.id.clone(),
            previous_scan_id: earlier.id.clone(),
            schedule_id: rescan.schedule_id.clone(),
            code_changed: scan.code_sha256 != earlier.code_sha256,
            implementation_changed: way(scan) != way(&earlier),
            engine_changed: now.engine != then.engine || now.detectors_sha256 != then.detectors_sha256,
            incomplete: now.incomplete || then.incomplete,
            new,
            fixed,
        };
        let nothing = FindingCounts::default();
        let differs = changed.code_changed
            || changed.implementation_changed
            || changed.new != nothing
            || changed.fixed != nothing;
        Ok(differs.then_some(changed))
    }

    /// The last scan before a rescan that has a report.
    async fn before(
        &self,
        tenant: &TenantId,
        rescan: &Rescan,
    ) -> Result<Option<(ScanRecord, ResultSummary)>, StoreError> {
        let mut id = rescan.previous_scan_id.clone();
        for _ in 0..STEPS_MAX {
            let Some(previous) = id else { return Ok(None) };
            let Some((scan, _)) = self.find(tenant, &previous).await? else { return Ok(None) };
            match (scan.status, scan.result.clone()) {
                (Status::Completed, Some(result)) => return Ok(Some((scan, result))),
                _ => id = scan.rescan.and_then(|it| it.previous_scan_id),
            }
        }
        Ok(None)
    }

    async fn findings(&self, result: &ResultSummary) -> Result<BTreeMap<String, Severity>, PortError> {
        let report: Brief = self.report(result).await?;
        Ok(report.findings.into_iter().map(|it| (it.fingerprint, it.severity)).collect())
    }
}
