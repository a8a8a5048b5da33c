//! A few connections that read, each on its own thread.

use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{Builder, JoinHandle};

use rusqlite::Connection;
use scorpius_core::StoreError;
use tokio::sync::oneshot;

use super::schema::Place;
use super::stopped;

/// Threads that read. A read is mostly memory; more than the processors would not be faster.
const READERS: usize = 4;
/// Reads that wait before the next one is refused.
const WAITING_MAX: usize = 4_096;

type Read = Box<dyn FnOnce(&Connection) + Send>;

/// The pool.
pub(crate) struct Readers {
    queue: RwLock<Option<SyncSender<Read>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Readers {
    pub(crate) fn start(place: &Place) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let (queue, reads) = mpsc::sync_channel(WAITING_MAX);
        let reads = Arc::new(Mutex::new(reads));
        let mut threads = Vec::new();
        for number in 0..READERS {
            let connection = place.open_reader()?;
            let reads = Arc::clone(&reads);
            let thread = Builder::new().name(format!("store-read-{number}"));
            threads.push(thread.spawn(move || run(&connection, &reads))?);
        }
        Ok(Self { queue: RwLock::new(Some(queue)), threads: Mutex::new(threads) })
    }

    pub(crate) fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError> {
        let (reply, answer) = oneshot::channel();
        let read: Read = Box::new(move |connection| {
            if !reply.is_closed() {
                // Who asked may have gone away meanwhile; nobody else wants the answer.
                drop(reply.send(work(connection)));
            }
        });
        let queue = self.queue.read().unwrap_or_else(PoisonError::into_inner);
        match queue.as_ref().ok_or_else(stopped)?.try_send(read) {
            Ok(()) => Ok(answer),
            Err(TrySendError::Full(_)) => Err(StoreError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(stopped()),
        }
    }

    pub(crate) fn stop(&self) {
        self.queue.write().unwrap_or_else(PoisonError::into_inner).take();
        for thread in self.threads.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reader of the store panicked");
            }
        }
    }
}

fn run(connection: &Connection, reads: &Mutex<Receiver<Read>>) {
    loop {
        let next = reads.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(read) = next else { return };
        // A panic is a defect; whoever asked is told by the reply that goes away.
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read(connection))).is_err() {
            tracing::error!("a read of the store panicked");
        }
    }
}
