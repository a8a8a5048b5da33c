//! The Cedar schema: what policies can name, and of which type it is. Made from the manifest's actions, so that
//! an action that does not exist is refused where a policy is written.

use std::collections::BTreeSet;
use std::fmt::Write;

use scorpius_edge::Kind;
use scorpius_edge::manifest::{Manifest, Trigger};

use crate::document::groups;

/// The actions of all operations that are not public, in order.
#[must_use]
pub fn actions(manifest: &Manifest) -> BTreeSet<String> {
    let mut actions = BTreeSet::new();
    for function in manifest.functions.values() {
        if let Trigger::Http(routes) = &function.trigger {
            actions.extend(routes.values().filter(|action| *action != "public").cloned());
        }
    }
    actions
}

/// The schema as Cedar writes it.
///
/// # Panics
/// Never: writing to a string does not fail.
#[must_use]
pub fn text(actions: &BTreeSet<String>) -> String {
    let mut schema = HEAD.to_owned();
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Tenant) {
        write!(schema, "entity {} in [Tenant] = {THING};\n\n", kind.name()).expect(FINE);
    }
    let all_groups: BTreeSet<_> = actions.iter().flat_map(|action| groups(action)).collect();
    schema.push_str("// Groups of actions: all of a capability, and all of a verb.\n");
    for group in all_groups {
        writeln!(schema, "action \"{group}\";").expect(FINE);
    }
    schema.push_str("\n// What the operations of the API are, one action each.\n");
    let kinds: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    for action in actions {
        let groups: Vec<_> = groups(action).iter().map(|group| format!("\"{group}\"")).collect();
        writeln!(
            schema,
            "action \"{action}\" in [{}] appliesTo {{ principal: [Person, Key], resource: [{}], context: Moment }};",
            groups.join(", "),
            kinds.join(", ")
        )
        .expect(FINE);
    }
    schema
}

const FINE: &str = "writing to a string does not fail";

const THING: &str = "{
  // Whose it is. Policies about one tenant need not ask: none reaches another.
  tenant: Tenant,
  // The subject that made it, where that is kept: compare with `principal.subject`.
  owner?: String,
  // How much harm its disclosure does, 0 to 4, where that is kept.
  sensitivity?: Long,
}";

const HEAD: &str = "// What policies can name. Made from infra/stack.json by `scorpius policy-schema`.

// When and how it is asked.
type Moment = {
  // The time, and its day of the week in UTC: 1 is Monday, 7 is Sunday.
  now: datetime,
  day: Long,
  // The caller's address, where the gateway knew it.
  ip?: ipaddr,
  // `api_key`, or `token`.
  strength: String,
  // What a person proved (NIST SP 800-63B): 1 or 2; 0 for keys.
  acr: Long,
  // How (RFC 8176): `pwd`, `otp`, `pop`, `user`. Empty for keys.
  amr: Set<String>,
  // Seconds since that proof. Absent for keys.
  proved_s?: Long,
  // How unlike its beginning the session is: 0 to 100. 0 for keys.
  session_risk: Long,
  // Whether the credential was not cut down to less than this action.
  within_scopes: Bool,
};

// Everything of a tenant: what an operation is about unless it is about one thing.
entity Tenant = {
  tenant: Tenant,
};

// The base roles `admin`, `security`, `auditor`, `viewer` and `operator`, and the tenant's own.
entity Role in [Role];

// Somebody who signed in.
entity Person in [Role] = {
  tenant: Tenant,
  // `usr_…`.
  subject: String,
  department?: String,
  // 0 to 4.
  clearance?: Long,
};

// An API key, or a token that one was exchanged for.
entity Key in [Role] = {
  tenant: Tenant,
  // `key_…`.
  subject: String,
  department?: String,
  // 0 to 4.
  clearance?: Long,
};

";
