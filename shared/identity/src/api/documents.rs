//! What these doors take and answer.

use schemars::JsonSchema;
use scorpius_edge::cursor::Pagination;
use scorpius_edge::{Assurance, Factor, Role, Tier};
use scorpius_token::refresh::RefreshRecord;
use scorpius_token::{Claims, Session};
use serde::{Deserialize, Serialize};

use crate::keys::ApiKey;
use crate::secret::{KeyKind, access_key_id};

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
    /// Requests a minute, 1 to 1,000,000; no more than the maker's own. Over it the answer is a 429.
    #[serde(default)]
    pub rate_limit: Option<u32>,
    /// RFC 3339, in the future, and not after the maker's own end.
    #[serde(default)]
    pub expires_at: Option<String>,
    /// Also gives it a secret that signs requests with AWS Signature Version 4, as the SDK of QLDB does.
    #[serde(default)]
    pub aws_signature: bool,
}

/// What an AWS SDK is told as its credentials.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct AwsCredentials {
    /// `AWS_ACCESS_KEY_ID`. It names the key, and is no secret.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`. Only this answer shows it; the platform keeps it sealed under the tenant's key.
    pub secret_access_key: String,
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
    /// Requests a minute that it is limited to, beside what its tenant is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<u32>,
    /// RFC 3339; absent is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// Who was shown the secret that it has: `usr_…`, `key_…` or `system:…`. Erasing that user revokes the key; whoever
    /// rotates it takes it over.
    pub held_by: String,
    /// RFC 3339; absent while it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
    /// RFC 3339: when it was last given another secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated_at: Option<String>,
    /// RFC 3339: until when the secret before that counts too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_valid_until: Option<String>,
    /// `AWS_ACCESS_KEY_ID` of a key that signs requests; absent when it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_access_key_id: Option<String>,
    /// RFC 3339, to the hour: when it last asked for anything; absent when it never did. Only lists show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
}

impl From<ApiKey> for ShownApiKey {
    fn from(key: ApiKey) -> Self {
        let aws_access_key_id = key.signing.as_ref().map(|_| access_key_id(&key.tenant, &key.id));
        Self {
            aws_access_key_id,
            held_by: key.holder().to_owned(),
            key_id: key.id,
            name: key.name,
            kind: key.kind,
            roles: key.roles,
            permissions: key.permissions,
            rate_limit: key.rate_limit,
            expires_at: key.expires_at.map(|end| end.to_string()),
            created_at: key.created_at.to_string(),
            revoked_at: key.revoked_at.map(|end| end.to_string()),
            rotated_at: key.rotated_at.map(|at| at.to_string()),
            previous_valid_until: key.previous.map(|previous| previous.until.to_string()),
            last_used_at: None,
        }
    }
}

/// A key that was just made.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct CreatedApiKey {
    /// The secret. Only this answer shows it; the platform keeps its hash.
    pub api_key: String,
    /// What it signs requests with, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws: Option<AwsCredentials>,
    /// All else.
    #[serde(flatten)]
    pub key: ShownApiKey,
}

/// What to do with the secret that a key has. The body may be left out.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateApiKey {
    /// For so many seconds the secret before counts too: 0 to 604,800, a day unless said. One that was still counting
    /// beside it ends at once: a key has at most two.
    #[serde(default)]
    pub overlap_s: Option<u64>,
}

/// A key that was just given another secret.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct RotatedApiKey {
    /// The secret. Only this answer shows it; the platform keeps its hash.
    pub api_key: String,
    /// What it signs requests with from now on, if it could before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws: Option<AwsCredentials>,
    /// All else.
    #[serde(flatten)]
    pub key: ShownApiKey,
}

/// A key that was found where it should not be.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportLeakedApiKey {
    /// Its whole text.
    pub api_key: String,
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

/// A token to look at: RFC 7662, section 2.1, as JSON.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Introspect {
    /// An access token or a refresh token.
    pub token: String,
    /// `access_token` or `refresh_token`; what it is can be seen from the token itself.
    #[serde(default)]
    pub token_type_hint: Option<String>,
}

/// What a token is: RFC 7662, section 2.2. Of one that does not count, only `active` is said.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Introspected {
    /// Whether it counts at this moment.
    pub active: bool,
    /// `access_token` or `refresh_token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_type: Option<String>,
    /// `usr_…` or `key_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// `key_…`, or `scorpius` for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// What it is cut down to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// The audience.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aud: Option<String>,
    /// When it was made, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iat: Option<u64>,
    /// From when on it does not count, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<u64>,
    /// `tok_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// The person's session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The level that the person proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<Assurance>,
    /// How.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amr: Option<Vec<Factor>>,
    /// When, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<u64>,
}

impl Introspected {
    /// Nothing else is said of what does not count.
    #[must_use]
    pub fn inactive() -> Self {
        Self::default()
    }

    /// An access token that counts.
    #[must_use]
    pub fn of(claims: Claims) -> Self {
        Self {
            active: true,
            token_type: Some("access_token".to_owned()),
            sub: Some(claims.sub),
            client_id: Some(claims.client_id),
            scope: claims.scope,
            iss: Some(claims.iss),
            aud: Some(claims.aud),
            iat: Some(claims.iat),
            exp: Some(claims.exp),
            jti: Some(claims.jti),
            sid: claims.sid,
            acr: claims.acr,
            amr: claims.amr,
            auth_time: claims.auth_time,
        }
    }

    /// A refresh token that counts.
    #[must_use]
    pub fn of_refresh_token(session: &Session, record: &RefreshRecord) -> Self {
        Self {
            active: true,
            token_type: Some("refresh_token".to_owned()),
            sub: Some(session.user.clone()),
            client_id: Some(scorpius_token::claims::OWN_CLIENT.to_owned()),
            iat: Some(record.issued_at.as_s()),
            exp: Some(record.idle_until.as_s()),
            sid: Some(session.id.clone()),
            acr: Some(session.acr),
            amr: Some(session.amr.clone()),
            auth_time: Some(session.proved_at.as_s()),
            ..Self::default()
        }
    }
}

/// How often a tenant may ask.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetTier {
    /// From the next request on.
    pub tier: Tier,
}

/// A tenant's tier, as it is.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct TenantTier {
    /// `ten_…`.
    pub tenant: String,
    /// How often it may ask.
    pub tier: Tier,
}
