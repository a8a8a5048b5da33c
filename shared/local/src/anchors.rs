//! `AnchorFolder`: files that are put once, and that this process never changes or removes.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use scorpius_core::{BlobName, Blobs, PortError, Put};

use crate::durable;

/// What an anchor is not for.
#[derive(Debug, thiserror::Error)]
enum AnchorFault {
    #[error("an anchor is put once: it is not replaced, removed or handed out by URL")]
    Once,
    #[error("the anchor has more than {0} bytes")]
    TooLarge(u64),
}

/// Files below `dir/anchors`, each under its own name, those of tenants' own logs in folders of their own, which nobody may write. Whoever rules the machine can still change them:
/// copy the folder to where they cannot.
#[derive(Clone)]
pub struct AnchorFolder {
    anchors: Arc<Path>,
    staging: Arc<Path>,
}

impl AnchorFolder {
    /// Below `dir`, which is this process's alone.
    #[must_use]
    pub fn in_folder(dir: &Path) -> Self {
        Self { anchors: dir.join("anchors").into(), staging: dir.join("staging").into() }
    }

    // A name leads nowhere but down.
    fn path_of(&self, name: &BlobName) -> PathBuf {
        self.anchors.join(name.as_str())
    }
}

#[async_trait]
impl Blobs for AnchorFolder {
    async fn put_if_absent(&self, name: &BlobName, bytes: Bytes) -> Result<Put, PortError> {
        let (staging, target) = (Arc::clone(&self.staging), self.path_of(name));
        off_thread(move || {
            let created = durable::create(&staging, &target, &bytes)?;
            // Also when it was there: whoever put it may have ended before this.
            let mut permissions = fs::metadata(&target)?.permissions();
            permissions.set_readonly(true);
            fs::set_permissions(&target, permissions)?;
            Ok(if created { Put::Stored } else { Put::AlreadyThere })
        })
        .await
    }

    async fn put(&self, _: &BlobName, _: Bytes) -> Result<(), PortError> {
        Err(once())
    }

    async fn get(&self, name: &BlobName, max_bytes: u64) -> Result<Option<Bytes>, PortError> {
        let found = self.get_range(name, 0..max_bytes.saturating_add(1)).await?;
        match found.as_ref().is_some_and(|bytes| bytes.len() as u64 > max_bytes) {
            true => Err(PortError::new("anchors", AnchorFault::TooLarge(max_bytes))),
            false => Ok(found),
        }
    }

    async fn get_range(&self, name: &BlobName, range: Range<u64>) -> Result<Option<Bytes>, PortError> {
        let path = self.path_of(name);
        off_thread(move || {
            let mut file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            };
            file.seek(SeekFrom::Start(range.start))?;
            let mut bytes = Vec::new();
            file.take(range.end.saturating_sub(range.start)).read_to_end(&mut bytes)?;
            Ok(Some(bytes.into()))
        })
        .await
    }

    async fn delete(&self, _: &BlobName) -> Result<(), PortError> {
        Err(once())
    }

    async fn sign_get(&self, _: &BlobName, _: Duration) -> Result<String, PortError> {
        Err(once())
    }

    async fn sign_put(&self, _: &BlobName, _: u64, _: Duration) -> Result<String, PortError> {
        Err(once())
    }
}

fn once() -> PortError {
    PortError::new("anchors", AnchorFault::Once)
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, PortError> {
    let port = |error: io::Error| PortError::new("anchors", error);
    tokio::task::spawn_blocking(work).await.map_err(|error| PortError::new("anchors", error))?.map_err(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_anchor_is_put_once_and_is_nobody_s_to_write() {
        let dir = tempfile::tempdir().expect("a folder");
        let anchors = AnchorFolder::in_folder(dir.path());
        let name: BlobName = "anchor-1.json".parse().expect("a name");
        assert_eq!(anchors.get(&name, 10).await.expect("an answer"), None);
        for (bytes, put) in [("one", Put::Stored), ("two", Put::AlreadyThere)] {
            assert_eq!(anchors.put_if_absent(&name, Bytes::from(bytes)).await.expect("an answer"), put);
        }
        assert_eq!(anchors.get(&name, 3).await.expect("an answer"), Some(Bytes::from("one")));
        assert_eq!(anchors.get_range(&name, 1..2).await.expect("an answer"), Some(Bytes::from("n")));
        anchors.get(&name, 2).await.expect_err("larger than what is wanted");
        anchors.put(&name, Bytes::from("two")).await.expect_err("not replaced");
        anchors.delete(&name).await.expect_err("not removed");
        let file = dir.path().join("anchors/anchor-1.json");
        assert!(fs::metadata(&file).expect("a file").permissions().readonly());
        let within: BlobName = "own/a/anchor-1.json".parse().expect("a name");
        assert_eq!(anchors.get(&within, 10).await.expect("an answer"), None);
        for (bytes, put) in [("own", Put::Stored), ("two", Put::AlreadyThere)] {
            assert_eq!(anchors.put_if_absent(&within, Bytes::from(bytes)).await.expect("an answer"), put);
        }
        assert_eq!(anchors.get(&within, 10).await.expect("an answer"), Some(Bytes::from("own")));
        // Another process finds it, and goes on from it.
        let again = AnchorFolder::in_folder(dir.path());
        assert_eq!(again.put_if_absent(&name, Bytes::from("x")).await.expect("an answer"), Put::AlreadyThere);
    }
}
