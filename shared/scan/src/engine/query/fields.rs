//! The fields of entities.

use alloy_primitives::U256;

use super::facts::{Datum, Facts, Halt, Site, What};
use super::schema::{Field, Type};
use crate::engine::expr::Id;
use crate::engine::guard::{Guard, Kind};
use crate::engine::machine::CallMade;
use crate::engine::opcode::{CALLCODE, DELEGATECALL, STATICCALL};

/// How contracts are called.
const CALL_KINDS: &[&str] = &["call", "callcode", "delegatecall", "staticcall"];
/// What ties the asker.
const GUARD_KINDS: &[&str] = &["caller", "origin", "lookup", "signature"];
/// What uses a word of storage.
const USES: &[&str] = &["branch", "call", "selfdestruct", "write"];

type Said = Result<Datum, Halt>;

const fn flag(name: &'static str, meaning: &'static str, get: fn(&Facts<'_>, &Site) -> Said) -> Field {
    Field { name, of: Type::Flag, meaning, get }
}

const fn word(name: &'static str, meaning: &'static str, get: fn(&Facts<'_>, &Site) -> Said) -> Field {
    Field { name, of: Type::Word, meaning, get }
}

/// Of every entity.
pub(super) static EVERY: [Field; 5] = [
    Field {
        name: "pc",
        of: Type::Number,
        meaning: "Where in the code.",
        get: |_, site| Ok(Datum::Number(U256::from(site.pc))),
    },
    Field {
        name: "function",
        of: Type::Function,
        meaning: "The function through which it is reached; `fallback` is code before any function, too.",
        get: |facts, site| Ok(Datum::Function(facts.contract.selector(site.visit))),
    },
    flag(
        "open",
        "Any caller gets there: no guard that protects is on the way. A guard whose trusted storage anyone may write protects nothing.",
        |facts, site| Ok(Datum::Flag(facts.contract.open(site.visit))),
    ),
    flag("conditional", "A condition on storage that is no guard is on the way.", |facts, site| {
        Ok(Datum::Flag(facts.contract.visit(site.visit).state.conditioned))
    }),
    flag("in_loop", "It is in a loop.", |facts, site| {
        Ok(Datum::Flag(facts.contract.graph.circle(site.visit).is_some()))
    }),
];

/// Of `functions`.
pub(super) static FUNCTIONS: [Field; 1] =
    [flag("payable", "A call with ether can end well.", |facts, site| {
        facts.takes_ether(facts.contract.selector(site.visit)).map(Datum::Flag)
    })];

fn call(site: &Site) -> Option<&CallMade> {
    match &site.what {
        What::Call(call) => Some(call),
        _ => None,
    }
}

fn of_call(site: &Site, get: impl Fn(&CallMade) -> Datum) -> Said {
    Ok(call(site).map_or(Datum::Absent, get))
}

fn argument(site: &Site, number: u64) -> Said {
    let at =
        |call: &CallMade| call.arguments.iter().find(|(at, _)| *at == 32 * number).map(|&(_, word)| word);
    Ok(call(site).and_then(at).into())
}

/// Of `calls`.
pub(super) static CALLS: [Field; 15] = [
    Field {
        name: "kind",
        of: Type::Name(CALL_KINDS),
        meaning: "The instruction.",
        get: |_, site| {
            of_call(site, |call| {
                Datum::Name(match call.op {
                    CALLCODE => "callcode",
                    DELEGATECALL => "delegatecall",
                    STATICCALL => "staticcall",
                    _ => "call",
                })
            })
        },
    },
    word("target", "Whom it calls.", |_, site| of_call(site, |call| Datum::Word(call.target))),
    word("value", "The ether that goes along; absent where the instruction sends none.", |_, site| {
        of_call(site, |call| call.value.into())
    }),
    word("gas", "The gas that it gives.", |_, site| of_call(site, |call| Datum::Word(call.gas))),
    word("answer", "What it answered.", |_, site| of_call(site, |call| Datum::Word(call.answer))),
    Field {
        name: "callee",
        of: Type::Function,
        meaning: "The function that is called; absent where the input does not begin with a constant.",
        get: |_, site| {
            of_call(site, |call| match call.selector {
                Some(selector) => Datum::Function(Some(selector)),
                None => Datum::Absent,
            })
        },
    },
    word("argument_1", "The first word behind the selector, where it is known.", |_, site| argument(site, 0)),
    word("argument_2", "The second word.", |_, site| argument(site, 1)),
    word("argument_3", "The third word.", |_, site| argument(site, 2)),
    word("argument_4", "The fourth word.", |_, site| argument(site, 3)),
    flag("sends_ether", "Ether may go along.", |facts, site| {
        of_call(site, |call| Datum::Flag(facts.contract.sends_ether(call)))
    }),
    flag("stipend", "It gives too little gas to do more than take ether.", |facts, site| {
        of_call(site, |call| Datum::Flag(facts.contract.is_stipend(call)))
    }),
    flag(
        "internal",
        "It goes to a contract that is part of the EVM, or to the contract itself.",
        |facts, site| of_call(site, |call| Datum::Flag(facts.contract.is_internal(call))),
    ),
    flag("checked", "Something looks whether it succeeded.", |facts, site| {
        of_call(site, |call| Datum::Flag(facts.contract.explored.looked_at.contains(&call.pc)))
    }),
    flag("reverts", "A path that makes it ends undone when it fails.", |facts, site| match call(site) {
        Some(call) => facts.fails_with(call.pc).map(Datum::Flag),
        None => Ok(Datum::Absent),
    }),
];

fn slot(site: &Site) -> Option<Id> {
    match site.what {
        What::Write { slot, .. } | What::Read { slot, .. } => Some(slot),
        _ => None,
    }
}

/// Of `writes`.
pub(super) static WRITES: [Field; 2] = [
    word("slot", "The place in storage.", |_, site| Ok(slot(site).into())),
    word("value", "What is written.", |_, site| match site.what {
        What::Write { value, .. } => Ok(Datum::Word(value)),
        _ => Ok(Datum::Absent),
    }),
];

/// Of `reads`.
pub(super) static READS: [Field; 2] = [
    word("slot", "The place in storage.", |_, site| Ok(slot(site).into())),
    Field {
        name: "used_by",
        of: Type::Name(USES),
        meaning: "What uses it; the place is that of the use.",
        get: |_, site| match site.what {
            What::Read { used_by, .. } => Ok(Datum::Name(used_by)),
            _ => Ok(Datum::Absent),
        },
    },
];

/// Of `branches`.
pub(super) static BRANCHES: [Field; 3] = [
    word("condition", "What it asks.", |_, site| match site.what {
        What::Branch { condition } => Ok(Datum::Word(condition)),
        _ => Ok(Datum::Absent),
    }),
    flag("required", "One side ends with everything undone: a `require`.", |facts, site| {
        let contract = facts.contract;
        let alive = |side: &[usize]| side.iter().any(|&next| contract.graph.kept(next));
        let branch = contract.visit(site.visit).branch.as_ref();
        Ok(Datum::Flag(branch.is_some_and(|branch| alive(&branch.yes) != alive(&branch.no))))
    }),
    flag("leaves_loop", "It is in a loop, and one side leaves it.", |facts, site| {
        let graph = &facts.contract.graph;
        let circle = graph.circle(site.visit);
        let next = &facts.contract.visit(site.visit).next;
        Ok(Datum::Flag(circle.is_some() && next.iter().any(|&next| graph.circle(next) != circle)))
    }),
];

fn guard<'f>(facts: &'f Facts<'_>, site: &Site) -> Option<&'f Guard> {
    match site.what {
        What::Guard(number) => facts.contract.explored.guards.get(number as usize),
        _ => None,
    }
}

/// Of `guards`.
pub(super) static GUARDS: [Field; 3] = [
    Field {
        name: "kind",
        of: Type::Name(GUARD_KINDS),
        meaning: "Whom it ties: who calls, who signed the transaction, for whom something is looked up, or who signed a message.",
        get: |facts, site| {
            let name = |guard: &Guard| match guard.fact.kind {
                Kind::Caller => "caller",
                Kind::Origin => "origin",
                Kind::Lookup => "lookup",
                Kind::Signature => "signature",
            };
            Ok(guard(facts, site).map_or(Datum::Absent, |guard| Datum::Name(name(guard))))
        },
    },
    word("condition", "What it compares.", |facts, site| {
        Ok(guard(facts, site).map(|guard| guard.fact.condition).into())
    }),
    flag("void", "It protects nothing: anyone may write what it trusts.", |facts, site| match site.what {
        What::Guard(number) => {
            Ok(Datum::Flag(facts.contract.writers.voids(facts.contract.explored, number).is_some()))
        }
        _ => Ok(Datum::Absent),
    }),
];

/// Of `selfdestructs`.
pub(super) static SELFDESTRUCTS: [Field; 1] =
    [word("beneficiary", "Who gets the balance.", |_, site| match site.what {
        What::Selfdestruct { beneficiary } => Ok(Datum::Word(beneficiary)),
        _ => Ok(Datum::Absent),
    })];

/// Of `creations`.
pub(super) static CREATIONS: [Field; 1] =
    [word("value", "The ether that the contract is given.", |_, site| match site.what {
        What::Creation { value } => Ok(Datum::Word(value)),
        _ => Ok(Datum::Absent),
    })];
