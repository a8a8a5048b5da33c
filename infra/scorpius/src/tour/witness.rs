//! A witness of the tour's own, in a process of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use scorpius_core::{PortError, SystemClock};
use scorpius_ledger::note::NotAnOrigin;
use scorpius_ledger::policy::NotAPolicy;
use scorpius_ledger::{Policy, VerifierKey};
use scorpius_local::FileKeys;
use url::Url;

use crate::host::Settings;

/// Why there is no witness.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// The program could not be started, or did not say where it listens.
    #[error("the witness's process did not start")]
    Io(#[from] std::io::Error),
    /// The ledger's key.
    #[error(transparent)]
    Port(#[from] PortError),
    /// What it said is not what a witness says.
    #[error("the witness said `{0}`")]
    Said(String),
    /// Its key makes no policy.
    #[error(transparent)]
    Policy(#[from] NotAPolicy),
    /// The ledger has no name.
    #[error(transparent)]
    Origin(#[from] NotAnOrigin),
}

/// A witness that is this same program with another folder and another key. It ends with this value.
pub struct OwnWitness {
    child: Child,
    key: String,
    url: Url,
}

impl OwnWitness {
    /// Starts one that watches the ledger of the host in `data`.
    ///
    /// # Errors
    /// `WitnessError`.
    pub fn start(data: &Path) -> Result<Self, WitnessError> {
        let folder = data.join("tour").join("witness");
        std::fs::create_dir_all(&folder)?;
        let log = data.join("tour").join("watched.vkey");
        std::fs::write(&log, format!("{}\n", log_key(data)?))?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["witness", "--listen", "127.0.0.1:0", "--name", "localhost/tour-witness", "--data"])
            .arg(&folder)
            .arg("--log")
            .arg(&log)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let said = child.stdout.take().map(BufReader::new);
        match said.ok_or_else(|| WitnessError::Said("nothing".to_owned())).and_then(introduced) {
            Ok((key, url)) => Ok(Self { child, key, url }),
            Err(error) => {
                end(&mut child);
                Err(error)
            }
        }
    }

    /// Asks this witness, and needs its cosignature.
    ///
    /// # Errors
    /// When its key is none.
    pub fn policy(&self) -> Result<Policy, WitnessError> {
        Ok(Policy::parse(self.policy_text().as_bytes())?)
    }

    /// The same as a file's text.
    #[must_use]
    pub fn policy_text(&self) -> String {
        format!("witness tour {} {}\nquorum tour\n", self.key, self.url)
    }

    /// The host that it listens on.
    #[must_use]
    pub fn host(&self) -> String {
        self.url.host_str().unwrap_or_default().to_owned()
    }

    /// The port that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or_default()
    }
}

impl Drop for OwnWitness {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Its memory survives this: it answers only after it has written.
fn end(child: &mut Child) {
    if child.kill().is_ok() {
        child.wait().map(drop).unwrap_or_default();
    }
}

/// The key and the address that a witness says first.
fn introduced(mut said: BufReader<ChildStdout>) -> Result<(String, Url), WitnessError> {
    let mut line = |before: &str| {
        let mut text = String::new();
        said.read_line(&mut text)?;
        match text.trim_end().strip_prefix(before) {
            Some(rest) => Ok(rest.to_owned()),
            None => Err(WitnessError::Said(text)),
        }
    };
    let key = line("witness ")?;
    let url = line("listening on ")?;
    let parsed = Url::parse(&url).map_err(|_| WitnessError::Said(url))?;
    Ok((key, parsed))
}

/// The ledger's public key; its pair is made now when the folder is new.
fn log_key(data: &Path) -> Result<VerifierKey, WitnessError> {
    let keys = FileKeys::open(data, Arc::new(SystemClock))?;
    let origin = Settings::in_folder(data.to_owned()).origin;
    let own = VerifierKey::of_log(&keys, &origin);
    Ok(futures::executor::block_on(own)?)
}
