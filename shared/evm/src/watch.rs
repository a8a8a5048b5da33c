//! Looking on while a transaction runs: its calls, and its limits.

use alloy_primitives::{Address, U256};
use revm::Inspector;
use revm::context::{ContextTr, JournalTr};
use revm::interpreter::{
    CallInputs, CallOutcome, CallScheme, CallValue, CreateInputs, CreateOutcome, CreateScheme,
    InstructionResult, Interpreter,
};

use crate::run::{Call, CallKind};
use crate::simulate::{Cut, Limits};

/// Steps between two questions whether to stop.
const STEPS_PER_QUESTION: u64 = 4_096;

/// What is seen, and what is let through.
pub(crate) struct Watch<'a> {
    limits: &'a Limits,
    stop: &'a dyn Fn() -> bool,
    /// Who calls at the top, where that is not who signed.
    calls_as: Option<Address>,
    pub(crate) steps: u64,
    pub(crate) cut: Option<Cut>,
    pub(crate) calls: Vec<Call>,
    /// Calls in all, also those that are not kept.
    pub(crate) calls_count: u64,
    /// Places in `calls` of what is running; `None` for what is not kept.
    running: Vec<Option<usize>>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(limits: &'a Limits, stop: &'a dyn Fn() -> bool, calls_as: Option<Address>) -> Self {
        Self {
            limits,
            stop,
            calls_as,
            steps: 0,
            cut: None,
            calls: Vec::new(),
            calls_count: 0,
            running: Vec::new(),
        }
    }

    fn enter(&mut self, call: Call) {
        self.calls_count += 1;
        if self.running.len() >= self.limits.depth_max {
            self.cut.get_or_insert(Cut::Depth);
        }
        let place = (self.calls.len() < self.limits.calls_max).then_some(self.calls.len());
        if place.is_some() {
            self.calls.push(call);
        }
        self.running.push(place);
    }

    fn leave(&mut self, went_well: bool) {
        if let Some(Some(place)) = self.running.pop()
            && let Some(call) = self.calls.get_mut(place)
        {
            call.failed = !went_well;
        }
    }

    fn depth(&self) -> u32 {
        u32::try_from(self.running.len()).unwrap_or(u32::MAX)
    }
}

impl<CTX: ContextTr> Inspector<CTX> for Watch<'_> {
    fn step(&mut self, interpreter: &mut Interpreter, _: &mut CTX) {
        self.steps += 1;
        if self.steps > self.limits.steps_max {
            self.cut.get_or_insert(Cut::Steps);
        }
        if self.steps.is_multiple_of(STEPS_PER_QUESTION) && (self.stop)() {
            self.cut.get_or_insert(Cut::Stopped);
        }
        if self.cut.is_some() {
            // Whoever called goes on to its next step, and ends there the same way.
            interpreter.halt(InstructionResult::OutOfGas);
        }
    }

    fn call(&mut self, context: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        if self.running.is_empty()
            && let Some(caller) = self.calls_as
        {
            // The EVM moves value between accounts that it has loaded, and this one is not the signer's.
            match context.journal_mut().load_account(caller) {
                Ok(_) => inputs.caller = caller,
                Err(_) => self.cut = Some(Cut::Stopped),
            }
        }
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
        let data = inputs.input.as_bytes(context);
        let selector = data.get(..4).map(|selector| format!("0x{}", hex::encode(selector)));
        drop(data);
        self.enter(Call {
            depth: self.depth(),
            kind,
            from: inputs.caller,
            to: inputs.bytecode_address,
            value,
            selector,
            failed: false,
        });
        None
    }

    fn call_end(&mut self, _: &mut CTX, _: &CallInputs, outcome: &mut CallOutcome) {
        self.leave(outcome.result.result.is_ok());
    }

    fn create(&mut self, _: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        let kind = match inputs.scheme() {
            CreateScheme::Create2 { .. } => CallKind::Create2,
            CreateScheme::Create | CreateScheme::Custom { .. } => CallKind::Create,
        };
        self.enter(Call {
            depth: self.depth(),
            kind,
            from: inputs.caller(),
            to: Address::ZERO,
            value: inputs.value(),
            selector: None,
            failed: false,
        });
        None
    }

    fn create_end(&mut self, _: &mut CTX, _: &CreateInputs, outcome: &mut CreateOutcome) {
        let place = self.running.last().copied().flatten();
        if let (Some(address), Some(call)) =
            (outcome.address, place.and_then(|place| self.calls.get_mut(place)))
        {
            call.to = address;
        }
        self.leave(outcome.result.result.is_ok());
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        self.enter(Call {
            depth: self.depth(),
            kind: CallKind::Selfdestruct,
            from: contract,
            to: target,
            value,
            selector: None,
            failed: false,
        });
        self.leave(true);
    }
}
