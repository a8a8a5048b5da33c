//! Compiled contracts of two generations, and what is wrong with outputs.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::engine::{Budget, Report, scan};

const OLD: &str = include_str!("../../fixtures/compiled/old.json");
const NEW: &str = include_str!("../../fixtures/compiled/new.json");
const VAULT: &str = "contracts/Vault.sol:Vault";

/// A fixture's output with its input, and the code of `contract` in it as it is deployed.
fn fixture(text: &str, contract: &str) -> (Compiled, Vec<u8>) {
    let mut whole: Value = serde_json::from_str(text).expect("JSON");
    let output = serde_json::from_value(whole["output"].take()).expect("an output");
    let sources = serde_json::from_value(whole["input"].take()).expect("an input");
    let compiled = Compiled { output, sources, contract: None };
    let code = deployed(&compiled, contract);
    (compiled, code)
}

/// With 0x11 where immutable variables and addresses of libraries go.
fn deployed(compiled: &Compiled, contract: &str) -> Vec<u8> {
    let (path, name) = contract.split_once(':').expect("a name");
    let code = &compiled.output.contracts[path][name].evm.deployed_bytecode;
    let mut digits = code.object.clone();
    let links = code.link_references.values().flat_map(BTreeMap::values).flatten();
    for stretch in links.chain(code.immutable_references.values().flatten()) {
        let range = 2 * stretch.start..2 * (stretch.start + stretch.length);
        digits.replace_range(range, &"1".repeat(2 * stretch.length));
    }
    hex::decode(digits).expect("hex")
}

/// The first line of the source with `text` in it, from 1.
fn line_of(compiled: &Compiled, path: &str, text: &str) -> usize {
    let texts = compiled.sources.texts().expect("sources");
    1 + texts[path].lines().position(|line| line.contains(text)).expect(text)
}

fn marked(compiled: &Compiled, code: &[u8]) -> Report {
    let mut report = scan(code, Budget::Standard);
    compiled.lines(code).expect("lines").mark(&mut report);
    report
}

/// Asserts that `detector` finds exactly the line with `text`, and gives the column.
#[track_caller]
fn check(compiled: &Compiled, report: &Report, path: &str, detector: &str, text: &str) -> usize {
    let of_rule: Vec<_> = report.findings.iter().filter(|it| it.detector == detector).collect();
    let [finding] = of_rule[..] else { panic!("{detector}: {of_rule:?}") };
    let Some(Origin::Source { place, excerpt }) = &finding.origin else { panic!("{finding:?}") };
    assert_eq!((place.path.as_str(), place.line), (path, line_of(compiled, path, text)), "{detector}");
    assert!(excerpt.contains(text), "{excerpt}");
    place.column
}

#[test]
fn a_finding_in_old_code_is_on_the_line_of_its_fault() {
    let (compiled, code) = fixture(OLD, "contracts/Old.sol:Old");
    let report = marked(&compiled, &code);
    let check = |detector, text| check(&compiled, &report, "contracts/Old.sol", detector, text);
    // `ö` before it is two bytes and one column.
    assert_eq!(check("unguarded-selfdestruct", "selfdestruct(heir)"), 21);
    check("tx-origin-authentication", "tx.origin == owner");
    check("unchecked-call", "to.send(1 ether)");
}

#[test]
fn a_finding_in_new_code_is_on_the_line_of_its_fault() {
    let (compiled, code) = fixture(NEW, VAULT);
    let report = marked(&compiled, &code);
    let check = |detector, text| check(&compiled, &report, "contracts/Vault.sol", detector, text);
    check("unguarded-selfdestruct", "selfdestruct(heir)");
    assert_eq!(check("unguarded-delegatecall", "to.delegatecall(what)"), 38);
    let branches: Vec<_> = report.findings.iter().flat_map(|it| &it.evidence.conditions).collect();
    assert!(branches.iter().any(|it| it.place.is_some()), "{branches:?}");
    assert_eq!(compiled.lines(&code).expect("lines").contract(), VAULT);
}

#[test]
fn code_of_the_compilers_own_is_nobodys_line() {
    let (compiled, code) = fixture(NEW, VAULT);
    let lines = compiled.lines(&code).expect("lines");
    let map = &compiled.output.contracts["contracts/Vault.sol"]["Vault"].evm.deployed_bytecode.source_map;
    let entries = sourcemap::decode(map).expect("a map");
    let places = crate::engine::instruction_places(&code);
    let mut generated = 0;
    for (entry, &pc) in entries.iter().zip(&places) {
        match entry.file {
            // 2 is `#utility.yul`.
            Some(2) | None => {
                generated += 1;
                assert_eq!(lines.at(pc), Some(Origin::Compiler), "{pc}");
            }
            Some(_) => assert!(lines.place(pc).is_some(), "{pc}"),
        }
    }
    assert!(generated > 100, "{generated}");
    let after = places.get(entries.len()).copied().unwrap_or(code.len());
    assert_eq!((lines.at(after), lines.at(usize::MAX)), (None, None));
}

/// As if the compiler had made the function that `close` calls.
fn without_the_callee(compiled: &Compiled) -> Compiled {
    let mut compiled = compiled.clone();
    compiled.contract = Some(VAULT.to_owned());
    let text = compiled.sources.texts().expect("sources")["contracts/Vault.sol"].to_owned();
    let callee = text.find("function _end").expect("the function");
    let file = compiled.output.contracts.get_mut("contracts/Vault.sol").expect("a file");
    let map = &mut file.get_mut("Vault").expect("a contract").evm.deployed_bytecode.source_map;
    let vault = 1;
    let written = |entry: &sourcemap::Entry| {
        let start = entry.start.filter(|&start| entry.file == Some(vault) && start < callee);
        match (start, entry.length, entry.file) {
            (Some(start), Some(length), Some(file)) => format!("{start}:{length}:{file}:-:0"),
            _ => "-1:-1:-1:-:0".to_owned(),
        }
    };
    *map = sourcemap::decode(map).expect("a map").iter().map(written).collect::<Vec<_>>().join(";");
    compiled
}

#[test]
fn a_finding_in_code_of_the_compilers_own_names_the_line_that_calls_it() {
    let (compiled, code) = fixture(NEW, VAULT);
    let ends = |report: &Report| {
        let found = report.findings.iter().find(|it| it.detector == "unguarded-selfdestruct");
        found.expect("a finding").clone()
    };
    assert_eq!(ends(&marked(&compiled, &code)).called_from, None);
    let compiled = without_the_callee(&compiled);
    let finding = ends(&marked(&compiled, &code));
    let line = line_of(&compiled, "contracts/Vault.sol", "_end(heir);");
    assert_eq!(finding.origin, Some(Origin::Compiler));
    let called = finding.called_from.as_ref().expect("a caller");
    assert_eq!((called.place.line, called.excerpt.as_str()), (line, "_end(heir);"));
    assert_eq!(finding.written_at(), Some(&called.place));
    let (report, lines) = (scan(&code, Budget::Standard), compiled.lines(&code).expect("lines"));
    let document = serde_json::to_value(crate::sarif::document_with(&report, Some(&lines))).expect("JSON");
    let results = document["runs"][0]["results"].as_array().expect("results");
    let result = results.iter().find(|it| it["ruleId"] == "unguarded-selfdestruct").expect("a result");
    let related = &result["relatedLocations"][0];
    assert_eq!(related["message"]["text"], "Called from here.");
    assert_eq!(related["physicalLocation"]["region"]["startLine"], line);
    assert_eq!(related["physicalLocation"]["address"]["absoluteAddress"], called.pc);
}

#[test]
fn a_document_has_regions_beside_addresses() {
    let (compiled, code) = fixture(NEW, VAULT);
    let (report, lines) = (scan(&code, Budget::Standard), compiled.lines(&code).expect("lines"));
    let document = serde_json::to_value(crate::sarif::document_with(&report, Some(&lines))).expect("JSON");
    let run = &document["runs"][0];
    let results = run["results"].as_array().expect("results");
    let result = results.iter().find(|it| it["ruleId"] == "unguarded-selfdestruct").expect("a result");
    let place = &result["locations"][0]["physicalLocation"];
    let line = line_of(&compiled, "contracts/Vault.sol", "selfdestruct(heir)");
    assert_eq!(place["artifactLocation"]["uri"], "contracts/Vault.sol");
    let index = place["artifactLocation"]["index"].as_u64().expect("an index") as usize;
    assert_eq!(run["artifacts"][index]["location"], place["artifactLocation"]);
    assert_eq!(
        place["region"],
        json!({"startLine": line, "startColumn": 9, "endLine": line, "endColumn": 27,
            "snippet": {"text": "selfdestruct(heir);"}})
    );
    assert_eq!(place["address"]["kind"], "instruction");
    let steps = result["codeFlows"][0]["threadFlows"][0]["locations"].as_array().expect("steps");
    let lines = steps.iter().filter(|it| it["location"]["physicalLocation"]["region"]["startLine"].is_u64());
    assert!(lines.count() > 1, "{steps:?}");
}

#[test]
fn metadata_and_what_is_filled_in_make_no_other_code() {
    let (mut compiled, mut code) = fixture(NEW, VAULT);
    let (_, library) = fixture(NEW, "contracts/Sums.sol:Sums");
    let mut at_its_address = library;
    at_its_address[1..21].fill(0x22);
    assert_eq!(compiled.lines(&at_its_address).expect("lines").contract(), "contracts/Sums.sol:Sums");

    // In the hash of the metadata, which ends 13 bytes before the code does.
    let in_hash = code.len() - 20;
    code[in_hash] ^= 1;
    assert!(compiled.lines(&code).is_ok());
    code[in_hash] ^= 1;

    code[100] ^= 1;
    assert_eq!(compiled.lines(&code), Err(NotCompiled::NoMatch));
    compiled.contract = Some(VAULT.to_owned());
    assert_eq!(compiled.lines(&code), Err(NotCompiled::OtherCode { contract: VAULT.to_owned(), at: 100 }));
    code[100] ^= 1;
    assert!(compiled.lines(&code).is_ok());
    let short = code.len() - 60;
    code.truncate(short);
    assert!(matches!(compiled.lines(&code), Err(NotCompiled::OtherCode { .. })));
}

#[test]
fn what_is_wrong_with_an_output_is_told() {
    let (whole, code) = fixture(NEW, VAULT);
    let told = |change: &dyn Fn(&mut Compiled)| {
        let mut compiled = whole.clone();
        change(&mut compiled);
        compiled.lines(&code).expect_err("something is wrong").to_string()
    };
    let vault = |change: fn(&mut CompiledContract)| {
        move |compiled: &mut Compiled| {
            compiled.contract = Some(VAULT.to_owned());
            let file = compiled.output.contracts.get_mut("contracts/Vault.sol").expect("a file");
            change(file.get_mut("Vault").expect("a contract"));
        }
    };
    let check = |said: String, expected: &str| assert!(said.contains(expected), "{said}: {expected}");
    check(told(&|it| it.contract = Some("a:B".to_owned())), "has no contract `a:B`");
    check(told(&|it| it.output.contracts.clear()), "no contract of the output has this code");
    check(
        told(&|it| {
            let file = it.output.contracts["contracts/Vault.sol"].clone();
            it.output.contracts.insert("b.sol".to_owned(), file);
        }),
        "`b.sol:Vault`, `contracts/Vault.sol:Vault`; `contract` is to name one",
    );
    check(told(&vault(|it| it.evm.deployed_bytecode.source_map = "x".to_owned())), "entry 0 is not");
    check(
        told(&vault(|it| it.evm.deployed_bytecode.source_map.clear())),
        "has no `evm.deployedBytecode.sourceMap`",
    );
    check(told(&vault(|it| it.evm.deployed_bytecode.object.clear())), "has no `evm.deployedBytecode.object`");
    check(told(&vault(|it| it.evm.deployed_bytecode.object.push('x'))), "not hex");
    check(told(&vault(|it| it.metadata = Some("{".to_owned()))), "is not JSON");
    for (start, length) in [(usize::MAX, 1), (usize::MAX / 2, 2), (0, 33), (0, 0), (9_999, 1)] {
        let mut compiled = whole.clone();
        compiled.contract = Some(VAULT.to_owned());
        let file = compiled.output.contracts.get_mut("contracts/Vault.sol").expect("a file");
        let code_of = &mut file.get_mut("Vault").expect("a contract").evm.deployed_bytecode;
        code_of.immutable_references.insert("0".to_owned(), vec![Stretch { start, length }]);
        check(compiled.lines(&code).expect_err("outside").to_string(), "outside of its code");
    }
    let texts = |it: &mut Compiled, path: &str, text: &str| {
        it.sources = CompiledSources::Texts(BTreeMap::from([(path.to_owned(), text.to_owned())]));
    };
    check(told(&|it| texts(it, "a.sol", "")), "the text of `contracts/Vault.sol` is not among");
    check(told(&|it| texts(it, "contracts/Vault.sol", "contract Vault {}")), "not the one that was compiled");
    check(told(&|it| texts(it, "", "")), "not a path");
    check(told(&|it| texts(it, "a.sol", &"x".repeat(FILE_BYTES_MAX + 1))), "a file of more than");
}

#[test]
fn hostile_maps_give_no_place() {
    let text = "contract A { /* ü */ }\n";
    let at = text.find('ü').expect("it is there");
    for (entry, expected) in [
        ("0:8:0".to_owned(), true),
        (format!("0:{}:0", text.len()), true),
        (format!("0:{}:0", text.len() + 1), false),
        (format!("{}:1:0", at + 1), false),
        (format!("{at}:1:0"), false),
        (format!("{at}:2:0"), true),
        ("0:8:1".to_owned(), false),
        ("0:8:18446744073709551615".to_owned(), false),
        ("18446744073709551615:1:0".to_owned(), false),
        ("0:-1:0".to_owned(), false),
    ] {
        let compiled = tiny(&entry, text);
        assert_eq!(compiled.lines(&[0x33, 0xff]).expect("lines").place(0).is_some(), expected, "{entry}");
    }
    let whole = tiny("0:8:0", text).lines(&[0x33, 0xff]).expect("lines");
    let json = serde_json::to_vec(&whole).expect("JSON");
    assert_eq!(serde_json::from_slice::<Lines>(&json).expect("a table"), whole);
    // Ids may come from the list of older outputs.
    let mut listed = tiny("0:8:0", text);
    listed.output.sources.clear();
    listed.output.source_list = vec!["A.sol".to_owned()];
    assert!(listed.lines(&[0x33, 0xff]).expect("lines").place(1).is_some());
}

/// A contract `CALLER SELFDESTRUCT` with one entry for both.
fn tiny(entry: &str, text: &str) -> Compiled {
    let body = json!({
        "output": {
            "contracts": {"A.sol": {"A": {"evm": {"deployedBytecode": {"object": "33ff", "sourceMap": format!("{entry};")}}}}},
            "sources": {"A.sol": {"id": 0}},
        },
        "sources": {"A.sol": text},
    });
    serde_json::from_value(body).expect("an output")
}

proptest! {
    #[test]
    fn no_map_breaks_the_table(map in "([0-9]{0,3}:?){0,5}(;(-1|[0-9]{0,3}):?[0-9]{0,2}:?[012]?){0,30}", text in "[aü\n]{0,30}") {
        if let Ok(lines) = tiny(&map, &text).lines(&[0x33, 0xff]) {
            for pc in 0..3 {
                if let Some(place) = lines.place(pc) {
                    prop_assert!(place.line >= 1 && place.column >= 1);
                    prop_assert!((place.line, place.column) <= (place.end_line, place.end_column));
                }
            }
        }
    }

    #[test]
    fn no_object_breaks_the_comparison(object in "[0-9a-fx_$]{0,80}", code in proptest::collection::vec(any::<u8>(), 1..40), start in 0_usize..50, length in 0_usize..40) {
        let mut compiled = tiny("0:1:0", "a");
        let file = compiled.output.contracts.get_mut("A.sol").expect("a file");
        let bytecode = &mut file.get_mut("A").expect("a contract").evm.deployed_bytecode;
        bytecode.object = object;
        bytecode.immutable_references.insert("1".to_owned(), vec![Stretch { start, length }]);
        for contract in [None, Some("A.sol:A".to_owned())] {
            compiled.contract = contract;
            if let Ok(lines) = compiled.lines(&code) {
                prop_assert!(lines.place(0).is_some());
            }
        }
    }
}
