//! Who may do what.

use super::super::report::Severity;
use super::Rule;

/// SWC-106.
pub(crate) static SELFDESTRUCT: Rule = Rule {
    id: "unguarded-selfdestruct",
    title: "Anyone can destroy the contract",
    category: "access_control",
    swc: Some(106),
    cwe: 284,
    worst: Severity::Critical,
    help: "A path from the outside to SELFDESTRUCT passes no condition on who calls. Before the Cancun fork \
           this removes the code and storage; since then (EIP-6780) it still sends away the whole balance.",
    remedy: "Remove SELFDESTRUCT, or require a caller that only the owner can be, on every path to it.",
};

/// SWC-112.
pub(crate) static DELEGATECALL: Rule = Rule {
    id: "unguarded-delegatecall",
    title: "Anyone can run foreign code in the contract",
    category: "access_control",
    swc: Some(112),
    cwe: 829,
    worst: Severity::Critical,
    help: "DELEGATECALL or CALLCODE runs a target's code on this contract's storage and balance, and here \
           the target is chosen by whoever calls.",
    remedy: "Delegate only to constants or to storage that a guarded function writes, or require a trusted \
           caller.",
};

/// SWC-112.
pub(crate) static UPGRADE: Rule = Rule {
    id: "unguarded-upgrade",
    title: "Anyone can replace the code behind the proxy",
    category: "access_control",
    swc: Some(112),
    cwe: 284,
    worst: Severity::Critical,
    help: "The code that DELEGATECALL runs is named by storage that anyone may write: whoever writes it \
           first takes over the contract, its storage and its balance.",
    remedy: "Let only an administrator, or a timelock, write the implementation's address.",
};

/// SWC-112.
pub(crate) static PROXY: Rule = Rule {
    id: "replaceable-code",
    title: "Foreign code runs in the contract",
    category: "access_control",
    swc: Some(112),
    cwe: 829,
    worst: Severity::Info,
    help: "DELEGATECALL runs code that storage, another contract or a privileged caller names. Whoever sets \
           the address can do anything with this contract's storage and balance: the power to upgrade.",
    remedy: "Put the address under a timelock or several signers, and emit an event when it changes.",
};

/// SWC-115.
pub(crate) static TX_ORIGIN: Rule = Rule {
    id: "tx-origin-authentication",
    title: "tx.origin decides who is let in",
    category: "access_control",
    swc: Some(115),
    cwe: 477,
    worst: Severity::Medium,
    help: "A condition compares tx.origin with a trusted account. A contract that this account calls, for \
           any reason, can call on to here and passes the condition.",
    remedy: "Compare msg.sender instead.",
};

/// SWC-105.
pub(crate) static WITHDRAWAL: Rule = Rule {
    id: "unguarded-withdrawal",
    title: "Anyone can take the contract's ether",
    category: "access_control",
    swc: Some(105),
    cwe: 284,
    worst: Severity::Critical,
    help: "A path sends ether to an address that the caller names, or to the caller, and passes no \
           condition on who calls and none on what this caller owns.",
    remedy: "Require a trusted caller, or pay at most what the contract's books owe to the caller and reduce \
           that first.",
};

/// SWC-105.
pub(crate) static OWNER_CHANGE: Rule = Rule {
    id: "unguarded-owner-change",
    title: "Anyone can become the owner",
    category: "access_control",
    swc: Some(105),
    cwe: 284,
    worst: Severity::Critical,
    help: "A guard compares the caller with an address in storage, and a function that everyone may call \
           writes this address. Whoever wants to pass the guard writes first.",
    remedy: "Put the same guard on the function that changes the owner; check the name of constructors of old \
           compilers.",
};

/// SWC-118.
pub(crate) static INITIALIZER: Rule = Rule {
    id: "unprotected-initializer",
    title: "Anyone can initialise the contract, again and again",
    category: "access_control",
    swc: Some(118),
    cwe: 665,
    worst: Severity::Critical,
    help: "A function with the name of an initialiser writes the address that guards trust, and nothing \
           keeps it from being called by anyone at any time.",
    remedy: "Remember in storage that it ran and refuse a second run; initialise in the transaction that \
           deploys.",
};

/// SWC-124.
pub(crate) static ARBITRARY_STORAGE_WRITE: Rule = Rule {
    id: "arbitrary-storage-write",
    title: "Anyone can write any place of storage",
    category: "access_control",
    swc: Some(124),
    cwe: 123,
    worst: Severity::Critical,
    help: "The place that SSTORE writes is computed from what the caller passes, and no bound that holds \
           keeps it within one variable. Owner and balances can be overwritten.",
    remedy: "Check the index against the array's length, and keep the length from falling below zero.",
};

/// CWE-749.
pub(crate) static ARBITRARY_CALL: Rule = Rule {
    id: "arbitrary-call",
    title: "Anyone makes the contract call anything",
    category: "access_control",
    swc: None,
    cwe: 749,
    worst: Severity::High,
    help: "The caller chooses both the contract that is called and the data that it is called with. \
           Whatever this contract owns or is allowed to spend elsewhere can be moved.",
    remedy: "Call only known contracts or known functions, or require a trusted caller.",
};

/// CWE-639.
pub(crate) static ARBITRARY_TRANSFER_FROM: Rule = Rule {
    id: "arbitrary-transfer-from",
    title: "Anyone moves tokens of those who approved the contract",
    category: "access_control",
    swc: None,
    cwe: 639,
    worst: Severity::High,
    help: "transferFrom is called with an owner that the caller names. Everybody who approved this contract \
           can be drained by anyone.",
    remedy: "Pass msg.sender as the owner, or require the owner's signature.",
};

/// SWC-121.
pub(crate) static SIGNATURE_REPLAY: Rule = Rule {
    id: "signature-replay",
    title: "A signature can be used again",
    category: "access_control",
    swc: Some(121),
    cwe: 294,
    worst: Severity::High,
    help: "A signature lets its bearer act, and no path remembers that it was used: no number rises and no \
           flag is set that the check depends on.",
    remedy: "Sign a nonce, the contract's address and the chain's id, and count the nonce up when the \
           signature is used.",
};
