//! What identity tells the rest of the platform. No name and no secret is in it.

use schemars::JsonSchema;
use scorpius_core::Fact;
use scorpius_edge::Role;
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

/// An API key does not count any more. Aggregate: the key; sequence 2.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ApiKeyRevoked {
    /// `key_…`.
    pub key_id: String,
}

impl Fact for ApiKeyRevoked {
    const TYPE: &'static str = "scorpius.identity.api_key_revoked.v1";
    const MEANING: &'static str =
        "An API key was revoked; from then on it and every token made from it are refused.";
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
