//! How likely harm is: measured, by hand, or not said.

use proptest::prelude::*;

use super::*;
use crate::domain::Domain;
use crate::engine::replay::{ReplayError, replay};
use crate::intel::{Answers, Indicator, ListHead, Listed};
use crate::likelihood::{Class as Kind, Estimate, Likelihood, Prior, PriorSource, Priors, Unsaid};
use crate::lists::ListKind;

fn inputs(question: Question) -> Inputs {
    let id = "vrd_00000000000000000000000000000001".to_owned();
    Inputs::gather(question, &[], &Lists::seed(), id, ASKED_AT)
}

fn site(name: &str) -> Inputs {
    inputs(Question::Domain { domain: name.parse::<Domain>().expect("a name"), age_days: None })
}

fn said(inputs: &Inputs) -> (Verdict, Likelihood) {
    let verdict = decide(inputs, inputs.rules());
    let likelihood = verdict.likelihood.clone().expect("it was asked for");
    (verdict, likelihood)
}

fn share(text: &str) -> f64 {
    text.parse().expect("a share")
}

fn estimate(inputs: &Inputs) -> Estimate {
    said(inputs).1.estimate().expect("an estimate").clone()
}

fn domain(per_million: u32) -> Priors {
    Priors { domain: Some(per_million), payment: None }
}

#[test]
fn a_policy_s_prior_moves_the_likelihood_and_nothing_else() {
    let plain = site("metamask-restore.com").likely(&Priors::default());
    let rare = site("metamask-restore.com").likely(&domain(100));
    let (one, two) = (said(&plain).0, said(&rare).0);
    assert_eq!((one.score, one.level, &one.probability), (two.score, two.level, &two.probability));
    let (one, two) = (estimate(&plain), estimate(&rare));
    assert_eq!(one.prior, Prior { per_million: 20_000, source: PriorSource::Default });
    assert_eq!(two.prior, Prior { per_million: 100, source: PriorSource::Policy });
    assert_eq!((one.evidence, one.rows), (two.evidence, two.rows));
    assert!(share(&one.likelihood) > 10.0 * share(&two.likelihood), "{one:?} {two:?}");
    assert!(one.evidence > 0, "such a name speaks for harm: {one:?}");
}

#[test]
fn what_no_set_tells_and_what_a_rule_decides_has_no_likelihood() {
    let none = |question| match said(&inputs(question).likely(&Priors::default())).1 {
        Likelihood::None { reason } => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(none(address(NOBODY)), Unsaid::NoLabelledData);
    assert_eq!(none(address(RONIN_EXPLOITER)), Unsaid::HardRule);
    let approval = format!("095ea7b3 {} {}", word(NOBODY), "f".repeat(64));
    assert_eq!(none(call(USDC, "0", &approval)), Unsaid::NoLabelledData);
    assert_eq!(none(call(RONIN_EXPLOITER, "1", "")), Unsaid::HardRule);
    // Rules that it was not made for.
    let inputs = site("example.com").likely(&Priors::default());
    let mut rules: serde_json::Value =
        serde_json::from_str(include_str!("../../../rules/base.json")).expect("JSON");
    rules["date"] = json!("2026-11-27");
    let rules = RuleSet::parse(rules.to_string().as_bytes()).expect("rules");
    assert_eq!(decide(&inputs, &rules).likelihood, Some(Likelihood::None { reason: Unsaid::OtherRules }));
}

#[test]
fn a_payment_is_never_less_likely_harmful_than_the_prior_says() {
    let plain = estimate(&inputs(call(NOBODY, "1", "")).likely(&Priors::default()));
    assert_eq!((plain.evidence, plain.likelihood.as_str()), (0, "0.019996"));
    let tokens = format!("a9059cbb {} {}", word(NOBODY), word("1"));
    let sent = Kind::of(&call(USDC, "0", &tokens), &call(USDC, "0", &tokens).read());
    assert_eq!(sent, Some(Kind::Payment));
    let mut imitation = inputs(call(&twin(UNISWAP_ROUTER), "1", ""));
    imitation.history = vec![account(UNISWAP_ROUTER)];
    let imitation = estimate(&imitation.likely(&Priors::default()));
    assert!(imitation.evidence > 3_000 && share(&imitation.interval[0]) > 0.2, "{imitation:?}");
}

/// A name that somebody reports.
fn reported(priors: &Priors) -> Inputs {
    let list = ListHead {
        name: "watch".to_owned(),
        kind: ListKind::Threats,
        as_of: "2026-11-20".to_owned(),
        version: "00".to_owned(),
        rows: 1,
    };
    let row = Listed {
        indicator: Indicator::of_site(&"example.com".parse().expect("a name")).remove(0),
        name: "example.com".to_owned(),
        kind: None,
        chains: None,
        source: "the watch".to_owned(),
        date: "2026-11-20".to_owned(),
        delisted: None,
    };
    let answers = Answers { lists: vec![list.clone()], rows: vec![(list, row)] };
    site("example.com").listed(&answers).likely(priors)
}

#[test]
fn evidence_that_was_not_measured_is_named_and_the_interval_reaches_to_without_it() {
    let (_, likelihood) = said(&reported(&Priors::default()));
    let Likelihood::PartlyMeasured(with) = likelihood else { panic!("{likelihood:?}") };
    assert_eq!(with.by_hand, ["threat_list"]);
    let without = estimate(&site("example.com").likely(&Priors::default()));
    assert!(matches!(said(&site("example.com").likely(&Priors::default())).1, Likelihood::Measured(_)));
    assert_eq!(with.interval[0], without.interval[0]);
    assert!(share(&with.likelihood) > share(&without.likelihood));
}

#[test]
fn a_likelihood_is_made_again_byte_for_byte_and_only_by_its_calibration() {
    for inputs in [reported(&domain(5_000)), inputs(call(NOBODY, "1", "")).likely(&Priors::default())] {
        let verdict = String::from_utf8(decide(&inputs, inputs.rules()).canonical()).expect("text");
        assert!(replay(&verdict, &inputs.canonical()).expect("a replay").same);
        let mut other = inputs.clone();
        other.likelihood.as_mut().expect("asked").calibration_sha256 = "00".repeat(32);
        let other_verdict = String::from_utf8(decide(&other, other.rules()).canonical()).expect("text");
        let error = replay(&other_verdict, &other.canonical()).expect_err("another");
        assert!(matches!(error, ReplayError::OtherCalibration { .. }), "{error}");
    }
    // Verdicts of before there were likelihoods have none, then and now.
    let [inputs, verdict] = golden("simulated");
    assert!(!verdict.contains("likelihood") && replay(&verdict, inputs.as_bytes()).expect("a replay").same);
}

proptest! {
    #[test]
    fn more_prior_never_means_less_likelihood_and_the_interval_holds_it(
        one in 1..=500_000_u32,
        two in 1..=500_000_u32,
        name in "[a-z0-9-]{1,20}",
    ) {
        let Ok(domain_name) = format!("a{name}b.com").parse::<Domain>() else { return Ok(()) };
        let of = |per_million| {
            let question = Question::Domain { domain: domain_name.clone(), age_days: None };
            estimate(&inputs(question).likely(&domain(per_million)))
        };
        let (low, high) = (of(one.min(two)), of(one.max(two)));
        prop_assert!(share(&low.likelihood) <= share(&high.likelihood));
        for said in [&low, &high] {
            let [from, to] = &said.interval;
            prop_assert!(share(from) <= share(&said.likelihood) && share(&said.likelihood) <= share(to));
        }
    }
}
