//! Persons of whom nothing is left: their secrets go, too.
//!
//! ```text
//! record of a person: last sealed on day D ─┐
//! entries that are left: none from before T ┴─ D and a day's slack are before T, in both kinds of log, and no hold ─> destroyed
//! ```
//!
//! `T` comes from anchors: what was committed before the anchor ahead of the last one that covers only what is deleted, is
//! deleted. A pass over all persons begins once a day, and each hour goes on where the last one stopped. An entry that comes meanwhile
//! changes the person's record first, which fails the commit that destroys.

use scorpius_core::operator::{self, first_tenant_of};
use scorpius_core::{
    Actor, Clock, CommitId, Condition, Event, Key, ListQuery, PortError, Record, Store, StoreError, TenantId,
    UnixMillis, Write, hold,
};
use scorpius_edge::idempotency::commit_with_retry;
use serde::{Deserialize, Serialize};

use super::{DAY_MS, Minimum, SLACK_MS};
use crate::anchor::{AnchorError, Anchorer};
use crate::facts::SubjectForgotten;
use crate::holds::HeldOf;
use crate::keys::{self, TENANTS};
use crate::log::LogName;
use crate::subjects::{LastDays, Subjects, day_of};

/// Where tenants are listed: those that ever had an entry, and those of before there was that list.
const PARTS: [&str; 2] = [TENANTS, operator::TENANTS];
/// How long a run begins with more, in milliseconds: anchors and own logs had their time before.
const BEGINS_MS: u64 = 20_000;
/// Persons and tenants of one run.
const READ_MAX: usize = 20_000;
/// Secrets of one commit, each with its event and beside two conditions.
const SECRETS_OF_A_COMMIT: usize = 40;

/// How far a pass came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pass {
    /// The day on which it began, counted from 1970.
    day: u64,
    /// Which of the lists of tenants.
    part: usize,
    /// The tenant that was looked at last.
    tenant: Option<TenantId>,
    /// Its person that was looked at last; `None` when it was done with.
    subject: Option<String>,
    /// Whether all were looked at.
    done: bool,
}

/// No entry that is left was sealed before, in each kind of log; `None`: nobody knows.
#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    shared: Option<UnixMillis>,
    own: Option<UnixMillis>,
    /// Whether there is an own log, or is to be one. Where there is none, nothing is left in it, whatever a record says.
    has_own: bool,
}

impl Bounds {
    /// Whether nothing is left that was sealed by a secret that was last used on these days.
    fn end(self, last: LastDays) -> bool {
        let over = |day: u64| (day + 1).saturating_mul(DAY_MS).saturating_add(SLACK_MS);
        let ends = |last: Option<u64>, bound: Option<UnixMillis>| {
            last.is_none_or(|day| bound.is_some_and(|bound| over(day) <= bound.0))
        };
        last != LastDays::default()
            && ends(last.shared, self.shared)
            && (!self.has_own || ends(last.own, self.own))
    }
}

/// Destroys secrets. Any number of these may work at once.
pub(crate) struct Forgetting<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) clock: &'a dyn Clock,
    /// Of the shared log.
    pub(crate) anchorer: &'a Anchorer,
}

impl Forgetting<'_> {
    /// Goes on with the pass of today, as far as there is time.
    pub(crate) async fn step(&self) -> Result<(), AnchorError> {
        let began = self.clock.now();
        let Some(operator) = first_tenant_of(self.store).await? else { return Ok(()) };
        let mut pass = self.pass(day_of(began)).await?;
        let shared = match pass.done {
            true => None,
            false => self.bound(self.anchorer, &LogName::Shared).await?,
        };
        let (mut read, mut known) = (0, None);
        while !pass.done && read < READ_MAX && self.has_time(began) {
            if let Some(tenant) = self.tenant_of(&mut pass).await? {
                let bounds = match known.take() {
                    Some((of, bounds)) if of == tenant => bounds,
                    _ => self.bounds(&tenant, shared).await?,
                };
                read += 1 + self.page(&mut pass, &tenant, bounds, &operator).await?;
                known = Some((tenant, bounds));
            }
            self.remember(&pass).await?;
        }
        Ok(())
    }

    /// A clock that stepped back ends the run, too.
    fn has_time(&self, began: UnixMillis) -> bool {
        let now = self.clock.now();
        now >= began && now.since_ms(began) < BEGINS_MS
    }

    async fn pass(&self, today: u64) -> Result<Pass, StoreError> {
        let record = self.store.get(&pass_at()).await?;
        let pass: Option<Pass> = record.as_ref().map(Record::document).transpose()?;
        Ok(match pass {
            Some(pass) if !pass.done || pass.day == today => pass,
            _ => Pass { day: today, ..Pass::default() },
        })
    }

    /// Two runs at once do the same twice, and harm nothing: the later record counts.
    async fn remember(&self, pass: &Pass) -> Result<(), StoreError> {
        self.commit(&[Write::put(pass_at(), pass, Condition::Always)]).await.map(drop)
    }

    /// The tenant to go on with; `None` when a list came to its end.
    async fn tenant_of(&self, pass: &mut Pass) -> Result<Option<TenantId>, AnchorError> {
        if let (Some(tenant), Some(_)) = (&pass.tenant, &pass.subject) {
            return Ok(Some(tenant.clone()));
        }
        let Some(list) = PARTS.get(pass.part) else {
            pass.done = true;
            return Ok(None);
        };
        // All ids have one length: nothing lies between an id and itself with one more character.
        let from = pass.tenant.as_ref().map(|after| format!("{after}!"));
        let page = self.store.list(&ListQuery { from, limit: 1, ..ListQuery::all(*list) }).await?;
        match page.records.first() {
            Some(record) => {
                let tenant = record.key.sort.parse();
                Ok(Some(tenant.map_err(|error| PortError::new("store", error))?))
            }
            None => {
                (pass.part, pass.tenant) = (pass.part + 1, None);
                Ok(None)
            }
        }
    }

    async fn bounds(&self, tenant: &TenantId, shared: Option<UnixMillis>) -> Result<Bounds, AnchorError> {
        if self.anchorer.own_logs().of(tenant).await?.is_none() {
            return Ok(Bounds { shared, own: None, has_own: false });
        }
        let of_tenant = self.anchorer.of_tenant(tenant.clone())?;
        let own = self.bound(&of_tenant, &LogName::Own(tenant.clone())).await?;
        Ok(Bounds { shared, own, has_own: true })
    }

    async fn bound(&self, anchorer: &Anchorer, log: &LogName) -> Result<Option<UnixMillis>, AnchorError> {
        match Minimum::of(self.store, log).await?.deleted {
            0 => Ok(None),
            deleted => anchorer.none_before(deleted).await,
        }
    }

    /// One page of a tenant's persons; answers how many there were.
    async fn page(
        &self,
        pass: &mut Pass,
        tenant: &TenantId,
        bounds: Bounds,
        operator: &TenantId,
    ) -> Result<usize, AnchorError> {
        let after = pass.subject.take();
        pass.tenant = Some(tenant.clone());
        if bounds.shared.is_none() && bounds.own.is_none() {
            return Ok(0);
        }
        // First what changes with each hold: one that is placed after this fails the commit.
        let changes = self.store.get(&hold::changes()).await?;
        let holds = Write::Check {
            key: hold::changes(),
            condition: changes.map_or(Condition::Absent, |record| Condition::VersionIs(record.version)),
        };
        let held = HeldOf::read(self.store, tenant).await?;
        if held.has_all() {
            return Ok(0);
        }
        let from = after.map(|after| format!("{after}!"));
        let page = self.store.list(&ListQuery { from, ..ListQuery::all(Subjects::of(tenant)) }).await?;
        self.date(tenant, pass.day, &page.records).await?;
        let ends = |record: &&Record| {
            let read = Subjects::in_record(record);
            read.erased_at.is_none() && bounds.end(read.last) && !held.has(&record.key.sort)
        };
        let over: Vec<_> = page.records.iter().filter(ends).collect();
        if !over.is_empty() {
            let told = self.told_of(tenant, operator).await?;
            for over in over.chunks(SECRETS_OF_A_COMMIT) {
                self.destroy(&holds, &told, tenant, over).await?;
            }
        }
        let last = page.records.last().map(|record| record.key.sort.clone());
        pass.subject = last.filter(|_| page.cursor.is_some());
        Ok(page.records.len())
    }

    /// Records that say nothing of when they were used are taken to have been used today.
    async fn date(&self, tenant: &TenantId, today: u64, records: &[Record]) -> Result<(), AnchorError> {
        let last = LastDays::both(today);
        for record in records {
            let read = Subjects::in_record(record);
            if read.erased_at.is_none() && read.last == LastDays::default() {
                self.commit(&[Subjects::put_dated(tenant, record, last)?]).await?;
            }
        }
        Ok(())
    }

    /// Who is told: the tenant, while it can be told anything, and the operator otherwise. With it what must stay so.
    async fn told_of(&self, tenant: &TenantId, operator: &TenantId) -> Result<(TenantId, Write), StoreError> {
        let key = keys::place(tenant);
        Ok(match self.store.get(&key).await? {
            Some(_) => (tenant.clone(), Write::Check { key, condition: Condition::Present }),
            None => (operator.clone(), Write::Check { key, condition: Condition::Absent }),
        })
    }

    /// Destroys these secrets, each with its event. Where a hold or an entry came meanwhile, the secret stays: the next pass finds it.
    async fn destroy(
        &self,
        holds: &Write,
        (told, stays): &(TenantId, Write),
        tenant: &TenantId,
        over: &[&Record],
    ) -> Result<(), AnchorError> {
        let one = |record: &&Record| {
            let version = Subjects::in_record(record).version;
            let (key, condition) = (record.key.clone(), Condition::VersionIs(version));
            [Write::Delete { key, condition }, self.tell(told, tenant, record)]
        };
        let writes = |over: &[&Record]| {
            let destroyed: Vec<_> = over.iter().flat_map(one).collect();
            [vec![holds.clone(), stays.clone()], destroyed].concat()
        };
        if self.commit(&writes(over)).await? || over.len() == 1 {
            return Ok(());
        }
        // Somebody of them is in a new entry: the others do not wait for that.
        for one in over {
            self.commit(&writes(&[*one])).await?;
        }
        Ok(())
    }

    fn tell(&self, told: &TenantId, tenant: &TenantId, record: &Record) -> Write {
        let actor = Actor {
            name: "system:audit-anchor".to_owned(),
            strength: None,
            network: None,
            traceparent: None,
            hops: 0,
        };
        let last = Subjects::in_record(record).last;
        let day = last.shared.max(last.own).unwrap_or_default();
        let subject = record.key.sort.clone();
        // A person who comes back and goes again is another time's.
        let aggregate = format!("subject_{subject}_{day}");
        let fact = SubjectForgotten {
            subject,
            last_used: UnixMillis(day.saturating_mul(DAY_MS)).to_string().chars().take(10).collect(),
            of_tenant: (told != tenant).then(|| tenant.to_string()),
        };
        Write::emit(Event::of(&fact, &aggregate, 1, told, &actor, self.clock))
    }

    /// `false` when what was read is so no more.
    async fn commit(&self, writes: &[Write]) -> Result<bool, StoreError> {
        match commit_with_retry(self.store, CommitId::new(self.clock), writes).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn pass_at() -> Key {
    Key::new("ledger#forgetting", "pass")
}
