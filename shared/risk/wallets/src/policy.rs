//! A tenant's rules for all of its wallets.

use scorpius_core::{Key, TenantId, UnixMillis};
use scorpius_risk::address::ChainId;
use scorpius_risk::engine::guard::{Limit, Policy};
use scorpius_risk::likelihood::{Priors, policy_key};
use serde::{Deserialize, Serialize};

/// Limits of a policy.
pub(crate) const LIMITS_MAX: usize = 50;
/// Limits of one chain: what is spent is kept for each of its assets.
pub(crate) const LIMITS_OF_CHAIN_MAX: usize = 16;

/// A limit on its chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LimitOnChain {
    pub(crate) chain: ChainId,
    pub(crate) limit: Limit,
}

/// A policy, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SecurityPolicy {
    /// 0 before anybody set one, then rising by 1.
    pub(crate) version: u64,
    pub(crate) global_risk_threshold: u8,
    pub(crate) auto_block_threshold: u8,
    pub(crate) limits: Vec<LimitOnChain>,
    /// What `Priors::of_tenant` reads.
    #[serde(default)]
    pub(crate) likelihood_priors: Priors,
    /// When and by whom; `None` at version 0.
    pub(crate) changed: Option<Changed>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Changed {
    pub(crate) at: UnixMillis,
    pub(crate) by: String,
}

/// The platform's own: warns where a verdict says danger, and blocks where it says critical.
impl Default for SecurityPolicy {
    fn default() -> Self {
        Self {
            version: 0,
            global_risk_threshold: 60,
            auto_block_threshold: 90,
            limits: Vec::new(),
            likelihood_priors: Priors::default(),
            changed: None,
        }
    }
}

impl SecurityPolicy {
    pub(crate) fn key(tenant: &TenantId) -> Key {
        policy_key(tenant)
    }

    /// As far as it is about `chain`.
    pub(crate) fn on(&self, chain: ChainId) -> Policy {
        let limits = self.limits.iter().filter(|limit| limit.chain == chain);
        Policy {
            version: self.version,
            global_risk_threshold: self.global_risk_threshold,
            auto_block_threshold: self.auto_block_threshold,
            limits: limits.map(|limit| limit.limit.clone()).collect(),
        }
    }
}
