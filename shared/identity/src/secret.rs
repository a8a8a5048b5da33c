//! The text of an API key.
//!
//! ```text
//! sk_live_ | tenant (22) | key (22) | secret (43) | checksum (6)      all in Base62
//! ```
//!
//! Tenant and key are in it so that the authorizer reads both records at once; they are looked up,
//! never believed, until the secret's hash matches the key's record.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use scorpius_core::{Clock, TenantId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Digits of 128 bits.
const ID_DIGITS: usize = 22;
/// Digits of 256 bits.
const SECRET_DIGITS: usize = 43;
/// Digits of 32 bits.
const CHECKSUM_DIGITS: usize = 6;

/// What a key is for; its prefix tells people and secret scanners.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// `sk_live_`: all that its roles give, or less.
    Live,
    /// `sk_test_`: the same rights as `live`, marked as not for production.
    Test,
    /// `sk_rest_`: restricted to the permissions that it names.
    Restricted,
}

impl KeyKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Live, Self::Test, Self::Restricted];

    /// How its keys begin.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Live => "sk_live_",
            Self::Test => "sk_test_",
            Self::Restricted => "sk_rest_",
        }
    }
}

/// A well-formed key. Whether it is anybody's is for the store to say.
pub struct ApiSecret {
    text: Zeroizing<String>,
    kind: KeyKind,
    tenant: TenantId,
    key_id: String,
}

/// Why a text is no API key. The text itself is never repeated: it may be a key with a typing error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnApiKey {
    /// It begins with none of the prefixes.
    #[error("an API key begins with `sk_live_`, `sk_test_` or `sk_rest_`")]
    Prefix,
    /// It is too long or too short, or has characters that no key has.
    #[error("an API key has {} letters and digits after its prefix", BODY_DIGITS)]
    Form,
    /// It was mistyped or made up.
    #[error("the API key's checksum is wrong")]
    Checksum,
}

const BODY_DIGITS: usize = ID_DIGITS + ID_DIGITS + SECRET_DIGITS + CHECKSUM_DIGITS;

impl ApiSecret {
    /// A new secret for the key `key_id` of `tenant`.
    ///
    /// # Panics
    /// When `key_id` is not `key_` and a UUID; callers make it with `new_id`.
    #[must_use]
    pub fn generate(kind: KeyKind, tenant: &TenantId, key_id: &str, clock: &dyn Clock) -> Self {
        let mut random = Zeroizing::new([0; 32]);
        clock.fill_random(&mut *random);
        let mut text = Zeroizing::new(String::with_capacity(kind.prefix().len() + BODY_DIGITS));
        text.push_str(kind.prefix());
        for id in [tenant.as_str(), key_id] {
            let number = number_of(id).expect("ids are a prefix and 32 hex digits");
            text.push_str(&base62(&number.to_be_bytes(), ID_DIGITS));
        }
        text.push_str(&base62(&*random, SECRET_DIGITS));
        let sum = checksum(&text);
        text.push_str(&sum);
        Self { text, kind, tenant: tenant.clone(), key_id: key_id.to_owned() }
    }

    /// The key as its owner keeps it. For the one answer that shows it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// Which kind its prefix says.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The tenant that it claims.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The key that it claims: `key_…`.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// What is stored of it. A plain hash is enough: 256 random bits cannot be guessed, so there is
    /// nothing for a slow hash to slow down, and every request pays for it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.text.as_bytes()).into()
    }

    /// Whether `hash` is this secret's, in constant time.
    #[must_use]
    pub fn matches(&self, hash: &[u8; 32]) -> bool {
        self.hash().ct_eq(hash).into()
    }
}

impl FromStr for ApiSecret {
    type Err = NotAnApiKey;

    fn from_str(text: &str) -> Result<Self, NotAnApiKey> {
        let (kind, body) = KeyKind::ALL
            .into_iter()
            .find_map(|kind| Some((kind, text.strip_prefix(kind.prefix())?)))
            .ok_or(NotAnApiKey::Prefix)?;
        if body.len() != BODY_DIGITS || !body.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(NotAnApiKey::Form);
        }
        let (head, sum) = text.split_at(text.len() - CHECKSUM_DIGITS);
        if checksum(head) != sum {
            return Err(NotAnApiKey::Checksum);
        }
        let id = |from: usize| body.get(from..from + ID_DIGITS).and_then(id_digits);
        let tenant =
            id(0).and_then(|digits| format!("ten_{digits}").parse().ok()).ok_or(NotAnApiKey::Form)?;
        let key_id = format!("key_{}", id(ID_DIGITS).ok_or(NotAnApiKey::Form)?);
        Ok(Self { text: Zeroizing::new(text.to_owned()), kind, tenant, key_id })
    }
}

impl fmt::Debug for ApiSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiSecret({}… of {})", self.kind.prefix(), self.key_id)
    }
}

/// How the public name of a key that signs requests begins. It is 48 letters and digits, as AWS has at most 128.
const ACCESS_KEY_ID: &str = "SCRP";

/// The public name under which the key `key_id` of `tenant` signs requests: an `AWS_ACCESS_KEY_ID`.
#[must_use]
pub(crate) fn access_key_id(tenant: &TenantId, key_id: &str) -> String {
    let digits = |id: &str| base62(&number_of(id).unwrap_or_default().to_be_bytes(), ID_DIGITS);
    format!("{ACCESS_KEY_ID}{}{}", *digits(tenant.as_str()), *digits(key_id))
}

/// The tenant and the key that an access key id names; `None` when it is not of ours.
#[must_use]
pub(crate) fn named_by(access_key_id: &str) -> Option<(TenantId, String)> {
    let digits = access_key_id.strip_prefix(ACCESS_KEY_ID)?;
    if digits.len() != 2 * ID_DIGITS || !digits.is_ascii() {
        return None;
    }
    let (tenant, key) = digits.split_at(ID_DIGITS);
    Some((format!("ten_{}", id_digits(tenant)?).parse().ok()?, format!("key_{}", id_digits(key)?)))
}

/// A new secret that signs requests: 256 random bits in Base62.
#[must_use]
pub(crate) fn signing_secret(clock: &dyn Clock) -> Zeroizing<String> {
    let mut random = Zeroizing::new([0; 32]);
    clock.fill_random(&mut *random);
    base62(&*random, SECRET_DIGITS)
}

/// The UUID of `ten_…` or `key_…`.
fn number_of(id: &str) -> Option<u128> {
    let (_, digits) = id.split_once('_')?;
    u128::from_str_radix(digits, 16).ok()
}

/// The 32 hex digits that `digits` in Base62 stand for; `None` over 128 bits.
fn id_digits(digits: &str) -> Option<String> {
    let mut number = 0_u128;
    for byte in digits.bytes() {
        let digit = DIGITS.iter().position(|known| *known == byte)?;
        number = number.checked_mul(62)?.checked_add(u128::try_from(digit).ok()?)?;
    }
    Some(format!("{number:032x}"))
}

/// `bytes` as one big-endian number of `width` digits; wide enough numbers lose nothing.
fn base62(bytes: &[u8], width: usize) -> Zeroizing<String> {
    let mut number = Zeroizing::new(bytes.to_vec());
    let mut digits = Zeroizing::new(vec![0_u8; width]);
    for digit in digits.iter_mut().rev() {
        let mut rest = 0_u16;
        for byte in number.iter_mut() {
            // The rest is below 62, so the value is below 62 * 256 and its quotient fits a byte.
            let value = rest * 256 + u16::from(*byte);
            *byte = (value / 62) as u8;
            rest = value % 62;
        }
        *digit = DIGITS[usize::from(rest)];
    }
    Zeroizing::new(digits.iter().map(|digit| char::from(*digit)).collect())
}

/// CRC-32 of `head` in Base62: finds mistyped keys without a read. It keeps nobody out.
fn checksum(head: &str) -> String {
    String::clone(&base62(&crc32(head.as_bytes()).to_be_bytes(), CHECKSUM_DIGITS))
}

/// CRC-32/ISO-HDLC (as in gzip, RFC 1952, section 8), bit by bit: 95 bytes a request need no table.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use scorpius_core::{ManualClock, UnixMillis, new_id};

    use super::*;

    fn key(kind: KeyKind) -> ApiSecret {
        let clock = ManualClock::at(UnixMillis(1_795_254_040_000));
        ApiSecret::generate(kind, &TenantId::new(&clock), &new_id("key", &clock), &clock)
    }

    #[track_caller]
    fn refused(text: &str, expected: NotAnApiKey) {
        assert_eq!(text.parse::<ApiSecret>().expect_err("refused"), expected);
    }

    #[test]
    fn a_key_says_its_kind_its_tenant_and_its_id() {
        for kind in KeyKind::ALL {
            let made = key(kind);
            let read: ApiSecret = made.reveal().parse().expect("a key");
            assert_eq!(read.kind(), kind);
            assert_eq!((read.tenant(), read.key_id()), (made.tenant(), made.key_id()));
            assert!(read.matches(&made.hash()));
            assert_eq!(made.reveal().len(), 8 + 93);
        }
    }

    #[test]
    fn what_is_not_a_key_is_refused_without_a_read() {
        let good = key(KeyKind::Live).reveal().to_owned();
        refused("", NotAnApiKey::Prefix);
        refused("sk_live", NotAnApiKey::Prefix);
        refused(&good[8..], NotAnApiKey::Prefix);
        refused(&good.to_uppercase(), NotAnApiKey::Prefix);
        refused(&format!(" {good}"), NotAnApiKey::Prefix);
        refused("sk_live_", NotAnApiKey::Form);
        refused(&format!("{good} "), NotAnApiKey::Form);
        refused(&good[..good.len() - 1], NotAnApiKey::Form);
        refused(&format!("{good}{good}"), NotAnApiKey::Form);
        refused(&format!("{}é", &good[..good.len() - 2]), NotAnApiKey::Form);
        refused(&good.replace("sk_live_", "sk_rest_"), NotAnApiKey::Checksum);
        let too_large = format!("sk_live_{}", "z".repeat(BODY_DIGITS - CHECKSUM_DIGITS));
        refused(&format!("{too_large}{}", checksum(&too_large)), NotAnApiKey::Form);
    }

    #[test]
    fn every_single_mistyped_character_is_found() {
        let good = key(KeyKind::Live).reveal().to_owned();
        for at in 8..good.len() {
            let mut mistyped = good.clone().into_bytes();
            mistyped[at] = if mistyped[at] == b'a' { b'b' } else { b'a' };
            let mistyped = String::from_utf8(mistyped).expect("ASCII");
            assert!(mistyped.parse::<ApiSecret>().is_err(), "character {at}");
        }
    }

    #[test]
    fn a_key_is_not_printed_by_accident() {
        let made = key(KeyKind::Live);
        assert!(!format!("{made:?}").contains(&made.reveal()[52..]));
    }

    #[test]
    fn an_access_key_id_names_its_key() {
        let made = key(KeyKind::Live);
        let text = access_key_id(made.tenant(), made.key_id());
        assert_eq!(text.len(), 48);
        assert_eq!(named_by(&text), Some((made.tenant().clone(), made.key_id().to_owned())));
        for bad in
            ["", "AKIAIOSFODNN7EXAMPLE", "SCRP", &text[..47], &format!("{text}0"), &text.replace('0', "é")]
        {
            assert_eq!(named_by(bad), None, "{bad}");
        }
        assert_eq!(named_by(&format!("SCRP{}", "z".repeat(44))), None);
    }

    #[test]
    fn the_checksum_is_the_known_crc_32() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(*base62(&[0; 4], 6), "000000");
        assert_eq!(*base62(&u32::MAX.to_be_bytes(), 6), "4gfFC3");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            prop_assert!(text.parse::<ApiSecret>().is_err());
        }

        #[test]
        fn ids_come_back(tenant: u128, key: u128) {
            for number in [tenant, key] {
                let digits = base62(&number.to_be_bytes(), ID_DIGITS);
                prop_assert_eq!(id_digits(&digits), Some(format!("{number:032x}")));
            }
        }
    }
}
