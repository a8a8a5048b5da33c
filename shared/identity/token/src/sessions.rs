//! Sessions and their refresh tokens in the store.

mod begin;
mod end;
mod prove;
mod rotate;

use std::sync::Arc;

use scorpius_core::{Clock, Keys, ListQuery, Page, Record, Store, StoreError, TenantId, UnixMillis};
use zeroize::Zeroizing;

pub use begin::{BeginError, Beginning};
pub use end::EndError;
pub use prove::{Proof, Raised};
pub use rotate::{Presented, RotateError};

use crate::claims::Claims;
use crate::session::Session;
use crate::settings::{IdentitySettings, SessionLimits};
use crate::tenant::Tenant;
use crate::user::User;

/// The sessions of all tenants.
#[derive(Clone)]
pub struct Sessions {
    /// Sessions, refresh tokens, users and tenants.
    pub store: Arc<dyn Store>,
    /// Signs access tokens.
    pub keys: Arc<dyn Keys>,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
    /// Whose tokens these are.
    pub settings: IdentitySettings,
    /// How long sessions last.
    pub limits: SessionLimits,
}

/// What a client holds after a sign-in or a refresh.
pub struct Granted {
    /// The session as it is now.
    pub session: Session,
    /// What the access token says.
    pub claims: Claims,
    /// The access token.
    pub access_token: Zeroizing<String>,
    /// The next refresh token.
    pub refresh_token: Zeroizing<String>,
    /// What pages of a cookie session show; only at its start.
    pub csrf_token: Option<Zeroizing<String>>,
}

impl std::fmt::Debug for Granted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Granted({} of {})", self.claims.jti, self.session.id)
    }
}

/// A user with their tenant, as they are now.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The tenant, if there is one.
    pub tenant: Option<Tenant>,
    /// The user, if there is one, and the version of the record.
    pub user: Option<(User, u64)>,
}

impl Standing {
    /// The user's record.
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        self.user.as_ref().map(|(user, _)| user)
    }
}

impl Sessions {
    /// The user `id` of `tenant`, and the tenant.
    ///
    /// # Errors
    /// What the store says.
    pub async fn standing(&self, tenant: &TenantId, id: &str) -> Result<Standing, StoreError> {
        let asked = [Tenant::at(tenant), User::at(tenant, id)];
        let mut records = self.store.get_many(&asked).await?.into_iter();
        let (tenant, user) = (records.next().flatten(), records.next().flatten());
        Ok(Standing {
            tenant: tenant.map(|record| record.document()).transpose()?,
            user: user.map(|record| Ok::<_, StoreError>((record.document()?, record.version))).transpose()?,
        })
    }

    /// One session, with the version of its record.
    ///
    /// # Errors
    /// What the store says.
    pub async fn get(
        &self,
        tenant: &TenantId,
        user: &str,
        id: &str,
    ) -> Result<Option<(Session, u64)>, StoreError> {
        match self.store.get(&Session::at(tenant, user, id)).await? {
            Some(record) => Ok(Some((record.document()?, record.version))),
            None => Ok(None),
        }
    }

    /// One page of a user's sessions, newest first; those that are over are left out.
    ///
    /// # Errors
    /// What the store says.
    pub async fn page(
        &self,
        user: &User,
        limit: usize,
        cursor: Option<String>,
        now: UnixMillis,
    ) -> Result<(Vec<Session>, Page), StoreError> {
        let mut query = ListQuery::all(Session::partition(&user.tenant, &user.id));
        (query.limit, query.cursor, query.descending) = (limit, cursor, true);
        let page = self.store.list(&query).await?;
        let sessions: Vec<Session> = page.records.iter().map(Record::document).collect::<Result<_, _>>()?;
        Ok((sessions.into_iter().filter(|session| session.is_live(user, now)).collect(), page))
    }
}

#[cfg(test)]
mod tests;
