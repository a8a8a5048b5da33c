//! People: tenants and their users, from the invitation to the sign-in, and what they prove who they are with.
//!
//! ```text
//! invitation ─letter─> register ──> Login (password, codes, passkeys)
//!                                     │
//! address ─> Guesses (counted first) ─┴─> proof ─> may_issue ─> session
//! ```
//!
//! From outside, an address that is nobody's looks like one that is somebody's: the same bytes, the same work.

pub mod api;
mod breached;
mod challenge;
mod common;
mod device;
mod email;
pub mod facts;
mod guess;
mod invitation;
mod letters;
mod login;
mod passkey;
mod password;
mod pending;
mod pepper;
mod person;
mod recovery;
pub mod totp;
mod webauthn;

use scorpius_core::EventSchema;

pub use breached::{BreachedPasswords, NoAnswer, PasswordCheck};
pub use email::{Email, NotAnEmail};
pub use password::{Cost, Hasher, Password, Unfit};

/// Every type of event of this crate, letters included.
#[must_use]
pub fn events() -> Vec<EventSchema> {
    let mut events = vec![
        EventSchema::of::<facts::UserInvited>(),
        EventSchema::of::<facts::InvitationRevoked>(),
        EventSchema::of::<facts::UserJoined>(),
        EventSchema::of::<facts::EmailVerified>(),
        EventSchema::of::<facts::UserChanged>(),
        EventSchema::of::<facts::UserErased>(),
        EventSchema::of::<facts::SignInFailed>(),
        EventSchema::of::<facts::PasswordResetRequested>(),
        EventSchema::of::<facts::PasswordChanged>(),
        EventSchema::of::<facts::FactorAdded>(),
        EventSchema::of::<facts::FactorRemoved>(),
        EventSchema::of::<facts::RecoveryCodesMade>(),
        EventSchema::of::<facts::RecoveryCodeUsed>(),
        EventSchema::of::<facts::SecondFactorAsked>(),
        EventSchema::of::<facts::PasskeyCloned>(),
        EventSchema::of::<facts::TenantCreated>(),
        EventSchema::of::<facts::TenantStatusChanged>(),
        EventSchema::of::<facts::TenantExported>(),
    ];
    events.extend(scorpius_letter::events());
    events
}
