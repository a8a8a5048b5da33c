//! Wallets under guard, and where they are kept.

use std::sync::Arc;

use scorpius_core::{
    Condition, Key, ListQuery, Page, Record, Store, StoreError, TenantId, UnixMillis, Write,
};
use scorpius_risk::address::{Account, ChainId};
use scorpius_risk::engine::guard::Monitoring;
use scorpius_risk::engine::verdict::Level;
use serde::{Deserialize, Serialize};

use crate::explain::RiskFactor;

/// Wallets of one tenant.
pub(crate) const WALLETS_MAX: i64 = 1_000;

/// An account of a chain whose transactions are judged by its own lists and its tenant's rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wallet {
    /// `wal_…`.
    pub(crate) id: String,
    pub(crate) chain: ChainId,
    pub(crate) address: Account,
    /// The tenant's own words.
    pub(crate) name: String,
    /// From this score on there is a warning.
    pub(crate) risk_threshold: u8,
    pub(crate) monitoring_level: Monitoring,
    pub(crate) created_at: UnixMillis,
    /// The subject that protected it.
    pub(crate) created_by: String,
    pub(crate) updated_at: UnixMillis,
    /// What the address itself was judged to be.
    pub(crate) risk: Risk,
    /// Events that told of it; its version.
    pub(crate) events: u64,
}

/// The newest verdict on a wallet's address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Risk {
    pub(crate) verdict_id: String,
    pub(crate) score: u8,
    pub(crate) level: Level,
    pub(crate) factors: Vec<RiskFactor>,
    pub(crate) as_of: UnixMillis,
}

/// Which wallet an address has, so that none has two.
#[derive(Serialize, Deserialize)]
struct Named {
    wallet_id: String,
}

impl Wallet {
    pub(crate) fn key(tenant: &TenantId, id: &str) -> Key {
        Key::new(format!("{tenant}#wallets"), id)
    }

    fn name_key(&self, tenant: &TenantId) -> Key {
        Key::new(names(tenant), format!("{}#{}", self.chain, self.address))
    }

    /// Writes that add it: the second conflicts when its address has one, the third when the tenant has too many.
    pub(crate) fn adding(&self, tenant: &TenantId) -> [Write; 3] {
        [
            Write::put(Self::key(tenant, &self.id), self, Condition::Absent),
            Write::put(self.name_key(tenant), &Named { wallet_id: self.id.clone() }, Condition::Absent),
            Write::Add {
                key: count_key(tenant),
                deltas: vec![("wallets".to_owned(), 1)],
                only_if: Some(("wallets".to_owned(), WALLETS_MAX)),
                expires_at: None,
            },
        ]
    }

    /// Writes that remove it as it was read.
    pub(crate) fn removing(&self, tenant: &TenantId, version: u64) -> [Write; 3] {
        [
            Write::Delete { key: Self::key(tenant, &self.id), condition: Condition::VersionIs(version) },
            Write::Delete { key: self.name_key(tenant), condition: Condition::Always },
            Write::Add {
                key: count_key(tenant),
                deltas: vec![("wallets".to_owned(), -1)],
                only_if: None,
                expires_at: None,
            },
        ]
    }
}

fn names(tenant: &TenantId) -> String {
    format!("{tenant}#wallet-addresses")
}

fn count_key(tenant: &TenantId) -> Key {
    Key::new(format!("{tenant}#counts"), "wallets")
}

/// Wallets in the store.
#[derive(Clone)]
pub(crate) struct Wallets {
    pub(crate) store: Arc<dyn Store>,
}

impl Wallets {
    /// The tenant's wallet `id`, with its version.
    pub(crate) async fn find(
        &self,
        tenant: &TenantId,
        id: &str,
    ) -> Result<Option<(Wallet, u64)>, StoreError> {
        match self.store.get(&Wallet::key(tenant, id)).await? {
            Some(record) => Ok(Some((record.document()?, record.version))),
            None => Ok(None),
        }
    }

    /// One page: oldest first, or those of one chain by address.
    pub(crate) async fn page(
        &self,
        tenant: &TenantId,
        chain: Option<ChainId>,
        limit: usize,
        cursor: Option<String>,
    ) -> Result<(Vec<Wallet>, Page), StoreError> {
        let Some(chain) = chain else {
            let query = ListQuery { limit, cursor, ..ListQuery::all(format!("{tenant}#wallets")) };
            let page = self.store.list(&query).await?;
            let wallets = page.records.iter().map(Record::document).collect::<Result<_, _>>()?;
            return Ok((wallets, page));
        };
        let query = ListQuery { limit, cursor, ..ListQuery::prefix(names(tenant), &format!("{chain}#")) };
        let page = self.store.list(&query).await?;
        let named: Vec<Named> = page.records.iter().map(Record::document).collect::<Result<_, _>>()?;
        let keys: Vec<_> = named.iter().map(|named| Wallet::key(tenant, &named.wallet_id)).collect();
        if keys.is_empty() {
            return Ok((Vec::new(), page));
        }
        // One that was released meanwhile is left out.
        let found = self.store.get_many(&keys).await?;
        let wallets = found.iter().flatten().map(Record::document).collect::<Result<_, _>>()?;
        Ok((wallets, page))
    }
}
