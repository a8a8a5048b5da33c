//! A tenant's secret: made once, kept wrapped, remembered for minutes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use scorpius_core::{
    Attributes, Clock, CommitId, Condition, Key, Keys, PortError, Record, Store, StoreError, TenantId,
    UnixMillis, Value, WrapContext, Write,
};
use zeroize::{Zeroize, Zeroizing};

use crate::entry::TenantKey;

/// How long a secret is remembered: an erased tenant's leaves close everywhere after this.
pub(crate) const REMEMBERED_MS: u64 = 5 * 60_000;
/// The partition with the ids of all tenants that ever had an entry.
pub(crate) const TENANTS: &str = "ledger#tenants";
/// Secrets that are remembered at once.
const REMEMBERED_MAX: usize = 10_000;

/// The secrets of all tenants.
pub(crate) struct TenantKeys {
    store: Arc<dyn Store>,
    keys: Arc<dyn Keys>,
    clock: Arc<dyn Clock>,
    remembered: Mutex<HashMap<TenantId, (TenantKey, UnixMillis)>>,
}

impl TenantKeys {
    /// Over these ports.
    #[must_use]
    pub(crate) fn new(store: Arc<dyn Store>, keys: Arc<dyn Keys>, clock: Arc<dyn Clock>) -> Self {
        Self { store, keys, clock, remembered: Mutex::new(HashMap::new()) }
    }

    /// The tenant's secret; `None` when it has none yet, or no more.
    ///
    /// # Errors
    /// When a port fails.
    pub(crate) async fn get(&self, tenant: &TenantId) -> Result<Option<TenantKey>, StoreError> {
        if let Some(key) = self.recall(tenant) {
            return Ok(Some(key));
        }
        let Some(record) = self.store.get(&place(tenant)).await? else { return Ok(None) };
        let wrapped = wrapped_of(&record)?;
        let secret = Zeroizing::new(self.keys.unwrap(wrapped, &context(tenant)).await?);
        let secret: [u8; 32] =
            secret.as_slice().try_into().map_err(|_| PortError::new("keys", "a secret of another length"))?;
        Ok(Some(self.remember(tenant, TenantKey::new(secret))))
    }

    /// The tenant's secret, made now if it has none. Of several who make one, the first wins and all use his.
    ///
    /// # Errors
    /// When a port fails.
    pub(crate) async fn get_or_make(&self, tenant: &TenantId) -> Result<TenantKey, StoreError> {
        if let Some(key) = self.get(tenant).await? {
            return Ok(key);
        }
        let mut secret = [0; 32];
        self.clock.fill_random(&mut secret);
        let made = TenantKey::new(secret);
        secret.zeroize();
        let wrapped = self.keys.wrap(made.secret(), &context(tenant)).await?;
        let put = Write::Put {
            key: place(tenant),
            attributes: Attributes::new().with("wrapped", Value::Bytes(wrapped)),
            expires_at: None,
            condition: Condition::Absent,
        };
        // Stays when the tenant is deleted: its entries end by age, as everyone's.
        let listed = Write::Put {
            key: Key::new(TENANTS, tenant.as_str()),
            attributes: Attributes::new(),
            expires_at: None,
            condition: Condition::Always,
        };
        match self.store.commit(CommitId::new(&*self.clock), &[put, listed]).await {
            Ok(_) => Ok(self.remember(tenant, made)),
            // Whether or not this commit was applied, the record says which secret counts.
            Err(StoreError::Conflict { .. } | StoreError::Port(_)) => {
                self.get(tenant).await?.ok_or(StoreError::Busy)
            }
            Err(error) => Err(error),
        }
    }

    fn recall(&self, tenant: &TenantId) -> Option<TenantKey> {
        let now = self.clock.now();
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let (key, since) = remembered.get(tenant)?;
        // A clock that stepped back must not keep a secret for longer.
        let fresh = *since <= now && now.since_ms(*since) < REMEMBERED_MS;
        fresh.then(|| key.clone())
    }

    fn remember(&self, tenant: &TenantId, key: TenantKey) -> TenantKey {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(tenant.clone(), (key.clone(), self.clock.now()));
        key
    }
}

/// Where a tenant's secret is; nothing is there once the tenant is deleted.
pub(crate) fn place(tenant: &TenantId) -> Key {
    Key::new(format!("{tenant}#ledger-key"), "current")
}

fn context(tenant: &TenantId) -> WrapContext {
    WrapContext::from([("tenant", tenant.to_string()), ("purpose", "ledger-key".to_owned())])
}

fn wrapped_of(record: &Record) -> Result<&[u8], PortError> {
    match record.attributes.0.get("wrapped") {
        Some(Value::Bytes(wrapped)) => Ok(wrapped),
        _ => Err(PortError::new("store", "a ledger key's record without its secret")),
    }
}

#[cfg(test)]
mod tests {
    use scorpius_core::ManualClock;

    use super::*;
    use crate::testing::{NOW, World, tenant};

    fn keys(world: &World, clock: &Arc<ManualClock>) -> TenantKeys {
        TenantKeys::new(world.store.clone(), world.keys.clone(), clock.clone())
    }

    #[tokio::test]
    async fn of_several_who_make_a_secret_all_use_the_first() {
        let (world, clock) = (World::new(), Arc::new(ManualClock::at(NOW)));
        let many: Vec<_> = (0..8).map(|_| keys(&world, &clock)).collect();
        let tenant_1 = tenant(1);
        let made = futures::future::join_all(many.iter().map(|keys| keys.get_or_make(&tenant_1))).await;
        let secrets: Vec<_> = made.into_iter().map(|key| *key.expect("a key").secret()).collect();
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
        assert_ne!(keys(&world, &clock).get_or_make(&tenant(2)).await.expect("a key").secret(), &secrets[0]);
    }

    #[tokio::test]
    async fn a_secret_is_kept_wrapped_for_its_tenant_and_remembered_for_minutes() {
        let (world, clock) = (World::new(), Arc::new(ManualClock::at(NOW)));
        let keys = keys(&world, &clock);
        assert!(keys.get(&tenant(1)).await.expect("an answer").is_none());
        let secret = *keys.get_or_make(&tenant(1)).await.expect("a key").secret();
        let record = world.store.get(&place(&tenant(1))).await.expect("an answer").expect("a record");
        let wrapped = wrapped_of(&record).expect("wrapped");
        assert!(!wrapped.windows(32).any(|window| window == secret));
        assert!(world.keys.unwrap(wrapped, &context(&tenant(2))).await.is_err());

        let gone = Write::Delete { key: place(&tenant(1)), condition: Condition::Present };
        world.store.commit(CommitId::new(&*clock), &[gone]).await.expect("deleted");
        assert!(keys.get(&tenant(1)).await.expect("an answer").is_some());
        clock.advance_ms(REMEMBERED_MS);
        assert!(keys.get(&tenant(1)).await.expect("an answer").is_none());
    }
}
