//! What sessions tell the rest of the platform. No name, no address and no secret is in it.

use schemars::JsonSchema;
use scorpius_core::Fact;
use scorpius_edge::{Assurance, Factor};
use serde::{Deserialize, Serialize};

use crate::session::EndReason;

/// A person signed in. Aggregate: the session; sequence 1.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SessionStarted {
    /// `ses_…`.
    pub session_id: String,
    /// `usr_…`.
    pub user_id: String,
    /// The level that was proved.
    pub acr: Assurance,
    /// How (RFC 8176).
    pub amr: Vec<Factor>,
    /// Whether the user had not signed in from such a program before.
    pub new_device: bool,
    /// RFC 3339.
    pub ends_at: String,
}

impl Fact for SessionStarted {
    const TYPE: &'static str = "scorpius.identity.session_started.v1";
    const MEANING: &'static str = "A person signed in and has a session.";
}

/// A person proved again who they are. Aggregate: the session.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SessionProved {
    /// `ses_…`.
    pub session_id: String,
    /// `usr_…`.
    pub user_id: String,
    /// The level that the session has from now on.
    pub acr: Assurance,
    /// How it was proved, over the whole session (RFC 8176).
    pub amr: Vec<Factor>,
}

impl Fact for SessionProved {
    const TYPE: &'static str = "scorpius.identity.session_proved.v1";
    const MEANING: &'static str = "Within a session a person proved again, or more strongly, who they are.";
}

/// A session is over. Aggregate: the session.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SessionEnded {
    /// `ses_…`.
    pub session_id: String,
    /// `usr_…`.
    pub user_id: String,
    /// Why.
    pub reason: EndReason,
}

impl Fact for SessionEnded {
    const TYPE: &'static str = "scorpius.identity.session_ended.v1";
    const MEANING: &'static str = "A session ended; from then on it and every token of it are refused.";
}

/// All sessions of a user that began before a moment are over. Aggregate: the user.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SessionsEnded {
    /// `usr_…`.
    pub user_id: String,
    /// Those that began before this are over. RFC 3339.
    pub before: String,
}

impl Fact for SessionsEnded {
    const TYPE: &'static str = "scorpius.identity.sessions_ended.v1";
    const MEANING: &'static str = "All sessions of a user ended at once.";
}

/// A session went on. Aggregate: the new access token; sequence 1.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct TokenRefreshed {
    /// The access token's `jti`: `tok_…`.
    pub token_id: String,
    /// `ses_…`.
    pub session_id: String,
    /// Whether the refresh token had been used a moment before: a retry, or two pages at once.
    pub retried: bool,
}

impl Fact for TokenRefreshed {
    const TYPE: &'static str = "scorpius.identity.token_refreshed.v1";
    const MEANING: &'static str = "A refresh token was exchanged for the next one and an access token.";
}

/// A single access token does not count any more. Aggregate: the token; sequence 2.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct TokenRevoked {
    /// `tok_…`.
    pub token_id: String,
    /// `key_…`.
    pub key_id: String,
}

impl Fact for TokenRevoked {
    const TYPE: &'static str = "scorpius.identity.token_revoked.v1";
    const MEANING: &'static str = "An access token of an API key was revoked before its time.";
}

/// An alert: a refresh token came again after its time, so two parties have it. Aggregate: the session.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct RefreshTokenReused {
    /// `ses_…`; it is over.
    pub session_id: String,
    /// `usr_…`.
    pub user_id: String,
    /// Always `high`.
    pub severity: Severity,
    /// Seconds between its first use and this one.
    pub after_s: u64,
    /// Whether this use came from a program that describes itself otherwise.
    pub other_program: bool,
}

/// How urgent an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Somebody has what is not theirs.
    High,
}

impl Fact for RefreshTokenReused {
    const TYPE: &'static str = "scorpius.identity.refresh_token_reused.v1";
    const MEANING: &'static str = "A used refresh token came again after its time; its session was ended.";
}
