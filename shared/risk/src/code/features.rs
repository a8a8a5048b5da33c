//! What a model sees in code: what it can do and whom it asks, and nothing that only tells who compiled it when.

use scorpius_scan::engine::Severity;
use scorpius_scan::sketch::Sketch;

use crate::token::ScanSeen;

/// The scanner's rules that are asked for. The list is fixed: a rule that the scanner gains is no feature of a model that was
/// trained without it.
const FINDINGS: [&str; 36] = [
    "arbitrary-call",
    "arbitrary-storage-write",
    "arbitrary-transfer-from",
    "balance-disorder",
    "blacklist",
    "block-number-dependence",
    "call-in-loop",
    "ether-with-all-gas",
    "failed-send-locks",
    "hidden-mint",
    "hidden-state-update",
    "integer-overflow",
    "integer-underflow",
    "leak-token",
    "limit-sell",
    "locked-ether",
    "pausable-transfers",
    "reentrancy-eth",
    "reentrancy-no-eth",
    "replaceable-code",
    "signature-replay",
    "spot-price",
    "straw-man-contract",
    "strict-balance-equality",
    "timestamp-dependence",
    "transaction-order-dependence",
    "tx-origin-authentication",
    "unbounded-fee",
    "unbounded-loop",
    "unchecked-call",
    "unguarded-delegatecall",
    "unguarded-owner-change",
    "unguarded-selfdestruct",
    "unguarded-withdrawal",
    "unprotected-initializer",
    "weak-randomness",
];
/// Instructions that are counted, by name. Those that tell a compiler's version (shifts, `PUSH0`, checks of sums) are not
/// among them.
const OPS: [(&str, u8); 14] = [
    ("balance", 0x31),
    ("origin", 0x32),
    ("caller", 0x33),
    ("callvalue", 0x34),
    ("extcodesize", 0x3b),
    ("blockhash", 0x40),
    ("timestamp", 0x42),
    ("sload", 0x54),
    ("sstore", 0x55),
    ("create", 0xf0),
    ("call", 0xf1),
    ("delegatecall", 0xf4),
    ("staticcall", 0xfa),
    ("selfdestruct", 0xff),
];
/// Functions that are asked for, by the selectors of the usual ways to write them.
const FUNCTIONS: [(&str, &[u32]); 20] = [
    ("transfer", &[0xa905_9cbb]),
    ("approve", &[0x095e_a7b3]),
    ("owner", &[0x8da5_cb5b, 0x893d_20e8]),
    ("transfer_ownership", &[0xf2fd_e38b]),
    ("renounce_ownership", &[0x7150_18a6]),
    ("mint", &[0x40c1_0f19, 0xa071_2d68, 0x4e6e_c247]),
    ("burn", &[0x4296_6c68, 0x79cc_6790, 0x9dc2_9fac]),
    ("pause", &[0x8456_cb59, 0x3f4b_a83a, 0x5c97_5abb]),
    ("blacklist", &[0xf9f9_2be4, 0x0ecb_93c0, 0xe47d_6060, 0x4415_36eb]),
    ("freeze_account", &[0xe724_529c, 0x8d1f_dd72]),
    ("increase_allowance", &[0x3950_9351]),
    ("permit", &[0xd505_accf]),
    ("withdraw", &[0x3ccf_d60b, 0x2e1a_7d4d]),
    ("deposit", &[0xd0e3_0db0, 0xb6b5_5f25]),
    ("kill", &[0x41c0_e1b5, 0x8319_7ef0]),
    ("set_fee", &[0x69fe_0e2d, 0x4070_a0c9, 0x8b42_5cb3]),
    ("exclude_from_fee", &[0x4378_23ec, 0xea2f_0b37]),
    ("set_trading", &[0x8a8c_523c, 0x8f70_ccf7]),
    ("max_transaction", &[0xd543_dbeb, 0xec28_438a]),
    ("airdrop", &[0x6724_3482, 0xc204_642c]),
];

/// Their names, in their order: the scanner's rules about bytecode by severity, functions, counts.
#[must_use]
pub fn names() -> Vec<String> {
    let rules = FINDINGS.iter().map(|rule| format!("finding:{rule}"));
    let functions = FUNCTIONS.iter().map(|(name, _)| format!("has:{name}"));
    let ops = OPS.iter().map(|(name, _)| format!("count:{name}"));
    let sizes = ["instructions", "functions"].map(|name| format!("count:{name}"));
    rules.chain(functions).chain(ops).chain(sizes).collect()
}

/// In the order of `names`: a finding is 1 to 5 by its worst severity, a function 0 or 1, a count what it is.
#[must_use]
pub fn of(sketch: &Sketch, scan: &ScanSeen) -> Vec<i64> {
    let worst = |rule: &str| {
        let of = scan.findings.iter().filter(|finding| finding.rule == rule);
        of.map(|finding| weight(finding.severity)).max().unwrap_or_default()
    };
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let rules = FINDINGS.iter().map(|rule| worst(rule));
    let functions = FUNCTIONS.iter().map(|(_, selectors)| {
        i64::from(selectors.iter().any(|selector| sketch.functions.contains_key(selector)))
    });
    let ops = OPS.iter().map(|(_, op)| count(sketch.count(*op)));
    let sizes = [sketch.instructions, sketch.functions.len()].map(count);
    rules.chain(functions).chain(ops).chain(sizes).collect()
}

/// Whether more of a feature may only speak for harm: so a finding never makes code look better.
#[must_use]
pub fn only_for_harm(name: &str) -> bool {
    name.starts_with("finding:")
}

fn weight(severity: Severity) -> i64 {
    match severity {
        Severity::Info => 1,
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    }
}

#[cfg(test)]
mod tests {
    use scorpius_scan::engine::every_rule;

    use super::*;
    use crate::token::scan;

    #[test]
    fn code_has_a_number_for_each_feature_and_every_rule_is_one_of_the_scanner_s() {
        let names = names();
        assert!(FINDINGS.iter().all(|id| every_rule().any(|rule| rule.id == *id)));
        // CALLER, SELFDESTRUCT: anybody may end it.
        let code = [0x33, 0xff];
        let numbers = of(&Sketch::of(&code), &scan(&code));
        assert_eq!(numbers.len(), names.len());
        let at = |name: &str| numbers[names.iter().position(|other| other == name).expect("a feature")];
        assert_eq!((at("count:selfdestruct"), at("count:instructions"), at("has:owner")), (1, 2, 0));
        assert!(at("finding:unguarded-selfdestruct") > 0);
    }
}
