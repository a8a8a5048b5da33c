//! Time and randomness, as a port: a capability never asks the machine itself.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// This moment and `ms` milliseconds; stops at the end of time instead of wrapping.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// This moment and `s` seconds.
    #[must_use]
    pub fn plus_s(self, s: u64) -> Self {
        self.plus_ms(s.saturating_mul(1000))
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub fn as_s(self) -> u64 {
        self.0 / 1000
    }

    /// Milliseconds from `earlier` to this moment; 0 when `earlier` is later.
    #[must_use]
    pub fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-11-21T09:40:40.123Z`.
impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, ms) = (self.0 / 86_400_000, self.0 % 86_400_000);
        let (year, month, day) = civil_from_days(days);
        let (h, m, s) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{:03}Z", ms % 1000)
    }
}

/// Not a moment in RFC 3339, UTC.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time in UTC: `{0}`")]
pub struct NotATime(pub String);

impl FromStr for UnixMillis {
    type Err = NotATime;

    /// Reads `YYYY-MM-DDTHH:MM:SS[.fff]Z`, years 1970 to 9999.
    fn from_str(text: &str) -> Result<Self, NotATime> {
        parse_rfc3339(text).ok_or_else(|| NotATime(text.chars().take(40).collect()))
    }
}

fn parse_rfc3339(text: &str) -> Option<UnixMillis> {
    let bytes = text.as_bytes();
    let digits = |from: usize, to: usize| -> Option<u64> {
        let part = bytes.get(from..to)?;
        part.iter().all(u8::is_ascii_digit).then_some(())?;
        std::str::from_utf8(part).ok()?.parse().ok()
    };
    let mark = |at: usize, byte: u8| (bytes.get(at) == Some(&byte)).then_some(());
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
    for (at, byte) in [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')] {
        mark(at, byte)?;
    }
    let fraction_ms = match bytes.get(19)? {
        b'Z' if bytes.len() == 20 => 0,
        b'.' if bytes.len() > 21 && bytes.len() <= 30 && bytes.last() == Some(&b'Z') => {
            let fraction = digits(20, bytes.len() - 1).map(|_| &text[20..bytes.len() - 1])?;
            format!("{fraction:0<3}")[..3].parse().ok()?
        }
        _ => return None,
    };
    let in_range = year >= 1970
        && (1..=12).contains(&month)
        && day >= 1
        && day <= days_in_month(year, month)
        && hour < 24
        && minute < 60
        && second < 60;
    in_range.then(|| {
        let days = days_from_civil(year, month, day);
        UnixMillis((days * 86_400 + hour * 3600 + minute * 60 + second) * 1000 + fraction_ms)
    })
}

fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

// H. Hinnant, "chrono-compatible low-level date algorithms", for days since 1970.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let (era, doe) = (z / 146_097, z % 146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    (yoe + era * 400 + u64::from(month <= 2), month, day)
}

fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let y = if month <= 2 { year - 1 } else { year };
    let (era, yoe) = (y / 400, y % 400);
    let mp = if month > 2 { month - 3 } else { month + 9 };
    let doy = (153 * mp + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

/// Time and randomness.
pub trait Clock: Send + Sync {
    /// The wall clock. It may step back; nothing may depend on it rising.
    fn now(&self) -> UnixMillis;

    /// Fills `bytes` with randomness fit for keys.
    fn fill_random(&self, bytes: &mut [u8]);
}

/// The machine's own clock and random source.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the system's random source answers after boot");
    }
}

/// A clock that stands until it is moved, with a repeatable stream in place of randomness.
#[derive(Debug)]
pub struct ManualClock {
    now_ms: AtomicU64,
    drawn: AtomicU64,
}

impl ManualClock {
    /// Stands at `now`.
    #[must_use]
    pub fn at(now: UnixMillis) -> Self {
        Self { now_ms: AtomicU64::new(now.0), drawn: AtomicU64::new(0) }
    }

    /// Moves on by `ms` milliseconds.
    pub fn advance_ms(&self, ms: u64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.now_ms.load(Ordering::SeqCst))
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            // SplitMix64: distinct, repeatable, not secret.
            let mut z =
                self.drawn.fetch_add(1, Ordering::SeqCst).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let block = (z ^ (z >> 31)).to_le_bytes();
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn round_trip(ms: u64, text: &str) {
        assert_eq!(UnixMillis(ms).to_string(), text);
        assert_eq!(text.parse(), Ok(UnixMillis(ms)));
    }

    #[test]
    fn times_are_written_and_read_as_rfc_3339() {
        round_trip(0, "1970-01-01T00:00:00.000Z");
        round_trip(951_782_400_000, "2000-02-29T00:00:00.000Z");
        round_trip(1_709_251_199_999, "2024-02-29T23:59:59.999Z");
        round_trip(253_402_300_799_999, "9999-12-31T23:59:59.999Z");
        assert_eq!("2026-11-21T09:40:40Z".parse(), Ok(UnixMillis(1_795_254_040_000)));
        assert_eq!("2026-11-21T09:40:40.5Z".parse(), Ok(UnixMillis(1_795_254_040_500)));
    }

    #[test]
    fn what_is_not_a_time_in_utc_is_refused() {
        for text in [
            "",
            "2026",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00+00:00",
            "2026-01-01T00:00:00.Z",
            "1969-12-31T23:59:59Z",
            "2026-01-01 00:00:00Z",
            "２026-01-01T00:00:00Z",
        ] {
            assert!(text.parse::<UnixMillis>().is_err(), "{text}");
        }
    }
}
