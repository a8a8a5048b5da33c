//! A witness: it remembers one checkpoint of each log, and cosigns only what continues it.

use std::sync::Arc;

use scorpius_core::{
    Clock, CommitId, Condition, Key, KeyName, Keys, PortError, Record, Store, StoreError, Write,
};
use serde::{Deserialize, Serialize};
use tlog_tiles::{EMPTY_HASH, Hash, check_tree};

use super::request::AddCheckpoint;
use crate::cosignature::{WitnessKey, message};
use crate::hash;
use crate::note::{Checkpoint, NoteError, Origin, VerifierKey, body_of};

/// How often a race for one log's memory is run before the caller is told to come again.
const RACES_MAX: u32 = 4;

/// Whose checkpoints a witness cosigns, and with what.
pub struct Witness {
    store: Arc<dyn Store>,
    keys: Arc<dyn Keys>,
    clock: Arc<dyn Clock>,
    key: WitnessKey,
    logs: Vec<VerifierKey>,
}

/// What a witness answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200: its cosignature, one line.
    Cosigned(String),
    /// 400: not a request, or an old size above the new one.
    Malformed(&'static str),
    /// 403: none of the log's keys signed it.
    Unsigned,
    /// 404: it watches no log of this name.
    UnknownLog,
    /// 409: the old size is not the one that it cosigned last.
    OtherSize(u64),
    /// 409: it has cosigned another root at this size. The log shows two histories; the note is kept as evidence.
    OtherRoot(u64),
    /// 422: the proof does not lead from there to here.
    NotProved,
}

impl Answer {
    /// Status, content type and body, as the protocol says them.
    #[must_use]
    pub fn to_http(&self) -> (u16, &'static str, String) {
        const TEXT: &str = "text/plain; charset=utf-8";
        const SIZE: &str = "text/x.tlog.size";
        match self {
            Self::Cosigned(line) => (200, TEXT, line.clone()),
            Self::Malformed(why) => (400, TEXT, format!("{why}\n")),
            Self::Unsigned => (403, TEXT, "no key of this log signed it\n".to_owned()),
            Self::UnknownLog => (404, TEXT, "no log of this name is watched\n".to_owned()),
            Self::OtherSize(size) | Self::OtherRoot(size) => (409, SIZE, format!("{size}\n")),
            Self::NotProved => (422, TEXT, "the proof does not lead from there to here\n".to_owned()),
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// The witness's memory.
    #[error("the witness's memory could not be read or changed")]
    Store(#[from] StoreError),
    /// The witness's key.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The witness's key is a log's key: it would only say what the log says itself.
    #[error("the witness's key is the key of the log `{0}`")]
    OwnLog(String),
    /// The key holder signs something else than was asked.
    #[error("the witness's key does not sign as Ed25519 does")]
    Signature(#[from] NoteError),
    /// The name is none, or the key no point on the curve.
    #[error(transparent)]
    Key(#[from] crate::cosignature::NotAWitnessKey),
}

/// What a witness remembers of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remembered {
    size: u64,
    /// Base64.
    root: String,
    note: String,
}

impl Witness {
    /// A witness called `name` that watches `logs`. The key that `keys` holds must be its alone.
    ///
    /// # Errors
    /// When the key cannot be read, or is a log's.
    pub async fn new(
        store: Arc<dyn Store>,
        keys: Arc<dyn Keys>,
        clock: Arc<dyn Clock>,
        name: &Origin,
        logs: Vec<VerifierKey>,
    ) -> Result<Self, WitnessError> {
        let public_key = keys.public_key(KeyName::Ledger).await?;
        if let Some(own) = logs.iter().find(|log| *log.public_key() == public_key) {
            return Err(WitnessError::OwnLog(own.name().to_owned()));
        }
        let key = WitnessKey::new(name, &public_key)?;
        Ok(Self { store, keys, clock, key, logs })
    }

    /// Its key, which logs and verifiers put in their policies.
    #[must_use]
    pub fn key(&self) -> &WitnessKey {
        &self.key
    }

    /// `add-checkpoint`: a body in, an answer out. What it cosigns it has remembered before.
    ///
    /// # Errors
    /// When its memory or its key fails; nothing was cosigned then.
    pub async fn add_checkpoint(&self, body: &[u8]) -> Result<Answer, WitnessError> {
        let Ok(text) = std::str::from_utf8(body) else { return Ok(Answer::Malformed("not UTF-8")) };
        let Ok(request) = text.parse::<AddCheckpoint>() else {
            return Ok(Answer::Malformed("not an add-checkpoint request"));
        };
        let checkpoint = match self.open(&request.note) {
            Ok(checkpoint) => checkpoint,
            Err(answer) => return Ok(answer),
        };
        if request.old > checkpoint.size {
            return Ok(Answer::Malformed("the old size is above the checkpoint's"));
        }
        for _ in 0..RACES_MAX {
            let record = self.store.get(&place(&checkpoint.origin)).await?;
            let known = record.as_ref().map(Record::document::<Remembered>);
            let known = known.transpose().map_err(StoreError::from)?;
            if let Err(answer) = self.judge(&request, &checkpoint, known.as_ref()).await? {
                return Ok(answer);
            }
            let version = record.map(|record| record.version);
            if self.remember(&checkpoint, &request.note, version).await? {
                return Ok(Answer::Cosigned(self.cosign(&request.note).await?));
            }
        }
        Err(StoreError::Busy.into())
    }

    fn open(&self, note: &str) -> Result<Checkpoint, Answer> {
        let origin = note.lines().next().unwrap_or_default();
        let keys: Vec<_> = self.logs.iter().filter(|log| log.name() == origin).cloned().collect();
        if keys.is_empty() {
            return Err(Answer::UnknownLog);
        }
        Checkpoint::open(note.as_bytes(), &keys).map_err(|error| match error {
            NoteError::NotANote | NoteError::NotACheckpoint => Answer::Malformed("not a checkpoint"),
            NoteError::Unsigned | NoteError::WrongSignature => Answer::Unsigned,
        })
    }

    async fn judge(
        &self,
        request: &AddCheckpoint,
        checkpoint: &Checkpoint,
        known: Option<&Remembered>,
    ) -> Result<Result<(), Answer>, WitnessError> {
        let (size, root) = match known {
            None => (0, EMPTY_HASH),
            Some(known) => {
                let root = hash::from_text(&known.root);
                (known.size, root.ok_or_else(|| PortError::new("store", "a witness's memory without root"))?)
            }
        };
        if request.old != size {
            return Ok(Err(Answer::OtherSize(size)));
        }
        if size == checkpoint.size && root != checkpoint.root {
            // Only the log's own key can have brought this about.
            self.keep_evidence(checkpoint, &request.note).await?;
            return Ok(Err(Answer::OtherRoot(size)));
        }
        Ok(if continues(request, checkpoint, &root) { Ok(()) } else { Err(Answer::NotProved) })
    }

    /// `false` when another request was faster: its checkpoint counts.
    async fn remember(
        &self,
        checkpoint: &Checkpoint,
        note: &str,
        version: Option<u64>,
    ) -> Result<bool, WitnessError> {
        let known = Remembered {
            size: checkpoint.size,
            root: hash::to_text(&checkpoint.root),
            note: note.to_owned(),
        };
        let condition = version.map_or(Condition::Absent, Condition::VersionIs);
        let write = Write::put(place(&checkpoint.origin), &known, condition);
        match self.store.commit(CommitId::new(&*self.clock), &[write]).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn keep_evidence(&self, checkpoint: &Checkpoint, note: &str) -> Result<(), WitnessError> {
        let root = hex::encode(checkpoint.root.0);
        let key = Key::new(
            format!("witness#evidence#{}", checkpoint.origin),
            format!("{:016x}-{root}", checkpoint.size),
        );
        let kept = Remembered { size: checkpoint.size, root, note: note.to_owned() };
        match self
            .store
            .commit(CommitId::new(&*self.clock), &[Write::put(key, &kept, Condition::Absent)])
            .await
        {
            // It was shown before.
            Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn cosign(&self, note: &str) -> Result<String, WitnessError> {
        let body = body_of(note).ok_or(NoteError::NotANote)?;
        let time_s = self.clock.now().0 / 1000;
        let signature = self.keys.sign(KeyName::Ledger, &message(time_s, body.as_bytes())).await?;
        Ok(self.key.line(time_s, body, &signature)?)
    }
}

/// RFC 6962, section 2.1.2; everything continues the empty tree, and a tree continues itself.
fn continues(request: &AddCheckpoint, checkpoint: &Checkpoint, root: &Hash) -> bool {
    match request.old {
        old if old == checkpoint.size => checkpoint.root == *root && request.proof.is_empty(),
        0 => request.proof.is_empty(),
        old => check_tree(&request.proof, checkpoint.size, checkpoint.root, old, *root).is_ok(),
    }
}

fn place(origin: &Origin) -> Key {
    Key::new("witness#logs", origin.as_str())
}

#[cfg(test)]
mod tests;
