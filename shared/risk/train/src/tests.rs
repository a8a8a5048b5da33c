//! The whole way on small sets that are made here.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use scorpius_risk::engine::rules::SignalId;
use serde_json::json;

use super::*;

fn settings(seed: u64) -> Settings {
    Settings { seed, name: "test".to_owned() }
}

/// Names that are harmful where they are long and have digits, in groups of three.
fn sites(numbers: impl Iterator<Item = u64>) -> Vec<DataSet> {
    let mut builder = Builder::new();
    for number in numbers {
        let (long, digits) = (number % 2 == 0, number % 4 < 2);
        let name = if long { "quite-a-long-name-for-one" } else { "short" };
        let digits = if digits { format!("{}", 1_000 + number) } else { letters(number) };
        let harmful = long && number % 4 < 2;
        let label = if harmful { "phishing" } else { "benign" };
        for below in ["", "a.", "b."] {
            let id = format!("{below}{name}{digits}.example");
            builder.line("made", &json!({"id": id, "label": label}).to_string()).expect("a line");
        }
    }
    builder.finish().0
}

fn letters(number: u64) -> String {
    number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'k')).collect()
}

#[test]
fn what_only_trees_can_tell_is_learned_and_measured_on_other_groups() {
    let sets = sites(0..240);
    let [set] = &sets[..] else { panic!("one class") };
    let groups: BTreeSet<_> = set.rows.iter().map(|row| row.group.as_str()).collect();
    assert_eq!((set.rows.len(), groups.len()), (720, 240), "a name and those below it are one group");
    let outcome = learn(set, &settings(7)).expect("learned");
    assert!(outcome.ships, "{}", outcome.reason);
    let by = |name: &str| outcome.contenders.iter().find(|of| of.name == name).expect("measured").measures;
    assert!(by("rules_and_trees").brier < by("rules").brier, "{outcome:?}");
    let model = outcome.model.as_ref().expect("a model");
    // The same rows and seed give the same bytes, whatever the order of the lines; another seed other folds.
    let again = learn(&sites((0..240).rev())[0], &settings(7)).expect("learned").model.expect("a model");
    assert_eq!(again.canonical().expect("JSON"), model.canonical().expect("JSON"));
    let other = learn(set, &settings(8)).expect("learned").model.expect("a model");
    assert_ne!(other.sha256(), model.sha256());
    // What the engine says by the file tells both kinds apart.
    let said = |harmful: bool| {
        let rows = set.rows.iter().filter(move |row| row.harmful == harmful);
        rows.map(|row| model.say(&row.features).expect("its features").total())
    };
    assert!(said(true).min() > said(false).max(), "{:?} {:?}", said(true).min(), said(false).max());
    let text =
        card(7, &[(set, set.sha256().expect("a hash"), Ok(outcome))], &Default::default()).expect("a card");
    assert!(text.contains("Trees are a term of the score") && text.contains("seed 7"), "{text}");
}

#[test]
fn nothing_is_learned_from_names_that_chance_labelled() {
    let mut builder = Builder::new();
    for number in 0..400_u64 {
        let label = if number * 7_919 % 31 % 2 == 0 { "phishing" } else { "benign" };
        let id = format!("{}.example", letters(number * 104_729));
        builder.line("made", &json!({"id": id, "label": label}).to_string()).expect("a line");
    }
    let (sets, _) = builder.finish();
    let outcome = learn(&sets[0], &settings(1)).expect("learned");
    assert!(!outcome.ships, "{}", outcome.reason);
}

#[test]
fn too_few_rows_teach_nothing_and_contradictions_are_left_out() {
    let mut builder = Builder::new();
    for (id, label) in [("one.example", "phishing"), ("two.example", "benign"), ("one.example", "benign")] {
        builder.line("made", &json!({"id": id, "label": label}).to_string()).expect("a line");
    }
    for id in ["0xe6bbbf206f4ea33cdf84400a4562169cce39f5c6", "no question"] {
        builder.line("made", &json!({"id": id, "label": "malicious"}).to_string()).expect("a line");
    }
    assert!(builder.line("made", "{").is_err());
    let (sets, skipped) = builder.finish();
    assert_eq!(sets[0].rows.len(), 1);
    assert_eq!(skipped["two sets contradict each other"], 1);
    assert_eq!(skipped["addresses: lists alone know them"], 1);
    assert!(matches!(learn(&sets[0], &settings(1)), Err(LearnError::TooFew { .. })));
}

#[test]
fn payments_to_imitations_have_honest_twins_in_one_group() {
    let mut builder = Builder::new();
    let line = json!({
        "id": "0x00", "class": "malicious",
        "sender": "0x772e6bb9769085a168c9890149930be73cb18614",
        "recipient": "0x3c9540ef69938fe57f3fb21209e3be93634ef5b0",
        "intended": "0x3c90435bf7f73f360e65142973d07cc6fbc2f5b0",
    });
    builder.line("paid", &line.to_string()).expect("a line");
    let (sets, _) = builder.finish();
    let rows = &sets[0].rows;
    assert_eq!((rows.len(), rows[0].group == rows[1].group), (2, true));
    let harmful = rows.iter().find(|row| row.harmful).expect("one");
    let honest = rows.iter().find(|row| !row.harmful).expect("one");
    assert!(honest.source.contains("made") && !honest.signals.contains(&SignalId::LookalikeHistory));
    assert_eq!(honest.features, harmful.features);
}

#[test]
fn code_is_a_row_with_its_skeleton_as_group() {
    let mut builder = Builder::new();
    let line =
        json!({"id": "c", "runtime_bytecode": "0x33ff", "group": "g", "labels": [{"category": "honeypot"}]});
    builder.line("contracts", &line.to_string()).expect("a line");
    let (sets, _) = builder.finish();
    let row = &sets[0].rows[0];
    assert_eq!((sets[0].kind, row.group.as_str(), row.harmful), (Kind::Contract, "g", true));
    assert!(row.signals.contains(&SignalId::TokenUnguarded), "{row:?}");
}

#[test]
fn feedback_is_learned_from_and_lists_are_not() {
    use scorpius_core::UnixMillis;
    use scorpius_risk::engine::inputs::{Inputs, Question};
    use scorpius_risk::lists::Lists;
    let question =
        Question::Domain { domain: "metamask-restore.example".parse().expect("a name"), age_days: None };
    let inputs =
        Inputs::gather(question, &[], &Lists::seed(), "vrd_1".to_owned(), UnixMillis(1_795_254_040_000));
    let inputs: serde_json::Value = serde_json::from_slice(&inputs.canonical()).expect("JSON");
    let line = |label: &str| json!({"verdict_id": "vrd_1", "label": label, "inputs": inputs}).to_string();
    let mut builder = Builder::new();
    builder.feedback(&line("harmful")).expect("a line");
    assert!(matches!(builder.feedback(&line("maybe")), Err(SetError::Feedback(_))));
    let (sets, _) = builder.finish();
    let row = &sets[0].rows[0];
    assert_eq!((row.source.as_str(), row.harmful), ("feedback", true));
    assert!(row.signals.contains(&SignalId::BrandLure) && !row.signals.contains(&SignalId::ThreatList));
}

/// Code of a few hundred functions, each of which asks its storage and jumps on.
fn large(seed: u8) -> String {
    let mut code = vec![0x60, 0x00, 0x35, 0x60, 0xe0, 0x1c];
    for number in 0..200_u16 {
        let [high, low] = number.to_be_bytes();
        // DUP1, PUSH4, EQ, PUSH2, JUMPI: to a place of its own.
        let [to_high, to_low] = (2_400 + 12 * number).to_be_bytes();
        code.extend([0x80, 0x63, seed, 0x10, high, low, 0x14, 0x61, to_high, to_low, 0x57]);
    }
    code.resize(2_400, 0x00);
    for number in 0..200_u16 {
        let [_, low] = number.to_be_bytes();
        // JUMPDEST, SSTORE of what storage has, STOP.
        code.extend([0x5b, 0x60, low, 0x54, 0x60, seed, 0x01, 0x60, low, 0x55, 0x00, 0x00]);
    }
    hex::encode(code)
}

fn contracts() -> (DataSet, String) {
    let mut builder = Builder::new();
    for number in 0..6_u8 {
        let labels = if number % 2 == 0 { json!([{"category": "honeypot"}]) } else { json!([]) };
        let line = json!({
            "id": format!("c{number}"), "runtime_bytecode": large(number), "labels": labels,
            "benign": number % 2 == 1,
        });
        builder.line("made", &line.to_string()).expect("a line");
    }
    let set = builder.finish().0.remove(0);
    let hash = set.sha256().expect("a hash");
    (set, hash)
}

#[test]
fn rows_of_contracts_are_the_same_on_a_machine_that_is_busy() {
    let (set, calm) = contracts();
    assert_eq!(set.rows.len(), 6);
    let is_over = AtomicBool::new(false);
    let busy = std::thread::scope(|scope| {
        // More than the scanner has threads for its second opinion, and than the machine has processors.
        for number in 0..10_u8 {
            let is_over = &is_over;
            scope.spawn(move || {
                let code = hex::decode(large(number)).expect("hex");
                while !is_over.load(Ordering::Relaxed) {
                    assert!(!scorpius_risk::token::scan(&code).code_sha256.is_empty());
                }
            });
        }
        let busy = scope.spawn(|| contracts().1).join();
        // Also when that one failed: the others would never end.
        is_over.store(true, Ordering::Relaxed);
        busy.expect("a hash")
    });
    assert_eq!(busy, calm);
}
