//! What is asked and answered.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use scorpius_edge::cursor::Pagination;
use scorpius_policy::document::{Attributes, BreakGlass, CustomRole, Policy, Source};
use serde::{Deserialize, Serialize};

use crate::elevation::State;
use crate::versions::VersionInfo;

/// An example of a draft: what is sensitive is for who is cleared for it, and a role for shift leads.
pub(super) const DRAFT: &str = r#"{"policies": [{"id": "cleared-only", "text": "forbid (principal, action, resource is Scan) when { resource has sensitivity && resource.sensitivity > 1 } unless { principal has clearance && principal.clearance >= resource.sensitivity };"}], "roles": [{"name": "shift-lead", "inherits": ["viewer"], "permits": ["webhook:*"]}]}"#;

/// Policies, roles and assignments as a tenant wants them.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// At most 200, of 8,000 bytes each and 150,000 together. They come on top of the base policies.
    #[serde(default)]
    pub policies: Vec<Policy>,
    /// At most 50.
    #[serde(default)]
    pub roles: Vec<CustomRole>,
    /// At most 500, together with what is lent.
    #[serde(default)]
    pub assignments: Vec<AssignmentText>,
    /// By subject (`usr_…` or `key_…`), at most 500.
    #[serde(default)]
    pub attributes: BTreeMap<String, Attributes>,
    /// How glass is broken; absent: not at all.
    #[serde(default)]
    pub break_glass: Option<BreakGlass>,
    /// Whether delegations and broken glass end now.
    #[serde(default)]
    pub drop_lent: bool,
}

/// A role for a subject.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignmentText {
    /// `usr_…` or `key_…`.
    pub subject: String,
    /// A base role but `operator`, or one of the tenant's own.
    pub role: String,
    /// RFC 3339; absent: until it is taken away.
    #[serde(default)]
    pub until: Option<String>,
}

/// An assignment, and where it comes from.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AssignmentView {
    /// `usr_…` or `key_…`.
    pub subject: String,
    /// The role.
    pub role: String,
    /// RFC 3339; absent: until it is taken away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Where it comes from.
    pub source: Source,
}

/// What counts.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CurrentPolicies {
    /// Its version; 0 is the base policies alone.
    pub version: u64,
    /// The tenant's own policies.
    pub policies: Vec<Policy>,
    /// The tenant's own roles.
    pub roles: Vec<CustomRole>,
    /// Who has which role besides what the credential says.
    pub assignments: Vec<AssignmentView>,
    /// By subject.
    pub attributes: BTreeMap<String, Attributes>,
    /// How glass is broken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<BreakGlass>,
}

/// A page of versions.
#[derive(Debug, Serialize, JsonSchema)]
pub struct VersionList {
    /// Newest first.
    pub versions: Vec<VersionInfo>,
    /// How the list goes on.
    pub pagination: Pagination,
}

/// Which version is to be taken up again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// 0 is the base policies alone. Who has which role stays as it is.
    pub version: u64,
}

/// A fault of a draft.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Fault {
    /// RFC 6901: where.
    pub pointer: String,
    /// What.
    pub detail: String,
}

/// What a role could do before and could not after, or the other way round.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Compared {
    /// The role.
    pub role: String,
    /// The action.
    pub action: String,
    /// Whether the policies that count allow it.
    pub before: bool,
    /// Whether the draft does.
    pub after: bool,
}

/// What is to be known of a draft before it counts.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Checked {
    /// Whether it could be put.
    pub valid: bool,
    /// At most 20.
    pub errors: Vec<Fault>,
    /// For the tenant as a whole; what depends on a thing's attributes is for `explain`.
    pub changes: Vec<Compared>,
}

/// What an action is to be done to.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThingText {
    /// `scan`, `verdict`, `webhook` or `api_key`.
    pub kind: ThingKind,
    /// Its id; at most 100 characters.
    #[serde(default)]
    pub id: Option<String>,
    /// The subject that made it.
    #[serde(default)]
    pub owner: Option<String>,
    /// 0 to 4.
    #[serde(default)]
    pub sensitivity: Option<u8>,
}

/// What it is.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ThingKind {
    /// A scan.
    Scan,
    /// A verdict.
    Verdict,
    /// A webhook.
    Webhook,
    /// An API key.
    ApiKey,
    /// A wallet under guard.
    Wallet,
}

/// When and from where it is asked; as it is asked here unless said.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MomentText {
    /// RFC 3339.
    #[serde(default)]
    pub at: Option<String>,
    /// An address.
    #[serde(default)]
    pub network: Option<String>,
    /// 1 or 2: what a person proved, just now.
    #[serde(default)]
    pub acr: Option<u8>,
    /// 0 to 100.
    #[serde(default)]
    pub session_risk: Option<u8>,
}

/// A question: a subject or a role.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Explain {
    /// `usr_…` or `key_…`, with the roles that it has.
    #[serde(default)]
    pub subject: Option<String>,
    /// Somebody who has this role and no other.
    #[serde(default)]
    pub role: Option<String>,
    /// `<capability>:<verb>`.
    pub action: String,
    /// To what; absent: the tenant as a whole.
    #[serde(default)]
    pub thing: Option<ThingText>,
    /// When and from where.
    #[serde(default)]
    pub moment: Option<MomentText>,
    /// By these policies instead of those that count.
    #[serde(default)]
    pub draft: Option<Draft>,
}

/// The decision.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Explained {
    /// Whether it may be done.
    pub allowed: bool,
    /// The policies that decided: those that permit, or those that forbid. `base:` is before the platform's own,
    /// `role:` before what a role of the tenant permits.
    pub policies: Vec<String>,
    /// In words.
    pub why: String,
    /// The roles that would be allowed it, asked in the same way.
    pub roles_that_may: Vec<String>,
}

/// A question about everybody.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Who {
    /// `<capability>:<verb>`.
    pub action: String,
    /// To what; absent: the tenant as a whole.
    #[serde(default)]
    pub thing: Option<ThingText>,
    /// When and from where.
    #[serde(default)]
    pub moment: Option<MomentText>,
    /// By these policies instead of those that count.
    #[serde(default)]
    pub draft: Option<Draft>,
}

/// A role's answer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RoleAnswer {
    /// The role.
    pub role: String,
    /// Whether somebody who has it may.
    pub allowed: bool,
    /// The policies that decided.
    pub policies: Vec<String>,
}

/// A subject's answer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SubjectAnswer {
    /// `usr_…` or `key_…`.
    pub subject: String,
    /// Whether it may.
    pub allowed: bool,
    /// The policies that decided.
    pub policies: Vec<String>,
}

/// Who may.
#[derive(Debug, Serialize, JsonSchema)]
pub struct WhoMay {
    /// Each role.
    pub roles: Vec<RoleAnswer>,
    /// People and keys that count, the oldest 200 of each.
    pub subjects: Vec<SubjectAnswer>,
    /// Whether those are all.
    pub complete: bool,
}

/// A role to lend.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Delegate {
    /// One that the lender has, and was not lent.
    pub role: String,
    /// `usr_…` or `key_…`.
    pub to: String,
    /// 1 to 43,200: 30 days.
    pub minutes: u32,
}

/// What was lent.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Delegated {
    /// The role.
    pub role: String,
    /// `usr_…` or `key_…`.
    pub to: String,
    /// RFC 3339.
    pub until: String,
    /// The version of the policies that has it.
    pub version: u64,
}

/// Why glass is to be broken.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestElevation {
    /// For those who must agree: 10 to 500 characters.
    pub reason: String,
    /// For how long; at most what the tenant allows.
    pub minutes: u32,
}

/// A request to break glass.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ElevationView {
    /// `elv_…`.
    pub id: String,
    /// Who asks: `usr_…` or `key_…`.
    pub subject: String,
    /// The role.
    pub role: String,
    /// For how long.
    pub minutes: u32,
    /// Why.
    pub reason: String,
    /// Where it stands.
    pub state: State,
    /// Who agreed: `usr_…`, each once.
    pub approved_by: Vec<String>,
    /// How many must.
    pub approvals_needed: u8,
    /// RFC 3339.
    pub asked_at: String,
    /// Until when people may agree. RFC 3339.
    pub open_until: String,
    /// When the role ends, once it is granted. RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// What came of an agreement.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Approved {
    /// The request as it stands now.
    pub elevation: ElevationView,
    /// The version of the policies that has the grant; absent while more people must agree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

/// A page of requests.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ElevationList {
    /// Newest first.
    pub elevations: Vec<ElevationView>,
    /// How the list goes on.
    pub pagination: Pagination,
}
