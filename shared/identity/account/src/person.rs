//! Everything that a sign-in is decided on, read by the same requests whether there is such a person or not.

use scorpius_core::{Condition, Key, Record, StoreError, TenantId, Write};
use scorpius_edge::Request;
use scorpius_letter::{DataKey, DataKeyError};
use scorpius_token::{Tenant, User};
use serde::de::DeserializeOwned;

use crate::api::App;
use crate::device;
use crate::email::Email;
use crate::login::{Login, Owner};

/// Somebody, or nobody, as they are now.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) email_hash: String,
    pub(crate) tenant: Option<Tenant>,
    pub(crate) user: Option<(User, u64)>,
    pub(crate) login: Option<(Login, u64)>,
    /// Whether they signed in from this program before.
    pub(crate) knows_device: bool,
}

/// A person of whom all records are there.
pub(crate) struct Known<'p> {
    pub(crate) tenant: &'p Tenant,
    pub(crate) user: &'p User,
    pub(crate) user_version: u64,
    pub(crate) login: &'p Login,
    pub(crate) login_version: u64,
}

impl Person {
    /// Whose address it is: two requests to the store, for nobody too.
    pub(crate) async fn by_email(app: &App, email: &Email, agent: &str) -> Result<Self, StoreError> {
        let email_hash = app.pepper.email(email).await?;
        let owner = app.store().get(&Owner::at(&email_hash)).await?;
        let owner: Option<Owner> = document(owner)?;
        let owner = match owner {
            Some(owner) => owner,
            // Ids that nobody has: the digits of the hash.
            None => Owner { tenant: nobody(&email_hash)?, user: format!("usr_{}", &email_hash[32..64]) },
        };
        Self::read(app, &owner.tenant, &owner.user, agent, Some(email_hash)).await
    }

    /// The user `user` of `tenant`.
    pub(crate) async fn by_id(
        app: &App,
        tenant: &TenantId,
        user: &str,
        agent: &str,
    ) -> Result<Self, StoreError> {
        Self::read(app, tenant, user, agent, None).await
    }

    async fn read(
        app: &App,
        tenant: &TenantId,
        user: &str,
        agent: &str,
        email_hash: Option<String>,
    ) -> Result<Self, StoreError> {
        let asked = [
            Tenant::at(tenant),
            User::at(tenant, user),
            Login::at(tenant, user),
            device::at(tenant, user, agent),
        ];
        let mut records = app.store().get_many(&asked).await?.into_iter();
        let mut next = || records.next().flatten();
        let (tenant, user, login, device) = (next(), next(), next(), next());
        let login: Option<(Login, u64)> = versioned(login)?;
        let email_hash = email_hash.or_else(|| login.as_ref().map(|(login, _)| login.email_hash.clone()));
        Ok(Self {
            email_hash: email_hash.unwrap_or_default(),
            tenant: document(tenant)?,
            user: versioned(user)?,
            login,
            knows_device: device.is_some(),
        })
    }

    /// All of it, where it is there.
    pub(crate) fn known(&self) -> Option<Known<'_>> {
        let (user, user_version) = self.user.as_ref()?;
        let (login, login_version) = self.login.as_ref()?;
        Some(Known {
            tenant: self.tenant.as_ref()?,
            user,
            user_version: *user_version,
            login,
            login_version: *login_version,
        })
    }
}

impl Known<'_> {
    /// The credentials are still as they were read.
    pub(crate) fn unchanged(&self) -> Write {
        let key = Login::at(&self.tenant.id, &self.user.id);
        Write::Check { key, condition: Condition::VersionIs(self.login_version) }
    }

    /// Puts `login` in their place.
    pub(crate) fn put(&self, login: &Login) -> Write {
        login.put(&self.tenant.id, &self.user.id, Condition::VersionIs(self.login_version))
    }

    /// Where the user's record is.
    pub(crate) fn at(&self) -> Key {
        User::at(&self.tenant.id, &self.user.id)
    }
}

/// Address and name of a user, in clear.
pub(crate) struct Names {
    pub(crate) email: String,
    pub(crate) name: String,
}

impl Names {
    /// Opens what `user`'s record has sealed.
    pub(crate) fn of(user: &User, key: &DataKey) -> Result<Self, DataKeyError> {
        let open = |member: &str, sealed: &str| key.open_text(&about(&user.id, member), sealed);
        Ok(Self { email: open("email", &user.email)?, name: open("name", &user.name)? })
    }

    /// The person's own part of what must not be a password.
    pub(crate) fn all(&self) -> [&str; 2] {
        [&self.email, &self.name]
    }
}

/// What a member of a user is sealed for.
pub(crate) fn about(user: &str, member: &str) -> String {
    format!("{user}#{member}")
}

/// The program that asks, as it describes itself.
pub(crate) fn agent(request: &Request) -> &str {
    request.headers.get("user-agent").map(String::as_str).unwrap_or_default()
}

fn nobody(email_hash: &str) -> Result<TenantId, StoreError> {
    let tenant = format!("ten_{}", &email_hash[..32]).parse();
    tenant.map_err(|error| StoreError::Port(scorpius_core::PortError::new("keys", error)))
}

pub(crate) fn document<T: DeserializeOwned>(record: Option<Record>) -> Result<Option<T>, StoreError> {
    Ok(record.map(|record| record.document()).transpose()?)
}

pub(crate) fn versioned<T: DeserializeOwned>(record: Option<Record>) -> Result<Option<(T, u64)>, StoreError> {
    record.map(|record| Ok((record.document()?, record.version))).transpose()
}
