//! What is found about each party, whatever it is a party to.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::address::Account;
use crate::calldata::Role;
use crate::engine::findings::{Finding, Findings};
use crate::engine::inputs::{AccountState, Code, Fact, Inputs, Party, Question, Says};
use crate::engine::rules::{Rules, SignalId};
use crate::lookalike::LookAlikes;

/// What is known of the parties of one question.
pub(super) struct Known<'a> {
    inputs: &'a Inputs,
    rules: &'a Rules,
    facts: BTreeMap<Account, Vec<&'a Fact>>,
    history: LookAlikes,
}

/// Accounts that belong to nobody.
enum Special {
    /// Zero, or one of the addresses that are used to burn.
    Burn,
    /// A precompiled contract.
    Precompile,
}

impl<'a> Known<'a> {
    pub(super) fn of(inputs: &'a Inputs, rules: &'a Rules) -> Self {
        let mut facts: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for fact in &inputs.facts {
            facts.entry(fact.account).or_default().push(fact);
        }
        let history = LookAlikes::of(inputs.history.iter().copied());
        Self { inputs, rules, facts, history }
    }

    pub(super) fn is_well_known(&self, account: &Account) -> bool {
        self.said(account, Says::WellKnown).next().is_some()
    }

    /// Whether a registry knows it as the chain's coin in a token's form.
    pub(super) fn is_wrapped_coin(&self, account: &Account) -> bool {
        self.kinds(account).any(|kind| kind == "wrapped-native")
    }

    /// Whether a registry knows it as code that a smart account runs as its own.
    pub(super) fn is_account_code(&self, account: &Account) -> bool {
        self.kinds(account).any(|kind| kind.starts_with("safe"))
    }

    fn kinds(&self, account: &Account) -> impl Iterator<Item = &'a str> {
        self.said(account, Says::WellKnown).filter_map(|fact| fact.row.kind.as_deref())
    }

    /// What the asker tells of `account`, and what the chain has there; who says what is there.
    pub(super) fn state(&self, account: &Account) -> Option<(AccountState, &'static str)> {
        let told = self.inputs.accounts.iter().find(|state| state.address == *account).cloned();
        let simulated = self.inputs.simulation.as_ref();
        let read = simulated
            .and_then(|ground| Some((ground.code(account)?, ground.told_by())))
            .or_else(|| self.token_s_code(account));
        match (told, read) {
            (told, Some((code, by))) => {
                let unknown = AccountState { address: *account, code: None, age_days: None, verified: None };
                Some((AccountState { code: Some(code), ..told.unwrap_or(unknown) }, by))
            }
            (Some(told), None) => Some((told, "asker")),
            (None, None) => None,
        }
    }

    /// What lists say of `account`, of these things.
    pub(super) fn listed_as(&self, account: &Account, says: &[Says]) -> impl Iterator<Item = &'a Fact> {
        let facts = self.facts.get(account).into_iter().flatten().copied();
        facts.filter(|fact| says.contains(&fact.says))
    }

    fn token_s_code(&self, account: &Account) -> Option<(Code, &'static str)> {
        let is_it = matches!(self.inputs.question, Question::Token { address, .. } if address == *account);
        let token = self.inputs.token.as_ref().filter(|_| is_it)?;
        let code = if token.code.as_ref()?.bytes == 0 { Code::None } else { Code::Contract };
        Some((code, token.told_by.name()))
    }

    /// The well-known token whose name `account` goes by.
    pub(super) fn namesakes(&self, party: &Party) -> Vec<Finding> {
        let said = self.said(&party.account, Says::Namesake);
        said.map(|fact| fact.finding(party, self.as_of(fact))).collect()
    }

    pub(super) fn is_fungible(&self, account: &Account) -> bool {
        self.kinds(account).any(|kind| matches!(kind, "token" | "wrapped-native"))
    }

    fn said(&self, account: &Account, says: Says) -> impl Iterator<Item = &'a Fact> {
        self.facts.get(account).into_iter().flatten().copied().filter(move |fact| fact.says == says)
    }

    fn as_of(&self, fact: &Fact) -> &'a str {
        let list = self.inputs.lists.iter().find(|list| list.name == fact.list);
        list.map_or(self.inputs.asked_at.as_str(), |list| list.as_of.as_str())
    }

    /// Something found in the request itself.
    pub(super) fn asked(&self, source: &str, evidence: Value) -> Finding {
        Finding { evidence, source: source.to_owned(), as_of: self.inputs.asked_at.clone() }
    }

    /// Looks at `parties`; those whose rights are taken back are only shown.
    pub(super) fn look(&self, parties: &[Party], findings: &mut Findings) {
        for party in parties {
            match party.role {
                Role::Revoked => {
                    findings.add(SignalId::RevokedParty, self.asked("calldata", party.evidence()));
                }
                Role::Sender | Role::Owner => self.look_at_lists(party, findings),
                Role::Subject
                | Role::Target
                | Role::Token
                | Role::Recipient
                | Role::Spender
                | Role::Operator
                | Role::Code
                | Role::Controller => {
                    self.look_at_lists(party, findings);
                    self.look_at_digits(party, findings);
                }
            }
        }
        self.look_at_trust(parties, findings);
    }

    fn look_at_lists(&self, party: &Party, findings: &mut Findings) {
        for (says, id) in [
            (Says::Sanctioned, SignalId::SanctionsList),
            (Says::Threat, SignalId::ThreatList),
            (Says::Delisted, SignalId::FormerlyListed),
        ] {
            for fact in self.said(&party.account, says) {
                findings.add(id, fact.finding(party, self.as_of(fact)));
            }
        }
    }

    /// What lists say of the site. Who reports a name speaks of all below it; who vouches for one does not
    /// vouch against a report.
    pub(super) fn look_at_site(&self, findings: &mut Findings) {
        // A signature is not safer for who asks for it.
        let judged = matches!(self.inputs.question, Question::Domain { .. });
        let reported =
            self.inputs.sites.iter().any(|fact| matches!(fact.says, Says::Threat | Says::Sanctioned));
        for fact in &self.inputs.sites {
            let id = match fact.says {
                Says::Sanctioned => SignalId::SanctionsList,
                Says::Threat => SignalId::ThreatList,
                Says::Delisted => SignalId::FormerlyListed,
                Says::WellKnown if judged && !reported => SignalId::KnownDomain,
                Says::WellKnown | Says::Imitates | Says::Namesake => continue,
            };
            let list = self.inputs.lists.iter().find(|list| list.name == fact.list);
            let as_of = list.map_or(self.inputs.asked_at.as_str(), |list| list.as_of.as_str());
            findings.add(id, fact.finding(as_of));
        }
    }

    /// What the address itself tells: nobody's, searched for, or made to look like another.
    fn look_at_digits(&self, party: &Party, findings: &mut Findings) {
        let account = &party.account;
        let asked = |source| self.asked(source, party.evidence());
        match special(account) {
            Some(Special::Burn) => return findings.add(SignalId::BurnAddress, asked("request")),
            Some(Special::Precompile) => return findings.add(SignalId::Precompile, asked("request")),
            None => {}
        }
        for fact in self.said(account, Says::Imitates) {
            findings.add(SignalId::LookalikeKnown, fact.finding(party, self.as_of(fact)));
        }
        if let Some(twin) = self.history.twin(account) {
            let id = match self.history.contains(account) {
                true => SignalId::LookalikeAmbiguous,
                false => SignalId::LookalikeHistory,
            };
            let (left, right) = account.common_digits(&twin);
            let mut evidence = party.evidence();
            evidence["looks_like"] = Value::from(twin.checksummed());
            evidence["equal_digits"] = json!({"leading": left, "trailing": right});
            findings.add(id, self.asked("history", evidence));
        }
        let zeros = account.leading_zeros();
        if zeros >= self.rules.vanity_zeros_min && !self.is_well_known(account) {
            let mut evidence = party.evidence();
            evidence["leading_zeros"] = Value::from(zeros);
            findings.add(SignalId::VanityAddress, self.asked("request", evidence));
        }
    }

    /// Whoever is on another side than the signer's, and is somebody.
    pub(super) fn others<'p>(&self, parties: &'p [Party]) -> impl Iterator<Item = &'p Party> + use<'p> {
        parties
            .iter()
            .filter(|party| !matches!(party.role, Role::Sender | Role::Owner | Role::Revoked))
            .filter(|party| special(&party.account).is_none())
    }

    /// Trust needs every other side to be known; whoever is not, was not looked up on the chain.
    fn look_at_trust(&self, parties: &[Party], findings: &mut Findings) {
        let others = || self.others(parties);
        let unknown = || others().filter(|party| !self.is_well_known(&party.account));
        if others().next().is_some() && unknown().next().is_none() {
            for party in others() {
                for fact in self.said(&party.account, Says::WellKnown) {
                    findings.add(SignalId::WellKnown, fact.finding(party, self.as_of(fact)));
                }
            }
        }
        // Of an address alone: whoever wanted its code read is told that it was not, also of one that is well known.
        let unread = self.inputs.code_unread;
        let is_unseen =
            |party: &Party| !self.is_well_known(&party.account) && self.state(&party.account).is_none();
        for party in others().filter(|party| unread.is_some() || is_unseen(party)) {
            let mut evidence = party.evidence();
            if let Some(why) = unread {
                evidence["code_unread"] = json!(why);
            }
            findings.add(SignalId::NoChainData, self.asked("chain", evidence));
        }
    }
}

fn special(account: &Account) -> Option<Special> {
    let (head, tail) = account.bytes().split_at(18);
    let number = match tail {
        [high, low] => u16::from(*high) << 8 | u16::from(*low),
        _ => return None,
    };
    let zeros = head.iter().all(|byte| *byte == 0);
    let repeated = |text: &[u8]| head.iter().zip(text.iter().cycle()).all(|(one, two)| one == two);
    match number {
        0 | 0xdead if zeros => Some(Special::Burn),
        // 0xdead…dead, as several token issuers use it.
        0xdead if repeated(&[0xde, 0xad]) => Some(Special::Burn),
        // EIP-4844 ends at 0x0a, EIP-2537 at 0x11; EIP-7951 is 0x100.
        1..=0x11 | 0x100 if zeros => Some(Special::Precompile),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<bool>) {
        let account: Account = text.parse().expect("an address");
        assert_eq!(special(&account).map(|special| matches!(special, Special::Burn)), expected, "{text}");
    }

    #[test]
    fn addresses_that_belong_to_nobody_are_known() {
        check("0x0000000000000000000000000000000000000000", Some(true));
        check("0x000000000000000000000000000000000000dead", Some(true));
        check("0xdeaddeaddeaddeaddeaddeaddeaddeaddeaddead", Some(true));
        check("0x0000000000000000000000000000000000000001", Some(false));
        check("0x0000000000000000000000000000000000000011", Some(false));
        check("0x0000000000000000000000000000000000000100", Some(false));
        check("0x0000000000000000000000000000000000000012", None);
        check("0x0100000000000000000000000000000000000001", None);
    }
}
