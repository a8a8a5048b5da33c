//! The platform's own secret for hashes that must not be guessed from outside: addresses, networks, challenges.

use std::sync::Arc;

use hmac::{Hmac, Mac};
use scorpius_core::{
    Attributes, Clock, CommitId, Condition, Key, Keys, PortError, Store, StoreError, Value, WrapContext,
    Write,
};
use sha2::Sha256;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::email::Email;

/// 32 bytes, kept wrapped. They never change: every address is found by them.
#[derive(Clone)]
pub(crate) struct Pepper {
    store: Arc<dyn Store>,
    keys: Arc<dyn Keys>,
    clock: Arc<dyn Clock>,
    secret: Arc<OnceCell<Zeroizing<[u8; 32]>>>,
}

impl Pepper {
    /// The secret in `store`; made when it is needed for the first time.
    #[must_use]
    pub(crate) fn new(store: Arc<dyn Store>, keys: Arc<dyn Keys>, clock: Arc<dyn Clock>) -> Self {
        Self { store, keys, clock, secret: Arc::new(OnceCell::new()) }
    }

    /// What an address is found by: 64 hex digits.
    ///
    /// # Errors
    /// When a port fails.
    pub(crate) async fn email(&self, email: &Email) -> Result<String, StoreError> {
        Ok(hex::encode(self.hash("email", &[email.as_str().as_bytes()]).await?))
    }

    /// What failures from a network are counted under. Of an IPv6 address the /64 counts: one line has so many.
    ///
    /// # Errors
    /// When a port fails.
    pub(crate) async fn network(&self, address: &str) -> Result<String, StoreError> {
        let network = match address.parse() {
            Ok(std::net::IpAddr::V6(v6)) => format!("{:x?}", &v6.segments()[..4]),
            Ok(std::net::IpAddr::V4(_)) | Err(_) => address.to_owned(),
        };
        Ok(hex::encode(&self.hash("network", &[network.as_bytes()]).await?[..16]))
    }

    /// HMAC-SHA256 of `parts`, told apart from other uses by `purpose`.
    ///
    /// # Errors
    /// When a port fails.
    pub(crate) async fn hash(&self, purpose: &str, parts: &[&[u8]]) -> Result<[u8; 32], StoreError> {
        let secret = self.secret.get_or_try_init(|| self.fetch()).await?;
        let mut mac =
            Hmac::<Sha256>::new_from_slice(secret.as_slice()).expect("HMAC takes keys of any length");
        for part in [purpose.as_bytes()].iter().chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        Ok(mac.finalize().into_bytes().into())
    }

    async fn fetch(&self) -> Result<Zeroizing<[u8; 32]>, StoreError> {
        if let Some(secret) = self.read().await? {
            return Ok(secret);
        }
        let mut secret = Zeroizing::new([0; 32]);
        self.clock.fill_random(&mut *secret);
        let wrapped = self.keys.wrap(&*secret, &context()).await?;
        let attributes = Attributes::new().with("wrapped", Value::Bytes(wrapped));
        let put = Write::Put { key: place(), attributes, expires_at: None, condition: Condition::Absent };
        match self.store.commit(CommitId::new(&*self.clock), &[put]).await {
            // Whoever was first, the record says which secret counts.
            Ok(_) | Err(StoreError::Conflict { .. } | StoreError::Port(_)) => {
                self.read().await?.ok_or(StoreError::Busy)
            }
            Err(error) => Err(error),
        }
    }

    async fn read(&self) -> Result<Option<Zeroizing<[u8; 32]>>, StoreError> {
        let Some(record) = self.store.get(&place()).await? else { return Ok(None) };
        let Some(Value::Bytes(wrapped)) = record.attributes.0.get("wrapped") else {
            return Err(PortError::new("store", "the pepper's record without its secret").into());
        };
        let secret = Zeroizing::new(self.keys.unwrap(wrapped, &context()).await?);
        let secret =
            secret.as_slice().try_into().map_err(|_| PortError::new("keys", "a pepper of another length"))?;
        Ok(Some(Zeroizing::new(secret)))
    }
}

fn place() -> Key {
    Key::new("platform#pepper", "current")
}

fn context() -> WrapContext {
    WrapContext::from([("purpose", "pepper".to_owned())])
}
