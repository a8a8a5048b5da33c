//! Proofs of events, for the doors of this and other capabilities.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use scorpius_core::{Blobs, PortError, Store, StoreError, TenantId};
use serde::{Deserialize, Serialize};
use tlog_tiles::record_hash;

use crate::bundle::Witnesses;
use crate::entry::Entry;
use crate::files::BlobFiles;
use crate::hash;
use crate::log::{Beginning, LogKind, LogName, OwnLogs};
use crate::read;
use crate::records::{Placed, Published, Records, root_of};
use crate::retention::Minimum;

/// That an event is in the log: what a caller of its tenant may see of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProofDocument {
    /// The event.
    pub event_id: String,
    /// Its place in the log that the checkpoint names, from 0.
    pub index: u64,
    /// What is in the log at that place, in Base64. In the shared log an HMAC of `entry`, whose key is in an evidence bundle; in a tenant's
    /// own log `entry` itself, as RFC 8785 JSON.
    pub leaf: String,
    /// What the ledger says of the event; what it commits to is in an evidence bundle.
    pub entry: Entry,
    /// RFC 6962 inclusion proof, nearest sibling first, in Base64.
    pub proof: Vec<String>,
    /// The log's checkpoint as a signed note (C2SP).
    pub checkpoint: String,
    /// By how many of how many witnesses the checkpoint is cosigned.
    pub witnesses: Witnesses,
}

/// Makes proofs from the records and the tiles. Needs no key.
#[derive(Clone)]
pub struct Proofs {
    /// Knows where events are.
    pub store: Arc<dyn Store>,
    /// Has the tiles.
    pub blobs: Arc<dyn Blobs>,
}

/// An event in the log, with what proves it.
pub(crate) struct Proved {
    pub(crate) document: ProofDocument,
    pub(crate) placed: Placed,
}

impl Proofs {
    /// The proof that this event of `tenant` is in the log; `None` when there is no such event, it is another
    /// tenant's, or the published checkpoint does not cover it yet.
    ///
    /// # Errors
    /// When a port fails, or the tiles are not those of the checkpoint.
    pub async fn of_event(
        &self,
        tenant: &TenantId,
        event_id: &str,
    ) -> Result<Option<ProofDocument>, PortError> {
        let proved = self.of_events(tenant, &[event_id]).await?;
        Ok(proved.into_iter().next().flatten().map(|proved| proved.document))
    }

    /// As `of_event`, for several of one checkpoint, in the order asked; at most 200.
    pub(crate) async fn of_events(
        &self,
        tenant: &TenantId,
        event_ids: &[&str],
    ) -> Result<Vec<Option<Proved>>, PortError> {
        let records = Records::new(Arc::clone(&self.store), LogName::Shared);
        let places: Vec<_> = event_ids.iter().map(|id| (tenant, *id)).collect();
        let placed = records.placed(&places).await.map_err(port)?;
        let mut states = States::new(&self.store, tenant);
        let mut proved = Vec::with_capacity(placed.len());
        for (&event_id, placed) in event_ids.iter().zip(placed) {
            let Some(placed) = placed else {
                proved.push(None);
                continue;
            };
            let state = states.of(placed.kind).await?;
            proved.push(match &state.published {
                Some(published) if (state.minimum.index..published.size).contains(&placed.index) => {
                    let log = placed.kind.of(tenant);
                    Some(self.prove(&log, event_id, placed, published).await?)
                }
                _ => None,
            });
        }
        Ok(proved)
    }

    /// Which log would have this event of `tenant`, of which there is no record.
    async fn kind_of(&self, tenant: &TenantId, event_id: &str) -> Result<LogKind, PortError> {
        let beginning = OwnLogs::new(Arc::clone(&self.store)).of(tenant).await.map_err(port)?;
        Ok(Beginning::kind_of(beginning.as_ref(), event_id))
    }

    /// The minimum index, when this event of `tenant` is one that is kept no longer; `None` when nothing says so.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn gone(&self, tenant: &TenantId, event_id: &str) -> Result<Option<u64>, PortError> {
        let shared = self.minimum(&LogName::Shared).await?;
        let own = self.minimum(&LogName::Own(tenant.clone())).await?;
        if shared.index == 0 && own.index == 0 {
            return Ok(None);
        }
        let records = Records::new(Arc::clone(&self.store), LogName::Shared);
        let placed = records.placed(&[(tenant, event_id)]).await.map_err(port)?.into_iter().next().flatten();
        let kind = match &placed {
            Some(placed) => placed.kind,
            None => self.kind_of(tenant, event_id).await?,
        };
        let minimum = match kind {
            LogKind::Shared => shared,
            LogKind::Own => own,
        };
        let gone = match placed {
            Some(placed) => placed.index < minimum.index,
            // Its record is deleted, or there never was one: nobody can tell any more.
            None => minimum.is_before(event_id),
        };
        Ok(gone.then_some(minimum.index))
    }

    /// The minimum index of a log: entries below are gone; 0 when all are kept.
    pub(crate) async fn minimum(&self, log: &LogName) -> Result<Minimum, PortError> {
        Minimum::of(&*self.store, log).await.map_err(port)
    }

    /// A log's latest checkpoint; `None` before its first entry.
    pub(crate) async fn published(&self, log: &LogName) -> Result<Option<Published>, PortError> {
        let head = Records::new(Arc::clone(&self.store), log.clone()).head().await.map_err(port)?;
        Ok(head.and_then(|read| read.head.published))
    }

    async fn prove(
        &self,
        log: &LogName,
        event_id: &str,
        placed: Placed,
        published: &Published,
    ) -> Result<Proved, PortError> {
        let root = root_of(&published.root)?;
        let leaf_hash = record_hash(&placed.leaf);
        let files = BlobFiles::of(&*self.blobs, log);
        let proof = read::prove_inclusion(&files, published.size, &root, placed.index, leaf_hash)
            .await
            .map_err(|error| PortError::new("ledger", error))?;
        let entry = placed.entry()?;
        let document = ProofDocument {
            event_id: event_id.to_owned(),
            index: placed.index,
            leaf: STANDARD.encode(&placed.leaf),
            entry,
            proof: proof.iter().map(hash::to_text).collect(),
            checkpoint: published.note.clone(),
            witnesses: published.witnesses,
        };
        Ok(Proved { document, placed })
    }
}

/// Where a log stands.
pub(crate) struct State {
    /// Its latest checkpoint.
    pub(crate) published: Option<Published>,
    /// Where it begins.
    pub(crate) minimum: Minimum,
}

impl State {
    /// Whether a checkpoint covers this place.
    pub(crate) fn covers(&self, index: u64) -> bool {
        self.published.as_ref().is_some_and(|published| index < published.size)
    }
}

/// Where the logs of one tenant stand, each read once, when it is first needed: most tenants have no entry in a log of their own.
pub(crate) struct States<'a> {
    store: &'a Arc<dyn Store>,
    tenant: &'a TenantId,
    read: BTreeMap<LogKind, State>,
}

impl<'a> States<'a> {
    pub(crate) fn new(store: &'a Arc<dyn Store>, tenant: &'a TenantId) -> Self {
        Self { store, tenant, read: BTreeMap::new() }
    }

    /// Where the records are, and whose.
    pub(crate) fn whose(&self) -> (&'a dyn Store, &'a TenantId) {
        (&**self.store, self.tenant)
    }

    /// Where the log of this kind stands, if it was read.
    pub(crate) fn known(&self, kind: LogKind) -> Option<&State> {
        self.read.get(&kind)
    }

    /// Where the log of this kind stands.
    pub(crate) async fn of(&mut self, kind: LogKind) -> Result<&State, PortError> {
        match self.read.entry(kind) {
            Slot::Occupied(read) => Ok(read.into_mut()),
            Slot::Vacant(missing) => {
                let log = kind.of(self.tenant);
                let head = Records::new(Arc::clone(self.store), log.clone()).head().await.map_err(port)?;
                let published = head.and_then(|read| read.head.published);
                let minimum = Minimum::of(&**self.store, &log).await.map_err(port)?;
                Ok(missing.insert(State { published, minimum }))
            }
        }
    }
}

fn port(error: StoreError) -> PortError {
    match error {
        StoreError::Port(error) => error,
        error => PortError::new("store", error),
    }
}
