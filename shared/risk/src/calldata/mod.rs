//! What a transaction's calldata asks for: calls, unwrapped, and what each would change.
//!
//! ```text
//! bytes ─> selector ─> arguments ─> Effect: transfer · allow · allow all · revoke
//!                ├─ multicall ─> each inner call, on the same contract
//!                └─ a Safe's transaction, a batch ─> each inner call, on its own contract
//! ```

mod accounts;
mod functions;
mod protocols;

use alloy_primitives::U256;
use serde_json::{Map, Value};

use crate::address::Account;

/// Bytes of calldata that are read. Ethereum's clients take transactions of 128 KB.
pub const CALLDATA_BYTES_MAX: usize = 131_072;
/// Calls of one transaction, inner ones included, that are read.
pub const CALLS_MAX: usize = 64;
/// Multicalls within multicalls that are unwrapped.
pub const DEPTH_MAX: usize = 4;
/// Effects of one call that are looked at; what is beyond counts as not decoded.
const EFFECTS_MAX: usize = 256;

/// What part an account plays in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The address that is asked about, in no transaction.
    Subject,
    /// Who signs the transaction.
    Sender,
    /// Whose tokens move.
    Owner,
    /// The contract that is called.
    Target,
    /// A token that another contract is told to move.
    Token,
    /// Who gets coins or tokens.
    Recipient,
    /// Who may take tokens from now on.
    Spender,
    /// Who may take every token of a collection from now on.
    Operator,
    /// Who may not take tokens any more.
    Revoked,
    /// Whose code an account runs as its own.
    Code,
    /// Who gets power over an account or a contract.
    Controller,
}

impl Role {
    /// As verdicts name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Sender => "sender",
            Self::Owner => "owner",
            Self::Target => "target",
            Self::Token => "token",
            Self::Recipient => "recipient",
            Self::Spender => "spender",
            Self::Operator => "operator",
            Self::Revoked => "revoked",
            Self::Code => "code",
            Self::Controller => "controller",
        }
    }
}

/// What a call would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Tokens, or one token by its id, move.
    Transfer {
        /// Which token.
        token: Account,
        /// Whose; `None` is the caller's.
        from: Option<Account>,
        /// To whom.
        to: Account,
        /// How much, or which of a collection by its id; `None` where only a collection has the function.
        amount: Option<U256>,
    },
    /// A spender may take up to `amount` (or the token of that id).
    Allow {
        /// Which token.
        token: Account,
        /// Who.
        spender: Account,
        /// How much; `U256::MAX` where a function knows only yes.
        amount: U256,
        /// The largest amount that the function can say.
        amount_max: U256,
        /// Until when, in seconds since 1970; `None` is for ever or not said.
        until_s: Option<U256>,
    },
    /// An operator may take every token of a collection.
    AllowAll {
        /// Which collection.
        token: Account,
        /// Who.
        operator: Account,
    },
    /// Amount 0 of a fungible token, which takes a right back, or the collectible with id 0, which gives
    /// one: `approve` has the same bytes for both.
    AllowZero {
        /// Which token.
        token: Account,
        /// Who.
        spender: Account,
    },
    /// A right is taken back.
    Revoke {
        /// On which token.
        token: Account,
        /// Whose right.
        spender: Account,
    },
    /// A transfer that anybody who has the signature may make.
    Pay {
        /// Which token.
        token: Account,
        /// Whose.
        from: Account,
        /// To whom.
        to: Account,
    },
    /// What an exchange, a pool or a vault pays out goes here.
    Receive {
        /// To whom.
        to: Account,
    },
    /// A swap that takes any price.
    NoMinimum,
    /// An order that anybody may fill.
    Order {
        /// Whose.
        maker: Account,
        /// Whether a collectible is among what is given.
        sells_collectible: bool,
        /// What the maker gets at least; nothing when empty.
        price: Vec<Price>,
    },
    /// The account gets a contract's code.
    Delegate {
        /// Which contract's.
        to: Account,
        /// On every chain, not on one.
        every_chain: bool,
    },
    /// The account gives up the code that it got.
    Undelegate,
    /// A smart account runs code as its own.
    Run {
        /// Whose.
        code: Account,
    },
    /// Power over an account or a contract changes.
    Control {
        /// Over which.
        wallet: Account,
        /// Which power.
        what: &'static str,
        /// Who gets it.
        who: Option<Account>,
    },
    /// A function with a name that promises something.
    Lure,
    /// An account that is named, and nothing more is known.
    Names {
        /// In which part.
        role: Role,
        /// Who.
        account: Account,
    },
    /// A part of the call was not read.
    Beyond,
}

/// What an order's maker gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// Which token; `None` is the chain's coin.
    pub token: Option<Account>,
    /// How much, in the token's smallest unit.
    pub amount: U256,
}

/// How well the bytes fit the function that their selector names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// No calldata: coins move, nothing is called by name.
    Plain,
    /// Exactly what the ABI's encoder writes.
    Canonical,
    /// The ABI's encoding, and this many bytes after it.
    Trailing(usize),
    /// Readable, and not what an encoder writes: dirty upper bytes, gaps, shared tails.
    NonCanonical,
    /// The selector is known and the arguments cannot be read.
    Malformed,
    /// A selector that is not in our table, or fewer than 4 bytes.
    Unknown,
}

impl Form {
    /// Whether nothing is called by name.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::Plain
    }
}

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    /// `0`, or `0.2` for the third call inside it.
    pub path: String,
    /// Whom it calls.
    pub target: Account,
    /// The first bytes, at most 4.
    pub selector: Vec<u8>,
    /// `approve(address,uint256)`, when it is known.
    pub function: Option<&'static str>,
    /// By name, as a reader may see them: numbers as decimal strings, long lists cut.
    pub arguments: Map<String, Value>,
    /// What it would change.
    pub effects: Vec<Effect>,
    /// How well the bytes fit.
    pub form: Form,
    /// Bytes of its calldata.
    pub size_bytes: usize,
}

/// A transaction's calls, outer before inner.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// At most `CALLS_MAX`.
    pub calls: Vec<Call>,
    /// Whether something was left unread: arguments that cannot be read, or a limit of this page.
    pub incomplete: bool,
}

/// Reads `data` as a call to `target`. Never fails: what cannot be read says so.
#[must_use]
pub fn read(target: Account, data: &[u8]) -> Calls {
    let mut calls = Calls::default();
    if data.len() > CALLDATA_BYTES_MAX {
        calls.incomplete = true;
        return calls;
    }
    calls.visit(target, "0".to_owned(), data, 0);
    calls
}

impl Calls {
    /// Whether it pays somebody, and nothing else: coins without a call, or one transfer of the caller's own tokens.
    #[must_use]
    pub fn is_payment(&self) -> bool {
        match self.calls.as_slice() {
            _ if self.incomplete => false,
            [] => true,
            [call] if call.form.is_plain() => true,
            [call] => matches!(call.effects[..], [Effect::Transfer { from: None, .. }]),
            _ => false,
        }
    }

    /// Takes `AllowZero` for what it is on a token that is known to be fungible.
    pub fn settle(&mut self, is_fungible: impl Fn(&Account) -> bool) {
        for effect in self.calls.iter_mut().flat_map(|call| &mut call.effects) {
            if let Effect::AllowZero { token, spender } = *effect
                && is_fungible(&token)
            {
                *effect = Effect::Revoke { token, spender };
            }
        }
    }

    fn visit(&mut self, target: Account, path: String, data: &[u8], depth: usize) {
        if self.calls.len() >= CALLS_MAX {
            self.incomplete = true;
            return;
        }
        let mut call = Call {
            path,
            target,
            selector: data.iter().take(4).copied().collect(),
            function: None,
            arguments: Map::new(),
            effects: Vec::new(),
            form: if data.is_empty() { Form::Plain } else { Form::Unknown },
            size_bytes: data.len(),
        };
        let Some((selector, arguments)) = data.split_first_chunk::<4>() else {
            self.calls.push(call);
            return;
        };
        if let Some(batch) = functions::multicall(*selector, arguments) {
            call.function = Some(batch.signature);
            self.incomplete |= batch.form == Form::Malformed;
            call.form = batch.form;
            call.arguments.insert("calls".to_owned(), Value::from(batch.inner.len()));
            let path = call.path.clone();
            self.calls.push(call);
            if depth >= DEPTH_MAX {
                self.incomplete |= !batch.inner.is_empty();
                return;
            }
            for (index, inner) in batch.inner.into_iter().enumerate() {
                if self.calls.len() >= CALLS_MAX {
                    self.incomplete = true;
                    return;
                }
                self.visit(target, format!("{path}.{index}"), inner, depth + 1);
            }
            return;
        }
        if let Some(carrier) = accounts::carrier(*selector, arguments) {
            self.incomplete |= carrier.form == Form::Malformed;
            call.function = Some(carrier.signature);
            call.form = carrier.form;
            call.effects = carrier.effects;
            call.arguments.insert("calls".to_owned(), Value::from(carrier.inner.len()));
            self.incomplete |= call.effects.contains(&Effect::Beyond);
            let path = call.path.clone();
            self.calls.push(call);
            if depth >= DEPTH_MAX {
                self.incomplete |= !carrier.inner.is_empty();
                return;
            }
            for (index, (target, inner)) in carrier.inner.into_iter().enumerate() {
                if self.calls.len() >= CALLS_MAX {
                    self.incomplete = true;
                    return;
                }
                self.visit(target, format!("{path}.{index}"), &inner, depth + 1);
            }
            return;
        }
        if let Some(read) = functions::read(target, *selector, arguments) {
            self.incomplete |= read.form == Form::Malformed;
            call.function = Some(read.signature);
            call.form = read.form;
            call.arguments = read.arguments;
            call.effects = read.effects;
            self.incomplete |= call.effects.contains(&Effect::Beyond);
            if call.effects.len() > EFFECTS_MAX {
                call.effects.truncate(EFFECTS_MAX);
                self.incomplete = true;
            }
        }
        self.calls.push(call);
    }
}

impl Effect {
    /// Each account that it names, with its part.
    #[must_use]
    pub fn parties(&self) -> Vec<(Role, Account)> {
        match *self {
            Self::Transfer { token, from, to, .. } => {
                let owner = from.map(|from| (Role::Owner, from));
                [(Role::Token, token), (Role::Recipient, to)].into_iter().chain(owner).collect()
            }
            Self::Allow { token, spender, .. } | Self::AllowZero { token, spender } => {
                vec![(Role::Token, token), (Role::Spender, spender)]
            }
            Self::AllowAll { token, operator } => vec![(Role::Token, token), (Role::Operator, operator)],
            Self::Revoke { token, spender } => vec![(Role::Token, token), (Role::Revoked, spender)],
            Self::Pay { token, from, to } => {
                vec![(Role::Token, token), (Role::Recipient, to), (Role::Owner, from)]
            }
            Self::Receive { to } => vec![(Role::Recipient, to)],
            Self::Order { maker, ref price, .. } => {
                let tokens = price.iter().filter_map(|price| price.token);
                let maker = Some(maker).filter(|maker| *maker != Account::ZERO);
                let maker = maker.map(|maker| (Role::Owner, maker));
                tokens.map(|token| (Role::Token, token)).chain(maker).collect()
            }
            Self::Delegate { to, .. } => vec![(Role::Code, to)],
            Self::Run { code } => vec![(Role::Code, code)],
            Self::Control { wallet, who, .. } => {
                let who = who.map(|who| (Role::Controller, who));
                [(Role::Target, wallet)].into_iter().chain(who).collect()
            }
            Self::Names { role, account } => vec![(role, account)],
            Self::NoMinimum | Self::Undelegate | Self::Lure | Self::Beyond => Vec::new(),
        }
    }
}

/// Whether `amount` is as good as everything: at least 2^255, the most that the function can say, or
/// all ones over 8 bytes or more, which only a program that means "all" writes.
#[must_use]
pub fn is_unlimited(amount: U256, amount_max: U256) -> bool {
    let bits = amount.bit_len();
    let all_ones = bits >= 64 && bits.is_multiple_of(8) && amount.count_ones() == bits;
    bits == 256 || amount == amount_max || all_ones
}

#[cfg(test)]
mod tests;
