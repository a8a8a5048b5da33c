//! Whose the platform is, as far as all rooms know it: what happens to the platform and to no tenant is told to the operator's.
//!
//! Identity makes the first tenant. It is there exactly when the platform was started once.

use serde::{Deserialize, Serialize};

use crate::id::TenantId;
use crate::store::{Condition, Key, Store, StoreError, Write};

/// The partition with the ids of all tenants that are not deleted; identity keeps it.
pub const TENANTS: &str = "platform#tenants";

/// Where the record of the tenant `id` is; identity writes it.
#[must_use]
pub fn tenant_at(id: &TenantId) -> Key {
    Key::new(format!("tenant#{id}"), "tenant")
}

/// Whether a tenant is at work, as its record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is; the record has this version, for a commit that is only to count while it stays so.
    Active(u64),
    /// Not at the moment.
    Suspended,
    /// There is no such tenant any more.
    Gone,
}

/// What of a tenant's record says whether it is at work.
#[derive(Deserialize)]
struct TenantStatus {
    status: String,
}

/// How the tenant `id` stands, for what happens without anybody asking.
///
/// # Errors
/// What the store says.
pub async fn standing_of(store: &dyn Store, id: &TenantId) -> Result<Standing, StoreError> {
    let Some(record) = store.get(&tenant_at(id)).await? else { return Ok(Standing::Gone) };
    let TenantStatus { status } = record.document()?;
    Ok(match status.as_str() {
        "active" => Standing::Active(record.version),
        "deleted" => Standing::Gone,
        _ => Standing::Suspended,
    })
}

#[derive(Serialize, Deserialize)]
struct FirstTenant {
    tenant: TenantId,
}

fn at() -> Key {
    Key::new("platform#bootstrap", "first-tenant")
}

/// Makes `tenant` the operator's; the commit fails when there is one.
#[must_use]
pub fn made(tenant: &TenantId) -> Write {
    Write::put(at(), &FirstTenant { tenant: tenant.clone() }, Condition::Absent)
}

/// The operator's tenant; none before the first start.
///
/// # Errors
/// What the store says.
pub async fn first_tenant_of(store: &dyn Store) -> Result<Option<TenantId>, StoreError> {
    let Some(record) = store.get(&at()).await? else { return Ok(None) };
    let FirstTenant { tenant } = record.document()?;
    Ok(Some(tenant))
}
