//! What each detector is about, in the words of its users.

mod access;
mod token;
mod value;

use super::report::Severity;

pub(crate) use access::{
    ARBITRARY_CALL, ARBITRARY_STORAGE_WRITE, ARBITRARY_TRANSFER_FROM, DELEGATECALL, INITIALIZER,
    OWNER_CHANGE, PROXY, SELFDESTRUCT, SIGNATURE_REPLAY, TX_ORIGIN, UPGRADE, WITHDRAWAL,
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

/// Every detector.
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_has_a_name_of_its_own() {
        let names: BTreeSet<_> = RULES.iter().map(|rule| rule.id).collect();
        assert_eq!(names.len(), RULES.len());
    }

    #[test]
    fn every_rule_has_a_page_and_every_page_a_rule() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/detectors");
        let pages: BTreeSet<String> = std::fs::read_dir(folder)
            .expect("the pages are in the repository")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().replace(".md", ""))
            .filter(|name| name != "README")
            .collect();
        let rules: BTreeSet<String> = RULES.iter().map(|rule| rule.id.to_owned()).collect();
        assert_eq!(pages, rules);
    }
}
