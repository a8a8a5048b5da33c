//! A tenant's entries and its secret, for doors that show the ledger in the form of another one.

use std::sync::Arc;

use scorpius_core::{Clock, Keys, ListQuery, PortError, Store, StoreError, TenantId};

use crate::entry::Entry;
use crate::keys::TenantKeys;
use crate::log::LogKind;
use crate::proofs::States;
use crate::records::Records;

/// An entry, where it is, and what stands there for everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantEntry {
    /// What the ledger says; it names no person.
    pub entry: Entry,
    /// From 0, in its log.
    pub index: u64,
    /// In which log.
    pub log: LogKind,
    /// What is there: in the shared log an HMAC of the entry under its own key, in the tenant's own the entry.
    pub leaf: Vec<u8>,
    /// Whether the log's published checkpoint covers it.
    pub is_covered: bool,
}

/// Reads entries of one tenant in the order of their events' ids.
#[derive(Clone)]
pub struct TenantEntries {
    store: Arc<dyn Store>,
}

/// Some entries, and where the next begin.
#[derive(Clone, Debug, Default)]
pub struct EntriesPage {
    /// In the order of ids.
    pub entries: Vec<TenantEntry>,
    /// Where to go on; `None` at the end.
    pub cursor: Option<String>,
}

impl TenantEntries {
    /// Over `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Up to 200 entries of `tenant` from the id `from` on, or from where `cursor` says.
    ///
    /// # Errors
    /// When the store fails, or a record is not ours.
    pub async fn page(
        &self,
        tenant: &TenantId,
        from: Option<&str>,
        cursor: Option<String>,
    ) -> Result<EntriesPage, StoreError> {
        let mut query = ListQuery::all(Records::events_of(tenant));
        query.from = from.map(str::to_owned);
        query.cursor = cursor;
        let page = self.store.list(&query).await?;
        let mut states = States::new(&self.store, tenant);
        let mut entries = Vec::with_capacity(page.records.len());
        for record in &page.records {
            let placed = Records::placed_in(record)?;
            let state = states.of(placed.kind).await?;
            if placed.index < state.minimum.index {
                continue;
            }
            entries.push(TenantEntry {
                entry: placed.entry()?,
                index: placed.index,
                log: placed.kind,
                is_covered: state.covers(placed.index),
                leaf: placed.leaf.to_vec(),
            });
        }
        Ok(EntriesPage { entries, cursor: page.cursor })
    }
}

/// Seals what belongs to a tenant and lies beside the log, under the secret that also closes its leaves.
pub struct TenantSeals {
    keys: TenantKeys,
    clock: Arc<dyn Clock>,
}

impl TenantSeals {
    /// Over these ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, keys: Arc<dyn Keys>, clock: Arc<dyn Clock>) -> Self {
        Self { keys: TenantKeys::new(store, keys, Arc::clone(&clock)), clock }
    }

    /// `bytes`, readable only with the tenant's secret and for `about`: which thing it is.
    ///
    /// # Errors
    /// When a port fails.
    pub async fn seal(&self, tenant: &TenantId, about: &str, bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut nonce = [0; 12];
        self.clock.fill_random(&mut nonce);
        Ok(self.keys.get_or_make(tenant).await?.seal(tenant, about, bytes, nonce))
    }

    /// What `seal` sealed; `None` when the tenant's secret is destroyed.
    ///
    /// # Errors
    /// When a port fails, or other bytes were sealed, or for another thing.
    pub async fn open(
        &self,
        tenant: &TenantId,
        about: &str,
        sealed: &[u8],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(key) = self.keys.get(tenant).await? else { return Ok(None) };
        let opened = key.open(tenant, about, sealed);
        opened.map(Some).ok_or_else(|| PortError::new("store", "not sealed by this tenant for this").into())
    }
}

#[cfg(test)]
mod tests {
    use scorpius_core::ManualClock;

    use super::*;
    use crate::testing::{NOW, World, tenant};

    #[tokio::test]
    async fn what_is_sealed_opens_for_its_tenant_and_thing_alone() {
        let (world, clock) = (World::new(), Arc::new(ManualClock::at(NOW)));
        let seals = TenantSeals::new(world.store.clone(), world.keys.clone(), clock);
        let (one, two) = (tenant(1), tenant(2));
        let sealed = seals.seal(&one, "block 1", b"a document").await.expect("sealed");
        assert!(!sealed.windows(8).any(|window| window == b"document"));
        let opened = seals.open(&one, "block 1", &sealed).await.expect("opened");
        assert_eq!(opened.as_deref(), Some(&b"a document"[..]));
        assert!(seals.open(&one, "block 2", &sealed).await.is_err());
        assert!(seals.open(&one, "block 1", &sealed[..20]).await.is_err());
        assert!(seals.open(&two, "block 1", &sealed).await.expect("no secret yet").is_none());
        seals.seal(&two, "block 1", b"").await.expect("sealed");
        assert!(seals.open(&two, "block 1", &sealed).await.is_err());
    }
}
