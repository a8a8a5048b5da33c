//! `scorpius ledger`: the log as files that others' programs read.

#[cfg(feature = "qldb-live")]
mod fetch;
mod import;
mod serve;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use scorpius_core::PortError;
use scorpius_core::error::chain;
use scorpius_ledger::audit::{Against, Seen, walk_log};
use scorpius_ledger::files::BlobFiles;
use scorpius_ledger::{LogName, Origin, Policy, VerifierKey};
use scorpius_local::FolderBlobs;

use super::{Done, Verdict, runtime};
use crate::terminal::{Progress, Terminal};

/// The ledger's files.
#[derive(Args)]
pub struct Ledger {
    #[command(subcommand)]
    command: LedgerCommand,
}

#[derive(Subcommand)]
enum LedgerCommand {
    /// Write the log as the folder that C2SP tlog-tiles describes, checking every byte on the way.
    Export(Export),
    /// Check an export of Amazon QLDB's journal, and append one entry for each block.
    ImportQldb(import::ImportQldb),
    /// Copy a journal that still answers as Amazon QLDB did, block by block, as an export.
    #[cfg(feature = "qldb-live")]
    FetchQldb(fetch::FetchQldb),
}

/// Write the log as a folder of tiles.
#[derive(Args)]
struct Export {
    /// The folder with all state.
    #[arg(long, default_value = ".scorpius", value_name = "DIR")]
    data: PathBuf,
    /// A new or empty folder: `checkpoint` and `tile/…` are written into it.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// The shared log's verifier key; `ledger.vkey` of the data folder by default.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Which log: `shared`, or the tenant whose own log it is. The key of that one follows from the shared log's.
    #[arg(long, value_name = "LOG", default_value = "shared", value_parser = log_name)]
    log: LogName,
}

impl Ledger {
    pub(crate) fn run(self) -> Done {
        match self.command {
            LedgerCommand::Export(export) => runtime()?.block_on(export.run()),
            LedgerCommand::ImportQldb(import) => import.run(),
            #[cfg(feature = "qldb-live")]
            LedgerCommand::FetchQldb(fetch) => runtime()?.block_on(fetch.run()),
        }
    }
}

impl Export {
    async fn run(self) -> Done {
        let key = self.key.clone().unwrap_or_else(|| self.data.join("ledger.vkey"));
        let key = fs::read_to_string(&key).map_err(|error| format!("{}: {error}", key.display()))?;
        let policy = Policy::of_logs(&[key_of(&key.trim().parse()?, &self.log)?]);
        fs::create_dir_all(&self.to)?;
        if fs::read_dir(&self.to)?.next().is_some() {
            return Err(format!("{} is not empty", self.to.display()).into());
        }
        let blobs = FolderBlobs::for_reading(&self.data);
        let mut progress = Progress::new("entries");
        let mut write = |seen: Seen<'_>| {
            progress.at(seen.done, seen.of);
            put(&self.to, &seen).map_err(|error| PortError::new("export", error))
        };
        let against = Against { policy: &policy, kept: &[] };
        let walked = walk_log(&BlobFiles::of(&blobs, &self.log), &against, &mut write).await;
        progress.end();
        let terminal = Terminal::default();
        match walked {
            Ok(log) => {
                let (size, tiles) = (log.checkpoint.size, log.tiles);
                terminal.good(&format!("{}: {size} entries in {tiles} tiles", log.checkpoint.origin));
                let log_of = match &self.log {
                    LogName::Shared => String::new(),
                    LogName::Own(tenant) => format!(" --log-of {tenant}"),
                };
                terminal.note(&format!("scorpius verify --log {}{log_of} --key KEY", self.to.display()));
                Ok(Verdict::Fine)
            }
            Err(error) => {
                terminal.bad(&chain(&error));
                Ok(Verdict::NotFine)
            }
        }
    }
}

/// `shared`, or a tenant's id.
pub(crate) fn log_name(text: &str) -> Result<LogName, String> {
    match text {
        "shared" => Ok(LogName::Shared),
        tenant => tenant.parse().map(LogName::Own).map_err(|error| format!("{error}, nor `shared`")),
    }
}

/// The key of a log, from that of the shared log: a platform signs all its logs with one key, each under the log's own name. The key of an
/// own log itself may be given, too.
pub(crate) fn key_of(shared: &VerifierKey, log: &LogName) -> Result<VerifierKey, Box<dyn std::error::Error>> {
    let given: Origin = shared.name().parse()?;
    let is_its_own = match log {
        LogName::Shared => true,
        LogName::Own(tenant) => given.as_str().ends_with(&format!("/{tenant}")),
    };
    match is_its_own {
        true => Ok(shared.clone()),
        false => Ok(VerifierKey::new(&log.origin(&given)?, shared.public_key())?),
    }
}

/// The checkpoint comes last: a folder without one was not finished.
fn put(folder: &Path, seen: &Seen<'_>) -> std::io::Result<()> {
    let file = folder.join(&seen.path);
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut file = File::create_new(file)?;
    file.write_all(seen.bytes)?;
    file.sync_all()
}
