//! `fmt`, `init`, `validate`, `plan` and `test`, as a user runs them.

use std::process::Command;

use super::bench::{Bench, environments};
use super::tools::found_terraform;
use crate::tree;

#[test]
fn files_are_written_as_terraform_formats_them() {
    let Some(()) = found_terraform() else { return };
    let said = Command::new("terraform")
        .args(["fmt", "-check", "-recursive", "-diff", "-no-color"])
        .current_dir(tree::root().join("terraform"))
        .env("TF_CLI_CONFIG_FILE", "/dev/null")
        .output()
        .expect("terraform runs");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
}

/// With values that are known only after apply, as on AWS: nothing may be counted by them.
#[test]
fn each_environment_is_planned() {
    let Some(bench) = Bench::new() else { return };
    let said = bench.run(&["validate"]);
    assert!(said.ok && !said.text.contains("Warning"), "{}", said.text);
    for environment in environments() {
        let said = bench.planned(&environment, &[]);
        assert!(said.ok && !said.text.contains("Warning"), "{environment}: {}", said.text);
    }
}

#[test]
fn terraform_s_own_tests_pass() {
    let Some(bench) = Bench::new() else { return };
    let said = bench.run(&["test"]);
    assert!(said.ok && said.text.contains("Success!"), "{}", said.text);
}
