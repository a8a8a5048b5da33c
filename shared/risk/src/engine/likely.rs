//! How likely harm is: what was measured by the curve, the rest by hand, from a prior that is told.

use crate::engine::inputs::Inputs;
use crate::engine::odds::Probability;
use crate::engine::rules::{Class as Kind, RuleSet, SignalId, SignalRule};
use crate::engine::verdict::Signal;
use crate::likelihood::{Calibration, Class, Estimate, Likelihood, Unsaid};
use crate::message::Reading;

/// `None` where the inputs do not ask for it. What a wallet's guard finds says what is to be done, and not how likely harm is.
pub(super) fn look(
    inputs: &Inputs,
    reading: &Reading,
    rules: &RuleSet,
    weighed: &[(&SignalRule, Signal)],
) -> Option<Likelihood> {
    let asked = inputs.likelihood.as_ref()?;
    let none = |reason| Some(Likelihood::None { reason });
    let own: Vec<(&SignalRule, &Signal)> = weighed
        .iter()
        .filter(|(_, signal)| !is_guard(&signal.id))
        .map(|(rule, signal)| (*rule, signal))
        .collect();
    if own.iter().any(|(rule, _)| rule.class == Kind::Hard) {
        return none(Unsaid::HardRule);
    }
    let Some(class) = Class::of(&inputs.question, reading) else { return none(Unsaid::NoLabelledData) };
    let calibration = Calibration::shipped(&asked.calibration_sha256).filter(|one| one.is_for(rules));
    let Some(calibration) = calibration else { return none(Unsaid::OtherRules) };
    let curve = calibration.curves().get(&class);
    let Some((curve, prior)) = curve.zip(asked.prior) else { return none(Unsaid::NoLabelledData) };
    let is_measured = |signal: &Signal| curve.signals.iter().any(|id| id.name() == signal.id);
    let signals = || own.iter().map(|(_, signal)| *signal);
    let sum = signals().filter(|signal| is_measured(signal)).map(|signal| signal.contribution).sum();
    let rest: Vec<_> = signals().filter(|signal| !is_measured(signal) && signal.contribution != 0).collect();
    let Some(step) = curve.at(sum) else { return none(Unsaid::NoLabelledData) };
    let by_hand = || rest.iter().map(|signal| signal.contribution);
    let widened: i64 = own.iter().map(|(rule, _)| rule.widens_up).sum();
    let start = prior.log_odds();
    let odds = start + step.evidence + by_hand().sum::<i64>();
    let low = start + step.low + by_hand().map(|by| by.min(0)).sum::<i64>();
    let high = start + step.high + by_hand().map(|by| by.max(0)).sum::<i64>() + widened;
    let share = |odds: i64| Probability::of_log_odds(odds).to_string();
    let mut names: Vec<_> = rest.iter().map(|signal| signal.id.clone()).collect();
    names.sort();
    let is_whole = names.is_empty();
    let estimate = Estimate {
        likelihood: share(odds),
        interval: [low, high].map(share),
        prior,
        evidence: step.evidence,
        rows: [step.harmful, step.harmless],
        by_hand: names,
        calibration_sha256: calibration.sha256().to_owned(),
    };
    Some(if is_whole { Likelihood::Measured(estimate) } else { Likelihood::PartlyMeasured(estimate) })
}

fn is_guard(id: &str) -> bool {
    SignalId::GUARD.into_iter().any(|guard| guard.name() == id)
}
