//! The program from outside: what it prints, and how it ends.

use std::process::{Command, Output};

fn scorpius(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_scorpius")).args(arguments).output().expect("the program starts")
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn it_prints_the_descriptions_that_are_committed() {
    for (command, committed) in [
        ("openapi", include_str!("../../../docs/openapi.json")),
        ("asyncapi", include_str!("../../../docs/asyncapi.json")),
    ] {
        let printed = scorpius(&[command]);
        assert!(printed.status.success(), "{command}: {}", said(&printed.stderr));
        assert!(
            said(&printed.stdout) == committed,
            "`scorpius {command}` prints another document than docs/"
        );
    }
}

#[test]
fn bad_arguments_end_it_with_2_and_the_way_to_help() {
    for arguments in [&["no-such-command"][..], &["up", "--listen", "nowhere"], &["verify"]] {
        let ended = scorpius(arguments);
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}");
        assert!(said(&ended.stderr).contains("'--help'"), "{arguments:?}: {}", said(&ended.stderr));
        assert!(ended.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn bytecode_is_scanned_without_a_host() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("code.hex");
    std::fs::write(&file, "0x600035ff").expect("the folder is writable");
    let found = scorpius(&["scan", file.to_str().expect("UTF-8")]);
    assert_eq!(found.status.code(), Some(1), "{}", said(&found.stderr));
    assert!(said(&found.stdout).contains("unguarded-selfdestruct"), "{}", said(&found.stdout));
}

#[test]
fn detectors_of_a_folder_are_asked_and_a_bad_one_is_told_with_its_place() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let put = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("the folder is writable");
    };
    let root = folder.path().to_str().expect("UTF-8");
    let scan = |input: &str| scorpius(&["scan", input, "--detectors", root]);
    let empty = scan("0x33ff");
    assert_eq!(empty.status.code(), Some(2));
    assert!(said(&empty.stderr).contains("no file `*.det`"), "{}", said(&empty.stderr));
    let text = include_str!("../../../shared/scan/fixtures/detectors/named.det");
    put("named.det", text);
    put("notes.txt", "not a detector");
    let found = scan("0x33ff");
    assert_eq!(found.status.code(), Some(1), "{}", said(&found.stderr));
    assert!(said(&found.stdout).contains("tenant/named"), "{}", said(&found.stdout));
    let without = scorpius(&["scan", "0x33ff"]);
    assert!(!said(&without.stdout).contains("tenant/named"));
    put("other.det", &text.replace("end.open", "end.opened"));
    let broken = scan("0x33ff");
    assert_eq!(broken.status.code(), Some(2));
    assert!(said(&broken.stderr).contains("other.det: line 15, column 15"), "{}", said(&broken.stderr));
    put("other.det", text);
    assert!(said(&scan("0x33ff").stderr).contains("two detectors are called `named`"));
}

#[test]
fn solidity_is_scanned_with_lines_and_excerpts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let put = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("the folder is writable");
    };
    put("remappings.txt", "@own/=lib/own/\n");
    put(
        "lib/own/Ends.sol",
        "contract Ends { function stop() internal { selfdestruct(payable(msg.sender)); } }",
    );
    put(
        "src/A.sol",
        "import \"@own/Ends.sol\";\ncontract A is Ends {\n  function end(address code) external {\n    code.delegatecall(\"\");\n  }\n}\n",
    );
    let root = folder.path().to_str().expect("UTF-8");
    let found = scorpius(&["scan", root]);
    let text = said(&found.stdout);
    assert_eq!(found.status.code(), Some(1), "{text}{}", said(&found.stderr));
    assert!(text.contains("--> src/A.sol:4:5\n4 |     code.delegatecall(\"\");\n  |     ^^^^"), "{text}");
    assert!(!text.contains("lib/own/Ends.sol:"), "what packages have is their makers' business: {text}");
    let sarif = scorpius(&["scan", root, "--sarif", "--fail-on", "critical"]);
    let sarif: serde_json::Value = serde_json::from_slice(&sarif.stdout).expect("JSON");
    let place = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(
        (place["artifactLocation"]["uri"].as_str(), place["region"]["startLine"].as_u64()),
        (Some("src/A.sol"), Some(4))
    );
    let baseline = folder.path().join("report.json");
    std::fs::write(&baseline, scorpius(&["scan", root, "--json"]).stdout).expect("the folder is writable");
    let slither = folder.path().join("slither.json");
    let theirs = r#"{"results": {"detectors": [
        {"check": "controlled-delegatecall", "impact": "High", "description": "a", "elements": [{"source_mapping": {"filename_relative": "src/A.sol", "lines": [4]}}]},
        {"check": "solc-version", "impact": "Informational", "description": "b", "elements": []}]}}"#;
    std::fs::write(&slither, theirs).expect("the folder is writable");
    let both = said(&scorpius(&["scan", root, "--import", slither.to_str().expect("UTF-8")]).stdout);
    assert!(both.contains("1 findings of other tools are among these"), "{both}");
    assert!(both.contains("info (slither alone): solc-version"), "{both}");
    let again = scorpius(&["scan", root, "--baseline", baseline.to_str().expect("UTF-8")]);
    assert_eq!(again.status.code(), Some(0), "{}", said(&again.stdout));
    assert!(said(&again.stdout).contains("  unchanged: unguarded-delegatecall at src/A.sol:4\n"));
    put("src/B.sol", "contract B { if }");
    let broken = said(&scorpius(&["scan", root]).stdout);
    assert!(broken.contains("not explored: syntax at src/B.sol:1"), "{broken}");
}

#[test]
fn what_a_baseline_has_does_not_fail_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let baseline = folder.path().join("baseline.json");
    let baseline = baseline.to_str().expect("UTF-8");
    for format in ["--json", "--sarif"] {
        let first = scorpius(&["scan", "0x600035ff", format]);
        assert_eq!(first.status.code(), Some(1), "{}", said(&first.stderr));
        std::fs::write(baseline, &first.stdout).expect("the folder is writable");
        let again = scorpius(&["scan", "0x600035ff", "--baseline", baseline]);
        assert_eq!(again.status.code(), Some(0), "{format}: {}", said(&again.stderr));
        let told = "1 findings are in the baseline\n  unchanged: unguarded-selfdestruct at pc 3\n";
        assert!(said(&again.stdout).contains(told), "{}", said(&again.stdout));
        assert_eq!(said(&again.stderr), "", "a bar is for terminals");
        let other = scorpius(&["scan", "0x33ff", "--baseline", baseline]);
        assert_eq!(other.status.code(), Some(1), "{format}: another finding is new");
        let told = "1 findings of the baseline are fixed\n  fixed: unguarded-selfdestruct at pc 3\n";
        assert!(said(&other.stdout).contains(told), "{}", said(&other.stdout));
    }
    std::fs::write(baseline, "{}").expect("the folder is writable");
    let none = scorpius(&["scan", "0x00", "--baseline", baseline]);
    assert_eq!(none.status.code(), Some(2));
    assert!(said(&none.stderr).contains("neither a report nor a SARIF log"), "{}", said(&none.stderr));
}

#[test]
fn a_labelled_set_is_measured_and_then_scored() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let lines = concat!(
        r#"{"id":"a","runtime_bytecode":"0x33ff","labels":[{"swc":106}]}"#,
        "\n\n",
        r#"{"id":"b","runtime_bytecode":"0x00","absent":[{"swc":106}]}"#,
        "\n",
        r#"{"id":"c","runtime_bytecode":"0xzz","labels":[{"swc":106}]}"#,
        "\n",
    );
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut zip, lines.as_bytes()).expect("memory takes all");
    std::fs::write(path("set.jsonl.gz"), zip.finish().expect("memory takes all")).expect("writable");
    let (set, results) = (path("set.jsonl.gz"), path("results.jsonl"));
    let measured =
        scorpius(&["eval", "scan", "--corpus", &set, "--results", &results, "--jobs", "2", "--score"]);
    assert_eq!(measured.status.code(), Some(0), "{}", said(&measured.stderr));
    let lines = std::fs::read_to_string(&results).expect("results");
    let ids: Vec<String> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["id"].to_string())
        .collect();
    assert_eq!(ids, [r#""a""#, r#""b""#, r#""c""#], "in the order of the set");
    let text = said(&measured.stdout);
    assert!(text.contains("3 contracts, 1 without a result or with an error"), "{text}");
    let row = text.lines().find(|line| line.starts_with("access_control")).expect("a row");
    assert!(row.split_whitespace().take(4).eq(["access_control", "2", "1", "50.0"]), "{row}");
    let none = scorpius(&["eval", "scan", "--corpus", &path("absent"), "--results", &results]);
    assert_eq!(none.status.code(), Some(2));
}
