//! Amounts and calldata, as questions have them.

use alloy_primitives::U256;
use serde::{Deserialize, Serialize};

use crate::calldata::CALLDATA_BYTES_MAX;

/// An amount of wei: below 2^256, in JSON a decimal number in a string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Wei(U256);

/// Not an amount.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal number below 2^256 without sign or leading zeros")]
pub struct BadWei;

impl TryFrom<String> for Wei {
    type Error = BadWei;

    fn try_from(text: String) -> Result<Self, BadWei> {
        let plain = (1..=78).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_digit())
            && (text == "0" || !text.starts_with('0'));
        if !plain {
            return Err(BadWei);
        }
        U256::from_str_radix(&text, 10).map(Self).map_err(|_| BadWei)
    }
}

impl From<U256> for Wei {
    fn from(amount: U256) -> Self {
        Self(amount)
    }
}

impl From<Wei> for String {
    fn from(wei: Wei) -> Self {
        wei.0.to_string()
    }
}

impl Wei {
    /// Whether it is nothing.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// Both together; no more than there can be.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// From its bytes, big-endian.
    #[must_use]
    pub fn of_bytes(bytes: [u8; 32]) -> Self {
        Self(U256::from_be_bytes(bytes))
    }

    /// As a number.
    #[must_use]
    pub fn amount(&self) -> U256 {
        self.0
    }
}

/// Calldata, in JSON hex after `0x`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Calldata(Vec<u8>);

/// Not calldata.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCalldata {
    /// Not hex.
    #[error("not `0x` and an even number of hex digits")]
    Form,
    /// Over the limit.
    #[error("more than {CALLDATA_BYTES_MAX} bytes")]
    TooLong,
}

impl TryFrom<String> for Calldata {
    type Error = BadCalldata;

    fn try_from(text: String) -> Result<Self, BadCalldata> {
        let digits = text.strip_prefix("0x").ok_or(BadCalldata::Form)?;
        if digits.len() > CALLDATA_BYTES_MAX * 2 {
            return Err(BadCalldata::TooLong);
        }
        hex::decode(digits).map(Self).map_err(|_| BadCalldata::Form)
    }
}

impl Calldata {
    /// Bytes that are short enough, as they are.
    ///
    /// # Errors
    /// `BadCalldata::TooLong`.
    pub fn of(bytes: Vec<u8>) -> Result<Self, BadCalldata> {
        if bytes.len() > CALLDATA_BYTES_MAX { Err(BadCalldata::TooLong) } else { Ok(Self(bytes)) }
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Calldata> for String {
    fn from(data: Calldata) -> Self {
        format!("0x{}", hex::encode(data.0))
    }
}
