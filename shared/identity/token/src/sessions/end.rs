//! Sessions end: one, or all of a user.

use scorpius_core::{Actor, CommitId, Condition, Event, StoreError, TenantId, Write};
use scorpius_edge::idempotency::commit_with_retry;

use super::Sessions;
use crate::facts::SessionsEnded;
use crate::session::EndReason;
use crate::user::User;

/// Looks at a session that somebody else changes at the same moment.
const ATTEMPTS_MAX: u32 = 8;

/// Why a session is not ended.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    /// There is none of this id that the user could end.
    #[error("no such session")]
    Unknown,
    /// There is no such user.
    #[error("no such user")]
    NoUser,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Sessions {
    /// Ends one session; fine when it is over already.
    ///
    /// # Errors
    /// `EndError`.
    pub async fn end(
        &self,
        tenant: &TenantId,
        user: &str,
        id: &str,
        reason: EndReason,
        actor: &Actor,
    ) -> Result<(), EndError> {
        let mut outcome = self.try_end(tenant, user, id, reason, actor).await;
        for _ in 1..ATTEMPTS_MAX {
            if !matches!(outcome, Err(EndError::Store(StoreError::Conflict { .. }))) {
                break;
            }
            outcome = self.try_end(tenant, user, id, reason, actor).await;
        }
        outcome
    }

    async fn try_end(
        &self,
        tenant: &TenantId,
        user: &str,
        id: &str,
        reason: EndReason,
        actor: &Actor,
    ) -> Result<(), EndError> {
        let (session, version) = self.get(tenant, user, id).await?.ok_or(EndError::Unknown)?;
        if session.ended.is_some() {
            return Ok(());
        }
        let writes = self.ending(session, version, reason, actor);
        commit_with_retry(&*self.store, CommitId::new(&*self.clock), &writes).await?;
        Ok(())
    }

    /// The writes that end every session of `user` that has begun by now, however many they are. The caller
    /// commits them, alone or with what else it changes about the user.
    #[must_use]
    pub fn ending_all(&self, mut user: User, version: u64, actor: &Actor) -> (User, Vec<Write>) {
        // A session of this very millisecond ends too; the next one begins after it.
        user.sessions_from = self.clock.now().plus_ms(1);
        user.events += 1;
        let fact = SessionsEnded { user_id: user.id.clone(), before: user.sessions_from.to_string() };
        let event = Event::of(&fact, &user.id, user.events, &user.tenant, actor, &*self.clock);
        let key = User::at(&user.tenant, &user.id);
        let writes = vec![Write::put(key, &user, Condition::VersionIs(version)), Write::emit(event)];
        (user, writes)
    }

    /// Ends every session of a user.
    ///
    /// # Errors
    /// `EndError`.
    pub async fn end_all(&self, tenant: &TenantId, user: &str, actor: &Actor) -> Result<(), EndError> {
        for attempt in 1..=ATTEMPTS_MAX {
            let standing = self.standing(tenant, user).await?;
            let (user, version) = standing.user.ok_or(EndError::NoUser)?;
            let (_, writes) = self.ending_all(user, version, actor);
            match commit_with_retry(&*self.store, CommitId::new(&*self.clock), &writes).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Conflict { .. }) if attempt < ATTEMPTS_MAX => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(EndError::Store(StoreError::Busy))
    }
}
