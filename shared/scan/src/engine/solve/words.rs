//! Words of a call: what an expression is for an input, and which input makes it something else.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};

use alloy_primitives::{U256, keccak256};

use super::input::{ARGUMENTS, Input};
use super::{Wanted, World};
use crate::engine::expr::{Arena, Expr, Id};
use crate::engine::opcode::{
    self, ADD, ADDRESS, AND, BALANCE, BLOCKHASH, BYTE, CALLDATASIZE, CALLVALUE, DIV, EQ, EXP, ISZERO, LT,
    MOD, MUL, NOT, OR, Op, SELFBALANCE, SHL, SHR, SIGNEXTEND, SLT, SUB, XOR,
};

/// Nesting of an expression that is looked through.
const DEPTH_MAX: usize = 120;
/// Nesting through which a wish is handed down.
const WISH_DEPTH_MAX: usize = 24;
/// Expressions that one call's words may take.
const STEPS_MAX: u64 = 40_000;
/// Words of storage that are wished for.
const WANTED_MAX: usize = 6;
/// Where arrays begin that nothing decides: behind the arguments, counted from the first.
const ARRAYS_AT: u64 = 32 * ARGUMENTS as u64;
/// A place in calldata or memory is below this, in what compilers check.
const PLACE_BITS: usize = 32;

/// One call that is being chosen.
pub(super) struct Solver<'a> {
    arena: &'a Arena,
    world: &'a dyn World,
    pub(super) input: Input,
    /// Storage that may be decided as well; `None` if it may not.
    pub(super) seeds: Option<BTreeMap<U256, U256>>,
    pub(super) wanted: Vec<Wanted>,
    /// What is known to have been hashed.
    hashed: RefCell<BTreeMap<U256, Vec<U256>>>,
    known: RefCell<HashMap<Id, Option<U256>>>,
    steps_left: Cell<u64>,
}

impl<'a> Solver<'a> {
    pub(super) fn new(arena: &'a Arena, world: &'a dyn World, input: Input) -> Self {
        Self {
            arena,
            world,
            input,
            seeds: None,
            wanted: Vec::new(),
            hashed: RefCell::default(),
            known: RefCell::default(),
            steps_left: Cell::new(STEPS_MAX),
        }
    }

    /// Takes over what an earlier call is known to have hashed.
    pub(super) fn knows(&mut self, hashed: &BTreeMap<U256, Vec<U256>>) {
        self.hashed.get_mut().extend(hashed.clone());
    }

    fn step(&self) -> bool {
        let left = self.steps_left.get();
        self.steps_left.set(left.saturating_sub(1));
        left > 0
    }

    /// The word for this input; `None` where it depends on what was not followed.
    pub(super) fn word(&self, id: Id) -> Option<U256> {
        self.word_at(id, DEPTH_MAX)
    }

    fn word_at(&self, id: Id, depth: usize) -> Option<U256> {
        if let Expr::Const(word) = self.arena.expr(id) {
            return Some(*word);
        }
        if let Some(known) = self.known.borrow().get(&id) {
            return *known;
        }
        if depth == 0 || !self.step() {
            return None;
        }
        let word = self.computed(id, depth - 1);
        self.known.borrow_mut().insert(id, word);
        word
    }

    fn computed(&self, id: Id, depth: usize) -> Option<U256> {
        let word = |id: Id| self.word_at(id, depth);
        match self.arena.expr(id) {
            Expr::Const(known) => Some(*known),
            Expr::Env(CALLVALUE) => Some(self.input.value()),
            Expr::Env(CALLDATASIZE) => Some(U256::from(self.input.size())),
            // What goes along is the contract's by then.
            Expr::Env(SELFBALANCE) => {
                Some(self.world.environment(SELFBALANCE)?.wrapping_add(self.input.value()))
            }
            Expr::Env(op) => self.world.environment(*op),
            Expr::Selector => Some(self.input.word(U256::ZERO) >> 224_usize),
            Expr::CallData(at) => word(*at).map(|at| self.input.word(at)),
            Expr::Storage(slot) => word(*slot).map(|slot| self.stored(slot)),
            Expr::Transient(_) => Some(U256::ZERO),
            Expr::Hash(words) => {
                let words: Vec<U256> = words.iter().map(|&part| word(part)).collect::<Option<_>>()?;
                let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes::<32>()).collect();
                let hash = U256::from_be_bytes(keccak256(bytes).0);
                self.hashed.borrow_mut().insert(hash, words);
                Some(hash)
            }
            Expr::Op(BALANCE, [of, ..]) => word(*of).map(|of| self.balance(of)),
            Expr::Op(BLOCKHASH, [of, ..]) => word(*of).map(|of| self.world.block_hash(of)),
            Expr::Op(0x3b, [of, ..]) => word(*of).map(|of| self.world.code_size(of)),
            Expr::Op(ISZERO, [a, ..]) => word(*a).map(|a| truth(a.is_zero())),
            Expr::Op(NOT, [a, ..]) => word(*a).map(|a| !a),
            Expr::Op(0x08, [a, b, c]) => Some(word(*a)?.add_mod(word(*b)?, word(*c)?)),
            Expr::Op(0x09, [a, b, c]) => Some(word(*a)?.mul_mod(word(*b)?, word(*c)?)),
            Expr::Op(..) => {
                let (op, a, b) = self.arena.operands(id)?;
                computed(op, word(a)?, word(b)?)
            }
            Expr::Answer { .. } | Expr::Success { .. } | Expr::Merge { .. } | Expr::Unknown { .. } => None,
        }
    }

    fn balance(&self, of: U256) -> U256 {
        let own = self.world.environment(ADDRESS) == Some(of);
        self.world.balance(of).wrapping_add(if own { self.input.value() } else { U256::ZERO })
    }

    fn stored(&self, slot: U256) -> U256 {
        let seeded = self.seeds.as_ref().and_then(|seeds| seeds.get(&slot).copied());
        seeded.unwrap_or_else(|| self.world.storage(slot))
    }

    /// Whether `change` could be made; if not, nothing is changed but what is wished for.
    fn attempt(&mut self, change: impl FnOnce(&mut Self) -> bool) -> bool {
        let (input, seeds) = (self.input.clone(), self.seeds.clone());
        let done = change(self);
        if !done {
            (self.input, self.seeds) = (input, seeds);
        }
        self.known.get_mut().clear();
        done
    }

    /// Makes a condition hold, or not. What cannot be told is taken to be as wished.
    pub(super) fn make(&mut self, condition: Id, holds: bool) -> bool {
        self.make_at(condition, holds, WISH_DEPTH_MAX)
    }

    fn make_at(&mut self, id: Id, holds: bool, depth: usize) -> bool {
        match self.word(id) {
            Some(word) if word.is_zero() != holds => return true,
            None => return true,
            Some(_) if depth == 0 => return false,
            Some(_) => {}
        }
        let before = self.wanted.len();
        let depth = depth - 1;
        if let Expr::Op(ISZERO, [inner, ..]) = *self.arena.expr(id) {
            return self.make_at(inner, !holds, depth);
        }
        let Some((op, a, b)) = self.arena.operands(id) else {
            return self.set_at(id, truth(holds), depth);
        };
        let done = match (op, holds) {
            (EQ, true) | (SUB | XOR, false) => self.make_equal(a, b, depth),
            (EQ, false) | (SUB | XOR, true) => self.make_different(a, b, depth),
            (LT | SLT, true) => self.make_less(a, b, depth),
            (LT | SLT, false) => self.make_no_less(a, b, depth),
            (AND, true) if self.arena.is_boolean(a) || self.arena.is_boolean(b) => {
                self.attempt(|it| it.make_at(a, true, depth) && it.make_at(b, true, depth))
            }
            (OR, false) => self.attempt(|it| it.make_at(a, false, depth) && it.make_at(b, false, depth)),
            (OR, true) => {
                self.attempt(|it| it.make_at(a, true, depth)) || self.attempt(|it| it.make_at(b, true, depth))
            }
            _ => self.set_at(id, truth(holds), depth),
        };
        if done {
            self.wanted.truncate(before);
        }
        done
    }

    fn make_equal(&mut self, a: Id, b: Id, depth: usize) -> bool {
        let (left, right) = (self.word(a), self.word(b));
        right.is_some_and(|word| self.attempt(|it| it.set_at(a, word, depth)))
            || left.is_some_and(|word| self.attempt(|it| it.set_at(b, word, depth)))
    }

    fn make_different(&mut self, a: Id, b: Id, depth: usize) -> bool {
        let (left, right) = (self.word(a), self.word(b));
        let other = |word: U256| if word.is_zero() { U256::ONE } else { U256::ZERO };
        right.is_some_and(|word| self.attempt(|it| it.set_at(a, other(word), depth)))
            || left.is_some_and(|word| self.attempt(|it| it.set_at(b, other(word), depth)))
    }

    fn make_less(&mut self, a: Id, b: Id, depth: usize) -> bool {
        let (Some(left), Some(right)) = (self.word(a), self.word(b)) else { return true };
        let below = right.saturating_sub(U256::ONE);
        self.attempt(|it| !right.is_zero() && it.set_at(a, below, depth))
            || self.attempt(|it| !right.is_zero() && it.set_at(a, U256::ZERO, depth))
            || self.attempt(|it| left != U256::MAX && it.set_at(b, left + U256::ONE, depth))
            || self.attempt(|it| it.set_at(b, U256::MAX, depth))
    }

    fn make_no_less(&mut self, a: Id, b: Id, depth: usize) -> bool {
        let (Some(left), Some(right)) = (self.word(a), self.word(b)) else { return true };
        let is_place = self.arena.as_const(a).is_some() && left.bit_len() >= PLACE_BITS;
        self.attempt(|it| is_place && it.set_at(b, U256::from(ARRAYS_AT), depth))
            || self.attempt(|it| it.set_at(a, right, depth))
            || self.attempt(|it| it.set_at(b, left, depth))
    }

    /// Makes an expression this word.
    pub(super) fn set(&mut self, id: Id, word: U256) -> bool {
        self.attempt(|it| it.set_at(id, word, WISH_DEPTH_MAX))
    }

    fn set_at(&mut self, id: Id, want: U256, depth: usize) -> bool {
        let now = self.word(id);
        if now == Some(want) {
            return true;
        }
        if depth == 0 {
            return false;
        }
        let depth = depth - 1;
        let done = match self.arena.expr(id).clone() {
            Expr::Env(CALLVALUE) => self.input.set_value(want),
            Expr::Env(CALLDATASIZE) => self.input.set_size(want),
            Expr::CallData(at) => match self.word(at) {
                Some(at) => self.input.set_word(at, want),
                None => false,
            },
            Expr::Storage(slot) => self.set_storage(slot, want),
            Expr::Hash(parts) => {
                let words = self.hashed.borrow().get(&want).cloned();
                match words {
                    Some(words) if words.len() == parts.len() => {
                        parts.iter().zip(words).all(|(&part, word)| self.set_at(part, word, depth))
                    }
                    _ => false,
                }
            }
            Expr::Op(ISZERO, [inner, ..]) if want <= U256::ONE => self.make_at(inner, want.is_zero(), depth),
            Expr::Op(NOT, [inner, ..]) => self.set_at(inner, !want, depth),
            _ => match self.arena.operands(id) {
                Some((op, a, b)) => self.set_op(op, a, b, want, depth),
                None => false,
            },
        };
        self.known.get_mut().clear();
        done
    }

    fn set_storage(&mut self, slot: Id, want: U256) -> bool {
        let Some(slot) = self.word(slot) else { return false };
        if let Some(seeds) = &mut self.seeds {
            seeds.insert(slot, want);
            return true;
        }
        if self.wanted.len() < WANTED_MAX
            && !self.wanted.iter().any(|wanted| (wanted.slot, wanted.word) == (slot, want))
        {
            let hashed = self.hashed.borrow().clone();
            self.wanted.push(Wanted { slot, word: want, hashed });
        }
        false
    }

    fn set_op(&mut self, op: Op, a: Id, b: Id, want: U256, depth: usize) -> bool {
        let (left, right) = (self.word(a), self.word(b));
        let mut one = |id: Id, word: Option<U256>| {
            word.is_some_and(|word| self.attempt(|it| it.set_at(id, word, depth)))
        };
        match op {
            LT | SLT | EQ if want <= U256::ONE => {
                let holds = !want.is_zero();
                match op {
                    EQ if holds => self.make_equal(a, b, depth),
                    EQ => self.make_different(a, b, depth),
                    _ if holds => self.make_less(a, b, depth),
                    _ => self.make_no_less(a, b, depth),
                }
            }
            ADD => {
                one(b, left.map(|left| want.wrapping_sub(left)))
                    || one(a, right.map(|right| want.wrapping_sub(right)))
            }
            SUB => {
                one(a, right.map(|right| want.wrapping_add(right)))
                    || one(b, left.map(|left| left.wrapping_sub(want)))
            }
            XOR => one(b, left.map(|left| left ^ want)) || one(a, right.map(|right| right ^ want)),
            MUL => {
                let quotient =
                    |by: U256| want.checked_rem(by).filter(|rest| rest.is_zero()).and(want.checked_div(by));
                one(b, left.and_then(quotient)) || one(a, right.and_then(quotient))
            }
            DIV => {
                let product = |by: U256| want.checked_mul(by).filter(|_| !by.is_zero());
                one(a, right.and_then(product))
            }
            MOD => one(a, right.filter(|&by| want < by).and(Some(want))),
            // Bits that the mask lets through; the others stay.
            AND => {
                let through = |mask: U256, now: Option<U256>| {
                    (want & !mask).is_zero().then(|| now.unwrap_or_default() & !mask | want)
                };
                one(b, left.and_then(|mask| through(mask, right)))
                    || one(a, right.and_then(|mask| through(mask, left)))
            }
            OR => {
                let rest = |there: U256| (there & !want).is_zero().then_some(want & !there);
                one(b, left.and_then(rest)) || one(a, right.and_then(rest))
            }
            SHR => {
                let bits = left.and_then(|bits| usize::try_from(bits).ok()).filter(|&bits| bits < 256);
                let moved = bits.map(|bits| (want << bits, right.unwrap_or_default() & low(bits)));
                one(b, moved.map(|(high, low)| high | low))
            }
            SHL => {
                let bits = left.and_then(|bits| usize::try_from(bits).ok()).filter(|&bits| bits < 256);
                one(b, bits.map(|bits| want >> bits))
            }
            SIGNEXTEND => one(b, Some(want)),
            _ => false,
        }
    }
}

fn low(bits: usize) -> U256 {
    (U256::ONE << bits) - U256::ONE
}

fn truth(truth: bool) -> U256 {
    U256::from(u8::from(truth))
}

/// An instruction of two words that are known, as the EVM has it.
fn computed(op: Op, a: U256, b: U256) -> Option<U256> {
    let shift = |by: U256| usize::try_from(by).ok().filter(|&bits| bits < 256);
    let negative = |word: U256| word.bit(255);
    let word = match op {
        ADD => a.wrapping_add(b),
        SUB => a.wrapping_sub(b),
        MUL => a.wrapping_mul(b),
        DIV => a.checked_div(b).unwrap_or_default(),
        MOD => a.checked_rem(b).unwrap_or_default(),
        EXP => a.wrapping_pow(b),
        LT => truth(a < b),
        EQ => truth(a == b),
        SLT => truth(if negative(a) == negative(b) { a < b } else { negative(a) }),
        AND => a & b,
        OR => a | b,
        XOR => a ^ b,
        SHL => shift(a).map_or(U256::ZERO, |bits| b << bits),
        SHR => shift(a).map_or(U256::ZERO, |bits| b >> bits),
        BYTE => shift(a).filter(|&at| at < 32).map_or(U256::ZERO, |at| U256::from(b.byte(31 - at))),
        SIGNEXTEND => match shift(a).filter(|&at| at < 31) {
            Some(at) if b.bit(8 * at + 7) => b | !low(8 * at + 8),
            Some(at) => b & low(8 * at + 8),
            None => b,
        },
        opcode::SAR => match (shift(a), negative(b)) {
            (Some(bits), true) => !(!b >> bits),
            (Some(bits), false) => b >> bits,
            (None, true) => U256::MAX,
            (None, false) => U256::ZERO,
        },
        _ => return None,
    };
    Some(word)
}
