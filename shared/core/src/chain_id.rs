//! EVM chains by number and by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Characters of a text that an error repeats.
const SHOWN_CHARS_MAX: usize = 48;

/// A chain by its EIP-155 number; in JSON `eip155:1` (CAIP-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChainId(u64);

/// Text that names no EVM chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an EVM chain that is known by name, nor `eip155:` and its number: `{0}`")]
pub struct UnsupportedChain(String);

/// Names that stand for a number, as chainlist.org and the chains' own documents give them.
const NAMES: [(&str, u64); 13] = [
    ("ethereum", 1),
    ("mainnet", 1),
    ("optimism", 10),
    ("bnb", 56),
    ("bsc", 56),
    ("gnosis", 100),
    ("polygon", 137),
    ("base", 8453),
    ("arbitrum", 42161),
    ("avalanche", 43114),
    ("linea", 59144),
    ("scroll", 534_352),
    ("sepolia", 11_155_111),
];

/// The largest number that every JSON reader keeps exactly.
const CHAIN_ID_MAX: u64 = (1 << 53) - 1;

impl ChainId {
    /// The largest number of a chain.
    pub const MAX: u64 = CHAIN_ID_MAX;

    /// The EIP-155 number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl FromStr for ChainId {
    type Err = UnsupportedChain;

    fn from_str(text: &str) -> Result<Self, UnsupportedChain> {
        let unsupported = || UnsupportedChain(text.chars().take(SHOWN_CHARS_MAX).collect());
        if let Some((_, number)) = NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(Self(*number));
        }
        let digits = text.strip_prefix("eip155:").ok_or_else(unsupported)?;
        let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        match digits.parse() {
            Ok(number @ 1..=CHAIN_ID_MAX) if plain => Ok(Self(number)),
            _ => Err(unsupported()),
        }
    }
}

impl TryFrom<String> for ChainId {
    type Error = UnsupportedChain;

    fn try_from(text: String) -> Result<Self, UnsupportedChain> {
        text.parse()
    }
}

impl From<ChainId> for String {
    fn from(chain: ChainId) -> Self {
        chain.to_string()
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "eip155:{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_chain_is_a_known_name_or_its_number() {
        for (text, number) in [("ethereum", 1), ("eip155:1", 1), ("base", 8453), ("eip155:999", 999)] {
            assert_eq!(text.parse::<ChainId>().map(ChainId::number), Ok(number), "{text}");
        }
        for bad in
            ["", "bitcoin", "eip155:", "eip155:0", "eip155:01", "eip155:+1", "eip155:9007199254740992", "1"]
        {
            assert!(bad.parse::<ChainId>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_chain_or_an_error(text in "\\PC{0,60}") {
            if let Ok(chain) = text.parse::<ChainId>() {
                prop_assert_eq!(chain.to_string().parse::<ChainId>(), Ok(chain));
            }
        }
    }
}
