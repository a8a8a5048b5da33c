//! Signing secrets, and the signature that receivers check.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use scorpius_core::{Clock, Keys, PortError, TenantId, WrapContext};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of a secret. Standard Webhooks asks for 24 to 64.
const SECRET_BYTES: usize = 32;

/// What both sides know: 32 random bytes.
pub(crate) struct SigningSecret(Zeroizing<Vec<u8>>);

impl SigningSecret {
    pub(crate) fn generate(clock: &dyn Clock) -> Self {
        let mut bytes = Zeroizing::new(vec![0; SECRET_BYTES]);
        clock.fill_random(&mut bytes);
        Self(bytes)
    }

    /// `whsec_` and Base64, as receivers' libraries take it.
    pub(crate) fn shown(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("whsec_{}", STANDARD.encode(self.0.as_slice())))
    }

    pub(crate) async fn wrap(
        &self,
        keys: &dyn Keys,
        tenant: &TenantId,
        webhook: &str,
    ) -> Result<String, PortError> {
        Ok(STANDARD.encode(keys.wrap(&self.0, &context(tenant, webhook)).await?))
    }

    pub(crate) async fn unwrap(
        keys: &dyn Keys,
        tenant: &TenantId,
        webhook: &str,
        wrapped: &str,
    ) -> Result<Self, PortError> {
        let wrapped = STANDARD.decode(wrapped).map_err(|error| PortError::new("store", error))?;
        Ok(Self(Zeroizing::new(keys.unwrap(&wrapped, &context(tenant, webhook)).await?)))
    }

    /// `webhook-signature` for a message, by Standard Webhooks: `v1,` and HMAC-SHA256 of `id.timestamp.body`.
    pub(crate) fn sign(&self, id: &str, timestamp_s: u64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in [id.as_bytes(), b".", timestamp_s.to_string().as_bytes(), b".", body] {
            mac.update(part);
        }
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

// A secret copied into another webhook's record does not unwrap there.
fn context(tenant: &TenantId, webhook: &str) -> WrapContext {
    WrapContext::from([
        ("purpose", "webhook-secret".to_owned()),
        ("tenant", tenant.to_string()),
        ("webhook", webhook.to_owned()),
    ])
}

#[cfg(test)]
mod tests {
    use scorpius_core::{ManualClock, SystemClock, UnixMillis};

    use super::*;

    #[test]
    fn the_signature_is_the_one_that_standard_webhooks_publishes() {
        // From the example of the specification's reference libraries.
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("Base64");
        let secret = SigningSecret(Zeroizing::new(key));
        let signature =
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn receivers_libraries_verify_what_is_signed() {
        let secret = SigningSecret::generate(&SystemClock);
        let now_s = SystemClock.now().as_s();
        let mut headers = http::HeaderMap::new();
        let mut set = |name: &'static str, value: String| {
            headers.insert(name, value.parse().expect("a header"));
        };
        set("webhook-id", "evt_1".to_owned());
        set("webhook-timestamp", now_s.to_string());
        set("webhook-signature", secret.sign("evt_1", now_s, b"{}"));
        let receiver = standardwebhooks::Webhook::new(&secret.shown()).expect("a secret");
        receiver.verify(b"{}", &headers).expect("signed");
        assert!(receiver.verify(b"{ }", &headers).is_err());
    }

    #[test]
    fn a_secret_is_long_enough_and_differs_each_time() {
        let clock = ManualClock::at(UnixMillis(1));
        let (first, second) = (SigningSecret::generate(&clock), SigningSecret::generate(&clock));
        assert_ne!(*first.shown(), *second.shown());
        let bytes =
            STANDARD.decode(first.shown().strip_prefix("whsec_").expect("the prefix")).expect("Base64");
        assert!((24..=64).contains(&bytes.len()));
    }
}
