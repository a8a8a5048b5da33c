//! API keys as they are stored: one record each, in its tenant's partition.

use std::sync::Arc;

use scorpius_core::{
    Actor, Clock, Condition, Event, Key, ListQuery, Page, Record, Store, StoreError, TenantId, UnixMillis,
    Write,
};
use scorpius_edge::Role;
use serde::{Deserialize, Serialize};

use crate::facts::ApiKeyCreated;
use crate::power::Power;
use crate::secret::{ApiSecret, KeyKind};

/// Keys of a tenant that are not revoked. More would be a leak or a loop.
pub(crate) const KEYS_MAX: i64 = 1_000;

/// A key without its secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApiKey {
    /// `key_…`; also the subject that its requests have.
    pub id: String,
    /// Whose.
    pub tenant: TenantId,
    /// For people.
    pub name: String,
    /// Which prefix it has.
    pub kind: KeyKind,
    /// SHA-256 of the whole text, in hex.
    pub sha256: String,
    /// At least one.
    pub roles: Vec<Role>,
    /// `None` is all that the roles give.
    pub permissions: Option<Vec<String>>,
    /// Requests a minute, at most; absent is what the tenant has.
    pub rate_limit: Option<u32>,
    /// From this moment on it does not count.
    pub expires_at: Option<UnixMillis>,
    /// When it was made.
    pub created_at: UnixMillis,
    /// The subject that made it.
    pub created_by: String,
    /// The subject that was shown the secret that it has, where that is not who made it.
    #[serde(default)]
    pub shown_to: Option<String>,
    /// Since when it does not count.
    pub revoked_at: Option<UnixMillis>,
    /// When it was last given another secret.
    #[serde(default)]
    pub rotated_at: Option<UnixMillis>,
    /// The secret before that.
    #[serde(default)]
    pub previous: Option<PreviousSecret>,
    /// The secret that signs requests as AWS does, sealed under the tenant's key; `None` when it has none.
    #[serde(default)]
    pub signing: Option<String>,
    /// Events so far, this record's `sequence`.
    #[serde(default = "created_only")]
    pub events: u64,
}

fn created_only() -> u64 {
    1
}

/// A secret that was replaced, and counts for a while beside its successor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousSecret {
    /// As `ApiKey::sha256`.
    pub sha256: String,
    /// As `ApiKey::signing`.
    #[serde(default)]
    pub signing: Option<String>,
    /// The subject that was shown it.
    #[serde(default)]
    pub shown_to: String,
    /// From this moment on it does not count.
    pub until: UnixMillis,
}

/// Which of a key's secrets was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The one that it has.
    Current,
    /// The one before, which still counts.
    Previous,
}

/// Whether a key counts now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It counts.
    Active,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
}

impl ApiKey {
    /// Whether it counts at `now`.
    #[must_use]
    pub fn state(&self, now: UnixMillis) -> KeyState {
        match (self.revoked_at, self.expires_at) {
            (Some(_), _) => KeyState::Revoked,
            (None, Some(end)) if end <= now => KeyState::Expired,
            (None, _) => KeyState::Active,
        }
    }

    /// Which of this key's secrets `secret` is at `now`; `None` when it is none that counts. Both are compared
    /// whole, in constant time.
    #[must_use]
    pub fn opened_by(&self, secret: &ApiSecret, now: UnixMillis) -> Option<Shown> {
        let is_about_it = *secret.tenant() == self.tenant && secret.key_id() == self.id;
        let current = is_hash_of(&self.sha256, secret);
        let previous =
            self.previous.as_ref().is_some_and(|old| is_hash_of(&old.sha256, secret) && old.until > now);
        match (is_about_it, current, previous) {
            (true, true, _) => Some(Shown::Current),
            (true, false, true) => Some(Shown::Previous),
            (true, false, false) | (false, ..) => None,
        }
    }

    /// The subject that was shown the secret that it has.
    #[must_use]
    pub fn holder(&self) -> &str {
        self.shown_to.as_deref().unwrap_or(&self.created_by)
    }

    /// What it may do.
    #[must_use]
    pub fn power(&self) -> Power {
        Power { roles: self.roles.clone(), permissions: self.permissions.clone() }
    }

    /// Where the key `id` of `tenant` is.
    #[must_use]
    pub fn at(tenant: &TenantId, id: &str) -> Key {
        Key::new(Self::partition(tenant), id)
    }

    /// Where all keys of `tenant` are.
    #[must_use]
    pub(crate) fn partition(tenant: &TenantId) -> String {
        format!("{tenant}#apikey")
    }
}

fn is_hash_of(sha256: &str, secret: &ApiSecret) -> bool {
    let mut stored = [0; 32];
    hex::decode_to_slice(sha256, &mut stored).is_ok() && secret.matches(&stored)
}

/// The keys of all tenants.
pub(crate) struct ApiKeys(pub Arc<dyn Store>);

impl ApiKeys {
    /// One key, with the version of its record.
    ///
    /// # Errors
    /// What the store says.
    pub(crate) async fn get(&self, tenant: &TenantId, id: &str) -> Result<Option<(ApiKey, u64)>, StoreError> {
        match self.0.get(&ApiKey::at(tenant, id)).await? {
            Some(record) => Ok(Some((record.document()?, record.version))),
            None => Ok(None),
        }
    }

    /// One page of a tenant's keys, oldest first.
    ///
    /// # Errors
    /// What the store says.
    pub(crate) async fn page(
        &self,
        tenant: &TenantId,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<(Vec<ApiKey>, Page), StoreError> {
        let mut query = ListQuery::all(ApiKey::partition(tenant));
        query.limit = limit;
        query.cursor = cursor;
        let page = self.0.list(&query).await?;
        let keys = page.records.iter().map(Record::document).collect::<Result<_, _>>()?;
        Ok((keys, page))
    }
}

/// The writes that create `key`. The second one conflicts when the tenant has too many.
#[must_use]
pub(crate) fn creation(key: &ApiKey) -> [Write; 2] {
    [
        Write::put(ApiKey::at(&key.tenant, &key.id), key, Condition::Absent),
        Write::Add {
            key: count(&key.tenant),
            deltas: vec![("live".to_owned(), 1)],
            only_if: Some(("live".to_owned(), KEYS_MAX)),
            expires_at: None,
        },
    ]
}

/// `key` with the secret `secret`, which `holder` is shown, and `signing` in place of the one that it signs with;
/// those that it had count until `until`.
#[must_use]
pub(crate) fn rotated(
    mut key: ApiKey,
    (secret, signing, holder): (&ApiSecret, Option<String>, &str),
    until: UnixMillis,
    now: UnixMillis,
) -> ApiKey {
    let shown_to = key.holder().to_owned();
    let sha256 = std::mem::replace(&mut key.sha256, hex::encode(secret.hash()));
    let signing = std::mem::replace(&mut key.signing, signing);
    key.previous = (until > now).then_some(PreviousSecret { sha256, signing, shown_to, until });
    key.shown_to = Some(holder.to_owned());
    key.rotated_at = Some(now);
    key.events += 1;
    key
}

/// The writes that revoke `key`, whose record is still at `version`.
#[must_use]
pub(crate) fn revocation(mut key: ApiKey, version: u64, now: UnixMillis) -> [Write; 2] {
    key.revoked_at = Some(now);
    key.previous = None;
    [
        Write::put(ApiKey::at(&key.tenant, &key.id), &key, Condition::VersionIs(version)),
        Write::Add {
            key: count(&key.tenant),
            deltas: vec![("live".to_owned(), -1)],
            only_if: None,
            expires_at: None,
        },
    ]
}

fn count(tenant: &TenantId) -> Key {
    Key::new(format!("{tenant}#apikey-count"), "live")
}

/// The event that tells of a new key.
pub(crate) fn created(key: &ApiKey, actor: &Actor, clock: &dyn Clock) -> Event {
    let fact = ApiKeyCreated {
        key_id: key.id.clone(),
        kind: key.kind,
        roles: key.roles.clone(),
        permissions: key.permissions.clone(),
        expires_at: key.expires_at.map(|end| end.to_string()),
    };
    Event::of(&fact, &key.id, 1, &key.tenant, actor, clock)
}
