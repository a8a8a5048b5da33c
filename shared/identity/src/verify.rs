//! Checks access tokens: strictly read first, then the signature, then who, for whom and when.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use scorpius_core::UnixMillis;
use scorpius_edge::body;
use serde::de::DeserializeOwned;

use crate::jwk::Jwk;
use crate::token::{ALGORITHM, Claims, Header, IdentitySettings, TYPE};

/// Bytes of a token. Ours have less than 2,000.
pub(crate) const TOKEN_BYTES_MAX: usize = 8_192;
/// What clocks may differ by, in seconds.
pub(crate) const LEEWAY_S: u64 = 30;

/// Why a token does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// Not three segments of Base64url, or too long.
    #[error("not a compact JWS of at most {TOKEN_BYTES_MAX} bytes")]
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

/// Checks tokens that one key signed.
pub(crate) struct Verifier {
    kid: String,
    key: DecodingKey,
    validation: Validation,
}

impl Verifier {
    /// For the key whose raw public half is `public_key`.
    #[must_use]
    pub(crate) fn new(public_key: &[u8; 32], settings: &IdentitySettings) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&[&settings.audience]);
        // The library asks the machine's clock; `check_time` asks ours.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let kid = Jwk::ed25519(public_key).kid;
        Self { kid, key: DecodingKey::from_ed_der(public_key), validation }
    }

    /// The claims of `token` when it counts at `now`.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub(crate) fn verify(&self, token: &str, now: UnixMillis) -> Result<Claims, TokenError> {
        // Libraries take sloppy Base64 in segments that they do not need; here every byte of the
        // token has one meaning before anything is believed.
        let [header, claims, signature] = segments(token)?;
        let header: Header = strict(&header).ok_or(TokenError::Header)?;
        if header.alg != ALGORITHM || header.typ != TYPE {
            return Err(TokenError::Header);
        }
        if header.kid != self.kid {
            return Err(TokenError::UnknownKey);
        }
        let claims: Claims = strict(&claims).ok_or(TokenError::Claims)?;
        if signature.len() != 64 {
            return Err(TokenError::NotOurs);
        }
        jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation)
            .map_err(|_| TokenError::NotOurs)?;
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

fn segments(token: &str) -> Result<[Vec<u8>; 3], TokenError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(TokenError::Form);
    }
    let mut parts = token.split('.');
    let mut next = || {
        let part = parts.next().filter(|part| !part.is_empty()).ok_or(TokenError::Form)?;
        URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Form)
    };
    let three = [next()?, next()?, next()?];
    match parts.next() {
        None => Ok(three),
        Some(_) => Err(TokenError::Form),
    }
}

/// A JSON object without duplicate members and, by its type, without foreign ones.
fn strict<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    body::object(Some("application/json"), json).ok()
}
