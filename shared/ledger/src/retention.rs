//! An end to keeping: entries below a minimum index are denied, and then deleted. C2SP tlog-tiles calls it pruning.
//!
//! ```text
//! an anchor older than the policy ─> announced ── 7 days ──> in effect: denied ──> deleted
//!                                        └──────── a legal hold keeps each of these from going on ┘
//! ```
//!
//! What an old anchor covers was in the log when it was put, and so is as old at least. Tiles of hashes stay: every proof
//! of an entry that is kept, and of consistency between any two sizes, is made as before. Whatever stops in between is found
//! again in the next hour: deleting what is gone changes nothing. Of whom no entry is left, the secret goes as well.

mod persons;
mod step;

use std::fmt;
use std::str::FromStr;

use scorpius_core::{Condition, Store, StoreError, TenantId, UnixMillis, Write};
use serde::{Deserialize, Serialize};

use crate::log::{LogName, made_ms};
use crate::tile::TILE_WIDTH;

pub(crate) use persons::Forgetting;
pub(crate) use step::Retention;

/// The shortest time: by then no queue, no batch's memory and no delivery brings an event again, which would enter twice.
const DAYS_MIN: u32 = 90;
const DAYS_MAX: u32 = 36_500;
const DAY_MS: u64 = 86_400_000;
/// Clocks of those who name events, of those who seal them and of those who anchor differ by less.
const SLACK_MS: u64 = DAY_MS;
/// How long after it was announced a minimum index takes effect, so that a hold can come before.
pub(crate) const NOTICE_MS: u64 = 7 * DAY_MS;

/// How many days entries are kept at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepDays(u32);

/// Not a number of days.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("entries are kept for {DAYS_MIN} to {DAYS_MAX} days")]
pub struct NotKeepDays;

impl FromStr for KeepDays {
    type Err = NotKeepDays;

    fn from_str(text: &str) -> Result<Self, NotKeepDays> {
        let days = text.parse().ok().filter(|days| (DAYS_MIN..=DAYS_MAX).contains(days));
        days.map(Self).ok_or(NotKeepDays)
    }
}

impl fmt::Display for KeepDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl KeepDays {
    /// What was in the log at this moment is kept no longer than `now`.
    fn ends_at(self, now: UnixMillis) -> UnixMillis {
        UnixMillis(now.0.saturating_sub(u64::from(self.0) * DAY_MS))
    }
}

/// Where a log begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Minimum {
    /// Entries below are denied; whole tiles.
    pub(crate) index: u64,
    /// No event below is of a later moment.
    pub(crate) until_ms: u64,
    /// Entries below are deleted.
    pub(crate) deleted: u64,
    /// What comes next.
    pub(crate) announced: Option<Announced>,
    /// What keeps it from going on, as it was found last.
    #[serde(default)]
    pub(crate) held: Option<HeldBack>,
    /// Events that told of it.
    pub(crate) told: u64,
}

/// A minimum index that is not in effect yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Announced {
    pub(crate) index: u64,
    /// No event below is of a later moment.
    pub(crate) until_ms: u64,
    /// When it takes effect.
    pub(crate) effective_ms: u64,
}

/// The legal hold on the first entry that is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeldBack {
    /// `hld_…`.
    pub(crate) hold: String,
    /// Whose it is.
    pub(crate) tenant: TenantId,
    /// The index of the entry.
    pub(crate) index: u64,
}

impl Minimum {
    /// Where the log begins now.
    ///
    /// # Errors
    /// When the store fails, or the record is not ours.
    pub(crate) async fn of(store: &dyn Store, log: &LogName) -> Result<Self, StoreError> {
        Ok(Self::read(store, log).await?.0)
    }

    /// The same, and the record's version.
    async fn read(store: &dyn Store, log: &LogName) -> Result<(Self, Condition), StoreError> {
        match store.get(&log.minimum()).await? {
            Some(record) => Ok((record.document()?, Condition::VersionIs(record.version))),
            None => Ok((Self::default(), Condition::Absent)),
        }
    }

    fn put(&self, log: &LogName, condition: Condition) -> Write {
        Write::put(log.minimum(), self, condition)
    }

    /// Whether an event of this id, of which there is no record, would be below.
    pub(crate) fn is_before(&self, event_id: &str) -> bool {
        self.index > 0 && made_ms(event_id).is_some_and(|ms| ms <= self.until_ms)
    }
}

/// `index` as the start of a tile.
fn whole(index: u64) -> u64 {
    index - index % u64::from(TILE_WIDTH)
}

#[cfg(test)]
mod tests;
