//! Searching a tenant's entries: a stretch of time, from either end, a bounded number of records at a time.
//!
//! Entries need no index of their own. An event's id is a UUIDv7, and the records of a tenant's entries lie in
//! the order of these ids: a stretch of time is a stretch of the partition, and what the sequencer has
//! committed is found at once, whether or not a checkpoint covers it yet.

use scorpius_core::event::matches_kind;
use scorpius_core::{ListQuery, Record, StoreError, TenantId, UnixMillis, id};

use crate::entry::{Entry, Payload};
use crate::log::LogKind;
use crate::payloads::Payloads;
use crate::proofs::States;
use crate::records::{Placed, Records};

/// The longest stretch that one search may ask for: 366 days.
pub(crate) const RANGE_MS_MAX: u64 = 366 * 86_400_000;
/// Records that are read for one page, whether or not they are what is looked for.
const READ_MAX: usize = 1_000;
/// Records of one read of the store.
const STEP: usize = 200;
/// Reads for one page; a read may bring none and still not be at the end.
const STEPS_MAX: usize = 50;
/// Bytes of entries and data in one page: Lambda answers with 6 MB.
const BYTES_MAX: usize = 3_000_000;
/// An event's id and its time are taken from one clock one after the other.
const SLACK_MS: u64 = 1_000;

/// What is looked for: all that is named must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Search {
    /// The first moment, inclusive.
    pub(crate) from: UnixMillis,
    /// The last moment, exclusive.
    pub(crate) until: UnixMillis,
    /// A type, or what types begin with and a closing `*`.
    pub(crate) kind: Option<String>,
    /// Who caused it.
    pub(crate) actor: Option<String>,
    /// What it is about.
    pub(crate) resource: Option<String>,
    /// The pseudonym of a person that it is about.
    pub(crate) subject: Option<String>,
    /// From the oldest on, in place of from the newest back.
    pub(crate) ascending: bool,
}

/// An entry that was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    /// What the ledger says.
    pub(crate) entry: Entry,
    /// Where it is, from 0.
    pub(crate) index: u64,
    /// In which log.
    pub(crate) kind: LogKind,
    /// What it commits to; `None` when it is erased, or was not asked for.
    pub(crate) payload: Option<Payload>,
}

/// One page of what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// In order.
    pub(crate) hits: Vec<Hit>,
    /// Records that were read for it.
    pub(crate) read: usize,
    /// The id after which to go on; `None` at the end.
    pub(crate) last: Option<String>,
}

impl Search {
    /// Whether what an entry says without its payload is looked for.
    fn wants_entry(&self, entry: &Entry) -> bool {
        let in_time = entry.ts.parse().is_ok_and(|at: UnixMillis| (self.from..self.until).contains(&at));
        in_time
            && self.kind.as_deref().is_none_or(|pattern| matches_kind(pattern, &entry.kind))
            && self.subject.as_ref().is_none_or(|subject| entry.subjects.contains(subject))
    }

    /// Whether what it commits to is looked for. What is erased can be found by what is left of it alone.
    fn wants_payload(&self, payload: Option<&Payload>) -> bool {
        let is = |wanted: &Option<String>, has: Option<&String>| wanted.is_none() || wanted.as_ref() == has;
        is(&self.actor, payload.map(|payload| &payload.actor))
            && is(&self.resource, payload.map(|payload| &payload.aggregate))
    }

    /// Up to `limit` entries of `tenant`, going on after `last`; with what they commit to, if `payloads` opens it.
    ///
    /// # Errors
    /// When the store fails, or a record is not ours.
    pub(crate) async fn page(
        &self,
        states: &mut States<'_>,
        payloads: Option<&Payloads>,
        limit: usize,
        last: Option<&str>,
    ) -> Result<Found, StoreError> {
        let (store, tenant) = states.whose();
        let mut query = self.query(tenant, last);
        let (mut found, mut bytes) = (Found::default(), 0);
        let mut seen = None;
        for _ in 0..STEPS_MAX {
            let page = store.list(&query).await?;
            let mut read = self.read(payloads, states, &page.records).await?.into_iter().peekable();
            while let Some((id, size, hit)) = read.next() {
                found.read += 1;
                seen = Some(id);
                if let Some(hit) = hit {
                    bytes += size;
                    found.hits.push(hit);
                }
                if found.hits.len() >= limit || found.read >= READ_MAX || bytes >= BYTES_MAX {
                    let more = read.peek().is_some() || page.cursor.is_some();
                    found.last = seen.filter(|_| more);
                    return Ok(found);
                }
            }
            match page.cursor {
                Some(cursor) => query.cursor = Some(cursor),
                None => return Ok(found),
            }
        }
        found.last = seen;
        match found.last {
            Some(_) => Ok(found),
            None => Err(StoreError::Busy),
        }
    }

    /// The records' ids and sizes, and those of them that are looked for.
    async fn read(
        &self,
        payloads: Option<&Payloads>,
        states: &mut States<'_>,
        records: &[Record],
    ) -> Result<Vec<(String, usize, Option<Hit>)>, StoreError> {
        let mut read = Vec::with_capacity(records.len());
        for record in records {
            let placed = Records::placed_in(record)?;
            let is_kept = placed.index >= states.of(placed.kind).await?.minimum.index;
            read.push((record.key.sort.clone(), placed.entry()?, placed, is_kept));
        }
        let wants = |entry: &Entry, is_kept: bool| is_kept && self.wants_entry(entry);
        let wanted: Vec<_> = read.iter().filter(|(_, entry, _, is_kept)| wants(entry, *is_kept)).collect();
        let mut opened = match payloads {
            Some(payloads) => {
                let pairs: Vec<_> = wanted.iter().map(|(_, entry, placed, _)| (entry, placed)).collect();
                payloads.open(states.whose().1, &pairs).await?.into_iter()
            }
            None => wanted.iter().map(|_| None).collect::<Vec<_>>().into_iter(),
        };
        let read = read.into_iter().map(|(id, entry, placed, is_kept)| {
            if !wants(&entry, is_kept) {
                return (id, 0, None);
            }
            let payload = opened.next().flatten().map(|opened| opened.payload);
            let size = placed.entry.len() + placed.payload.as_ref().map_or(0, Vec::len);
            let wanted = self.wants_payload(payload.as_ref());
            let Placed { index, kind, .. } = placed;
            (id, size, wanted.then_some(Hit { entry, index, kind, payload }))
        });
        Ok(read.collect())
    }

    fn query(&self, tenant: &TenantId, last: Option<&str>) -> ListQuery {
        let mut query = ListQuery {
            from: Some(first_id(self.from.0.saturating_sub(SLACK_MS))),
            until: Some(first_id(self.until.0.saturating_add(SLACK_MS))),
            descending: !self.ascending,
            limit: STEP,
            ..ListQuery::all(Records::events_of(tenant))
        };
        match last {
            // All ids have one length: nothing lies between an id and itself with one more character.
            Some(last) if self.ascending => query.from = Some(format!("{last}!")),
            Some(last) => query.until = Some(last.to_owned()),
            None => {}
        }
        query
    }
}

/// Whether a cursor says what a cursor of a search can say.
#[must_use]
pub(crate) fn is_place(last: &str) -> bool {
    id::is_id("evt", last)
}

/// The smallest id of an event of this millisecond: a UUIDv7 begins with its 48 bits of time.
pub(crate) fn first_id(ms: u64) -> String {
    let ms = ms.min((1 << 48) - 1);
    format!("evt_{ms:012x}{:020}", 0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use proptest::prelude::*;
    use scorpius_core::{Event, SystemClock};

    use super::*;
    use crate::testing::{self, NOW, World, tenant};

    fn person(number: u64) -> String {
        format!("usr_{number:032x}")
    }

    /// The `number`-th event of a tenant, as a clock would name it.
    fn event(number: u64, tenant: &TenantId) -> Event {
        let at = NOW.plus_ms(number * 1_000);
        Event {
            id: format!("evt_{:012x}7{}{:018x}", at.0, &tenant.as_str()[35..], number),
            time: at.to_string(),
            actor: person(number % 3),
            aggregate: format!("vrd_{}", number % 5),
            kind: ["scorpius.risk.scored.v1", "scorpius.scan.completed.v1"][(number % 2) as usize].to_owned(),
            ..testing::event_of(number, tenant)
        }
    }

    async fn world(events: u64) -> World {
        let world = World::new();
        let all: Vec<_> = (0..events)
            .flat_map(|number| [event(number, &tenant(1)), event(number + 7, &tenant(2))])
            .collect();
        let sequencer = world.sequencer();
        for (number, batch) in all.chunks(90).enumerate() {
            sequencer.append(&format!("bat_{number}"), batch).await.expect("appended");
        }
        world
    }

    fn all() -> Search {
        Search { from: NOW, until: NOW.plus_s(86_400), ..Search::default() }
    }

    fn payloads(world: &World) -> Payloads {
        Payloads::new(world.store.clone(), world.keys.clone(), Arc::new(SystemClock))
    }

    async fn walk(world: &World, search: &Search, limit: usize) -> Vec<String> {
        let (mut ids, mut last) = (Vec::new(), None);
        let (payloads, tenant) = (payloads(world), tenant(1));
        let mut states = States::new(&world.store, &tenant);
        for _ in 0..1_000 {
            let page = search.page(&mut states, Some(&payloads), limit, last.as_deref());
            let found = page.await.expect("a page");
            assert!(found.hits.len() <= limit);
            ids.extend(found.hits.into_iter().map(|hit| hit.entry.id));
            last = found.last;
            if last.is_none() {
                return ids;
            }
        }
        panic!("a search without end");
    }

    #[tokio::test]
    async fn pages_of_any_size_are_the_whole_once_in_either_order() {
        let world = world(30).await;
        let mut expected: Vec<_> = (0..30).map(|number| event(number, &tenant(1)).id).collect();
        for limit in [1, 7, 30, 200] {
            let ascending = Search { ascending: true, ..all() };
            assert_eq!(walk(&world, &ascending, limit).await, expected, "{limit} a page");
        }
        expected.reverse();
        for limit in [1, 7, 30, 200] {
            assert_eq!(walk(&world, &all(), limit).await, expected, "{limit} a page");
        }
    }

    #[tokio::test]
    async fn a_stretch_has_its_first_moment_and_not_its_last() {
        let world = world(10).await;
        let search =
            Search { from: NOW.plus_s(3), until: NOW.plus_s(6), ascending: true, ..Search::default() };
        let expected: Vec<_> = (3..6).map(|number| event(number, &tenant(1)).id).collect();
        assert_eq!(walk(&world, &search, 50).await, expected);
        let none = Search { until: NOW, from: UnixMillis(NOW.0 - 5_000), ..Search::default() };
        assert!(walk(&world, &none, 50).await.is_empty());
    }

    #[tokio::test]
    async fn what_is_rare_is_found_over_many_pages_that_each_read_a_bounded_number() {
        let world = world(1_300).await;
        let payloads = payloads(&world);
        let rare = Search { resource: Some("vrd_none".to_owned()), ..all() };
        let page = async |last| {
            let whose = tenant(1);
            let mut states = States::new(&world.store, &whose);
            rare.page(&mut states, Some(&payloads), 50, last).await
        };
        let first = page(None).await.expect("a page");
        assert_eq!((first.hits.len(), first.read, first.last.is_some()), (0, READ_MAX, true));
        let rest = page(first.last.as_deref()).await.expect("a page");
        assert_eq!((rest.hits.len(), rest.read, rest.last), (0, 300, None));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
        #[test]
        fn a_search_finds_what_a_filter_over_everything_finds(
            from in 0u64..30, length in 0u64..30, kind in 0usize..4, actor in 0u8..4, resource in 0u8..6,
            subject in 0u8..4, ascending: bool, limit in 1usize..12,
        ) {
            let name = |prefix: &str, number: u8, none: u8| (number < none).then(|| format!("{prefix}_{number}"));
            let kinds = ["scorpius.risk.*", "scorpius.scan.completed.v1", "scorpius.none.v1"];
            let mut search = Search {
                from: NOW.plus_s(from),
                until: NOW.plus_s(from + length),
                kind: kinds.get(kind).map(ToString::to_string),
                actor: (actor < 3).then(|| person(actor.into())),
                resource: name("vrd", resource, 5),
                subject: None,
                ascending,
            };
            let about = (subject < 3).then(|| person(subject.into()));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let (found, again) = runtime.block_on(async {
                let world = world(30).await;
                let key = payloads(&world).tenant_keys.get(&tenant(1)).await.expect("an answer").expect("a key");
                search.subject = about.as_ref().map(|person| key.subject_ref(&tenant(1), person));
                (walk(&world, &search, limit).await, walk(&world, &search, 200).await)
            });
            let is = |wanted: &Option<String>, has: &str| wanted.as_deref().is_none_or(|wanted| wanted == has);
            let wanted: BTreeSet<_> = (0..30)
                .filter(|number| (from..from + length).contains(number))
                .map(|number| event(number, &tenant(1)))
                .filter(|event| search.kind.as_deref().is_none_or(|kind| event.matches(kind)))
                .filter(|event| is(&search.actor, &event.actor) && is(&about, &event.actor))
                .filter(|event| is(&search.resource, &event.aggregate))
                .map(|event| event.id)
                .collect();
            prop_assert_eq!(&found, &again);
            prop_assert_eq!(found.len(), wanted.len());
            prop_assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), wanted);
        }
    }
}
