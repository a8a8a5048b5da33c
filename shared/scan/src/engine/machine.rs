//! Runs one basic block on symbolic words.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use alloy_primitives::U256;

use super::code::Code;
use super::expr::{Arena, Expr, Id};
use super::memory::{Memory, Place};
use super::opcode::{self, Op};
use super::taint::Taint;

/// Words on a stack; the EVM's own limit.
const STACK_MAX: usize = 1024;
/// Words of a copy that are followed one by one.
const COPY_WORDS_MAX: u64 = 8;
/// The same for a copy whose length is not known.
const COPY_WORDS_GUESSED: u64 = 4;
/// Bytes of a hashed or passed range whose length is not known.
const RANGE_GUESSED: u64 = 512;

/// What one path knows before a block.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) pc: usize,
    pub(crate) stack: Vec<Id>,
    pub(crate) memory: Memory,
    /// The function that the path is in; `None` before one was chosen, and in the fallback.
    pub(crate) selector: Option<u32>,
    /// Numbers of the guards that the path has passed, rising.
    pub(crate) guards: Vec<u32>,
    /// Whether a condition on storage, other than a guard, lies on the path.
    pub(crate) conditioned: bool,
    /// What the last call answered.
    pub(crate) answer: Option<Id>,
    /// Where words come from that were stored at places which differ from path to path.
    pub(crate) loose: Taint,
}

impl State {
    pub(crate) fn start() -> Self {
        Self {
            pc: 0,
            stack: Vec::new(),
            memory: Memory::default(),
            selector: None,
            guards: Vec::new(),
            conditioned: false,
            answer: None,
            loose: Taint::NONE,
        }
    }
}

/// How a block ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Exit {
    /// `STOP`, `RETURN`, `SELFDESTRUCT`: what was done stays done.
    Kept,
    /// `REVERT` or an error: what was done is undone.
    Undone,
    /// Goes on there.
    Falls(usize),
    /// `JUMP` at `pc`.
    Jump { pc: usize, target: Id },
    /// `JUMPI` at `pc`.
    Branch { pc: usize, target: Id, condition: Id, falls: usize },
}

/// What a block does to the world.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// The contract ends itself.
    SelfDestruct { pc: usize, beneficiary: Id },
    /// Foreign code runs in this contract's storage: `DELEGATECALL` or `CALLCODE`.
    Delegate { pc: usize, op: Op, target: Id },
    /// `SSTORE`.
    Write { pc: usize, slot: Id, value: Id },
    /// Another contract is called, in whatever way.
    Call(Rc<CallMade>),
    /// An event.
    Log,
    /// Transient storage is written.
    Lock,
    /// A contract is made, with this ether.
    Create { value: Id },
}

/// A call to another contract.
#[derive(Clone, Debug)]
pub(crate) struct CallMade {
    pub(crate) pc: usize,
    pub(crate) op: Op,
    pub(crate) gas: Id,
    pub(crate) target: Id,
    /// The ether that goes along; `None` where the instruction sends none.
    pub(crate) value: Option<Id>,
    /// The function that is called, where the input begins with a constant.
    pub(crate) selector: Option<u32>,
    /// The known words of the input after the selector, by their place.
    pub(crate) arguments: Vec<(u64, Id)>,
    pub(crate) answer: Id,
}

/// Runs blocks of one contract.
pub(crate) struct Machine<'a> {
    pub(crate) code: &'a Code<'a>,
    pub(crate) arena: Arena,
    pub(crate) effects: Vec<Effect>,
    /// Instructions run.
    pub(crate) steps: u64,
    /// Where each sum, difference and product was first made.
    pub(crate) made_at: HashMap<Id, usize>,
    /// Calls after which somebody looks whether they succeeded.
    pub(crate) looked_at: BTreeSet<usize>,
    /// For words merged from several: the calls whose success is among them.
    pub(crate) merged_successes: HashMap<Id, BTreeSet<usize>>,
}

/// The path ends here: too few words on the stack, too many, or no such instruction.
struct Fault;

impl<'a> Machine<'a> {
    pub(crate) fn new(code: &'a Code<'a>) -> Self {
        Self {
            code,
            arena: Arena::new(),
            effects: Vec::new(),
            steps: 0,
            made_at: HashMap::new(),
            looked_at: BTreeSet::new(),
            merged_successes: HashMap::new(),
        }
    }
}

impl Machine<'_> {
    /// Runs from `state.pc` to the end of the block; `state` is what is known there.
    pub(crate) fn run(&mut self, state: &mut State) -> Exit {
        self.effects.clear();
        let start = state.pc;
        loop {
            self.steps += 1;
            let pc = state.pc;
            let instruction = self.code.at(pc);
            if instruction.op == opcode::JUMPDEST && pc != start {
                return Exit::Falls(pc);
            }
            match self.step(state, instruction.op) {
                Ok(None) => state.pc = instruction.next,
                Ok(Some(exit)) => return exit,
                Err(Fault) => return Exit::Undone,
            }
        }
    }

    fn step(&mut self, state: &mut State, op: Op) -> Result<Option<Exit>, Fault> {
        let (taken, given) = opcode::arity(op).ok_or(Fault)?;
        if state.stack.len() < taken || state.stack.len() - taken + given > STACK_MAX {
            return Err(Fault);
        }
        match op {
            opcode::PUSH0..=opcode::PUSH32 => {
                let word = self.code.pushed(state.pc);
                let id = self.arena.constant(word);
                state.stack.push(id);
            }
            opcode::DUP1..=opcode::DUP16 => {
                let copied = *state.stack.get(state.stack.len() - taken).ok_or(Fault)?;
                state.stack.push(copied);
            }
            opcode::SWAP1..=opcode::SWAP16 => {
                let top = state.stack.len() - 1;
                state.stack.swap(top, top + 1 - taken);
            }
            opcode::STOP => return Ok(Some(Exit::Kept)),
            opcode::JUMPDEST => {}
            _ => {
                let arguments: Vec<Id> = state.stack.drain(state.stack.len() - taken..).rev().collect();
                return self.apply(state, op, &arguments);
            }
        }
        Ok(None)
    }

    /// `arguments` in the order that they are popped.
    fn apply(&mut self, state: &mut State, op: Op, arguments: &[Id]) -> Result<Option<Exit>, Fault> {
        let pc = state.pc;
        match *arguments {
            [target] if op == opcode::JUMP => return Ok(Some(Exit::Jump { pc, target })),
            [target, condition] if op == opcode::JUMPI => {
                self.look_at(condition);
                return Ok(Some(Exit::Branch { pc, target, condition, falls: pc + 1 }));
            }
            [_, _] if op == opcode::RETURN => return Ok(Some(Exit::Kept)),
            [_, _] if op == opcode::REVERT => return Ok(Some(Exit::Undone)),
            [beneficiary] if op == opcode::SELFDESTRUCT => {
                self.effects.push(Effect::SelfDestruct { pc, beneficiary });
                return Ok(Some(Exit::Kept));
            }
            [slot, value] if op == opcode::SSTORE => {
                self.look_at(value);
                self.effects.push(Effect::Write { pc, slot, value });
            }
            [gas, target, ref value @ .., input, input_bytes, output, output_bytes] if is_call(op) => {
                let value = value.first().copied();
                let call = Call { op, gas, target, value, input, input_bytes, output, output_bytes };
                self.call(state, &call);
            }
            _ => match self.value(state, op, arguments) {
                Some(word) => state.stack.push(word),
                None => self.other(state, op, arguments),
            },
        }
        Ok(None)
    }

    /// The word that an instruction leaves on the stack, if it leaves one.
    fn value(&mut self, state: &State, op: Op, arguments: &[Id]) -> Option<Id> {
        let pc = state.pc;
        let arena = &mut self.arena;
        let word = match (op, arguments) {
            (opcode::PC, _) => arena.number(pc as u64),
            (opcode::CODESIZE, _) => arena.number(self.code.bytes().len() as u64),
            (opcode::CREATE | opcode::CREATE2, &[value, ..]) => {
                self.effects.push(Effect::Create { value });
                arena.unknown(pc, Taint::CHAIN)
            }
            (opcode::CALLDATALOAD, &[at]) => arena.call_data(at),
            (opcode::SLOAD, &[slot]) => arena.storage(slot),
            (opcode::TLOAD, &[slot]) => arena.transient(slot),
            (opcode::MLOAD, &[at]) => self.load(state, at),
            (opcode::KECCAK256, &[from, length]) => self.hash(state, from, length),
            // Before any call there is nothing returned: the cheapest zero of hand-written code.
            (opcode::RETURNDATASIZE, _) if state.answer.is_none() => arena.number(0),
            (_, &[]) => arena.env(op),
            (opcode::POP, _) => return None,
            (_, &[a]) => arena.op1(op, a),
            (opcode::MSTORE | opcode::MSTORE8 | opcode::TSTORE | opcode::LOG0, _) => return None,
            (opcode::ADD | opcode::SUB | opcode::MUL, &[a, b]) => {
                let word = arena.op2(op, a, b);
                self.made_at.entry(word).or_insert(pc);
                word
            }
            (_, &[a, b]) => arena.op2(op, a, b),
            (0x08 | 0x09, &[a, b, c]) => arena.op3(op, a, b, c),
            _ => return None,
        };
        Some(word)
    }

    fn other(&mut self, state: &mut State, op: Op, arguments: &[Id]) {
        match (op, arguments) {
            (opcode::MSTORE, &[at, word]) => {
                self.look_at(word);
                let place = self.arena.place(at);
                self.loosen(state, place, word);
                if let Some(place) = place {
                    state.memory.store(place, word);
                }
            }
            (opcode::MSTORE8, &[at, _]) => {
                if let Some((base, at)) = self.arena.place(at) {
                    state.memory.clear((base, at.saturating_sub(31)), 32);
                }
            }
            (
                opcode::CALLDATACOPY | opcode::CODECOPY | opcode::RETURNDATACOPY | opcode::MCOPY,
                &[to, from, length],
            ) => {
                self.copy(state, op, to, from, length);
            }
            (opcode::EXTCODECOPY, &[_, to, from, length]) => self.copy(state, op, to, from, length),
            (opcode::LOG0..=opcode::LOG4, _) => {
                self.effects.push(Effect::Log);
            }
            (opcode::TSTORE, _) => self.effects.push(Effect::Lock),
            _ => {}
        }
    }

    fn load(&mut self, state: &State, at: Id) -> Id {
        let place = self.arena.place(at);
        if let Some(word) = place.and_then(|place| state.memory.load(place)) {
            return word;
        }
        // Early Vyper stores the call's data at 28 and reads at 0: the selector, shifted into place.
        if place == Some((None, 0))
            && let Some(word) = state.memory.load((None, 28))
        {
            let bits = self.arena.number(224);
            return self.arena.op2(opcode::SHR, bits, word);
        }
        self.arena.unknown(state.pc, Taint::MEMORY | state.loose)
    }

    /// Remembers what a store puts where it may not be found again.
    fn loosen(&self, state: &mut State, place: Option<Place>, word: Id) {
        let is_fixed = place.is_some_and(|(base, _)| {
            base.is_none_or(|base| {
                !matches!(self.arena.expr(base), Expr::Merge { .. } | Expr::Unknown { .. })
            })
        });
        if !is_fixed {
            state.loose |= self.arena.taint(word).only(Taint::CHOSEN);
        }
    }

    fn hash(&mut self, state: &State, from: Id, length: Id) -> Id {
        let Some(place) = self.arena.place(from) else {
            return self.arena.unknown(state.pc, Taint::MEMORY);
        };
        let length = self.arena.as_u64(length);
        let mut words: Vec<Id> =
            state.memory.range(place, length.unwrap_or(RANGE_GUESSED)).map(|(_, word)| word).collect();
        if length.is_none_or(|length| (words.len() as u64) < length / 32) {
            words.push(self.arena.unknown(state.pc, Taint::MEMORY));
        }
        self.arena.hash(words)
    }

    fn copy(&mut self, state: &mut State, op: Op, to: Id, from: Id, length: Id) {
        let Some((base, at)) = self.arena.place(to) else { return };
        let length = self.arena.as_u64(length);
        let words = length.map_or(COPY_WORDS_GUESSED, |length| length.div_ceil(32).min(COPY_WORDS_MAX));
        let source = self.arena.place(from);
        let copied: Vec<Option<Id>> =
            (0..words).map(|index| self.copied(state, op, from, source, index * 32)).collect();
        state.memory.clear((base, at), length.unwrap_or(words * 32));
        for (index, word) in (0..).zip(copied) {
            if let Some(word) = word {
                self.loosen(state, Some((base, at)), word);
                state.memory.store((base, at.saturating_add(index * 32)), word);
            }
        }
    }

    fn copied(&mut self, state: &State, op: Op, from: Id, source: Option<Place>, ahead: u64) -> Option<Id> {
        match op {
            opcode::CALLDATACOPY => {
                let ahead = self.arena.number(ahead);
                let at = self.arena.op2(opcode::ADD, ahead, from);
                Some(self.arena.call_data(at))
            }
            opcode::CODECOPY => {
                let at = usize::try_from(self.arena.as_u64(from)?.saturating_add(ahead)).ok()?;
                let bytes = self.code.bytes().get(at..at.checked_add(32)?)?;
                Some(self.arena.constant(U256::try_from_be_slice(bytes)?))
            }
            opcode::RETURNDATACOPY => state.answer,
            opcode::MCOPY => {
                let (base, at) = source?;
                state.memory.load((base, at.saturating_add(ahead)))
            }
            _ => None,
        }
    }
}

fn is_call(op: Op) -> bool {
    matches!(op, opcode::CALL | opcode::CALLCODE | opcode::DELEGATECALL | opcode::STATICCALL)
}

struct Call {
    op: Op,
    gas: Id,
    target: Id,
    value: Option<Id>,
    input: Id,
    input_bytes: Id,
    output: Id,
    output_bytes: Id,
}

/// Questions whose answer is no permission although they name the caller:
/// ERC-20 `balanceOf`, `allowance`, `transfer`, `transferFrom`.
const NO_PERMISSION: [u32; 4] = [0x70a0_8231, 0xdd62_ed3e, 0xa905_9cbb, 0x23b8_72dd];

impl Machine<'_> {
    fn call(&mut self, state: &mut State, call: &Call) {
        let pc = state.pc;
        if matches!(call.op, opcode::DELEGATECALL | opcode::CALLCODE) {
            self.effects.push(Effect::Delegate { pc, op: call.op, target: call.target });
        }
        let taint = self.answer_taint(state, call);
        let answer = self.arena.answer(pc, call.target, taint);
        self.made(state, call, answer);
        if let Some((base, at)) = self.arena.place(call.output) {
            let length = self.arena.as_u64(call.output_bytes);
            let words = length.map_or(1, |length| length.div_ceil(32).min(COPY_WORDS_MAX));
            for index in 0..words {
                state.memory.store((base, at.saturating_add(index * 32)), answer);
            }
        }
        state.answer = Some(answer);
        let success = self.arena.success(pc);
        state.stack.push(success);
    }

    fn made(&mut self, state: &State, call: &Call, answer: Id) {
        let length = self.arena.as_u64(call.input_bytes).unwrap_or(RANGE_GUESSED);
        let place = self.arena.place(call.input);
        let known: Vec<(u64, Id)> =
            place.into_iter().flat_map(|place| state.memory.range(place, length)).collect();
        let selector = place
            .and_then(|place| state.memory.head(place))
            .and_then(|word| self.arena.as_const(word))
            .and_then(|word| u32::try_from(word >> 224_usize).ok());
        let arguments = match selector {
            Some(_) => known.iter().filter(|(at, _)| *at >= 4).map(|&(at, word)| (at - 4, word)).collect(),
            None => known,
        };
        self.effects.push(Effect::Call(Rc::new(CallMade {
            pc: state.pc,
            op: call.op,
            gas: call.gas,
            target: call.target,
            value: call.value,
            selector,
            arguments,
            answer,
        })));
    }

    /// Somebody acts upon `word`: calls whose success is in it are looked at.
    pub(crate) fn look_at(&mut self, word: Id) {
        if self.arena.taint(word).has(Taint::SUCCESS) {
            let calls = self.successes(word);
            self.looked_at.extend(calls);
        }
    }

    /// The calls whose success is in `word`.
    pub(crate) fn successes(&self, word: Id) -> BTreeSet<usize> {
        let mut calls = BTreeSet::new();
        let mut open = vec![word];
        let mut seen = 0;
        while let Some(part) = open.pop() {
            seen += 1;
            if seen > 200 || !self.arena.taint(part).has(Taint::SUCCESS) {
                continue;
            }
            match self.arena.expr(part) {
                Expr::Success { pc } => _ = calls.insert(*pc),
                Expr::Merge { .. } => {
                    calls.extend(self.merged_successes.get(&part).into_iter().flatten());
                }
                _ => open.extend(self.arena.parts(part)),
            }
        }
        calls
    }

    fn answer_taint(&self, state: &State, call: &Call) -> Taint {
        let place = self.arena.place(call.input);
        let length = self.arena.as_u64(call.input_bytes).unwrap_or(RANGE_GUESSED);
        let passed = |taint: Taint, word: Id| taint | self.arena.taint(word);
        let first = place.and_then(|place| state.memory.head(place));
        let mut known = place.into_iter().flat_map(|place| state.memory.range(place, length)).peekable();
        let input = match known.peek() {
            Some(_) => known.fold(Taint::NONE, |taint, (_, word)| passed(taint, word)),
            // Nothing is known of the input itself: whatever lies in memory may be in it.
            None => state.memory.all().fold(Taint::NONE, passed),
        };
        // Contracts 1 to 0x11 are part of the EVM.
        if let Some(precompile @ 1..=0x11) = self.arena.as_u64(call.target) {
            return if precompile == 1 { Taint::SIGNER } else { input | Taint::CHAIN };
        }
        let target = self.arena.taint(call.target);
        if target.has(Taint::CHOSEN) {
            return Taint::ANSWER | target.only(Taint::CHOSEN);
        }
        let asked = first.and_then(|word| self.arena.as_const(word)).map(|word| word >> 224);
        let no_permission =
            asked.is_some_and(|asked| NO_PERMISSION.iter().any(|&known| asked == U256::from(known)));
        match input.has(Taint::CALLER | Taint::ORIGIN) && !no_permission {
            true => Taint::ANSWER | Taint::AUTHORITY,
            false => Taint::ANSWER,
        }
    }
}
