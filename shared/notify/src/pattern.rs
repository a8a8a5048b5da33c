//! Which types of events a webhook asks for.

use std::fmt;
use std::str::FromStr;

use scorpius_core::event::matches_kind;
use serde::{Deserialize, Serialize};

/// Bytes of a pattern.
const PATTERN_BYTES_MAX: usize = 100;

/// A type of event, or the start of one and `*`: `scorpius.scan.completed.v1`, `scorpius.scan.*`, `*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventPattern(String);

/// Not a pattern of event types.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a pattern of event types: `{0}`")]
pub struct NotAPattern(pub String);

impl EventPattern {
    /// Whether an event of type `kind` is asked for.
    #[must_use]
    pub fn matches(&self, kind: &str) -> bool {
        matches_kind(&self.0, kind)
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EventPattern {
    type Err = NotAPattern;

    fn from_str(text: &str) -> Result<Self, NotAPattern> {
        match text.len() <= PATTERN_BYTES_MAX && is_pattern(text) {
            true => Ok(Self(text.to_owned())),
            false => Err(NotAPattern(text.chars().take(PATTERN_BYTES_MAX).collect())),
        }
    }
}

fn is_pattern(text: &str) -> bool {
    let word = |part: &str| part.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    let (body, open) = match text.strip_suffix('*') {
        Some("") => return true,
        Some(body) => (body, true),
        None => (text, false),
    };
    let parts: Vec<_> = body.split('.').collect();
    // Deliveries are not told of deliveries, and the ledger's own facts stay in the ledger.
    let ours = matches!(parts.get(1).copied(), Some("notify" | "ledger"));
    let last_is_full = open || (parts.len() == 4 && parts.last().is_some_and(|part| !part.is_empty()));
    let inner_are_full = parts.iter().rev().skip(1).all(|part| !part.is_empty());
    parts.first() == Some(&"scorpius")
        && (2..=4).contains(&parts.len())
        && !ours
        && last_is_full
        && inner_are_full
        && parts.iter().all(|part| word(part))
}

impl TryFrom<String> for EventPattern {
    type Error = NotAPattern;

    fn try_from(text: String) -> Result<Self, NotAPattern> {
        text.parse()
    }
}

impl From<EventPattern> for String {
    fn from(pattern: EventPattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pattern_is_a_type_or_the_start_of_one() {
        for good in
            ["*", "scorpius.*", "scorpius.scan.*", "scorpius.scan.comp*", "scorpius.scan.completed.v1"]
        {
            assert!(good.parse::<EventPattern>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "**",
            "scorpius",
            "scorpius*",
            "scorpius.scan",
            "scorpius.scan.completed",
            "scorpius.scan.completed.",
            "scorpius.scan.completed.v1.x",
            "scorpius..completed.v1",
            "scorpius.*.completed.v1",
            "scorpius.Scan.*",
            "scorpius.scan completed.v1",
            "wallet.threat_detected",
            "scorpius.notify.*",
            "scorpius.ledger.checkpoint_signed.v1",
        ] {
            assert!(bad.parse::<EventPattern>().is_err(), "{bad}");
        }
        assert!(format!("scorpius.{}*", "a".repeat(100)).parse::<EventPattern>().is_err());
    }

    #[test]
    fn a_pattern_matches_what_it_names() {
        let scans: EventPattern = "scorpius.scan.*".parse().expect("a pattern");
        assert!(scans.matches("scorpius.scan.completed.v1"));
        assert!(!scans.matches("scorpius.risk.scored.v1"));
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in any::<String>()) {
            drop(text.parse::<EventPattern>());
            drop(format!("scorpius.{text}").parse::<EventPattern>());
        }
    }
}
