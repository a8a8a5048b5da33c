//! The doors to findings: what changed between two scans, and what people decided.

use http::StatusCode;
use schemars::JsonSchema;
use scorpius_core::{Event, UnixMillis, Write};
use scorpius_edge::cursor::{self, Pagination};
use scorpius_edge::idempotency::Once;
use scorpius_edge::operation::{PAGING, Parameter};
use scorpius_edge::problem::{INVALID_REQUEST, NOT_FOUND};
use scorpius_edge::{Access, Answer, Kind, Operation, Problem, Request, Response};
use serde::{Deserialize, Serialize};

use super::shown::{Shown, report_with_lines};
use super::{App, SCAN_FAILED, SCAN_NOT_FINISHED, find_as, problem};
use crate::engine::Severity;
use crate::facts::FindingTriaged;
use crate::source::Place;
use crate::triage::{self, Decision, State};

/// The name of the list of decisions, for cursors.
const LIST: &str = "triage";
/// Characters of a reason.
const REASON_CHARS_MAX: usize = 500;
/// Findings of each kind that a comparison shows.
const SHOWN_MAX: usize = 500;

/// What is decided about a finding.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDecision {
    /// What it is.
    pub state: State,
    /// Why: 1 to 500 characters.
    pub reason: String,
    /// Until when that holds, RFC 3339 and in the future; for ever unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// A page of decisions.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DecisionList {
    /// By fingerprint.
    pub decisions: Vec<Decision>,
    /// How the list goes on.
    pub pagination: Pagination,
}

/// One finding, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(super) struct FindingSummary {
    /// Which one.
    pub fingerprint: String,
    /// Which rule.
    pub detector: String,
    /// How bad.
    pub severity: Severity,
    /// `path:line` in Solidity, the program counter in bytecode.
    pub place: String,
    /// `path:line` of bytecode whose scan has lines: what it is made of or, where nobody wrote that, where it is called from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// What was decided about it, if that still holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
}

/// What changed from one scan to another. At most 500 findings of each kind; the counts are of all.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Comparison {
    /// The later scan.
    pub scan_id: String,
    /// The one that it is compared with.
    pub against: String,
    /// Whether either is incomplete: what looks fixed may then not have been explored.
    pub incomplete: bool,
    /// In the later scan only.
    pub new: Vec<FindingSummary>,
    /// In the earlier scan only.
    pub fixed: Vec<FindingSummary>,
    /// In both.
    pub unchanged: Vec<FindingSummary>,
    /// How many are new.
    pub new_count: usize,
    /// How many are fixed.
    pub fixed_count: usize,
    /// How many are in both.
    pub unchanged_count: usize,
}

/// What is offered.
pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            "GET /v1/scans/{id}/diff",
            "compareScans",
            "Compares a completed scan with an earlier one, finding by finding.",
            Access::Action("scan:read"),
        )
        .about(Kind::Scan)
        .asks(&[Parameter { name: "against", meaning: "The earlier scan's id.", required: true }])
        .answers(Answer::json::<Comparison>(200, "What is new, fixed and unchanged."))
        .fails(&SCAN_NOT_FINISHED)
        .fails(&SCAN_FAILED),
        Operation::new(
            "GET /v1/findings",
            "listDecisions",
            "Lists what was decided about findings.",
            Access::Action("scan:read"),
        )
        .asks(&PAGING)
        .answers(Answer::json::<DecisionList>(200, "A page of decisions.")),
        Operation::new(
            "PUT /v1/findings/{fingerprint}",
            "decideFinding",
            "Decides what a finding is: for every scan that shows it, until the decision expires.",
            Access::Action("scan:write"),
        )
        .takes::<NewDecision>(
            r#"{"state": "accepted_risk", "reason": "the pool is closed in May", "expires_at": "2027-05-31T00:00:00Z"}"#,
        )
        .answers(Answer::json::<Decision>(200, "The decision.")),
    ]
}

/// Decides about one finding.
pub(super) async fn decide(app: &App, request: &Request) -> Result<Response, Problem> {
    let once = Once::of(request)?;
    if let Some(answer) = once.answered(&*app.store).await? {
        return Ok(answer);
    }
    let fingerprint = request.parameter("fingerprint")?;
    if !triage::is_fingerprint(fingerprint) {
        let text = "a fingerprint is 32 hex digits, as reports show them";
        return Err(NOT_FOUND.because(text));
    }
    let asked: NewDecision = request.json()?;
    let tenant = request.tenant()?;
    let known = app.triage.find(tenant, fingerprint).await?;
    let decision = Decision {
        fingerprint: fingerprint.to_owned(),
        state: asked.state,
        reason: reason(asked.reason)?,
        decided_by: request.principal()?.subject.clone(),
        decided_at: request.received_at.to_string(),
        expires_at: asked.expires_at.map(|text| expiry(&text, request.received_at)).transpose()?,
        revision: known.as_ref().map_or(1, |(known, _)| known.revision + 1),
    };
    let fact = FindingTriaged {
        fingerprint: decision.fingerprint.clone(),
        state: decision.state,
        expires_at: decision.expires_at.clone(),
    };
    let event = Event::of(&fact, fingerprint, decision.revision, tenant, &request.actor()?, &*app.clock);
    let version = known.map(|(_, version)| version);
    let writes = vec![triage::put(tenant, &decision, version), Write::emit(event)];
    let response = Response::json(StatusCode::OK, &decision);
    once.commit(&*app.store, &*app.clock, writes, response).await
}

fn reason(text: String) -> Result<String, Problem> {
    let fine = !text.trim().is_empty()
        && text.chars().count() <= REASON_CHARS_MAX
        && !text.chars().any(|it| it.is_control() && it != '\n');
    match fine {
        true => Ok(text),
        false => Err(INVALID_REQUEST
            .because(format_args!("`reason` is 1 to {REASON_CHARS_MAX} characters"))
            .at("/reason", "not a reason")),
    }
}

fn expiry(text: &str, now: UnixMillis) -> Result<String, Problem> {
    match text.parse::<UnixMillis>() {
        Ok(until) if until > now => Ok(until.to_string()),
        Ok(_) => Err(INVALID_REQUEST.because("`expires_at` is past").at("/expires_at", "past")),
        Err(_) => Err(INVALID_REQUEST
            .because("`expires_at` is a time as in RFC 3339, such as `2027-01-31T00:00:00Z`")
            .at("/expires_at", "not a time")),
    }
}

/// One page of decisions; those that are over are shown too, with when they ended.
pub(super) async fn list(app: &App, request: &Request) -> Result<Response, Problem> {
    let from = cursor::open(LIST, request)?;
    let (decisions, page) = app.triage.page(request.tenant()?, request.limit()?, from).await?;
    let pagination = Pagination::after(LIST, &page);
    Ok(Response::json(StatusCode::OK, &DecisionList { decisions, pagination }))
}

/// What changed.
pub(super) async fn compare(app: &App, request: &Request) -> Result<Response, Problem> {
    let later = find_as(app, request, request.parameter("id")?).await?;
    let against = request.query.get("against").map(String::as_str).unwrap_or_default();
    if against.is_empty() {
        return Err(INVALID_REQUEST.because("`against` is missing").at("/against", "missing"));
    }
    let earlier = find_as(app, request, against).await?;
    if later.input != earlier.input {
        return Err(INVALID_REQUEST.because("one scan is of bytecode and the other of Solidity"));
    }
    let mut ours = summaries(&report_with_lines(app, &later).await.map_err(problem)?);
    let mut theirs = summaries(&report_with_lines(app, &earlier).await.map_err(problem)?);
    let fingerprints = ours.iter().chain(&theirs).map(|it| it.fingerprint.as_str());
    let decided = app.triage.of(request.tenant()?, fingerprints, request.received_at).await?;
    for finding in ours.iter_mut().chain(&mut theirs) {
        finding.state = decided.get(&finding.fingerprint).map(|it| it.state);
    }
    let has =
        |all: &[FindingSummary], one: &FindingSummary| all.iter().any(|it| it.fingerprint == one.fingerprint);
    let (unchanged, new): (Vec<_>, Vec<_>) = ours.iter().cloned().partition(|it| has(&theirs, it));
    let fixed: Vec<_> = theirs.iter().filter(|it| !has(&ours, it)).cloned().collect();
    let incomplete = [&later, &earlier].iter().any(|it| it.result.as_ref().is_some_and(|it| it.incomplete));
    let counts = (new.len(), fixed.len(), unchanged.len());
    let cut = |mut all: Vec<FindingSummary>| {
        all.truncate(SHOWN_MAX);
        all
    };
    Ok(Response::json(
        StatusCode::OK,
        &Comparison {
            scan_id: later.id,
            against: earlier.id,
            incomplete,
            new: cut(new),
            fixed: cut(fixed),
            unchanged: cut(unchanged),
            new_count: counts.0,
            fixed_count: counts.1,
            unchanged_count: counts.2,
        },
    ))
}

fn line(place: &Place) -> String {
    format!("{}:{}", place.path, place.line)
}

/// A report's findings, in short.
fn summaries(shown: &Shown) -> Vec<FindingSummary> {
    match shown {
        Shown::Bytecode(report) => report
            .findings
            .iter()
            .map(|it| FindingSummary {
                fingerprint: it.fingerprint.clone(),
                detector: it.detector.clone(),
                severity: it.severity,
                place: it.pc.to_string(),
                line: it.written_at().map(line),
                state: None,
            })
            .collect(),
        Shown::Solidity(report) => report
            .findings
            .iter()
            .map(|it| FindingSummary {
                fingerprint: it.fingerprint.clone(),
                detector: it.detector.clone(),
                severity: it.severity,
                place: line(&it.place),
                line: None,
                state: None,
            })
            .collect(),
    }
}
