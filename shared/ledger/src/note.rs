//! Checkpoints as signed notes. <https://c2sp.org/signed-note>, <https://c2sp.org/tlog-checkpoint>

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::VerifyingKey;
use scorpius_core::{KeyName, Keys, PortError};
use serde::{Deserialize, Serialize};
use signed_note::{Note, Signature, StandardVerifier, Verifier, VerifierList};
use tlog_tiles::Hash;

use crate::hash::SIZE_MAX;

/// Bytes of a note: a checkpoint is below 400, and 100 cosignatures of 2,500 bytes may follow.
pub(crate) const NOTE_BYTES_MAX: usize = 300_000;
/// Bytes of an origin.
const ORIGIN_BYTES_MAX: usize = 200;
/// Bytes of a verifier key's text.
const KEY_TEXT_BYTES_MAX: usize = 400;

/// A log's name, for ever: a URL without scheme, such as `example.com/audit`. It is the name of the key too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin(String);

/// Not an origin.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an origin (1 to {ORIGIN_BYTES_MAX} visible ASCII characters without `+`): `{0}`")]
pub struct NotAnOrigin(String);

impl Origin {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let fine = (1..=ORIGIN_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic() && b != b'+');
        if fine { Ok(Self(text.to_owned())) } else { Err(NotAnOrigin(text.chars().take(60).collect())) }
    }
}

impl TryFrom<String> for Origin {
    type Error = NotAnOrigin;

    fn try_from(text: String) -> Result<Self, NotAnOrigin> {
        text.parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whose signatures count, as `<name>+<hash>+<base64>`: what an operator hands to auditors once, out of band.
#[derive(Clone)]
pub struct VerifierKey {
    text: String,
    public_key: [u8; 32],
    verifier: StandardVerifier,
}

/// Not a verifier key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an Ed25519 verifier key (`<name>+<hash>+<base64>`): `{0}`")]
pub struct NotAVerifierKey(String);

impl VerifierKey {
    /// The key of a log, from the raw public key that signs for it.
    ///
    /// # Errors
    /// When the bytes are no point on the curve.
    pub fn new(origin: &Origin, public_key: &[u8; 32]) -> Result<Self, NotAVerifierKey> {
        let key =
            VerifyingKey::from_bytes(public_key).map_err(|_| NotAVerifierKey(hex::encode(public_key)))?;
        signed_note::new_ed25519_verifier_key(origin.as_str(), &key).parse()
    }

    /// The key that `keys` signs this log's checkpoints with.
    ///
    /// # Errors
    /// When the port fails, or holds no Ed25519 key.
    pub async fn of_log(keys: &dyn Keys, origin: &Origin) -> Result<Self, PortError> {
        let public_key = keys.public_key(KeyName::Ledger).await?;
        Self::new(origin, &public_key).map_err(|error| PortError::new("keys", error))
    }

    /// Whose it is.
    #[must_use]
    pub fn name(&self) -> &str {
        self.verifier.name()
    }

    /// The raw key, by which two names of one signer are found out.
    #[must_use]
    pub fn public_key(&self) -> &[u8; 32] {
        &self.public_key
    }
}

impl FromStr for VerifierKey {
    type Err = NotAVerifierKey;

    fn from_str(text: &str) -> Result<Self, NotAVerifierKey> {
        let bad = || NotAVerifierKey(text.chars().take(60).collect());
        // One spelling for each key: the hash in lower case; Base64 has one anyway.
        let spelt = text.split('+').nth(1).is_some_and(|hash| !hash.bytes().any(|b| b.is_ascii_uppercase()));
        if text.len() > KEY_TEXT_BYTES_MAX || !spelt {
            return Err(bad());
        }
        let verifier = StandardVerifier::new(text).map_err(|_| bad())?;
        let _: Origin = verifier.name().parse().map_err(|_| bad())?;
        let key = text.splitn(3, '+').nth(2).and_then(|key| STANDARD.decode(key).ok());
        // The kind of signature, and the key.
        let public_key = key.and_then(|key| key.get(1..)?.try_into().ok()).ok_or_else(bad)?;
        Ok(Self { text: text.to_owned(), public_key, verifier })
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({})", self.text)
    }
}

/// What a log says of itself at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: Origin,
    /// How many entries, at most 2^48.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// Why a note is not a checkpoint that can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a signed note.
    #[error("not a signed note: text, an empty line, signature lines, and a final newline")]
    NotANote,
    /// A signed note of something else.
    #[error("the note is not a checkpoint: origin, size, and root, one a line")]
    NotACheckpoint,
    /// Nobody who is trusted signed it; signatures of others do not count.
    #[error("no trusted key of this log signed the checkpoint")]
    Unsigned,
    /// It bears the name of a trusted key, and is not that key's signature.
    #[error("a signature that names a trusted key is not that key's")]
    WrongSignature,
}

/// The text of a note without its signatures: what they are of.
#[must_use]
pub fn body_of(note: &str) -> Option<&str> {
    let end = note.rfind("\n\n")?;
    note.get(..=end)
}

impl Checkpoint {
    /// What is signed.
    #[must_use]
    pub fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, crate::hash::to_text(&self.root))
    }

    /// The note, once `signature` over `body` is there. Checks it first: a holder of keys that
    /// signs something else (pre-hashed, another curve) must not reach a reader.
    ///
    /// # Errors
    /// `WrongSignature`, or `Unsigned` for the key of another log.
    pub fn signed(&self, key: &VerifierKey, signature: &[u8; 64]) -> Result<String, NoteError> {
        let body = self.body();
        if key.name() != self.origin.as_str() {
            return Err(NoteError::Unsigned);
        }
        if !key.verifier.verify(body.as_bytes(), signature) {
            return Err(NoteError::WrongSignature);
        }
        let line = Signature::new(key.name().to_owned(), key.verifier.key_id(), signature.to_vec());
        let line = line.map_err(|_| NoteError::NotANote)?.to_bytes();
        String::from_utf8([body.as_bytes(), b"\n", &line].concat()).map_err(|_| NoteError::NotANote)
    }

    /// Reads a note and believes it when one of `trusted` with the origin's own name signed it.
    ///
    /// Lines of unknown keys are passed over, as C2SP asks; a wrong line of a known key is not.
    ///
    /// # Errors
    /// `NoteError`.
    pub fn open(note: &[u8], trusted: &[VerifierKey]) -> Result<Self, NoteError> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(NoteError::NotANote);
        }
        let parsed = Note::from_bytes(note).map_err(|_| NoteError::NotANote)?;
        let checkpoint = Self::of_body(parsed.text())?;
        // A key given twice would be ambiguous, and one under another name than the origin's speaks for another log.
        let mine: BTreeMap<_, _> = trusted
            .iter()
            .filter(|key| key.name() == checkpoint.origin.as_str())
            .map(|key| (key.text.as_str(), Box::new(key.verifier.clone()) as Box<dyn Verifier>))
            .collect();
        match parsed.verify(&VerifierList::new(mine.into_values().collect())) {
            Ok(_) => Ok(checkpoint),
            Err(signed_note::NoteError::UnverifiedNote) => Err(NoteError::Unsigned),
            Err(_) => Err(NoteError::WrongSignature),
        }
    }

    fn of_body(text: &[u8]) -> Result<Self, NoteError> {
        let read = tlog_tiles::Checkpoint::from_bytes(text).map_err(|_| NoteError::NotACheckpoint)?;
        // A body has one spelling: what is written again must be what was read.
        if read.to_bytes() != text || read.size() > SIZE_MAX {
            return Err(NoteError::NotACheckpoint);
        }
        let origin = read.origin().parse().map_err(|_| NoteError::NotACheckpoint)?;
        Ok(Self { origin, size: read.size(), root: *read.hash() })
    }
}

#[cfg(test)]
mod tests;
