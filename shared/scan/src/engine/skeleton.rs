//! Instructions without what they push, as far as it is no place to jump to.

use std::collections::BTreeMap;

use super::CODE_BYTES_MAX;
use super::code::Code;
use super::opcode::{EQ, JUMP, JUMPDEST, JUMPI, PUSH0, PUSH32, RETURN, REVERT, SELFDESTRUCT, STOP};

/// `PUSH4`, which the dispatcher compares a selector by.
const PUSH4: u8 = 0x63;
const INVALID: u8 = 0xfe;
/// Instructions between a selector and the jump to its function.
const DISPATCH_STEPS_MAX: usize = 4;

/// One instruction.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Its code.
    pub op: u8,
    /// Of a `PUSH` of a place of a `JUMPDEST`: which instruction that is.
    pub destination: Option<usize>,
    /// Of a `PUSH4`: what it pushes.
    selector: Option<u32>,
}

impl Step {
    /// Whether a jump may lead here.
    #[must_use]
    pub fn is_jumpdest(&self) -> bool {
        self.op == JUMPDEST
    }

    /// Whether what follows is not reached from here.
    #[must_use]
    pub fn ends_block(&self) -> bool {
        matches!(self.op, STOP | JUMP | RETURN | REVERT | INVALID | SELFDESTRUCT)
    }
}

/// The instructions before the metadata, in their order.
#[derive(Clone, Debug)]
pub struct Skeleton {
    /// All of them.
    pub steps: Vec<Step>,
}

impl Skeleton {
    /// Of `bytes`, up to `CODE_BYTES_MAX`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let code = Code::new(bytes.get(..CODE_BYTES_MAX).unwrap_or(bytes));
        let sweep: Vec<_> = code.sweep().collect();
        let number: BTreeMap<_, _> = sweep.iter().enumerate().map(|(index, (pc, _))| (*pc, index)).collect();
        let steps = sweep.iter().map(|&(pc, op)| {
            let pushed = (PUSH0..=PUSH32).contains(&op).then(|| code.pushed(pc));
            let destination = pushed.and_then(|word| number.get(&code.jumpdest(&word)?).copied());
            let selector = pushed.filter(|_| op == PUSH4).and_then(|word| u32::try_from(word).ok());
            Step { op, destination, selector }
        });
        Self { steps: steps.collect() }
    }

    /// Where the dispatcher sends each selector: `PUSH4 … EQ PUSH place JUMPI`, as solc writes it.
    #[must_use]
    pub fn entries(&self) -> BTreeMap<u32, usize> {
        let mut entries = BTreeMap::new();
        for (index, step) in self.steps.iter().enumerate() {
            let Some(selector) = step.selector else { continue };
            let after: Vec<_> = self.steps.iter().skip(index + 1).take(DISPATCH_STEPS_MAX).collect();
            let is_compared = after.iter().any(|step| step.op == EQ);
            let jump = after.windows(2).find_map(|pair| match pair {
                [push, jump] if jump.op == JUMPI => push.destination,
                _ => None,
            });
            if let (true, Some(place)) = (is_compared, jump) {
                entries.entry(selector).or_insert(place);
            }
        }
        entries
    }
}
