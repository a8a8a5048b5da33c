//! Who asks, and what that role may do.

use schemars::JsonSchema;
use scorpius_core::TenantId;
use serde::{Deserialize, Serialize};

/// Exchanging a credential for a token of the same power: open to whoever is known.
pub const EXCHANGE: &str = "token:create";

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
                    | "webhook:write"
                    | "webhook:read"
                    | "audit:read"
            ),
            Self::Auditor => action.ends_with(":read"),
            Self::Viewer => matches!(action, "risk:read" | "scan:read"),
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
}

impl Principal {
    /// Whether a role gives `action` and the scopes do not take it away; `EXCHANGE` gives nothing new.
    #[must_use]
    pub fn may(&self, action: &str) -> bool {
        if action == EXCHANGE {
            return true;
        }
        let scoped =
            self.scopes.as_ref().is_none_or(|scopes| scopes.iter().any(|scope| scope_covers(scope, action)));
        scoped && self.roles.iter().any(|role| role.may(action))
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
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    }
}
