//! What is found of a transaction by its wallet's guard.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::U256;
use scorpius_evm::{Asset, CallKind, Run, Simulation};
use serde_json::{Value, json};

use crate::address::Account;
use crate::calldata::{Effect, Form, Role, is_unlimited};
use crate::engine::findings::{Finding, Findings};
use crate::engine::ground::{account, address};
use crate::engine::guard::{Guard, Holding, Limit};
use crate::engine::inputs::{Inputs, Party, Question, Wei};
use crate::engine::party_rules::Known;
use crate::engine::rules::{Class, Rules, SignalId, Wallet};
use crate::message::Reading;

/// Amounts that a verdict shows.
const SHOWN_MAX: usize = 16;
/// What an allow list answers for: how much is allowed or moved, and what is not known of whom it names.
const ANSWERED_FOR: [SignalId; 6] = [
    SignalId::UnlimitedApproval,
    SignalId::ApprovalForAll,
    SignalId::PermitFarDeadline,
    SignalId::SpenderIsFresh,
    SignalId::SpenderIsUnverified,
    SignalId::UnusualValue,
];

/// What a transaction would take from its wallet, and whom it deals with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// As the calldata says and as simulations show, whichever is more.
    pub leaves: BTreeMap<Holding, Wei>,
    /// Who gets something, a right or a call.
    pub counterparties: BTreeSet<Account>,
}

/// What would be allowed to others.
#[derive(Default)]
struct Allowed {
    /// The most that one spender might take.
    finite: BTreeMap<Holding, U256>,
    unlimited: BTreeSet<Holding>,
}

/// What the rules look at.
pub(super) struct GuardRules<'a> {
    pub(super) guard: &'a Guard,
    pub(super) inputs: &'a Inputs,
    pub(super) reading: &'a Reading,
    pub(super) parties: &'a [Party],
    pub(super) known: &'a Known<'a>,
    pub(super) rules: &'a Rules,
    pub(super) simulation: Option<&'a Simulation>,
}

impl GuardRules<'_> {
    pub(super) fn look(&self, findings: &mut Findings) -> Moved {
        let Some(numbers) = self.rules.wallet else { return Moved::default() };
        let moved = self.moved();
        self.look_at_blocked(findings);
        self.look_at_limits(&moved, findings);
        self.look_at_past(&moved, numbers, findings);
        // Last: it looks at all that was found.
        self.look_at_allowed(findings);
        let leaves: Vec<_> = moved
            .leaves
            .iter()
            .take(SHOWN_MAX)
            .map(|(asset, amount)| shown(*asset, amount.amount()))
            .collect();
        let evidence = json!({
            "wallet_id": self.guard.wallet_id, "monitoring": self.guard.monitoring,
            "risk_threshold": self.guard.risk_threshold, "policy_version": self.guard.policy.version,
            "analyses": self.guard.past.analyses, "leaves": leaves, "leaves_count": moved.leaves.len(),
        });
        findings.add(SignalId::Guarded, self.found("wallet", evidence));
        moved
    }

    fn found(&self, source: &str, evidence: Value) -> Finding {
        self.known.asked(source, evidence)
    }

    /// In the next block, and in each surrounding where something else happens.
    fn runs(&self) -> impl Iterator<Item = &Run> {
        let differing =
            self.simulation.into_iter().flat_map(|it| it.differing.iter().map(|there| &there.run));
        self.simulation.into_iter().map(|simulation| &simulation.run).chain(differing)
    }

    /// Everyone but the wallet and those whose rights it takes back.
    fn others(&self) -> impl Iterator<Item = &Party> {
        let own = self.guard.account;
        self.known.others(self.parties).filter(move |party| party.account != own)
    }

    fn is_allowed(&self, who: &Account) -> bool {
        self.guard.allowed.contains(who)
    }

    fn look_at_blocked(&self, findings: &mut Findings) {
        let own = self.guard.account;
        let is_blocked = |who: &Account| *who != own && self.guard.blocked.contains(who);
        // Taking a right back from somebody is no dealing with them.
        for party in self.parties.iter().filter(|party| party.role != Role::Revoked) {
            if is_blocked(&party.account) {
                findings.add(SignalId::BlockListed, self.found("wallet", party.evidence()));
            }
        }
        let shown: BTreeSet<_> = self.runs().flat_map(|run| self.dealt_with(run)).collect();
        for (role, who) in shown.into_iter().filter(|(_, who)| is_blocked(who)) {
            let evidence = json!({"address": who.checksummed(), "role": role});
            findings.add(SignalId::BlockListed, self.found("simulation", evidence));
        }
    }

    /// Who gets something, a right of the wallet's, or a call.
    fn dealt_with<'r>(&self, run: &'r Run) -> impl Iterator<Item = (&'static str, Account)> + use<'r> {
        let own = address(&self.guard.account);
        let gain = run.changes.iter().filter(|change| change.delta().is_gain());
        let gain = gain.map(|change| ("recipient", account(change.account)));
        let rights = run.approvals.iter().filter(move |right| right.owner == own && right.is_grant());
        let rights = rights.map(|right| ("spender", account(right.spender)));
        let calls = run.calls.iter().filter(|call| !call.failed && call.kind != CallKind::Staticcall);
        gain.chain(rights).chain(calls.map(|call| ("called", account(call.to))))
    }

    /// What leaves the wallet, and whom it deals with.
    fn moved(&self) -> Moved {
        let own = self.guard.account;
        let mut leaves: BTreeMap<Holding, U256> = BTreeMap::new();
        if let Question::Transaction { to, value, .. } = &self.inputs.question
            && *to != own
            && !value.is_zero()
        {
            leaves.insert(Holding::Native, value.amount());
        }
        for effect in self.effects() {
            if let Effect::Transfer { token, from, to, amount: Some(amount) } = effect
                && from.is_none_or(|from| from == own)
                && *to != own
            {
                let sum = leaves.entry(Holding::Token(*token)).or_default();
                *sum = sum.saturating_add(*amount);
            }
        }
        for run in self.runs() {
            for change in run.changes_of(address(&own)).filter(|change| change.delta().is_loss()) {
                if let Some(asset) = holding(&change.asset) {
                    let most = leaves.entry(asset).or_default();
                    *most = (*most).max(change.delta().amount());
                }
            }
        }
        let counterparties = self.others().map(|party| party.account).collect();
        let leaves = leaves.into_iter().map(|(asset, amount)| (asset, amount.into())).collect();
        Moved { leaves, counterparties }
    }

    fn effects(&self) -> impl Iterator<Item = &Effect> {
        self.reading.calls.calls.iter().flat_map(|call| &call.effects)
    }

    fn allowed(&self) -> Allowed {
        let mut allowed = Allowed::default();
        let mut add = |asset: Holding, amount: U256, amount_max: U256| {
            if is_unlimited(amount, amount_max) {
                allowed.unlimited.insert(asset);
            } else {
                let most = allowed.finite.entry(asset).or_default();
                *most = (*most).max(amount);
            }
        };
        for effect in self.effects() {
            match effect {
                Effect::Allow { token, amount, amount_max, .. } => {
                    add(Holding::Token(*token), *amount, *amount_max);
                }
                Effect::AllowAll { token, .. } => add(Holding::Token(*token), U256::MAX, U256::MAX),
                _ => {}
            }
        }
        let own = address(&self.guard.account);
        for right in self.runs().flat_map(|run| &run.approvals) {
            if right.owner == own
                && right.is_grant()
                && let Asset::Token { token } = right.asset
            {
                add(Holding::Token(account(token)), right.allowed(), U256::MAX);
            }
        }
        allowed
    }

    fn look_at_limits(&self, moved: &Moved, findings: &mut Findings) {
        let limits = &self.guard.policy.limits;
        let allowed = self.allowed();
        for limit in limits {
            self.look_at_amounts(limit, moved, &allowed, findings);
            for asset in allowed.unlimited.iter().filter(|asset| limit.is_about(**asset)) {
                if !limit.unlimited_approvals {
                    let evidence = json!({"asset": asset, "limit_of": limit.asset});
                    findings.add(SignalId::PolicyUnlimitedApproval, self.found("policy", evidence));
                }
            }
            if limit.listed_contracts_only && self.touches(limit.asset, moved, &allowed) {
                self.look_at_contracts(limit, findings);
            }
        }
        let limits_tokens = |limit: &Limit| {
            let amounts = limit.per_transaction.is_some() || limit.per_24h.is_some();
            amounts && limit.asset != Holding::Native
        };
        // What calldata carries of the chain's coin is known; what a call that was not read takes of a token is not.
        let unread = |form: &Form| matches!(form, Form::Unknown | Form::Malformed);
        let calls = &self.reading.calls;
        let is_read = !calls.incomplete && !calls.calls.iter().any(|call| unread(&call.form));
        if limits.iter().any(limits_tokens) && !is_read && self.simulation.is_none() {
            let evidence = json!({"limits": limits.iter().filter(|limit| limits_tokens(limit)).count()});
            findings.add(SignalId::PolicyNotChecked, self.found("policy", evidence));
        }
    }

    fn look_at_amounts(&self, limit: &Limit, moved: &Moved, allowed: &Allowed, findings: &mut Findings) {
        let leaves = moved.leaves.get(&limit.asset).copied().unwrap_or_default().amount();
        let grants = allowed.finite.get(&limit.asset).copied().unwrap_or_default();
        if let Some(most) = &limit.per_transaction
            && leaves.max(grants) > most.amount()
        {
            let mut evidence = shown(limit.asset, leaves.max(grants));
            evidence["limit"] = Value::from(String::from(*most));
            evidence["as"] = Value::from(if leaves >= grants { "transfer" } else { "approval" });
            findings.add(SignalId::PolicyValueLimit, self.found("policy", evidence));
        }
        let spent = self.guard.past.spent(limit.asset);
        if let Some(most) = &limit.per_24h
            && !leaves.is_zero()
            && leaves.saturating_add(spent) > most.amount()
        {
            let mut evidence = shown(limit.asset, leaves);
            evidence["limit"] = Value::from(String::from(*most));
            evidence["spent_24h"] = Value::from(spent.to_string());
            findings.add(SignalId::PolicyDailyLimit, self.found("policy", evidence));
        }
    }

    fn touches(&self, asset: Holding, moved: &Moved, allowed: &Allowed) -> bool {
        let is_party = |token: Account| self.parties.iter().any(|party| party.account == token);
        asset == Holding::Any
            || moved.leaves.contains_key(&asset)
            || allowed.finite.contains_key(&asset)
            || allowed.unlimited.contains(&asset)
            || matches!(asset, Holding::Token(token) if is_party(token))
    }

    fn look_at_contracts(&self, limit: &Limit, findings: &mut Findings) {
        for party in self.others() {
            let is_contract = matches!(
                party.role,
                Role::Target | Role::Spender | Role::Operator | Role::Code | Role::Controller
            );
            let is_listed = self.is_allowed(&party.account) || self.known.is_well_known(&party.account);
            if is_contract && !is_listed {
                let mut evidence = party.evidence();
                evidence["limit_of"] = json!(limit.asset);
                findings.add(SignalId::PolicyContractNotListed, self.found("policy", evidence));
            }
        }
    }

    fn look_at_past(&self, moved: &Moved, numbers: Wallet, findings: &mut Findings) {
        let past = &self.guard.past;
        for (asset, amount) in &moved.leaves {
            let Some(usual) = past.usual(*asset).filter(|usual| usual.count >= numbers.usual_min) else {
                continue;
            };
            let amount = amount.amount();
            let (median, largest) = (usual.median.amount(), usual.largest.amount());
            let far = median.saturating_mul(U256::from(numbers.usual_times));
            if amount > largest && amount >= far && !median.is_zero() {
                let mut evidence = shown(*asset, amount);
                evidence["median"] = Value::from(median.to_string());
                evidence["largest"] = Value::from(largest.to_string());
                evidence["known"] = Value::from(usual.count);
                findings.add(SignalId::UnusualValue, self.found("wallet", evidence));
            }
        }
        if past.analyses < numbers.history_min {
            return;
        }
        let mut seen = BTreeSet::new();
        for party in self.others() {
            let is_old =
                self.inputs.history.contains(&party.account) || self.known.is_well_known(&party.account);
            if party.role != Role::Token && !is_old && seen.insert(party.account) {
                findings.add(SignalId::NewCounterparty, self.found("wallet", party.evidence()));
            }
        }
    }

    /// An allow list answers for whom it names and for how much: never against a report, a deception or a rule.
    fn look_at_allowed(&self, findings: &mut Findings) {
        let named: Vec<_> = self.others().filter(|party| self.is_allowed(&party.account)).collect();
        if named.is_empty() {
            return;
        }
        let is_answered = |id: SignalId| {
            let class = self.rules.signals.get(&id).map(|rule| rule.class);
            ANSWERED_FOR.contains(&id) || !matches!(class, Some(Class::Hard | Class::Evidence))
        };
        let is_listed = |who: &Account| self.is_allowed(who) || self.known.is_well_known(who);
        let counts = self.others().all(|party| is_listed(&party.account)) && findings.ids().all(is_answered);
        let id = if counts { SignalId::AllowListed } else { SignalId::AllowNotCounted };
        for party in named {
            findings.add(id, self.found("wallet", party.evidence()));
        }
    }
}

/// A collectible is no amount of anything.
fn holding(asset: &Asset) -> Option<Holding> {
    match asset {
        Asset::Coin => Some(Holding::Native),
        Asset::Token { token } => Some(Holding::Token(account(*token))),
        Asset::Item { .. } => None,
    }
}

fn shown(asset: Holding, amount: U256) -> Value {
    json!({"asset": asset, "amount": amount.to_string()})
}
