//! SQS's part: hands messages to workers, again and again until each is done or a dead letter.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use scorpius_core::crash::{CrashPoint, point};
use scorpius_edge::manifest::Cpu;
use scorpius_edge::queue::pause;
use scorpius_edge::serve::panic_message;
use scorpius_edge::{Message, Outcome, telemetry};
use tokio::sync::watch;

use super::Host;

/// Messages that one light function works on at once.
const LIGHT_WORKERS: usize = 4;
/// Of so many messages one is taken from a queue that is not the first.
const OTHERS_EVERY: u64 = 4;
/// How long a poll waits for a message, and so how long a stop may take.
const POLL: Duration = Duration::from_millis(500);
/// SQS's rule of thumb: a message stays hidden for six timeouts of its consumer.
const VISIBILITY_TIMEOUTS: u32 = 6;

/// Starts the workers of every queue; they end after the message in work when `stop` says so.
pub(super) fn start(host: &Arc<Host>, stop: &watch::Receiver<bool>) -> Vec<tokio::task::JoinHandle<()>> {
    let mut tasks = Vec::new();
    for (function, entry) in &host.manifest.functions {
        if entry.trigger.queues().is_empty() {
            continue;
        }
        let workers = match entry.cpu {
            Cpu::Light => LIGHT_WORKERS,
            Cpu::Heavy => {
                std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1))
            }
        };
        for _ in 0..workers {
            let (host, stop) = (Arc::clone(host), stop.clone());
            let function = function.clone();
            tasks.push(tokio::spawn(async move { consume(&host, &function, stop).await }));
        }
    }
    tasks
}

async fn consume(host: &Arc<Host>, function: &str, stop: watch::Receiver<bool>) {
    let mut turn = 0;
    while !*stop.borrow() {
        match work_once(host, function, turn, POLL).await {
            Ok(worked) => turn += u64::from(worked),
            Err(error) => {
                tracing::error!(
                    function,
                    error = scorpius_core::error::chain(&error),
                    "its queues cannot be read"
                );
                tokio::time::sleep(POLL).await;
            }
        }
    }
}

/// The order in which a function's queues are looked at on its worker's turn `turn`: as the manifest has them, and every
/// `OTHERS_EVERY`th time another one first, each in its turn, so that none waits for ever behind those before it.
fn order(queues: &[String], turn: u64) -> Vec<&str> {
    let mut order: Vec<&str> = queues.iter().map(String::as_str).collect();
    let others = queues.len().saturating_sub(1) as u64;
    if others > 0 && turn % OTHERS_EVERY == OTHERS_EVERY - 1 {
        let first = 1 + (turn / OTHERS_EVERY) % others;
        order[..=usize::try_from(first).unwrap_or_default()].rotate_right(1);
    }
    order
}

/// Takes one message of the function's queues, if one comes within `wait`, and works on it. `turn` is how many its worker
/// had before.
///
/// # Errors
/// When a queue cannot be read or answered.
pub(super) async fn work_once(
    host: &Arc<Host>,
    function: &str,
    turn: u64,
    wait: Duration,
) -> Result<bool, scorpius_core::PortError> {
    let entry = &host.manifest.functions[function];
    let timeout = Duration::from_secs(u64::from(entry.timeout_s));
    let queues = order(entry.trigger.queues(), turn);
    let received = host.local.queues.receive_within(&queues, 1, timeout * VISIBILITY_TIMEOUTS, wait).await?;
    let Some(received) = received.into_iter().next() else { return Ok(false) };
    let message = Message { id: received.id, body: received.body, receives: received.receives };

    let started = Instant::now();
    let outcome = match entry.cpu {
        Cpu::Light => guarded(host, function, &message, timeout).await,
        Cpu::Heavy => on_a_thread(host, function, &message, timeout).await,
    };
    telemetry::record_message(function, &message.id, message.receives, &outcome, started.elapsed());
    match outcome {
        Outcome::Done => {
            point(CrashPoint::WorkerDone);
            host.local.queues.done(&message.id).await?;
        }
        Outcome::Retry { after, reason } => {
            let after = pause(after, message.receives);
            host.local.queues.retry(&message.id, after, &reason).await?;
        }
        Outcome::Reject { reason } => host.local.queues.reject(&message.id, &reason).await?,
    }
    Ok(true)
}

/// A panic or a timeout costs this message one hand-out, and nothing else.
async fn guarded(host: &Arc<Host>, function: &str, message: &Message, timeout: Duration) -> Outcome {
    let work = AssertUnwindSafe(host.message(function, message)).catch_unwind();
    match tokio::time::timeout(timeout, work).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => Outcome::retry(format_args!("panic: {}", panic_message(panic.as_ref()))),
        Err(_) => Outcome::retry("timed out"),
    }
}

async fn on_a_thread(host: &Arc<Host>, function: &str, message: &Message, timeout: Duration) -> Outcome {
    let (host, function, message) = (Arc::clone(host), function.to_owned(), message.clone());
    let runtime = tokio::runtime::Handle::current();
    let work = tokio::task::spawn_blocking(move || {
        runtime.block_on(async { guarded(&host, &function, &message, timeout).await })
    });
    work.await.unwrap_or_else(Outcome::retry)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_comes_first_in_the_manifest_comes_first_and_nothing_waits_for_ever() {
        let queues = ["high", "normal", "low"].map(str::to_owned);
        let mut first: BTreeMap<&str, u32> = BTreeMap::new();
        for turn in 0..80 {
            let order = order(&queues, turn);
            *first.entry(order[0]).or_default() += 1;
            // Whatever comes first, every queue is looked at, and the rest in the manifest's order.
            let rest: Vec<&str> = queues.iter().map(String::as_str).filter(|it| *it != order[0]).collect();
            assert_eq!(order[1..], rest);
        }
        assert_eq!(first, BTreeMap::from([("high", 60), ("normal", 10), ("low", 10)]));
        assert_eq!(order(&queues[..1], 3), ["high"]);
        assert_eq!(order(&[], 3), Vec::<&str>::new());
    }
}
