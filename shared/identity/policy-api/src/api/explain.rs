//! The same decision as a door's, for somebody else, at another time, or by a draft.

use http::StatusCode;
use scorpius_core::{ListQuery, Record, StoreError, UnixMillis};
use scorpius_edge::problem::{INVALID_REQUEST, NOT_FOUND};
use scorpius_edge::{
    Assurance, Decision, Factor, Kind, Principal, Problem, Question, Request, Response, Role, SignIn,
    Standing, Strength, Thing,
};
use scorpius_identity::ApiKey;
use scorpius_policy::{Assignment, Document, PolicySet, Source};
use scorpius_token::{User, UserStatus};

use super::documents::{
    Checked, Compared, Draft, Explain, Explained, Fault, MomentText, RoleAnswer, SubjectAnswer, ThingKind,
    ThingText, Who, WhoMay,
};
use super::{App, invalid};
use crate::check::is_subject;

/// People, and keys, that one answer tells of.
const SUBJECTS_MAX: usize = 200;
/// Whoever is asked about by a role alone.
const SOMEBODY: &str = "usr_00000000000000000000000000000000";

/// What questions are put to.
struct Trial {
    document: Document,
    set: PolicySet,
    now: UnixMillis,
    network: String,
    moment: MomentText,
}

impl Trial {
    /// By the policies that count, or by `draft` on top of what is lent now.
    async fn of(
        app: &App,
        request: &Request,
        moment: Option<MomentText>,
        draft: Option<Draft>,
    ) -> Result<Self, Problem> {
        let current = app.current(request).await?.document;
        let (document, set) = match draft {
            Some(draft) => app.checker.check(draft, &current, request.received_at).map_err(invalid)?,
            None => {
                let set = app.checker.valid(&current).map_err(invalid)?;
                (current, set)
            }
        };
        let moment = moment.unwrap_or_default();
        let now = match moment.at.as_deref().map(str::parse::<UnixMillis>) {
            None => request.received_at,
            Some(Ok(at)) => at,
            Some(Err(error)) => return Err(INVALID_REQUEST.because(&error).at("/moment/at", &error)),
        };
        let network = moment.network.clone().unwrap_or_else(|| request.network.clone());
        if network.parse::<std::net::IpAddr>().is_err() && moment.network.is_some() {
            return Err(INVALID_REQUEST.because("not an address").at("/moment/network", "not an address"));
        }
        if moment.acr.is_some_and(|acr| !(1..=2).contains(&acr)) {
            return Err(INVALID_REQUEST.because("`acr` is 1 or 2").at("/moment/acr", "not 1 or 2"));
        }
        Ok(Self { document, set, now, network, moment })
    }

    fn decide(&self, principal: &Principal, action: &str, thing: Thing<'_>) -> Decision {
        let (now, network) = (self.now, self.network.as_str());
        self.set.decide(&Question { principal, action, thing, now, network })
    }

    /// Somebody who has `role` and nothing else: a person, since only people have all that policies ask for.
    fn of_role(&self, request: &Request, role: &str) -> Result<(Principal, Option<PolicySet>), Problem> {
        let base = Role::ALL.into_iter().find(|base| base.name() == role);
        let principal = self.person(request, SOMEBODY, base.into_iter().collect())?;
        if base.is_some() {
            return Ok((principal, None));
        }
        let mut document = self.document.clone();
        let (subject, role, until) = (SOMEBODY.to_owned(), role.to_owned(), None);
        document.assignments.push(Assignment { subject, role, until, source: Source::Assigned });
        // It was parsed once already, and one assignment more does not change that.
        let set = PolicySet::of(&document).map_err(|error| INVALID_REQUEST.because(error))?;
        Ok((principal, Some(set)))
    }

    fn role_decides(
        &self,
        request: &Request,
        role: &str,
        action: &str,
        thing: Thing<'_>,
    ) -> Result<Decision, Problem> {
        let (principal, set) = self.of_role(request, role)?;
        let (now, network) = (self.now, self.network.as_str());
        let question = Question { principal: &principal, action, thing, now, network };
        Ok(set.as_ref().unwrap_or(&self.set).decide(&question))
    }

    fn person(&self, request: &Request, subject: &str, roles: Vec<Role>) -> Result<Principal, Problem> {
        let (acr, amr) = match self.moment.acr {
            Some(2) => (Assurance::Aal2, vec![Factor::Pwd, Factor::Otp]),
            _ => (Assurance::Aal1, vec![Factor::Pwd]),
        };
        let session = "ses_00000000000000000000000000000000".to_owned();
        Ok(Principal {
            tenant: request.tenant()?.clone(),
            subject: subject.to_owned(),
            roles,
            scopes: None,
            strength: Strength::Token,
            sign_in: Some(SignIn { session, acr, amr, at: self.now }),
            network_tag: None,
            allowance: scorpius_edge::Allowance::default(),
            standing: Standing {
                policy_version: 0,
                session_risk: self.moment.session_risk.unwrap_or_default().min(100),
            },
        })
    }

    fn of_user(&self, request: &Request, user: &User) -> Result<Principal, Problem> {
        self.person(request, &user.id, user.roles.clone())
    }

    fn of_key(&self, key: &ApiKey) -> Principal {
        Principal {
            tenant: key.tenant.clone(),
            subject: key.id.clone(),
            roles: key.roles.clone(),
            scopes: key.permissions.clone(),
            strength: Strength::ApiKey,
            sign_in: None,
            network_tag: None,
            allowance: scorpius_edge::Allowance::default(),
            standing: Standing::default(),
        }
    }
}

fn thing<'a>(request: &'a Request, asked: Option<&'a ThingText>) -> Result<Thing<'a>, Problem> {
    let tenant = request.tenant()?;
    let Some(asked) = asked else { return Ok(Thing::whole(tenant)) };
    let kind = match asked.kind {
        ThingKind::Scan => Kind::Scan,
        ThingKind::Verdict => Kind::Verdict,
        ThingKind::Webhook => Kind::Webhook,
        ThingKind::ApiKey => Kind::ApiKey,
        ThingKind::Wallet => Kind::Wallet,
    };
    let id = asked.id.as_deref().unwrap_or("any");
    if id.is_empty() || id.chars().count() > 100 {
        return Err(INVALID_REQUEST.because("`id` is 1 to 100 characters").at("/thing/id", "not an id"));
    }
    if asked.owner.as_deref().is_some_and(|owner| !is_subject(owner)) {
        return Err(INVALID_REQUEST.because("not a subject").at("/thing/owner", "not `usr_…` or `key_…`"));
    }
    let thing = Thing::new(kind, id, tenant).sensitive(asked.sensitivity);
    Ok(Thing { owner: asked.owner.as_deref(), ..thing })
}

fn known_action(app: &App, action: &str) -> Result<(), Problem> {
    match app.checker.actions.contains(action) {
        true => Ok(()),
        false => {
            let shown: String = action.chars().take(60).collect();
            Err(INVALID_REQUEST
                .because(format_args!("no such action: `{shown}`"))
                .at("/action", "no such action"))
        }
    }
}

pub(super) async fn check(app: &App, request: &Request) -> Result<Response, Problem> {
    let draft: Draft = request.json()?;
    let before = Trial::of(app, request, None, None).await?;
    let answer = match app.checker.check(draft, &before.document, request.received_at) {
        Err(faults) => {
            let fault = |fault: scorpius_edge::problem::FieldError| Fault {
                pointer: fault.pointer,
                detail: fault.detail,
            };
            Checked { valid: false, errors: faults.0.into_iter().map(fault).collect(), changes: Vec::new() }
        }
        Ok((document, set)) => {
            let (now, network, moment) = (before.now, before.network.clone(), MomentText::default());
            let after = Trial { document, set, now, network, moment };
            Checked { valid: true, errors: Vec::new(), changes: compared(app, request, &before, &after)? }
        }
    };
    Ok(Response::json(StatusCode::OK, &answer))
}

/// What each role may before and after, where that differs.
fn compared(app: &App, request: &Request, before: &Trial, after: &Trial) -> Result<Vec<Compared>, Problem> {
    let mut roles: Vec<String> = before.set.roles().chain(after.set.roles()).map(str::to_owned).collect();
    roles.sort();
    roles.dedup();
    let whole = Thing::whole(request.tenant()?);
    let mut changes = Vec::new();
    for role in roles {
        let ((earlier, old), (later, new)) =
            (before.of_role(request, &role)?, after.of_role(request, &role)?);
        let ask = |set: &PolicySet, principal: &Principal, action: &str| {
            let (now, network) = (before.now, before.network.as_str());
            set.decide(&Question { principal, action, thing: whole, now, network }).allowed
        };
        for action in &app.checker.actions {
            let was = ask(old.as_ref().unwrap_or(&before.set), &earlier, action);
            let is = ask(new.as_ref().unwrap_or(&after.set), &later, action);
            if was != is {
                let (role, action) = (role.clone(), action.clone());
                changes.push(Compared { role, action, before: was, after: is });
            }
        }
    }
    Ok(changes)
}

pub(super) async fn explain(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: Explain = request.json()?;
    known_action(app, &asked.action)?;
    let trial = Trial::of(app, request, asked.moment.clone(), asked.draft.clone()).await?;
    let thing = thing(request, asked.thing.as_ref())?;
    let decision = match (&asked.subject, &asked.role) {
        (Some(subject), None) => {
            let principal = subject_of(app, request, &trial, subject).await?;
            trial.decide(&principal, &asked.action, thing)
        }
        (None, Some(role)) => {
            known_role(&trial, role)?;
            trial.role_decides(request, role, &asked.action, thing)?
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(INVALID_REQUEST
                .because("say either `subject` or `role`")
                .at("/subject", "or `/role`"));
        }
    };
    let mut roles_that_may = Vec::new();
    for role in trial.set.roles() {
        if trial.role_decides(request, role, &asked.action, thing)?.allowed {
            roles_that_may.push(role.to_owned());
        }
    }
    let why = in_words(&asked.action, &decision);
    let Decision { allowed, policies } = decision;
    Ok(Response::json(StatusCode::OK, &Explained { allowed, policies, why, roles_that_may }))
}

fn in_words(action: &str, decision: &Decision) -> String {
    let by = decision.policies.join("`, `");
    match (decision.allowed, decision.policies.is_empty()) {
        (true, _) => format!("`{action}` is permitted by `{by}`"),
        (false, true) => format!("no policy permits `{action}`"),
        (false, false) => format!("`{action}` is forbidden by `{by}`"),
    }
}

fn known_role(trial: &Trial, role: &str) -> Result<(), Problem> {
    match trial.set.roles().any(|known| known == role) {
        true => Ok(()),
        false => Err(INVALID_REQUEST.because("no such role").at("/role", "no such role")),
    }
}

async fn subject_of(
    app: &App,
    request: &Request,
    trial: &Trial,
    subject: &str,
) -> Result<Principal, Problem> {
    let unknown = || NOT_FOUND.because("no such subject");
    let tenant = request.tenant()?;
    if !is_subject(subject) {
        return Err(INVALID_REQUEST.because("not a subject").at("/subject", "not `usr_…` or `key_…`"));
    }
    if subject.starts_with("usr_") {
        let record = app.store.get(&User::at(tenant, subject)).await?.ok_or_else(unknown)?;
        let user: User = record.document().map_err(StoreError::from)?;
        return trial.of_user(request, &user);
    }
    let record = app.store.get(&ApiKey::at(tenant, subject)).await?.ok_or_else(unknown)?;
    let key: ApiKey = record.document().map_err(StoreError::from)?;
    Ok(trial.of_key(&key))
}

pub(super) async fn who(app: &App, request: &Request) -> Result<Response, Problem> {
    let asked: Who = request.json()?;
    known_action(app, &asked.action)?;
    let trial = Trial::of(app, request, asked.moment.clone(), asked.draft.clone()).await?;
    let thing = thing(request, asked.thing.as_ref())?;
    let mut roles = Vec::new();
    for role in trial.set.roles() {
        let Decision { allowed, policies } = trial.role_decides(request, role, &asked.action, thing)?;
        roles.push(RoleAnswer { role: role.to_owned(), allowed, policies });
    }
    let tenant = request.tenant()?;
    let (users, all_users) = first(app, &User::at(tenant, "usr").partition).await?;
    let (keys, all_keys) = first(app, &ApiKey::at(tenant, "key").partition).await?;
    let mut principals = Vec::new();
    for record in &users {
        let user: User = record.document().map_err(StoreError::from)?;
        if user.status == UserStatus::Active {
            principals.push(trial.of_user(request, &user)?);
        }
    }
    for record in &keys {
        let key: ApiKey = record.document().map_err(StoreError::from)?;
        if key.revoked_at.is_none() && key.expires_at.is_none_or(|end| end > trial.now) {
            principals.push(trial.of_key(&key));
        }
    }
    let subjects = principals.into_iter().map(|principal| {
        let Decision { allowed, policies } = trial.decide(&principal, &asked.action, thing);
        SubjectAnswer { subject: principal.subject, allowed, policies }
    });
    let answer = WhoMay { roles, subjects: subjects.collect(), complete: all_users && all_keys };
    Ok(Response::json(StatusCode::OK, &answer))
}

/// The first records of a partition, and whether those are all.
async fn first(app: &App, partition: &str) -> Result<(Vec<Record>, bool), Problem> {
    let query = ListQuery { limit: SUBJECTS_MAX, ..ListQuery::all(partition) };
    let page = app.store.list(&query).await?;
    Ok((page.records, page.cursor.is_none()))
}
