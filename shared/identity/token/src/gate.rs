//! The one gate before every token: who may be given one, and who not (any more).
//!
//! Every way to a token asks here: the exchange of a key, a sign-in by whatever factors, a refresh, a
//! step-up. Its answer is the `Permit` without which nothing is signed.

use scorpius_core::{TenantId, UnixMillis};

use crate::tenant::{Tenant, TenantStatus};
use crate::user::{User, UserStatus};

/// How a token was come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// An API key is exchanged.
    ApiKey,
    /// A person signs in, by whatever factors.
    SignIn,
    /// A session goes on.
    Refresh,
    /// A person proves again who they are, within a session.
    StepUp,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 4] = [Self::ApiKey, Self::SignIn, Self::Refresh, Self::StepUp];

    /// Whether it takes a guess that can be wrong, and so waits while there were too many wrong ones.
    #[must_use]
    pub fn takes_a_guess(self) -> bool {
        matches!(self, Self::SignIn | Self::StepUp)
    }
}

/// For whom a token is asked.
#[derive(Clone, Copy, Debug)]
pub enum Who<'a> {
    /// An API key, and whether it counts now.
    Key {
        /// `key_…`.
        id: &'a str,
        /// As its record says at this moment.
        counts: bool,
    },
    /// A person as stored, or nobody.
    User {
        /// The record; `None` when there is no such person.
        user: Option<&'a User>,
        /// Until when guesses are not taken.
        locked_until: Option<UnixMillis>,
    },
}

/// Why there is no token. Doors never tell the difference to somebody who is not signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such tenant, or it is deleted.
    #[error("there is no such tenant")]
    NoTenant,
    /// The tenant is suspended.
    #[error("the tenant is suspended")]
    TenantSuspended,
    /// There is no such user, or the key does not count any more.
    #[error("there is no such subject")]
    NoSubject,
    /// The user is disabled.
    #[error("the user is disabled")]
    UserDisabled,
    /// Too many wrong guesses; not before this moment.
    #[error("too many wrong attempts; not before {0}")]
    Locked(UnixMillis),
}

/// Leave to sign one access token. Only `may_issue` makes one.
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    tenant: TenantId,
    subject: String,
    method: Method,
}

impl Permit {
    /// Whose.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// `usr_…` or `key_…`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// By which way.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }
}

/// Whether `who` may have a token now. Both records are as they are at this moment, not as a token says.
///
/// # Errors
/// The first reason against it.
pub fn may_issue(
    tenant: Option<&Tenant>,
    who: Who<'_>,
    method: Method,
    now: UnixMillis,
) -> Result<Permit, Refused> {
    let tenant = tenant.ok_or(Refused::NoTenant)?;
    match tenant.status {
        TenantStatus::Active => {}
        TenantStatus::Suspended => return Err(Refused::TenantSuspended),
        TenantStatus::Deleted => return Err(Refused::NoTenant),
    }
    let subject = match (who, method) {
        (Who::Key { id, counts: true }, Method::ApiKey) => id,
        (Who::Key { .. }, _) | (Who::User { .. }, Method::ApiKey) => return Err(Refused::NoSubject),
        (Who::User { user, locked_until }, _) => {
            let user = user.filter(|user| user.tenant == tenant.id).ok_or(Refused::NoSubject)?;
            match (user.status, locked_until) {
                (UserStatus::Disabled, _) => return Err(Refused::UserDisabled),
                (UserStatus::Active, Some(until)) if method.takes_a_guess() && until > now => {
                    return Err(Refused::Locked(until));
                }
                (UserStatus::Active, _) => &user.id,
            }
        }
    };
    Ok(Permit { tenant: tenant.id.clone(), subject: subject.to_owned(), method })
}

#[cfg(test)]
mod tests {
    use scorpius_core::ManualClock;
    use scorpius_edge::Role;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_795_254_040_000);

    fn tenant(status: TenantStatus) -> Tenant {
        let clock = ManualClock::at(NOW);
        Tenant { status, ..Tenant::new(TenantId::new(&clock), "a", false, &clock) }
    }

    fn user(tenant: &Tenant, status: UserStatus) -> User {
        User {
            id: "usr_1".to_owned(),
            tenant: tenant.id.clone(),
            email: "a@example.com".to_owned(),
            name: "a".to_owned(),
            roles: vec![Role::Viewer],
            status,
            second_factor: false,
            sessions_from: UnixMillis(0),
            created_at: NOW,
            created_by: "key_1".to_owned(),
            events: 0,
        }
    }

    /// What the gate says of this tenant, user and lock, by every method that people have.
    #[track_caller]
    fn check(
        tenant: Option<&Tenant>,
        user: Option<&User>,
        locked_until: Option<UnixMillis>,
        expected: Refused,
    ) {
        for method in [Method::SignIn, Method::Refresh, Method::StepUp] {
            let said = may_issue(tenant, Who::User { user, locked_until }, method, NOW);
            match (expected, method) {
                // A session that was proved goes on while somebody else guesses.
                (Refused::Locked(_), Method::Refresh) => assert!(said.is_ok()),
                _ => assert_eq!(said, Err(expected), "{method:?}"),
            }
        }
    }

    #[test]
    fn nobody_who_is_shut_out_gets_a_token_by_any_method() {
        let active = tenant(TenantStatus::Active);
        let fine = user(&active, UserStatus::Active);
        check(None, Some(&fine), None, Refused::NoTenant);
        check(Some(&active), None, None, Refused::NoSubject);
        check(Some(&active), Some(&user(&active, UserStatus::Disabled)), None, Refused::UserDisabled);
        check(Some(&active), Some(&fine), Some(NOW.plus_ms(1)), Refused::Locked(NOW.plus_ms(1)));
        let id = "ten_00000000000000000000000000000002".parse().expect("a tenant");
        let elsewhere = Tenant { id, ..active.clone() };
        check(Some(&elsewhere), Some(&fine), None, Refused::NoSubject);
        let suspended = Tenant { status: TenantStatus::Suspended, ..active.clone() };
        check(Some(&suspended), Some(&fine), None, Refused::TenantSuspended);
        let deleted = Tenant { status: TenantStatus::Deleted, ..active.clone() };
        check(Some(&deleted), Some(&fine), None, Refused::NoTenant);
        for (tenant, refused) in [(&suspended, Refused::TenantSuspended), (&deleted, Refused::NoTenant)] {
            let who = Who::Key { id: "key_1", counts: true };
            assert_eq!(may_issue(Some(tenant), who, Method::ApiKey, NOW), Err(refused));
        }
        let gone = Who::Key { id: "key_1", counts: false };
        assert_eq!(may_issue(Some(&active), gone, Method::ApiKey, NOW), Err(Refused::NoSubject));
    }

    #[test]
    fn a_method_is_for_people_or_for_keys_and_never_for_both() {
        let tenant = tenant(TenantStatus::Active);
        let user = user(&tenant, UserStatus::Active);
        for method in Method::ALL {
            let as_key = may_issue(Some(&tenant), Who::Key { id: "key_1", counts: true }, method, NOW);
            let who = Who::User { user: Some(&user), locked_until: Some(NOW) };
            let as_user = may_issue(Some(&tenant), who, method, NOW);
            assert_eq!(as_key.is_ok(), method == Method::ApiKey);
            assert_ne!(as_key.is_ok(), as_user.is_ok());
            let permit = as_key.or(as_user).expect("one of them");
            assert_eq!((permit.tenant(), permit.method()), (&tenant.id, method));
        }
    }
}
