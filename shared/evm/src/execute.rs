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
        let environment = TxEnv {
            value: transaction.value,
            gas_limit: self.surroundings.gas_limit,
            gas_price: self.surroundings.gas_price,
            ..self.environment(signer, transaction.to, transaction.data.clone())
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
        let environment = TxEnv { gas_limit: probe::GAS_MAX, ..self.environment(self.from, contract, data) };
        let mut evm = self.context().build_mainnet();
        match evm.transact(environment) {
            Ok(executed) => match executed.result {
                ExecutionResult::Success { output, .. } => Raw::Returned(output.into_data()),
                ExecutionResult::Revert { .. } | ExecutionResult::Halt { .. } => Raw::Failed,
            },
            Err(_) => Raw::Failed,
        }
    }

    fn environment(&self, caller: Address, to: Address, data: Bytes) -> TxEnv {
        TxEnv {
            tx_type: 0,
            caller,
            gas_limit: 0,
            gas_price: self.surroundings.gas_price,
            kind: TxKind::Call(to),
            value: U256::ZERO,
            data,
            nonce: 0,
            // The chain's id is checked by who signs; here another one would only be refused.
            chain_id: None,
            access_list: Vec::new().into(),
            gas_priority_fee: None,
            blob_hashes: Vec::new(),
            max_fee_per_blob_gas: 0,
            authorization_list: Vec::new(),
        }
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
        context.modify_cfg(|cfg| {
            cfg.chain_id = *chain_id;
            cfg.tx_chain_id_check = false;
            // The nonce is the wallet's to choose, and fees are reckoned from the gas.
            cfg.disable_nonce_check = true;
            cfg.disable_fee_charge = true;
            cfg.disable_base_fee = true;
            cfg.disable_block_gas_limit = true;
            // Accounts with code send through bundlers.
            cfg.disable_eip3607 = true;
            cfg.tx_gas_limit_cap = Some(u64::MAX);
            cfg.memory_limit = MEMORY_BYTES_MAX;
        });
        context
    }
}
