//! `scorpius smoke`, against the local host: what a user runs after the first deploy.

use std::path::Path;
use std::process::{Command, Output};

use crate::platform::{Platform, Start, program};

/// Runs `smoke` with a key in its environment.
fn smoke(url: &str, key: &str, arguments: &[&str], ledger_key: Option<&Path>) -> Output {
    let mut command = Command::new(program());
    command.args(["smoke", "--url", url, "--key-env", "SMOKE_KEY"]).args(arguments).env("SMOKE_KEY", key);
    if let Some(file) = ledger_key {
        command.arg("--ledger-key").arg(file);
    }
    command.output().expect("it runs")
}

#[track_caller]
fn check(ended: &Output, code: i32, said: &str) {
    let all = String::from_utf8_lossy(&[&ended.stdout[..], &ended.stderr[..]].concat()).into_owned();
    assert_eq!(ended.status.code(), Some(code), "{all}");
    assert!(all.contains(said), "{all}");
}

#[test]
fn smoke_goes_from_health_to_a_proof_and_stops_at_the_first_fault() {
    let folder = tempfile::tempdir().expect("a folder");
    let platform = Platform::start(folder.path(), &Start::default());
    let key = platform.api_key.clone().expect("the first start shows a key");
    let ledger_key = folder.path().join("ledger.vkey");

    let fine = smoke(&platform.url, &key, &[], Some(&ledger_key));
    check(&fine, 0, "the verdict's event is proved");
    let said = String::from_utf8_lossy(&fine.stdout).into_owned();
    assert_eq!(said.matches("  ok ").count(), 7, "{said}");
    assert!(!said.contains(&key), "the key is on the screen");

    check(&smoke(&platform.url, &key, &[], None), 1, "fetched and not checked");
    let wrong_key = "sk_live_0000000000000000000000000000000000000000";
    check(&smoke(&platform.url, wrong_key, &[], Some(&ledger_key)), 1, "/v1/auth/token was answered 401");

    // Another ledger's key: the proof is refused.
    let elsewhere = tempfile::tempdir().expect("a folder");
    drop(Platform::start(elsewhere.path(), &Start::default()));
    let stranger = elsewhere.path().join("ledger.vkey");
    check(&smoke(&platform.url, &key, &[], Some(&stranger)), 1, "the proof does not hold");
}

#[test]
fn smoke_says_when_the_ledger_does_not_follow_and_when_nobody_answers() {
    let folder = tempfile::tempdir().expect("a folder");
    let how = Start { arguments: &["--without-relay"], ..Start::default() };
    let mut platform = Platform::start(folder.path(), &how);
    let key = platform.api_key.clone().expect("the first start shows a key");
    check(&smoke(&platform.url, &key, &["--wait-s", "1"], None), 1, "not in the ledger after 1 s");
    platform.kill();
    check(&smoke(&platform.url, &key, &[], None), 2, "does not answer");
    let unset =
        Command::new(program()).args(["smoke", "--url", &platform.url, "--key-env", "NO_SUCH_NAME"]).output();
    check(&unset.expect("it runs"), 2, "`NO_SUCH_NAME`");
}
