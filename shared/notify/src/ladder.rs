//! When a delivery is tried again.

use scorpius_core::{Clock, UnixMillis};

/// What is waited before each retry: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h. With the first attempt that makes 8.
pub(crate) const LADDER_MS: [u64; 7] =
    [5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 36_000_000];
/// The longest wait that `Retry-After` may ask for; with jitter it stays under the queue's 12 hours.
const ASKED_MAX_MS: u64 = 36_000_000;

/// When to try again after the attempt at rung `rung` failed; `None` when it was the last.
/// The receiver may ask for longer than the ladder waits, up to 10 h, and never for less.
pub(crate) fn next_attempt(rung: usize, retry_after: Option<&str>, clock: &dyn Clock) -> Option<UnixMillis> {
    let now = clock.now();
    let own_ms = *LADDER_MS.get(rung)?;
    let asked_ms = retry_after.and_then(|value| asked_ms(value, now)).unwrap_or(0).min(ASKED_MAX_MS);
    let wait_ms = own_ms.max(asked_ms);
    Some(now.plus_ms(wait_ms + jitter_ms(wait_ms, clock)))
}

/// 0 to 10 % of `wait_ms`, so that what failed together does not come back together.
fn jitter_ms(wait_ms: u64, clock: &dyn Clock) -> u64 {
    let mut random = [0; 8];
    clock.fill_random(&mut random);
    u64::from_le_bytes(random) % (wait_ms / 10 + 1)
}

/// RFC 9110, section 10.2.3: seconds, or a date.
fn asked_ms(value: &str, now: UnixMillis) -> Option<u64> {
    let value = value.trim();
    if !value.is_empty() && value.len() <= 9 && value.bytes().all(|b| b.is_ascii_digit()) {
        return value.parse::<u64>().ok().map(|seconds| seconds * 1000);
    }
    Some(http_date(value)?.since_ms(now))
}

/// RFC 9110, section 5.6.7, the form that senders must use: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<UnixMillis> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let parts: Vec<_> = text.split(' ').collect();
    let [_weekday, day, month, year, time, "GMT"] = parts[..] else { return None };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    format!("{year}-{month:02}-{day}T{time}Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use scorpius_core::ManualClock;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_795_254_040_000);

    #[track_caller]
    fn check(rung: usize, retry_after: Option<&str>, least_ms: u64) {
        let clock = ManualClock::at(NOW);
        for _ in 0..100 {
            let at = next_attempt(rung, retry_after, &clock).expect("a rung");
            let waited = at.since_ms(NOW);
            assert!(
                (least_ms..=least_ms + least_ms / 10).contains(&waited),
                "{rung} {retry_after:?}: {waited}"
            );
        }
    }

    #[test]
    fn each_rung_waits_its_time_and_up_to_a_tenth_more() {
        for (rung, wait_ms) in LADDER_MS.into_iter().enumerate() {
            check(rung, None, wait_ms);
        }
        assert_eq!(next_attempt(LADDER_MS.len(), None, &ManualClock::at(NOW)), None);
    }

    #[test]
    fn retry_after_lengthens_a_wait_within_bounds() {
        check(0, Some("60"), 60_000);
        check(0, Some(" 60 "), 60_000);
        check(1, Some("60"), 300_000);
        check(0, Some("999999999"), 36_000_000);
        check(0, Some("Sat, 21 Nov 2026 09:41:40 GMT"), 60_000);
        check(0, Some("Sun, 06 Nov 1994 08:49:37 GMT"), 5_000);
    }

    #[test]
    fn a_retry_after_that_says_nothing_counts_for_nothing() {
        for value in [
            "",
            "-1",
            "1.5",
            "soon",
            "99999999999999999999",
            "Sat, 21 Nov 2026 09:41:40 CET",
            "Sat, 32 Nov 2026 09:41:40 GMT",
        ] {
            check(0, Some(value), 5_000);
        }
    }

    proptest! {
        #[test]
        fn arbitrary_values_never_panic_and_stay_under_twelve_hours(value in any::<String>(), seconds: u64) {
            let clock = ManualClock::at(NOW);
            for value in [value, seconds.to_string()] {
                let at = next_attempt(6, Some(&value), &clock).expect("a rung");
                prop_assert!(at.since_ms(NOW) < 12 * 3_600_000);
            }
        }
    }
}
