//! One run: every feed is asked, what is believed becomes the next snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, try_join_all};
use scorpius_core::{
    Actor, BlobName, Blobs, Clock, CommitId, Condition, Egress, Event, PortError, Store, StoreError,
    TenantId, UnixMillis, Write,
};
use scorpius_risk::intel::{BadSnapshot, ListHead, Pointer, build, pointer_key};
use scorpius_risk::lists::ListKind;

use crate::events::{FeedRefused, ListChange, SnapshotPublished};
use crate::feed::{ALLOWED, Feed, FeedState, Format, Refused, state_key};
use crate::fetch::{Answer, fetch};
use crate::formats::{Parsed, misp_event, misp_manifest, parse};
use crate::judge::{Refusal, judge};
use crate::list::{Difference, List};

const SNAPSHOTS: &str = "intel-snapshots";
/// Feeds that are asked at the same time.
const FEEDS_AT_ONCE: usize = 4;
/// For how long further documents of one feed are asked for.
const FOLDER_MS: u64 = 60_000;

/// Reads the feeds.
pub struct Sync {
    /// Has the pointer and what is known of each feed.
    pub store: Arc<dyn Store>,
    /// Has lists and snapshots.
    pub blobs: Arc<dyn Blobs>,
    /// The way out.
    pub egress: Arc<dyn Egress>,
    /// Time and ids.
    pub clock: Arc<dyn Clock>,
    /// What to read.
    pub feeds: Vec<Feed>,
}

/// Why a run ended early. What counted before still counts, and the next run begins anew.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The store said no; another run may have been faster.
    #[error("the lists could not be published")]
    Store(#[from] StoreError),
    /// The blobs did not answer.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The lists make no snapshot.
    #[error(transparent)]
    Snapshot(#[from] BadSnapshot),
}

/// What became of one feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it was.
    Unchanged,
    /// Read, and it says something new.
    Read {
        /// Rows that the list before did not have.
        added: u64,
        /// Rows that only the list before had.
        removed: u64,
    },
    /// Not believed, in words.
    Refused(String),
}

/// What one feed has after a run.
struct Turn {
    outcome: Outcome,
    state: Option<FeedState>,
    /// The version of the state's record that was read.
    version: Option<u64>,
    changed: bool,
    /// Lists that were read in this run.
    lists: Vec<List>,
    differences: Vec<Difference>,
    /// Its refusal is new.
    told: Option<FeedRefused>,
}

impl Sync {
    /// Asks every feed once and publishes a snapshot if any list is another one than before. The operator's
    /// events tell of it; before the first start there is no operator, nobody to judge anything for, and so
    /// nothing is asked.
    ///
    /// # Errors
    /// `SyncError`. A feed that is refused is no error.
    pub async fn run(&self, operator: Option<&TenantId>) -> Result<BTreeMap<String, Outcome>, SyncError> {
        let Some(tenant) = operator else { return Ok(BTreeMap::new()) };
        let pointer = self.store.get(&pointer_key()).await?;
        let (current, pointer_version) = match &pointer {
            Some(record) => {
                let pointer: Pointer = record.document().map_err(StoreError::from)?;
                (Some(pointer), Some(record.version))
            }
            None => (None, None),
        };
        // Sixteen feeds that do not answer take less than a function's time.
        let mut turns = Vec::new();
        for feeds in self.feeds.chunks(FEEDS_AT_ONCE) {
            let at_once: Vec<BoxFuture<'_, Result<Turn, SyncError>>> =
                feeds.iter().map(|feed| self.turn(feed).boxed()).collect();
            turns.extend(try_join_all(at_once).await?);
        }
        let heads: Vec<ListHead> = turns
            .iter()
            .filter_map(|turn| turn.state.as_ref())
            .flat_map(|state| state.lists.clone())
            .collect();
        let was = current.as_ref().map(|pointer| pointer.lists.as_slice()).unwrap_or_default();

        let actor = Actor {
            name: "system:intel-sync".to_owned(),
            strength: None,
            network: None,
            traceparent: None,
            hops: 0,
        };
        let mut writes = Vec::new();
        for (feed, turn) in self.feeds.iter().zip(&turns) {
            if let (true, Some(state)) = (turn.changed, &turn.state) {
                let condition = turn.version.map_or(Condition::Absent, Condition::VersionIs);
                writes.push(Write::put(state_key(&feed.name), state, condition));
            }
            if let Some(told) = &turn.told {
                let sequence = turn.state.as_ref().map_or(1, |state| state.told);
                let event = Event::of(told, &feed.name, sequence, tenant, &actor, &*self.clock);
                writes.push(Write::emit(event));
            }
        }
        if heads != was {
            let next = self.snapshot(&heads, &turns, current.as_ref()).await?;
            let changes = heads.iter().map(|head| change(head, was, &turns));
            let fact =
                SnapshotPublished { number: next.number, blob: next.blob.clone(), lists: changes.collect() };
            let event = Event::of(&fact, "intel", next.number, tenant, &actor, &*self.clock);
            let condition = pointer_version.map_or(Condition::Absent, Condition::VersionIs);
            writes.push(Write::put(pointer_key(), &next, condition));
            writes.push(Write::emit(event));
        }
        if !writes.is_empty() {
            self.store.commit(CommitId::new(&*self.clock), &writes).await?;
        }
        let outcomes = self.feeds.iter().map(|feed| feed.name.clone()).zip(turns);
        Ok(outcomes.map(|(name, turn)| (name, turn.outcome)).collect())
    }

    async fn turn(&self, feed: &Feed) -> Result<Turn, SyncError> {
        let record = self.store.get(&state_key(&feed.name)).await?;
        let (before, version) = match &record {
            Some(record) => {
                let state: FeedState = record.document().map_err(StoreError::from)?;
                (Some(state), Some(record.version))
            }
            None => (None, None),
        };
        let read = self.read(feed, before.as_ref()).await;
        let read = match read {
            Ok(Some((parsed, etag))) => judge(feed, before.as_ref(), &parsed).map(|()| Some((parsed, etag))),
            other => other,
        };
        let listed = match read {
            Ok(Some((parsed, etag))) => {
                let mut had = Vec::new();
                for head in before.iter().flat_map(|state| &state.lists) {
                    had.push(List::load(&*self.blobs, head).await?);
                }
                self.lists(feed, parsed, &had).map(|made| Some((made, etag, had)))
            }
            Ok(None) => Ok(None),
            Err(refusal) => Err(refusal),
        };
        let today = self.today();
        match listed {
            Err(refusal) => Ok(self.refused(feed, before, version, &refusal)),
            // As it was at the last reading, and so it is as old as this one, unless its maker dates it.
            Ok(None) => {
                let mut state = before.clone().unwrap_or_default();
                if !state.dated {
                    state.lists.iter_mut().for_each(|list| list.as_of.clone_from(&today));
                }
                let changed = state.refused.take().is_some() || Some(&state) != before.as_ref();
                if changed {
                    state.read_at = self.clock.now().to_string();
                }
                Ok(Turn {
                    outcome: Outcome::Unchanged,
                    state: Some(state),
                    version,
                    changed,
                    lists: Vec::new(),
                    differences: Vec::new(),
                    told: None,
                })
            }
            Ok(Some(((lists, dated), etag, had))) => {
                let differences: Vec<_> = lists
                    .iter()
                    .enumerate()
                    .map(|(at, list)| list.since(had.get(at).map_or(&[], |had| had.rows.as_slice())))
                    .collect();
                for list in &lists {
                    list.keep(&*self.blobs).await?;
                }
                let heads: Vec<_> = lists.iter().map(|list| list.head.clone()).collect();
                let same = before.as_ref().is_some_and(|state| {
                    state.lists.iter().map(|list| &list.version).eq(heads.iter().map(|list| &list.version))
                });
                let state = FeedState {
                    lists: heads,
                    etag,
                    dated,
                    read_at: self.clock.now().to_string(),
                    refused: None,
                    told: before.as_ref().map_or(0, |state| state.told),
                };
                let (added, removed) = differences
                    .iter()
                    .fold((0, 0), |(added, removed), one| (added + one.added, removed + one.removed));
                Ok(Turn {
                    outcome: if same { Outcome::Unchanged } else { Outcome::Read { added, removed } },
                    state: Some(state),
                    version,
                    changed: true,
                    lists,
                    differences,
                    told: None,
                })
            }
        }
    }

    /// The last good list stays, and the first of several refusals for one reason is told.
    fn refused(
        &self,
        feed: &Feed,
        before: Option<FeedState>,
        version: Option<u64>,
        refusal: &Refusal,
    ) -> Turn {
        let reason: String = refusal.to_string().chars().take(300).collect();
        tracing::warn!(feed = feed.name, reason, "a feed was refused");
        let new =
            before.as_ref().and_then(|state| state.refused.as_ref()).is_none_or(|was| was.reason != reason);
        let mut state = before.unwrap_or_default();
        let told = new.then(|| FeedRefused {
            feed: feed.name.clone(),
            reason: reason.clone(),
            stays_as_of: state.lists.first().map(|list| list.as_of.clone()),
        });
        if new {
            state.told += 1;
            state.refused = Some(Refused { reason: reason.clone(), since: self.clock.now().to_string() });
        }
        Turn {
            outcome: Outcome::Refused(reason),
            state: Some(state),
            version,
            changed: new,
            lists: Vec::new(),
            differences: Vec::new(),
            told,
        }
    }

    /// What the feed says; `None` when it says that nothing changed.
    async fn read(
        &self,
        feed: &Feed,
        before: Option<&FeedState>,
    ) -> Result<Option<(Parsed, Option<String>)>, Refusal> {
        let etag = before.and_then(|state| state.etag.as_deref());
        let url = match feed.format {
            Format::Misp => format!("{}/manifest.json", feed.url.trim_end_matches('/')),
            _ => feed.url.clone(),
        };
        let answer = fetch(&*self.egress, &url, etag, feed.bytes_max).await?;
        let Answer::Changed { body, etag } = answer else { return Ok(None) };
        if feed.format != Format::Misp {
            return Ok(Some((parse(feed, &body)?.settled(), etag)));
        }
        let (events, as_of) = misp_manifest(&body)?;
        let (mut parsed, mut left) = (Parsed { as_of, ..Parsed::default() }, feed.bytes_max);
        let begun = self.clock.now();
        for id in events {
            if self.clock.now().since_ms(begun) > FOLDER_MS {
                return Err(Refusal::TooMuch("its documents take more than a minute"));
            }
            let url = format!("{}/{id}.json", feed.url.trim_end_matches('/'));
            let Answer::Changed { body, .. } = fetch(&*self.egress, &url, None, left).await? else {
                return Err(Refusal::Status(304));
            };
            left = left.saturating_sub(body.len());
            misp_event(&feed.says(), &body, &mut parsed)?;
        }
        Ok(Some((parsed.settled(), etag)))
    }

    /// The lists of one reading: what it says and, if it says so, what it allows; and whether it is dated.
    fn lists(&self, feed: &Feed, parsed: Parsed, had: &[List]) -> Result<(Vec<List>, bool), Refusal> {
        let (dated, today) = (parsed.as_of.is_some(), self.today());
        let as_of = parsed.as_of.unwrap_or(today);
        let rows = |at: usize| had.get(at).map_or(&[][..], |list| list.rows.as_slice());
        let mut lists = vec![List::of(&feed.name, feed.kind, &as_of, parsed.rows, rows(0))?];
        if !parsed.allowed.is_empty() {
            let name = format!("{}{ALLOWED}", feed.name);
            lists.push(List::of(&name, ListKind::Registry, &as_of, parsed.allowed, rows(1))?);
        }
        Ok((lists, dated))
    }

    async fn snapshot(
        &self,
        heads: &[ListHead],
        turns: &[Turn],
        current: Option<&Pointer>,
    ) -> Result<Pointer, SyncError> {
        let mut lists = Vec::new();
        for head in heads {
            let read = turns.iter().flat_map(|turn| &turn.lists).find(|list| list.head == *head);
            let rows = match read {
                Some(list) => list.rows.clone(),
                None => List::load(&*self.blobs, head).await?.rows,
            };
            lists.push((head.clone(), rows));
        }
        let built = build(&lists)?;
        let blob = BlobName::of_content(SNAPSHOTS, &built.bytes);
        self.blobs.put_if_absent(&blob, built.bytes).await?;
        Ok(Pointer {
            blob: blob.to_string(),
            head_bytes: built.head_bytes,
            head_sha256: built.head_sha256,
            published_at: self.clock.now().to_string(),
            number: current.map_or(1, |pointer| pointer.number + 1),
            lists: heads.to_vec(),
        })
    }

    fn today(&self) -> String {
        let now: UnixMillis = self.clock.now();
        now.to_string().chars().take(10).collect()
    }
}

fn change(head: &ListHead, was: &[ListHead], turns: &[Turn]) -> ListChange {
    let read = turns.iter().flat_map(|turn| turn.lists.iter().zip(&turn.differences));
    let difference = read.filter(|(list, _)| list.head == *head).map(|(_, difference)| *difference).next();
    let is_new = !was.iter().any(|list| list.name == head.name);
    let difference = difference.unwrap_or(Difference {
        // A feed that was taken up again with the list that it had.
        added: if is_new { head.rows } else { 0 },
        removed: 0,
    });
    ListChange {
        name: head.name.clone(),
        version: head.version.clone(),
        as_of: head.as_of.clone(),
        rows: head.rows,
        added: difference.added,
        removed: difference.removed,
    }
}
