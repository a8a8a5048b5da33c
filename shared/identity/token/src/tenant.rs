//! Tenants.

use hmac::{Hmac, Mac};
use scorpius_core::{Clock, Key, TenantId, UnixMillis};
use scorpius_edge::Tier;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Characters of a name that people read.
pub const NAME_CHARS_MAX: usize = 100;

/// Whether a tenant's credentials count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TenantStatus {
    /// They do.
    Active,
    /// They do not, from the moment that this is stored.
    Suspended,
    /// They never will again: its data is being removed, or is gone.
    Deleted,
}

/// Whose data, as one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// `ten_…`.
    pub id: TenantId,
    /// For people.
    pub name: String,
    /// Whether its credentials count.
    pub status: TenantStatus,
    /// Whether it is the one that runs the platform.
    pub operator: bool,
    /// When it was made.
    pub created_at: UnixMillis,
    /// 32 hex digits that turn network addresses into pseudonyms. They end with the tenant.
    #[serde(default)]
    pub salt: String,
    /// Events so far, this record's `sequence`.
    #[serde(default)]
    pub events: u64,
    /// Which version of its own policies counts; 0 is none of them.
    #[serde(default)]
    pub policy_version: u64,
    /// Versions of its policies so far. A version is written once, so the next one has another number.
    #[serde(default)]
    pub policy_versions: u64,
    /// What it is entitled to; absent is what the platform gives.
    #[serde(default)]
    pub tier: Option<Tier>,
}

impl Tenant {
    /// The partition with the ids of all tenants that are not deleted.
    pub const DIRECTORY: &'static str = scorpius_core::operator::TENANTS;

    /// A new, active tenant.
    #[must_use]
    pub fn new(id: TenantId, name: &str, operator: bool, clock: &dyn Clock) -> Self {
        let mut salt = [0; 16];
        clock.fill_random(&mut salt);
        Self {
            id,
            name: name.to_owned(),
            status: TenantStatus::Active,
            operator,
            created_at: clock.now(),
            salt: hex::encode(salt),
            events: 0,
            policy_version: 0,
            policy_versions: 0,
            tier: None,
        }
    }

    /// How often it may ask. Whoever runs the platform is not limited by it, unless they say so.
    #[must_use]
    pub fn tier(&self) -> Option<Tier> {
        self.tier.or(self.operator.then_some(Tier::Unlimited))
    }

    /// Where the tenant `id` is.
    #[must_use]
    pub fn at(id: &TenantId) -> Key {
        scorpius_core::operator::tenant_at(id)
    }

    /// Where the directory names the tenant `id`.
    #[must_use]
    pub fn listed_at(id: &TenantId) -> Key {
        Key::new(Self::DIRECTORY, id.as_str())
    }

    /// A pseudonym of the network address `address`: the same address has the same in this tenant,
    /// and nobody without the tenant's salt can tell which it is.
    #[must_use]
    pub fn network_tag(&self, address: &str) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.salt.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(self.id.as_str().as_bytes());
        mac.update(address.as_bytes());
        format!("net_{}", hex::encode(&mac.finalize().into_bytes()[..8]))
    }
}

/// Whether people can read it on one line.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let chars = text.chars().count();
    (1..=NAME_CHARS_MAX).contains(&chars) && !text.chars().any(char::is_control) && !text.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use scorpius_core::ManualClock;

    use super::*;

    #[test]
    fn a_network_s_pseudonym_differs_between_tenants() {
        let clock = ManualClock::at(UnixMillis(1_795_254_040_000));
        let tenant = || Tenant::new(TenantId::new(&clock), "a", false, &clock);
        let (one, two) = (tenant(), tenant());
        assert_eq!(one.network_tag("192.0.2.7"), one.network_tag("192.0.2.7"));
        assert_ne!(one.network_tag("192.0.2.7"), one.network_tag("192.0.2.8"));
        assert_ne!(one.network_tag("192.0.2.7"), two.network_tag("192.0.2.7"));
        assert!(!one.network_tag("192.0.2.7").contains("192"));
    }
}
