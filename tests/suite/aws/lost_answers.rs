//! `DynamoStore` behind a wire that loses, refuses and breaks: what was applied is applied once, and
//! nothing false is said about it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use scorpius_aws::{Aws, DynamoStore, Tables};
use scorpius_core::{Attributes, CommitId, Condition, Key, Store, StoreError, SystemClock, Value, Write};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::tools;

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It arrives, and its answer does not.
    AnswerLost,
    /// It does not arrive.
    RequestLost,
    /// DynamoDB says this, with this status.
    Says(u16, &'static str),
}

const THROTTLED: Fate = Fate::Says(400, "ProvisionedThroughputExceededException");
const CONFLICT: Fate = Fate::Says(400, "TransactionConflictException");
const BROKEN: Fate = Fate::Says(500, "InternalServerError");

/// A store behind the wire, and the same store beside it.
struct World {
    store: DynamoStore,
    direct: DynamoStore,
    fates: Arc<Mutex<VecDeque<Fate>>>,
    _emulator: tools::Emulator,
}

impl World {
    async fn open() -> Option<Self> {
        let emulator = tokio::task::block_in_place(tools::dynoxide)?;
        let fates = Arc::new(Mutex::new(VecDeque::new()));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        let upstream = emulator.url.trim_start_matches("http://").to_owned();
        tokio::spawn(serve(listener, upstream, Arc::clone(&fates)));

        let tables = Tables::with_prefix("lost");
        let direct = Aws::emulated(&emulator.url, Arc::new(SystemClock));
        direct.create_tables(&tables).await.expect("an empty emulator takes tables");
        let store = Aws::emulated(&url, Arc::new(SystemClock)).store_on(tables.clone());
        Some(Self { store, direct: direct.store_on(tables), fates, _emulator: emulator })
    }

    fn next(&self, fates: &[Fate]) {
        let mut next = self.fates.lock().expect("no poison");
        assert!(next.is_empty(), "fates that nothing met: {next:?}");
        next.extend(fates);
    }

    async fn count(&self) -> (u64, i64) {
        let record = self.direct.get(&key()).await.expect("the store answers").expect("it is there");
        (record.version, record.attributes.int("n"))
    }

    /// Puts `n` past the wire.
    async fn put_directly(&self, n: i64) -> u64 {
        self.direct.commit(id(), &[put(n, Condition::Always)]).await.expect("nothing stands against it")
    }
}

async fn serve(listener: TcpListener, upstream: String, fates: Arc<Mutex<VecDeque<Fate>>>) {
    loop {
        let (client, _) = listener.accept().await.expect("it listens");
        let (upstream, fates) = (upstream.clone(), Arc::clone(&fates));
        tokio::spawn(async move {
            let mut client = client;
            while let Some(request) = message(&mut client).await {
                let fate = fates.lock().expect("no poison").pop_front();
                let answer = match fate {
                    Some(Fate::RequestLost) => return,
                    Some(Fate::Says(status, code)) => refusal(status, code),
                    Some(Fate::AnswerLost) | None => {
                        let mut server = TcpStream::connect(&upstream).await.expect("the emulator listens");
                        server.write_all(&request).await.expect("the emulator reads");
                        message(&mut server).await.expect("the emulator answers")
                    }
                };
                if matches!(fate, Some(Fate::AnswerLost)) || client.write_all(&answer).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// One HTTP/1.1 message whose body has a length.
async fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(head) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
            let length =
                text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if bytes.len() >= head + 4 + length.unwrap_or(0) {
                return Some(bytes);
            }
        }
        let mut part = [0; 8_192];
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&part[..read]),
        }
    }
}

fn refusal(status: u16, code: &str) -> Vec<u8> {
    let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"no"}}"#);
    let head = format!(
        "HTTP/1.1 {status} No\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head, body].concat().into_bytes()
}

fn key() -> Key {
    Key::new("lost", "a")
}

fn id() -> CommitId {
    CommitId::new(&SystemClock)
}

fn put(n: i64, condition: Condition) -> Write {
    let attributes = Attributes::new().with("n", Value::Int(n));
    Write::Put { key: key(), attributes, expires_at: None, condition }
}

fn add() -> Write {
    Write::Add { key: key(), deltas: vec![("n".to_owned(), 1)], only_if: None, expires_at: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_applied_once() {
    let Some(world) = World::open().await else { return };
    let first = world.put_directly(0).await;
    for fate in [Fate::AnswerLost, Fate::RequestLost, BROKEN, THROTTLED, CONFLICT] {
        world.next(&[fate, fate]);
        let before = world.count().await;
        let version = world.store.commit(id(), &[put(7, Condition::VersionIs(before.0))]).await;
        assert_eq!(world.count().await, (version.expect("the second try is told"), 7), "{fate:?}");

        world.next(&[fate, fate]);
        world.store.commit(id(), &[add()]).await.expect("the second try is told");
        assert_eq!(world.count().await.1, 8, "{fate:?}");

        world.next(&[fate, fate]);
        let stale = world.store.commit(id(), &[put(9, Condition::VersionIs(first))]).await;
        assert_eq!(world.count().await.1, 8, "{fate:?}");
        match fate {
            // Nothing that was sent can have been applied: the words are plain.
            THROTTLED | CONFLICT => {
                assert!(matches!(stale, Err(StoreError::Conflict { index: 0 })), "{fate:?}: {stale:?}");
            }
            // Whoever wrote over the record might have written over ours.
            _ => assert!(matches!(stale, Err(StoreError::Port(_))), "{fate:?}: {stale:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_put_that_was_written_over_is_not_called_a_conflict() {
    let Some(world) = World::open().await else { return };
    let before = world.put_directly(0).await;
    let (id, write) = (id(), [put(1, Condition::VersionIs(before))]);
    let mut fates = [Fate::RequestLost; 8];
    fates[0] = Fate::AnswerLost;
    world.next(&fates);
    let lost = world.store.commit(id, &write).await;
    assert!(matches!(lost, Err(StoreError::Port(_))), "{lost:?}");
    assert_eq!(world.count().await.1, 1, "it was applied");
    world.put_directly(2).await;
    let again = world.store.commit(id, &write).await;
    assert!(matches!(again, Err(StoreError::Port(_))), "it was applied, so it is no conflict: {again:?}");
    assert_eq!(world.count().await.1, 2);

    // An answer that came is remembered, whatever happened to the record since.
    let (id, write) = (self::id(), [put(3, Condition::VersionIs(world.count().await.0))]);
    let version = world.store.commit(id, &write).await.expect("it is applied");
    world.put_directly(4).await;
    assert_eq!(world.store.commit(id, &write).await.expect("it was applied"), version);
    assert_eq!(world.count().await.1, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_add_whose_answer_is_lost_is_not_tried_again() {
    let Some(world) = World::open().await else { return };
    world.put_directly(0).await;
    for (fate, counted) in [(Fate::AnswerLost, 1), (Fate::RequestLost, 1), (BROKEN, 1)] {
        world.next(&[fate]);
        let lost = world.store.add(&key(), &[("n", 1)], None, None).await;
        assert!(matches!(lost, Err(StoreError::Port(_))), "{fate:?}: {lost:?}");
        assert_eq!(world.count().await.1, counted, "{fate:?}");
    }
    world.next(&[THROTTLED, CONFLICT]);
    let sum =
        world.store.add(&key(), &[("n", 1)], None, None).await.expect("nothing was done the first times");
    assert_eq!(sum.int("n"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn contention_that_does_not_end_is_busy_and_changes_nothing() {
    let Some(world) = World::open().await else { return };
    let version = world.put_directly(0).await;
    for fate in [THROTTLED, CONFLICT] {
        for condition in [Condition::VersionIs(version), Condition::Present] {
            let writes = [put(1, condition)];
            world.next(&[fate; 8]);
            let busy = world.store.commit(id(), &writes).await;
            assert!(matches!(busy, Err(StoreError::Busy)), "{fate:?}: {busy:?}");
        }
    }
    world.next(&[THROTTLED; 8]);
    assert!(matches!(world.store.get(&key()).await, Err(StoreError::Busy)));
    world.next(&[THROTTLED, BROKEN, Fate::AnswerLost, Fate::RequestLost]);
    assert_eq!(
        world.store.get(&key()).await.expect("a read is tried again").map(|record| record.version),
        Some(version)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_id_for_two_commits_is_refused() {
    let Some(world) = World::open().await else { return };
    let id = id();
    world.store.commit(id, &[put(1, Condition::Always)]).await.expect("nothing stands against it");
    let other = world.store.commit(id, &[put(2, Condition::Always)]).await;
    assert!(matches!(other, Err(StoreError::Port(_))), "{other:?}");
    assert_eq!(world.count().await.1, 1);
}
