//! Persons' secrets: made when a person is first in an event, kept under the tenant's, destroyed on request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use scorpius_core::store::PAGE_MAX;
use scorpius_core::{
    Attributes, Clock, CommitId, Condition, Key, PortError, Record, Store, StoreError, TenantId, UnixMillis,
    Value, Write,
};
use zeroize::Zeroize;

use crate::entry::{SubjectSecret, TenantKey};
use crate::keys::REMEMBERED_MS;

/// Secrets that are remembered at once.
const REMEMBERED_MAX: usize = 50_000;
/// How often secrets that others make at the same time are looked for.
const RACES_MAX: u32 = 4;

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
    pub(crate) version: u64,
}

/// The secrets of all persons of all tenants. Subjects are named by their pseudonyms.
pub(crate) struct Subjects {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    remembered: Mutex<HashMap<Key, (Subject, UnixMillis)>>,
}

impl Subjects {
    /// Over these ports.
    #[must_use]
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, remembered: Mutex::default() }
    }

    /// What there is for each of `subjects`, in their order; `None` where there is nothing yet.
    ///
    /// # Errors
    /// When the store fails, or a record is not ours.
    pub(crate) async fn get(
        &self,
        tenant: &TenantId,
        tenant_key: &TenantKey,
        subjects: &[String],
    ) -> Result<Vec<Option<Subject>>, StoreError> {
        let keys: Vec<_> = subjects.iter().map(|subject| place(tenant, subject)).collect();
        let mut found: HashMap<&Key, Subject> = HashMap::new();
        let mut missing = Vec::new();
        for key in &keys {
            match self.recall(key) {
                Some(subject) => _ = found.insert(key, subject),
                None if missing.contains(key) => {}
                None => missing.push(key.clone()),
            }
        }
        for asked in missing.chunks(PAGE_MAX) {
            for record in self.store.get_many(asked).await?.into_iter().flatten() {
                let subject = subject_of(&record, tenant_key)?;
                self.remember(&record.key, subject.clone());
                if let Some(key) = keys.iter().find(|key| **key == record.key) {
                    found.insert(key, subject);
                }
            }
        }
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    /// As `get`; secrets that are not there are made. Of several who make one, the first wins and all use his.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn get_or_make(
        &self,
        tenant: &TenantId,
        tenant_key: &TenantKey,
        subjects: &[String],
    ) -> Result<Vec<Subject>, StoreError> {
        for _ in 0..RACES_MAX {
            let found = self.get(tenant, tenant_key, subjects).await?;
            let mut missing: Vec<_> = subjects
                .iter()
                .zip(&found)
                .filter(|(_, found)| found.is_none())
                .map(|(name, _)| name)
                .collect();
            missing.sort_unstable();
            missing.dedup();
            if missing.is_empty() {
                return Ok(found.into_iter().flatten().collect());
            }
            let puts: Vec<_> =
                missing.iter().map(|subject| self.put_new(tenant, tenant_key, subject)).collect();
            match self.store.commit(CommitId::new(&*self.clock), &puts).await {
                // Whether or not this commit was applied, the records say which secrets count.
                Ok(_) | Err(StoreError::Conflict { .. } | StoreError::Port(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Busy)
    }

    fn put_new(&self, tenant: &TenantId, tenant_key: &TenantKey, subject: &str) -> Write {
        let (mut secret, mut nonce) = ([0; 32], [0; 12]);
        self.clock.fill_random(&mut secret);
        self.clock.fill_random(&mut nonce);
        let wrapped = tenant_key.wrap(&SubjectSecret::new(secret), subject, nonce);
        secret.zeroize();
        Write::Put {
            key: place(tenant, subject),
            attributes: Attributes::new().with("wrapped", Value::Bytes(wrapped)),
            expires_at: None,
            condition: Condition::Absent,
        }
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
        Ok(record.map(|record| ReadSubject { erased_at: erased_at(&record), version: record.version }))
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

    fn recall(&self, key: &Key) -> Option<Subject> {
        let now = self.clock.now();
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let (subject, since) = remembered.get(key)?;
        // A clock that stepped back must not keep a secret for longer.
        let fresh = *since <= now && now.since_ms(*since) < REMEMBERED_MS;
        fresh.then(|| subject.clone())
    }

    fn remember(&self, key: &Key, subject: Subject) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(key.clone(), (subject, self.clock.now()));
    }
}

fn place(tenant: &TenantId, subject: &str) -> Key {
    Key::new(format!("{tenant}#ledger-subjects"), subject)
}

fn erased_at(record: &Record) -> Option<UnixMillis> {
    match record.attributes.0.get("erased_at") {
        Some(Value::Int(at)) => Some(UnixMillis(u64::try_from(*at).unwrap_or_default())),
        _ => None,
    }
}

fn subject_of(record: &Record, tenant_key: &TenantKey) -> Result<Subject, PortError> {
    if erased_at(record).is_some() {
        return Ok(Subject::Erased);
    }
    let Some(Value::Bytes(wrapped)) = record.attributes.0.get("wrapped") else {
        return Err(PortError::new("store", "a subject's record without its secret"));
    };
    let secret = tenant_key.unwrap(wrapped, &record.key.sort);
    secret.map(Subject::Known).ok_or_else(|| PortError::new("store", "a subject's secret that does not open"))
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
        let made = many.iter().map(|subjects| subjects.get_or_make(&tenant, &key, &names));
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
        one.get_or_make(&tenant, &key, &name).await.expect("made");
        two.get_or_make(&tenant, &key, &name).await.expect("read");
        let read = one.read(&tenant, &name[0]).await.expect("an answer").expect("a record");
        assert_eq!(read.erased_at, None);
        let erase = Subjects::put_erased(&tenant, &name[0], &read, NOW);
        world.store.commit(CommitId::new(&*clock), &[erase]).await.expect("erased");
        one.forget(&tenant, &name[0]);
        let erased = |made: Vec<Subject>| matches!(made[..], [Subject::Erased]);
        assert!(erased(one.get_or_make(&tenant, &key, &name).await.expect("an answer")));
        // Another process remembers for minutes.
        assert!(!erased(two.get_or_make(&tenant, &key, &name).await.expect("an answer")));
        clock.advance_ms(REMEMBERED_MS);
        assert!(erased(two.get_or_make(&tenant, &key, &name).await.expect("an answer")));
    }
}
