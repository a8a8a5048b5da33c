//! A store for tests of what happens when commits fail, and of how often a store is asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use scorpius_core::{
    Attributes, CommitId, Key, ListQuery, Page, Record, Store, StoreError, UnixMillis, Write,
};

/// How a commit ends.
#[derive(Debug)]
pub enum Fate {
    /// As it would.
    Passes,
    /// With this error, and nothing was applied.
    Fails(StoreError),
    /// With this error, and it was applied.
    Lost(StoreError),
}

/// What a store was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// `get`.
    Get,
    /// `get_many`, of so many keys.
    GetMany(usize),
    /// `list`.
    List,
    /// `scan`.
    Scan,
    /// `commit`.
    Commit,
    /// `add`.
    Add,
}

/// Another store, whose next commits end as told, and which notes what it is asked.
pub struct ScriptedStore {
    inner: Arc<dyn Store>,
    fates: Mutex<VecDeque<Fate>>,
    asked: Mutex<Vec<Asked>>,
}

impl ScriptedStore {
    /// Over `inner`; everything passes until it is told otherwise.
    #[must_use]
    pub fn over(inner: Arc<dyn Store>) -> Self {
        Self { inner, fates: Mutex::default(), asked: Mutex::default() }
    }

    /// The next commits end like this, one after the other, and those after them pass.
    pub fn will(&self, fates: impl IntoIterator<Item = Fate>) {
        locked(&self.fates).extend(fates);
    }

    /// What it was asked since this was called last, in order.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *locked(&self.asked))
    }

    fn note(&self, asked: Asked) -> &dyn Store {
        locked(&self.asked).push(asked);
        &*self.inner
    }
}

/// What a test that panicked left is whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Store for ScriptedStore {
    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.note(Asked::Get).get(key).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, StoreError> {
        self.note(Asked::GetMany(keys.len())).get_many(keys).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page, StoreError> {
        self.note(Asked::List).list(query).await
    }

    async fn scan(&self, segment: u32, of: u32, cursor: Option<&str>) -> Result<Page, StoreError> {
        self.note(Asked::Scan).scan(segment, of, cursor).await
    }

    async fn commit(&self, id: CommitId, writes: &[Write]) -> Result<u64, StoreError> {
        let inner = self.note(Asked::Commit);
        let fate = locked(&self.fates).pop_front();
        match fate {
            None | Some(Fate::Passes) => inner.commit(id, writes).await,
            Some(Fate::Fails(error)) => Err(error),
            Some(Fate::Lost(error)) => {
                inner.commit(id, writes).await?;
                Err(error)
            }
        }
    }

    async fn add(
        &self,
        key: &Key,
        deltas: &[(&str, i64)],
        only_if: Option<(&str, i64)>,
        expires_at: Option<UnixMillis>,
    ) -> Result<Attributes, StoreError> {
        self.note(Asked::Add).add(key, deltas, only_if, expires_at).await
    }
}
