//! What reads contracts, chosen by whoever puts a program together: doors link neither a parser nor an EVM.

use std::sync::Arc;

use crate::engine::query::DetectorSet;
use crate::engine::{Budget, Report, Run};
use crate::source::SourceEngine;

/// Bytes, a budget and detectors besides the platform's in, a report out; `run` is told how far it is, and may stop it.
pub type BytecodeEngine = fn(bytes: &[u8], budget: Budget, set: &DetectorSet, run: &Arc<Run>) -> Report;

/// One for each kind of input.
#[derive(Clone, Copy, Debug)]
pub struct Engines {
    /// For runtime bytecode.
    pub bytecode: BytecodeEngine,
    /// For Solidity.
    pub solidity: SourceEngine,
}
