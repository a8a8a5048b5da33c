//! Verdicts as they are kept: the answered bytes, and the inputs to make them again.
//!
//! Inputs below 64 KB are in the verdict's own record: one sync for both. Larger ones (a long history,
//! much calldata) are a blob, written before the commit that names it.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use scorpius_core::{
    Attributes, BlobName, Blobs, Condition, Key, ListQuery, PortError, Record, Store, StoreError, TenantId,
    UnixMillis, Value, Write,
};

use crate::api::Outcome;

/// Inputs of this many bytes and more are a blob. A record takes 350 KB, and a verdict needs its part.
pub const INPUTS_INLINE_BYTES_MAX: usize = 65_536;
/// Bytes of inputs that are read back: the largest state, calldata in hex and a full history are below.
const INPUTS_BYTES_MAX: u64 = 4_500_000;
/// Empty answers of the store in a row, each with a place to go on.
const EMPTY_PAGES_MAX: usize = 50;
const FOLDER: &str = "verdict-inputs";

/// One verdict, kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// RFC 8785 bytes, exactly as answered.
    pub verdict: String,
    /// RFC 8785 bytes of the inputs.
    pub inputs: Bytes,
    /// The event that told of it: what the ledger proves.
    pub event_id: String,
}

/// Some verdicts of a stretch of time.
#[derive(Debug)]
pub struct Stretch {
    /// Id, bytes of the record, RFC 8785 text.
    pub verdicts: Vec<(String, usize, String)>,
    /// Whether there are no more.
    pub is_end: bool,
}

/// A tenant's verdicts.
#[derive(Clone)]
pub struct Verdicts {
    /// Where the records are.
    pub store: Arc<dyn Store>,
    /// Where large inputs are.
    pub blobs: Arc<dyn Blobs>,
}

/// The record is there and cannot be what was written.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// An attribute is missing, or the blob that it names.
    #[error("the record of verdict `{id}` has no `{part}`")]
    Damaged {
        /// Which verdict.
        id: String,
        /// What is missing.
        part: &'static str,
    },
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The blobs did not answer.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl Verdicts {
    /// Stores large inputs, and says what is to be committed.
    ///
    /// # Errors
    /// When the blobs do not answer.
    pub async fn keep(&self, tenant: &TenantId, id: &str, kept: &Kept) -> Result<Write, PortError> {
        let attributes = Attributes::new()
            .with("verdict", Value::Text(kept.verdict.clone()))
            .with("event_id", Value::Text(kept.event_id.clone()));
        let attributes = match kept.inputs.len() < INPUTS_INLINE_BYTES_MAX {
            true => attributes.with("inputs", Value::Bytes(kept.inputs.to_vec())),
            false => {
                let name = BlobName::of_content(FOLDER, &kept.inputs);
                self.blobs.put_if_absent(&name, kept.inputs.clone()).await?;
                attributes.with("inputs_blob", Value::Text(name.as_str().to_owned()))
            }
        };
        Ok(Write::Put { key: key(tenant, id), attributes, expires_at: None, condition: Condition::Absent })
    }

    /// The verdict and the event that told of it, without inputs.
    ///
    /// # Errors
    /// `KeepError`.
    pub async fn shown(&self, tenant: &TenantId, id: &str) -> Result<Option<(String, String)>, KeepError> {
        match self.store.get(&key(tenant, id)).await? {
            None => Ok(None),
            Some(record) => Ok(Some((text(&record, id, "verdict")?, text(&record, id, "event_id")?))),
        }
    }

    /// The verdict with its inputs.
    ///
    /// # Errors
    /// `KeepError`.
    pub async fn whole(&self, tenant: &TenantId, id: &str) -> Result<Option<Kept>, KeepError> {
        match self.store.get(&key(tenant, id)).await? {
            None => Ok(None),
            Some(record) => Ok(Some(self.read(&record, id).await?)),
        }
    }

    /// The tenant's verdicts of `stretch`, newest first, up to `limit` and before the id `last`: each as it was
    /// answered, with its id and the bytes of its record. Short only at the end, and when the store answers short.
    ///
    /// # Errors
    /// `KeepError`.
    pub async fn page(
        &self,
        tenant: &TenantId,
        stretch: &Range<UnixMillis>,
        last: Option<&str>,
        limit: usize,
    ) -> Result<Stretch, KeepError> {
        let mut query = ListQuery {
            from: Some(first_id(stretch.start)),
            until: Some(last.map_or_else(|| first_id(stretch.end), str::to_owned)),
            descending: true,
            limit,
            ..ListQuery::all(partition(tenant))
        };
        // A store may answer with nothing and still not be at the end.
        for _ in 0..EMPTY_PAGES_MAX {
            let page = self.store.list(&query).await?;
            if page.records.is_empty() && page.cursor.is_some() {
                query.cursor = page.cursor;
                continue;
            }
            let read = |record: &Record| {
                let verdict = text(record, &record.key.sort, "verdict")?;
                let inputs = match record.attributes.0.get("inputs") {
                    Some(Value::Bytes(inputs)) => inputs.len(),
                    _ => 0,
                };
                Ok((record.key.sort.clone(), verdict.len() + inputs, verdict))
            };
            let verdicts = page.records.iter().map(read).collect::<Result<_, KeepError>>()?;
            return Ok(Stretch { verdicts, is_end: page.cursor.is_none() });
        }
        Err(StoreError::Busy.into())
    }

    /// Some verdicts of all tenants with their inputs, and where to go on. For operators' jobs only.
    ///
    /// # Errors
    /// `KeepError`.
    pub async fn page_of_all(&self, cursor: Option<&str>) -> Result<(Vec<Kept>, Option<String>), KeepError> {
        let page = self.store.scan(0, 1, cursor).await?;
        let mut verdicts = Vec::new();
        for record in page.records.iter().filter(|record| record.key.partition.ends_with("#verdict")) {
            verdicts.push(self.read(record, &record.key.sort).await?);
        }
        Ok((verdicts, page.cursor))
    }

    /// Some outcomes of all tenants, each with its verdict, and where to go on. For operators' jobs only.
    ///
    /// # Errors
    /// `KeepError`.
    pub async fn page_of_outcomes(
        &self,
        cursor: Option<&str>,
    ) -> Result<(Vec<(Outcome, Kept)>, Option<String>), KeepError> {
        let page = self.store.scan(0, 1, cursor).await?;
        let mut outcomes = Vec::new();
        for record in &page.records {
            let tenant = record.key.partition.strip_suffix("#outcome").map(str::parse::<TenantId>);
            let Some(Ok(tenant)) = tenant else { continue };
            let outcome: Outcome = record.document().map_err(StoreError::from)?;
            let gone = || KeepError::Damaged { id: outcome.verdict_id.clone(), part: "verdict" };
            let kept = self.whole(&tenant, &outcome.verdict_id).await?.ok_or_else(gone)?;
            outcomes.push((outcome, kept));
        }
        Ok((outcomes, page.cursor))
    }

    async fn read(&self, record: &Record, id: &str) -> Result<Kept, KeepError> {
        let inputs = match record.attributes.0.get("inputs") {
            Some(Value::Bytes(inputs)) => Bytes::from(inputs.clone()),
            _ => self.large_inputs(record, id).await?,
        };
        let (verdict, event_id) = (text(record, id, "verdict")?, text(record, id, "event_id")?);
        Ok(Kept { verdict, inputs, event_id })
    }

    async fn large_inputs(&self, record: &Record, id: &str) -> Result<Bytes, KeepError> {
        let damaged = |part| KeepError::Damaged { id: id.to_owned(), part };
        let name = text(record, id, "inputs_blob")?.parse().map_err(|_| damaged("inputs_blob"))?;
        self.blobs.get(&name, INPUTS_BYTES_MAX).await?.ok_or_else(|| damaged("inputs"))
    }
}

fn partition(tenant: &TenantId) -> String {
    format!("{tenant}#verdict")
}

fn key(tenant: &TenantId, id: &str) -> Key {
    Key::new(partition(tenant), id)
}

/// The smallest id of a verdict of this millisecond: a UUIDv7 begins with its 48 bits of time.
fn first_id(at: UnixMillis) -> String {
    format!("vrd_{:012x}{:020}", at.0.min((1 << 48) - 1), 0)
}

/// When the verdict of this id was made.
#[must_use]
pub fn made_at(id: &str) -> UnixMillis {
    let digits = id.strip_prefix("vrd_").and_then(|digits| digits.get(..12));
    UnixMillis(digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default())
}

fn text(record: &Record, id: &str, part: &'static str) -> Result<String, KeepError> {
    let text = record.attributes.text(part).map(str::to_owned);
    text.ok_or_else(|| KeepError::Damaged { id: id.to_owned(), part })
}
