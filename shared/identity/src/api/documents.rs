//! What these doors take and answer.

use schemars::JsonSchema;
use scorpius_edge::Role;
use scorpius_edge::cursor::Pagination;
use serde::{Deserialize, Serialize};

use crate::keys::ApiKey;
use crate::secret::KeyKind;

/// A key to make. What is not said is as the maker's own, save the role `operator`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateApiKey {
    /// For people: 1 to 100 characters.
    pub name: String,
    /// What the key is cut down to: `scan:read`, or `scan:*` for all of a capability.
    #[serde(default)]
    pub permissions: Option<Vec<String>>,
    /// Roles that may do no more than the maker's.
    #[serde(default)]
    pub roles: Option<Vec<Role>>,
    /// `restricted` when permissions are named, else `live`. `test` has the same rights as `live`.
    #[serde(default)]
    pub kind: Option<KeyKind>,
    /// Requests a minute, 1 to 1,000,000. It is kept and shown; nothing enforces it.
    #[serde(default)]
    pub rate_limit: Option<u32>,
    /// RFC 3339, in the future, and not after the maker's own end.
    #[serde(default)]
    pub expires_at: Option<String>,
}

/// A key as it is shown: never with its secret.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ShownApiKey {
    /// `key_…`.
    pub key_id: String,
    /// For people.
    pub name: String,
    /// Which prefix it has.
    pub kind: KeyKind,
    /// What it may be.
    pub roles: Vec<Role>,
    /// What it is cut down to; absent is all that the roles give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<String>>,
    /// Requests a minute, as asked for; nothing enforces it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<u32>,
    /// RFC 3339; absent is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339; absent while it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
}

impl From<ApiKey> for ShownApiKey {
    fn from(key: ApiKey) -> Self {
        Self {
            key_id: key.id,
            name: key.name,
            kind: key.kind,
            roles: key.roles,
            permissions: key.permissions,
            rate_limit: key.rate_limit,
            expires_at: key.expires_at.map(|end| end.to_string()),
            created_at: key.created_at.to_string(),
            revoked_at: key.revoked_at.map(|end| end.to_string()),
        }
    }
}

/// A key that was just made.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct CreatedApiKey {
    /// The secret. Only this answer shows it; the platform keeps its hash.
    pub api_key: String,
    /// All else.
    #[serde(flatten)]
    pub key: ShownApiKey,
}

/// One page of keys.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct KeyList {
    /// Oldest first.
    pub api_keys: Vec<ShownApiKey>,
    /// How the list goes on.
    #[serde(skip_deserializing, default = "end")]
    pub pagination: Pagination,
}

fn end() -> Pagination {
    Pagination { next_cursor: None }
}

/// What a token is for. The body may be left out.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueToken {
    /// Cuts the token down further than its key.
    #[serde(default)]
    pub permissions: Option<Vec<String>>,
}

/// An access token: members as in RFC 6749, section 5.1.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct IssuedToken {
    /// For `Authorization: Bearer`.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: String,
    /// Seconds from its issue.
    pub expires_in: u64,
    /// RFC 3339.
    pub expires_at: String,
    /// What it is cut down to, separated by spaces; absent is all that the key's roles give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}
