//! Which part may use which, and what a part may look like.
//!
//! ```text
//! core <─ edge <─ capability <─ functions/* ─> aws ─> relay
//!                     ^─────── infra/scorpius ─> local
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::tree;

/// Capabilities that may use another one's public API, each with its reason.
const BETWEEN_CAPABILITIES: [(&str, &str); 2] = [
    // A verdict is shown with the inclusion proof of its event.
    ("shared/risk", "shared/ledger"),
    // A token's verdict says what the scanner found in its code.
    ("shared/risk", "shared/scan"),
];

/// Who may run transactions.
const USES_THE_EVM: [&str; 2] = ["shared/risk", "shared/scan/replay"];

/// What is no capability.
const FOUNDATIONS: [&str; 8] = [
    "shared/core",
    "shared/edge",
    "shared/chain",
    "shared/evm",
    "shared/egress",
    "shared/relay",
    "shared/aws",
    "shared/local",
];

/// Third-party crates that are named in few places: a prefix, and who may name what begins with it.
const OWNED: [(&str, &[&str]); 23] = [
    // The SDK of QLDB is linked into nothing that runs on AWS: it is what asks, and is built on demand.
    ("aws-", &["shared/aws", "shared/ledger/qldb-live"]),
    ("lambda_", &["shared/aws"]),
    ("rusqlite", &["shared/local"]),
    ("libsqlite3-sys", &["shared/local"]),
    ("alloy-", &["shared/evm", "shared/risk", "shared/scan"]),
    ("revm", &["shared/evm"]),
    ("evmole", &["shared/scan"]),
    ("tree-sitter", &["shared/scan/source"]),
    ("xorf", &["shared/risk"]),
    ("libm", &["shared/risk", "shared/risk/train"]),
    ("hyper", &["shared/egress", "infra/scorpius"]),
    ("rustls", &["shared/egress"]),
    ("tokio-rustls", &["shared/egress"]),
    ("webpki-roots", &["shared/egress"]),
    ("axum", &["infra/scorpius"]),
    ("clap", &["infra/scorpius"]),
    ("cedar-", &["shared/identity/policy", "shared/identity/policy-api"]),
    ("jsonwebtoken", &["shared/identity/token"]),
    ("argon2", &["shared/identity/account"]),
    ("p256", &["shared/identity/account"]),
    ("tlog_tiles", &["shared/ledger"]),
    ("signed_note", &["shared/ledger"]),
    ("ct-merkle", &["shared/ledger"]),
];

/// Crates that bring OpenSSL or a second TLS.
const BANNED: [&str; 5] = ["aws-lc-rs", "aws-lc-sys", "native-tls", "openssl", "openssl-sys"];

/// Crates that may compile C.
/// `psm` is a few lines of assembly, `stacker` the C beside it: how Cedar's parser bears deep nesting.
const WITH_C: [&str; 6] = ["libsqlite3-sys", "psm", "ring", "stacker", "tree-sitter", "tree-sitter-solidity"];

/// Lines of a source file.
const LINES_MAX: usize = 500;
/// Lines of a function's `main.rs`: wiring, nothing else.
const MAIN_LINES_MAX: usize = 60;

/// One package of the workspace, by folder.
#[derive(Clone, Debug)]
struct Part {
    folder: String,
    /// What it is built from.
    uses: BTreeSet<String>,
    /// What its tests use besides.
    tests_use: BTreeSet<String>,
}

/// Every arrow that may not be, as `<part> must not use <part>`. Ours are named by folder.
fn violations(parts: &[Part]) -> Vec<String> {
    let ours: BTreeSet<&str> = parts.iter().map(|part| part.folder.as_str()).collect();
    let mut wrong = Vec::new();
    for part in parts {
        let from = part.folder.as_str();
        let built = part.uses.iter().map(|to| (to, false));
        let tested = part.tests_use.iter().map(|to| (to, true));
        for (to, in_tests) in built.chain(tested) {
            let fine = match ours.contains(to.as_str()) {
                true => may_use(from, to, in_tests),
                false => may_name(from, to, in_tests),
            };
            if !fine {
                wrong.push(format!("{from} must not use {to}"));
            }
        }
    }
    wrong
}

fn may_use(from: &str, to: &str, in_tests: bool) -> bool {
    let is_capability = |folder: &str| folder.starts_with("shared/") && !FOUNDATIONS.contains(&folder);
    if to.starts_with("functions/") || to == "tests" {
        return false;
    }
    if to == "infra/scorpius" {
        return from == "tests";
    }
    // The local adapter in memory is the test double of every port, and loopback is reached through egress.
    if in_tests && matches!(to, "shared/local" | "shared/egress") {
        return true;
    }
    match from {
        "tests" => true,
        "infra/scorpius" => to != "shared/aws",
        "shared/core" => false,
        "shared/edge" | "shared/chain" | "shared/egress" | "shared/evm" => to == "shared/core",
        "shared/relay" => matches!(to, "shared/core" | "shared/edge"),
        "shared/aws" | "shared/local" => {
            matches!(to, "shared/core" | "shared/edge" | "shared/egress" | "shared/relay")
        }
        _ if from.starts_with("functions/") => to != "shared/local",
        _ => {
            matches!(to, "shared/core" | "shared/edge")
                || (to == "shared/evm" && USES_THE_EVM.contains(&from))
                || room(from) == room(to)
                || (is_capability(to) && BETWEEN_CAPABILITIES.contains(&(from, to)))
        }
    }
}

/// A room may hold several crates: `shared/identity/token` is in `shared/identity`.
fn room(folder: &str) -> &str {
    folder.match_indices('/').nth(1).map_or(folder, |(end, _)| &folder[..end])
}

fn may_name(from: &str, to: &str, in_tests: bool) -> bool {
    if BANNED.contains(&to) {
        return false;
    }
    // What checks an implementation may use a second one.
    if in_tests || from == "tests" {
        return true;
    }
    OWNED.iter().filter(|(prefix, _)| to.starts_with(prefix)).all(|(_, owners)| owners.contains(&from))
}

fn workspace() -> Vec<Part> {
    let metadata = MetadataCommand::new()
        .manifest_path(tree::root().join("Cargo.toml"))
        .no_deps()
        .other_options(["--locked".to_owned()])
        .exec()
        .expect("cargo reads its own workspace");
    let folder = |manifest: &Path| {
        let folder = manifest.parent().expect("a manifest is in a folder");
        let folder = folder.strip_prefix(&metadata.workspace_root).expect("a member of the workspace");
        folder.to_string_lossy().replace('\\', "/")
    };
    let folders: BTreeMap<&str, String> = metadata
        .packages
        .iter()
        .map(|package| (package.name.as_str(), folder(package.manifest_path.as_std_path())))
        .collect();
    let named = |name: &str| folders.get(name).cloned().unwrap_or_else(|| name.to_owned());
    metadata
        .packages
        .iter()
        .map(|package| {
            let (tests, build): (Vec<_>, Vec<_>) =
                package.dependencies.iter().partition(|used| used.kind == DependencyKind::Development);
            Part {
                folder: named(&package.name),
                uses: build.iter().map(|used| named(&used.name)).collect(),
                tests_use: tests.iter().map(|used| named(&used.name)).collect(),
            }
        })
        .collect()
}

fn part(folder: &str, uses: &[&str]) -> Part {
    let uses = uses.iter().map(|used| (*used).to_owned()).collect();
    Part { folder: folder.to_owned(), uses, tests_use: BTreeSet::new() }
}

#[test]
fn every_arrow_is_allowed() {
    let parts = workspace();
    assert!(parts.len() > 10, "the workspace has {} parts", parts.len());
    assert_eq!(violations(&parts), Vec::<String>::new());
}

#[test]
fn a_forbidden_arrow_is_named() {
    #[track_caller]
    fn check(from: &str, to: &str) {
        let mut parts = workspace();
        let found = parts.iter_mut().find(|part| part.folder == from);
        found.expect("a part of the workspace").uses.insert(to.to_owned());
        assert_eq!(violations(&parts), [format!("{from} must not use {to}")]);
    }
    check("shared/risk", "shared/aws");
    check("shared/risk", "shared/local");
    check("shared/ledger", "shared/risk");
    check("shared/core", "shared/edge");
    check("shared/aws", "shared/scan");
    check("shared/local", "shared/aws");
    check("shared/relay", "shared/ledger");
    check("shared/scan", "functions/authorizer");
    check("functions/authorizer", "shared/local");
    check("infra/scorpius", "shared/aws");
    check("infra/scorpius", "functions/authorizer");
    check("shared/identity", "rusqlite");
    check("shared/notify", "hyper");
    check("shared/ledger", "aws-sdk-kms");
    check("shared/egress", "native-tls");
    check("shared/scan", "shared/evm");
    check("shared/risk", "revm");
}

#[test]
fn tests_may_use_the_local_adapter_and_second_implementations_only() {
    let mut risk = part("shared/risk", &[]);
    risk.tests_use = ["shared/local", "standardwebhooks", "ct-merkle"].map(str::to_owned).into();
    let parts = [risk.clone(), part("shared/local", &[]), part("shared/aws", &[])];
    assert_eq!(violations(&parts), Vec::<String>::new());
    risk.tests_use.insert("shared/aws".to_owned());
    let parts = [risk, part("shared/local", &[]), part("shared/aws", &[])];
    assert_eq!(violations(&parts), ["shared/risk must not use shared/aws"]);
}

#[test]
fn each_exception_between_capabilities_is_used() {
    let parts = workspace();
    let unused: Vec<_> = BETWEEN_CAPABILITIES
        .iter()
        .filter(|(from, to)| !parts.iter().any(|part| part.folder == *from && part.uses.contains(*to)))
        .collect();
    assert!(unused.is_empty(), "nobody needs {unused:?}");
}

#[test]
fn the_program_links_one_tls_and_little_c() {
    // Cargo.lock also names what features leave out; the tree is what is really built here.
    let mut above: Vec<String> = Vec::new();
    let (mut linked, mut with_c) = (BTreeSet::new(), BTreeSet::new());
    for (depth, name) in tree::cargo_tree(&["--workspace", "--edges", "normal,build,dev"]) {
        above.truncate(depth);
        if matches!(name.as_str(), "cc" | "cmake" | "bindgen" | "nasm-rs") {
            with_c.insert(above.last().cloned().unwrap_or_default());
        }
        linked.insert(name.clone());
        above.push(name);
    }
    let banned: Vec<_> = BANNED.iter().filter(|name| linked.contains(**name)).collect();
    assert!(banned.is_empty(), "linked: {banned:?}");
    assert!(linked.contains("ring") && linked.contains("libsqlite3-sys"), "this is not our tree");
    assert_eq!(with_c, WITH_C.map(str::to_owned).into());
}

#[test]
fn a_function_links_neither_the_local_host_nor_sqlite() {
    for function in tree::folders("functions") {
        let linked = tree::cargo_tree(&["--package", &function, "--edges", "normal"]);
        for name in ["scorpius-local", "scorpius", "rusqlite", "axum", "clap"] {
            assert!(!linked.iter().any(|(_, linked)| linked == name), "functions/{function} links {name}");
        }
    }
}

/// The validator of policies is large, and only who writes policies needs it.
#[test]
fn only_the_function_policy_links_what_checks_policies() {
    for function in tree::folders("functions") {
        let linked = tree::cargo_tree(&["--package", &function, "--edges", "normal"]);
        let links = |name: &str| linked.iter().any(|(_, linked)| linked == name);
        assert_eq!(links("scorpius-policy-api"), function == "policy", "functions/{function}");
        assert!(!links("cedar-policy"), "functions/{function} links more of Cedar than its core");
    }
}

#[test]
fn a_function_is_one_main() {
    for function in tree::folders("functions") {
        let folder = format!("functions/{function}");
        let files: Vec<_> =
            tree::files(&folder).into_iter().filter(|file| !file.contains("/target/")).collect();
        assert_eq!(files, [format!("{folder}/Cargo.toml"), format!("{folder}/src/main.rs")]);
        let main = tree::read(&format!("{folder}/src/main.rs"));
        let lines = main.lines().count();
        assert!(lines <= MAIN_LINES_MAX, "{folder}/src/main.rs has {lines} lines");
        for decision in ["if ", "match ", "while ", "for "] {
            let decides = main.lines().any(|line| line.trim_start().starts_with(decision));
            assert!(!decides, "{folder}/src/main.rs decides something: `{decision}`");
        }
    }
}

#[test]
fn files_are_short() {
    let rust = ["shared", "functions", "infra", "tests"].into_iter().flat_map(tree::files);
    let sources = rust.filter(|file| file.ends_with(".rs"));
    let lines = sources.map(|file| (tree::read(&file).lines().count(), file));
    let long: Vec<_> = lines.filter(|(lines, _)| *lines > LINES_MAX).collect();
    assert!(long.is_empty(), "{long:#?}");
}
