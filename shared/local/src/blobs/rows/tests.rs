use scorpius_core::{Blobs, CommitId, Condition, Key, ManualClock, Store, UnixMillis, Write};

use super::*;
use crate::{FolderBlobs, SqliteStore};

const TILE: &str = "ledger/tile/0/000";
const OWN: &str = "ledger-own/ten_1/tile/0/000.p/7";
const CHECKPOINT: &str = "ledger/checkpoint";

fn name(text: &str) -> BlobName {
    text.parse().expect("a blob's name")
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)))
}

fn open(dir: &Path) -> (SqliteStore, FolderBlobs) {
    let store = SqliteStore::open(dir, clock()).expect("the folder opens");
    let blobs = FolderBlobs::open(dir, clock(), "").expect("the folder opens").beside(&store);
    (store, blobs)
}

async fn get(blobs: &FolderBlobs, text: &str) -> Option<Bytes> {
    blobs.get(&name(text), 100).await.expect("it is read")
}

fn these<const N: usize>(blobs: [(&str, &'static [u8]); N]) -> Vec<(BlobName, Bytes)> {
    blobs.map(|(text, bytes)| (name(text), Bytes::from_static(bytes))).to_vec()
}

#[tokio::test]
async fn a_log_s_files_are_rows_and_all_other_blobs_are_files() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (store, blobs) = open(folder.path());
    let all = these([(TILE, b"hashes"), (OWN, b"own"), ("ledgers/a", b"a"), ("ledger", b"b")]);
    assert_eq!(blobs.put_all_if_absent(all).await.expect("stored"), [Put::Stored; 4]);
    blobs.put(&name(CHECKPOINT), Bytes::from_static(b"note")).await.expect("stored");
    let mut files: Vec<_> = std::fs::read_dir(folder.path().join("blobs"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .collect();
    files.sort_unstable();
    assert_eq!(files, ["ledgers", "ledger~"]);
    let logs = these([(TILE, b"other"), (OWN, b"other"), ("ledger/tile/0/001", b"new")]);
    assert_eq!(
        blobs.put_all_if_absent(logs).await.expect("stored"),
        [Put::AlreadyThere, Put::AlreadyThere, Put::Stored]
    );
    drop((store, blobs));

    let (_store, blobs) = open(folder.path());
    for (text, bytes) in [(TILE, "hashes"), (OWN, "own"), ("ledgers/a", "a"), (CHECKPOINT, "note")] {
        assert_eq!(get(&blobs, text).await.as_deref(), Some(bytes.as_bytes()), "{text}");
    }
    blobs.delete(&name(OWN)).await.expect("removed");
    assert_eq!(get(&blobs, OWN).await, None);
    assert!(blobs.get(&name(TILE), 5).await.is_err(), "larger than what is taken");
}

#[tokio::test]
async fn more_than_are_put_at_once_are_refused_and_nothing_is_put() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (_store, blobs) = open(folder.path());
    for folder in ["ledger", "other"] {
        let many =
            (0..=scorpius_core::blobs::PUT_ALL_MAX).map(|n| (name(&format!("{folder}/{n}")), Bytes::new()));
        blobs.put_all_if_absent(many.collect()).await.expect_err("too many");
        assert_eq!(get(&blobs, &format!("{folder}/0")).await, None);
    }
}

fn published(blobs: Vec<(BlobName, Bytes)>, note: &'static [u8], id: CommitId, of: Condition) -> Publication {
    let pointer = (name(CHECKPOINT), Bytes::from_static(note));
    Publication { blobs, pointer, id, writes: vec![Write::put(Key::new("ledger#log", "head"), &1, of)] }
}

#[tokio::test]
async fn what_is_published_is_there_as_a_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    older(folder.path()).await;
    let (store, blobs) = open(folder.path());
    let together = blobs.with_records().expect("they are beside a store");
    let publish = async |publication: Publication| together.publish(&publication).await;
    let clock = clock();
    let new = || CommitId::new(&*clock);

    let other = these([("ledger/tile/0/001", b"new"), (TILE, b"other")]);
    let refused = publish(published(other, b"note", new(), Condition::Absent)).await;
    assert_eq!(
        refused.expect("an answer"),
        Published::OtherBytes(name(TILE)),
        "a file of the version before"
    );
    let refused =
        publish(published(these([("ledger/tile/0/001", b"new")]), b"note", new(), Condition::Present));
    assert!(matches!(refused.await, Err(StoreError::Conflict { index: 0 })));
    assert_eq!(get(&blobs, "ledger/tile/0/001").await, None);
    assert_eq!(get(&blobs, CHECKPOINT).await.as_deref(), Some(&b"old"[..]));

    let first = published(these([(TILE, b"hashes"), (OWN, b"own")]), b"one", new(), Condition::Absent);
    let Published::Committed(version) = publish(first.clone()).await.expect("published") else {
        panic!("refused")
    };
    let head = store.get(&Key::new("ledger#log", "head")).await.expect("the store answers").expect("a head");
    assert_eq!(head.version, version);
    let second = published(Vec::new(), b"two", new(), Condition::VersionIs(version));
    publish(second).await.expect("published");
    // Whoever lost the answer asks again, and puts no old pointer over a newer one.
    assert_eq!(publish(first).await.expect("it was applied"), Published::Committed(version));
    assert_eq!(get(&blobs, CHECKPOINT).await.as_deref(), Some(&b"two"[..]));

    let elsewhere = published(these([("reports/1", b"x")]), b"note", new(), Condition::Always);
    assert!(matches!(publish(elsewhere).await, Err(StoreError::Port(_))), "no blob of a log");
    let many = (0..=scorpius_core::blobs::PUT_ALL_MAX).map(|n| (name(&format!("ledger/{n}")), Bytes::new()));
    publish(published(many.collect(), b"note", new(), Condition::Always)).await.expect_err("too many");
    assert!(FolderBlobs::for_reading(folder.path()).with_records().is_none());
}

/// A folder as the version before rows left it: the logs in files, and a database without blobs.
async fn older(dir: &Path) {
    drop(SqliteStore::open(dir, clock()).expect("an empty folder opens"));
    let database = Connection::open(dir.join(MAIN)).expect("a database");
    database.execute_batch("DROP TABLE blobs; PRAGMA user_version = 1;").expect("nobody else has it open");
    let files = FolderBlobs::open(dir, clock(), "").expect("the folder opens");
    let all = these([(TILE, b"hashes"), (OWN, b"own")]);
    files.put_all_if_absent(all).await.expect("stored");
    files.put(&name(CHECKPOINT), Bytes::from_static(b"old")).await.expect("stored");
}

#[tokio::test]
async fn a_folder_of_the_version_before_is_read_and_gone_on_with() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    older(folder.path()).await;
    let read = FolderBlobs::for_reading(folder.path());
    assert_eq!(get(&read, CHECKPOINT).await.as_deref(), Some(&b"old"[..]), "before it was opened");
    for _ in 0..2 {
        let (_store, blobs) = open(folder.path());
        assert_eq!(get(&blobs, TILE).await.as_deref(), Some(&b"hashes"[..]));
        let part = blobs.get_range(&name(TILE), 1..3).await.expect("it is read");
        assert_eq!(part.as_deref(), Some(&b"as"[..]));
        let puts = blobs.put_all_if_absent(these([(TILE, b"other"), (OWN, b"other")])).await;
        assert_eq!(puts.expect("an answer"), [Put::AlreadyThere; 2], "they are there as files");
        blobs.put(&name(CHECKPOINT), Bytes::from_static(b"new")).await.expect("stored");
        assert_eq!(get(&blobs, CHECKPOINT).await.as_deref(), Some(&b"new"[..]));
    }
    let (_store, blobs) = open(folder.path());
    for text in [OWN, CHECKPOINT] {
        blobs.delete(&name(text)).await.expect("removed");
        assert_eq!(get(&blobs, text).await, None, "{text}: neither row nor file is left");
    }
    let again = blobs.put_if_absent(&name(OWN), Bytes::from_static(b"again")).await;
    assert_eq!(again.expect("an answer"), Put::Stored);
}

#[tokio::test]
async fn whoever_only_reads_sees_what_a_host_at_work_has_put() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let read = FolderBlobs::for_reading(folder.path());
    assert_eq!(get(&read, TILE).await, None, "there is no folder yet");
    let (store, blobs) = open(folder.path());
    let read = FolderBlobs::for_reading(folder.path());
    for bytes in [&b"one"[..], b"two"] {
        blobs.put(&name(CHECKPOINT), Bytes::from_static(bytes)).await.expect("stored");
        assert_eq!(get(&read, CHECKPOINT).await.as_deref(), Some(bytes));
    }
    drop((store, blobs));
    let read = FolderBlobs::for_reading(folder.path());
    assert_eq!(get(&read, CHECKPOINT).await.as_deref(), Some(&b"two"[..]), "when the host is gone");
    assert!(read.get(&name(CHECKPOINT), 2).await.is_err(), "larger than what is taken");
}

#[tokio::test]
async fn a_copy_in_which_nothing_can_be_written_is_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("100% a#b?");
    let (store, blobs) = open(&dir);
    blobs.put(&name(CHECKPOINT), Bytes::from_static(b"note")).await.expect("stored");
    drop((store, blobs));
    // SQLite cannot make its shared memory here, as on a disk that is read-only.
    std::fs::create_dir(dir.join(format!("{MAIN}-shm"))).expect("nothing is there");
    let read = FolderBlobs::for_reading(&dir);
    assert_eq!(get(&read, CHECKPOINT).await.as_deref(), Some(&b"note"[..]));
}
