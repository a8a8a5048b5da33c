//! How long a decision takes, and how long policies take to be parsed: percentiles of single ones, since a
//! mean says nothing about the slowest in a hundred.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use scorpius_core::{TenantId, UnixMillis};
use scorpius_edge::{Assurance, Factor, Kind, Principal, Question, Role, SignIn, Standing, Strength, Thing};
use scorpius_policy::{Attributes, Document, Policy, PolicySet};

const DECISIONS: usize = 20_000;
const PARSES: usize = 200;
/// 2026-11-21T09:40:40Z.
const NOW: UnixMillis = UnixMillis(1_795_254_040_000);

/// `count` policies of the kinds that `docs/policies` begins with, no two alike.
fn document(count: usize) -> Document {
    let policies = (0..count).map(|n| {
        let text = match n % 5 {
            0 => format!(
                "forbid (principal, action, resource is Scan) when {{ resource has sensitivity && resource.sensitivity > {} }}
                 unless {{ principal has clearance && principal.clearance >= resource.sensitivity }};",
                n % 4
            ),
            1 => format!(
                "forbid (principal is Person, action in Action::\"*:write\", resource)
                 when {{ context.now.toTime() > duration(\"{}h{}m\") }};",
                19 + n % 4,
                n % 60
            ),
            2 => format!(
                "permit (principal, action == Action::\"webhook:read\", resource is Webhook)
                 when {{ resource has owner && resource.owner == \"usr_{n}\" }};"
            ),
            3 => format!(
                "forbid (principal, action == Action::\"key:write\", resource)
                 unless {{ context has ip && context.ip.isInRange(ip(\"192.{}.0.0/16\")) }};",
                n % 250
            ),
            _ => format!(
                "permit (principal in Role::\"viewer\", action == Action::\"audit:read\", resource)
                 when {{ principal has department && principal.department == \"team-{n}\" }};"
            ),
        };
        Policy { id: format!("p{n}"), text }
    });
    let attributes = Attributes { department: Some("team-4".to_owned()), clearance: Some(3) };
    Document {
        policies: policies.collect(),
        attributes: BTreeMap::from([("usr_1".to_owned(), attributes)]),
        ..Document::default()
    }
}

fn principal() -> Principal {
    Principal {
        tenant: "ten_00000000000000000000000000000001".parse().expect("a tenant"),
        subject: "usr_1".to_owned(),
        roles: vec![Role::Viewer],
        scopes: None,
        strength: Strength::Token,
        sign_in: Some(SignIn {
            session: "ses_1".to_owned(),
            acr: Assurance::Aal2,
            amr: vec![Factor::Pwd, Factor::Otp],
            at: NOW,
        }),
        network_tag: None,
        allowance: scorpius_edge::Allowance::default(),
        standing: Standing::default(),
    }
}

fn measured(count: usize, mut what: impl FnMut(usize)) -> Vec<Duration> {
    let mut times: Vec<_> = (0..count)
        .map(|n| {
            let begun = Instant::now();
            what(n);
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    times
}

#[expect(clippy::print_stdout, reason = "a benchmark's result")]
fn say(what: &str, times: &[Duration]) {
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
    println!(
        "{what}: p50 {:.1} us, p99 {:.1} us, max {:.1} us ({} times)",
        at(0.5),
        at(0.99),
        at(1.0),
        times.len()
    );
}

fn main() {
    let principal = principal();
    let tenant: TenantId = principal.tenant.clone();
    let actions = ["scan:read", "audit:read", "webhook:read", "webhook:write", "key:write"];
    let kinds = [Kind::Tenant, Kind::Scan, Kind::Webhook];
    let decide = |set: &PolicySet, n: usize| {
        let thing = Thing::new(kinds[n % kinds.len()], "x", &tenant).owned_by("usr_2").sensitive(Some(2));
        let (action, network) = (actions[n % actions.len()], "192.0.2.7");
        black_box(set.decide(&Question { principal: &principal, action, thing, now: NOW, network }));
    };
    // For callgrind: what a function's first request pays.
    if std::env::args().any(|argument| argument == "--once") {
        return decide(PolicySet::base(), 0);
    }
    say("the base policies parsed, once", &measured(1, |_| assert!(!PolicySet::base().is_empty())));
    for count in [0, 50, 200] {
        let document = document(count);
        say(
            &format!("{count} policies parsed"),
            &measured(PARSES, |_| drop(black_box(PolicySet::of(&document)))),
        );
        let set = PolicySet::of(&document).map_err(|error| error.to_string()).expect("they parse");
        say(&format!("a decision with {count} policies"), &measured(DECISIONS, |n| decide(&set, n)));
    }
    say("a decision with the base policies", &measured(DECISIONS, |n| decide(PolicySet::base(), n)));
}
