//! Whether a draft can count: limits and names, syntax, and Cedar's own validator against the schema.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use cedar_policy_core::extensions::Extensions;
use cedar_policy_core::validator::{ValidationError, ValidationMode, Validator, ValidatorSchema};
use scorpius_core::UnixMillis;
use scorpius_core::id::is_id;
use scorpius_edge::problem::FieldError;
use scorpius_edge::{Role, manifest::Manifest};
use scorpius_policy::document::{
    ASSIGNMENTS_MAX, Assignment, DEPTH_MAX, INHERITED_MAX, LEVEL_MAX, PERMITS_MAX, POLICIES_BYTES_MAX,
    POLICIES_MAX, POLICY_BYTES_MAX, ROLES_MAX, SUBJECTS_MAX, Source, groups, is_name,
};
use scorpius_policy::{BadPolicy, BreakGlass, CustomRole, Document, Policy, PolicySet, schema};

use crate::api::Draft;

/// Faults that one answer names.
const FAULTS_MAX: usize = 20;
/// Faults of types that are told of one policy.
const TOLD_MAX: usize = 3;
/// People who may agree to break glass.
const APPROVERS_MAX: usize = 20;
/// For how long glass is broken at most: a day.
const MINUTES_MAX: u32 = 1_440;

/// The manifest that this crate was built with.
const STACK: &str = include_str!("../../../../infra/stack.json");

/// Checks drafts; made once, since it reads the schema.
pub(crate) struct Checker {
    validator: Validator,
    /// The actions of the manifest that can be asked about.
    pub(crate) actions: BTreeSet<String>,
    /// What a role may permit: those, and their groups.
    permits: BTreeSet<String>,
}

/// What is wrong with a draft, at most twenty of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults(pub(crate) Vec<FieldError>);

impl Faults {
    fn at(&mut self, pointer: impl Into<String>, detail: impl ToString) {
        if self.0.len() < FAULTS_MAX {
            self.0.push(FieldError { pointer: pointer.into(), detail: detail.to_string() });
        }
    }

    fn unless(&mut self, fine: bool, pointer: &str, detail: impl ToString) {
        if !fine {
            self.at(pointer, detail);
        }
    }
}

impl Checker {
    /// The one of this process, made where it is first needed: reading the schema takes milliseconds.
    pub(crate) fn shared() -> &'static LazyLock<Self> {
        static SHARED: LazyLock<Checker> = LazyLock::new(Checker::new);
        &SHARED
    }

    /// For the actions of this release.
    ///
    /// # Panics
    /// When the manifest or the schema that is made of it does not parse; tests hold that they do.
    pub(crate) fn new() -> Self {
        let manifest = Manifest::parse(STACK).expect("infra/stack.json was checked by the tests");
        let actions = schema::actions(&manifest);
        let text = schema::text(&actions);
        let parsed = ValidatorSchema::from_cedarschema_str(&text, Extensions::all_available())
            .map(|(schema, _)| schema);
        let validator = Validator::new(parsed.expect("the schema was checked by the tests"));
        let permits = actions.iter().flat_map(|action| groups(action)).chain(actions.iter().cloned());
        // The platform's own operation is not a tenant's to give.
        let permits = permits.filter(|action| !action.starts_with("admin:")).collect();
        Self { validator, actions, permits }
    }

    /// The document that `draft` stands for, with what `kept` lends still lent; and its parsed policies.
    pub(crate) fn check(
        &self,
        draft: Draft,
        kept: &Document,
        now: UnixMillis,
    ) -> Result<(Document, PolicySet), Faults> {
        let mut faults = Faults::default();
        let known = names_of_roles(&draft.roles);
        policies(&draft.policies, &mut faults);
        self.roles(&draft.roles, &known, &mut faults);
        let mut assignments = assignments(&draft, &known, &mut faults);
        attributes(&draft, &mut faults);
        if let Some(break_glass) = &draft.break_glass {
            check_break_glass(break_glass, &known, &mut faults);
        }
        if !draft.drop_lent {
            assignments.extend(lent(kept, now).cloned());
        }
        faults.unless(assignments.len() <= ASSIGNMENTS_MAX, "/assignments", too_many(ASSIGNMENTS_MAX));
        if !faults.0.is_empty() {
            return Err(faults);
        }
        let document = Document {
            policies: draft.policies,
            roles: draft.roles,
            assignments,
            attributes: draft.attributes,
            break_glass: draft.break_glass,
        };
        let set = self.valid(&document)?;
        Ok((document, set))
    }

    /// The parsed policies of `document`, if they name what the schema has.
    pub(crate) fn valid(&self, document: &Document) -> Result<PolicySet, Faults> {
        let mut faults = Faults::default();
        let place: BTreeMap<&str, usize> =
            document.policies.iter().enumerate().map(|(index, policy)| (policy.id.as_str(), index)).collect();
        let pointer = |id: &str| match place.get(id) {
            Some(index) => format!("/policies/{index}/text"),
            None => "/policies".to_owned(),
        };
        let set = PolicySet::of(document).map_err(|error| {
            let pointer = match &error {
                BadPolicy::Syntax { id, .. } | BadPolicy::TooDeep { id } | BadPolicy::Twice { id } => {
                    pointer(id)
                }
                BadPolicy::Circle { .. } => "/roles".to_owned(),
            };
            faults.at(pointer, &error);
            std::mem::take(&mut faults)
        })?;
        let mut told: BTreeMap<String, usize> = BTreeMap::new();
        for error in self.validator.validate(set.policies(), ValidationMode::Strict).validation_errors() {
            let text = error.to_string();
            let at = pointer(&policy_of(error, &text));
            // It tells the same of every action that a policy is about.
            let count = told.entry(at.clone()).or_default();
            *count += 1;
            if *count <= TOLD_MAX {
                faults.at(at, cut(&text));
            }
        }
        if faults.0.is_empty() { Ok(set) } else { Err(faults) }
    }

    fn roles(&self, roles: &[CustomRole], known: &BTreeSet<&str>, faults: &mut Faults) {
        faults.unless(roles.len() <= ROLES_MAX, "/roles", too_many(ROLES_MAX));
        for (index, role) in roles.iter().take(ROLES_MAX).enumerate() {
            let at = format!("/roles/{index}");
            let base = Role::ALL.iter().any(|base| base.name() == role.name);
            let twice = roles[..index].iter().any(|other| other.name == role.name);
            faults.unless(is_name(&role.name) && !base, &format!("{at}/name"), NOT_A_NAME);
            faults.unless(!twice, &format!("{at}/name"), "two roles have this name");
            let (inherits, permits) = (format!("{at}/inherits"), format!("{at}/permits"));
            faults.unless(role.inherits.len() <= INHERITED_MAX, &inherits, too_many(INHERITED_MAX));
            faults.unless(role.permits.len() <= PERMITS_MAX, &permits, too_many(PERMITS_MAX));
            for parent in role.inherits.iter().take(INHERITED_MAX) {
                let fine = known.contains(parent.as_str()) && parent != Role::Operator.name();
                faults.unless(fine, &inherits, format!("no such role: `{}`", cut(parent)));
            }
            for action in role.permits.iter().take(PERMITS_MAX) {
                let fine = self.permits.contains(action);
                faults.unless(fine, &permits, format!("no such action: `{}`", cut(action)));
            }
            let deep = depth(roles, &role.name, DEPTH_MAX + 1) > DEPTH_MAX;
            faults.unless(!deep, &inherits, format!("roles inherit through more than {DEPTH_MAX}"));
        }
    }
}

const NOT_A_NAME: &str =
    "not a name of its own: 1 to 60 lower-case letters, digits, `-` and `_`, and none of the base roles'";

/// Which policy the validator complains of. All but one kind of fault say so in their text alone: "for policy `id`, …".
fn policy_of(error: &ValidationError, text: &str) -> String {
    match error {
        ValidationError::IncompatibleTypes(fault) => fault.policy_id.to_string(),
        _ => text.split('`').nth(1).unwrap_or_default().to_owned(),
    }
}

fn too_many(max: usize) -> String {
    format!("more than {max}")
}

fn cut(text: &str) -> String {
    text.chars().take(300).collect()
}

fn names_of_roles(roles: &[CustomRole]) -> BTreeSet<&str> {
    let base = Role::ALL.iter().map(|role| role.name());
    base.chain(roles.iter().map(|role| role.name.as_str())).collect()
}

/// How many roles the longest chain above `name` has, up to `left`: circles are longer than any.
fn depth(roles: &[CustomRole], name: &str, left: usize) -> usize {
    let Some(role) = roles.iter().find(|role| role.name == name) else { return 0 };
    if left == 0 || role.inherits.is_empty() {
        return 0;
    }
    let parents = role.inherits.iter().take(INHERITED_MAX);
    1 + parents.map(|parent| depth(roles, parent, left - 1)).max().unwrap_or_default()
}

fn policies(policies: &[Policy], faults: &mut Faults) {
    faults.unless(policies.len() <= POLICIES_MAX, "/policies", too_many(POLICIES_MAX));
    let bytes: usize = policies.iter().map(|policy| policy.text.len()).sum();
    faults.unless(
        bytes <= POLICIES_BYTES_MAX,
        "/policies",
        format!("over {POLICIES_BYTES_MAX} bytes of text"),
    );
    for (index, policy) in policies.iter().take(POLICIES_MAX).enumerate() {
        let (id, text) = (format!("/policies/{index}/id"), format!("/policies/{index}/text"));
        faults.unless(
            is_name(&policy.id),
            &id,
            "not a name: 1 to 60 lower-case letters, digits, `-` and `_`",
        );
        let long = policy.text.len() > POLICY_BYTES_MAX;
        faults.unless(!long, &text, format!("over {POLICY_BYTES_MAX} bytes"));
    }
}

/// What was lent and is not over.
pub(crate) fn lent(document: &Document, now: UnixMillis) -> impl Iterator<Item = &Assignment> {
    let holds =
        move |assignment: &&Assignment| assignment.source != Source::Assigned && assignment.holds(now);
    document.assignments.iter().filter(holds)
}

fn assignments(draft: &Draft, known: &BTreeSet<&str>, faults: &mut Faults) -> Vec<Assignment> {
    let mut assignments = Vec::new();
    for (index, asked) in draft.assignments.iter().take(ASSIGNMENTS_MAX + 1).enumerate() {
        let at = format!("/assignments/{index}");
        faults.unless(is_subject(&asked.subject), &format!("{at}/subject"), NOT_A_SUBJECT);
        let role = known.contains(asked.role.as_str()) && asked.role != Role::Operator.name();
        faults.unless(role, &format!("{at}/role"), format!("no such role: `{}`", cut(&asked.role)));
        let until = asked.until.as_deref().map(str::parse::<UnixMillis>).transpose();
        match until {
            Ok(until) => assignments.push(Assignment {
                subject: asked.subject.clone(),
                role: asked.role.clone(),
                until,
                source: Source::Assigned,
            }),
            Err(error) => faults.at(format!("{at}/until"), error),
        }
    }
    assignments
}

const NOT_A_SUBJECT: &str = "not `usr_…` or `key_…`";

/// Whether it is the id of a person or of a key.
pub(crate) fn is_subject(text: &str) -> bool {
    is_id("usr", text) || is_id("key", text)
}

fn attributes(draft: &Draft, faults: &mut Faults) {
    faults.unless(draft.attributes.len() <= SUBJECTS_MAX, "/attributes", too_many(SUBJECTS_MAX));
    for (subject, attributes) in draft.attributes.iter().take(SUBJECTS_MAX) {
        faults.unless(is_subject(subject), "/attributes", NOT_A_SUBJECT);
        let department = attributes.department.as_deref().is_none_or(is_name);
        faults.unless(department, "/attributes", "`department` is no name: letters, digits, `-` and `_`");
        let clearance = attributes.clearance.is_none_or(|level| level <= LEVEL_MAX);
        faults.unless(clearance, "/attributes", format!("`clearance` is 0 to {LEVEL_MAX}"));
    }
}

fn check_break_glass(asked: &BreakGlass, known: &BTreeSet<&str>, faults: &mut Faults) {
    let role = known.contains(asked.role.as_str()) && asked.role != Role::Operator.name();
    faults.unless(role, "/break_glass/role", "no such role");
    let people: BTreeSet<_> = asked.approvers.iter().collect();
    let fine = asked.approvers.iter().all(|person| is_id("usr", person))
        && people.len() == asked.approvers.len()
        && asked.approvers.len() <= APPROVERS_MAX;
    faults.unless(fine, "/break_glass/approvers", format!("at most {APPROVERS_MAX} different `usr_…`"));
    let enough = (1..=people.len()).contains(&usize::from(asked.approvals));
    faults.unless(enough, "/break_glass/approvals", "1 to as many as there are approvers");
    let minutes = (1..=MINUTES_MAX).contains(&asked.minutes_max);
    faults.unless(minutes, "/break_glass/minutes_max", format!("1 to {MINUTES_MAX}"));
}

#[cfg(test)]
mod tests {
    use scorpius_policy::Attributes;

    use super::*;
    use crate::api::AssignmentText;

    const NOW: UnixMillis = UnixMillis(1_795_254_040_000);
    const PERSON: &str = "usr_019ab5d2a0007c3e8f2b6a51d4e09c77";

    fn said(change: impl FnOnce(&mut Draft)) -> Vec<String> {
        let mut draft = Draft::default();
        change(&mut draft);
        match Checker::new().check(draft, &Document::default(), NOW) {
            Ok(_) => Vec::new(),
            Err(Faults(faults)) => faults.into_iter().map(|fault| fault.pointer).collect(),
        }
    }

    fn policy(text: &str) -> Policy {
        Policy { id: "p".to_owned(), text: text.to_owned() }
    }

    fn role(name: &str, inherits: &[&str], permits: &[&str]) -> CustomRole {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        CustomRole { name: name.to_owned(), inherits: texts(inherits), permits: texts(permits) }
    }

    #[test]
    fn the_base_policies_are_valid_by_the_schema() {
        assert!(Checker::new().valid(&Document::default()).is_ok());
    }

    #[test]
    fn policies_are_held_to_the_schema() {
        for text in [
            "permit (principal, action == Action::\"scan:read\", resource);",
            "permit (principal is Person, action in Action::\"scan:*\", resource is Scan)
               when { resource has owner && resource.owner == principal.subject };",
            "forbid (principal, action, resource) when { context.now.toTime() > duration(\"18h\") };",
            "forbid (principal, action, resource) unless { context has ip && context.ip.isInRange(ip(\"10.0.0.0/8\")) };",
        ] {
            assert_eq!(said(|draft| draft.policies = vec![policy(text)]), Vec::<String>::new(), "{text}");
        }
        for text in [
            "permit",
            "permit (principal, action == Action::\"scan:burn\", resource);",
            "permit (principal, action, resource) when { resource.owner == principal.subject };",
            "permit (principal, action, resource) when { principal.shoe_size > 40 };",
            "permit (principal, action, resource) when { context.acr == \"high\" };",
            "permit (principal is Robot, action, resource);",
        ] {
            assert_eq!(said(|draft| draft.policies = vec![policy(text)])[0], "/policies/0/text", "{text}");
        }
        let two = vec![policy("permit (principal, action, resource);"); 2];
        assert_eq!(said(|draft| draft.policies = two), ["/policies/1/text"]);
    }

    #[test]
    fn every_count_size_and_depth_has_its_limit() {
        let fine = "permit (principal, action, resource);";
        let many = |count| (0..count).map(|n| Policy { id: format!("p{n}"), ..policy(fine) }).collect();
        assert_eq!(said(|draft| draft.policies = many(POLICIES_MAX)), Vec::<String>::new());
        assert_eq!(said(|draft| draft.policies = many(POLICIES_MAX + 1)), ["/policies"]);
        let long = format!("{fine} //{}", "x".repeat(POLICY_BYTES_MAX));
        assert_eq!(said(|draft| draft.policies = vec![policy(&long)]), ["/policies/0/text"]);
        let nested = format!(
            "permit (principal, action, resource) when {{ {}true{} }};",
            "(".repeat(3_900),
            ")".repeat(3_900)
        );
        assert!(nested.len() < POLICY_BYTES_MAX);
        assert_eq!(said(|draft| draft.policies = vec![policy(&nested)]), ["/policies/0/text"]);
        let chain = |length: usize| {
            (0..length)
                .map(|n| role(&format!("r{n}"), &[&format!("r{}", n + 1)], &[]))
                .chain([role(&format!("r{length}"), &["viewer"], &[])])
                .collect::<Vec<_>>()
        };
        assert_eq!(said(|draft| draft.roles = chain(DEPTH_MAX - 1)), Vec::<String>::new());
        assert_eq!(said(|draft| draft.roles = chain(DEPTH_MAX)), ["/roles/0/inherits"]);
        let circle = vec![role("a", &["b"], &[]), role("b", &["a"], &[])];
        assert_eq!(said(|draft| draft.roles = circle), ["/roles/0/inherits", "/roles/1/inherits"]);
    }

    #[test]
    fn nobody_is_given_the_operator_s_role_or_what_is_not_there() {
        assert_eq!(said(|draft| draft.roles = vec![role("a", &["operator"], &[])]), ["/roles/0/inherits"]);
        assert_eq!(said(|draft| draft.roles = vec![role("admin", &[], &[])]), ["/roles/0/name"]);
        for action in ["admin:read", "admin:*", "scan:burn", "*", ""] {
            assert_eq!(said(|draft| draft.roles = vec![role("a", &[], &[action])]), ["/roles/0/permits"]);
        }
        let assign = |subject: &str, role: &str, until: Option<&str>| AssignmentText {
            subject: subject.to_owned(),
            role: role.to_owned(),
            until: until.map(str::to_owned),
        };
        for (assignment, pointer) in [
            (assign(PERSON, "operator", None), "/assignments/0/role"),
            (assign(PERSON, "nobody", None), "/assignments/0/role"),
            (assign("ada", "viewer", None), "/assignments/0/subject"),
            (assign(PERSON, "viewer", Some("tomorrow")), "/assignments/0/until"),
        ] {
            assert_eq!(said(|draft| draft.assignments = vec![assignment]), [pointer]);
        }
        let attributes = |subject: &str, clearance| {
            BTreeMap::from([(subject.to_owned(), Attributes { department: None, clearance })])
        };
        assert_eq!(said(|draft| draft.attributes = attributes(PERSON, Some(5))), ["/attributes"]);
        assert_eq!(said(|draft| draft.attributes = attributes("ada", Some(4))), ["/attributes"]);
        let glass = |approvals, approvers: &[&str]| BreakGlass {
            role: "admin".to_owned(),
            approvals,
            approvers: approvers.iter().map(|&person| person.to_owned()).collect(),
            minutes_max: 60,
        };
        assert_eq!(said(|draft| draft.break_glass = Some(glass(1, &[PERSON]))), Vec::<String>::new());
        assert_eq!(said(|draft| draft.break_glass = Some(glass(2, &[PERSON]))), ["/break_glass/approvals"]);
        let twice = said(|draft| draft.break_glass = Some(glass(2, &[PERSON, PERSON])));
        assert_eq!(twice, ["/break_glass/approvers", "/break_glass/approvals"]);
    }

    #[test]
    fn what_is_lent_stays_unless_it_is_to_be_dropped() {
        let lend = |until| Assignment {
            subject: PERSON.to_owned(),
            role: "security".to_owned(),
            until: Some(until),
            source: Source::Delegated { by: PERSON.to_owned() },
        };
        let kept = Document { assignments: vec![lend(NOW), lend(NOW.plus_s(1))], ..Document::default() };
        let count = |drop_lent| {
            let draft = Draft { drop_lent, ..Draft::default() };
            let (document, _) = Checker::new().check(draft, &kept, NOW).expect("a draft");
            document.assignments.len()
        };
        assert_eq!((count(false), count(true)), (1, 0));
    }
}
