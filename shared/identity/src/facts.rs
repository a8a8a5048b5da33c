//! What identity tells the rest of the platform. No name and no secret is in it.

use schemars::JsonSchema;
use scorpius_core::Fact;
use scorpius_edge::{Role, Tier};
use serde::{Deserialize, Serialize};

use crate::secret::KeyKind;

/// There is a new API key. Aggregate: the key; sequence 1.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ApiKeyCreated {
    /// `key_…`.
    pub key_id: String,
    /// Which prefix it has.
    pub kind: KeyKind,
    /// What it may be.
    pub roles: Vec<Role>,
    /// What it is cut down to; absent is all that the roles give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<String>>,
    /// RFC 3339; absent is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

impl Fact for ApiKeyCreated {
    const TYPE: &'static str = "scorpius.identity.api_key_created.v1";
    const MEANING: &'static str = "An API key was created.";
}

/// Why a key does not count any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RevokeReason {
    /// Somebody who may do it asked for it.
    #[default]
    Requested,
    /// Its text was found where it should not be.
    Leaked,
    /// Whoever was shown its secret was erased.
    HolderErased,
}

/// An API key does not count any more. Aggregate: the key; its last sequence but for a leak's.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ApiKeyRevoked {
    /// `key_…`.
    pub key_id: String,
    /// Why.
    #[serde(default)]
    pub reason: RevokeReason,
}

impl Fact for ApiKeyRevoked {
    const TYPE: &'static str = "scorpius.identity.api_key_revoked.v1";
    const MEANING: &'static str =
        "An API key was revoked; from then on it and every token made from it are refused.";
}

/// Of an API key's two secrets the older one ended before its time. Aggregate: the key.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ApiKeySecretEnded {
    /// `key_…`.
    pub key_id: String,
}

impl Fact for ApiKeySecretEnded {
    const TYPE: &'static str = "scorpius.identity.api_key_secret_ended.v1";
    const MEANING: &'static str =
        "The secret that an API key had before ended within its overlap: whoever was shown it was erased.";
}

/// An API key has another secret. Aggregate: the key.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ApiKeyRotated {
    /// `key_…`.
    pub key_id: String,
    /// RFC 3339: until when the secret before counts too; absent is not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_valid_until: Option<String>,
}

impl Fact for ApiKeyRotated {
    const TYPE: &'static str = "scorpius.identity.api_key_rotated.v1";
    const MEANING: &'static str = "An API key was given another secret.";
}

/// Which of a key's secrets was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeakedSecret {
    /// The one that it had; the key was revoked.
    Current,
    /// The one before, within its overlap; it alone was ended.
    Previous,
}

/// Somebody showed the text of a key that counted. Aggregate: the key.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ApiKeyLeaked {
    /// `key_…`.
    pub key_id: String,
    /// Which of its secrets.
    pub secret: LeakedSecret,
}

impl Fact for ApiKeyLeaked {
    const TYPE: &'static str = "scorpius.identity.api_key_leaked.v1";
    const MEANING: &'static str = "The text of an API key was reported as leaked; what it opened was ended.";
}

/// A key was exchanged for an access token. Aggregate: the token; sequence 1.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct TokenIssued {
    /// The token's `jti`: `tok_…`.
    pub token_id: String,
    /// `key_…`.
    pub key_id: String,
    /// RFC 3339.
    pub expires_at: String,
}

impl Fact for TokenIssued {
    const TYPE: &'static str = "scorpius.identity.token_issued.v1";
    const MEANING: &'static str = "An API key was exchanged for an access token.";
}

/// A tenant is entitled to more requests, or fewer. Aggregate: the tenant.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct TenantTierChanged {
    /// From now on.
    pub tier: Tier,
    /// Until now; absent is what the platform gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Tier>,
}

impl Fact for TenantTierChanged {
    const TYPE: &'static str = "scorpius.identity.tenant_tier_changed.v1";
    const MEANING: &'static str = "An operator changed how often a tenant may ask.";
}
