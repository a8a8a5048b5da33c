//! What a credential may do, and that nobody gives away more than that.

use scorpius_edge::{Principal, Role};

/// What a key can be cut down to, besides `<capability>:*`. The operator's actions are no permissions: no door gives them.
pub const PERMISSIONS: [&str; 28] = [
    "audit:erase",
    "audit:hold",
    "audit:read",
    "audit:separate",
    "config:read",
    "config:write",
    "detector:read",
    "detector:write",
    "elevation:approve",
    "elevation:read",
    "elevation:write",
    "key:read",
    "key:write",
    "policy:read",
    "policy:write",
    "risk:read",
    "risk:score",
    "role:delegate",
    "scan:read",
    "scan:write",
    "tenant:export",
    "token:introspect",
    "user:read",
    "user:write",
    "wallet:read",
    "wallet:write",
    "webhook:read",
    "webhook:write",
];

/// Roles, and what they are cut down to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Power {
    /// At least one.
    pub roles: Vec<Role>,
    /// `None` is all that the roles give.
    pub permissions: Option<Vec<String>>,
}

/// Why a credential cannot have what was asked for it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// An empty list of roles.
    #[error("a credential has at least one role")]
    NoRole,
    /// An empty list of permissions.
    #[error("a credential that is cut down has at least one permission")]
    NoPermission,
    /// One role or permission twice.
    #[error("named twice: `{0}`")]
    Twice(String),
    /// No such permission.
    #[error("no such permission: `{0}`")]
    Unknown(String),
    /// `operator` comes from the first start only.
    #[error("no door gives the role `operator`")]
    Operator,
    /// The role may do something that the giver's may not.
    #[error("the role `{0}` may do more than yours")]
    RoleNotHeld(String),
    /// The giver does not have the permission.
    #[error("you do not have the permission `{0}`")]
    PermissionNotHeld(String),
}

impl Power {
    /// What `principal` may do.
    #[must_use]
    pub fn of(principal: &Principal) -> Self {
        Self { roles: principal.roles.clone(), permissions: principal.scopes.clone() }
    }

    /// A part of this power for somebody else. What is not asked for is as here, save `operator`.
    ///
    /// # Errors
    /// When what is asked is more than this power, or makes no sense.
    pub fn grant(&self, roles: Option<&[Role]>, permissions: Option<&[String]>) -> Result<Self, GrantError> {
        let roles = match roles {
            Some(asked) => asked.to_vec(),
            None => self.roles.iter().copied().filter(|role| *role != Role::Operator).collect(),
        };
        self.check_roles(&roles)?;
        let permissions = permissions.or(self.permissions.as_deref());
        if let Some(asked) = permissions {
            self.check_permissions(asked)?;
        }
        Ok(Self { roles, permissions: permissions.map(<[String]>::to_vec) })
    }

    /// The same power, cut down to `permissions`; for the same holder, so `operator` stays.
    ///
    /// # Errors
    /// When the permissions are more than this power, or make no sense.
    pub fn narrowed(&self, permissions: Option<&[String]>) -> Result<Self, GrantError> {
        let Some(asked) = permissions else { return Ok(self.clone()) };
        self.check_permissions(asked)?;
        Ok(Self { roles: self.roles.clone(), permissions: Some(asked.to_vec()) })
    }

    /// Whether `other` can do nothing that this cannot.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let permitted = match (&self.permissions, &other.permissions) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(_), Some(asked)) => asked.iter().all(|permission| self.permits(permission)),
        };
        permitted && other.roles.iter().all(|role| self.includes(*role))
    }

    /// Whether these roles together may do all that `role` may: `admin` includes all but `operator`.
    fn includes(&self, role: Role) -> bool {
        let may = |action: &&&str| self.roles.iter().any(|held| held.may(action));
        self.roles.contains(&role)
            || (role != Role::Operator
                && PERMISSIONS.iter().filter(|action| role.may(action)).all(|action| may(&action)))
    }

    fn check_roles(&self, asked: &[Role]) -> Result<(), GrantError> {
        if asked.is_empty() {
            return Err(GrantError::NoRole);
        }
        for (index, role) in asked.iter().enumerate() {
            if *role == Role::Operator {
                return Err(GrantError::Operator);
            }
            if asked[..index].contains(role) {
                return Err(GrantError::Twice(role_name(*role)));
            }
            if !self.includes(*role) {
                return Err(GrantError::RoleNotHeld(role_name(*role)));
            }
        }
        Ok(())
    }

    fn check_permissions(&self, asked: &[String]) -> Result<(), GrantError> {
        if asked.is_empty() {
            return Err(GrantError::NoPermission);
        }
        for (index, permission) in asked.iter().enumerate() {
            let shown = || permission.chars().take(60).collect::<String>();
            // Known and not repeated: so a list is never longer than what there is, and fits a token.
            if !is_permission(permission) {
                return Err(GrantError::Unknown(shown()));
            }
            if asked[..index].contains(permission) {
                return Err(GrantError::Twice(shown()));
            }
            if !self.permits(permission) {
                return Err(GrantError::PermissionNotHeld(shown()));
            }
        }
        Ok(())
    }

    fn permits(&self, asked: &str) -> bool {
        self.permissions.as_ref().is_none_or(|held| held.iter().any(|permission| covers(permission, asked)))
    }
}

/// `risk:score`, or `risk:*` for all of a capability.
fn is_permission(text: &str) -> bool {
    match text.strip_suffix('*') {
        Some(prefix) => prefix.ends_with(':') && PERMISSIONS.iter().any(|known| known.starts_with(prefix)),
        None => PERMISSIONS.contains(&text),
    }
}

fn covers(held: &str, asked: &str) -> bool {
    match held.strip_suffix('*') {
        Some(prefix) => prefix.ends_with(':') && asked.starts_with(prefix),
        None => held == asked,
    }
}

/// As JSON writes it.
pub(crate) fn role_name(role: Role) -> String {
    match role {
        Role::Admin => "admin",
        Role::Security => "security",
        Role::Auditor => "auditor",
        Role::Viewer => "viewer",
        Role::Operator => "operator",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use scorpius_edge::Strength;
    use scorpius_edge::manifest::{Manifest, Trigger};
    use scorpius_edge::principal::{EXCHANGE, OWN_ACCOUNT};

    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|&text| text.to_owned()).collect()
    }

    fn power(roles: &[Role], permissions: Option<&[&str]>) -> Power {
        Power { roles: roles.to_vec(), permissions: permissions.map(texts) }
    }

    type Asked<'a> = (Option<&'a [Role]>, Option<&'a [&'a str]>);

    #[track_caller]
    fn check(held: &Power, asked: Asked<'_>, expected: Result<Power, GrantError>) {
        let permissions = asked.1.map(texts);
        let granted = held.grant(asked.0, permissions.as_deref());
        assert_eq!(granted, expected);
        if let Ok(granted) = granted {
            assert!(held.covers(&granted));
        }
    }

    #[test]
    fn nobody_gives_more_than_they_have() {
        use Role::{Admin, Auditor, Operator, Security, Viewer};
        let admin = power(&[Admin, Operator], None);
        check(&admin, (None, None), Ok(power(&[Admin], None)));
        check(&admin, (Some(&[Admin]), Some(&["risk:*"])), Ok(power(&[Admin], Some(&["risk:*"]))));
        check(&admin, (Some(&[Operator]), None), Err(GrantError::Operator));
        check(&admin, (Some(&[Viewer, Auditor]), None), Ok(power(&[Viewer, Auditor], None)));
        let more = |role: &str| Err(GrantError::RoleNotHeld(role.to_owned()));
        check(&power(&[Auditor], None), (Some(&[Viewer]), None), Ok(power(&[Viewer], None)));
        check(&power(&[Auditor], None), (Some(&[Security]), None), more("security"));
        check(&power(&[Security, Auditor], None), (Some(&[Admin]), None), more("admin"));
        check(&power(&[Viewer], None), (Some(&[Auditor]), None), more("auditor"));
        check(&admin, (Some(&[]), None), Err(GrantError::NoRole));
        check(&admin, (Some(&[Admin, Admin]), None), Err(GrantError::Twice("admin".to_owned())));
        check(&power(&[Operator], None), (None, None), Err(GrantError::NoRole));

        let narrow = power(&[Admin, Auditor], Some(&["key:write", "risk:*"]));
        check(&narrow, (None, None), Ok(power(&[Admin, Auditor], Some(&["key:write", "risk:*"]))));
        check(&narrow, (Some(&[Auditor]), Some(&["risk:read"])), Ok(power(&[Auditor], Some(&["risk:read"]))));
        let refused = |text: &str| Err(GrantError::PermissionNotHeld(text.to_owned()));
        check(&narrow, (None, Some(&["key:read"])), refused("key:read"));
        check(&narrow, (None, Some(&["key:*"])), refused("key:*"));
        check(&narrow, (None, Some(&["risk:read", "audit:read"])), refused("audit:read"));
        check(&narrow, (None, Some(&[])), Err(GrantError::NoPermission));
        check(&narrow, (None, Some(&["risk:read", "risk:read"])), Err(GrantError::Twice("risk:read".into())));
    }

    #[test]
    fn only_known_permissions_are_given() {
        let admin = power(&[Role::Admin, Role::Operator], None);
        for text in
            ["*", ":*", "", "risk", "risk:", "risk:*:*", "admin:read", "admin:*", "r*", "token:create"]
        {
            check(&admin, (None, Some(&[text])), Err(GrantError::Unknown(text.to_owned())));
        }
    }

    #[test]
    fn less_covers_no_more() {
        let all = power(&[Role::Admin], None);
        let part = power(&[Role::Admin], Some(&["risk:*"]));
        assert!(all.covers(&part) && !part.covers(&all) && part.covers(&part));
        assert!(!all.covers(&power(&[Role::Admin, Role::Operator], None)));
    }

    #[test]
    fn whatever_is_granted_may_do_nothing_that_the_giver_may_not() {
        let lists: [Option<&[&str]>; 5] = [
            None,
            Some(&["risk:*"]),
            Some(&["risk:read"]),
            Some(&["key:write", "scan:read"]),
            Some(&["key:*"]),
        ];
        let mut granted_count = 0;
        for held in role_sets() {
            for asked in role_sets() {
                for (held_list, asked_list) in lists.iter().flat_map(|a| lists.iter().map(move |b| (a, b))) {
                    let giver = power(&held, *held_list);
                    let permissions = asked_list.map(texts);
                    let Ok(granted) = giver.grant(Some(&asked), permissions.as_deref()) else { continue };
                    granted_count += 1;
                    for action in PERMISSIONS.into_iter().chain(["admin:read", "admin:write"]) {
                        assert!(
                            !may(&granted, action) || may(&giver, action),
                            "{giver:?} {granted:?} {action}"
                        );
                    }
                }
            }
        }
        assert!(granted_count > 1_000, "{granted_count}");
    }

    /// All 32 sets of roles.
    fn role_sets() -> Vec<Vec<Role>> {
        let chosen = |set: u32| Role::ALL.into_iter().enumerate().filter(move |(bit, _)| set >> bit & 1 == 1);
        (0..32).map(|set| chosen(set).map(|(_, role)| role).collect()).collect()
    }

    fn may(power: &Power, action: &str) -> bool {
        Principal {
            tenant: "ten_00000000000000000000000000000001".parse().expect("a tenant"),
            subject: "key_1".to_owned(),
            roles: power.roles.clone(),
            scopes: power.permissions.clone(),
            strength: Strength::ApiKey,
            sign_in: None,
            network_tag: None,
            standing: Default::default(),
            allowance: scorpius_edge::Allowance::default(),
        }
        .may(action)
    }

    #[test]
    fn permissions_are_the_actions_of_the_manifest() {
        let manifest: Manifest =
            serde_json::from_str(include_str!("../../../infra/stack.json")).expect("the manifest");
        let mut actions = BTreeSet::new();
        for function in manifest.functions.values() {
            if let Trigger::Http(routes) = &function.trigger {
                actions.extend(routes.values().map(String::as_str));
            }
        }
        actions.retain(|action| {
            !["public", EXCHANGE, OWN_ACCOUNT].contains(action) && !action.starts_with("admin:")
        });
        assert_eq!(actions, BTreeSet::from(PERMISSIONS));
    }

    #[test]
    fn roles_are_named_as_in_json() {
        for role in Role::ALL {
            assert_eq!(serde_json::json!(role), role_name(role));
        }
    }
}
