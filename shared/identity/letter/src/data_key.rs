//! The key of a tenant's data: made once, kept wrapped, destroyed with the tenant.

use std::sync::Arc;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scorpius_core::{
    Attributes, Clock, CommitId, Condition, Key, Keys, PortError, Store, StoreError, TenantId, Value,
    WrapContext, Write,
};
use scorpius_token::{Tenant, TenantStatus};
use zeroize::Zeroizing;

/// What sealed text begins with: AES-256-GCM under a tenant's key, a nonce of 12 bytes, then ciphertext and tag.
const FORMAT: &str = "s1.";
const NONCE_BYTES: usize = 12;
/// Looks at a key that others make at the same moment.
const ATTEMPTS_MAX: u32 = 4;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum DataKeyError {
    /// There is no such tenant, or its key was destroyed with it.
    #[error("the tenant's data key is destroyed")]
    Destroyed,
    /// The text was sealed by another key, or for another record.
    #[error("not sealed by this key for this record")]
    NotOurs,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] PortError),
}

/// A tenant's key. It wipes itself.
#[derive(Clone)]
pub struct DataKey {
    tenant: TenantId,
    cipher: Aes256Gcm,
}

impl DataKey {
    fn new(tenant: &TenantId, secret: &[u8; 32]) -> Self {
        Self { tenant: tenant.clone(), cipher: Aes256Gcm::new(secret.into()) }
    }

    /// `text`, readable only with this key and for `about`: which record's which member.
    ///
    /// # Panics
    /// Never: texts are far below what AES-GCM takes at once.
    #[must_use]
    pub fn seal(&self, about: &str, text: &[u8], clock: &dyn Clock) -> String {
        let mut nonce = [0; NONCE_BYTES];
        clock.fill_random(&mut nonce);
        let payload = Payload { msg: text, aad: &self.bound(about) };
        let sealed = self.cipher.encrypt(&nonce.into(), payload).expect("at most some kilobytes");
        format!("{FORMAT}{}", URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// The text again.
    ///
    /// # Errors
    /// `NotOurs`.
    pub fn open(&self, about: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, DataKeyError> {
        let bytes = sealed.strip_prefix(FORMAT).and_then(|rest| URL_SAFE_NO_PAD.decode(rest).ok());
        let opened = bytes.as_deref().and_then(|bytes| bytes.split_first_chunk::<NONCE_BYTES>()).and_then(
            |(nonce, sealed)| {
                let payload = Payload { msg: sealed, aad: &self.bound(about) };
                self.cipher.decrypt(&(*nonce).into(), payload).ok()
            },
        );
        opened.map(Zeroizing::new).ok_or(DataKeyError::NotOurs)
    }

    /// As `open`, for what is UTF-8.
    ///
    /// # Errors
    /// `NotOurs`.
    pub fn open_text(&self, about: &str, sealed: &str) -> Result<String, DataKeyError> {
        String::from_utf8(self.open(about, sealed)?.to_vec()).map_err(|_| DataKeyError::NotOurs)
    }

    // A tenant's id has one length, so that no two pairs are bound alike.
    fn bound(&self, about: &str) -> Vec<u8> {
        format!("scorpius-data-v1#{}#{about}", self.tenant).into_bytes()
    }
}

/// The keys of all tenants. None is remembered, so that a destroyed one is of no use at once.
#[derive(Clone)]
pub struct DataKeys {
    /// Has them, wrapped.
    pub store: Arc<dyn Store>,
    /// Wraps them.
    pub keys: Arc<dyn Keys>,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
}

impl DataKeys {
    /// The key of a tenant that is not deleted; made now if it has none, as the first tenant's is.
    ///
    /// # Errors
    /// `DataKeyError`.
    pub async fn of(&self, tenant: &TenantId) -> Result<DataKey, DataKeyError> {
        for _ in 0..ATTEMPTS_MAX {
            let records = self.store.get_many(&[DataKeys::at(tenant), Tenant::at(tenant)]).await?;
            let [key, Some(owner)] = records.as_slice() else { return Err(DataKeyError::Destroyed) };
            let known: Tenant = owner.document().map_err(StoreError::from)?;
            if known.status == TenantStatus::Deleted {
                return Err(DataKeyError::Destroyed);
            }
            if let Some(record) = key {
                let Some(Value::Bytes(wrapped)) = record.attributes.0.get("wrapped") else {
                    return Err(PortError::new("store", "a data key's record without its secret").into());
                };
                let secret = Zeroizing::new(self.keys.unwrap(wrapped, &context(tenant)).await?);
                let secret = <&[u8; 32]>::try_from(secret.as_slice())
                    .map_err(|_| PortError::new("keys", "a data key of another length"))?;
                return Ok(DataKey::new(tenant, secret));
            }
            let (_, put) = self.creation(tenant).await?;
            // A tenant that is deleted at this moment gets no new key.
            let check =
                Write::Check { key: Tenant::at(tenant), condition: Condition::VersionIs(owner.version) };
            match self.store.commit(CommitId::new(&*self.clock), &[put, check]).await {
                // Whoever was first, the record says which key counts.
                Ok(_) | Err(StoreError::Conflict { .. } | StoreError::Port(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(DataKeyError::Store(StoreError::Busy))
    }

    /// A key for a tenant that is being made, and the write that keeps it.
    ///
    /// # Errors
    /// When the keys do not answer.
    pub async fn creation(&self, tenant: &TenantId) -> Result<(DataKey, Write), PortError> {
        let mut secret = Zeroizing::new([0; 32]);
        self.clock.fill_random(&mut *secret);
        let wrapped = self.keys.wrap(&*secret, &context(tenant)).await?;
        let put = Write::Put {
            key: Self::at(tenant),
            attributes: Attributes::new().with("wrapped", Value::Bytes(wrapped)),
            expires_at: None,
            condition: Condition::Absent,
        };
        Ok((DataKey::new(tenant, &secret), put))
    }

    /// The write after which whatever the tenant's key sealed is noise.
    #[must_use]
    pub fn destruction(tenant: &TenantId) -> Write {
        Write::Delete { key: Self::at(tenant), condition: Condition::Always }
    }

    fn at(tenant: &TenantId) -> Key {
        Key::new(format!("{tenant}#data-key"), "current")
    }
}

fn context(tenant: &TenantId) -> WrapContext {
    WrapContext::from([("tenant", tenant.to_string()), ("purpose", "data-key".to_owned())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::tests::World;

    #[tokio::test]
    async fn what_is_sealed_opens_with_the_tenant_s_key_for_its_record_and_not_otherwise() {
        let world = World::new().await;
        let key = world.keys.of(&world.tenant.id).await.expect("a key");
        let sealed = key.seal("usr_1#email", b"ada@example.com", &*world.clock);
        assert!(!sealed.contains("ada"));
        let again = world.keys.of(&world.tenant.id).await.expect("the same key");
        assert_eq!(again.open_text("usr_1#email", &sealed).expect("text"), "ada@example.com");
        assert!(matches!(again.open("usr_2#email", &sealed), Err(DataKeyError::NotOurs)));
        let mut broken = sealed.clone();
        broken.pop();
        for bad in ["", "s1.", "s2.AAAA", broken.as_str(), &sealed[3..]] {
            assert!(matches!(again.open("usr_1#email", bad), Err(DataKeyError::NotOurs)), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_deleted_tenant_s_key_is_gone_and_none_is_made_in_its_place() {
        let world = World::new().await;
        let key = world.keys.of(&world.tenant.id).await.expect("a key");
        let sealed = key.seal("a", b"b", &*world.clock);
        let deleted = Tenant { status: TenantStatus::Deleted, ..world.tenant.clone() };
        let writes = [
            DataKeys::destruction(&world.tenant.id),
            Write::put(Tenant::at(&world.tenant.id), &deleted, Condition::Always),
        ];
        world.store.commit(CommitId::new(&*world.clock), &writes).await.expect("a commit");
        assert!(matches!(world.keys.of(&world.tenant.id).await, Err(DataKeyError::Destroyed)));
        // Were it made active by hand, another key would open nothing.
        let back = Write::put(Tenant::at(&world.tenant.id), &world.tenant, Condition::Always);
        world.store.commit(CommitId::new(&*world.clock), &[back]).await.expect("a commit");
        let other = world.keys.of(&world.tenant.id).await.expect("a new key");
        assert!(matches!(other.open("a", &sealed), Err(DataKeyError::NotOurs)));
    }
}
