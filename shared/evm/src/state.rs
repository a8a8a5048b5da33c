//! The state that a simulation runs over: one document, with one canonical form.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Serialize};

use crate::words::{SAFE_MAX, amount};

/// Accounts of a state.
pub const ACCOUNTS_MAX: usize = 512;
/// Storage slots of a state, of all accounts together.
pub const SLOTS_MAX: usize = 8_000;
/// Bytes of code of a state, of all accounts together. EIP-170 allows one account 24,576.
pub const CODE_BYTES_MAX: usize = 1_200_000;
/// Hashes of earlier blocks: as many as a contract can ask for.
pub const BLOCK_HASHES_MAX: usize = 256;

/// Which of Ethereum's rules hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rules {
    /// March 2024.
    Cancun,
    /// May 2025: EIP-7702 and others.
    Prague,
    /// December 2025.
    #[default]
    Osaka,
}

/// The block at which state was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Height.
    pub number: u64,
    /// 32 bytes.
    pub hash: B256,
    /// Seconds since 1970.
    pub timestamp: u64,
    /// Who got its fees.
    pub coinbase: Address,
    /// EIP-4399.
    pub prevrandao: B256,
    /// Wei per gas.
    pub base_fee: u64,
    /// Gas that fits in a block.
    pub gas_limit: u64,
    /// Wei per blob gas (EIP-7516).
    #[serde(default = "one")]
    pub blob_base_fee: u64,
}

fn one() -> u64 {
    1
}

/// One account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Wei.
    #[serde(with = "amount")]
    pub balance: U256,
    /// Transactions sent, or contracts created.
    #[serde(default)]
    pub nonce: u64,
    /// Deployed code, or a delegation (EIP-7702); empty for a key's account.
    #[serde(default)]
    pub code: Bytes,
    /// Slots that were read, zeros too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub storage: BTreeMap<B256, B256>,
}

/// State of a chain at a block, as far as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// EIP-155.
    pub chain_id: u64,
    /// Which rules hold.
    #[serde(default)]
    pub rules: Rules,
    /// Where it was read. A simulation runs in the block after it.
    pub block: Block,
    /// What was read.
    pub accounts: BTreeMap<Address, Account>,
    /// Hashes of earlier blocks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub block_hashes: BTreeMap<u64, B256>,
    /// Whether what is not in here is empty. Else it is not known, and a simulation that needs it says so.
    #[serde(default)]
    pub whole: bool,
}

/// Something that a simulation asked for and that is not in its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Need {
    /// Balance, nonce and code.
    Account {
        /// Of which account.
        address: Address,
    },
    /// A storage slot.
    Slot {
        /// Of which account.
        address: Address,
        /// Which.
        slot: B256,
    },
    /// The hash of an earlier block.
    BlockHash {
        /// Of which height.
        number: u64,
    },
}

/// A state that cannot be run over.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadState {
    /// Over a limit.
    #[error("more than {max} {what}")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// At most.
        max: usize,
    },
    /// A number that not every reader of JSON keeps.
    #[error("`{0}` is above 2^53 - 1")]
    Number(&'static str),
}

impl State {
    /// Checks its limits.
    ///
    /// # Errors
    /// `BadState`.
    pub fn check(&self) -> Result<(), BadState> {
        let limit = |what, found: usize, max| match found > max {
            true => Err(BadState::TooLarge { what, max }),
            false => Ok(()),
        };
        limit("accounts", self.accounts.len(), ACCOUNTS_MAX)?;
        let slots = self.accounts.values().map(|account| account.storage.len()).sum();
        limit("storage slots", slots, SLOTS_MAX)?;
        let code_bytes = self.accounts.values().map(|account| account.code.len()).sum();
        limit("bytes of code", code_bytes, CODE_BYTES_MAX)?;
        limit("block hashes", self.block_hashes.len(), BLOCK_HASHES_MAX)?;
        let Block { number, timestamp, base_fee, gas_limit, blob_base_fee, .. } = self.block;
        let nonce = self.accounts.values().map(|account| account.nonce).max().unwrap_or_default();
        let hashed = self.block_hashes.keys().copied().max().unwrap_or_default();
        for (name, number) in [
            ("chain_id", self.chain_id),
            ("block.number", number),
            ("block.timestamp", timestamp),
            ("block.base_fee", base_fee),
            ("block.gas_limit", gas_limit),
            ("block.blob_base_fee", blob_base_fee),
            ("nonce", nonce),
            ("block_hashes", hashed),
        ] {
            if number > SAFE_MAX {
                return Err(BadState::Number(name));
            }
        }
        Ok(())
    }

    /// Whether `need` is answered by what was read.
    #[must_use]
    pub fn has(&self, need: &Need) -> bool {
        match need {
            Need::Account { address } => self.accounts.contains_key(address),
            Need::Slot { address, slot } => {
                self.accounts.get(address).is_some_and(|account| account.storage.contains_key(slot))
            }
            Need::BlockHash { number } => self.block_hashes.contains_key(number),
        }
    }

    /// RFC 8785 bytes.
    ///
    /// # Panics
    /// Never: a state has string keys and whole numbers only.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        serde_json_canonicalizer::to_vec(self).expect("a state has string keys and whole numbers only")
    }
}
