//! Reading from a chain what a transaction needs, at one block.
//!
//! ```text
//! head ─> what the node guesses ─> simulate ─> missing? ─> read it, and simulate again, a few times
//! ```
//!
//! What a node guesses is only a head start: a simulation itself says what it lacks, in every context. Questions to a
//! contract are read for in the same way.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, Bytes, U256};
use scorpius_core::Chain;
use scorpius_core::chain::{AccountAsk, AccountRead, BlockHead, BlockRef, ChainError, NodeRun, TrialCall};
use serde::{Deserialize, Serialize};

use crate::context::Surroundings;
use crate::run::Run;
use crate::simulate::{Cut, Limits, simulate};
use crate::state::{self, Block, Need, Rules, State};
use crate::transaction::Transaction;
use crate::view::answers;

/// Times that missing state is read. Each one follows pointers one step further: proxy, logic, token, holder.
const ROUNDS_MAX: usize = 12;
/// Heads that are tried, when the first is reorganised away while it is read.
const HEADS_MAX: usize = 2;
/// Accounts that are read only to know what is there.
const CONCERNED_MAX: usize = 64;
/// EIP-4844 with EIP-7691's fraction. Later forks raise it; the price is one of the things that are varied anyway.
const BLOB_FEE_FRACTION: u64 = 5_007_716;

/// Why state was not read, or not all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unread {
    /// No endpoint is configured for the chain.
    NoEndpoint,
    /// No endpoint answered, or none knew the block.
    Unreachable,
    /// The deadline passed.
    TimedOut,
    /// There was always more to read.
    TooManyRounds,
    /// More than a state may hold.
    TooLarge,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefetched {
    /// As far as it was read; `None` if there was no head.
    pub state: Option<State>,
    /// Why a simulation over it will lack something. `None`: it will not.
    pub unread: Option<Unread>,
    /// Times that missing state was read.
    pub rounds: usize,
}

impl Prefetched {
    fn nothing(unread: Unread) -> Self {
        Self { state: None, unread: Some(unread), rounds: 0 }
    }
}

enum Ended {
    Prefetched(Box<Prefetched>),
    /// The block is not part of the chain any more.
    Reorganised,
}

/// Reads what `transaction` needs on `chain_id`, and `besides` accounts that somebody wants to know about. `stop` is
/// asked between round trips and while simulating.
pub async fn prefetch(
    chain: &dyn Chain,
    chain_id: u64,
    transaction: &Transaction,
    besides: &BTreeSet<Address>,
    limits: &Limits,
    stop: &(dyn Fn() -> bool + Sync),
) -> Prefetched {
    let account = |address| Need::Account { address };
    let needs = besides.iter().copied().chain([transaction.from, transaction.to]).map(account).collect();
    let trial = (!transaction.data.is_empty()).then_some(transaction);
    let work = |state: &State| {
        // Only limits can refuse what was read in its right form.
        let simulation = simulate(state, transaction, limits, stop).ok()?;
        let stopped = simulation.cut == Some(Cut::Stopped);
        let (missing, others) = (simulation.missing.into_iter().collect(), concerned(&simulation.run));
        Some(Lack { missing, others, stopped })
    };
    read(chain, chain_id, &needs, trial, &work, stop).await
}

/// Reads what `contract` needs to answer `questions`, which change nothing, and its `slots` besides: over the state that it
/// answers, `view::answers` gives what the contract says. `stop` is asked between round trips.
pub async fn prefetch_view(
    chain: &dyn Chain,
    chain_id: u64,
    contract: Address,
    questions: &[Bytes],
    slots: &BTreeSet<B256>,
    stop: &(dyn Fn() -> bool + Sync),
) -> Prefetched {
    let slots = slots.iter().map(|&slot| Need::Slot { address: contract, slot });
    let needs = slots.chain([Need::Account { address: contract }]).collect();
    let work = |state: &State| {
        let missing = answers(state, contract, questions).ok()?.missing;
        Some(Lack { missing, others: BTreeSet::new(), stopped: false })
    };
    read(chain, chain_id, &needs, None, &work, stop).await
}

/// What the node that was asked for `state` says of `transaction` itself, in the block that a simulation runs it in; `None`
/// where it does not offer that, or fails.
pub async fn second_opinion(chain: &dyn Chain, state: &State, transaction: &Transaction) -> Option<NodeRun> {
    let next = Surroundings::next(state, transaction, u64::MAX).block;
    let call = trial_of(transaction);
    let at = BlockRef { number: state.block.number, hash: state.block.hash.0 };
    let block = BlockHead {
        reference: BlockRef { number: next.number, hash: [0; 32] },
        timestamp: next.timestamp,
        coinbase: next.coinbase.0.0,
        prevrandao: next.prevrandao.0,
        base_fee: next.base_fee,
        gas_limit: next.gas_limit,
        excess_blob_gas: 0,
    };
    chain.run(state.chain_id, &call, &at, &block).await.ok().flatten()
}

fn trial_of(transaction: &Transaction) -> TrialCall {
    let Transaction { from, to, value, data, .. } = transaction;
    TrialCall { from: from.0.0, to: to.0.0, value: value.to_be_bytes(), data: data.0.clone() }
}

/// What a try over a state has found.
struct Lack {
    /// Without it nothing that was found counts.
    missing: BTreeSet<Need>,
    /// What a reader wants to know besides.
    others: BTreeSet<Need>,
    /// The deadline passed on the way.
    stopped: bool,
}

/// Reads until `work` lacks nothing, beginning with `needs` and with what a node guesses that `trial` reads.
async fn read(
    chain: &dyn Chain,
    chain_id: u64,
    needs: &BTreeSet<Need>,
    trial: Option<&Transaction>,
    work: &(dyn Fn(&State) -> Option<Lack> + Sync),
    stop: &(dyn Fn() -> bool + Sync),
) -> Prefetched {
    for _ in 0..HEADS_MAX {
        if stop() {
            return Prefetched::nothing(Unread::TimedOut);
        }
        let head = match chain.latest(chain_id).await {
            Ok(head) => head,
            Err(error) => return Prefetched::nothing(unread(&error)),
        };
        let reading = Reading { chain, chain_id, needs, trial, work, stop, head };
        match reading.read().await {
            Ended::Prefetched(prefetched) => return *prefetched,
            Ended::Reorganised => {}
        }
    }
    Prefetched::nothing(Unread::Unreachable)
}

fn unread(error: &ChainError) -> Unread {
    match error {
        ChainError::NoEndpoint { .. } => Unread::NoEndpoint,
        ChainError::UnknownBlock | ChainError::Port(_) => Unread::Unreachable,
    }
}

struct Reading<'a> {
    chain: &'a dyn Chain,
    chain_id: u64,
    needs: &'a BTreeSet<Need>,
    trial: Option<&'a Transaction>,
    work: &'a (dyn Fn(&State) -> Option<Lack> + Sync),
    stop: &'a (dyn Fn() -> bool + Sync),
    head: BlockHead,
}

impl Reading<'_> {
    async fn read(&self) -> Ended {
        let mut state = self.empty();
        let mut needs = match self.first_needs().await {
            Ok(needs) => needs,
            Err(ChainError::UnknownBlock) => return Ended::Reorganised,
            Err(error) => return ended(state, Some(unread(&error)), 0),
        };
        for round in 0..=ROUNDS_MAX {
            if (self.stop)() {
                return ended(state, Some(Unread::TimedOut), round);
            }
            match self.fetch(&mut state, &needs).await {
                Ok(()) => {}
                Err(ChainError::UnknownBlock) => return Ended::Reorganised,
                Err(error) => return ended(state, Some(unread(&error)), round),
            }
            let Some(lack) = (self.work)(&state) else {
                return ended(self.empty(), Some(Unread::TooLarge), round);
            };
            if lack.missing.is_empty() {
                needs = lack.others.into_iter().filter(|need| !state.has(need)).collect();
                if !needs.is_empty() && round < ROUNDS_MAX {
                    continue;
                }
                return ended(state, lack.stopped.then_some(Unread::TimedOut), round);
            }
            needs = lack.missing;
        }
        ended(state, Some(Unread::TooManyRounds), ROUNDS_MAX)
    }

    fn at(&self) -> &BlockRef {
        &self.head.reference
    }

    fn empty(&self) -> State {
        let head = &self.head;
        State {
            chain_id: self.chain_id,
            rules: Rules::default(),
            block: Block {
                number: head.reference.number,
                hash: B256::from(head.reference.hash),
                timestamp: head.timestamp,
                coinbase: Address::from(head.coinbase),
                prevrandao: B256::from(head.prevrandao),
                base_fee: head.base_fee,
                gas_limit: head.gas_limit,
                blob_base_fee: blob_base_fee(head.excess_blob_gas),
            },
            accounts: BTreeMap::new(),
            block_hashes: BTreeMap::new(),
            whole: false,
        }
    }

    /// What is needed in any case, and what the node guesses.
    async fn first_needs(&self) -> Result<BTreeSet<Need>, ChainError> {
        let mut needs = self.needs.clone();
        if let Some(call) = self.trial.map(trial_of) {
            for (address, slots) in self.chain.touched(self.chain_id, &call, self.at()).await? {
                let address = Address::from(address);
                needs.insert(Need::Account { address });
                needs.extend(slots.into_iter().map(|slot| Need::Slot { address, slot: B256::from(slot) }));
            }
        }
        Ok(needs)
    }

    async fn fetch(&self, state: &mut State, needs: &BTreeSet<Need>) -> Result<(), ChainError> {
        let mut asks: BTreeMap<Address, AccountAsk> = BTreeMap::new();
        let missing: Vec<_> = needs.iter().filter(|need| !state.has(need)).collect();
        for need in missing {
            match *need {
                Need::Account { address } => ask(&mut asks, address).itself = true,
                Need::Slot { address, slot } => ask(&mut asks, address).slots.push(slot.0),
                Need::BlockHash { number } => {
                    if state.block_hashes.len() < state::BLOCK_HASHES_MAX {
                        let hash = self.chain.block_hash(self.chain_id, number).await?;
                        state.block_hashes.insert(number, B256::from(hash));
                    }
                }
            }
        }
        // A slot is of an account that is there.
        for (address, ask) in &mut asks {
            ask.itself |= !state.accounts.contains_key(address);
        }
        if asks.is_empty() {
            return Ok(());
        }
        let asks: Vec<_> = asks.into_values().take(state::ACCOUNTS_MAX + 1).collect();
        for read in self.chain.accounts(self.chain_id, &asks, self.at()).await? {
            put(state, read);
        }
        Ok(())
    }
}

/// Who gets something or a right: a reader wants to know what is there, and the EVM need not have looked.
fn concerned(run: &Run) -> BTreeSet<Need> {
    let gains = run.changes.iter().filter(|change| change.delta().is_gain()).map(|change| change.account);
    let spenders = run.approvals.iter().map(|approval| approval.spender);
    let address = |address| Need::Account { address };
    gains
        .chain(spenders)
        .filter(|address| *address != Address::ZERO)
        .take(CONCERNED_MAX)
        .map(address)
        .collect()
}

fn ask(asks: &mut BTreeMap<Address, AccountAsk>, address: Address) -> &mut AccountAsk {
    let empty = || AccountAsk { address: address.0.0, itself: false, slots: Vec::new() };
    asks.entry(address).or_insert_with(empty)
}

fn put(state: &mut State, read: AccountRead) {
    let account = state.accounts.entry(Address::from(read.address)).or_default();
    if let Some(body) = read.body {
        account.balance = U256::from_be_bytes(body.balance);
        account.nonce = body.nonce;
        account.code = body.code.into();
    }
    let words = read.slots.into_iter().map(|(slot, value)| (B256::from(slot), B256::from(value)));
    account.storage.extend(words);
}

fn ended(state: State, unread: Option<Unread>, rounds: usize) -> Ended {
    Ended::Prefetched(Box::new(Prefetched { state: Some(state), unread, rounds }))
}

/// EIP-4844's `fake_exponential` with a minimum of one wei, and with a bound that no chain reaches.
fn blob_base_fee(excess_blob_gas: u64) -> u64 {
    let (excess, fraction) = (u128::from(excess_blob_gas), u128::from(BLOB_FEE_FRACTION));
    // e^40 wei is above 2^53 already.
    if excess > fraction * 36 {
        return crate::words::SAFE_MAX;
    }
    let (mut output, mut term, mut step) = (0_u128, fraction, 1_u128);
    while term > 0 {
        output += term;
        term = term * excess / (fraction * step);
        step += 1;
    }
    u64::try_from(output / fraction).map_or(crate::words::SAFE_MAX, |fee| fee.min(crate::words::SAFE_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_cost_what_the_standard_says() {
        assert_eq!(blob_base_fee(0), 1);
        // e^1, e^2 and e^10, rounded down.
        assert_eq!(blob_base_fee(BLOB_FEE_FRACTION), 2);
        assert_eq!(blob_base_fee(2 * BLOB_FEE_FRACTION), 7);
        assert_eq!(blob_base_fee(10 * BLOB_FEE_FRACTION), 22_026);
        assert!(blob_base_fee(36 * BLOB_FEE_FRACTION) <= crate::words::SAFE_MAX);
        assert_eq!(blob_base_fee(u64::MAX), crate::words::SAFE_MAX);
    }
}
