//! What a contract says when it reverts.

use alloy_primitives::U256;

/// Characters of a reason that are kept.
const CHARS_MAX: usize = 200;
/// Bytes of an error of the contract's own that are kept.
const OWN_BYTES_MAX: usize = 68;
/// `Error(string)`.
const ERROR: [u8; 4] = [0x08, 0xc3, 0x79, 0xa0];
/// `Panic(uint256)`.
const PANIC: [u8; 4] = [0x4e, 0x48, 0x7b, 0x71];

/// The reason in words; what is not text is hex.
pub(crate) fn of_revert(output: &[u8]) -> String {
    let Some((selector, rest)) = output.split_first_chunk::<4>() else {
        return if output.is_empty() { String::new() } else { in_hex(output) };
    };
    let read = match *selector {
        ERROR => text(rest),
        PANIC => rest.first_chunk::<32>().map(|word| panic(U256::from_be_bytes(*word))),
        _ => None,
    };
    read.unwrap_or_else(|| in_hex(output))
}

fn in_hex(output: &[u8]) -> String {
    format!("0x{}", hex::encode(output.get(..OWN_BYTES_MAX).unwrap_or(output)))
}

/// A string in the ABI's form, wherever it is in `data`.
fn text(data: &[u8]) -> Option<String> {
    let word = |at: usize| -> Option<usize> {
        let word: [u8; 32] = data.get(at..at.checked_add(32)?)?.try_into().ok()?;
        usize::try_from(U256::from_be_bytes(word)).ok()
    };
    let at = word(0)?;
    let length = word(at)?;
    let start = at.checked_add(32)?;
    let bytes = data.get(start..start.checked_add(length)?)?;
    let text = String::from_utf8_lossy(bytes);
    // What it says is shown to people: no character that moves the cursor or hides.
    let shown = text.chars().filter(|character| !character.is_control()).take(CHARS_MAX);
    Some(shown.collect())
}

/// Solidity's documentation, "Panic via assert and Error via require".
fn panic(code: U256) -> String {
    let meaning = match u8::try_from(code) {
        Ok(0x01) => "an assertion failed",
        Ok(0x11) => "arithmetic overflow",
        Ok(0x12) => "division by zero",
        Ok(0x21) => "a value outside its enumeration",
        Ok(0x22) => "a damaged byte array in storage",
        Ok(0x31) => "pop of an empty array",
        Ok(0x32) => "an index out of bounds",
        Ok(0x41) => "too much memory",
        Ok(0x51) => "a call of an unset function",
        _ => "unknown",
    };
    format!("panic 0x{code:02x}: {meaning}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn word(number: u64) -> [u8; 32] {
        U256::from(number).to_be_bytes()
    }

    #[test]
    fn reasons_are_read_as_compilers_write_them() {
        let error = [&ERROR[..], &word(32), &word(5), b"EMPTY", &[0; 27]].concat();
        assert_eq!(of_revert(&error), "EMPTY");
        assert_eq!(of_revert(&[&PANIC[..], &word(0x11)].concat()), "panic 0x11: arithmetic overflow");
        assert_eq!(of_revert(&[0xde, 0xad, 0xbe, 0xef, 1]), "0xdeadbeef01");
        assert_eq!(of_revert(&[]), "");
        assert_eq!(of_revert(&[7]), "0x07");
    }

    #[test]
    fn a_reason_that_lies_about_its_length_is_hex() {
        for (at, length) in [(32, u64::MAX), (u64::MAX, 5), (32, 6)] {
            let error = [&ERROR[..], &word(at), &word(length), b"EMPTY"].concat();
            assert!(of_revert(&error).starts_with("0x08c379a0"));
        }
    }

    #[test]
    fn a_reason_cannot_move_the_cursor() {
        let error = [&ERROR[..], &word(32), &word(6), b"a\x1b[2Jb", &[0; 26]].concat();
        assert_eq!(of_revert(&error), "a[2Jb");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for bytes in [bytes.clone(), [&ERROR[..], &bytes].concat(), [&PANIC[..], &bytes].concat()] {
                prop_assert!(of_revert(&bytes).chars().count() <= CHARS_MAX.max(2 + 2 * OWN_BYTES_MAX));
            }
        }
    }
}
