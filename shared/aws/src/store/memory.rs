//! What became of lone writes, for their retries.
//!
//! A commit id never leaves its process, so the process alone needs to remember.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use scorpius_core::CommitId;

/// Lone writes that are remembered; a retry follows its first attempt closely.
const REMEMBERED_MAX: usize = 4_096;

/// What is known of a lone write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It was applied.
    Applied,
    /// It was sent, and no answer came.
    Sent,
}

#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    known: HashMap<CommitId, Known>,
    order: VecDeque<CommitId>,
}

impl Memory {
    pub(super) fn of(&self, id: CommitId) -> Option<Known> {
        self.lock().known.get(&id).copied()
    }

    pub(super) fn keep(&self, id: CommitId, known: Known) {
        let mut inner = self.lock();
        if inner.known.insert(id, known).is_none() {
            inner.order.push_back(id);
        }
        if inner.order.len() > REMEMBERED_MAX
            && let Some(oldest) = inner.order.pop_front()
        {
            inner.known.remove(&oldest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No operation panics between two changes, so a poisoned map is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use scorpius_core::{ManualClock, UnixMillis};

    use super::*;

    #[test]
    fn memory_is_bounded_and_keeps_the_latest() {
        let clock = ManualClock::at(UnixMillis(1_795_254_040_000));
        let memory = Memory::default();
        let ids: Vec<_> = (0..=REMEMBERED_MAX).map(|_| CommitId::new(&clock)).collect();
        for id in &ids {
            memory.keep(*id, Known::Sent);
        }
        assert_eq!(memory.of(ids[0]), None);
        memory.keep(ids[1], Known::Applied);
        assert_eq!(memory.of(ids[1]), Some(Known::Applied));
        assert_eq!(memory.lock().known.len(), REMEMBERED_MAX);
    }
}
