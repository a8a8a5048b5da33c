//! What is told about the ledger's own administration. Persons are in it by their pseudonyms alone.

use schemars::JsonSchema;
use scorpius_core::Fact;
use serde::{Deserialize, Serialize};

use crate::holds::HoldScope;

/// A person is erased from the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SubjectErased {
    /// The person's pseudonym, 64 hex digits.
    pub subject: String,
    /// When the last copy of the secret is gone, in backups, too: RFC 3339.
    pub effective_at: String,
}

impl Fact for SubjectErased {
    const TYPE: &'static str = "scorpius.audit.subject_erased.v1";
    const MEANING: &'static str = "A person was erased: what events say of them can be read no more.";
}

/// Nothing is left of a person, and the secret that sealed it is destroyed. Aggregate: the person and that day; sequence 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SubjectForgotten {
    /// The person's pseudonym, 64 hex digits.
    pub subject: String,
    /// The day on which the secret last sealed something: `2026-11-21`.
    pub last_used: String,
    /// The deleted tenant whose person it was; absent where the tenant itself is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_tenant: Option<String>,
}

impl Fact for SubjectForgotten {
    const TYPE: &'static str = "scorpius.audit.subject_forgotten.v1";
    const MEANING: &'static str = "No entry that names a person is kept any longer, and the secret that sealed what they said is destroyed.";
}

/// Something must neither be erased nor end for now. Aggregate: the hold; its sequence counts how often it was placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HoldPlaced {
    /// The person's pseudonym, 64 hex digits; of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What it is on.
    #[serde(default)]
    pub scope: HoldScope,
    /// What is held; of a resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The first moment that is held, RFC 3339; of a period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The first moment that is held no more, RFC 3339; of a period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl Fact for HoldPlaced {
    const TYPE: &'static str = "scorpius.audit.hold_placed.v1";
    const MEANING: &'static str =
        "A legal hold was placed: until it is lifted, what it is on is neither erased nor let end.";
}

/// What was held may be erased, and end, again. Aggregate: the hold; its last event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HoldLifted {
    /// The person's pseudonym, 64 hex digits; of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What it was on.
    #[serde(default)]
    pub scope: HoldScope,
    /// What was held; of a resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The first moment that was held, RFC 3339; of a period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The first moment that was not, RFC 3339; of a period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl Fact for HoldLifted {
    const TYPE: &'static str = "scorpius.audit.hold_lifted.v1";
    const MEANING: &'static str = "A legal hold was lifted.";
}

/// A tenant is to have a log of its own. Aggregate: that log; sequence 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OwnLogAsked {
    /// From when on the tenant's events go into its own log, RFC 3339. Told once; it never moves.
    pub since: String,
}

impl Fact for OwnLogAsked {
    const TYPE: &'static str = "scorpius.audit.own_log_asked.v1";
    const MEANING: &'static str =
        "A tenant asked for an audit log of its own, which has all its events from a moment on.";
}

/// Entries are to be kept no longer. Aggregate: the retention of that log; its sequence counts these events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RetentionAdvanced {
    /// The minimum index until then: entries below are gone already.
    pub from: u64,
    /// The minimum index from then on; equal to `from` when what was announced is called off, or nothing can be announced.
    pub to: u64,
    /// When, RFC 3339. A legal hold that is placed before lowers `to`, which another event says.
    pub effective_at: String,
    /// The legal hold, `hld_…`, that keeps it from going on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<String>,
    /// The tenant whose hold that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_of: Option<String>,
    /// The index of the first entry that the hold keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_at: Option<u64>,
    /// The tenant whose own log it is; absent for the log that tenants share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_of: Option<String>,
}

impl Fact for RetentionAdvanced {
    const TYPE: &'static str = "scorpius.audit.retention_advanced.v1";
    const MEANING: &'static str = "Entries of the ledger below an index are to be kept no longer, from a moment on; or what was announced so is lowered, or a legal hold keeps it from going on.";
}
