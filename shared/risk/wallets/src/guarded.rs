//! A wallet with all that it is judged by, read at once.

use scorpius_core::{Record, Store, StoreError, TenantId, UnixMillis};
use scorpius_risk::engine::guard::{Guard, Policy};

use crate::lists::{ListName, Lists};
use crate::past::Remembered;
use crate::policy::SecurityPolicy;
use crate::wallet::Wallet;

pub(crate) struct Guarded {
    pub(crate) wallet: Wallet,
    pub(crate) lists: Lists,
    pub(crate) policy: SecurityPolicy,
    pub(crate) past: Remembered,
    /// `None` before the first analysis.
    pub(crate) past_version: Option<u64>,
}

impl Guarded {
    /// The tenant's wallet `id`.
    pub(crate) async fn find(
        store: &dyn Store,
        tenant: &TenantId,
        id: &str,
    ) -> Result<Option<Self>, StoreError> {
        let keys = [
            Wallet::key(tenant, id),
            Lists::key(tenant, id),
            Remembered::key(tenant, id),
            SecurityPolicy::key(tenant),
        ];
        let records = store.get_many(&keys).await?;
        let [Some(wallet), lists, past, policy] = &records[..] else { return Ok(None) };
        Ok(Some(Self {
            wallet: wallet.document()?,
            lists: document_or_default(lists.as_ref())?,
            policy: document_or_default(policy.as_ref())?,
            past: document_or_default(past.as_ref())?,
            past_version: past.as_ref().map(|record| record.version),
        }))
    }

    pub(crate) fn policy_here(&self) -> Policy {
        self.policy.on(self.wallet.chain)
    }

    /// What the engine judges by besides the transaction.
    pub(crate) fn guard(&self, now: UnixMillis) -> Guard {
        Guard {
            wallet_id: self.wallet.id.clone(),
            account: self.wallet.address,
            monitoring: self.wallet.monitoring_level,
            risk_threshold: self.wallet.risk_threshold,
            allowed: self.lists.accounts(ListName::Allow, now),
            blocked: self.lists.accounts(ListName::Block, now),
            policy: self.policy_here(),
            past: self.past.as_of(now),
        }
    }
}

pub(crate) fn document_or_default<T: serde::de::DeserializeOwned + Default>(
    record: Option<&Record>,
) -> Result<T, StoreError> {
    Ok(record.map(Record::document).transpose()?.unwrap_or_default())
}
