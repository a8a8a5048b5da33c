//! The keys that somebody holds who is no more: whoever was shown a secret can go on using it.

use scorpius_core::{
    Actor, Clock, CommitId, Condition, Event, ListQuery, Record, Store, StoreError, TenantId, Write,
};
use scorpius_edge::idempotency::commit_with_retry;

use crate::facts::{ApiKeyRevoked, ApiKeySecretEnded, RevokeReason};
use crate::keys::{ApiKey, revocation};

/// A key is changed rarely: by a rotation, or by another revocation.
const ATTEMPTS_MAX: u32 = 4;

/// Who holds keys, and who ends them.
struct Ending<'a> {
    store: &'a dyn Store,
    clock: &'a dyn Clock,
    person: &'a str,
    actor: &'a Actor,
}

/// Revokes every key of `tenant` whose secret `person` was shown last, and ends secrets of before that they were
/// shown. `person` must be disabled already, so that they are shown no others. Answers the ids of the keys that were
/// revoked now; asked again it goes on where it was cut short.
///
/// # Errors
/// What the store says.
pub async fn end_keys_of(
    store: &dyn Store,
    clock: &dyn Clock,
    (tenant, person): (&TenantId, &str),
    actor: &Actor,
) -> Result<Vec<String>, StoreError> {
    let ending = Ending { store, clock, person, actor };
    let mut query = ListQuery::all(ApiKey::partition(tenant));
    let mut revoked = Vec::new();
    loop {
        let page = store.list(&query).await?;
        for record in page.records {
            revoked.extend(ending.end(record).await?);
        }
        match page.cursor {
            Some(cursor) => query.cursor = Some(cursor),
            None => return Ok(revoked),
        }
    }
}

impl Ending<'_> {
    /// Ends what the person holds of one key; its id, when it was revoked.
    async fn end(&self, mut record: Record) -> Result<Option<String>, StoreError> {
        for _ in 0..ATTEMPTS_MAX {
            let key: ApiKey = record.document()?;
            let (id, at) = (key.id.clone(), record.key.clone());
            let is_held = key.holder() == self.person;
            let Some(writes) = self.writes(key, record.version) else { return Ok(None) };
            match commit_with_retry(self.store, CommitId::new(self.clock), &writes).await {
                Ok(_) => return Ok(is_held.then_some(id)),
                // Somebody rotated or revoked it at this moment.
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
            let Some(now) = self.store.get(&at).await? else { return Ok(None) };
            record = now;
        }
        Err(StoreError::Busy)
    }

    /// What ends it; `None` where there is nothing to end.
    fn writes(&self, mut key: ApiKey, version: u64) -> Option<Vec<Write>> {
        if key.revoked_at.is_some() {
            return None;
        }
        let (id, tenant) = (key.id.clone(), key.tenant.clone());
        key.events += 1;
        let sequence = key.events;
        if key.holder() == self.person {
            let fact = ApiKeyRevoked { key_id: id.clone(), reason: RevokeReason::HolderErased };
            let told = Event::of(&fact, &id, sequence, &tenant, self.actor, self.clock);
            let mut writes = revocation(key, version, self.clock.now()).to_vec();
            writes.push(Write::emit(told));
            return Some(writes);
        }
        key.previous.take_if(|previous| previous.shown_to == self.person)?;
        let fact = ApiKeySecretEnded { key_id: id.clone() };
        let told = Event::of(&fact, &id, sequence, &tenant, self.actor, self.clock);
        let put = Write::put(ApiKey::at(&tenant, &id), &key, Condition::VersionIs(version));
        Some(vec![put, Write::emit(told)])
    }
}
