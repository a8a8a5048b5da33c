//! What is sealed for a tenant, and letters to its people.
//!
//! ```text
//! a change ──┐
//!            ├─ one commit ─> letter_requested ─> mailer ─> Mail
//! its letter ┘  (sealed)
//! ```
//!
//! A tenant's data key seals addresses, names, secrets of second factors, and letters until they are sent. It is one
//! record, wrapped by `Keys`: without it everything that it sealed is noise.

pub mod data_key;
pub mod facts;
mod letter;
pub mod worker;

use scorpius_core::EventSchema;

pub use data_key::{DataKey, DataKeyError, DataKeys};
pub use facts::LetterKind;
pub use letter::{Draft, LETTER_LIFE_S, posting};

/// Every type of event of this crate.
#[must_use]
pub fn events() -> Vec<EventSchema> {
    vec![EventSchema::of::<facts::LetterRequested>(), EventSchema::of::<facts::LetterSent>()]
}
