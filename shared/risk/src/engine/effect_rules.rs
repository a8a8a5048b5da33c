//! What each effect of a call or a message means.

use alloy_primitives::U256;
use scorpius_core::UnixMillis;
use serde_json::{Value, json};

use crate::address::Account;
use crate::calldata::{Call, Effect, Price, is_unlimited};
use crate::engine::findings::Findings;
use crate::engine::inputs::{Code, Inputs, Question};
use crate::engine::party_rules::Known;
use crate::engine::rules::{Rules, SignalId};
use crate::message::Reading;

pub(super) struct EffectRules<'a> {
    reading: &'a Reading,
    inputs: &'a Inputs,
    rules: &'a Rules,
    known: &'a Known<'a>,
    /// A permission that ends later than this, in seconds since 1970, is a far one.
    far: U256,
}

impl<'a> EffectRules<'a> {
    pub(super) fn new(
        reading: &'a Reading,
        inputs: &'a Inputs,
        rules: &'a Rules,
        known: &'a Known<'a>,
    ) -> Self {
        // Checked where inputs are made and read.
        let now = inputs.asked_at.parse().unwrap_or(UnixMillis(0));
        let far = U256::from(now.as_s().saturating_add(rules.permit_far_s));
        Self { reading, inputs, rules, known, far }
    }

    fn is_signature(&self) -> bool {
        matches!(self.inputs.question, Question::Signature { .. })
    }

    fn source(&self) -> &'static str {
        if self.is_signature() { "message" } else { "calldata" }
    }

    pub(super) fn look(&self, call: &Call, effect: &Effect, findings: &mut Findings) {
        let mut add = |id: SignalId, mut evidence: Value| {
            evidence["call"] = Value::from(call.path.as_str());
            findings.add(id, self.known.asked(self.source(), evidence));
        };
        match effect {
            Effect::Transfer { token, to, .. } if token == to => {
                add(SignalId::TransferToToken, json!({"token": token.checksummed()}));
            }
            Effect::Transfer { .. } | Effect::Revoke { .. } | Effect::Names { .. } | Effect::Beyond => {}
            Effect::Undelegate => {}
            Effect::Pay { token, to, .. } => {
                let evidence = json!({"token": token.checksummed(), "to": to.checksummed()});
                add(SignalId::SignedTransfer, evidence);
            }
            Effect::Allow { token, spender, amount, amount_max, until_s } => {
                let who = || json!({"token": token.checksummed(), "spender": spender.checksummed()});
                if is_unlimited(*amount, *amount_max) {
                    let mut evidence = who();
                    evidence["amount"] = Value::from(amount.to_string());
                    add(SignalId::UnlimitedApproval, evidence);
                }
                if let Some(until_s) = until_s.filter(|until| *until > self.far) {
                    let mut evidence = who();
                    evidence["until_s"] = Value::from(until_s.to_string());
                    add(SignalId::PermitFarDeadline, evidence);
                }
                self.look_at_spender(spender, who, &mut add);
            }
            Effect::AllowZero { token, spender } => {
                let who = || json!({"token": token.checksummed(), "spender": spender.checksummed()});
                self.look_at_spender(spender, who, &mut add);
            }
            Effect::AllowAll { token, operator } => {
                let who = || json!({"token": token.checksummed(), "spender": operator.checksummed()});
                add(SignalId::ApprovalForAll, who());
                self.look_at_spender(operator, who, &mut add);
            }
            Effect::Receive { to } => {
                let is_own = |own: &Account| own == to;
                let sender = self.inputs.question.sender();
                let mut own = sender.iter().chain(&self.reading.own);
                if sender.is_some() && !own.any(is_own) && !self.known.is_well_known(to) {
                    add(SignalId::RecipientMismatch, json!({"to": to.checksummed()}));
                }
            }
            Effect::NoMinimum => add(SignalId::NoMinimum, json!({})),
            Effect::Order { sells_collectible, price, .. } => {
                if let Some((id, evidence)) = self.order(*sells_collectible, price) {
                    add(id, evidence);
                }
            }
            Effect::Delegate { to, every_chain } => {
                let who = || json!({"code": to.checksummed()});
                if !self.known.is_well_known(to) {
                    add(SignalId::DelegatedCode, who());
                }
                if *every_chain {
                    add(SignalId::DelegationEverywhere, who());
                }
            }
            Effect::Run { code } => {
                if !self.known.is_account_code(code) {
                    add(SignalId::ForeignCode, json!({"code": code.checksummed()}));
                }
            }
            Effect::Control { wallet, what, who } => {
                let evidence = json!({
                    "of": wallet.checksummed(), "what": what, "who": who.map(|who| who.checksummed()),
                });
                add(SignalId::AccountControl, evidence);
            }
            Effect::Lure => {
                let pays =
                    matches!(&self.inputs.question, Question::Transaction { value, .. } if !value.is_zero());
                if pays {
                    add(SignalId::LureCall, json!({"function": call.function}));
                }
            }
        }
    }

    /// A right for somebody whom no registry knows; what the asker tells of them weighs here.
    fn look_at_spender(
        &self,
        spender: &Account,
        who: impl Fn() -> Value,
        add: &mut impl FnMut(SignalId, Value),
    ) {
        if self.known.is_well_known(spender) {
            return;
        }
        add(SignalId::UnknownSpender, who());
        if self.is_signature() {
            add(SignalId::SignedPermission, who());
        }
        let Some((state, code_told_by)) = self.known.state(spender) else { return };
        let told = |name: &str, value: Value, by: &str| {
            let mut evidence = who();
            evidence[name] = value;
            evidence["told_by"] = Value::from(by);
            evidence
        };
        let with = |name: &str, value: Value| told(name, value, "asker");
        if matches!(state.code, Some(Code::None | Code::Delegated)) {
            add(SignalId::SpenderIsEoa, told("code", json!(state.code), code_told_by));
        }
        if let Some(days) = state.age_days.filter(|days| *days < self.rules.fresh_days) {
            add(SignalId::SpenderIsFresh, with("age_days", Value::from(days)));
        }
        if state.verified == Some(false) && state.code != Some(Code::None) {
            add(SignalId::SpenderIsUnverified, with("verified", Value::from(false)));
        }
    }

    fn order(&self, sells_collectible: bool, price: &[Price]) -> Option<(SignalId, Value)> {
        if price.is_empty() {
            return Some((SignalId::OrderForNothing, json!({"sells_collectible": sells_collectible})));
        }
        let is_dust = |price: &Price| {
            let is_coin = price.token.is_none_or(|token| self.known.is_wrapped_coin(&token));
            let least = match is_coin && sells_collectible {
                true => self.rules.dust_coin,
                false => self.rules.dust_token,
            };
            price.amount < U256::from(least)
        };
        price.iter().all(is_dust).then(|| {
            let shown: Vec<_> = price
                .iter()
                .take(8)
                .map(|price| {
                    let token = price.token.map(|token| token.checksummed());
                    json!({"token": token, "amount": price.amount.to_string()})
                })
                .collect();
            let evidence = json!({"sells_collectible": sells_collectible, "price": shown});
            (SignalId::OrderDustPrice, evidence)
        })
    }
}
