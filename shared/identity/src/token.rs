//! Access tokens: RFC 9068 JWTs, signed by a key that never leaves its holder.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scorpius_core::{Clock, KeyName, Keys, PortError, TenantId, UnixMillis, new_id};
use scorpius_edge::Role;
use serde::{Deserialize, Serialize};

use crate::jwk::Jwk;
use crate::power::Power;

/// How long a token counts. Revoking its key ends it sooner.
pub(crate) const LIFETIME_S: u64 = 600;
/// RFC 9068, section 2.1.
pub(crate) const TYPE: &str = "at+jwt";
/// RFC 8037, section 3.1.
pub(crate) const ALGORITHM: &str = "EdDSA";

/// Who signs tokens, and for whom.
#[derive(Clone, Debug)]
pub struct IdentitySettings {
    /// `iss`: the platform's own URL.
    pub issuer: String,
    /// `aud`: the API that takes the tokens.
    pub audience: String,
}

/// A token's header; anything else in it is refused (RFC 8725, sections 3.1, 3.10 and 3.11).
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub(crate) alg: String,
    pub(crate) typ: String,
    pub(crate) kid: String,
}

/// A token's claims: those that RFC 9068, section 2.2, requires, and ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claims {
    /// The issuer.
    pub iss: String,
    /// The audience.
    pub aud: String,
    /// Who asks: `key_…`.
    pub sub: String,
    /// The key that was exchanged: `key_…`.
    pub client_id: String,
    /// When it was made, in seconds.
    pub iat: u64,
    /// From when on it does not count, in seconds.
    pub exp: u64,
    /// From when on it counts; ours have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    /// `tok_…`.
    pub jti: String,
    /// Whose data it opens.
    pub tenant: TenantId,
    /// At least one.
    pub roles: Vec<Role>,
    /// What it is cut down to, separated by spaces (RFC 9068, section 2.2.3); absent is all that the roles give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

impl Claims {
    /// For a token that the key `key_id` is exchanged for; it ends with the key at the latest.
    #[must_use]
    pub(crate) fn new(
        settings: &IdentitySettings,
        (tenant, key_id): (&TenantId, &str),
        power: &Power,
        key_expires_at: Option<UnixMillis>,
        clock: &dyn Clock,
    ) -> Self {
        let now = clock.now();
        let end = now.plus_s(LIFETIME_S);
        Self {
            iss: settings.issuer.clone(),
            aud: settings.audience.clone(),
            sub: key_id.to_owned(),
            client_id: key_id.to_owned(),
            iat: now.as_s(),
            exp: key_expires_at.map_or(end, |key_end| key_end.min(end)).as_s(),
            nbf: None,
            jti: new_id("tok", clock),
            tenant: tenant.clone(),
            roles: power.roles.clone(),
            scope: power.permissions.as_ref().map(|permissions| permissions.join(" ")),
        }
    }

    /// What the token may do.
    #[must_use]
    pub(crate) fn power(&self) -> Power {
        let permissions = self.scope.as_ref().map(|scope| {
            scope.split(' ').filter(|permission| !permission.is_empty()).map(str::to_owned).collect()
        });
        Power { roles: self.roles.clone(), permissions }
    }
}

/// Signs `claims`: RFC 7515, compact serialization.
///
/// # Errors
/// When the keys do not answer.
pub(crate) async fn sign(keys: &dyn Keys, claims: &Claims) -> Result<String, PortError> {
    let kid = Jwk::ed25519(&keys.public_key(KeyName::Token).await?).kid;
    let header = Header { alg: ALGORITHM.to_owned(), typ: TYPE.to_owned(), kid };
    let mut token = format!("{}.{}", segment(&header), segment(claims));
    let signature = keys.sign(KeyName::Token, token.as_bytes()).await?;
    token.push('.');
    token.push_str(&URL_SAFE_NO_PAD.encode(signature));
    Ok(token)
}

fn segment<T: Serialize>(part: &T) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(part).expect("headers and claims have string keys only"))
}
