use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use scorpius_core::{BlobName, Blobs, Clock, CommitId, Condition, ManualClock, Store, UnixMillis, Write};
use scorpius_local::{Local, LocalOptions};

use super::*;
use crate::domain::Domain;

fn listed(indicator: Indicator) -> Listed {
    Listed {
        indicator,
        name: "n".to_owned(),
        kind: None,
        chains: None,
        source: "s".to_owned(),
        date: "2026-01-02".to_owned(),
        delisted: None,
    }
}

fn account(n: u64) -> Indicator {
    let mut bytes = [0x5a; 20];
    bytes[12..].copy_from_slice(&n.to_be_bytes());
    Indicator::Evm(Account::new(bytes))
}

fn head(name: &str, rows: usize) -> ListHead {
    ListHead {
        name: name.to_owned(),
        kind: ListKind::Threats,
        as_of: "2026-01-02".to_owned(),
        version: "v".to_owned(),
        rows: rows as u64,
    }
}

struct World {
    local: Local,
    clock: Arc<ManualClock>,
    _folder: tempfile::TempDir,
}

fn world() -> World {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(ManualClock::at(UnixMillis(1_800_000_000_000)));
    let local =
        Local::open(folder.path(), clock.clone(), LocalOptions::default()).expect("a folder that opens");
    World { local, clock, _folder: folder }
}

impl World {
    fn blobs(&self) -> &dyn Blobs {
        &self.local.blobs
    }

    fn intel(&self) -> Intel {
        let (store, blobs) = (Arc::new(self.local.store.clone()), Arc::new(self.local.blobs.clone()));
        Intel::new(store, blobs, self.clock.clone())
    }

    async fn keep(&self, built: &Built) -> BlobName {
        let name = BlobName::of_content("intel-snapshots", &built.bytes);
        self.blobs().put_if_absent(&name, built.bytes.clone()).await.expect("kept");
        name
    }

    async fn publish(&self, lists: &[(ListHead, Vec<Listed>)], number: u64) -> BlobName {
        let built = build(lists).expect("a snapshot");
        let blob = self.keep(&built).await;
        let pointer = Pointer {
            blob: blob.to_string(),
            head_bytes: built.head_bytes,
            head_sha256: built.head_sha256,
            published_at: self.clock.now().to_string(),
            number,
            lists: lists.iter().map(|(head, _)| head.clone()).collect(),
        };
        let put = Write::put(pointer_key(), &pointer, Condition::Always);
        self.local.store.commit(CommitId::new(&*self.clock), &[put]).await.expect("published");
        blob
    }
}

#[test]
fn accounts_of_other_chains_are_checked_by_their_own_rules() {
    // BIP-173 and BIP-350 give these; the first Base58 address is that of Bitcoin's first block.
    for good in [
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
    ] {
        let indicator = Indicator::bitcoin(good).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(indicator.to_string().parse(), Ok(indicator));
    }
    for bad in [
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
        // Version 1 with version 0's checksum (BIP-350).
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",
        // The test network's.
        "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn",
        "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
        "",
        "0OIl",
    ] {
        assert!(Indicator::bitcoin(bad).is_err(), "{bad}");
    }
    assert!(Indicator::solana("11111111111111111111111111111111").is_ok());
    assert!(Indicator::solana("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v").is_ok());
    assert!(Indicator::solana("1111111111111111111111111111111").is_err());
    assert!(Indicator::tron("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t").is_ok());
    assert!(Indicator::tron("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u").is_err());
    assert!(Indicator::of_asset("ETH", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa").is_err());
    assert_eq!(
        Indicator::of_asset("USDT", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
        Indicator::tron("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")
    );
}

#[test]
fn a_site_is_asked_for_with_all_names_above_it() {
    let names = |site: &str| {
        let site: Domain = site.parse().expect("a site");
        Indicator::of_site(&site).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        names("a.b.example.com"),
        ["domain:a.b.example.com", "domain:b.example.com", "domain:example.com"]
    );
    assert_eq!(names("example.com"), ["domain:example.com"]);
}

proptest! {
    #[test]
    fn an_indicator_s_text_is_read_as_the_same(text in "\\PC{0,60}", kind in 0_usize..6) {
        let kinds = ["evm", "bitcoin", "tron", "solana", "domain", "other:XMR"];
        let text = format!("{}:{text}", kinds[kind]);
        if let Ok(indicator) = text.parse::<Indicator>() {
            prop_assert_eq!(indicator.to_string().parse(), Ok(indicator));
        }
        // Nothing ends the process, whatever it is.
        prop_assert!(Indicator::guess(&text).map_or(true, |guessed| guessed.to_string().parse() == Ok(guessed)));
    }
}

#[tokio::test]
async fn every_row_of_a_snapshot_is_found_and_nothing_else() {
    let world = world();
    for rows in [0_u64, 1, 2, 40, 5_000] {
        let one: Vec<_> = (0..rows).map(|n| listed(account(n * 2))).collect();
        // Every third account is on both lists.
        let two: Vec<_> = (0..rows).step_by(3).map(|n| listed(account(n * 2))).collect();
        let lists = [(head("one", one.len()), one), (head("two", two.len()), two)];
        let built = build(&lists).expect("a snapshot");
        assert_eq!(built.bytes, build(&lists).expect("a snapshot").bytes, "the same lists, the same bytes");
        let blob = world.keep(&built).await;
        let snapshot = Snapshot::load(world.blobs(), &blob, built.head_bytes, &built.head_sha256);
        let snapshot = snapshot.await.expect("it loads");
        for n in 0..rows.min(200) * 2 {
            let found = snapshot.find(world.blobs(), &account(n)).await.expect("it answers");
            let names: Vec<_> = found.iter().map(|(list, _)| list.name.as_str()).collect();
            let wanted: &[&str] = match (n % 2, n % 6) {
                (0, 0) => &["one", "two"],
                (0, _) => &["one"],
                _ => &[],
            };
            assert_eq!(names, wanted, "{n} of {rows}");
        }
    }
}

#[tokio::test]
async fn a_snapshot_that_was_changed_anywhere_is_told() {
    let world = world();
    let rows: Vec<_> = (0..300).map(|n| listed(account(n))).collect();
    let built = build(&[(head("one", rows.len()), rows)]).expect("a snapshot");
    for at in (0..built.bytes.len()).step_by(97) {
        let mut bytes = built.bytes.to_vec();
        bytes[at] ^= 1;
        let name: BlobName = format!("changed/{at}").parse().expect("a name");
        world.blobs().put(&name, Bytes::from(bytes)).await.expect("kept");
        let loaded = Snapshot::load(world.blobs(), &name, built.head_bytes, &built.head_sha256).await;
        let told = match loaded {
            Err(error) => matches!(error, BadSnapshot::Changed("head")),
            Ok(snapshot) => {
                let mut told = false;
                for n in 0..300 {
                    let found = snapshot.find(world.blobs(), &account(n)).await;
                    told |= matches!(found, Err(BadSnapshot::Changed("block")));
                }
                told
            }
        };
        assert!(told, "byte {at}");
    }
}

#[tokio::test]
async fn heads_of_any_bytes_are_refused_and_never_end_the_process() {
    let world = world();
    let rows: Vec<_> = (0..50).map(|n| listed(account(n))).collect();
    let built = build(&[(head("one", rows.len()), rows)]).expect("a snapshot");
    let head = built.bytes.slice(..usize::try_from(built.head_bytes).expect("short"));
    for cut in 0..head.len() {
        use sha2::{Digest, Sha256};
        let part = head.slice(..cut);
        let name: BlobName = format!("cut/{cut}").parse().expect("a name");
        world.blobs().put(&name, part.clone()).await.expect("kept");
        let sha256 = hex::encode(Sha256::digest(&part));
        assert!(Snapshot::load(world.blobs(), &name, cut as u64, &sha256).await.is_err(), "{cut}");
    }
}

#[tokio::test]
async fn a_new_snapshot_counts_after_at_most_thirty_seconds_and_the_old_one_when_it_cannot_be_read() {
    let world = world();
    let intel = world.intel();
    let ask = async |n: u64| {
        let Indicator::Evm(account) = account(n) else { panic!("an account") };
        intel.ask(&[Indicator::Evm(account)]).await.expect("it answers").rows.len()
    };
    assert_eq!(ask(1).await, 0, "before any feed was read");
    world.publish(&[(head("one", 1), vec![listed(account(1))])], 1).await;
    assert_eq!(ask(1).await, 0);
    world.clock.advance_ms(PINNED_FOR_S * 1_000);
    assert_eq!(ask(1).await, 1);

    let blob = world.publish(&[(head("one", 1), vec![listed(account(2))])], 2).await;
    world.blobs().put(&blob, Bytes::from_static(b"torn")).await.expect("torn");
    world.clock.advance_ms(PINNED_FOR_S * 1_000);
    assert_eq!((ask(1).await, ask(2).await), (1, 0), "the old one goes on");
    // Without an old one nobody takes silence for an answer.
    let Indicator::Evm(one) = account(1) else { panic!("an account") };
    assert!(world.intel().ask(&[Indicator::Evm(one)]).await.is_err());
}
