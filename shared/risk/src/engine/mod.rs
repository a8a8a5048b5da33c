//! The engine: inputs and rules in, verdict out. No I/O, no clock, no randomness.
//!
//! ```text
//! Question + history + lists + state ─> Inputs ─┐
//!                                  RuleSet ─────┴─> decide ─> Verdict, the same bytes everywhere
//! ```

mod amounts;
mod code_rules;
mod domain_rules;
mod effect_rules;
pub mod exposure;
mod findings;
pub mod ground;
pub mod guard;
mod guard_rules;
pub mod inputs;
mod likely;
pub mod listed;
pub mod odds;
mod party_rules;
pub mod replay;
pub mod rules;
mod simulation_rules;
mod token_rules;
mod transaction_rules;
pub mod verdict;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::engine::findings::{Findings, Found};
use crate::engine::guard::Said;
use crate::engine::guard_rules::GuardRules;
pub use crate::engine::guard_rules::Moved;
use crate::engine::inputs::{Inputs, Question};
use crate::engine::odds::Probability;
use crate::engine::party_rules::Known;
use crate::engine::rules::{Class, RuleSet, SignalId, SignalRule};
use crate::engine::verdict::{Level, Signal, Verdict};

/// This engine. It changes whenever the same inputs and rules would give other bytes (the golden
/// verdicts say so), because a verdict is only replayed by the engine that made it.
pub const ENGINE: &str = "scorpius-risk/3";

/// Judges `inputs` by `rules`.
#[must_use]
pub fn decide(inputs: &Inputs, rules: &RuleSet) -> Verdict {
    decide_hashed(inputs, hex::encode(Sha256::digest(inputs.canonical())), rules).verdict
}

/// A verdict, and what its transaction would move from a guarded wallet.
pub(crate) struct Decided {
    pub(crate) verdict: Verdict,
    pub(crate) moved: Moved,
}

/// As `decide`, where the hash of the canonical inputs is known already.
pub(crate) fn decide_hashed(inputs: &Inputs, inputs_sha256: String, rules: &RuleSet) -> Decided {
    let mut findings = Findings::default();
    let known = Known::of(inputs, rules);
    let mut reading = inputs.question.read();
    reading.calls.settle(|token| known.is_fungible(token));
    let parties = inputs.question.parties(&reading);
    known.look(&parties, &mut findings);
    known.look_at_site(&mut findings);
    code_rules::look(inputs, &parties, &mut findings);
    let mut simulation = None;
    let prior = match &inputs.question {
        Question::Address { .. } => {
            exposure::look(inputs, &known, &mut findings);
            rules.prior.address
        }
        Question::ForeignAddress { account } => {
            let evidence = json!({"address": account.text(), "chain": account.chain()});
            findings.add(SignalId::ListOnly, known.asked("request", evidence));
            rules.prior.address
        }
        Question::Token { .. } => {
            token_rules::look(inputs, &known, &mut findings);
            rules.prior.token
        }
        Question::Transaction { .. } => {
            transaction_rules::look(&reading, inputs, rules, &known, &mut findings);
            simulation = simulation_rules::look(&reading, inputs, &known, &mut findings);
            rules.prior.transaction
        }
        Question::Signature { .. } => {
            transaction_rules::look(&reading, inputs, rules, &known, &mut findings);
            rules.prior.signature
        }
        Question::Domain { age_days, .. } => {
            domain_rules::look(&reading, *age_days, rules, &known, &mut findings);
            rules.prior.domain
        }
    };
    let guard = inputs.guard.as_ref();
    let moved = guard.map(|guard| {
        let (inputs, reading, known, simulation) = (inputs, &reading, &known, simulation.as_ref());
        GuardRules { guard, inputs, reading, parties: &parties, known, rules, simulation }.look(&mut findings)
    });
    let weighed: Vec<_> = findings
        .into_found()
        .filter_map(|found| Some((rules.signals.get(&found.id)?, signal(found, rules)?)))
        .chain(code_rules::model(inputs, rules))
        .collect();

    let log_odds = prior + weighed.iter().map(|(_, signal)| signal.contribution).sum::<i64>();
    let widened: i64 = weighed.iter().map(|(rule, _)| rule.widens_up).sum();
    let probability = Probability::of_log_odds(log_odds);
    let interval = [log_odds - rules.spread.down, log_odds + rules.spread.up + widened];
    let (score, level) = (probability.score(), level(log_odds, &weighed, rules));
    let advice = advice(level, &weighed, rules);
    let likelihood = likely::look(inputs, &reading, rules, &weighed);
    let decision = guard.map(|guard| {
        let has = |id: SignalId| weighed.iter().any(|(_, signal)| signal.id == id.name());
        let has_hard = weighed.iter().any(|(rule, _)| rule.class == Class::Hard);
        guard.decide(&Said { score, level, has_hard, has: &has })
    });

    let mut signals: Vec<_> = weighed.into_iter().map(|(_, signal)| signal).collect();
    signals.sort_by(|one, two| {
        two.contribution.abs().cmp(&one.contribution.abs()).then_with(|| one.id.cmp(&two.id))
    });
    signals.insert(0, prior_signal(prior, rules));
    let verdict = Verdict {
        id: inputs.verdict_id.clone(),
        subject: inputs.question.subject(&reading),
        score,
        level,
        probability: probability.to_string(),
        interval: interval.map(|end| Probability::of_log_odds(end).to_string()),
        signals,
        engine: ENGINE.to_owned(),
        rules_sha256: rules.sha256().to_owned(),
        lists: inputs.lists.clone(),
        block: inputs.block.clone(),
        inputs_sha256,
        advice,
        likelihood,
        decision,
    };
    Decided { verdict, moved: moved.unwrap_or_default() }
}

fn prior_signal(prior: i64, rules: &RuleSet) -> Signal {
    Signal {
        id: "prior".to_owned(),
        value: 1,
        weight: prior,
        contribution: prior,
        evidence: json!({"rules": rules.name}),
        source: "rules".to_owned(),
        as_of: rules.date.clone(),
    }
}

fn signal(found: Found, rules: &RuleSet) -> Option<Signal> {
    let rule = rules.signals.get(&found.id)?;
    let mut evidence = found.evidence;
    if rule.widens_up > 0 {
        evidence["widens_up"] = Value::from(rule.widens_up);
    }
    let value = 1;
    Some(Signal {
        id: found.id.name(),
        value,
        weight: rule.weight,
        contribution: value * rule.weight,
        evidence,
        source: found.source,
        as_of: found.as_of,
    })
}

fn level(log_odds: i64, weighed: &[(&SignalRule, Signal)], rules: &RuleSet) -> Level {
    let has = |class: Class| weighed.iter().any(|(rule, _)| rule.class == class);
    if has(Class::Hard) || log_odds >= rules.levels.critical {
        return Level::Critical;
    }
    match log_odds {
        odds if odds >= rules.levels.danger => Level::Danger,
        odds if odds >= rules.levels.caution => Level::Caution,
        _ if has(Class::Missing) => Level::Unknown,
        _ => Level::Safe,
    }
}

/// The words of the reason that weighs most, from caution upwards; else the level's own.
fn advice(level: Level, weighed: &[(&SignalRule, Signal)], rules: &RuleSet) -> String {
    let by_level = || rules.advice.get(&level).cloned().unwrap_or_default();
    if level < Level::Caution {
        return by_level();
    }
    weighed
        .iter()
        .filter_map(|(rule, signal)| Some((signal.contribution, rule.advice.as_ref()?)))
        .max_by_key(|(contribution, _)| *contribution)
        .map_or_else(by_level, |(_, advice)| advice.clone())
}

#[cfg(test)]
pub(crate) mod tests;
