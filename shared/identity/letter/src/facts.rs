//! What letters tell the rest of the platform. No address and no line of a letter is in it.

use schemars::JsonSchema;
use scorpius_core::Fact;
use serde::{Deserialize, Serialize};

/// What a letter is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LetterKind {
    /// Somebody is invited to a tenant.
    Invitation,
    /// An address is to be confirmed.
    EmailCheck,
    /// The address of an account is another one now; to the old address.
    EmailChanged,
    /// A password can be set anew.
    PasswordReset,
    /// The password is another one now.
    PasswordChanged,
    /// A second factor was added or removed, or a recovery code was used.
    FactorChanged,
    /// A sign-in from a program that was not seen before.
    NewDevice,
}

/// A letter is to be sent. Aggregate: the letter; sequence 1.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct LetterRequested {
    /// `let_…`.
    pub letter_id: String,
    /// What it is about.
    pub kind: LetterKind,
}

impl Fact for LetterRequested {
    const TYPE: &'static str = "scorpius.identity.letter_requested.v1";
    const MEANING: &'static str = "A person is to get a letter about their account.";
}

/// A letter was taken by the carrier. Aggregate: the letter; sequence 2.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct LetterSent {
    /// `let_…`.
    pub letter_id: String,
    /// What it is about.
    pub kind: LetterKind,
}

impl Fact for LetterSent {
    const TYPE: &'static str = "scorpius.identity.letter_sent.v1";
    const MEANING: &'static str = "The carrier took a letter; its text is not kept here any more.";
}
