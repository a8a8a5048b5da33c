//! What risk tells the world.

use schemars::JsonSchema;
use scorpius_core::{EventSchema, Fact};
use serde::{Deserialize, Serialize};

use crate::engine::verdict::Level;

/// A verdict was given. Hashes stand for what was judged: no address is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scored {
    /// `vrd_…`.
    pub verdict_id: String,
    /// `address`, `transaction` or `signature`.
    pub subject_kind: String,
    /// What to think of it.
    pub level: Level,
    /// 0 to 100.
    pub score: u8,
    /// SHA-256 of the verdict's canonical JSON, in hex.
    pub verdict_sha256: String,
    /// SHA-256 of the canonical inputs, in hex.
    pub inputs_sha256: String,
    /// SHA-256 of the rule set's canonical JSON, in hex.
    pub rules_sha256: String,
    /// Which engine judged.
    pub engine: String,
}

impl Fact for Scored {
    const TYPE: &'static str = "scorpius.risk.scored.v1";
    const MEANING: &'static str = "An address, a transaction or a message was given a verdict.";
}

/// Every type of event of this capability.
#[must_use]
pub fn events() -> Vec<EventSchema> {
    vec![EventSchema::of::<Scored>()]
}
