//! The fields of words.

use alloy_primitives::U256;

use super::facts::{Datum, Facts, Halt};
use super::schema::{Type, WordField};
use crate::engine::detect::is_own_balance;
use crate::engine::expr::{Expr, Id};
use crate::engine::opcode;

/// What a word is, outermost.
const KINDS: &[&str] = &[
    "constant",
    "selector",
    "calldata",
    "storage",
    "transient",
    "keccak",
    "answer",
    "success",
    "merged",
    "unknown",
    "caller",
    "origin",
    "this",
    "callvalue",
    "calldatasize",
    "timestamp",
    "number",
    "coinbase",
    "prevrandao",
    "gaslimit",
    "selfbalance",
    "balance",
    "blockhash",
    "add",
    "mul",
    "sub",
    "div",
    "mod",
    "exp",
    "lt",
    "gt",
    "slt",
    "sgt",
    "eq",
    "iszero",
    "bit_and",
    "bit_or",
    "bit_not",
    "xor",
    "shl",
    "shr",
    "other",
];

type Said = Result<Datum, Halt>;

fn kind(facts: &Facts<'_>, id: Id) -> Said {
    let op = |op| match op {
        opcode::AND => "bit_and",
        opcode::OR => "bit_or",
        opcode::NOT => "bit_not",
        _ => KINDS.iter().copied().find(|kind| *kind == opcode::name(op)).unwrap_or("other"),
    };
    Ok(Datum::Name(match facts.contract.arena().expr(id) {
        Expr::Const(_) => "constant",
        Expr::Env(of) | Expr::Op(of, _) => op(*of),
        Expr::Selector => "selector",
        Expr::CallData(_) => "calldata",
        Expr::Storage(_) => "storage",
        Expr::Transient(_) => "transient",
        Expr::Hash(_) => "keccak",
        Expr::Answer { .. } => "answer",
        Expr::Success { .. } => "success",
        Expr::Merge { .. } => "merged",
        Expr::Unknown { .. } => "unknown",
    }))
}

fn side(facts: &Facts<'_>, id: Id, right: bool) -> Said {
    let operands = facts.contract.arena().operands(id);
    Ok(operands.map(|(_, a, b)| if right { b } else { a }).into())
}

/// Of every word.
pub(super) static WORDS: [WordField; 13] = [
    WordField {
        name: "kind",
        of: Type::Name(KINDS),
        meaning: "What it is, outermost: a kind of word, or the instruction.",
        get: kind,
    },
    WordField {
        name: "number",
        of: Type::Number,
        meaning: "Its value, where it is a constant.",
        get: |facts, id| Ok(facts.contract.arena().as_const(id).map_or(Datum::Absent, Datum::Number)),
    },
    WordField {
        name: "at",
        of: Type::Word,
        meaning: "The place that it is read from, of a word of calldata, storage or transient storage.",
        get: |facts, id| match facts.contract.arena().expr(id) {
            Expr::CallData(at) | Expr::Storage(at) | Expr::Transient(at) => Ok(Datum::Word(*at)),
            _ => Ok(Datum::Absent),
        },
    },
    WordField {
        name: "slot",
        of: Type::Word,
        meaning: "The place in storage that it is read from, through masks and shifts.",
        get: |facts, id| Ok(facts.contract.slot_of(id).into()),
    },
    WordField {
        name: "bare",
        of: Type::Word,
        meaning: "The word without masks that cut it to an address or a smaller number.",
        get: |facts, id| Ok(Datum::Word(facts.contract.bare(id))),
    },
    WordField {
        name: "left",
        of: Type::Word,
        meaning: "The first operand, of an instruction with two.",
        get: |facts, id| side(facts, id, false),
    },
    WordField {
        name: "right",
        of: Type::Word,
        meaning: "The second operand. Of sums, products, bits and comparisons for equality either may be first.",
        get: |facts, id| side(facts, id, true),
    },
    WordField {
        name: "mapping",
        of: Type::Word,
        meaning: "Of a place in storage: the place of the mapping that it is in, where it is in one.",
        get: |facts, id| Ok(facts.contract.mapping(id).map(|(_, base)| base).into()),
    },
    WordField {
        name: "key",
        of: Type::Word,
        meaning: "Of a place in a mapping: the outermost key.",
        get: |facts, id| Ok(facts.contract.mapping(id).and_then(|(keys, _)| keys.first().copied()).into()),
    },
    WordField {
        name: "keys",
        of: Type::Number,
        meaning: "Of a place in storage: how many keys lead to it; 0 outside of mappings.",
        get: |facts, id| {
            let keys = facts.contract.mapping(id).map_or(0, |(keys, _)| keys.len());
            Ok(Datum::Number(U256::from(keys)))
        },
    },
    WordField {
        name: "chosen",
        of: Type::Flag,
        meaning: "Whoever calls may choose it: it comes from caller, signer or call data.",
        get: |facts, id| Ok(Datum::Flag(facts.contract.is_chosen(id))),
    },
    WordField {
        name: "written_by_anyone",
        of: Type::Flag,
        meaning: "It is made of storage that any caller may write.",
        get: |facts, id| {
            facts.burn(200)?;
            Ok(Datum::Flag(facts.contract.is_written_by_anyone(id)))
        },
    },
    WordField {
        name: "own_balance",
        of: Type::Flag,
        meaning: "It is the contract's own balance.",
        get: |facts, id| Ok(Datum::Flag(is_own_balance(facts.contract, id))),
    },
];
