//! Carries events from the outbox to whoever wants them, and to the ledger.
//!
//! ```text
//! outbox row ─> bus (queues that subscribed) ─> claim: rows deleted, batch recorded ─> queue `audit` ─> forgotten
//! ```
//!
//! Each arrow may be walked again after a crash: an event is published at least once, and is a
//! member of exactly one recorded batch, which is sent at least once.

pub mod api;
mod relay;
mod sweep;

pub use relay::{Relay, RelayError, Relayed};
pub use sweep::Swept;

/// The events that the operator's doors emit.
#[must_use]
pub fn events() -> Vec<scorpius_core::EventSchema> {
    vec![scorpius_core::EventSchema::of::<api::RedriveRequested>()]
}
