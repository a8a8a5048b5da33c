//! What people decided about findings: one record a fingerprint, good for every scan that shows the finding.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use scorpius_core::{Condition, Key, ListQuery, Page, Store, StoreError, TenantId, UnixMillis, Write};
use serde::{Deserialize, Serialize};

/// Keys of one read.
const KEYS_MAX: usize = scorpius_core::store::PAGE_MAX;

/// What a finding is, after somebody looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody decided, or a decision was taken back.
    Open,
    /// It is true, and to be fixed.
    Confirmed,
    /// It is not true.
    FalsePositive,
    /// It is true, and stays.
    AcceptedRisk,
    /// It was true, and is fixed.
    Fixed,
}

impl State {
    /// Whether the finding is no longer told as one.
    #[must_use]
    pub fn suppresses(self) -> bool {
        matches!(self, Self::FalsePositive | Self::AcceptedRisk)
    }
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// Which finding: 32 hex digits.
    pub fingerprint: String,
    /// What was decided.
    pub state: State,
    /// Why: 1 to 500 characters.
    pub reason: String,
    /// Who decided.
    pub decided_by: String,
    /// When, RFC 3339.
    pub decided_at: String,
    /// Until when it holds; then the finding is open again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// How often this finding was decided about.
    pub revision: u64,
}

impl Decision {
    /// Whether it still holds.
    #[must_use]
    pub fn holds(&self, now: UnixMillis) -> bool {
        let over = self.expires_at.as_deref().and_then(|text| text.parse::<UnixMillis>().ok());
        over.is_none_or(|over| now < over)
    }
}

/// A tenant's decisions.
#[derive(Clone)]
pub(crate) struct Triage {
    store: Arc<dyn Store>,
}

impl Triage {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// The decision and the version of its record.
    pub(crate) async fn find(
        &self,
        tenant: &TenantId,
        fingerprint: &str,
    ) -> Result<Option<(Decision, u64)>, StoreError> {
        let Some(record) = self.store.get(&key(tenant, fingerprint)).await? else { return Ok(None) };
        Ok(Some((record.document()?, record.version)))
    }

    /// One page, by fingerprint.
    pub(crate) async fn page(
        &self,
        tenant: &TenantId,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<(Vec<Decision>, Page), StoreError> {
        let query = ListQuery { limit, cursor, ..ListQuery::all(partition(tenant)) };
        let page = self.store.list(&query).await?;
        let decisions = page.records.iter().map(|record| record.document()).collect::<Result<_, _>>()?;
        Ok((decisions, page))
    }

    /// What holds at `now` for these fingerprints.
    pub(crate) async fn of<'a>(
        &self,
        tenant: &TenantId,
        fingerprints: impl Iterator<Item = &'a str>,
        now: UnixMillis,
    ) -> Result<BTreeMap<String, Decision>, StoreError> {
        let mut keys: Vec<Key> = fingerprints.map(|it| key(tenant, it)).collect();
        keys.sort();
        keys.dedup();
        let mut all = BTreeMap::new();
        for part in keys.chunks(KEYS_MAX) {
            for record in self.store.get_many(part).await?.into_iter().flatten() {
                let decision: Decision = record.document()?;
                if decision.holds(now) {
                    all.insert(decision.fingerprint.clone(), decision);
                }
            }
        }
        Ok(all)
    }
}

/// Writes a decision over the one that had `version`.
pub(crate) fn put(tenant: &TenantId, decision: &Decision, version: Option<u64>) -> Write {
    let condition = version.map_or(Condition::Absent, Condition::VersionIs);
    Write::put(key(tenant, &decision.fingerprint), decision, condition)
}

/// Whether the text is a fingerprint as reports have them.
pub(crate) fn is_fingerprint(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn partition(tenant: &TenantId) -> String {
    format!("{tenant}#triage")
}

fn key(tenant: &TenantId, fingerprint: &str) -> Key {
    Key::new(partition(tenant), fingerprint)
}
