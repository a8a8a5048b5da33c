//! Traps: what a token or a game does to those who trust it.

use super::super::report::Severity;
use super::Rule;

/// CWE-912.
pub(crate) static HIDDEN_MINT: Rule = Rule {
    id: "hidden-mint",
    title: "The owner can make tokens",
    category: "honeypot",
    swc: None,
    cwe: 912,
    worst: Severity::Medium,
    help: "A function that only a privileged caller passes adds to a balance, takes nothing from another, \
           and has no upper bound. Holders can be diluted to nothing.",
    remedy: "Fix the supply, cap it in code, or put a timelock before the function.",
};

/// CWE-912.
pub(crate) static LEAK_TOKEN: Rule = Rule {
    id: "leak-token",
    title: "A privileged caller can take holders' tokens",
    category: "honeypot",
    swc: None,
    cwe: 912,
    worst: Severity::High,
    help: "A function lowers a balance that is not the caller's, or sets an allowance on it, and asks \
           nobody for an allowance. Or what others paid into the contract, or approved to it, leaves it at a \
           privileged caller's word or price.",
    remedy: "Move only what its owner approved.",
};

/// CWE-912.
pub(crate) static LIMIT_SELL: Rule = Rule {
    id: "limit-sell",
    title: "The owner can stop holders from selling",
    category: "honeypot",
    swc: None,
    cwe: 912,
    worst: Severity::Medium,
    help: "Transfers, or what the contract pays its callers, fail on a condition that a privileged caller \
           switches, and not everybody is held to it alike.",
    remedy: "Remove the switch, or let it only ever open.",
};

/// CWE-912.
pub(crate) static BLACKLIST: Rule = Rule {
    id: "blacklist",
    title: "The owner can block single holders",
    category: "honeypot",
    swc: None,
    cwe: 912,
    worst: Severity::Low,
    help: "Transfers fail for addresses in a list that a privileged caller writes.",
    remedy: "Say so to holders; put a timelock or several signers before the list.",
};

/// CWE-912.
pub(crate) static PAUSABLE: Rule = Rule {
    id: "pausable-transfers",
    title: "The owner can stop all transfers",
    category: "honeypot",
    swc: None,
    cwe: 912,
    worst: Severity::Low,
    help: "Transfers fail while a switch is set that a privileged caller writes.",
    remedy: "Say so to holders; let it end by itself.",
};

/// CWE-912.
pub(crate) static UNBOUNDED_FEE: Rule = Rule {
    id: "unbounded-fee",
    title: "The owner can raise the fee to everything",
    category: "honeypot",
    swc: None,
    cwe: 912,
    worst: Severity::Medium,
    help: "What a transfer takes as fee is computed from storage that a privileged caller writes without an \
           upper bound.",
    remedy: "Bound the fee in code.",
};

/// CWE-670.
pub(crate) static BALANCE_DISORDER: Rule = Rule {
    id: "balance-disorder",
    title: "A promise that the balance can never keep",
    category: "honeypot",
    swc: None,
    cwe: 670,
    worst: Severity::Medium,
    help: "The ether that came along is compared with the balance, as if the balance did not contain it \
           already: the reward behind the comparison is never paid.",
    remedy: "Compare with the balance before the call.",
};

/// CWE-506.
pub(crate) static HIDDEN_STATE_UPDATE: Rule = Rule {
    id: "hidden-state-update",
    title: "A switch that players do not see closes the way to the reward",
    category: "honeypot",
    swc: None,
    cwe: 506,
    worst: Severity::Medium,
    help: "Anyone who pays seems to be able to set the secret that a reward is paid for, until a privileged \
           caller throws a switch that the same function obeys.",
    remedy: "Send nothing to such a contract.",
};

/// CWE-506.
pub(crate) static STRAW_MAN: Rule = Rule {
    id: "straw-man-contract",
    title: "A contract that nobody sees decides about the payout",
    category: "honeypot",
    swc: None,
    cwe: 506,
    worst: Severity::Medium,
    help: "Before ether is paid to the caller a contract is called whose address only a privileged caller \
           set; if it fails the payout does.",
    remedy: "Send nothing to such a contract; look at the code behind the address.",
};
