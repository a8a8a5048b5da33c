//! What entries commit to, for who may see it.

use std::sync::Arc;

use scorpius_core::{Clock, Keys, PortError, Record, Store, StoreError, TenantId};

use crate::entry::{BlindKey, Entry, Payload, PayloadKeys, SubjectSecret, TenantKey};
use crate::keys::TenantKeys;
use crate::records::{Placed, Records};
use crate::subjects::{Subject, Subjects};

/// Opens payloads: the secrets of tenants and of persons.
pub struct Payloads {
    pub(crate) tenant_keys: TenantKeys,
    pub(crate) subjects: Subjects,
}

/// A payload that could be opened.
pub(crate) struct Opened {
    /// What the entry commits to.
    pub(crate) payload: Payload,
    /// As RFC 8785 JSON.
    pub(crate) text: String,
    /// Shows it to others.
    pub(crate) blind: BlindKey,
}

impl Payloads {
    /// Over these ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, keys: Arc<dyn Keys>, clock: Arc<dyn Clock>) -> Self {
        Self {
            tenant_keys: TenantKeys::new(Arc::clone(&store), keys, Arc::clone(&clock)),
            subjects: Subjects::new(store, clock),
        }
    }

    /// What the entry in a record of the partition `{tenant}#ledger-event` commits to; `None` when it is erased.
    ///
    /// # Errors
    /// When a port fails, or the record is not ours.
    pub async fn of_record(&self, tenant: &TenantId, record: &Record) -> Result<Option<Payload>, StoreError> {
        let placed = Records::placed_in(record)?;
        let opened = self.open(tenant, &[(&placed.entry()?, &placed)]).await?;
        Ok(opened.into_iter().flatten().next().map(|opened| opened.payload))
    }

    /// The payloads of entries of one tenant, in their order; `None` for those that are erased.
    ///
    /// # Errors
    /// When a port fails, or a payload is not what its entry commits to.
    pub(crate) async fn open(
        &self,
        tenant: &TenantId,
        entries: &[(&Entry, &Placed)],
    ) -> Result<Vec<Option<Opened>>, StoreError> {
        let Some(tenant_key) = self.tenant_keys.get(tenant).await? else {
            return Ok(entries.iter().map(|_| None).collect());
        };
        let names: Vec<_> = entries.iter().flat_map(|(entry, _)| entry.subjects.iter().cloned()).collect();
        let mut subjects = self.subjects.get(tenant, &tenant_key, &names).await?.into_iter();
        let mut opened = Vec::with_capacity(entries.len());
        for (entry, placed) in entries {
            let own: Vec<_> = subjects.by_ref().take(entry.subjects.len()).collect();
            let secrets: Option<Vec<_>> = own.into_iter().map(known).collect();
            opened.push(match (secrets, &placed.payload) {
                (Some(secrets), Some(sealed)) => Some(open(tenant, &tenant_key, &secrets, entry, sealed)?),
                _ => None,
            });
        }
        Ok(opened)
    }
}

fn known(subject: Option<Subject>) -> Option<SubjectSecret> {
    match subject {
        Some(Subject::Known(secret)) => Some(secret),
        Some(Subject::Erased) | None => None,
    }
}

fn open(
    tenant: &TenantId,
    tenant_key: &TenantKey,
    secrets: &[SubjectSecret],
    entry: &Entry,
    sealed: &[u8],
) -> Result<Opened, PortError> {
    let keys = PayloadKeys::new(tenant_key, secrets, tenant, &entry.id);
    let text = keys
        .open(sealed, entry)
        .ok_or_else(|| PortError::new("store", "a payload that is not what its entry commits to"))?;
    let payload = serde_json::from_str(&text).map_err(|error| PortError::new("store", error))?;
    Ok(Opened { payload, text, blind: keys.blind })
}
