//! Looking on while a transaction runs in a sandbox: which instruction did what.

use alloy_primitives::{Address, Bytes, U256};
use revm::Inspector;
use revm::context::ContextTr;
use revm::interpreter::interpreter_types::{InputsTr, Jumps};
use revm::interpreter::{
    CallInputs, CallOutcome, CallScheme, CallValue, CreateInputs, CreateOutcome, InstructionResult,
    Interpreter,
};

use crate::run::CallKind;

/// Steps between two questions whether to stop.
const STEPS_PER_QUESTION: u64 = 4_096;
/// Things that are remembered of one transaction.
const HAPPENED_MAX: usize = 4_096;
/// Calls inside calls.
const DEPTH_MAX: usize = 64;

const ADD: u8 = 0x01;
const MUL: u8 = 0x02;
const SUB: u8 = 0x03;
const SSTORE: u8 = 0x55;

/// Something that happened, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// Of which contract's code.
    pub code: Address,
    /// In whose storage and name.
    pub contract: Address,
    /// Which instruction.
    pub pc: usize,
    /// What.
    pub done: Done,
}

/// What an instruction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// Called another contract.
    Called {
        /// How.
        kind: CallKind,
        /// Whose code ran.
        to: Address,
        /// Wei that went along.
        value: U256,
        /// Calldata.
        data: Bytes,
        /// Whether it came back without an error.
        ok: bool,
    },
    /// Wrote storage.
    Stored {
        /// Where.
        slot: U256,
        /// What.
        word: U256,
    },
    /// A sum, product or difference that did not fit in 256 bits.
    Wrapped {
        /// ADD, MUL or SUB.
        op: &'static str,
        /// On top of the stack.
        a: U256,
        /// Below.
        b: U256,
        /// What was left.
        result: U256,
    },
    /// Ended itself.
    Destroyed {
        /// Who got the balance.
        beneficiary: Address,
        /// Wei.
        value: U256,
    },
}

struct Frame {
    code: Address,
    contract: Address,
    pc: usize,
    /// How many things had happened when it began.
    began_at: usize,
    /// Where its own call is among them.
    call: Option<usize>,
}

pub(super) struct Look<'a> {
    steps_max: u64,
    stop: &'a dyn Fn() -> bool,
    pub(super) steps: u64,
    cut: bool,
    happened: Vec<Happened>,
    frames: Vec<Frame>,
}

impl<'a> Look<'a> {
    pub(super) fn new(steps_max: u64, stop: &'a dyn Fn() -> bool) -> Self {
        Self { steps_max, stop, steps: 0, cut: false, happened: Vec::new(), frames: Vec::new() }
    }

    pub(super) fn into_happened(self) -> Vec<Happened> {
        self.happened
    }

    fn remember(&mut self, done: Done) {
        let Some(frame) = self.frames.last() else { return };
        if self.happened.len() < HAPPENED_MAX {
            let Frame { code, contract, pc, .. } = *frame;
            self.happened.push(Happened { code, contract, pc, done });
        }
    }

    fn enter(&mut self, code: Address, contract: Address, call: Option<Done>) {
        let at = self.happened.len();
        if let Some(call) = call {
            self.remember(call);
        }
        let call = (self.happened.len() > at).then_some(at);
        self.frames.push(Frame { code, contract, pc: 0, began_at: self.happened.len(), call });
        if self.frames.len() > DEPTH_MAX {
            self.cut = true;
        }
    }

    fn leave(&mut self, went_well: bool) {
        let Some(frame) = self.frames.pop() else { return };
        if !went_well {
            // What happened inside is taken back.
            self.happened.truncate(frame.began_at);
        }
        if let Some(Happened { done: Done::Called { ok, .. }, .. }) =
            frame.call.and_then(|at| self.happened.get_mut(at))
        {
            *ok = went_well;
        }
    }

    fn arithmetic(&mut self, op: u8, a: U256, b: U256) {
        let (name, (result, wrapped)) = match op {
            ADD => ("ADD", a.overflowing_add(b)),
            MUL => ("MUL", a.overflowing_mul(b)),
            _ => ("SUB", a.overflowing_sub(b)),
        };
        if wrapped {
            self.remember(Done::Wrapped { op: name, a, b, result });
        }
    }
}

impl<CTX: ContextTr> Inspector<CTX> for Look<'_> {
    fn step(&mut self, interpreter: &mut Interpreter, _: &mut CTX) {
        self.steps += 1;
        if self.steps > self.steps_max || self.steps.is_multiple_of(STEPS_PER_QUESTION) && (self.stop)() {
            self.cut = true;
        }
        if self.cut {
            interpreter.halt(InstructionResult::OutOfGas);
            return;
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.pc = interpreter.bytecode.pc();
            frame.contract = interpreter.input.target_address();
        }
        let op = interpreter.bytecode.opcode();
        if !matches!(op, ADD | MUL | SUB | SSTORE) {
            return;
        }
        let [.., b, a] = *interpreter.stack.data().as_slice() else { return };
        match op {
            SSTORE => self.remember(Done::Stored { slot: a, word: b }),
            _ => self.arithmetic(op, a, b),
        }
    }

    fn call(&mut self, context: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        let kind = match inputs.scheme {
            CallScheme::Call => CallKind::Call,
            CallScheme::CallCode => CallKind::Callcode,
            CallScheme::DelegateCall => CallKind::Delegatecall,
            CallScheme::StaticCall => CallKind::Staticcall,
        };
        let value = match inputs.value {
            CallValue::Transfer(value) => value,
            CallValue::Apparent(_) => U256::ZERO,
        };
        let data = Bytes::copy_from_slice(&inputs.input.as_bytes(context));
        let (code, contract) = (inputs.bytecode_address, inputs.target_address);
        let call = Done::Called { kind, to: code, value, data, ok: false };
        // The transaction itself is made by nobody's code.
        let call = (!self.frames.is_empty()).then_some(call);
        self.enter(code, contract, call);
        None
    }

    fn call_end(&mut self, _: &mut CTX, _: &CallInputs, outcome: &mut CallOutcome) {
        self.leave(outcome.result.result.is_ok());
    }

    fn create(&mut self, _: &mut CTX, _: &mut CreateInputs) -> Option<CreateOutcome> {
        self.enter(Address::ZERO, Address::ZERO, None);
        None
    }

    fn create_end(&mut self, _: &mut CTX, _: &CreateInputs, outcome: &mut CreateOutcome) {
        self.leave(outcome.result.result.is_ok());
    }

    fn selfdestruct(&mut self, _: Address, beneficiary: Address, value: U256) {
        self.remember(Done::Destroyed { beneficiary, value });
    }
}
