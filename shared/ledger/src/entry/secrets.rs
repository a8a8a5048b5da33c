//! The keys of entries and payloads, and the secrets of tenants and persons that they come from.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload as Sealing};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use scorpius_core::TenantId;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::Entry;
use crate::hash;

/// The leaf of an entry that is already canonical.
///
/// A key always has 32 bytes: HMAC pads shorter keys and hashes longer ones, so that keys of free
/// length could open one leaf as two entries.
#[must_use]
pub fn leaf(canonical_entry: &str, key: &EntryKey) -> [u8; 32] {
    mac(&key.0, canonical_entry.as_bytes())
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

/// Opens one entry's payload, and no other: 32 bytes, as `EntryKey`.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct BlindKey([u8; 32]);

impl BlindKey {
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

    /// What an entry says of this payload.
    #[must_use]
    pub fn commitment(&self, canonical_payload: &str) -> [u8; 32] {
        mac(&self.0, canonical_payload.as_bytes())
    }
}

/// What opens one entry's payload: for whoever is shown it, and at rest.
pub(crate) struct PayloadKeys {
    /// Shown with the payload.
    pub(crate) blind: BlindKey,
    at_rest: Zeroizing<[u8; 32]>,
}

impl PayloadKeys {
    /// From the tenant's secret and those of all subjects: without one of them there is no payload.
    pub(crate) fn new(
        tenant_key: &TenantKey,
        secrets: &[SubjectSecret],
        tenant: &TenantId,
        entry_id: &str,
    ) -> Self {
        let mut all = Zeroizing::new(Vec::with_capacity(32 * (1 + secrets.len())));
        all.extend_from_slice(tenant_key.secret());
        secrets.iter().for_each(|secret| all.extend_from_slice(&secret.0));
        // RFC 5869: extracted once, expanded for each purpose.
        let extracted = Hkdf::<Sha256>::new(None, &all);
        let key = |purpose: &str| {
            expanded(&extracted, &format!("scorpius-ledger-{purpose}-v1:{tenant}:{entry_id}"))
        };
        Self { blind: BlindKey(key("blind")), at_rest: Zeroizing::new(key("payload")) }
    }

    /// AES-256-GCM. A key seals one payload; should an event ever come with two, the nonces differ as their commitments do.
    pub(super) fn seal(&self, payload: &str, commitment: &[u8; 32]) -> Vec<u8> {
        let (nonce, _) = commitment.split_at(NONCE_BYTES);
        let sealing = Sealing { msg: payload.as_bytes(), aad: commitment };
        self.cipher().encrypt(nonce.into(), sealing).expect("AES-GCM takes gigabytes")
    }

    /// The canonical payload that `entry` commits to; `None` for other bytes.
    pub(crate) fn open(&self, sealed: &[u8], entry: &Entry) -> Option<String> {
        let commitment: [u8; 32] = hash::bytes_of_hex(&entry.commitment)?;
        let (nonce, _) = commitment.split_at(NONCE_BYTES);
        let opened = self.cipher().decrypt(nonce.into(), Sealing { msg: sealed, aad: &commitment }).ok()?;
        let payload = String::from_utf8(opened).ok()?;
        (self.blind.commitment(&payload) == commitment).then_some(payload)
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new((&*self.at_rest).into())
    }
}

/// Bytes of AES-GCM's nonce.
const NONCE_BYTES: usize = 12;

/// A person's secret within a tenant. Destroying it erases what events say of the person.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SubjectSecret([u8; 32]);

impl SubjectSecret {
    /// From random bytes.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        Self(secret)
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
        EntryKey(derived(&self.0, &format!("scorpius-ledger-entry-v1:{tenant}:{entry_id}")))
    }

    /// The pseudonym of a person of this tenant, 64 hex digits: who does not have the tenant's secret cannot guess at it.
    #[must_use]
    pub fn subject_ref(&self, tenant: &TenantId, person: &str) -> String {
        let key = Zeroizing::new(derived(&self.0, &format!("scorpius-ledger-subject-v1:{tenant}")));
        hex::encode(mac(&key, person.as_bytes()))
    }

    /// A person's secret as it is kept, beside the pseudonym `subject`.
    pub(crate) fn wrap(&self, secret: &SubjectSecret, subject: &str, nonce: [u8; NONCE_BYTES]) -> Vec<u8> {
        let sealing = Sealing { msg: &secret.0, aad: subject.as_bytes() };
        let sealed = self.wrapping().encrypt(&nonce.into(), sealing).expect("AES-GCM takes gigabytes");
        [nonce.as_slice(), &sealed].concat()
    }

    /// Reads what `wrap` writes.
    pub(crate) fn unwrap(&self, wrapped: &[u8], subject: &str) -> Option<SubjectSecret> {
        let (nonce, sealed) = wrapped.split_at_checked(NONCE_BYTES)?;
        let sealing = Sealing { msg: sealed, aad: subject.as_bytes() };
        let opened = Zeroizing::new(self.wrapping().decrypt(nonce.into(), sealing).ok()?);
        Some(SubjectSecret(opened.as_slice().try_into().ok()?))
    }

    /// `text`, readable only with this secret and for `about`.
    pub(crate) fn seal(
        &self,
        tenant: &TenantId,
        about: &str,
        text: &[u8],
        nonce: [u8; NONCE_BYTES],
    ) -> Vec<u8> {
        let sealing = Sealing { msg: text, aad: about.as_bytes() };
        let sealed = self.beside(tenant).encrypt(&nonce.into(), sealing).expect("AES-GCM takes gigabytes");
        [nonce.as_slice(), &sealed].concat()
    }

    /// Reads what `seal` writes.
    pub(crate) fn open(&self, tenant: &TenantId, about: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES)?;
        let sealing = Sealing { msg: sealed, aad: about.as_bytes() };
        self.beside(tenant).decrypt(nonce.into(), sealing).ok()
    }

    fn beside(&self, tenant: &TenantId) -> Aes256Gcm {
        let key = Zeroizing::new(derived(&self.0, &format!("scorpius-ledger-beside-v1:{tenant}")));
        Aes256Gcm::new((&*key).into())
    }

    fn wrapping(&self) -> Aes256Gcm {
        let key = Zeroizing::new(derived(&self.0, "scorpius-ledger-subject-secrets-v1"));
        Aes256Gcm::new((&*key).into())
    }
}

/// RFC 5869.
fn derived(secret: &[u8], info: &str) -> [u8; 32] {
    expanded(&Hkdf::new(None, secret), info)
}

fn expanded(extracted: &Hkdf<Sha256>, info: &str) -> [u8; 32] {
    let mut key = [0; 32];
    extracted.expand(info.as_bytes(), &mut key).expect("HKDF gives up to 8,160 bytes");
    key
}

fn mac(key: &[u8; 32], text: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Recorded;
    use crate::testing::{self, PERSON};

    #[test]
    fn a_payload_opens_with_all_secrets_and_with_no_fewer() {
        let (key, secret, tenant) =
            (TenantKey::new([1; 32]), SubjectSecret::new([2; 32]), testing::tenant(1));
        let recorded = Recorded::of(&testing::event(1)).expect("an entry");
        assert_eq!(recorded.persons(), [PERSON]);
        let sealed = recorded.sealed(&key, std::slice::from_ref(&secret));
        let open = |key: &TenantKey, secrets: &[SubjectSecret]| {
            PayloadKeys::new(key, secrets, &tenant, &sealed.entry.id).open(&sealed.payload, &sealed.entry)
        };
        assert_eq!(open(&key, std::slice::from_ref(&secret)).as_deref(), Some(recorded.payload.as_str()));
        assert_eq!(open(&key, &[]), None);
        assert_eq!(open(&key, &[SubjectSecret::new([3; 32])]), None);
        assert_eq!(open(&TenantKey::new([4; 32]), &[secret]), None);
        assert!(!sealed.payload.windows(8).any(|window| PERSON.as_bytes().starts_with(window)));
        assert!(!sealed.entry.canonical().contains(PERSON));
    }

    #[test]
    fn a_person_has_one_pseudonym_a_tenant() {
        let (one, two) = (TenantKey::new([1; 32]), TenantKey::new([2; 32]));
        let (tenant_1, tenant_2) = (testing::tenant(1), testing::tenant(2));
        let name = one.subject_ref(&tenant_1, PERSON);
        assert_eq!(name, one.subject_ref(&tenant_1, PERSON));
        assert_ne!(name, one.subject_ref(&tenant_2, PERSON));
        assert_ne!(name, two.subject_ref(&tenant_1, PERSON));
        let secret = SubjectSecret::new([5; 32]);
        let wrapped = one.wrap(&secret, &name, [6; NONCE_BYTES]);
        assert!(one.unwrap(&wrapped, &name) == Some(secret));
        assert!(one.unwrap(&wrapped, "another").is_none() && two.unwrap(&wrapped, &name).is_none());
        assert!(one.unwrap(&wrapped[..10], &name).is_none());
    }
}
