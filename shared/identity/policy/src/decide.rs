//! One decision: who asks, about what and when, as Cedar's entities and context.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use cedar_policy_core::FromNormalizedStr;
use cedar_policy_core::ast::{
    Context, Effect, Eid, Entity, EntityType, EntityUID, Name, PartialValue, PolicyID, Request,
    RequestSchemaAllPass, RestrictedExpr, Value,
};
use cedar_policy_core::authorizer::{AuthorizationError, Decision as Decided};
use cedar_policy_core::entities::{NoEntitiesSchema, TCComputation};
use cedar_policy_core::extensions::Extensions;
use scorpius_edge::{Assurance, Decision, Factor, Kind, Question, Strength, Thing};
use smol_str::SmolStr;

use crate::document::groups;
use crate::set::PolicySet;

/// What decides when a question cannot even be put.
const UNDECIDED: &str = "base:undecided";

impl PolicySet {
    /// Whether the question's answer is yes. A policy that forbids and cannot be evaluated forbids; one that
    /// permits and cannot be evaluated does not.
    #[must_use]
    pub fn decide(&self, question: &Question<'_>) -> Decision {
        let Some(asked) = self.put(question) else {
            return Decision { allowed: false, policies: vec![UNDECIDED.to_owned()] };
        };
        let entities = [
            Arc::new(self.principal(question)),
            Arc::new(thing(&question.thing)),
            Arc::new(action(question.action)),
        ];
        let entities = self.roles.clone().add_entities(
            entities,
            None::<&NoEntitiesSchema>,
            TCComputation::AssumeAlreadyComputed,
            Extensions::all_available(),
        );
        let Ok(entities) = entities else {
            return Decision { allowed: false, policies: vec![UNDECIDED.to_owned()] };
        };
        let answer = self.authorizer.is_authorized(asked, &self.policies, &entities);
        let forbids = |id: &PolicyID| self.policies.get(id).is_none_or(|p| p.effect() == Effect::Forbid);
        let failed = answer.diagnostics.errors.iter();
        let failed = failed.map(|AuthorizationError::PolicyEvaluationError { id, .. }| id);
        let failed: Vec<_> = failed.filter(|id| forbids(id)).collect();
        let allowed = answer.decision == Decided::Allow && failed.is_empty();
        let decided = answer.diagnostics.reason.iter().filter(|id| allowed || forbids(id));
        let mut policies: Vec<_> = decided.chain(failed).map(ToString::to_string).collect();
        policies.sort();
        Decision { allowed, policies }
    }

    fn put(&self, question: &Question<'_>) -> Option<Request> {
        let context = self.context(question)?;
        Request::new(
            (principal_uid(question), None),
            (uid("Action", question.action), None),
            (uid(question.thing.kind.name(), question.thing.id), None),
            context,
            None::<&RequestSchemaAllPass>,
            Extensions::all_available(),
        )
        .ok()
    }

    fn principal(&self, question: &Question<'_>) -> Entity {
        let principal = question.principal;
        let mut roles = HashSet::new();
        let lent = self.assignments.get(&principal.subject).map(Vec::as_slice).unwrap_or_default();
        let lent = lent.iter().filter(|assignment| assignment.holds(question.now));
        let names = principal.roles.iter().map(|role| role.name());
        for name in names.chain(lent.map(|assignment| assignment.role.as_str())) {
            roles.extend(self.ancestors.get(name).into_iter().flatten().cloned());
        }
        let mut attributes = vec![
            ("tenant", value(Arc::new(uid(Kind::Tenant.name(), principal.tenant.as_str())))),
            ("subject", value(principal.subject.as_str())),
        ];
        if let Some(known) = self.attributes.get(&principal.subject) {
            attributes.extend(known.department.as_deref().map(|name| ("department", value(name))));
            attributes.extend(known.clearance.map(|level| ("clearance", value(i64::from(level)))));
        }
        entity(principal_uid(question), attributes, roles)
    }

    /// What the schema calls `Moment`. The base policies look at the scopes only, so that is all they are told.
    fn context(&self, question: &Question<'_>) -> Option<Context> {
        let principal = question.principal;
        let within = RestrictedExpr::val(principal.is_within_scopes(question.action));
        let mut pairs = vec![("within_scopes", within)];
        if self.is_own {
            let days = question.now.0 / 86_400_000;
            let sign_in = principal.sign_in.as_ref();
            let acr = sign_in.map_or(0, |sign_in| match sign_in.acr {
                Assurance::Aal1 => 1_i64,
                Assurance::Aal2 => 2,
            });
            let amr = sign_in.map(|sign_in| sign_in.amr.as_slice()).unwrap_or_default();
            let strength = match principal.strength {
                Strength::ApiKey => "api_key",
                Strength::Token => "token",
            };
            pairs.extend([
                ("now", extension(&DATETIME, &question.now.to_string())),
                // 1970-01-01 was a Thursday.
                ("day", RestrictedExpr::val(i64::try_from((days + 3) % 7 + 1).ok()?)),
                ("strength", RestrictedExpr::val(strength)),
                ("acr", RestrictedExpr::val(acr)),
                (
                    "amr",
                    RestrictedExpr::set(amr.iter().map(|factor| RestrictedExpr::val(factor_name(*factor)))),
                ),
                ("session_risk", RestrictedExpr::val(i64::from(principal.standing.session_risk))),
            ]);
            if let Some(sign_in) = sign_in {
                let proved_s = i64::try_from(question.now.since_ms(sign_in.at) / 1000).ok()?;
                pairs.push(("proved_s", RestrictedExpr::val(proved_s)));
            }
            if let Ok(address) = question.network.parse::<std::net::IpAddr>() {
                pairs.push(("ip", extension(&IP, &address.to_string())));
            }
        }
        let pairs = pairs.into_iter().map(|(name, value)| (SmolStr::new_static(name), value));
        Context::from_pairs(pairs, Extensions::all_available()).ok()
    }
}

/// By its name in RFC 8176.
fn factor_name(factor: Factor) -> &'static str {
    match factor {
        Factor::Pwd => "pwd",
        Factor::Otp => "otp",
        Factor::Pop => "pop",
        Factor::User => "user",
    }
}

fn principal_uid(question: &Question<'_>) -> EntityUID {
    let kind = if question.principal.is_person() { "Person" } else { "Key" };
    uid(kind, &question.principal.subject)
}

fn thing(thing: &Thing<'_>) -> Entity {
    let tenant = uid(Kind::Tenant.name(), thing.tenant.as_str());
    let mut attributes = vec![("tenant", value(Arc::new(tenant.clone())))];
    attributes.extend(thing.owner.map(|subject| ("owner", value(subject))));
    attributes.extend(thing.sensitivity.map(|level| ("sensitivity", value(i64::from(level)))));
    let parents = match thing.kind {
        Kind::Tenant => HashSet::new(),
        Kind::Scan | Kind::Verdict | Kind::Webhook | Kind::ApiKey | Kind::Wallet => HashSet::from([tenant]),
    };
    entity(uid(thing.kind.name(), thing.id), attributes, parents)
}

fn action(name: &str) -> Entity {
    let groups = groups(name).iter().map(|group| uid("Action", group)).collect();
    entity(uid("Action", name), Vec::new(), groups)
}

fn entity(
    own: EntityUID,
    attributes: Vec<(&'static str, PartialValue)>,
    above: HashSet<EntityUID>,
) -> Entity {
    let attributes = attributes.into_iter().map(|(name, value)| (SmolStr::new_static(name), value));
    Entity::new_with_attr_partial_value(own, attributes, HashSet::new(), above, std::iter::empty())
}

fn value(value: impl Into<cedar_policy_core::ast::ValueKind>) -> PartialValue {
    Value::new(value, None).into()
}

/// `type::"id"`, whatever the id's characters are: it is never read as Cedar.
pub(crate) fn uid(kind: &'static str, id: &str) -> EntityUID {
    let known = TYPES.iter().find(|(name, _)| *name == kind);
    let kind = known.map_or_else(|| entity_type(kind), |(_, kind)| kind.clone());
    EntityUID::from_components(kind, Eid::new(id), None)
}

fn entity_type(name: &str) -> EntityType {
    EntityType::from_normalized_str(name).expect("a constant name")
}

/// Read once: reading a name takes longer than deciding.
static TYPES: LazyLock<Vec<(&str, EntityType)>> = LazyLock::new(|| {
    let kinds = Kind::ALL.iter().map(|kind| kind.name());
    let names = ["Action", "Key", "Person", "Role"].into_iter().chain(kinds);
    names.map(|name| (name, entity_type(name))).collect()
});
static DATETIME: LazyLock<Name> = LazyLock::new(|| name("datetime"));
static IP: LazyLock<Name> = LazyLock::new(|| name("ip"));

fn name(text: &str) -> Name {
    Name::from_normalized_str(text).expect("a constant name")
}

fn extension(function: &Name, text: &str) -> RestrictedExpr {
    RestrictedExpr::call_extension_fn(function.clone(), [RestrictedExpr::val(text)])
}

#[cfg(test)]
mod tests;
