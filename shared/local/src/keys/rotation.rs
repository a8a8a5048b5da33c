//! Rotating the key that signs tokens: published, then signing, then still believed, then gone.
//!
//! ```text
//! prepare ──> token.next.key ──activate──> token.key ──> token.previous.key ──retire──> removed
//! ```
//!
//! Between two steps everybody who keeps the published keys must have looked again: ten minutes. A token is
//! never signed by a key that was not published before, and never outlives the key that it is checked with.

use std::fs;
use std::path::Path;

use scorpius_core::Clock;

use super::{KeyError, TOKEN_NEXT, TOKEN_PREVIOUS, secret_file};
use crate::durable;

/// The file of the key that signs.
const TOKEN: &str = "token.key";

/// One step of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKeyStep {
    /// Makes the next key. It is published and does not sign.
    Prepare,
    /// The next key signs from now on; the one that signed is believed still.
    Activate,
    /// The key that signed before is believed no more.
    Retire,
}

pub(super) fn take(keys: &Path, step: TokenKeyStep, clock: &dyn Clock) -> Result<(), KeyError> {
    let there = |file: &str| keys.join(file).exists();
    let refuse = |why| Err(KeyError::NotTheNextStep(why));
    match step {
        TokenKeyStep::Prepare if there(TOKEN_NEXT) => {
            refuse("the next key is prepared already; activate it ten minutes after the host published it")
        }
        TokenKeyStep::Prepare => secret_file(keys, TOKEN_NEXT, clock).map(drop),
        TokenKeyStep::Activate if there(TOKEN_PREVIOUS) && there(TOKEN) => {
            refuse("the key of the last rotation is believed still; retire it first")
        }
        TokenKeyStep::Activate if !there(TOKEN_NEXT) => refuse("no next key is prepared"),
        TokenKeyStep::Activate => {
            // A stop between the two leaves no key that signs; the same step again is the second half.
            if there(TOKEN) {
                rename(keys, TOKEN, TOKEN_PREVIOUS)?;
            }
            rename(keys, TOKEN_NEXT, TOKEN)
        }
        TokenKeyStep::Retire if !there(TOKEN_PREVIOUS) => refuse("there is no key to retire"),
        TokenKeyStep::Retire => {
            let failed = |source| KeyError::File { file: TOKEN_PREVIOUS.to_owned(), source };
            fs::remove_file(keys.join(TOKEN_PREVIOUS)).map_err(failed)?;
            durable::sync_dir(keys).map_err(failed)
        }
    }
}

fn rename(keys: &Path, from: &str, to: &str) -> Result<(), KeyError> {
    let failed = |source| KeyError::File { file: from.to_owned(), source };
    fs::rename(keys.join(from), keys.join(to)).map_err(failed)?;
    durable::sync_dir(keys).map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use scorpius_core::{KeyName, Keys, SystemClock};

    use super::super::FileKeys;
    use super::*;

    fn step(dir: &Path, step: TokenKeyStep) -> Result<(), String> {
        FileKeys::rotate_token_key(dir, step, &SystemClock)
            .map_err(|error| scorpius_core::error::chain(&error))
    }

    async fn published(dir: &Path) -> Vec<[u8; 32]> {
        let keys = FileKeys::open(dir, Arc::new(SystemClock)).expect("a folder of keys");
        assert_eq!(keys.public_keys(KeyName::Ledger).await.expect("keys").len(), 1);
        keys.public_keys(KeyName::Token).await.expect("keys")
    }

    #[tokio::test]
    async fn a_key_is_published_before_it_signs_and_believed_after() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path();
        let [first] = published(dir).await[..] else { panic!("one key") };
        assert!(step(dir, TokenKeyStep::Activate).is_err_and(|why| why.contains("no next key")));
        assert!(step(dir, TokenKeyStep::Retire).is_err());
        step(dir, TokenKeyStep::Prepare).expect("the next step");
        assert!(step(dir, TokenKeyStep::Prepare).is_err());
        let [signs, second] = published(dir).await[..] else { panic!("two keys") };
        assert_eq!(signs, first);
        step(dir, TokenKeyStep::Activate).expect("the next step");
        assert_eq!(published(dir).await, [second, first]);
        step(dir, TokenKeyStep::Prepare).expect("the next key may be prepared already");
        assert!(step(dir, TokenKeyStep::Activate).is_err_and(|why| why.contains("retire it first")));
        step(dir, TokenKeyStep::Retire).expect("the next step");
        assert_eq!(published(dir).await.len(), 2);
        assert_eq!(published(dir).await[0], second);
    }

    #[tokio::test]
    async fn a_stop_in_the_middle_is_finished_by_the_same_step() {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = folder.path().join("keys");
        let [first] = published(folder.path()).await[..] else { panic!("one key") };
        step(folder.path(), TokenKeyStep::Prepare).expect("the next step");
        rename(&keys, TOKEN, TOKEN_PREVIOUS).expect("the first half");
        step(folder.path(), TokenKeyStep::Activate).expect("the second half");
        let after = published(folder.path()).await;
        assert_eq!((after.len(), after[1]), (2, first));
    }
}
