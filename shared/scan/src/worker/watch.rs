//! A scan at work: the engine on a thread of its own, and beside it whoever tells how far it is and hears that it was called off.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use scorpius_core::error::chain;
use scorpius_core::{CommitId, UnixMillis};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::Job;
use crate::engine::{Run, Stage};
use crate::progress::{Progress, Told};

/// Between two words about how far a scan is: most are over before the first, and cost no write.
pub(super) const TELL_EVERY: Duration = Duration::from_secs(1);

/// Stops the engine when nobody waits for it any more, as when the function's time is over.
struct StopAtEnd(Arc<Run>);

impl Drop for StopAtEnd {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// An engine that panicked.
pub(super) struct Broke;

/// Runs `engine` where it may compute as long as it likes.
pub(super) async fn on_a_thread<T: Send + 'static>(
    run: &Arc<Run>,
    engine: impl FnOnce(&Arc<Run>) -> T + Send + 'static,
) -> Result<T, Broke> {
    let theirs = Arc::clone(run);
    tokio::task::spawn_blocking(move || engine(&theirs)).await.map_err(|_| Broke)
}

/// Waits for `work`, tells how far `run` is meanwhile, and stops it when the scan is called off. `work` ends either way.
pub(super) async fn watched<T>(
    job: &Job<'_>,
    scan: &str,
    run: &Arc<Run>,
    work: impl Future<Output = T>,
) -> T {
    let _stop = StopAtEnd(Arc::clone(run));
    let every = job.app.tell_every;
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Last { stage: run.seen().stage, since: job.app.clock.now() };
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = ticks.tick(), if !run.is_stopped() => tell(job, scan, run, &mut last).await,
        }
    }
}

/// The stage that was told last, and when it was first seen.
struct Last {
    stage: Stage,
    since: UnixMillis,
}

async fn tell(job: &Job<'_>, scan: &str, run: &Arc<Run>, last: &mut Last) {
    let (seen, now) = (run.seen(), job.app.clock.now());
    if seen.stage != last.stage {
        *last = Last { stage: seen.stage, since: now };
    }
    let progress = Progress::of(seen, last.since, now);
    let id = CommitId::new(&*job.app.clock);
    match job.app.scans.tell(id, (job.tenant, scan, job.version), &progress, now).await {
        Ok(Told::Kept) => {}
        Ok(Told::Over) => run.stop(),
        // The scan itself does not depend on it, and the next word may come through.
        Err(error) => tracing::warn!(scan, error = chain(&error), "how far a scan is was not kept"),
    }
}
