//! What a transaction is simulated over.

use scorpius_core::chain::{NodeLog, NodeRun};
use scorpius_evm::{
    Address, B256, BadState, Cut, Event, Limits, Run, Simulation, State, Transaction, U256, Unread, event,
    simulate,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::address::Account;
use crate::engine::inputs::{Code, Inputs, Question};
use crate::engine::verdict::Block;

/// What delegated code begins with (EIP-7702).
const DELEGATION: [u8; 3] = [0xef, 0x01, 0x00];

/// Who tells what the state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Teller {
    /// The asker; nobody checked it.
    Asker,
    /// A node of the chain.
    Chain,
}

/// A node's own simulation (`eth_simulateV1`), as far as it can be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSaid {
    /// Whether it goes through.
    pub succeeded: bool,
    /// Events of tokens and of control that its logs tell of.
    pub events: u64,
    /// SHA-256 of them as canonical JSON (RFC 8785), in hex.
    pub events_sha256: String,
}

impl NodeSaid {
    /// Of what a node answered.
    #[must_use]
    pub fn of(run: &NodeRun) -> Self {
        let read = |log: &NodeLog| {
            let topics: Vec<_> = log.topics.iter().map(|topic| B256::from(*topic)).collect();
            event::read(Address::from(log.address), &topics, &log.data)
        };
        Self::made(run.succeeded, &run.logs.iter().flat_map(read).collect::<Vec<_>>())
    }

    /// What a node would say if it agreed with `run`.
    #[must_use]
    pub(super) fn of_run(run: &Run) -> Self {
        Self::made(run.status.is_success(), &run.events)
    }

    fn made(succeeded: bool, events: &[Event]) -> Self {
        // INVARIANT: events are text and whole numbers.
        let canonical = serde_json_canonicalizer::to_vec(&events).unwrap_or_default();
        Self { succeeded, events: events.len() as u64, events_sha256: hex::encode(Sha256::digest(canonical)) }
    }
}

impl Teller {
    /// As evidence names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Asker => "asker",
            Self::Chain => "chain",
        }
    }
}

/// The state that a transaction is run over, and what else its run depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ground {
    /// Who tells it.
    pub told_by: Teller,
    /// As far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// Why it is not known, or not all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<Unread>,
    /// What the node says of the transaction, where it was asked for its own opinion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeSaid>,
    /// Gas that the transaction may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gas_limit: Option<u64>,
    /// Wei per gas that it would pay, decimal.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "scorpius_evm::words::amount_or_none")]
    pub gas_price: Option<U256>,
}

/// Why there is no simulation that can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotSimulated {
    /// State is missing for this reason.
    Unread(Unread),
    /// The state that was told does not hold what the transaction reads.
    Missing(usize),
    /// It took too much.
    Cut(Cut),
    /// The state is not one that can be run over, or the transaction names no sender.
    Unfit,
}

impl Ground {
    /// Checks its limits.
    ///
    /// # Errors
    /// `BadState`.
    pub fn check(&self) -> Result<(), BadState> {
        if self.gas_limit.is_some_and(|gas| gas > scorpius_evm::words::SAFE_MAX) {
            return Err(BadState::Number("gas_limit"));
        }
        self.state.as_ref().map_or(Ok(()), State::check)
    }

    /// The block at which a node told it.
    #[must_use]
    pub fn block(&self) -> Option<Block> {
        match (self.told_by, &self.state) {
            (Teller::Chain, Some(state)) => {
                Some(Block { number: state.block.number, hash: state.block.hash.to_string() })
            }
            _ => None,
        }
    }

    /// Whether the node came to the same as `run`; `None` where it said nothing, or where `run` leaves events out.
    pub(super) fn node_agrees(&self, run: &Run) -> Option<bool> {
        let node = self.node.as_ref().filter(|_| !run.shortened)?;
        Some(*node == NodeSaid::of_run(run))
    }

    /// As evidence names the teller.
    pub(super) fn told_by(&self) -> &'static str {
        self.told_by.name()
    }

    /// What is at `account`, if that is known.
    #[must_use]
    pub fn code(&self, account: &Account) -> Option<Code> {
        let state = self.state.as_ref()?;
        match state.accounts.get(&address(account)) {
            Some(known) if known.code.starts_with(&DELEGATION) => Some(Code::Delegated),
            Some(known) if known.code.is_empty() => Some(Code::None),
            Some(_) => Some(Code::Contract),
            None => state.whole.then_some(Code::None),
        }
    }

    /// `question` as it would be run.
    #[must_use]
    pub fn transaction(&self, question: &Question) -> Option<Transaction> {
        let Question::Transaction { from: Some(from), to, value, data, .. } = question else { return None };
        Some(Transaction {
            from: address(from),
            to: address(to),
            value: value.amount(),
            data: data.bytes().to_vec().into(),
            gas_limit: self.gas_limit,
            gas_price: self.gas_price,
        })
    }

    /// Runs it. Without a clock: the same ground gives the same simulation wherever it is run.
    pub(super) fn simulate(&self, inputs: &Inputs) -> Result<Simulation, NotSimulated> {
        if let Some(unread) = self.unread {
            return Err(NotSimulated::Unread(unread));
        }
        let state = self.state.as_ref().ok_or(NotSimulated::Unfit)?;
        let transaction = self.transaction(&inputs.question).ok_or(NotSimulated::Unfit)?;
        let simulation = simulate(state, &transaction, &Limits::standard(), &|| false);
        let simulation = simulation.map_err(|_| NotSimulated::Unfit)?;
        match (simulation.missing.len(), simulation.cut) {
            (0, None) => Ok(simulation),
            (_, Some(cut)) => Err(NotSimulated::Cut(cut)),
            (missing, None) => Err(NotSimulated::Missing(missing)),
        }
    }
}

pub(crate) fn address(account: &Account) -> Address {
    Address::from(*account.bytes())
}

pub(crate) fn account(address: Address) -> Account {
    Account::new(address.0.0)
}
