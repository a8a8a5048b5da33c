//! A proof in one text that stands alone. <https://c2sp.org/tlog-proof>

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tlog_tiles::{check_record, record_hash};

use crate::hash::{self, SIZE_MAX};
use crate::note::{Checkpoint, NOTE_BYTES_MAX};

pub use tlog_tiles::Hash;

/// The first line.
const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// Hashes of a proof: a tree of 2^48 entries is 48 high.
pub(crate) const PROOF_HASHES_MAX: usize = 48;
/// Bytes of what an application puts beside the proof.
const EXTRA_BYTES_MAX: usize = 100_000;

/// That an entry is in a log, with the checkpoint that says so.
#[derive(Clone, Debug, PartialEq)]
pub struct TlogProof {
    /// What an application needs to make the entry; nothing vouches for it.
    pub extra: Option<Vec<u8>>,
    /// The entry's place, from 0.
    pub index: u64,
    /// RFC 6962 inclusion proof, nearest sibling first.
    pub hashes: Vec<Hash>,
    /// The signed note.
    pub checkpoint: String,
}

/// Not a proof's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a tlog-proof: {0}")]
pub struct NotATlogProof(&'static str);

impl TlogProof {
    /// Whether `entry` is in the tree of `checkpoint`, which was read from the proof's own note and is believed.
    #[must_use]
    pub fn proves(&self, entry: &[u8], checkpoint: &Checkpoint) -> bool {
        let leaf_hash = record_hash(entry);
        check_record(&self.hashes, checkpoint.size, checkpoint.root, self.index, leaf_hash).is_ok()
    }
}

impl FromStr for TlogProof {
    type Err = NotATlogProof;

    fn from_str(text: &str) -> Result<Self, NotATlogProof> {
        if text.len() > NOTE_BYTES_MAX + 2 * EXTRA_BYTES_MAX {
            return Err(NotATlogProof("too long"));
        }
        let (proof, checkpoint) = text.split_once("\n\n").ok_or(NotATlogProof("no checkpoint in it"))?;
        let mut lines = proof.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(NotATlogProof("another first line"));
        }
        let extra =
            lines.next_if(|line| line.starts_with("extra ")).map(|line| extra(&line[6..])).transpose()?;
        let index = lines.next().and_then(|line| decimal(line.strip_prefix("index ")?));
        let index = index.filter(|index| *index < SIZE_MAX).ok_or(NotATlogProof("no index"))?;
        let mut hashes = Vec::new();
        for line in lines {
            if hashes.len() == PROOF_HASHES_MAX {
                return Err(NotATlogProof("more hashes than a tree is high"));
            }
            hashes.push(hash::from_text(line).ok_or(NotATlogProof("a line that is no hash"))?);
        }
        Ok(Self { extra, index, hashes, checkpoint: checkpoint.to_owned() })
    }
}

fn extra(text: &str) -> Result<Vec<u8>, NotATlogProof> {
    let bad = NotATlogProof("extra data that is not Base64");
    (text.len() <= 2 * EXTRA_BYTES_MAX).then(|| STANDARD.decode(text).map_err(|_| bad)).ok_or(bad)?
}

/// A number as C2SP writes it: no sign, no leading zero.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", hash::to_text(hash))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // Entry 123, `{"i":123}`, of a log of 600 entries; accepted by `aics-tlog` 0.2.1.
    const PROOF: &str = include_str!("../fixtures/entry-123.tlog-proof");
    const KEY: &str = "example.com/audit/acme+2090cdbe+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";

    fn proof() -> TlogProof {
        PROOF.parse().expect("a proof")
    }

    #[test]
    fn a_proof_that_another_implementation_accepts_is_read_and_written() {
        let proof = proof();
        assert_eq!((proof.index, proof.hashes.len(), &proof.extra), (123, 10, &None));
        assert_eq!(proof.to_string(), PROOF);
        let key = KEY.parse().expect("a key");
        let checkpoint = Checkpoint::open(proof.checkpoint.as_bytes(), &[key]).expect("a checkpoint");
        assert!(proof.proves(br#"{"i":123}"#, &checkpoint));
        assert!(!proof.proves(br#"{"i":124}"#, &checkpoint));
        let moved = TlogProof { index: 122, ..proof.clone() };
        assert!(!moved.proves(br#"{"i":123}"#, &checkpoint));
        let extra = TlogProof { extra: Some(b"more".to_vec()), ..proof };
        assert_eq!(extra.to_string().parse(), Ok(extra));
    }

    #[test]
    fn what_is_no_proof_is_refused() {
        for (from, to) in [
            ("@v1", "@v2"),
            ("index 123\n", ""),
            ("index 123", "index 0123"),
            ("index 123", "index +123"),
            ("index 123", "index 281474976710656"),
            ("index 123", "Index 123"),
            ("index 123\n", "index 123\nextra bW9yZQ==\n"),
            ("index 123\n", "extra ?\nindex 123\n"),
            ("sfMg6kyn", "sfMg6ky"),
            ("\n\n", "\n"),
        ] {
            let text = PROOF.replacen(from, to, 1);
            // The blank line before the signatures ends the proof when the first one is gone.
            assert!(text.parse::<TlogProof>().is_err(), "{from:?} -> {to:?}");
        }
        let many = PROOF.replacen(
            "index 123\n",
            &format!("index 123\n{}", format!("{}\n", "A".repeat(43) + "=").repeat(48)),
            1,
        );
        assert!(many.parse::<TlogProof>().is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "(c2sp.org/tlog-proof@v1\n)?(index [0-9]{1,20}\n)?\\PC{0,200}") {
            if let Ok(proof) = text.parse::<TlogProof>() {
                prop_assert_eq!(proof.to_string(), text);
            }
        }
    }
}
