//! Recovery codes: for whoever lost the second factor. Each counts once.

use scorpius_core::Clock;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::totp::bits;

/// How many there are at once.
pub(crate) const COUNT: usize = 10;
/// 120 random bits cannot be guessed from their hash, so a plain one is enough: ASVS 5.0, 6.5.2, asks for 112.
const BYTES: usize = 15;
/// Crockford's Base32: no letter that looks like a digit.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// New codes for the one answer that shows them, and what is kept of each.
pub(crate) fn codes(clock: &dyn Clock) -> (Vec<String>, Vec<String>) {
    (0..COUNT)
        .map(|_| {
            let mut random = Zeroizing::new([0; BYTES]);
            clock.fill_random(&mut *random);
            let text: Vec<u8> = bits(&*random).map(|five| ALPHABET[usize::from(five)]).collect();
            let code = text.chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join("-");
            let kept = hash(&code);
            (code, kept)
        })
        .unzip()
}

/// What is kept of a code, however it is typed: without regard to case, hyphens, spaces, and letters that look like digits.
pub(crate) fn hash(code: &str) -> String {
    let plain: String = code
        .chars()
        .filter(|c| !matches!(c, '-' | ' '))
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect();
    hex::encode(Sha256::digest(plain.as_bytes()))
}

#[cfg(test)]
mod tests {
    use scorpius_core::{ManualClock, UnixMillis};

    use super::*;

    #[test]
    fn codes_differ_and_are_known_again_as_people_type_them() {
        let (codes, kept) = codes(&ManualClock::at(UnixMillis(1)));
        assert_eq!((codes.len(), kept.len()), (COUNT, COUNT));
        for (code, kept) in codes.iter().zip(&kept) {
            assert_eq!(code.len(), 6 * 4 + 5, "{code}");
            let typed = code.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
            assert_eq!(&hash(&typed), kept);
        }
        let mut unique = kept.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), COUNT);
    }
}
