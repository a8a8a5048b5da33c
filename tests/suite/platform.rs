//! The real program as a child process, for tests that kill it.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use crate::tree;

/// Builds `scorpius` with the features that the tests are built with, once, and answers where it is.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let built = tree::cargo()
            // The program's own tests need it, so that these arguments build nothing that `cargo test` has not.
            .args(["test", "--workspace", "--quiet", "--locked", "--no-run", "--test", "program"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .expect("cargo runs");
        assert!(built.success(), "the program does not build");
        let test = std::env::current_exe().expect("this test has a path");
        let profile = test.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>");
        profile.join("scorpius")
    })
}

/// A started platform. It is killed when this is dropped.
pub(crate) struct Platform {
    child: Child,
    /// `http://127.0.0.1:…`; empty when a crash point was reached before it listened.
    pub(crate) url: String,
    /// Shown on the first start of a folder.
    pub(crate) api_key: Option<String>,
    lines: Receiver<String>,
    crash_line: Option<String>,
    crashed: bool,
}

/// How to start it.
#[derive(Default)]
pub(crate) struct Start<'a> {
    /// `commit-before-sync:3`.
    pub(crate) crash_at: Option<String>,
    /// `127.0.0.1:1234`.
    pub(crate) allow_target: Option<String>,
    /// More arguments.
    pub(crate) arguments: &'a [&'a str],
}

impl Platform {
    /// Starts `scorpius up` on a free port with state in `data`, and waits until it listens or has
    /// reached its crash point.
    pub(crate) fn start(data: &Path, how: &Start<'_>) -> Self {
        let mut command = Command::new(program());
        command.args(["up", "--listen", "127.0.0.1:0", "--data"]).arg(data).args(how.arguments);
        command
            .env("SCORPIUS_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(target) = &how.allow_target {
            command.args(["--allow-target", target]);
        }
        let mut crash_line = None;
        if let Some(point) = &how.crash_at {
            command.env("SCORPIUS_CRASH_AT", point);
            crash_line =
                Some(format!("crash point reached: {}", point.split(':').next().unwrap_or_default()));
        }
        let mut child = command.spawn().expect("the program starts");
        let (sender, lines) = channel();
        forward(child.stdout.take().expect("piped"), sender.clone());
        forward(child.stderr.take().expect("piped"), sender);
        let mut platform =
            Self { child, url: String::new(), api_key: None, lines, crash_line, crashed: false };
        platform.wait_until_up();
        platform
    }

    fn wait_until_up(&mut self) {
        let mut said = Vec::new();
        while let Some(line) = self.next_line(Duration::from_secs(60)) {
            if let Some(rest) = line.trim().strip_prefix("listening on ") {
                self.url = rest.to_owned();
            }
            if let Some(rest) = line.trim().strip_prefix("API key: ") {
                self.api_key = Some(rest.to_owned());
            }
            if self.crashed || line.starts_with("Try next") {
                return;
            }
            said.push(line);
        }
        panic!("the program did not come up: {said:#?}");
    }

    fn next_line(&mut self, patience: Duration) -> Option<String> {
        let line = self.lines.recv_timeout(patience).ok()?;
        self.crashed |= self.crash_line.as_ref() == Some(&line);
        Some(line)
    }

    /// Waits until the crash point that it was started with is reached.
    pub(crate) fn reaches_its_crash_point(&mut self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        while !self.crashed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.next_line(left).is_none() {
                break;
            }
        }
        self.crashed
    }

    /// SIGKILL, and waits for the end.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it is ours to kill");
        self.child.wait().expect("it ends");
    }
}

fn forward(pipe: impl Read + Send + 'static, sender: Sender<String>) {
    std::thread::spawn(move || {
        // What it prints after the test has lost interest must not block it.
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            sender.send(line).unwrap_or_default();
        }
    });
}

impl Drop for Platform {
    fn drop(&mut self) {
        // It may have been killed already; then there is nothing to do.
        self.child.kill().unwrap_or_default();
        self.child.wait().map(drop).unwrap_or_default();
    }
}
