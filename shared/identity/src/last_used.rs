//! When keys were last used, to the hour: told at most once an hour for each key, and beside the request's own work.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use scorpius_core::{Clock, Key, Record, Store, StoreError, TenantId, UnixMillis};

/// Keys that one process remembers; what is forgotten is read once more.
const REMEMBERED_MAX: usize = 10_000;
/// For so long after a key's first use its record stays; then its next use makes it anew.
const KEPT_S: u64 = 400 * 86_400;
const HOUR_S: u64 = 3_600;
/// Hours since 1970.
const HOUR: &str = "hour";

/// What this process knows of the last use of keys.
#[derive(Debug, Default)]
pub struct LastUsed {
    told: Mutex<HashMap<String, u64>>,
}

impl LastUsed {
    /// Where the last use of `key_id` is. Counters may be lost, and so may this.
    #[must_use]
    pub(crate) fn at(tenant: &TenantId, key_id: &str) -> Key {
        Key::new(format!("counter#apikey-used#{tenant}"), key_id)
    }

    /// The hour that `record` tells of.
    #[must_use]
    pub(crate) fn hour_of(record: &Record) -> Option<UnixMillis> {
        let hour = u64::try_from(record.attributes.int(HOUR)).ok().filter(|hour| *hour > 0)?;
        Some(UnixMillis(hour.saturating_mul(HOUR_S * 1_000)))
    }

    /// Whether the use of `key_id` at `now` is told already, as far as this process knows.
    #[must_use]
    pub(crate) fn is_told(&self, key_id: &str, now: UnixMillis) -> bool {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.get(key_id).is_some_and(|hour| *hour >= now.as_s() / HOUR_S)
    }

    /// Tells that `key_id` was used now, unless `known`, its record as it was just read, says so already. Of several
    /// processes at once one writes: the hour may not be passed.
    ///
    /// # Errors
    /// What the store says; the next use tells it then.
    pub(crate) async fn tell(
        &self,
        store: &dyn Store,
        clock: &dyn Clock,
        (tenant, key_id): (&TenantId, &str),
        known: Option<&Record>,
    ) -> Result<(), StoreError> {
        let (now, known) = (clock.now(), known.map_or(0, |record| record.attributes.int(HOUR)));
        let hour = i64::try_from(now.as_s() / HOUR_S).unwrap_or(i64::MAX);
        if known < hour {
            let rise = [(HOUR, hour - known)];
            match store
                .add(&Self::at(tenant, key_id), &rise, Some((HOUR, hour)), Some(now.plus_s(KEPT_S)))
                .await
            {
                // Somebody else told it meanwhile.
                Ok(_) | Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= REMEMBERED_MAX {
            told.clear();
        }
        told.insert(key_id.to_owned(), now.as_s() / HOUR_S);
        Ok(())
    }
}
