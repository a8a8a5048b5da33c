//! Webhooks of a tenant, and where they are kept.

use std::sync::Arc;

use scorpius_core::{
    Condition, Key, ListQuery, Page, Record, Store, StoreError, TenantId, UnixMillis, Write,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::pattern::EventPattern;

/// Webhooks of one tenant: each event is matched against all of them, and a fan-out commits 49 at once.
pub const WEBHOOKS_MAX: i64 = 50;
/// Pages that reading all webhooks may take; a store may answer a page short.
const PAGES_MAX: usize = 60;

/// Where events go. In JSON a member of the webhook: `url`, or `topic`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// `https`, unless the operator allowed the target.
    Url(String),
    /// The ARN of an SNS topic that the operator allowed to the tenant.
    Topic(String),
}

/// Where a tenant wants to be told, and of what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// `whk_…`.
    pub id: String,
    /// Where events go.
    #[serde(flatten)]
    pub target: Target,
    /// At least one.
    pub events: Vec<EventPattern>,
    /// The tenant's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether events go there.
    pub active: bool,
    /// When the receiver answered 410, which made it inactive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_at: Option<UnixMillis>,
    /// When it was added.
    pub created_at: UnixMillis,
    /// The subject that added it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// The signing secret, wrapped.
    pub(crate) secret: String,
}

impl Webhook {
    /// Whether an event of type `kind` goes there.
    #[must_use]
    pub fn wants(&self, kind: &str) -> bool {
        self.active && self.events.iter().any(|pattern| pattern.matches(kind))
    }

    /// SHA-256 of the URL's host, or of the topic's ARN, in hex: what events may say of it.
    #[must_use]
    pub fn host_sha256(&self) -> String {
        let url = match &self.target {
            Target::Url(url) => url::Url::parse(url).ok(),
            Target::Topic(arn) => return hex::encode(Sha256::digest(arn)),
        };
        let host = url.as_ref().and_then(|url| url.host_str()).unwrap_or_default();
        hex::encode(Sha256::digest(host.as_bytes()))
    }

    pub(crate) fn key(tenant: &TenantId, id: &str) -> Key {
        Key::new(partition(tenant), id)
    }

    /// Writes that add it; the second one conflicts when the tenant has too many.
    pub(crate) fn adding(&self, tenant: &TenantId) -> [Write; 2] {
        [
            Write::put(Self::key(tenant, &self.id), self, Condition::Absent),
            Write::Add {
                key: count_key(tenant),
                deltas: vec![("webhooks".to_owned(), 1)],
                only_if: Some(("webhooks".to_owned(), WEBHOOKS_MAX)),
                expires_at: None,
            },
        ]
    }

    /// Writes that remove it.
    pub(crate) fn removing(tenant: &TenantId, id: &str) -> [Write; 2] {
        [
            Write::Delete { key: Self::key(tenant, id), condition: Condition::Present },
            Write::Add {
                key: count_key(tenant),
                deltas: vec![("webhooks".to_owned(), -1)],
                only_if: None,
                expires_at: None,
            },
        ]
    }
}

fn partition(tenant: &TenantId) -> String {
    format!("{tenant}#webhooks")
}

fn count_key(tenant: &TenantId) -> Key {
    Key::new(format!("{tenant}#counts"), "webhooks")
}

/// Webhooks in the store.
#[derive(Clone)]
pub struct Webhooks {
    store: Arc<dyn Store>,
}

impl Webhooks {
    /// Kept in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// The tenant's webhook `id`.
    ///
    /// # Errors
    /// As the store.
    pub async fn find(&self, tenant: &TenantId, id: &str) -> Result<Option<Webhook>, StoreError> {
        match self.store.get(&Webhook::key(tenant, id)).await? {
            Some(record) => Ok(Some(record.document()?)),
            None => Ok(None),
        }
    }

    /// One page, oldest first.
    ///
    /// # Errors
    /// As the store.
    pub async fn page(
        &self,
        tenant: &TenantId,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<(Vec<Webhook>, Page), StoreError> {
        let query = ListQuery { limit, cursor, ..ListQuery::all(partition(tenant)) };
        let page = self.store.list(&query).await?;
        let webhooks = page.records.iter().map(Record::document).collect::<Result<_, _>>()?;
        Ok((webhooks, page))
    }

    /// Those that want an event of type `kind`.
    ///
    /// # Errors
    /// As the store.
    pub async fn wanting(&self, tenant: &TenantId, kind: &str) -> Result<Vec<Webhook>, StoreError> {
        let (mut wanting, mut cursor) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let (webhooks, page) = self.page(tenant, 200, cursor).await?;
            wanting.extend(webhooks.into_iter().filter(|webhook| webhook.wants(kind)));
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(wanting);
            }
        }
        Err(StoreError::Busy)
    }
}
