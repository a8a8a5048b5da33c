//! A folder of anchors, read by whoever does not trust the server.

use super::{Anchor, NO_ANCHOR, NotAnAnchor};
use crate::hash::sha256_hex;
use crate::note::{Checkpoint, NoteError};
use crate::policy::Policy;

/// Anchors that follow each other, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct AnchorChain {
    /// What they anchor, in their order.
    pub checkpoints: Vec<Checkpoint>,
    /// When the first was put, as it says itself.
    pub from: String,
    /// When the last was put, as it says itself.
    pub to: String,
}

/// Why anchors are no chain.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NotAChain {
    /// There is none.
    #[error("no anchor was given")]
    Empty,
    /// A file is none.
    #[error("`{file}` is not an anchor")]
    NotAnAnchor {
        /// Which.
        file: String,
        /// Why.
        source: NotAnAnchor,
    },
    /// One is missing, or twice there, or under another's name.
    #[error("anchor {expected} is missing, and {found} is in its place")]
    Gap {
        /// Its number.
        expected: u64,
        /// The one in its place.
        found: u64,
    },
    /// It names another as the one before: one of them was made later.
    #[error("anchor {0} does not name the one before it")]
    NotLinked(u64),
    /// Nobody who is believed has signed it.
    #[error("the checkpoint of anchor {number} cannot be believed")]
    Note {
        /// Its number.
        number: u64,
        /// Why.
        source: NoteError,
    },
    /// The log has fewer entries than before.
    #[error("anchor {0} has fewer entries than the one before it")]
    Shrinks(u64),
}

impl AnchorChain {
    /// Reads anchors, each with its file's name, in the order of their names. They may begin anywhere, and have no gap.
    ///
    /// # Errors
    /// `NotAChain`, at the first thing that is wrong.
    pub fn read(files: &[(String, Vec<u8>)], policy: &Policy) -> Result<Self, NotAChain> {
        let mut chain = Self { checkpoints: Vec::new(), from: String::new(), to: String::new() };
        let mut before: Option<(u64, String)> = None;
        for (file, bytes) in files {
            let anchor = Anchor::parse(bytes)
                .map_err(|source| NotAChain::NotAnAnchor { file: file.clone(), source })?;
            let number = anchor.number;
            let expected = before.as_ref().map_or(number, |(before, _)| before + 1);
            if number != expected || *file != Anchor::file(number) {
                return Err(NotAChain::Gap { expected, found: number });
            }
            let linked = match &before {
                Some((_, sha256)) => anchor.previous == *sha256,
                None => (number == 1) == (anchor.previous == NO_ANCHOR),
            };
            if !linked {
                return Err(NotAChain::NotLinked(number));
            }
            let believed = policy.open(anchor.checkpoint.as_bytes());
            let checkpoint = believed.map_err(|source| NotAChain::Note { number, source })?.checkpoint;
            if chain.checkpoints.last().is_some_and(|last| last.size >= checkpoint.size) {
                return Err(NotAChain::Shrinks(number));
            }
            if before.is_none() {
                chain.from.clone_from(&anchor.anchored_at);
            }
            chain.to = anchor.anchored_at;
            chain.checkpoints.push(checkpoint);
            before = Some((number, sha256_hex(bytes)));
        }
        match before {
            Some(_) => Ok(chain),
            None => Err(NotAChain::Empty),
        }
    }
}
