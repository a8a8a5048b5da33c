//! A commit to the synced file and to the counters becomes visible file by file; readers see it whole.

use std::sync::Arc;
use std::time::Duration;

use scorpius_core::{CommitId, Condition, Key, Store, SystemClock, Write};
use scorpius_local::{DatabaseOptions, Durability, SqliteStore};

use crate::power::Power;
use crate::vfs;

const ROUNDS: u32 = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_commit_to_both_files_is_seen_whole() {
    // The second file takes its time, so that whoever could look between the files would.
    let power = Arc::new(Power::with_slow_counters(Duration::from_millis(1)));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = DatabaseOptions { durability: Durability::PowerLoss, vfs: Some(vfs::register(&power)) };
    let store =
        SqliteStore::open_with(folder.path(), Arc::new(SystemClock), options).expect("an empty folder opens");
    let (record, counter) = (Key::new("ten#thing", "a"), Key::new("counter#x", "a"));
    let readers =
        [[record.clone(), counter.clone()], [counter.clone(), record.clone()]].map(|[one, other]| {
            let store = store.clone();
            tokio::spawn(async move {
                let read = async |key| {
                    let found = store.get(key).await.expect("the store answers");
                    found.map_or(0, |record| record.document::<u32>().expect("a number"))
                };
                loop {
                    let earlier = read(&one).await;
                    let later = read(&other).await;
                    assert!(
                        later >= earlier,
                        "`{}` is at {earlier}, then `{}` at {later}",
                        one.partition,
                        other.partition
                    );
                    if later == ROUNDS {
                        return;
                    }
                }
            })
        });
    for n in 1..=ROUNDS {
        let put = |key: &Key| Write::put(key.clone(), &n, Condition::Always);
        let id = CommitId::new(&SystemClock);
        store.commit(id, &[put(&record), put(&counter)]).await.expect("it is stored");
    }
    for reader in readers {
        reader.await.expect("the reader never saw half a commit");
    }
}
