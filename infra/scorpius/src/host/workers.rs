//! SQS's part: hands messages to workers, again and again until each is done or a dead letter.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use scorpius_core::crash::{CrashPoint, point};
use scorpius_edge::manifest::{Cpu, Trigger};
use scorpius_edge::queue::pause;
use scorpius_edge::serve::panic_message;
use scorpius_edge::{Message, Outcome, telemetry};
use tokio::sync::watch;

use super::Host;

/// Messages that one light function works on at once.
const LIGHT_WORKERS: usize = 4;
/// How long a poll waits for a message, and so how long a stop may take.
const POLL: Duration = Duration::from_millis(500);
/// SQS's rule of thumb: a message stays hidden for six timeouts of its consumer.
const VISIBILITY_TIMEOUTS: u32 = 6;

/// Starts the workers of every queue; they end after the message in work when `stop` says so.
pub(super) fn start(host: &Arc<Host>, stop: &watch::Receiver<bool>) -> Vec<tokio::task::JoinHandle<()>> {
    let mut tasks = Vec::new();
    for (function, entry) in &host.manifest.functions {
        let Trigger::Queue(queue) = &entry.trigger else { continue };
        let workers = match entry.cpu {
            Cpu::Light => LIGHT_WORKERS,
            Cpu::Heavy => {
                std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1))
            }
        };
        for _ in 0..workers {
            let (host, stop) = (Arc::clone(host), stop.clone());
            let (function, queue) = (function.clone(), queue.clone());
            tasks.push(tokio::spawn(async move { consume(&host, &function, &queue, stop).await }));
        }
    }
    tasks
}

async fn consume(host: &Arc<Host>, function: &str, queue: &str, stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let work = work_once(host, function, queue, POLL);
        match work.await {
            Ok(_) => {}
            Err(error) => {
                tracing::error!(
                    function,
                    queue,
                    error = scorpius_core::error::chain(&error),
                    "a queue cannot be read"
                );
                tokio::time::sleep(POLL).await;
            }
        }
    }
}

/// Takes one message of `queue`, if one comes within `wait`, and works on it.
///
/// # Errors
/// When the queue cannot be read or answered.
pub(super) async fn work_once(
    host: &Arc<Host>,
    function: &str,
    queue: &str,
    wait: Duration,
) -> Result<bool, scorpius_core::PortError> {
    let entry = &host.manifest.functions[function];
    let timeout = Duration::from_secs(u64::from(entry.timeout_s));
    let received = host.local.queues.receive_within(queue, 1, timeout * VISIBILITY_TIMEOUTS, wait).await?;
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
