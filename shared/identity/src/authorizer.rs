//! Says who asks, before any door.
//!
//! It refuses nobody: a door gets a principal, or an anonymous caller and the reason, and answers
//! itself. Only when it cannot know (the store or the keys do not answer) does it fail, and then
//! the gateway answers 500 without asking the door.

use std::num::NonZeroU32;
use std::sync::Arc;

use scorpius_core::{Clock, Key, Keys, PortError, Record, Store, StoreError, UnixMillis};
use scorpius_edge::gateway::{AuthorizerAnswer, AuthorizerEvent};
use scorpius_edge::request::cookie;
use scorpius_edge::{Allowance, Anonymous, Caller, Principal, Standing, Strength};
use scorpius_token::access::revoked_at;
use scorpius_token::api::ACCESS_COOKIE;
use scorpius_token::claims::OWN_CLIENT;
use scorpius_token::session::sha256_hex;
use scorpius_token::{
    Claims, IdentitySettings, Session, Tenant, TenantStatus, TokenError, User, UserStatus, Verifier,
};
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;

use crate::keys::{ApiKey, KeyState};
use crate::last_used::LastUsed;
use crate::power::Power;
use crate::secret::ApiSecret;
use crate::signature::is_signature;

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
    /// Which uses of keys were told.
    pub used: LastUsed,
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
    let http = &event.request_context.http;
    let from = From { network: &http.source_ip, agent: &http.user_agent };
    let caller = match credential(&event) {
        Ok(Credential::Key(text)) => by_key(app, text, from).await?,
        Ok(Credential::Bearer(text)) => by_token(app, text, from, None).await?,
        Ok(Credential::Cookie(text)) => by_token(app, &text, from, Some(&Page::of(&event))).await?,
        Ok(Credential::Signature) => Caller::Anonymous(Anonymous::SignedRequest),
        Err(reason) => Caller::Anonymous(reason),
    };
    Ok(AuthorizerAnswer::passing(&caller))
}

/// Where a request comes from, as far as the gateway knows it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct From<'a> {
    /// The address.
    pub(crate) network: &'a str,
    /// The program, as that describes itself.
    pub(crate) agent: &'a str,
}

impl From<'_> {
    /// How unlike its beginning a session is now: another network weighs 40, another program 60.
    fn risk(self, session: &Session) -> u8 {
        let moved = !self.network.is_empty() && self.network != session.network;
        let changed = !self.agent.is_empty() && !session.is_of_agent(self.agent);
        u8::from(moved) * 40 + u8::from(changed) * 60
    }
}

enum Credential<'a> {
    Key(&'a str),
    Bearer(&'a str),
    Cookie(String),
    /// Of the request as a whole: the door, which has the body, checks it.
    Signature,
}

/// The one credential of a request. Two in headers are refused, since two doors could look at different
/// ones. A cookie counts only where there is none in a header: browsers send it unasked.
fn credential(event: &AuthorizerEvent) -> Result<Credential<'_>, Anonymous> {
    let mut found = Err(Anonymous::NoCredential);
    for (name, value) in &event.headers {
        let credential = if name.eq_ignore_ascii_case("x-api-key") {
            Credential::Key(value)
        } else if name.eq_ignore_ascii_case("authorization") {
            match is_signature(value) {
                true => Credential::Signature,
                false => Credential::Bearer(bearer(value).ok_or(Anonymous::InvalidCredential)?),
            }
        } else {
            continue;
        };
        if found.is_ok() {
            return Err(Anonymous::InvalidCredential);
        }
        found = Ok(credential);
    }
    let in_cookie = || cookie(&event.cookies.join("; "), ACCESS_COOKIE).map(str::to_owned);
    found.or_else(|reason| in_cookie().map(Credential::Cookie).ok_or(reason))
}

/// What a page said beside its cookies.
struct Page<'a> {
    /// Whether it only wants to read: browsers may be made to do that by anybody, who then sees nothing.
    reads: bool,
    csrf: Option<&'a str>,
}

impl<'a> Page<'a> {
    fn of(event: &'a AuthorizerEvent) -> Self {
        let method = event.route_key.split(' ').next().unwrap_or_default();
        let mut headers = event.headers.iter();
        let csrf = headers.find(|(name, _)| name.eq_ignore_ascii_case("x-csrf-token"));
        Self { reads: matches!(method, "GET" | "HEAD"), csrf: csrf.map(|(_, value)| value.as_str()) }
    }

    /// Whether it knows what only a script of our own pages can read.
    fn shows_intent(&self, claims: &Claims) -> bool {
        match (&claims.csrf, self.csrf) {
            (Some(_), _) if self.reads => true,
            (Some(expected), Some(shown)) => sha256_hex(shown).as_bytes().ct_eq(expected.as_bytes()).into(),
            _ => false,
        }
    }
}

/// RFC 6750, section 2.1; the scheme's case does not matter (RFC 9110, section 11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

async fn by_key(app: &App, text: &str, from: From<'_>) -> Result<Caller, AuthorizerError> {
    let Ok(secret) = text.parse::<ApiSecret>() else {
        return Ok(Caller::Anonymous(Anonymous::InvalidCredential));
    };
    let (tenant_id, key_id) = (secret.tenant(), secret.key_id());
    let mut asked = vec![ApiKey::at(tenant_id, key_id), Tenant::at(tenant_id)];
    let untold = !app.used.is_told(key_id, app.clock.now());
    if untold {
        asked.push(LastUsed::at(tenant_id, key_id));
    }
    let [key, tenant, used] = read(app, &asked).await?;
    let key = document::<ApiKey>(key)?.filter(|key| key.opened_by(&secret, app.clock.now()).is_some());
    let caller = judge(app.clock.now(), key, document(tenant)?, from, |key| (key.power(), Strength::ApiKey));
    if untold && matches!(caller, Caller::Known(_)) {
        let whose = (tenant_id, key_id);
        // Whoever asks is known, whether or not this is noted.
        if let Err(error) = app.used.tell(&*app.store, &*app.clock, whose, used.as_ref()).await {
            tracing::warn!(
                error = scorpius_core::error::chain(&error),
                key_id,
                "a key's last use was not noted"
            );
        }
    }
    Ok(caller)
}

async fn by_token(
    app: &App,
    text: &str,
    from: From<'_>,
    page: Option<&Page<'_>>,
) -> Result<Caller, AuthorizerError> {
    let verifier = Verifier::current(&*app.keys, &app.settings).await?;
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
    if page.is_some_and(|page| !page.shows_intent(&claims)) {
        return Ok(Caller::Anonymous(Anonymous::NoCsrfToken));
    }
    of_claims(app, claims, from).await
}

/// Whom genuine claims stand for now: what has happened since they were signed counts.
pub(crate) async fn of_claims(app: &App, claims: Claims, from: From<'_>) -> Result<Caller, AuthorizerError> {
    if claims.sub.starts_with("usr_") {
        return of_session(app, claims, from).await;
    }
    let asked = [
        ApiKey::at(&claims.tenant, &claims.client_id),
        Tenant::at(&claims.tenant),
        revoked_at(&claims.tenant, &claims.jti),
    ];
    let [key, tenant, revoked] = read(app, &asked).await?;
    if revoked.is_some() {
        return Ok(Caller::Anonymous(Anonymous::RevokedCredential));
    }
    // Signed by us, and still never more than its key has.
    let power = Power { roles: claims.roles.clone(), permissions: claims.permissions() };
    let key = document::<ApiKey>(key)?.filter(|key| {
        key.id == claims.sub
            && claims.is_without_session()
            && key.power().covers(&power)
            && !power.roles.is_empty()
    });
    Ok(judge(app.clock.now(), key, document(tenant)?, from, |_| (power, Strength::Token)))
}

/// A person: their session, their record and their tenant are as they are now; so are their roles.
async fn of_session(app: &App, claims: Claims, from: From<'_>) -> Result<Caller, AuthorizerError> {
    let invalid = Ok(Caller::Anonymous(Anonymous::InvalidCredential));
    let revoked = Ok(Caller::Anonymous(Anonymous::RevokedCredential));
    let Some(sign_in) = claims.sign_in().filter(|_| claims.client_id == OWN_CLIENT) else { return invalid };
    let asked = [
        Session::at(&claims.tenant, &claims.sub, &sign_in.session),
        User::at(&claims.tenant, &claims.sub),
        Tenant::at(&claims.tenant),
    ];
    let [session, user, tenant] = read(app, &asked).await?;
    let (Some(session), Some(user), Some(tenant)) =
        (document::<Session>(session)?, document::<User>(user)?, document::<Tenant>(tenant)?)
    else {
        return revoked;
    };
    let live = session.is_live(&user, app.clock.now());
    if !live || user.status != UserStatus::Active || tenant.status != TenantStatus::Active {
        return revoked;
    }
    Ok(Caller::Known(Principal {
        standing: Standing { policy_version: tenant.policy_version, session_risk: from.risk(&session) },
        network_tag: Some(tenant.network_tag(from.network)),
        allowance: Allowance { tier: tenant.tier(), key_minute: None },
        tenant: tenant.id,
        subject: user.id,
        roles: user.roles,
        scopes: claims.permissions(),
        strength: Strength::Token,
        sign_in: Some(sign_in),
    }))
}

/// The records as they are now: one request, no cache, so that disabling works at once.
async fn read<const N: usize>(app: &App, keys: &[Key]) -> Result<[Option<Record>; N], AuthorizerError> {
    let records = app.store.get_many(keys).await?;
    let mut records = records.into_iter();
    Ok(std::array::from_fn(|_| records.next().flatten()))
}

pub(crate) fn document<T: DeserializeOwned>(record: Option<Record>) -> Result<Option<T>, StoreError> {
    Ok(record.map(|record| record.document()).transpose()?)
}

/// Whom a genuine credential of `key` stands for at `now`.
pub(crate) fn judge(
    now: UnixMillis,
    key: Option<ApiKey>,
    tenant: Option<Tenant>,
    from: From<'_>,
    power: impl FnOnce(&ApiKey) -> (Power, Strength),
) -> Caller {
    let Some(key) = key else { return Caller::Anonymous(Anonymous::InvalidCredential) };
    match key.state(now) {
        KeyState::Revoked => return Caller::Anonymous(Anonymous::RevokedCredential),
        KeyState::Expired => return Caller::Anonymous(Anonymous::ExpiredCredential),
        KeyState::Active => {}
    }
    let Some(tenant) = tenant.filter(|tenant| tenant.status == TenantStatus::Active) else {
        return Caller::Anonymous(Anonymous::RevokedCredential);
    };
    let key_minute = key.rate_limit.and_then(NonZeroU32::new);
    let (Power { roles, permissions }, strength) = power(&key);
    Caller::Known(Principal {
        tenant: key.tenant,
        subject: key.id,
        roles,
        scopes: permissions,
        strength,
        sign_in: None,
        network_tag: Some(tenant.network_tag(from.network)),
        standing: Standing { policy_version: tenant.policy_version, session_risk: 0 },
        allowance: Allowance { tier: tenant.tier(), key_minute },
    })
}
