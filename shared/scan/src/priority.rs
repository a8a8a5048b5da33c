//! Which scans overtake which: each priority has a queue of its own, which its own type of event fills.

use schemars::JsonSchema;
use scorpius_core::{Actor, Clock, Event, Key, TenantId, UnixMillis, Write};
use serde::{Deserialize, Serialize};

use crate::facts::{HighScanRequested, LowScanRequested, ScanRequested};
use crate::scans::ScanRecord;

/// Scans of high priority that one tenant may ask for in an hour: more of them would only wait for each other.
pub(crate) const HIGH_IN_HOUR_MAX: i64 = 30;
/// The attribute that counts them.
const HIGH: &str = "high";
const HOUR_S: u64 = 3_600;

/// Which scans overtake which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// May wait: bulk work, and what a schedule starts.
    Low,
    /// The usual.
    #[default]
    Normal,
    /// Somebody waits: at most 30 an hour of one tenant.
    High,
}

/// Tells the workers of `scan`, by the queue of its priority.
pub(crate) fn request(scan: &ScanRecord, tenant: &TenantId, actor: &Actor, clock: &dyn Clock) -> Event {
    let fact = ScanRequested {
        scan_id: scan.id.clone(),
        input: scan.input,
        code_sha256: scan.code_sha256.clone(),
        size_bytes: scan.size_bytes,
        budget: scan.budget,
    };
    match scan.priority {
        Priority::Low => Event::of(&LowScanRequested(fact), &scan.id, 1, tenant, actor, clock),
        Priority::Normal => Event::of(&fact, &scan.id, 1, tenant, actor, clock),
        Priority::High => Event::of(&HighScanRequested(fact), &scan.id, 1, tenant, actor, clock),
    }
}

/// The request that an event of any priority carries, if it is one.
pub(crate) fn requested(event: &Event) -> Result<Option<ScanRequested>, serde_json::Error> {
    if let Some(HighScanRequested(fact)) = event.fact()? {
        return Ok(Some(fact));
    }
    if let Some(LowScanRequested(fact)) = event.fact()? {
        return Ok(Some(fact));
    }
    event.fact()
}

/// Counts one more scan of high priority in this hour; the commit fails when there were too many.
pub(crate) fn count_high(tenant: &TenantId, now: UnixMillis) -> Write {
    let hour = now.as_s() / HOUR_S;
    Write::Add {
        key: Key::new(format!("{tenant}#counts"), format!("scans-high#{hour}")),
        deltas: vec![(HIGH.to_owned(), 1)],
        only_if: Some((HIGH.to_owned(), HIGH_IN_HOUR_MAX)),
        expires_at: Some(now.plus_s(2 * HOUR_S)),
    }
}

/// Seconds until scans of high priority are counted from 0 again.
pub(crate) fn counted_anew_in_s(now: UnixMillis) -> u32 {
    u32::try_from(HOUR_S - now.as_s() % HOUR_S).unwrap_or(u32::MAX)
}
