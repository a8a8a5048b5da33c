//! Numbers as documents write them.

use alloy_primitives::{U256, keccak256};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Whole numbers that every JSON reader keeps: 2^53 - 1 (RFC 7493).
pub const SAFE_MAX: u64 = (1 << 53) - 1;

/// A difference of two amounts, in JSON a decimal number in a string, with `-` where something left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    gone: bool,
    amount: U256,
}

impl Delta {
    /// From `before` to `after`.
    #[must_use]
    pub fn between(before: U256, after: U256) -> Self {
        Self { gone: after < before, amount: before.abs_diff(after) }
    }

    /// Whether something left.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        self.gone && !self.amount.is_zero()
    }

    /// Whether something came.
    #[must_use]
    pub fn is_gain(&self) -> bool {
        !self.gone && !self.amount.is_zero()
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.amount.is_zero()
    }

    /// How much, without its direction.
    #[must_use]
    pub fn amount(&self) -> U256 {
        self.amount
    }
}

impl std::fmt::Display for Delta {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.is_loss() { "-" } else { "" };
        write!(f, "{sign}{}", self.amount)
    }
}

impl Serialize for Delta {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The first four bytes of calldata for a function's signature: `transfer(address,uint256)`.
#[must_use]
pub fn selector(signature: &str) -> [u8; 4] {
    let hash = keccak256(signature);
    [hash[0], hash[1], hash[2], hash[3]]
}

/// Amounts as decimal numbers in strings.
pub mod amount {
    use super::{Deserialize, Deserializer, Serializer, U256};

    /// Decimal digits.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(amount: &U256, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(amount)
    }

    /// Decimal digits, one spelling each, below 2^256.
    ///
    /// # Errors
    /// Another spelling.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<U256, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| serde::de::Error::custom("not a decimal number below 2^256"))
    }

    pub(super) fn parse(text: &str) -> Option<U256> {
        let plain = (1..=78).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_digit())
            && (text == "0" || !text.starts_with('0'));
        plain.then(|| U256::from_str_radix(text, 10).ok()).flatten()
    }
}

/// Amounts that may be absent.
pub mod amount_or_none {
    use super::{Deserialize, Deserializer, Serializer, U256, amount};

    /// Decimal digits.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(amount: &Option<U256>, serializer: S) -> Result<S::Ok, S::Error> {
        match amount {
            Some(amount) => serializer.collect_str(amount),
            None => serializer.serialize_none(),
        }
    }

    /// Decimal digits, or nothing.
    ///
    /// # Errors
    /// Another spelling.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<U256>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let read = |text: String| {
            amount::parse(&text).ok_or_else(|| serde::de::Error::custom("not a decimal number below 2^256"))
        };
        text.map(read).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delta_has_a_direction_and_nothing_has_none() {
        let delta = |before: u64, after: u64| Delta::between(U256::from(before), U256::from(after));
        assert_eq!((delta(5, 2).to_string().as_str(), delta(5, 2).is_loss()), ("-3", true));
        assert_eq!((delta(2, 5).to_string().as_str(), delta(2, 5).is_gain()), ("3", true));
        assert_eq!((delta(5, 5).to_string().as_str(), delta(5, 5).is_zero()), ("0", true));
        assert_eq!(Delta::between(U256::MAX, U256::ZERO).amount(), U256::MAX);
    }

    #[test]
    fn a_selector_is_the_start_of_a_hash() {
        assert_eq!(selector("transfer(address,uint256)"), [0xa9, 0x05, 0x9c, 0xbb]);
    }

    #[test]
    fn an_amount_has_one_spelling() {
        assert_eq!(amount::parse("0"), Some(U256::ZERO));
        assert_eq!(amount::parse(&U256::MAX.to_string()), Some(U256::MAX));
        let above = format!("{}0", U256::MAX);
        for bad in ["", "00", "01", "-1", "+1", "1.0", "0x1", " 1", "1e3", &above] {
            assert_eq!(amount::parse(bad), None, "{bad}");
        }
    }
}
