//! Alerts: that a verdict about a wallet reached its threshold, kept until somebody has dealt with it.
//!
//! An alert is known by its rule, its wallet and what was judged. So whoever asks about one thing again, or twice at once,
//! raises it once.

use std::sync::Arc;

use schemars::JsonSchema;
use scorpius_core::{
    Condition, Key, ListQuery, Page, Record, Store, StoreError, TenantId, UnixMillis, Write,
};
use scorpius_risk::engine::guard::DecisionRule;
use scorpius_risk::engine::verdict::{Level, Subject, Verdict};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::wallet::Wallet;

/// What became of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// Nobody has looked at it.
    Open,
    /// Somebody is at it.
    Acknowledged,
    /// It is dealt with, for a reason. It is not opened again.
    Closed,
}

/// Why an alert was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClosedReason {
    /// It was an attack, or would have done harm.
    Harmful,
    /// It was harmless, and the verdict wrong.
    FalseAlarm,
    /// It is risky, and meant.
    Accepted,
    /// None of these; the note says more.
    Other,
}

/// One alert, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Alert {
    /// `alr_…`, the hash of rule, wallet and subject.
    pub(crate) id: String,
    pub(crate) wallet_id: String,
    /// Who protected the wallet: it is theirs, as the wallet is.
    pub(crate) wallet_owner: String,
    /// The verdict that raised it.
    pub(crate) verdict_id: String,
    pub(crate) rule: DecisionRule,
    pub(crate) subject_kind: String,
    pub(crate) level: Level,
    pub(crate) score: u8,
    pub(crate) raised_at: UnixMillis,
    pub(crate) state: AlertState,
    pub(crate) reason: Option<ClosedReason>,
    pub(crate) note: Option<String>,
    /// Who changed its state last, and when.
    pub(crate) changed: Option<(String, UnixMillis)>,
    /// Events that told of it; its version.
    pub(crate) events: u64,
}

/// Where an alert is, by the time at which it was raised.
#[derive(Serialize, Deserialize)]
struct Placed {
    alert_id: String,
}

impl Alert {
    /// That `verdict` about `wallet` reached a threshold by `rule`.
    pub(crate) fn raised(wallet: &Wallet, verdict: &Verdict, rule: DecisionRule, at: UnixMillis) -> Self {
        Self {
            id: id(wallet, &verdict.subject, rule),
            wallet_id: wallet.id.clone(),
            wallet_owner: wallet.created_by.clone(),
            verdict_id: verdict.id.clone(),
            rule,
            subject_kind: verdict.subject.kind().to_owned(),
            level: verdict.level,
            score: verdict.score,
            raised_at: at,
            state: AlertState::Open,
            reason: None,
            note: None,
            changed: None,
            events: 1,
        }
    }

    pub(crate) fn key(tenant: &TenantId, id: &str) -> Key {
        Key::new(format!("{tenant}#alerts"), id)
    }

    /// Writes that add it; the first conflicts when it was raised before.
    pub(crate) fn adding(&self, tenant: &TenantId) -> [Write; 2] {
        let place = Key::new(places(tenant), format!("{:013}#{}", self.raised_at.0, self.id));
        [
            Write::put(Self::key(tenant, &self.id), self, Condition::Absent),
            Write::put(place, &Placed { alert_id: self.id.clone() }, Condition::Always),
        ]
    }
}

fn id(wallet: &Wallet, subject: &Subject, rule: DecisionRule) -> String {
    // INVARIANT: texts and whole numbers, which always are JSON.
    let text = serde_json_canonicalizer::to_vec(&(rule, &wallet.id, subject)).unwrap_or_default();
    let mut digits = hex::encode(Sha256::digest(text));
    digits.truncate(32);
    format!("alr_{digits}")
}

fn places(tenant: &TenantId) -> String {
    format!("{tenant}#alerts-by-time")
}

/// Alerts in the store.
#[derive(Clone)]
pub(crate) struct Alerts {
    pub(crate) store: Arc<dyn Store>,
}

impl Alerts {
    /// The tenant's alert `id`, with its record's version.
    pub(crate) async fn find(&self, tenant: &TenantId, id: &str) -> Result<Option<(Alert, u64)>, StoreError> {
        match self.store.get(&Alert::key(tenant, id)).await? {
            Some(record) => Ok(Some((record.document()?, record.version))),
            None => Ok(None),
        }
    }

    /// One page, newest first.
    pub(crate) async fn page(
        &self,
        tenant: &TenantId,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<(Vec<Alert>, Page), StoreError> {
        let query = ListQuery { limit, cursor, descending: true, ..ListQuery::all(places(tenant)) };
        let page = self.store.list(&query).await?;
        let placed: Vec<Placed> = page.records.iter().map(Record::document).collect::<Result<_, _>>()?;
        let keys: Vec<_> = placed.iter().map(|placed| Alert::key(tenant, &placed.alert_id)).collect();
        if keys.is_empty() {
            return Ok((Vec::new(), page));
        }
        let found = self.store.get_many(&keys).await?;
        let alerts = found.iter().flatten().map(Record::document).collect::<Result<_, _>>()?;
        Ok((alerts, page))
    }
}
