//! Settings, read once at the start by the adapter that needs them.
//!
//! | setting | what it is |
//! | --- | --- |
//! | `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` | set by Lambda; the last may be missing |
//! | `AWS_ENDPOINT_URL` | optional: an emulator |
//! | `TABLE_RECORDS`, `TABLE_OUTBOX`, `TABLE_COUNTERS` | names of the three tables |
//! | `BUCKET` | name of the blobs' bucket |
//! | `ANCHORS` | name of the bucket of the ledger's anchors; for `audit-anchor` |
//! | `BUS` | name of the event bus |
//! | `QUEUE_<NAME>`, `QUEUE_<NAME>_DEAD` | URLs of queue `<name>` of the manifest and of its dead letters |
//! | `KEY_TOKEN`, `KEY_LEDGER`, `KEY_WRAP` | ids or ARNs of the KMS keys |
//! | `KEY_TOKEN_ALSO` | optional: ids of further keys whose tokens count while a rotation is under way, with commas between |
//! | `TOPICS` | optional: `<tenant>=<ARN of an SNS topic>`, with commas between: where a tenant's webhooks may publish |
//! | `ISSUER`, `AUDIENCE` | `iss` and `aud` of access tokens |
//! | `LIMIT_TIER` | the tier of tenants whose records name none: `free`, `professional`, `enterprise` or `unlimited` |
//! | `LIMIT_ADDRESS_MINUTE` | requests a minute of each address whose callers are not known; 0 is as many as come |
//! | `BREACHED_PASSWORDS_URL` | optional: the range API that `users` asks whether a new password was stolen, such as `https://api.pwnedpasswords.com/range/` |
//! | `CHAINS` | optional: nodes of EVM chains, each as `<EIP-155 id>=<URL>`, with spaces between; for `risk-score`, `scan`, `scan-rescan` and `wallet-guard` |
//! | `MAIL_FROM` | the address that letters come from; for `mailer` |
//! | `FEEDS` | the feeds that `intel-sync` reads: a JSON array, which may be empty |
//! | `KEEP_DAYS` | optional: how many days entries of the ledger are kept, at least 90; for `audit-anchor` |
//! | `WITNESS_POLICY` | optional: the witnesses that cosign checkpoints and how many must, a policy of C2SP's tlog-policy; for `audit-append` |
//! | `LOG_ORIGIN` | the ledger's name in its checkpoints; for `audit-anchor`, `audit-append` and `bootstrap` |
//! | `SCORPIUS_RECORD_CALLS` | optional: where each call to AWS is noted, see `calls.rs` |
//! | `SSL_CERT_FILE`, `SSL_CERT_DIR` | optional: roots to trust instead of Amazon's, see `http.rs` |

use std::env::VarError;
use std::fmt;

/// A setting that is not as it must be.
#[derive(PartialEq, Eq, thiserror::Error)]
pub enum BadSetting {
    /// It is not set, or empty.
    #[error("the setting `{0}` is missing")]
    Missing(String),
    /// It is not text.
    #[error("the setting `{0}` is not UTF-8")]
    NotText(String),
    /// It is not in its form.
    #[error("the setting `{0}` is not what it must be")]
    Form(String),
}

/// As the message: `main` prints its error so.
impl fmt::Debug for BadSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The setting called `name`.
///
/// # Errors
/// When it is missing, so that the start fails with its name.
pub fn setting(name: &str) -> Result<String, BadSetting> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok(value),
        Ok(_) | Err(VarError::NotPresent) => Err(BadSetting::Missing(name.to_owned())),
        Err(VarError::NotUnicode(_)) => Err(BadSetting::NotText(name.to_owned())),
    }
}

/// The setting called `name`, which may be missing.
///
/// # Errors
/// When it is not text.
pub fn setting_if_any(name: &str) -> Result<Option<String>, BadSetting> {
    match setting(name) {
        Ok(value) => Ok(Some(value)),
        Err(BadSetting::Missing(_)) => Ok(None),
        Err(error @ (BadSetting::NotText(_) | BadSetting::Form(_))) => Err(error),
    }
}

/// The setting called `name`, read as `T`.
///
/// # Errors
/// When it is missing, or is no `T`.
pub fn parsed<T: std::str::FromStr>(name: &str) -> Result<T, BadSetting> {
    setting(name)?.parse().map_err(|_| BadSetting::Form(name.to_owned()))
}

/// `QUEUE_AUDIT` for the manifest's queue `audit`.
#[must_use]
pub fn queue_setting(queue: &str) -> String {
    format!("QUEUE_{}", queue.to_ascii_uppercase().replace('-', "_"))
}

/// `QUEUE_AUDIT_DEAD`.
#[must_use]
pub fn dead_letter_setting(queue: &str) -> String {
    format!("{}_DEAD", queue_setting(queue))
}

/// The queue's name in the manifest when `name` is such a setting; not for dead letters.
pub(crate) fn queue_of_setting(name: &str) -> Option<String> {
    let rest = name.strip_prefix("QUEUE_").filter(|rest| !rest.is_empty() && !rest.ends_with("_DEAD"))?;
    Some(rest.to_ascii_lowercase().replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_setting_is_named() {
        let missing = setting("SCORPIUS_NO_SUCH_SETTING").expect_err("it is not set");
        assert_eq!(format!("{missing:?}"), "the setting `SCORPIUS_NO_SUCH_SETTING` is missing");
        assert_eq!(setting_if_any("SCORPIUS_NO_SUCH_SETTING"), Ok(None));
    }

    #[test]
    fn a_queue_s_setting_follows_its_name() {
        assert_eq!(queue_setting("audit"), "QUEUE_AUDIT");
        assert_eq!(dead_letter_setting("intel-sync"), "QUEUE_INTEL_SYNC_DEAD");
        assert_eq!(queue_of_setting("QUEUE_INTEL_SYNC").as_deref(), Some("intel-sync"));
        assert_eq!(queue_of_setting("QUEUE_INTEL_SYNC_DEAD"), None);
        assert_eq!(queue_of_setting("TABLE_RECORDS"), None);
    }
}
