//! A contract's code: which bytes are instructions, and where its metadata starts.

use std::panic::{AssertUnwindSafe, catch_unwind};

use alloy_primitives::U256;
use evmole::{CborValue, ContractInfoArgs, contract_info};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::opcode::{self, JUMPDEST, Op};

/// Runtime code, disassembled.
pub(crate) struct Code<'a> {
    bytes: &'a [u8],
    jumpdests: Vec<bool>,
    /// Where the compiler's metadata starts; the code's length when there is none.
    end: usize,
    compiler: Option<String>,
}

/// What the bytes are, before anything is concluded from them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shape {
    /// SHA-256 of all bytes.
    pub code_sha256: String,
    /// SHA-256 without the compiler's metadata: equal for equal code compiled from different files.
    pub instructions_sha256: String,
    /// All bytes.
    pub size_bytes: usize,
    /// Bytes of metadata at the end.
    pub metadata_bytes: usize,
    /// What the metadata says of the compiler, such as `solc 0.8.26`.
    pub compiler: Option<String>,
    /// Instructions before the metadata, counted from the start in one sweep.
    pub instructions: usize,
}

/// One instruction.
#[derive(Clone, Copy)]
pub(crate) struct Instruction {
    pub(crate) op: Op,
    pub(crate) next: usize,
}

impl<'a> Code<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let mut jumpdests = vec![false; bytes.len()];
        let mut pc = 0;
        while let Some(&op) = bytes.get(pc) {
            if op == JUMPDEST
                && let Some(mark) = jumpdests.get_mut(pc)
            {
                *mark = true;
            }
            pc += 1 + opcode::immediate_bytes(op);
        }
        let (end, compiler) = metadata(bytes).unwrap_or((bytes.len(), None));
        Self { bytes, jumpdests, end, compiler }
    }

    /// The instruction at `pc`; past the end is `STOP`, as the EVM has it.
    pub(crate) fn at(&self, pc: usize) -> Instruction {
        let op = self.bytes.get(pc).copied().unwrap_or(opcode::STOP);
        Instruction { op, next: pc.saturating_add(1 + opcode::immediate_bytes(op)) }
    }

    /// The word that the `PUSH` at `pc` puts on the stack; bytes past the end are 0.
    pub(crate) fn pushed(&self, pc: usize) -> U256 {
        let length = opcode::immediate_bytes(self.at(pc).op);
        let mut word = [0; 32];
        for (place, at) in word[32 - length..].iter_mut().zip(pc + 1..) {
            *place = self.bytes.get(at).copied().unwrap_or(0);
        }
        U256::from_be_bytes(word)
    }

    /// `word` as the place of a `JUMPDEST` instruction.
    pub(crate) fn jumpdest(&self, word: &U256) -> Option<usize> {
        let pc = usize::try_from(*word).ok()?;
        self.jumpdests.get(pc).copied().unwrap_or(false).then_some(pc)
    }

    /// Whether an instruction before the metadata is one of `wanted`.
    pub(crate) fn has_any(&self, wanted: &[Op]) -> bool {
        self.sweep().any(|(_, op)| wanted.contains(&op))
    }

    /// Whether the compiler checks sums by itself, as `solc` does from 0.8 on: it then panics with code 0x11.
    pub(crate) fn checks_arithmetic(&self) -> bool {
        const PANIC: [u8; 4] = [0x4e, 0x48, 0x7b, 0x71];
        let instructions = self.bytes.get(..self.end).unwrap_or_default();
        instructions.windows(4).any(|window| window == PANIC)
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) fn shape(&self) -> Shape {
        let instructions = self.bytes.get(..self.end).unwrap_or_default();
        Shape {
            code_sha256: hex::encode(Sha256::digest(self.bytes)),
            instructions_sha256: hex::encode(Sha256::digest(instructions)),
            size_bytes: self.bytes.len(),
            metadata_bytes: self.bytes.len() - instructions.len(),
            compiler: self.compiler.clone(),
            instructions: self.sweep().count(),
        }
    }

    pub(crate) fn sweep(&self) -> impl Iterator<Item = (usize, Op)> {
        let mut pc = 0;
        std::iter::from_fn(move || {
            let op = (pc < self.end).then(|| self.bytes.get(pc).copied()).flatten()?;
            let here = pc;
            pc += 1 + opcode::immediate_bytes(op);
            Some((here, op))
        })
    }
}

/// Where the instructions of `bytes` end and the compiler's metadata starts, or the code itself ends.
pub(crate) fn instructions_end(bytes: &[u8]) -> usize {
    metadata(bytes).map_or(bytes.len(), |(end, _)| end)
}

/// The program counter of each instruction before the metadata, in one sweep from the start.
pub(crate) fn instruction_places(bytes: &[u8]) -> Vec<usize> {
    Code::new(bytes).sweep().map(|(pc, _)| pc).collect()
}

/// Where terminal CBOR metadata starts, and the compiler that it names.
fn metadata(bytes: &[u8]) -> Option<(usize, Option<String>)> {
    // evmole makes no promise about arbitrary bytes.
    let read = || contract_info(ContractInfoArgs::new(bytes).with_metadata()).metadata;
    let found = catch_unwind(AssertUnwindSafe(read)).ok().flatten()?;
    // Two bytes of length follow the map. A lone empty map is rather an accident of code than metadata.
    if found.entries.is_empty() {
        return None;
    }
    let compiler = found.entries.iter().find_map(|entry| match (entry.key.as_str(), &entry.value) {
        ("solc" | "vyper", CborValue::Bytes(version)) => match version.as_slice() {
            [major, minor, patch] => Some(format!("{} {major}.{minor}.{patch}", entry.key)),
            _ => None,
        },
        ("solc" | "vyper", CborValue::String(version)) => {
            let version: String = version.chars().filter(|c| c.is_ascii_graphic()).take(60).collect();
            Some(format!("{} {version}", entry.key))
        }
        _ => None,
    });
    Some((found.bytecode_offset, compiler))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn push_data_is_no_jump_destination() {
        // PUSH2 0x5b5b JUMPDEST
        let code = Code::new(&[0x61, 0x5b, 0x5b, 0x5b]);
        assert_eq!(code.jumpdest(&U256::from(1)), None);
        assert_eq!(code.jumpdest(&U256::from(3)), Some(3));
        assert_eq!(code.jumpdest(&U256::MAX), None);
    }

    #[test]
    fn a_push_past_the_end_reads_zeroes() {
        let code = Code::new(&[0x61, 0xff]);
        assert_eq!(code.pushed(0), U256::from(0xff00));
        assert_eq!(code.at(9).op, opcode::STOP);
    }

    #[test]
    fn metadata_is_told_from_instructions() {
        // STOP, then {"solc": h'00081a'} and its length.
        let code = [&[0x00], &b"\xa1\x64solc\x43\x00\x08\x1a"[..], &[0x00, 0x0a]].concat();
        let shape = Code::new(&code).shape();
        assert_eq!(shape.compiler.as_deref(), Some("solc 0.8.26"));
        assert_eq!((shape.instructions, shape.metadata_bytes), (1, 12));
        assert!(Code::new(&code).has_any(&[opcode::STOP]));
        assert!(!Code::new(&code).has_any(&[0x64]));
    }
}
