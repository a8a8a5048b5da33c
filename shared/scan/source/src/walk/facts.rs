//! What happens in a contract: the facts that detectors ask.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::value::{Source, Test, Val, VarId};
use crate::model::ContractId;
use crate::syntax::ast::{FunctionKind, Operator, Span, Type};

/// A condition on the way to a place.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) span: Span,
    pub(crate) test: Rc<Test>,
    /// Whether it is true there.
    pub(crate) holds: bool,
}

/// A call to somewhere else that may still be under way when something happens.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    /// Its event.
    pub(crate) event: u32,
    /// What was read before it.
    pub(crate) read: Rc<BTreeSet<VarId>>,
}

/// How something else is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallKind {
    /// `.call`
    Low,
    /// `.delegatecall`, `.callcode`
    Delegate,
    /// `.staticcall`
    Static,
    /// `.send`: 2,300 gas, answers whether it worked.
    Send,
    /// `.transfer`: 2,300 gas, reverts.
    Transfer,
    /// A function of a contract type.
    External,
    /// `new`
    Create,
}

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) kind: CallKind,
    /// The function, or the name of the instruction.
    pub(crate) method: String,
    pub(crate) target: Val,
    pub(crate) value: Option<Val>,
    pub(crate) args: Vec<Val>,
    /// Whether the callee promises not to change anything.
    pub(crate) reads_only: bool,
    /// Whether it says how much gas the callee has.
    pub(crate) gas_said: bool,
    /// Whether it returns something; `None` when the callee is not known.
    pub(crate) returns: Option<bool>,
    /// Whether a failure does not revert, as in `try` or a low-level call.
    pub(crate) in_try: bool,
}

impl Call {
    /// Whether the callee can do what it likes while the caller waits.
    pub(crate) fn hands_over(&self) -> bool {
        match self.kind {
            CallKind::Low => !self.gas_said || self.value.is_none(),
            CallKind::External => !self.reads_only,
            CallKind::Delegate
            | CallKind::Static
            | CallKind::Send
            | CallKind::Transfer
            | CallKind::Create => false,
        }
    }

    /// Whether ether goes with it.
    pub(crate) fn pays(&self) -> bool {
        self.value.as_ref().is_some_and(|value| !value.is_zero())
    }
}

/// What happens.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Call(Call),
    /// `selfdestruct`; who gets the ether.
    Destroy(Val),
    /// A variable, or something in it, is written.
    Write {
        var: VarId,
        keys: Vec<Val>,
        value: Val,
        operator: Option<Operator>,
    },
    Arithmetic {
        operator: Operator,
        left: Val,
        right: Val,
        /// Whether the compiler checks it.
        checked: bool,
        assembly: bool,
    },
    /// Two values are compared, whatever is made of it.
    Compare {
        operator: Operator,
        left: Val,
        right: Val,
        /// Whether one side is a number in the text, or both are the same name: known whoever calls.
        in_text: bool,
    },
    Condition(Rc<Condition>),
    /// `abi.encodePacked`
    Packed(Vec<Val>),
    /// `ecrecover` or a library's `recover`; what is signed.
    Recover(Vec<Val>),
    /// A local that nothing was assigned to is read.
    ReadUnset {
        name: String,
        reference: bool,
        address: bool,
    },
    /// `delete` of something of this type.
    Deleted(Type),
    /// An array in storage is given to a function that changes its own copy.
    Copied {
        parameter: String,
        callee: Span,
    },
    Emit,
    /// A function is left with these values.
    Leave(Val),
}

/// One thing that happens, and what is known there.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) what: What,
    pub(crate) span: Span,
    /// Index into `Facts::entries`.
    pub(crate) entry: u32,
    /// The contract and function in whose text it stands.
    pub(crate) contract: ContractId,
    pub(crate) function: Rc<str>,
    pub(crate) conditions: Rc<Vec<Rc<Condition>>>,
    /// Calls that were made before.
    pub(crate) pending: Rc<Vec<Pending>>,
    /// Variables written before.
    pub(crate) written: Rc<BTreeSet<VarId>>,
    /// How many loops it is in.
    pub(crate) loops: u32,
    /// Whether a modifier or function that is called a lock was passed.
    pub(crate) named_lock: bool,
}

/// A function with which transactions start.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) kind: FunctionKind,
    pub(crate) name: String,
    pub(crate) payable: bool,
    pub(crate) reads_only: bool,
    pub(crate) modifiers: Vec<String>,
    pub(crate) span: Span,
    /// Variables that are read.
    pub(crate) reads: BTreeSet<VarId>,
}

/// A variable.
#[derive(Clone, Debug)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) contract: ContractId,
    pub(crate) span: Span,
    pub(crate) fixed: bool,
    pub(crate) has_value: bool,
}

/// Everything about one contract with all that it inherits.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) contract: ContractId,
    /// Most derived first.
    pub(crate) order: Vec<ContractId>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) events: Vec<Event>,
    /// Events that write, by entry.
    pub(crate) writes_of: BTreeMap<u32, Vec<u32>>,
    /// Calls whose outcome somebody looks at.
    pub(crate) used: BTreeSet<u32>,
    /// `abi.encodePacked` whose outcome is hashed.
    pub(crate) hashed: BTreeSet<u32>,
    /// Variables whose storage is handed to code that was not followed, or to assembly.
    pub(crate) escaped: BTreeSet<VarId>,
    /// What was not followed, and where.
    pub(crate) gaps: BTreeMap<Span, &'static str>,
    /// Whether the compiler checks arithmetic unless told otherwise.
    pub(crate) checks_arithmetic: bool,
    /// Whether the walk ended because time or steps ran out.
    pub(crate) out_of_time: bool,
    pub(crate) out_of_steps: bool,
}

impl Facts {
    pub(crate) fn entry(&self, event: &Event) -> Option<&Entry> {
        self.entries.get(event.entry as usize)
    }

    pub(crate) fn variable(&self, id: VarId) -> Option<&Variable> {
        self.variables.get(id as usize)
    }

    pub(crate) fn name(&self, id: VarId) -> &str {
        self.variable(id).map_or("?", |variable| &variable.name)
    }

    /// Calls, with their events.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (u32, &Event, &Call)> {
        self.events.iter().zip(0u32..).filter_map(|(event, index)| match &event.what {
            What::Call(call) => Some((index, event, call)),
            _ => None,
        })
    }

    /// Writes, with their events.
    pub(crate) fn writes(&self) -> impl Iterator<Item = (&Event, VarId, &[Val], &Val)> {
        self.events.iter().filter_map(|event| match &event.what {
            What::Write { var, keys, value, .. } => Some((event, *var, keys.as_slice(), value)),
            _ => None,
        })
    }

    /// What one entry writes: variable, keys and value.
    pub(crate) fn writes_in(&self, entry: u32) -> impl Iterator<Item = (VarId, &[Val], &Val)> {
        let events = self.writes_of.get(&entry).map(Vec::as_slice).unwrap_or_default();
        events.iter().filter_map(|&index| match &self.events.get(index as usize)?.what {
            What::Write { var, keys, value, .. } => Some((*var, keys.as_slice(), value)),
            _ => None,
        })
    }

    /// The call of an event.
    pub(crate) fn call(&self, index: u32) -> Option<(&Event, &Call)> {
        let event = self.events.get(index as usize)?;
        match &event.what {
            What::Call(call) => Some((event, call)),
            _ => None,
        }
    }

    /// Whether a value may come from calls whose outcome is wanted.
    pub(crate) fn mark_used(&mut self, value: &Val) {
        for source in &value.from {
            if let Source::Ok(event) | Source::Returned(event) = source {
                self.used.insert(*event);
            }
        }
        for part in value.parts.iter().flat_map(|parts| parts.iter()) {
            self.mark_used_part(part);
        }
    }

    fn mark_used_part(&mut self, value: &Val) {
        for source in &value.from {
            if let Source::Ok(event) | Source::Returned(event) = source {
                self.used.insert(*event);
            }
        }
    }
}
