//! Addresses, parsed once into types that cannot be wrong.

use std::fmt;
use std::str::FromStr;

use alloy_primitives::Address;
pub use scorpius_core::chain_id::{ChainId, UnsupportedChain};
use serde::{Deserialize, Serialize};

/// Bytes of a text that an error repeats.
const SHOWN_CHARS_MAX: usize = 48;

/// An account of an EVM chain: 20 bytes, in JSON 40 lower-case hex digits after `0x`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Account([u8; 20]);

/// Text that is no address of an EVM chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// The address of a chain of another kind, or a name.
    #[error("not an EVM address, and other kinds are not screened: `{0}`")]
    OtherKind(String),
    /// `0x` and something else than 40 hex digits.
    #[error("not `0x` and 40 hex digits: `{0}`")]
    Form(String),
    /// Mixed case, and the case is not EIP-55's: a digit is wrong.
    #[error("the EIP-55 checksum does not match, so a digit is wrong: `{0}`")]
    Checksum(String),
}

impl Account {
    /// The address of all zeros.
    pub const ZERO: Self = Self([0; 20]);

    /// From its bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// `0x` and 40 hex digits in EIP-55's case.
    #[must_use]
    pub fn checksummed(&self) -> String {
        Address::from(self.0).to_checksum(None)
    }

    /// The hex digit at `at`, counted from the left.
    fn digit(&self, at: usize) -> u8 {
        let byte = self.0.get(at / 2).copied().unwrap_or_default();
        if at.is_multiple_of(2) { byte >> 4 } else { byte & 0x0f }
    }

    /// How many hex digits both have in common at the left, and at the right.
    #[must_use]
    pub fn common_digits(&self, other: &Self) -> (usize, usize) {
        let left = (0..40).take_while(|&at| self.digit(at) == other.digit(at)).count();
        let right = (0..40).rev().take_while(|&at| self.digit(at) == other.digit(at)).count();
        (left, right)
    }

    /// How many zero digits it starts with.
    #[must_use]
    pub fn leading_zeros(&self) -> usize {
        (0..40).take_while(|&at| self.digit(at) == 0).count()
    }
}

impl From<Address> for Account {
    fn from(address: Address) -> Self {
        Self(address.into_array())
    }
}

impl FromStr for Account {
    type Err = BadAddress;

    /// `0x` and 40 hex digits, all lower, all upper or in EIP-55's case.
    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let shown = || text.chars().take(SHOWN_CHARS_MAX).collect::<String>();
        let digits = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => digits,
            None => return Err(BadAddress::OtherKind(shown())),
        };
        let mut bytes = [0; 20];
        if hex::decode_to_slice(digits, &mut bytes).is_err() {
            return Err(BadAddress::Form(shown()));
        }
        let mixed =
            digits.bytes().any(|b| b.is_ascii_lowercase()) && digits.bytes().any(|b| b.is_ascii_uppercase());
        let account = Self(bytes);
        // EIP-55, checksum case.
        if mixed && account.checksummed().get(2..) != Some(digits) {
            return Err(BadAddress::Checksum(shown()));
        }
        Ok(account)
    }
}

impl TryFrom<String> for Account {
    type Error = BadAddress;

    fn try_from(text: String) -> Result<Self, BadAddress> {
        text.parse()
    }
}

impl From<Account> for String {
    fn from(account: Account) -> Self {
        account.to_string()
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(self.0))
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // The examples of EIP-55.
    const EXAMPLES: [&str; 4] = [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ];

    #[test]
    fn an_address_in_mixed_case_must_have_the_right_checksum() {
        for example in EXAMPLES {
            let account: Account = example.parse().expect("EIP-55's own example");
            assert_eq!(account.checksummed(), example);
            assert_eq!(example.to_lowercase().parse(), Ok(account));
            assert_eq!(example.to_uppercase().parse(), Ok(account));
            let wrong = example.replacen('e', "E", 1).replacen('a', "A", 1);
            if wrong != example {
                assert_eq!(wrong.parse::<Account>(), Err(BadAddress::Checksum(wrong)));
            }
        }
    }

    #[test]
    fn what_is_no_evm_address_is_told_apart_from_what_is_mistyped() {
        for other in ["", "bc1qxy2kgdygjrsqtzq2n0yrf2493p83kkfjhx0wlh", "vitalik.eth", "５aAeb"] {
            assert!(matches!(other.parse::<Account>(), Err(BadAddress::OtherKind(_))), "{other}");
        }
        for form in [
            "0x",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
            "0xg0",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAedA",
        ] {
            assert!(matches!(form.parse::<Account>(), Err(BadAddress::Form(_))), "{form}");
        }
    }

    #[test]
    fn common_digits_are_counted_from_both_ends() {
        let (one, two): (Account, Account) = (
            "0xabc0000000000000000000000000000000001234".parse().expect("an address"),
            "0xabcd000000000000000000000000000000f01234".parse().expect("an address"),
        );
        assert_eq!(one.common_digits(&two), (3, 5));
        assert_eq!(one.common_digits(&one), (40, 40));
        assert_eq!(Account::ZERO.leading_zeros(), 40);
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_or_an_error(text in "\\PC{0,60}") {
            if let Ok(account) = text.parse::<Account>() {
                prop_assert_eq!(account.to_string().parse::<Account>(), Ok(account));
            }
        }

        #[test]
        fn every_address_reads_its_own_checksum(bytes in any::<[u8; 20]>()) {
            let account = Account::new(bytes);
            prop_assert_eq!(account.checksummed().parse(), Ok(account));
        }
    }
}
