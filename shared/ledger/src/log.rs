//! Which log: the one that tenants share, or a tenant's own.
//!
//! ```text
//! shared  ledger/…              a leaf is the HMAC of an entry   for everybody
//! own     ledger-own/<tenant>/… a leaf is the entry in clear     for its tenant
//! ```
//!
//! A tenant's own log begins at a moment that is told once, an hour ahead, and never moves. An event whose id is of that
//! moment or later belongs to the own log, an earlier one to the shared log: whoever sorts an event, and whenever, sorts it
//! alike. Records of entries are in one partition whichever log they are in, so that no event can be in two.

use std::sync::Arc;

use schemars::JsonSchema;
use scorpius_core::{
    Actor, BlobName, Clock, CommitId, Condition, Event, Key, ListQuery, PortError, Record, Store, StoreError,
    TenantId, UnixMillis, Write,
};
use scorpius_edge::idempotency::commit_with_retry;
use serde::{Deserialize, Serialize};

use crate::facts::OwnLogAsked;
use crate::note::{NotAnOrigin, Origin};

/// The folder of the shared log: `<folder>/checkpoint` and `<folder>/tile/…` are what C2SP clients read.
pub const SHARED_FOLDER: &str = "ledger";
/// The folder with a folder for each own log. Beside the shared log, which may be copied to where everybody reads it.
pub const OWN_FOLDER: &str = "ledger-own";
/// The partition with the moment at which each own log begins.
const OWN_LOGS: &str = "ledger#logs";
/// How long after it was asked for a log begins: longer than a worker remembers that there is none, than it works at one message,
/// and than clocks differ.
pub(crate) const BEGINS_AFTER_MS: u64 = 3_600_000;
/// How often a race to be the first who asks is run.
const RACES_MAX: u32 = 4;

/// Which of the two logs that a tenant's entries can be in.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LogKind {
    /// The one that all tenants share.
    #[default]
    Shared,
    /// The tenant's own.
    Own,
}

/// A log.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogName {
    /// The one that all tenants share.
    #[default]
    Shared,
    /// This tenant's own.
    Own(TenantId),
}

impl LogKind {
    /// Both, the older one first.
    pub(crate) const BOTH: [Self; 2] = [Self::Shared, Self::Own];

    /// The log of this kind that has entries of `tenant`.
    #[must_use]
    pub fn of(self, tenant: &TenantId) -> LogName {
        match self {
            Self::Shared => LogName::Shared,
            Self::Own => LogName::Own(tenant.clone()),
        }
    }

    /// As requests name it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "shared" => Some(Self::Shared),
            "own" => Some(Self::Own),
            _ => None,
        }
    }
}

impl LogName {
    /// Which of the two it is.
    #[must_use]
    pub fn kind(&self) -> LogKind {
        match self {
            Self::Shared => LogKind::Shared,
            Self::Own(_) => LogKind::Own,
        }
    }

    /// Its name in checkpoints, where the shared log is called `shared`: `<shared>/<tenant>` for an own one.
    ///
    /// # Errors
    /// When that is too long for an origin.
    pub fn origin(&self, shared: &Origin) -> Result<Origin, NotAnOrigin> {
        match self {
            Self::Shared => Ok(shared.clone()),
            Self::Own(tenant) => format!("{shared}/{tenant}").parse(),
        }
    }

    /// Its folder among the blobs.
    #[must_use]
    pub fn folder(&self) -> String {
        match self {
            Self::Shared => SHARED_FOLDER.to_owned(),
            Self::Own(tenant) => format!("{OWN_FOLDER}/{tenant}"),
        }
    }

    /// Where one of its files, as C2SP names it, is among the blobs.
    pub(crate) fn blob(&self, path: &str) -> Result<BlobName, PortError> {
        format!("{}/{path}", self.folder()).parse().map_err(|error| PortError::new("blobs", error))
    }

    /// Where the anchor of this file's name is among the anchors.
    pub(crate) fn anchor(&self, file: &str) -> Result<BlobName, PortError> {
        let name = match self {
            Self::Shared => file.to_owned(),
            Self::Own(tenant) => format!("own/{tenant}/{file}"),
        };
        name.parse().map_err(|error| PortError::new("anchors", error))
    }

    /// Where its head is.
    pub(crate) fn head(&self) -> Key {
        match self {
            Self::Shared => Key::new("ledger#log", "head"),
            Self::Own(tenant) => Key::new(format!("{tenant}#ledger-log"), "head"),
        }
    }

    /// Where it remembers a batch.
    pub(crate) fn batch(&self, batch_id: &str) -> Key {
        match self {
            Self::Shared => Key::new("ledger#batches", batch_id),
            Self::Own(tenant) => Key::new(format!("{tenant}#ledger-batches"), batch_id),
        }
    }

    /// Where it says which entries are kept.
    pub(crate) fn minimum(&self) -> Key {
        match self {
            Self::Shared => Key::new("ledger#retention", "minimum"),
            Self::Own(tenant) => Key::new(format!("{tenant}#ledger-retention"), "minimum"),
        }
    }
}

/// The moment that an event's id, a UUIDv7, begins with, in milliseconds; `None` for what is no such id.
pub(crate) fn made_ms(event_id: &str) -> Option<u64> {
    event_id.strip_prefix("evt_")?.get(..12).and_then(|head| u64::from_str_radix(head, 16).ok())
}

/// That a tenant has a log of its own. Put once, and never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Beginning {
    /// Events of this moment and later belong to it; milliseconds since 1970.
    pub(crate) since_ms: u64,
    /// When it was asked for; milliseconds since 1970.
    pub(crate) asked_ms: u64,
    /// Who asked.
    pub(crate) asked_by: String,
}

impl Beginning {
    /// Which log an event of this tenant belongs to, by its id alone.
    pub(crate) fn kind_of(beginning: Option<&Self>, event_id: &str) -> LogKind {
        match (beginning, made_ms(event_id)) {
            (Some(beginning), Some(made_ms)) if made_ms >= beginning.since_ms => LogKind::Own,
            _ => LogKind::Shared,
        }
    }
}

/// Which tenants have a log of their own, and since when.
#[derive(Clone)]
pub(crate) struct OwnLogs {
    store: Arc<dyn Store>,
}

impl OwnLogs {
    /// Over `store`.
    #[must_use]
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// When this tenant's begins; `None` when it was never asked for.
    ///
    /// # Errors
    /// When the store fails, or the record is not ours.
    pub(crate) async fn of(&self, tenant: &TenantId) -> Result<Option<Beginning>, StoreError> {
        let record = self.store.get(&at(tenant)).await?;
        Ok(record.as_ref().map(Record::document).transpose()?)
    }

    /// The same for several, in their order; at most 200.
    ///
    /// # Errors
    /// When the store fails, or a record is not ours.
    pub(crate) async fn of_all(&self, tenants: &[&TenantId]) -> Result<Vec<Option<Beginning>>, StoreError> {
        let keys: Vec<_> = tenants.iter().map(|tenant| at(tenant)).collect();
        let records = self.store.get_many(&keys).await?;
        let read = records.iter().map(|record| record.as_ref().map(Record::document).transpose());
        Ok(read.collect::<Result<_, _>>()?)
    }

    /// Lets this tenant's begin in an hour. Asked again it answers as it was.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn ask(
        &self,
        tenant: &TenantId,
        actor: &Actor,
        clock: &dyn Clock,
    ) -> Result<Beginning, StoreError> {
        for _ in 0..RACES_MAX {
            if let Some(beginning) = self.of(tenant).await? {
                return Ok(beginning);
            }
            let now = clock.now();
            let since = now.plus_ms(BEGINS_AFTER_MS);
            let beginning = Beginning { since_ms: since.0, asked_ms: now.0, asked_by: actor.name.clone() };
            let fact = OwnLogAsked { since: since.to_string() };
            let writes = [
                Write::put(at(tenant), &beginning, Condition::Absent),
                Write::emit(Event::of(&fact, &format!("ledger_log_{tenant}"), 1, tenant, actor, clock)),
            ];
            match commit_with_retry(&*self.store, CommitId::new(clock), &writes).await {
                Ok(_) => return Ok(beginning),
                // Somebody else asked at the same time: theirs is the moment.
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Busy)
    }

    /// Up to `limit` tenants that have one by `now`, in the order of their ids, after `after`, and whether there are more.
    ///
    /// # Errors
    /// When the store fails, or a record is not ours.
    pub(crate) async fn page(
        &self,
        after: Option<&str>,
        limit: usize,
        now: UnixMillis,
    ) -> Result<(Vec<TenantId>, Option<String>), StoreError> {
        let mut query = ListQuery { limit, ..ListQuery::all(OWN_LOGS) };
        // All ids have one length: nothing lies between an id and itself with one more character.
        query.from = after.map(|after| format!("{after}!"));
        let page = self.store.list(&query).await?;
        let mut tenants = Vec::with_capacity(page.records.len());
        for record in &page.records {
            let beginning: Beginning = record.document()?;
            if beginning.since_ms <= now.0 {
                tenants.push(record.key.sort.parse().map_err(|error| PortError::new("store", error))?);
            }
        }
        let last = page.records.last().map(|record| record.key.sort.clone());
        Ok((tenants, last.filter(|_| page.cursor.is_some())))
    }
}

fn at(tenant: &TenantId) -> Key {
    Key::new(OWN_LOGS, tenant.as_str())
}

#[cfg(test)]
pub(crate) fn put_beginning(tenant: &TenantId, since_ms: u64) -> Write {
    let beginning = Beginning { since_ms, asked_ms: 0, asked_by: "usr_test".to_owned() };
    Write::put(at(tenant), &beginning, Condition::Absent)
}
