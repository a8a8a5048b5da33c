//! Names of sites: read as browsers read them, and compared with names that are worth imitating.
//!
//! ```text
//! text ─> IDNA ─> labels ─> what they spell, what they nearly spell, what they promise
//! ```
//!
//! A name alone tells little: of the sites that were reported in 2026 hardly any imitates a brand. What is
//! not found here is therefore `unknown`, and never `safe`.

mod brands;
pub mod features;
mod fold;
mod names;

use serde::{Deserialize, Serialize};

pub use names::look;

/// Bytes of a name, RFC 1035.
const NAME_BYTES_MAX: usize = 253;
/// Characters of a text that is read at all.
const TEXT_CHARS_MAX: usize = 2_048;

/// A site's host name in lower case, in JSON its ASCII form (`xn--…`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Domain {
    ascii: String,
    unicode: String,
}

/// Text that is no name of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDomain {
    /// Over a limit.
    #[error("longer than {NAME_BYTES_MAX} bytes")]
    TooLong,
    /// Not what IDNA (UTS 46) lets be a name.
    #[error("not a host name")]
    Form,
    /// Only one label.
    #[error("without a dot: not a name on the Internet")]
    Local,
    /// Numbers instead of a name.
    #[error("an IP address and no name")]
    Ip,
}

impl Domain {
    /// As resolvers see it: `xn--…` where it is not ASCII.
    #[must_use]
    pub fn ascii(&self) -> &str {
        &self.ascii
    }

    /// As people see it.
    #[must_use]
    pub fn unicode(&self) -> &str {
        &self.unicode
    }

    /// What was registered, as the names of endings that are known here tell: labels below it are its owner's.
    #[must_use]
    pub fn registered(&self) -> &str {
        names::registered(self)
    }

    /// Whether it is `other` or below it.
    #[must_use]
    pub fn is_within(&self, other: &str) -> bool {
        self.ascii.strip_suffix(other).is_some_and(|head| head.is_empty() || head.ends_with('.'))
    }
}

impl std::str::FromStr for Domain {
    type Err = BadDomain;

    /// A host name, or a URL with one.
    fn from_str(text: &str) -> Result<Self, BadDomain> {
        if text.chars().count() > TEXT_CHARS_MAX {
            return Err(BadDomain::TooLong);
        }
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let host = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            Some(_) => return Err(BadDomain::Form),
            None => host,
        };
        let host = host.strip_suffix('.').unwrap_or(host);
        let ascii = idna::domain_to_ascii_cow(host.as_bytes(), idna::AsciiDenyList::URL)
            .map_err(|_| BadDomain::Form)?
            .into_owned();
        if ascii.len() > NAME_BYTES_MAX {
            return Err(BadDomain::TooLong);
        }
        if ascii.is_empty() || ascii.split('.').any(|label| label.is_empty() || label.len() > 63) {
            return Err(BadDomain::Form);
        }
        let last = ascii.rsplit('.').next().unwrap_or_default();
        if last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x") {
            return Err(BadDomain::Ip);
        }
        if !ascii.contains('.') {
            return Err(BadDomain::Local);
        }
        let (unicode, _) = idna::domain_to_unicode(&ascii);
        Ok(Self { ascii, unicode })
    }
}

impl TryFrom<String> for Domain {
    type Error = BadDomain;

    fn try_from(text: String) -> Result<Self, BadDomain> {
        text.parse()
    }
}

impl From<Domain> for String {
    fn from(domain: Domain) -> Self {
        domain.ascii
    }
}

#[cfg(test)]
mod tests;
