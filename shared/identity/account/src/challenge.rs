//! Challenges of passkeys: made without a record, and spent with one.
//!
//! ```text
//! Base64url( expiry in s (8 bytes) | random (16) | HMAC over what it is for, expiry and random (16) )
//! ```

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scorpius_core::{Attributes, Clock, Condition, Key, StoreError, UnixMillis, Write};
use subtle::ConstantTimeEq;

use crate::pepper::Pepper;

/// How long somebody may take to touch their passkey.
pub(crate) const LIFE_S: u64 = 300;
const HEAD_BYTES: usize = 24;
const MAC_BYTES: usize = 16;

/// A new challenge for `about`. Nothing is stored: whoever asks for many leaves nothing behind.
pub(crate) async fn issue(pepper: &Pepper, about: &str, clock: &dyn Clock) -> Result<String, StoreError> {
    let mut head = [0; HEAD_BYTES];
    head[..8].copy_from_slice(&clock.now().plus_s(LIFE_S).as_s().to_be_bytes());
    clock.fill_random(&mut head[8..]);
    let mac = mac(pepper, about, &head).await?;
    Ok(URL_SAFE_NO_PAD.encode([&head[..], &mac].concat()))
}

/// The write by which `text` is spent, when it is a challenge of ours for `about` that counts at `now`. It conflicts
/// when the challenge was spent before.
pub(crate) async fn spend(
    pepper: &Pepper,
    about: &str,
    text: &str,
    now: UnixMillis,
) -> Result<Option<Write>, StoreError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    let Some((head, shown)) = bytes.split_first_chunk::<HEAD_BYTES>() else { return Ok(None) };
    let mac = mac(pepper, about, head).await?;
    let expiry_s = u64::from_be_bytes(head[..8].try_into().expect("8 of 24 bytes"));
    if !bool::from(mac.as_slice().ct_eq(shown)) || expiry_s <= now.as_s() {
        return Ok(None);
    }
    Ok(Some(Write::Put {
        key: Key::new("platform#challenge", hex::encode(head)),
        attributes: Attributes::document(&now),
        // Until nobody would take it any more, whatever the clocks of two sandboxes say.
        expires_at: Some(now.plus_s(2 * LIFE_S)),
        condition: Condition::Absent,
    }))
}

async fn mac(pepper: &Pepper, about: &str, head: &[u8]) -> Result<[u8; MAC_BYTES], StoreError> {
    let hash = pepper.hash("challenge", &[about.as_bytes(), head]).await?;
    Ok(hash[..MAC_BYTES].try_into().expect("16 of 32 bytes"))
}
