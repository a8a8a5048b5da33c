//! A verdict in the words of people who do not read log-odds.

use schemars::JsonSchema;
use scorpius_risk::engine::rules::{Class, RuleSet, SignalId, SignalRule};
use scorpius_risk::engine::verdict::{Signal, Verdict};
use serde::{Deserialize, Serialize};

/// Recommendations of one answer.
const RECOMMENDATIONS_MAX: usize = 5;
/// Log-odds in thousandths from which a reason is called grave, and from which it is called one at all.
const HIGH: i64 = 3_000;
const MEDIUM: i64 = 1_000;

/// How much a reason weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Speaks against risk.
    Trust,
    /// Something was not looked at.
    Unknown,
    /// Below 1,000 thousandths of log-odds.
    Low,
    /// Below 3,000.
    Medium,
    /// From 3,000 on.
    High,
    /// Decides alone.
    Critical,
}

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RiskFactor {
    /// The signal's id.
    #[serde(rename = "type")]
    pub kind: String,
    /// How much it weighs.
    pub severity: Severity,
    /// What it means.
    pub description: String,
}

/// The reasons of `verdict`, heaviest first.
pub(crate) fn factors(verdict: &Verdict) -> Vec<RiskFactor> {
    let factor = |(signal, rule): (&Signal, &SignalRule)| {
        let severity = match (rule.class, signal.contribution) {
            (Class::Information, _) => return None,
            (Class::Hard, _) => Severity::Critical,
            (Class::Missing, _) => Severity::Unknown,
            (Class::Trust, _) => Severity::Trust,
            (_, HIGH..) => Severity::High,
            (_, MEDIUM..) => Severity::Medium,
            (Class::Evidence | Class::Novelty, _) => Severity::Low,
        };
        Some(RiskFactor { kind: signal.id.clone(), severity, description: rule.meaning.clone() })
    };
    weighed(verdict).filter_map(factor).collect()
}

/// 1 less the width of the interval, six digits.
pub(crate) fn confidence(verdict: &Verdict) -> String {
    // Six digits after the point are what the engine writes.
    let millionths = |share: &String| {
        share.split_once('.').and_then(|(one, rest)| format!("{one}{rest}").parse::<u32>().ok())
    };
    let [low, high] = verdict.interval.each_ref().map(millionths);
    let width = high.unwrap_or(1_000_000).saturating_sub(low.unwrap_or_default()).min(1_000_000);
    let rest = 1_000_000 - width;
    format!("{}.{:06}", rest / 1_000_000, rest % 1_000_000)
}

/// What to do, most important first.
pub(crate) fn recommendations(verdict: &Verdict) -> Vec<String> {
    let speaks =
        |(signal, rule): &(&Signal, &SignalRule)| signal.contribution > 0 || rule.class == Class::Missing;
    let of_signals = weighed(verdict).filter(speaks).filter_map(|(_, rule)| rule.advice.clone());
    let mut said: Vec<String> = Vec::new();
    for advice in std::iter::once(verdict.advice.clone()).chain(of_signals) {
        if !said.contains(&advice) && said.len() < RECOMMENDATIONS_MAX {
            said.push(advice);
        }
    }
    said
}

fn weighed(verdict: &Verdict) -> impl Iterator<Item = (&Signal, &'static SignalRule)> {
    let rules = RuleSet::known(&verdict.rules_sha256);
    let rule = move |signal: &Signal| {
        let id: SignalId = serde_json::from_value(signal.id.as_str().into()).ok()?;
        rules?.signals.get(&id)
    };
    verdict.signals.iter().filter_map(move |signal| Some((signal, rule(signal)?)))
}
