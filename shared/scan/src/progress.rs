//! How far a scan is that is not over: a record of its own beside the scan's, which a worker writes at most once in a while.
//!
//! Each write checks that the scan's record is as the worker read it. So a late one changes nothing that is over, and a worker
//! hears that its scan was called off.

use schemars::JsonSchema;
use scorpius_core::{Attributes, CommitId, Condition, Key, StoreError, TenantId, UnixMillis, Write};
use serde::{Deserialize, Serialize};

use crate::engine::{Seen, Stage};
use crate::scans::{self, ScanRecord, Scans, Status};

/// How long what a worker said last is kept: longer than its message can wait to be handed out again.
const KEPT_FOR_S: u64 = 86_400;

/// How far a scan is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Since when, RFC 3339.
    pub since: String,
    /// Steps of this stage that are done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps_done: Option<u32>,
    /// Steps of this stage that are known so far; the engine finds more on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps_known: Option<u32>,
    /// When a worker said so, RFC 3339; absent until one has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<String>,
}

impl Progress {
    /// A scan that no worker has spoken of.
    fn queued(scan: &ScanRecord) -> Self {
        Self {
            stage: Stage::Queued,
            since: scan.requested_at.clone(),
            steps_done: None,
            steps_known: None,
            told_at: None,
        }
    }

    /// What a worker sees at `now`, in a stage that began at `since`.
    pub(crate) fn of(seen: Seen, since: UnixMillis, now: UnixMillis) -> Self {
        let steps = |count| (seen.known > 0).then_some(count);
        Self {
            stage: seen.stage,
            since: since.to_string(),
            steps_done: steps(seen.done),
            steps_known: steps(seen.known),
            told_at: Some(now.to_string()),
        }
    }
}

/// What became of word about a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// It is kept.
    Kept,
    /// The scan is over, so nothing was changed.
    Over,
}

impl Scans {
    /// How far the scan is; `None` once it is over.
    ///
    /// # Errors
    /// What the store says.
    pub(crate) async fn progress(
        &self,
        tenant: &TenantId,
        scan: &ScanRecord,
    ) -> Result<Option<Progress>, StoreError> {
        if scan.status != Status::Queued {
            return Ok(None);
        }
        Ok(Some(match self.store().get(&key(tenant, &scan.id)).await? {
            Some(record) => record.document()?,
            None => Progress::queued(scan),
        }))
    }

    /// Keeps how far the scan is whose record had `version`, unless that changed.
    ///
    /// # Errors
    /// What the store says.
    pub(crate) async fn tell(
        &self,
        id: CommitId,
        (tenant, scan, version): (&TenantId, &str, u64),
        progress: &Progress,
        now: UnixMillis,
    ) -> Result<Told, StoreError> {
        let writes = [
            Write::Check { key: scans::scan_key(tenant, scan), condition: Condition::VersionIs(version) },
            Write::Put {
                key: key(tenant, scan),
                attributes: Attributes::document(progress),
                expires_at: Some(now.plus_s(KEPT_FOR_S)),
                condition: Condition::Always,
            },
        ];
        match self.store().commit(id, &writes).await {
            Ok(_) => Ok(Told::Kept),
            Err(StoreError::Conflict { .. }) => Ok(Told::Over),
            Err(error) => Err(error),
        }
    }
}

fn key(tenant: &TenantId, scan: &str) -> Key {
    Key::new(format!("{tenant}#scan-progress"), scan)
}
