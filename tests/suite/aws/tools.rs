//! Emulators: installed once below the build folder, started on a free loopback port, ended with the test.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use crate::tree;

/// How long an emulator may take to listen.
const START_MAX: Duration = Duration::from_secs(20);
/// What ministack is to be; the rest of it stays out of memory.
const MINISTACK_SERVICES: &str =
    "dynamodb,dynamodbstreams,sqs,kms,s3,sns,ses,events,scheduler,lambda,apigateway,iam,sts,logs";
/// Ports tried: another process may take a free one first.
const PORTS_MAX: u32 = 5;

/// A running emulator.
pub(crate) struct Emulator {
    child: Child,
    /// `http://127.0.0.1:<port>`.
    pub(crate) url: String,
    /// What it writes.
    log: NamedTempFile,
}

impl Emulator {
    /// What it has written so far.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.log.path()).expect("its log can be read")).into_owned()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody left to tell.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// DynamoDB alone, in memory; each call starts its own. `None`, having said so, where it cannot be had.
pub(crate) fn dynoxide() -> Option<Emulator> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| found("dynoxide 3.2.0", install_dynoxide())).as_ref()?;
    let start = |port: u16| {
        let mut command = Command::new(program);
        command.args(["--host", "127.0.0.1", "--log", "quiet", "--port"]).arg(port.to_string());
        command
    };
    Some(started("dynoxide", start))
}

/// Most of AWS, in memory; each call starts its own. `None`, having said so, where it cannot be had.
pub(crate) fn ministack() -> Option<Emulator> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| found("ministack 1.5.33", install_ministack())).as_ref()?;
    let start = |port: u16| {
        let mut command = Command::new(program);
        command
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("IOT_MTLS_ENABLED", "0")
            .env("SFTP_ENABLED", "0")
            .env("SERVICES", MINISTACK_SERVICES);
        command
    };
    Some(started("ministack", start))
}

fn install_ministack() -> Result<PathBuf, String> {
    let root = tools().join("ministack-1.5.33");
    let (python, program) = (root.join("bin/python"), root.join("bin/ministack"));
    let is_there = || {
        let asked =
            ["-c", "from importlib.metadata import version as v; import cryptography; print(v('ministack'))"];
        let said = Command::new(&python).args(asked).stdin(Stdio::null()).output();
        said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).trim() == "1.5.33")
    };
    if program.exists() && is_there() {
        return Ok(program);
    }
    say("installing ministack 1.5.33 (AWS emulator, once)");
    run(Command::new("python3").args(["-m", "venv"]).arg(&root))?;
    run(Command::new(&python).args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "ministack==1.5.33",
        "cryptography==50.0.2",
    ]))?;
    match is_there() {
        true => Ok(program),
        false => Err(format!("{} is not version 1.5.33", program.display())),
    }
}

fn install_dynoxide() -> Result<PathBuf, String> {
    let root = tools();
    let program = root.join("bin/dynoxide");
    // Cargo's own note of what is installed: the program itself prints another number.
    let is_there = || {
        let note = std::fs::read_to_string(root.join(".crates.toml")).unwrap_or_default();
        program.exists() && note.contains("\"dynoxide-rs 3.2.0 ")
    };
    if is_there() {
        return Ok(program);
    }
    say("installing dynoxide 3.2.0 (DynamoDB emulator, minutes, once)");
    let features = ["--no-default-features", "--features", "native-sqlite,http-server,cli"];
    run(tree::cargo()
        .args(["install", "dynoxide-rs", "--version", "3.2.0", "--locked", "--root"])
        .arg(&root)
        .args(features)
        // Its own build folder: the workspace's is locked by whoever runs the tests.
        .env("CARGO_TARGET_DIR", root.join("build")))?;
    match is_there() {
        true => Ok(program),
        false => Err(format!("{} is not version 3.2.0", program.display())),
    }
}

/// `<target>/tools`, beside the profile that this test was built in.
pub(crate) fn tools() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let target = test.ancestors().nth(3).expect("<target>/<profile>/deps/<test>");
    target.join("tools")
}

/// A virtual environment with what the file `requirements` pins, made again whenever the pins change.
pub(crate) fn venv(name: &str, requirements: &str) -> Result<PathBuf, String> {
    let root = tools().join(name);
    let pins = tree::root().join(requirements);
    let wanted = fs::read_to_string(&pins).map_err(|error| format!("{}: {error}", pins.display()))?;
    // Written last: what stopped half-way is not taken for whole.
    let note = root.join("installed.txt");
    if fs::read_to_string(&note).is_ok_and(|installed| installed == wanted) {
        return Ok(root);
    }
    say(&format!("installing {name} (once)"));
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&root))?;
    let mut install = Command::new(root.join("bin/python"));
    run(install.args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(&pins))?;
    fs::write(&note, wanted).map_err(|error| format!("{}: {error}", note.display()))?;
    Ok(root)
}

pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let said = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    match said.status.success() {
        true => Ok(()),
        false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&said.stderr).trim_end())),
    }
}

/// The tool, or word that it is missing: a failure where everything must be tested.
pub(crate) fn found<T>(name: &str, tool: Result<T, String>) -> Option<T> {
    match tool {
        Ok(tool) => Some(tool),
        Err(why) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("{name} is missing: {why}"),
        Err(why) => {
            say(&format!("SKIPPED: every test that needs {name}, which is missing: {why}"));
            None
        }
    }
}

/// Past the test's own capture, so that it is read.
pub(crate) fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("a test can write to standard error");
}

/// Starts until a port is really free, and waits until it answers.
fn started(name: &str, command: impl Fn(u16) -> Command) -> Emulator {
    // One at a time: a port is free only until somebody listens.
    static STARTING: Mutex<()> = Mutex::new(());
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..PORTS_MAX {
        let port = free_port();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let log = NamedTempFile::new().expect("a file");
        let mut command = command(port);
        let file = log.reopen().expect("a file can be opened again");
        command.stdout(file.try_clone().expect("a file can be opened again")).stderr(file);
        let child = command.stdin(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let mut emulator = Emulator { child, url: format!("http://{address}"), log };
        let begun = Instant::now();
        while begun.elapsed() < START_MAX {
            if emulator.child.try_wait().expect("a child can be asked").is_some() {
                break;
            }
            if TcpStream::connect_timeout(&address, Duration::from_millis(100)).is_ok() {
                return emulator;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    panic!("{name} does not listen on any of {PORTS_MAX} ports");
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("it listens").port()
}
