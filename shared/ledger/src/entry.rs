//! What the ledger says of an event, and what of it everybody may see.
//!
//! ```text
//! event ─> Payload (who, what, data) ─ RFC 8785 ─> HMAC-SHA256(blind key) ─> commitment ─┐
//!       └> Entry (id, time, type, subjects, commitment) <────────────────────────────────┘
//! Entry ─ RFC 8785 ─> HMAC-SHA256(entry key) ─> leaf (32 bytes, in the shared log)
//! Entry ─ RFC 8785 ─────────────────────────> leaf (in the tenant's own log)
//!
//! tenant's secret ─ HKDF(entry id) ─> entry key: shown with an entry, opens that entry alone
//! tenant's and subjects' secrets ─ HKDF(entry id) ─> blind key: shown with a payload; and the key that seals it at rest
//! ```
//!
//! Whoever destroys a subject's secret erases the person: payloads cannot be read again, and a commitment without
//! its blind key cannot be guessed at. No byte of the log changes, and every proof stands.

mod canonical;
mod secrets;

use schemars::JsonSchema;
use scorpius_core::event::time_of;
use scorpius_core::{Event, TenantId, id};
use serde::{Deserialize, Serialize};

use crate::log::LogKind;
use crate::pending::Leaf;

pub(crate) use secrets::PayloadKeys;
pub use secrets::{BlindKey, EntryKey, SubjectSecret, TenantKey, leaf};

/// The version of `Entry`.
const ENTRY_VERSION: u8 = 2;
/// Bytes of a payload's canonical form. An event of 32,000 bytes may grow by its numbers, and one record holds it all.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 200_000;
/// Bytes of an entry's canonical form: an event's type has 200, and all else is ids, hashes and a time.
pub(crate) const ENTRY_BYTES_MAX: usize = 1_500;
/// Bytes of an event's type.
const KIND_BYTES_MAX: usize = 200;
/// RFC 8785 writes numbers as IEEE 754 doubles: whole ones are exact up to here.
const EXACT_MAX: u64 = (1 << 53) - 1;
/// Events of the ledger itself never enter it; checkpoints are its record.
const OWN_EVENTS: &str = "scorpius.ledger.*";
/// Ids that stand for a person: what is erased is said of one of these.
const PERSONAL: [&str; 2] = ["key", "usr"];

/// One event as the ledger keeps it, for its tenant's eyes. It names no person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Always 2.
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
    /// Which event of its aggregate, from 1.
    pub sequence: u64,
    /// Pseudonyms of the persons that it is about, 64 hex digits each: one person of one tenant has the same everywhere.
    pub subjects: Vec<String>,
    /// HMAC-SHA256 of the payload as RFC 8785 JSON, in hex: the payload can be shown, or withheld, or erased.
    pub commitment: String,
}

/// What an entry commits to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// Who caused it.
    pub actor: String,
    /// What it is about.
    pub aggregate: String,
    /// How the actor had proved who it is: `api_key`, `aal1`, `aal2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strength: Option<String>,
    /// A pseudonym of the network that the request came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The event's data.
    pub data: serde_json::Value,
}

impl Payload {
    #[cfg(test)]
    fn of(event: &Event) -> Self {
        Self {
            actor: event.actor.clone(),
            aggregate: event.aggregate.clone(),
            strength: event.strength.clone(),
            network: event.network.clone(),
            data: event.data.clone(),
        }
    }
}

/// Whether this id stands for a person, whose part in events can be erased.
#[must_use]
pub fn is_personal(text: &str) -> bool {
    PERSONAL.iter().any(|prefix| id::is_id(prefix, text))
}

/// An event that cannot become an entry.
#[derive(Debug, thiserror::Error)]
pub enum NotAnEntry {
    /// Not an event's id.
    #[error("not an event's id: `{0}`")]
    Id(String),
    /// Not a type: `scorpius.<capability>.<fact>.v1`.
    #[error("not an event's type (1 to {KIND_BYTES_MAX} visible ASCII characters): `{0}`")]
    Kind(String),
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
    /// Larger than the ledger keeps.
    #[error("a payload of {0} bytes, over {PAYLOAD_BYTES_MAX}")]
    TooLong(usize),
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

/// An event on its way into the log, before any key was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    id: String,
    ts: String,
    tenant: TenantId,
    kind: String,
    sequence: u64,
    persons: Vec<String>,
    payload: String,
}

/// An event as it is kept: its entry, its leaf, and its payload, which only the keys can open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) entry: Entry,
    /// The entry as RFC 8785 JSON.
    pub(crate) canonical: String,
    /// What is in the shared log, if it goes there.
    pub(crate) leaf: [u8; 32],
    pub(crate) payload: Vec<u8>,
}

impl Sealed {
    /// What is in a log of this kind.
    pub(crate) fn leaf_in(&self, kind: LogKind) -> Leaf {
        match kind {
            LogKind::Shared => Leaf::copy_from_slice(&self.leaf),
            LogKind::Own => Leaf::copy_from_slice(self.canonical.as_bytes()),
        }
    }
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
        let is_kind = (1..=KIND_BYTES_MAX).contains(&event.kind.len());
        if !is_kind || !event.kind.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NotAnEntry::Kind(event.kind.chars().take(60).collect()));
        }
        if event.sequence > EXACT_MAX {
            return Err(NotAnEntry::Sequence(event.sequence));
        }
        let payload = canonical::payload(event).map_err(NotAnEntry::Data)?;
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(NotAnEntry::TooLong(payload.len()));
        }
        let mut persons: Vec<_> =
            [&event.actor, &event.aggregate].into_iter().filter(|name| is_personal(name)).cloned().collect();
        persons.sort_unstable();
        persons.dedup();
        Ok(Self {
            id: event.id.clone(),
            ts: time_of(event)?.to_string(),
            tenant: event.tenantid.clone(),
            kind: event.kind.clone(),
            sequence: event.sequence,
            persons,
            payload,
        })
    }

    /// Those whose secrets its payload is under, in order.
    #[must_use]
    pub fn persons(&self) -> &[String] {
        &self.persons
    }

    /// As it is kept, under the tenant's secret and those of `persons`, in their order.
    #[cfg(test)]
    #[must_use]
    pub(crate) fn sealed(&self, tenant_key: &TenantKey, secrets: &[SubjectSecret]) -> Sealed {
        let subjects = self.persons.iter().map(|person| tenant_key.subject_ref(&self.tenant, person));
        self.sealed_as(subjects.collect(), tenant_key, secrets)
    }

    /// As it is kept: `subjects` and `secrets` are the pseudonyms and the secrets of `persons`, in their order.
    #[must_use]
    pub(crate) fn sealed_as(
        &self,
        subjects: Vec<String>,
        tenant_key: &TenantKey,
        secrets: &[SubjectSecret],
    ) -> Sealed {
        let keys = PayloadKeys::new(tenant_key, secrets, &self.tenant, &self.id);
        let commitment = keys.blind.commitment(&self.payload);
        let entry = Entry {
            v: ENTRY_VERSION,
            id: self.id.clone(),
            ts: self.ts.clone(),
            tenant: self.tenant.to_string(),
            kind: self.kind.clone(),
            sequence: self.sequence,
            subjects,
            commitment: hex::encode(commitment),
        };
        let canonical = entry.canonical();
        let leaf = leaf(&canonical, &tenant_key.entry_key(&self.tenant, &self.id));
        Sealed { leaf, payload: keys.seal(&self.payload, &commitment), canonical, entry }
    }

    /// Whether `entry`, whose payload is this one if it can be opened, is of the same event.
    #[must_use]
    pub(crate) fn is_of(&self, entry: &Entry, payload: Option<&str>) -> bool {
        let header = (&self.id, &self.ts, self.tenant.as_str(), &self.kind, self.sequence);
        header == (&entry.id, &entry.ts, entry.tenant.as_str(), &entry.kind, entry.sequence)
            && payload.is_none_or(|payload| payload == self.payload)
    }
}

impl Entry {
    /// RFC 8785 JSON: what the leaf commits to.
    ///
    /// # Panics
    /// Never: an entry is strings and exact numbers.
    #[must_use]
    pub fn canonical(&self) -> String {
        canonical::entry(self).expect("an entry is strings and exact numbers")
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

    /// Whether `payload` is, value by value, what this entry commits to. Canonical JSON rounds numbers to
    /// doubles, so a number that another number rounds to is not taken for it.
    #[must_use]
    pub fn commits_to(&self, payload: &Payload, key: &BlindKey) -> bool {
        let Ok(text) = canonical(payload) else { return false };
        let read_back: Result<Payload, _> = serde_json::from_str(&text);
        hex::encode(key.commitment(&text)) == self.commitment && read_back.is_ok_and(|read| read == *payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn an_entry_s_canonical_form_is_sorted_and_tight() {
        let event = Event { actor: "key_1".to_owned(), ..testing::event(1) };
        let key = TenantKey::new([1; 32]);
        let recorded = Recorded::of(&event).expect("an entry");
        assert_eq!(
            recorded.payload,
            r#"{"actor":"key_1","aggregate":"vrd_1","data":{"level":"safe","number":1}}"#
        );
        let entry = recorded.sealed(&key, &[]).entry;
        assert_eq!(
            entry.canonical(),
            format!(
                concat!(
                    r#"{{"commitment":"{}","id":"{}","sequence":1,"subjects":[],"tenant":"{}","#,
                    r#""ts":"2026-11-21T09:40:40.001Z","type":"scorpius.risk.scored.v1","v":2}}"#
                ),
                entry.commitment, event.id, event.tenantid
            )
        );
    }

    #[test]
    fn the_longest_entry_fits_where_entries_in_clear_wait() {
        let mut event = Event { kind: "\"".repeat(KIND_BYTES_MAX), ..testing::event(1) };
        (event.aggregate, event.sequence) = (format!("usr_{:032}", 2), EXACT_MAX);
        let secret = SubjectSecret::new([1; 32]);
        let sealed = Recorded::of(&event)
            .expect("an entry")
            .sealed(&TenantKey::new([1; 32]), &[secret.clone(), secret]);
        assert_eq!(sealed.leaf_in(LogKind::Own), sealed.canonical.as_bytes());
        assert!((700..ENTRY_BYTES_MAX).contains(&sealed.canonical.len()), "{}", sealed.canonical.len());
    }

    #[test]
    fn a_leaf_depends_on_entry_tenant_and_id() {
        let (key, tenant) = (TenantKey::new([1; 32]), testing::tenant(1));
        let entry = Recorded::of(&testing::event(1)).expect("an entry").sealed(&key, &[]).entry;
        let leaf = entry.leaf(&key.entry_key(&tenant, &entry.id));
        assert_ne!(leaf, entry.leaf(&key.entry_key(&tenant, "evt_other")));
        assert_ne!(leaf, entry.leaf(&key.entry_key(&testing::tenant(2), &entry.id)));
        assert_ne!(leaf, entry.leaf(&TenantKey::new([2; 32]).entry_key(&tenant, &entry.id)));
        let changed = Entry { sequence: 2, ..entry.clone() };
        assert_ne!(leaf, changed.leaf(&key.entry_key(&tenant, &entry.id)));
    }

    #[test]
    fn persons_are_ids_that_stand_for_one() {
        assert!(is_personal(testing::PERSON));
        assert!(!is_personal("usr_1") && !is_personal("vrd_00000000000000000000000000000007"));
        let event = Event { aggregate: testing::PERSON.to_owned(), ..testing::event(1) };
        assert_eq!(Recorded::of(&event).expect("an entry").persons(), [testing::PERSON]);
    }

    #[test]
    fn events_without_a_place_in_the_ledger_are_refused() {
        let refused = |change: fn(&mut Event)| {
            let mut event = testing::event(1);
            change(&mut event);
            Recorded::of(&event).expect_err("refused")
        };
        assert!(matches!(refused(|e| e.id = "evt_1".to_owned()), NotAnEntry::Id(_)));
        assert!(matches!(refused(|e| e.kind = "k".repeat(201)), NotAnEntry::Kind(_)));
        assert!(matches!(refused(|e| e.kind = "a type".to_owned()), NotAnEntry::Kind(_)));
        assert!(matches!(refused(|e| e.time = "now".to_owned()), NotAnEntry::Time(_)));
        assert!(matches!(refused(|e| e.sequence = 1 << 53), NotAnEntry::Sequence(_)));
        assert!(matches!(refused(|e| e.specversion = "0.3".to_owned()), NotAnEntry::Version(_)));
        let mut own = testing::event(1);
        assert!(!is_own(&own));
        own.kind = "scorpius.ledger.published.v1".to_owned();
        assert!(is_own(&own));
    }
}
