//! `Blobs` on S3.

use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use bytes::{Bytes, BytesMut};
use futures::future::try_join_all;
use scorpius_core::blobs::check_put_all;
use scorpius_core::{BlobName, Blobs, PortError, Put};

use crate::connect::Lazily;

/// How long a signed URL may be good.
const SIGNED_MAX: Duration = Duration::from_secs(3_600);
/// Bytes of a range: what a function's memory takes without harm.
const RANGE_BYTES_MAX: u64 = 64_000_000;

/// Pauses while another writer of the same blob is at work.
const CONFLICT_PAUSES_MS: [u64; 3] = [50, 200, 800];

/// More bytes than the caller takes.
#[derive(Debug, thiserror::Error)]
#[error("blob `{name}` is larger than {max_bytes} bytes")]
struct TooLarge {
    name: String,
    max_bytes: u64,
}

/// Blobs as objects of one bucket.
pub struct S3Blobs {
    client: Lazily<Client>,
    bucket: String,
}

impl S3Blobs {
    /// The objects of `bucket`.
    pub(crate) fn new(client: Lazily<Client>, bucket: String) -> Self {
        Self { client, bucket }
    }

    async fn fetch(&self, name: &BlobName, range: Option<String>) -> Result<Fetched, PortError> {
        let sent =
            self.client.get_object().bucket(&self.bucket).key(name.as_str()).set_range(range).send().await;
        match sent {
            Ok(answer) => Ok(Fetched::Found(Box::new(answer))),
            Err(error) => match code(&error) {
                Some("NoSuchKey") => Ok(Fetched::Absent),
                // RFC 9110, section 15.5.17: the range begins behind the end.
                Some("InvalidRange") => Ok(Fetched::BehindEnd),
                _ => Err(port(error)),
            },
        }
    }

    async fn store(&self, name: &BlobName, bytes: Bytes, only_if_absent: bool) -> Result<Put, PortError> {
        let mut pauses = CONFLICT_PAUSES_MS.into_iter();
        loop {
            let request = self
                .client
                .put_object()
                .bucket(&self.bucket)
                .key(name.as_str())
                .set_if_none_match(only_if_absent.then(|| "*".to_owned()))
                .body(ByteStream::from(bytes.clone()));
            let error = match request.send().await {
                Ok(_) => return Ok(Put::Stored),
                Err(error) => error,
            };
            match (error.code(), pauses.next()) {
                (Some("PreconditionFailed"), _) => return Ok(Put::AlreadyThere),
                // Somebody is writing the same blob; the next answer says whether they did.
                (Some("ConditionalRequestConflict"), Some(pause_ms)) => {
                    tokio::time::sleep(Duration::from_millis(pause_ms)).await;
                }
                _ => return Err(port(error)),
            }
        }
    }
}

enum Fetched {
    Found(Box<GetObjectOutput>),
    BehindEnd,
    Absent,
}

fn code(error: &SdkError<GetObjectError>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

fn port(error: impl std::error::Error + Send + Sync + 'static) -> PortError {
    PortError::new("blobs", error)
}

/// Reads a body, and stops at `max_bytes` whatever its header says.
async fn read(name: &BlobName, mut body: ByteStream, max_bytes: u64) -> Result<Bytes, PortError> {
    let mut read = BytesMut::new();
    while let Some(part) = body.try_next().await.map_err(port)? {
        if (read.len() + part.len()) as u64 > max_bytes {
            return Err(port(TooLarge { name: name.to_string(), max_bytes }));
        }
        read.extend_from_slice(&part);
    }
    Ok(read.freeze())
}

fn signing(valid_for: Duration) -> Result<PresigningConfig, PortError> {
    PresigningConfig::expires_in(valid_for.min(SIGNED_MAX)).map_err(port)
}

#[async_trait]
impl Blobs for S3Blobs {
    async fn put_if_absent(&self, name: &BlobName, bytes: Bytes) -> Result<Put, PortError> {
        self.store(name, bytes, true).await
    }

    /// At the same time; S3 takes one a request.
    async fn put_all_if_absent(&self, blobs: Vec<(BlobName, Bytes)>) -> Result<Vec<Put>, PortError> {
        check_put_all(&blobs)?;
        try_join_all(blobs.iter().map(|(name, bytes)| self.store(name, bytes.clone(), true))).await
    }

    async fn put(&self, name: &BlobName, bytes: Bytes) -> Result<(), PortError> {
        self.store(name, bytes, false).await.map(|_| ())
    }

    async fn get(&self, name: &BlobName, max_bytes: u64) -> Result<Option<Bytes>, PortError> {
        match self.fetch(name, None).await? {
            Fetched::Found(answer) => {
                let length =
                    answer.content_length().and_then(|length| u64::try_from(length).ok()).unwrap_or(0);
                if length > max_bytes {
                    return Err(port(TooLarge { name: name.to_string(), max_bytes }));
                }
                read(name, answer.body, max_bytes).await.map(Some)
            }
            Fetched::Absent | Fetched::BehindEnd => Ok(None),
        }
    }

    async fn get_range(&self, name: &BlobName, range: Range<u64>) -> Result<Option<Bytes>, PortError> {
        let length = range.end.saturating_sub(range.start);
        if length > RANGE_BYTES_MAX {
            return Err(port(TooLarge { name: name.to_string(), max_bytes: RANGE_BYTES_MAX }));
        }
        // HTTP has no empty range: one byte is asked for, and left out.
        let last = range.start.saturating_add(length.max(1) - 1);
        match self.fetch(name, Some(format!("bytes={}-{last}", range.start))).await? {
            Fetched::Found(answer) => {
                let mut bytes = read(name, answer.body, length.max(1)).await?;
                bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
                Ok(Some(bytes))
            }
            Fetched::BehindEnd => Ok(Some(Bytes::new())),
            Fetched::Absent => Ok(None),
        }
    }

    async fn delete(&self, name: &BlobName) -> Result<(), PortError> {
        let request = self.client.delete_object().bucket(&self.bucket).key(name.as_str());
        request.send().await.map(|_| ()).map_err(port)
    }

    async fn sign_get(&self, name: &BlobName, valid_for: Duration) -> Result<String, PortError> {
        let request = self.client.get_object().bucket(&self.bucket).key(name.as_str());
        let signed = request.presigned(signing(valid_for)?).await.map_err(port)?;
        Ok(signed.uri().to_owned())
    }

    /// Whoever writes must send `If-None-Match: *`, which is signed: S3 takes the blob once. S3 cannot
    /// limit the size of a signed PUT: readers do, by the `max_bytes` of `get`.
    async fn sign_put(
        &self,
        name: &BlobName,
        _max_bytes: u64,
        valid_for: Duration,
    ) -> Result<String, PortError> {
        let request = self.client.put_object().bucket(&self.bucket).key(name.as_str()).if_none_match("*");
        let signed = request.presigned(signing(valid_for)?).await.map_err(port)?;
        Ok(signed.uri().to_owned())
    }
}
