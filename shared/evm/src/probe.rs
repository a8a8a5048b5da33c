//! Asking tokens after a run: events are a contract's own words, and its balances are what counts.

use alloy_primitives::{Address, B256, Bytes, U256};

use crate::execute::{Executor, Raw};

/// Gas for one question. A balance costs a few thousand; tokens behind proxies, that rebase, up to 200,000.
pub(crate) const GAS_MAX: u64 = 1_000_000;

/// `balanceOf(address)`.
const BALANCE_OF: [u8; 4] = [0x70, 0xa0, 0x82, 0x31];
/// `allowance(address,address)`.
const ALLOWANCE: [u8; 4] = [0xdd, 0x62, 0xed, 0x3e];
/// `allowance(address,address,address)` of Permit2.
const ALLOWANCE_THROUGH: [u8; 4] = [0x92, 0x7d, 0xa1, 0x05];

/// A question to a contract whose answer begins with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Probe {
    Balance { token: Address, account: Address },
    Allowance { token: Address, owner: Address, spender: Address },
    AllowanceThrough { keeper: Address, token: Address, owner: Address, spender: Address },
}

impl Probe {
    fn contract(&self) -> Address {
        match *self {
            Self::Balance { token, .. } | Self::Allowance { token, .. } => token,
            Self::AllowanceThrough { keeper, .. } => keeper,
        }
    }

    fn calldata(&self) -> Bytes {
        let (selector, arguments) = match *self {
            Self::Balance { account, .. } => (BALANCE_OF, vec![account]),
            Self::Allowance { owner, spender, .. } => (ALLOWANCE, vec![owner, spender]),
            Self::AllowanceThrough { token, owner, spender, .. } => {
                (ALLOWANCE_THROUGH, vec![owner, token, spender])
            }
        };
        let words = arguments.into_iter().map(|address| B256::left_padding_from(address.as_slice()));
        [selector.to_vec(), words.flat_map(|word| word.0).collect()].concat().into()
    }

    /// The number that the contract answers, over what `executor` has under it.
    pub(crate) fn ask(&self, executor: &mut Executor<'_, '_>) -> Option<U256> {
        match executor.question(self.contract(), self.calldata()) {
            Raw::Returned(output) => output.first_chunk::<32>().map(|word| U256::from_be_bytes(*word)),
            Raw::Failed => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::keccak256;

    use super::*;

    #[test]
    fn selectors_are_those_of_the_standards() {
        for (signature, selector) in [
            ("balanceOf(address)", BALANCE_OF),
            ("allowance(address,address)", ALLOWANCE),
            ("allowance(address,address,address)", ALLOWANCE_THROUGH),
        ] {
            assert_eq!(keccak256(signature)[..4], selector, "{signature}");
        }
    }
}
