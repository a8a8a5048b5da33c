//! Zips of all functions, from one build.
//!
//! `SCORPIUS_ZIPS=DIR` names a folder with `<function>.zip` to test instead: what is shipped, as
//! `infra/deploy/zips.sh` leaves it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use scorpius::doors;

use crate::aws::tools::{found, run, say, tools};
use crate::tree;

/// The version of PyPI's `cargo-lambda`.
const CARGO_LAMBDA: &str = "1.9.2";
/// The version of PyPI's `ziglang`, whose linker names an old glibc whatever this machine has.
const ZIG: &str = "0.17.0";

/// All functions of the manifest, zipped.
pub(crate) struct Zips {
    /// `<function>.zip` for each function.
    pub(crate) folder: PathBuf,
    /// `<function>/bootstrap` for each function: what is in its zip.
    pub(crate) unpacked: PathBuf,
    /// Whether they were built for shipping and not by this test.
    pub(crate) shipped: bool,
}

impl Zips {
    /// A function's zip.
    pub(crate) fn zip(&self, function: &str) -> PathBuf {
        self.folder.join(format!("{function}.zip"))
    }

    /// A function's program.
    pub(crate) fn program(&self, function: &str) -> PathBuf {
        self.unpacked.join(function).join("bootstrap")
    }
}

/// Builds the zips at the first call of a test run. `None`, having said so, without the tools.
pub(crate) fn zips() -> Option<&'static Zips> {
    static ZIPS: OnceLock<Option<Zips>> = OnceLock::new();
    ZIPS.get_or_init(|| {
        let given = std::env::var_os("SCORPIUS_ZIPS").map(PathBuf::from);
        if let Some(folder) = given {
            return Some(Zips::of(folder, true));
        }
        let root = found("cargo-lambda and zig", install())?;
        let built = build(&root);
        let folder = built.with_file_name("e2e-zips");
        pack(&built, &folder);
        Some(Zips::of(folder, false))
    })
    .as_ref()
}

fn install() -> Result<PathBuf, String> {
    let root = tools().join(format!("cargo-lambda-{CARGO_LAMBDA}"));
    let python = root.join("bin/python");
    let is_there = || {
        let asked = "from importlib.metadata import version as v; print(v('cargo-lambda'), v('ziglang'))";
        let said = Command::new(&python).args(["-c", asked]).output();
        said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).trim() == format!("{CARGO_LAMBDA} {ZIG}"))
    };
    if !is_there() {
        say(&format!("installing cargo-lambda {CARGO_LAMBDA} and zig {ZIG} (once)"));
        run(Command::new("python3").args(["-m", "venv"]).arg(&root))?;
        let wanted = [format!("cargo-lambda=={CARGO_LAMBDA}"), format!("ziglang=={ZIG}")];
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(wanted))?;
    }
    match is_there() {
        true => Ok(root),
        false => Err(format!("{} has other versions", root.display())),
    }
}

/// One `cargo lambda build` over all functions, in the profile that links fast; answers the folder with
/// `<function>/bootstrap`.
fn build(tools: &Path) -> PathBuf {
    let target = tools.ancestors().nth(2).expect("<target>/tools/<tool>");
    let folder = target.join("lambda/e2e");
    let mut path = vec![tools.join("bin")];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let mut command = tree::cargo();
    command
        .args(["lambda", "build", "--quiet", "--locked", "--profile", "e2e", "--x86-64", "--lambda-dir"])
        .arg(&folder)
        .current_dir(tree::root())
        .env("CARGO_TARGET_DIR", target)
        .env("PATH", std::env::join_paths(path).expect("no folder of the path has a colon"));
    for function in doors::manifest().functions.keys() {
        command.args(["--package", function]);
    }
    run(&mut command).unwrap_or_else(|why| panic!("the functions do not build: {why}"));
    folder
}

/// Packs as what is shipped is packed.
fn pack(built: &Path, folder: &Path) {
    let program = tree::root().join("infra/deploy/pack.py");
    run(Command::new("python3").arg(program).arg(built).arg(folder))
        .unwrap_or_else(|why| panic!("the functions are not packed: {why}"));
}

impl Zips {
    /// Unpacks what is in `folder`: what is measured is what is in the zips.
    fn of(folder: PathBuf, shipped: bool) -> Self {
        let zips = Self { unpacked: folder.join("unpacked"), folder, shipped };
        for function in doors::manifest().functions.keys() {
            let (zip, unpacked) = (zips.zip(function), zips.unpacked.join(function));
            fs::create_dir_all(&unpacked).expect("the build folder is writable");
            run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&zip).arg(&unpacked))
                .unwrap_or_else(|why| panic!("{}: {why}", zip.display()));
            make_executable(&zips.program(function));
        }
        zips
    }
}

/// Python's `zipfile` forgets who may run what it unpacks.
fn make_executable(program: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).expect("it was just unpacked");
}

#[test]
fn the_same_program_makes_the_same_zip_whenever_it_is_packed() {
    use std::time::{Duration, SystemTime};
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("built/health/bootstrap");
    fs::create_dir_all(program.parent().expect("a folder")).expect("a folder");
    let packed = |to: &str, age: Duration| {
        fs::write(&program, "a program").expect("a file");
        let file = fs::File::options().write(true).open(&program).expect("a file");
        file.set_modified(SystemTime::now() - age).expect("a time can be set");
        let to = folder.path().join(to);
        pack(&folder.path().join("built"), &to);
        fs::read(to.join("health.zip")).expect("a zip")
    };
    let zip = packed("one", Duration::ZERO);
    assert_eq!(zip, packed("two", Duration::from_secs(1_000_000)));
    let sums = fs::read_to_string(folder.path().join("one/SHA256SUMS")).expect("sums");
    assert!(sums.ends_with("  health.zip\n") && sums.len() == 64 + 2 + 11, "{sums}");
    // Lambda starts it only when it may be run: the mode stands in the directory, whose entries begin so.
    let entry = zip.windows(4).rposition(|bytes| bytes == b"PK\x01\x02").expect("a directory");
    assert_eq!(zip[entry + 40..entry + 42], (0o100_755_u32).to_le_bytes()[..2]);
}
