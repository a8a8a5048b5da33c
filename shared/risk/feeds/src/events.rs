//! What the reading of feeds tells the world.

use schemars::JsonSchema;
use scorpius_core::{EventSchema, Fact};
use serde::{Deserialize, Serialize};

/// How one list changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListChange {
    /// Its name.
    pub name: String,
    /// SHA-256 of its rows, in hex.
    pub version: String,
    /// The day up to which it is complete.
    pub as_of: String,
    /// How many rows it has.
    pub rows: u64,
    /// Rows that the list before did not have.
    pub added: u64,
    /// Rows that only the list before had.
    pub removed: u64,
}

/// A new snapshot of all lists counts from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SnapshotPublished {
    /// Counts from 1.
    pub number: u64,
    /// The blob's name, which has the SHA-256 of its bytes.
    pub blob: String,
    /// Its lists.
    pub lists: Vec<ListChange>,
}

impl Fact for SnapshotPublished {
    const TYPE: &'static str = "scorpius.intel.snapshot_published.v1";
    const MEANING: &'static str = "A new snapshot of all lists of threats and sanctions counts from now on.";
}

/// A feed could not be read, or what it gave was not believed; its last good list stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedRefused {
    /// Which feed.
    pub feed: String,
    /// Why.
    pub reason: String,
    /// The day of the list that stays, if there is one.
    pub stays_as_of: Option<String>,
}

impl Fact for FeedRefused {
    const TYPE: &'static str = "scorpius.intel.feed_refused.v1";
    const MEANING: &'static str = "A feed could not be read or was not believed; its last good list stays. \
                                   Told when the reason changes, not each time.";
}

/// Every type of event of this capability.
#[must_use]
pub fn events() -> Vec<EventSchema> {
    vec![EventSchema::of::<SnapshotPublished>(), EventSchema::of::<FeedRefused>()]
}
