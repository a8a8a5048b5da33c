//! Named moments at which a test stops the process for good.
//!
//! A build with debug assertions waits at the point that `SCORPIUS_CRASH_AT` names (`name` or
//! `name:n` for the n-th visit), having said so on standard error, until it is killed from outside.
//! A release build has none of this.

/// Where a process may be killed by a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    /// The writer has applied a group of commits, and SQLite has not committed.
    CommitBeforeSync,
    /// SQLite has committed, and nobody was told.
    CommitAfterSync,
    /// The relay has published, and the outbox rows are still there.
    RelayPublished,
    /// The relay has written an audit batch's body, and has not claimed its rows.
    RelayBatchWritten,
    /// The relay has claimed, and has not sent the batch.
    RelayBatchClaimed,
    /// The relay has sent the batch, and its record still says that it has not.
    RelayBatchSent,
    /// A worker has done its work, and the message is still in the queue.
    WorkerDone,
    /// The ledger's head has moved, and no tile is written.
    LedgerCommitted,
    /// Some tiles are written, and none of them is durable.
    LedgerApplying,
    /// All tiles are written, and the checkpoint is the old one.
    LedgerApplied,
    /// A webhook was answered, and the delivery is not recorded.
    WebhookAnswered,
}

impl CrashPoint {
    /// Every point.
    pub const ALL: [Self; 11] = [
        Self::CommitBeforeSync,
        Self::CommitAfterSync,
        Self::RelayPublished,
        Self::RelayBatchWritten,
        Self::RelayBatchClaimed,
        Self::RelayBatchSent,
        Self::WorkerDone,
        Self::LedgerCommitted,
        Self::LedgerApplying,
        Self::LedgerApplied,
        Self::WebhookAnswered,
    ];

    /// `commit-before-sync`, …: what the environment variable says.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CommitBeforeSync => "commit-before-sync",
            Self::CommitAfterSync => "commit-after-sync",
            Self::RelayPublished => "relay-published",
            Self::RelayBatchWritten => "relay-batch-written",
            Self::RelayBatchClaimed => "relay-batch-claimed",
            Self::RelayBatchSent => "relay-batch-sent",
            Self::WorkerDone => "worker-done",
            Self::LedgerCommitted => "ledger-committed",
            Self::LedgerApplying => "ledger-applying",
            Self::LedgerApplied => "ledger-applied",
            Self::WebhookAnswered => "webhook-answered",
        }
    }
}

/// Waits for death here when the environment asks for it.
#[inline]
pub fn point(at: CrashPoint) {
    #[cfg(debug_assertions)]
    armed::visit(at);
    #[cfg(not(debug_assertions))]
    std::hint::black_box(at);
}

#[cfg(debug_assertions)]
mod armed {
    use std::io::Write;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::CrashPoint;

    static AT: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static VISITS: AtomicU64 = AtomicU64::new(0);

    pub(super) fn visit(at: CrashPoint) {
        let Some((name, visit)) = AT.get_or_init(wanted) else { return };
        if name == at.name() && VISITS.fetch_add(1, Ordering::SeqCst) + 1 == *visit {
            let said = writeln!(std::io::stderr(), "crash point reached: {name}");
            said.expect("a test reads standard error");
            loop {
                std::thread::park();
            }
        }
    }

    fn wanted() -> Option<(String, u64)> {
        let wanted = std::env::var("SCORPIUS_CRASH_AT").ok()?;
        match wanted.split_once(':') {
            Some((name, visit)) => Some((name.to_owned(), visit.parse().unwrap_or(1))),
            None => Some((wanted, 1)),
        }
    }
}
