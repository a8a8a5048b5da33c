//! What a tenant adds to the base policies, as one document of one version.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use scorpius_core::{Key, TenantId, UnixMillis};
use serde::{Deserialize, Serialize};

/// Policies of a tenant.
pub const POLICIES_MAX: usize = 200;
/// Bytes of one policy's text.
pub const POLICY_BYTES_MAX: usize = 8_000;
/// How deep a policy's brackets nest, and how many `if` it has: each may nest the next. Cedar's parser recurses,
/// and a text of 8,000 bytes can be deeper than a thread's stack.
pub const NESTING_MAX: usize = 30;
/// Bytes of all policies of a tenant: with the rest, a document stays under the store's 350 KB.
pub const POLICIES_BYTES_MAX: usize = 150_000;
/// Custom roles of a tenant.
pub const ROLES_MAX: usize = 50;
/// Roles that one role inherits.
pub const INHERITED_MAX: usize = 10;
/// Actions that one role permits.
pub const PERMITS_MAX: usize = 50;
/// How long a chain of roles that inherit may be.
pub const DEPTH_MAX: usize = 5;
/// Assignments of a tenant, delegations and break-glass grants among them.
pub const ASSIGNMENTS_MAX: usize = 500;
/// Subjects with attributes.
pub const SUBJECTS_MAX: usize = 500;
/// Characters of a name: of a role, a policy, a department.
pub const NAME_CHARS_MAX: usize = 60;
/// The highest clearance, and the highest sensitivity.
pub const LEVEL_MAX: u8 = 4;

/// One Cedar policy, not a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// What answers name it by: 1 to 60 lower-case letters, digits, `-` and `_`.
    pub id: String,
    /// Cedar.
    pub text: String,
}

/// A role that the tenant defines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomRole {
    /// Its name; none of the base roles'.
    pub name: String,
    /// Roles, base or custom, that whoever has this one has as well.
    #[serde(default)]
    pub inherits: Vec<String>,
    /// Actions, or `risk:*` and `*:read` for several.
    #[serde(default)]
    pub permits: Vec<String>,
}

/// Where an assignment comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// An administrator of policies gave it.
    Assigned,
    /// Somebody who had the role lent it.
    Delegated {
        /// Who.
        by: String,
    },
    /// Several people agreed that it was needed at once.
    BreakGlass {
        /// `elv_…`: the request that was approved.
        request: String,
    },
}

/// A subject has a role, for good or for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// `usr_…` or `key_…`.
    pub subject: String,
    /// The role's name.
    pub role: String,
    /// From this moment on it gives nothing.
    pub until: Option<UnixMillis>,
    /// Where it comes from.
    pub source: Source,
}

impl Assignment {
    /// Whether it gives something at `now`.
    #[must_use]
    pub fn holds(&self, now: UnixMillis) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// What policies may ask of a subject.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attributes {
    /// `principal.department`.
    #[serde(default)]
    pub department: Option<String>,
    /// `principal.clearance`: 0 to 4.
    #[serde(default)]
    pub clearance: Option<u8>,
}

/// How a role can be had at once, by agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakGlass {
    /// The role.
    pub role: String,
    /// How many people must agree, besides the one who asks.
    pub approvals: u8,
    /// Who may agree: `usr_…`, at least as many as `approvals`.
    pub approvers: Vec<String>,
    /// For how long at most.
    pub minutes_max: u32,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// In the order in which they were given.
    pub policies: Vec<Policy>,
    /// Custom roles.
    pub roles: Vec<CustomRole>,
    /// Who has which role besides what the credential says.
    pub assignments: Vec<Assignment>,
    /// By subject.
    pub attributes: BTreeMap<String, Attributes>,
    /// Absent: there is no such way.
    pub break_glass: Option<BreakGlass>,
}

impl Document {
    /// Where version `version` of `tenant` is. It is written once.
    #[must_use]
    pub fn at(tenant: &TenantId, version: u64) -> Key {
        Key::new(Self::partition(tenant), format!("{version:012}"))
    }

    /// The partition of a tenant's versions.
    #[must_use]
    pub fn partition(tenant: &TenantId) -> String {
        format!("{tenant}#policy")
    }
}

/// Whether it can name a role, a policy or a department: lower-case letters, digits, `-` and `_`.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
}

/// The groups that an action is in, as policies name them: `risk:*` and `*:read`.
#[must_use]
pub fn groups(action: &str) -> Vec<String> {
    action
        .split_once(':')
        .map(|(capability, verb)| vec![format!("{capability}:*"), format!("*:{verb}")])
        .unwrap_or_default()
}
