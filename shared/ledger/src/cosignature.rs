//! Cosignatures: a witness says that it saw no other history of a log. <https://c2sp.org/tlog-cosignature>

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::VerifyingKey;
use signed_note::{Note, Signature, Verifier, VerifierList};

use crate::note::{NOTE_BYTES_MAX, NoteError, Origin};

/// The kind of signature: an Ed25519 cosignature with a time.
const KIND: u8 = 0x04;
/// Bytes of a key's text.
const KEY_TEXT_BYTES_MAX: usize = 400;
/// Bytes of a signature: seconds since 1970, then Ed25519.
const SIGNATURE_BYTES: usize = 8 + 64;

/// Whose cosignatures count, as `<name>+<hash>+<base64>` of kind 4.
#[derive(Clone, PartialEq, Eq)]
pub struct WitnessKey {
    name: Origin,
    id: u32,
    key: VerifyingKey,
}

/// Not a witness's key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a witness's key (`<name>+<hash>+<base64>` of kind 4): `{0}`")]
pub struct NotAWitnessKey(String);

impl WitnessKey {
    /// The key of the witness called `name`.
    ///
    /// # Errors
    /// When the bytes are no point on the curve.
    pub fn new(name: &Origin, public_key: &[u8; 32]) -> Result<Self, NotAWitnessKey> {
        let key = VerifyingKey::from_bytes(public_key)
            .ok()
            .filter(|key| !key.is_weak())
            .ok_or_else(|| NotAWitnessKey(hex::encode(public_key)))?;
        let id = signed_note::key_id(name.as_str(), &kind_and_key(public_key));
        Ok(Self { name: name.clone(), id, key })
    }

    /// Whose it is.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The raw key, by which two names of one witness are found out.
    #[must_use]
    pub fn public_key(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// The line that says that this witness saw the checkpoint whose body is `body` at `time_s`. Checks `signature`
    /// (of `message`) first: a wrong one must not reach a log.
    ///
    /// # Errors
    /// `WrongSignature`.
    pub fn line(&self, time_s: u64, body: &str, signature: &[u8; 64]) -> Result<String, NoteError> {
        let stamped = [&time_s.to_be_bytes()[..], signature].concat();
        if !self.verify(body.as_bytes(), &stamped) {
            return Err(NoteError::WrongSignature);
        }
        let line = Signature::new(self.name().to_owned(), self.id, stamped);
        let line = line.map_err(|_| NoteError::NotANote)?.to_bytes();
        String::from_utf8(line).map_err(|_| NoteError::NotANote)
    }
}

impl Verifier for WitnessKey {
    fn name(&self) -> &str {
        self.name.as_str()
    }

    fn key_id(&self) -> u32 {
        self.id
    }

    fn verify(&self, body: &[u8], signature: &[u8]) -> bool {
        let Some((time_s, signature)) = stamped(signature) else { return false };
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.key.verify_strict(&message(time_s, body), &signature).is_ok()
    }
}

impl FromStr for WitnessKey {
    type Err = NotAWitnessKey;

    fn from_str(text: &str) -> Result<Self, NotAWitnessKey> {
        let bad = || NotAWitnessKey(text.chars().take(60).collect());
        let parts: Vec<&str> = text.splitn(3, '+').collect();
        let &[name, _, key] = parts.as_slice() else { return Err(bad()) };
        if text.len() > KEY_TEXT_BYTES_MAX {
            return Err(bad());
        }
        let name: Origin = name.parse().map_err(|_| bad())?;
        let bytes = STANDARD.decode(key).map_err(|_| bad())?;
        let Some((&KIND, public_key)) = bytes.split_first() else { return Err(bad()) };
        let public_key = public_key.try_into().map_err(|_| bad())?;
        let read = Self::new(&name, public_key).map_err(|_| bad())?;
        // One spelling, and the hash in it is this name's and key's.
        if read.to_string() == text { Ok(read) } else { Err(bad()) }
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:08x}+{}", self.name, self.id, STANDARD.encode(kind_and_key(self.public_key())))
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WitnessKey({self})")
    }
}

fn kind_and_key(public_key: &[u8; 32]) -> Vec<u8> {
    [&[KIND], public_key.as_slice()].concat()
}

/// What a witness signs at `time_s` for a checkpoint's body, the log's signature not included.
#[must_use]
pub fn message(time_s: u64, body: &[u8]) -> Vec<u8> {
    [format!("cosignature/v1\ntime {time_s}\n").as_bytes(), body].concat()
}

/// The time and the signature of a cosignature; `None` when it has another length or a time beyond 2^63.
fn stamped(signature: &[u8]) -> Option<(u64, &[u8; 64])> {
    let (time, signature) = signature.split_first_chunk::<8>()?;
    let time_s = u64::from_be_bytes(*time);
    let signature = signature.try_into().ok()?;
    (time_s <= i64::MAX as u64).then_some((time_s, signature))
}

/// One cosignature that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// The witness's name.
    pub witness: String,
    /// When it signed, in seconds since 1970, as it says.
    pub time_s: u64,
}

/// Which of `witnesses` cosigned this note, each once. Lines of others are passed over.
///
/// # Errors
/// `WrongSignature` for a line that names one of `witnesses` and is not its cosignature; `NotANote`.
pub fn cosigned(note: &[u8], witnesses: &[WitnessKey]) -> Result<Vec<Cosigned>, NoteError> {
    if note.len() > NOTE_BYTES_MAX {
        return Err(NoteError::NotANote);
    }
    let parsed = Note::from_bytes(note).map_err(|_| NoteError::NotANote)?;
    let known = witnesses.iter().map(|key| Box::new(key.clone()) as Box<dyn Verifier>).collect();
    let lines = match parsed.verify(&VerifierList::new(known)) {
        Ok((checked, _)) => checked,
        Err(signed_note::NoteError::UnverifiedNote) => Vec::new(),
        Err(_) => return Err(NoteError::WrongSignature),
    };
    Ok(lines
        .iter()
        .filter_map(|line| {
            let (time_s, _) = stamped(line.signature())?;
            Some(Cosigned { witness: line.name().to_owned(), time_s })
        })
        .collect())
}

/// The lines of `answer` that are cosignatures of `body` by one of `witnesses`, as they are added to a note.
///
/// # Errors
/// `WrongSignature`, and `NotANote` for what is no list of signature lines.
pub fn lines_of(answer: &[u8], body: &str, witnesses: &[WitnessKey]) -> Result<Vec<String>, NoteError> {
    let text = std::str::from_utf8(answer).map_err(|_| NoteError::NotANote)?;
    if text.len() > NOTE_BYTES_MAX || !text.ends_with('\n') {
        return Err(NoteError::NotANote);
    }
    let mut lines = Vec::new();
    for line in text.lines() {
        let signature = Signature::from_bytes(line.as_bytes()).map_err(|_| NoteError::NotANote)?;
        let key = witnesses.iter().find(|key| key.name() == signature.name() && key.id == signature.id());
        let Some(key) = key else { continue };
        if signature.signature().len() != SIGNATURE_BYTES
            || !key.verify(body.as_bytes(), signature.signature())
        {
            return Err(NoteError::WrongSignature);
        }
        lines.push(format!("{line}\n"));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer, SigningKey};

    use super::*;

    // A log of 600 entries and a witness of the seed 0909…09, accepted by `aics-tlog` 0.2.1.
    const WITNESS: &str = "witness.example/w1+24b5d9fe+BP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY";
    const BODY: &str = "example.com/audit/acme\n600\n6nELmYhcIzZScdG8PTtk0coA1J6rYor7U4TaSpvddD4=\n";
    const LOG_LINE: &str = "— example.com/audit/acme IJDNvjAGYSNzZq4MmK2C1S64motKjkYnsYj3Gwkwg6InEb7Gu6coCo+VRrqKQS/AyGhc15I+O4Jnyw9gAHOz2ppOhQE=\n";
    const LINE: &str = "— witness.example/w1 JLXZ/gAAAABrAU8OsduPcpO8nk/cyZpXQq34rE0C1U9CGrBwmQhbYpvdLuQD+XjJnzS1V/DRisRCu2/+2omhkVWoOmKK6aptj8MKBA==\n";

    fn key() -> WitnessKey {
        WITNESS.parse().expect("a key")
    }

    fn note() -> String {
        format!("{BODY}\n{LOG_LINE}{LINE}")
    }

    #[test]
    fn a_cosignature_that_another_implementation_accepts_is_made_and_read() {
        let seen = cosigned(note().as_bytes(), &[key()]).expect("a note");
        assert_eq!(seen, [Cosigned { witness: "witness.example/w1".to_owned(), time_s: 0x6b01_4f0e }]);
        let signing = SigningKey::from_bytes(&[9; 32]);
        let name: Origin = "witness.example/w1".parse().expect("a name");
        let ours = WitnessKey::new(&name, signing.verifying_key().as_bytes()).expect("a key");
        assert_eq!(ours.to_string(), WITNESS);
        let signature = signing.sign(&message(0x6b01_4f0e, BODY.as_bytes())).to_bytes();
        assert_eq!(ours.line(0x6b01_4f0e, BODY, &signature).as_deref(), Ok(LINE));
        // The time is signed too.
        assert_eq!(ours.line(0x6b01_4f0f, BODY, &signature), Err(NoteError::WrongSignature));
    }

    #[test]
    fn a_witness_counts_once_and_a_stranger_not_at_all() {
        let twice = format!("{}{LINE}", note());
        assert_eq!(cosigned(twice.as_bytes(), &[key()]).map(|seen| seen.len()), Ok(1));
        let stranger = SigningKey::from_bytes(&[8; 32]);
        let name: Origin = "witness.example/w2".parse().expect("a name");
        let other = WitnessKey::new(&name, stranger.verifying_key().as_bytes()).expect("a key");
        assert_eq!(cosigned(note().as_bytes(), &[other]), Ok(Vec::new()));
        let changed = note().replace("\n600\n", "\n601\n");
        assert_eq!(cosigned(changed.as_bytes(), &[key()]), Err(NoteError::WrongSignature));
    }

    #[test]
    fn a_witness_s_answer_is_lines_of_signatures_and_nothing_else() {
        assert_eq!(lines_of(LINE.as_bytes(), BODY, &[key()]), Ok(vec![LINE.to_owned()]));
        assert_eq!(
            lines_of(format!("{LOG_LINE}{LINE}").as_bytes(), BODY, &[key()]),
            Ok(vec![LINE.to_owned()])
        );
        assert_eq!(lines_of(LINE.trim_end().as_bytes(), BODY, &[key()]), Err(NoteError::NotANote));
        assert_eq!(lines_of(b"thanks\n", BODY, &[key()]), Err(NoteError::NotANote));
        assert_eq!(lines_of(LINE.as_bytes(), "other\n1\n\n", &[key()]), Err(NoteError::WrongSignature));
    }

    #[test]
    fn a_key_has_one_spelling_and_its_own_kind() {
        for bad in [
            "",
            "witness.example/w1",
            &WITNESS.replace("24b5d9fe", "24B5D9FE"),
            &WITNESS.replace("24b5d9fe", "24b5d9ff"),
            &WITNESS.replace("w1+", "w2+"),
            &WITNESS.replace("+BP0X", "+Af0X"),
            // A log's key signs something else.
            "example.com/audit/acme+2090cdbe+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs",
            &format!("{WITNESS}="),
        ] {
            assert!(bad.parse::<WitnessKey>().is_err(), "{bad}");
        }
    }
}
