//! Proofs that a request's sender holds a private key: RFC 9449.

use scorpius_core::{Attributes, Clock, CommitId, Condition, Key, Store, StoreError, UnixMillis, Write};
use scorpius_edge::idempotency::commit_with_retry;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::jwk::{Algorithm, PublicKey};
use crate::jws::{Compact, strict};

/// RFC 9449, section 4.2.
const TYPE: &str = "dpop+jwt";
/// How old or how far ahead a proof may be, in seconds (section 11.1).
pub const WINDOW_S: u64 = 60;
/// Characters of a proof's own id.
const JTI_CHARS_MAX: usize = 200;

/// What proofs may be signed with. RSA makes headers that are too long for what it gives.
pub const ALGORITHMS: [Algorithm; 2] = [Algorithm::EdDsa, Algorithm::Es256];

/// Why a proof proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum DpopError {
    /// Not a proof of the form of section 4.2.
    #[error("not a DPoP proof")]
    Form,
    /// Its key is none that proofs are taken of.
    #[error("the proof's key is not one that is taken")]
    Key,
    /// Its signature is not its own key's.
    #[error("the proof's signature is wrong")]
    Signature,
    /// It is for another request.
    #[error("the proof is for another method or address")]
    OtherRequest,
    /// It is too old, or of the future.
    #[error("the proof is not of this minute")]
    Time,
    /// It was used before.
    #[error("the proof was used before")]
    Replayed,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    typ: String,
    alg: String,
    jwk: Box<RawValue>,
}

/// Section 4.2; other members mean nothing to us.
#[derive(Deserialize)]
struct Payload {
    jti: String,
    htm: String,
    htu: String,
    iat: u64,
}

/// A proof that is genuine and for this request. Whether it is new is for `Proof::spend`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The RFC 7638 thumbprint of its key.
    pub jkt: String,
    jti: String,
    iat: u64,
}

impl Proof {
    /// Checks `text`, the one `DPoP` header of a request with `method` to `address` (without query).
    ///
    /// # Errors
    /// `DpopError`.
    pub fn check(text: &str, method: &str, address: &str, now: UnixMillis) -> Result<Self, DpopError> {
        let jws = Compact::parse(text).map_err(|_| DpopError::Form)?;
        let header: Header = jws.header().map_err(|_| DpopError::Form)?;
        if header.typ != TYPE {
            return Err(DpopError::Form);
        }
        let key = PublicKey::from_jwk(header.jwk.get().as_bytes()).map_err(|_| DpopError::Key)?;
        if !ALGORITHMS.contains(&key.algorithm) {
            return Err(DpopError::Key);
        }
        let payload: Payload = strict(&jws.payload).ok_or(DpopError::Form)?;
        jws.verify(&header.alg, &key).map_err(|_| DpopError::Signature)?;
        if payload.jti.is_empty() || payload.jti.chars().count() > JTI_CHARS_MAX {
            return Err(DpopError::Form);
        }
        if payload.htm != method || without_query(&payload.htu) != address {
            return Err(DpopError::OtherRequest);
        }
        if payload.iat.abs_diff(now.as_s()) > WINDOW_S {
            return Err(DpopError::Time);
        }
        Ok(Self { jkt: key.thumbprint, jti: payload.jti, iat: payload.iat })
    }

    /// Uses the proof up: it succeeds once (section 11.1).
    ///
    /// # Errors
    /// `Replayed`, or what the store says.
    pub async fn spend(&self, store: &dyn Store, clock: &dyn Clock) -> Result<(), DpopError> {
        let name = hex::encode(Sha256::digest(format!("{}\0{}", self.jkt, self.jti)));
        let spent = Write::Put {
            key: Key::new("platform#dpop", name),
            attributes: Attributes::new(),
            // Twice the window: a proof may be of the future, and is refused by its time afterwards.
            expires_at: Some(UnixMillis(self.iat.saturating_add(2 * WINDOW_S + 1).saturating_mul(1_000))),
            condition: Condition::Absent,
        };
        match commit_with_retry(store, CommitId::new(clock), &[spent]).await {
            Ok(_) => Ok(()),
            Err(StoreError::Conflict { .. }) => Err(DpopError::Replayed),
            Err(error) => Err(error.into()),
        }
    }
}

fn without_query(address: &str) -> &str {
    address.split(['?', '#']).next().unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use ed25519_dalek::{Signer, SigningKey};
    use scorpius_core::ManualClock;
    use scorpius_local::SqliteStore;
    use serde_json::{Value, json};

    use super::*;
    use crate::jwk::Jwk;

    const ADDRESS: &str = "https://server.example.com/token";
    const NOW: UnixMillis = UnixMillis(1_795_254_040_000);

    fn proof(header: &Value, payload: &Value) -> String {
        let input = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let signature = SigningKey::from_bytes(&[7; 32]).sign(input.as_bytes()).to_bytes();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn header() -> Value {
        let x = Jwk::ed25519(&SigningKey::from_bytes(&[7; 32]).verifying_key().to_bytes()).x;
        json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": {"kty": "OKP", "crv": "Ed25519", "x": x}})
    }

    fn payload() -> Value {
        json!({"jti": "a", "htm": "POST", "htu": ADDRESS, "iat": NOW.as_s()})
    }

    #[test]
    fn the_example_of_rfc_9449_is_a_proof_for_its_request_and_its_minute_only() {
        // Section 4.1, figure 1, and the thumbprint of section 6.1.
        let text = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
        let then = UnixMillis(1_562_262_616_000);
        let checked = Proof::check(text, "POST", ADDRESS, then).expect("a proof");
        assert_eq!(checked.jkt, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
        assert!(matches!(Proof::check(text, "GET", ADDRESS, then), Err(DpopError::OtherRequest)));
        let elsewhere = "https://server.example.com/other";
        assert!(matches!(Proof::check(text, "POST", elsewhere, then), Err(DpopError::OtherRequest)));
        let late = then.plus_s(WINDOW_S + 1);
        assert!(matches!(Proof::check(text, "POST", ADDRESS, late), Err(DpopError::Time)));
        let mut changed = text.to_owned();
        changed.replace_range(text.len() - 4..text.len() - 3, "A");
        assert!(matches!(Proof::check(&changed, "POST", ADDRESS, then), Err(DpopError::Signature)));
    }

    #[test]
    fn what_is_no_proof_is_refused() {
        let check = |header: &Value, payload: &Value| {
            Proof::check(&proof(header, payload), "POST", ADDRESS, NOW).map(|proof| proof.jkt)
        };
        assert!(check(&header(), &payload()).is_ok());
        let with = |base: Value, member: &str, value: Value| {
            let mut changed = base;
            changed[member] = value;
            changed
        };
        for (member, value) in [
            ("typ", json!("at+jwt")),
            ("typ", json!(null)),
            ("alg", json!("none")),
            ("alg", json!("ES256")),
            ("kid", json!("x")),
            ("crit", json!(["b64"])),
            ("jwk", json!({"kty": "oct", "k": "AAAA"})),
            ("jwk", json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"})),
        ] {
            assert!(check(&with(header(), member, value.clone()), &payload()).is_err(), "{member} {value}");
        }
        for (member, value) in [
            ("jti", json!("")),
            ("jti", json!("x".repeat(201))),
            ("htm", json!("post")),
            ("htu", json!("https://server.example.com/token/")),
            ("iat", json!(NOW.as_s() - WINDOW_S - 1)),
            ("iat", json!(NOW.as_s() + WINDOW_S + 1)),
            ("iat", json!("now")),
        ] {
            assert!(check(&header(), &with(payload(), member, value.clone())).is_err(), "{member} {value}");
        }
        let query = with(payload(), "htu", json!(format!("{ADDRESS}?a=b#c")));
        assert!(check(&header(), &query).is_ok());
    }

    #[tokio::test]
    async fn a_proof_is_used_once() {
        let clock = std::sync::Arc::new(ManualClock::at(NOW));
        let store = SqliteStore::in_memory(clock.clone()).expect("a store");
        let proof = Proof::check(&proof(&header(), &payload()), "POST", ADDRESS, NOW).expect("a proof");
        proof.spend(&store, &*clock).await.expect("the first time");
        clock.advance_ms(WINDOW_S * 2_000);
        assert!(matches!(proof.spend(&store, &*clock).await, Err(DpopError::Replayed)));
    }
}
