//! `scorpius verify`: offline, with nothing but files and a key that comes from elsewhere.

mod evidence;
mod log;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use scorpius_ledger::note::Checkpoint;
use scorpius_ledger::verify::{self, Report, Scope};
use scorpius_ledger::{LogName, Policy};

use super::ledger::{key_of, log_name};
use super::{Done, runtime};
use crate::commands::Verdict;
use crate::terminal::Terminal;

/// Bytes of a file that is read at all; bundles and notes are far smaller.
const FILE_BYTES_MAX: u64 = 64_000_000;

/// Check evidence or a whole log offline. Exit code 0: all that is claimed is proved; 1: it is not; 2: it cannot be judged.
#[derive(Args)]
pub struct Verify {
    /// An evidence bundle.
    #[arg(required_unless_present_any = ["checkpoint", "log", "tlog_proof"])]
    bundle: Option<PathBuf>,
    /// A checkpoint (signed note) instead of a bundle.
    #[arg(long, value_name = "FILE", conflicts_with = "bundle")]
    checkpoint: Option<PathBuf>,
    /// A proof in C2SP's own text instead of a bundle.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["bundle", "checkpoint"])]
    tlog_proof: Option<PathBuf>,
    /// The entry that the proof is of; a proof of ours brings its own.
    #[arg(long, value_name = "FILE", requires = "tlog_proof")]
    entry: Option<PathBuf>,
    /// A whole log instead of a bundle: an exported one, or a host's data folder.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["bundle", "checkpoint", "tlog_proof"])]
    log: Option<PathBuf>,
    /// Which log: `shared`, or the tenant whose own log it is. The key of that one follows from the shared log's.
    #[arg(long, value_name = "LOG", default_value = "shared", value_parser = log_name)]
    log_of: LogName,
    /// A file with the verifier key of the log that you trust; may be given several times.
    #[arg(long, value_name = "FILE", required_unless_present = "policy")]
    key: Vec<PathBuf>,
    /// A policy (C2SP tlog-policy): the logs and witnesses that you trust, and how many must have signed.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// A checkpoint that you kept from earlier: does the log continue it?
    #[arg(long, value_name = "FILE")]
    kept: Option<PathBuf>,
    /// The answer of `GET /v1/audit/consistency` from the kept checkpoint to this one; a whole log needs none.
    #[arg(long, value_name = "FILE", requires = "kept", conflicts_with = "log")]
    consistency: Option<PathBuf>,
    /// A folder of anchors (`anchor-0000000001.json`, …), copied from the bucket that nobody can change: does the log continue them all?
    #[arg(long, value_name = "DIR", requires = "log")]
    anchors: Option<PathBuf>,
    /// Print one JSON document instead of text.
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(crate) fn run(self) -> Done {
        let policy = self.policy()?;
        let kept = match &self.kept {
            Some(file) => Some(evidence::kept(&read(file)?, &policy)?),
            None => None,
        };
        if let Some(folder) = &self.log {
            self.keys_are_elsewhere(folder)?;
            let anchors = match &self.anchors {
                Some(anchors) => Some(evidence::anchors(anchors, &policy)?),
                None => None,
            };
            let scope = match anchors {
                Some(Err(broken)) => Scope::failed(&broken.to_string()),
                Some(Ok(chain)) => runtime()?.block_on(log::check(
                    (folder, &self.log_of),
                    &policy,
                    kept.as_ref(),
                    Some(&chain),
                ))?,
                None => {
                    runtime()?.block_on(log::check((folder, &self.log_of), &policy, kept.as_ref(), None))?
                }
            };
            return self.say(&scope, &log::text(&scope));
        }
        let report = self.report(&policy)?;
        let report = self.held_against(report, kept.as_ref())?;
        self.say(&report.scope(), &report.to_string())
    }

    fn policy(&self) -> Result<Policy, Box<dyn std::error::Error>> {
        let mut policy = match &self.policy {
            Some(file) => Policy::parse(&read(file)?)?,
            None => Policy::default(),
        };
        for file in &self.key {
            let key = std::str::from_utf8(&read(file)?)?.trim().parse()?;
            policy = policy.believing(&key_of(&key, &self.log_of)?);
            // Evidence may be of both logs.
            if self.log.is_none() {
                policy = policy.believing(&key);
            }
        }
        Ok(policy)
    }

    /// Whoever hands over a log must not hand over the key that it is judged by.
    fn keys_are_elsewhere(&self, folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
        let log = log::files_of(folder, &self.log_of)?.canonicalize()?;
        for file in self.key.iter().chain(&self.policy).chain(&self.kept).chain(&self.anchors) {
            if file.canonicalize()?.starts_with(&log) {
                let why = "lies inside the log that it is to judge: take it from elsewhere";
                return Err(format!("{} {why}", file.display()).into());
            }
        }
        Ok(())
    }

    fn report(&self, policy: &Policy) -> Result<Report, Box<dyn std::error::Error>> {
        if let Some(file) = &self.tlog_proof {
            let entry = self.entry.as_deref().map(read).transpose()?;
            let text = String::from_utf8(read(file)?)?;
            return Ok(verify::tlog_proof(&text, entry.as_deref(), policy));
        }
        match (&self.bundle, &self.checkpoint) {
            (_, Some(note)) => Ok(verify::checkpoint_under(&read(note)?, policy)),
            (Some(bundle), None) => Ok(verify::bundle_under(&read(bundle)?, policy)),
            (None, None) => Err("nothing to verify was named".into()),
        }
    }

    fn held_against(
        &self,
        report: Report,
        kept: Option<&Checkpoint>,
    ) -> Result<Report, Box<dyn std::error::Error>> {
        let Some(kept) = kept else { return Ok(report) };
        let proof = match &self.consistency {
            Some(file) => evidence::proof(&read(file)?)?,
            None => Vec::new(),
        };
        Ok(report.against(kept, &proof))
    }

    fn say(&self, scope: &Scope, text: &str) -> Done {
        let terminal = Terminal::default();
        match self.json {
            true => terminal.line(serde_json::to_string_pretty(scope)?),
            false => terminal.text(text),
        }
        match scope.verdict.as_str() {
            "verified" => Ok(Verdict::Fine),
            "failed" => Ok(Verdict::NotFine),
            _ => Err("it cannot be judged".into()),
        }
    }
}

fn read(file: impl AsRef<Path>) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let file = file.as_ref();
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
    opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > FILE_BYTES_MAX {
        true => Err(format!("{} is larger than {FILE_BYTES_MAX} bytes", file.display()).into()),
        false => Ok(bytes),
    }
}
