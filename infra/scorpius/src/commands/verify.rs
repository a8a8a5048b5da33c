//! `scorpius verify`: offline, with nothing but files and a key that comes from elsewhere.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use scorpius_ledger::verify;
use scorpius_ledger::{VerifierKey, audit_log};
use scorpius_local::FolderBlobs;

use super::{Done, runtime};
use crate::commands::Verdict;
use crate::terminal::Terminal;

/// Bytes of a file that is read at all; bundles and notes are far smaller.
const FILE_BYTES_MAX: u64 = 64_000_000;

/// Check evidence or a whole log offline. Exit code 0: all that is claimed is proved; 1: it is not; 2: it cannot be judged.
#[derive(Args)]
pub struct Verify {
    /// An evidence bundle.
    #[arg(required_unless_present_any = ["checkpoint", "log"])]
    bundle: Option<PathBuf>,
    /// A checkpoint (signed note) instead of a bundle.
    #[arg(long, value_name = "FILE", conflicts_with = "bundle")]
    checkpoint: Option<PathBuf>,
    /// The whole log in a host's data folder instead of a bundle.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["bundle", "checkpoint"])]
    log: Option<PathBuf>,
    /// A file with the verifier key of the log that you trust; may be given several times.
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<PathBuf>,
}

impl Verify {
    pub(crate) fn run(self) -> Done {
        let trusted = self.key.iter().map(|file| key(file)).collect::<Result<Vec<_>, _>>()?;
        let terminal = Terminal::default();
        if let Some(folder) = &self.log {
            return runtime()?.block_on(whole_log(folder, &trusted, &terminal));
        }
        let report = match (&self.bundle, &self.checkpoint) {
            (_, Some(note)) => verify::checkpoint(&read(note)?, &trusted),
            (Some(bundle), None) => verify::bundle(&read(bundle)?, &trusted),
            (None, None) => return Err("nothing to verify was named".into()),
        };
        terminal.text(&report.to_string());
        match report.verdict {
            verify::Verdict::Verified => Ok(Verdict::Fine),
            verify::Verdict::Failed => Ok(Verdict::NotFine),
            verify::Verdict::Refused => Err("it cannot be judged".into()),
        }
    }
}

async fn whole_log(folder: &Path, trusted: &[VerifierKey], terminal: &Terminal) -> Done {
    let blobs = FolderBlobs::for_reading(folder);
    match audit_log(&blobs, trusted).await {
        Ok(log) => {
            terminal.good(&format!(
                "{}: {} entries make the root of its checkpoint; {} tiles compared",
                log.checkpoint.origin, log.checkpoint.size, log.tiles
            ));
            Ok(Verdict::Fine)
        }
        Err(error) => {
            terminal.bad(&scorpius_core::error::chain(&error));
            Ok(Verdict::NotFine)
        }
    }
}

fn key(file: &Path) -> Result<VerifierKey, Box<dyn std::error::Error>> {
    let bytes = read(file)?;
    Ok(std::str::from_utf8(&bytes)?.trim().parse()?)
}

fn read(file: &Path) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(|error| format!("{}: {error}", file.display()))?;
    opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > FILE_BYTES_MAX {
        true => Err(format!("{} is larger than {FILE_BYTES_MAX} bytes", file.display()).into()),
        false => Ok(bytes),
    }
}
