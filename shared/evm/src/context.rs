//! The surroundings in which a transaction is run.
//!
//! A contract can tell a simulation from the chain by what surrounds it: nobody gets the fees, gas costs
//! nothing, the sender is rich. So it is run once as the next block would run it, and then once for each of
//! these, in which one thing is otherwise. What then differs depends on that thing.

use alloy_primitives::{Address, B256, U256, address, keccak256};
use serde::Serialize;

use crate::state::{Block, State};
use crate::transaction::Transaction;

/// Seconds from a block to the next.
const BLOCK_S: u64 = 12;
/// Wei per gas above the base fee, where the transaction does not say.
const TIP_WEI: u64 = 1_000_000_000;
/// What local development nodes and simulators call their chain.
const DEVELOPMENT_CHAIN_ID: u64 = 31_337;
/// An account that carries calls of others: ASCII, so that nobody has its key.
pub(crate) const RELAYER: Address = address!("0x73636f72706975732072656c6179657220303031");
/// Whose code the sender has, where it has one: ASCII as well.
pub(crate) const DELEGATE: Address = address!("0x73636f72706975732064656c6567617465203031");

/// What is otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Height.
    Number,
    /// Time.
    Timestamp,
    /// Who gets the block's fees.
    Coinbase,
    /// The beacon's randomness.
    Prevrandao,
    /// The block's base fee.
    BaseFee,
    /// What the transaction pays for gas.
    GasPrice,
    /// Gas that the transaction may use.
    GasLimit,
    /// Gas that fits in the block.
    BlockGasLimit,
    /// The price of blobs.
    BlobBaseFee,
    /// The chain's id.
    ChainId,
    /// Hashes of earlier blocks.
    BlockHash,
    /// The sender's balance.
    CallerBalance,
    /// Whether the sender has code (EIP-7702).
    CallerCode,
    /// Who signed, where that is another account than the one that calls: a relayer, a bundler.
    Origin,
}

/// What a difference on an axis says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Contracts have honest reasons: deadlines, interest, tokens for people only.
    Weak,
    /// There is hardly a reason but to tell who is looking.
    Strong,
}

impl Axis {
    /// Every axis.
    pub const ALL: [Self; 14] = [
        Self::Number,
        Self::Timestamp,
        Self::Coinbase,
        Self::Prevrandao,
        Self::BaseFee,
        Self::GasPrice,
        Self::GasLimit,
        Self::BlockGasLimit,
        Self::BlobBaseFee,
        Self::ChainId,
        Self::BlockHash,
        Self::CallerBalance,
        Self::CallerCode,
        Self::Origin,
    ];

    /// What a difference on it says.
    #[must_use]
    pub fn strength(self) -> Strength {
        match self {
            Self::Number | Self::Timestamp | Self::CallerCode | Self::Origin => Strength::Weak,
            Self::Coinbase
            | Self::Prevrandao
            | Self::BaseFee
            | Self::GasPrice
            | Self::GasLimit
            | Self::BlockGasLimit
            | Self::BlobBaseFee
            | Self::ChainId
            | Self::BlockHash
            | Self::CallerBalance => Strength::Strong,
        }
    }
}

/// Everything that surrounds a run.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) block: Block,
    pub(crate) chain_id: u64,
    /// Wei per gas.
    pub(crate) gas_price: u128,
    pub(crate) gas_limit: u64,
    /// Every earlier block's hash is zero, as in a simulator without a chain.
    pub(crate) no_hashes: bool,
    pub(crate) caller_balance: Option<U256>,
    pub(crate) caller_delegates_to: Option<Address>,
    /// The transaction is signed by `RELAYER`, and the call is the sender's all the same.
    pub(crate) relayed: bool,
}

impl Surroundings {
    /// As the block after `state` would have them.
    pub(crate) fn next(state: &State, transaction: &Transaction, gas_max: u64) -> Self {
        let mut block = state.block.clone();
        block.number += 1;
        block.timestamp += BLOCK_S;
        let gas_limit = transaction.gas_limit.unwrap_or(gas_max).min(gas_max);
        let gas_price = match transaction.gas_price {
            Some(price) => price.saturating_to(),
            None => u128::from(block.base_fee.saturating_add(TIP_WEI)),
        };
        Self {
            block,
            chain_id: state.chain_id,
            gas_price,
            gas_limit,
            no_hashes: false,
            caller_balance: None,
            caller_delegates_to: None,
            relayed: false,
        }
    }
}

/// What is known when a context is made: the transaction, and what its first run used.
pub(crate) struct Known<'a> {
    pub(crate) transaction: &'a Transaction,
    /// Gas that the first run spent, before anything was given back.
    pub(crate) gas_spent: u64,
    pub(crate) gas_max: u64,
}

/// One way in which one thing is otherwise.
pub(crate) struct Context {
    pub(crate) name: &'static str,
    pub(crate) axis: Axis,
    pub(crate) change: fn(&mut Surroundings, &Known<'_>),
}

const fn context(name: &'static str, axis: Axis, change: fn(&mut Surroundings, &Known<'_>)) -> Context {
    Context { name, axis, change }
}

/// What a simulation is run in, besides the next block.
pub(crate) const CONTEXTS: [Context; 24] = [
    context("number_plus_50", Axis::Number, |s, _| s.block.number += 50),
    context("number_plus_50400", Axis::Number, |s, _| s.block.number += 50_400),
    context("time_plus_10_minutes", Axis::Timestamp, |s, _| s.block.timestamp += 600),
    context("time_plus_30_days", Axis::Timestamp, |s, _| s.block.timestamp += 2_592_000),
    context("coinbase_nobody", Axis::Coinbase, |s, _| s.block.coinbase = Address::ZERO),
    context("coinbase_another", Axis::Coinbase, |s, _| s.block.coinbase = another(s.block.coinbase)),
    context("prevrandao_zero", Axis::Prevrandao, |s, _| s.block.prevrandao = B256::ZERO),
    // Every bit is the other way: what tosses a coin with one of them shows both sides.
    context("prevrandao_inverted", Axis::Prevrandao, |s, _| s.block.prevrandao = !s.block.prevrandao),
    context("base_fee_zero", Axis::BaseFee, |s, _| s.block.base_fee = 0),
    context("base_fee_tenfold", Axis::BaseFee, |s, _| {
        s.block.base_fee = s.block.base_fee.saturating_mul(10).max(1_000_000_000);
    }),
    context("gas_price_zero", Axis::GasPrice, |s, _| s.gas_price = 0),
    context("gas_price_2_gwei", Axis::GasPrice, |s, _| s.gas_price = 2_000_000_000),
    context("gas_price_200_gwei", Axis::GasPrice, |s, _| s.gas_price = 200_000_000_000),
    context("gas_limit_as_estimated", Axis::GasLimit, |s, known| {
        // What wallets do with an estimate, which itself leaves room for calls that keep a 64th back.
        s.gas_limit = (known.gas_spent.saturating_mul(3) / 2 + 50_000).min(known.gas_max);
    }),
    context("gas_limit_highest", Axis::GasLimit, |s, known| s.gas_limit = known.gas_max),
    context("block_gas_limit_unlimited", Axis::BlockGasLimit, |s, _| {
        s.block.gas_limit = crate::words::SAFE_MAX;
    }),
    context("block_gas_limit_half", Axis::BlockGasLimit, |s, _| s.block.gas_limit /= 2),
    context("blob_base_fee_high", Axis::BlobBaseFee, |s, _| {
        s.block.blob_base_fee = s.block.blob_base_fee.saturating_add(50_000_000_000);
    }),
    context("chain_of_developers", Axis::ChainId, |s, _| {
        s.chain_id = if s.chain_id == DEVELOPMENT_CHAIN_ID { 1 } else { DEVELOPMENT_CHAIN_ID };
    }),
    context("block_hashes_zero", Axis::BlockHash, |s, _| s.no_hashes = true),
    context("caller_rich", Axis::CallerBalance, |s, known| {
        // 10,000 ether, as development nodes give it.
        let gift = U256::from(10_000) * U256::from(1_000_000_000_000_000_000_u64);
        s.caller_balance = Some(known.transaction.value.saturating_add(gift));
    }),
    context("caller_without_more", Axis::CallerBalance, |s, known| {
        s.caller_balance = Some(known.transaction.value);
    }),
    context("caller_with_code", Axis::CallerCode, |s, _| s.caller_delegates_to = Some(DELEGATE)),
    context("relayed", Axis::Origin, |s, _| s.relayed = true),
];

/// An address that looks like a builder's and is not `address`.
fn another(address: Address) -> Address {
    Address::from_word(keccak256(address))
}
