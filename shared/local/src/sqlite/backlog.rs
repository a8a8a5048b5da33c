//! How much of the log waits to be folded in: the writer adds to it, upkeep waits for it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Pages in the log before it is folded in; SQLite's own measure.
const PAGES_TO_FOLD: u64 = 1_000;

/// Pages that were written to the log since it was last folded in, about.
#[derive(Default)]
pub(crate) struct Backlog {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    pages: u64,
    closed: bool,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Woken {
    /// The log is long enough; its pages count as taken.
    ToFold,
    /// The time is over.
    Idle,
    /// There is nothing more to wait for.
    Closed,
}

impl Backlog {
    pub(crate) fn add(&self, pages: u64) {
        let mut state = self.lock();
        state.pages += pages;
        if state.pages >= PAGES_TO_FOLD {
            self.changed.notify_one();
        }
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Blocks the thread, for `time` at most.
    pub(crate) fn wait(&self, time: Duration) -> Woken {
        let nothing = |state: &mut State| !state.closed && state.pages < PAGES_TO_FOLD;
        let waited = self.changed.wait_timeout_while(self.lock(), time, nothing);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return Woken::Closed;
        }
        if state.pages < PAGES_TO_FOLD {
            return Woken::Idle;
        }
        state.pages = 0;
        Woken::ToFold
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_for_a_long_log_and_takes_it() {
        let backlog = Backlog::default();
        assert_eq!(backlog.wait(Duration::ZERO), Woken::Idle);
        backlog.add(PAGES_TO_FOLD - 1);
        assert_eq!(backlog.wait(Duration::ZERO), Woken::Idle, "what is short stays counted");
        backlog.add(1);
        assert_eq!(backlog.wait(Duration::from_secs(60)), Woken::ToFold);
        assert_eq!(backlog.wait(Duration::ZERO), Woken::Idle);
        backlog.close();
        assert_eq!(backlog.wait(Duration::from_secs(60)), Woken::Closed);
    }

    #[test]
    fn who_waits_is_woken() {
        let backlog = Backlog::default();
        std::thread::scope(|threads| {
            let waiter = threads.spawn(|| backlog.wait(Duration::from_secs(60)));
            backlog.add(PAGES_TO_FOLD);
            assert_eq!(waiter.join().expect("it does not panic"), Woken::ToFold);
        });
    }
}
