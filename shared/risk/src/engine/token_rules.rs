//! What is found about a token.

use scorpius_scan::engine::Severity;
use serde_json::json;

use crate::address::Account;
use crate::calldata::Role;
use crate::engine::findings::Findings;
use crate::engine::inputs::{Inputs, Party};
use crate::engine::party_rules::Known;
use crate::engine::rules::SignalId;
use crate::token::{FindingSeen, ScanSeen, TokenSeen};

/// What the scanner's rules about privileged callers say of a token, and from which severity on: a capped mint is not worth
/// a word.
const POWERS: [(&str, Severity, SignalId); 7] = [
    ("leak-token", Severity::Medium, SignalId::TokenTakesHolders),
    ("limit-sell", Severity::Medium, SignalId::TokenSellSwitch),
    ("unbounded-fee", Severity::Medium, SignalId::TokenFee),
    ("hidden-mint", Severity::Medium, SignalId::TokenMint),
    ("blacklist", Severity::Low, SignalId::TokenBlacklist),
    ("pausable-transfers", Severity::Low, SignalId::TokenPausable),
    ("replaceable-code", Severity::Low, SignalId::TokenReplaceable),
];
/// The scanner's rules about what anybody can do.
const HOLES: [&str; 9] = [
    "arbitrary-call",
    "arbitrary-storage-write",
    "arbitrary-transfer-from",
    "unguarded-delegatecall",
    "unguarded-owner-change",
    "unguarded-selfdestruct",
    "unguarded-upgrade",
    "unguarded-withdrawal",
    "unprotected-initializer",
];

pub(super) fn look(inputs: &Inputs, known: &Known<'_>, findings: &mut Findings) {
    for party in inputs.question.parties(&inputs.question.read()) {
        look_at_names(&party, known, findings);
    }
    let incomplete = |why: &str| known.asked("scan", json!({"why": why}));
    let Some(token) = &inputs.token else {
        return findings.add(SignalId::TokenScanIncomplete, incomplete("the token was not read"));
    };
    let Some(code) = &token.code else {
        return findings.add(SignalId::TokenScanIncomplete, incomplete("the code was not read"));
    };
    let told_by = token.told_by.name();
    let seen = json!({
        "code_sha256": code.sha256,
        "code_bytes": code.bytes,
        "proxy": token.proxy,
        "answers": token.answers,
        "scanner": token.scan.as_ref().map(|scan| &scan.engine),
        "scanned_sha256": token.scan.as_ref().map(|scan| &scan.code_sha256),
    });
    findings.add(SignalId::TokenSeen, known.asked(told_by, seen));
    if code.bytes == 0 {
        return findings.add(SignalId::TokenNoCode, known.asked(told_by, json!({})));
    }
    if let Some(proxy) = token.proxy.as_ref().filter(|proxy| proxy.kind.is_replaceable()) {
        findings.add(SignalId::TokenReplaceable, known.asked(told_by, json!({"proxy": proxy})));
    }
    match &token.scan {
        Some(scan) => {
            look_at_scan(scan, known, findings);
            if scan.incomplete {
                findings
                    .add(SignalId::TokenScanIncomplete, incomplete("the scan did not see all of the code"));
            }
        }
        None => findings
            .add(SignalId::TokenScanIncomplete, incomplete("the code that the proxy runs was not read")),
    }
    if is_unowned(token) && !findings.has(SignalId::TokenReplaceable) {
        findings.add(SignalId::TokenUnowned, known.asked(told_by, json!({})));
    }
}

fn look_at_names(party: &Party, known: &Known<'_>, findings: &mut Findings) {
    if party.role == Role::Subject {
        for finding in known.namesakes(party) {
            findings.add(SignalId::TokenNamesake, finding);
        }
    }
}

fn look_at_scan(scan: &ScanSeen, known: &Known<'_>, findings: &mut Findings) {
    let evidence = |finding: &FindingSeen| {
        known.asked("scan", json!({"rule": finding.rule, "functions": finding.functions}))
    };
    for finding in &scan.findings {
        let power =
            POWERS.iter().find(|(rule, least, _)| *rule == finding.rule && finding.severity >= *least);
        if let Some((.., id)) = power {
            findings.add(*id, evidence(finding));
        }
        if finding.severity >= Severity::High && HOLES.contains(&finding.rule.as_str()) {
            findings.add(SignalId::TokenUnguarded, evidence(finding));
        }
    }
    if !scan.is_token && !scan.incomplete {
        findings.add(SignalId::TokenWithoutFunctions, known.asked("scan", json!({})));
    }
}

/// Who once had power says to have none any more.
fn is_unowned(token: &TokenSeen) -> bool {
    token.answers.as_ref().is_some_and(|answers| answers.owner == Some(Account::ZERO))
}
