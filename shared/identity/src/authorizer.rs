//! Says who asks, before any door.
//!
//! It refuses nobody: a door gets a principal, or an anonymous caller and the reason, and answers
//! itself. Only when it cannot know (the store or the keys do not answer) does it fail, and then
//! the gateway answers 500 without asking the door.

use std::sync::Arc;

use scorpius_core::{Clock, KeyName, Keys, PortError, Store, StoreError, TenantId};
use scorpius_edge::gateway::{AuthorizerAnswer, AuthorizerEvent};
use scorpius_edge::{Anonymous, Caller, Principal, Strength};

use crate::keys::{ApiKey, KeyState};
use crate::power::Power;
use crate::secret::ApiSecret;
use crate::tenants::{Tenant, TenantStatus};
use crate::token::IdentitySettings;
use crate::verify::{TokenError, Verifier};

#[cfg(test)]
mod hostile_tokens;
#[cfg(test)]
mod table;

/// What the authorizer needs.
pub struct App {
    /// Has keys and tenants.
    pub store: Arc<dyn Store>,
    /// Has the public key of tokens. An adapter may keep it for its process.
    pub keys: Arc<dyn Keys>,
    /// When it is.
    pub clock: Arc<dyn Clock>,
    /// Whose tokens count.
    pub settings: IdentitySettings,
}

/// Why it cannot be said who asks. Never an answer to a door.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizerError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys did not answer.
    #[error(transparent)]
    Keys(#[from] PortError),
}

/// Event in, answer out.
///
/// # Errors
/// When it cannot be said who asks; the gateway then answers 500.
pub async fn handle(app: &App, event: AuthorizerEvent) -> Result<AuthorizerAnswer, AuthorizerError> {
    let caller = match credential(&event) {
        Ok(Credential::Key(text)) => by_key(app, text).await?,
        Ok(Credential::Token(text)) => by_token(app, text).await?,
        Err(reason) => Caller::Anonymous(reason),
    };
    Ok(AuthorizerAnswer::passing(&caller))
}

enum Credential<'a> {
    Key(&'a str),
    Token(&'a str),
}

/// The one credential of a request. Two are refused, since two doors could look at different ones.
fn credential(event: &AuthorizerEvent) -> Result<Credential<'_>, Anonymous> {
    let mut found = Err(Anonymous::NoCredential);
    for (name, value) in &event.headers {
        let credential = if name.eq_ignore_ascii_case("x-api-key") {
            Credential::Key(value)
        } else if name.eq_ignore_ascii_case("authorization") {
            Credential::Token(bearer(value).ok_or(Anonymous::InvalidCredential)?)
        } else {
            continue;
        };
        if found.is_ok() {
            return Err(Anonymous::InvalidCredential);
        }
        found = Ok(credential);
    }
    found
}

/// RFC 6750, section 2.1; the scheme's case does not matter (RFC 9110, section 11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

async fn by_key(app: &App, text: &str) -> Result<Caller, AuthorizerError> {
    let Ok(secret) = text.parse::<ApiSecret>() else {
        return Ok(Caller::Anonymous(Anonymous::InvalidCredential));
    };
    let (key, tenant) = read(app, secret.tenant(), secret.key_id()).await?;
    let key = key.filter(|key| key.is_opened_by(&secret));
    Ok(judge(app, key, tenant, |key| (key.power(), Strength::ApiKey)))
}

async fn by_token(app: &App, text: &str) -> Result<Caller, AuthorizerError> {
    let verifier = Verifier::new(&app.keys.public_key(KeyName::Token).await?, &app.settings);
    let claims = match verifier.verify(text, app.clock.now()) {
        Ok(claims) => claims,
        Err(TokenError::Expired) => return Ok(Caller::Anonymous(Anonymous::ExpiredCredential)),
        Err(
            TokenError::Form
            | TokenError::Header
            | TokenError::UnknownKey
            | TokenError::Claims
            | TokenError::NotOurs
            | TokenError::Early,
        ) => return Ok(Caller::Anonymous(Anonymous::InvalidCredential)),
    };
    let (key, tenant) = read(app, &claims.tenant, &claims.client_id).await?;
    // Signed by us, and still never more than its key has.
    let power = claims.power();
    let key = key.filter(|key| key.id == claims.sub && key.power().covers(&power) && !power.roles.is_empty());
    Ok(judge(app, key, tenant, |_| (power, Strength::Token)))
}

/// The key and its tenant as they are now: one request, no cache, so that disabling works at once.
async fn read(
    app: &App,
    tenant: &TenantId,
    key_id: &str,
) -> Result<(Option<ApiKey>, Option<Tenant>), AuthorizerError> {
    let asked = [ApiKey::at(tenant, key_id), Tenant::at(tenant)];
    let mut records = app.store.get_many(&asked).await?.into_iter();
    let (key, tenant) = (records.next().flatten(), records.next().flatten());
    let key = key.map(|record| record.document()).transpose().map_err(StoreError::from)?;
    let tenant = tenant.map(|record| record.document()).transpose().map_err(StoreError::from)?;
    Ok((key, tenant))
}

fn judge(
    app: &App,
    key: Option<ApiKey>,
    tenant: Option<Tenant>,
    power: impl FnOnce(&ApiKey) -> (Power, Strength),
) -> Caller {
    let Some(key) = key else { return Caller::Anonymous(Anonymous::InvalidCredential) };
    match key.state(app.clock.now()) {
        KeyState::Revoked => return Caller::Anonymous(Anonymous::RevokedCredential),
        KeyState::Expired => return Caller::Anonymous(Anonymous::ExpiredCredential),
        KeyState::Active => {}
    }
    match tenant.map(|tenant| tenant.status) {
        Some(TenantStatus::Active) => {}
        Some(TenantStatus::Suspended) | None => return Caller::Anonymous(Anonymous::RevokedCredential),
    }
    let (Power { roles, permissions }, strength) = power(&key);
    Caller::Known(Principal { tenant: key.tenant, subject: key.id, roles, scopes: permissions, strength })
}
