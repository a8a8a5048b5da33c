//! Guesses: counted before they are looked at, so that many at once are no more than one after the other.
//!
//! They are counted by address, also by one that is nobody's: from outside both look alike.

use scorpius_core::{
    Attributes, Clock, CommitId, Condition, Key, Record, Store, StoreError, UnixMillis, Write,
};
use scorpius_edge::idempotency::commit_with_retry;
use serde::{Deserialize, Serialize};

/// Wrong guesses that cost no wait.
const FREE: u32 = 5;
/// The first wait; it doubles with each further guess.
const FIRST_WAIT_S: u64 = 30;
/// The longest of these waits.
const LONG_WAIT_S: u64 = 900;
/// After so many in a row (NIST SP 800-63B-4, section 3.2.2) there is one guess a day.
const ROW_MAX: u32 = 100;
const DAY_S: u64 = 86_400;
/// Guesses are forgotten when there was none for so long.
const MEMORY_S: u64 = 30 * DAY_S;
/// Looks at a count that others change at the same moment.
const ATTEMPTS_MAX: u32 = 8;
/// Wrong guesses from one network within a window, at addresses of whomever.
pub(crate) const OF_NETWORK_MAX: i64 = 100;
/// The window.
pub(crate) const WINDOW_S: u64 = 600;

/// Wrong guesses in a row, at one address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Guesses {
    /// How many.
    pub in_a_row: u32,
    /// Not before this is another one looked at.
    pub locked_until: UnixMillis,
}

impl Guesses {
    /// Where the guesses at an address are counted.
    #[must_use]
    pub(crate) fn at(email_hash: &str) -> Key {
        Key::new(format!("email#{email_hash}"), "guesses")
    }

    /// As `record` says; none is none.
    ///
    /// # Errors
    /// When the record holds something else.
    pub(crate) fn of(record: Option<&Record>) -> Result<(Self, Condition), StoreError> {
        Ok(match record {
            Some(record) => (record.document()?, Condition::VersionIs(record.version)),
            None => (Self::default(), Condition::Absent),
        })
    }

    /// Until when it is locked, if it is at `now`.
    #[must_use]
    pub(crate) fn locked(self, now: UnixMillis) -> Option<UnixMillis> {
        (self.locked_until > now).then_some(self.locked_until)
    }

    /// After one more at `now`.
    #[must_use]
    pub(crate) fn one_more(self, now: UnixMillis) -> Self {
        let in_a_row = self.in_a_row.saturating_add(1);
        Self { in_a_row, locked_until: now.plus_s(wait_s(in_a_row)) }
    }
}

/// How long to wait after so many wrong guesses in a row.
fn wait_s(in_a_row: u32) -> u64 {
    match in_a_row {
        ..=FREE => 0,
        ROW_MAX.. => DAY_S,
        more => FIRST_WAIT_S.saturating_mul(1 << (more - FREE - 1).min(10)).min(LONG_WAIT_S),
    }
}

/// A guess that was counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    /// The count before it.
    pub before: Guesses,
    /// The count with it.
    pub after: Guesses,
    /// The version of its record.
    version: u64,
}

/// What became of a wish to guess.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Try {
    /// It was counted, and may be looked at.
    Counted(Counted),
    /// Not now.
    Locked(UnixMillis),
}

/// Counts a guess at `email_hash`, unless it is locked.
///
/// # Errors
/// What the store says; `Busy` when too many guess at once.
pub(crate) async fn count(store: &dyn Store, clock: &dyn Clock, email_hash: &str) -> Result<Try, StoreError> {
    for _ in 0..ATTEMPTS_MAX {
        let now = clock.now();
        let (before, condition) = Guesses::of(store.get(&Guesses::at(email_hash)).await?.as_ref())?;
        if let Some(until) = before.locked(now) {
            return Ok(Try::Locked(until));
        }
        let after = before.one_more(now);
        let put = put(email_hash, after, condition, now);
        match commit_with_retry(store, CommitId::new(clock), &[put]).await {
            Ok(version) => return Ok(Try::Counted(Counted { before, after, version })),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Busy)
}

/// The write after which nothing is counted: the person has proved who they are.
#[must_use]
pub(crate) fn forgotten(email_hash: &str) -> Write {
    Write::Delete { key: Guesses::at(email_hash), condition: Condition::Always }
}

/// Takes back a guess that was right and did not suffice, unless others were counted since.
///
/// # Errors
/// What the store says.
pub(crate) async fn take_back(
    store: &dyn Store,
    clock: &dyn Clock,
    email_hash: &str,
    counted: Counted,
) -> Result<(), StoreError> {
    let condition = Condition::VersionIs(counted.version);
    let put = put(email_hash, counted.before, condition, clock.now());
    match store.commit(CommitId::new(clock), &[put]).await {
        Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn put(email_hash: &str, guesses: Guesses, condition: Condition, now: UnixMillis) -> Write {
    Write::Put {
        key: Guesses::at(email_hash),
        attributes: Attributes::document(&guesses),
        expires_at: Some(now.plus_s(MEMORY_S)),
        condition,
    }
}

/// Where wrong guesses from a network are counted at `now`.
#[must_use]
pub(crate) fn of_network(network_hash: &str, now: UnixMillis) -> Key {
    Key::new(format!("counter#sign-in#{network_hash}"), format!("{}", now.as_s() / WINDOW_S))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use scorpius_core::ManualClock;
    use scorpius_local::SqliteStore;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_795_254_040_000);

    #[test]
    fn waits_double_up_to_a_quarter_of_an_hour_and_a_hundred_in_a_row_leave_one_a_day() {
        let waits: Vec<_> = (1..=12).map(wait_s).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900]);
        assert_eq!((wait_s(99), wait_s(100), wait_s(u32::MAX)), (900, DAY_S, DAY_S));
        // Whoever guesses as fast as they may, for a year.
        let (mut guesses, mut now, mut looked_at) = (Guesses::default(), NOW, 0);
        while now < NOW.plus_s(365 * DAY_S) {
            guesses = guesses.one_more(now);
            now = guesses.locked_until.max(now.plus_ms(1));
            looked_at += 1;
        }
        assert!(looked_at < 500, "{looked_at}");
    }

    #[tokio::test]
    async fn fifty_guesses_at_once_are_each_counted_or_not_looked_at() {
        let clock = Arc::new(ManualClock::at(NOW));
        let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory(clock.clone()).expect("a store"));
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let (store, clock) = (store.clone(), clock.clone());
                tokio::spawn(async move { count(&*store, &*clock, "abc").await })
            })
            .collect();
        let (mut counted, mut locked) = (0, 0);
        for task in tasks {
            match task.await.expect("it ends") {
                Ok(Try::Counted(_)) => counted += 1,
                Ok(Try::Locked(until)) => {
                    assert_eq!(until, NOW.plus_s(30));
                    locked += 1;
                }
                Err(error) => assert!(matches!(error, StoreError::Busy)),
            }
        }
        assert!(counted <= 6 && locked > 0, "{counted} looked at, {locked} locked");
        clock.advance_ms(30_000);
        assert!(matches!(count(&*store, &*clock, "abc").await, Ok(Try::Counted(_))));
        let forget = forgotten("abc");
        store.commit(CommitId::new(&*clock), &[forget]).await.expect("a commit");
        assert!(
            matches!(count(&*store, &*clock, "abc").await, Ok(Try::Counted(it)) if it.after.in_a_row == 1)
        );
    }

    #[tokio::test]
    async fn a_guess_is_taken_back_only_while_it_is_the_last() {
        let clock = ManualClock::at(NOW);
        let store = SqliteStore::in_memory(Arc::new(ManualClock::at(NOW))).expect("a store");
        let counted = async || match count(&store, &clock, "abc").await {
            Ok(Try::Counted(counted)) => counted,
            other => panic!("{other:?}"),
        };
        let first = counted().await;
        take_back(&store, &clock, "abc", first).await.expect("a commit");
        let again = counted().await;
        assert_eq!(again.after.in_a_row, 1);
        let second = counted().await;
        take_back(&store, &clock, "abc", again).await.expect("nothing happens");
        assert_eq!(counted().await.after.in_a_row, second.after.in_a_row + 1);
    }
}
