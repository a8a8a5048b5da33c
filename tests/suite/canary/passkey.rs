//! An authenticator with an Ed25519 key (COSE's -8), whose answers are kept as secrets.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use scorpius_core::Clock;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Secrets;
use crate::desk::Desk;

/// Somebody was there, and it checked who.
const VERIFIED: u8 = 0b101;
/// A new key follows.
const ATTESTED: u8 = 0b100_0000;
/// As the host's own settings have it.
const ORIGIN: &str = "http://localhost:8480";

pub(crate) struct Authenticator {
    id: [u8; 32],
    key: SigningKey,
    user: String,
    counter: u32,
}

impl Authenticator {
    pub(crate) fn new(desk: &Desk) -> Self {
        let (mut id, mut seed) = ([0; 32], [0; 32]);
        desk.clock.fill_random(&mut id);
        desk.clock.fill_random(&mut seed);
        Self { id, key: SigningKey::from_bytes(&seed), user: String::new(), counter: 0 }
    }

    /// Another key under the same id.
    pub(crate) fn forged(&self, desk: &Desk) -> Self {
        Self { id: self.id, ..Self::new(desk) }
    }

    /// WebAuthn Level 3, section 6.1.
    fn data(&mut self, flags: u8) -> Vec<u8> {
        self.counter += 1;
        let mut data = Sha256::digest("localhost").to_vec();
        data.push(flags);
        data.extend_from_slice(&self.counter.to_be_bytes());
        data
    }

    /// A new passkey for `options`.
    pub(crate) fn made(&mut self, options: &Value, secrets: &mut Secrets) -> Value {
        options["user"]["id"].as_str().expect("a handle").clone_into(&mut self.user);
        let mut data = self.data(VERIFIED | ATTESTED);
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&[0, 32]);
        data.extend_from_slice(&self.id);
        // {1: 1, 3: -8, -1: 6, -2: h'…'}
        data.extend_from_slice(&[0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20]);
        data.extend_from_slice(self.key.verifying_key().as_bytes());
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).expect("a short one"));
        object.extend_from_slice(&data);
        let client = client("webauthn.create", options);
        let response = json!({
            "clientDataJSON": secrets.keep("a browser's data", &URL_SAFE_NO_PAD.encode(client)),
            "attestationObject": secrets.keep("an attestation", &URL_SAFE_NO_PAD.encode(object)),
            "transports": ["internal"]
        });
        json!({"id": URL_SAFE_NO_PAD.encode(self.id), "response": response})
    }

    /// A use of it for `options`.
    pub(crate) fn used(&mut self, options: &Value, secrets: &mut Secrets) -> Value {
        let (data, client) = (self.data(VERIFIED), client("webauthn.get", options));
        let signed = [data.as_slice(), &Sha256::digest(&client)].concat();
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(&signed).to_bytes());
        let response = json!({
            "clientDataJSON": secrets.keep("a browser's data", &URL_SAFE_NO_PAD.encode(client)),
            "authenticatorData": URL_SAFE_NO_PAD.encode(data),
            "signature": secrets.keep("a passkey's signature", &signature),
            "userHandle": self.user
        });
        json!({"id": URL_SAFE_NO_PAD.encode(self.id), "response": response})
    }
}

fn client(ceremony: &str, options: &Value) -> Vec<u8> {
    let client = json!({"type": ceremony, "challenge": options["challenge"], "origin": ORIGIN});
    client.to_string().into_bytes()
}
