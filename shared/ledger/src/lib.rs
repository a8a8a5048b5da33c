//! The ledger: every event of every tenant once, in one signed log that anybody can check.
//!
//! ```text
//! queue audit ─> worker ─> sequencer (commit, apply, publish) ─> tiles + checkpoint (C2SP)
//! tenant's doors ─> api ─> proofs ─> evidence bundle ─> verify (offline, with a key from elsewhere)
//! ```
//!
//! Tenants share a log: a leaf is the HMAC of an entry under a key of its own, so that tiles tell
//! nobody anything. A tenant that asks for it has a log of its own, whose leaves are entries in clear, for that tenant alone. Entries in
//! clear are records of their tenant, and what they say of a person is sealed under a secret of that person, which can be destroyed.

pub mod alarm;
pub mod anchor;
pub mod api;
pub mod audit;
pub mod bundle;
pub mod compliance;
pub mod conformance;
pub mod cosignature;
pub mod custody;
pub mod entry;
mod erasure;
pub mod facts;
pub mod files;
pub mod hash;
pub mod holds;
pub mod journal;
mod keys;
pub mod log;
pub mod note;
mod payloads;
mod pending;
pub mod policy;
mod proofs;
pub mod read;
mod records;
pub mod retention;
mod search;
pub mod sequencer;
mod subjects;
pub mod tile;
pub mod tlog_proof;
pub mod tree;
pub mod verify;
pub mod witness;
pub mod worker;

#[cfg(test)]
mod invariants;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod vectors;

use scorpius_core::EventSchema;

pub use anchor::{Anchored, Anchorer};
pub use audit::{audit_log, audit_log_of};
pub use bundle::{Bundle, Witnesses};
pub use cosignature::WitnessKey;
pub use entry::Entry;
pub use erasure::{Erased, RECOVERY_S};
pub use holds::Hold;
pub use log::{LogKind, LogName};
pub use note::{Checkpoint, Origin, VerifierKey};
pub use payloads::Payloads;
pub use policy::Policy;
pub use proofs::{ProofDocument, Proofs};
pub use retention::KeepDays;
pub use sequencer::Sequencer;

/// What is emitted: the ledger's administration, and what is wrong with it. Of appending it emits nothing: checkpoints are its record.
#[must_use]
pub fn events() -> Vec<EventSchema> {
    vec![
        EventSchema::of::<alarm::AlarmRaised>(),
        EventSchema::of::<facts::HoldLifted>(),
        EventSchema::of::<facts::HoldPlaced>(),
        EventSchema::of::<facts::OwnLogAsked>(),
        EventSchema::of::<facts::RetentionAdvanced>(),
        EventSchema::of::<facts::SubjectErased>(),
        EventSchema::of::<facts::SubjectForgotten>(),
    ]
}
