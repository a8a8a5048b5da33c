//! How many requests are let through, as data: `tiers.json`. A person may have half of what their tenant may have in a
//! minute, so that one person's loop does not shut all others out.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::OnceLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a tenant is entitled to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// 1,000 requests an hour, at most 100 of them in a minute.
    Free,
    /// 10,000 an hour, at most 500 in a minute.
    Professional,
    /// 100,000 an hour, at most 2,000 in a minute.
    Enterprise,
    /// As many as the platform can answer.
    Unlimited,
}

/// Not the name of a tier.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such tier: `{0}`; there are `free`, `professional`, `enterprise` and `unlimited`")]
pub struct NotATier(String);

impl Tier {
    /// Every tier.
    pub const ALL: [Self; 4] = [Self::Free, Self::Professional, Self::Enterprise, Self::Unlimited];

    /// As JSON and settings write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Professional => "professional",
            Self::Enterprise => "enterprise",
            Self::Unlimited => "unlimited",
        }
    }

    /// What it gives.
    ///
    /// # Panics
    /// When `tiers.json` is not what a test holds it to.
    #[must_use]
    pub fn rates(self) -> Rates {
        static TIERS: OnceLock<Tiers> = OnceLock::new();
        let tiers = TIERS.get_or_init(|| {
            serde_json::from_str(include_str!("tiers.json")).expect("tiers.json is read by a test")
        });
        match self {
            Self::Free => tiers.free,
            Self::Professional => tiers.professional,
            Self::Enterprise => tiers.enterprise,
            Self::Unlimited => tiers.unlimited,
        }
    }
}

impl FromStr for Tier {
    type Err = NotATier;

    fn from_str(text: &str) -> Result<Self, NotATier> {
        let found = Self::ALL.into_iter().find(|tier| tier.as_str() == text);
        found.ok_or_else(|| NotATier(text.chars().take(40).collect()))
    }
}

/// Requests a window; absent is as many as come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// In a minute of the clock.
    pub minute: Option<NonZeroU32>,
    /// In an hour of the clock.
    pub hour: Option<NonZeroU32>,
}

/// What a tier gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// To all of a tenant together.
    pub tenant: Rate,
    /// To each of its people.
    pub user: Rate,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tiers {
    free: Rates,
    professional: Rates,
    enterprise: Rates,
    unlimited: Rates,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_are_as_they_are_described() {
        let numbers = |tier: Tier| {
            let Rates { tenant, user } = tier.rates();
            [tenant.minute, tenant.hour, user.minute, user.hour].map(|rate| rate.map_or(0, NonZeroU32::get))
        };
        assert_eq!(numbers(Tier::Free), [100, 1_000, 50, 0]);
        assert_eq!(numbers(Tier::Professional), [500, 10_000, 250, 0]);
        assert_eq!(numbers(Tier::Enterprise), [2_000, 100_000, 1_000, 0]);
        assert_eq!(numbers(Tier::Unlimited), [0; 4]);
    }

    #[test]
    fn tiers_are_named_as_in_json() {
        for tier in Tier::ALL {
            assert_eq!(serde_json::json!(tier), tier.as_str());
            assert_eq!(tier.as_str().parse(), Ok(tier));
        }
        assert!("gold".parse::<Tier>().is_err() && "".parse::<Tier>().is_err());
    }
}
