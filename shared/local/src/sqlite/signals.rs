//! Who is woken after a commit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock};

use tokio::sync::watch;

/// What a group of commits changed that others wait for.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// There are rows in the outbox that were not there before.
    pub(crate) emitted: bool,
    /// These queues have messages that they did not have before.
    pub(crate) queues: BTreeSet<String>,
}

impl Effects {
    pub(crate) fn merge(&mut self, other: Self) {
        self.emitted |= other.emitted;
        self.queues.extend(other.queues);
    }
}

/// Counters that rise with what happened; a listener that was away sees that it missed something.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    emitted: watch::Sender<u64>,
    arrived: RwLock<BTreeMap<String, watch::Sender<u64>>>,
}

impl Signals {
    /// Rises after each group of commits that emitted.
    pub(crate) fn emitted(&self) -> watch::Receiver<u64> {
        self.emitted.subscribe()
    }

    /// Rises after each group of commits that brought messages to `queue`.
    pub(crate) fn arrived(&self, queue: &str) -> watch::Receiver<u64> {
        let mut arrived = self.arrived.write().unwrap_or_else(PoisonError::into_inner);
        arrived.entry(queue.to_owned()).or_default().subscribe()
    }

    pub(crate) fn announce(&self, effects: &Effects) {
        if effects.emitted {
            self.emitted.send_modify(|count| *count += 1);
        }
        if effects.queues.is_empty() {
            return;
        }
        let arrived = self.arrived.read().unwrap_or_else(PoisonError::into_inner);
        for queue in &effects.queues {
            if let Some(sender) = arrived.get(queue) {
                sender.send_modify(|count| *count += 1);
            }
        }
    }
}
