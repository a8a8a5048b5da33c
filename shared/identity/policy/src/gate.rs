//! The gate before every door: the policies of the caller's tenant, in the version that came with the request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use scorpius_core::{PortError, Store, StoreError, TenantId};
use scorpius_edge::authorize::RoleTable;
use scorpius_edge::{Authorize, Decision, Question};

use crate::document::Document;
use crate::set::{BadPolicy, PolicySet};

/// Tenants whose policies a process keeps: a parsed set is at most some megabytes.
const KEPT_MAX: usize = 32;

/// Decides by Cedar policies. Parsed sets are kept by tenant and version; decisions are not kept.
pub struct CedarGate {
    store: Arc<dyn Store>,
    kept: Mutex<BTreeMap<TenantId, (u64, Arc<PolicySet>)>>,
}

/// There is no document of the version that the tenant's record names, or it is none that this release reads.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("version {version} of the policies of {tenant} is not there")]
    Absent { tenant: TenantId, version: u64 },
    #[error("version {version} of the policies of {tenant} does not parse")]
    Bad {
        tenant: TenantId,
        version: u64,
        #[source]
        source: BadPolicy,
    },
}

impl CedarGate {
    /// Over the store that documents are in.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, kept: Mutex::default() }
    }

    /// As the functions and the host take it.
    #[must_use]
    pub fn shared(store: Arc<dyn Store>) -> Arc<dyn Authorize> {
        Arc::new(Self::new(store))
    }

    /// The policies of `tenant` in `version`; read once while the process keeps them, and never for version 0.
    ///
    /// # Errors
    /// What the store says, and when there is no such document.
    pub async fn policies(&self, tenant: &TenantId, version: u64) -> Result<Arc<PolicySet>, StoreError> {
        if version == 0 {
            return Ok(Arc::clone(PolicySet::base()));
        }
        if let Some(set) = self.kept(tenant, version) {
            return Ok(set);
        }
        let unreadable = |error: Unreadable| StoreError::Port(PortError::new("policies", error));
        let absent = || unreadable(Unreadable::Absent { tenant: tenant.clone(), version });
        let record = self.store.get(&Document::at(tenant, version)).await?.ok_or_else(absent)?;
        let document: Document = record.document()?;
        let set = PolicySet::of(&document)
            .map_err(|source| unreadable(Unreadable::Bad { tenant: tenant.clone(), version, source }))?;
        let set = Arc::new(set);
        self.keep(tenant, version, &set);
        Ok(set)
    }

    fn kept(&self, tenant: &TenantId, version: u64) -> Option<Arc<PolicySet>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(tenant).filter(|(kept, _)| *kept == version).map(|(_, set)| Arc::clone(set))
    }

    fn keep(&self, tenant: &TenantId, version: u64, set: &Arc<PolicySet>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // An older request in flight must not push out what newer ones need.
        if kept.get(tenant).is_some_and(|(newer, _)| *newer > version) {
            return;
        }
        if kept.len() >= KEPT_MAX && !kept.contains_key(tenant) {
            kept.pop_first();
        }
        kept.insert(tenant.clone(), (version, Arc::clone(set)));
    }
}

#[async_trait]
impl Authorize for CedarGate {
    async fn decide(&self, question: &Question<'_>) -> Result<Decision, StoreError> {
        let principal = question.principal;
        if principal.standing.policy_version == 0 {
            // What the base policies say is what the roles give, which `decide::tests` holds for every set of roles, action
            // and scope: whoever has no policies of their own does not wait for the text to be parsed.
            return RoleTable.decide(question).await;
        }
        let set = self.policies(&principal.tenant, principal.standing.policy_version).await?;
        Ok(set.decide(question))
    }
}

#[cfg(test)]
mod tests;
