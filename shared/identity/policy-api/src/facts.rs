//! What is told of policies. No policy's text, no reason and no name of a person is in it.

use schemars::JsonSchema;
use scorpius_core::Fact;
use serde::{Deserialize, Serialize};

/// How a version came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Somebody put it.
    Put,
    /// An older version was taken up again.
    Rollback,
    /// Somebody lent a role.
    Delegation,
    /// People agreed that somebody needs a role at once.
    BreakGlass,
}

/// The tenant's policies are others. Aggregate: the tenant's policies; the sequence is the version.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct PoliciesChanged {
    /// The version that counts from now on.
    pub version: u64,
    /// The version that counted until now; 0 is the base policies alone.
    pub previous: u64,
    /// Why.
    pub cause: Cause,
    /// Of the document, in hex: it is what `GET /v1/policies/versions` names.
    pub sha256: String,
    /// How many policies it has.
    pub policies: usize,
    /// How many roles.
    pub roles: usize,
    /// How many assignments.
    pub assignments: usize,
}

impl Fact for PoliciesChanged {
    const TYPE: &'static str = "scorpius.policy.changed.v1";
    const MEANING: &'static str =
        "A tenant's policies, roles or assignments were changed; the next request is decided by them.";
}

/// Somebody lent a role that they have. Aggregate: the tenant's policies; the sequence is the version.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct RoleDelegated {
    /// The version that has it.
    pub version: u64,
    /// The role.
    pub role: String,
    /// To whom: `usr_…` or `key_…`.
    pub to: String,
    /// RFC 3339: from then on it gives nothing.
    pub until: String,
}

impl Fact for RoleDelegated {
    const TYPE: &'static str = "scorpius.policy.role_delegated.v1";
    const MEANING: &'static str = "A role was lent for a time by somebody who has it.";
}

/// Somebody asks for the break-glass role. Aggregate: the request; sequence 1.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ElevationRequested {
    /// `elv_…`.
    pub elevation_id: String,
    /// Who would have it: `usr_…` or `key_…`.
    pub subject: String,
    /// The role.
    pub role: String,
    /// For how long.
    pub minutes: u32,
    /// How many people must agree.
    pub approvals_needed: u8,
    /// Who may: `usr_…`.
    pub approvers: Vec<String>,
}

impl Fact for ElevationRequested {
    const TYPE: &'static str = "scorpius.policy.elevation_requested.v1";
    const MEANING: &'static str = "Break glass: somebody asks for a role at once, and people must agree.";
}

/// One person agreed, and more must. Aggregate: the request.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ElevationApproved {
    /// `elv_…`.
    pub elevation_id: String,
    /// The person: `usr_…`.
    pub person: String,
    /// How many people agreed so far.
    pub approvals: usize,
    /// How many must.
    pub approvals_needed: u8,
}

impl Fact for ElevationApproved {
    const TYPE: &'static str = "scorpius.policy.elevation_approved.v1";
    const MEANING: &'static str = "Break glass: a person agreed; more must.";
}

/// Enough people agreed, and the role is had from now on. Aggregate: the request.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ElevationGranted {
    /// `elv_…`.
    pub elevation_id: String,
    /// Who has it: `usr_…` or `key_…`.
    pub subject: String,
    /// The role.
    pub role: String,
    /// RFC 3339: from then on it gives nothing.
    pub until: String,
    /// The people who agreed, each once.
    pub approved_by: Vec<String>,
    /// The version of the policies that has it.
    pub version: u64,
}

impl Fact for ElevationGranted {
    const TYPE: &'static str = "scorpius.policy.elevation_granted.v1";
    const MEANING: &'static str = "Break glass: enough people agreed, and somebody has a role that they otherwise have not, for a time.";
}
