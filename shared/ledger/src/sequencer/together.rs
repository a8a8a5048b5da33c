//! Step A for several batches that wait, which a store may make durable at once.

use futures::future::{join, join_all};
use scorpius_core::crash::{CrashPoint, point};
use scorpius_core::{Chained, CommitId, Event, Link};
use scorpius_edge::queue::BATCH_EVENTS_MAX;

use super::fresh::{Fresh, recorded};
use super::{Appended, Open, Sequencer};
use crate::entry::Recorded;
use crate::hash::{self, SIZE_MAX};
use crate::pending::Base;
use crate::records::{Head, Placed, ReadHead};

/// Batches whose events are looked for at once.
const LOOKED_MAX: usize = 16;

/// The events of a batch, and where they are.
type Looked<'a> = (Vec<(&'a Event, Recorded)>, Vec<Option<Placed>>);

impl Sequencer {
    /// Commits as many of `batches` as nothing stands against, from the first on, each as a commit of its own that follows the one before, and
    /// answers for these. Whatever is not plain, such as a batch that was there before, a lost race or a port that fails, is left
    /// to `enter`, which finds out what became of it.
    pub(super) async fn enter_together(
        &self,
        open: &mut Option<Open>,
        batches: &[(&str, &[Event])],
    ) -> Vec<Appended> {
        // What is asked here may be of before others' commits: then the conditions of these say so.
        let looked = join_all(batches.iter().take(LOOKED_MAX).map(|(id, events)| self.look(id, events)));
        let (at, looked) = match open.take() {
            Some(at) => (at, looked.await),
            None => match join(self.settle(), looked).await {
                (Ok(read), looked) => (Open { read, base: None }, looked),
                (Err(_), _) => return Vec::new(),
            },
        };
        let mut plain: Vec<(&str, Vec<Fresh<'_>>)> = Vec::new();
        let waits = at.read.as_ref().map(|read| read.head.pending.clone()).unwrap_or_default();
        for ((batch_id, _), looked) in batches.iter().zip(looked) {
            let Some((batch, placed)) = looked else { break };
            let Ok(fresh) = self.fresh(&batch, placed).await else { break };
            let leaves = plain.iter().flat_map(|(_, fresh)| fresh).chain(&fresh).map(|fresh| &fresh.leaf);
            if fresh.is_empty() || !waits.has_room_for(&leaves.collect::<Vec<_>>()) {
                break;
            }
            plain.push((batch_id, fresh));
        }
        if plain.is_empty() {
            *open = Some(at);
            return Vec::new();
        }
        let Some((committed, now_open)) = self.chain(at, &plain).await else { return Vec::new() };
        // What failed leaves nothing open: whoever comes next settles first.
        *open = now_open;
        let entries = plain.iter().map(|(_, fresh)| Appended::Committed { entries: fresh.len() });
        entries.take(committed).collect()
    }

    /// The events of a batch and where they are, when all is as it is most of the time; `None` otherwise.
    async fn look<'a>(&self, batch_id: &str, events: &'a [Event]) -> Option<Looked<'a>> {
        if events.len() > BATCH_EVENTS_MAX {
            return None;
        }
        let batch = recorded(events).ok()?;
        let (known, placed) = join(self.records.has_batch(batch_id), self.placed(&batch)).await;
        match (known, placed) {
            (Ok(false), Ok(placed)) => Some((batch, placed)),
            (Ok(_) | Err(_), _) => None,
        }
    }

    /// How many were committed, and what is open then; `None` when none could be made.
    async fn chain(&self, at: Open, plain: &[(&str, Vec<Fresh<'_>>)]) -> Option<(usize, Option<Open>)> {
        let Open { read, base } = at;
        let base = match (base, &read) {
            (Some(base), _) => base,
            (None, Some(read)) => self.base(&read.head).await.ok()?,
            (None, None) => Base::default(),
        };
        let mut pending = read.as_ref().map(|read| read.head.pending.clone()).unwrap_or_default();
        let published = read.as_ref().and_then(|read| read.head.published.clone());
        let (mut edge, _) = base.with(&pending.0)?;
        let (mut links, mut heads) = (Vec::with_capacity(plain.len()), Vec::with_capacity(plain.len()));
        for (batch_id, fresh) in plain {
            let leaves: Vec<_> = fresh.iter().map(|fresh| fresh.leaf.clone()).collect();
            let first = edge.size();
            if first + leaves.len() as u64 > SIZE_MAX {
                return None;
            }
            // Its tiles are made when all is committed.
            drop(edge.append(&leaves));
            pending.0.extend(leaves);
            let head = Head {
                origin: self.origin.clone(),
                size: edge.size(),
                root: hash::to_text(&edge.root()),
                pending: pending.clone(),
                published: published.clone(),
            };
            let id = CommitId::new(&*self.clock);
            let mut writes = vec![
                // Of the links after the first, the chain says which head they replace.
                self.records.put_head(&head, read.as_ref().map(|read| read.version)),
                self.records.put_batch(batch_id, head.size, id.made_at()),
            ];
            for (index, fresh) in (first..).zip(fresh) {
                let tenant = &fresh.event.tenantid;
                writes.push(self.records.put_event(tenant, &fresh.sealed, fresh.keep_payload, index));
            }
            links.push(Link { id, writes });
            heads.push(head);
        }
        let Chained { versions, stopped } = self.store.commit_chain(&self.records.head_key(), links).await;
        versions.iter().for_each(|_| point(CrashPoint::LedgerCommitted));
        let last = versions.len().checked_sub(1).and_then(|last| heads.into_iter().nth(last));
        let open = match (last, versions.last(), stopped) {
            (Some(head), Some(&version), None) => {
                Some(Open { read: Some(ReadHead { head, version }), base: Some(base) })
            }
            _ => None,
        };
        Some((versions.len(), open))
    }
}
