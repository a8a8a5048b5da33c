//! Reports as SARIF, held to what Microsoft's own validator says of them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use scorpius_scan::Bytecode;
use scorpius_scan::compiled::Compiled;
use scorpius_scan::engine::query::{Detector, DetectorSet};
use scorpius_scan::engine::{self, Budget};
use scorpius_scan::sarif;
use scorpius_scan::source::Project;
use serde_json::{Value, json};

use crate::aws::tools::{found, run, say, tools};
use crate::tree;

const VERSION: &str = "5.7.0";

/// The validator. `None`, having said so, where it cannot be had.
fn multitool() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    PROGRAM.get_or_init(|| found("Microsoft's sarif-multitool from npm", install())).as_deref()
}

fn install() -> Result<PathBuf, String> {
    let root = tools().join(format!("sarif-multitool-{VERSION}"));
    let package = root.join("node_modules/@microsoft/sarif-multitool-linux");
    let program = package.join("Sarif.Multitool");
    if !program.exists() {
        say(&format!("installing sarif-multitool {VERSION} (once)"));
        std::fs::create_dir_all(&root).map_err(|error| error.to_string())?;
        let asked =
            ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--no-save", "--prefix"];
        let name = format!("@microsoft/sarif-multitool-linux@{VERSION}");
        run(Command::new("npm").args(asked).arg(&root).arg(name))?;
    }
    // The package sets this in a script of its own, which is not run.
    run(Command::new("chmod").arg("u+x").arg(&program))?;
    Ok(program)
}

/// What the validator says of a document: `level rule: message`.
fn objections(program: &Path, document: &Value) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let (given, said) = (folder.path().join("given.sarif"), folder.path().join("said.sarif"));
    std::fs::write(&given, document.to_string()).expect("a file");
    let mut command = Command::new(program);
    // It is a .NET program and asks for a library of languages, which it does not need.
    command.env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1");
    command.args(["validate", "--log", "ForceOverwrite", "--rule-kind", "Sarif;Ghas", "--output"]);
    let ended = command.arg(&said).arg(&given).output().expect("the validator starts");
    let text = std::fs::read_to_string(&said).unwrap_or_else(|error| {
        panic!(
            "{error}: {}{}",
            String::from_utf8_lossy(&ended.stdout),
            String::from_utf8_lossy(&ended.stderr)
        )
    });
    let said: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).expect("JSON");
    let results = said["runs"][0]["results"].as_array().cloned().unwrap_or_default();
    let shown = results.iter().filter(|it| matches!(it["level"].as_str(), None | Some("error" | "warning")));
    shown.map(|it| format!("{} {}: {}", it["level"], it["ruleId"], it["message"])).collect()
}

fn of_fixture(name: &str) -> Value {
    let text = tree::read(&format!("shared/scan/source/fixtures/{name}"));
    let project = Project::new([(format!("contracts/{name}"), text)], []).expect("a project");
    let report = scorpius_source::scan(&project, Budget::Standard);
    assert!(!report.findings.is_empty(), "{name}");
    serde_json::to_value(sarif::source_document(&report)).expect("JSON")
}

#[test]
fn microsofts_validator_has_nothing_against_our_reports() {
    let Some(program) = multitool() else { return };
    let bytecode = |code: &[u8]| {
        serde_json::to_value(sarif::document(&engine::scan(code, Budget::Quick))).expect("JSON")
    };
    let mut wrong = Vec::new();
    for (name, document) in [
        ("access.sol", of_fixture("access.sol")),
        ("old.sol", of_fixture("old.sol")),
        ("text.sol", of_fixture("text.sol")),
        // CALLER SELFDESTRUCT
        ("a finding in bytecode", bytecode(&[0x33, 0xff])),
        ("a finding with a replay", {
            let report = scorpius_replay::scan(&[0x33, 0xff], Budget::Standard, DetectorSet::none());
            assert!(report.findings.iter().all(|finding| finding.replay.is_some()));
            serde_json::to_value(sarif::document(&report)).expect("JSON")
        }),
        ("a finding in bytecode with its line", {
            let fixture: Value =
                serde_json::from_str(&tree::read("shared/scan/fixtures/compiled/old.json")).expect("JSON");
            let output = &fixture["output"]["contracts"]["contracts/Old.sol"]["Old"];
            let code = output["evm"]["deployedBytecode"]["object"].as_str().expect("code");
            let code: Bytecode = format!("0x{code}").parse().expect("code");
            let compiled: Compiled =
                serde_json::from_value(json!({"output": fixture["output"], "sources": fixture["input"]}))
                    .expect("an output");
            let lines = compiled.lines(code.as_bytes()).expect("lines");
            let report = engine::scan(code.as_bytes(), Budget::Quick);
            serde_json::to_value(sarif::document_with(&report, Some(&lines))).expect("JSON")
        }),
        // Jumps to where the caller says.
        ("bytecode that is not wholly followed", bytecode(&[0x5f, 0x35, 0x56])),
        ("nothing", bytecode(&[0])),
        ("a finding of a detector of one's own", {
            let text = tree::read("shared/scan/fixtures/detectors/named.det");
            let detector = Detector::parse(&text).expect("a detector");
            let set = DetectorSet::of(vec![detector], Vec::new()).expect("a set");
            let report = engine::scan_asking(&[0x33, 0xff], Budget::Quick, &set);
            assert!(report.findings.iter().any(|finding| finding.detector == "tenant/named"));
            serde_json::to_value(sarif::document(&report)).expect("JSON")
        }),
    ] {
        wrong.extend(objections(program, &document).into_iter().map(|it| format!("{name}: {it}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_validator_objects_to_what_is_wrong() {
    let Some(program) = multitool() else { return };
    let mut document = of_fixture("access.sol");
    document["runs"][0]["results"][0]["ruleIndex"] = serde_json::json!(9_999);
    assert!(!objections(program, &document).is_empty());
}
