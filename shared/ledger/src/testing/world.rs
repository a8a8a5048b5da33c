//! The ports for tests: a real store and real keys, blobs in memory, and trouble on demand.

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use scorpius_core::blobs::{BlobsWithRecords, Publication, Published};
use scorpius_core::store::commit_each;
use scorpius_core::{
    Attributes, BlobName, Blobs, Chained, CommitId, Egress, Key, KeyName, Keys, Link, ListQuery, Page,
    PortError, Put, Record, Store, StoreError, SystemClock, UnixMillis, WrapContext, Write,
};
use scorpius_local::{FileKeys, SqliteStore};

use super::tenant;
use crate::log::{LogKind, LogName};
use crate::note::{Origin, VerifierKey};
use crate::policy::Policy;
use crate::records::Records;
use crate::sequencer::Sequencer;
use crate::witness::WitnessClient;

/// Blobs in memory that remember every byte they were ever given.
#[derive(Default)]
pub(crate) struct MemoryBlobs {
    pub(crate) now: Mutex<BTreeMap<BlobName, Bytes>>,
    pub(crate) history: Mutex<Vec<(BlobName, Bytes)>>,
    /// Of which store the records are in one place with them.
    beside: OnceLock<Arc<dyn Store>>,
    /// Whoever publishes is alone.
    turn: futures::lock::Mutex<()>,
}

impl MemoryBlobs {
    fn store(&self, name: &BlobName, bytes: Bytes) {
        self.history.lock().expect("unpoisoned").push((name.clone(), bytes.clone()));
        self.now.lock().expect("unpoisoned").insert(name.clone(), bytes);
    }

    fn find(&self, name: &BlobName) -> Option<Bytes> {
        self.now.lock().expect("unpoisoned").get(name).cloned()
    }

    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let now = self.now.lock().expect("unpoisoned");
        now.keys().map(BlobName::to_string).filter(|name| name.starts_with(folder)).collect()
    }
}

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn put_if_absent(&self, name: &BlobName, bytes: Bytes) -> Result<Put, PortError> {
        if self.find(name).is_some() {
            return Ok(Put::AlreadyThere);
        }
        self.store(name, bytes);
        Ok(Put::Stored)
    }

    async fn put(&self, name: &BlobName, bytes: Bytes) -> Result<(), PortError> {
        self.store(name, bytes);
        Ok(())
    }

    async fn get(&self, name: &BlobName, max_bytes: u64) -> Result<Option<Bytes>, PortError> {
        let found = self.find(name);
        match found.as_ref().is_some_and(|bytes| bytes.len() as u64 > max_bytes) {
            true => Err(PortError::new("blobs", "too large")),
            false => Ok(found),
        }
    }

    async fn get_range(&self, name: &BlobName, range: Range<u64>) -> Result<Option<Bytes>, PortError> {
        let cut = |bytes: Bytes| {
            let until = bytes.len().min(range.end as usize);
            bytes.slice((range.start as usize).min(until)..until)
        };
        Ok(self.find(name).map(cut))
    }

    fn with_records(&self) -> Option<&dyn BlobsWithRecords> {
        self.beside.get().map(|_| self as &dyn BlobsWithRecords)
    }

    async fn delete(&self, name: &BlobName) -> Result<(), PortError> {
        self.now.lock().expect("unpoisoned").remove(name);
        Ok(())
    }

    async fn sign_get(&self, _: &BlobName, _: Duration) -> Result<String, PortError> {
        Err(PortError::new("blobs", "the ledger signs no URL"))
    }

    async fn sign_put(&self, _: &BlobName, _: u64, _: Duration) -> Result<String, PortError> {
        Err(PortError::new("blobs", "the ledger signs no URL"))
    }
}

/// In a test nothing comes in between; a tile that is seen before its commit is as one that was put before a crash.
#[async_trait]
impl BlobsWithRecords for MemoryBlobs {
    async fn publish(&self, publication: &Publication) -> Result<Published, StoreError> {
        let store = self.beside.get().expect("asked after `with_records`");
        let _turn = self.turn.lock().await;
        let Publication { blobs, pointer: (name, note), id, writes } = publication.clone();
        let other = |(name, bytes): &&(BlobName, Bytes)| self.find(name).is_some_and(|there| there != *bytes);
        if let Some((name, _)) = blobs.iter().find(other) {
            return Ok(Published::OtherBytes(name.clone()));
        }
        for (name, bytes) in blobs {
            self.put_if_absent(&name, bytes).await?;
        }
        let version = store.commit(id, &writes).await?;
        self.store(&name, note);
        Ok(Published::Committed(version))
    }
}

/// What happens at one call to any port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The call fails and has done nothing; later calls work.
    Fails,
    /// The call has done its work, and its answer is lost; later calls work.
    FailsButPersists,
    /// The process dies before the call.
    DiesBefore,
    /// The process dies after the call.
    DiesAfter,
    /// Somebody else works for a while before the call.
    Sleeps,
}

impl Trouble {
    pub(crate) const DEADLY: [Self; 4] =
        [Self::Fails, Self::FailsButPersists, Self::DiesBefore, Self::DiesAfter];
}

type Meanwhile = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Trouble at the `at`-th call, counted from 1 over all ports.
pub(crate) struct Script {
    trouble: Trouble,
    at: u64,
    /// Whether the ports make several commits, and blobs with records, durable at once, which then are one call.
    at_once: bool,
    calls: AtomicU64,
    /// What was called, in order.
    log: Mutex<Vec<String>>,
    meanwhile: Mutex<Option<Meanwhile>>,
}

impl Script {
    pub(crate) fn new(trouble: Trouble, at: u64) -> Arc<Self> {
        let (calls, log, meanwhile) = (AtomicU64::new(0), Mutex::default(), Mutex::new(None));
        Arc::new(Self { trouble, at, at_once: false, calls, log, meanwhile })
    }

    /// The same over ports that make several commits, and blobs with records, durable at once.
    pub(crate) fn at_once(trouble: Trouble, at: u64) -> Arc<Self> {
        let (calls, log, meanwhile) = (AtomicU64::new(0), Mutex::default(), Mutex::new(None));
        Arc::new(Self { trouble, at, at_once: true, calls, log, meanwhile })
    }

    pub(crate) fn sleeping(at: u64, meanwhile: impl Future<Output = ()> + Send + 'static) -> Arc<Self> {
        let meanwhile: Meanwhile = Box::pin(meanwhile);
        Arc::new(Self {
            trouble: Trouble::Sleeps,
            at,
            at_once: false,
            calls: AtomicU64::new(0),
            log: Mutex::default(),
            meanwhile: Mutex::new(Some(meanwhile)),
        })
    }

    /// These blobs, in this trouble.
    pub(crate) fn blobs(self: &Arc<Self>, blobs: Arc<dyn Blobs>) -> Arc<dyn Blobs> {
        Arc::new(Scripted(blobs, Arc::clone(self)))
    }

    /// Whether the run was long enough for its trouble.
    pub(crate) fn was_reached(&self) -> bool {
        self.calls.load(Ordering::SeqCst) >= self.at
    }

    /// What was called, in order.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().expect("unpoisoned").clone()
    }

    async fn run<T, E: From<PortError>>(
        &self,
        what: impl Into<String>,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.log.lock().expect("unpoisoned").push(what.into());
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let lost = || E::from(PortError::new("test", "trouble"));
        match (self.trouble, number.cmp(&self.at)) {
            (Trouble::Sleeps, std::cmp::Ordering::Equal) => {
                let meanwhile = self.meanwhile.lock().expect("unpoisoned").take();
                meanwhile.expect("the call is reached once").await;
                call.await
            }
            (Trouble::Fails | Trouble::DiesBefore, std::cmp::Ordering::Equal) => Err(lost()),
            (Trouble::FailsButPersists | Trouble::DiesAfter, std::cmp::Ordering::Equal) => {
                call.await?;
                Err(lost())
            }
            (Trouble::DiesBefore | Trouble::DiesAfter, std::cmp::Ordering::Greater) => Err(lost()),
            _ => call.await,
        }
    }
}

/// A blob's name as far as it is the same each time, and in each log: `ledger/tile`.
fn kind(name: &BlobName) -> String {
    let name = match name.as_str().strip_prefix("ledger-own/").and_then(|own| own.split_once('/')) {
        Some((_, path)) => format!("ledger/{path}"),
        None => name.to_string(),
    };
    name.split('/').take(2).collect::<Vec<_>>().join("/")
}

/// A partition as it is called in the shared log.
fn partition(key: &Key) -> String {
    match key.partition.split_once("#ledger-") {
        Some((_, of @ ("log" | "batches"))) => format!("ledger#{of}"),
        _ => key.partition.clone(),
    }
}

/// A port in trouble.
struct Scripted<P: ?Sized>(Arc<P>, Arc<Script>);

#[async_trait]
impl Store for Scripted<dyn Store> {
    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.1.run(format!("get {}", partition(key)), self.0.get(key)).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, StoreError> {
        self.1.run("get_many", self.0.get_many(keys)).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page, StoreError> {
        self.1.run("list", self.0.list(query)).await
    }

    async fn scan(&self, segment: u32, of: u32, cursor: Option<&str>) -> Result<Page, StoreError> {
        self.1.run("scan", self.0.scan(segment, of, cursor)).await
    }

    async fn commit(&self, id: CommitId, writes: &[Write]) -> Result<u64, StoreError> {
        self.1.run("commit", self.0.commit(id, writes)).await
    }

    async fn commit_chain(&self, key: &Key, links: Vec<Link>) -> Chained {
        if !self.1.at_once {
            return commit_each(self, key, links).await;
        }
        let chained = async { Ok::<_, PortError>(self.0.commit_chain(key, links).await) };
        self.1
            .run("commit", chained)
            .await
            .unwrap_or_else(|lost| Chained { versions: Vec::new(), stopped: Some(lost.into()) })
    }

    async fn add(
        &self,
        key: &Key,
        deltas: &[(&str, i64)],
        only_if: Option<(&str, i64)>,
        expires_at: Option<UnixMillis>,
    ) -> Result<Attributes, StoreError> {
        self.1.run("add", self.0.add(key, deltas, only_if, expires_at)).await
    }
}

#[async_trait]
impl Blobs for Scripted<dyn Blobs> {
    async fn put_if_absent(&self, name: &BlobName, bytes: Bytes) -> Result<Put, PortError> {
        self.1.run(format!("put_if_absent {}", kind(name)), self.0.put_if_absent(name, bytes)).await
    }

    fn with_records(&self) -> Option<&dyn BlobsWithRecords> {
        self.0.with_records().map(|_| self as &dyn BlobsWithRecords)
    }

    async fn put(&self, name: &BlobName, bytes: Bytes) -> Result<(), PortError> {
        self.1.run(format!("put {}", kind(name)), self.0.put(name, bytes)).await
    }

    async fn get(&self, name: &BlobName, max_bytes: u64) -> Result<Option<Bytes>, PortError> {
        self.1.run(format!("get {}", kind(name)), self.0.get(name, max_bytes)).await
    }

    async fn get_range(&self, name: &BlobName, range: Range<u64>) -> Result<Option<Bytes>, PortError> {
        self.1.run(format!("get_range {}", kind(name)), self.0.get_range(name, range)).await
    }

    async fn delete(&self, name: &BlobName) -> Result<(), PortError> {
        self.1.run(format!("delete {}", kind(name)), self.0.delete(name)).await
    }

    async fn sign_get(&self, name: &BlobName, valid_for: Duration) -> Result<String, PortError> {
        self.1.run("sign_get", self.0.sign_get(name, valid_for)).await
    }

    async fn sign_put(&self, name: &BlobName, max: u64, valid_for: Duration) -> Result<String, PortError> {
        self.1.run("sign_put", self.0.sign_put(name, max, valid_for)).await
    }
}

#[async_trait]
impl BlobsWithRecords for Scripted<dyn Blobs> {
    async fn publish(&self, publication: &Publication) -> Result<Published, StoreError> {
        let together = self.0.with_records().expect("asked after `with_records`");
        self.1.run("publish", together.publish(publication)).await
    }
}

#[async_trait]
impl Keys for Scripted<dyn Keys> {
    async fn sign(&self, key: KeyName, message: &[u8]) -> Result<[u8; 64], PortError> {
        self.1.run("sign", self.0.sign(key, message)).await
    }

    async fn public_key(&self, key: KeyName) -> Result<[u8; 32], PortError> {
        self.1.run("public_key", self.0.public_key(key)).await
    }

    async fn wrap(&self, secret: &[u8], context: &WrapContext) -> Result<Vec<u8>, PortError> {
        self.1.run("wrap", self.0.wrap(secret, context)).await
    }

    async fn unwrap(&self, wrapped: &[u8], context: &WrapContext) -> Result<Vec<u8>, PortError> {
        self.1.run("unwrap", self.0.unwrap(wrapped, context)).await
    }
}

/// The ports of one test. Clones are the same world.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) blobs: Arc<MemoryBlobs>,
    pub(crate) keys: Arc<dyn Keys>,
    /// The log that the test is about.
    pub(crate) log: LogName,
}

/// What must hold for the shared log, and for the own log of the first tenant.
pub(crate) fn logs() -> [LogName; 2] {
    LogKind::BOTH.map(|kind| kind.of(&tenant(1)))
}

impl World {
    /// Where the log is the shared one.
    pub(crate) fn new() -> Self {
        Self::of(&LogName::Shared)
    }

    /// Where it is this one.
    pub(crate) fn of(log: &LogName) -> Self {
        // Keys are read once, so that their folder may go; making them takes a sync each, so that all tests share them.
        static KEYS: OnceLock<FileKeys> = OnceLock::new();
        let keys = KEYS.get_or_init(|| {
            let folder = tempfile::tempdir().expect("a temporary folder");
            FileKeys::open(folder.path(), Arc::new(SystemClock)).expect("new keys")
        });
        let store = SqliteStore::in_memory(Arc::new(SystemClock)).expect("a store in memory");
        Self { store: Arc::new(store), blobs: Arc::default(), keys: Arc::new(keys.clone()), log: log.clone() }
    }

    /// A sequencer of its own process: it shares nothing with others but the ports.
    pub(crate) fn sequencer(&self) -> Sequencer {
        let blobs: Arc<dyn Blobs> = self.blobs.clone();
        let shared =
            Sequencer::new(self.store.clone(), blobs, self.keys.clone(), Arc::new(SystemClock), origin());
        self.of_log(shared)
    }

    fn of_log(&self, shared: Sequencer) -> Sequencer {
        match &self.log {
            LogName::Shared => shared,
            LogName::Own(tenant) => shared.of_tenant(tenant).expect("an origin"),
        }
    }

    pub(crate) fn records(&self) -> Records {
        Records::new(self.store.clone(), self.log.clone())
    }

    /// The same, asking witnesses.
    pub(crate) fn witnessed(&self, egress: Arc<dyn Egress>, policy: Policy) -> Sequencer {
        self.sequencer().asking(WitnessClient::new(egress, Arc::new(SystemClock), policy))
    }

    /// A copy of the blobs as they are now, and the same records.
    pub(crate) fn with_blobs(&self, now: BTreeMap<BlobName, Bytes>) -> Self {
        let blobs = MemoryBlobs { now: Mutex::new(now), ..MemoryBlobs::default() };
        Self { blobs: Arc::new(blobs), ..self.clone() }
    }

    /// The same, with trouble ahead.
    pub(crate) fn troubled(&self, script: &Arc<Script>) -> Sequencer {
        if script.at_once {
            self.blobs.beside.get_or_init(|| self.store.clone());
        }
        let blobs: Arc<dyn Blobs> = self.blobs.clone();
        let shared = Sequencer::new(
            Arc::new(Scripted(self.store.clone(), script.clone())),
            Arc::new(Scripted(blobs, script.clone())),
            Arc::new(Scripted(self.keys.clone(), script.clone())),
            Arc::new(SystemClock),
            origin(),
        );
        self.of_log(shared)
    }

    /// Store and keys, with trouble ahead.
    pub(crate) fn troubled_ports(&self, script: &Arc<Script>) -> (Arc<dyn Store>, Arc<dyn Keys>) {
        (
            Arc::new(Scripted(self.store.clone(), script.clone())),
            Arc::new(Scripted(self.keys.clone(), script.clone())),
        )
    }

    pub(crate) async fn trusted(&self) -> [VerifierKey; 1] {
        let origin = self.log.origin(&origin()).expect("an origin");
        [VerifierKey::of_log(&*self.keys, &origin).await.expect("a key")]
    }
}

pub(crate) fn origin() -> Origin {
    "example.com/audit".parse().expect("an origin")
}
