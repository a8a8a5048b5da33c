//! Answers of a token as the ABI writes them. A token is whoever wrote it: every answer may be anything.

use alloy_primitives::U256;

use crate::address::Account;
use crate::token::NAME_CHARS_MAX;

/// A number.
pub(super) fn number(answer: &[u8]) -> Option<U256> {
    answer.first_chunk::<32>().map(|word| U256::from_be_bytes(*word))
}

/// An address: a number below 2^160.
pub(super) fn account(answer: &[u8]) -> Option<Account> {
    let word = answer.first_chunk::<32>()?;
    let (zeros, bytes) = word.split_at(12);
    let plain = zeros.iter().all(|byte| *byte == 0);
    plain.then(|| bytes.try_into().ok().map(Account::new))?
}

/// A `string`, or the `bytes32` of old tokens, without what follows it, and cut.
pub(super) fn text(answer: &[u8]) -> Option<String> {
    let bytes = match answer.len() {
        32 => answer,
        _ => {
            let at = usize::try_from(number(answer)?).ok()?;
            let tail = answer.get(at..)?;
            let length = usize::try_from(number(tail)?).ok()?;
            // An answer may have been cut; a name is not as long as that.
            let body = tail.get(32..)?;
            body.get(..length.min(body.len()))?
        }
    };
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let text = String::from_utf8_lossy(bytes.get(..end)?);
    let text: String = text.chars().take(NAME_CHARS_MAX).collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(texts: &[&str]) -> Vec<u8> {
        texts.iter().flat_map(|text| hex::decode(format!("{text:0>64}")).expect("hex")).collect()
    }

    #[test]
    fn names_are_read_in_both_forms() {
        let mut name = words(&["20", "8"]);
        name.extend(b"USD Coin\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(text(&name).as_deref(), Some("USD Coin"));
        let mut old = b"MKR".to_vec();
        old.resize(32, 0);
        assert_eq!(text(&old).as_deref(), Some("MKR"));
        assert_eq!(text(&words(&["20", "0"])), None);
        assert_eq!(text(&[]), None);
        assert_eq!(text(&words(&["ffffffffffffffffffff", "8"])), None);
        let mut long = words(&["20", "ffffff"]);
        long.extend([b'a'; 900]);
        assert_eq!(text(&long).map(|text| text.len()), Some(NAME_CHARS_MAX));
    }

    #[test]
    fn an_owner_is_an_address() {
        assert_eq!(account(&words(&["0"])), Some(Account::ZERO));
        assert_eq!(account(&words(&["1ffffffffffffffffffffffffffffffffffffffff"])), None);
        assert_eq!(account(&[0; 31]), None);
    }

    proptest! {
        #[test]
        fn no_answer_breaks_the_reader(answer in proptest::collection::vec(any::<u8>(), 0..200)) {
            let text = text(&answer);
            prop_assert!(text.is_none_or(|text| text.chars().count() <= NAME_CHARS_MAX));
            let _ = (number(&answer), account(&answer));
        }
    }
}
