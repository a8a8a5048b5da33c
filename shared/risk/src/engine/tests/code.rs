//! Code that is looked at by itself, and what models say.

use std::collections::BTreeMap;

use super::*;
use crate::code::{Looked, look};
use crate::domain::features as of_names;
use crate::engine::ground::Teller;
use crate::engine::rules::BadRules;
use crate::intel::CodePart;
use crate::intel::Indicator;
use crate::model::{self, Model, Node, Parts, Split};

/// Long enough to have a print: stores, and says who may.
fn code(constant: u8) -> Vec<u8> {
    let mut code = vec![0x33, 0x54];
    for _ in 0..120 {
        code.extend([0x60, constant, 0x60, 0x01, 0x55]);
    }
    code
}

fn bad_code(print: &Indicator, delisted: bool) -> Answers {
    let list = ListHead {
        name: "bad-code".to_owned(),
        kind: ListKind::BadCode,
        as_of: "2026-11-20".to_owned(),
        version: "ab".repeat(32),
        rows: 1,
    };
    let row = Listed {
        indicator: print.clone(),
        name: "Drainer 7".to_owned(),
        kind: None,
        chains: None,
        source: "the watch".to_owned(),
        date: "2026-11-19".to_owned(),
        delisted: delisted.then(|| "2026-11-20".to_owned()),
    };
    Answers { lists: vec![list.clone()], rows: vec![(list, row)] }
}

/// `question` about an account that has `code`, by lists that know `known`.
fn asked(question: Question, account: Account, code: &[u8], answers: &Answers) -> Inputs {
    let (looked, parts) = look(account, Teller::Asker, code, None);
    let looked: Vec<Looked> =
        [looked.listed(&parts, answers)].into_iter().filter(|looked| !looked.listed.is_empty()).collect();
    let id = "vrd_00000000000000000000000000000001".to_owned();
    Inputs::gather(question, &[], &Lists::seed(), id, ASKED_AT).listed(answers).coded(looked)
}

fn print_of(code: &[u8]) -> Indicator {
    let (_, parts) = look(account(NOBODY), Teller::Asker, code, None);
    parts.first().expect("a print").1.clone()
}

#[test]
fn a_copy_of_bad_code_is_dangerous_wherever_it_is_and_the_list_is_named() {
    let answers = bad_code(&print_of(&code(1)), false);
    let approval = format!("095ea7b3{}{}", word(NOBODY), word("64"));
    for question in [address(NOBODY), call(USDC, "0", &approval), call(NOBODY, "1", "")] {
        let inputs = asked(question, account(NOBODY), &code(9), &answers);
        let verdict = decide(&inputs, inputs.rules());
        assert!(verdict.level >= Level::Danger, "{verdict:?}");
        let signal =
            verdict.signals.iter().find(|signal| signal.id == "known_bad_code").expect("it is found");
        let found = &signal.evidence["found"][0];
        assert_eq!((&found["part"], &found["list_version"]), (&json!("whole"), &json!("ab".repeat(32))));
        assert_eq!((&found["name"], &found["said_by"]), (&json!("Drainer 7"), &json!("the watch")));
        assert_eq!((signal.source.as_str(), signal.as_of.as_str()), ("list:bad-code", "2026-11-20"));
        let again = Inputs::parse(&inputs.canonical()).expect("inputs");
        assert_eq!(decide(&again, again.rules()).canonical(), verdict.canonical());
    }
}

#[test]
fn other_code_short_code_and_what_was_taken_back_are_not_bad() {
    let answers = bad_code(&print_of(&code(1)), false);
    let mut other = code(1);
    other.extend([0x33, 0xff]);
    for harmless in [&other[..], &code(1)[..300], &[]] {
        let inputs = asked(address(NOBODY), account(NOBODY), harmless, &answers);
        assert!(inputs.codes.is_empty());
        assert_eq!(inputs.rules().sha256(), RuleSet::base().sha256());
    }
    let gone = bad_code(&print_of(&code(1)), true);
    assert!(asked(address(NOBODY), account(NOBODY), &code(1), &gone).codes.is_empty());
    // A list of code says nothing of sites and accounts.
    let odd = bad_code(&format!("evm:{}", account(NOBODY)).parse().expect("an account"), false);
    let verdict = decide(&asked(address(NOBODY), account(NOBODY), &[], &odd), RuleSet::base());
    assert!(!ids(&verdict).contains("threat_list"));
    assert!(Indicator::code(CodePart::Whole, "12").is_err());
}

/// A model of names that says `up` of long ones.
fn model(up: i64) -> Model {
    let split = Split { feature: 0, at_most: 20, left: 1, right: 2 };
    let nodes = vec![
        Node { value: 100, split: Some(split) },
        Node { value: -700, split: None },
        Node { value: up, split: None },
    ];
    Model::of(Parts {
        name: "names".to_owned(),
        class: model::Class::Domain,
        roots: vec![0],
        nodes,
        scale: 900,
        bounds: (3_000, 500),
        data_sha256: "00".repeat(32),
        seed: 1,
        measures: BTreeMap::new(),
    })
    .expect("a model")
}

fn rules(named: &str, own: &[Model]) -> Result<RuleSet, BadRules> {
    let mut rules: Value = serde_json::from_str(include_str!("../../../rules/base.json")).expect("JSON");
    let more: Value = serde_json::from_str(include_str!("../../../rules/extended.json")).expect("JSON");
    for (id, signal) in more["signals"].as_object().expect("signals") {
        rules["signals"][id] = signal.clone();
    }
    rules["models"] = json!({ "domain": named });
    RuleSet::parse_with(rules.to_string().as_bytes(), own)
}

fn site(name: &str) -> Question {
    Question::Domain { domain: name.parse().expect("a name"), age_days: None }
}

#[test]
fn what_a_model_says_is_one_term_that_lists_how_it_came_to_it() {
    let model = model(5_000);
    let rules = rules(model.sha256(), std::slice::from_ref(&model)).expect("rules");
    for (name, expected) in [("a-very-long-name-of-a-site.example", 3_000), ("short.example", -500)] {
        let inputs = Inputs::gather(site(name), &[], &Lists::seed(), "vrd_1".to_owned(), ASKED_AT);
        let verdict = decide(&inputs, &rules);
        assert_eq!(Probability::of_log_odds(sum(&verdict)).to_string(), verdict.probability);
        let signal = verdict.signals.iter().find(|signal| signal.id == "name_model").expect("it is listed");
        assert_eq!((signal.value, signal.weight, signal.contribution), (expected, 1, expected));
        let found = &signal.evidence["found"][0];
        let number = |name: &str| found[name].as_i64().expect("a number");
        let moved = found["moved"].as_array().expect("features");
        let moved: i64 = moved.iter().filter_map(|feature| feature["contribution"].as_i64()).sum();
        assert_eq!(number("start") + moved + number("scaled") + number("bounded"), expected);
        assert_eq!(found["model_sha256"], model.sha256());
        assert!(verdict.level < Level::Danger, "a model alone never reaches danger");
    }
    assert_eq!(of_names::NAMES[0], "length");
}

#[test]
fn verdicts_of_sites_from_before_the_model_replay_as_they_were() {
    for name in ["claim-eth.net", "a-long-name-1234567.xyz", "short.example"] {
        let inputs = Inputs::gather(site(name), &[], &Lists::seed(), "vrd_1".to_owned(), ASKED_AT);
        let (before, now) = (decide(&inputs, RuleSet::base()), decide(&inputs, inputs.rules()));
        assert!(!ids(&before).contains("name_model") && ids(&now).contains("name_model"));
        for verdict in [before, now] {
            let text = String::from_utf8(verdict.canonical()).expect("text");
            assert!(
                crate::engine::replay::replay(&text, &inputs.canonical()).expect("a replay").same,
                "{text}"
            );
        }
    }
}

#[test]
fn rules_name_models_that_are_there() {
    assert!(matches!(rules(&"0".repeat(64), &[]), Err(BadRules::NoModel(_))));
    let (one, other) = (model(1_000), model(2_000));
    let named = |model: &Model| rules(model.sha256(), std::slice::from_ref(model)).expect("rules");
    assert_ne!(named(&one).sha256(), named(&other).sha256(), "another model makes another rule set");
}

#[test]
fn every_rule_set_and_model_of_this_release_is_what_its_file_says() {
    for rules in RuleSet::all() {
        let written = serde_json::to_vec(&**rules).expect("rules are JSON");
        assert_eq!(RuleSet::parse(&written).expect("rules").sha256(), rules.sha256());
        assert!(RuleSet::known(rules.sha256()).is_some());
    }
    let listed = model::listed();
    assert!(listed.models.iter().all(|model| Model::shipped(&model.sha256).is_some()));
}
