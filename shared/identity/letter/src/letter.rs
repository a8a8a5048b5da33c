//! A letter as it waits: sealed, beside the event that has it sent.

use scorpius_core::{
    Actor, Attributes, Clock, Condition, Event, Key, Letter, StoreError, TenantId, Write, new_id,
};
use serde::{Deserialize, Serialize};

use crate::data_key::{DataKey, DataKeyError};
use crate::facts::{LetterKind, LetterRequested};

/// How long a letter waits for its carrier. What was not sent in a day is of no use any more.
pub const LETTER_LIFE_S: u64 = 86_400;

/// A letter to be written.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What it is about.
    pub kind: LetterKind,
    /// The address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
}

/// A letter as stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) kind: LetterKind,
    /// `Body`, sealed; empty once it is sent.
    pub(crate) sealed: String,
    pub(crate) sent: bool,
}

#[derive(Serialize, Deserialize)]
struct Body {
    to: String,
    subject: String,
    text: String,
}

impl Waiting {
    pub(crate) fn at(tenant: &TenantId, id: &str) -> Key {
        Key::new(format!("{tenant}#letter"), id)
    }

    pub(crate) fn open(&self, id: &str, key: &DataKey) -> Result<Letter, DataKeyError> {
        let json = key.open_text(id, &self.sealed)?;
        // Sealed by us and bound to this letter: a body of another shape cannot come about.
        let Body { to, subject, text } = serde_json::from_str(&json)
            .map_err(|error| StoreError::Port(scorpius_core::PortError::new("store", error)))?;
        Ok(Letter { id: id.to_owned(), to, subject, text })
    }
}

/// The two writes by which `draft` is sent: the sealed letter, and the event that asks for it. They belong into
/// the commit of the change that the letter is about.
///
/// # Panics
/// Never: a letter is three texts.
#[must_use]
pub fn posting(
    draft: Draft,
    tenant: &TenantId,
    key: &DataKey,
    actor: &Actor,
    clock: &dyn Clock,
) -> [Write; 2] {
    let id = new_id("let", clock);
    let Draft { kind, to, subject, text } = draft;
    let json = serde_json::to_string(&Body { to, subject, text }).expect("three texts");
    let waiting = Waiting { kind, sealed: key.seal(&id, json.as_bytes(), clock), sent: false };
    let fact = LetterRequested { letter_id: id.clone(), kind };
    [
        Write::Put {
            key: Waiting::at(tenant, &id),
            attributes: Attributes::document(&waiting),
            expires_at: Some(clock.now().plus_s(LETTER_LIFE_S)),
            condition: Condition::Absent,
        },
        Write::emit(Event::of(&fact, &id, 1, tenant, actor, clock)),
    ]
}
