//! Everything that a verdict is made from, as one document.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use scorpius_core::UnixMillis;
use scorpius_evm::Unread;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::address::{Account, ChainId};
use crate::calldata::{self, Role};
use crate::code::Looked;
use crate::domain::{self, Domain};
pub use crate::engine::amounts::{BadCalldata, BadWei, Calldata, Wei};
use crate::engine::exposure::{Dealing, reached};
use crate::engine::ground::Ground;
use crate::engine::guard::Guard;
pub use crate::engine::listed::{Fact, Says};
use crate::engine::listed::{SiteFact, facts};
use crate::engine::rules::{RuleSet, SignalId};
use crate::engine::verdict::{Block, Subject};
use crate::foreign::ForeignAccount;
use crate::intel::Indicator;
use crate::likelihood;
use crate::lists::{ListRef, Lists};
use crate::message::{Message, Note, Reading};
use crate::model::Class;
use crate::token::TokenSeen;

/// Addresses of a history.
pub const HISTORY_MAX: usize = 1_000;
/// Accounts whose state is told.
pub const ACCOUNTS_MAX: usize = 64;
/// The form of this document.
const SCHEMA: u32 = 1;

/// What is to be judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Question {
    /// An address.
    Address {
        /// On which chain.
        chain: ChainId,
        /// Which.
        address: Account,
    },
    /// An account of a chain that is not an EVM chain.
    ForeignAddress {
        /// Which, with its chain.
        account: ForeignAccount,
    },
    /// A token, before it is bought or approved.
    Token {
        /// On which chain.
        chain: ChainId,
        /// Its contract.
        address: Account,
    },
    /// A transaction.
    Transaction {
        /// On which chain.
        chain: ChainId,
        /// Who would sign it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Account>,
        /// Whom it calls or pays.
        to: Account,
        /// What it carries.
        value: Wei,
        /// What it asks for.
        data: Calldata,
        /// Parts that were not written as the specification says, in words.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        irregular: Vec<String>,
    },
    /// A message to be signed.
    Signature {
        /// On which chain.
        chain: ChainId,
        /// Who would sign it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Account>,
        /// The site that asks for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<String>,
        /// What is signed.
        message: Message,
    },
    /// A site.
    Domain {
        /// Its name.
        domain: Domain,
        /// Days since it was registered, as the asker tells.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        age_days: Option<u32>,
    },
}

/// What is at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Code {
    /// No code: a key's account.
    None,
    /// A contract.
    Contract,
    /// A key's account that has a contract's code (EIP-7702).
    Delegated,
}

/// What the asker knows of an account's state. Nobody checked it: a verdict names the asker as its source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountState {
    /// Which account.
    pub address: Account,
    /// What is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// Days since it was first seen, or deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_days: Option<u32>,
    /// Whether its source is published and matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
}

/// An account in its part, and in which call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Party {
    /// Which part.
    pub role: Role,
    /// Who.
    pub account: Account,
    /// The call's path; `None` for the transaction itself.
    pub call: Option<String>,
}

impl Question {
    /// On which EVM chain, if on one.
    #[must_use]
    pub fn chain(&self) -> Option<ChainId> {
        match self {
            Self::Domain { .. } | Self::ForeignAddress { .. } => None,
            Self::Address { chain, .. }
            | Self::Token { chain, .. }
            | Self::Transaction { chain, .. }
            | Self::Signature { chain, .. } => Some(*chain),
        }
    }

    /// What it asks for.
    #[must_use]
    pub fn read(&self) -> Reading {
        match self {
            Self::Address { .. } | Self::ForeignAddress { .. } | Self::Token { .. } => Reading::default(),
            Self::Transaction { to, data, irregular, .. } => {
                let role = if data.bytes().is_empty() { Role::Recipient } else { Role::Target };
                let calls = calldata::read(*to, data.bytes());
                let note =
                    |what: &String| Note { id: SignalId::IrregularValue, evidence: json!({"what": what}) };
                let notes = irregular.iter().map(note).collect();
                Reading { calls, notes, target: Some((role, *to)), ..Reading::default() }
            }
            Self::Signature { chain, origin, message, .. } => message.read(*chain, origin.as_deref()),
            Self::Domain { domain, .. } => Reading { notes: domain::look(domain), ..Reading::default() },
        }
    }

    /// Who signs.
    #[must_use]
    pub fn sender(&self) -> Option<Account> {
        match self {
            Self::Address { .. } | Self::ForeignAddress { .. } | Self::Token { .. } | Self::Domain { .. } => {
                None
            }
            Self::Transaction { from, .. } | Self::Signature { from, .. } => *from,
        }
    }

    /// Everyone in it, each part of each account once. What an account sends to itself makes it no party.
    #[must_use]
    pub fn parties(&self, reading: &Reading) -> Vec<Party> {
        if let Self::Address { address, .. } | Self::Token { address, .. } = self {
            return vec![Party { role: Role::Subject, account: *address, call: None }];
        }
        let sender = self.sender();
        let mut seen = BTreeSet::new();
        let own = sender.map(|from| (Role::Sender, from)).into_iter().chain(reading.target);
        let own = own.map(|(role, account)| Party { role, account, call: None });
        let inner = reading.calls.calls.iter().flat_map(|call| {
            let parties = call.effects.iter().flat_map(calldata::Effect::parties);
            let own_role = (!call.form.is_plain() && call.path != "0").then_some((Role::Target, call.target));
            let parties = own_role.into_iter().chain(parties);
            parties.map(|(role, account)| Party { role, account, call: Some(call.path.clone()) })
        });
        let is_own = |account: &Account| sender == Some(*account) || reading.own.contains(account);
        own.chain(inner)
            .filter(|party| !(party.role == Role::Recipient && is_own(&party.account)))
            // A message without contract.
            .filter(|party| !(party.account == Account::ZERO && party.role == Role::Token))
            .filter(|party| seen.insert((party.role, party.account)))
            .collect()
    }

    /// Everyone in it, once.
    #[must_use]
    pub fn accounts(&self) -> Vec<Account> {
        let parties = self.parties(&self.read());
        let accounts: BTreeSet<_> = parties.into_iter().map(|party| party.account).collect();
        accounts.into_iter().collect()
    }

    /// The site that is judged, or that asks for a signature.
    #[must_use]
    pub fn site(&self) -> Option<Domain> {
        match self {
            Self::Domain { domain, .. } => Some(domain.clone()),
            Self::Signature { origin, .. } => origin.as_deref()?.parse().ok(),
            Self::Address { .. }
            | Self::ForeignAddress { .. }
            | Self::Token { .. }
            | Self::Transaction { .. } => None,
        }
    }

    /// All that lists are asked about: everyone in it, and the site with every name above it.
    #[must_use]
    pub fn indicators(&self) -> Vec<Indicator> {
        if let Self::ForeignAddress { account } = self {
            return vec![account.indicator()];
        }
        let accounts = self.accounts().into_iter().map(Indicator::Evm);
        let sites = self.site();
        accounts.chain(sites.iter().flat_map(Indicator::of_site)).collect()
    }

    /// Who would get rights over tokens or accounts.
    #[must_use]
    pub fn spenders(&self) -> BTreeSet<Account> {
        let parties = self.parties(&self.read());
        let gets = |party: &Party| matches!(party.role, Role::Spender | Role::Operator | Role::Code);
        parties.into_iter().filter(gets).map(|party| party.account).collect()
    }

    pub(crate) fn subject(&self, reading: &Reading) -> Subject {
        match self {
            Self::Address { chain, address } => {
                Subject::Address { chain: chain.to_string(), address: address.checksummed() }
            }
            Self::Token { chain, address } => {
                Subject::Token { chain: chain.to_string(), address: address.checksummed() }
            }
            Self::ForeignAddress { account } => {
                Subject::Address { chain: account.chain().to_owned(), address: account.text().to_owned() }
            }
            Self::Transaction { chain, from, to, value, data, .. } => Subject::Transaction {
                chain: chain.to_string(),
                from: from.map(|from| from.checksummed()),
                to: to.checksummed(),
                value: (*value).into(),
                data_sha256: hex::encode(Sha256::digest(data.bytes())),
                data_bytes: data.bytes().len(),
            },
            Self::Domain { domain, .. } => {
                Subject::Domain { domain: domain.ascii().to_owned(), unicode: domain.unicode().to_owned() }
            }
            Self::Signature { chain, from, origin, .. } => {
                let signed = reading.signed.as_ref();
                Subject::Signature {
                    chain: chain.to_string(),
                    from: from.map(|from| from.checksummed()),
                    origin: origin.clone(),
                    scheme: signed.map(|signed| signed.scheme).unwrap_or_default().to_owned(),
                    primary_type: signed.and_then(|signed| signed.primary_type.clone()),
                    contract: reading.target.map(|(_, contract)| contract.checksummed()),
                    hash: signed.map(|signed| format!("0x{}", hex::encode(signed.hash))).unwrap_or_default(),
                }
            }
        }
    }
}

/// All that the engine looks at. The same document gives the same verdict, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// The form of this document: 1.
    pub schema: u32,
    /// The id that the verdict will have.
    pub verdict_id: String,
    /// When it was asked, RFC 3339.
    pub asked_at: String,
    /// What is to be judged.
    pub question: Question,
    /// Accounts that the asker has dealt with, by address.
    pub history: Vec<Account>,
    /// The lists that were asked.
    pub lists: Vec<ListRef>,
    /// What they said.
    pub facts: Vec<Fact>,
    /// Where the chain was read; `None` when it was not.
    pub block: Option<Block>,
    /// What the asker tells of accounts, by address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<AccountState>,
    /// What the asker tells of who dealt with whom.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dealings: Vec<Dealing>,
    /// What lists said of the site that is judged or that asks for a signature, or of an account of another kind of chain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sites: Vec<SiteFact>,
    /// What a transaction is simulated over, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulation: Option<Ground>,
    /// What was seen of a token that is judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenSeen>,
    /// Code that was looked at by itself, where it tells something.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<Looked>,
    /// What the guard of the wallet adds whose transaction it is, if it is one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
    /// Why the code of the address was not read, or not to the end, where it was to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_unread: Option<Unread>,
    /// By what the likelihood is made, if it is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likelihood: Option<likelihood::Asked>,
}

impl Inputs {
    /// Asks `lists` about everyone in `question`.
    #[must_use]
    pub fn gather(
        question: Question,
        history: &[Account],
        lists: &Lists,
        verdict_id: String,
        asked_at: UnixMillis,
    ) -> Self {
        let accounts = question.accounts();
        let chain = question.chain();
        let of = |account: &Account| chain.map(|chain| facts(account, chain, lists)).unwrap_or_default();
        let facts = accounts.iter().flat_map(of).collect();
        let history: BTreeSet<_> = history.iter().copied().collect();
        Self {
            schema: SCHEMA,
            verdict_id,
            asked_at: asked_at.to_string(),
            question,
            history: history.into_iter().collect(),
            lists: lists.iter().map(|list| list.reference().clone()).collect(),
            facts,
            block: None,
            accounts: Vec::new(),
            dealings: Vec::new(),
            sites: Vec::new(),
            simulation: None,
            token: None,
            codes: Vec::new(),
            guard: None,
            code_unread: None,
            likelihood: None,
        }
    }

    /// With what the asker tells of who dealt with whom, and what `lists` say of everybody within reach.
    #[must_use]
    pub fn dealt(mut self, dealings: &[Dealing], lists: &Lists) -> Self {
        let (own, chain) = (self.question.accounts(), self.question.chain());
        let others = reached(&self.question, dealings).into_iter().filter(|other| !own.contains(other));
        let of = |account: Account| chain.map(|chain| facts(&account, chain, lists)).unwrap_or_default();
        self.facts.extend(others.flat_map(of));
        self.facts.sort_by_key(|fact| fact.account);
        self.dealings = dealings.to_vec();
        self.dealings.sort();
        self.dealings.dedup();
        self
    }

    /// With what was seen of the token, at `block`, and what `lists` have under the names that it gives itself.
    #[must_use]
    pub fn seen(mut self, token: TokenSeen, block: Option<Block>, lists: &Lists) -> Self {
        if let Question::Token { chain, address } = self.question {
            let known = self.facts.iter().any(|fact| fact.account == address && fact.says == Says::WellKnown);
            let namesake = token.answers.as_ref().filter(|_| !known);
            let namesake = namesake.and_then(|answers| lists.namesake(answers, chain));
            self.facts.extend(namesake.map(|(list, row)| Fact {
                account: address,
                says: Says::Namesake,
                list: list.reference().name.clone(),
                row: row.clone(),
            }));
        }
        self.block = block;
        self.token = Some(token);
        self
    }

    /// With what the asker tells of accounts; the first that is said of one counts.
    #[must_use]
    pub fn told(mut self, accounts: &[AccountState]) -> Self {
        self.accounts = accounts.to_vec();
        self.accounts.sort();
        self.accounts.dedup_by_key(|state| state.address);
        self
    }

    /// With what the transaction is simulated over.
    #[must_use]
    pub fn over(mut self, ground: Option<Ground>) -> Self {
        self.block = ground.as_ref().and_then(Ground::block);
        self.simulation = ground;
        self
    }

    /// With code that was looked at, as far as it tells something.
    #[must_use]
    pub fn coded(self, mut codes: Vec<Looked>) -> Self {
        codes.sort_by_key(|looked| looked.account);
        Self { codes, ..self }
    }

    /// With what the guard of the wallet adds.
    #[must_use]
    pub fn guarded(self, guard: Option<Guard>) -> Self {
        Self { guard, ..self }
    }

    /// The rules of this release that judge it.
    #[must_use]
    pub fn rules(&self) -> &'static RuleSet {
        let is_named = matches!(self.question, Question::Domain { .. })
            && RuleSet::extended().model(Class::Domain).is_some();
        match (self.guard.is_some(), is_named || !self.codes.is_empty()) {
            (false, false) => RuleSet::base(),
            (true, false) => RuleSet::wallet(),
            (false, true) => RuleSet::extended(),
            (true, true) => RuleSet::wallet_extended(),
        }
    }

    /// Reads what `canonical` wrote.
    ///
    /// # Errors
    /// When it is another document or of another form.
    pub fn parse(json: &[u8]) -> Result<Self, BadInputs> {
        let inputs: Self = serde_json::from_slice(json)?;
        if let Some(ground) = &inputs.simulation {
            ground.check()?;
        }
        match inputs.schema == SCHEMA && inputs.asked_at.parse::<UnixMillis>().is_ok() {
            true => Ok(inputs),
            false => Err(BadInputs::Schema(inputs.schema)),
        }
    }

    /// RFC 8785 bytes.
    ///
    /// # Panics
    /// Never: inputs have string keys and whole numbers only.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        serde_json_canonicalizer::to_vec(self).expect("inputs have string keys and whole numbers only")
    }
}

/// A document that is not a verdict's inputs.
#[derive(Debug, thiserror::Error)]
pub enum BadInputs {
    /// Of another shape.
    #[error("not the inputs of a verdict")]
    Form(#[from] serde_json::Error),
    /// With a state that cannot be run over.
    #[error("a state that cannot be run over")]
    State(#[from] scorpius_evm::BadState),
    /// Of a form that this release does not read, or without a time.
    #[error("inputs of form {0} are not read")]
    Schema(u32),
}
