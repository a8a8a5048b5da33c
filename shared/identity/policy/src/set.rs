//! The policies of one tenant in one version, parsed.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, LazyLock};

use cedar_policy_core::ast::{self, EntityUID, Expr, Literal, PolicyID};
use cedar_policy_core::authorizer::Authorizer;
use cedar_policy_core::entities::{Entities, NoEntitiesSchema, TCComputation};
use cedar_policy_core::extensions::Extensions;
use cedar_policy_core::parser;
use scorpius_edge::Role;

use crate::decide::uid;
use crate::document::{Assignment, Attributes, CustomRole, Document, NESTING_MAX, Policy};

/// The base policies' text.
pub(crate) const BASE: &str = include_str!("base.cedar");
/// Before the id of a base policy.
const BASE_PREFIX: &str = "base:";
/// Before the id of the policy that a custom role stands for.
const ROLE_PREFIX: &str = "role:";

/// Why a document is no policy set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPolicy {
    /// Not Cedar, or not one policy.
    #[error("the policy `{id}` does not parse: {message}")]
    Syntax {
        /// Which.
        id: String,
        /// What the parser says.
        message: String,
    },
    /// Nested deeper than is read.
    #[error("the policy `{id}` nests deeper than {NESTING_MAX}")]
    TooDeep {
        /// Which.
        id: String,
    },
    /// Two policies have one id.
    #[error("two policies are called `{id}`")]
    Twice {
        /// Which.
        id: String,
    },
    /// Roles that inherit in a circle.
    #[error("the role `{role}` inherits itself")]
    Circle {
        /// One of them.
        role: String,
    },
}

/// Policies that decisions are made by.
pub struct PolicySet {
    pub(crate) policies: ast::PolicySet,
    pub(crate) roles: Entities,
    /// Each role with all that it inherits, itself included.
    pub(crate) ancestors: BTreeMap<String, HashSet<EntityUID>>,
    /// By subject.
    pub(crate) assignments: BTreeMap<String, Vec<Assignment>>,
    pub(crate) attributes: BTreeMap<String, Attributes>,
    pub(crate) authorizer: Authorizer,
    /// Whether it is more than the base policies: those look at no moment.
    pub(crate) is_own: bool,
}

impl PolicySet {
    /// The base policies alone, parsed once.
    ///
    /// # Panics
    /// When `base.cedar` does not parse; a test holds that it does.
    #[must_use]
    pub fn base() -> &'static Arc<Self> {
        static SET: LazyLock<Arc<PolicySet>> = LazyLock::new(|| {
            let policies = base_policies().expect("base.cedar was parsed by the tests");
            let set = PolicySet::with(policies, &Document::default(), false);
            Arc::new(set.expect("the base roles inherit nothing"))
        });
        &SET
    }

    /// The base policies and a tenant's own.
    ///
    /// # Errors
    /// When a policy does not parse, has another's id, or roles inherit in a circle.
    pub fn of(document: &Document) -> Result<Self, BadPolicy> {
        let mut policies = Self::base().policies.clone();
        for policy in &document.policies {
            add(&mut policies, parse(policy)?)?;
        }
        // A role that only inherits needs no policy.
        for role in document.roles.iter().filter(|role| !role.permits.is_empty()) {
            add(&mut policies, policy_of(role))?;
        }
        Self::with(policies, document, true)
    }

    fn with(policies: ast::PolicySet, document: &Document, is_own: bool) -> Result<Self, BadPolicy> {
        let ancestors = ancestors(&document.roles)?;
        let entities = ancestors.iter().map(|(name, all)| {
            let own = uid("Role", name);
            let above = all.iter().filter(|other| **other != own).cloned().collect();
            let none = std::iter::empty;
            Arc::new(ast::Entity::new_with_attr_partial_value(own, none(), HashSet::new(), above, none()))
        });
        let roles = Entities::new()
            .add_entities(
                entities,
                None::<&NoEntitiesSchema>,
                TCComputation::AssumeAlreadyComputed,
                Extensions::all_available(),
            )
            .expect("each role is there once, with all that it inherits");
        let mut assignments: BTreeMap<String, Vec<Assignment>> = BTreeMap::new();
        for assignment in &document.assignments {
            assignments.entry(assignment.subject.clone()).or_default().push(assignment.clone());
        }
        let attributes = document.attributes.clone();
        Ok(Self {
            policies,
            roles,
            ancestors,
            assignments,
            attributes,
            authorizer: Authorizer::new(),
            is_own,
        })
    }

    /// How many policies decide.
    #[must_use]
    pub fn len(&self) -> usize {
        self.policies.policies().count()
    }

    /// Whether none does: everything is denied.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// The roles that there are, base roles among them.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.ancestors.keys().map(String::as_str)
    }

    /// The parsed policies, for whoever checks them against the schema.
    #[must_use]
    pub fn policies(&self) -> &ast::PolicySet {
        &self.policies
    }
}

fn parse(policy: &Policy) -> Result<ast::StaticPolicy, BadPolicy> {
    // Before the parser sees it: that would end the process, not the request.
    if nesting(&policy.text) > NESTING_MAX {
        return Err(BadPolicy::TooDeep { id: policy.id.clone() });
    }
    parser::parse_policy(Some(PolicyID::from_string(&policy.id)), &policy.text).map_err(|errors| {
        let message = errors.to_string().chars().take(500).collect();
        BadPolicy::Syntax { id: policy.id.clone(), message }
    })
}

/// The deepest nesting of brackets, and the count of `if`, each of which may nest the next. Strings and comments are skipped as
/// Cedar's lexer reads them.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest, mut ifs) = (0_usize, 0, 0);
    let mut word = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        ifs += usize::from(word == "if");
        word.clear();
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '"' => {
                while let Some(c) = rest.next().filter(|c| *c != '"') {
                    if c == '\\' {
                        rest.next();
                    }
                }
            }
            '/' if rest.peek() == Some(&'/') => {
                while rest.next().is_some_and(|c| !matches!(c, '\n' | '\r')) {}
            }
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest + ifs + usize::from(word == "if")
}

fn add(policies: &mut ast::PolicySet, policy: ast::StaticPolicy) -> Result<(), BadPolicy> {
    let id = policy.id().to_string();
    policies.add_static(policy).map_err(|_| BadPolicy::Twice { id })
}

/// The base policies, named by their annotation `@id`.
fn base_policies() -> Result<ast::PolicySet, String> {
    let parsed = parser::parse_policyset(BASE).map_err(|errors| errors.to_string())?;
    let mut named = ast::PolicySet::new();
    for policy in parsed.policies() {
        let mut notes = policy.annotations();
        let (_, id) = notes.find(|(key, _)| key.as_ref() == "id").ok_or("a base policy without `@id`")?;
        let id = PolicyID::from_string(format!("{BASE_PREFIX}{}", id.val));
        named.add(policy.new_id(id)).map_err(|error| error.to_string())?;
    }
    Ok(named)
}

/// `permit (principal in Role::"name", action in [...], resource)`.
fn policy_of(role: &CustomRole) -> ast::StaticPolicy {
    let actions = role.permits.iter().map(|action| uid("Action", action));
    ast::StaticPolicy::new(
        PolicyID::from_string(format!("{ROLE_PREFIX}{}", role.name)),
        None,
        ast::Annotations::new(),
        ast::Effect::Permit,
        ast::PrincipalConstraint::is_in(Arc::new(uid("Role", &role.name))),
        ast::ActionConstraint::is_in(actions),
        ast::ResourceConstraint::any(),
        // Nothing more to hold.
        Some(Expr::val(Literal::Bool(true))),
    )
    .expect("it has no slots")
}

/// Each role with itself and all that it inherits. Names of roles that there are not are left out.
fn ancestors(custom: &[CustomRole]) -> Result<BTreeMap<String, HashSet<EntityUID>>, BadPolicy> {
    let parents: BTreeMap<&str, &[String]> = Role::ALL
        .iter()
        .map(|role| (role.name(), &[][..]))
        .chain(custom.iter().map(|role| (role.name.as_str(), &role.inherits[..])))
        .collect();
    let mut all = BTreeMap::new();
    for name in parents.keys() {
        let mut seen = HashSet::from([*name]);
        let mut open = vec![*name];
        while let Some(role) = open.pop() {
            for parent in parents.get(role).copied().unwrap_or_default() {
                if parent == name {
                    return Err(BadPolicy::Circle { role: (*name).to_owned() });
                }
                if parents.contains_key(parent.as_str()) && seen.insert(parent.as_str()) {
                    open.push(parent.as_str());
                }
            }
        }
        all.insert((*name).to_owned(), seen.into_iter().map(|role| uid("Role", role)).collect());
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_policies_parse_and_are_named() {
        let set = PolicySet::base();
        let mut ids: Vec<_> = set.policies.policies().map(|policy| policy.id().to_string()).collect();
        ids.sort();
        assert_eq!(ids.len(), BASE.matches("@id(").count());
        assert!(ids.contains(&"base:tenant-isolation".to_owned()), "{ids:?}");
        assert!(!set.is_own && !set.is_empty() && set.len() == ids.len());
    }

    #[test]
    fn roles_in_a_circle_are_refused_and_a_diamond_is_not() {
        let role = |name: &str, inherits: &[&str]| CustomRole {
            name: name.to_owned(),
            inherits: inherits.iter().map(|&role| role.to_owned()).collect(),
            permits: Vec::new(),
        };
        let of = |roles| PolicySet::of(&Document { roles, ..Document::default() });
        let circle = of(vec![role("a", &["b"]), role("b", &["c"]), role("c", &["a"])]).err();
        assert_eq!(circle, Some(BadPolicy::Circle { role: "a".to_owned() }));
        let diamond = of(vec![role("a", &["b", "c"]), role("b", &["viewer"]), role("c", &["viewer"])]);
        let diamond = diamond.map_err(|error| error.to_string()).expect("no circle");
        assert_eq!(diamond.ancestors["a"].len(), 4);
    }

    #[test]
    fn however_deep_a_text_nests_the_process_goes_on() {
        let of = |text: String| {
            let policies = vec![Policy { id: "deep".to_owned(), text }];
            PolicySet::of(&Document { policies, ..Document::default() }).err()
        };
        let when = |condition: &str| format!("permit (principal, action, resource) when {{ {condition} }};");
        let brackets = |n: usize| when(&format!("{}true{}", "(".repeat(n), ")".repeat(n)));
        assert_eq!(of(brackets(NESTING_MAX - 1)), None);
        let too_deep = Some(BadPolicy::TooDeep { id: "deep".to_owned() });
        for n in [NESTING_MAX, 1_000, 3_900] {
            assert_eq!(of(brackets(n)), too_deep, "{n}");
            // What closes brackets in strings and comments closes none.
            let hidden = format!("[{}true", "\")))))\" == \"\\\")))\" // ))))\n && (".repeat(n));
            assert_eq!(of(when(&hidden)), too_deep, "{n}");
            assert_eq!(of(when(&format!("{}true", "if true then ".repeat(n)))), too_deep, "{n}");
        }
        // Long, and as deep as its length: neither reading, deciding nor dropping it may overflow.
        for long in ["true && ", "!true || ", "1 + 1 == 2 && ", "-1 < 2 && "] {
            let text = when(&format!("{}true", long.repeat(7_900 / long.len())));
            assert_eq!(of(text), None, "{long}");
        }
    }

    #[test]
    fn what_does_not_parse_is_named() {
        let of = |policies| PolicySet::of(&Document { policies, ..Document::default() }).err();
        let policy = |id: &str, text: &str| Policy { id: id.to_owned(), text: text.to_owned() };
        let fine = "permit (principal, action, resource);";
        assert_eq!(of(vec![policy("a", fine), policy("b", fine)]), None);
        assert_eq!(of(vec![policy("a", fine), policy("a", fine)]), Some(BadPolicy::Twice { id: "a".into() }));
        for text in ["", "permit", "permit (principal == ?principal, action, resource);", &fine.repeat(2)] {
            let said = of(vec![policy("bad", text)]);
            assert!(matches!(&said, Some(BadPolicy::Syntax { id, .. }) if id == "bad"), "{text}: {said:?}");
        }
    }
}
