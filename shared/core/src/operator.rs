//! Whose the platform is, as far as all rooms know it: what happens to the platform and to no tenant is told to the operator's.
//!
//! Identity makes the first tenant. It is there exactly when the platform was started once.

use serde::{Deserialize, Serialize};

use crate::id::TenantId;
use crate::store::{Condition, Key, Store, StoreError, Write};

/// The partition with the ids of all tenants that are not deleted; identity keeps it.
pub const TENANTS: &str = "platform#tenants";

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
