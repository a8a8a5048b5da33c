//! What a wallet's guard adds to a question: its lists, its tenant's policy, and what is known of its past.
//!
//! ```text
//! Guard ─> Inputs ─> findings ─> Verdict ─> Decision: allow · warn · block, by a named rule
//! ```

use alloy_primitives::U256;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::Account;
use crate::engine::inputs::Wei;
use crate::engine::rules::SignalId;
use crate::engine::verdict::Level;

/// What a limit or an amount is of, in JSON `native`, `any`, or a token's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Holding {
    /// Whatever it is; of no amount.
    Any,
    /// The chain's coin.
    Native,
    /// A token.
    Token(Account),
}

/// Not the name of a holding.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not `native`, `any` or a token's address")]
pub struct BadHolding;

impl TryFrom<String> for Holding {
    type Error = BadHolding;

    fn try_from(text: String) -> Result<Self, BadHolding> {
        match text.as_str() {
            "any" => Ok(Self::Any),
            "native" => Ok(Self::Native),
            address => address.parse().map(Self::Token).map_err(|_| BadHolding),
        }
    }
}

impl From<Holding> for String {
    fn from(holding: Holding) -> Self {
        match holding {
            Holding::Any => "any".to_owned(),
            Holding::Native => "native".to_owned(),
            Holding::Token(token) => token.to_string(),
        }
    }
}

/// How much of what the guard sees makes it warn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Monitoring {
    /// Thresholds, hard rules and limits alone.
    Basic,
    /// And the level `caution`.
    Standard,
    /// And the level `unknown`, and a counterparty that is new.
    Strict,
}

/// What the policy says of one asset of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Of what.
    pub asset: Holding,
    /// The most that one transaction may move, in the smallest unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_transaction: Option<Wei>,
    /// The most that may move in 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_24h: Option<Wei>,
    /// Whether rights without limit may be given.
    pub unlimited_approvals: bool,
    /// Whether contracts must be on the wallet's allow list or well known.
    pub listed_contracts_only: bool,
}

/// A tenant's policy, as far as it is about the question's chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// 0 is the platform's own, before there is any.
    pub version: u64,
    /// From this score on there is a warning, whatever the wallet's own threshold is.
    pub global_risk_threshold: u8,
    /// From this score on it is blocked.
    pub auto_block_threshold: u8,
    /// By asset.
    pub limits: Vec<Limit>,
}

/// An amount of something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spent {
    /// Of what.
    pub asset: Holding,
    /// In the smallest unit.
    pub amount: Wei,
}

/// What a wallet usually moves of something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usual {
    /// Of what.
    pub asset: Holding,
    /// Amounts that are known.
    pub count: u64,
    /// The middle one of them.
    pub median: Wei,
    /// The largest.
    pub largest: Wei,
}

/// What is known of a wallet from what was analysed for it before. Whom it dealt with is in the history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Past {
    /// Transactions that were analysed.
    pub analyses: u64,
    /// What was let through in the last 24 hours.
    pub spent_24h: Vec<Spent>,
    /// By asset.
    pub usual: Vec<Usual>,
}

/// All that a guard adds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// `wal_…`.
    pub wallet_id: String,
    /// Whose transaction it is.
    pub account: Account,
    /// What makes it warn.
    pub monitoring: Monitoring,
    /// From this score on there is a warning.
    pub risk_threshold: u8,
    /// Its allow list, by address, without what has expired.
    pub allowed: Vec<Account>,
    /// Its block list, likewise.
    pub blocked: Vec<Account>,
    /// The tenant's rules.
    pub policy: Policy,
    /// What it did before.
    pub past: Past,
}

/// What is to be done with a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Nothing that the guard was told to look for speaks against it.
    Allow,
    /// Somebody should look at it first.
    Warn,
    /// It should not be signed.
    Block,
}

/// Which rule decided; the first that holds, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecisionRule {
    /// A signal that decides alone: a sanction, the block list, a limit of the policy. Blocks.
    HardRule,
    /// The score reaches the policy's `auto_block_threshold`. Blocks.
    AutoBlockThreshold,
    /// The score reaches the wallet's `risk_threshold`. Warns.
    RiskThreshold,
    /// The score reaches the policy's `global_risk_threshold`. Warns.
    GlobalRiskThreshold,
    /// The policy limits amounts, and what would move is not known. Warns.
    LimitNotChecked,
    /// The level is `caution`, and the wallet's monitoring `standard` or `strict`. Warns.
    Caution,
    /// The level is `unknown`, and the wallet's monitoring `strict`. Warns.
    Unknown,
    /// A counterparty is new, and the wallet's monitoring `strict`. Warns.
    NewCounterparty,
    /// None of these. Allows.
    NoRule,
}

/// What is to be done, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// What.
    pub action: Action,
    /// Which rule made it.
    pub rule: DecisionRule,
    /// The score from which on the rule holds, if it is about the score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<u8>,
}

/// What a verdict says, as far as decisions look at it.
pub(super) struct Said<'a> {
    pub(super) score: u8,
    pub(super) level: Level,
    pub(super) has_hard: bool,
    pub(super) has: &'a dyn Fn(SignalId) -> bool,
}

impl Guard {
    /// The first rule that holds decides.
    pub(super) fn decide(&self, said: &Said<'_>) -> Decision {
        let reaches = |threshold: u8| said.score >= threshold;
        let (own, policy) = (self.risk_threshold, &self.policy);
        let made = |action, rule| Decision { action, rule, threshold: None };
        let by = |action, rule, threshold| Decision { action, rule, threshold: Some(threshold) };
        let standard = self.monitoring != Monitoring::Basic;
        let strict = self.monitoring == Monitoring::Strict;
        if said.has_hard {
            return made(Action::Block, DecisionRule::HardRule);
        }
        if reaches(policy.auto_block_threshold) {
            return by(Action::Block, DecisionRule::AutoBlockThreshold, policy.auto_block_threshold);
        }
        if reaches(own) {
            return by(Action::Warn, DecisionRule::RiskThreshold, own);
        }
        if reaches(policy.global_risk_threshold) {
            return by(Action::Warn, DecisionRule::GlobalRiskThreshold, policy.global_risk_threshold);
        }
        if (said.has)(SignalId::PolicyNotChecked) {
            return made(Action::Warn, DecisionRule::LimitNotChecked);
        }
        if standard && said.level >= Level::Caution {
            return made(Action::Warn, DecisionRule::Caution);
        }
        // The tenant itself vouches for whom it has listed.
        if strict && said.level == Level::Unknown && !(said.has)(SignalId::AllowListed) {
            return made(Action::Warn, DecisionRule::Unknown);
        }
        if strict && (said.has)(SignalId::NewCounterparty) {
            return made(Action::Warn, DecisionRule::NewCounterparty);
        }
        made(Action::Allow, DecisionRule::NoRule)
    }
}

impl Past {
    pub(super) fn spent(&self, asset: Holding) -> U256 {
        self.spent_24h
            .iter()
            .filter(|spent| spent.asset == asset)
            .fold(U256::ZERO, |sum, spent| sum.saturating_add(spent.amount.amount()))
    }

    pub(super) fn usual(&self, asset: Holding) -> Option<&Usual> {
        self.usual.iter().find(|usual| usual.asset == asset)
    }
}

impl Limit {
    /// Whether it says anything of `asset`.
    pub(super) fn is_about(&self, asset: Holding) -> bool {
        self.asset == Holding::Any || self.asset == asset
    }
}
