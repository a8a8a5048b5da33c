//! The store: ordered records, and commits that change several of them at once or none.
//!
//! Made real by `SqliteStore` (`shared/local`) and `DynamoStore` (`shared/aws`); one contract suite
//! (`tests/suite/ports`) holds both to the words on this page.

mod limits;

use std::borrow::Cow;
use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::clock::UnixMillis;
use crate::error::PortError;
use crate::event::Event;
use crate::id::CommitId;

pub use limits::{
    ADDITIONS_MAX, ATTRIBUTE_NAME_BYTES_MAX, COMMIT_BYTES_MAX, KEY_BYTES_MAX, PAGE_MAX, RECORD_BYTES_MAX,
    WRITES_MAX, check_add, check_commit, check_key, check_list, limit,
};

/// Partitions of the outbox: `outbox#0` to `outbox#15`.
pub const OUTBOX_PARTITIONS: u64 = 16;
/// How long a commit's id is remembered, so that its retry is answered Ok. DynamoDB keeps tokens this long.
pub const COMMIT_MEMORY_S: u64 = 600;

/// One of several commits that follow each other.
#[derive(Clone, Debug)]
pub struct Link {
    /// As for `Store::commit`.
    pub id: CommitId,
    /// As for `Store::commit`.
    pub writes: Vec<Write>,
}

impl Link {
    /// Makes the put of `key` one of the record that has `version`; of the first link nothing is changed.
    pub fn follows(&mut self, key: &Key, version: Option<u64>) {
        let Some(version) = version else { return };
        for write in &mut self.writes {
            if let Write::Put { key: put, condition, .. } = write
                && put == key
            {
                *condition = Condition::VersionIs(version);
            }
        }
    }
}

/// `Store::commit_chain` where each link is a commit of its own.
pub async fn commit_each<S: Store + ?Sized>(store: &S, key: &Key, links: Vec<Link>) -> Chained {
    let mut chained = Chained::default();
    for mut link in links {
        link.follows(key, chained.versions.last().copied());
        match store.commit(link.id, &link.writes).await {
            Ok(version) => chained.versions.push(version),
            Err(error) => return Chained { stopped: Some(error), ..chained },
        }
    }
    chained
}

/// What became of several commits that follow each other.
#[derive(Debug, Default)]
pub struct Chained {
    /// Of the links that were applied, in their order: what each put has.
    pub versions: Vec<u64>,
    /// Why the next one was not; as with `Store::commit`, it may have been applied when the port failed.
    pub stopped: Option<StoreError>,
}

/// Where a record is: its partition, and its place in the partition's order (by bytes).
///
/// Partitions that start with `outbox#` are in the outbox table, those with `counter#` in the
/// counters table (never backed up), all others in the records table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// 1 to 1,000 bytes.
    pub partition: String,
    /// 1 to 1,000 bytes.
    pub sort: String,
}

impl Key {
    /// Limits are checked where the key is used, by either adapter alike.
    pub fn new(partition: impl Into<String>, sort: impl Into<String>) -> Self {
        Self { partition: partition.into(), sort: sort.into() }
    }
}

/// One attribute's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// UTF-8 text; may be empty.
    Text(String),
    /// A whole number; the only kind that `Add` adds to.
    Int(i64),
    /// Bytes; may be empty.
    Bytes(Vec<u8>),
    /// Yes or no.
    Bool(bool),
}

impl Value {
    fn size_bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Int(_) => 21,
            Self::Bytes(bytes) => bytes.len(),
            Self::Bool(_) => 1,
        }
    }
}

/// A record's attributes by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attributes(pub BTreeMap<String, Value>);

/// The attribute that holds a record's document as JSON text.
const DOCUMENT: &str = "doc";

/// A record holds no such document.
#[derive(Debug, thiserror::Error)]
#[error("record `{partition}` / `{sort}` does not hold the document that was expected")]
pub struct BadRecord {
    partition: String,
    sort: String,
    #[source]
    source: Option<serde_json::Error>,
}

impl From<BadRecord> for StoreError {
    fn from(error: BadRecord) -> Self {
        Self::Port(PortError::new("store", error))
    }
}

impl Attributes {
    /// No attributes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One document, kept as JSON under `doc`. The usual form of a record.
    ///
    /// # Panics
    /// When `document` has a map whose keys are not strings; ours have none.
    #[must_use]
    pub fn document<T: Serialize>(document: &T) -> Self {
        let json = serde_json::to_string(document).expect("our documents have string keys only");
        Self::new().with(DOCUMENT, Value::Text(json))
    }

    /// These attributes and one more.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    /// The text under `name`.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The number under `name`; what was never added to is 0.
    #[must_use]
    pub fn int(&self, name: &str) -> i64 {
        match self.0.get(name) {
            Some(Value::Int(number)) => *number,
            _ => 0,
        }
    }

    fn size_bytes(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.size_bytes()).sum()
    }
}

/// What is stored under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it is.
    pub key: Key,
    /// Differs after every write that had to find a version; opaque. Two blind writes (`Always`) of one
    /// millisecond share one once in 4,096 times on DynamoDB: who compares versions writes with one.
    pub version: u64,
    /// What it holds.
    pub attributes: Attributes,
    /// From this moment on reads do not see it.
    pub expires_at: Option<UnixMillis>,
}

impl Record {
    /// Reads the document that `Attributes::document` wrote.
    ///
    /// # Errors
    /// When there is none or it has another shape.
    pub fn document<T: DeserializeOwned>(&self) -> Result<T, BadRecord> {
        let bad =
            |source| BadRecord { partition: self.key.partition.clone(), sort: self.key.sort.clone(), source };
        let json = self.attributes.text(DOCUMENT).ok_or_else(|| bad(None))?;
        serde_json::from_str(json).map_err(|error| bad(Some(error)))
    }
}

/// What must hold for a write, judged at the moment of the commit. An expired record is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing: the last writer wins.
    Always,
    /// There is no such record.
    Absent,
    /// There is such a record, in any version.
    Present,
    /// The record is as it was read.
    VersionIs(u64),
}

/// One change in a commit. A commit has at most one write per key.
#[derive(Clone, Debug)]
pub enum Write {
    /// Replaces the whole record.
    Put {
        /// Which.
        key: Key,
        /// All its attributes from now on.
        attributes: Attributes,
        /// When it ends by itself; `None` is never.
        expires_at: Option<UnixMillis>,
        /// What must hold.
        condition: Condition,
    },
    /// Removes the record; removing what is absent is fine under `Always`.
    Delete {
        /// Which.
        key: Key,
        /// What must hold.
        condition: Condition,
    },
    /// Changes nothing, but the commit fails unless the condition holds.
    Check {
        /// Which.
        key: Key,
        /// What must hold.
        condition: Condition,
    },
    /// Adds to `Int` attributes without reading them; an absent record or attribute counts from 0.
    Add {
        /// Which.
        key: Key,
        /// What to add to which attribute; may be negative.
        deltas: Vec<(String, i64)>,
        /// The commit fails when this attribute would be over this number afterwards.
        only_if: Option<(String, i64)>,
        /// Set when this write creates the record; an existing record keeps its own.
        expires_at: Option<UnixMillis>,
    },
    /// Tells the world: `Event::outbox_row` is in the outbox exactly when the commit is applied.
    Emit(Box<Event>),
}

impl Write {
    /// Replaces `key` with a document that never expires.
    pub fn put<T: Serialize>(key: Key, document: &T, condition: Condition) -> Self {
        Self::Put { key, attributes: Attributes::document(document), expires_at: None, condition }
    }

    /// Emits `event`.
    #[must_use]
    pub fn emit(event: Event) -> Self {
        Self::Emit(Box::new(event))
    }

    /// The key it touches; an event's is its row in the outbox.
    #[must_use]
    pub fn key(&self) -> Cow<'_, Key> {
        match self {
            Self::Put { key, .. }
            | Self::Delete { key, .. }
            | Self::Check { key, .. }
            | Self::Add { key, .. } => Cow::Borrowed(key),
            Self::Emit(event) => Cow::Owned(event.outbox_key()),
        }
    }

    fn size_bytes(&self) -> usize {
        match self {
            Self::Put { attributes, .. } => attributes.size_bytes(),
            Self::Add { deltas, .. } => deltas.iter().map(|(name, _)| name.len() + 21).sum(),
            Self::Emit(event) => event.size_bytes(),
            Self::Delete { .. } | Self::Check { .. } => 0,
        }
    }
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The condition of the write at `index` did not hold; nothing was changed.
    #[error("the condition of write {index} does not hold")]
    Conflict {
        /// Counted from 0.
        index: usize,
    },
    /// Contention or throttling outlasted the retries; nothing was changed. Try later.
    #[error("the store is busy")]
    Busy,
    /// The request breaks a limit on this page; it will never succeed.
    #[error("the store's limit on {what} is {max}, asked for {asked}")]
    Limit {
        /// Which limit.
        what: &'static str,
        /// The most that is taken.
        max: usize,
        /// What was asked.
        asked: usize,
    },
    /// Two writes of one commit touch the same key.
    #[error("writes {first} and {second} of one commit touch the same key")]
    SameKeyTwice {
        /// The earlier one.
        first: usize,
        /// The later one.
        second: usize,
    },
    /// A cursor that this query did not give out.
    #[error("the cursor does not belong to this query")]
    BadCursor,
    /// The store could not be asked. A commit may or may not have been applied: retry with the same id.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// A walk through one partition in the order of sort keys.
#[derive(Clone, Debug)]
pub struct ListQuery {
    /// Which partition.
    pub partition: String,
    /// The first sort key, inclusive.
    pub from: Option<String>,
    /// The sort key to stop before, exclusive.
    pub until: Option<String>,
    /// From the end to the start.
    pub descending: bool,
    /// Records wanted, 1 to 200.
    pub limit: usize,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

impl ListQuery {
    /// The first page of a whole partition, upwards.
    pub fn all(partition: impl Into<String>) -> Self {
        Self {
            partition: partition.into(),
            from: None,
            until: None,
            descending: false,
            limit: PAGE_MAX,
            cursor: None,
        }
    }

    /// The first page of the sort keys that start with `prefix`.
    pub fn prefix(partition: impl Into<String>, prefix: &str) -> Self {
        // No sort key contains U+10FFFF, so this ends the range of the prefix.
        let until = Some(format!("{prefix}\u{10ffff}"));
        Self { from: Some(prefix.to_owned()), until, ..Self::all(partition) }
    }
}

/// One page of an answer.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// In order; may be fewer than asked for, even none, while there is a cursor.
    pub records: Vec<Record>,
    /// Where to go on; `None` at the end.
    pub cursor: Option<String>,
}

/// An ordered record store with atomic commits.
///
/// - Each record is linearizable: `get` sees every commit that was acknowledged before it began.
/// - A commit is applied as a whole; once any `get` sees a part of it, every later `get` sees all.
/// - `list` and `scan` may see a part of a commit in flight, and are not snapshots.
/// - `Ok` means durable: it survives the process and the machine (but see `counter#`, `Key`).
#[async_trait]
pub trait Store: Send + Sync {
    /// One record, or `None` when it is absent or expired.
    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError>;

    /// Up to 200 records, answered in the order of `keys`. Each as `get`; together not a snapshot.
    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, StoreError>;

    /// One page of a partition.
    async fn list(&self, query: &ListQuery) -> Result<Page, StoreError>;

    /// One page of the `segment`-th of `of` parts of the records table, in no order. For operators' jobs only.
    async fn scan(&self, segment: u32, of: u32, cursor: Option<&str>) -> Result<Page, StoreError>;

    /// Applies all writes or none, and answers with the version that every `Put` of this commit has.
    /// Trying again with the same id and writes within ten minutes is answered Ok if it was applied.
    async fn commit(&self, id: CommitId, writes: &[Write]) -> Result<u64, StoreError>;

    /// Commits one link after the other, each as `commit` does: all of its writes or none. After the first that is not applied, no later one
    /// is tried. Each link puts the record at `key`: the first on the condition that it names, every further one on the condition that the
    /// record is as the link before has put it. `Ok` means durable, as ever; an adapter may make all of them durable at once.
    async fn commit_chain(&self, key: &Key, links: Vec<Link>) -> Chained {
        commit_each(self, key, links).await
    }

    /// Adds, and answers with the attributes afterwards. One request, not idempotent: an answer
    /// that is lost may have counted. `Conflict { index: 0 }` when `only_if` does not hold.
    async fn add(
        &self,
        key: &Key,
        deltas: &[(&str, i64)],
        only_if: Option<(&str, i64)>,
        expires_at: Option<UnixMillis>,
    ) -> Result<Attributes, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_comes_back_as_it_was_put() {
        let record = Record {
            key: Key::new("p", "s"),
            version: 1,
            attributes: Attributes::document(&vec![1, 2, 3]),
            expires_at: None,
        };
        assert_eq!(record.document::<Vec<u8>>().expect("a list"), [1, 2, 3]);
        assert!(record.document::<String>().is_err());
    }
}
