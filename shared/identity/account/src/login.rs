//! What a person proves who they are with, as one record: whoever uses a part of it changes its version, so that
//! no code counts twice.

use scorpius_core::{Attributes, Condition, Key, TenantId, UnixMillis, Write};
use serde::{Deserialize, Serialize};

use crate::password::Stored;

/// A person's credentials.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Login {
    /// What the address is found by; guesses are counted under it.
    pub email_hash: String,
    /// When they showed that the address is theirs.
    pub email_verified_at: Option<UnixMillis>,
    /// The password, if there is one.
    pub password: Option<Stored>,
    /// Whether it is too short to be the only factor.
    #[serde(default)]
    pub password_is_short: bool,
    /// When it was set.
    pub password_set_at: Option<UnixMillis>,
    /// One-time codes.
    #[serde(default)]
    pub totp: Option<Totp>,
    /// A secret that is shown and not confirmed.
    #[serde(default)]
    pub totp_pending: Option<PendingTotp>,
    /// SHA-256, in hex, of the recovery codes that are not used.
    #[serde(default)]
    pub recovery: Vec<String>,
    /// How many passkeys there are, in their own partition.
    #[serde(default)]
    pub passkeys: usize,
}

/// A confirmed secret of one-time codes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Totp {
    /// Sealed for `<user>#totp`.
    pub sealed: String,
    /// The last step whose code was used: it and earlier ones do not count any more.
    pub last_step: u64,
    /// Since when.
    pub since: UnixMillis,
}

/// A secret that is not confirmed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PendingTotp {
    /// Sealed for `<user>#totp`.
    pub sealed: String,
    /// Until when it can be confirmed.
    pub until: UnixMillis,
}

impl Login {
    /// Where the credentials of `user` are.
    #[must_use]
    pub(crate) fn at(tenant: &TenantId, user: &str) -> Key {
        Key::new(format!("{tenant}#login"), user)
    }

    /// Whether a sign-in takes more than the password.
    #[must_use]
    pub(crate) fn has_second_factor(&self) -> bool {
        self.totp.is_some() || self.passkeys > 0
    }

    /// Whether what was begun at `begun` may go on: the password is still the one of then.
    #[must_use]
    pub(crate) fn is_as_of(&self, begun: UnixMillis) -> bool {
        self.password_set_at.is_none_or(|set| set <= begun)
    }

    /// Puts it.
    #[must_use]
    pub(crate) fn put(&self, tenant: &TenantId, user: &str, condition: Condition) -> Write {
        Write::Put {
            key: Self::at(tenant, user),
            attributes: Attributes::document(self),
            expires_at: None,
            condition,
        }
    }
}

/// Whose an address is: one on the platform.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Owner {
    /// The tenant.
    pub tenant: TenantId,
    /// `usr_…`.
    pub user: String,
}

impl Owner {
    /// Where the owner of an address stands.
    #[must_use]
    pub(crate) fn at(email_hash: &str) -> Key {
        Key::new(format!("email#{email_hash}"), "owner")
    }
}
