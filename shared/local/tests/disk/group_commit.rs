//! Commits that arrive together share a sync; a commit alone has its own.

use std::sync::Arc;
use std::time::Duration;

use scorpius_core::{Attributes, CommitId, Condition, Key, Store, StoreError, SystemClock, Value, Write};
use scorpius_local::{DatabaseOptions, Durability, SqliteStore};

use crate::power::Power;
use crate::vfs;

const TOGETHER: u64 = 64;
const EACH: u64 = 5;

fn store(power: &Arc<Power>, folder: &tempfile::TempDir) -> SqliteStore {
    let options = DatabaseOptions { durability: Durability::PowerLoss, vfs: Some(vfs::register(power)) };
    SqliteStore::open_with(folder.path(), Arc::new(SystemClock), options).expect("an empty folder opens")
}

async fn put(store: &SqliteStore, sort: String) {
    let write = Write::put(Key::new("group", sort), &1, Condition::Absent);
    store.commit(CommitId::new(&SystemClock), &[write]).await.expect("it is stored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commits_that_arrive_together_share_a_sync() {
    let power = Arc::new(Power::with_slow_syncs(Duration::from_millis(2)));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = store(&power, &folder);
    let before = power.counts().log_syncs;
    let committers: Vec<_> = (0..TOGETHER)
        .map(|committer| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in 0..EACH {
                    put(&store, format!("{committer}-{number}")).await;
                }
            })
        })
        .collect();
    for committer in committers {
        committer.await.expect("the committer ends");
    }
    let syncs = power.counts().log_syncs - before;
    assert!(syncs >= EACH, "{syncs} syncs: a commit was answered without one");
    assert!(syncs <= TOGETHER * EACH / 4, "{syncs} syncs for {} commits", TOGETHER * EACH);
}

#[tokio::test]
async fn a_commit_is_answered_after_its_own_sync() {
    let power = Arc::new(Power::default());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = store(&power, &folder);
    for number in 0..20 {
        let before = power.counts().log_syncs;
        put(&store, format!("{number}")).await;
        assert!(power.counts().log_syncs > before, "commit {number} was answered without a sync");
    }
}

#[tokio::test]
async fn a_counter_waits_for_no_sync() {
    let power = Arc::new(Power::default());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = store(&power, &folder);
    let before = power.counts().log_syncs;
    for _ in 0..20 {
        store.add(&Key::new("counter#a", "n"), &[("n", 1)], None, None).await.expect("it counts");
    }
    assert_eq!(power.counts().log_syncs, before);
}

#[tokio::test]
async fn a_store_that_cannot_keep_up_says_so_and_keeps_what_it_accepted() {
    let power = Arc::new(Power::with_slow_syncs(Duration::from_millis(20)));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = store(&power, &folder);
    let commits = (0..6_000).map(async |number| {
        let write = Write::put(Key::new(format!("load{number}"), "a"), &1, Condition::Absent);
        store.commit(CommitId::new(&SystemClock), &[write]).await
    });
    let answers = futures::future::join_all(commits).await;
    let busy = answers.iter().filter(|answer| matches!(answer, Err(StoreError::Busy))).count();
    let stored = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(busy > 0 && stored > 0 && busy + stored == answers.len(), "{busy} busy, {stored} stored");
    for (number, answer) in answers.iter().enumerate() {
        let record = store.get(&Key::new(format!("load{number}"), "a")).await.expect("the store answers");
        assert_eq!(record.is_some(), answer.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_accepted_is_done_before_the_store_closes() {
    let power = Arc::new(Power::with_slow_syncs(Duration::from_millis(5)));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = store(&power, &folder);
    let committers: Vec<_> = (0..32)
        .map(|committer| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in 0u32.. {
                    let write = Write::put(
                        Key::new(format!("{committer}"), format!("{number:05}")),
                        &1,
                        Condition::Absent,
                    );
                    if store.commit(CommitId::new(&SystemClock), &[write]).await.is_err() {
                        return number;
                    }
                }
                u32::MAX
            })
        })
        .collect();
    put(&store, "one".to_owned()).await;
    let closing = store.clone();
    tokio::task::spawn_blocking(move || closing.shutdown()).await.expect("it closes");
    drop(store);
    let mut acknowledged = Vec::new();
    for committer in committers {
        acknowledged.push(committer.await.expect("the committer ends"));
    }
    assert!(acknowledged.iter().sum::<u32>() > 0);
    let store = SqliteStore::open(folder.path(), Arc::new(SystemClock)).expect("the lock is gone");
    for (committer, count) in acknowledged.into_iter().enumerate() {
        for number in 0..count {
            let key = Key::new(format!("{committer}"), format!("{number:05}"));
            assert!(store.get(&key).await.expect("the store answers").is_some());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_log_starts_again_under_steady_load() {
    const RECORD_BYTES: usize = 300_000;
    const RECORDS: usize = 800;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = DatabaseOptions { durability: Durability::ProcessDeath, vfs: None };
    let store =
        SqliteStore::open_with(folder.path(), Arc::new(SystemClock), options).expect("an empty folder opens");
    let committers: Vec<_> = (0..4)
        .map(|committer| {
            let store = store.clone();
            tokio::spawn(async move {
                for _ in 0..RECORDS / 4 {
                    let attributes = Attributes::new().with("b", Value::Bytes(vec![7; RECORD_BYTES]));
                    let key = Key::new("steady", format!("{committer}"));
                    let put = Write::Put { key, attributes, expires_at: None, condition: Condition::Always };
                    store.commit(CommitId::new(&SystemClock), &[put]).await.expect("it is stored");
                }
            })
        })
        .collect();
    for committer in committers {
        committer.await.expect("the committer ends");
    }
    let log = folder.path().join("scorpius.db-wal").metadata().expect("there is a log").len();
    assert!(log < (RECORD_BYTES * RECORDS / 2) as u64, "the log has {log} bytes");
}
