//! Which entries the holds of a tenant cover.

use std::collections::BTreeMap;

use scorpius_core::{ListQuery, PortError, Store, StoreError, TenantId, UnixMillis, hold};

use super::{Hold, HoldScope, hold_of};
use crate::entry::Entry;
use crate::payloads::Payloads;
use crate::records::Placed;

/// All holds of a tenant, as they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeldOf {
    /// The hold on the tenant.
    all: Option<String>,
    /// Pseudonyms, with their holds.
    subjects: BTreeMap<String, String>,
    resources: BTreeMap<String, String>,
    periods: Vec<(UnixMillis, UnixMillis, String)>,
}

impl HeldOf {
    /// Those of `tenant`; there are `hold::HOLDS_MAX` at most.
    ///
    /// # Errors
    /// When the store fails, or a record is not ours.
    pub(crate) async fn read(store: &dyn Store, tenant: &TenantId) -> Result<Self, StoreError> {
        let (mut held, mut query) = (Self::default(), ListQuery::all(hold::partition(tenant)));
        loop {
            let page = store.list(&query).await?;
            for record in &page.records {
                held.add(hold_of(record)?)?;
            }
            match page.cursor {
                Some(cursor) => query.cursor = Some(cursor),
                None => return Ok(held),
            }
        }
    }

    fn add(&mut self, hold: Hold) -> Result<(), PortError> {
        let foreign = || PortError::new("store", "a hold that does not say what it is on");
        let Hold { id, scope, subject, resource, from, to, .. } = hold;
        let moment = |text: Option<String>| {
            let text = text.ok_or_else(foreign)?;
            text.parse().map_err(|error| PortError::new("store", error))
        };
        match scope {
            HoldScope::Person => _ = self.subjects.insert(subject.ok_or_else(foreign)?, id),
            HoldScope::Tenant => self.all = Some(id),
            HoldScope::Resource => _ = self.resources.insert(resource.ok_or_else(foreign)?, id),
            HoldScope::Period => self.periods.push((moment(from)?, moment(to)?, id)),
        }
        Ok(())
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// One of them.
    pub(crate) fn any(&self) -> Option<String> {
        let named = self.subjects.values().chain(self.resources.values()).chain(self.all.as_ref());
        named.chain(self.periods.iter().map(|(_, _, id)| id)).next().cloned()
    }

    /// Whether all of the tenant is held.
    pub(crate) fn has_all(&self) -> bool {
        self.all.is_some()
    }

    /// Whether this person is held, by the pseudonym.
    pub(crate) fn has(&self, subject: &str) -> bool {
        self.subjects.contains_key(subject)
    }

    /// The holds on these entries of `tenant`, in their order. What cannot be opened any more may be about anything: any hold on a resource
    /// covers it.
    ///
    /// # Errors
    /// When a port fails, or an entry's time is none.
    pub(crate) async fn on(
        &self,
        payloads: &Payloads,
        tenant: &TenantId,
        entries: &[(&Entry, &Placed)],
    ) -> Result<Vec<Option<&str>>, StoreError> {
        let mut on = Vec::with_capacity(entries.len());
        for (entry, _) in entries {
            on.push(self.without_payload(entry)?);
        }
        if let (false, Some(any)) = (self.resources.is_empty(), self.resources.values().next()) {
            let asked: Vec<_> =
                (0..).zip(entries).filter(|(at, _)| matches!(on.get(*at), Some(None))).collect();
            let pairs: Vec<_> = asked.iter().map(|(_, pair)| **pair).collect();
            for ((at, _), opened) in asked.iter().zip(payloads.open(tenant, &pairs).await?) {
                let held = match opened {
                    Some(opened) => self.resources.get(&opened.payload.aggregate).map(String::as_str),
                    None => Some(any.as_str()),
                };
                if let Some(on) = on.get_mut(*at) {
                    *on = held;
                }
            }
        }
        Ok(on)
    }

    fn without_payload(&self, entry: &Entry) -> Result<Option<&str>, PortError> {
        if let Some(all) = &self.all {
            return Ok(Some(all));
        }
        if let Some(hold) = entry.subjects.iter().find_map(|subject| self.subjects.get(subject)) {
            return Ok(Some(hold));
        }
        if self.periods.is_empty() {
            return Ok(None);
        }
        let at: UnixMillis = entry.ts.parse().map_err(|error| PortError::new("store", error))?;
        let held = self.periods.iter().find(|(from, to, _)| (*from..*to).contains(&at));
        Ok(held.map(|(_, _, id)| id.as_str()))
    }
}
