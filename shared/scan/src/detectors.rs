//! A tenant's own detectors: one record each, and one that counts them and their changes.

use std::sync::Arc;

use schemars::JsonSchema;
use scorpius_core::{Condition, Key, ListQuery, Page, PortError, Record, Store, StoreError, TenantId, Write};
use serde::{Deserialize, Serialize};

use crate::engine::Severity;
use crate::engine::query::{DETECTORS_MAX, Detector, DetectorSet};

/// Pages that reading all of them may take; a store may answer a page short.
const PAGES_MAX: usize = 60;

/// One detector, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DetectorRecord {
    /// As its text says it.
    pub id: String,
    /// In a few words, as its text says it.
    pub title: String,
    /// How bad its findings are at worst.
    pub severity: Severity,
    /// Whether scans ask it.
    pub active: bool,
    /// For `If-Match`: the number of the change that made it so, of all changes of the tenant's detectors. Never used twice.
    pub version: u64,
    /// SHA-256 of the text.
    pub source_sha256: String,
    /// When it was put first, RFC 3339.
    pub created_at: String,
    /// When it was changed last, RFC 3339.
    pub changed_at: String,
    /// Who changed it last.
    pub changed_by: String,
    /// The text; absent in lists.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
}

/// What is known of all of a tenant's detectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Changes there were.
    pub(crate) changes: u64,
    /// Detectors there are.
    pub(crate) detectors: usize,
}

/// A tenant's detectors in the store.
#[derive(Clone)]
pub struct Detectors {
    store: Arc<dyn Store>,
}

impl Detectors {
    /// Kept in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// The detector and the version of its record.
    pub(crate) async fn find(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<Option<(DetectorRecord, u64)>, StoreError> {
        let Some(record) = self.store.get(&key(tenant, id)).await? else { return Ok(None) };
        Ok(Some((record.document()?, record.version)))
    }

    /// What is known of all of them, and the version of that record.
    pub(crate) async fn counts(&self, tenant: &TenantId) -> Result<(Counts, Option<u64>), StoreError> {
        let Some(record) = self.store.get(&counts_key(tenant)).await? else {
            return Ok((Counts::default(), None));
        };
        Ok((record.document()?, Some(record.version)))
    }

    /// One page, by id.
    pub(crate) async fn page(
        &self,
        tenant: &TenantId,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<(Vec<DetectorRecord>, Page), StoreError> {
        let query = ListQuery { limit, cursor, ..ListQuery::all(partition(tenant)) };
        let page = self.store.list(&query).await?;
        let detectors = page.records.iter().map(Record::document).collect::<Result<_, _>>()?;
        Ok((detectors, page))
    }

    /// The set that scans of the tenant ask. Of a text that an earlier release took and this one does not, the set knows the
    /// id, so that a report says what was not asked.
    ///
    /// # Errors
    /// As the store; more detectors than there can be.
    pub async fn active(&self, tenant: &TenantId) -> Result<DetectorSet, ActiveError> {
        let (mut all, mut unreadable, mut cursor) = (Vec::new(), Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let (records, page) = self.page(tenant, DETECTORS_MAX, cursor).await?;
            for record in records.into_iter().filter(|record| record.active) {
                match Detector::parse(&record.source) {
                    Ok(detector) if detector.name() == record.id => all.push(detector),
                    Ok(_) | Err(_) => unreadable.push(record.id),
                }
            }
            cursor = page.cursor;
            if cursor.is_none() {
                let set = DetectorSet::of(all, unreadable);
                return set.map_err(|error| PortError::new("store", error).into());
            }
        }
        Err(PortError::new("store", "reading all detectors of a tenant takes more pages than it may").into())
    }
}

/// Why a tenant's set cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum ActiveError {
    /// The store does not say.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What it says is no set.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// A change of one detector, with what it was read as.
pub(crate) struct Change {
    /// The version of its record, if there is one.
    pub(crate) known: Option<u64>,
    /// All of them afterwards.
    pub(crate) counts: Counts,
    /// The version of the record of `counts`, if there is one.
    pub(crate) counted: Option<u64>,
}

impl Change {
    /// Writes the detector.
    pub(crate) fn put(&self, tenant: &TenantId, record: &DetectorRecord) -> [Write; 2] {
        [Write::put(key(tenant, &record.id), record, condition(self.known)), self.count(tenant)]
    }

    /// Removes it.
    pub(crate) fn remove(&self, tenant: &TenantId, id: &str) -> [Write; 2] {
        [Write::Delete { key: key(tenant, id), condition: condition(self.known) }, self.count(tenant)]
    }

    // Changes of one tenant's detectors come one after the other: so their number and their limit are exact.
    fn count(&self, tenant: &TenantId) -> Write {
        Write::put(counts_key(tenant), &self.counts, condition(self.counted))
    }
}

fn condition(version: Option<u64>) -> Condition {
    version.map_or(Condition::Absent, Condition::VersionIs)
}

fn partition(tenant: &TenantId) -> String {
    format!("{tenant}#detectors")
}

fn key(tenant: &TenantId, id: &str) -> Key {
    Key::new(partition(tenant), id)
}

fn counts_key(tenant: &TenantId) -> Key {
    Key::new(format!("{tenant}#counts"), "detectors")
}
