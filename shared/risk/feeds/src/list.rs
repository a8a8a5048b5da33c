//! One list as a blob: canonical JSON lines, sorted, named by their hash.

use std::collections::BTreeMap;

use bytes::Bytes;
use scorpius_core::{BlobName, Blobs, PortError};
use scorpius_risk::intel::{Indicator, ListHead, Listed};
use scorpius_risk::lists::ListKind;
use sha2::{Digest, Sha256};

use crate::judge::Refusal;

const FOLDER: &str = "intel-lists";
/// Bytes of one list.
const LIST_BYTES_MAX: u64 = 400_000_000;

/// A list with its rows, by indicator.
#[derive(Clone, Debug)]
pub(crate) struct List {
    pub(crate) head: ListHead,
    pub(crate) rows: Vec<Listed>,
    pub(crate) bytes: Bytes,
}

/// How many rows came and went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) added: u64,
    pub(crate) removed: u64,
}

impl List {
    /// `rows` are sorted, each indicator once. A row without a date gets the one on which it was first seen.
    pub(crate) fn of(
        name: &str,
        kind: ListKind,
        as_of: &str,
        mut rows: Vec<Listed>,
        before: &[Listed],
    ) -> Result<Self, Refusal> {
        let seen: BTreeMap<&Indicator, &str> =
            before.iter().map(|row| (&row.indicator, row.date.as_str())).collect();
        for row in rows.iter_mut().filter(|row| row.date.is_empty()) {
            row.date = seen.get(&row.indicator).map_or(as_of, |date| date).to_owned();
        }
        let mut bytes = Vec::new();
        for row in &rows {
            serde_json::to_writer(&mut bytes, row).map_err(|error| Refusal::Form(error.to_string()))?;
            bytes.push(b'\n');
        }
        let head = ListHead {
            name: name.to_owned(),
            kind,
            as_of: as_of.to_owned(),
            version: hex::encode(Sha256::digest(&bytes)),
            rows: rows.len() as u64,
        };
        Ok(Self { head, rows, bytes: bytes.into() })
    }

    pub(crate) async fn keep(&self, blobs: &dyn Blobs) -> Result<(), PortError> {
        blobs.put_if_absent(&name(&self.head)?, self.bytes.clone()).await.map(|_| ())
    }

    /// Reads back what `keep` wrote.
    pub(crate) async fn load(blobs: &dyn Blobs, head: &ListHead) -> Result<Self, PortError> {
        let lost = |what: &'static str| PortError::new("blobs", what);
        let bytes = blobs.get(&name(head)?, LIST_BYTES_MAX).await?;
        let bytes = bytes.ok_or_else(|| lost("a list that was kept is gone"))?;
        if hex::encode(Sha256::digest(&bytes)) != head.version {
            return Err(lost("a list that was kept was changed"));
        }
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let rows: Result<Vec<Listed>, _> = lines.map(serde_json::from_slice).collect();
        let rows = rows.map_err(|error| PortError::new("blobs", error))?;
        Ok(Self { head: head.clone(), rows, bytes })
    }

    /// Both are sorted.
    pub(crate) fn since(&self, before: &[Listed]) -> Difference {
        let had = |row: &Listed, rows: &[Listed]| {
            rows.binary_search_by(|other| other.indicator.cmp(&row.indicator)).is_ok()
        };
        let added = self.rows.iter().filter(|row| !had(row, before)).count() as u64;
        let removed = before.iter().filter(|row| !had(row, &self.rows)).count() as u64;
        Difference { added, removed }
    }
}

fn name(head: &ListHead) -> Result<BlobName, PortError> {
    format!("{FOLDER}/{}", head.version).parse().map_err(|error| PortError::new("blobs", error))
}
