//! The protocol between a log and its witnesses, both ends. <https://c2sp.org/tlog-witness>
//!
//! ```text
//! log: checkpoint + proof from the last cosigned size ─ POST add-checkpoint ─> witness: same history? ─> cosignature
//! ```

mod client;
mod request;
mod server;

pub use client::{Asked, WitnessClient};
pub use request::{AddCheckpoint, NotAddCheckpoint};
pub use server::{Answer, Witness, WitnessError};
