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
    /// `address`, `transaction`, `signature` or `domain`.
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

/// What somebody who disputes a verdict claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// What was judged is harmless.
    FalseAlarm,
    /// What was judged is harmful.
    Missed,
}

/// A verdict was disputed. Why is told to nobody: its hash binds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disputed {
    /// `dsp_…`.
    pub dispute_id: String,
    /// `vrd_…`.
    pub verdict_id: String,
    /// What is claimed.
    pub claim: Claim,
    /// SHA-256 of the reason, in hex.
    pub reason_sha256: String,
    /// SHA-256 of the verdict's canonical JSON, in hex.
    pub verdict_sha256: String,
}

/// What something turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// It did harm, or tried to.
    Harmful,
    /// It did none.
    Harmless,
}

/// What a verdict's subject turned out to be was said. How that is known is told to nobody: its hash binds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolved {
    /// `vrd_…`.
    pub verdict_id: String,
    /// What it is.
    pub label: Label,
    /// SHA-256 of the reason, in hex.
    pub reason_sha256: String,
    /// SHA-256 of the verdict's canonical JSON, in hex.
    pub verdict_sha256: String,
}

impl Fact for Resolved {
    const TYPE: &'static str = "scorpius.risk.resolved.v1";
    const MEANING: &'static str = "What a verdict's subject turned out to be was said.";
}

impl Fact for Disputed {
    const TYPE: &'static str = "scorpius.risk.disputed.v1";
    const MEANING: &'static str = "Somebody said that a verdict is wrong.";
}

impl Fact for Scored {
    const TYPE: &'static str = "scorpius.risk.scored.v1";
    const MEANING: &'static str = "An address, a site, a transaction or a message was given a verdict.";
}

/// Every type of event of this capability.
#[must_use]
pub fn events() -> Vec<EventSchema> {
    vec![EventSchema::of::<Disputed>(), EventSchema::of::<Resolved>(), EventSchema::of::<Scored>()]
}
