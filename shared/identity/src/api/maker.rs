//! Who makes or changes a key: another key, or a person. What they make has no more than they have.

use std::sync::Arc;

use scorpius_core::{Condition, StoreError, UnixMillis, Write};
use scorpius_edge::Principal;
use scorpius_token::{User, UserStatus};

use super::App;
use crate::keys::{ApiKey, ApiKeys, KeyState};

/// Whoever asks, as they are at this moment, with the version of their record.
pub(super) enum Maker {
    /// A key, or a token that one was exchanged for.
    Key(Box<ApiKey>, u64),
    /// Somebody who signed in.
    Person(Box<User>, u64),
}

/// Why nothing is made.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoMaker {
    /// The key or the person does not count any more.
    #[error("whoever asks does not count any more")]
    Gone,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Maker {
    /// Who stands behind `principal`.
    ///
    /// # Errors
    /// `Gone`, or what the store says.
    pub(super) async fn of(app: &App, principal: &Principal, now: UnixMillis) -> Result<Self, NoMaker> {
        if principal.sign_in.is_none() {
            let keys = ApiKeys(Arc::clone(&app.store));
            return match keys.get(&principal.tenant, &principal.subject).await? {
                Some((key, version)) if key.state(now) == KeyState::Active => {
                    Ok(Self::Key(Box::new(key), version))
                }
                _ => Err(NoMaker::Gone),
            };
        }
        let record = app.store.get(&User::at(&principal.tenant, &principal.subject)).await?;
        let Some(record) = record else { return Err(NoMaker::Gone) };
        let user: User = record.document().map_err(StoreError::from)?;
        match user.status {
            UserStatus::Active => Ok(Self::Person(Box::new(user), record.version)),
            UserStatus::Disabled => Err(NoMaker::Gone),
        }
    }

    /// When it ends; a person has no end.
    pub(super) fn ends_at(&self) -> Option<UnixMillis> {
        match self {
            Self::Key(key, _) => key.expires_at,
            Self::Person(..) => None,
        }
    }

    /// Requests a minute that it is limited to.
    pub(super) fn rate_limit(&self) -> Option<u32> {
        match self {
            Self::Key(key, _) => key.rate_limit,
            Self::Person(..) => None,
        }
    }

    /// Whether it is the key `id` itself.
    pub(super) fn is_key(&self, id: &str) -> bool {
        matches!(self, Self::Key(key, _) if key.id == id)
    }

    /// The write that fails when it was changed since: who is revoked at this very moment leaves nothing behind.
    pub(super) fn check(&self) -> Write {
        let (key, version) = match self {
            Self::Key(key, version) => (ApiKey::at(&key.tenant, &key.id), *version),
            Self::Person(user, version) => (User::at(&user.tenant, &user.id), *version),
        };
        Write::Check { key, condition: Condition::VersionIs(version) }
    }
}
