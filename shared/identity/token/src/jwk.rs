//! Public keys as JSON (RFC 7517): ours for others, and others' for us.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm as Library, DecodingKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::jws::strict;

/// Bits that an RSA modulus has at least (RFC 7518, section 3.3) and at most.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;
/// By the rests of these primes the moduli of a faulty chip library are told (CVE-2017-15361, "ROCA"): each is a power
/// of 65,537 modulo each prime, and whoever has the public key can find the private one.
const ROCA_PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// What a key signs with. HMAC is no member: who checks a token must not be able to make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RFC 8037, Ed25519.
    EdDsa,
    /// RFC 7518, section 3.4.
    Es256,
    /// RFC 7518, section 3.4.
    Es384,
    /// RFC 7518, section 3.3. From identity providers only.
    Rs256,
    /// RFC 7518, section 3.5. From identity providers only.
    Ps256,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 5] = [Self::EdDsa, Self::Es256, Self::Es384, Self::Rs256, Self::Ps256];

    /// As `alg` names it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
        }
    }

    pub(crate) fn as_jsonwebtoken(self) -> Library {
        match self {
            Self::EdDsa => Library::EdDSA,
            Self::Es256 => Library::ES256,
            Self::Es384 => Library::ES384,
            Self::Rs256 => Library::RS256,
            Self::Ps256 => Library::PS256,
        }
    }

    /// Bytes of a signature, where the algorithm fixes them.
    pub(crate) fn signature_bytes(self) -> Option<usize> {
        match self {
            Self::EdDsa | Self::Es256 => Some(64),
            Self::Es384 => Some(96),
            Self::Rs256 | Self::Ps256 => None,
        }
    }
}

/// A key to check signatures with.
#[derive(Clone)]
pub struct PublicKey {
    /// The one algorithm that it is for.
    pub algorithm: Algorithm,
    /// Its RFC 7638 thumbprint.
    pub thumbprint: String,
    /// The name that its owner gave it.
    pub kid: Option<String>,
    pub(crate) decoding: DecodingKey,
}

/// Why a JWK is no key that we check signatures with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadJwk {
    /// Not a JSON object without duplicates.
    #[error("not a JWK")]
    Form,
    /// It holds a private key: nobody should have sent it.
    #[error("a private key")]
    Private,
    /// Another type, curve or algorithm than we know, or two that do not belong together.
    #[error("a key of a kind that is not taken")]
    Kind,
    /// It is for something else than signatures.
    #[error("a key for another purpose")]
    Purpose,
    /// A number is missing, malformed, or of the wrong size.
    #[error("the key's numbers are not those of a key")]
    Numbers,
}

/// RFC 7517, section 4, and RFC 7518, section 6, as far as public keys need them. Members that are not
/// here (`x5c`, `x5t` and so on) mean nothing to us, as section 4 says.
#[derive(Deserialize)]
struct Raw {
    kty: String,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default, rename = "use")]
    purpose: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    d: Option<serde_json::Value>,
}

impl PublicKey {
    /// Reads a JWK. Without `alg`, an RSA key is for RS256.
    ///
    /// # Errors
    /// `BadJwk`.
    pub fn from_jwk(json: &[u8]) -> Result<Self, BadJwk> {
        let raw: Raw = strict(json).ok_or(BadJwk::Form)?;
        if raw.d.is_some() {
            return Err(BadJwk::Private);
        }
        let for_signatures = raw.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && raw.key_ops.as_ref().is_none_or(|all| all.iter().any(|one| one == "verify"));
        if !for_signatures {
            return Err(BadJwk::Purpose);
        }
        let (algorithm, decoding, members) = match (raw.kty.as_str(), raw.crv.as_deref()) {
            ("OKP", Some("Ed25519")) => {
                let x = number(&raw.x, 32)?;
                let decoding = DecodingKey::from_ed_der(&decoded(x)?);
                (Algorithm::EdDsa, decoding, vec![("crv", "Ed25519"), ("kty", "OKP"), ("x", x)])
            }
            ("EC", Some(curve @ ("P-256" | "P-384"))) => {
                let (algorithm, length) =
                    if curve == "P-256" { (Algorithm::Es256, 32) } else { (Algorithm::Es384, 48) };
                let (x, y) = (number(&raw.x, length)?, number(&raw.y, length)?);
                let decoding = DecodingKey::from_ec_components(x, y).map_err(|_| BadJwk::Numbers)?;
                (algorithm, decoding, vec![("crv", curve), ("kty", "EC"), ("x", x), ("y", y)])
            }
            ("RSA", None) => {
                let algorithm =
                    if raw.alg.as_deref() == Some("PS256") { Algorithm::Ps256 } else { Algorithm::Rs256 };
                let (n, e) = rsa_numbers(&raw)?;
                let decoding = DecodingKey::from_rsa_components(n, e).map_err(|_| BadJwk::Numbers)?;
                (algorithm, decoding, vec![("e", e), ("kty", "RSA"), ("n", n)])
            }
            _ => return Err(BadJwk::Kind),
        };
        if raw.alg.as_deref().is_some_and(|alg| alg != algorithm.as_str()) {
            return Err(BadJwk::Kind);
        }
        let thumbprint = thumbprint(&members.into_iter().collect());
        Ok(Self { algorithm, thumbprint, kid: raw.kid, decoding })
    }

    /// An Ed25519 key from its 32 bytes.
    #[must_use]
    pub fn ed25519(public_key: &[u8; 32]) -> Self {
        let jwk = Jwk::ed25519(public_key);
        let decoding = DecodingKey::from_ed_der(public_key);
        Self { algorithm: Algorithm::EdDsa, thumbprint: jwk.kid.clone(), kid: Some(jwk.kid), decoding }
    }
}

fn number(member: &Option<String>, bytes: usize) -> Result<&str, BadJwk> {
    let text = member.as_deref().ok_or(BadJwk::Numbers)?;
    // Section 6.2.1.2: exactly as many octets as the curve's numbers have.
    (decoded(text)?.len() == bytes).then_some(text).ok_or(BadJwk::Numbers)
}

fn rsa_numbers(raw: &Raw) -> Result<(&str, &str), BadJwk> {
    let (n, e) = (raw.n.as_deref().ok_or(BadJwk::Numbers)?, raw.e.as_deref().ok_or(BadJwk::Numbers)?);
    let modulus = decoded(n)?;
    let bits = modulus.len() * 8 - modulus.first().map_or(0, |first| first.leading_zeros() as usize);
    let exponent = decoded(e)?;
    let odd = exponent.last().is_some_and(|last| last % 2 == 1);
    // Exponents of more than 4 bytes only make work; 1 would make everything a signature.
    let fine = RSA_BITS.contains(&bits)
        && modulus.first() != Some(&0)
        && odd
        && !is_roca(&modulus)
        && exponent.len() <= 4
        && exponent.first() != Some(&0)
        && exponent != [1];
    fine.then_some((n, e)).ok_or(BadJwk::Numbers)
}

fn is_roca(modulus: &[u8]) -> bool {
    ROCA_PRIMES.iter().all(|&prime| {
        let rest = modulus.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
        let mut power = 1;
        (0..prime).any(|_| {
            let found = power == rest;
            power = power * 65_537 % prime;
            found
        })
    })
}

fn decoded(text: &str) -> Result<Vec<u8>, BadJwk> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| BadJwk::Numbers)
}

/// RFC 7517, section 5.
#[derive(Debug, Serialize, JsonSchema)]
pub struct JwkSet {
    /// Every key that a valid token may be signed with; the first one signs.
    pub keys: Vec<Jwk>,
}

/// An Ed25519 public key: RFC 8037, section 2.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Jwk {
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
    pub fn ed25519(public_key: &[u8; 32]) -> Self {
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
mod vectors;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(json: &str, expected: BadJwk) {
        assert_eq!(PublicKey::from_jwk(json.as_bytes()).err(), Some(expected), "{json}");
    }

    const ED: &str = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;

    #[test]
    fn thumbprints_are_those_of_the_rfcs() {
        // RFC 7638, section 3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let rsa = format!(r#"{{"kty":"RSA","n":"{n}","e":"AQAB","alg":"RS256","kid":"2011-04-29"}}"#);
        let rsa = PublicKey::from_jwk(rsa.as_bytes()).expect("a key");
        assert_eq!(rsa.thumbprint, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        assert_eq!((rsa.algorithm, rsa.kid.as_deref()), (Algorithm::Rs256, Some("2011-04-29")));
        // RFC 8037, appendices A.2 and A.3.
        let ed = PublicKey::from_jwk(format!("{{{ED}}}").as_bytes()).expect("a key");
        assert_eq!(ed.thumbprint, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let x = URL_SAFE_NO_PAD.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").expect("Base64url");
        assert_eq!(Jwk::ed25519(&x.try_into().expect("32 bytes")).kid, ed.thumbprint);
    }

    #[test]
    fn only_public_signing_keys_of_known_kinds_are_taken() {
        refused("", BadJwk::Form);
        refused("[]", BadJwk::Form);
        refused(&format!("{{{ED},\"kty\":\"OKP\"}}"), BadJwk::Form);
        refused(&format!("{{{ED},\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\"}}"), BadJwk::Private);
        refused(&format!("{{{ED},\"d\":null,\"use\":\"enc\"}}"), BadJwk::Purpose);
        refused(&format!("{{{ED},\"key_ops\":[\"sign\"]}}"), BadJwk::Purpose);
        refused(&format!("{{{ED},\"alg\":\"ES256\"}}"), BadJwk::Kind);
        refused(r#"{"kty":"oct","k":"AAAA"}"#, BadJwk::Kind);
        refused(r#"{"kty":"OKP","crv":"X25519","x":"AA"}"#, BadJwk::Kind);
        refused(r#"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#, BadJwk::Kind);
        refused(r#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#, BadJwk::Numbers);
        refused(r#"{"kty":"OKP","crv":"Ed25519"}"#, BadJwk::Numbers);
        refused(r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#, BadJwk::Numbers);
        let short = URL_SAFE_NO_PAD.encode([0xff; 128]);
        refused(&format!(r#"{{"kty":"RSA","n":"{short}","e":"AQAB"}}"#), BadJwk::Numbers);
        let long = URL_SAFE_NO_PAD.encode([0xff; 256]);
        refused(&format!(r#"{{"kty":"RSA","n":"{long}","e":"AQ"}}"#), BadJwk::Numbers);
        assert!(
            PublicKey::from_jwk(format!(r#"{{"kty":"RSA","n":"{long}","e":"AQAB"}}"#).as_bytes()).is_ok()
        );
    }
}
