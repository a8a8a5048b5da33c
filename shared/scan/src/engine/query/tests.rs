//! The language by example: what it refuses and where, and each construct on contracts that show it and on others.

use super::{BadDetector, Detector, DetectorSet, Fault, NotASet, PREFIX, shipped};
use crate::engine::{
    Budget, Confidence, Deadline, Finding, RULES, Report, Severity, scan_asking, scan_paths,
};

/// A detector of one query.
fn text(query: &str) -> String {
    format!("detector \"mine\" {{ title \"t\" severity low cwe 1 message \"m\" {query} }}")
}

fn detector(query: &str) -> Detector {
    Detector::parse(&text(query)).unwrap_or_else(|bad| panic!("{query}: {bad}"))
}

fn report(query: &str, code: &[u8]) -> Report {
    let set = DetectorSet::of(vec![detector(query)], Vec::new()).expect("a set");
    scan_asking(code, Budget::Standard, &set)
}

fn theirs(report: &Report) -> Vec<&Finding> {
    report.findings.iter().filter(|it| it.detector == "tenant/mine").collect()
}

/// Whether `find x in <entity> where <condition>` finds something in `code`.
#[track_caller]
fn check(query: &str, code: &[u8], expected: bool) {
    let report = report(query, code);
    let told: Vec<_> = report.not_explored.iter().filter(|it| it.what == "detector").collect();
    assert!(told.is_empty(), "{query}: {told:?}");
    assert_eq!(!theirs(&report).is_empty(), expected, "{query}");
}

// if (calldata[0] == storage[0]'s caller) ...: the code of the contracts, by hand.
/// CALLER SELFDESTRUCT
const ENDS: &[u8] = &[0x33, 0xff];
/// SLOAD(0) == CALLER ? SELFDESTRUCT(CALLER) : REVERT
const GUARDED: &[u8] = &[0x5f, 0x54, 0x33, 0x14, 0x60, 0x0a, 0x57, 0x5f, 0x5f, 0xfd, 0x5b, 0x33, 0xff];
/// The same with ORIGIN.
const SIGNER: &[u8] = &[0x5f, 0x54, 0x32, 0x14, 0x60, 0x0a, 0x57, 0x5f, 0x5f, 0xfd, 0x5b, 0x33, 0xff];
/// CALL(gas, caller, sload(0)), dropped; SSTORE(0, 0); STOP
const PAYS: &[u8] = &[0x5f, 0x5f, 0x5f, 0x5f, 0x5f, 0x54, 0x33, 0x5a, 0xf1, 0x50, 0x5f, 0x5f, 0x55, 0x00];
/// SSTORE(0, 0); CALL(gas, caller, 1), dropped; STOP
const BOOKS: &[u8] = &[0x5f, 0x5f, 0x55, 0x5f, 0x5f, 0x5f, 0x5f, 0x60, 0x01, 0x33, 0x5a, 0xf1, 0x50, 0x00];
/// SSTORE(7, calldata[4]); LOG0; STOP
const STORES: &[u8] = &[0x60, 0x04, 0x35, 0x60, 0x07, 0x55, 0x5f, 0x5f, 0xa0, 0x00];
/// One function, `0x41c0e1b5`: SELFDESTRUCT(CALLER). Else REVERT.
const FUNCTION: &[u8] = &[
    0x5f, 0x35, 0x60, 0xe0, 0x1c, 0x63, 0x41, 0xc0, 0xe1, 0xb5, 0x14, 0x60, 0x11, 0x57, 0x5f, 0x5f, 0xfd,
    0x5b, 0x33, 0xff,
];
/// CREATE(callvalue, 0, 0), dropped; STOP
const CREATES: &[u8] = &[0x5f, 0x5f, 0x34, 0xf0, 0x50, 0x00];
/// SSTORE(keccak(caller, 0), callvalue); STOP
const MAPS: &[u8] = &[0x33, 0x5f, 0x52, 0x5f, 0x60, 0x20, 0x52, 0x34, 0x60, 0x40, 0x5f, 0x20, 0x55, 0x00];

#[test]
fn entities_and_their_fields_are_asked() {
    let end = "find x in selfdestructs where";
    check("find x in selfdestructs report x", ENDS, true);
    check("find x in selfdestructs report x", STORES, false);
    check(&format!("{end} x.open report x"), ENDS, true);
    check(&format!("{end} x.open report x"), GUARDED, false);
    check(&format!("{end} x.beneficiary.kind == caller report x"), ENDS, true);
    check(&format!("{end} x.beneficiary.kind == storage report x"), ENDS, false);
    check(&format!("{end} x.function == fallback report x"), ENDS, true);
    check(&format!("{end} x.function == \"kill()\" report x"), FUNCTION, true);
    check(&format!("{end} x.function == 0x41c0e1b5 report x"), FUNCTION, true);
    check(&format!("{end} x.function in {{\"stop()\", fallback}} report x"), FUNCTION, false);
    check(&format!("{end} x.function in {{\"stop()\", \"kill()\"}} report x"), FUNCTION, true);
    check(&format!("{end} x.pc == 1 report x"), ENDS, true);
    check(&format!("{end} x.pc < 1 or x.pc > 1 report x"), ENDS, false);
    check(&format!("{end} x.in_loop or x.conditional report x"), ENDS, false);
    check("find x in functions where x.payable report x", FUNCTION, true);
    check("find x in functions report x", ENDS, false);
    check("find x in calls where x.kind == call and x.sends_ether and not x.checked report x", PAYS, true);
    check("find x in calls where x.kind in {delegatecall, staticcall} report x", PAYS, false);
    check("find x in calls where x.stipend or x.internal or x.reverts report x", PAYS, false);
    check("find x in calls where x.value.number == 1 report x", BOOKS, true);
    check("find x in calls where x.value == 1 report x", BOOKS, true);
    check("find x in calls where x.value >= 1 and x.value <= 1 report x", BOOKS, true);
    check("find x in writes where x.slot == 7 and x.value.at == 4 report x", STORES, true);
    check("find x in writes where x.slot != 7 report x", STORES, false);
    check("find x in reads where x.used_by == branch and x.slot == 0 report x", GUARDED, true);
    check("find x in reads where x.used_by == call report x", PAYS, true);
    check("find x in reads report x", STORES, false);
    check("find x in branches where x.required and x.condition reads 0 report x", GUARDED, true);
    check("find x in branches where x.leaves_loop report x", GUARDED, false);
    check("find x in guards where x.kind == caller and not x.void report x", GUARDED, true);
    check("find x in guards where x.kind == caller report x", SIGNER, false);
    check("find x in creations where x.value.kind == callvalue report x", CREATES, true);
    check("find x in creations report x", STORES, false);
    check("find x in writes where x.slot.keys == 1 and x.slot.key.kind == caller report x", MAPS, true);
    check("find x in writes where x.slot.mapping == 0 report x", MAPS, true);
    check("find x in writes where x.slot.mapping == 0 report x", STORES, false);
}

#[test]
fn things_are_asked_about_in_relation_to_others() {
    let late = "x in calls, y in writes where y after x and x.value reads y.slot";
    check(&format!("find {late} report x about y.slot"), PAYS, true);
    check(&format!("find {late} report x about y.slot"), BOOKS, false);
    check("find x in calls where exists y in writes (y before x) report x", BOOKS, true);
    check("find x in calls where exists y in writes (y before x) report x", PAYS, false);
    check("find x in calls where exists y in writes (x behind y) report x", BOOKS, true);
    check("find x in calls where exists y in writes (x behind y) report x", PAYS, false);
    check(
        "find x in selfdestructs where exists y in guards (x behind y and y.kind == origin) report x",
        SIGNER,
        true,
    );
    check("find x in selfdestructs where exists y in guards (x behind y) report x", ENDS, false);
    check("find x in guards where x trusts 0 report x", GUARDED, true);
    check("find x in guards where x trusts 1 report x", GUARDED, false);
    check("find x in selfdestructs where x depends_on 0 report x", GUARDED, true);
    check("find x in selfdestructs where x depends_on 0 report x", ENDS, false);
    check("find x in guards, y in reads where x.condition contains y.slot report x", GUARDED, true);
    check("find x in writes, y in writes where x.slot same_variable_as y.slot report x", MAPS, true);
    check("find x in writes where x.slot same_variable_as 8 report x", STORES, false);
    check("find x in writes where every y in writes (y.slot == 7) report x", STORES, true);
    check("find x in writes where every y in writes (y.slot == 8) report x", STORES, false);
    check("find x in writes where count y in logs == 1 report x", STORES, true);
    check("find x in writes where count y in logs > 1 report x", STORES, false);
    check("find x in writes where count y in writes (y.slot == 8) < 1 report x", STORES, true);
    check("find x in writes where not exists y in logs report x", STORES, false);
    check("find x in writes where exists y in logs, z in writes (y after z) report x", STORES, true);
}

#[test]
fn origins_are_asked() {
    check("find x in writes where x.value from calldata report x", STORES, true);
    check("find x in writes where x.value from {storage, caller} report x", STORES, false);
    check(
        "find x in selfdestructs where x.beneficiary from caller and x.beneficiary.chosen report x",
        ENDS,
        true,
    );
    check("find x in calls where x.value from storage report x", PAYS, true);
    check("find x in writes where x.value from value report x", MAPS, true);
}

#[test]
fn conditions_bind_as_they_read() {
    let of = |condition: &str| format!("find x in selfdestructs where {condition} report x");
    // `and` before `or`, `not` before both; true, false: `x.open`, `x.in_loop`.
    check(&of("x.open or x.open and x.in_loop"), ENDS, true);
    check(&of("(x.open or x.open) and x.in_loop"), ENDS, false);
    check(&of("not x.in_loop and x.open"), ENDS, true);
    check(&of("not (x.in_loop or x.open)"), ENDS, false);
    check(&of("not not x.open"), ENDS, true);
    check(&of("not x.pc == 2"), ENDS, true);
    check(&of("x.open == x.open"), ENDS, true);
    // What is absent equals nothing and is in no order.
    check(&of("x.beneficiary.number == 0"), ENDS, false);
    check(&of("x.beneficiary.number != 0"), ENDS, true);
    check(&of("x.beneficiary.number < 1 or x.beneficiary.number >= 0"), ENDS, false);
    check(&of("x.beneficiary.number != x.beneficiary.number"), ENDS, true);
}

#[test]
fn a_report_says_where_how_bad_how_sure_and_what() {
    let query = "find x in selfdestructs report x severity critical confidence by_path \
                 message \"{{{x.pc}}} {x.beneficiary} {x.function} {x.open} {x.beneficiary.number}\"";
    let all = report(query, ENDS);
    let [finding] = theirs(&all)[..] else { panic!("{:?}", all.findings) };
    assert_eq!(finding.summary, "{0x1} caller the fallback yes nothing");
    assert_eq!((finding.severity, finding.confidence), (Severity::Critical, Confidence::Likely));
    assert_eq!((finding.pc, finding.cwe, finding.swc, finding.category.as_str()), (1, 1, None, "other"));
    assert_eq!(finding.evidence.subject, "caller");
    // Which functions, which word: nothing else is in the fingerprint.
    let again = report("find y in selfdestructs where y.open report y confidence likely", ENDS);
    assert_eq!(theirs(&again)[0].fingerprint, finding.fingerprint);
    let asked = all.detectors.expect("a set was asked");
    assert_eq!(
        (asked.detectors[0].id.as_str(), asked.detectors[0].severity),
        ("tenant/mine", Severity::Critical)
    );
    assert_ne!(Some(asked.sha256), again.detectors.map(|asked| asked.sha256), "the texts differ");
}

#[track_caller]
fn refused(text: &str, line: usize, column: usize, message: &str) {
    let bad = Detector::parse(text).expect_err(text);
    assert_eq!((bad.line, bad.column), (line, column), "{text}: {bad}");
    assert!(bad.fault.to_string().contains(message), "{bad}");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let head = "detector \"abc\" {\n title \"t\" severity low cwe 1 message \"m\"\n";
    let query = |query: &str| format!("{head} {query} }}");
    refused("", 1, 1, "expected `detector`, found the end");
    refused("detector \"Abc\" {", 1, 10, "small letters");
    refused("detector \"abc\" {\n colour 3", 2, 2, "expected one of `title`");
    refused("detector \"abc\" {\n title \"t\" title \"u\"", 2, 12, "said twice");
    refused("detector \"abc\" {\n cwe 0", 2, 6, "from 1 to 9999");
    refused("detector \"abc\" {\n severity bad", 2, 11, "expected one of `info`");
    refused("detector \"abc\" {\n confidence bad", 2, 13, "by_path");
    refused("detector \"abc\" {\n reference \"http://x\"", 2, 2, "https://");
    refused("detector \"abc\" {\n title \"", 2, 8, "no closing quote");
    refused("detector \"abc\" {\n title \"\"", 2, 8, "1 to 100");
    refused("detector \"abc\" {\n title \"\\n\"", 2, 9, "follow a backslash");
    refused("detector \"abc\" {\n title \"a\u{1}\"", 2, 10, "no control characters");
    refused("detector \"abc\" { ; }", 1, 18, "begins nothing");
    refused("detector \"abc\" { cwe 0x }", 1, 22, "not a decimal");
    refused(
        "detector \"abc\" { cwe 1 severity low message \"m\" find x in calls report x }",
        1,
        1,
        "`title` is missing",
    );
    refused(
        "detector \"abc\" { title \"t\" cwe 1 message \"m\" find x in calls report x }",
        1,
        62,
        "`severity` is missing",
    );
    refused(&query(""), 3, 3, "expected a header such as `title`, or `find`");
    refused(&query("find x of calls report x"), 3, 9, "expected `in`, found `of`");
    refused(&query("find not in calls report x"), 3, 7, "taken");
    refused(&query("find x in calls, x in calls report x"), 3, 19, "taken");
    refused(&query("find x in thieves report x"), 3, 12, "no entity is called `thieves`");
    refused(&query("find x in calls where y.open report x"), 3, 24, "no variable is called `y`");
    refused(&query("find x in calls where x.colour report x"), 3, 26, "calls have no field `colour`");
    refused(
        &query("find x in calls where x.target.colour == 1 report x"),
        3,
        33,
        "words have no field `colour`",
    );
    refused(&query("find x in calls where x.pc.number == 1 report x"), 3, 29, "a number has no fields");
    refused(&query("find x in calls where x.pc report x"), 3, 29, "neither true nor false");
    refused(&query("find x in calls where x report x"), 3, 24, "field or relation");
    refused(&query("find x in calls where x.pc == call report x"), 3, 32, "a number is not compared");
    refused(
        &query("find x in calls where x.kind == transfer report x"),
        3,
        34,
        "`transfer` is not one of call, callcode",
    );
    refused(&query("find x in calls where x.kind < call report x"), 3, 24, "not compared with a name by `<`");
    refused(
        &query("find x in calls where x.open == 1 report x"),
        3,
        34,
        "a flag is not compared with a number",
    );
    refused(&query("find x in calls where x.function == \"no function\" report x"), 3, 38, "not a function");
    refused(&query("find x in calls where x.function == 0x100000000 report x"), 3, 38, "not a function");
    refused(&query("find x in calls where x.pc from caller report x"), 3, 24, "takes a word, not a number");
    refused(
        &query("find x in calls where x.target from thieves report x"),
        3,
        38,
        "`thieves` is not one of caller",
    );
    refused(&query("find x in calls where 1 == x.pc report x"), 3, 24, "field on the left side");
    refused(&query("find x in calls where x after 1 report x"), 3, 32, "takes a variable, not a number");
    refused(&query("find x in calls where x trusts 1 report x"), 3, 24, "variable over guards");
    refused(&query("find x in calls where every y in calls report x"), 3, 41, "expected `(`");
    refused(&query("find x in calls where count y in calls report x"), 3, 41, "comparison");
    refused(&query("find x in calls where (x.open report x"), 3, 32, "expected `)`");
    refused(
        &query("find x in calls where exists y in calls (y.open) report y"),
        3,
        58,
        "no variable is called `y`",
    );
    refused(&query("find x in logs report x"), 3, 17, "say it with `about`");
    refused(&query("find x in calls report x about x.pc"), 3, 27, "takes a word");
    refused(&query("find x in calls report x message \"{x.pc\""), 3, 27, "in a message");
    refused(&query("find x in calls report x message \"a } b\""), 3, 27, "in a message");
    refused(&query("find x in calls report x message \"{x.colour}\""), 3, 27, "no field `colour`");
    refused(&format!("{} x", query("find x in calls report x")), 3, 29, "expected the end");
    let deep = format!("find x in calls where {}x.open report x", "not ".repeat(20));
    refused(&query(&deep), 3, 88, "nested at most 16");
    let deep = format!("find x in calls where {}", "(".repeat(5_000));
    refused(&query(&deep), 3, 40, "nested at most 16");
    let wide = format!("find x in calls where x.open{} report x", " or x.open".repeat(450));
    assert_eq!(Detector::parse(&query(&wide)).expect_err("too many tests").fault, Fault::TooManyTests);
    assert_eq!(Detector::parse(&" ".repeat(20_000)).expect_err("too long").fault, Fault::TooLong);
    let many = query(&"find x in calls report x ".repeat(17));
    assert_eq!(Detector::parse(&many).expect_err("too many queries").fault, Fault::TooManyQueries);
    let bound = "find a in calls, b in calls, c in calls, d in calls, e in calls report a";
    assert_eq!(
        Detector::parse(&query(bound)).expect_err("too many variables").fault,
        Fault::TooManyVariables
    );
    let path = format!("find x in calls where x.target{}.kind == call report x", ".bare".repeat(7));
    assert_eq!(Detector::parse(&query(&path)).expect_err("too long a path").fault, Fault::PathTooLong);
}

#[test]
fn a_bad_detector_prints_its_place() {
    let bad = BadDetector { line: 2, column: 3, fault: Fault::BadEscape };
    assert!(bad.to_string().starts_with("line 2, column 3: only"));
}

#[test]
fn a_set_has_each_detector_once_and_a_hash_of_what_it_asks() {
    let set = |texts: &[&str]| {
        let all = texts.iter().map(|text| Detector::parse(text).expect("a detector")).collect();
        DetectorSet::of(all, Vec::new())
    };
    let one = text("find x in calls report x");
    let (two, three) = (one.replace("mine", "other"), one.replace("calls", "writes"));
    let hash = |texts: &[&str]| set(texts).expect("a set").sha256().map(str::to_owned);
    assert_eq!(hash(&[]), None);
    assert_eq!(hash(&[&one, &two]), hash(&[&two, &one]));
    assert_ne!(hash(&[&one]), hash(&[&three]));
    assert_ne!(hash(&[&one]), hash(&[&two]));
    assert_eq!(set(&[&one, &three]).expect_err("twice"), NotASet::Twice("mine".to_owned()));
    let many =
        (0..51).map(|number| Detector::parse(&one.replace("mine", &format!("d-{number}"))).expect("one"));
    assert_eq!(DetectorSet::of(many.collect(), Vec::new()).expect_err("too many"), NotASet::TooMany);
    assert!(DetectorSet::none().is_empty());
}

#[test]
fn a_text_that_cannot_be_read_is_told_and_never_a_clean_report() {
    let set = DetectorSet::of(Vec::new(), vec!["old-one".to_owned()]).expect("a set");
    let report = scan_asking(&[0], Budget::Quick, &set);
    assert!(report.incomplete && report.not_explored[0].why.contains("`tenant/old-one` was not asked"));
    assert_eq!(report.detectors.map(|asked| Some(asked.sha256)), Some(set.sha256().map(str::to_owned)));
}

#[test]
fn who_runs_out_of_fuel_is_named_and_what_was_found_stays() {
    // Ends somewhere in 1,000 blocks that may end the contract: more pairs of pairs than there are steps.
    let mut code = Vec::new();
    for _ in 0..250 {
        let next = code.len() + 8;
        // CALLDATALOAD(0) JUMPI next; CALLER SELFDESTRUCT; next: JUMPDEST
        code.extend([0x5f, 0x35, 0x61, (next >> 8) as u8, next as u8, 0x57, 0x33, 0xff, 0x5b]);
    }
    code.push(0x00);
    let four = "find a in selfdestructs, b in selfdestructs, c in selfdestructs, d in selfdestructs";
    let hungry = format!("find x in selfdestructs where x.pc < 16 report x {four} where a.pc + 1");
    assert!(Detector::parse(&text(&hungry)).is_err(), "there are no sums");
    let hungry = format!("find x in selfdestructs where x.pc < 16 report x {four} where d.pc == 0 report a");
    let set = vec![
        detector(&hungry),
        Detector::parse(&text("find x in selfdestructs where x.pc < 9 report x").replace("mine", "next"))
            .expect("one"),
    ];
    let set = DetectorSet::of(set, Vec::new()).expect("a set");
    let report = scan_paths(&code, Budget::Quick, &set, &Deadline::never()).0;
    let told: Vec<_> = report.not_explored.iter().filter(|it| it.what == "detector").collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(report.incomplete && told[0].why.starts_with("`tenant/mine` ran out of fuel"), "{told:?}");
    let of = |id: &str| report.findings.iter().filter(|it| it.detector == id).count();
    assert_eq!((of("tenant/mine"), of("tenant/next")), (1, 1));
    // The platform's own findings are all there.
    assert_eq!(of("unguarded-selfdestruct"), 100);
}

#[test]
fn what_is_too_much_to_go_through_is_named() {
    // SSTORE(0, 0), so many times; STOP
    let told = |times: usize| -> Vec<String> {
        let code = [&[0x5f, 0x5f, 0x55].repeat(times)[..], &[0x00]].concat();
        let report = report("find x in writes where x.slot == 7 report x", &code);
        report.not_explored.into_iter().filter(|it| it.what == "detector").map(|it| it.why).collect()
    };
    assert_eq!(told(4_000), Vec::<String>::new());
    assert_eq!(told(4_001), ["the contract has more writes than detectors are asked about"]);
}

#[test]
fn a_detector_reports_so_many_places_and_takes_none_from_the_platform() {
    let mut code = Vec::new();
    for _ in 0..60 {
        let next = code.len() + 8;
        code.extend([0x5f, 0x35, 0x61, (next >> 8) as u8, next as u8, 0x57, 0x33, 0xff, 0x5b]);
    }
    code.push(0x00);
    let all = text("find x in selfdestructs report x severity critical");
    let set = ["aaa", "bbb", "ccc"].map(|id| Detector::parse(&all.replace("mine", id)).expect("a detector"));
    let set = DetectorSet::of(set.into(), Vec::new()).expect("a set");
    let report = scan_paths(&code, Budget::Quick, &set, &Deadline::never()).0;
    let theirs = report.findings.iter().filter(|it| it.detector.starts_with(PREFIX)).count();
    assert_eq!((theirs, report.findings.len()), (40, 100));
    let whys: Vec<&str> = report.not_explored.iter().map(|it| it.why.as_str()).collect();
    assert!(whys.iter().any(|why| why.contains("`tenant/aaa` finds more than 20 places")), "{whys:?}");
    assert!(whys.contains(&"20 more findings are left out"), "{whys:?}");
}

#[test]
fn what_is_shipped_as_text_is_what_the_rules_say() {
    let ids: Vec<&str> = shipped().iter().map(|it| it.about.id.as_str()).collect();
    assert_eq!(ids, ["tx-origin-authentication", "unchecked-call"]);
    for detector in shipped() {
        let about = &detector.about;
        let rule = RULES.iter().find(|rule| rule.id == about.id).expect("a rule of this id");
        assert_eq!((rule.title, rule.category), (about.title.as_str(), about.category.as_str()));
        assert_eq!((rule.swc, rule.cwe, rule.worst), (about.swc, about.cwe, about.severity));
        assert_eq!((Some(rule.help), Some(rule.remedy)), (about.help.as_deref(), about.fix.as_deref()));
    }
}

#[test]
fn the_page_on_the_language_holds_its_tables_and_its_examples_are_detectors() {
    let page = include_str!("../../../../../docs/detector-language.md");
    let tables = super::reference();
    let missing = tables.lines().find(|line| !page.contains(line));
    assert!(page.ends_with(&tables), "first line that is not there: {missing:?}\n{tables}");
    let examples: Vec<&str> =
        page.split("```scorpius\n").skip(1).filter_map(|it| it.split("```").next()).collect();
    assert!(examples.len() >= 4);
    for example in examples {
        if let Err(bad) = Detector::parse(example) {
            panic!("{bad}\n{example}");
        }
    }
}
