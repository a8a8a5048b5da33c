//! Which person is behind a credential: whoever holds two sessions or two keys is still one.

use scorpius_core::{Store, StoreError, TenantId};
use scorpius_edge::Principal;
use scorpius_identity::ApiKey;

/// Keys that were made by keys: nobody needs a longer chain.
const CHAIN_MAX: usize = 8;

/// `usr_…` for somebody who signed in, and for a key the person who made it, if need be by other keys. `None`
/// when that leads to nobody: the first key of a tenant is the platform's own.
pub(crate) async fn person_behind(
    store: &dyn Store,
    principal: &Principal,
) -> Result<Option<String>, StoreError> {
    maker(store, &principal.tenant, &principal.subject).await
}

async fn maker(store: &dyn Store, tenant: &TenantId, subject: &str) -> Result<Option<String>, StoreError> {
    let mut subject = subject.to_owned();
    for _ in 0..=CHAIN_MAX {
        if subject.starts_with("usr_") {
            return Ok(Some(subject));
        }
        let Some(record) = store.get(&ApiKey::at(tenant, &subject)).await? else { return Ok(None) };
        subject = record.document::<ApiKey>()?.created_by;
    }
    Ok(None)
}
