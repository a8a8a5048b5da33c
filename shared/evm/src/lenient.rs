//! What is let pass when nothing is really sent: nonces, fees and chain ids are whoever signs's business.

use alloy_primitives::{Address, Bytes, TxKind, U256};
use revm::context::{CfgEnv, TxEnv};

/// A legacy transaction of `caller`.
pub(crate) fn transaction(caller: Address, kind: TxKind, data: Bytes, gas: (u64, u128)) -> TxEnv {
    let (gas_limit, gas_price) = gas;
    TxEnv {
        tx_type: 0,
        caller,
        gas_limit,
        gas_price,
        kind,
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

/// Lets everything pass but what the EVM itself refuses.
pub(crate) fn configure(cfg: &mut CfgEnv, chain_id: u64, memory_bytes_max: u64) {
    cfg.chain_id = chain_id;
    cfg.tx_chain_id_check = false;
    // The nonce is the wallet's to choose, and fees are reckoned from the gas.
    cfg.disable_nonce_check = true;
    cfg.disable_fee_charge = true;
    cfg.disable_base_fee = true;
    cfg.disable_block_gas_limit = true;
    // Accounts with code send through bundlers, and an account may act as a contract before it is one.
    cfg.disable_eip3607 = true;
    cfg.tx_gas_limit_cap = Some(u64::MAX);
    cfg.memory_limit = memory_bytes_max;
}
