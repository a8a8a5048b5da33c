//! One hour's step towards the end of what is old enough.

use std::collections::BTreeSet;

use futures::future::try_join_all;
use scorpius_core::operator::{self, first_tenant_of};
use scorpius_core::{
    Actor, Blobs, Clock, CommitId, Condition, Event, ListQuery, PortError, Record, Store, StoreError,
    TenantId, UnixMillis, Write, hold,
};
use scorpius_edge::idempotency::commit_with_retry;

use super::{Announced, HeldBack, KeepDays, Minimum, NOTICE_MS, SLACK_MS, whole};
use crate::anchor::{AnchorError, Anchorer};
use crate::facts::RetentionAdvanced;
use crate::files::{MINIMUM_BYTES_MAX, MINIMUM_FILE};
use crate::holds::HeldOf;
use crate::keys::TENANTS;
use crate::log::{Beginning, LogName};
use crate::payloads::Payloads;
use crate::records::Records;
use crate::search::first_id;
use crate::tile::{Level, TILE_WIDTH, TileName};

/// Records that are read to find what holds protect; with more, nothing moves.
const READ_MAX: u64 = 500_000;
/// Records that are deleted in one run, and those of one commit.
const RECORDS_MAX: usize = 50_000;
const RECORDS_OF_A_COMMIT: usize = 90;
/// Tiles of entries that are deleted in one run, and between two commits.
const TILES_MAX: usize = 200;
const TILES_OF_A_COMMIT: usize = 8;
/// Files that are asked for at once.
const AT_ONCE: usize = 32;

/// Lets entries end. Any number of these may work at once.
pub(crate) struct Retention<'a> {
    pub(crate) ports: (&'a dyn Store, &'a dyn Blobs, &'a dyn Clock),
    pub(crate) anchorer: &'a Anchorer,
    /// Opens what entries are about, where a resource is held.
    pub(crate) payloads: &'a Payloads,
    pub(crate) log: &'a LogName,
    pub(crate) keep: KeepDays,
}

/// A minimum index as it was read, and what a commit must still find.
struct Read {
    minimum: Minimum,
    condition: Condition,
}

/// How far holds let it go, and what a commit must still find so that this is so.
struct Free {
    below: u64,
    holds: Write,
    /// Why no further.
    held: Option<HeldBack>,
}

impl Retention<'_> {
    /// Takes what was announced into effect when it is time, deletes, and announces what is old enough by now. Where a hold or
    /// somebody else comes in between, the step ends, and the next one goes on from there.
    pub(crate) async fn step(&self) -> Result<(), AnchorError> {
        let (store, _, clock) = self.ports;
        // Nobody to tell: the platform was never started.
        let Some(operator) = first_tenant_of(store).await? else { return Ok(()) };
        let old = self.anchorer.anchored_by(self.keep.ends_at(clock.now())).await?;
        let (size, anchored_at) = old.unwrap_or_default();
        let old = whole(size);
        let (minimum, condition) = Minimum::read(store, self.log).await?;
        let read = Read { minimum, condition };
        let Some(read) = self.take_effect(read, old, &operator).await? else { return Ok(()) };
        let Some(read) = self.delete(read, &operator).await? else { return Ok(()) };
        self.announce(read, (old, anchored_at), &operator).await
    }

    /// What was announced is in effect from now on, as far as it is still old enough and nothing holds it.
    async fn take_effect(
        &self,
        read: Read,
        old: u64,
        operator: &TenantId,
    ) -> Result<Option<Read>, AnchorError> {
        let Read { mut minimum, condition } = read;
        let due = |it: &Announced| it.effective_ms <= self.ports.2.now().0;
        let Some(announced) = minimum.announced.clone().filter(due) else {
            return Ok(Some(Read { minimum, condition }));
        };
        // The policy may be a longer one by now.
        let limit = announced.index.min(old).max(minimum.index);
        let free = self.free(minimum.index, limit, announced.until_ms).await?;
        let from = minimum.index;
        minimum.announced = None;
        if free.below > from {
            (minimum.index, minimum.until_ms) = (free.below, announced.until_ms);
        }
        minimum.held = free.held.or(minimum.held.take());
        let mut more = vec![free.holds];
        if free.below < announced.index {
            more.push(self.tell(&mut minimum, (from, free.below), announced.effective_ms, operator));
        }
        self.put(minimum, condition, more).await
    }

    async fn announce(
        &self,
        read: Read,
        (old, until): (u64, UnixMillis),
        operator: &TenantId,
    ) -> Result<(), AnchorError> {
        let Read { mut minimum, condition } = read;
        if minimum.announced.is_some() || old <= minimum.index {
            return Ok(());
        }
        let free = self.free(minimum.index, old, until.0).await?;
        let (from, index) = (minimum.index, free.below);
        if index == from && minimum.held == free.held {
            return Ok(());
        }
        minimum.held = free.held;
        let mut effective_ms = self.ports.2.now().0;
        if index > from {
            effective_ms += NOTICE_MS;
            minimum.announced = Some(Announced { index, until_ms: until.0, effective_ms });
        }
        let told = self.tell(&mut minimum, (from, index), effective_ms, operator);
        self.put(minimum, condition, vec![free.holds, told]).await.map(drop)
    }

    fn tell(
        &self,
        minimum: &mut Minimum,
        (from, to): (u64, u64),
        effective_ms: u64,
        operator: &TenantId,
    ) -> Write {
        minimum.told += 1;
        let actor = Actor {
            name: "system:audit-anchor".to_owned(),
            strength: None,
            network: None,
            traceparent: None,
            hops: 0,
        };
        let log_of = match self.log {
            LogName::Shared => None,
            LogName::Own(tenant) => Some(tenant.to_string()),
        };
        let aggregate = match &log_of {
            None => "ledger_retention".to_owned(),
            Some(tenant) => format!("ledger_retention_{tenant}"),
        };
        let effective_at = UnixMillis(effective_ms).to_string();
        let held = minimum.held.as_ref();
        let fact = RetentionAdvanced {
            from,
            to,
            effective_at,
            held_by: held.map(|held| held.hold.clone()),
            hold_of: held.map(|held| held.tenant.to_string()),
            held_at: held.map(|held| held.index),
            log_of,
        };
        let clock = self.ports.2;
        Write::emit(Event::of(&fact, &aggregate, minimum.told, operator, &actor, clock))
    }

    /// `None` when somebody else was faster, or a hold came in between.
    async fn put(
        &self,
        minimum: Minimum,
        condition: Condition,
        more: Vec<Write>,
    ) -> Result<Option<Read>, AnchorError> {
        let mut writes = vec![minimum.put(self.log, condition)];
        writes.extend(more);
        let version = self.commit(&writes).await?;
        Ok(version.map(|version| Read { minimum, condition: Condition::VersionIs(version) }))
    }

    async fn commit(&self, writes: &[Write]) -> Result<Option<u64>, AnchorError> {
        let (store, _, clock) = self.ports;
        match commit_with_retry(store, CommitId::new(clock), writes).await {
            Ok(version) => Ok(Some(version)),
            Err(StoreError::Conflict { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes what is denied: records, then tiles of entries, and then that it is done is noted.
    async fn delete(&self, read: Read, operator: &TenantId) -> Result<Option<Read>, AnchorError> {
        let Read { mut minimum, mut condition } = read;
        if minimum.index == 0 {
            return Ok(Some(Read { minimum, condition }));
        }
        // Readers of files are told before anything is missing, and again should an older one have been written over it.
        let (name, said) = (self.log.blob(MINIMUM_FILE)?, format!("{}\n", minimum.index));
        let blobs = self.ports.1;
        if blobs.get(&name, MINIMUM_BYTES_MAX).await?.is_none_or(|there| there != said) {
            blobs.put(&name, said.into()).await?;
        }
        if minimum.deleted == minimum.index {
            return Ok(Some(Read { minimum, condition }));
        }
        let free = self.free(minimum.deleted, minimum.index, minimum.until_ms).await?;
        if free.held.is_some() && free.held != minimum.held {
            // It came after the effect: what it keeps is denied, and not deleted.
            minimum.held = free.held.clone();
            let (index, now) = (minimum.index, self.ports.2.now().0);
            let told = self.tell(&mut minimum, (index, index), now, operator);
            match self.put(minimum, condition, vec![free.holds.clone(), told]).await? {
                Some(read) => Read { minimum, condition } = read,
                None => return Ok(None),
            }
        }
        if !self.delete_records(&free, minimum.until_ms).await? {
            return Ok(None);
        }
        let width = u64::from(TILE_WIDTH);
        let tiles: Vec<_> = (minimum.deleted / width..free.below / width).take(TILES_MAX).collect();
        for tiles in tiles.chunks(TILES_OF_A_COMMIT) {
            let names = tiles.iter().flat_map(|tile| (1..=TILE_WIDTH).map(|width| (*tile, width)));
            let names: Vec<_> = names.collect();
            for names in names.chunks(AT_ONCE) {
                let deletions: Vec<_> =
                    names.iter().map(|(tile, width)| self.delete_tile(*tile, *width)).collect();
                try_join_all(deletions).await?;
            }
            minimum.deleted += width * tiles.len() as u64;
            match self.put(minimum, condition, vec![free.holds.clone()]).await? {
                Some(read) => Read { minimum, condition } = read,
                None => return Ok(None),
            }
        }
        Ok(Some(Read { minimum, condition }))
    }

    /// `false` when there is more to do, or a hold came in between.
    async fn delete_records(&self, free: &Free, until_ms: u64) -> Result<bool, AnchorError> {
        let mut deleted = 0;
        for tenant in self.tenants().await? {
            let mut query = self.entries_of(&tenant, until_ms).await?;
            loop {
                let page = self.ports.0.list(&query).await?;
                let mut deletions = Vec::new();
                for record in &page.records {
                    let placed = Records::placed_in(record)?;
                    if placed.kind == self.log.kind() && placed.index < free.below {
                        deletions
                            .push(Write::Delete { key: record.key.clone(), condition: Condition::Always });
                    }
                }
                deleted += deletions.len();
                for deletions in deletions.chunks(RECORDS_OF_A_COMMIT) {
                    let mut writes = vec![free.holds.clone()];
                    writes.extend_from_slice(deletions);
                    if self.commit(&writes).await?.is_none() {
                        return Ok(false);
                    }
                }
                match page.cursor {
                    Some(_) if deleted >= RECORDS_MAX => return Ok(false),
                    Some(cursor) => query.cursor = Some(cursor),
                    None => break,
                }
            }
        }
        Ok(true)
    }

    /// Of partial tiles nobody knows which there were.
    async fn delete_tile(&self, tile: u64, width: u16) -> Result<(), PortError> {
        let name = TileName::new(Level::Entries, tile, width);
        let name = self.log.blob(&name.map_err(|error| PortError::new("blobs", error))?.to_string())?;
        let blobs = self.ports.1;
        match blobs.get_range(&name, 0..1).await? {
            Some(_) => blobs.delete(&name).await,
            None => Ok(()),
        }
    }

    /// How far below `limit` no entry is held: the lowest that is, if any, and all in its tile, are kept.
    async fn free(&self, from: u64, limit: u64, until_ms: u64) -> Result<Free, AnchorError> {
        let store = self.ports.0;
        // First what changes with each hold: one that is placed after this fails the commit.
        let changes = store.get(&hold::changes()).await?;
        let holds = Write::Check {
            key: hold::changes(),
            condition: changes.map_or(Condition::Absent, |record| Condition::VersionIs(record.version)),
        };
        let (mut below, mut back, mut read) = (limit, None, 0);
        for tenant in self.tenants().await? {
            let held = HeldOf::read(store, &tenant).await?;
            if held.is_empty() {
                continue;
            }
            let mut query = self.entries_of(&tenant, until_ms).await?;
            loop {
                let page = store.list(&query).await?;
                read += page.records.len() as u64;
                if let Some((index, hold)) = self.first_held(&tenant, &held, &page.records, below).await? {
                    (below, back) = (index, Some(HeldBack { hold, tenant: tenant.clone(), index }));
                }
                if read > READ_MAX {
                    tracing::warn!(%tenant, "too much is read to find what is held: nothing ends");
                    below = from;
                    back = held.any().map(|hold| HeldBack { hold, tenant: tenant.clone(), index: from });
                }
                match page.cursor {
                    Some(cursor) if below > from => query.cursor = Some(cursor),
                    _ => break,
                }
            }
        }
        Ok(Free { below: whole(below).max(from), holds, held: back })
    }

    /// The lowest entry of these below `below` that is held, and by which hold.
    async fn first_held(
        &self,
        tenant: &TenantId,
        held: &HeldOf,
        records: &[Record],
        below: u64,
    ) -> Result<Option<(u64, String)>, AnchorError> {
        let mut entries = Vec::new();
        for record in records {
            let placed = Records::placed_in(record)?;
            if placed.kind == self.log.kind() && placed.index < below {
                entries.push((placed.entry()?, placed));
            }
        }
        let pairs: Vec<_> = entries.iter().map(|(entry, placed)| (entry, placed)).collect();
        let on = held.on(self.payloads, tenant, &pairs).await?;
        let on = pairs.iter().zip(on).filter_map(|((_, placed), hold)| Some((placed.index, hold?)));
        Ok(on.min().map(|(index, hold)| (index, hold.to_owned())))
    }

    /// Everybody who can have entries in this log.
    async fn tenants(&self) -> Result<BTreeSet<TenantId>, AnchorError> {
        if let LogName::Own(tenant) = self.log {
            return Ok(BTreeSet::from([tenant.clone()]));
        }
        let mut tenants = BTreeSet::new();
        for partition in [TENANTS, operator::TENANTS] {
            for record in self.all(ListQuery::all(partition)).await? {
                tenants.insert(record.key.sort.parse().map_err(|error| PortError::new("store", error))?);
            }
        }
        Ok(tenants)
    }

    async fn entries_of(&self, tenant: &TenantId, until_ms: u64) -> Result<ListQuery, StoreError> {
        let own = self.anchorer.own_logs().of(tenant).await?;
        Ok(of_tenant(self.log, tenant, until_ms, own.as_ref()))
    }

    async fn all(&self, mut query: ListQuery) -> Result<Vec<Record>, StoreError> {
        let mut all = Vec::new();
        loop {
            let page = self.ports.0.list(&query).await?;
            all.extend(page.records);
            match page.cursor {
                Some(cursor) => query.cursor = Some(cursor),
                None => return Ok(all),
            }
        }
    }
}

/// A tenant's entries that can be below a minimum index of this log: those of its other log are before or after them.
fn of_tenant(log: &LogName, tenant: &TenantId, until_ms: u64, own: Option<&Beginning>) -> ListQuery {
    let until = until_ms.saturating_add(SLACK_MS);
    let all = ListQuery::all(Records::events_of(tenant));
    match (log, own) {
        (LogName::Shared, Some(own)) => {
            let until = until.min(own.since_ms.saturating_add(SLACK_MS));
            ListQuery { until: Some(first_id(until)), ..all }
        }
        (LogName::Own(_), Some(own)) => {
            let from = own.since_ms.saturating_sub(SLACK_MS);
            ListQuery { from: Some(first_id(from)), until: Some(first_id(until.max(from))), ..all }
        }
        (LogName::Shared | LogName::Own(_), None) => ListQuery { until: Some(first_id(until)), ..all },
    }
}
