//! Where counting begins: the share of what is asked about that is harmful.

use schemars::JsonSchema;
use scorpius_core::{Key, Store, StoreError, TenantId};
use serde::{Deserialize, Serialize};

use super::Class;

/// The most that a tenant may say, per million: from half on, not asking would be the better guess.
pub const PER_MILLION_MAX: u32 = 500_000;

// Blockaid's report of 2024: of 2,410 million transactions, 780 million connections to sites and 220 million tokens that
// wallets had it screen, 71 million were stopped: 2.1 %. It is one vendor's count of what it flagged, and not of what was
// confirmed; sites and payments are not told apart.
const DEFAULT_PER_MILLION: u32 = 20_000;

/// A share and who says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prior {
    /// Of a million that are asked about, so many are harmful; 1 to 500,000.
    pub per_million: u32,
    /// Who says so.
    pub source: PriorSource,
}

/// Who says how many are harmful.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PriorSource {
    /// The platform: 20,000 per million, a vendor's count of what wallets had it screen.
    Default,
    /// The tenant's security policy.
    Policy,
}

/// What a tenant says of its own traffic, per million of each class; what is not said is the platform's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Priors {
    /// Of sites, 1 to 500,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<u32>,
    /// Of payments, 1 to 500,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<u32>,
}

/// A share that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("1 to {PER_MILLION_MAX} of a million")]
pub struct BadPrior {
    /// Of which class.
    pub class: Class,
}

impl Priors {
    /// Of one class.
    #[must_use]
    pub fn of(&self, class: Class) -> Prior {
        let own = match class {
            Class::Domain => self.domain,
            Class::Payment => self.payment,
        };
        match own {
            Some(per_million) => Prior { per_million, source: PriorSource::Policy },
            None => Prior { per_million: DEFAULT_PER_MILLION, source: PriorSource::Default },
        }
    }

    /// Whether each is a share.
    ///
    /// # Errors
    /// The first class whose share is out of its range.
    pub fn check(&self) -> Result<(), BadPrior> {
        let is_bad = |class: &Class| !(1..=PER_MILLION_MAX).contains(&self.of(*class).per_million);
        Class::ALL.into_iter().find(is_bad).map_or(Ok(()), |class| Err(BadPrior { class }))
    }

    /// What `tenant` says.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn of_tenant(store: &dyn Store, tenant: &TenantId) -> Result<Self, StoreError> {
        /// Of a policy, what is read here.
        #[derive(Default, Deserialize)]
        struct Policy {
            #[serde(default)]
            likelihood_priors: Priors,
        }
        let record = store.get(&policy_key(tenant)).await?;
        let policy: Policy = record.map(|record| record.document()).transpose()?.unwrap_or_default();
        Ok(policy.likelihood_priors)
    }
}

impl Prior {
    /// Thousandths of log-odds.
    #[must_use]
    pub(crate) fn log_odds(self) -> i64 {
        let share = f64::from(self.per_million.clamp(1, 999_999)) / 1e6;
        // In range: the logarithm of at most a million.
        libm::round(1_000.0 * libm::log(share / (1.0 - share))) as i64
    }
}

/// Where a tenant's security policy is.
#[must_use]
pub fn policy_key(tenant: &TenantId) -> Key {
    Key::new(format!("{tenant}#security-policy"), "current")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_log_odds_and_what_is_not_said_is_the_platform_s() {
        let said = Priors { domain: Some(500_000), payment: None };
        assert_eq!(said.of(Class::Domain).log_odds(), 0);
        assert_eq!(said.of(Class::Payment), Prior { per_million: 20_000, source: PriorSource::Default });
        // As the rules' own start.
        assert_eq!(said.of(Class::Payment).log_odds(), -3_892);
        assert_eq!(said.check(), Ok(()));
        for wrong in [0, PER_MILLION_MAX + 1, u32::MAX] {
            let bad = Priors { payment: Some(wrong), ..said };
            assert_eq!(bad.check(), Err(BadPrior { class: Class::Payment }));
        }
    }
}
