//! What a snapshot of a million addresses costs: its size, its reading, a look into it, and the first request
//! after another one was published. `cargo bench -p scorpius-risk --bench snapshot`.

#![expect(clippy::print_stdout, reason = "figures for whoever runs it")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use scorpius_core::{BlobName, Blobs, Clock, CommitId, Condition, ManualClock, Store, UnixMillis, Write};
use scorpius_local::{Local, LocalOptions};
use scorpius_risk::address::Account;
use scorpius_risk::intel::{
    Indicator, Intel, ListHead, Listed, PINNED_FOR_S, Pointer, Snapshot, build, pointer_key,
};
use scorpius_risk::lists::ListKind;
use sha2::{Digest, Sha256};

const ROWS: u64 = 1_000_000;

/// Spread as addresses are.
fn account(n: u64) -> Account {
    let digest = Sha256::digest(n.to_be_bytes());
    Account::new(digest[..20].try_into().expect("20 bytes"))
}

fn list(from: u64) -> (ListHead, Vec<Listed>) {
    let rows: Vec<_> = (from..from + ROWS)
        .map(|n| Listed {
            indicator: Indicator::Evm(account(n)),
            name: format!("report {n}"),
            kind: None,
            chains: None,
            source: "feeds.example".to_owned(),
            date: "2026-01-02".to_owned(),
            delisted: None,
        })
        .collect();
    let head = ListHead {
        name: "million".to_owned(),
        kind: ListKind::Threats,
        as_of: "2026-01-02".to_owned(),
        version: from.to_string(),
        rows: ROWS,
    };
    (head, rows)
}

fn quantiles(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    format!("p50 {:?}, p99 {:?}", at(0.5), at(0.99))
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(ManualClock::at(UnixMillis(1_800_000_000_000)));
    let local = Local::open(folder.path(), clock.clone(), LocalOptions::default()).expect("it opens");
    let publish = async |from: u64, number: u64| {
        let begun = Instant::now();
        let lists = [list(from)];
        let made = begun.elapsed();
        let built = build(&lists).expect("a snapshot");
        println!("built in {:?} (rows made in {made:?})", begun.elapsed() - made);
        let blob = BlobName::of_content("intel-snapshots", &built.bytes);
        local.blobs.put_if_absent(&blob, built.bytes.clone()).await.expect("kept");
        let pointer = Pointer {
            blob: blob.to_string(),
            head_bytes: built.head_bytes,
            head_sha256: built.head_sha256.clone(),
            published_at: clock.now().to_string(),
            number,
            lists: lists.iter().map(|(head, _)| head.clone()).collect(),
        };
        let put = Write::put(pointer_key(), &pointer, Condition::Always);
        local.store.commit(CommitId::new(&*clock), &[put]).await.expect("published");
        (blob, built)
    };
    let (blob, built) = publish(0, 1).await;
    println!("{} rows: {} bytes, of which {} are the head", ROWS, built.bytes.len(), built.head_bytes);

    let mut times = Vec::new();
    for _ in 0..20 {
        let begun = Instant::now();
        let loaded = Snapshot::load(&local.blobs, &blob, built.head_bytes, &built.head_sha256).await;
        black_box(loaded.expect("it loads"));
        times.push(begun.elapsed());
    }
    println!("head read and checked: {}", quantiles(times));

    let snapshot =
        Snapshot::load(&local.blobs, &blob, built.head_bytes, &built.head_sha256).await.expect("it loads");
    for (what, from) in [("on no list", ROWS * 10), ("on the list", 0)] {
        let mut times = Vec::new();
        for n in (from..from + ROWS).step_by(101) {
            let indicator = Indicator::Evm(account(n));
            let begun = Instant::now();
            black_box(snapshot.find(&local.blobs, &indicator).await.expect("it answers"));
            times.push(begun.elapsed());
        }
        println!("look for an address {what}: {}", quantiles(times));
    }

    let intel = Intel::new(Arc::new(local.store.clone()), Arc::new(local.blobs.clone()), clock.clone());
    intel.ask(&[Indicator::Evm(account(7))]).await.expect("it answers");
    publish(ROWS, 2).await;
    clock.advance_ms(PINNED_FOR_S * 1_000);
    let begun = Instant::now();
    assert_eq!(intel.ask(&[Indicator::Evm(account(ROWS + 7))]).await.expect("it answers").rows.len(), 1);
    println!("the first request after another snapshot was published: {:?}", begun.elapsed());
}
