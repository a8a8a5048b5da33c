//! EventBridge's `rate(...)`, as the manifest writes it.

use std::time::Duration;

/// How often `rate(n minutes|hours|days)` fires; `None` for anything else.
#[must_use]
pub(super) fn every(expression: &str) -> Option<Duration> {
    let inner = expression.strip_prefix("rate(")?.strip_suffix(')')?;
    let (number, unit) = inner.split_once(' ')?;
    let number: u64 = number.parse().ok().filter(|&n| n > 0)?;
    let seconds = match (number, unit) {
        (1, "minute") | (2.., "minutes") => 60,
        (1, "hour") | (2.., "hours") => 3_600,
        (1, "day") | (2.., "days") => 86_400,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_as_eventbridge_writes_them() {
        assert_eq!(every("rate(1 minute)"), Some(Duration::from_secs(60)));
        assert_eq!(every("rate(2 hours)"), Some(Duration::from_secs(7200)));
        for bad in
            ["rate(1 minutes)", "rate(0 minutes)", "rate(-1 days)", "cron(0 * * * ? *)", "rate(1minute)", ""]
        {
            assert_eq!(every(bad), None, "{bad}");
        }
    }
}
