//! What is known of a wallet from the transactions that were analysed for it.
//!
//! Nobody watches the chain here: what was let through is taken for sent, and what was not asked is not known.

use std::collections::BTreeSet;

use scorpius_core::{Key, TenantId, UnixMillis};
use scorpius_evm::U256;
use scorpius_risk::address::Account;
use scorpius_risk::engine::Moved;
use scorpius_risk::engine::guard::{Action, Decision, DecisionRule, Holding, Past, Policy, Spent, Usual};
use scorpius_risk::engine::inputs::Wei;
use scorpius_risk::engine::verdict::{Level, Verdict};
use serde::{Deserialize, Serialize};

/// What is spent is counted by quarters of an hour.
const QUARTER_MS: u64 = 15 * 60_000;
/// The one that runs and those of the 24 hours before.
const QUARTERS: u64 = 96;
/// Counterparties that are remembered, the latest.
const KNOWN_MAX: usize = 500;
/// Assets of which amounts are remembered, the latest.
const ASSETS_MAX: usize = 16;
/// Amounts of an asset that are remembered, the latest.
const AMOUNTS_MAX: usize = 32;

/// The record of one wallet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    /// Transactions that were analysed.
    pub(crate) analyses: u64,
    pub(crate) last: Option<LastAnalysis>,
    /// Oldest first; those without analyses are left out.
    quarters: Vec<Quarter>,
    /// Whom it dealt with, the latest last.
    known: Vec<Account>,
    /// The latest last.
    amounts: Vec<Amounts>,
}

/// The transaction that was analysed last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastAnalysis {
    pub(crate) verdict_id: String,
    pub(crate) at: UnixMillis,
    pub(crate) score: u8,
    pub(crate) level: Level,
    pub(crate) decision: Decision,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Quarter {
    /// Quarters of an hour since 1970.
    number: u64,
    analyses: u64,
    /// What was let through, by asset.
    spent: Vec<Spent>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Amounts {
    asset: Holding,
    /// The latest last.
    latest: Vec<Wei>,
}

/// One analysis, as far as it is remembered.
pub(crate) struct Analysis<'a> {
    pub(crate) at: UnixMillis,
    pub(crate) verdict: &'a Verdict,
    pub(crate) decision: Decision,
    pub(crate) moved: &'a Moved,
    pub(crate) policy: &'a Policy,
    /// Whether it was read by its hash: it was sent before, and is not counted as spent again.
    pub(crate) is_sent: bool,
}

impl Analysis<'_> {
    /// Whether the wallet is taken to have dealt with these parties. What was warned of for its risk is not learned: a
    /// thief's address would be an old acquaintance the second time.
    fn is_learned(&self) -> bool {
        match self.decision.action {
            Action::Allow => true,
            Action::Warn => matches!(
                self.decision.rule,
                DecisionRule::NewCounterparty | DecisionRule::Unknown | DecisionRule::LimitNotChecked
            ),
            Action::Block => false,
        }
    }
}

impl Remembered {
    pub(crate) fn key(tenant: &TenantId, wallet: &str) -> Key {
        Key::new(format!("{tenant}#wallet-past"), wallet)
    }

    /// Whom it dealt with.
    pub(crate) fn known(&self) -> &[Account] {
        &self.known
    }

    /// Transactions that were analysed in the last 24 hours, by quarters of an hour.
    pub(crate) fn analyses_24h(&self, now: UnixMillis) -> u64 {
        self.recent(now).map(|quarter| quarter.analyses).sum()
    }

    /// As the engine takes it.
    pub(crate) fn as_of(&self, now: UnixMillis) -> Past {
        let assets: BTreeSet<_> =
            self.recent(now).flat_map(|quarter| &quarter.spent).map(|spent| spent.asset).collect();
        let spent = assets.into_iter().map(|asset| {
            let of = self.recent(now).flat_map(|quarter| &quarter.spent).filter(|spent| spent.asset == asset);
            let sum = of.fold(U256::ZERO, |sum, spent| sum.saturating_add(spent.amount.amount()));
            Spent { asset, amount: sum.into() }
        });
        let mut usual: Vec<_> = self.amounts.iter().filter_map(Amounts::usual).collect();
        usual.sort_by_key(|usual| usual.asset);
        Past { analyses: self.analyses, spent_24h: spent.collect(), usual }
    }

    fn recent(&self, now: UnixMillis) -> impl Iterator<Item = &Quarter> {
        let first = (now.0 / QUARTER_MS).saturating_sub(QUARTERS);
        self.quarters.iter().filter(move |quarter| quarter.number >= first)
    }

    /// With one analysis more.
    pub(crate) fn after(mut self, analysis: &Analysis<'_>) -> Self {
        let Analysis { at, verdict, decision, moved, .. } = *analysis;
        let number = at.0 / QUARTER_MS;
        self.quarters.retain(|quarter| quarter.number >= number.saturating_sub(QUARTERS));
        self.analyses += 1;
        self.last = Some(LastAnalysis {
            verdict_id: verdict.id.clone(),
            at,
            score: verdict.score,
            level: verdict.level,
            decision,
        });
        // Clocks of several processes are not one: an earlier quarter may be asked for later.
        let place = self.quarters.partition_point(|quarter| quarter.number < number);
        if self.quarters.get(place).is_none_or(|quarter| quarter.number != number) {
            self.quarters.insert(place, Quarter { number, analyses: 0, spent: Vec::new() });
        }
        if let Some(quarter) = self.quarters.get_mut(place) {
            quarter.analyses += 1;
            if decision.action != Action::Block && !analysis.is_sent {
                quarter.spend(moved, analysis.policy);
            }
        }
        if analysis.is_learned() {
            self.learn(moved);
        }
        self
    }

    fn learn(&mut self, moved: &Moved) {
        self.known.retain(|account| !moved.counterparties.contains(account));
        self.known.extend(&moved.counterparties);
        self.known.drain(..self.known.len().saturating_sub(KNOWN_MAX));
        for (asset, amount) in &moved.leaves {
            let place = self.amounts.iter().position(|amounts| amounts.asset == *asset);
            let mut amounts = match place {
                Some(place) => self.amounts.remove(place),
                None => Amounts { asset: *asset, latest: Vec::new() },
            };
            amounts.latest.push((*amount).into());
            amounts.latest.drain(..amounts.latest.len().saturating_sub(AMOUNTS_MAX));
            self.amounts.push(amounts);
        }
        self.amounts.drain(..self.amounts.len().saturating_sub(ASSETS_MAX));
    }
}

impl Quarter {
    /// Of the coin, and of what the policy limits: so the record stays bounded.
    fn spend(&mut self, moved: &Moved, policy: &Policy) {
        let is_kept = |asset: Holding| {
            asset == Holding::Native || policy.limits.iter().any(|limit| limit.asset == asset)
        };
        for (asset, amount) in moved.leaves.iter().filter(|(asset, _)| is_kept(**asset)) {
            match self.spent.iter_mut().find(|spent| spent.asset == *asset) {
                Some(spent) => spent.amount = spent.amount.amount().saturating_add(*amount).into(),
                None => self.spent.push(Spent { asset: *asset, amount: (*amount).into() }),
            }
        }
    }
}

impl Amounts {
    fn usual(&self) -> Option<Usual> {
        let mut sorted: Vec<_> = self.latest.iter().map(Wei::amount).collect();
        sorted.sort_unstable();
        let (median, largest) = (*sorted.get(sorted.len() / 2)?, *sorted.last()?);
        let count = u64::try_from(sorted.len()).ok()?;
        Some(Usual { asset: self.asset, count, median: median.into(), largest: largest.into() })
    }
}
