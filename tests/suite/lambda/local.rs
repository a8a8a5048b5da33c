//! Functions on an emulator with `infra/deploy/local.env`, as `cargo lambda watch` runs them: `infra/deploy/emulator.py`
//! makes what that file names, and the real programs find all of it there.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::runtime_api::{Heard, RuntimeApi};
use super::zips::zips;
use crate::aws::tools::{ministack, run};
use crate::tree;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What `program` answers to one event, with these settings and no others.
#[track_caller]
fn answered(program: &Path, settings: &str, event: &str) -> Value {
    let stub = RuntimeApi::with(tree::read(event));
    let lines = settings.lines().filter(|line| !line.starts_with('#'));
    let settings = lines.filter_map(|line| line.split_once('='));
    let mut command = Command::new(program);
    command.env_clear().envs(settings).env("AWS_LAMBDA_RUNTIME_API", stub.address.to_string());
    for (name, value) in [("NAME", "stub"), ("MEMORY_SIZE", "256"), ("VERSION", "1")] {
        command.env(format!("AWS_LAMBDA_FUNCTION_{name}"), value);
    }
    command.envs([("AWS_LAMBDA_LOG_GROUP_NAME", "stub"), ("AWS_LAMBDA_LOG_STREAM_NAME", "stub")]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("it starts");
    let answer = loop {
        match stub.next(PATIENCE) {
            Some(Heard::Answer(answer)) => break answer,
            Some(Heard::Next | Heard::Call(_)) => {}
            other => panic!("{}: {other:?}", program.display()),
        }
    };
    child.kill().expect("it is ours to kill");
    child.wait().expect("it ends");
    serde_json::from_str(&answer).expect("an answer is JSON")
}

#[test]
fn functions_find_on_an_emulator_what_local_env_names() {
    let (Some(zips), Some(emulator)) = (zips(), ministack()) else { return };
    let settings = tree::read("infra/deploy/local.env").replace("http://127.0.0.1:4566", &emulator.url);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("local.env");
    std::fs::write(&file, &settings).expect("a file");
    // Twice: what is there already stays as it is.
    for _ in 0..2 {
        let program = tree::root().join("infra/deploy/emulator.py");
        run(Command::new("python3").arg(program).arg(&file)).unwrap_or_else(|why| panic!("{why}"));
    }
    // The store, the blobs and the keys, each asked.
    let health = answered(&zips.program("health"), &settings, "events/health/deep.json");
    assert_eq!(health["statusCode"], 200, "{health}");
    let verdict = answered(&zips.program("risk-score"), &settings, "events/risk-score/address.json");
    assert_eq!(verdict["statusCode"], 200, "{verdict}");
    assert!(verdict["body"].as_str().is_some_and(|body| body.contains("sanctions_list")), "{verdict}");
}
