//! What an access token says: RFC 9068.

use scorpius_core::{Clock, TenantId, UnixMillis, new_id};
use scorpius_edge::{Assurance, Factor, Role, SignIn};
use serde::{Deserialize, Serialize};

use crate::gate::Permit;
use crate::session::Session;
use crate::settings::IdentitySettings;

/// How long a token counts. Ending its key or session ends it sooner.
pub const LIFETIME_S: u64 = 600;
/// The client that people sign in with: ours.
pub const OWN_CLIENT: &str = "scorpius";

/// A token's claims: those that RFC 9068, section 2.2, requires, and ours. Anything else is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// The issuer.
    pub iss: String,
    /// The audience.
    pub aud: String,
    /// Who asks: `usr_…` or `key_…`.
    pub sub: String,
    /// The key that was exchanged, or `scorpius` for a person.
    pub client_id: String,
    /// When it was made, in seconds.
    pub iat: u64,
    /// From when on it does not count, in seconds.
    pub exp: u64,
    /// From when on it counts; ours have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    /// `tok_…`.
    pub jti: String,
    /// Whose data it opens.
    pub tenant: TenantId,
    /// At least one. Of a person's token the roles that they have now count.
    pub roles: Vec<Role>,
    /// What it is cut down to, separated by spaces (RFC 9068, section 2.2.3); absent is all that the roles give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The person's session: `ses_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The level that the person had proved (RFC 9068, section 2.2.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<Assurance>,
    /// How (RFC 8176).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amr: Option<Vec<Factor>>,
    /// When, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<u64>,
    /// SHA-256, in hex, of the token that a page sends to show its intent. In a cookie it counts only with that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csrf: Option<String>,
}

impl Claims {
    /// For a token that the key of `permit` is exchanged for; it ends with the key at the latest.
    #[must_use]
    pub fn of_key(
        settings: &IdentitySettings,
        permit: &Permit,
        (roles, permissions): (&[Role], Option<&[String]>),
        key_expires_at: Option<UnixMillis>,
        clock: &dyn Clock,
    ) -> Self {
        let mut claims = Self::begun(settings, permit, permit.subject(), roles, clock);
        if let Some(end) = key_expires_at {
            claims.exp = claims.exp.min(end.as_s());
        }
        claims.scope = permissions.map(|permissions| permissions.join(" "));
        claims
    }

    /// For a token of `session`, whose user `permit` is about; it ends with the session at the latest.
    #[must_use]
    pub fn of_session(
        settings: &IdentitySettings,
        permit: &Permit,
        roles: &[Role],
        session: &Session,
        clock: &dyn Clock,
    ) -> Self {
        let mut claims = Self::begun(settings, permit, OWN_CLIENT, roles, clock);
        claims.exp = claims.exp.min(session.ends_at.as_s());
        claims.sid = Some(session.id.clone());
        claims.acr = Some(session.acr);
        claims.amr = Some(session.amr.clone());
        claims.auth_time = Some(session.proved_at.as_s());
        claims.csrf.clone_from(&session.csrf_sha256);
        claims
    }

    fn begun(
        settings: &IdentitySettings,
        permit: &Permit,
        client: &str,
        roles: &[Role],
        clock: &dyn Clock,
    ) -> Self {
        let now = clock.now();
        Self {
            iss: settings.issuer.clone(),
            aud: settings.audience.clone(),
            sub: permit.subject().to_owned(),
            client_id: client.to_owned(),
            iat: now.as_s(),
            exp: now.plus_s(LIFETIME_S).as_s(),
            nbf: None,
            jti: new_id("tok", clock),
            tenant: permit.tenant().clone(),
            roles: roles.to_vec(),
            scope: None,
            sid: None,
            acr: None,
            amr: None,
            auth_time: None,
            csrf: None,
        }
    }

    /// What it is cut down to.
    #[must_use]
    pub fn permissions(&self) -> Option<Vec<String>> {
        let scope = self.scope.as_ref()?;
        Some(scope.split(' ').filter(|permission| !permission.is_empty()).map(str::to_owned).collect())
    }

    /// The person's sign-in; `None` for a key's token, and for one that says only half of it.
    #[must_use]
    pub fn sign_in(&self) -> Option<SignIn> {
        Some(SignIn {
            session: self.sid.clone()?,
            acr: self.acr?,
            amr: self.amr.clone().filter(|amr| !amr.is_empty())?,
            at: UnixMillis(self.auth_time?.saturating_mul(1_000)),
        })
    }

    /// Whether it says nothing of a session, as a key's token must.
    #[must_use]
    pub fn is_without_session(&self) -> bool {
        self.sid.is_none()
            && self.acr.is_none()
            && self.amr.is_none()
            && self.auth_time.is_none()
            && self.csrf.is_none()
    }
}
