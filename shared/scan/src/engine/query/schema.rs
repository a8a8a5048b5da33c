//! What detectors can ask about: the entities and fields of the language, with what reads each of them.

use super::facts::{Datum, Facts, Halt, Site};
use super::{fields, words};
use crate::engine::expr::Id;
use crate::engine::taint::Taint;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// Yes or no.
    Flag,
    /// An unsigned number of 256 bits.
    Number,
    /// A word as the engine knows it: an expression.
    Word,
    /// A function by its selector, or the fallback.
    Function,
    /// One of these names.
    Name(&'static [&'static str]),
}

impl Type {
    /// As in the documents and in errors.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Number => "number",
            Self::Word => "word",
            Self::Function => "function",
            Self::Name(_) => "name",
        }
    }
}

/// A field of an entity.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) of: Type,
    pub(crate) meaning: &'static str,
    pub(super) get: fn(&Facts<'_>, &Site) -> Result<Datum, Halt>,
}

/// A field of a word.
pub(crate) struct WordField {
    pub(crate) name: &'static str,
    pub(crate) of: Type,
    pub(crate) meaning: &'static str,
    pub(super) get: fn(&Facts<'_>, Id) -> Result<Datum, Halt>,
}

/// What a query goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entity {
    Functions,
    Calls,
    Writes,
    Reads,
    Branches,
    Guards,
    Selfdestructs,
    Creations,
    Logs,
}

impl Entity {
    pub(crate) const ALL: [Self; 9] = [
        Self::Functions,
        Self::Calls,
        Self::Writes,
        Self::Reads,
        Self::Branches,
        Self::Guards,
        Self::Selfdestructs,
        Self::Creations,
        Self::Logs,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Functions => "functions",
            Self::Calls => "calls",
            Self::Writes => "writes",
            Self::Reads => "reads",
            Self::Branches => "branches",
            Self::Guards => "guards",
            Self::Selfdestructs => "selfdestructs",
            Self::Creations => "creations",
            Self::Logs => "logs",
        }
    }

    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Functions => "Functions that callers can choose, with where each starts.",
            Self::Calls => {
                "Calls to other contracts, of every kind, on paths that may keep their effects: each once a function, and once \
                 more inside a loop."
            }
            Self::Writes => "Writes to storage on paths that may keep their effects.",
            Self::Reads => {
                "Words of storage that something is made of: a condition, what is written, or what a call is given."
            }
            Self::Branches => "Conditional jumps from which a path may go on to keep its effects.",
            Self::Guards => {
                "Conditions that let only some callers pass, behind which something is done or a call ends well: each once a \
                 function."
            }
            Self::Selfdestructs => "Instructions that end the contract.",
            Self::Creations => "Contracts that are made; the place is the start of the block.",
            Self::Logs => "Events that are written; the place is the start of the block.",
        }
    }

    /// Fields that every entity has.
    pub(crate) fn shared() -> impl Iterator<Item = &'static Field> {
        fields::EVERY.iter()
    }

    /// Fields that it has besides.
    pub(crate) fn own(self) -> impl Iterator<Item = &'static Field> {
        let own: &'static [Field] = match self {
            Self::Functions => &fields::FUNCTIONS,
            Self::Calls => &fields::CALLS,
            Self::Writes => &fields::WRITES,
            Self::Reads => &fields::READS,
            Self::Branches => &fields::BRANCHES,
            Self::Guards => &fields::GUARDS,
            Self::Selfdestructs => &fields::SELFDESTRUCTS,
            Self::Creations => &fields::CREATIONS,
            Self::Logs => &[],
        };
        own.iter()
    }

    pub(crate) fn fields(self) -> impl Iterator<Item = &'static Field> {
        Self::shared().chain(self.own())
    }

    pub(crate) fn field(self, name: &str) -> Option<&'static Field> {
        self.fields().find(|field| field.name == name)
    }

    /// Whether a finding at it names a word by itself.
    pub(super) fn has_subject(self) -> bool {
        self != Self::Logs
    }
}

/// A field of words.
pub(crate) fn word_field(name: &str) -> Option<&'static WordField> {
    words::WORDS.iter().find(|field| field.name == name)
}

/// Every field of words.
pub(crate) fn word_fields() -> &'static [WordField] {
    &words::WORDS
}

/// How two things can stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    After,
    Before,
    Behind,
    DependsOn,
    Trusts,
    Reads,
    Contains,
    SameVariableAs,
}

/// What a side of a relation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// A variable.
    Thing,
    /// A variable over guards.
    Guard,
    /// A word.
    Word,
}

impl Side {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Thing => "variable",
            Self::Guard => "variable over guards",
            Self::Word => "word",
        }
    }
}

impl Relation {
    pub(crate) const ALL: [Self; 8] = [
        Self::After,
        Self::Before,
        Self::Behind,
        Self::DependsOn,
        Self::Trusts,
        Self::Reads,
        Self::Contains,
        Self::SameVariableAs,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::After => "after",
            Self::Before => "before",
            Self::Behind => "behind",
            Self::DependsOn => "depends_on",
            Self::Trusts => "trusts",
            Self::Reads => "reads",
            Self::Contains => "contains",
            Self::SameVariableAs => "same_variable_as",
        }
    }

    pub(crate) fn sides(self) -> (Side, Side) {
        match self {
            Self::After | Self::Before | Self::Behind => (Side::Thing, Side::Thing),
            Self::DependsOn => (Side::Thing, Side::Word),
            Self::Trusts => (Side::Guard, Side::Word),
            Self::Reads | Self::Contains | Self::SameVariableAs => (Side::Word, Side::Word),
        }
    }

    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::After => "Some path leads from the right one to the left one.",
            Self::Before => "Some path leads from the left one to the right one.",
            Self::Behind => {
                "Every path to the left one comes through the right one; of a guard, that its side which guards was taken."
            }
            Self::DependsOn => {
                "Whether the left one is reached depends on the storage at the place on the right: what is known there reads it."
            }
            Self::Trusts => "The guard compares with the storage at the place on the right.",
            Self::Reads => "The word on the left may be made of the storage at the place on the right.",
            Self::Contains => "The word on the right is a part of the left one, or is it.",
            Self::SameVariableAs => "Both places are one place of storage, or elements of one mapping.",
        }
    }
}

/// Where a word may come from, as `from` asks.
pub(crate) const ORIGINS: [(&str, Taint, &str); 19] = [
    ("caller", Taint::CALLER, "The address that calls."),
    ("origin", Taint::ORIGIN, "The address that signed the transaction."),
    ("calldata", Taint::CALLDATA, "Whatever the caller passed."),
    ("value", Taint::VALUE, "The ether that came with the call."),
    ("storage", Taint::STORAGE, "The contract's own storage."),
    ("caller_keyed", Taint::CALLER_KEYED, "Storage at a place that depends on the caller."),
    (
        "origin_keyed",
        Taint::ORIGIN_KEYED,
        "Storage at a place that depends on the signer of the transaction.",
    ),
    ("answer", Taint::ANSWER, "What another contract answered."),
    (
        "authority",
        Taint::AUTHORITY,
        "What a contract, which the caller does not choose, answered to a question that names the caller.",
    ),
    ("success", Taint::SUCCESS, "Whether a call succeeded."),
    ("signer", Taint::SIGNER, "The signer that `ecrecover` found."),
    ("signer_keyed", Taint::SIGNER_KEYED, "Storage at a place that depends on such a signer."),
    ("memory", Taint::MEMORY, "Memory whose writer was not followed."),
    ("chain", Taint::CHAIN, "The block, a balance, whether a call succeeded, and the like."),
    ("time", Taint::TIME, "The block's time."),
    ("block_number", Taint::NUMBER, "The block's number."),
    ("block", Taint::BLOCK, "What else a block says: hash, randomness, who made it, gas limit."),
    ("balance", Taint::BALANCE, "What the contract or an address owns."),
    ("this", Taint::SELF, "The contract's own address."),
];
