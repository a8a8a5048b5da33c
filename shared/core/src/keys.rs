//! Keys that never leave their holder: sign, and wrap small secrets.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::error::PortError;

/// Which signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyName {
    /// Signs access tokens.
    Token,
    /// Signs the ledger's checkpoints.
    Ledger,
}

impl KeyName {
    /// Every signing key.
    pub const ALL: [Self; 2] = [Self::Token, Self::Ledger];

    /// `token`, `ledger`: as the manifest writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Ledger => "ledger",
        }
    }
}

/// What a wrapped secret belongs to. Authenticated, not secret: unwrapping needs the very same.
pub type WrapContext = BTreeMap<&'static str, String>;

/// Ed25519 signatures (RFC 8032, not pre-hashed), and authenticated wrapping of secrets up to 4,096 bytes.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Signs at most 4,096 bytes. KMS takes no more.
    async fn sign(&self, key: KeyName, message: &[u8]) -> Result<[u8; 64], PortError>;

    /// The raw public key of the key that signs now.
    async fn public_key(&self, key: KeyName) -> Result<[u8; 32], PortError>;

    /// Every public key that signatures may be checked with now: first the one that signs, then those that
    /// signed before or will sign next. Rotation with overlap is this list, and nothing else.
    async fn public_keys(&self, key: KeyName) -> Result<Vec<[u8; 32]>, PortError> {
        Ok(vec![self.public_key(key).await?])
    }

    /// Encrypts and authenticates `secret` together with `context`.
    async fn wrap(&self, secret: &[u8], context: &WrapContext) -> Result<Vec<u8>, PortError>;

    /// The secret again. Fails on another context or a changed byte.
    async fn unwrap(&self, wrapped: &[u8], context: &WrapContext) -> Result<Vec<u8>, PortError>;
}
