//! Letters to people, by e-mail.

use async_trait::async_trait;

use crate::error::PortError;

/// One letter: plain text to one address.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// `let_…`: a carrier takes each once, as far as it can.
    pub id: String,
    /// The address, in ASCII: one `@`, no space, no control character.
    pub to: String,
    /// One line.
    pub subject: String,
    /// UTF-8, lines ended by `\n`.
    pub text: String,
}

/// Nothing of what a letter says or whom it is to, for logs.
impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Letter({})", self.id)
    }
}

/// Why a letter was not taken.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The carrier will never take it: the address, the sender or the content is refused.
    #[error("the carrier refuses the letter: {0}")]
    Refused(String),
    /// The carrier did not answer, or is busy: the same letter may be taken later.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// The way out for letters. `Ok` means that the carrier has it, not that somebody reads it. Sent again with
/// the same id, a letter goes out once where the carrier remembers ids (a folder does, SES does not: there a
/// crash between sending and remembering sends it twice).
#[async_trait]
pub trait Mail: Send + Sync {
    /// Hands over one letter.
    async fn send(&self, letter: &Letter) -> Result<(), MailError>;
}
