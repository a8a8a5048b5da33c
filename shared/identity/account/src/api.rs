//! The doors of `users`: joining, signing in, one's own account, a tenant's users, and tenants.

mod account;
mod documents;
mod factor;
mod factors;
mod join;
mod offers;
mod passkeys;
mod secret;
mod sign_in;
mod step_up;
mod tenants;
mod user_sessions;
mod users;

use std::sync::Arc;

use http::StatusCode;
use scorpius_core::{
    Actor, Clock, CommitId, Egress, EgressError, Event, Fact, Keys, Store, StoreError, TenantId, Write,
};
use scorpius_edge::idempotency::commit_with_retry;
use scorpius_edge::problem::{INTERNAL, INVALID_REQUEST, NOT_FOUND};
use scorpius_edge::{Problem, ProblemType, Request, Response};
use scorpius_letter::{DataKeyError, DataKeys};
use scorpius_token::{IdentitySettings, SessionLimits, Sessions, Tenant};

use crate::breached::{BreachedPasswords, PasswordCheck};
use crate::email::Email;
use crate::letters::Post;
use crate::password::{Cost, Hasher, Password, Unfit};
use crate::pepper::Pepper;
use crate::webauthn::RelyingParty;

pub use documents::{
    Account, CreateTenant, CreatedTenant, Exported, Invite, Invited, LogIn, RecoveryCodes, Register,
    Registered, SecondFactorNeeded, ShownTenant, ShownUser, TotpOffer,
};
pub use offers::operations;

/// Whoever asks is not let in. It says no more to anybody.
pub const SIGN_IN_REFUSED: ProblemType =
    ProblemType { code: "sign-in-refused", title: "Sign-in refused", status: StatusCode::UNAUTHORIZED };
/// A token from a letter, or of a sign-in, does not count (any more).
pub const TOKEN_OVER: ProblemType =
    ProblemType { code: "token-over", title: "Token used, expired or unknown", status: StatusCode::GONE };
/// The password cannot be set.
pub const UNFIT_PASSWORD: ProblemType =
    ProblemType { code: "unfit-password", title: "Password not fit", status: StatusCode::BAD_REQUEST };
/// Whoever holds the address has an account already.
pub const ADDRESS_TAKEN: ProblemType =
    ProblemType { code: "address-taken", title: "Address has an account", status: StatusCode::CONFLICT };
/// The tenant has as many users as it can have.
pub const TOO_MANY_USERS: ProblemType =
    ProblemType { code: "too-many-users", title: "Too many users", status: StatusCode::CONFLICT };
/// A second factor that is not there cannot be confirmed, and one that is there is not set up again.
pub const NO_SUCH_OFFER: ProblemType =
    ProblemType { code: "no-such-offer", title: "Nothing to confirm", status: StatusCode::CONFLICT };
/// Without the second factor the password would be too short.
pub const SHORT_PASSWORD: ProblemType =
    ProblemType { code: "short-password", title: "Password too short alone", status: StatusCode::CONFLICT };
/// The user has as many passkeys as they can have.
pub const TOO_MANY_PASSKEYS: ProblemType =
    ProblemType { code: "too-many-passkeys", title: "Too many passkeys", status: StatusCode::CONFLICT };
/// What the authenticator made is not taken.
pub const PASSKEY_REFUSED: ProblemType =
    ProblemType { code: "passkey-refused", title: "Passkey refused", status: StatusCode::BAD_REQUEST };

/// Problems that only these doors answer with.
pub const PROBLEMS: [&ProblemType; 9] = [
    &SIGN_IN_REFUSED,
    &TOKEN_OVER,
    &UNFIT_PASSWORD,
    &ADDRESS_TAKEN,
    &TOO_MANY_USERS,
    &NO_SUCH_OFFER,
    &SHORT_PASSWORD,
    &TOO_MANY_PASSKEYS,
    &PASSKEY_REFUSED,
];

/// What these doors need.
pub struct App {
    /// Sessions, and the ports under them.
    pub(crate) sessions: Sessions,
    pub(crate) hasher: Hasher,
    pub(crate) data_keys: DataKeys,
    pub(crate) pepper: Pepper,
    pub(crate) party: RelyingParty,
    breached: Option<BreachedPasswords>,
}

impl App {
    /// Doors on these ports, with passwords at `cost`.
    #[must_use]
    pub fn new(
        (store, keys, clock): (Arc<dyn Store>, Arc<dyn Keys>, Arc<dyn Clock>),
        settings: IdentitySettings,
        limits: SessionLimits,
        cost: Cost,
    ) -> Self {
        Self {
            hasher: Hasher::new(cost, Arc::clone(&clock)),
            data_keys: DataKeys {
                store: Arc::clone(&store),
                keys: Arc::clone(&keys),
                clock: Arc::clone(&clock),
            },
            pepper: Pepper::new(Arc::clone(&store), Arc::clone(&keys), Arc::clone(&clock)),
            party: RelyingParty::of(&settings.issuer),
            breached: None,
            sessions: Sessions { store, keys, clock, settings, limits },
        }
    }

    /// These doors, asking the service of breached passwords at `url`, if any, when one is set.
    ///
    /// # Errors
    /// When `url` cannot be called.
    pub fn asking(self, url: Option<&str>, egress: Arc<dyn Egress>) -> Result<Self, EgressError> {
        let breached = url.map(|url| BreachedPasswords::at(url, egress)).transpose()?;
        Ok(Self { breached, ..self })
    }

    /// Whether `password` may be set by somebody of `tenant` who has these `names`, beside a second factor or alone.
    ///
    /// # Errors
    /// 400. Where the service does not answer our own list decides alone, and the event of the change says so.
    pub(crate) async fn fit(
        &self,
        password: &Password,
        (tenant, names): (&Tenant, [&str; 2]),
        beside_second_factor: bool,
    ) -> Result<PasswordCheck, Problem> {
        let [email, name] = names;
        let words = [email, name, &tenant.name, &self.party.id];
        password.check(&words, beside_second_factor).map_err(unfit)?;
        let Some(breached) = &self.breached else { return Ok(PasswordCheck::List) };
        match breached.count(password).await {
            Ok(0) => Ok(PasswordCheck::Service),
            Ok(times) => Err(unfit(Unfit::Breached(times))),
            Err(error) => {
                tracing::warn!(
                    error = scorpius_core::error::chain(&error),
                    "breached passwords could not be asked for"
                );
                Ok(PasswordCheck::ServiceUnavailable)
            }
        }
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.sessions.store
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.sessions.clock
    }

    pub(crate) fn keys(&self) -> &dyn Keys {
        &*self.sessions.keys
    }

    pub(crate) fn post<'a>(&'a self, to: &'a str) -> Post<'a> {
        Post { issuer: self.sessions.settings.issuer.trim_end_matches('/'), to }
    }

    pub(crate) fn emit<F: Fact>(
        &self,
        fact: &F,
        (aggregate, sequence): (&str, u64),
        tenant: &TenantId,
        actor: &Actor,
    ) -> Write {
        Write::emit(Event::of(fact, aggregate, sequence, tenant, actor, self.clock()))
    }

    pub(crate) async fn commit(&self, writes: &[Write]) -> Result<(), StoreError> {
        commit_with_retry(self.store(), CommitId::new(self.clock()), writes).await.map(drop)
    }
}

/// Request in, answer or problem out.
pub async fn handle(app: &App, request: Request) -> Response {
    let answer = match request.operation {
        "logIn" => sign_in::log_in(app, &request).await,
        "showSecondFactor" => sign_in::show_factor(app, &request).await,
        "offerPasskeySignIn" => sign_in::offer(app).await,
        "signInWithPasskey" => sign_in::by_passkey(app, &request).await,
        "offerStepUp" => step_up::offer(app, &request).await,
        "stepUp" => step_up::step_up(app, &request).await,
        "inviteUser" => join::invite(app, &request).await,
        "listInvitations" => join::list(app, &request).await,
        "revokeInvitation" => join::revoke(app, &request).await,
        "registerUser" => join::register(app, &request).await,
        "verifyEmail" => join::verify_email(app, &request).await,
        "requestPasswordReset" => secret::request_reset(app, &request).await,
        "resetPassword" => secret::reset(app, &request).await,
        "changePassword" => secret::change(app, &request).await,
        "changeEmail" => secret::change_email(app, &request).await,
        "getAccount" => account::get(app, &request).await,
        "renameAccount" => account::rename(app, &request).await,
        "offerTotp" => factors::offer_totp(app, &request).await,
        "confirmTotp" => factors::confirm_totp(app, &request).await,
        "removeTotp" => factors::remove_totp(app, &request).await,
        "makeRecoveryCodes" => factors::make_codes(app, &request).await,
        "offerPasskey" => passkeys::offer(app, &request).await,
        "addPasskey" => passkeys::add(app, &request).await,
        "listPasskeys" => passkeys::list(app, &request).await,
        "removePasskey" => passkeys::remove(app, &request).await,
        "listUsers" => users::list(app, &request).await,
        "getUser" => users::get(app, &request).await,
        "changeUser" => users::change(app, &request).await,
        "eraseUser" => users::erase(app, &request).await,
        "listUserSessions" => user_sessions::list(app, &request).await,
        "endUserSessions" => user_sessions::end_all(app, &request).await,
        "endUserSession" => user_sessions::end(app, &request).await,
        "exportTenant" => tenants::export(app, &request).await,
        "createTenant" => tenants::create(app, &request).await,
        "listTenants" => tenants::list(app, &request).await,
        "suspendTenant" => tenants::suspend(app, &request).await,
        "resumeTenant" => tenants::resume(app, &request).await,
        "deleteTenant" => tenants::delete(app, &request).await,
        other => Err(NOT_FOUND.because(format_args!("no operation `{other}`"))),
    };
    answer.unwrap_or_else(|problem| problem.into_response(&request.request_id))
}

fn parse_email(text: &str, pointer: &str) -> Result<Email, Problem> {
    text.parse().map_err(|error: crate::email::NotAnEmail| INVALID_REQUEST.because(error).at(pointer, error))
}

fn unfit(error: Unfit) -> Problem {
    UNFIT_PASSWORD.because(error).at("/password", error)
}

/// What a door answers when what is sealed does not open. With the tenant's key everything is gone.
fn sealed(error: DataKeyError) -> Problem {
    match error {
        DataKeyError::Destroyed => NOT_FOUND.because("there is no such tenant"),
        DataKeyError::NotOurs => {
            let mut problem = INTERNAL.plain();
            problem.cause = Some(error.to_string());
            problem
        }
        DataKeyError::Store(error) => error.into(),
        DataKeyError::Keys(error) => error.into(),
    }
}

#[cfg(test)]
mod tests;
