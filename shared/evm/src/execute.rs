//! One execution by the EVM.

use alloy_primitives::{Address, Bytes, TxKind, U256};
use revm::context::result::{EVMError, ExecutionResult, HaltReason};
use revm::context::{BlockEnv, CfgEnv, Context, TxEnv};
use revm::context_interface::block::BlobExcessGasAndPrice;
use revm::primitives::hardfork::SpecId;
use revm::state::EvmState;
use revm::{DatabaseCommit, ExecuteEvm, InspectEvm, Journal, MainBuilder};

use crate::context::{RELAYER, Surroundings};
use crate::database::{Ground, Prepared};
use crate::lenient;
use crate::probe;
use crate::state::Rules;
use crate::transaction::Transaction;
use crate::watch::Watch;

/// Bytes of memory of one execution. Gas bounds it far below; this is the second lock.
const MEMORY_BYTES_MAX: u64 = 32_000_000;
/// Blobs' size in excess, which only their price is made from.
const EXCESS_BLOB_GAS: u64 = 0;

/// One set of surroundings over one state, with what was run in them so far.
pub(crate) struct Executor<'a, 's> {
    pub(crate) ground: Ground<'a>,
    prepared: &'a Prepared<'a>,
    surroundings: &'s Surroundings,
    from: Address,
}

/// What a question's execution gave.
pub(crate) enum Raw {
    Returned(Bytes),
    Failed,
}

/// What the transaction's execution gave.
pub(crate) struct Executed {
    pub(crate) result: Result<ExecutionResult<HaltReason>, String>,
    pub(crate) state: EvmState,
}

impl<'a, 's> Executor<'a, 's> {
    pub(crate) fn new(prepared: &'a Prepared<'a>, from: Address, surroundings: &'s Surroundings) -> Self {
        let ground = Ground::new(prepared, from, surroundings);
        Self { ground, prepared, surroundings, from }
    }

    /// Runs `transaction` and keeps what it changed under what is asked later.
    pub(crate) fn run(&mut self, transaction: &Transaction, watch: &mut Watch<'_>) -> Executed {
        let signer = if self.surroundings.relayed { RELAYER } else { self.from };
        let gas_limit = self.surroundings.gas_limit;
        let environment = TxEnv {
            value: transaction.value,
            ..self.environment(signer, transaction.to, transaction.data.clone(), gas_limit)
        };
        let mut evm = self.context().build_mainnet_with_inspector(watch);
        let executed = match evm.inspect_tx(environment) {
            Ok(executed) => Executed { result: Ok(executed.result), state: executed.state },
            Err(EVMError::Transaction(invalid)) => {
                Executed { result: Err(invalid.to_string()), state: EvmState::default() }
            }
            Err(EVMError::Header(invalid)) => {
                Executed { result: Err(invalid.to_string()), state: EvmState::default() }
            }
            Err(EVMError::Database(never)) => match never {},
            Err(EVMError::Custom(text)) => Executed { result: Err(text), state: EvmState::default() },
            Err(EVMError::CustomAny(error)) => {
                Executed { result: Err(error.to_string()), state: EvmState::default() }
            }
        };
        drop(evm);
        self.ground.commit(executed.state.clone());
        executed
    }

    /// Asks `contract`, and changes nothing.
    pub(crate) fn question(&mut self, contract: Address, data: Bytes) -> Raw {
        let environment = self.environment(self.from, contract, data, probe::GAS_MAX);
        let mut evm = self.context().build_mainnet();
        match evm.transact(environment) {
            Ok(executed) => match executed.result {
                ExecutionResult::Success { output, .. } => Raw::Returned(output.into_data()),
                ExecutionResult::Revert { .. } | ExecutionResult::Halt { .. } => Raw::Failed,
            },
            Err(_) => Raw::Failed,
        }
    }

    fn environment(&self, caller: Address, to: Address, data: Bytes, gas_limit: u64) -> TxEnv {
        lenient::transaction(caller, TxKind::Call(to), data, (gas_limit, self.surroundings.gas_price))
    }

    fn context(&mut self) -> Context<BlockEnv, TxEnv, CfgEnv, &mut Ground<'a>, Journal<&mut Ground<'a>>, ()> {
        let Surroundings { block, chain_id, .. } = self.surroundings;
        let spec = match self.prepared.state.rules {
            Rules::Cancun => SpecId::CANCUN,
            Rules::Prague => SpecId::PRAGUE,
            Rules::Osaka => SpecId::OSAKA,
        };
        let environment = BlockEnv {
            number: U256::from(block.number),
            beneficiary: block.coinbase,
            timestamp: U256::from(block.timestamp),
            gas_limit: block.gas_limit,
            basefee: block.base_fee,
            difficulty: U256::ZERO,
            prevrandao: Some(block.prevrandao),
            blob_excess_gas_and_price: Some(BlobExcessGasAndPrice {
                excess_blob_gas: EXCESS_BLOB_GAS,
                blob_gasprice: u128::from(block.blob_base_fee),
            }),
            slot_num: 0,
        };
        let mut context = Context::<BlockEnv, TxEnv, CfgEnv, _, _, ()>::new(&mut self.ground, spec);
        context.block = environment;
        context.modify_cfg(|cfg| lenient::configure(cfg, *chain_id, MEMORY_BYTES_MAX));
        context
    }
}
