//! Checking evidence offline: bytes and keys in, a report out. No network, no store, no clock.
//!
//! Who is trusted comes from elsewhere: a bundle that brings keys, or anything else that this
//! version does not know, is refused as a whole.

use std::fmt;

use scorpius_edge::body;
use tlog_tiles::{Hash, check_record, record_hash};

use crate::bundle::{BUNDLE_BYTES_MAX, BUNDLE_EVENTS_MAX, BUNDLE_FORMAT, Bundle, BundleEntry, Witnesses};
use crate::entry::{Entry, EntryKey, canonical};
use crate::hash;
use crate::note::{Checkpoint, NoteError, VerifierKey};

/// Hashes of a proof: a tree of 2^48 entries is 48 high.
const PROOF_HASHES_MAX: usize = 48;

/// What came of it; the exit code of a program that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything that was claimed is proved.
    Verified,
    /// At least one claim is not.
    Failed,
    /// What was given cannot be judged.
    Refused,
}

impl Verdict {
    /// 0, 1 or 2.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Verified => 0,
            Self::Failed => 1,
            Self::Refused => 2,
        }
    }
}

/// Why nothing was judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody to believe.
    #[error("no verifier key was given: a signature counts only for somebody who is trusted beforehand")]
    NoTrustedKey,
    /// Over the limit.
    #[error("more than {BUNDLE_BYTES_MAX} bytes")]
    TooLarge,
    /// Not a bundle, or one with members that do not belong there.
    #[error("not an evidence bundle: {0}")]
    NotABundle(String),
    /// Another version.
    #[error("the format is not `{BUNDLE_FORMAT}`")]
    UnknownFormat,
    /// None, or more than a bundle may have.
    #[error("a bundle of {0} entries, not 1 to {BUNDLE_EVENTS_MAX}")]
    Entries(usize),
    /// The checkpoint cannot be believed.
    #[error("the checkpoint is refused: {0}")]
    Checkpoint(NoteError),
    /// The bundle names one log and its checkpoint another.
    #[error("the bundle says it is of another log than its checkpoint")]
    OtherOrigin,
    /// It claims cosignatures, of which this version checks none.
    #[error("the bundle claims {0} witnesses, and no witness key is trusted")]
    WitnessesClaimed(Witnesses),
}

/// Whether an entry is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotIncluded {
    /// The entry's version or numbers have no one canonical form.
    #[error("the entry is not one of this version")]
    Entry,
    /// The key or a hash is misspelt.
    #[error("its key or its proof is not spelt as one")]
    Spelling,
    /// It is said to lie behind the end of the log.
    #[error("its index is beyond the checkpoint's size")]
    Index,
    /// Key, entry, index and proof do not lead to the root.
    #[error("entry, key, index and proof do not lead to the checkpoint's root")]
    Proof,
}

/// Whether the shown data is what the entry commits to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// It is.
    Matches,
    /// None is shown.
    Withheld,
    /// It is not.
    Differs,
}

/// What was found about one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryReport {
    /// What the bundle says the ledger says.
    pub entry: Entry,
    /// Where it is said to be.
    pub index: u64,
    /// Whether it is there.
    pub included: Result<(), NotIncluded>,
    /// Whether its data is shown, and right.
    pub data: Data,
}

impl EntryReport {
    /// Whether everything said about this entry is proved.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        self.included.is_ok() && self.data != Data::Differs
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// In one word.
    pub verdict: Verdict,
    /// Why nothing was judged.
    pub refusal: Option<Refusal>,
    /// The checkpoint, signed by a trusted key.
    pub checkpoint: Option<Checkpoint>,
    /// By whom else: trusted witnesses whose cosignature was checked.
    pub witnesses: Witnesses,
    /// Entry by entry, in the bundle's order.
    pub entries: Vec<EntryReport>,
}

/// Judges an evidence bundle.
#[must_use]
pub fn bundle(bytes: &[u8], trusted: &[VerifierKey]) -> Report {
    judge(bytes, trusted).unwrap_or_else(Report::refused)
}

/// Judges a checkpoint alone.
#[must_use]
pub fn checkpoint(note: &[u8], trusted: &[VerifierKey]) -> Report {
    match open(note, trusted) {
        Ok(checkpoint) => Report::of(checkpoint, Vec::new()),
        Err(refusal) => Report::refused(refusal),
    }
}

fn judge(bytes: &[u8], trusted: &[VerifierKey]) -> Result<Report, Refusal> {
    if bytes.len() > BUNDLE_BYTES_MAX {
        return Err(Refusal::TooLarge);
    }
    let bundle: Bundle = body::json(Some("application/json"), bytes)
        .map_err(|problem| Refusal::NotABundle(problem.detail.unwrap_or_default()))?;
    if bundle.format != BUNDLE_FORMAT {
        return Err(Refusal::UnknownFormat);
    }
    if !(1..=BUNDLE_EVENTS_MAX).contains(&bundle.entries.len()) {
        return Err(Refusal::Entries(bundle.entries.len()));
    }
    let checkpoint = open(bundle.checkpoint.as_bytes(), trusted)?;
    if bundle.origin != checkpoint.origin.as_str() {
        return Err(Refusal::OtherOrigin);
    }
    if bundle.witnesses != Witnesses::default() {
        return Err(Refusal::WitnessesClaimed(bundle.witnesses));
    }
    let entries = bundle.entries.into_iter().map(|entry| judge_entry(entry, &checkpoint)).collect();
    Ok(Report::of(checkpoint, entries))
}

fn open(note: &[u8], trusted: &[VerifierKey]) -> Result<Checkpoint, Refusal> {
    if trusted.is_empty() {
        return Err(Refusal::NoTrustedKey);
    }
    Checkpoint::open(note, trusted).map_err(Refusal::Checkpoint)
}

fn judge_entry(claim: BundleEntry, checkpoint: &Checkpoint) -> EntryReport {
    let included = included(&claim, checkpoint);
    let data = match &claim.data {
        None => Data::Withheld,
        Some(data) if commits_to(&claim.entry, data) => Data::Matches,
        Some(_) => Data::Differs,
    };
    EntryReport { entry: claim.entry, index: claim.index, included, data }
}

fn included(claim: &BundleEntry, checkpoint: &Checkpoint) -> Result<(), NotIncluded> {
    if !claim.entry.is_well_formed() {
        return Err(NotIncluded::Entry);
    }
    if claim.index >= checkpoint.size {
        return Err(NotIncluded::Index);
    }
    let key = EntryKey::from_text(&claim.entry_key).ok_or(NotIncluded::Spelling)?;
    if claim.proof.len() > PROOF_HASHES_MAX {
        return Err(NotIncluded::Spelling);
    }
    let proof: Option<Vec<Hash>> = claim.proof.iter().map(|text| hash::from_text(text)).collect();
    let proof = proof.ok_or(NotIncluded::Spelling)?;
    let leaf_hash = record_hash(&claim.entry.leaf(&key));
    check_record(&proof, checkpoint.size, checkpoint.root, claim.index, leaf_hash)
        .map_err(|_| NotIncluded::Proof)
}

/// Whether `data` is, value by value, what the entry's hash is of. Canonical JSON rounds numbers to
/// doubles, so a number that another number rounds to is not taken for it.
fn commits_to(entry: &Entry, data: &serde_json::Value) -> bool {
    let Ok(canonical) = canonical(data) else { return false };
    let read_back: Result<serde_json::Value, _> = serde_json::from_str(&canonical);
    hash::sha256_hex(canonical.as_bytes()) == entry.data_sha256 && read_back.is_ok_and(|read| read == *data)
}

impl Report {
    fn of(checkpoint: Checkpoint, entries: Vec<EntryReport>) -> Self {
        let verdict = match entries.iter().all(EntryReport::is_proved) {
            true => Verdict::Verified,
            false => Verdict::Failed,
        };
        let witnesses = Witnesses::default();
        Self { verdict, refusal: None, checkpoint: Some(checkpoint), witnesses, entries }
    }

    fn refused(refusal: Refusal) -> Self {
        Self {
            verdict: Verdict::Refused,
            refusal: Some(refusal),
            checkpoint: None,
            witnesses: Witnesses::default(),
            entries: Vec::new(),
        }
    }

    /// What this check does not say, whatever its verdict.
    #[must_use]
    pub fn not_checked(&self) -> Vec<String> {
        let mut missing = vec![
            "that others were shown the same log: no trusted witness cosigned this checkpoint".to_owned(),
        ];
        if !self.entries.is_empty() {
            missing.push("that these are all entries of their tenant".to_owned());
            missing.push(
                "that what an entry says is true: the log shows only what was said, and in which order"
                    .to_owned(),
            );
        }
        let withheld = self.entries.iter().filter(|entry| entry.data == Data::Withheld).count();
        if withheld > 0 {
            missing.push(format!("the data of {withheld} entries, which the bundle does not show"));
        }
        missing
    }
}

/// The report as a person reads it, one finding a line.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(refusal) = &self.refusal {
            return writeln!(f, "REFUSED: {refusal}");
        }
        if let Some(Checkpoint { origin, size, root }) = &self.checkpoint {
            writeln!(f, "log        {origin}")?;
            writeln!(f, "checkpoint {size} entries, root {}, signed by the log's key", hash::to_text(root))?;
            writeln!(f, "witnessed  by {}", self.witnesses)?;
        }
        for report in &self.entries {
            let EntryReport { entry, index, included, data } = report;
            match included {
                Ok(()) => write!(f, "included   {} at index {index}", entry.id)?,
                Err(why) => write!(f, "NOT PROVED {}: {why}", entry.id)?,
            }
            writeln!(f, ", {} of {} about {}", entry.kind, entry.ts, entry.aggregate)?;
            match data {
                Data::Matches => writeln!(f, "           its data is the data that the log commits to")?,
                Data::Withheld => writeln!(f, "           its data is not shown")?,
                Data::Differs => writeln!(f, "NOT PROVED its data is not the data that the log commits to")?,
            }
        }
        for missing in self.not_checked() {
            writeln!(f, "unchecked  {missing}")?;
        }
        match self.verdict {
            Verdict::Verified => writeln!(f, "VERIFIED"),
            Verdict::Failed => writeln!(f, "FAILED"),
            Verdict::Refused => writeln!(f, "REFUSED"),
        }
    }
}

#[cfg(test)]
mod tests;
