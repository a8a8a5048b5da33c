//! Detectors that need the source.

use super::super::report::Severity;
use super::Rule;

/// SWC-107.
pub(crate) static READ_ONLY_REENTRANCY: Rule = Rule {
    id: "read-only-reentrancy",
    title: "What others read is stale while a call is under way",
    category: "reentrancy",
    swc: Some(107),
    cwe: 841,
    worst: Severity::Medium,
    help: "The function is locked, and a public function that is not reads a variable that is brought up to \
          date only after the call. Whoever is called asks it, or lets another contract ask it, and is \
          told the old state.",
    remedy: "Change the state before the call, or let the functions that others read refuse while the lock is \
          closed.",
};

/// SWC-107.
pub(crate) static REENTRANCY_BENIGN: Rule = Rule {
    id: "reentrancy-benign",
    title: "State is changed after a foreign contract was called",
    category: "reentrancy",
    swc: Some(107),
    cwe: 841,
    worst: Severity::Low,
    help: "A contract that the contract does not control is called, and storage is changed afterwards that \
          was not read before. Called again, the function does again what it could do by being called \
          twice; the order of its records can be wrong.",
    remedy: "Change the state before the call (checks, effects, interactions), or lock the function.",
};

/// SWC-119.
pub(crate) static SHADOWED_STATE: Rule = Rule {
    id: "shadowed-state-variable",
    title: "A variable hides one of the same name in a base",
    category: "other",
    swc: Some(119),
    cwe: 710,
    worst: Severity::High,
    help: "Contract and base each have a variable of this name. Functions of the base read and write \
          theirs, functions of the contract the other one: an owner set in one is not the owner that the \
          other asks for.",
    remedy: "Give them different names, or use the base's variable.",
};

/// SWC-119.
pub(crate) static SHADOWED_BUILTIN: Rule = Rule {
    id: "shadowed-builtin",
    title: "A name of the language means something else here",
    category: "other",
    swc: Some(119),
    cwe: 710,
    worst: Severity::Low,
    help: "A function, modifier, event or variable has a name that the language gives to something of its \
          own, such as `now`, `assert` or `msg`. What reads like the language's does not do what the \
          reader knows.",
    remedy: "Choose another name.",
};

/// CWE-457.
pub(crate) static UNINITIALIZED_STATE: Rule = Rule {
    id: "uninitialized-state",
    title: "A variable is read that nothing ever sets",
    category: "other",
    swc: None,
    cwe: 457,
    worst: Severity::High,
    help: "No function, constructor or declaration gives this variable a value, and some function uses it: \
          always zero. Ether that is sent to it is gone, and a comparison with it always ends the same \
          way.",
    remedy: "Set it where it is declared or in the constructor, or remove it.",
};

/// SWC-109.
pub(crate) static UNINITIALIZED_STORAGE: Rule = Rule {
    id: "uninitialized-storage-pointer",
    title: "A pointer to storage points to the first slots",
    category: "other",
    swc: Some(109),
    cwe: 824,
    worst: Severity::High,
    help: "Before Solidity 0.5 a struct or array in a function is a pointer to storage unless it says \
          `memory`. Unset, it points to slot 0: writing to it overwrites the first variables of the \
          contract, often the owner.",
    remedy: "Say `memory`, or set the pointer before it is used; use Solidity 0.5 or later.",
};

/// CWE-457.
pub(crate) static UNINITIALIZED_LOCAL: Rule = Rule {
    id: "uninitialized-local",
    title: "A local is used that was never set",
    category: "other",
    swc: None,
    cwe: 457,
    worst: Severity::Medium,
    help: "An address or a contract is used on a path on which nothing was assigned to it: it is zero \
          there.",
    remedy: "Set it where it is declared.",
};

/// CWE-682.
pub(crate) static DIVIDE_FIRST: Rule = Rule {
    id: "divide-before-multiply",
    title: "A division before a multiplication loses digits",
    category: "arithmetic",
    swc: None,
    cwe: 682,
    worst: Severity::Medium,
    help: "Whole numbers are divided, which cuts off what is left, and the quotient is multiplied: what was \
          cut off is multiplied too. Small amounts become zero.",
    remedy: "Multiply first, then divide.",
};

/// CWE-20.
pub(crate) static MISSING_ZERO_CHECK: Rule = Rule {
    id: "missing-zero-check",
    title: "An address may be set to zero by mistake",
    category: "other",
    swc: None,
    cwe: 20,
    worst: Severity::Low,
    help: "An address that the caller gives is stored, and ether or rights go to it later; nobody looks \
          whether it is zero, which is what an empty field of a form becomes.",
    remedy: "Refuse the zero address.",
};

/// SWC-133.
pub(crate) static PACKED_COLLISION: Rule = Rule {
    id: "encode-packed-collision",
    title: "Different values have the same hash",
    category: "access_control",
    swc: Some(133),
    cwe: 294,
    worst: Severity::High,
    help: "`abi.encodePacked` puts two values of varying length beside each other without saying where one \
          ends: `(\"a\", \"bc\")` and `(\"ab\", \"c\")` are the same bytes, so a signature or a proof for \
          the one is good for the other.",
    remedy: "Use `abi.encode`, or have at most one value of varying length.",
};

/// CWE-690.
pub(crate) static ARRAY_COPY: Rule = Rule {
    id: "array-by-reference",
    title: "A function changes a copy of the array",
    category: "other",
    swc: None,
    cwe: 690,
    worst: Severity::High,
    help: "An array in storage is given to a function that takes it as `memory`: the function works on a \
          copy, and what it changes is lost.",
    remedy: "Take the parameter as `storage`, or return the array.",
};

/// CWE-694.
pub(crate) static NAME_REUSED: Rule = Rule {
    id: "name-reused",
    title: "Two contracts have the same name",
    category: "other",
    swc: None,
    cwe: 694,
    worst: Severity::Medium,
    help: "Tools that keep what the compiler made by name keep only one of them, so that tests and \
          deployments may use the other one.",
    remedy: "Give each contract a name of its own.",
};

/// SWC-130.
pub(crate) static RIGHT_TO_LEFT: Rule = Rule {
    id: "right-to-left-override",
    title: "The text does not say what it shows",
    category: "honeypot",
    swc: Some(130),
    cwe: 451,
    worst: Severity::High,
    help: "A control character of Unicode turns the direction of the text: a reader sees arguments or code \
          in another order than the compiler does.",
    remedy: "Remove the character.",
};

/// CWE-837.
pub(crate) static VALUE_IN_LOOP: Rule = Rule {
    id: "value-in-loop",
    title: "msg.value is counted more than once",
    category: "other",
    swc: None,
    cwe: 837,
    worst: Severity::High,
    help: "`msg.value` is the same in every round of a loop: what was paid once is credited in each round.",
    remedy: "Add up what the rounds need and compare it with `msg.value` once.",
};

/// CWE-837.
pub(crate) static DELEGATECALL_IN_LOOP: Rule = Rule {
    id: "delegatecall-in-loop",
    title: "Each round of a loop sees the same payment",
    category: "other",
    swc: None,
    cwe: 837,
    worst: Severity::High,
    help: "A payable function runs a delegatecall in a loop. Each one sees the same `msg.value`, so that \
          functions called this way credit a payment as often as they are called.",
    remedy: "Make the function not payable, or refuse `msg.value` in what it calls.",
};

/// SWC-111.
pub(crate) static DEPRECATED: Rule = Rule {
    id: "deprecated-construct",
    title: "A construct that the language has given up",
    category: "other",
    swc: Some(111),
    cwe: 477,
    worst: Severity::Info,
    help: "`suicide`, `sha3`, `throw`, `callcode`, `block.blockhash`, `msg.gas`, `now` and `var` do not \
          compile any more, and some did not do what they seemed to.",
    remedy: "Use what replaced it, and a current compiler.",
};

/// SWC-118.
pub(crate) static CONSTRUCTOR_NAME: Rule = Rule {
    id: "constructor-name",
    title: "A constructor that is none",
    category: "access_control",
    swc: Some(118),
    cwe: 665,
    worst: Severity::High,
    help: "A function that sets up the contract is called almost like the contract. It was meant to be the \
          constructor, and anyone can call it, whenever he likes.",
    remedy: "Use the keyword `constructor`.",
};

/// SWC-118.
pub(crate) static TWO_CONSTRUCTORS: Rule = Rule {
    id: "multiple-constructors",
    title: "Two constructors, one of which never runs",
    category: "access_control",
    swc: Some(118),
    cwe: 665,
    worst: Severity::High,
    help: "The contract has a `constructor` and a function of its own name. Which of them runs depends on \
          the compiler's version.",
    remedy: "Keep the one with the keyword.",
};

/// CWE-682.
pub(crate) static FIRST_DEPOSITOR: Rule = Rule {
    id: "first-depositor",
    title: "The first depositor decides what a share is worth",
    category: "other",
    swc: None,
    cwe: 682,
    worst: Severity::Medium,
    help: "Shares are deposits times supply over the vault's holdings, and holdings are what the token says \
          that the vault has. The first depositor takes one share, gives tokens to the vault, and makes \
          the deposits of others round down to nothing.",
    remedy: "Mint dead shares or virtual assets at first, or keep books instead of asking for the balance.",
};

/// CWE-345.
pub(crate) static PERMIT_MISUSE: Rule = Rule {
    id: "permit-misuse",
    title: "A permit need not have worked",
    category: "access_control",
    swc: None,
    cwe: 345,
    worst: Severity::High,
    help: "`permit` is called and then tokens are moved from the same address, which the caller chooses. A \
          token without `permit` whose fallback accepts the call lets the tokens of everyone who has ever \
          approved this contract be taken.",
    remedy: "Let only `msg.sender` be the owner, or use a wrapper that checks what `permit` did.",
};

/// CWE-682.
pub(crate) static CARET: Rule = Rule {
    id: "caret-exponent",
    title: "`^` is no power",
    category: "arithmetic",
    swc: None,
    cwe: 682,
    worst: Severity::High,
    help: "`^` is bitwise exclusive or: `10^18` is 24.",
    remedy: "Write `**`.",
};
