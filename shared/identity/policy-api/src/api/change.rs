//! The policies that count, and changes of them.

use http::StatusCode;
use scorpius_core::{Event, StoreError, Write};
use scorpius_edge::idempotency::Once;
use scorpius_edge::problem::{CONFLICT, NOT_FOUND, TOO_LARGE};
use scorpius_edge::{Problem, Question, Request, Response, Thing, etag};
use scorpius_policy::{Assignment, Document, PolicySet};

use super::documents::{AssignmentView, CurrentPolicies, Draft, Rollback};
use super::{App, POLICY_LOCKS_OUT, invalid};
use crate::facts::Cause;
use crate::versions::{self, Current, DOCUMENT_BYTES_MAX, POINTER, aggregate};

pub(super) async fn show(app: &App, request: &Request) -> Result<Response, Problem> {
    let current = app.current(request).await?;
    let version = current.version();
    Ok(Response::json(StatusCode::OK, &view(version, current.document))
        .with_header("etag", &etag::of(version)))
}

fn view(version: u64, document: Document) -> CurrentPolicies {
    CurrentPolicies {
        version,
        policies: document.policies,
        roles: document.roles,
        assignments: document.assignments.into_iter().map(assignment_view).collect(),
        attributes: document.attributes,
        break_glass: document.break_glass,
    }
}

fn assignment_view(assignment: Assignment) -> AssignmentView {
    let until = assignment.until.map(|until| until.to_string());
    AssignmentView { subject: assignment.subject, role: assignment.role, until, source: assignment.source }
}

pub(super) async fn put(app: &App, request: &Request) -> Result<Response, Problem> {
    let draft: Draft = request.json()?;
    let current = app.current(request).await?;
    etag::check(request, current.version(), true)?;
    let (document, set) =
        app.checker.check(draft, &current.document, request.received_at).map_err(invalid)?;
    replace(app, request, current, document, &set, Cause::Put).await
}

pub(super) async fn roll_back(app: &App, request: &Request) -> Result<Response, Problem> {
    let once = Once::of(request)?;
    if let Some(answer) = once.answered(&*app.store).await? {
        return Ok(answer);
    }
    let Rollback { version } = request.json()?;
    let current = app.current(request).await?;
    let old = match version {
        0 => Document::default(),
        version => {
            let found = app.versions().document(request.tenant()?, version).await?;
            found.ok_or_else(|| NOT_FOUND.because(format_args!("version {version} is not kept")))?
        }
    };
    // Who has what stays: a rollback gives nobody back what was taken from them.
    let document = Document { policies: old.policies, roles: old.roles, ..current.document.clone() };
    let set = app.checker.valid(&document).map_err(invalid)?;
    let (info, document, mut writes) = made(request, current, document, &set, Cause::Rollback)?;
    let response = Response::json(StatusCode::OK, &view(info.version, document));
    writes.push(changed(app, request, &info)?);
    let raced = |index| (index == POINTER).then(|| CONFLICT.because("another change came first"));
    once.commit_or(&*app.store, &*app.clock, writes, response, raced).await
}

async fn replace(
    app: &App,
    request: &Request,
    current: Current,
    document: Document,
    set: &PolicySet,
    cause: Cause,
) -> Result<Response, Problem> {
    let (info, document, mut writes) = made(request, current, document, set, cause)?;
    writes.push(changed(app, request, &info)?);
    commit(app, &writes).await?;
    let version = info.version;
    Ok(Response::json(StatusCode::OK, &view(version, document)).with_header("etag", &etag::of(version)))
}

/// All or nothing; whoever changed the policies meanwhile was first.
pub(super) async fn commit(app: &App, writes: &[Write]) -> Result<(), Problem> {
    let id = scorpius_core::CommitId::new(&*app.clock);
    match scorpius_edge::idempotency::commit_with_retry(&*app.store, id, writes).await {
        Ok(_) => Ok(()),
        Err(StoreError::Conflict { .. }) => Err(CONFLICT.because("another change came first; read it again")),
        Err(error) => Err(error.into()),
    }
}

type Made = (versions::VersionInfo, Document, Vec<Write>);

/// The writes of the next version, unless its author could not make another one after it.
fn made(
    request: &Request,
    current: Current,
    document: Document,
    set: &PolicySet,
    cause: Cause,
) -> Result<Made, Problem> {
    let principal = request.principal()?;
    let thing = Thing::whole(&principal.tenant);
    let (action, now, network) = ("policy:write", request.received_at, request.network.as_str());
    let again = set.decide(&Question { principal, action, thing, now, network });
    if !again.allowed {
        return Err(POLICY_LOCKS_OUT.because(format_args!(
            "you could not change them again: `{action}` would be refused by `{}`",
            again.policies.join("`, `")
        )));
    }
    let next = next(request, current, &document, cause)?;
    Ok((next.info, document, next.writes))
}

/// The next version, if it fits.
pub(super) fn next(
    request: &Request,
    current: Current,
    document: &Document,
    cause: Cause,
) -> Result<versions::Next, Problem> {
    let (at, by) = (request.received_at.to_string(), &request.principal()?.subject);
    versions::next(current, document, cause, &at, by).ok_or_else(|| {
        TOO_LARGE.because(format_args!("all together is over {DOCUMENT_BYTES_MAX} bytes of JSON"))
    })
}

fn changed(app: &App, request: &Request, info: &versions::VersionInfo) -> Result<Write, Problem> {
    let tenant = request.tenant()?;
    let (about, actor) = (aggregate(tenant), request.actor()?);
    Ok(Write::emit(Event::of(&info.fact(), &about, info.version, tenant, &actor, &*app.clock)))
}
