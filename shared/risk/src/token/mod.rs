//! What was seen of a token: its code, who has power over it, what it calls itself, and what the scanner found.
//!
//! ```text
//! code, places of proxies, answers ─> seen ─> TokenSeen, part of a verdict's inputs
//! logic's code ─> scan ──────────────────┘
//! ```
//!
//! A scan has a time limit and so may end elsewhere on another machine. What it found is an input, as what a list says is:
//! judging is pure.

mod abi;
mod read;

use scorpius_evm::Unread;
use scorpius_scan::engine::{self, Budget, Deadline, Report, Severity};
use scorpius_scan::proxy::ProxyKind;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::address::Account;
use crate::engine::ground::Teller;

pub use read::{Read, questions, runs, seen, slots};

/// Characters of a token's name and of its symbol that are kept.
pub const NAME_CHARS_MAX: usize = 64;
/// Findings that are kept of a scan.
const FINDINGS_MAX: usize = 64;
/// Functions that are kept of a finding.
const SELECTORS_MAX: usize = 8;

/// What was seen of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSeen {
    /// Who told its code.
    pub told_by: Teller,
    /// Why the chain was not read, or not all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<Unread>,
    /// Its own code; `None` when it was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<CodeSeen>,
    /// Whose code it runs as its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<ProxySeen>,
    /// What it answered; `None` when it was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<TokenAnswers>,
    /// What the scanner found in the code that it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan: Option<ScanSeen>,
}

/// Code by its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeSeen {
    /// SHA-256, in hex.
    pub sha256: String,
    /// Its length; 0 where no contract is.
    pub bytes: u64,
}

impl CodeSeen {
    /// Of `code`.
    #[must_use]
    pub fn of(code: &[u8]) -> Self {
        Self { sha256: hex::encode(Sha256::digest(code)), bytes: code.len() as u64 }
    }
}

/// A proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxySeen {
    /// Of which kind.
    pub kind: ProxyKind,
    /// Whose code it runs, or the beacon that says so.
    pub points_to: Account,
    /// Who may replace it, where ERC-1967's place of the administrator is filled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<Account>,
}

/// What a token says of itself, which need not be true.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenAnswers {
    /// `name()`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `symbol()`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// `decimals()`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimals: Option<u8>,
    /// `totalSupply()`, decimal, in the smallest unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_supply: Option<String>,
    /// `owner()` or `getOwner()`; zero where the ownership was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Account>,
}

/// What a scan of the code found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScanSeen {
    /// Which scanner.
    pub engine: String,
    /// Whose code: the token's own, or the one that its proxy runs.
    pub code_sha256: String,
    /// Whether something was not looked at.
    pub incomplete: bool,
    /// Whether it has the functions of ERC-20 that move and tell balances.
    pub is_token: bool,
    /// What was found, each rule and function once.
    pub findings: Vec<FindingSeen>,
}

/// One finding of a scan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindingSeen {
    /// The scanner's rule.
    pub rule: String,
    /// How bad it is if it is true.
    pub severity: Severity,
    /// The functions, by selector.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<String>,
}

/// `transfer`, `balanceOf` and `totalSupply`.
const OF_TOKENS: [&str; 3] = ["0xa9059cbb", "0x70a08231", "0x18160ddd"];

/// Scans `code` within the scanner's quick budget. It may take a second: call it where blocking is fine.
#[must_use]
pub fn scan(code: &[u8]) -> ScanSeen {
    seen_by(engine::scan(code, Budget::Quick))
}

/// The same with the limits of the quick budget on work, and none on time, so without evmole, which has no other: a slow
/// machine finds what a fast one does, byte for byte. Where evmole alone knows where a jump goes, it finds less than `scan`.
#[must_use]
pub fn scan_whole(code: &[u8]) -> ScanSeen {
    seen_by(engine::scan_until(code, Budget::Quick, &Deadline::never()))
}

fn seen_by(report: Report) -> ScanSeen {
    let has = |selector: &str| report.functions.iter().any(|function| function.selector == selector);
    let mut findings: Vec<_> = report
        .findings
        .iter()
        .map(|finding| FindingSeen {
            rule: finding.detector.clone(),
            severity: finding.severity,
            functions: finding.selectors.iter().take(SELECTORS_MAX).cloned().collect(),
        })
        .collect();
    findings.sort();
    findings.dedup();
    let cut = findings.len() > FINDINGS_MAX;
    findings.truncate(FINDINGS_MAX);
    ScanSeen {
        engine: report.engine,
        code_sha256: report.code.code_sha256,
        incomplete: report.incomplete || cut,
        is_token: OF_TOKENS.into_iter().all(has),
        findings,
    }
}

#[cfg(test)]
mod tests;
