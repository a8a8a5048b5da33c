//! The doors to a tenant's own detectors.

use http::StatusCode;
use schemars::JsonSchema;
use scorpius_core::{Event, Write};
use scorpius_edge::cursor::{self, Pagination};
use scorpius_edge::idempotency::Once;
use scorpius_edge::operation::PAGING;
use scorpius_edge::problem::{INTERNAL, INVALID_REQUEST, NOT_FOUND};
use scorpius_edge::{Access, Answer, Operation, Problem, ProblemType, Request, Response, etag};
use serde::{Deserialize, Serialize};

use super::App;
use super::input::bad_bytecode;
use crate::bytecode::Bytecode;
use crate::detectors::{Change, Counts, DetectorRecord};
use crate::engine::query::{BadDetector, DETECTORS_MAX, Detector, DetectorAbout, DetectorSet, PREFIX, is_id};
use crate::engine::{self, Budget, Finding, NotExplored};
use crate::facts::{DetectorPut, DetectorRemoved};

/// The name of the list of detectors, for cursors.
const LIST: &str = "detectors";
const READ: Access = Access::Action("detector:read");
const WRITE: Access = Access::Action("detector:write");

/// The text is no detector.
pub const INVALID_DETECTOR: ProblemType =
    ProblemType { code: "invalid-detector", title: "Invalid detector", status: StatusCode::BAD_REQUEST };
/// The tenant has as many as it may have.
pub const TOO_MANY_DETECTORS: ProblemType =
    ProblemType { code: "too-many-detectors", title: "Too many detectors", status: StatusCode::CONFLICT };

/// A detector to keep.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDetector {
    /// Its text, at most 16 KiB; the id in it is that of the path.
    pub source: String,
    /// Whether scans ask it; they do unless said.
    #[serde(default = "yes")]
    pub active: bool,
}

fn yes() -> bool {
    true
}

/// A page of detectors.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DetectorList {
    /// By id, without their texts.
    pub detectors: Vec<DetectorRecord>,
    /// How the list goes on.
    pub pagination: Pagination,
}

/// A text to try.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Trial {
    /// The detector's text, at most 16 KiB.
    pub source: String,
    /// A contract's runtime bytecode to ask it about: `0x` and hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytecode: Option<String>,
}

/// What is wrong with a text.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct TextFault {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

/// What became of a trial.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Tried {
    /// Whether the text is a detector.
    pub valid: bool,
    /// What it says of itself, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detector: Option<DetectorAbout>,
    /// The first thing that is wrong, if it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<TextFault>,
    /// What it found in the bytecode; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<Vec<Finding>>,
    /// What was not explored there, or not asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_explored: Vec<NotExplored>,
}

/// What is offered.
pub(super) fn operations() -> Vec<Operation> {
    let example = r##"{"source": "detector \"open-selfdestruct\" { title \"Anyone ends it\" severity high cwe 284 message \"Anyone ends the contract; `{end.beneficiary}` gets the balance.\" find end in selfdestructs where end.open report end }"}"##;
    vec![
        Operation::new("GET /v1/detectors", "listDetectors", "Lists the tenant's own detectors.", READ)
            .asks(&PAGING)
            .answers(Answer::json::<DetectorList>(200, "A page of detectors.")),
        Operation::new(
            "GET /v1/detectors/{detector}",
            "getDetector",
            "Shows one of the tenant's detectors.",
            READ,
        )
        .answers(Answer::json::<DetectorRecord>(200, "The detector, with its version as `ETag`.")),
        Operation::new(
            "PUT /v1/detectors/{detector}",
            "putDetector",
            "Puts a detector, or replaces it by `If-Match`: scans that start afterwards ask it.",
            WRITE,
        )
        .takes::<NewDetector>(example)
        .answers(Answer::json::<DetectorRecord>(200, "It is kept."))
        .fails(&INVALID_DETECTOR)
        .fails(&TOO_MANY_DETECTORS),
        Operation::new(
            "DELETE /v1/detectors/{detector}",
            "deleteDetector",
            "Removes a detector; heeds `If-Match`.",
            WRITE,
        )
        .answers(Answer::empty(204, "It is gone.")),
        Operation::new(
            "POST /v1/detectors/check",
            "checkDetector",
            "Checks a detector's text, and asks it about a bytecode if one is given. Changes nothing.",
            WRITE,
        )
        .takes::<Trial>(example)
        .answers(Answer::json::<Tried>(200, "What is wrong with it, or what it finds.")),
    ]
}

fn unknown() -> Problem {
    NOT_FOUND.because("no such detector")
}

fn known_id(request: &Request) -> Result<&str, Problem> {
    let id = request.parameter("detector")?;
    if is_id(id) { Ok(id) } else { Err(unknown()) }
}

fn invalid(bad: &BadDetector) -> Problem {
    INVALID_DETECTOR.because("the text is no detector; see `errors`").at("/source", bad)
}

fn shown(record: &DetectorRecord) -> Response {
    Response::json(StatusCode::OK, record).with_header("etag", &etag::of(record.version))
}

/// One page, without texts.
pub(super) async fn list(app: &App, request: &Request) -> Result<Response, Problem> {
    let from = cursor::open(LIST, request)?;
    let (mut detectors, page) = app.detectors.page(request.tenant()?, request.limit()?, from).await?;
    for detector in &mut detectors {
        detector.source.clear();
    }
    let pagination = Pagination::after(LIST, &page);
    Ok(Response::json(StatusCode::OK, &DetectorList { detectors, pagination }))
}

/// One, with its text.
pub(super) async fn show(app: &App, request: &Request) -> Result<Response, Problem> {
    let found = app.detectors.find(request.tenant()?, known_id(request)?).await?;
    found.map(|(record, _)| shown(&record)).ok_or_else(unknown)
}

/// Keeps one.
pub(super) async fn put(app: &App, request: &Request) -> Result<Response, Problem> {
    let once = Once::of(request)?;
    if let Some(answer) = once.answered(&*app.store).await? {
        return Ok(answer);
    }
    let id = request.parameter("detector")?;
    let asked: NewDetector = request.json()?;
    let detector = Detector::parse(&asked.source).map_err(|bad| invalid(&bad))?;
    if detector.name() != id {
        let text = format!("the text's id is `{}`, and not that of the path", detector.name());
        return Err(INVALID_REQUEST.because(&text).at("/source", &text));
    }
    let tenant = request.tenant()?;
    let known = app.detectors.find(tenant, id).await?;
    // Version 0 is none.
    etag::check(request, known.as_ref().map_or(0, |(known, _)| known.version), known.is_some())?;
    let (counts, counted) = app.detectors.counts(tenant).await?;
    let counts =
        Counts { changes: counts.changes + 1, detectors: counts.detectors + usize::from(known.is_none()) };
    if counts.detectors > DETECTORS_MAX {
        return Err(
            TOO_MANY_DETECTORS.because(format_args!("a tenant has at most {DETECTORS_MAX} detectors"))
        );
    }
    let record = DetectorRecord {
        id: id.to_owned(),
        title: detector.about().title.clone(),
        severity: detector.about().severity,
        active: asked.active,
        version: counts.changes,
        source_sha256: detector.source_sha256().to_owned(),
        created_at: known
            .as_ref()
            .map_or_else(|| request.received_at.to_string(), |(it, _)| it.created_at.clone()),
        changed_at: request.received_at.to_string(),
        changed_by: request.principal()?.subject.clone(),
        source: asked.source,
    };
    let fact = DetectorPut {
        detector_id: record.id.clone(),
        version: record.version,
        source_sha256: record.source_sha256.clone(),
        active: record.active,
    };
    let change = Change { known: known.map(|(_, version)| version), counts, counted };
    let mut writes = Vec::from(change.put(tenant, &record));
    let event = Event::of(&fact, id, record.version, tenant, &request.actor()?, &*app.clock);
    writes.push(Write::emit(event));
    once.commit(&*app.store, &*app.clock, writes, shown(&record)).await
}

/// Removes one.
pub(super) async fn remove(app: &App, request: &Request) -> Result<Response, Problem> {
    let once = Once::of(request)?;
    if let Some(answer) = once.answered(&*app.store).await? {
        return Ok(answer);
    }
    let (tenant, id) = (request.tenant()?, known_id(request)?);
    let (known, version) = app.detectors.find(tenant, id).await?.ok_or_else(unknown)?;
    etag::check(request, known.version, false)?;
    let (counts, counted) = app.detectors.counts(tenant).await?;
    let counts = Counts { changes: counts.changes + 1, detectors: counts.detectors.saturating_sub(1) };
    let change = Change { known: Some(version), counts, counted };
    let fact = DetectorRemoved { detector_id: id.to_owned(), version: counts.changes };
    let mut writes = Vec::from(change.remove(tenant, id));
    writes.push(Write::emit(Event::of(&fact, id, counts.changes, tenant, &request.actor()?, &*app.clock)));
    once.commit(&*app.store, &*app.clock, writes, Response::new(StatusCode::NO_CONTENT)).await
}

/// Tries a text.
pub(super) async fn check(_: &App, request: &Request) -> Result<Response, Problem> {
    let asked: Trial = request.json()?;
    let bytecode = asked.bytecode.as_deref().map(str::parse::<Bytecode>).transpose().map_err(bad_bytecode)?;
    let mut tried =
        Tried { valid: false, detector: None, fault: None, findings: None, not_explored: Vec::new() };
    match Detector::parse(&asked.source) {
        Err(bad) => {
            let message = bad.fault.to_string();
            tried.fault = Some(TextFault { line: bad.line, column: bad.column, message });
        }
        Ok(detector) => {
            tried.valid = true;
            tried.detector = Some(detector.about().clone());
            if let Some(code) = bytecode {
                let set =
                    DetectorSet::of(vec![detector], Vec::new()).map_err(|error| INTERNAL.because(error))?;
                // It computes, for up to a second.
                let scan = move || engine::scan_asking(code.as_bytes(), Budget::Quick, &set);
                let report =
                    tokio::task::spawn_blocking(scan).await.map_err(|error| INTERNAL.because(error))?;
                let theirs = report.findings.into_iter().filter(|it| it.detector.starts_with(PREFIX));
                tried.findings = Some(theirs.collect());
                tried.not_explored = report.not_explored;
            }
        }
    }
    Ok(Response::json(StatusCode::OK, &tried))
}

#[cfg(test)]
mod tests;
