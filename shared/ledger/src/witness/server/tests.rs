use ed25519_dalek::{Signer, SigningKey};
use scorpius_core::SystemClock;
use tlog_tiles::prove_tree;

use super::*;
use crate::cosignature::cosigned;
use crate::testing::World;
use crate::tree::{Edge, Tiles};

const LOG: [u8; 32] = [7; 32];

fn origin() -> Origin {
    "example.com/log".parse().expect("an origin")
}

fn log_key(seed: &[u8; 32]) -> VerifierKey {
    let signing = SigningKey::from_bytes(seed);
    VerifierKey::new(&origin(), signing.verifying_key().as_bytes()).expect("a key")
}

/// A log of `size` entries; with another `fork` it is another history.
fn tree(
    size: u64,
    fork: u8,
) -> (Checkpoint, std::collections::BTreeMap<crate::tile::TileName, bytes::Bytes>) {
    let leaves: Vec<_> = (0..size).map(|number| [number as u8, fork]).collect();
    let mut edge = Edge::empty();
    let full = edge.append(&leaves);
    let tiles =
        full.into_iter().chain(edge.partial_tiles(0)).map(|(name, bytes)| (name, bytes.into())).collect();
    (Checkpoint { origin: origin(), size, root: edge.root() }, tiles)
}

fn note(checkpoint: &Checkpoint, seed: &[u8; 32]) -> String {
    let signature = SigningKey::from_bytes(seed).sign(checkpoint.body().as_bytes()).to_bytes();
    checkpoint.signed(&log_key(seed), &signature).expect("a note")
}

fn request(old: u64, size: u64, fork: u8) -> String {
    let (checkpoint, tiles) = tree(size, fork);
    let proof = match old {
        0 => Vec::new(),
        old if old >= size => Vec::new(),
        old => prove_tree(size, old, &Tiles(&tiles)).expect("a proof"),
    };
    AddCheckpoint { old, proof, note: note(&checkpoint, &LOG) }.to_string()
}

async fn witness(world: &World) -> Witness {
    let name = "witness.example/w1".parse().expect("a name");
    let logs = vec![log_key(&LOG)];
    let clock = Arc::new(SystemClock);
    Witness::new(world.store.clone(), world.keys.clone(), clock, &name, logs).await.expect("a witness")
}

async fn ask(witness: &Witness, body: &str) -> Answer {
    witness.add_checkpoint(body.as_bytes()).await.expect("an answer")
}

#[tokio::test]
async fn a_log_that_grows_is_cosigned_each_time() {
    let world = World::new();
    let witness = witness(&world).await;
    for (old, size) in [(0, 3), (3, 3), (3, 100), (100, 256), (256, 300)] {
        let body = request(old, size, 0);
        let Answer::Cosigned(line) = ask(&witness, &body).await else { panic!("{old} to {size}") };
        let (checkpoint, _) = tree(size, 0);
        let note = note(&checkpoint, &LOG) + &line;
        let seen = cosigned(note.as_bytes(), &[witness.key().clone()]).expect("a note");
        assert_eq!(seen.len(), 1, "{old} to {size}");
    }
    // What it remembers outlives it.
    assert_eq!(ask(&self::witness(&world).await, &request(0, 300, 0)).await, Answer::OtherSize(300));
}

#[tokio::test]
async fn what_does_not_continue_is_never_cosigned() {
    let world = World::new();
    let witness = witness(&world).await;
    assert!(matches!(ask(&witness, &request(0, 100, 0)).await, Answer::Cosigned(_)));
    assert_eq!(ask(&witness, &request(0, 200, 0)).await, Answer::OtherSize(100));
    assert_eq!(ask(&witness, &request(99, 200, 0)).await, Answer::OtherSize(100));
    assert_eq!(ask(&witness, &request(100, 200, 1)).await, Answer::NotProved);
    assert_eq!(ask(&witness, &request(100, 100, 1)).await, Answer::OtherRoot(100));
    assert_eq!(
        ask(&witness, &request(100, 99, 0)).await,
        Answer::Malformed("the old size is above the checkpoint's")
    );
    // A proof that says more than it may.
    let (checkpoint, _) = tree(100, 0);
    let padded = AddCheckpoint { old: 100, proof: vec![EMPTY_HASH], note: note(&checkpoint, &LOG) };
    assert_eq!(ask(&witness, &padded.to_string()).await, Answer::NotProved);
    // The fork's own note is evidence against the log.
    let evidence = scorpius_core::ListQuery {
        partition: format!("witness#evidence#{}", origin()),
        from: None,
        until: None,
        descending: false,
        limit: 10,
        cursor: None,
    };
    assert_eq!(world.store.list(&evidence).await.expect("a page").records.len(), 1);
    assert!(matches!(ask(&witness, &request(100, 101, 0)).await, Answer::Cosigned(_)));
}

#[tokio::test]
async fn strangers_are_told_so() {
    let witness = witness(&World::new()).await;
    let (checkpoint, _) = tree(5, 0);
    let stranger = AddCheckpoint { old: 0, proof: Vec::new(), note: note(&checkpoint, &[8; 32]) };
    assert_eq!(ask(&witness, &stranger.to_string()).await, Answer::Unsigned);
    let other = request(0, 5, 0).replace("example.com/log\n", "example.com/other\n");
    assert_eq!(ask(&witness, &other).await, Answer::UnknownLog);
    for bad in ["", "old 0\n\n", "old x\n\nexample.com/log\n"] {
        assert!(!matches!(ask(&witness, bad).await, Answer::Cosigned(_)), "{bad:?}");
    }
    assert!(matches!(witness.add_checkpoint(&[0xff]).await.expect("an answer"), Answer::Malformed(_)));
    assert_eq!(Answer::OtherSize(7).to_http(), (409, "text/x.tlog.size", "7\n".to_owned()));
}

#[tokio::test]
async fn of_two_at_once_one_is_first_and_none_goes_back() {
    let world = World::new();
    let (one, two) = (witness(&world).await, witness(&world).await);
    assert!(matches!(ask(&one, &request(0, 10, 0)).await, Answer::Cosigned(_)));
    let (short, long) = (request(10, 11, 0), request(10, 90, 0));
    let answers = futures::future::join(ask(&one, &short), ask(&two, &long)).await;
    let first =
        [answers.0, answers.1].into_iter().filter(|answer| matches!(answer, Answer::Cosigned(_))).count();
    assert_eq!(first, 1, "the other comes from a size that is not the last any more");
}

#[tokio::test]
async fn a_witness_with_the_log_s_own_key_is_none() {
    let world = World::new();
    let own = world.keys.public_key(KeyName::Ledger).await.expect("a key");
    let log = VerifierKey::new(&origin(), &own).expect("a key");
    let name = "witness.example/w1".parse().expect("a name");
    let made =
        Witness::new(world.store.clone(), world.keys.clone(), Arc::new(SystemClock), &name, vec![log]).await;
    assert!(matches!(made, Err(WitnessError::OwnLog(_))));
}
