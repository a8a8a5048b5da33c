//! `fmt`, `init`, `validate`, `plan` and `test`, as a user runs them.

use std::process::Command;

use super::bench::{Bench, environments};
use super::tools::{checkov, found_terraform};
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

/// What AWS's own advice would have otherwise; it asks nobody.
#[test]
fn checkov_finds_nothing_that_has_no_reason() {
    let Some(checkov) = checkov() else { return };
    let said = Command::new(checkov)
        .args([
            "--directory",
            "terraform",
            "--framework",
            "terraform",
            "--compact",
            "--quiet",
            "--skip-download",
        ])
        .current_dir(tree::root())
        .output()
        .expect("checkov runs");
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success() && text.contains("Failed checks: 0"), "{text}");
}

#[test]
fn each_skip_of_checkov_s_has_a_reason() {
    let files = tree::files("terraform").into_iter().filter(|path| path.ends_with(".tf"));
    let mut skips = 0;
    for path in files {
        let text = tree::read(&path);
        for skip in text.lines().filter_map(|line| line.split("checkov:skip=").nth(1)) {
            let reason = skip.split_once(": ").map_or("", |(_, reason)| reason);
            assert!(reason.split(' ').count() >= 4 && reason.ends_with('.'), "{path}: {skip}");
            skips += 1;
        }
    }
    assert!((1..30).contains(&skips), "{skips} skips");
}
