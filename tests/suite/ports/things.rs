//! What every `Blobs` and every `Keys` does, for the local adapters and for AWS's on ministack.

use std::time::Duration;

use bytes::Bytes;
use ed25519_dalek::{Signature, VerifyingKey};
use scorpius_core::blobs::PUT_ALL_MAX;
use scorpius_core::{BlobName, Blobs, KeyName, Keys, Put, WrapContext};
use scorpius_local::{FileKeys, FolderBlobs, SqliteStore};

use super::contract::clock;
use crate::aws::emulated;

/// Blobs below `folder`, where there are none.
pub(super) async fn blobs_are_kept(blobs: &dyn Blobs, folder: &str) {
    let named = |text: &str| -> BlobName { format!("{folder}/{text}").parse().expect("a name") };
    let (name, absent) = (named("a/1"), named("a/2"));
    assert_eq!(blobs.get(&name, 10).await.expect("it answers"), None);
    assert_eq!(blobs.get_range(&name, 0..1).await.expect("it answers"), None);
    let put = async |bytes: &'static [u8]| blobs.put_if_absent(&name, Bytes::from_static(bytes)).await;
    assert_eq!(put(b"0123456789").await.expect("it answers"), Put::Stored);
    assert_eq!(put(b"others").await.expect("it answers"), Put::AlreadyThere);
    assert_eq!(blobs.get(&name, 10).await.expect("it answers").expect("it is there"), "0123456789");
    assert!(blobs.get(&name, 9).await.is_err(), "larger than what is taken");

    for (range, expected) in
        [(0..3, "012"), (8..20, "89"), (9..10, "9"), (3..3, ""), (10..12, ""), (20..30, "")]
    {
        let part = blobs.get_range(&name, range.clone()).await.expect("it answers").expect("it is there");
        assert_eq!(part, expected, "{range:?}");
    }
    blobs.put(&name, Bytes::from_static(b"pointer")).await.expect("it answers");
    assert_eq!(blobs.get(&name, 10).await.expect("it answers").expect("it is there"), "pointer");
    let empty = named("empty");
    blobs.put(&empty, Bytes::new()).await.expect("it answers");
    assert_eq!(blobs.get(&empty, 0).await.expect("it answers").expect("it is there"), "");

    let all = |bytes: &'static [u8], texts: &[&str]| {
        let these = texts.iter().map(|text| (named(text), Bytes::from_static(bytes)));
        blobs.put_all_if_absent(these.collect())
    };
    assert_eq!(all(b"", &[]).await.expect("it answers"), []);
    assert_eq!(all(b"one", &["b/1", "b/2"]).await.expect("it answers"), [Put::Stored; 2]);
    let puts = all(b"two", &["b/2", "b/3", "a/1"]).await.expect("it answers");
    assert_eq!(puts, [Put::AlreadyThere, Put::Stored, Put::AlreadyThere]);
    for (text, bytes) in [("b/1", "one"), ("b/2", "one"), ("b/3", "two"), ("a/1", "pointer")] {
        assert_eq!(blobs.get(&named(text), 10).await.expect("it answers").expect("it is there"), bytes);
    }
    let many: Vec<_> = (0..=PUT_ALL_MAX).map(|number| format!("c/{number}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert!(all(b"", &many).await.is_err(), "more than are taken at once");
    assert_eq!(blobs.get(&named("c/0"), 10).await.expect("it answers"), None);

    blobs.delete(&name).await.expect("it answers");
    blobs.delete(&absent).await.expect("deleting what is absent is fine");
    assert_eq!(blobs.get(&name, 10).await.expect("it answers"), None);

    for valid_for in [1, 3_600, 100_000].map(Duration::from_secs) {
        assert!(blobs.sign_get(&name, valid_for).await.expect("it signs").contains(name.as_str()));
        assert!(blobs.sign_put(&name, 10, valid_for).await.expect("it signs").contains(name.as_str()));
    }
}

pub(super) async fn keys_sign_and_wrap(keys: &dyn Keys) {
    for name in KeyName::ALL {
        let public = keys.public_key(name).await.expect("it answers");
        let public = VerifyingKey::from_bytes(&public).expect("an Ed25519 key");
        for message in [&b"message"[..], &[7; 4_096]] {
            let signature = keys.sign(name, message).await.expect("it signs");
            public
                .verify_strict(message, &Signature::from_bytes(&signature))
                .expect("a plain Ed25519 signature");
        }
        assert!(keys.sign(name, &[7; 4_097]).await.is_err());
    }
    assert_ne!(
        keys.public_key(KeyName::Token).await.expect("it answers"),
        keys.public_key(KeyName::Ledger).await.expect("it answers")
    );

    let context = WrapContext::from([("tenant", "ten_1".to_owned()), ("use", "webhook".to_owned())]);
    let other = WrapContext::from([("tenant", "ten_2".to_owned()), ("use", "webhook".to_owned())]);
    let wrapped = keys.wrap(b"secret", &context).await.expect("it wraps");
    assert!(!wrapped.windows(6).any(|part| part == b"secret"));
    assert_eq!(keys.unwrap(&wrapped, &context).await.expect("it unwraps"), b"secret");
    assert!(keys.unwrap(&wrapped, &other).await.is_err(), "another tenant's");
    assert!(keys.unwrap(&wrapped, &WrapContext::new()).await.is_err(), "nobody's");
    assert!(keys.unwrap(b"", &context).await.is_err(), "nothing");
    assert!(keys.wrap(&[7; 4_097], &context).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn folder_blobs_are_kept() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let blobs = FolderBlobs::open(folder.path(), clock(), "").expect("an empty folder opens");
    blobs_are_kept(&blobs, "contract").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn folder_blobs_beside_a_store_are_kept_in_files_and_in_rows() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let store = SqliteStore::open(folder.path(), clock()).expect("an empty folder opens");
    let blobs = FolderBlobs::open(folder.path(), clock(), "").expect("the folder opens").beside(&store);
    for folder in ["contract", "ledger", "ledger-own/ten_1"] {
        blobs_are_kept(&blobs, folder).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_blobs_are_kept_on_ministack() {
    let Some(world) = emulated().await else { return };
    world.aws.make_bucket("contract").await.expect("an empty emulator makes a bucket");
    blobs_are_kept(&world.aws.blobs_in("contract".to_owned()), "contract").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn file_keys_sign_and_wrap() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    keys_sign_and_wrap(&FileKeys::open(folder.path(), clock()).expect("an empty folder opens")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kms_keys_sign_and_wrap_on_ministack() {
    let Some(world) = emulated().await else { return };
    let [token, ledger, wrap] = world.aws.make_keys().await.expect("an empty emulator makes keys");
    keys_sign_and_wrap(&world.aws.keys_named(token, ledger, wrap)).await;
}
