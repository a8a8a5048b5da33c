//! What every `Blobs` and every `Keys` does, for the local adapters and for AWS's on ministack.

use std::time::Duration;

use bytes::Bytes;
use ed25519_dalek::{Signature, VerifyingKey};
use scorpius_core::{BlobName, Blobs, KeyName, Keys, Put, WrapContext};
use scorpius_local::{FileKeys, FolderBlobs};

use super::contract::clock;
use crate::aws::emulated;

pub(super) async fn blobs_are_kept(blobs: &dyn Blobs) {
    let name: BlobName = "contract/a/1".parse().expect("a name");
    let absent: BlobName = "contract/a/2".parse().expect("a name");
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
    let empty: BlobName = "contract/empty".parse().expect("a name");
    blobs.put(&empty, Bytes::new()).await.expect("it answers");
    assert_eq!(blobs.get(&empty, 0).await.expect("it answers").expect("it is there"), "");

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
    blobs_are_kept(&FolderBlobs::open(folder.path(), clock(), "").expect("an empty folder opens")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_blobs_are_kept_on_ministack() {
    let Some(world) = emulated().await else { return };
    world.aws.make_bucket("contract").await.expect("an empty emulator makes a bucket");
    blobs_are_kept(&world.aws.blobs_in("contract".to_owned())).await;
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
