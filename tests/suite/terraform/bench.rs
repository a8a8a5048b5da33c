//! Terraform on a copy of the repository's own modules.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::state::State;
use super::tools::{Mode, Provider, Tools, found_tools};
use crate::aws::tools::Emulator;
use crate::tree;

/// A copy of `terraform/`, and a provider for it.
pub(crate) struct Bench {
    provider: Provider,
    /// The copy's place.
    pub(super) folder: PathBuf,
    root: TempDir,
}

/// What Terraform said.
pub(super) struct Said {
    pub(super) ok: bool,
    pub(super) text: String,
}

/// A stack that was applied to an emulator.
pub(crate) struct Deployment {
    /// Where the API answers, without a slash at its end.
    pub(crate) api_url: String,
    /// Terraform's outputs by name.
    pub(crate) outputs: Value,
    /// Everything that was made.
    pub(crate) state: State,
    /// What the emulator could not do, a line each.
    pub(crate) made_up: Vec<String>,
    /// Where functions note their calls to AWS, a line each.
    pub(crate) calls: PathBuf,
    _bench: Bench,
}

/// Applies `terraform/` to the emulator, with the functions' zips from `zip_dir`. `None`, having said so,
/// where a tool is missing.
pub(crate) fn deployed(zip_dir: &Path, ministack: &Emulator) -> Option<Deployment> {
    let bench = Bench::copied(found_tools()?, Mode::Emulator(&ministack.url), |_| ());
    let calls = bench.root.path().join("calls.jsonl");
    let settings = json!({ "SCORPIUS_RECORD_CALLS": calls });
    let mut arguments = variables("dev", zip_dir);
    arguments.push(format!("-var=settings={settings}"));
    let applied = bench.applied(&arguments);
    assert!(applied.ok, "{}\n{}", applied.text, bench.provider.said());
    let outputs: Value = serde_json::from_str(&bench.asked(&["output", "-json"])).expect("outputs are JSON");
    let api_url = outputs["api_url"]["value"].as_str().expect("an output `api_url`");
    let said = bench.provider.said();
    Some(Deployment {
        api_url: api_url.trim_end_matches('/').to_owned(),
        made_up: said.lines().filter(|line| line.starts_with("made up: ")).map(str::to_owned).collect(),
        state: State::of(&bench.shown(&[])),
        outputs,
        calls,
        _bench: bench,
    })
}

impl Bench {
    /// A copy for commands; what AWS computes is known after apply.
    pub(super) fn new() -> Option<Self> {
        Some(Self::copied(found_tools()?, Mode::Stub, |_| ()))
    }

    /// A copy that `change` has changed; plans already have what apply would make up.
    pub(super) fn foreseeing(change: impl FnOnce(&Path)) -> Option<Self> {
        Some(Self::copied(found_tools()?, Mode::Foresees, change))
    }

    fn copied(tools: Tools, mode: Mode<'_>, change: impl FnOnce(&Path)) -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("terraform");
        let files = [tree::files("terraform"), tree::files("infra/observability")].concat();
        // Not what somebody left who tried it.
        let ours = files.into_iter().filter(|path| !path.contains(".tfstate"));
        for path in ours.chain(["infra/stack.json".to_owned()]) {
            let to = root.path().join(&path);
            fs::create_dir_all(to.parent().expect("a file is in a folder")).expect("a folder");
            fs::copy(tree::root().join(&path), to).expect("a file of the repository can be copied");
        }
        change(&folder);
        let provider = Provider::start(&tools, &folder, mode);
        let bench = Self { provider, folder, root };
        let said = bench.run(&["init", "-backend=false", "-input=false"]);
        assert!(said.ok, "{}", said.text);
        bench
    }

    /// The same copy, for the root module in `folder` of it.
    pub(super) fn within(mut self, folder: &str) -> Self {
        self.folder.push(folder);
        let said = self.run(&["init", "-backend=false", "-input=false"]);
        assert!(said.ok, "{}", said.text);
        self
    }

    /// Runs Terraform in the copy.
    pub(super) fn run(&self, arguments: &[&str]) -> Said {
        let mut command = self.command(arguments);
        let output = command.output().expect("terraform runs");
        let text = [output.stdout, output.stderr].concat();
        Said { ok: output.status.success(), text: String::from_utf8_lossy(&text).into_owned() }
    }

    /// What a command prints, which must succeed.
    #[track_caller]
    fn asked(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("terraform runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("terraform writes UTF-8")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("terraform");
        command.args(arguments).current_dir(&self.folder);
        command.env("TF_REATTACH_PROVIDERS", &self.provider.reattach);
        command.env("TF_IN_AUTOMATION", "1").env("CHECKPOINT_DISABLE", "1");
        // Nothing of the user's own Terraform is read.
        command.env("TF_CLI_CONFIG_FILE", "/dev/null").env("TF_CLI_ARGS", "-no-color");
        command.env_remove("TF_DATA_DIR").env_remove("TF_WORKSPACE").env_remove("TF_LOG");
        command
    }

    fn applied(&self, variables: &[String]) -> Said {
        // Ten zips at once are more than the emulator takes on a busy machine.
        let mut arguments = vec!["apply", "-auto-approve", "-input=false", "-parallelism=4"];
        arguments.extend(variables.iter().map(String::as_str));
        self.run(&arguments)
    }

    /// Plans one of the environments, with stand-ins for the zips.
    pub(super) fn planned(&self, environment: &str, further: &[String]) -> Said {
        let zips = self.root.path().join("zips");
        fs::create_dir_all(&zips).expect("a folder");
        for function in scorpius::doors::manifest().functions.keys() {
            fs::write(zips.join(format!("{function}.zip")), function).expect("a file");
        }
        let variables = [variables(environment, &zips), further.to_vec()].concat();
        let mut arguments = vec!["plan", "-input=false", "-out=plan"];
        arguments.extend(variables.iter().map(String::as_str));
        self.run(&arguments)
    }

    /// What the last plan would make.
    pub(super) fn plan(&self) -> State {
        State::of(&self.shown(&["plan"]))
    }

    fn shown(&self, of: &[&str]) -> Value {
        let arguments = [&["show", "-json"], of].concat();
        serde_json::from_str(&self.asked(&arguments)).expect("what is shown is JSON")
    }
}

/// The arguments for one of the environments.
fn variables(environment: &str, zip_dir: &Path) -> Vec<String> {
    vec![
        format!("-var-file=environments/{environment}.tfvars"),
        format!("-var=zip_dir={}", zip_dir.display()),
        // What the machine that tests is: the functions run on it.
        format!("-var=architecture={}", if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }),
    ]
}

/// The environments that there are, by name.
pub(super) fn environments() -> Vec<String> {
    let files = tree::files("terraform/environments");
    let names = files.iter().filter_map(|path| path.rsplit('/').next()?.strip_suffix(".tfvars"));
    names.map(str::to_owned).collect()
}
