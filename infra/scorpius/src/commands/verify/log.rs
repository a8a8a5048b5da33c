//! A whole log: an exported folder as C2SP lays it out, or the blobs of a host's data folder.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use bytes::Bytes;
use scorpius_core::PortError;
use scorpius_core::error::chain;
use scorpius_ledger::anchor::AnchorChain;
use scorpius_ledger::audit::{Against, LogAudit, walk_log};
use scorpius_ledger::files::{BlobFiles, LogFiles};
use scorpius_ledger::note::Checkpoint;
use scorpius_ledger::read::CHECKPOINT_BYTES_MAX;
use scorpius_ledger::verify::Scope;
use scorpius_ledger::{LogName, Policy};
use scorpius_local::FolderBlobs;

use crate::terminal::Progress;

/// A log in a folder of its own: `<folder>/checkpoint`, `<folder>/tile/…`.
pub(crate) struct Exported(pub(crate) PathBuf);

#[async_trait]
impl LogFiles for Exported {
    async fn file(&self, path: &str, bytes_max: u64) -> Result<Option<Bytes>, PortError> {
        let port = |error: std::io::Error| PortError::new("log", error);
        let file = match File::open(self.0.join(path)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(port(error)),
        };
        let mut bytes = Vec::new();
        file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(port)?;
        match bytes.len() as u64 > bytes_max {
            true => Err(PortError::new("log", format!("`{path}` has more than {bytes_max} bytes"))),
            false => Ok(Some(bytes.into())),
        }
    }
}

/// Where the log's files are: the folder itself, or the blobs of a host whose version kept them as files.
pub(super) fn files_of(folder: &Path, log: &LogName) -> PathBuf {
    match folder.join("checkpoint").is_file() {
        true => folder.to_owned(),
        false => folder.join("blobs").join(log.folder()),
    }
}

/// What is said of a folder that does not have this log.
fn absent(folder: &Path, log: &LogName) -> String {
    let shown = folder.display();
    let of = match log {
        LogName::Shared => "the shared log".to_owned(),
        LogName::Own(tenant) => format!("a log of {tenant}"),
    };
    match folder.join("blobs").is_dir() {
        true => format!("{shown} is a data folder that does not have {of}"),
        false => format!("{shown} is neither a log, which has `checkpoint`, nor a data folder with {of}"),
    }
}

/// Reads all of it. What is wrong with the log is in the answer; an error is that it could not be judged.
pub(super) async fn check(
    (folder, log): (&Path, &LogName),
    policy: &Policy,
    kept: Option<&Checkpoint>,
    anchors: Option<&AnchorChain>,
) -> Result<Scope, Box<dyn std::error::Error>> {
    let anchored = anchors.map(|chain| chain.checkpoints.as_slice()).unwrap_or_default();
    let mut all: Vec<_> = kept.into_iter().chain(anchored).cloned().collect();
    all.sort_by_key(|checkpoint| checkpoint.size);
    let against = Against { policy, kept: &all };
    let mut progress = Progress::new("entries");
    let mut watch = |seen: scorpius_ledger::audit::Seen<'_>| {
        progress.at(seen.done, seen.of);
        Ok(())
    };
    let walked = match folder.join("checkpoint").is_file() {
        true => walk_log(&Exported(folder.to_owned()), &against, &mut watch).await,
        false => {
            let blobs = FolderBlobs::for_reading(folder);
            let files = BlobFiles::of(&blobs, log);
            if files.file("checkpoint", CHECKPOINT_BYTES_MAX).await?.is_none() {
                return Err(absent(folder, log).into());
            }
            walk_log(&files, &against, &mut watch).await
        }
    };
    progress.end();
    Ok(match walked {
        Ok(log) => whole(&log, policy, kept, anchors),
        Err(error) => Scope::failed(&chain(&error)),
    })
}

fn whole(log: &LogAudit, policy: &Policy, kept: Option<&Checkpoint>, anchors: Option<&AnchorChain>) -> Scope {
    let size = log.checkpoint.size;
    let quorum = policy.asks_for_witnesses().then_some(log.believed.quorum);
    let mut scope = Scope::of_log(&log.believed, quorum, kept.map(|kept| kept.size));
    let from = log.minimum;
    scope.complete = Some((from, size));
    scope
        .findings
        .push(format!("complete: all entries from {from} to {size} make the root of the checkpoint"));
    if from > 0 {
        scope
            .findings
            .push(format!("gone: entries below {from}, as the log says; their hashes make the same root"));
        scope
            .not_checked
            .push(format!("what entries below {from} were, and that the operator was right to let them end"));
    }
    scope.findings.push(format!("{} tiles were compared with what the entries make", log.tiles));
    if let Some(AnchorChain { checkpoints, from, to }) = anchors {
        let (count, last) = (checkpoints.len(), checkpoints.last().map_or(0, |last| last.size));
        scope
            .findings
            .push(format!("consistent with {count} anchors from {from} to {to}, the last of {last} entries"));
        scope
            .not_checked
            .push("that the anchors come from where nobody can change them, and their dates".to_owned());
    }
    scope
}

/// As a person reads it.
pub(super) fn text(scope: &Scope) -> String {
    let mut lines = Vec::new();
    if let (Some(origin), Some(size), Some(root)) = (&scope.origin, scope.size, &scope.root) {
        lines.push(format!("log        {origin}"));
        lines.push(format!("checkpoint {size} entries, root {root}, signed by the log's key"));
        lines.push(format!("witnessed  by {}", scope.witnessed));
    }
    lines.extend(scope.findings.iter().cloned());
    lines.extend(scope.not_checked.iter().map(|missing| format!("unchecked  {missing}")));
    lines.push(scope.verdict.to_uppercase());
    lines.join("\n") + "\n"
}
