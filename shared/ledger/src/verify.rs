//! Checking evidence offline: bytes and keys in, a report out. No network, no store, no clock.
//!
//! Who is trusted comes from elsewhere: a bundle that brings keys, or anything else that this
//! version does not know, is refused as a whole. What was checked, and what was not, is in `Scope`.

mod report;

use scorpius_edge::body;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tlog_tiles::{Hash, check_record, check_tree, record_hash};

use crate::bundle::{
    BUNDLE_BYTES_MAX, BUNDLE_EVENTS_MAX, BUNDLE_FORMAT, BUNDLE_FORMAT_CLEAR, Bundle, BundleEntry, BundlePart,
    Opens,
};
use crate::compliance::{self, ComplianceReport, REPORT_FORMAT};
use crate::entry::{BlindKey, Entry, EntryKey, Payload};
use crate::hash;
use crate::note::{Checkpoint, NoteError, Origin, VerifierKey};
use crate::policy::{Believed, Policy};
use crate::tlog_proof::{NotATlogProof, PROOF_HASHES_MAX, TlogProof};

pub use report::Scope;

/// Characters of a log's name that are repeated in a refusal.
const LOG_CHARS_MAX: usize = 200;
/// The parts of a bundle of two logs.
const FIRST_PART: &str = "the first part";
const OWN_PART: &str = "the part `own`";

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
    /// The worse of two.
    fn and(self, other: Self) -> Self {
        if self.exit_code() >= other.exit_code() { self } else { other }
    }

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
    #[error("the format is not `{BUNDLE_FORMAT}` or `{BUNDLE_FORMAT_CLEAR}`")]
    UnknownFormat,
    /// None, or more than a bundle may have.
    #[error("a bundle of {0} entries, not 1 to {BUNDLE_EVENTS_MAX}")]
    Entries(usize),
    /// The checkpoint cannot be believed.
    #[error("the checkpoint is refused: {0}")]
    Checkpoint(NoteError),
    /// One part of a bundle of two logs cannot be judged: nothing is said of the other.
    #[error("{which}, of the log `{log}`, cannot be judged: {why}")]
    Part {
        /// Which one.
        which: &'static str,
        /// The log that the part says it is of.
        log: String,
        /// Why.
        why: Box<Refusal>,
    },
    /// Neither a proof of it nor one against it.
    #[error("the checkpoint that you kept is of another log than the evidence")]
    KeptOfOtherLog,
    /// The bundle names one log and its checkpoint another.
    #[error("the bundle says it is of another log than its checkpoint")]
    OtherOrigin,
    /// Not a proof's text.
    #[error(transparent)]
    TlogProof(#[from] NotATlogProof),
    /// Without the entry there is nothing that the proof could be of.
    #[error("the entry that the proof is of was not given")]
    NoEntry,
}

impl Refusal {
    /// What is wrong, whichever part it is wrong with.
    #[must_use]
    pub fn cause(&self) -> &Self {
        match self {
            Self::Part { why, .. } => why.cause(),
            other => other,
        }
    }

    fn in_part(self, which: &'static str, log: &str) -> Self {
        Self::Part { which, log: log.chars().take(LOG_CHARS_MAX).collect(), why: Box::new(self) }
    }
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

/// Whether the shown payload is what the entry commits to.
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
    /// Whether its payload is shown, and right.
    pub data: Data,
    /// The payload that is shown and right.
    pub payload: Option<Payload>,
}

impl EntryReport {
    /// Whether everything said about this entry is proved.
    #[must_use]
    pub fn is_proved(&self) -> bool {
        self.included.is_ok() && self.data != Data::Differs
    }
}

/// What came of comparing a checkpoint with one that was kept from earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continues {
    /// It continues the kept one, of so many entries.
    Yes(u64),
    /// It does not: the log was rolled back or forked, or the proof is wrong.
    No(u64),
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// In one word.
    pub verdict: Verdict,
    /// Why nothing was judged.
    pub refusal: Option<Refusal>,
    /// The checkpoint, signed by a trusted key, and which trusted witnesses cosigned it.
    pub believed: Option<Believed>,
    /// Whether the checkpoint continues the one that the caller kept, if any was given.
    pub continues: Option<Continues>,
    /// Whether the policy's cosignatures are there; `None` when it asks for none.
    pub quorum: Option<bool>,
    /// Entry by entry, in the bundle's order.
    pub entries: Vec<EntryReport>,
    /// Of a proof of one entry that this product did not make: where, and whether it is there.
    pub record: Option<(u64, bool)>,
    /// What was found about entries that another log has, each judged by that log's own checkpoint.
    pub own: Option<Box<Report>>,
    /// Of a report for reviewers: what it names as evidence and does not prove, one sentence each.
    pub evidence: Option<Vec<String>>,
}

/// Judges an evidence bundle, believing these logs.
#[must_use]
pub fn bundle(bytes: &[u8], trusted: &[VerifierKey]) -> Report {
    bundle_under(bytes, &Policy::of_logs(trusted))
}

/// Judges an evidence bundle, or a report with one, under a policy.
#[must_use]
pub fn bundle_under(bytes: &[u8], policy: &Policy) -> Report {
    judge(bytes, policy).unwrap_or_else(Report::refused)
}

/// Judges a bundle that was read already.
#[must_use]
pub fn bundle_of(bundle: Bundle, policy: &Policy) -> Report {
    judge_read(bundle, policy).unwrap_or_else(Report::refused)
}

/// Judges a checkpoint alone, believing these logs.
#[must_use]
pub fn checkpoint(note: &[u8], trusted: &[VerifierKey]) -> Report {
    checkpoint_under(note, &Policy::of_logs(trusted))
}

/// Judges a checkpoint alone under a policy.
#[must_use]
pub fn checkpoint_under(note: &[u8], policy: &Policy) -> Report {
    match open(note, policy) {
        Ok(believed) => Report::of(believed, policy, Vec::new()),
        Err(refusal) => Report::refused(refusal),
    }
}

/// Judges a proof in C2SP's own text: of `entry`, or of the entry of ours that its extra data opens.
#[must_use]
pub fn tlog_proof(text: &str, entry: Option<&[u8]>, policy: &Policy) -> Report {
    judge_tlog_proof(text, entry, policy).unwrap_or_else(Report::refused)
}

fn judge_tlog_proof(text: &str, entry: Option<&[u8]>, policy: &Policy) -> Result<Report, Refusal> {
    let proof: TlogProof = text.parse()?;
    let believed = open(proof.checkpoint.as_bytes(), policy)?;
    let Some(entry) = entry else {
        // Nothing vouches for the extra data; the leaf that it makes is what is proved.
        let opens = proof.extra.as_deref().and_then(|extra| serde_json::from_slice::<Opens>(extra).ok());
        let Opens { entry, entry_key } = opens.ok_or(Refusal::NoEntry)?;
        let hashes = proof.hashes.iter().map(hash::to_text).collect();
        let claim = BundleEntry {
            entry,
            entry_key,
            index: proof.index,
            proof: hashes,
            payload: None,
            blind_key: None,
        };
        let entries = vec![judge_entry(claim, &believed.checkpoint)];
        return Ok(Report::of(believed, policy, entries));
    };
    let included = proof.proves(entry, &believed.checkpoint);
    let mut report = Report::of(believed, policy, Vec::new());
    report.record = Some((proof.index, included));
    if !included {
        report.verdict = Verdict::Failed;
    }
    Ok(report)
}

fn judge(bytes: &[u8], policy: &Policy) -> Result<Report, Refusal> {
    if bytes.len() > BUNDLE_BYTES_MAX {
        return Err(Refusal::TooLarge);
    }
    let Format { format } = read(bytes)?;
    match format.as_str() {
        REPORT_FORMAT => judge_report(&read(bytes)?, policy),
        _ => judge_read(read(bytes)?, policy),
    }
}

/// What a document says it is; what else it has is not looked at.
#[derive(Deserialize)]
struct Format {
    #[serde(default)]
    format: String,
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    body::json(Some("application/json"), bytes)
        .map_err(|problem| Refusal::NotABundle(problem.detail.unwrap_or_default()))
}

/// A report for reviewers: its bundle, and whether that proves what the report names as evidence.
fn judge_report(report: &ComplianceReport, policy: &Policy) -> Result<Report, Refusal> {
    let mut judged = match &report.bundle {
        Some(bundle) => judge_read(bundle.clone(), policy)?,
        None => return Err(Refusal::Entries(0)),
    };
    let faults = compliance::faults(report);
    if !faults.is_empty() {
        judged.verdict = Verdict::Failed;
    }
    judged.evidence = Some(faults);
    Ok(judged)
}

fn judge_read(bundle: Bundle, policy: &Policy) -> Result<Report, Refusal> {
    let is_clear = bundle.own.is_some() || bundle.entries.iter().any(|entry| entry.entry_key.is_none());
    match bundle.format.as_str() {
        BUNDLE_FORMAT if !is_clear => {}
        BUNDLE_FORMAT_CLEAR if is_clear => {}
        _ => return Err(Refusal::UnknownFormat),
    }
    let count = bundle.all_entries().count();
    let is_empty = bundle.entries.is_empty() || bundle.own.as_ref().is_some_and(|own| own.entries.is_empty());
    if is_empty || count > BUNDLE_EVENTS_MAX {
        return Err(Refusal::Entries(count));
    }
    let Bundle { origin, entries, checkpoint, own, .. } = bundle;
    let first = BundlePart { origin, entries, checkpoint };
    let Some(own) = own else { return judge_part(first, policy) };
    let (first_log, own_log) = (first.origin.clone(), own.origin.clone());
    let mut report = judge_part(first, policy).map_err(|why| why.in_part(FIRST_PART, &first_log))?;
    let own = judge_part(own, policy).map_err(|why| why.in_part(OWN_PART, &own_log))?;
    report.verdict = report.verdict.and(own.verdict);
    report.own = Some(Box::new(own));
    Ok(report)
}

fn judge_part(part: BundlePart, policy: &Policy) -> Result<Report, Refusal> {
    let believed = open(part.checkpoint.as_bytes(), policy)?;
    if part.origin != believed.checkpoint.origin.as_str() {
        return Err(Refusal::OtherOrigin);
    }
    let entries = part.entries.into_iter().map(|entry| judge_entry(entry, &believed.checkpoint)).collect();
    Ok(Report::of(believed, policy, entries))
}

fn open(note: &[u8], policy: &Policy) -> Result<Believed, Refusal> {
    if policy.logs().is_empty() {
        return Err(Refusal::NoTrustedKey);
    }
    policy.open(note).map_err(Refusal::Checkpoint)
}

fn judge_entry(claim: BundleEntry, checkpoint: &Checkpoint) -> EntryReport {
    let included = included(&claim, checkpoint);
    let key = claim.blind_key.as_deref().and_then(BlindKey::from_text);
    let data = match (&claim.payload, key) {
        (None, _) => Data::Withheld,
        (Some(payload), Some(key)) if claim.entry.commits_to(payload, &key) => Data::Matches,
        (Some(_), _) => Data::Differs,
    };
    let payload = claim.payload.filter(|_| data == Data::Matches);
    EntryReport { entry: claim.entry, index: claim.index, included, data, payload }
}

fn included(claim: &BundleEntry, checkpoint: &Checkpoint) -> Result<(), NotIncluded> {
    if !claim.entry.is_well_formed() {
        return Err(NotIncluded::Entry);
    }
    if claim.index >= checkpoint.size {
        return Err(NotIncluded::Index);
    }
    // A leaf of 32 bytes is no entry, and an entry never has 32 bytes: neither is taken for the other.
    let leaf = match &claim.entry_key {
        Some(key) => {
            let key = EntryKey::from_text(key).ok_or(NotIncluded::Spelling)?;
            claim.entry.leaf(&key).to_vec()
        }
        None => claim.entry.canonical().into_bytes(),
    };
    if claim.proof.len() > PROOF_HASHES_MAX {
        return Err(NotIncluded::Spelling);
    }
    let proof: Option<Vec<Hash>> = claim.proof.iter().map(|text| hash::from_text(text)).collect();
    let proof = proof.ok_or(NotIncluded::Spelling)?;
    let leaf_hash = record_hash(&leaf);
    check_record(&proof, checkpoint.size, checkpoint.root, claim.index, leaf_hash)
        .map_err(|_| NotIncluded::Proof)
}

impl Report {
    fn of(believed: Believed, policy: &Policy, entries: Vec<EntryReport>) -> Self {
        let quorum = policy.asks_for_witnesses().then_some(believed.quorum);
        let proved = entries.iter().all(EntryReport::is_proved) && quorum != Some(false);
        let verdict = if proved { Verdict::Verified } else { Verdict::Failed };
        Self {
            verdict,
            refusal: None,
            believed: Some(believed),
            continues: None,
            quorum,
            entries,
            record: None,
            own: None,
            evidence: None,
        }
    }

    fn refused(refusal: Refusal) -> Self {
        Self {
            verdict: Verdict::Refused,
            refusal: Some(refusal),
            believed: None,
            continues: None,
            quorum: None,
            entries: Vec::new(),
            record: None,
            own: None,
            evidence: None,
        }
    }

    fn is_of(&self, origin: &Origin) -> bool {
        self.believed.as_ref().is_some_and(|believed| believed.checkpoint.origin == *origin)
    }

    /// The checkpoint that `against` holds against `kept`: that of the same log, if the evidence has one.
    #[must_use]
    pub fn held_against(&self, kept: &Checkpoint) -> Option<&Checkpoint> {
        let own = self.own.as_deref().filter(|own| own.is_of(&kept.origin));
        let believed = own.unwrap_or(self).believed.as_ref();
        believed.map(|believed| &believed.checkpoint).filter(|checkpoint| checkpoint.origin == kept.origin)
    }

    /// Holds the checkpoint against one that was kept from earlier: the same history, or a longer one by `proof`.
    #[must_use]
    pub fn against(mut self, kept: &Checkpoint, proof: &[Hash]) -> Self {
        // A checkpoint that was kept of the other log says nothing of this one.
        if let Some(own) = self.own.take_if(|own| own.is_of(&kept.origin)) {
            let own = own.against(kept, proof);
            self.verdict = self.verdict.and(own.verdict);
            self.own = Some(Box::new(own));
            return self;
        }
        let Some(Believed { checkpoint, .. }) = &self.believed else { return self };
        if kept.origin != checkpoint.origin {
            return Self::refused(Refusal::KeptOfOtherLog);
        }
        let fine = continues(checkpoint, kept, proof);
        self.continues = Some(if fine { Continues::Yes(kept.size) } else { Continues::No(kept.size) });
        if !fine {
            self.verdict = Verdict::Failed;
        }
        self
    }
}

/// RFC 6962, section 2.1.2; everything continues the empty tree.
fn continues(checkpoint: &Checkpoint, kept: &Checkpoint, proof: &[Hash]) -> bool {
    match kept.size {
        0 => kept.root == tlog_tiles::EMPTY_HASH && proof.is_empty(),
        size if size == checkpoint.size => kept.root == checkpoint.root && proof.is_empty(),
        size if size > checkpoint.size || proof.len() > 2 * PROOF_HASHES_MAX => false,
        size => check_tree(&proof.to_vec(), checkpoint.size, checkpoint.root, size, kept.root).is_ok(),
    }
}

#[cfg(test)]
mod tests;
