//! One-time codes by time: RFC 6238 over HMAC-SHA-1, which is what every authenticator program takes.

use hmac::{Hmac, Mac};
use scorpius_core::{Clock, UnixMillis};
use sha1::Sha1;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Seconds of a step.
pub const STEP_S: u64 = 30;
/// Digits of a code.
pub const DIGITS: usize = 6;
/// Bytes of a secret (RFC 4226, section 4, R6 recommends 160 bits).
pub const SECRET_BYTES: usize = 20;
/// Steps that clocks may differ by, either way (RFC 6238, section 5.2).
const DRIFT: u64 = 1;

/// A new secret.
#[must_use]
pub fn secret(clock: &dyn Clock) -> Zeroizing<[u8; SECRET_BYTES]> {
    let mut secret = Zeroizing::new([0; SECRET_BYTES]);
    clock.fill_random(&mut *secret);
    secret
}

/// The code of `step`, with leading zeros (RFC 4226, section 5.3).
#[must_use]
pub fn code(secret: &[u8], step: u64) -> String {
    format!("{:0DIGITS$}", truncated(secret, step) % 10_u32.pow(DIGITS as u32))
}

fn truncated(secret: &[u8], step: u64) -> u32 {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 0x0f);
    u32::from_be_bytes([hash[at] & 0x7f, hash[at + 1], hash[at + 2], hash[at + 3]])
}

/// The step whose code `shown` is: the one of `now` or one beside it, and later than `last_step`.
#[must_use]
pub fn step_of(secret: &[u8], shown: &str, last_step: u64, now: UnixMillis) -> Option<u64> {
    let current = now.as_s() / STEP_S;
    let mut found = None;
    // Every step is looked at, so that the time says nothing about which it was.
    for step in current.saturating_sub(DRIFT)..=current.saturating_add(DRIFT) {
        let same: bool = code(secret, step).as_bytes().ct_eq(shown.as_bytes()).into();
        if same && step > last_step {
            found = Some(step);
        }
    }
    found
}

/// RFC 4648, section 6, without padding: how authenticator programs take secrets.
#[must_use]
pub fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    bits(bytes).map(|five| char::from(ALPHABET[usize::from(five)])).collect()
}

/// `bytes` in pieces of five bits; the last is filled with zeros.
pub(crate) fn bits(bytes: &[u8]) -> impl Iterator<Item = u8> + '_ {
    (0..(bytes.len() * 8).div_ceil(5)).map(|index| {
        let bit = index * 5;
        let pair = [bytes[bit / 8], bytes.get(bit / 8 + 1).copied().unwrap_or(0)];
        (u16::from_be_bytes(pair) >> (11 - bit % 8)) as u8 & 0x1f
    })
}

/// What authenticator programs read from a picture: Google's Key URI Format.
#[must_use]
pub fn uri(secret: &[u8], account: &str) -> String {
    let account: String = account
        .bytes()
        .map(|b| match b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            true => char::from(b).to_string(),
            false => format!("%{b:02X}"),
        })
        .collect();
    let secret = base32(secret);
    format!(
        "otpauth://totp/Scorpius:{account}?secret={secret}&issuer=Scorpius&algorithm=SHA1&digits={DIGITS}&period={STEP_S}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: the rows for SHA-1, of eight digits.
    const RFC_6238: [(u64, u32); 6] = [
        (59, 94_287_082),
        (1_111_111_109, 7_081_804),
        (1_111_111_111, 14_050_471),
        (1_234_567_890, 89_005_924),
        (2_000_000_000, 69_279_037),
        (20_000_000_000, 65_353_130),
    ];
    /// RFC 4226, appendix D.
    const RFC_4226: [&str; 10] =
        ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_rfcs() {
        for (time_s, expected) in RFC_6238 {
            assert_eq!(truncated(SECRET, time_s / STEP_S) % 100_000_000, expected);
        }
        for (counter, expected) in RFC_4226.into_iter().enumerate() {
            assert_eq!(code(SECRET, counter as u64), expected);
        }
    }

    #[test]
    fn a_code_counts_a_step_around_its_time_and_once() {
        let at = |step: u64| UnixMillis(step * STEP_S * 1_000 + 12_345);
        let shown = code(SECRET, 1_000);
        for (step, counts) in [(998, false), (999, true), (1_000, true), (1_001, true), (1_002, false)] {
            assert_eq!(step_of(SECRET, &shown, 0, at(step)), counts.then_some(1_000), "at {step}");
        }
        assert_eq!(step_of(SECRET, &shown, 1_000, at(1_000)), None, "it was used");
        assert_eq!(step_of(SECRET, &shown, 1_001, at(1_000)), None, "a later one was used");
        for wrong in ["", "000000", "00000", &format!("{shown}0"), "４５６"] {
            assert_eq!(step_of(SECRET, wrong, 0, at(1_000)), None, "{wrong}");
        }
    }

    #[test]
    fn secrets_are_160_bits_of_the_system_s_generator() {
        let secrets: Vec<_> = (0..1_000).map(|_| secret(&scorpius_core::SystemClock)).collect();
        let unique: std::collections::BTreeSet<_> = secrets.iter().map(|secret| **secret).collect();
        assert_eq!(unique.len(), secrets.len());
        for bit in 0..SECRET_BYTES * 8 {
            let set = secrets.iter().filter(|secret| secret[bit / 8] >> (bit % 8) & 1 == 1).count();
            // Ten standard deviations: a bit that stands still is found, and no honest one.
            assert!((340..=660).contains(&set), "bit {bit} is set in {set} of 1,000");
        }
    }

    #[test]
    fn secrets_are_written_as_authenticators_read_them() {
        // RFC 4648, section 10.
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
        assert_eq!(
            uri(SECRET, "a+b@example.com"),
            "otpauth://totp/Scorpius:a%2Bb%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Scorpius&algorithm=SHA1&digits=6&period=30"
        );
    }
}
