//! Passwords that were in breaches, by a service that is asked without being told the password: it gets the first five
//! digits of the SHA-1, answers all hashes that begin so, and pads its answer, so that its length says nothing either.
//!
//! The form is that of Have I Been Pwned's range API, version 3. Mirrors of it speak the same.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use schemars::JsonSchema;
use scorpius_core::{Egress, EgressError, EgressRequest};
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use crate::password::Password;

/// Somebody waits for the answer, and there is a list of our own.
const PATIENCE: Duration = Duration::from_secs(2);
/// A range has about 1,000 lines of 40 bytes.
const ANSWER_BYTES_MAX: usize = 1_000_000;
/// Digits that are sent.
const PREFIX: usize = 5;
/// Digits of a SHA-1.
const DIGITS: usize = 40;

/// How a password was looked for among those that others know, before it was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PasswordCheck {
    /// On our own list; no service is set up.
    List,
    /// On our own list, and by the service of breached passwords.
    Service,
    /// On our own list alone: the service did not answer, or not in its form.
    ServiceUnavailable,
}

/// Why the service says nothing.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// It could not be asked, or did not answer in time.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// It answered with another status than 200.
    #[error("the service of breached passwords answered {0}")]
    Status(u16),
    /// It is no list of hashes.
    #[error("the service of breached passwords answered with something else than hashes")]
    Form,
}

/// The service.
#[derive(Clone)]
pub struct BreachedPasswords {
    egress: Arc<dyn Egress>,
    /// What the five digits are put after.
    url: String,
}

impl BreachedPasswords {
    /// At `url`, such as `https://api.pwnedpasswords.com/range/`.
    ///
    /// # Errors
    /// When that cannot be called.
    pub fn at(url: &str, egress: Arc<dyn Egress>) -> Result<Self, EgressError> {
        let url = format!("{}/", url.trim_end_matches('/'));
        egress.check_url(&format!("{url}00000"))?;
        Ok(Self { egress, url })
    }

    /// In how many breaches' lists `password` is; 0 when it is in none.
    ///
    /// # Errors
    /// `NoAnswer`: then nothing is known.
    pub async fn count(&self, password: &Password) -> Result<u64, NoAnswer> {
        let digits = digits(password);
        let (prefix, rest) = digits.split_at(PREFIX);
        let headers = [("add-padding", "true"), ("accept", "text/plain"), ("user-agent", "scorpius")];
        let request = EgressRequest {
            method: "GET",
            url: format!("{}{prefix}", self.url),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            body: Bytes::new(),
            deadline: PATIENCE,
            answer_bytes_max: ANSWER_BYTES_MAX,
        };
        let answer = self.egress.send(request).await?;
        if answer.status != 200 {
            return Err(NoAnswer::Status(answer.status));
        }
        count_in(&answer.body, rest)
    }
}

fn digits(password: &Password) -> Zeroizing<String> {
    let hash = Zeroizing::new(<[u8; DIGITS / 2]>::from(Sha1::digest(password.reveal().as_bytes())));
    Zeroizing::new(hex::encode_upper(*hash))
}

/// The count beside `rest` in lines `<35 digits>:<count>`. Padding has the count 0. A line that is none makes the whole
/// answer worth nothing: it could stand for the one that was looked for.
fn count_in(body: &[u8], rest: &str) -> Result<u64, NoAnswer> {
    let text = std::str::from_utf8(body).map_err(|_| NoAnswer::Form)?;
    let mut found = 0;
    let mut lines = 0;
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        let (hash, count) = line.split_once(':').ok_or(NoAnswer::Form)?;
        let is_hash = hash.len() == DIGITS - PREFIX && hash.bytes().all(|digit| digit.is_ascii_hexdigit());
        let count: u64 = count.parse().map_err(|_| NoAnswer::Form)?;
        if !is_hash {
            return Err(NoAnswer::Form);
        }
        lines += 1;
        if hash.eq_ignore_ascii_case(rest) {
            found = count;
        }
    }
    // Every range of the service has hundreds: an empty page is a proxy's, or a mirror without data.
    if lines == 0 { Err(NoAnswer::Form) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digits_are_those_of_sha_1() {
        // The example of the API's own documentation.
        let digits = digits(&Password::new("P@ssw0rd".to_owned()));
        assert_eq!(*digits, "21BD12DC183F740EE76F27B78EB39C8AD972A757");
    }

    #[test]
    fn an_answer_is_read_whole_or_not_at_all() {
        let rest = "2DC183F740EE76F27B78EB39C8AD972A757";
        let check = |body: &[u8], expected: Option<u64>| {
            assert_eq!(count_in(body, rest).ok(), expected, "{}", String::from_utf8_lossy(body));
        };
        let other = "0018A45C4D1DEF81644B54AB7F969B88D65:10";
        check(format!("{other}\r\n{rest}:52579\r\n").as_bytes(), Some(52_579));
        check(format!("{other}\n{}:3", rest.to_lowercase()).as_bytes(), Some(3));
        check(other.as_bytes(), Some(0));
        // Padding.
        check(format!("{other}\r\n{rest}:0").as_bytes(), Some(0));
        for bad in [
            String::new(),
            "<html>".to_owned(),
            rest.to_owned(),
            format!("{rest}:"),
            format!("{rest}:-1"),
            format!("{rest}:99999999999999999999999"),
            format!("{other}\n{}:1", &rest[1..]),
            format!("{other}\n{rest}0:1"),
            format!("{other}\nG{}:1", &rest[1..]),
        ] {
            check(bad.as_bytes(), None);
        }
        check(b"\xff\xfe", None);
    }
}
