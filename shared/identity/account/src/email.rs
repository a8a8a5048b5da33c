//! E-mail addresses: read strictly, found by a keyed hash, never stored in clear.

use std::fmt;
use std::str::FromStr;

/// Bytes of an address (RFC 5321, section 4.5.3.1.3, without the angle brackets).
const BYTES_MAX: usize = 254;
/// Bytes before the `@` (section 4.5.3.1.1).
const LOCAL_BYTES_MAX: usize = 64;

/// An address that mail can be sent to, in lower case: nobody keeps two mailboxes that differ in case only.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

/// Not an address that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an e-mail address is `name@host.domain` in ASCII, of at most {BYTES_MAX} characters")]
pub struct NotAnEmail;

impl Email {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the `@`.
    #[must_use]
    pub fn local(&self) -> &str {
        self.0.split('@').next().unwrap_or_default()
    }
}

/// Whose it is stays out of logs.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

impl FromStr for Email {
    type Err = NotAnEmail;

    /// The `addr-spec` of RFC 5322 without quoting, comments and literals: a dot-atom, and a host with a dot.
    fn from_str(text: &str) -> Result<Self, NotAnEmail> {
        let (local, host) = text.split_once('@').ok_or(NotAnEmail)?;
        let fine = text.len() <= BYTES_MAX && is_dot_atom(local) && is_host(host);
        fine.then(|| Self(text.to_ascii_lowercase())).ok_or(NotAnEmail)
    }
}

fn is_dot_atom(local: &str) -> bool {
    let is_atom = |atom: &str| {
        !atom.is_empty()
            && atom.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
    };
    local.len() <= LOCAL_BYTES_MAX && local.split('.').all(is_atom)
}

fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.contains('.') && host.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_is_read_strictly_and_without_regard_to_case() {
        for (text, read) in [
            ("ada@example.com", "ada@example.com"),
            ("Ada.Lovelace+x@Example.COM", "ada.lovelace+x@example.com"),
            ("o'neil@a-b.example", "o'neil@a-b.example"),
        ] {
            assert_eq!(text.parse::<Email>().expect("an address").as_str(), read);
        }
        let long = format!("{}@example.com", "a".repeat(65));
        let longer = format!("a@{}.com", "a.".repeat(130));
        for bad in [
            "",
            "@",
            "a",
            "a@b",
            "a@.com",
            "a@b.",
            "@b.com",
            "a@b..com",
            "a..b@c.com",
            ".a@b.com",
            "a.@b.com",
            "a b@c.com",
            "a@b.com ",
            " a@b.com",
            "a@b@c.com",
            "a@b.com\r\nBcc: x@y.com",
            "\"a\"@b.com",
            "a@[1.2.3.4]",
            "ä@b.com",
            "a@ä.com",
            "a@-b.com",
            "a@b-.com",
            "a,b@c.com",
            "<a@b.com>",
            "a@b_c.com",
            &long,
            &longer,
        ] {
            assert_eq!(bad.parse::<Email>().err(), Some(NotAnEmail), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_taken_has_no_character_that_a_header_or_a_list_minds(text in ".{0,60}|[a-zA-Z0-9.@<>,; -]{3,40}") {
            if let Ok(email) = text.parse::<Email>() {
                prop_assert!(email.as_str().is_ascii());
                prop_assert!(!email.as_str().contains([' ', '\r', '\n', ',', ';', '<', '>', '"', '(']));
                prop_assert_eq!(email.as_str().matches('@').count(), 1);
                let again = email.as_str().parse::<Email>();
                prop_assert_eq!(again.as_ref(), Ok(&email));
            }
        }
    }
}
