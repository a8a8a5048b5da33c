//! `Keys` on KMS.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};
use scorpius_core::{KeyName, Keys, PortError, WrapContext};
use tokio::sync::OnceCell;

use crate::connect::Lazily;

/// Bytes that KMS signs or encrypts at once.
const MESSAGE_BYTES_MAX: usize = 4_096;
/// What precedes an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Why KMS's answer, or the question, is of no use.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum KeyError {
    #[error("at most {MESSAGE_BYTES_MAX} bytes, not {0}")]
    TooLong(usize),
    #[error("KMS answered without `{0}`")]
    Incomplete(&'static str),
    #[error("the key is not an Ed25519 key")]
    NotEd25519,
}

/// Two signing keys (`ECC_NIST_EDWARDS25519`) and a symmetric one that wraps.
pub struct KmsKeys {
    client: Lazily<Client>,
    token: Signer,
    ledger: Signer,
    /// Token keys that are published and do not sign: the next and the previous one of a rotation.
    token_also: Vec<Signer>,
    wrap: String,
}

struct Signer {
    id: String,
    /// A KMS key's public half never changes.
    public: OnceCell<[u8; 32]>,
}

impl KmsKeys {
    /// The keys with these ids or ARNs.
    pub(crate) fn new(client: Lazily<Client>, token: String, ledger: String, wrap: String) -> Self {
        Self { client, token: signer(token), ledger: signer(ledger), token_also: Vec::new(), wrap }
    }

    /// Publishes these token keys too. They check, and do not sign.
    #[must_use]
    pub fn also_token(mut self, ids: impl IntoIterator<Item = String>) -> Self {
        self.token_also = ids.into_iter().map(signer).collect();
        self
    }

    fn signer(&self, key: KeyName) -> &Signer {
        match key {
            KeyName::Token => &self.token,
            KeyName::Ledger => &self.ledger,
        }
    }

    async fn public(&self, signer: &Signer) -> Result<[u8; 32], PortError> {
        signer.public.get_or_try_init(|| self.fetch_public_key(&signer.id)).await.copied()
    }

    async fn fetch_public_key(&self, id: &str) -> Result<[u8; 32], PortError> {
        let answer = self.client.get_public_key().key_id(id).send().await.map_err(port)?;
        let spki = answer.public_key.ok_or(KeyError::Incomplete("PublicKey")).map_err(port)?;
        raw_public_key(spki.as_ref()).map_err(port)
    }
}

fn signer(id: String) -> Signer {
    Signer { id, public: OnceCell::new() }
}

fn raw_public_key(spki: &[u8]) -> Result<[u8; 32], KeyError> {
    let raw = spki.strip_prefix(&SPKI_PREFIX).ok_or(KeyError::NotEd25519)?;
    raw.try_into().map_err(|_| KeyError::NotEd25519)
}

fn bounded(message: &[u8]) -> Result<Blob, PortError> {
    match message.len() <= MESSAGE_BYTES_MAX {
        true => Ok(Blob::new(message)),
        false => Err(port(KeyError::TooLong(message.len()))),
    }
}

fn encryption_context(context: &WrapContext) -> HashMap<String, String> {
    context.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn port(error: impl std::error::Error + Send + Sync + 'static) -> PortError {
    PortError::new("keys", error)
}

#[async_trait]
impl Keys for KmsKeys {
    async fn sign(&self, key: KeyName, message: &[u8]) -> Result<[u8; 64], PortError> {
        let answer = self
            .client
            .sign()
            .key_id(&self.signer(key).id)
            // RAW and not a digest: plain Ed25519 hashes by itself (RFC 8032, section 5.1.6).
            .message_type(MessageType::Raw)
            .signing_algorithm(SigningAlgorithmSpec::Ed25519Sha512)
            .message(bounded(message)?)
            .send()
            .await
            .map_err(port)?;
        let signature = answer.signature.ok_or(KeyError::Incomplete("Signature")).map_err(port)?;
        signature.as_ref().try_into().map_err(|_| port(KeyError::NotEd25519))
    }

    async fn public_key(&self, key: KeyName) -> Result<[u8; 32], PortError> {
        let signer = self.signer(key);
        self.public(signer).await
    }

    async fn public_keys(&self, key: KeyName) -> Result<Vec<[u8; 32]>, PortError> {
        let mut all = vec![self.public_key(key).await?];
        let also = if key == KeyName::Token { self.token_also.as_slice() } else { &[] };
        for signer in also {
            all.push(self.public(signer).await?);
        }
        Ok(all)
    }

    async fn wrap(&self, secret: &[u8], context: &WrapContext) -> Result<Vec<u8>, PortError> {
        let answer = self
            .client
            .encrypt()
            .key_id(&self.wrap)
            .plaintext(bounded(secret)?)
            .set_encryption_context(Some(encryption_context(context)))
            .send()
            .await
            .map_err(port)?;
        let wrapped = answer.ciphertext_blob.ok_or(KeyError::Incomplete("CiphertextBlob")).map_err(port)?;
        Ok(wrapped.into_inner())
    }

    async fn unwrap(&self, wrapped: &[u8], context: &WrapContext) -> Result<Vec<u8>, PortError> {
        let answer = self
            .client
            .decrypt()
            .key_id(&self.wrap)
            .ciphertext_blob(Blob::new(wrapped))
            .set_encryption_context(Some(encryption_context(context)))
            .send()
            .await
            .map_err(port)?;
        let secret = answer.plaintext.ok_or(KeyError::Incomplete("Plaintext")).map_err(port)?;
        Ok(secret.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_ed25519_key_is_taken() {
        let spki = [SPKI_PREFIX.as_slice(), &[7; 32]].concat();
        assert_eq!(raw_public_key(&spki), Ok([7; 32]));
        assert_eq!(raw_public_key(&spki[..43]), Err(KeyError::NotEd25519));
        assert_eq!(raw_public_key(&[spki.as_slice(), &[0]].concat()), Err(KeyError::NotEd25519));
        assert_eq!(raw_public_key(&[]), Err(KeyError::NotEd25519));
    }

    #[test]
    fn what_kms_does_not_take_is_not_sent() {
        assert!(bounded(&[0; MESSAGE_BYTES_MAX]).is_ok());
        assert!(bounded(&[0; MESSAGE_BYTES_MAX + 1]).is_err());
    }
}
