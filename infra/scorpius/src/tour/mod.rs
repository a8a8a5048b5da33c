//! The tour: the platform's main job on real input, each step with its result and its proof.
//!
//! It is a customer like any other: everything goes through the HTTP API of a host that is already at work.

mod receiver;
mod steps;
mod witness;

use std::path::PathBuf;

use scorpius_identity::Bootstrap;
use scorpius_ledger::Policy;

pub use receiver::Receiver;
pub use steps::{Tour, TourError};
pub use witness::{OwnWitness, WitnessError};

/// What the tour is given.
pub struct Visit {
    /// `http://127.0.0.1:8480`.
    pub url: String,
    /// An API key of the tour's own, which it revokes at the end.
    pub key: Bootstrap,
    /// The ledger's key and its witnesses, obtained from the host's own folder and not over the API.
    pub policy: Policy,
    /// Where the evidence is written.
    pub folder: PathBuf,
}
