//! Roles that are lent: by somebody who has them, or by agreement in an emergency.

use http::StatusCode;
use scorpius_core::id::is_id;
use scorpius_core::{Condition, Event, StoreError, UnixMillis, Write, new_id};
use scorpius_edge::cursor::{self, Pagination};
use scorpius_edge::idempotency::Once;
use scorpius_edge::problem::{CONFLICT, INVALID_REQUEST, NOT_FOUND, TOO_MANY_REQUESTS};
use scorpius_edge::{Problem, Request, Response, Role};
use scorpius_identity::ApiKey;
use scorpius_policy::document::ASSIGNMENTS_MAX;
use scorpius_policy::{Assignment, Document, Source};
use scorpius_token::{User, UserStatus};

use super::change::{commit, next};
use super::documents::{Approved, Delegate, Delegated, ElevationList, ElevationView, RequestElevation};
use super::{APPROVAL_REFUSED, App, DELEGATION_REFUSED, NO_BREAK_GLASS};
use crate::check::is_subject;
use crate::elevation::{Elevation, OPEN_S, State};
use crate::facts::{Cause, ElevationApproved, ElevationGranted, ElevationRequested, RoleDelegated};
use crate::people::person_behind;
use crate::versions::{Current, POINTER, aggregate};

/// For how long a role is lent at most: 30 days.
const MINUTES_MAX: u32 = 43_200;
/// Others change the policies at the same time; the second look finds their change.
const ATTEMPTS_MAX: u32 = 3;
/// The name of the list of requests, for cursors.
const LIST: &str = "elevations";

/// What holds now, and one assignment more; what is over is left out.
fn with(document: &Document, one: Assignment, now: UnixMillis) -> Result<Document, Problem> {
    let mut document = document.clone();
    document.assignments.retain(|assignment| assignment.holds(now));
    let same = |other: &Assignment| {
        other.subject == one.subject && other.role == one.role && other.source == one.source
    };
    document.assignments.retain(|assignment| !same(assignment));
    document.assignments.push(one);
    match document.assignments.len() <= ASSIGNMENTS_MAX {
        true => Ok(document),
        false => {
            Err(DELEGATION_REFUSED.because(format_args!("there are {ASSIGNMENTS_MAX} assignments already")))
        }
    }
}

pub(super) async fn delegate(app: &App, request: &Request) -> Result<Response, Problem> {
    let once = Once::of(request)?;
    if let Some(answer) = once.answered(&*app.store).await? {
        return Ok(answer);
    }
    let asked: Delegate = request.json()?;
    if !(1..=MINUTES_MAX).contains(&asked.minutes) {
        return Err(INVALID_REQUEST
            .because(format_args!("`minutes` is 1 to {MINUTES_MAX}"))
            .at("/minutes", "not so long"));
    }
    if !is_subject(&asked.to) {
        return Err(INVALID_REQUEST.because("not a subject").at("/to", "not `usr_…` or `key_…`"));
    }
    let current = app.current(request).await?;
    may_lend(request, &current, &asked)?;
    exists(app, request, &asked.to).await?;
    let (tenant, principal) = (request.tenant()?, request.principal()?);
    let until = request.received_at.plus_s(u64::from(asked.minutes) * 60);
    let assignment = Assignment {
        subject: asked.to.clone(),
        role: asked.role.clone(),
        until: Some(until),
        source: Source::Delegated { by: principal.subject.clone() },
    };
    let document = with(&current.document, assignment, request.received_at)?;
    let mut next = next(request, current, &document, Cause::Delegation)?;
    let (version, until) = (next.info.version, until.to_string());
    let fact =
        RoleDelegated { version, role: asked.role.clone(), to: asked.to.clone(), until: until.clone() };
    let event = Event::of(&fact, &aggregate(tenant), version, tenant, &request.actor()?, &*app.clock);
    next.writes.push(Write::emit(event));
    let answer = Delegated { role: asked.role, to: asked.to, until, version };
    let response = Response::json(StatusCode::CREATED, &answer);
    let raced = |index| (index == POINTER).then(|| CONFLICT.because("another change came first; ask again"));
    once.commit_or(&*app.store, &*app.clock, next.writes, response, raced).await
}

/// Whoever lends has the role for themselves: by their credential, or assigned. What was lent is not lent on.
fn may_lend(request: &Request, current: &Current, asked: &Delegate) -> Result<(), Problem> {
    let principal = request.principal()?;
    let own = principal.roles.iter().any(|role| role.name() == asked.role);
    let assigned = current.document.assignments.iter().any(|assignment| {
        assignment.subject == principal.subject
            && assignment.role == asked.role
            && assignment.source == Source::Assigned
            && assignment.holds(request.received_at)
    });
    if asked.role == Role::Operator.name() || !(own || assigned) {
        return Err(DELEGATION_REFUSED.because("you do not have that role, or not to lend it"));
    }
    if principal.scopes.is_some() {
        return Err(DELEGATION_REFUSED.because("a credential that is cut down lends no whole role"));
    }
    match asked.to == principal.subject {
        true => Err(DELEGATION_REFUSED.because("you have it yourself")),
        false => Ok(()),
    }
}

async fn exists(app: &App, request: &Request, subject: &str) -> Result<(), Problem> {
    let unknown = || NOT_FOUND.because("no such person or key");
    let tenant = request.tenant()?;
    let counts = match subject.starts_with("usr_") {
        true => {
            let record = app.store.get(&User::at(tenant, subject)).await?.ok_or_else(unknown)?;
            record.document::<User>().map_err(StoreError::from)?.status == UserStatus::Active
        }
        false => {
            let record = app.store.get(&ApiKey::at(tenant, subject)).await?.ok_or_else(unknown)?;
            record.document::<ApiKey>().map_err(StoreError::from)?.revoked_at.is_none()
        }
    };
    if counts { Ok(()) } else { Err(unknown()) }
}

pub(super) async fn list(app: &App, request: &Request) -> Result<Response, Problem> {
    let cursor = cursor::open(LIST, request)?;
    let (elevations, page) = app.elevations().page(request.tenant()?, request.limit()?, cursor).await?;
    let elevations = elevations.into_iter().map(view).collect();
    let list = ElevationList { elevations, pagination: Pagination::after(LIST, &page) };
    Ok(Response::json(StatusCode::OK, &list))
}

fn view(elevation: Elevation) -> ElevationView {
    ElevationView {
        approved_by: elevation.approvals.into_iter().map(|approval| approval.person).collect(),
        id: elevation.id,
        subject: elevation.subject,
        role: elevation.role,
        minutes: elevation.minutes,
        reason: elevation.reason,
        state: elevation.state,
        approvals_needed: elevation.needed,
        asked_at: elevation.asked_at.to_string(),
        open_until: elevation.open_until.to_string(),
        until: elevation.until.map(|until| until.to_string()),
    }
}

pub(super) async fn ask(app: &App, request: &Request) -> Result<Response, Problem> {
    let once = Once::of(request)?;
    if let Some(answer) = once.answered(&*app.store).await? {
        return Ok(answer);
    }
    let asked: RequestElevation = request.json()?;
    let chars = asked.reason.chars().count();
    if !(10..=500).contains(&chars) || asked.reason.chars().any(char::is_control) {
        let problem = INVALID_REQUEST.because("`reason` is 10 to 500 characters on one line");
        return Err(problem.at("/reason", "not 10 to 500 characters on one line"));
    }
    if asked.minutes == 0 {
        return Err(INVALID_REQUEST.because("`minutes` is at least 1").at("/minutes", "not at least 1"));
    }
    let (tenant, principal) = (request.tenant()?, request.principal()?);
    let glass = app.current(request).await?.document.break_glass;
    let glass = glass.ok_or_else(|| NO_BREAK_GLASS.because("the tenant's policies have no `break_glass`"))?;
    if asked.minutes > glass.minutes_max {
        return Err(NO_BREAK_GLASS.because(format_args!("for at most {} minutes", glass.minutes_max)));
    }
    let now = request.received_at;
    let elevation = Elevation {
        id: new_id("elv", &*app.clock),
        subject: principal.subject.clone(),
        person: person_behind(&*app.store, principal).await?,
        role: glass.role,
        minutes: asked.minutes,
        reason: asked.reason,
        needed: glass.approvals,
        approvers: glass.approvers,
        approvals: Vec::new(),
        state: State::Open,
        asked_at: now,
        open_until: now.plus_s(OPEN_S),
        until: None,
        events: 1,
    };
    let fact = ElevationRequested {
        elevation_id: elevation.id.clone(),
        subject: elevation.subject.clone(),
        role: elevation.role.clone(),
        minutes: elevation.minutes,
        approvals_needed: elevation.needed,
        approvers: elevation.approvers.clone(),
    };
    let event = Event::of(&fact, &elevation.id, 1, tenant, &request.actor()?, &*app.clock);
    let writes =
        vec![elevation.put(tenant, Condition::Absent), Elevation::counting(tenant, now), Write::emit(event)];
    let response = Response::json(StatusCode::CREATED, &view(elevation));
    let busy =
        |index| (index == 1).then(|| TOO_MANY_REQUESTS.because("too many requests to break glass in a day"));
    once.commit_or(&*app.store, &*app.clock, writes, response, busy).await
}

pub(super) async fn approve(app: &App, request: &Request) -> Result<Response, Problem> {
    let mut outcome = attempt(app, request).await;
    for _ in 1..ATTEMPTS_MAX {
        match &outcome {
            Err(problem) if problem.kind == &CONFLICT => outcome = attempt(app, request).await,
            Ok(_) | Err(_) => break,
        }
    }
    outcome
}

async fn attempt(app: &App, request: &Request) -> Result<Response, Problem> {
    let (tenant, principal, id) = (request.tenant()?, request.principal()?, request.parameter("id")?);
    let unknown = || NOT_FOUND.because("no such request");
    if !is_id("elv", id) {
        return Err(unknown());
    }
    let (elevation, record) = app.elevations().find(tenant, id).await?.ok_or_else(unknown)?;
    let (before, person) = (elevation.clone(), person_behind(&*app.store, principal).await?);
    let agreed = elevation.agreed(person.as_deref(), &principal.subject, request.received_at);
    let mut agreed = agreed.map_err(|error| APPROVAL_REFUSED.because(error))?;
    if agreed == before {
        // Theirs counted already: nothing changes, and nothing is told twice.
        return Ok(Response::json(StatusCode::OK, &Approved { elevation: view(agreed), version: None }));
    }
    agreed.events += 1;
    let actor = request.actor()?;
    let mut writes = vec![agreed.put(tenant, Condition::VersionIs(record))];
    let (event, version) = match agreed.until {
        None => {
            let fact = ElevationApproved {
                elevation_id: agreed.id.clone(),
                person: person.unwrap_or_default(),
                approvals: agreed.approvals.len(),
                approvals_needed: agreed.needed,
            };
            (Event::of(&fact, &agreed.id, agreed.events, tenant, &actor, &*app.clock), None)
        }
        Some(until) => {
            let assignment = Assignment {
                subject: agreed.subject.clone(),
                role: agreed.role.clone(),
                until: Some(until),
                source: Source::BreakGlass { request: agreed.id.clone() },
            };
            let current = app.current(request).await?;
            let document = with(&current.document, assignment, request.received_at)?;
            let next = next(request, current, &document, Cause::BreakGlass)?;
            let fact = ElevationGranted {
                elevation_id: agreed.id.clone(),
                subject: agreed.subject.clone(),
                role: agreed.role.clone(),
                until: until.to_string(),
                approved_by: agreed.approvals.iter().map(|approval| approval.person.clone()).collect(),
                version: next.info.version,
            };
            writes.extend(next.writes);
            (
                Event::of(&fact, &agreed.id, agreed.events, tenant, &actor, &*app.clock),
                Some(next.info.version),
            )
        }
    };
    writes.push(Write::emit(event));
    commit(app, &writes).await?;
    Ok(Response::json(StatusCode::OK, &Approved { elevation: view(agreed), version }))
}
