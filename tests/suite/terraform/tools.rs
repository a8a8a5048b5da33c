//! Terraform, the tests' provider and checkov: found, or installed once below the build folder.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use crate::aws::tools::{found, run, say, tools, venv};
use crate::tree;

/// What Terraform is run with.
#[derive(Clone)]
pub(super) struct Tools {
    /// A Python that has what the provider needs.
    pub(super) python: PathBuf,
    /// The bindings that the schema is derived from.
    wheel: PathBuf,
}

/// `None`, having said so, where something is missing.
pub(super) fn found_tools() -> Option<Tools> {
    static TOOLS: OnceLock<Option<Tools>> = OnceLock::new();
    TOOLS
        .get_or_init(|| {
            found_terraform()?;
            found("the tests' Terraform provider", provider())
        })
        .clone()
}

/// `None`, having said so, where there is no Terraform that will do.
pub(super) fn found_terraform() -> Option<()> {
    static TERRAFORM: OnceLock<Option<()>> = OnceLock::new();
    *TERRAFORM.get_or_init(|| found("terraform 1.11", terraform()))
}

/// The program checkov 3.3.30; `None`, having said so, where it cannot be had.
pub(super) fn checkov() -> Option<PathBuf> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let installed = || {
        venv("checkov-3.3.30", "tests/terraform/checkov-requirements.txt")
            .map(|root| root.join("bin/checkov"))
    };
    PROGRAM.get_or_init(|| found("checkov 3.3.30", installed())).clone()
}

fn terraform() -> Result<(), String> {
    let said = Command::new("terraform").args(["version", "-json"]).env("CHECKPOINT_DISABLE", "1").output();
    let said = said.map_err(|error| format!("`terraform` is not on the PATH: {error}"))?;
    let version: serde_json::Value =
        serde_json::from_slice(&said.stdout).map_err(|error| error.to_string())?;
    let version = version["terraform_version"].as_str().unwrap_or_default().to_owned();
    let parts: Vec<u32> = version.split('.').map_while(|part| part.parse().ok()).collect();
    match parts[..] {
        [1, minor, _] if minor >= 11 => Ok(()),
        _ => Err(format!("`terraform` is {version}, and must be 1.11 or later")),
    }
}

fn provider() -> Result<Tools, String> {
    let python = venv("terraform-provider", "tests/terraform/requirements.txt")?.join("bin/python");
    let folder = tools().join("terraform-wheels");
    let wheel = folder.join("cdktn_provider_aws-25.8.1-py3-none-any.whl");
    if !wheel.exists() {
        say("downloading the provider's bindings (70 MB, once)");
        run(Command::new(&python)
            .args(["-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--dest"])
            .arg(&folder)
            .arg("--requirement")
            .arg(program("wheel-requirements.txt")))?;
    }
    Ok(Tools { python, wheel })
}

fn program(name: &str) -> PathBuf {
    tree::root().join("tests/terraform").join(name)
}

/// What the provider does with what AWS would compute.
#[derive(Clone, Copy)]
pub(super) enum Mode<'u> {
    /// It is known after apply, which makes it up.
    Stub,
    /// A plan makes it up, and needs no apply to be looked at whole.
    Foresees,
    /// Apply asks the emulator at this address.
    Emulator(&'u str),
}

/// The provider, running until this is dropped.
pub(super) struct Provider {
    child: Child,
    /// For `TF_REATTACH_PROVIDERS`.
    pub(super) reattach: String,
    /// Where it says what it makes up.
    pub(super) log: PathBuf,
}

impl Drop for Provider {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody left to tell.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Provider {
    /// Starts it for the Terraform in `folder`.
    pub(super) fn start(tools_: &Tools, folder: &Path, mode: Mode<'_>) -> Self {
        let mut derive = Command::new(&tools_.python);
        derive.arg(program("schema.py")).arg("--wheel").arg(&tools_.wheel).arg("--cache");
        let derived = derive.arg(tools().join("terraform-schema")).arg(folder).output();
        let derived = derived.expect("Python runs");
        assert!(derived.status.success(), "{}", String::from_utf8_lossy(&derived.stderr));
        let schema = String::from_utf8_lossy(&derived.stdout).trim().to_owned();

        let log = folder.with_extension("provider.log");
        let mut command = Command::new(&tools_.python);
        command.arg(program("provider.py")).args(["--schema", &schema]).current_dir(folder);
        command.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("SCORPIUS_AWS_ENDPOINT");
        match mode {
            Mode::Stub => {}
            Mode::Foresees => {
                command.arg("--foresee");
            }
            Mode::Emulator(url) => {
                command.env("SCORPIUS_AWS_ENDPOINT", url);
            }
        }
        let stderr = fs::File::create(&log).expect("a log can be written");
        // It ends when its standard input does, and so never outlives the tests.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().expect("Python runs");
        let mut reattach = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut reattach).expect("its output can be read");
        let provider = Self { child, reattach: reattach.trim().to_owned(), log };
        assert!(!provider.reattach.is_empty(), "the provider does not start: {}", provider.said());
        provider
    }

    /// What it has said so far.
    pub(super) fn said(&self) -> String {
        fs::read_to_string(&self.log).expect("its log can be read")
    }
}
