use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proptest::prelude::*;
use scorpius_scan::engine::{Budget, SOURCE_RULES, Severity};
use scorpius_scan::source::{Project, SourceReport};

use super::*;

fn project(files: &[(&str, &str)]) -> Project {
    Project::new(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())), [])
        .expect("a project")
}

fn report(files: &[(&str, &str)]) -> SourceReport {
    scan(&project(files), Budget::Standard)
}

/// Every fixture: its name and text.
fn fixtures() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut all: Vec<(String, String)> = std::fs::read_dir(folder)
        .expect("the fixtures are in the repository")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).expect("text"))
        })
        .collect();
    all.sort();
    all
}

/// What `//~ rule rule` says: line and rule.
fn expected(text: &str) -> BTreeSet<(usize, String)> {
    let lines = text.lines().zip(1usize..);
    let marked = lines.filter_map(|(line, number)| Some((line.split_once("//~ ")?.1, number)));
    marked
        .flat_map(|(rules, number)| rules.split_whitespace().map(move |rule| (number, rule.to_owned())))
        .collect()
}

#[test]
fn every_fixture_has_exactly_the_findings_that_it_names() {
    let mut wrong = Vec::new();
    for (name, text) in fixtures() {
        let report = report(&[(&name, &text)]);
        assert!(!report.incomplete, "{name}: {:?}", report.not_explored);
        let wanted = expected(&text);
        // Notes are for reviewers: a fixture names those that it is about.
        let found: BTreeSet<(usize, String)> = report
            .findings
            .iter()
            .map(|it| (it.place.line, it.detector.clone(), it.severity))
            .filter(|(line, rule, severity)| {
                *severity > Severity::Info || wanted.contains(&(*line, rule.clone()))
            })
            .map(|(line, rule, _)| (line, rule))
            .collect();
        wrong.extend(wanted.difference(&found).map(|(line, rule)| format!("{name}:{line}: no {rule}")));
        wrong.extend(
            found.difference(&wanted).map(|(line, rule)| format!("{name}:{line}: {rule} is too much")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_a_fixture_that_shows_it_and_a_twin_that_does_not() {
    let mut shown = BTreeSet::new();
    let mut twins = BTreeSet::new();
    for (_, text) in fixtures() {
        shown.extend(expected(&text).into_iter().map(|(_, rule)| rule));
        let good = text.lines().filter_map(|line| line.split_once("// good: "));
        twins.extend(
            good.flat_map(|(_, rules)| rules.split_whitespace().map(str::to_owned).collect::<Vec<_>>()),
        );
    }
    let rules: BTreeSet<String> = SOURCE_RULES.iter().map(|rule| rule.id.to_owned()).collect();
    assert_eq!(
        rules.difference(&shown).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "rules without a fixture"
    );
    assert_eq!(rules.difference(&twins).collect::<Vec<_>>(), Vec::<&String>::new(), "rules without a twin");
    assert_eq!(shown.union(&twins).filter(|it| !rules.contains(*it)).count(), 0, "a fixture names no rule");
}

#[test]
fn no_finding_is_worse_than_its_rule_says() {
    for (name, text) in fixtures() {
        for finding in report(&[(&name, &text)]).findings {
            let rule = SOURCE_RULES.iter().find(|it| it.id == finding.detector).expect("a rule");
            assert!(finding.severity <= rule.worst, "{name}: {}", finding.detector);
        }
    }
}

/// The regression contracts that the bytecode engine is held to, as source: `//@ vulnerable category/rule`.
#[test]
fn what_is_written_into_the_regression_contracts_is_found_and_their_twins_are_not_accused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../regression/sources");
    let (mut asked, mut missed, mut accused) = (0, Vec::new(), Vec::new());
    for file in ["v4.sol", "v5.sol", "v6.sol", "v8.sol"] {
        let text = std::fs::read_to_string(folder.join(file)).expect("the regression sources");
        let report = report(&[(file, &text)]);
        assert!(!report.incomplete, "{file}: {:?}", report.not_explored);
        let mut by_contract: BTreeMap<&str, Vec<&scorpius_scan::source::SourceFinding>> = BTreeMap::new();
        for finding in &report.findings {
            by_contract.entry(&finding.contract).or_default().push(finding);
        }
        let mut label = None;
        for line in text.lines() {
            if let Some(text) = line.strip_prefix("//@ ") {
                label = Some(text);
            }
            let Some(name) = line.strip_prefix("contract ").and_then(|rest| rest.split([' ', '{']).next())
            else {
                continue;
            };
            let Some(said) = label.take() else { continue };
            let findings = by_contract.get(name).map(Vec::as_slice).unwrap_or_default();
            let found = |category: &str, least: Severity| {
                findings.iter().any(|it| it.category == category && it.severity >= least)
            };
            match said.split_once(' ').unwrap_or((said, "")) {
                ("vulnerable", what) => {
                    let (category, asked_rule) = what.split_once('/').unwrap_or((what, ""));
                    // Another rule of the same kind may tell it; what no rule of Solidity asks is not counted.
                    if !SOURCE_RULES.iter().any(|rule| rule.id == asked_rule) {
                        continue;
                    }
                    asked += 1;
                    if !found(category, Severity::Info) {
                        missed.push(format!("{file} {name}: {what}"));
                    }
                }
                ("absent", what) => {
                    let category = what.split_once('/').map_or(what, |(category, _)| category);
                    if found(category, Severity::Medium) {
                        accused.push(format!("{file} {name}: {category}"));
                    }
                }
                ("benign", _) => {
                    if let Some(it) = findings.iter().find(|it| it.severity >= Severity::Medium) {
                        accused.push(format!("{file} {name}: {}", it.detector));
                    }
                }
                _ => {}
            }
        }
    }
    assert!(missed.is_empty() && accused.is_empty(), "of {asked}: missed {missed:#?}, accused {accused:#?}");
}

#[test]
fn what_is_not_solidity_makes_a_report_incomplete_and_the_rest_is_scanned() {
    let report = report(&[(
        "a.sol",
        "contract A { function end() public { selfdestruct(msg.sender); } }\ncontract B { if }",
    )]);
    assert!(report.incomplete);
    assert_eq!(report.not_explored[0].what, "syntax");
    assert_eq!(report.not_explored[0].place.as_ref().map(|it| it.line), Some(2));
    assert_eq!(report.findings[0].detector, "unguarded-selfdestruct");
}

#[test]
fn an_import_that_is_not_there_is_told() {
    let report = report(&[("a.sol", "import \"./b.sol\"; contract A is B {}")]);
    let what: Vec<&str> = report.not_explored.iter().map(|it| it.what.as_str()).collect();
    assert_eq!(what, ["import", "inheritance"]);
}

#[test]
fn a_guard_from_another_file_guards() {
    let owned =
        "contract Owned { address owner = msg.sender; modifier only() { require(msg.sender == owner); _; } }";
    let ends = "import \"../lib/Owned.sol\"; contract A is Owned { function end() external only { selfdestruct(payable(msg.sender)); } }";
    let both = report(&[("lib/Owned.sol", owned), ("src/A.sol", ends)]);
    assert_eq!((both.incomplete, both.findings.len()), (false, 0), "{:?}", both.findings);
}

#[test]
fn a_place_is_a_line_and_a_column_in_characters() {
    let report = report(&[(
        "ä.sol",
        "contract A {\n  /* ä */ function end() public { selfdestruct(msg.sender); }\n}",
    )]);
    let place = &report.findings[0].place;
    assert_eq!((place.line, place.column, place.end_line, place.end_column), (2, 35, 2, 59));
    assert!(report.findings[0].excerpt.starts_with("/* ä */ function end()"));
}

#[test]
fn a_fingerprint_survives_lines_above_and_other_spaces() {
    let of = |text: &str| report(&[("a.sol", text)]).findings[0].fingerprint.clone();
    let first = of("contract A { function end() public { selfdestruct(msg.sender); } }");
    let moved = of(
        "// more\n\ncontract A {\n uint256 constant B = 1;\n function end() public {\n  selfdestruct( msg.sender ); } }",
    );
    assert_ne!(first, of("contract C { function end() public { selfdestruct(msg.sender); } }"));
    assert_eq!(
        first,
        of("// more\n\ncontract A {\n function end() public {\n  selfdestruct(msg.sender); } }")
    );
    assert_eq!(moved.len(), 32);
}

#[test]
fn a_project_that_is_too_much_ends_and_says_so() {
    // 200 functions, each calling the next twice: 2^200 ways.
    let mut text = String::from("contract A { uint256 x;\n");
    for index in 0..200 {
        let next = index + 1;
        text += &format!("function f{index}() public {{ f{next}(); f{next}(); x += 1; }}\n");
    }
    text += "function f200() public { x = 2; } }";
    let started = std::time::Instant::now();
    let report = scan(&project(&[("a.sol", &text)]), Budget::Quick);
    assert!(report.incomplete, "not all of it was followed");
    assert!(started.elapsed().as_secs() < 20, "it ends");
}

#[test]
fn deep_nesting_is_told_and_not_followed() {
    for (open, close) in [("(", ")"), ("[", "]")] {
        let text = format!(
            "contract A {{ function f() public {{ uint256 x = {}1{}; }} }}",
            open.repeat(3000),
            close.repeat(3000)
        );
        assert!(report(&[("a.sol", &text)]).incomplete, "{open}");
    }
    let blocks =
        format!("contract A {{ function f() public {{ {}{} }} }}", "{".repeat(3000), "}".repeat(3000));
    assert!(report(&[("a.sol", &blocks)]).incomplete);
    let sums = format!("contract A {{ uint256 x = {}1; }}", "1+".repeat(3000));
    assert!(report(&[("a.sol", &sums)]).incomplete);
}

#[test]
fn inheritance_in_a_circle_ends() {
    let report = report(&[(
        "a.sol",
        "contract A is B {} contract B is A { function end() public { selfdestruct(msg.sender); } }",
    )]);
    assert!(report.incomplete);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_breaks_the_engine(text in ".{0,400}") {
        let _ignored = report(&[("a.sol", &text)]);
    }

    #[test]
    fn no_cut_of_a_fixture_breaks_the_engine(from in 0usize..4000, length in 0usize..4000, which in 0usize..10) {
        let all = fixtures();
        let text: String = all[which % all.len()].1.chars().skip(from).take(length).collect();
        let _ignored = report(&[("a.sol", &text)]);
    }
}
