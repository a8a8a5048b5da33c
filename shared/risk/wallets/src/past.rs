//! What is known of a wallet from the transactions that were analysed for it.
//!
//! Nobody watches the chain here: what was let through is taken for sent, and what was not asked is not known.

use std::collections::BTreeSet;

use scorpius_core::{Key, TenantId, UnixMillis};
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
            let amount = of.fold(Wei::default(), |sum, spent| sum.plus(spent.amount));
            Spent { asset, amount }
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
            amounts.latest.push(*amount);
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
                Some(spent) => spent.amount = spent.amount.plus(*amount),
                None => self.spent.push(Spent { asset: *asset, amount: *amount }),
            }
        }
    }
}

impl Amounts {
    fn usual(&self) -> Option<Usual> {
        let mut sorted = self.latest.clone();
        sorted.sort_unstable();
        let (median, largest) = (*sorted.get(sorted.len() / 2)?, *sorted.last()?);
        let count = u64::try_from(sorted.len()).ok()?;
        Some(Usual { asset: self.asset, count, median, largest })
    }
}

#[cfg(test)]
mod tests {
    use scorpius_core::Attributes;
    use scorpius_core::store::RECORD_BYTES_MAX;
    use scorpius_risk::engine::decide;
    use scorpius_risk::engine::guard::Limit;
    use scorpius_risk::engine::inputs::{Inputs, Question};
    use scorpius_risk::lists::Lists;

    use super::*;
    use crate::policy::LIMITS_OF_CHAIN_MAX;

    const START: UnixMillis = UnixMillis(1_795_254_040_000);

    fn some(number: u64) -> Account {
        let mut bytes = [0xee; 20];
        bytes[12..].copy_from_slice(&number.to_be_bytes());
        Account::new(bytes)
    }

    fn verdict() -> Verdict {
        let chain = "ethereum".parse().expect("a chain");
        let question = Question::Address { chain, address: some(0) };
        let id = "vrd_00000000000000000000000000000001".to_owned();
        let inputs = Inputs::gather(question, &[], &Lists::seed(), id, START);
        decide(&inputs, inputs.rules())
    }

    fn decided(action: Action, rule: DecisionRule) -> Decision {
        Decision { action, rule, threshold: None }
    }

    const ALLOW: (Action, DecisionRule) = (Action::Allow, DecisionRule::NoRule);

    fn policy(limits: u64) -> Policy {
        let limit = |number| Limit {
            asset: Holding::Token(some(number)),
            per_transaction: None,
            per_24h: None,
            unlimited_approvals: true,
            listed_contracts_only: false,
        };
        let limits = (0..limits).map(limit).collect();
        Policy { version: 1, global_risk_threshold: 60, auto_block_threshold: 90, limits }
    }

    fn after(
        past: Remembered,
        at: UnixMillis,
        (action, rule): (Action, DecisionRule),
        moved: &Moved,
        policy: &Policy,
    ) -> Remembered {
        let (verdict, decision) = (verdict(), decided(action, rule));
        past.after(&Analysis { at, verdict: &verdict, decision, moved, policy, is_sent: false })
    }

    fn of(asset: Holding, amount: u64, who: u64) -> Moved {
        let amount: Wei = amount.to_string().try_into().expect("an amount");
        Moved { leaves: [(asset, amount)].into(), counterparties: [some(who)].into() }
    }

    #[test]
    fn what_was_warned_of_for_its_risk_is_spent_and_not_learned() {
        let coin = |who| of(Holding::Native, 10, who);
        let policy = policy(0);
        let mut past = Remembered::default();
        for (number, made) in [
            ALLOW,
            (Action::Warn, DecisionRule::NewCounterparty),
            (Action::Warn, DecisionRule::RiskThreshold),
            (Action::Block, DecisionRule::HardRule),
        ]
        .into_iter()
        .enumerate()
        {
            past = after(past, START, made, &coin(number as u64), &policy);
        }
        assert_eq!(past.known(), [some(0), some(1)]);
        let told = past.as_of(START);
        assert_eq!(String::from(told.spent_24h[0].amount), "30");
        assert_eq!((told.analyses, told.usual[0].count), (4, 2));
    }

    #[test]
    fn a_day_is_forgotten_after_a_day_and_a_quarter_of_an_hour() {
        let past = after(Remembered::default(), START, ALLOW, &of(Holding::Native, 10, 1), &policy(0));
        let day = 24 * 3_600_000;
        assert_eq!(past.as_of(START.plus_ms(day)).spent_24h.len(), 1);
        assert_eq!(past.as_of(START.plus_ms(day + QUARTER_MS)).spent_24h.len(), 0);
        assert_eq!(past.analyses_24h(START.plus_ms(day + QUARTER_MS)), 0);
        // A clock that is behind counts in its own quarter.
        let both =
            after(past, UnixMillis(START.0 - QUARTER_MS), ALLOW, &of(Holding::Native, 5, 1), &policy(0));
        assert_eq!(String::from(both.as_of(START).spent_24h[0].amount), "15");
    }

    #[test]
    fn the_largest_past_fits_a_record() {
        let limits = LIMITS_OF_CHAIN_MAX as u64;
        let policy = policy(limits);
        let most: Wei = scorpius_risk::engine::inputs::Wei::of_bytes([0xff; 32]);
        let mut past = Remembered::default();
        for number in 0..1_000_u64 {
            let assets = (0..limits).map(|asset| Holding::Token(some(asset))).chain([Holding::Native]);
            let leaves = assets.map(|asset| (asset, most)).collect();
            let moved = Moved { leaves, counterparties: [some(number), some(number + 5_000)].into() };
            past = after(past, START.plus_ms(number * QUARTER_MS / 8), ALLOW, &moved, &policy);
        }
        assert_eq!((past.known.len(), past.amounts.len()), (KNOWN_MAX, ASSETS_MAX));
        assert_eq!(past.quarters.len() as u64, QUARTERS + 1);
        let size = Attributes::document(&past).text("doc").map_or(0, str::len);
        assert!(size < RECORD_BYTES_MAX, "{size}");
    }
}
