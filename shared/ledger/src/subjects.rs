//! Persons' secrets: made when a person is first in an event, kept under the tenant's, destroyed on request or when no entry is left.
//!
//! A record says on which day a secret last sealed something for either kind of log: written before the entry is, at most once a
//! day. Whoever destroys a secret by that day has the record's version as a condition, and so cannot miss an entry that comes meanwhile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use scorpius_core::store::{PAGE_MAX, WRITES_MAX};
use scorpius_core::{
    Attributes, Clock, CommitId, Condition, Key, PortError, Record, Store, StoreError, TenantId, UnixMillis,
    Value, Write,
};
use zeroize::Zeroize;

use crate::entry::{SubjectSecret, TenantKey};
use crate::keys::REMEMBERED_MS;
use crate::log::LogKind;

/// Secrets that are remembered at once.
const REMEMBERED_MAX: usize = 50_000;
/// How often secrets that others make at the same time are looked for.
const RACES_MAX: u32 = 4;
const DAY_MS: u64 = 86_400_000;
/// The attributes of a record that say on which day its secret was last used, for the shared log and the tenant's own.
const SHARED_DAY: &str = "shared_day";
const OWN_DAY: &str = "own_day";

/// What there is for a person.
#[derive(Clone)]
pub(crate) enum Subject {
    /// The secret.
    Known(SubjectSecret),
    /// It was destroyed, and no other will be made.
    Erased,
}

/// A subject's record, and the version that a commit must still find.
pub(crate) struct ReadSubject {
    pub(crate) erased_at: Option<UnixMillis>,
    pub(crate) last: LastDays,
    pub(crate) version: u64,
}

/// On which day, counted from 1970, a secret last sealed something for each kind of log; `None` when nothing says that it ever did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LastDays {
    pub(crate) shared: Option<u64>,
    pub(crate) own: Option<u64>,
}

impl LastDays {
    /// For this kind of log.
    pub(crate) fn of(self, kind: LogKind) -> Option<u64> {
        match kind {
            LogKind::Shared => self.shared,
            LogKind::Own => self.own,
        }
    }

    /// For both.
    pub(crate) fn both(day: u64) -> Self {
        Self { shared: Some(day), own: Some(day) }
    }

    fn with(self, kind: LogKind, day: u64) -> Self {
        match kind {
            LogKind::Shared => Self { shared: Some(day), ..self },
            LogKind::Own => Self { own: Some(day), ..self },
        }
    }

    /// After it sealed for this kind. Where nothing was said before, entries of the other kind may be there, too.
    fn used(self, kind: LogKind, day: u64) -> Self {
        match self == Self::default() {
            true => Self::both(day),
            false => self.with(kind, day),
        }
    }
}

/// The day of a moment, counted from 1970.
pub(crate) fn day_of(moment: UnixMillis) -> u64 {
    moment.0 / DAY_MS
}

/// A record as this process saw it.
#[derive(Clone)]
struct Seen {
    subject: Subject,
    last: LastDays,
    /// As it is kept; empty when it was destroyed.
    wrapped: Vec<u8>,
    version: u64,
}

impl Seen {
    /// Whether it may seal for this kind of log on this day as it is. What was destroyed seals nothing.
    fn serves(&self, kind: LogKind, day: u64) -> bool {
        matches!(self.subject, Subject::Erased) || self.last.of(kind) >= Some(day)
    }
}

/// The secrets of all persons of all tenants. Subjects are named by their pseudonyms.
pub(crate) struct Subjects {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    remembered: Mutex<HashMap<Key, (Seen, UnixMillis)>>,
}

impl Subjects {
    /// Over these ports.
    #[must_use]
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, remembered: Mutex::default() }
    }

    /// What there is for each of `subjects`, in their order; `None` where there is nothing, or nothing any more.
    ///
    /// # Errors
    /// When the store fails, or a record is not ours.
    pub(crate) async fn get(
        &self,
        tenant: &TenantId,
        tenant_key: &TenantKey,
        subjects: &[String],
    ) -> Result<Vec<Option<Subject>>, StoreError> {
        let seen = self.seen(tenant, tenant_key, subjects).await?;
        Ok(seen.into_iter().map(|seen| seen.map(|seen| seen.subject)).collect())
    }

    async fn seen(
        &self,
        tenant: &TenantId,
        tenant_key: &TenantKey,
        subjects: &[String],
    ) -> Result<Vec<Option<Seen>>, StoreError> {
        let keys: Vec<_> = subjects.iter().map(|subject| place(tenant, subject)).collect();
        let mut found: HashMap<&Key, Seen> = HashMap::new();
        let mut missing = Vec::new();
        for key in &keys {
            match self.recall(key) {
                Some(seen) => _ = found.insert(key, seen),
                None if missing.contains(key) => {}
                None => missing.push(key.clone()),
            }
        }
        for asked in missing.chunks(PAGE_MAX) {
            for record in self.store.get_many(asked).await?.into_iter().flatten() {
                let seen = seen_of(&record, tenant_key)?;
                self.remember(&record.key, seen.clone());
                if let Some(key) = keys.iter().find(|key| **key == record.key) {
                    found.insert(key, seen);
                }
            }
        }
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    /// As `get`, to seal entries for this kind of log today, which each record says before it is answered. Secrets that are not there
    /// are made. Of several who make one, the first wins and all use his.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn get_or_make(
        &self,
        tenant: &TenantId,
        tenant_key: &TenantKey,
        kind: LogKind,
        subjects: &[String],
    ) -> Result<Vec<Subject>, StoreError> {
        let today = day_of(self.clock.now());
        for _ in 0..RACES_MAX {
            let found = self.seen(tenant, tenant_key, subjects).await?;
            let mut behind: Vec<_> = subjects
                .iter()
                .zip(&found)
                .filter(|(_, seen)| seen.as_ref().is_none_or(|seen| !seen.serves(kind, today)))
                .collect();
            behind.sort_unstable_by_key(|(name, _)| *name);
            behind.dedup_by_key(|(name, _)| *name);
            if behind.is_empty() {
                return Ok(found.into_iter().flatten().map(|seen| seen.subject).collect());
            }
            for behind in behind.chunks(WRITES_MAX) {
                let put = |(subject, seen): &(&String, &Option<Seen>)| match seen {
                    Some(seen) => put_used(tenant, subject, seen, seen.last.used(kind, today)),
                    None => self.put_new(tenant, tenant_key, subject, LastDays::default().with(kind, today)),
                };
                let puts: Vec<_> = behind.iter().map(put).collect();
                let put = self.store.commit(CommitId::new(&*self.clock), &puts).await;
                // Whether or not this commit was applied, the records say which secrets count, and since when.
                behind.iter().for_each(|(subject, _)| self.forget(tenant, subject));
                match put {
                    Ok(_) | Err(StoreError::Conflict { .. } | StoreError::Port(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Err(StoreError::Busy)
    }

    fn put_new(&self, tenant: &TenantId, tenant_key: &TenantKey, subject: &str, last: LastDays) -> Write {
        let (mut secret, mut nonce) = ([0; 32], [0; 12]);
        self.clock.fill_random(&mut secret);
        self.clock.fill_random(&mut nonce);
        let wrapped = tenant_key.wrap(&SubjectSecret::new(secret), subject, nonce);
        secret.zeroize();
        put(tenant, subject, wrapped, last, Condition::Absent)
    }

    /// What the store says now of one subject; nothing is remembered or recalled.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn read(
        &self,
        tenant: &TenantId,
        subject: &str,
    ) -> Result<Option<ReadSubject>, StoreError> {
        let record = self.store.get(&place(tenant, subject)).await?;
        Ok(record.as_ref().map(read_subject))
    }

    /// The partition of a tenant's subjects, in the order of their pseudonyms.
    pub(crate) fn of(tenant: &TenantId) -> String {
        format!("{tenant}#ledger-subjects")
    }

    /// What a record of that partition says, beside its secret.
    pub(crate) fn in_record(record: &Record) -> ReadSubject {
        read_subject(record)
    }

    /// Says of a record that says nothing of it that its secret was last used on this day: entries are older than that, if there are any.
    ///
    /// # Errors
    /// When the record is not ours.
    pub(crate) fn put_dated(tenant: &TenantId, record: &Record, last: LastDays) -> Result<Write, PortError> {
        let wrapped = wrapped_of(record)?.clone();
        Ok(put(tenant, &record.key.sort, wrapped, last, Condition::VersionIs(record.version)))
    }

    /// Where a subject's record is.
    pub(crate) fn key(tenant: &TenantId, subject: &str) -> Key {
        place(tenant, subject)
    }

    /// Destroys a subject's secret, as it was read.
    pub(crate) fn put_erased(tenant: &TenantId, subject: &str, read: &ReadSubject, now: UnixMillis) -> Write {
        Write::Put {
            key: place(tenant, subject),
            attributes: Attributes::new()
                .with("erased_at", Value::Int(i64::try_from(now.0).unwrap_or(i64::MAX))),
            expires_at: None,
            condition: Condition::VersionIs(read.version),
        }
    }

    /// Forgets what this process remembers of a subject.
    pub(crate) fn forget(&self, tenant: &TenantId, subject: &str) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.remove(&place(tenant, subject));
    }

    fn recall(&self, key: &Key) -> Option<Seen> {
        let now = self.clock.now();
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let (seen, since) = remembered.get(key)?;
        // A clock that stepped back must not keep a secret for longer.
        let fresh = *since <= now && now.since_ms(*since) < REMEMBERED_MS;
        fresh.then(|| seen.clone())
    }

    fn remember(&self, key: &Key, seen: Seen) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(key.clone(), (seen, self.clock.now()));
    }
}

fn place(tenant: &TenantId, subject: &str) -> Key {
    Key::new(Subjects::of(tenant), subject)
}

/// The same secret, used on another day.
fn put_used(tenant: &TenantId, subject: &str, seen: &Seen, last: LastDays) -> Write {
    put(tenant, subject, seen.wrapped.clone(), last, Condition::VersionIs(seen.version))
}

fn put(tenant: &TenantId, subject: &str, wrapped: Vec<u8>, last: LastDays, condition: Condition) -> Write {
    let mut attributes = Attributes::new().with("wrapped", Value::Bytes(wrapped));
    for (name, day) in [(SHARED_DAY, last.shared), (OWN_DAY, last.own)] {
        if let Some(day) = day {
            attributes = attributes.with(name, Value::Int(i64::try_from(day).unwrap_or(i64::MAX)));
        }
    }
    Write::Put { key: place(tenant, subject), attributes, expires_at: None, condition }
}

fn number(record: &Record, name: &str) -> Option<u64> {
    match record.attributes.0.get(name) {
        Some(Value::Int(number)) => Some(u64::try_from(*number).unwrap_or_default()),
        _ => None,
    }
}

fn read_subject(record: &Record) -> ReadSubject {
    let last = LastDays { shared: number(record, SHARED_DAY), own: number(record, OWN_DAY) };
    ReadSubject { erased_at: number(record, "erased_at").map(UnixMillis), last, version: record.version }
}

fn wrapped_of(record: &Record) -> Result<&Vec<u8>, PortError> {
    match record.attributes.0.get("wrapped") {
        Some(Value::Bytes(wrapped)) => Ok(wrapped),
        _ => Err(PortError::new("store", "a subject's record without its secret")),
    }
}

fn seen_of(record: &Record, tenant_key: &TenantKey) -> Result<Seen, PortError> {
    let ReadSubject { erased_at, last, version } = read_subject(record);
    if erased_at.is_some() {
        return Ok(Seen { subject: Subject::Erased, last, wrapped: Vec::new(), version });
    }
    let wrapped = wrapped_of(record)?;
    let secret = tenant_key
        .unwrap(wrapped, &record.key.sort)
        .ok_or_else(|| PortError::new("store", "a subject's secret that does not open"))?;
    Ok(Seen { subject: Subject::Known(secret), last, wrapped: wrapped.clone(), version })
}

#[cfg(test)]
mod tests {
    use scorpius_core::ManualClock;

    use super::*;
    use crate::testing::{NOW, World, tenant};

    fn subjects(world: &World, clock: &Arc<ManualClock>) -> Subjects {
        Subjects::new(world.store.clone(), clock.clone())
    }

    fn secret(subject: &Subject) -> &SubjectSecret {
        match subject {
            Subject::Known(secret) => secret,
            Subject::Erased => panic!("erased"),
        }
    }

    #[tokio::test]
    async fn of_several_who_make_secrets_all_use_the_first() {
        let (world, clock) = (World::new(), Arc::new(ManualClock::at(NOW)));
        let (tenant, key) = (tenant(1), TenantKey::new([1; 32]));
        let names: Vec<_> = (0..5).map(|number| format!("{number:064x}")).collect();
        let many: Vec<_> = (0..6).map(|_| subjects(&world, &clock)).collect();
        let made = many.iter().map(|subjects| subjects.get_or_make(&tenant, &key, LogKind::Shared, &names));
        let made: Vec<_> = futures::future::join_all(made).await;
        let made: Vec<_> = made.into_iter().map(|made| made.expect("secrets")).collect();
        for at in 0..names.len() {
            let first = &made[0];
            assert!(made.iter().all(|made| secret(&made[at]) == secret(&first[at])));
            assert!(at == 0 || secret(&first[at]) != secret(&first[at - 1]));
        }
    }

    #[tokio::test]
    async fn an_erased_secret_is_forgotten_and_never_made_again() {
        let (world, clock) = (World::new(), Arc::new(ManualClock::at(NOW)));
        let (tenant, key, name) = (tenant(1), TenantKey::new([1; 32]), ["a".repeat(64)]);
        let (one, two) = (subjects(&world, &clock), subjects(&world, &clock));
        one.get_or_make(&tenant, &key, LogKind::Shared, &name).await.expect("made");
        two.get_or_make(&tenant, &key, LogKind::Shared, &name).await.expect("read");
        let read = one.read(&tenant, &name[0]).await.expect("an answer").expect("a record");
        assert_eq!(read.erased_at, None);
        let erase = Subjects::put_erased(&tenant, &name[0], &read, NOW);
        world.store.commit(CommitId::new(&*clock), &[erase]).await.expect("erased");
        one.forget(&tenant, &name[0]);
        let erased = |made: Vec<Subject>| matches!(made[..], [Subject::Erased]);
        assert!(erased(one.get_or_make(&tenant, &key, LogKind::Shared, &name).await.expect("an answer")));
        // Another process remembers for minutes.
        assert!(!erased(two.get_or_make(&tenant, &key, LogKind::Shared, &name).await.expect("an answer")));
        clock.advance_ms(REMEMBERED_MS);
        assert!(erased(two.get_or_make(&tenant, &key, LogKind::Shared, &name).await.expect("an answer")));
    }
}
