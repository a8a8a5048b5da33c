//! A person's session: what refresh tokens and access tokens hang on.

use schemars::JsonSchema;
use scorpius_core::{Key, TenantId, UnixMillis};
use scorpius_edge::{Assurance, Factor, SignIn};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::user::User;

/// Characters of a program's own description that are kept for the person to recognise it by.
const AGENT_CHARS_MAX: usize = 200;

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Its holder signed out.
    SignedOut,
    /// It was ended from another session, or by an administrator.
    Revoked,
    /// One of its refresh tokens came again after its time: somebody else has it.
    TokenReused,
    /// The user has too many, and this one is the oldest.
    Displaced,
}

/// A session as stored. With its end it becomes invisible; an ended one stays until then, so that what
/// is left of it is known to be dead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// `ses_…`.
    pub id: String,
    /// Whose.
    pub tenant: TenantId,
    /// `usr_…`.
    pub user: String,
    /// The level that was proved.
    pub acr: Assurance,
    /// How.
    pub amr: Vec<Factor>,
    /// When it was last proved.
    pub proved_at: UnixMillis,
    /// When it began.
    pub started_at: UnixMillis,
    /// When it ends at the latest.
    pub ends_at: UnixMillis,
    /// When it was last refreshed.
    pub used_at: UnixMillis,
    /// The address that it began from; shown to its user alone.
    pub network: String,
    /// The program that it began with, as that describes itself.
    pub agent: String,
    /// SHA-256, in hex, of the token that pages show their intent with; present for cookie sessions.
    pub csrf_sha256: Option<String>,
    /// RFC 7638 thumbprint of the key that refreshes must be proved with (RFC 9449); absent when none was shown.
    pub dpop_jkt: Option<String>,
    /// Why it is over, if it is.
    pub ended: Option<EndReason>,
    /// Events so far: the session's `sequence`.
    pub events: u64,
}

impl Session {
    /// Where the session `id` of `user` is.
    #[must_use]
    pub fn at(tenant: &TenantId, user: &str, id: &str) -> Key {
        Key::new(Self::partition(tenant, user), id)
    }

    /// The partition of a user's sessions.
    #[must_use]
    pub fn partition(tenant: &TenantId, user: &str) -> String {
        format!("{tenant}#session#{user}")
    }

    /// Whether what hangs on it counts: it is not over, and the user did not end everything since it began.
    #[must_use]
    pub fn is_live(&self, user: &User, now: UnixMillis) -> bool {
        self.ended.is_none()
            && self.user == user.id
            && self.tenant == user.tenant
            && self.ends_at > now
            && self.started_at >= user.sessions_from
    }

    /// How its person signed in, for the principal.
    #[must_use]
    pub fn sign_in(&self) -> SignIn {
        SignIn { session: self.id.clone(), acr: self.acr, amr: self.amr.clone(), at: self.proved_at }
    }

    /// What follows once another level was proved at `now`. A level never falls within a session.
    #[must_use]
    pub fn proved(mut self, acr: Assurance, amr: &[Factor], now: UnixMillis) -> Self {
        self.acr = self.acr.max(acr);
        self.amr.extend(amr.iter().copied());
        self.amr.sort_unstable();
        self.amr.dedup();
        self.proved_at = now;
        self
    }

    /// Whether a program that describes itself as `agent` may be the one that the session began with.
    #[must_use]
    pub fn is_of_agent(&self, agent: &str) -> bool {
        self.agent == shown_agent(agent)
    }
}

/// As it is kept: bounded, and without what would break a line.
#[must_use]
pub fn shown_agent(agent: &str) -> String {
    agent.chars().filter(|c| !c.is_control()).take(AGENT_CHARS_MAX).collect()
}

/// SHA-256 of `token` in hex: what is kept of a token that a page shows.
#[must_use]
pub fn sha256_hex(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}
