//! Proofs of events, for the doors of this and other capabilities.

use std::sync::Arc;

use schemars::JsonSchema;
use scorpius_core::{Blobs, PortError, Store, StoreError, TenantId};
use serde::{Deserialize, Serialize};
use tlog_tiles::record_hash;

use crate::bundle::Witnesses;
use crate::entry::Entry;
use crate::files::BlobFiles;
use crate::hash;
use crate::read;
use crate::records::{Placed, Published, Records, root_of};
use crate::retention::Minimum;

/// That an event is in the log: what a caller of its tenant may see of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProofDocument {
    /// The event.
    pub event_id: String,
    /// Its place in the log, from 0.
    pub index: u64,
    /// What is in the log at that place, in Base64: an HMAC of `entry`. Its key is in an evidence bundle.
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
        let records = Records::new(Arc::clone(&self.store));
        let places: Vec<_> = event_ids.iter().map(|id| (tenant, *id)).collect();
        let placed = records.placed(&places).await.map_err(port)?;
        let published = self.published().await?;
        let minimum = Minimum::of(&*self.store).await.map_err(port)?.index;
        let mut proved = Vec::with_capacity(placed.len());
        for (&event_id, placed) in event_ids.iter().zip(placed) {
            proved.push(match (placed, &published) {
                (Some(placed), Some(published)) if (minimum..published.size).contains(&placed.index) => {
                    Some(self.prove(event_id, placed, published).await?)
                }
                _ => None,
            });
        }
        Ok(proved)
    }

    /// The minimum index, when this event of `tenant` is one that is kept no longer; `None` when nothing says so.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn gone(&self, tenant: &TenantId, event_id: &str) -> Result<Option<u64>, PortError> {
        let minimum = Minimum::of(&*self.store).await.map_err(port)?;
        if minimum.index == 0 {
            return Ok(None);
        }
        let placed = Records::new(Arc::clone(&self.store)).placed(&[(tenant, event_id)]).await;
        let gone = match placed.map_err(port)?.into_iter().next().flatten() {
            Some(placed) => placed.index < minimum.index,
            // Its record is deleted, or there never was one: nobody can tell any more.
            None => minimum.is_before(event_id),
        };
        Ok(gone.then_some(minimum.index))
    }

    /// The minimum index: entries below are gone; 0 when all are kept.
    pub(crate) async fn minimum(&self) -> Result<Minimum, PortError> {
        Minimum::of(&*self.store).await.map_err(port)
    }

    /// The latest checkpoint; `None` before the first entry.
    pub(crate) async fn published(&self) -> Result<Option<Published>, PortError> {
        let head = Records::new(Arc::clone(&self.store)).head().await.map_err(port)?;
        Ok(head.and_then(|read| read.head.published))
    }

    async fn prove(
        &self,
        event_id: &str,
        placed: Placed,
        published: &Published,
    ) -> Result<Proved, PortError> {
        let root = root_of(&published.root)?;
        let leaf_hash = record_hash(&placed.leaf);
        let files = BlobFiles::shared(&*self.blobs);
        let proof = read::prove_inclusion(&files, published.size, &root, placed.index, leaf_hash)
            .await
            .map_err(|error| PortError::new("ledger", error))?;
        let entry = placed.entry()?;
        let document = ProofDocument {
            event_id: event_id.to_owned(),
            index: placed.index,
            leaf: hash::to_text(&tlog_tiles::Hash(placed.leaf)),
            entry,
            proof: proof.iter().map(hash::to_text).collect(),
            checkpoint: published.note.clone(),
            witnesses: published.witnesses,
        };
        Ok(Proved { document, placed })
    }
}

fn port(error: StoreError) -> PortError {
    match error {
        StoreError::Port(error) => error,
        error => PortError::new("store", error),
    }
}
