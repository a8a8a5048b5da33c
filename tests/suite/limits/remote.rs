//! One store for several processes: this one keeps it, the others ask over loopback. A line a question, a line an answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use scorpius_core::{
    Attributes, CommitId, Key, ListQuery, Page, PortError, Record, Store, StoreError, UnixMillis, Write,
};
use scorpius_local::SqliteStore;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Barrier, Mutex};

#[derive(Debug, Serialize, Deserialize)]
enum Question {
    Get {
        partition: String,
        sort: String,
    },
    Add {
        partition: String,
        sort: String,
        deltas: Vec<(String, i64)>,
        only_if: Option<(String, i64)>,
        expires_at: Option<UnixMillis>,
    },
    /// Wait until every process is here.
    Meet,
}

#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    Found(Option<Attributes>),
    Added(Attributes),
    Conflict,
    Met,
    Failed(String),
}

/// How often the store was asked.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) reads: AtomicU64,
    pub(super) writes: AtomicU64,
    /// Of the writes: those whose condition did not hold.
    pub(super) refused: AtomicU64,
}

/// Serves `store` to `processes` processes.
pub(super) async fn serve(store: SqliteStore, processes: usize) -> (SocketAddr, Arc<Calls>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("it listens");
    let (calls, barrier) = (Arc::new(Calls::default()), Arc::new(Barrier::new(processes)));
    let counted = Arc::clone(&calls);
    tokio::spawn(async move {
        while let Ok((wire, _)) = listener.accept().await {
            let (store, calls, barrier) = (store.clone(), Arc::clone(&counted), Arc::clone(&barrier));
            tokio::spawn(async move {
                let (read, mut write) = wire.into_split();
                let mut lines = BufReader::new(read).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    let question = serde_json::from_str(&line).expect("a question");
                    let answer = answered(&store, &calls, &barrier, question).await;
                    let answer = serde_json::to_string(&answer).expect("an answer") + "\n";
                    if write.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, calls)
}

async fn answered(store: &SqliteStore, calls: &Calls, barrier: &Barrier, question: Question) -> Answer {
    match question {
        Question::Meet => {
            barrier.wait().await;
            Answer::Met
        }
        Question::Get { partition, sort } => {
            calls.reads.fetch_add(1, Ordering::SeqCst);
            match store.get(&Key::new(partition, sort)).await {
                Ok(found) => Answer::Found(found.map(|record| record.attributes)),
                Err(error) => Answer::Failed(error.to_string()),
            }
        }
        Question::Add { partition, sort, deltas, only_if, expires_at } => {
            calls.writes.fetch_add(1, Ordering::SeqCst);
            let deltas: Vec<_> = deltas.iter().map(|(name, delta)| (name.as_str(), *delta)).collect();
            let only_if = only_if.as_ref().map(|(name, max)| (name.as_str(), *max));
            match store.add(&Key::new(partition, sort), &deltas, only_if, expires_at).await {
                Ok(now) => Answer::Added(now),
                Err(StoreError::Conflict { .. }) => {
                    calls.refused.fetch_add(1, Ordering::SeqCst);
                    Answer::Conflict
                }
                Err(error) => Answer::Failed(error.to_string()),
            }
        }
    }
}

/// The same store, in another process: as far as a limiter needs it.
pub(super) struct Remote {
    wire: Mutex<BufReader<TcpStream>>,
}

impl Remote {
    pub(super) async fn at(address: SocketAddr) -> Self {
        let wire = TcpStream::connect(address).await.expect("the other process listens");
        Self { wire: Mutex::new(BufReader::new(wire)) }
    }

    /// Waits for the other processes.
    pub(super) async fn meet(&self) {
        let answer = self.ask(&Question::Meet).await.expect("the other process answers");
        assert!(matches!(answer, Answer::Met));
    }

    async fn ask(&self, question: &Question) -> Result<Answer, StoreError> {
        let text = serde_json::to_string(question).expect("a question") + "\n";
        let mut wire = self.wire.lock().await;
        let mut line = String::new();
        wire.get_mut().write_all(text.as_bytes()).await.map_err(|error| PortError::new("remote", error))?;
        wire.read_line(&mut line).await.map_err(|error| PortError::new("remote", error))?;
        Ok(serde_json::from_str(&line).map_err(|error| PortError::new("remote", error))?)
    }
}

fn elsewhere() -> StoreError {
    StoreError::Port(PortError::new("remote", std::io::Error::other("a limiter needs no more")))
}

#[async_trait]
impl Store for Remote {
    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        let question = Question::Get { partition: key.partition.clone(), sort: key.sort.clone() };
        match self.ask(&question).await? {
            Answer::Found(found) => Ok(found.map(|attributes| Record {
                key: key.clone(),
                version: 1,
                attributes,
                expires_at: None,
            })),
            _ => Err(elsewhere()),
        }
    }

    async fn add(
        &self,
        key: &Key,
        deltas: &[(&str, i64)],
        only_if: Option<(&str, i64)>,
        expires_at: Option<UnixMillis>,
    ) -> Result<Attributes, StoreError> {
        let question = Question::Add {
            partition: key.partition.clone(),
            sort: key.sort.clone(),
            deltas: deltas.iter().map(|(name, delta)| ((*name).to_owned(), *delta)).collect(),
            only_if: only_if.map(|(name, max)| (name.to_owned(), max)),
            expires_at,
        };
        match self.ask(&question).await? {
            Answer::Added(now) => Ok(now),
            Answer::Conflict => Err(StoreError::Conflict { index: 0 }),
            _ => Err(elsewhere()),
        }
    }

    async fn get_many(&self, _: &[Key]) -> Result<Vec<Option<Record>>, StoreError> {
        Err(elsewhere())
    }

    async fn list(&self, _: &ListQuery) -> Result<Page, StoreError> {
        Err(elsewhere())
    }

    async fn scan(&self, _: u32, _: u32, _: Option<&str>) -> Result<Page, StoreError> {
        Err(elsewhere())
    }

    async fn commit(&self, _: CommitId, _: &[Write]) -> Result<u64, StoreError> {
        Err(elsewhere())
    }
}
