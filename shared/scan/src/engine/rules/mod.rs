//! What each detector is about, in the words of its users.

mod access;
mod source;
mod spelling;
mod token;
mod value;

use super::report::Severity;

pub(crate) use access::{
    ARBITRARY_CALL, ARBITRARY_STORAGE_WRITE, ARBITRARY_TRANSFER_FROM, DELEGATECALL, INITIALIZER,
    OWNER_CHANGE, PROXY, SELFDESTRUCT, SIGNATURE_REPLAY, TX_ORIGIN, UPGRADE, WITHDRAWAL,
};
pub(crate) use source::{
    ARRAY_COPY, CARET, CONSTRUCTOR_NAME, DELEGATECALL_IN_LOOP, DEPRECATED, DIVIDE_FIRST, FIRST_DEPOSITOR,
    MISSING_ZERO_CHECK, NAME_REUSED, PACKED_COLLISION, PERMIT_MISUSE, READ_ONLY_REENTRANCY,
    REENTRANCY_BENIGN, RIGHT_TO_LEFT, SHADOWED_BUILTIN, SHADOWED_STATE, TWO_CONSTRUCTORS,
    UNINITIALIZED_LOCAL, UNINITIALIZED_STATE, UNINITIALIZED_STORAGE, VALUE_IN_LOOP,
};
pub(crate) use spelling::{
    ARRAY_LENGTH, ASSEMBLY_RETURN, BOOLEAN_CONSTANT, CALLER_IS_NO_CONTRACT, DEFAULT_VISIBILITY,
    EMPTY_LITERAL, ENCODER_ARRAY, ENUM_CONVERSION, INFERRED_COUNTER, MAPPING_DELETION, NONSTANDARD_TOKEN,
    OUT_OF_SIGHT, PUBLIC_NESTED, REUSED_BASE, SHIFT_ORDER, SIGNED_ARRAY, STALE_PRICE, TAUTOLOGY,
    UNUSED_RETURN, VALUE_NOT_PAYABLE, VIEW_WRITES, WRITE_AFTER_WRITE,
};
pub(crate) use token::{
    BALANCE_DISORDER, BLACKLIST, HIDDEN_MINT, HIDDEN_STATE_UPDATE, LEAK_TOKEN, LIMIT_SELL, PAUSABLE,
    STRAW_MAN, UNBOUNDED_FEE,
};
pub(crate) use value::{
    ALL_GAS, BLOCK_NUMBER, CALL_IN_LOOP, FAILED_SEND, LOCKED_ETHER, ORDER, OVERFLOW, RANDOMNESS,
    REENTRANCY_ETHER, REENTRANCY_OTHER, SHORT_ADDRESS, SPOT_PRICE, STRICT_BALANCE, TIMESTAMP, UNBOUNDED_LOOP,
    UNCHECKED_CALL, UNCHECKED_TRANSFER, UNDERFLOW,
};

/// One detector.
#[derive(Debug)]
pub struct Rule {
    /// Stable; in findings, SARIF and suppressions.
    pub id: &'static str,
    /// In a few words.
    pub title: &'static str,
    /// The category: one of the DASP ten, `honeypot`, or another.
    pub category: &'static str,
    /// Smart contract weakness, where the registry has one.
    pub swc: Option<u16>,
    /// Common weakness enumeration.
    pub cwe: u16,
    /// How bad its findings are at worst.
    pub worst: Severity,
    /// What is wrong, and why that is bad.
    pub help: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

/// What is asked of bytecode.
pub static RULES: [&Rule; 39] = [
    &SELFDESTRUCT,
    &DELEGATECALL,
    &UPGRADE,
    &PROXY,
    &TX_ORIGIN,
    &WITHDRAWAL,
    &OWNER_CHANGE,
    &INITIALIZER,
    &ARBITRARY_STORAGE_WRITE,
    &ARBITRARY_CALL,
    &ARBITRARY_TRANSFER_FROM,
    &SIGNATURE_REPLAY,
    &REENTRANCY_ETHER,
    &REENTRANCY_OTHER,
    &ALL_GAS,
    &OVERFLOW,
    &UNDERFLOW,
    &UNCHECKED_CALL,
    &UNCHECKED_TRANSFER,
    &CALL_IN_LOOP,
    &FAILED_SEND,
    &UNBOUNDED_LOOP,
    &RANDOMNESS,
    &BLOCK_NUMBER,
    &TIMESTAMP,
    &ORDER,
    &SHORT_ADDRESS,
    &STRICT_BALANCE,
    &LOCKED_ETHER,
    &SPOT_PRICE,
    &HIDDEN_MINT,
    &LEAK_TOKEN,
    &LIMIT_SELL,
    &BLACKLIST,
    &PAUSABLE,
    &UNBOUNDED_FEE,
    &BALANCE_DISORDER,
    &HIDDEN_STATE_UPDATE,
    &STRAW_MAN,
];

/// What is asked of Solidity: the first 22 of bytecode too.
pub static SOURCE_RULES: [&Rule; 65] = [
    &DELEGATECALL,
    &UPGRADE,
    &TX_ORIGIN,
    &WITHDRAWAL,
    &OWNER_CHANGE,
    &SELFDESTRUCT,
    &ARBITRARY_TRANSFER_FROM,
    &SIGNATURE_REPLAY,
    &REENTRANCY_ETHER,
    &REENTRANCY_OTHER,
    &OVERFLOW,
    &UNDERFLOW,
    &UNCHECKED_CALL,
    &UNCHECKED_TRANSFER,
    &CALL_IN_LOOP,
    &RANDOMNESS,
    &TIMESTAMP,
    &STRICT_BALANCE,
    &LOCKED_ETHER,
    &SPOT_PRICE,
    &ARBITRARY_CALL,
    &FAILED_SEND,
    &READ_ONLY_REENTRANCY,
    &REENTRANCY_BENIGN,
    &SHADOWED_STATE,
    &SHADOWED_BUILTIN,
    &UNINITIALIZED_STATE,
    &UNINITIALIZED_STORAGE,
    &UNINITIALIZED_LOCAL,
    &DIVIDE_FIRST,
    &MISSING_ZERO_CHECK,
    &PACKED_COLLISION,
    &ARRAY_COPY,
    &NAME_REUSED,
    &RIGHT_TO_LEFT,
    &VALUE_IN_LOOP,
    &DELEGATECALL_IN_LOOP,
    &DEPRECATED,
    &CONSTRUCTOR_NAME,
    &TWO_CONSTRUCTORS,
    &FIRST_DEPOSITOR,
    &PERMIT_MISUSE,
    &CARET,
    &SHIFT_ORDER,
    &ASSEMBLY_RETURN,
    &TAUTOLOGY,
    &BOOLEAN_CONSTANT,
    &UNUSED_RETURN,
    &ARRAY_LENGTH,
    &MAPPING_DELETION,
    &WRITE_AFTER_WRITE,
    &NONSTANDARD_TOKEN,
    &ENUM_CONVERSION,
    &VIEW_WRITES,
    &REUSED_BASE,
    &SIGNED_ARRAY,
    &PUBLIC_NESTED,
    &ENCODER_ARRAY,
    &STALE_PRICE,
    &VALUE_NOT_PAYABLE,
    &DEFAULT_VISIBILITY,
    &CALLER_IS_NO_CONTRACT,
    &INFERRED_COUNTER,
    &EMPTY_LITERAL,
    &OUT_OF_SIGHT,
];

/// Every detector, each once.
pub fn every_rule() -> impl Iterator<Item = &'static Rule> {
    let only = SOURCE_RULES.iter().filter(|rule| RULES.iter().all(|other| other.id != rule.id));
    RULES.iter().chain(only).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_has_a_name_of_its_own() {
        for rules in [&RULES[..], &SOURCE_RULES[..]] {
            let names: BTreeSet<_> = rules.iter().map(|rule| rule.id).collect();
            assert_eq!(names.len(), rules.len());
        }
    }

    #[test]
    fn every_rule_has_a_page_and_every_page_a_rule() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/detectors");
        let pages: BTreeSet<String> = std::fs::read_dir(folder)
            .expect("the pages are in the repository")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().replace(".md", ""))
            .filter(|name| name != "README")
            .collect();
        let rules: BTreeSet<String> = every_rule().map(|rule| rule.id.to_owned()).collect();
        assert_eq!(pages, rules);
    }
}
