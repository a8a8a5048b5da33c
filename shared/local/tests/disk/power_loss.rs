//! Power goes under load, at any write or sync: nothing that was acknowledged is lost, no commit is half.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use scorpius_core::blobs::{Publication, Published};
use scorpius_core::{
    Attributes, BlobName, Blobs, Bus, CommitId, Condition, Key, ListQuery, Store, StoreError, SystemClock,
    Value, Write,
};
use scorpius_local::{DatabaseOptions, Durability, FolderBlobs, QueueSpec, SqliteQueues, SqliteStore};

use crate::power::{Counts, Power, Random};
use crate::vfs;

const ROUNDS: u64 = 20;
const COMMITTERS: usize = 8;
/// Every how many commits a committer also sends a message, and puts blobs.
const SENDS_EVERY: u32 = 4;
/// Blobs that are put together.
const TILES: [&str; 3] = ["0", "1", "entries"];

/// What was acknowledged, and what was tried.
#[derive(Default)]
struct Ledger {
    commits: BTreeSet<String>,
    sent: BTreeSet<String>,
    /// Of blobs that were put together, which.
    put: BTreeSet<String>,
    tried: u64,
}

fn queues(store: &SqliteStore) -> SqliteQueues {
    let spec = QueueSpec { name: "q".to_owned(), patterns: Vec::new(), receives_max: 5 };
    SqliteQueues::beside(store, vec![spec])
}

/// The writes of one commit: in two partitions, in the outbox, and added up.
fn writes(name: &str) -> Vec<Write> {
    let filling = Value::Bytes(vec![7; 100 + name.len() * 50]);
    let put = |partition| Write::Put {
        key: Key::new(partition, name),
        attributes: Attributes::new().with("b", filling.clone()),
        expires_at: None,
        condition: Condition::Absent,
    };
    let count = Write::Add {
        key: Key::new("sums", "commits"),
        deltas: vec![("n".to_owned(), 1)],
        only_if: None,
        expires_at: None,
    };
    let volatile = Write::Add {
        key: Key::new("counter#commits", "n"),
        deltas: vec![("n".to_owned(), 1)],
        only_if: None,
        expires_at: None,
    };
    vec![put("left"), put("right"), put("outbox#1"), count, volatile]
}

fn tile(number: &str, of: &str) -> BlobName {
    format!("ledger/tile/{number}/{of}").parse().expect("a blob's name")
}

fn tile_bytes(of: &str) -> Bytes {
    of.as_bytes().repeat(500).into()
}

async fn work(store: SqliteStore, blobs: FolderBlobs, name: String, ledger: Arc<Mutex<Ledger>>) {
    let queues = queues(&store);
    for number in 0u32.. {
        let name = format!("{name}-{number}");
        ledger.lock().expect("no test panics with it").tried += 1;
        if store.commit(CommitId::new(&SystemClock), &writes(&name)).await.is_err() {
            return;
        }
        ledger.lock().expect("no test panics with it").commits.insert(name.clone());
        if number % SENDS_EVERY == 0 {
            if queues.send("q", name.as_bytes()).await.is_err() {
                return;
            }
            ledger.lock().expect("no test panics with it").sent.insert(name.clone());
            let tiles = TILES.map(|number| (tile(number, &name), tile_bytes(&name))).to_vec();
            // Some are published with a record that tells of them.
            let is_done = match number % (2 * SENDS_EVERY) {
                0 => blobs.put_all_if_absent(tiles).await.is_ok(),
                _ => publish(&blobs, &name, tiles).await,
            };
            if !is_done {
                return;
            }
            ledger.lock().expect("no test panics with it").put.insert(name);
        }
    }
}

/// Whether it was acknowledged.
async fn publish(blobs: &FolderBlobs, name: &str, tiles: Vec<(BlobName, Bytes)>) -> bool {
    let publication = Publication {
        blobs: tiles,
        pointer: ("ledger/checkpoint".parse().expect("a blob's name"), tile_bytes(name)),
        id: CommitId::new(&SystemClock),
        writes: vec![Write::put(Key::new("told", name), &1, Condition::Absent)],
    };
    let together = blobs.with_records().expect("they are beside a store");
    matches!(together.publish(&publication).await, Ok(Published::Committed(_)))
}

/// Works until power goes.
async fn work_until_power_goes(
    dir: &Path,
    durability: Durability,
    round: u64,
    ledger: &Arc<Mutex<Ledger>>,
) -> Counts {
    let power = Arc::new(Power::default());
    let options = DatabaseOptions { durability, vfs: Some(vfs::register(&power)) };
    let store = SqliteStore::open_with(dir, Arc::new(SystemClock), options).expect("the folder opens");
    let blobs = FolderBlobs::open(dir, Arc::new(SystemClock), "").expect("the folder opens").beside(&store);
    // Every other time while the log is folded into the database, whenever that is.
    match round % 2 {
        0 => power.goes_after(300 + Random(round).below(6_000) as u64, round),
        _ => power.goes_in_a_fold_after(1 + Random(round).below(400) as u64, round),
    }
    let tasks: Vec<_> = (0..COMMITTERS)
        .map(|task| {
            let name = format!("{round}-{task}");
            tokio::spawn(work(store.clone(), blobs.clone(), name, Arc::clone(ledger)))
        })
        .collect();
    for task in tasks {
        task.await.expect("the committer ends when power goes");
    }
    store.shutdown();
    power.counts()
}

/// What is in the folder when power is back.
struct Found {
    left: BTreeSet<String>,
    right: BTreeSet<String>,
    outbox: BTreeSet<String>,
    told: BTreeSet<String>,
    messages: BTreeSet<String>,
    /// Names of the blobs that are there and whole.
    tiles: BTreeSet<String>,
    sum: i64,
    /// SQLite's own opinion of the file.
    sound: String,
}

async fn all(store: &SqliteStore, partition: &str) -> Result<BTreeSet<String>, StoreError> {
    let mut query = ListQuery::all(partition);
    let mut names = BTreeSet::new();
    loop {
        let page = store.list(&query).await?;
        names.extend(page.records.into_iter().map(|record| record.key.sort));
        query.cursor = page.cursor;
        if query.cursor.is_none() {
            return Ok(names);
        }
    }
}

async fn look(dir: &Path) -> Result<Found, Box<dyn Error>> {
    let store = SqliteStore::open(dir, Arc::new(SystemClock))?;
    let sum = store.get(&Key::new("sums", "commits")).await?;
    let sum = sum.map_or(0, |record| record.attributes.int("n"));
    let (left, right, outbox) =
        (all(&store, "left").await?, all(&store, "right").await?, all(&store, "outbox#1").await?);
    let told = all(&store, "told").await?;
    drop(store);
    let file = rusqlite::Connection::open(dir.join("scorpius.db"))?;
    let sound = file.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    let mut bodies = file.prepare("SELECT CAST(body AS TEXT) FROM messages")?;
    let messages = bodies.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut rows = file.prepare("SELECT name, bytes FROM blobs")?;
    let rows = rows.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    let whole = |(name, bytes): (String, Vec<u8>)| {
        let of = name.rsplit('/').next().unwrap_or_default();
        (bytes == tile_bytes(of)).then_some(name)
    };
    let tiles = rows.collect::<Result<Vec<_>, _>>()?.into_iter().filter_map(whole).collect();
    Ok(Found { left, right, outbox, told, messages, tiles, sum, sound })
}

/// Opens the folder with power back, and tells what is wrong.
async fn survey(dir: &Path, ledger: &Mutex<Ledger>) -> Vec<String> {
    let found = match look(dir).await {
        Ok(found) => found,
        Err(error) => return vec![format!("the database is damaged: {error:?}")],
    };
    let ledger = ledger.lock().expect("no test panics with it");
    let mut wrong = Vec::new();
    let lost = ledger.commits.difference(&found.left).count();
    if lost > 0 {
        wrong.push(format!("{lost} of {} acknowledged commits are lost", ledger.commits.len()));
    }
    let lost = ledger.sent.difference(&found.messages).count();
    if lost > 0 {
        wrong.push(format!("{lost} of {} acknowledged messages are lost", ledger.sent.len()));
    }
    let tiles =
        |of: &String| TILES.iter().filter(|number| found.tiles.contains(tile(number, of).as_str())).count();
    let lost = ledger.put.iter().filter(|of| tiles(of) < TILES.len()).count();
    if lost > 0 {
        wrong.push(format!("{lost} of {} acknowledged groups of blobs are lost", ledger.put.len()));
    }
    if found.messages.iter().any(|of| !matches!(tiles(of), 0 | 3)) {
        wrong.push("a group of blobs is half".to_owned());
    }
    if found.told.iter().any(|of| tiles(of) < TILES.len()) {
        wrong.push("a record tells of blobs that are not there".to_owned());
    }
    let applied = i64::try_from(found.left.len()).expect("not so many");
    if found.left != found.right || found.left != found.outbox || applied != found.sum {
        wrong.push("a commit is half".to_owned());
    }
    if found.sound != "ok" {
        wrong.push(format!("the database is damaged: {}", found.sound));
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_acknowledged_is_there_after_every_loss_of_power() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let (mut unsynced, mut unfolded) = (0, 0);
    for round in 0..ROUNDS {
        let counts = work_until_power_goes(folder.path(), Durability::PowerLoss, round, &ledger).await;
        unsynced += counts.unsynced;
        unfolded += counts.unfolded;
        let wrong = survey(folder.path(), &ledger).await;
        assert!(wrong.is_empty(), "round {round}: {wrong:?}");
    }
    let ledger = ledger.lock().expect("no test panics with it");
    let acknowledged = ledger.commits.len() as u64;
    assert!(acknowledged > 20 * ROUNDS, "only {acknowledged} commits: nothing was tested");
    assert!(acknowledged < ledger.tried, "power never went while a commit was under way");
    assert!(unsynced > ROUNDS, "there was nothing to lose");
    assert!(unfolded > ROUNDS, "power never went while the log was folded in");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_syncs_the_same_loss_of_power_is_noticed() {
    for round in 0..4 {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        // The folder is made durably, and only then does the store stop to sync.
        drop(SqliteStore::open(folder.path(), Arc::new(SystemClock)).expect("an empty folder opens"));
        let counts = work_until_power_goes(folder.path(), Durability::ProcessDeath, round, &ledger).await;
        assert_eq!(counts.log_syncs, 0);
        let wrong = survey(folder.path(), &ledger).await;
        let noticed = wrong
            .iter()
            .any(|what| what.contains("acknowledged commits are lost") || what.contains("is damaged"));
        assert!(noticed, "round {round}: a store that does not sync kept all it acknowledged: {wrong:?}");
    }
}
