//! Who asks, and what that role may do.

use schemars::JsonSchema;
use scorpius_core::{TenantId, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::limit::Allowance;

/// Exchanging a credential for a token of the same power: open to whoever is known.
pub const EXCHANGE: &str = "token:create";

/// One's own account: profile, sessions, password, factors. Open to whoever signed in as a person, and to nobody else.
pub const OWN_ACCOUNT: &str = "account:own";

/// A role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything in its tenant.
    Admin,
    /// Screens, scans and handles alerts.
    Security,
    /// Reads everything, changes nothing.
    Auditor,
    /// Reads results.
    Viewer,
    /// Runs the platform itself (`admin:*`). Only the first start gives it; no door does.
    Operator,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [Self::Admin, Self::Security, Self::Auditor, Self::Viewer, Self::Operator];

    /// As JSON and policies write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Security => "security",
            Self::Auditor => "auditor",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }

    /// Whether this role may do `action` (`<capability>:<verb>`). What is not named is denied.
    #[must_use]
    pub fn may(self, action: &str) -> bool {
        match self {
            Self::Operator => action.starts_with("admin:"),
            _ if action.starts_with("admin:") => false,
            Self::Admin => true,
            Self::Security => matches!(
                action,
                "risk:score"
                    | "risk:read"
                    | "scan:write"
                    | "scan:read"
                    | "detector:write"
                    | "detector:read"
                    | "webhook:write"
                    | "webhook:read"
                    | "wallet:write"
                    | "wallet:read"
                    | "config:read"
                    | "audit:read"
                    | "elevation:approve"
                    | "elevation:read"
                    | "elevation:write"
                    | "role:delegate"
            ),
            Self::Auditor => action.ends_with(":read"),
            Self::Viewer => matches!(action, "detector:read" | "risk:read" | "scan:read" | "wallet:read"),
        }
    }
}

/// How the caller proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// A long-lived key.
    ApiKey,
    /// A short-lived access token.
    Token,
}

/// How sure we are that a person is who they say (NIST SP 800-63B): the claim `acr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Assurance {
    /// One factor.
    Aal1,
    /// Two factors, or a passkey that checked its holder.
    Aal2,
}

impl Assurance {
    /// `aal1` or `aal2`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aal1 => "aal1",
            Self::Aal2 => "aal2",
        }
    }
}

/// One way in which a person proved who they are, by its name in RFC 8176: the claim `amr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Factor {
    /// A password.
    Pwd,
    /// A one-time code, or a recovery code.
    Otp,
    /// A passkey: possession of its private key.
    Pop,
    /// The passkey had checked its holder by a PIN or a biometric.
    User,
}

/// How and when a person signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// `ses_…`: what ends with a sign-out.
    pub session: String,
    /// The level that was reached.
    pub acr: Assurance,
    /// At least one.
    pub amr: Vec<Factor>,
    /// When it was last proved.
    pub at: UnixMillis,
}

/// What a route asks of a person beyond being signed in (RFC 9470). Keys have no factors, and are let through:
/// whoever makes one had to meet the demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// At least this level.
    pub acr: Assurance,
    /// Proved at most so many seconds ago.
    pub max_age_s: u64,
}

impl Demand {
    /// Whether `principal` meets it at `now`.
    #[must_use]
    pub fn is_met_by(&self, principal: &Principal, now: UnixMillis) -> bool {
        principal.sign_in.as_ref().is_none_or(|sign_in| {
            sign_in.acr >= self.acr && now.since_ms(sign_in.at) <= self.max_age_s.saturating_mul(1000)
        })
    }
}

/// A caller that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Principal {
    /// Whose data it may touch.
    pub tenant: TenantId,
    /// `usr_…` or `key_…`.
    pub subject: String,
    /// At least one.
    pub roles: Vec<Role>,
    /// What the credential is cut down to: actions, or `risk:*`; `None` is all that the roles give.
    pub scopes: Option<Vec<String>>,
    /// How it was proved.
    pub strength: Strength,
    /// How the person behind it signed in; absent for keys and what they are exchanged for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in: Option<SignIn>,
    /// A pseudonym of the network that the request came from, for events: no address leaves the tenant's own records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_tag: Option<String>,
    /// What its tenant's policies are told besides.
    #[serde(default, skip_serializing_if = "Standing::is_usual")]
    pub standing: Standing,
    /// How often it may ask.
    #[serde(default, skip_serializing_if = "Allowance::is_empty")]
    pub allowance: Allowance,
}

/// Where a caller stands with the policies of its tenant, as the authorizer read it for this request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Standing {
    /// The version of the tenant's own policies; 0 when it has none. It comes with each request, so that a
    /// change binds the next one.
    pub policy_version: u64,
    /// How unlike its beginning the session is now: 0 (the same network and program) to 100. 0 for keys.
    pub session_risk: u8,
}

impl Standing {
    /// Nothing to tell.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

impl Principal {
    /// Whether a role gives `action` and the scopes do not take it away; `EXCHANGE` gives nothing new. The base
    /// policies give exactly this; a tenant's own may give and take more.
    #[must_use]
    pub fn may(&self, action: &str) -> bool {
        match action {
            EXCHANGE => true,
            OWN_ACCOUNT => self.sign_in.is_some(),
            _ => self.is_within_scopes(action) && self.roles.iter().any(|role| role.may(action)),
        }
    }

    /// Whether the credential was not cut down to less than `action`. What is everybody's own is in no scope.
    #[must_use]
    pub fn is_within_scopes(&self, action: &str) -> bool {
        let covered = |scopes: &Vec<String>| scopes.iter().any(|scope| scope_covers(scope, action));
        matches!(action, EXCHANGE | OWN_ACCOUNT) || self.scopes.as_ref().is_none_or(covered)
    }

    /// Whether it is a person who signed in, not a key.
    #[must_use]
    pub fn is_person(&self) -> bool {
        self.sign_in.is_some()
    }

    /// How it was proved, as events say it.
    #[must_use]
    pub fn strength_said(&self) -> &'static str {
        match (&self.sign_in, self.strength) {
            (Some(sign_in), _) => sign_in.acr.as_str(),
            (None, Strength::ApiKey) => "api_key",
            (None, Strength::Token) => "token",
        }
    }
}

fn scope_covers(scope: &str, action: &str) -> bool {
    match scope.strip_suffix('*') {
        Some(prefix) => prefix.ends_with(':') && action.starts_with(prefix),
        None => scope == action,
    }
}

/// Why a caller is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anonymous {
    /// No credential was sent.
    NoCredential,
    /// It is not well formed, or its signature or secret is wrong.
    InvalidCredential,
    /// It is past its time.
    ExpiredCredential,
    /// It was taken back, or its subject or tenant is disabled.
    RevokedCredential,
    /// It came in a cookie, which browsers send unasked, without the token that proves the page's intent.
    NoCsrfToken,
    /// The whole request is signed (AWS Signature Version 4): only a door that has the body can say by whom.
    SignedRequest,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "one of a request, and nearly always the large one")]
pub enum Caller {
    /// Authenticated.
    Known(Principal),
    /// Not.
    Anonymous(Anonymous),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(roles: &[Role], scopes: Option<&[&str]>, action: &str, expected: bool) {
        let principal = Principal {
            tenant: "ten_00000000000000000000000000000001".parse().expect("a tenant"),
            subject: "key_1".to_owned(),
            roles: roles.to_vec(),
            scopes: scopes.map(|scopes| scopes.iter().map(|&s| s.to_owned()).collect()),
            strength: Strength::ApiKey,
            sign_in: None,
            network_tag: None,
            standing: Standing::default(),
            allowance: Allowance::default(),
        };
        assert_eq!(principal.may(action), expected, "{roles:?} {scopes:?} {action}");
    }

    #[test]
    fn a_role_gives_and_a_scope_only_takes_away() {
        check(&[], None, "risk:read", false);
        check(&[Role::Admin], None, "key:write", true);
        check(&[Role::Admin], Some(&["risk:*"]), "key:write", false);
        check(&[Role::Admin], Some(&["*"]), "key:write", false);
        check(&[Role::Viewer], Some(&["risk:*"]), "risk:score", false);
        check(&[Role::Security], Some(&["risk:score"]), "risk:score", true);
        check(&[Role::Auditor], None, "audit:read", true);
        check(&[Role::Auditor], None, "risk:score", false);
        check(&[Role::Viewer, Role::Security], None, "scan:write", true);
        check(&[Role::Admin, Role::Auditor], None, "admin:read", false);
        check(&[Role::Operator], None, "admin:read", true);
        check(&[Role::Operator], None, "risk:read", false);
        check(&[Role::Viewer], Some(&[]), EXCHANGE, true);
        check(&[Role::Admin], None, OWN_ACCOUNT, false);
    }

    #[test]
    fn a_demand_is_met_by_the_level_and_for_its_time_only() {
        let signed_in = |acr, at| Principal {
            tenant: "ten_00000000000000000000000000000001".parse().expect("a tenant"),
            subject: "usr_1".to_owned(),
            roles: vec![Role::Viewer],
            scopes: None,
            strength: Strength::Token,
            sign_in: Some(SignIn {
                session: "ses_1".to_owned(),
                acr,
                amr: vec![Factor::Pwd],
                at: UnixMillis(at),
            }),
            network_tag: None,
            standing: Standing::default(),
            allowance: Allowance::default(),
        };
        let demand = Demand { acr: Assurance::Aal2, max_age_s: 60 };
        let now = UnixMillis(100_000);
        assert!(demand.is_met_by(&signed_in(Assurance::Aal2, 40_000), now));
        assert!(!demand.is_met_by(&signed_in(Assurance::Aal2, 39_999), now));
        assert!(!demand.is_met_by(&signed_in(Assurance::Aal1, 100_000), now));
        assert!(signed_in(Assurance::Aal1, 0).may(OWN_ACCOUNT));
        let key = Principal { sign_in: None, ..signed_in(Assurance::Aal1, 0) };
        assert!(demand.is_met_by(&key, now) && !key.may(OWN_ACCOUNT));
    }
}
