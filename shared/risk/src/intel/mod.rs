//! What lists say of accounts and sites, as one immutable snapshot that verdicts name.
//!
//! ```text
//! feeds ─> snapshot (blob) ─> pointer (record) ─> filter ─> block ─> rows
//! ```

mod indicator;
mod live;
mod snapshot;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use indicator::{BadIndicator, CodePart, Indicator};
pub use live::{Answers, Intel, IntelError, PINNED_FOR_S, Pointer, pointer_key};
pub use snapshot::{BadSnapshot, Built, SNAPSHOT_ROWS_MAX, Snapshot, build};

use crate::address::Account;
use crate::lists::{ListKind, ListRef, Row};

/// Bytes of each text of a row.
pub const ROW_TEXT_BYTES_MAX: usize = 200;

/// One row of a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// What the row is about.
    pub indicator: Indicator,
    /// Whose it is, as the list says.
    pub name: String,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Chains by EIP-155 number on which the row holds; `None` is every chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chains: Option<Vec<u64>>,
    /// Who said so.
    pub source: String,
    /// When it was said, `YYYY-MM-DD`.
    pub date: String,
    /// When it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delisted: Option<String>,
}

impl Listed {
    /// The row as verdicts have it, about `account`.
    pub(crate) fn of_account(&self, account: Account) -> Row {
        Row {
            address: account,
            name: self.name.clone().into(),
            kind: self.kind.clone().map(Into::into),
            chains: self.chains.clone().map(Into::into),
            source: self.source.clone().into(),
            date: self.date.clone().into(),
            delisted: self.delisted.clone().map(Into::into),
        }
    }
}

impl From<&ListHead> for ListRef {
    fn from(head: &ListHead) -> Self {
        Self { name: head.name.clone(), version: head.version.clone(), as_of: head.as_of.clone() }
    }
}

/// A list of a snapshot, without its rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListHead {
    /// Its name, one of a kind in a snapshot.
    pub name: String,
    /// What it says.
    pub kind: ListKind,
    /// The day up to which it is complete, as its maker says.
    pub as_of: String,
    /// SHA-256 of its rows as canonical JSON lines, in hex.
    pub version: String,
    /// How many rows it has.
    pub rows: u64,
}
