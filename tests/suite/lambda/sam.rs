//! AWS SAM's own command reads the template that `scorpius template` makes, and finds nothing against it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use scorpius::doors;
use scorpius::template::template;
use serde_json::{Value, json};

use crate::aws::tools::{found, venv};
use crate::tree;

/// The program of PyPI's `aws-sam-cli`; `None`, having said so, where it cannot be had.
fn sam() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let installed =
        || venv("aws-sam-cli-1.170.0", "tests/sam-requirements.txt").map(|root| root.join("bin/sam"));
    PROGRAM.get_or_init(|| found("aws-sam-cli 1.170.0", installed())).as_deref()
}

/// Runs `sam validate --lint` as a user does, beside the repository's own `samconfig.toml`; answers whether it passed, and
/// what it said.
fn validated(sam: &Path, template: &Value) -> (bool, String) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("template.json"), template.to_string()).expect("a file");
    std::fs::write(folder.path().join("samconfig.toml"), tree::read("samconfig.toml")).expect("a file");
    let ended = Command::new(sam)
        .args(["validate", "--lint"])
        .current_dir(folder.path())
        .env("HOME", folder.path())
        .env("SAM_CLI_TELEMETRY", "0")
        .env("AWS_ACCESS_KEY_ID", "none")
        .env("AWS_SECRET_ACCESS_KEY", "none")
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    (ended.status.success(), String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned())
}

#[test]
fn sam_finds_nothing_against_the_template() {
    let Some(sam) = sam() else { return };
    let (passed, said) = validated(sam, &template(&doors::manifest()));
    assert!(passed && said.contains("is a valid SAM Template"), "{said}");
}

#[test]
fn sam_names_what_is_wrong_with_a_template() {
    let Some(sam) = sam() else { return };
    #[track_caller]
    fn check(sam: &Path, path: &str, value: Value, wanted: &str) {
        let mut template = template(&doors::manifest());
        *template.pointer_mut(path).unwrap_or_else(|| panic!("no {path} in the template")) = value;
        let (passed, said) = validated(sam, &template);
        assert!(!passed && said.contains(wanted), "{said}");
    }
    check(sam, "/Resources/Health/Properties/MemorySize", json!("little"), "E3012");
    check(sam, "/Resources/Health/Properties/CodeUri", json!({"Ref": "Nothing"}), "Nothing");
}
