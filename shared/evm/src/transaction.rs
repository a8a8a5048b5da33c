//! What is to be run.

use alloy_primitives::{Address, Bytes, U256};
use serde::{Deserialize, Serialize};

use crate::words::{amount, amount_or_none};

/// A transaction that is not signed yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transaction {
    /// Who would sign it.
    pub from: Address,
    /// Whom it calls or pays.
    pub to: Address,
    /// Wei.
    #[serde(with = "amount")]
    pub value: U256,
    /// Calldata.
    #[serde(default)]
    pub data: Bytes,
    /// Gas that it may use; without it, what the limits allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gas_limit: Option<u64>,
    /// Wei per gas that it would pay; without it, the base fee and one gwei.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "amount_or_none")]
    pub gas_price: Option<U256>,
}
