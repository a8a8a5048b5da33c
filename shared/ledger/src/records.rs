//! The ledger's records: its head, the batches it took, and where each event is.

use std::sync::Arc;

use scorpius_core::{
    Attributes, Condition, Key, PortError, Record, Store, StoreError, TenantId, UnixMillis, Value, Write,
};
use serde::{Deserialize, Serialize};
use tlog_tiles::Hash;

use crate::bundle::Witnesses;
use crate::entry::{Entry, Sealed};
use crate::hash;
use crate::log::{LogKind, LogName};
use crate::note::{Checkpoint, Origin};
use crate::pending::{Leaf, Pending};

/// How long a batch's id is remembered. Queues keep a message for 14 days; after that, each event's own record still
/// keeps it from entering twice.
const BATCH_MEMORY_S: u64 = 30 * 86_400;
/// What the record of an event in its tenant's own log says of that.
const OWN: &str = "own";

/// Where the log stands: the one record whose versions decide what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The log's name; never changes.
    pub origin: Origin,
    /// Entries that are in the log for good.
    pub size: u64,
    /// The root over them, in Base64.
    pub root: String,
    /// Those of its leaves that no checkpoint covers yet: from them, by whoever comes, tiles up to `size` can be written.
    #[serde(default)]
    pub pending: Pending,
    /// What was published last; none before the first time.
    pub published: Option<Published>,
}

/// A checkpoint whose tiles are all there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Published {
    /// Entries that it covers.
    pub size: u64,
    /// The root over them, in Base64.
    pub root: String,
    /// The signed note, with its cosignatures.
    pub note: String,
    /// By how many of how many witnesses it is cosigned.
    #[serde(default)]
    pub witnesses: Witnesses,
}

/// A root that is written in a record.
pub(crate) fn root_of(text: &str) -> Result<Hash, PortError> {
    hash::from_text(text).ok_or_else(|| PortError::new("store", "the head's root is no hash"))
}

impl Head {
    /// Entries that the published checkpoint covers.
    #[must_use]
    pub(crate) fn published_size(&self) -> u64 {
        self.published.as_ref().map_or(0, |published| published.size)
    }

    /// Whether entries are committed that no checkpoint covers yet.
    #[must_use]
    pub(crate) fn is_ahead(&self) -> bool {
        self.size > self.published_size()
    }

    /// The same with the checkpoint over all of it that `note` is.
    #[must_use]
    pub(crate) fn published_with(self, note: String, witnesses: Witnesses) -> Self {
        let published = Published { size: self.size, root: self.root.clone(), note, witnesses };
        Self { published: Some(published), pending: Pending::default(), ..self }
    }

    /// What a checkpoint of this head says.
    pub(crate) fn checkpoint(&self) -> Result<Checkpoint, PortError> {
        Ok(Checkpoint { origin: self.origin.clone(), size: self.size, root: root_of(&self.root)? })
    }
}

/// A head, and the version of its record that a commit must still find.
#[derive(Clone, Debug)]
pub(crate) struct ReadHead {
    /// What it says.
    pub head: Head,
    /// The record's version.
    pub version: u64,
}

/// Where an event is in the log, and its clear entry: its tenant's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    /// From 0.
    pub index: u64,
    /// The entry as RFC 8785 JSON.
    pub entry: String,
    /// The payload, sealed; `None` for an event of a person who was erased before it came.
    pub payload: Option<Vec<u8>>,
    /// Which log it is in.
    pub(crate) kind: LogKind,
    /// What is there at its index.
    pub(crate) leaf: Leaf,
}

/// The records of one log.
#[derive(Clone)]
pub(crate) struct Records {
    store: Arc<dyn Store>,
    log: LogName,
}

impl Placed {
    /// Its entry.
    ///
    /// # Errors
    /// When the record is not ours.
    pub(crate) fn entry(&self) -> Result<Entry, PortError> {
        serde_json::from_str(&self.entry).map_err(|error| PortError::new("store", error))
    }
}

impl Records {
    /// Of `log`, over `store`.
    #[must_use]
    pub(crate) fn new(store: Arc<dyn Store>, log: LogName) -> Self {
        Self { store, log }
    }

    /// Where the log stands; `None` before its first entry.
    ///
    /// # Errors
    /// When the store fails, or the record is not ours.
    pub(crate) async fn head(&self) -> Result<Option<ReadHead>, StoreError> {
        let Some(record) = self.store.get(&self.log.head()).await? else { return Ok(None) };
        Ok(Some(ReadHead { head: record.document()?, version: record.version }))
    }

    /// Whether this batch is in the log.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn has_batch(&self, batch_id: &str) -> Result<bool, StoreError> {
        Ok(self.store.get(&self.log.batch(batch_id)).await?.is_some())
    }

    /// Where the events are, whichever log they are in, in the order asked; at most 200.
    ///
    /// # Errors
    /// When the store fails, or a record is not ours.
    pub(crate) async fn placed(
        &self,
        events: &[(&TenantId, &str)],
    ) -> Result<Vec<Option<Placed>>, StoreError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<_> = events.iter().map(|(tenant, id)| event_key(tenant, id)).collect();
        let records = self.store.get_many(&keys).await?;
        records
            .iter()
            .map(|record| record.as_ref().map(placed_of).transpose().map_err(StoreError::from))
            .collect()
    }

    /// The partition of a tenant's entries, in the order of their ids.
    pub(crate) fn events_of(tenant: &TenantId) -> String {
        format!("{tenant}#ledger-event")
    }

    /// What a record of that partition holds.
    ///
    /// # Errors
    /// When it is not ours.
    pub(crate) fn placed_in(record: &Record) -> Result<Placed, PortError> {
        placed_of(record)
    }

    /// Moves the head from what `read` saw to `head`.
    pub(crate) fn put_head(&self, head: &Head, read: Option<u64>) -> Write {
        Write::put(self.log.head(), head, read.map_or(Condition::Absent, Condition::VersionIs))
    }

    /// Where the head is, for commits that follow each other.
    pub(crate) fn head_key(&self) -> Key {
        self.log.head()
    }

    /// Remembers a batch.
    pub(crate) fn put_batch(&self, batch_id: &str, size: u64, now: UnixMillis) -> Write {
        Write::Put {
            key: self.log.batch(batch_id),
            attributes: Attributes::new().with("size", int(size)),
            expires_at: Some(now.plus_s(BATCH_MEMORY_S)),
            condition: Condition::Absent,
        }
    }

    /// Remembers where an event is. An event that is in either log already fails the commit: once is all it enters.
    pub(crate) fn put_event(
        &self,
        tenant: &TenantId,
        sealed: &Sealed,
        keep_payload: bool,
        index: u64,
    ) -> Write {
        let mut attributes =
            Attributes::new().with("index", int(index)).with("entry", Value::Text(sealed.canonical.clone()));
        attributes = match self.log.kind() {
            LogKind::Shared => attributes.with("leaf", Value::Bytes(sealed.leaf.to_vec())),
            // The entry is the leaf.
            LogKind::Own => attributes.with("log", Value::Text(OWN.to_owned())),
        };
        if keep_payload {
            attributes = attributes.with("payload", Value::Bytes(sealed.payload.clone()));
        }
        Write::Put {
            key: event_key(tenant, &sealed.entry.id),
            attributes,
            expires_at: None,
            condition: Condition::Absent,
        }
    }
}

fn event_key(tenant: &TenantId, event_id: &str) -> Key {
    Key::new(Records::events_of(tenant), event_id)
}

// Sizes stay below 2^48.
fn int(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn placed_of(record: &Record) -> Result<Placed, PortError> {
    let bad = || PortError::new("store", "a ledger event's record without place, entry or leaf");
    let attributes = &record.attributes;
    let entry = attributes.text("entry").ok_or_else(bad)?.to_owned();
    let (kind, leaf) = match (attributes.text("log"), attributes.0.get("leaf")) {
        (None, Some(Value::Bytes(leaf))) if leaf.len() == 32 => {
            (LogKind::Shared, Leaf::copy_from_slice(leaf))
        }
        (Some(OWN), None) => (LogKind::Own, Leaf::copy_from_slice(entry.as_bytes())),
        _ => return Err(bad()),
    };
    Ok(Placed {
        index: u64::try_from(attributes.int("index")).map_err(|_| bad())?,
        entry,
        payload: match attributes.0.get("payload") {
            Some(Value::Bytes(sealed)) => Some(sealed.clone()),
            _ => None,
        },
        kind,
        leaf,
    })
}
