//! What reads contracts, chosen by whoever puts a program together: doors link neither a parser nor an EVM.

use crate::engine::query::DetectorSet;
use crate::engine::{Budget, Report};
use crate::source::SourceEngine;

/// Bytes, a budget and detectors besides the platform's in, a report out.
pub type BytecodeEngine = fn(&[u8], Budget, &DetectorSet) -> Report;

/// One for each kind of input.
#[derive(Clone, Copy, Debug)]
pub struct Engines {
    /// For runtime bytecode.
    pub bytecode: BytecodeEngine,
    /// For Solidity.
    pub solidity: SourceEngine,
}
