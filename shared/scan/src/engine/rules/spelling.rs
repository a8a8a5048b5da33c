//! Detectors that need the source.

use super::super::report::Severity;
use super::Rule;

/// CWE-683.
pub(crate) static SHIFT_ORDER: Rule = Rule {
    id: "shift-order",
    title: "A shift has its arguments in the wrong order",
    category: "arithmetic",
    swc: None,
    cwe: 683,
    worst: Severity::High,
    help: "In assembly the first argument says by how much the second is shifted. A constant as the second \
          is shifted by the value.",
    remedy: "Swap the arguments.",
};

/// CWE-705.
pub(crate) static ASSEMBLY_RETURN: Rule = Rule {
    id: "assembly-return",
    title: "`return` in assembly ends the whole call",
    category: "other",
    swc: None,
    cwe: 705,
    worst: Severity::Medium,
    help: "`return` in assembly ends not the function but the call: what the caller of this function would \
          do afterwards, such as opening a lock, does not happen.",
    remedy: "Use `leave`, or assign the values and let the function end.",
};

/// CWE-571.
pub(crate) static TAUTOLOGY: Rule = Rule {
    id: "tautology",
    title: "A comparison that always ends the same way",
    category: "other",
    swc: None,
    cwe: 571,
    worst: Severity::Medium,
    help: "A value is compared with itself, or with a number that it can never pass. The check that stands \
          there checks nothing.",
    remedy: "Compare with what was meant.",
};

/// CWE-571.
pub(crate) static BOOLEAN_CONSTANT: Rule = Rule {
    id: "boolean-constant",
    title: "A condition that is a constant",
    category: "other",
    swc: None,
    cwe: 571,
    worst: Severity::Medium,
    help: "A condition contains `true` or `false` itself: one side never matters, or the branch is dead.",
    remedy: "Remove the constant, or what was put in for a test.",
};

/// CWE-252.
pub(crate) static UNUSED_RETURN: Rule = Rule {
    id: "unused-return",
    title: "What a call returns is dropped",
    category: "unchecked_return_values",
    swc: None,
    cwe: 252,
    worst: Severity::Medium,
    help: "Another contract answers, and nobody looks: it may have said that it did nothing, or how much it \
          did.",
    remedy: "Look at the answer, or say in a comment why it does not matter.",
};

/// SWC-124.
pub(crate) static ARRAY_LENGTH: Rule = Rule {
    id: "array-length-write",
    title: "The caller sets the length of an array",
    category: "access_control",
    swc: Some(124),
    cwe: 123,
    worst: Severity::High,
    help: "Before Solidity 0.6 the length of an array can be set. Who can make it as long as storage, or \
          make an empty one shorter by one, can write any slot through it.",
    remedy: "Use `push` and `pop`; use Solidity 0.6 or later.",
};

/// CWE-459.
pub(crate) static MAPPING_DELETION: Rule = Rule {
    id: "mapping-deletion",
    title: "`delete` leaves a mapping as it was",
    category: "other",
    swc: None,
    cwe: 459,
    worst: Severity::Medium,
    help: "`delete` sets a struct's members to zero, except mappings: what they hold is still there when \
          the struct is used again.",
    remedy: "Clear the mapping key by key, or use a new struct.",
};

/// CWE-563.
pub(crate) static WRITE_AFTER_WRITE: Rule = Rule {
    id: "write-after-write",
    title: "A value is overwritten before anybody read it",
    category: "other",
    swc: None,
    cwe: 563,
    worst: Severity::Low,
    help: "Two assignments follow each other with no use in between: one of them is in the wrong place, or \
          its target is.",
    remedy: "Remove one, or write what was meant.",
};

/// CWE-573.
pub(crate) static NONSTANDARD_TOKEN: Rule = Rule {
    id: "nonstandard-token",
    title: "A token function without the standard's return value",
    category: "other",
    swc: None,
    cwe: 573,
    worst: Severity::Medium,
    help: "The function has the name and parameters of ERC-20 or ERC-721 and returns something else. \
          Contracts that were compiled for the standard revert when they call it, and tokens in them are \
          stuck.",
    remedy: "Return what the standard says.",
};

/// CWE-704.
pub(crate) static ENUM_CONVERSION: Rule = Rule {
    id: "enum-conversion",
    title: "A number becomes an enum without a check",
    category: "other",
    swc: None,
    cwe: 704,
    worst: Severity::Medium,
    help: "Compilers before 0.4.5 do not look whether a number is one of the enum's values.",
    remedy: "Check the number, and use a current compiler.",
};

/// CWE-758.
pub(crate) static VIEW_WRITES: Rule = Rule {
    id: "view-changes-state",
    title: "A function that promises to change nothing does",
    category: "other",
    swc: None,
    cwe: 758,
    worst: Severity::Medium,
    help: "A function is `view`, `pure` or `constant` and writes storage or does so in assembly, which \
          compilers before 0.5 accept. Contracts compiled later call it with STATICCALL, which reverts.",
    remedy: "Remove the word.",
};

/// CWE-665.
pub(crate) static REUSED_BASE: Rule = Rule {
    id: "reused-base-constructor",
    title: "A base's constructor gets two sets of arguments",
    category: "other",
    swc: None,
    cwe: 665,
    worst: Severity::Medium,
    help: "Two places of the inheritance tree give arguments to the same base. Compilers before 0.5 take \
          one of them and do not say which.",
    remedy: "Give them once.",
};

/// CWE-1103.
pub(crate) static SIGNED_ARRAY: Rule = Rule {
    id: "signed-storage-array",
    title: "A compiler stores the wrong numbers",
    category: "other",
    swc: None,
    cwe: 1103,
    worst: Severity::High,
    help: "Compilers from 0.4.7 to 0.5.9 store wrong values when a list of constants is assigned to an \
          array of signed numbers in storage.",
    remedy: "Use a later compiler.",
};

/// CWE-1103.
pub(crate) static PUBLIC_NESTED: Rule = Rule {
    id: "public-nested-mapping",
    title: "A getter gives wrong values",
    category: "other",
    swc: None,
    cwe: 1103,
    worst: Severity::High,
    help: "Compilers before 0.5 make a wrong getter for a public mapping to a struct that contains a \
          struct.",
    remedy: "Use a later compiler, or write the getter.",
};

/// CWE-1103.
pub(crate) static ENCODER_ARRAY: Rule = Rule {
    id: "encoder-array",
    title: "A compiler encodes arrays wrongly",
    category: "other",
    swc: None,
    cwe: 1103,
    worst: Severity::High,
    help: "With the experimental encoder, compilers from 0.4.7 to 0.5.9 encode arrays of structs or of \
          arrays in storage wrongly when they are given to a call, an event or `abi.encode`.",
    remedy: "Use a later compiler.",
};

/// CWE-672.
pub(crate) static STALE_PRICE: Rule = Rule {
    id: "stale-price",
    title: "Nobody looks how old the price is",
    category: "other",
    swc: None,
    cwe: 672,
    worst: Severity::Medium,
    help: "A price feed answers with a price and the time of it. Only the price is used: while the feed \
          stands still, or its network is down, the old price decides.",
    remedy: "Compare the time with a limit, and the price with zero.",
};

/// CWE-561.
pub(crate) static VALUE_NOT_PAYABLE: Rule = Rule {
    id: "value-not-payable",
    title: "msg.value can only be zero here",
    category: "other",
    swc: None,
    cwe: 561,
    worst: Severity::Medium,
    help: "`msg.value` is used in a function that no payable function leads to: it is always zero, so a \
          payment that it asks for can never be made.",
    remedy: "Make the function payable, or remove the use.",
};

/// SWC-100.
pub(crate) static DEFAULT_VISIBILITY: Rule = Rule {
    id: "default-visibility",
    title: "A function that does not say who may call it",
    category: "access_control",
    swc: Some(100),
    cwe: 710,
    worst: Severity::Low,
    help: "Before Solidity 0.5 a function without a word for it is public. Helpers that were meant for the \
          contract's own use are open to everybody.",
    remedy: "Say `external`, `public`, `internal` or `private`.",
};

/// CWE-290.
pub(crate) static CALLER_IS_NO_CONTRACT: Rule = Rule {
    id: "caller-is-no-contract",
    title: "Having no code is taken for being a person",
    category: "access_control",
    swc: None,
    cwe: 290,
    worst: Severity::Low,
    help: "The caller is let in because it has no code or is `tx.origin`. A contract has no code while it \
          is constructed, and since EIP-7702 an account of a person may have code and act as a contract.",
    remedy: "Do not tell persons from contracts; protect what a contract could abuse.",
};

/// SWC-101.
pub(crate) static INFERRED_COUNTER: Rule = Rule {
    id: "inferred-counter",
    title: "A loop's counter is smaller than what it counts",
    category: "honeypot",
    swc: Some(101),
    cwe: 190,
    worst: Severity::Medium,
    help: "`var i = 0` makes the counter a `uint8`: it never reaches 256, so the loop ends only when gas \
          does, or leaves early. Traps use it to pay less than the loop seems to.",
    remedy: "Write the type; use a current compiler.",
};

/// CWE-704.
pub(crate) static EMPTY_LITERAL: Rule = Rule {
    id: "skipped-empty-literal",
    title: "An empty text shifts the arguments after it",
    category: "honeypot",
    swc: None,
    cwe: 704,
    worst: Severity::High,
    help: "Compilers before 0.4.12 leave an empty text out when they encode a call, and the arguments after \
          it move forward: a payment goes to another address than the text says.",
    remedy: "Use a current compiler.",
};

/// CWE-451.
pub(crate) static OUT_OF_SIGHT: Rule = Rule {
    id: "code-out-of-sight",
    title: "Code stands far to the right, where nobody looks",
    category: "honeypot",
    swc: None,
    cwe: 451,
    worst: Severity::High,
    help: "A line goes on after a long stretch of spaces. A reader of the verified source sees the \
          beginning only; what is hidden there often sends the ether elsewhere.",
    remedy: "Format the file and read it again.",
};
