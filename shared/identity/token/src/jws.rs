//! Compact JWS (RFC 7515), read strictly: one text, one meaning, before anything is believed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::verify;
use scorpius_edge::body;
use serde::de::DeserializeOwned;

use crate::jwk::PublicKey;

/// Bytes of a token. Ours have less than 2,000.
pub const TOKEN_BYTES_MAX: usize = 8_192;

/// Why a text is no JWS that this key signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Not three segments of Base64url, or too long.
    #[error("not a compact JWS of at most {TOKEN_BYTES_MAX} bytes")]
    Form,
    /// The header is no JSON object without duplicates, or has members that it may not have.
    #[error("the header is not what is expected")]
    Header,
    /// The header names another algorithm than the key is for.
    #[error("the algorithm is not the key's")]
    Algorithm,
    /// The signature is not this key's over these bytes.
    #[error("the signature is wrong")]
    Signature,
}

/// A JWS whose segments were decoded and whose signature was not looked at yet.
pub struct Compact<'a> {
    text: &'a str,
    /// The header's bytes.
    pub header: Vec<u8>,
    /// The payload's bytes.
    pub payload: Vec<u8>,
    /// The signature's bytes.
    pub signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    /// Decodes all three segments. Libraries take sloppy Base64 in segments that they do not need; here
    /// padding, white space, the other alphabet and loose last bits are refused everywhere.
    ///
    /// # Errors
    /// `Form`.
    pub fn parse(text: &'a str) -> Result<Self, JwsError> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(JwsError::Form);
        }
        let mut parts = text.split('.');
        let mut next = || {
            let part = parts.next().filter(|part| !part.is_empty()).ok_or(JwsError::Form)?;
            URL_SAFE_NO_PAD.decode(part).map_err(|_| JwsError::Form)
        };
        let (header, payload, signature) = (next()?, next()?, next()?);
        match parts.next() {
            None => Ok(Self { text, header, payload, signature }),
            Some(_) => Err(JwsError::Form),
        }
    }

    /// The header as `T`, which refuses members that it does not know: so `crit`, `b64`, `jku`, `jwk`,
    /// `x5u` and `x5c` are refused wherever `T` does not name them (RFC 8725, sections 3.1 and 3.10).
    ///
    /// # Errors
    /// `Header`.
    pub fn header<T: DeserializeOwned>(&self) -> Result<T, JwsError> {
        strict(&self.header).ok_or(JwsError::Header)
    }

    /// Checks the signature with `key`, whose algorithm must be the one that the header names: a key is
    /// for one algorithm, so no header can turn a public key into a shared secret.
    ///
    /// # Errors
    /// `Algorithm` or `Signature`.
    pub fn verify(&self, algorithm: &str, key: &PublicKey) -> Result<(), JwsError> {
        if algorithm != key.algorithm.as_str() {
            return Err(JwsError::Algorithm);
        }
        let (input, _) = self.text.rsplit_once('.').ok_or(JwsError::Form)?;
        match key.signed(input.as_bytes(), &self.signature) {
            true => Ok(()),
            false => Err(JwsError::Signature),
        }
    }
}

/// A JSON object without duplicate members and, by its type, without foreign ones.
pub(crate) fn strict<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    body::object(Some("application/json"), json).ok()
}

impl PublicKey {
    /// Whether `signature` is this key's over `message`.
    fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let fits = self.algorithm.signature_bytes().is_none_or(|length| signature.len() == length);
        let text = URL_SAFE_NO_PAD.encode(signature);
        fits && matches!(verify(&text, message, &self.decoding, self.algorithm.as_jsonwebtoken()), Ok(true))
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod wycheproof;
