//! Code as it is handed in.

use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::engine::CODE_BYTES_MAX;

/// Runtime bytecode: 1 byte to 128 KiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bytecode(Vec<u8>);

/// Text that is no bytecode.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBytecode {
    /// Nothing but the prefix.
    #[error("bytecode without a byte")]
    Empty,
    /// More than the engine takes.
    #[error("bytecode of more than {CODE_BYTES_MAX} bytes")]
    TooLong,
    /// No `0x`, an odd number of digits, or something that is no digit. Unlinked libraries (`__$…$__`) are this.
    #[error("not `0x` and an even number of hex digits")]
    NotHex,
}

impl Bytecode {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// In hex.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex::encode(Sha256::digest(&self.0))
    }
}

impl TryFrom<Vec<u8>> for Bytecode {
    type Error = NotBytecode;

    fn try_from(bytes: Vec<u8>) -> Result<Self, NotBytecode> {
        match bytes.len() {
            0 => Err(NotBytecode::Empty),
            1..=CODE_BYTES_MAX => Ok(Self(bytes)),
            _ => Err(NotBytecode::TooLong),
        }
    }
}

impl FromStr for Bytecode {
    type Err = NotBytecode;

    fn from_str(text: &str) -> Result<Self, NotBytecode> {
        let digits = text.strip_prefix("0x").ok_or(NotBytecode::NotHex)?;
        if digits.is_empty() {
            return Err(NotBytecode::Empty);
        }
        if digits.len() > 2 * CODE_BYTES_MAX {
            return Err(NotBytecode::TooLong);
        }
        hex::decode(digits).map(Self).map_err(|_| NotBytecode::NotHex)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_prefixed_hex_of_a_sane_size_is_bytecode() {
        let check = |text: &str, expected: Result<usize, NotBytecode>| {
            assert_eq!(text.parse::<Bytecode>().map(|code| code.as_bytes().len()), expected, "{text:.20}");
        };
        check("0x00fF", Ok(2));
        check("0x", Err(NotBytecode::Empty));
        check("", Err(NotBytecode::NotHex));
        check("00", Err(NotBytecode::NotHex));
        check("0x0", Err(NotBytecode::NotHex));
        check("0x0g", Err(NotBytecode::NotHex));
        check("0x73__$0123456789abcdef$__", Err(NotBytecode::NotHex));
        check(&format!("0x{}", "00".repeat(CODE_BYTES_MAX)), Ok(CODE_BYTES_MAX));
        check(&format!("0x{}", "00".repeat(CODE_BYTES_MAX + 1)), Err(NotBytecode::TooLong));
    }

    proptest! {
        #[test]
        fn hex_comes_back_as_it_was(bytes in proptest::collection::vec(any::<u8>(), 1..200)) {
            let code: Bytecode = format!("0x{}", hex::encode(&bytes)).parse().expect("hex");
            prop_assert_eq!(code.as_bytes(), bytes);
        }

        #[test]
        fn no_text_breaks_the_parser(text in ".{0,300}") {
            if let Ok(code) = text.parse::<Bytecode>() {
                prop_assert!(!code.as_bytes().is_empty());
            }
        }
    }
}
