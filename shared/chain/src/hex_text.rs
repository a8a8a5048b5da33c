//! JSON-RPC's hex: quantities and data, as the Ethereum execution API writes them, and nothing else.

use bytes::Bytes;

/// Not the hex that was expected.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotHex {
    /// No `0x`, an odd length, another character.
    #[error("not hex as JSON-RPC writes it: `{0}`")]
    Form(String),
    /// More or fewer bytes than fit.
    #[error("{found} bytes of hex where {expected} are expected")]
    Length {
        /// How many came.
        found: usize,
        /// How many fit.
        expected: usize,
    },
}

/// A quantity that fits 64 bits: `0x0`, `0x41`; no leading zeros.
pub(crate) fn quantity_u64(text: &str) -> Result<u64, NotHex> {
    let word = quantity(text)?;
    let (high, low) = word.split_at(24);
    match (high.iter().all(|byte| *byte == 0), <[u8; 8]>::try_from(low)) {
        (true, Ok(low)) => Ok(u64::from_be_bytes(low)),
        _ => Err(NotHex::Length { found: text.len().div_ceil(2) - 1, expected: 8 }),
    }
}

/// A quantity of at most 32 bytes, big-endian.
pub(crate) fn quantity(text: &str) -> Result<[u8; 32], NotHex> {
    let digits = digits(text)?;
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return Err(form(text));
    }
    if digits.len() > 64 {
        return Err(NotHex::Length { found: digits.len().div_ceil(2), expected: 32 });
    }
    let mut word = [0; 32];
    let padded = format!("{digits:0>64}");
    hex::decode_to_slice(padded, &mut word).map_err(|_| form(text))?;
    Ok(word)
}

/// Exactly `N` bytes of data.
pub(crate) fn fixed<const N: usize>(text: &str) -> Result<[u8; N], NotHex> {
    let digits = digits(text)?;
    let mut bytes = [0; N];
    if digits.len() != 2 * N {
        return Err(NotHex::Length { found: digits.len() / 2, expected: N });
    }
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| form(text))?;
    Ok(bytes)
}

/// Data of at most `max` bytes; `0x` is none.
pub(crate) fn data(text: &str, max: usize) -> Result<Bytes, NotHex> {
    let digits = digits(text)?;
    if digits.len() / 2 > max {
        return Err(NotHex::Length { found: digits.len() / 2, expected: max });
    }
    hex::decode(digits).map(Bytes::from).map_err(|_| form(text))
}

fn digits(text: &str) -> Result<&str, NotHex> {
    text.strip_prefix("0x")
        .filter(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()))
        .ok_or_else(|| form(text))
}

fn form(text: &str) -> NotHex {
    NotHex::Form(text.chars().take(80).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantities_have_one_spelling() {
        assert_eq!(quantity_u64("0x0"), Ok(0));
        assert_eq!(quantity_u64("0x41"), Ok(65));
        assert_eq!(quantity_u64("0x400"), Ok(1024));
        assert_eq!(quantity_u64("0xffffffffffffffff"), Ok(u64::MAX));
        for bad in
            ["", "0x", "0X1", "41", "0x0400", "0x00", "0xg", "0x-1", "-0x1", "0x1 ", " 0x1", "0x１", "ff"]
        {
            assert!(matches!(quantity_u64(bad), Err(NotHex::Form(_))), "{bad}");
        }
        assert_eq!(quantity_u64("0x10000000000000000"), Err(NotHex::Length { found: 9, expected: 8 }));
        assert!(quantity(&format!("0x{}", "f".repeat(64))).is_ok());
        assert!(quantity(&format!("0x{}", "f".repeat(65))).is_err());
    }

    #[test]
    fn data_has_whole_bytes_and_a_limit() {
        assert_eq!(data("0x", 0), Ok(Bytes::new()));
        assert_eq!(data("0x6080", 2), Ok(Bytes::from_static(&[0x60, 0x80])));
        assert_eq!(data("0x6080", 1), Err(NotHex::Length { found: 2, expected: 1 }));
        assert!(data("0x608", 9).is_err());
        assert_eq!(fixed::<2>("0x00Ff"), Ok([0, 255]));
        assert_eq!(fixed::<2>("0xff"), Err(NotHex::Length { found: 1, expected: 2 }));
        assert!(fixed::<2>("0x0ff").is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in any::<String>()) {
            for text in [text.clone(), format!("0x{text}")] {
                drop(quantity_u64(&text));
                drop(quantity(&text));
                drop(fixed::<32>(&text));
                drop(data(&text, 16));
            }
        }

        #[test]
        fn what_is_written_is_read(number: u64, bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(quantity_u64(&format!("0x{number:x}")), Ok(number));
            prop_assert_eq!(data(&format!("0x{}", hex::encode(&bytes)), 64), Ok(Bytes::from(bytes)));
        }
    }
}
