//! The public keys of passkeys: COSE (RFC 9053) with ES256 or EdDSA, which every authenticator has one of.

use ed25519_dalek::VerifyingKey as Ed25519Key;
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::cbor::Cbor;

/// COSE's numbers of what we take, the preferred one first.
pub(crate) const ALGORITHMS: [i32; 2] = [-8, -7];

/// A key that signatures are checked with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "alg", rename_all = "lowercase")]
pub(crate) enum CredentialKey {
    /// ECDSA on P-256 with SHA-256.
    Es256 {
        /// SEC 1, uncompressed, in hex.
        point: String,
    },
    /// Ed25519.
    EdDsa {
        /// 32 bytes, in hex.
        point: String,
    },
}

impl CredentialKey {
    /// The key in a COSE map (RFC 9053, sections 7.1 and 7.2). A point that is none is refused.
    pub(crate) fn of_cose(cose: &Cbor<'_>) -> Option<Self> {
        let number = |label: i128| match cose.at(label) {
            Some(Cbor::Int(number)) => Some(*number),
            _ => None,
        };
        let coordinate = |label: i128| match cose.at(label) {
            Some(Cbor::Bytes(bytes)) => <[u8; 32]>::try_from(*bytes).ok(),
            _ => None,
        };
        let key = match (number(1)?, number(3)?, number(-1)?) {
            (2, -7, 1) => {
                let point = [&[4][..], &coordinate(-2)?, &coordinate(-3)?].concat();
                Self::Es256 { point: hex::encode(point) }
            }
            (1, -8, 6) => Self::EdDsa { point: hex::encode(coordinate(-2)?) },
            _ => return None,
        };
        key.is_on_its_curve().then_some(key)
    }

    fn is_on_its_curve(&self) -> bool {
        match self {
            Self::Es256 { .. } => self.es256().is_some(),
            // A weak key verifies what nobody signed.
            Self::EdDsa { .. } => self.ed25519().is_some_and(|key| !key.is_weak()),
        }
    }

    fn es256(&self) -> Option<VerifyingKey> {
        let Self::Es256 { point } = self else { return None };
        VerifyingKey::from_sec1_bytes(&hex::decode(point).ok()?).ok()
    }

    fn ed25519(&self) -> Option<Ed25519Key> {
        let Self::EdDsa { point } = self else { return None };
        Ed25519Key::from_bytes(&hex::decode(point).ok()?.try_into().ok()?).ok()
    }

    /// Whether `signature` over `message` is by this key. ECDSA's is in DER (section 6.5.5).
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Es256 { .. } => self
                .es256()
                .zip(Signature::from_der(signature).ok())
                .is_some_and(|(key, signature)| key.verify(message, &signature).is_ok()),
            Self::EdDsa { .. } => self
                .ed25519()
                .zip(ed25519_dalek::Signature::from_slice(signature).ok())
                .is_some_and(|(key, signature)| key.verify_strict(message, &signature).is_ok()),
        }
    }
}
