//! What of a batch is not in the log yet, sealed as it will be kept.

use std::collections::{BTreeMap, BTreeSet};

use scorpius_core::{Event, TenantId};

use super::{SequenceError, Sequencer};
use crate::entry::{Recorded, Sealed, SubjectSecret, is_own};
use crate::pending::Leaf;
use crate::records::Placed;
use crate::subjects::Subject;

/// An event of the batch that is not in the log yet.
pub(super) struct Fresh<'a> {
    pub(super) event: &'a Event,
    pub(super) sealed: Sealed,
    /// What is in this log.
    pub(super) leaf: Leaf,
    /// Whether anybody is to open it again.
    pub(super) keep_payload: bool,
}

impl Sequencer {
    /// Where the events of `batch` are, if they are anywhere.
    pub(super) async fn placed(
        &self,
        batch: &[(&Event, Recorded)],
    ) -> Result<Vec<Option<Placed>>, SequenceError> {
        let ids: Vec<_> = batch.iter().map(|(event, _)| (&event.tenantid, event.id.as_str())).collect();
        Ok(self.records.placed(&ids).await?)
    }

    /// Those of `batch` that are in neither log, as they will be kept.
    pub(super) async fn fresh<'a>(
        &self,
        batch: &[(&'a Event, Recorded)],
        placed: Vec<Option<Placed>>,
    ) -> Result<Vec<Fresh<'a>>, SequenceError> {
        let (mut fresh, mut again): (Vec<_>, BTreeMap<_, Vec<_>>) = Default::default();
        for ((event, recorded), placed) in batch.iter().zip(placed) {
            match placed {
                Some(placed) => again.entry(&event.tenantid).or_default().push((recorded, placed)),
                None => fresh.push((*event, recorded)),
            }
        }
        for (tenant, events) in again {
            self.same(tenant, &events).await?;
        }
        self.sealed(&fresh).await
    }

    /// Whether what came again is what is there, as far as that can still be read.
    async fn same(&self, tenant: &TenantId, events: &[(&Recorded, Placed)]) -> Result<(), SequenceError> {
        let entries = events.iter().map(|(_, placed)| placed.entry()).collect::<Result<Vec<_>, _>>()?;
        let pairs: Vec<_> = entries.iter().zip(events.iter().map(|(_, placed)| placed)).collect();
        let opened = self.payloads.open(tenant, &pairs).await?;
        for (((recorded, _), entry), opened) in events.iter().zip(&entries).zip(opened) {
            if !recorded.is_of(entry, opened.as_ref().map(|opened| opened.text.as_str())) {
                return Err(SequenceError::EventChanged(entry.id.clone()));
            }
        }
        Ok(())
    }

    /// Under the secrets of their tenants and persons, which are made where there are none.
    async fn sealed<'a>(&self, events: &[(&'a Event, &Recorded)]) -> Result<Vec<Fresh<'a>>, SequenceError> {
        let mut persons: BTreeMap<&TenantId, BTreeSet<&String>> = BTreeMap::new();
        for (event, recorded) in events {
            persons.entry(&event.tenantid).or_default().extend(recorded.persons());
        }
        let mut keys = BTreeMap::new();
        for (tenant, persons) in persons {
            let key = self.payloads.tenant_keys.get_or_make(tenant).await?;
            let names: Vec<_> = persons.iter().map(|person| key.subject_ref(tenant, person)).collect();
            let kind = self.log.kind();
            let subjects = self.payloads.subjects.get_or_make(tenant, &key, kind, &names).await?;
            let named = persons.into_iter().zip(names.into_iter().zip(subjects));
            keys.insert(tenant, (key, named.collect::<BTreeMap<_, _>>()));
        }
        let mut fresh = Vec::with_capacity(events.len());
        for (event, recorded) in events {
            let Some((key, subjects)) = keys.get(&event.tenantid) else { continue };
            let mut keep_payload = true;
            let (mut names, mut secrets) = (Vec::new(), Vec::new());
            for person in recorded.persons() {
                let (name, subject) = match subjects.get(person) {
                    Some((name, subject)) => (name.clone(), Some(subject)),
                    None => (key.subject_ref(&event.tenantid, person), None),
                };
                names.push(name);
                secrets.push(match subject {
                    Some(Subject::Known(secret)) => secret.clone(),
                    // Closed when it is made: nobody keeps this secret.
                    Some(Subject::Erased) | None => {
                        keep_payload = false;
                        self.throwaway()
                    }
                });
            }
            let sealed = recorded.sealed_as(names, key, &secrets);
            let leaf = sealed.leaf_in(self.log.kind());
            fresh.push(Fresh { event, sealed, leaf, keep_payload });
        }
        Ok(fresh)
    }

    fn throwaway(&self) -> SubjectSecret {
        let mut secret = [0; 32];
        self.clock.fill_random(&mut secret);
        SubjectSecret::new(secret)
    }
}

/// The entries of a batch, each id once, without the ledger's own events.
pub(super) fn recorded(events: &[Event]) -> Result<Vec<(&Event, Recorded)>, SequenceError> {
    let mut batch: Vec<(&Event, Recorded)> = Vec::with_capacity(events.len());
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for event in events.iter().filter(|event| !is_own(event)) {
        let recorded = Recorded::of(event)
            .map_err(|source| SequenceError::Entry { id: event.id.chars().take(60).collect(), source })?;
        match seen.get(event.id.as_str()).and_then(|&at| batch.get(at)) {
            Some((_, before)) if *before == recorded => {}
            Some((before, _)) if before.tenantid != event.tenantid => {
                return Err(SequenceError::OtherTenant(event.id.clone()));
            }
            Some(_) => return Err(SequenceError::EventChanged(event.id.clone())),
            None => {
                seen.insert(&event.id, batch.len());
                batch.push((event, recorded));
            }
        }
    }
    Ok(batch)
}
