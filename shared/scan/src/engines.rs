//! What reads contracts, chosen by whoever puts a program together: doors link neither a parser nor an EVM.

use crate::engine::{Budget, Report};
use crate::source::SourceEngine;

/// Bytes and a budget in, a report out.
pub type BytecodeEngine = fn(&[u8], Budget) -> Report;

/// One for each kind of input.
#[derive(Clone, Copy, Debug)]
pub struct Engines {
    /// For runtime bytecode.
    pub bytecode: BytecodeEngine,
    /// For Solidity.
    pub solidity: SourceEngine,
}
