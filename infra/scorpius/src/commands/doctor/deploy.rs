//! What building zips and deploying them needs on this machine. Nothing is sent anywhere.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Finding;

type Version = [u32; 3];

/// A program, and how old it may be.
struct Tool {
    what: &'static str,
    /// The program and its arguments.
    asked: &'static [&'static str],
    /// Where else it may be.
    or: &'static [&'static str],
    at_least: Version,
    mend: &'static str,
}

const TOOLS: [Tool; 5] = [
    Tool {
        what: "the Rust compiler",
        asked: &["rustc", "--version"],
        or: &[],
        at_least: [1, 95, 0],
        mend: "install it with rustup, or `rustup update`",
    },
    Tool {
        what: "cargo-lambda",
        asked: &["cargo-lambda", "lambda", "--version"],
        or: &[],
        at_least: [1, 9, 0],
        mend: "`pip install cargo-lambda==1.9.2`, and its folder of programs on the PATH",
    },
    Tool {
        what: "zig, which links for Lambda's older glibc",
        asked: &["python3", "-m", "ziglang", "version"],
        or: &["zig", "version"],
        at_least: [0, 13, 0],
        mend: "`pip install ziglang==0.17.0`",
    },
    Tool {
        what: "Terraform",
        asked: &["terraform", "version"],
        or: &[],
        at_least: [1, 11, 0],
        mend: "install 1.11 or later",
    },
    Tool {
        what: "the AWS command line, which invokes `bootstrap` and starts canaries",
        asked: &["aws", "--version"],
        or: &[],
        at_least: [2, 0, 0],
        mend: "install version 2",
    },
];

pub(super) fn look(architecture: &str) -> Vec<Finding> {
    let mut found: Vec<_> = TOOLS.iter().map(tool).collect();
    found.push(target(architecture, said(&["rustup", "target", "list", "--installed"]).as_deref()));
    let setting = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    found.push(region(setting));
    found.push(credentials(setting, std::env::home_dir().as_deref()));
    found.push(endpoint(setting));
    found
}

/// What a program prints, on either stream; `None` when there is no such program or it fails.
fn said(asked: &[&str]) -> Option<String> {
    let (program, arguments) = asked.split_first()?;
    let mut command = Command::new(program);
    // Terraform would look for a newer one of itself.
    command.args(arguments).stdin(Stdio::null()).env("CHECKPOINT_DISABLE", "1");
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

fn tool(tool: &Tool) -> Finding {
    let printed = said(tool.asked).or_else(|| said(tool.or));
    judged(tool, printed.as_deref())
}

fn judged(tool: &Tool, printed: Option<&str>) -> Finding {
    let Tool { what, at_least, mend, .. } = tool;
    match printed.and_then(version) {
        Some(version) if version >= *at_least => Ok(format!("{what}: {}", shown(version))),
        Some(version) => {
            Err(format!("{what} is {}, and must be {} or later: {mend}", shown(version), shown(*at_least)))
        }
        None => Err(format!("{what} is not found: {mend}")),
    }
}

/// The first thing in `text` that looks like a version.
fn version(text: &str) -> Option<Version> {
    let mut words = text.split(|letter: char| !(letter.is_ascii_digit() || letter == '.'));
    words.find_map(|word| {
        let parts: Vec<u32> = word.split('.').map_while(|part| part.parse().ok()).collect();
        <[u32; 3]>::try_from(parts.get(..3)?).ok()
    })
}

fn shown([major, minor, patch]: Version) -> String {
    format!("{major}.{minor}.{patch}")
}

fn target(architecture: &str, installed: Option<&str>) -> Finding {
    let triple = match architecture {
        "arm64" => "aarch64-unknown-linux-gnu",
        _ => "x86_64-unknown-linux-gnu",
    };
    let Some(installed) = installed else {
        return Err(format!(
            "rustup is not found: `{triple}` may be missing, and `cargo lambda build` will say so"
        ));
    };
    match installed.lines().any(|line| line.trim() == triple) {
        true => Ok(format!("the standard library for {architecture}")),
        false => Err(format!("no standard library for {architecture}: `rustup target add {triple}`")),
    }
}

fn region(setting: impl Fn(&str) -> Option<String>) -> Finding {
    match setting("AWS_REGION").or_else(|| setting("AWS_DEFAULT_REGION")) {
        Some(region) => Ok(format!("the region is {region}")),
        None => Err("no region: set AWS_REGION".to_owned()),
    }
}

fn credentials(setting: impl Fn(&str) -> Option<String>, home: Option<&Path>) -> Finding {
    let file =
        |name: &str| home.map(|home| home.join(".aws").join(name)).filter(|path: &PathBuf| path.is_file());
    if setting("AWS_ACCESS_KEY_ID").is_some() && setting("AWS_SECRET_ACCESS_KEY").is_some() {
        return Ok(match setting("AWS_SESSION_TOKEN") {
            Some(_) => "credentials of a session are in the environment".to_owned(),
            None => "credentials that do not end are in the environment: prefer a role".to_owned(),
        });
    }
    if let Some(profile) = setting("AWS_PROFILE") {
        return match file("config").or_else(|| file("credentials")) {
            Some(_) => Ok(format!("the profile is `{profile}`")),
            None => {
                Err(format!("AWS_PROFILE is `{profile}`, and there is no ~/.aws/config: `aws configure sso`"))
            }
        };
    }
    match file("credentials").or_else(|| file("config")) {
        Some(path) => Ok(format!("credentials may come from {}", path.display())),
        None => Err("no credentials: `aws configure sso`, then AWS_PROFILE".to_owned()),
    }
}

fn endpoint(setting: impl Fn(&str) -> Option<String>) -> Finding {
    match setting("AWS_ENDPOINT_URL") {
        None => Ok("calls go to AWS itself".to_owned()),
        Some(url) => {
            Err(format!("AWS_ENDPOINT_URL is {url}: a deployment would go there and not to AWS; unset it"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_programs_print() {
        assert_eq!(version("rustc 1.95.0 (f2d3ce0bd 2026-03-21)"), Some([1, 95, 0]));
        assert_eq!(version("aws-cli/2.31.4 Python/3.13.7 Linux/6.8"), Some([2, 31, 4]));
        assert_eq!(version("Terraform v1.11.4\non linux_amd64"), Some([1, 11, 4]));
        assert_eq!(version("0.17.0"), Some([0, 17, 0]));
        assert_eq!(version("no number"), None);
    }

    #[test]
    fn what_is_missing_or_old_is_named_with_what_to_do() {
        let terraform = &TOOLS[3];
        assert_eq!(judged(terraform, Some("Terraform v1.11.0")), Ok("Terraform: 1.11.0".to_owned()));
        let old = judged(terraform, Some("Terraform v1.9.8")).expect_err("it is old");
        assert_eq!(old, "Terraform is 1.9.8, and must be 1.11.0 or later: install 1.11 or later");
        assert!(judged(terraform, None).expect_err("it is not there").contains("is not found"));
        assert!(said(&["no-such-program-anywhere"]).is_none());
    }

    #[test]
    fn the_library_of_the_deployed_architecture_is_needed() {
        let installed = Some("x86_64-unknown-linux-gnu\n");
        assert!(target("x86_64", installed).is_ok());
        let missing = target("arm64", installed).expect_err("it is not installed");
        assert!(missing.contains("rustup target add aarch64-unknown-linux-gnu"), "{missing}");
        assert!(target("arm64", None).is_err());
    }

    #[test]
    fn an_environment_that_deploys_elsewhere_or_nowhere_is_found() {
        let set = |pairs: &'static [(&'static str, &'static str)]| {
            move |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        assert!(region(set(&[("AWS_DEFAULT_REGION", "eu-west-1")])).is_ok());
        assert!(region(set(&[])).is_err());
        assert!(endpoint(set(&[])).is_ok());
        assert!(endpoint(set(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")])).is_err());

        let home = tempfile::tempdir().expect("a folder");
        assert!(credentials(set(&[]), None).is_err());
        assert!(credentials(set(&[("AWS_PROFILE", "work")]), Some(home.path())).is_err());
        std::fs::create_dir(home.path().join(".aws")).expect("a folder");
        std::fs::write(home.path().join(".aws/config"), "[profile work]\n").expect("a file");
        assert!(credentials(set(&[("AWS_PROFILE", "work")]), Some(home.path())).is_ok());
        let keys = &[("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
        assert!(credentials(set(keys), None).expect("they are there").contains("prefer a role"));
    }
}
