//! The evidence bundle: one JSON file that proves events to somebody who has a verifier key and nothing else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entry::{Entry, Payload};

/// What `Bundle::format` says.
pub const BUNDLE_FORMAT: &str = "scorpius-evidence/2";
/// What it says when an entry is in a log whose leaves are entries in clear.
pub const BUNDLE_FORMAT_CLEAR: &str = "scorpius-evidence/3";
/// Events of one bundle.
pub const BUNDLE_EVENTS_MAX: usize = 50;
/// Bytes of a bundle's file.
pub const BUNDLE_BYTES_MAX: usize = 4_000_000;

/// By how many of how many witnesses a checkpoint was cosigned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Witnesses {
    /// Cosignatures there are.
    pub k: u32,
    /// Witnesses that were asked.
    pub n: u32,
}

impl std::fmt::Display for Witnesses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.k, self.n)
    }
}

/// Proof of some events of one tenant. It holds no verifier key: who is trusted is not its to say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// `scorpius-evidence/2`, or `scorpius-evidence/3` when an entry is in its tenant's own log.
    pub format: String,
    /// The log.
    pub origin: String,
    /// 1 to 50 with those of `own`, in the order they were asked for.
    pub entries: Vec<BundleEntry>,
    /// The log's checkpoint as a signed note (C2SP), with the lines of those who cosigned it.
    pub checkpoint: String,
    /// Those entries that are in their tenant's own log, where others are in the shared one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<BundlePart>,
}

/// The part of a bundle that another log than the first one proves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BundlePart {
    /// That log.
    pub origin: String,
    /// At least one, in the order they were asked for.
    pub entries: Vec<BundleEntry>,
    /// That log's checkpoint as a signed note (C2SP), with the lines of those who cosigned it.
    pub checkpoint: String,
}

impl Bundle {
    /// All entries, of whichever log.
    pub(crate) fn all_entries(&self) -> impl Iterator<Item = &BundleEntry> {
        self.entries.iter().chain(self.own.iter().flat_map(|own| &own.entries))
    }
}

/// One event and its proof.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BundleEntry {
    /// What the ledger says of the event.
    pub entry: Entry,
    /// Opens the entry's leaf: HMAC-SHA256 key, 64 hex digits. Absent where the leaf is the entry itself, as RFC 8785 JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_key: Option<String>,
    /// Its place in the log, from 0.
    pub index: u64,
    /// RFC 6962 inclusion proof, nearest sibling first, in Base64.
    pub proof: Vec<String>,
    /// What the entry commits to; absent when it is erased. May be taken out before the bundle is handed on; the proof
    /// stands without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Payload>,
    /// Shows that the entry commits to `payload`: HMAC-SHA256 key, 64 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blind_key: Option<String>,
}

/// The extra data of a tlog-proof of ours: what makes the leaf that it is of.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Opens {
    /// What the ledger says of the event.
    pub(crate) entry: Entry,
    /// Opens the entry's leaf; absent where the leaf is the entry itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) entry_key: Option<String>,
}
