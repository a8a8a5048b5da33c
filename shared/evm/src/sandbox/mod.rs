//! A chain of its own in memory: transactions one after the other, in a block each, and what happened in them.
//!
//! What a state does not hold is empty here. That suits a question about a contract by itself; what a transaction
//! would do on a chain is `simulate`'s business.

mod look;

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use revm::context::result::{ExecutionResult, Output};
use revm::context::{BlockEnv, CfgEnv, Context, TxEnv};
use revm::context_interface::block::BlobExcessGasAndPrice;
use revm::database::{CacheDB, EmptyDB};
use revm::primitives::hardfork::SpecId;
use revm::state::AccountInfo;
use revm::{DatabaseCommit, DatabaseRef, InspectEvm, Journal, MainBuilder};

use look::Look;
pub use look::{Done, Happened};

use crate::run::Status;
use crate::{Account, lenient, reason};

/// Seconds from a block to the next.
const BLOCK_S: u64 = 12;
/// Bytes of memory of one execution.
const MEMORY_BYTES_MAX: u64 = 8_000_000;
/// Earlier blocks whose hash a contract can ask for.
const HASHES: u64 = 256;

/// Which of Ethereum's rules hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fork {
    /// April 2023: the last under which SELFDESTRUCT removes code (EIP-6780).
    Shanghai,
    /// December 2025.
    Osaka,
}

impl Fork {
    /// `shanghai`, `osaka`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Shanghai => "shanghai",
            Self::Osaka => "osaka",
        }
    }
}

/// What one transaction may use.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    /// Gas.
    pub gas_max: u64,
    /// Instructions.
    pub steps_max: u64,
}

/// One transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Who signs.
    pub from: Address,
    /// Whom it calls; `None` creates a contract.
    pub to: Option<Address>,
    /// Wei.
    pub value: U256,
    /// Calldata, or creation code.
    pub data: Bytes,
}

/// How a transaction ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Whether it went through.
    pub status: Status,
    /// What it created, if that was the transaction.
    pub created: Option<Address>,
    /// What happened in it and was not taken back, in order; a call stands before what happened in it.
    pub happened: Vec<Happened>,
    /// Instructions.
    pub steps: u64,
}

/// The block that the next transaction is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// Height.
    pub number: u64,
    /// Seconds since 1970.
    pub timestamp: u64,
    /// Who gets its fees.
    pub coinbase: Address,
    /// EIP-4399; what DIFFICULTY says.
    pub prevrandao: B256,
    /// Gas that fits in.
    pub gas_limit: u64,
    /// Wei per gas.
    pub gas_price: u64,
    /// EIP-155.
    pub chain_id: u64,
}

/// A chain in memory.
#[derive(Clone)]
pub struct Sandbox {
    fork: Fork,
    block: Surroundings,
    db: CacheDB<EmptyDB>,
}

impl Sandbox {
    /// Without accounts, at a height and a time that contracts take for the present.
    #[must_use]
    pub fn new(fork: Fork) -> Self {
        let block = Surroundings {
            number: 24_000_000,
            timestamp: 1_767_225_600,
            coinbase: Address::repeat_byte(0xb1),
            prevrandao: keccak256(b"block 0"),
            gas_limit: 45_000_000,
            gas_price: 1_000_000_000,
            chain_id: 1,
        };
        Self { fork, block, db: CacheDB::new(EmptyDB::default()) }
    }

    /// Puts an account there, whatever was there before.
    pub fn put(&mut self, address: Address, account: Account) {
        let raw = account.code;
        let code = revm::bytecode::Bytecode::new_raw_checked(raw.clone())
            .unwrap_or_else(|_| revm::bytecode::Bytecode::new_legacy(raw));
        let info = AccountInfo { balance: account.balance, nonce: account.nonce, ..AccountInfo::default() }
            .with_code(code);
        self.db.insert_account_info(address, info);
        for (slot, word) in account.storage {
            // The base below has no errors.
            if self
                .db
                .insert_account_storage(address, U256::from_be_bytes(slot.0), U256::from_be_bytes(word.0))
                .is_err()
            {
                return;
            }
        }
    }

    /// The block that the next transaction is in.
    #[must_use]
    pub fn block(&self) -> Surroundings {
        self.block
    }

    /// Goes on by one block.
    pub fn mine(&mut self) {
        self.block.number += 1;
        self.block.timestamp += BLOCK_S;
        self.block.prevrandao = keccak256([b"block ".as_slice(), &self.block.number.to_be_bytes()].concat());
    }

    /// Wei of `address`.
    #[must_use]
    pub fn balance(&self, address: Address) -> U256 {
        self.info(address).map(|info| info.balance).unwrap_or_default()
    }

    /// Bytes of the code at `address`.
    #[must_use]
    pub fn code_size(&self, address: Address) -> usize {
        let Some(info) = self.info(address) else { return 0 };
        let code = info.code.or_else(|| self.db.code_by_hash_ref(info.code_hash).ok());
        code.map(|code| code.original_byte_slice().len()).unwrap_or_default()
    }

    /// A word of storage.
    #[must_use]
    pub fn storage(&self, address: Address, slot: U256) -> U256 {
        self.db.storage_ref(address, slot).unwrap_or_default()
    }

    /// What BLOCKHASH says of a height in the next block.
    #[must_use]
    pub fn block_hash(&self, number: u64) -> B256 {
        let known = self.block.number.saturating_sub(HASHES)..self.block.number;
        match known.contains(&number) {
            true => self.db.block_hash_ref(number).unwrap_or_default(),
            false => B256::ZERO,
        }
    }

    /// Every word of storage of `address` that was written or read.
    pub fn slots(&self, address: Address) -> impl Iterator<Item = (U256, U256)> {
        let account = self.db.cache.accounts.get(&address);
        account.into_iter().flat_map(|account| account.storage.iter().map(|(slot, word)| (*slot, *word)))
    }

    fn info(&self, address: Address) -> Option<AccountInfo> {
        self.db.basic_ref(address).ok().flatten()
    }

    /// Runs a transaction, keeps what it changed, and goes on by one block. `stop` is asked now and then. Fees
    /// are not charged.
    pub fn send(&mut self, sent: &Sent, allowance: Allowance, stop: &dyn Fn() -> bool) -> Outcome {
        let environment = self.environment(sent, allowance.gas_max);
        let mut look = Look::new(allowance.steps_max, stop);
        let mut evm = self.context().build_mainnet_with_inspector(&mut look);
        let executed = evm.inspect_tx(environment);
        drop(evm);
        let (status, created) = match executed {
            Ok(executed) => {
                self.db.commit(executed.state);
                ending(executed.result)
            }
            Err(error) => (Status::Rejected { reason: error.to_string() }, None),
        };
        self.mine();
        let steps = look.steps;
        let happened = if status.is_success() { look.into_happened() } else { Vec::new() };
        Outcome { status, created, happened, steps }
    }

    fn environment(&self, sent: &Sent, gas_limit: u64) -> TxEnv {
        let kind = sent.to.map_or(TxKind::Create, TxKind::Call);
        let gas = (gas_limit, u128::from(self.block.gas_price));
        TxEnv { value: sent.value, ..lenient::transaction(sent.from, kind, sent.data.clone(), gas) }
    }

    fn context(&mut self) -> Inside<'_> {
        let spec = match self.fork {
            Fork::Shanghai => SpecId::SHANGHAI,
            Fork::Osaka => SpecId::OSAKA,
        };
        let environment = BlockEnv {
            number: U256::from(self.block.number),
            beneficiary: self.block.coinbase,
            timestamp: U256::from(self.block.timestamp),
            gas_limit: self.block.gas_limit,
            basefee: 0,
            difficulty: U256::ZERO,
            prevrandao: Some(self.block.prevrandao),
            blob_excess_gas_and_price: Some(BlobExcessGasAndPrice { excess_blob_gas: 0, blob_gasprice: 1 }),
            slot_num: 0,
        };
        let chain_id = self.block.chain_id;
        let mut context = Context::<BlockEnv, TxEnv, CfgEnv, _, _, ()>::new(&mut self.db, spec);
        context.block = environment;
        context.modify_cfg(|cfg| lenient::configure(cfg, chain_id, MEMORY_BYTES_MAX));
        context
    }
}

type Db<'a> = &'a mut CacheDB<EmptyDB>;
type Inside<'a> = Context<BlockEnv, TxEnv, CfgEnv, Db<'a>, Journal<Db<'a>>, ()>;

fn ending<H: std::fmt::Debug>(result: ExecutionResult<H>) -> (Status, Option<Address>) {
    match result {
        ExecutionResult::Success { output, .. } => match output {
            Output::Create(_, address) => (Status::Success, address),
            Output::Call(_) => (Status::Success, None),
        },
        ExecutionResult::Revert { output, .. } => {
            (Status::Reverted { reason: reason::of_revert(&output) }, None)
        }
        ExecutionResult::Halt { reason, .. } => (Status::Halted { reason: format!("{reason:?}") }, None),
    }
}

#[cfg(test)]
mod tests;
