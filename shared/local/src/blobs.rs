//! `FolderBlobs`: each blob a file; those of the ledger's logs, which are small and put together, rows of the store.

mod rows;
mod signed;

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use scorpius_core::blobs::{BlobsWithRecords, Publication, Published, check_put_all, put_each};
use scorpius_core::store::check_commit;
use scorpius_core::{BlobName, Blobs, Clock, PortError, Put, StoreError};
use zeroize::Zeroizing;

use crate::durable;
use crate::keys::secret_file;
use crate::store::SqliteStore;
use rows::{ReadRows, Rows, Wanted};
use signed::Signer;
pub use signed::{BadSignature, Signed};

/// Bytes of one part of a path; file systems take 255.
const PART_BYTES_MAX: usize = 200;

/// A blob that cannot be handed over.
#[derive(Debug, thiserror::Error)]
enum BlobError {
    #[error("the blob has {size} bytes, and at most {max} are wanted")]
    TooLarge { size: u64, max: u64 },
    #[error("a blob that is published with records is a log's")]
    NotWithRecords,
}

/// Blobs in a folder. A file system that tells `a` from `A` is needed.
#[derive(Clone)]
pub struct FolderBlobs {
    blobs: Arc<Path>,
    staging: Arc<Path>,
    signer: Arc<Signer>,
    logs: Logs,
}

/// Where the files of the ledger's logs are.
#[derive(Clone)]
enum Logs {
    /// In the folder, as all other blobs.
    Files,
    /// In the database; an older version's are also in files, and then looked for there, too.
    Rows { rows: Rows, also_files: bool },
    /// In the database or in files, to be read.
    Read(Arc<ReadRows>),
}

impl FolderBlobs {
    /// Blobs below `dir/blobs`; URLs are signed with a key in `dir/keys` and begin with `base_url`,
    /// the host's own address without a closing slash (empty: they are paths). `dir` is this process's alone.
    ///
    /// # Errors
    /// When the folder cannot be written, or others may read the key.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>, base_url: &str) -> Result<Self, PortError> {
        let staging = dir.join("staging");
        durable::clear_staging(&staging).map_err(port)?;
        let key = secret_file(&dir.join("keys"), "url.key", &*clock)
            .map_err(|error| PortError::new("blobs", error))?;
        Ok(Self {
            blobs: dir.join("blobs").into(),
            staging: staging.into(),
            signer: Arc::new(Signer { key, clock, base_url: base_url.to_owned() }),
            logs: Logs::Files,
        })
    }

    /// The same with the ledger's logs in the database of `store`, which is of the same folder.
    #[must_use]
    pub fn beside(self, store: &SqliteStore) -> Self {
        let logs = Logs::Rows { rows: Rows(store.database()), also_files: rows::are_files(&self.blobs) };
        Self { logs, ..self }
    }

    /// Blobs of `dir` that are only read, as in a copy: nothing is cleared, no key is
    /// needed, and URLs signed here are good for nobody.
    #[must_use]
    pub fn for_reading(dir: &Path) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(scorpius_core::SystemClock);
        let mut key = Secret::default();
        clock.fill_random(&mut *key);
        Self {
            blobs: dir.join("blobs").into(),
            staging: dir.join("staging").into(),
            signer: Arc::new(Signer { key, clock, base_url: String::new() }),
            logs: Logs::Read(Arc::new(ReadRows::of(dir))),
        }
    }

    /// Removes the blobs of `folder` that were put before `since`, and answers how many; those in folders within it stay. It is what
    /// a rule of expiry is for a bucket.
    ///
    /// # Errors
    /// When the folder cannot be read or changed.
    pub async fn expire(&self, folder: &'static str, since: SystemTime) -> Result<usize, PortError> {
        let folder = self.blobs.join(folder);
        off_thread(move || {
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
                Err(error) => return Err(error),
            };
            let mut expired = 0;
            for entry in entries {
                let entry = entry?;
                // Whoever else removes it meanwhile is as good.
                let Ok(metadata) = entry.metadata() else { continue };
                if metadata.is_file() && metadata.modified()? < since {
                    durable::remove(&entry.path())?;
                    expired += 1;
                }
            }
            Ok(expired)
        })
        .await
    }

    /// What a request to a signed URL may do, given its method, path and query.
    ///
    /// # Errors
    /// When the signature is not ours, is for something else, or is too old.
    pub fn check_signed(&self, method: &str, path: &str, query: &str) -> Result<Signed, BadSignature> {
        self.signer.check(method, path, query)
    }

    /// A folder's name has no mark and a file's ends with `~`, so that `a` and `a/b` are both possible;
    /// a long part is several folders whose names end with `+`. No blob's name has either.
    fn path_of(&self, name: &BlobName) -> PathBuf {
        let mut path = self.blobs.to_path_buf();
        let mut segments = name.as_str().split('/').peekable();
        while let Some(mut segment) = segments.next() {
            while let Some((part, rest)) = segment.split_at_checked(PART_BYTES_MAX)
                && !rest.is_empty()
            {
                path.push(format!("{part}+"));
                segment = rest;
            }
            match segments.peek() {
                Some(_) => path.push(segment),
                None => path.push(format!("{segment}~")),
            }
        }
        path
    }

    /// Where this blob is a row, and whether it may be a file instead.
    fn rows_of(&self, name: &BlobName) -> Option<(&Rows, bool)> {
        match &self.logs {
            Logs::Rows { rows, also_files } if rows::is_of_a_log(name) => Some((rows, *also_files)),
            _ => None,
        }
    }

    /// The file that an older version may have put for this blob of a log.
    fn older(&self, name: &BlobName) -> Option<PathBuf> {
        matches!(self.logs, Logs::Rows { also_files: true, .. }).then(|| self.path_of(name))
    }

    /// What the rows say of a blob, and where else to look.
    async fn row(&self, name: &BlobName, wanted: Wanted) -> Result<Looked, PortError> {
        let (found, also_files) = match &self.logs {
            Logs::Rows { rows, also_files } if rows::is_of_a_log(name) => {
                (rows.get(name, wanted).await?, *also_files)
            }
            Logs::Read(rows) if rows::is_of_a_log(name) => {
                let (rows, name) = (Arc::clone(rows), name.clone());
                (off_thread(move || rows.get(&name, &wanted)).await?, true)
            }
            _ => (None, true),
        };
        Ok(match found.is_none() && also_files {
            true => Looked::InFile(self.path_of(name)),
            false => Looked::Found(found),
        })
    }
}

/// Where a blob is.
enum Looked {
    /// In the rows, or nowhere.
    Found(Option<Bytes>),
    /// Here, if it is anywhere.
    InFile(PathBuf),
}

#[async_trait]
impl Blobs for FolderBlobs {
    async fn put_if_absent(&self, name: &BlobName, bytes: Bytes) -> Result<Put, PortError> {
        if let Some((rows, _)) = self.rows_of(name) {
            let put = rows.put_if_absent(vec![(name.clone(), bytes, self.older(name))]).await?;
            return Ok(put.first().copied().unwrap_or(Put::AlreadyThere));
        }
        let (staging, target) = (Arc::clone(&self.staging), self.path_of(name));
        let created = off_thread(move || durable::create(&staging, &target, &bytes)).await?;
        Ok(if created { Put::Stored } else { Put::AlreadyThere })
    }

    async fn put_all_if_absent(&self, blobs: Vec<(BlobName, Bytes)>) -> Result<Vec<Put>, PortError> {
        let Logs::Rows { rows, .. } = &self.logs else { return put_each(self, blobs).await };
        if !blobs.iter().all(|(name, _)| rows::is_of_a_log(name)) {
            return put_each(self, blobs).await;
        }
        check_put_all(&blobs)?;
        let with_files = blobs.into_iter().map(|(name, bytes)| {
            let older = self.older(&name);
            (name, bytes, older)
        });
        rows.put_if_absent(with_files.collect()).await
    }

    async fn put(&self, name: &BlobName, bytes: Bytes) -> Result<(), PortError> {
        if let Some((rows, _)) = self.rows_of(name) {
            return rows.put(name, bytes).await;
        }
        let (staging, target) = (Arc::clone(&self.staging), self.path_of(name));
        off_thread(move || durable::replace(&staging, &target, &bytes)).await
    }

    fn with_records(&self) -> Option<&dyn BlobsWithRecords> {
        match &self.logs {
            Logs::Rows { .. } => Some(self),
            Logs::Files | Logs::Read(_) => None,
        }
    }

    async fn get(&self, name: &BlobName, max_bytes: u64) -> Result<Option<Bytes>, PortError> {
        let path = match self.row(name, Wanted::Whole(max_bytes)).await? {
            Looked::Found(bytes) => return Ok(bytes),
            Looked::InFile(path) => path,
        };
        off_thread(move || {
            let Some(file) = open(&path)? else { return Ok(None) };
            let size = file.metadata()?.len();
            if size > max_bytes {
                return Err(io::Error::other(BlobError::TooLarge { size, max: max_bytes }));
            }
            read(file, size).map(Some)
        })
        .await
    }

    async fn get_range(&self, name: &BlobName, range: Range<u64>) -> Result<Option<Bytes>, PortError> {
        let path = match self.row(name, Wanted::Part(range.clone())).await? {
            Looked::Found(bytes) => return Ok(bytes),
            Looked::InFile(path) => path,
        };
        off_thread(move || {
            let Some(mut file) = open(&path)? else { return Ok(None) };
            let end = range.end.min(file.metadata()?.len());
            let wanted = end.saturating_sub(range.start);
            if wanted > 0 {
                file.seek(SeekFrom::Start(range.start))?;
            }
            read(file, wanted).map(Some)
        })
        .await
    }

    async fn delete(&self, name: &BlobName) -> Result<(), PortError> {
        if let Some((rows, also_files)) = self.rows_of(name) {
            rows.delete(name).await?;
            if !also_files {
                return Ok(());
            }
        }
        let path = self.path_of(name);
        off_thread(move || durable::remove(&path)).await
    }

    async fn sign_get(&self, name: &BlobName, valid_for: Duration) -> Result<String, PortError> {
        Ok(self.signer.sign(&Signed::Get { name: name.clone() }, valid_for))
    }

    async fn sign_put(
        &self,
        name: &BlobName,
        max_bytes: u64,
        valid_for: Duration,
    ) -> Result<String, PortError> {
        Ok(self.signer.sign(&Signed::PutOnce { name: name.clone(), max_bytes }, valid_for))
    }
}

#[async_trait]
impl BlobsWithRecords for FolderBlobs {
    async fn publish(&self, publication: &Publication) -> Result<Published, StoreError> {
        check_put_all(&publication.blobs)?;
        check_commit(&publication.writes)?;
        let names = || publication.blobs.iter().map(|(name, _)| name);
        match &self.logs {
            Logs::Rows { rows, .. } if names().chain([&publication.pointer.0]).all(rows::is_of_a_log) => {
                rows.publish(publication, names().map(|name| self.older(name)).collect()).await
            }
            _ => Err(port(io::Error::other(BlobError::NotWithRecords)).into()),
        }
    }
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn read(file: File, wanted: u64) -> io::Result<Bytes> {
    let mut bytes = Vec::with_capacity(usize::try_from(wanted).map_err(io::Error::other)?);
    file.take(wanted).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, PortError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| PortError::new("blobs", error))?.map_err(port)
}

fn port(error: io::Error) -> PortError {
    PortError::new("blobs", error)
}

/// A key of 256 bits that is wiped when it is no longer used.
pub(crate) type Secret = Zeroizing<[u8; 32]>;

#[cfg(test)]
mod tests;
