use std::collections::BTreeMap;

use proptest::prelude::*;
use scorpius_core::{TenantId, UnixMillis};
use scorpius_edge::manifest::Manifest;
use scorpius_edge::{Principal, Role, SignIn, Standing};

use super::*;
use crate::document::{Assignment, Attributes, CustomRole, Document, Policy, Source};
use crate::schema;

/// 2026-11-21T09:40:40Z, a Saturday.
const NOW: UnixMillis = UnixMillis(1_795_254_040_000);

fn tenant(last: char) -> TenantId {
    format!("ten_0000000000000000000000000000000{last}").parse().expect("a tenant")
}

fn key(roles: &[Role], scopes: Option<&[&str]>) -> Principal {
    Principal {
        tenant: tenant('1'),
        subject: "key_1".to_owned(),
        roles: roles.to_vec(),
        scopes: scopes.map(|scopes| scopes.iter().map(|&scope| scope.to_owned()).collect()),
        strength: Strength::ApiKey,
        sign_in: None,
        network_tag: None,
        allowance: scorpius_edge::Allowance::default(),
        standing: Standing::default(),
    }
}

fn person(roles: &[Role]) -> Principal {
    let sign_in = SignIn {
        session: "ses_1".to_owned(),
        acr: Assurance::Aal2,
        amr: vec![Factor::Pwd, Factor::Otp],
        at: UnixMillis(NOW.0 - 60_000),
    };
    Principal {
        subject: "usr_1".to_owned(),
        strength: Strength::Token,
        sign_in: Some(sign_in),
        ..key(roles, None)
    }
}

fn ask(set: &PolicySet, principal: &Principal, action: &str, thing: Thing<'_>) -> Decision {
    set.decide(&Question { principal, action, thing, now: NOW, network: "192.0.2.7" })
}

fn actions() -> Vec<String> {
    let manifest: Manifest =
        serde_json::from_str(include_str!("../../../../../infra/stack.json")).expect("the manifest");
    schema::actions(&manifest).into_iter().collect()
}

/// The base policies give what the table of roles gives: every action of the manifest, all 32 sets of roles,
/// cut down in several ways, to keys and to people.
#[test]
fn the_base_policies_are_the_table_of_roles() {
    let (own, mut asked) = (tenant('1'), 0);
    for bits in 0_u32..32 {
        let chosen = Role::ALL.into_iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1);
        let roles: Vec<_> = chosen.map(|(_, role)| role).collect();
        for action in actions() {
            let whole = format!("{}:*", action.split(':').next().expect("a capability"));
            let lists: [Option<&[&str]>; 6] =
                [None, Some(&[&action]), Some(&[&whole]), Some(&["*"]), Some(&["none:read"]), Some(&[])];
            for scopes in lists {
                let of_key = key(&roles, scopes);
                let of_person = Principal { scopes: of_key.scopes.clone(), ..person(&roles) };
                for principal in [of_key, of_person] {
                    let said = ask(PolicySet::base(), &principal, &action, Thing::whole(&own));
                    assert_eq!(said.allowed, principal.may(&action), "{principal:?} {action}: {said:?}");
                    asked += 1;
                }
            }
        }
    }
    assert!(asked > 5_000, "{asked}");
}

#[test]
fn another_tenant_s_thing_is_refused_whoever_asks_and_whatever_the_tenant_permits() {
    let text = "permit (principal, action, resource);".to_owned();
    let policies = vec![Policy { id: "all".to_owned(), text }];
    let open = PolicySet::of(&Document { policies, ..Document::default() }).map_err(|e| e.to_string());
    let open = open.expect("it parses");
    let (own, other) = (tenant('1'), tenant('2'));
    let all = [Role::Admin, Role::Operator];
    for set in [&**PolicySet::base(), &open] {
        for kind in Kind::ALL {
            let said = ask(set, &person(&all), "scan:read", Thing::new(kind, "x", &own));
            assert!(said.allowed, "{kind:?}");
            let said = ask(set, &person(&all), "scan:read", Thing::new(kind, "x", &other));
            assert!(!said.allowed && said.policies.contains(&"base:tenant-isolation".to_owned()), "{said:?}");
        }
    }
    // Nor does it open what is the operator's, or what a scope took away.
    let said = ask(&open, &key(&[Role::Admin], None), "admin:write", Thing::whole(&own));
    assert_eq!(said.policies, ["base:operators-only"]);
    let said = ask(&open, &key(&[Role::Admin], Some(&["scan:read"])), "risk:read", Thing::whole(&own));
    assert_eq!(said.policies, ["base:within-scopes"]);
}

fn own(texts: &[&str], change: impl FnOnce(&mut Document)) -> PolicySet {
    let policies = texts.iter().enumerate();
    let policies =
        policies.map(|(index, text)| Policy { id: format!("p{index}"), text: (*text).to_owned() }).collect();
    let mut document = Document { policies, ..Document::default() };
    change(&mut document);
    PolicySet::of(&document).map_err(|error| error.to_string()).expect("it parses")
}

#[test]
fn what_cannot_be_evaluated_never_opens() {
    let tenant = tenant('1');
    let viewer = key(&[Role::Viewer], None);
    let set = own(&["forbid (principal, action, resource) when { resource.owner == \"x\" };"], |_| {});
    let said = ask(&set, &viewer, "scan:read", Thing::whole(&tenant));
    assert_eq!(said, Decision { allowed: false, policies: vec!["p0".to_owned()] });
    let set = own(&["permit (principal, action, resource) when { resource.owner == \"x\" };"], |_| {});
    assert!(!ask(&set, &viewer, "scan:write", Thing::whole(&tenant)).allowed);
    assert!(ask(&set, &viewer, "scan:read", Thing::whole(&tenant)).allowed, "the base policies still permit");
}

#[test]
fn the_moment_is_told_as_the_schema_says() {
    let tenant = tenant('1');
    let check = |principal: &Principal, condition: &str, expected: bool| {
        let text = format!("permit (principal, action, resource) when {{ {condition} }};");
        let said = ask(&own(&[&text], |_| {}), principal, "scan:write", Thing::whole(&tenant));
        assert_eq!(said.allowed, expected, "{condition}: {said:?}");
    };
    let mut someone = person(&[]);
    someone.standing.session_risk = 40;
    check(&someone, "context.now == datetime(\"2026-11-21T09:40:40Z\")", true);
    check(&someone, "context.now.toTime() < duration(\"18h\") && context.day == 6", true);
    check(&someone, "context.ip.isInRange(ip(\"192.0.2.0/24\"))", true);
    check(&someone, "context.ip.isInRange(ip(\"10.0.0.0/8\"))", false);
    check(&someone, "context.acr == 2 && context.amr.contains(\"otp\") && context.proved_s == 60", true);
    check(&someone, "context.session_risk == 40 && context.strength == \"token\"", true);
    check(&someone, "principal is Person && principal.subject == \"usr_1\"", true);
    let key = key(&[], None);
    check(&key, "context.acr == 0 && context.amr.isEmpty() && !(context has proved_s)", true);
    check(&key, "principal is Key && context.strength == \"api_key\"", true);
}

#[test]
fn roles_are_inherited_and_lent_and_end() {
    let whole = tenant('1');
    let set = own(&[], |document| {
        document.roles = vec![
            CustomRole {
                name: "lead".to_owned(),
                inherits: vec!["analyst".to_owned(), "gone".to_owned()],
                permits: vec!["webhook:*".to_owned()],
            },
            CustomRole {
                name: "analyst".to_owned(),
                inherits: vec!["viewer".to_owned()],
                permits: vec!["risk:score".to_owned()],
            },
        ];
        let lend = |role: &str, until: Option<u64>| Assignment {
            subject: "usr_1".to_owned(),
            role: role.to_owned(),
            until: until.map(UnixMillis),
            source: Source::Assigned,
        };
        document.assignments = vec![lend("lead", None), lend("admin", Some(NOW.0)), lend("gone", None)];
    });
    let may = |action: &str| ask(&set, &person(&[]), action, Thing::whole(&whole)).allowed;
    assert!(may("webhook:write") && may("webhook:read"), "its own");
    assert!(may("risk:score") && may("scan:read"), "inherited, through two");
    assert!(!may("scan:write") && !may("key:write"), "a role that ended");
    let of_key = ask(&set, &key(&[], None), "scan:read", Thing::whole(&whole));
    assert!(!of_key.allowed, "lent to a person, not to their keys");
    let until = |ms| {
        let set = own(&[], |document| {
            let subject = "usr_1".to_owned();
            let until = Some(UnixMillis(ms));
            document.assignments =
                vec![Assignment { subject, role: "admin".to_owned(), until, source: Source::Assigned }];
        });
        ask(&set, &person(&[]), "key:write", Thing::whole(&whole)).allowed
    };
    assert!(until(NOW.0 + 1) && !until(NOW.0));
}

#[test]
fn attributes_of_who_asks_and_of_the_thing_decide() {
    let tenant = tenant('1');
    let rule = "forbid (principal, action, resource is Scan)
        when { resource has sensitivity && resource.sensitivity > 1 }
        unless { principal has clearance && principal.clearance >= resource.sensitivity };";
    let owner = "permit (principal, action == Action::\"scan:read\", resource is Scan)
        when { resource has owner && resource.owner == principal.subject };";
    let set = own(&[rule, owner], |document| {
        let attributes = Attributes { department: Some("fraud".to_owned()), clearance: Some(3) };
        document.attributes = BTreeMap::from([("usr_1".to_owned(), attributes)]);
    });
    let scan = |level| Thing::new(Kind::Scan, "scn_1", &tenant).sensitive(level);
    let reads = |principal: &Principal, thing| ask(&set, principal, "scan:read", thing).allowed;
    assert!(
        reads(&person(&[Role::Viewer]), scan(Some(3))) && !reads(&person(&[Role::Viewer]), scan(Some(4)))
    );
    assert!(
        reads(&key(&[Role::Viewer], None), scan(Some(1)))
            && !reads(&key(&[Role::Admin], None), scan(Some(2)))
    );
    assert!(!reads(&person(&[]), scan(None)) && reads(&person(&[]), scan(None).owned_by("usr_1")));
    assert!(!reads(&person(&[]), scan(Some(4)).owned_by("usr_1")), "a forbid wins");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// No id, name or address can change what is asked, or break the asking.
    #[test]
    fn whatever_the_texts_are_the_answer_is_one(subject in "\\PC{0,40}", id in ".{0,40}", network in ".{0,40}", action in ".{0,20}") {
        let (own_tenant, other) = (tenant('1'), tenant('2'));
        let set = own(&["permit (principal, action, resource);"], |_| {});
        let principal = Principal { subject, ..key(&[Role::Admin], None) };
        let asked = |tenant| {
            let thing = Thing::new(Kind::Scan, &id, tenant);
            set.decide(&Question { principal: &principal, action: &action, thing, now: NOW, network: &network })
        };
        prop_assert!(asked(&own_tenant).allowed);
        prop_assert!(!asked(&other).allowed);
    }
}

/// A condition may be as deep as its text is long: deciding it is an answer, and not the process's end.
#[test]
fn a_long_condition_is_decided() {
    let tenant = tenant('1');
    for long in ["true && ", "!true || ", "1 + 1 == 2 && ", "[true].contains(true) && "] {
        let text = format!(
            "permit (principal, action, resource) when {{ {}true }};",
            long.repeat(7_900 / long.len())
        );
        let said = ask(&own(&[&text], |_| {}), &key(&[], None), "scan:write", Thing::whole(&tenant));
        // Cedar may give up on it, and then it permits nothing; what it says is the same each time.
        let again = ask(&own(&[&text], |_| {}), &key(&[], None), "scan:write", Thing::whole(&tenant));
        assert_eq!(said, again, "{long}");
    }
}
