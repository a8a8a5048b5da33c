//! Identifiers: UUIDv7 with a prefix that says of what.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::{Clock, UnixMillis};

/// Makes an id such as `vrd_019…` (32 hex digits after the prefix): sortable by time, unique without asking anyone.
#[must_use]
pub fn new_id(prefix: &str, clock: &dyn Clock) -> String {
    format!("{prefix}_{}", uuid_v7(clock).simple())
}

/// Whether `text` is `prefix`, `_` and a UUID in 32 lower-case hex digits.
#[must_use]
pub fn is_id(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).is_some_and(|digits| {
        digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn uuid_v7(clock: &dyn Clock) -> Uuid {
    let mut random = [0; 10];
    clock.fill_random(&mut random);
    uuid::Builder::from_unix_timestamp_millis(clock.now().0, &random).into_uuid()
}

/// Names one attempt to change something; the same id may be tried again without harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CommitId(Uuid);

impl CommitId {
    /// A new id, stamped with the time.
    #[must_use]
    pub fn new(clock: &dyn Clock) -> Self {
        Self(uuid_v7(clock))
    }

    /// When it was made. Adapters judge expiry by this time, so that a retry asks the same question.
    #[must_use]
    pub fn made_at(self) -> UnixMillis {
        UnixMillis((self.0.as_u128() >> 80) as u64)
    }

    /// The version that this commit gives to what it puts: rises with time, differs between commits.
    // 41 bits of milliseconds and the 12 random bits beside the version nibble stay below 2^53 until 2039.
    #[must_use]
    pub fn version(self) -> u64 {
        (self.made_at().0 << 12) | u64::from(self.0.as_fields().2 & 0x0fff)
    }
}

/// 36 characters, hyphenated.
impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// Whose data it is: `ten_` and a UUID. Every key of a tenant's data starts with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(String);

/// Not a tenant id.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a tenant id: `{0}`")]
pub struct NotATenant(String);

impl TenantId {
    /// A new tenant.
    #[must_use]
    pub fn new(clock: &dyn Clock) -> Self {
        Self(new_id("ten", clock))
    }

    /// `ten_…`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TenantId {
    type Err = NotATenant;

    fn from_str(text: &str) -> Result<Self, NotATenant> {
        match is_id("ten", text) {
            true => Ok(Self(text.to_owned())),
            false => Err(NotATenant(text.chars().take(40).collect())),
        }
    }
}

impl TryFrom<String> for TenantId {
    type Error = NotATenant;

    fn try_from(text: String) -> Result<Self, NotATenant> {
        text.parse()
    }
}

impl From<TenantId> for String {
    fn from(tenant: TenantId) -> Self {
        tenant.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn ids_sort_by_time_and_carry_their_prefix() {
        let clock = ManualClock::at(UnixMillis(1_795_254_040_000));
        let first = new_id("vrd", &clock);
        clock.advance_ms(1);
        let second = new_id("vrd", &clock);
        assert!(first < second);
        assert!(is_id("vrd", &first) && !is_id("scn", &first));
        assert!(!is_id("vrd", "vrd_019") && !is_id("vrd", &first.to_uppercase()));
    }

    #[test]
    fn a_commit_s_version_rises_with_time() {
        let clock = ManualClock::at(UnixMillis(1_795_254_040_000));
        let first = CommitId::new(&clock);
        clock.advance_ms(1);
        assert_eq!(first.made_at(), UnixMillis(1_795_254_040_000));
        assert!(first.version() < CommitId::new(&clock).version());
    }
}
