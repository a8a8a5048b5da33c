use ed25519_dalek::{Signature, VerifyingKey};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use scorpius_core::{SystemClock, error::chain};

use super::*;

fn keys(dir: &Path) -> FileKeys {
    FileKeys::open(dir, Arc::new(SystemClock)).expect("the folder opens")
}

fn context(tenant: &str) -> WrapContext {
    WrapContext::from([("tenant", tenant.to_owned()), ("purpose", "webhook".to_owned())])
}

#[tokio::test]
async fn signatures_verify_under_the_public_key_also_after_a_restart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let signature = keys(folder.path()).sign(KeyName::Ledger, b"note").await.expect("it is signed");
    let again = keys(folder.path());
    let public = again.public_key(KeyName::Ledger).await.expect("a key");
    let verifier = VerifyingKey::from_bytes(&public).expect("a point");
    assert!(verifier.verify_strict(b"note", &Signature::from_bytes(&signature)).is_ok());
    assert_ne!(public, again.public_key(KeyName::Token).await.expect("a key"));
    assert!(again.sign(KeyName::Token, &[0; 4097]).await.is_err());
}

#[tokio::test]
async fn a_wrapped_secret_opens_in_its_own_context_only() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let keys = keys(folder.path());
    let wrapped = keys.wrap(b"secret", &context("a")).await.expect("it is wrapped");
    assert_eq!(keys.unwrap(&wrapped, &context("a")).await.expect("it is ours"), b"secret");
    assert!(keys.unwrap(&wrapped, &context("b")).await.is_err());
    assert!(keys.unwrap(&wrapped, &WrapContext::new()).await.is_err());
    let moved = WrapContext::from([("tenant", "awebhook".to_owned()), ("purpose", String::new())]);
    assert!(keys.unwrap(&wrapped, &moved).await.is_err());
    assert_ne!(wrapped, keys.wrap(b"secret", &context("a")).await.expect("it is wrapped"));
    assert!(keys.wrap(&[0; 4097], &context("a")).await.is_err());
    for index in 0..wrapped.len() {
        let mut changed = wrapped.clone();
        changed[index] ^= 1;
        assert!(keys.unwrap(&changed, &context("a")).await.is_err(), "byte {index}");
        assert!(keys.unwrap(&wrapped[..index], &context("a")).await.is_err(), "{index} bytes");
    }
}

proptest! {
    #[test]
    fn contexts_that_differ_are_encoded_differently(a in any::<[String; 2]>(), b in any::<[String; 2]>()) {
        let of = |[x, y]: &[String; 2]| WrapContext::from([("x", x.clone()), ("y", y.clone())]);
        prop_assert_eq!(canonical(&of(&a)) == canonical(&of(&b)), a == b);
        prop_assert!(canonical(&of(&a)) != canonical(&WrapContext::from([("x", a[0].clone())])));
    }
}

#[cfg(unix)]
#[test]
fn a_key_that_others_may_read_stops_the_start() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a temporary folder");
    drop(keys(folder.path()));
    let file = folder.path().join("keys/token.key");
    let mode = |path: &Path| path.metadata().expect("a file").permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&folder.path().join("keys"))), (0o600, 0o700));
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).expect("it is ours");
    let Err(error) = FileKeys::open(folder.path(), Arc::new(SystemClock)) else {
        panic!("it must be refused")
    };
    assert!(chain(&error).contains("token.key` may be read by others"), "{}", chain(&error));
}

#[test]
fn a_damaged_key_is_not_replaced() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    drop(keys(folder.path()));
    let file = folder.path().join("keys/wrap.key");
    for damaged in ["", "00", &"g".repeat(64)] {
        std::fs::write(&file, damaged).expect("it is ours");
        let Err(error) = FileKeys::open(folder.path(), Arc::new(SystemClock)) else {
            panic!("it must be refused")
        };
        assert!(chain(&error).contains("wrap.key` is damaged"), "{}", chain(&error));
    }
}
