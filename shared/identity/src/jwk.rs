//! The public key, as others need it to check our tokens.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// RFC 7517, section 5.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct JwkSet {
    /// Every key that a valid token may be signed with.
    pub keys: Vec<Jwk>,
}

/// An Ed25519 public key: RFC 8037, section 2.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Jwk {
    /// `OKP`.
    pub kty: &'static str,
    /// `Ed25519`.
    pub crv: &'static str,
    /// The key, Base64url.
    pub x: String,
    /// Its RFC 7638 thumbprint.
    pub kid: String,
    /// `EdDSA`.
    pub alg: &'static str,
    /// `sig`.
    #[serde(rename = "use")]
    pub purpose: &'static str,
}

impl Jwk {
    /// The key `public_key`.
    #[must_use]
    pub(crate) fn ed25519(public_key: &[u8; 32]) -> Self {
        let x = URL_SAFE_NO_PAD.encode(public_key);
        // RFC 8037, section 2: these three members make the thumbprint of an OKP key.
        let kid = thumbprint(&BTreeMap::from([("crv", "Ed25519"), ("kty", "OKP"), ("x", x.as_str())]));
        Self { kty: "OKP", crv: "Ed25519", x, kid, alg: "EdDSA", purpose: "sig" }
    }
}

/// RFC 7638, section 3: the members in order, as JSON without white space, hashed.
fn thumbprint(members: &BTreeMap<&str, &str>) -> String {
    let json = serde_json::to_vec(members).expect("text under text is JSON");
    URL_SAFE_NO_PAD.encode(Sha256::digest(json))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbprints_are_those_of_the_rfcs() {
        // RFC 7638, section 3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let rsa = BTreeMap::from([("e", "AQAB"), ("kty", "RSA"), ("n", n)]);
        assert_eq!(thumbprint(&rsa), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        // RFC 8037, appendices A.2 and A.3.
        let x = URL_SAFE_NO_PAD.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").expect("Base64url");
        let jwk = Jwk::ed25519(&x.try_into().expect("32 bytes"));
        assert_eq!(jwk.kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }
}
