//! What the ledger says of an event, and what of it everybody may see.
//!
//! ```text
//! event ─> Entry (clear, the tenant's) ─ RFC 8785 ─> HMAC-SHA256(entry key) ─> leaf (32 bytes, in the shared log)
//! tenant key ─ HKDF(entry id) ─> entry key: shown with an entry, opens that entry alone
//! ```

use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use schemars::JsonSchema;
use scorpius_core::event::time_of;
use scorpius_core::{Event, TenantId, id};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::hash;

/// The version of `Entry`.
const ENTRY_VERSION: u8 = 1;
/// RFC 8785 writes numbers as IEEE 754 doubles: whole ones are exact up to here.
const EXACT_MAX: u64 = (1 << 53) - 1;
/// Events of the ledger itself never enter it; checkpoints are its record.
const OWN_EVENTS: &str = "scorpius.ledger.*";

/// One event as the ledger keeps it, for its tenant's eyes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Always 1.
    pub v: u8,
    /// The event's id.
    pub id: String,
    /// When it happened, as its producer says; RFC 3339.
    pub ts: String,
    /// Whose it is.
    pub tenant: String,
    /// `scorpius.<capability>.<fact>.v1`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who caused it.
    pub actor: String,
    /// What it is about.
    pub aggregate: String,
    /// Which event of that aggregate, from 1.
    pub sequence: u64,
    /// SHA-256 of the event's data as RFC 8785 JSON, in hex: the data can be shown, or withheld, or erased.
    pub data_sha256: String,
}

/// An event that cannot become an entry.
#[derive(Debug, thiserror::Error)]
pub enum NotAnEntry {
    /// Not an event's id.
    #[error("not an event's id: `{0}`")]
    Id(String),
    /// Not RFC 3339.
    #[error("the event's time cannot be read")]
    Time(#[from] scorpius_core::clock::NotATime),
    /// Canonical JSON has no such whole number.
    #[error("the event's sequence {0} is over 2^53")]
    Sequence(u64),
    /// Not CloudEvents 1.0.
    #[error("not a CloudEvents 1.0 event: specversion `{0}`")]
    Version(String),
    /// Not JSON that RFC 8785 can write.
    #[error("the event's data has no canonical form")]
    Data(#[source] serde_json::Error),
}

/// Whether this event is of the ledger itself.
#[must_use]
pub fn is_own(event: &Event) -> bool {
    event.matches(OWN_EVENTS)
}

/// `value` as RFC 8785 JSON.
///
/// # Errors
/// For what RFC 8785 cannot write, such as NaN.
pub fn canonical<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    serde_json_canonicalizer::to_string(value)
}

/// An entry, and the data that it commits to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The entry.
    pub entry: Entry,
    /// The event's data as RFC 8785 JSON.
    pub data: String,
}

impl Recorded {
    /// What the ledger keeps of `event`.
    ///
    /// # Errors
    /// `NotAnEntry`.
    pub fn of(event: &Event) -> Result<Self, NotAnEntry> {
        if event.specversion != "1.0" {
            return Err(NotAnEntry::Version(event.specversion.chars().take(20).collect()));
        }
        if !id::is_id("evt", &event.id) {
            return Err(NotAnEntry::Id(event.id.chars().take(60).collect()));
        }
        if event.sequence > EXACT_MAX {
            return Err(NotAnEntry::Sequence(event.sequence));
        }
        let data = canonical(&event.data).map_err(NotAnEntry::Data)?;
        let entry = Entry {
            v: ENTRY_VERSION,
            id: event.id.clone(),
            ts: time_of(event)?.to_string(),
            tenant: event.tenantid.to_string(),
            kind: event.kind.clone(),
            actor: event.actor.clone(),
            aggregate: event.aggregate.clone(),
            sequence: event.sequence,
            data_sha256: hash::sha256_hex(data.as_bytes()),
        };
        Ok(Self { entry, data })
    }
}

impl Entry {
    /// RFC 8785 JSON: what the leaf commits to.
    ///
    /// # Panics
    /// Never: an entry is strings and exact numbers.
    #[must_use]
    pub fn canonical(&self) -> String {
        canonical(self).expect("an entry is strings and exact numbers")
    }

    /// The leaf in the shared log.
    #[must_use]
    pub fn leaf(&self, key: &EntryKey) -> [u8; 32] {
        leaf(&self.canonical(), key)
    }

    /// Whether its version is known and its numbers are exact: then its canonical form is the only one.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        self.v == ENTRY_VERSION && self.sequence <= EXACT_MAX
    }
}

/// The leaf of an entry that is already canonical.
///
/// A key always has 32 bytes: HMAC pads shorter keys and hashes longer ones, so that keys of free
/// length could open one leaf as two entries.
#[must_use]
pub fn leaf(canonical_entry: &str, key: &EntryKey) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(&key.0).expect("HMAC takes keys of any length");
    mac.update(canonical_entry.as_bytes());
    mac.finalize().into_bytes().into()
}

/// Opens one entry's leaf, and no other.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct EntryKey([u8; 32]);

impl EntryKey {
    /// 64 lower-case hex digits.
    #[must_use]
    pub fn to_text(&self) -> String {
        hex::encode(self.0)
    }

    /// Reads what `to_text` writes.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        hash::bytes_of_hex(text).map(Self)
    }
}

/// A tenant's secret: its entry keys come from it. Destroying it closes all its leaves for ever.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct TenantKey([u8; 32]);

impl TenantKey {
    /// From random bytes.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    pub(crate) fn secret(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key of one entry. RFC 5869; nothing of the tenant's key can be learnt from it.
    #[must_use]
    pub fn entry_key(&self, tenant: &TenantId, entry_id: &str) -> EntryKey {
        let info = format!("scorpius-ledger-entry-v1:{tenant}:{entry_id}");
        let mut key = [0; 32];
        Hkdf::<Sha256>::new(None, &self.0)
            .expand(info.as_bytes(), &mut key)
            .expect("HKDF gives up to 8,160 bytes");
        EntryKey(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn an_entry_s_canonical_form_is_sorted_and_tight() {
        let event = testing::event(1);
        let recorded = Recorded::of(&event).expect("an entry");
        assert_eq!(recorded.data, r#"{"level":"safe","number":1}"#);
        assert_eq!(
            recorded.entry.canonical(),
            format!(
                concat!(
                    r#"{{"actor":"key_1","aggregate":"vrd_1","data_sha256":"{}","id":"{}","sequence":1,"#,
                    r#""tenant":"{}","ts":"2026-11-21T09:40:40.001Z","type":"scorpius.risk.scored.v1","v":1}}"#
                ),
                hash::sha256_hex(recorded.data.as_bytes()),
                event.id,
                event.tenantid
            )
        );
    }

    #[test]
    fn a_leaf_depends_on_entry_tenant_and_id() {
        let (key, tenant) = (TenantKey::new([1; 32]), testing::tenant(1));
        let entry = Recorded::of(&testing::event(1)).expect("an entry").entry;
        let leaf = entry.leaf(&key.entry_key(&tenant, &entry.id));
        assert_ne!(leaf, entry.leaf(&key.entry_key(&tenant, "evt_other")));
        assert_ne!(leaf, entry.leaf(&key.entry_key(&testing::tenant(2), &entry.id)));
        assert_ne!(leaf, entry.leaf(&TenantKey::new([2; 32]).entry_key(&tenant, &entry.id)));
        let changed = Entry { actor: "key_2".to_owned(), ..entry.clone() };
        assert_ne!(leaf, changed.leaf(&key.entry_key(&tenant, &entry.id)));
    }

    #[test]
    fn events_without_a_place_in_the_ledger_are_refused() {
        let refused = |change: fn(&mut Event)| {
            let mut event = testing::event(1);
            change(&mut event);
            Recorded::of(&event).expect_err("refused")
        };
        assert!(matches!(refused(|e| e.id = "evt_1".to_owned()), NotAnEntry::Id(_)));
        assert!(matches!(refused(|e| e.time = "now".to_owned()), NotAnEntry::Time(_)));
        assert!(matches!(refused(|e| e.sequence = 1 << 53), NotAnEntry::Sequence(_)));
        assert!(matches!(refused(|e| e.specversion = "0.3".to_owned()), NotAnEntry::Version(_)));
        let mut own = testing::event(1);
        assert!(!is_own(&own));
        own.kind = "scorpius.ledger.published.v1".to_owned();
        assert!(is_own(&own));
    }
}
