//! What code looks like, without following it: fingerprints of the whole and of each function, and counts of instructions.
//!
//! ```text
//! code ─> sweep ─┬─> instructions without their data ─> print of the whole
//!                └─> dispatcher ─> selectors ─> what each can reach ─> print of each function
//! ```
//!
//! A print has the instructions alone: constants, addresses, places of jumps and the compiler's metadata change nothing. So
//! copies of code that were deployed with other owners and names have the same print.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::engine::Skeleton;

/// Shorter code has no print: proxies and empty shells are all alike.
pub const WHOLE_INSTRUCTIONS_MIN: usize = 200;
/// A function that reaches less has no print: getters, and the checks before every function, are all alike.
pub const FUNCTION_INSTRUCTIONS_MIN: usize = 120;
/// Functions that are looked at.
pub const FUNCTIONS_MAX: usize = 256;
/// Blocks that one function may reach; 128 KiB of code have at most this many that matter.
const BLOCKS_MAX: usize = 4_096;
/// Bytes of a print: no two pieces of code are found that share one by chance.
const PRINT_BYTES: usize = 16;

/// SHA-256 of a piece of code's instructions, its first 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Print(pub [u8; PRINT_BYTES]);

/// What code looks like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    /// Instructions before the metadata.
    pub instructions: usize,
    /// Of the whole; `None` for code below `WHOLE_INSTRUCTIONS_MIN`.
    pub whole: Option<Print>,
    /// Selectors of the dispatcher, each with the print of what it can reach, if that is enough.
    pub functions: BTreeMap<u32, Option<Print>>,
    /// How often each instruction is there.
    counts: BTreeMap<u8, usize>,
}

impl Sketch {
    /// Of runtime code. What is over the scanner's limit of bytes is not looked at.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let skeleton = Skeleton::of(bytes);
        let mut counts = BTreeMap::new();
        for step in &skeleton.steps {
            *counts.entry(step.op).or_default() += 1;
        }
        let all = skeleton.steps.iter().map(|step| step.op);
        let whole = print(all, skeleton.steps.len(), WHOLE_INSTRUCTIONS_MIN, "whole");
        let entries = skeleton.entries();
        let functions = entries.into_iter().take(FUNCTIONS_MAX);
        let functions = functions.map(|(selector, entry)| (selector, function(&skeleton, entry))).collect();
        Self { instructions: skeleton.steps.len(), whole, functions, counts }
    }

    /// How often `op` is there.
    #[must_use]
    pub fn count(&self, op: u8) -> usize {
        self.counts.get(&op).copied().unwrap_or_default()
    }

    /// Every print with its function's selector; `None` is the whole.
    pub fn prints(&self) -> impl Iterator<Item = (Option<u32>, Print)> {
        let whole = self.whole.map(|print| (None, print));
        let functions = &self.functions;
        whole
            .into_iter()
            .chain(functions.iter().filter_map(|(selector, print)| Some((Some(*selector), (*print)?))))
    }
}

/// Of what `entry` can reach: blocks in the order in which they are found, so that places do not matter. A destination is
/// whatever is pushed and is one, which counts the places that inner functions return to.
fn function(skeleton: &Skeleton, entry: usize) -> Option<Print> {
    let mut seen = BTreeSet::new();
    let mut next = vec![entry];
    let mut ops = Vec::new();
    while let Some(block) = next.pop() {
        if seen.len() >= BLOCKS_MAX || !seen.insert(block) {
            continue;
        }
        let mut found = Vec::new();
        for (index, step) in skeleton.steps.iter().enumerate().skip(block) {
            // Another block begins here, and is reached by falling through.
            if index != block && step.is_jumpdest() {
                found.push(index);
                break;
            }
            ops.push(step.op);
            found.extend(step.destination);
            if step.ends_block() {
                break;
            }
        }
        // The first that was found is looked at first.
        next.extend(found.into_iter().rev());
    }
    let length = ops.len();
    print(ops.into_iter(), length, FUNCTION_INSTRUCTIONS_MIN, "function")
}

/// `what` keeps a function's print from being a whole's.
fn print(ops: impl Iterator<Item = u8>, length: usize, min: usize, what: &str) -> Option<Print> {
    if length < min {
        return None;
    }
    let mut hash = Sha256::new();
    hash.update(what);
    hash.update([0]);
    for op in ops {
        hash.update([op]);
    }
    let mut print = [0; PRINT_BYTES];
    for (to, from) in print.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    Some(Print(print))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A dispatcher of `selectors` whose functions do `body` that many times.
    fn contract(selectors: &[(u32, usize)], constant: u8) -> Vec<u8> {
        let mut code = vec![0x60, 0x00, 0x35, 0x60, 0xe0, 0x1c];
        let head = code.len() + selectors.len() * 11 + 1;
        let mut place = head;
        for (selector, times) in selectors {
            code.extend([0x80, 0x63]);
            code.extend(selector.to_be_bytes());
            code.extend([0x14, 0x61]);
            code.extend(u16::try_from(place).expect("small").to_be_bytes());
            code.push(0x57);
            place += 2 + times * 5;
        }
        code.push(0x00);
        for (_, times) in selectors {
            code.push(0x5b);
            for _ in 0..*times {
                code.extend([0x60, constant, 0x60, 0x01, 0x55]);
            }
            code.push(0x00);
        }
        code
    }

    #[test]
    fn constants_names_and_places_change_no_print() {
        let one = Sketch::of(&contract(&[(0xa905_9cbb, 60), (0x1122_3344, 70)], 7));
        let two = Sketch::of(&contract(&[(0xa905_9cbb, 60), (0x5566_7788, 70)], 9));
        assert_eq!(one.whole, two.whole);
        assert!(one.whole.is_some());
        assert_eq!(one.functions[&0x1122_3344], two.functions[&0x5566_7788]);
        // Alone in another contract the function is the same.
        let alone = Sketch::of(&contract(&[(1, 70)], 1));
        assert_eq!(alone.functions[&1], one.functions[&0x1122_3344]);
        assert_ne!(one.functions[&0xa905_9cbb], one.functions[&0x1122_3344]);
    }

    #[test]
    fn what_is_short_has_no_print() {
        let short = Sketch::of(&contract(&[(1, 30)], 1));
        assert_eq!((short.whole, short.functions[&1]), (None, None));
        // A whole of little more than its prefix, the same in every contract.
        let minimal = [0x36, 0x3d, 0x3d, 0x37, 0x3d, 0x3d, 0x3d, 0x36, 0x3d, 0x73];
        let minimal = [&minimal[..], &[0x11; 20], &[0x5a, 0xf4, 0x3d, 0x82, 0x80]].concat();
        assert_eq!(Sketch::of(&minimal).prints().count(), 0);
        assert_eq!(Sketch::of(&[]), Sketch::default());
    }

    #[test]
    fn a_long_beginning_in_common_is_no_match() {
        let (mut one, mut two) = (contract(&[(1, 90)], 1), contract(&[(1, 90)], 1));
        one.extend([0x5b, 0x33, 0x55]);
        two.extend([0x5b, 0x32, 0x55]);
        assert_ne!(Sketch::of(&one).whole, Sketch::of(&two).whole);
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_sketch(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let sketch = Sketch::of(&bytes);
            prop_assert!(sketch.functions.len() <= FUNCTIONS_MAX && sketch.instructions <= bytes.len());
        }
    }
}
