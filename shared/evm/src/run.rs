//! What one run did.

use alloy_primitives::{Address, U256};
use serde::Serialize;

use crate::event::{Asset, Event};
use crate::words::{Delta, amount, amount_or_none};

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Status {
    /// It went through.
    Success,
    /// A contract took it back.
    Reverted {
        /// In the contract's words; hex after `0x` where it has none of the usual form.
        reason: String,
    },
    /// The EVM ended it.
    Halted {
        /// Why.
        reason: String,
    },
    /// No block would take it.
    Rejected {
        /// Why.
        reason: String,
    },
}

impl Status {
    /// Whether it went through.
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Success)
    }
}

/// How a call was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names of the EVM's instructions")]
pub enum CallKind {
    Call,
    Callcode,
    Delegatecall,
    Staticcall,
    Create,
    Create2,
    Selfdestruct,
}

/// One call inside a run, in the order of their beginnings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// 0 is the transaction itself.
    pub depth: u32,
    /// How.
    pub kind: CallKind,
    /// Who called.
    pub from: Address,
    /// Whose code ran; of a creation, what came to be there.
    pub to: Address,
    /// Wei that went along.
    #[serde(with = "amount")]
    pub value: U256,
    /// The first four bytes of the calldata, hex after `0x`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// Whether it was taken back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
}

/// What an account has more or less of something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Whose.
    pub account: Address,
    /// Of what.
    pub asset: Asset,
    /// As the events tell it; of the chain's coin, as the state shows it.
    pub by_events: Delta,
    /// What the token's own `balanceOf` says afterwards less what it said before, where it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<Delta>,
}

impl Change {
    /// What was measured; what events tell, where nothing could be.
    #[must_use]
    pub fn delta(&self) -> Delta {
        self.measured.unwrap_or(self.by_events)
    }

    /// Whether the token's events and its balances tell two stories.
    #[must_use]
    pub fn is_contradictory(&self) -> bool {
        self.measured.is_some_and(|measured| measured != self.by_events)
    }
}

/// A right over tokens after a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Approval {
    /// Whose tokens.
    pub owner: Address,
    /// Who may take them.
    pub spender: Address,
    /// Which. Of all of a collection, `Asset::Token`.
    pub asset: Asset,
    /// Permit2, where that keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub through: Option<Address>,
    /// What the event says; 0 takes it back. Everything of a collection is 2^256 - 1.
    #[serde(with = "amount")]
    pub amount: U256,
    /// What the token's own `allowance` said before.
    #[serde(skip_serializing_if = "Option::is_none", with = "amount_or_none")]
    pub before: Option<U256>,
    /// What it says afterwards.
    #[serde(skip_serializing_if = "Option::is_none", with = "amount_or_none")]
    pub after: Option<U256>,
    /// When it ends, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
}

impl Approval {
    /// What may be taken afterwards, as far as is known.
    #[must_use]
    pub fn allowed(&self) -> U256 {
        self.after.unwrap_or(self.amount)
    }

    /// Whether more may be taken than before.
    #[must_use]
    pub fn is_grant(&self) -> bool {
        self.allowed() > self.before.unwrap_or_default()
    }
}

/// What one run did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Run {
    /// How it ended.
    #[serde(flatten)]
    pub status: Status,
    /// Gas that is paid for.
    pub gas_used: u64,
    /// What was told, in order. Nothing, if it did not go through.
    pub events: Vec<Event>,
    /// Balances that are otherwise, by account and asset. Fees are not in them.
    pub changes: Vec<Change>,
    /// Rights over tokens that were given or taken back, the last word on each.
    pub approvals: Vec<Approval>,
    /// Calls, as many as the limit lets through.
    pub calls: Vec<Call>,
    /// Calls in all.
    pub calls_count: u64,
    /// Whether events, changes or approvals were more than the limits let through.
    pub shortened: bool,
}

impl Run {
    /// The changes of `account`.
    pub fn changes_of(&self, account: Address) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(move |change| change.account == account)
    }
}
