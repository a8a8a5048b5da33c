//! `FileKeys`: keys in files that only this user may read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use async_trait::async_trait;
use ed25519_dalek::{Signer, SigningKey};
use scorpius_core::{Clock, KeyName, Keys, PortError, WrapContext};
use zeroize::Zeroizing;

use crate::blobs::Secret;
use crate::durable;

/// Bytes that are signed or wrapped at once, as KMS takes them.
const MESSAGE_BYTES_MAX: usize = 4_096;
/// The first byte of what was wrapped: AES-256-GCM, a nonce of 12 bytes, then ciphertext and tag.
const FORMAT: u8 = 1;
const NONCE_BYTES: usize = 12;
/// The file of the key that wraps.
const WRAP: &str = "wrap.key";
/// The file of a key that is published and does not sign yet.
const TOKEN_NEXT: &str = "token.next.key";
/// The file of a key that signed until the last rotation.
const TOKEN_PREVIOUS: &str = "token.previous.key";
/// The folder beside the keys in which a key is written before it gets its name.
const STAGING: &str = "staging";

/// Why a key does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("key file `{file}`")]
    File {
        file: String,
        #[source]
        source: io::Error,
    },
    #[error("key file `{file}` may be read by others; take their rights away (chmod 600)")]
    Exposed { file: String },
    #[error("key file `{file}` is damaged: it holds 64 hex digits")]
    Damaged { file: String },
    #[error("key file `{file}` is missing beside data that was made with it; restore it from a backup")]
    Missing { file: String },
    #[error("{0}")]
    NotTheNextStep(&'static str),
    #[error("at most {MESSAGE_BYTES_MAX} bytes, not {0}")]
    TooLong(usize),
    #[error("not wrapped by this key for this context")]
    NotOurs,
}

impl From<KeyError> for PortError {
    fn from(error: KeyError) -> Self {
        Self::new("keys", error)
    }
}

/// Signing keys and the key that wraps, read once and wiped from memory at the end.
#[derive(Clone)]
pub struct FileKeys {
    signing: Arc<BTreeMap<KeyName, SigningKey>>,
    /// Public halves of the token keys that do not sign: the next and the previous one.
    also: Arc<Vec<[u8; 32]>>,
    // The cipher wipes its own copy of the key.
    cipher: Arc<Aes256Gcm>,
    clock: Arc<dyn Clock>,
}

impl FileKeys {
    /// The keys in `dir/keys`; makes those that are missing.
    ///
    /// # Errors
    /// When a file cannot be read or written, is damaged, or may be read by others.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, PortError> {
        let keys = dir.join("keys");
        let mut signing = BTreeMap::new();
        for name in KeyName::ALL {
            let seed = secret_file(&keys, &file_of(name), &*clock)?;
            signing.insert(name, SigningKey::from_bytes(&seed));
        }
        let wrap = secret_file(&keys, WRAP, &*clock)?;
        let cipher = Aes256Gcm::new((&*wrap).into());
        let mut also = Vec::new();
        for file in [TOKEN_NEXT, TOKEN_PREVIOUS] {
            if keys.join(file).exists() {
                let seed = secret_file(&keys, file, &*clock)?;
                also.push(SigningKey::from_bytes(&seed).verifying_key().to_bytes());
            }
        }
        let (signing, also) = (Arc::new(signing), Arc::new(also));
        Ok(Self { signing, also, cipher: Arc::new(cipher), clock })
    }

    /// Takes the next step of rotating the key in `dir/keys` that signs tokens. To be asked while no host has
    /// the folder open; the host that starts afterwards publishes what there is.
    ///
    /// # Errors
    /// When the step is not the next one, or a file cannot be read or written.
    pub fn rotate_token_key(dir: &Path, step: TokenKeyStep, clock: &dyn Clock) -> Result<(), PortError> {
        rotation::take(&dir.join("keys"), step, clock).map_err(PortError::from)
    }

    /// Removes what was being written when a start was cut short. `dir` is this process's alone.
    pub(crate) fn tidy_up(dir: &Path) -> Result<(), PortError> {
        let staging = dir.join("keys").join(STAGING);
        durable::clear_staging(&staging).map_err(|error| PortError::new("keys", error))
    }

    /// Fails when a key file is missing. To be asked before `open` where there is data already: what was
    /// wrapped by a lost key stays closed, and a checkpoint of a second key would be a second log.
    pub(crate) fn require(dir: &Path) -> Result<(), KeyError> {
        let files = KeyName::ALL.map(file_of).into_iter().chain([WRAP.to_owned()]);
        match files.into_iter().find(|file| !dir.join("keys").join(file).exists()) {
            Some(file) => Err(KeyError::Missing { file }),
            None => Ok(()),
        }
    }

    fn signing_key(&self, key: KeyName) -> &SigningKey {
        self.signing.get(&key).expect("`open` reads every key there is")
    }
}

#[async_trait]
impl Keys for FileKeys {
    async fn sign(&self, key: KeyName, message: &[u8]) -> Result<[u8; 64], PortError> {
        bounded(message)?;
        Ok(self.signing_key(key).sign(message).to_bytes())
    }

    async fn public_key(&self, key: KeyName) -> Result<[u8; 32], PortError> {
        Ok(self.signing_key(key).verifying_key().to_bytes())
    }

    async fn public_keys(&self, key: KeyName) -> Result<Vec<[u8; 32]>, PortError> {
        let signs = self.public_key(key).await?;
        let also = if key == KeyName::Token { self.also.as_slice() } else { &[] };
        Ok([&[signs], also].concat())
    }

    async fn wrap(&self, secret: &[u8], context: &WrapContext) -> Result<Vec<u8>, PortError> {
        bounded(secret)?;
        // Random nonces are safe for 2^32 secrets under one key (NIST SP 800-38D, section 8.3).
        let mut nonce = [0; NONCE_BYTES];
        self.clock.fill_random(&mut nonce);
        let payload = Payload { msg: secret, aad: &canonical(context) };
        let sealed = self.cipher.encrypt(&nonce.into(), payload).map_err(|_| KeyError::NotOurs)?;
        Ok([&[FORMAT][..], &nonce, &sealed].concat())
    }

    async fn unwrap(&self, wrapped: &[u8], context: &WrapContext) -> Result<Vec<u8>, PortError> {
        let opened = wrapped
            .strip_prefix(&[FORMAT])
            .and_then(|rest| rest.split_first_chunk::<NONCE_BYTES>())
            .and_then(|(nonce, sealed)| {
                let payload = Payload { msg: sealed, aad: &canonical(context) };
                self.cipher.decrypt(&(*nonce).into(), payload).ok()
            });
        Ok(opened.ok_or(KeyError::NotOurs)?)
    }
}

fn bounded(message: &[u8]) -> Result<(), KeyError> {
    match message.len() <= MESSAGE_BYTES_MAX {
        true => Ok(()),
        false => Err(KeyError::TooLong(message.len())),
    }
}

/// One encoding for each context: every part preceded by its length.
fn canonical(context: &WrapContext) -> Vec<u8> {
    let mut bytes = b"scorpius-wrap-v1".to_vec();
    for part in context.iter().flat_map(|(name, value)| [*name, value]) {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

fn file_of(name: KeyName) -> String {
    format!("{}.key", name.as_str())
}

/// The 32 bytes in `dir/name`, as hex; made from the clock's randomness when there is no such file.
pub(crate) fn secret_file(dir: &Path, name: &str, clock: &dyn Clock) -> Result<Secret, KeyError> {
    let path = dir.join(name);
    let file = || path.display().to_string();
    let failed = |source| KeyError::File { file: file(), source };
    if !path.exists() {
        let mut bytes = Zeroizing::new([0; 32]);
        clock.fill_random(&mut *bytes);
        let text = Zeroizing::new(hex::encode(*bytes));
        // Whoever is first makes the key; both read the same file afterwards.
        durable::create(&dir.join(STAGING), &path, text.as_bytes()).map_err(failed)?;
    }
    let mut opened = File::open(&path).map_err(failed)?;
    if is_exposed(&opened).map_err(failed)? {
        return Err(KeyError::Exposed { file: file() });
    }
    let mut text = Zeroizing::new([0; 64]);
    opened.read_exact(&mut *text).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => KeyError::Damaged { file: file() },
        _ => failed(error),
    })?;
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(*text, &mut *bytes).map_err(|_| KeyError::Damaged { file: file() })?;
    Ok(bytes)
}

#[cfg(unix)]
fn is_exposed(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(file.metadata()?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_exposed(_: &File) -> io::Result<bool> {
    Ok(false)
}

mod rotation;
#[cfg(test)]
mod tests;

pub use rotation::TokenKeyStep;
