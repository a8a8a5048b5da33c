//! What each detector is about, in the words of its users.

use super::report::Severity;

/// One detector.
#[derive(Debug)]
pub struct Rule {
    /// Stable; in findings, SARIF and suppressions.
    pub id: &'static str,
    /// In a few words.
    pub title: &'static str,
    /// Smart contract weakness.
    pub swc: u16,
    /// Common weakness enumeration.
    pub cwe: u16,
    /// How bad its findings are at worst.
    pub worst: Severity,
    /// What is wrong, and why that is bad.
    pub help: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

/// SWC-106.
pub(crate) static SELFDESTRUCT: Rule = Rule {
    id: "unguarded-selfdestruct",
    title: "Anyone can destroy the contract",
    swc: 106,
    cwe: 284,
    worst: Severity::Critical,
    help: "A path from the outside to SELFDESTRUCT passes no condition on who calls. Before the Cancun fork this \
           removes the code and storage; since then (EIP-6780) it still sends away the whole balance.",
    remedy: "Remove SELFDESTRUCT, or require a caller that only the owner can be, on every path to it.",
};

/// SWC-112.
pub(crate) static DELEGATECALL: Rule = Rule {
    id: "unguarded-delegatecall",
    title: "Anyone can run foreign code in the contract",
    swc: 112,
    cwe: 829,
    worst: Severity::Critical,
    help: "DELEGATECALL or CALLCODE runs a target's code on this contract's storage and balance, and here the \
           target is chosen by whoever calls, or is read from storage that anyone may write.",
    remedy: "Delegate only to constants or to storage that a guarded function writes, or require a trusted caller.",
};

/// SWC-115.
pub(crate) static TX_ORIGIN: Rule = Rule {
    id: "tx-origin-authentication",
    title: "tx.origin decides who is let in",
    swc: 115,
    cwe: 477,
    worst: Severity::Medium,
    help: "A condition compares tx.origin with a trusted account. A contract that this account calls, for any \
           reason, can call on to here and passes the condition.",
    remedy: "Compare msg.sender instead.",
};

/// Every detector.
pub static RULES: [&Rule; 3] = [&SELFDESTRUCT, &DELEGATECALL, &TX_ORIGIN];
