//! The tenant's entries, found by time and by what they say: as pages, or as lines for a log system.

use http::StatusCode;
use schemars::JsonSchema;
use scorpius_core::{PortError, UnixMillis};
use scorpius_edge::cursor::{self, Pagination};
use scorpius_edge::problem::INVALID_REQUEST;
use scorpius_edge::{Problem, Request, Response};
use serde::{Deserialize, Serialize};

use super::App;
use crate::entry::{Entry, Payload, is_personal};
use crate::log::LogKind;
use crate::proofs::States;
use crate::search::{Found, Hit, RANGE_MS_MAX, Search, is_place};

/// Characters of a filter.
const FILTER_CHARS_MAX: usize = 200;
/// One JSON document a line.
const LINES: &str = "application/x-ndjson";

/// One entry of the ledger.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct AuditEvent {
    /// Which log it is in.
    pub log: LogKind,
    /// Its place in that log, from 0.
    pub index: u64,
    /// Whether the latest checkpoint covers it: then it can be proved.
    pub included: bool,
    /// What the ledger says of the event.
    pub entry: Entry,
    /// What the entry commits to; absent when it is erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Payload>,
}

/// A page of entries.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AuditEvents {
    /// In order of time, as asked for; fewer than `limit` when little is found, even none while there is a cursor.
    pub events: Vec<AuditEvent>,
    /// Records that were read for this page.
    pub read: usize,
    /// Entries of the shared log below this index are kept no longer, and not found; 0 when all are kept.
    pub minimum_index: u64,
    /// The same of the tenant's own log; absent when none of its entries was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_minimum_index: Option<u64>,
    /// How the search goes on.
    pub pagination: Pagination,
}

pub(super) async fn list(app: &App, request: &Request) -> Result<Response, Problem> {
    let mut search = asked(request)?;
    let list = format!("audit-events {search:?}");
    let last = cursor::open(&list, request)?;
    if last.as_deref().is_some_and(|last| !is_place(last)) {
        return Err(bad("cursor", "is not from this list"));
    }
    let (tenant, limit) = (request.tenant()?, request.limit()?);
    if let Some(person) = search.subject.take() {
        let key = app.payloads.tenant_keys.get(tenant).await?;
        // Who has no key has no entry: any name finds as little.
        search.subject = Some(key.map_or(person.clone(), |key| key.subject_ref(tenant, &person)));
    }
    let mut states = States::new(&app.proofs.store, tenant);
    let found = search.page(&mut states, Some(&app.payloads), limit, last.as_deref()).await?;
    let next = found.last.as_deref().map(|last| cursor::seal(&list, last));
    let Found { hits, read, .. } = found;
    let mut events = Vec::with_capacity(hits.len());
    for hit in hits {
        let included = states.of(hit.kind).await?.covers(hit.index);
        events.push(event(hit, included));
    }
    let accept = request.headers.get("accept").map(String::as_str).unwrap_or_default();
    if accept.split(',').any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == LINES)) {
        return lines(&events, request, next.as_deref()).map_err(Problem::from);
    }
    let minimum_index = states.of(LogKind::Shared).await?.minimum.index;
    let own_minimum_index = states.known(LogKind::Own).map(|state| state.minimum.index);
    let pagination = Pagination { next_cursor: next };
    Ok(Response::json(
        StatusCode::OK,
        &AuditEvents { events, read, minimum_index, own_minimum_index, pagination },
    ))
}

/// RFC 8288: the page after this one is the link `next`, relative to this request's own address.
fn lines(events: &[AuditEvent], request: &Request, next: Option<&str>) -> Result<Response, PortError> {
    let mut body = Vec::new();
    for event in events {
        serde_json::to_writer(&mut body, event).map_err(|error| PortError::new("store", error))?;
        body.push(b'\n');
    }
    let response = Response::new(StatusCode::OK)
        .with_header("content-type", LINES)
        .with_header("cache-control", "no-store")
        .with_body(body);
    let Some(next) = next else { return Ok(response) };
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(request.query.iter().filter(|(name, _)| *name != "cursor"));
    let query = query.append_pair("cursor", next).finish();
    Ok(response.with_header("link", &format!("<?{query}>; rel=\"next\"")))
}

fn event(hit: Hit, included: bool) -> AuditEvent {
    let Hit { entry, index, kind, payload } = hit;
    AuditEvent { log: kind, index, included, entry, payload }
}

fn asked(request: &Request) -> Result<Search, Problem> {
    let (from, until) = range(moment(request, "from")?, moment(request, "to")?)?;
    let ascending = match request.query.get("order").map(String::as_str) {
        None | Some("desc") => false,
        Some("asc") => true,
        Some(_) => return Err(bad("order", "is `asc` or `desc`")),
    };
    let kind = filter(request, "type")?;
    if kind.as_deref().is_some_and(|kind| kind.find('*').is_some_and(|at| at + 1 != kind.len())) {
        return Err(bad("type", "has a `*` that is not at its end"));
    }
    let subject = filter(request, "subject")?;
    if subject.as_deref().is_some_and(|subject| !is_personal(subject)) {
        return Err(bad("subject", "is no id of a person: `usr_…` or `key_…`"));
    }
    Ok(Search {
        from,
        until,
        kind,
        actor: filter(request, "actor")?,
        resource: filter(request, "resource")?,
        subject,
        ascending,
    })
}

/// A stretch of time that may be searched.
pub(super) fn range(from: UnixMillis, until: UnixMillis) -> Result<(UnixMillis, UnixMillis), Problem> {
    match until.0.checked_sub(from.0) {
        Some(1..=RANGE_MS_MAX) => Ok((from, until)),
        Some(0) | None => Err(bad("to", "is not after `from`")),
        Some(_) => Err(bad("to", "is more than 366 days after `from`")),
    }
}

fn moment(request: &Request, name: &str) -> Result<UnixMillis, Problem> {
    let text = request.query.get(name).ok_or_else(|| bad(name, "is needed"))?;
    text.parse().map_err(|_| bad(name, "is no RFC 3339 time in UTC, such as `2026-11-21T00:00:00Z`"))
}

fn filter(request: &Request, name: &str) -> Result<Option<String>, Problem> {
    let Some(text) = request.query.get(name) else { return Ok(None) };
    let fine = !text.is_empty()
        && text.chars().count() <= FILTER_CHARS_MAX
        && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    match fine {
        true => Ok(Some(text.clone())),
        false => Err(bad(name, "is 1 to 200 characters, none of them a blank")),
    }
}

pub(super) fn bad(name: &str, why: &str) -> Problem {
    INVALID_REQUEST.because(format_args!("`{name}` {why}")).at(format!("/{name}"), why)
}
