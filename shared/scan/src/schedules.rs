//! Targets that are scanned again and again, and when each is due.
//!
//! A schedule is a record of its tenant and a row in the partition of all due work, whose key is the time. Both change in one
//! commit, also in the one that starts a scan: so a period's scan is started exactly when the schedule says so.

use std::sync::Arc;

use schemars::JsonSchema;
use scorpius_core::{
    Condition, Key, ListQuery, Page, Record, Store, StoreError, TenantId, UnixMillis, Write,
};
use serde::{Deserialize, Serialize};

use crate::deployed::Deployed;
use crate::engine::Budget;
use crate::scans::{CompiledAs, Input};

/// Schedules of one tenant.
pub(crate) const SCHEDULES_MAX: i64 = 50;
/// Hours between two scans of one target: at most 30 days.
pub(crate) const INTERVAL_HOURS: std::ops::RangeInclusive<u32> = 1..=720;

const HOUR_MS: u64 = 3_600_000;
/// The partition of what is due, by time; the rows name tenant and schedule.
const DUE: &str = "scan-due";
/// The attribute that counts a tenant's schedules.
const COUNTED: &str = "schedules";

/// What is scanned again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Whatever runs at an address, behind proxies, at the time.
    Deployed(Deployed),
    /// What was handed in once: another engine may find more in it.
    Given(GivenOnce),
}

/// What an earlier scan was of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GivenOnce {
    /// `scn_…`, the earlier scan.
    pub scan_id: String,
    /// What it was of.
    pub input: Input,
    /// SHA-256 of the code, or of the project as it is stored.
    pub code_sha256: String,
    /// Bytes of code, or of all files.
    pub size_bytes: usize,
    /// What the compiler said of the code, if its output was handed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compiled: Option<CompiledAs>,
}

/// Why a schedule's last turn brought no scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// The operator has no node of the chain any more.
    NoEndpoint,
    /// No node of the chain answered; it is tried again soon.
    ChainUnreachable,
    /// Nothing is at the address.
    NoContract,
    /// What is at the address is more than the engine takes, or a proxy leads round.
    BadCode,
    /// The tenant was suspended.
    Suspended,
}

/// A target, and how often it is scanned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Schedule {
    /// `rsc_…`.
    pub id: String,
    /// What the caller calls it; its scans are called the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// How much harm disclosure of its scans would do: 0 to 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitivity: Option<u8>,
    /// What is scanned.
    pub target: Target,
    /// How much each scan may cost.
    pub budget: Budget,
    /// Hours between two scans: 1 to 720.
    pub interval_hours: u32,
    /// Who asked.
    pub created_by: String,
    /// When, RFC 3339.
    pub created_at: String,
    /// When the next scan is due, RFC 3339.
    pub next_at: String,
    /// Scans that it started.
    pub runs: u64,
    /// The last of them; of what was handed in once, at first the scan that it was handed in for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_scan_id: Option<String>,
    /// Why its last turn brought no scan, if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<Missed>,
}

impl Schedule {
    /// When the next scan is due.
    pub(crate) fn due(&self) -> UnixMillis {
        self.next_at.parse().unwrap_or(UnixMillis(0))
    }

    /// The first moment after `now` that is whole intervals after the one that is due. Turns that were missed are not made
    /// up for.
    pub(crate) fn after(&self, now: UnixMillis) -> UnixMillis {
        let interval_ms = u64::from(self.interval_hours.max(1)) * HOUR_MS;
        let due = self.due();
        due.plus_ms(interval_ms.saturating_mul(now.since_ms(due) / interval_ms + 1))
    }

    /// Writes that add it; the second one conflicts when the tenant has too many.
    pub(crate) fn adding(&self, tenant: &TenantId) -> [Write; 3] {
        [Write::put(key(tenant, &self.id), self, Condition::Absent), count(tenant, 1), self.due_row(tenant)]
    }

    /// Writes that remove it, if its record has `version`.
    pub(crate) fn removing(&self, tenant: &TenantId, version: u64) -> [Write; 3] {
        [
            Write::Delete { key: key(tenant, &self.id), condition: Condition::VersionIs(version) },
            count(tenant, -1),
            Write::Delete { key: self.due_key(tenant), condition: Condition::Always },
        ]
    }

    /// Writes that put `next` in its place, if its record has `version`. They are due at different times.
    pub(crate) fn followed_by(&self, next: &Self, tenant: &TenantId, version: u64) -> [Write; 3] {
        [
            Write::put(key(tenant, &self.id), next, Condition::VersionIs(version)),
            Write::Delete { key: self.due_key(tenant), condition: Condition::Always },
            next.due_row(tenant),
        ]
    }

    fn due_key(&self, tenant: &TenantId) -> Key {
        Key::new(DUE, format!("{:015}#{tenant}#{}", self.due().0, self.id))
    }

    fn due_row(&self, tenant: &TenantId) -> Write {
        let due = Due { tenant: tenant.clone(), schedule_id: self.id.clone() };
        Write::put(self.due_key(tenant), &due, Condition::Always)
    }
}

/// A row of what is due.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Due {
    pub(crate) tenant: TenantId,
    pub(crate) schedule_id: String,
}

/// All tenants' schedules.
#[derive(Clone)]
pub(crate) struct Schedules {
    store: Arc<dyn Store>,
}

impl Schedules {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// The schedule and the version of its record.
    pub(crate) async fn find(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<Option<(Schedule, u64)>, StoreError> {
        let Some(record) = self.store.get(&key(tenant, id)).await? else { return Ok(None) };
        Ok(Some((record.document()?, record.version)))
    }

    /// One page, oldest first.
    pub(crate) async fn page(
        &self,
        tenant: &TenantId,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<(Vec<Schedule>, Page), StoreError> {
        let page = self.store.list(&ListQuery { limit, cursor, ..ListQuery::all(partition(tenant)) }).await?;
        let schedules = page.records.iter().map(Record::document).collect::<Result<_, _>>()?;
        Ok((schedules, page))
    }

    /// Up to `limit` rows that are due at `now`, those first that have waited longest.
    pub(crate) async fn due(&self, now: UnixMillis, limit: usize) -> Result<Vec<(Key, Due)>, StoreError> {
        let until = Some(format!("{:015}", now.0.saturating_add(1)));
        let page = self.store.list(&ListQuery { until, limit, ..ListQuery::all(DUE) }).await?;
        page.records.iter().map(|record| Ok((record.key.clone(), record.document()?))).collect()
    }
}

fn partition(tenant: &TenantId) -> String {
    format!("{tenant}#scan-schedules")
}

fn key(tenant: &TenantId, id: &str) -> Key {
    Key::new(partition(tenant), id)
}

fn count(tenant: &TenantId, delta: i64) -> Write {
    Write::Add {
        key: Key::new(format!("{tenant}#counts"), "scan-schedules"),
        deltas: vec![(COUNTED.to_owned(), delta)],
        only_if: (delta > 0).then(|| (COUNTED.to_owned(), SCHEDULES_MAX)),
        expires_at: None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schedule(due: UnixMillis, interval_hours: u32) -> Schedule {
        Schedule {
            id: "rsc_1".to_owned(),
            label: None,
            sensitivity: None,
            target: Target::Deployed(Deployed { chain: "ethereum".to_owned(), address: "0x".to_owned() }),
            budget: Budget::Quick,
            interval_hours,
            created_by: "key_1".to_owned(),
            created_at: due.to_string(),
            next_at: due.to_string(),
            runs: 0,
            last_scan_id: None,
            missed: None,
        }
    }

    proptest! {
        #[test]
        fn the_next_turn_is_after_now_by_an_interval_at_most_and_in_step(
            due in 0_u64..4_000_000_000_000,
            late_ms in 0_u64..400_000_000_000,
            hours in INTERVAL_HOURS,
        ) {
            let now = UnixMillis(due + late_ms);
            let interval = u64::from(hours) * HOUR_MS;
            let next = schedule(UnixMillis(due), hours).after(now);
            prop_assert!(next > now && next.since_ms(now) <= interval);
            prop_assert_eq!(next.since_ms(UnixMillis(due)) % interval, 0);
        }
    }
}
