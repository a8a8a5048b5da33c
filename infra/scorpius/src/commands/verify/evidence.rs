//! What a caller kept from earlier, and the proof that leads from there.

use std::error::Error;
use std::path::Path;

use scorpius_ledger::Policy;
use scorpius_ledger::anchor::{AnchorChain, NotAChain};
use scorpius_ledger::api::ConsistencyDocument;
use scorpius_ledger::hash;
use scorpius_ledger::note::Checkpoint;
use scorpius_ledger::tlog_proof::Hash;

/// The checkpoint in `note`, believed as any other.
pub(super) fn kept(note: &[u8], policy: &Policy) -> Result<Checkpoint, Box<dyn Error>> {
    let believed = policy.open(note).map_err(|error| format!("the kept checkpoint is refused: {error}"))?;
    Ok(believed.checkpoint)
}

/// The hashes of a consistency document; its roots are not believed, and not read.
pub(super) fn proof(json: &[u8]) -> Result<Vec<Hash>, Box<dyn Error>> {
    let document: ConsistencyDocument =
        serde_json::from_slice(json).map_err(|error| format!("not a consistency document: {error}"))?;
    let hashes = document.proof.iter().map(|text| hash::from_text(text)).collect::<Option<Vec<_>>>();
    hashes.ok_or_else(|| "the consistency proof has a line that is no hash".into())
}

/// The anchors in `folder`, in the order of their names; other files are left alone. What is wrong with them is in the answer.
pub(super) fn anchors(
    folder: &Path,
    policy: &Policy,
) -> Result<Result<AnchorChain, NotAChain>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("anchor-") && name.ends_with(".json") {
            files.push((name, super::read(entry.path())?));
        }
    }
    files.sort();
    Ok(AnchorChain::read(&files, policy))
}
