//! The body of `add-checkpoint`.

use std::fmt;
use std::str::FromStr;

use tlog_tiles::Hash;

use crate::hash;
use crate::note::NOTE_BYTES_MAX;
use crate::tlog_proof::decimal;

/// Proof lines that a client may send.
const PROOF_LINES_MAX: usize = 63;

/// A checkpoint for a witness, and the proof that it continues the one that the witness saw last.
#[derive(Clone, Debug, PartialEq)]
pub struct AddCheckpoint {
    /// Entries of the tree that the witness cosigned last, as far as the client knows.
    pub old: u64,
    /// RFC 6962 consistency proof from there.
    pub proof: Vec<Hash>,
    /// The signed note.
    pub note: String,
}

/// Not a body of `add-checkpoint`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an add-checkpoint request: {0}")]
pub struct NotAddCheckpoint(&'static str);

impl FromStr for AddCheckpoint {
    type Err = NotAddCheckpoint;

    fn from_str(text: &str) -> Result<Self, NotAddCheckpoint> {
        let (head, note) = text.split_once("\n\n").ok_or(NotAddCheckpoint("no checkpoint in it"))?;
        if note.len() > NOTE_BYTES_MAX {
            return Err(NotAddCheckpoint("the checkpoint is too long"));
        }
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| decimal(line.strip_prefix("old ")?));
        let old = old.ok_or(NotAddCheckpoint("the first line is not `old` and a size"))?;
        let mut proof = Vec::new();
        for line in lines {
            if proof.len() == PROOF_LINES_MAX {
                return Err(NotAddCheckpoint("more than 63 proof lines"));
            }
            proof.push(hash::from_text(line).ok_or(NotAddCheckpoint("a proof line that is no hash"))?);
        }
        Ok(Self { old, proof, note: note.to_owned() })
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        for hash in &self.proof {
            writeln!(f, "{}", hash::to_text(hash))?;
        }
        write!(f, "\n{}", self.note)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_is_lines_in_the_specification_s_order() {
        let request =
            AddCheckpoint { old: 7, proof: vec![Hash([1; 32])], note: "o\n9\nr\n\n— o s\n".to_owned() };
        let text = request.to_string();
        assert!(text.starts_with("old 7\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n\no\n9\n"), "{text}");
        assert_eq!(text.parse(), Ok(request));
        assert_eq!("old 0\n\nx".parse::<AddCheckpoint>().map(|request| request.old), Ok(0));
        let many = format!("old 1\n{}\nx", format!("{}\n", hash::to_text(&Hash([0; 32]))).repeat(64));
        for bad in [
            "",
            "old 1\n",
            "old 01\n\nx",
            "old -1\n\nx",
            "new 1\n\nx",
            "old 1\nAA==\n\nx",
            "old 1\r\n\nx",
            &many,
        ] {
            assert!(bad.parse::<AddCheckpoint>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "(old [0-9]{1,21}\n)?\\PC{0,100}(\n\n)?\\PC{0,100}") {
            if let Ok(request) = text.parse::<AddCheckpoint>() {
                prop_assert_eq!(request.to_string(), text);
            }
        }
    }
}
