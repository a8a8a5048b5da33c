//! Ether, arithmetic, calls, chance and order.

use super::super::report::Severity;
use super::Rule;

/// SWC-107.
pub(crate) static REENTRANCY_ETHER: Rule = Rule {
    id: "reentrancy-eth",
    title: "Ether leaves before the books are changed",
    category: "reentrancy",
    swc: Some(107),
    cwe: 841,
    worst: Severity::High,
    help: "A call hands ether and enough gas to a contract that the caller chooses, and only afterwards \
           changes the storage that decided about the call. The callee calls again and is paid again.",
    remedy: "Change the state before the call (checks, effects, interactions), or lock the function.",
};

/// SWC-107.
pub(crate) static REENTRANCY_OTHER: Rule = Rule {
    id: "reentrancy-no-eth",
    title: "A foreign contract is called before the state is changed",
    category: "reentrancy",
    swc: Some(107),
    cwe: 841,
    worst: Severity::Medium,
    help: "A contract that the caller chooses is called, and only afterwards the storage is changed that \
           decided about the call. The callee calls again while the old state stands.",
    remedy: "Change the state before the call (checks, effects, interactions), or lock the function.",
};

/// SWC-107.
pub(crate) static ALL_GAS: Rule = Rule {
    id: "ether-with-all-gas",
    title: "Ether is sent with all gas",
    category: "reentrancy",
    swc: Some(107),
    cwe: 841,
    worst: Severity::Info,
    help: "A call sends ether and all gas to an address that is no constant, and nothing is written \
           afterwards that decided about it. The callee can still call back into other functions, or spend \
           the caller's gas.",
    remedy: "Send with a bound on gas, let receivers withdraw, or lock all functions that share state.",
};

/// SWC-101.
pub(crate) static OVERFLOW: Rule = Rule {
    id: "integer-overflow",
    title: "A sum or product may wrap",
    category: "arithmetic",
    swc: Some(101),
    cwe: 190,
    worst: Severity::High,
    help: "A sum or product of what callers pass is stored, sent or compared, and no check finds out that \
           it wrapped at 2^256.",
    remedy: "Use Solidity 0.8 without `unchecked`, or a checked library.",
};

/// SWC-101.
pub(crate) static UNDERFLOW: Rule = Rule {
    id: "integer-underflow",
    title: "A difference may wrap",
    category: "arithmetic",
    swc: Some(101),
    cwe: 191,
    worst: Severity::High,
    help: "More may be taken away than is there; the result is then close to 2^256, and it is stored, sent \
           or compared.",
    remedy: "Compare before the subtraction; use Solidity 0.8 without `unchecked`, or a checked library.",
};

/// SWC-104.
pub(crate) static UNCHECKED_CALL: Rule = Rule {
    id: "unchecked-call",
    title: "Nobody looks whether the call succeeded",
    category: "unchecked_low_level_calls",
    swc: Some(104),
    cwe: 252,
    worst: Severity::Medium,
    help: "A low-level call (call, send, delegatecall) answers whether it succeeded, and the answer is \
           dropped. When it fails the contract goes on as if it had not.",
    remedy: "Check the answer: `require(ok)`, or keep what is owed for another attempt.",
};

/// CWE-252.
pub(crate) static UNCHECKED_TRANSFER: Rule = Rule {
    id: "unchecked-token-transfer",
    title: "Nobody looks whether the token was transferred",
    category: "unchecked_return_values",
    swc: None,
    cwe: 252,
    worst: Severity::Medium,
    help: "transfer or transferFrom of a token answers with a bool, and the answer is dropped. Tokens that \
           answer false instead of reverting are booked as moved.",
    remedy: "Check the answer, or use a library such as SafeERC20.",
};

/// SWC-113.
pub(crate) static CALL_IN_LOOP: Rule = Rule {
    id: "call-in-loop",
    title: "One receiver can block all others",
    category: "denial_of_service",
    swc: Some(113),
    cwe: 703,
    worst: Severity::Medium,
    help: "A loop sends ether or calls contracts, and when one of these calls fails the whole transaction \
           does. One receiver who refuses keeps everybody else from being served.",
    remedy: "Let receivers withdraw, each for themselves.",
};

/// SWC-113.
pub(crate) static FAILED_SEND: Rule = Rule {
    id: "failed-send-locks",
    title: "Whoever refuses ether blocks the function",
    category: "denial_of_service",
    swc: Some(113),
    cwe: 703,
    worst: Severity::Medium,
    help: "Ether is sent to an address that a caller put into storage, and the transaction fails when that \
           address refuses it. Whoever holds the place keeps it.",
    remedy: "Book what is owed and let the receiver withdraw it.",
};

/// SWC-128.
pub(crate) static UNBOUNDED_LOOP: Rule = Rule {
    id: "unbounded-loop",
    title: "A loop grows until it fits into no block",
    category: "denial_of_service",
    swc: Some(128),
    cwe: 834,
    worst: Severity::Low,
    help: "A loop runs as often as a number in storage says, and anyone can make this number rise. At some \
           point the transaction needs more gas than a block has.",
    remedy: "Work in pages, or keep what is needed without a loop.",
};

/// SWC-120.
pub(crate) static RANDOMNESS: Rule = Rule {
    id: "weak-randomness",
    title: "Chance that miners and contracts can know",
    category: "bad_randomness",
    swc: Some(120),
    cwe: 330,
    worst: Severity::Medium,
    help: "The block's hash, difficulty, coinbase, gas limit, number or time decide as if by chance. \
           Whoever makes the block sets them, and every contract in the same block can read them first.",
    remedy: "Use commit and reveal, or a verifiable random function.",
};

/// SWC-120.
pub(crate) static BLOCK_NUMBER: Rule = Rule {
    id: "block-number-dependence",
    title: "The block's number decides",
    category: "bad_randomness",
    swc: Some(120),
    cwe: 829,
    worst: Severity::Info,
    help: "Whether ether moves depends on the block's number. As a clock that is fine; as chance it is not, \
           and the time between blocks changes.",
    remedy: "Use it for coarse deadlines only.",
};

/// SWC-116.
pub(crate) static TIMESTAMP: Rule = Rule {
    id: "timestamp-dependence",
    title: "The block's time decides",
    category: "time_manipulation",
    swc: Some(116),
    cwe: 829,
    worst: Severity::Low,
    help: "Whoever makes the block chooses its time within some seconds, and here the time decides whether \
           ether moves.",
    remedy: "Let nothing depend on seconds; never take the time as chance.",
};

/// SWC-114.
pub(crate) static ORDER: Rule = Rule {
    id: "transaction-order-dependence",
    title: "Whoever is first in the block decides what others get",
    category: "front_running",
    swc: Some(114),
    cwe: 362,
    worst: Severity::Low,
    help: "How much ether is sent, or whether, depends on storage that another transaction can change \
           first; whoever sees a transaction waiting can put one before it.",
    remedy: "Let the caller say what it expects (a price, a state) and refuse anything else; commit and \
           reveal.",
};

/// CWE-130.
pub(crate) static SHORT_ADDRESS: Rule = Rule {
    id: "short-address",
    title: "Too short call data shifts the amount",
    category: "short_addresses",
    swc: None,
    cwe: 130,
    worst: Severity::Low,
    help: "An amount behind an address is taken from the call's data without a look at its length. If the \
           data are a byte short, the amount is multiplied by 256.",
    remedy: "Compile with Solidity 0.5 or later, or check the length of the data.",
};

/// SWC-132.
pub(crate) static STRICT_BALANCE: Rule = Rule {
    id: "strict-balance-equality",
    title: "Anyone can spoil a test for an exact balance",
    category: "other",
    swc: Some(132),
    cwe: 667,
    worst: Severity::Medium,
    help: "The contract's balance is compared for equality. Ether can be forced into any contract, and then \
           the comparison never holds again.",
    remedy: "Compare with less than or more than, or count deposits in storage.",
};

/// CWE-664.
pub(crate) static LOCKED_ETHER: Rule = Rule {
    id: "locked-ether",
    title: "Ether comes in and never out",
    category: "other",
    swc: None,
    cwe: 664,
    worst: Severity::Medium,
    help: "A function takes ether, and no instruction of the contract can send any away.",
    remedy: "Refuse ether, or add a way out.",
};

/// CWE-345.
pub(crate) static SPOT_PRICE: Rule = Rule {
    id: "spot-price",
    title: "A price that one transaction can move",
    category: "other",
    swc: None,
    cwe: 345,
    worst: Severity::Medium,
    help: "The reserves or the balance of a pool are read and decide about value at once. A flash loan \
           moves them for the length of one transaction.",
    remedy: "Use a time-weighted price or an oracle with several sources.",
};
