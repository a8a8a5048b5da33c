//! The first tenant and its key, and the way back in for whoever holds the store.

use std::fmt;

use scorpius_core::{
    Actor, Clock, CommitId, Condition, Store, StoreError, TenantId, UnixMillis, Write, new_id, operator,
};
use scorpius_edge::Role;
use scorpius_edge::idempotency::commit_with_retry;
use scorpius_token::tenant::{NAME_CHARS_MAX, is_name};
use scorpius_token::{Tenant, TenantStatus};
use serde::Serialize;

use crate::keys::{ApiKey, created, creation};
use crate::secret::{ApiSecret, KeyKind};

/// What the first start made. The key is shown once: only its hash is stored.
#[derive(Serialize)]
pub struct Bootstrap {
    /// The operator's tenant.
    pub tenant: TenantId,
    /// `key_…`.
    pub key_id: String,
    /// The secret, of an administrator and operator.
    pub api_key: String,
}

impl fmt::Debug for Bootstrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bootstrap({} of {})", self.key_id, self.tenant)
    }
}

/// Why there is no first key.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// Somebody was first; their key is the first key.
    #[error("the platform already has its first tenant")]
    AlreadyDone,
    /// There is nothing to recover.
    #[error("the platform does not have its first tenant yet")]
    NotDone,
    /// Not a name for a tenant or a key.
    #[error("a name is 1 to {NAME_CHARS_MAX} characters without control characters")]
    Name,
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes the first tenant and its key. Of several starts at once, one succeeds.
///
/// # Errors
/// `AlreadyDone` for all others and for every later start; `Name`; what the store says.
pub async fn bootstrap(
    store: &dyn Store,
    clock: &dyn Clock,
    name: &str,
) -> Result<Bootstrap, BootstrapError> {
    if !is_name(name) {
        return Err(BootstrapError::Name);
    }
    let id = TenantId::new(clock);
    let tenant = Tenant::new(id.clone(), name, true, clock);
    let (made, key_writes) = operator_key(&id, "first administrator", None, clock);
    let mut writes = vec![
        operator::made(&id),
        Write::put(Tenant::at(&id), &tenant, Condition::Absent),
        Write::put(Tenant::listed_at(&id), &id, Condition::Absent),
    ];
    writes.extend(key_writes);
    match commit_with_retry(store, CommitId::new(clock), &writes).await {
        Ok(_) => Ok(made),
        Err(StoreError::Conflict { index: 0 }) => Err(BootstrapError::AlreadyDone),
        Err(error) => Err(error.into()),
    }
}

/// Makes one more administrator's and operator's key for the first tenant, and makes that tenant
/// active again, with the base policies alone: for whoever holds the store itself. No door leads here.
///
/// # Errors
/// `NotDone` before the first start; `Name`; what the store says.
pub async fn recover(
    store: &dyn Store,
    clock: &dyn Clock,
    key_name: &str,
    expires_at: Option<UnixMillis>,
) -> Result<Bootstrap, BootstrapError> {
    if !is_name(key_name) {
        return Err(BootstrapError::Name);
    }
    let id = operator::first_tenant_of(store).await?.ok_or(BootstrapError::NotDone)?;
    let record = store.get(&Tenant::at(&id)).await?.ok_or(BootstrapError::NotDone)?;
    let mut tenant: Tenant = record.document().map_err(StoreError::from)?;
    tenant.status = TenantStatus::Active;
    // Policies may have shut everybody out; those of the base never do.
    tenant.policy_version = 0;
    let (made, key_writes) = operator_key(&id, key_name, expires_at, clock);
    let mut writes = vec![Write::put(Tenant::at(&id), &tenant, Condition::VersionIs(record.version))];
    writes.extend(key_writes);
    commit_with_retry(store, CommitId::new(clock), &writes).await?;
    Ok(made)
}

fn operator_key(
    tenant: &TenantId,
    name: &str,
    expires_at: Option<UnixMillis>,
    clock: &dyn Clock,
) -> (Bootstrap, Vec<Write>) {
    let key_id = new_id("key", clock);
    let secret = ApiSecret::generate(KeyKind::Live, tenant, &key_id, clock);
    let actor = Actor::request("system:bootstrap", None);
    let key = ApiKey {
        id: key_id.clone(),
        tenant: tenant.clone(),
        name: name.to_owned(),
        kind: KeyKind::Live,
        sha256: hex::encode(secret.hash()),
        roles: vec![Role::Admin, Role::Operator],
        permissions: None,
        rate_limit: None,
        expires_at,
        created_at: clock.now(),
        created_by: actor.name.clone(),
        shown_to: None,
        revoked_at: None,
        rotated_at: None,
        previous: None,
        signing: None,
        events: 1,
    };
    let mut writes = creation(&key).to_vec();
    writes.push(Write::emit(created(&key, &actor, clock)));
    (Bootstrap { tenant: tenant.clone(), key_id, api_key: secret.reveal().to_owned() }, writes)
}
