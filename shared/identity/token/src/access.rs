//! Access tokens: signed by a key that never leaves its holder, checked with every key that still counts.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scorpius_core::{Key, KeyName, Keys, PortError, TenantId, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::claims::Claims;
use crate::gate::Permit;
use crate::jwk::{Jwk, PublicKey};
use crate::jws::{Compact, JwsError, strict};
use crate::settings::IdentitySettings;

/// RFC 9068, section 2.1.
pub const TYPE: &str = "at+jwt";
/// RFC 8037, section 3.1.
pub const ALGORITHM: &str = "EdDSA";
/// What clocks may differ by, in seconds.
pub const LEEWAY_S: u64 = 30;

/// A token's header; anything else in it is refused (RFC 8725, sections 3.1, 3.10 and 3.11).
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

/// Why a token does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not three segments of Base64url, or too long.
    #[error("not a compact JWS")]
    Form,
    /// Another algorithm, type or member in the header.
    #[error("the header is not that of an access token")]
    Header,
    /// Signed by another key.
    #[error("no such key")]
    UnknownKey,
    /// Missing, repeated or foreign claims.
    #[error("the claims are not those of an access token")]
    Claims,
    /// The signature, the issuer or the audience is wrong.
    #[error("the signature, the issuer or the audience is wrong")]
    NotOurs,
    /// It counts later.
    #[error("it does not count yet")]
    Early,
    /// It is genuine, and over.
    #[error("it has expired")]
    Expired,
}

/// Signs `claims` for whom `_permit` is about: RFC 7515, compact serialization.
///
/// # Errors
/// When the keys do not answer.
pub async fn sign(keys: &dyn Keys, _permit: &Permit, claims: &Claims) -> Result<String, PortError> {
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

/// Where it stands that the token `jti` does not count any more although its key does.
#[must_use]
pub fn revoked_at(tenant: &TenantId, jti: &str) -> Key {
    Key::new(format!("{tenant}#revoked-token"), jti)
}

/// Checks tokens: strictly read first, then the signature, then for whom and when.
pub struct Verifier {
    keys: Vec<PublicKey>,
    issuer: String,
    audience: String,
}

impl Verifier {
    /// For the keys whose raw public halves are `public_keys`.
    #[must_use]
    pub fn new(public_keys: &[[u8; 32]], settings: &IdentitySettings) -> Self {
        Self {
            keys: public_keys.iter().map(PublicKey::ed25519).collect(),
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
        }
    }

    /// For every key that `keys` says counts now.
    ///
    /// # Errors
    /// When the keys do not answer.
    pub async fn current(keys: &dyn Keys, settings: &IdentitySettings) -> Result<Self, PortError> {
        Ok(Self::new(&keys.public_keys(KeyName::Token).await?, settings))
    }

    /// The claims of `token` when it counts at `now`.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(&self, token: &str, now: UnixMillis) -> Result<Claims, TokenError> {
        let jws = Compact::parse(token).map_err(|_| TokenError::Form)?;
        let header: Header = jws.header().map_err(|_| TokenError::Header)?;
        if header.alg != ALGORITHM || header.typ != TYPE {
            return Err(TokenError::Header);
        }
        let key = self.keys.iter().find(|key| key.thumbprint == header.kid).ok_or(TokenError::UnknownKey)?;
        let claims: Claims = strict(&jws.payload).ok_or(TokenError::Claims)?;
        jws.verify(&header.alg, key).map_err(|error| match error {
            JwsError::Form | JwsError::Header | JwsError::Algorithm | JwsError::Signature => {
                TokenError::NotOurs
            }
        })?;
        if claims.iss != self.issuer || claims.aud != self.audience {
            return Err(TokenError::NotOurs);
        }
        check_time(&claims, now)?;
        Ok(claims)
    }
}

fn check_time(claims: &Claims, now: UnixMillis) -> Result<(), TokenError> {
    let now_s = now.as_s();
    let begin = claims.nbf.unwrap_or(claims.iat).max(claims.iat);
    if begin > now_s.saturating_add(LEEWAY_S) {
        return Err(TokenError::Early);
    }
    match claims.exp.saturating_add(LEEWAY_S) > now_s {
        true => Ok(()),
        false => Err(TokenError::Expired),
    }
}
