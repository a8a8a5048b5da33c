//! The doors of function `scan`.

pub mod detectors;
pub mod findings;
mod input;
mod problems;
pub mod schedules;
mod shown;

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use schemars::JsonSchema;
use scorpius_core::id::is_id;
use scorpius_core::{Blobs, Chain, Clock, Event, Store, Write, new_id};
use scorpius_edge::cursor::{self, Pagination};
use scorpius_edge::idempotency::Once;
use scorpius_edge::operation::{PAGING, Parameter};
use scorpius_edge::problem::{INVALID_REQUEST, NOT_FOUND, TOO_MANY_REQUESTS};
use scorpius_edge::{Access, Answer, Kind, Operation, Problem, Request, Response, Thing};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::compiled::Compiled;
use crate::deployed::Deployed;
use crate::detectors::Detectors;
use crate::engine::{Budget, Report};
use crate::facts::ScanCancelled;
use crate::priority::{self, Priority};
use crate::progress::Progress;
use crate::sarif;
use crate::scans::{self, Input, ScanRecord, Scans, Status};
use crate::schedules::Schedules;
use crate::source::SourceReport;
use crate::triage::{Decision, Triage};
use input::{Given, given};
pub use problems::{
    CHAIN_UNREACHABLE, NO_CONTRACT, NO_ENDPOINT, OTHER_CODE, SCAN_FAILED, SCAN_FINISHED, SCAN_NOT_FINISHED,
    TOO_MANY_SCHEDULES,
};
use problems::{ShowError, problem};
use shown::{Shown, lines_of, report_of, shown_with_lines};

/// Characters of a label.
const LABEL_CHARS_MAX: usize = 100;
/// The name of the list of scans, for cursors.
const LIST: &str = "scans";

/// Which scans a list shows.
const FILTERS: [Parameter; 2] = [
    Parameter {
        name: "status",
        meaning: "Only `queued`, `completed`, `failed` or `cancelled` ones; a page may then hold fewer than `limit`.",
        required: false,
    },
    Parameter { name: "input", meaning: "Only those of `bytecode` or `solidity`.", required: false },
];

/// What the doors need.
pub struct App {
    /// Remembers answers, and has the outbox.
    pub store: Arc<dyn Store>,
    /// What was asked for, and what became of it.
    pub scans: Scans,
    /// What people decided about findings.
    triage: Triage,
    /// What is scanned again and again.
    schedules: Schedules,
    /// The tenants' own detectors.
    detectors: Detectors,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
    /// Where contracts are read by address, if anywhere.
    chain: Option<Arc<dyn Chain>>,
}

impl App {
    /// Over the ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, blobs: Arc<dyn Blobs>, clock: Arc<dyn Clock>) -> Self {
        let scans = Scans::new(Arc::clone(&store), blobs);
        let triage = Triage::new(Arc::clone(&store));
        let schedules = Schedules::new(Arc::clone(&store));
        let detectors = Detectors::new(Arc::clone(&store));
        Self { store, scans, triage, schedules, detectors, clock, chain: None }
    }

    /// Reads contracts by address from `chain`.
    #[must_use]
    pub fn reading(self, chain: Option<Arc<dyn Chain>>) -> Self {
        Self { chain, ..self }
    }
}

/// What to scan: `bytecode`, `deployed`, `files`, `standard_json` or `archive`, and no two of them.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewScan {
    /// A contract's runtime bytecode: `0x` and hex digits, at most 128 KiB of code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytecode: Option<String>,
    /// A contract by its address: the code that runs there, behind proxies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed: Option<Deployed>,
    /// With `bytecode` or `deployed`: what the compiler said of this code, so that findings have lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compiled: Option<Compiled>,
    /// Solidity files by path: relative, with `/`, at most 1 MiB each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<BTreeMap<String, String>>,
    /// With `files`: `prefix=target`, as the compiler takes them; at most 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remappings: Option<Vec<String>>,
    /// The compiler's standard JSON input, with `content` in each of its `sources`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_json: Option<serde_json::Value>,
    /// A zip archive with Solidity files, in Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<String>,
    /// What to call the scan: at most 100 characters.
    #[serde(default)]
    pub label: Option<String>,
    /// How much the scan may cost; `standard` unless said.
    #[serde(default)]
    pub budget: Budget,
    /// Which scans it overtakes; `normal` unless said, and `high` at most 30 times an hour.
    #[serde(default)]
    pub priority: Priority,
    /// How much harm its disclosure would do: 0 to 4, for the tenant's policies to ask about.
    #[serde(default)]
    #[schemars(range(max = 4))]
    pub sensitivity: Option<u8>,
}

/// Where to look.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Links {
    /// The scan and its report.
    #[serde(rename = "self")]
    pub this: String,
    /// The report as SARIF 2.1.0.
    pub sarif: String,
}

/// One scan, and its report once it is completed.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ScanView {
    /// What was asked for, and what became of it.
    #[serde(flatten)]
    pub scan: ScanRecord,
    /// Where to look.
    pub links: Links,
    /// How far it is; absent in lists and once it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// What people decided about its findings, where that still holds; absent in lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triage: Vec<Decision>,
    /// What was found in bytecode; absent in lists and until the scan is completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    /// What was found in Solidity; absent in lists and until the scan is completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_report: Option<SourceReport>,
}

/// A page of scans.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ScanList {
    /// Newest first.
    pub scans: Vec<ScanView>,
    /// How the list goes on.
    pub pagination: Pagination,
}

/// What is offered.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let mut all = vec![
        Operation::new(
            "POST /v1/scans",
            "createScan",
            "Takes a contract to scan.",
            Access::Action("scan:write"),
        )
        .takes::<NewScan>(r#"{"bytecode": "0x33ff", "label": "anyone may end it", "budget": "quick"}"#)
        .answers(Answer::json::<ScanView>(202, "It waits for its turn."))
        .fails(&NO_ENDPOINT)
        .fails(&CHAIN_UNREACHABLE)
        .fails(&NO_CONTRACT)
        .fails(&OTHER_CODE)
        .fails(&TOO_MANY_REQUESTS),
        Operation::new(
            "GET /v1/scans",
            "listScans",
            "Lists scans, newest first.",
            Access::Action("scan:read"),
        )
        .asks(&PAGING)
        .asks(&FILTERS)
        .answers(Answer::json::<ScanList>(200, "A page of scans.")),
        Operation::new(
            "GET /v1/scans/{id}",
            "getScan",
            "Shows a scan: how far it is, and its report once it is completed.",
            Access::Action("scan:read"),
        )
        .about(Kind::Scan)
        .answers(Answer::json::<ScanView>(200, "The scan.")),
        Operation::new(
            "GET /v1/scans/{id}/sarif",
            "getScanSarif",
            "Shows a completed scan's report as SARIF 2.1.0.",
            Access::Action("scan:read"),
        )
        .about(Kind::Scan)
        .answers(Answer::other(200, "The report.", sarif::CONTENT_TYPE))
        .fails(&SCAN_NOT_FINISHED)
        .fails(&SCAN_FAILED),
        Operation::new(
            "POST /v1/scans/{id}/cancel",
            "cancelScan",
            "Calls off a scan that is not over; one at work ends within a second or so.",
            Access::Action("scan:write"),
        )
        .about(Kind::Scan)
        .answers(Answer::json::<ScanView>(200, "It will have no report."))
        .fails(&SCAN_FINISHED),
    ];
    all.extend(findings::operations());
    all.extend(schedules::operations());
    all.extend(detectors::operations());
    all
}

/// Request in, answer or problem out.
pub async fn handle(app: &App, request: Request) -> Response {
    let answer = match request.operation {
        "createScan" => create(app, &request).await,
        "listScans" => list(app, &request).await,
        "getScan" => show(app, &request).await,
        "getScanSarif" => show_sarif(app, &request).await,
        "cancelScan" => cancel(app, &request).await,
        "compareScans" => findings::compare(app, &request).await,
        "listDecisions" => findings::list(app, &request).await,
        "decideFinding" => findings::decide(app, &request).await,
        "createScanSchedule" => schedules::create(app, &request).await,
        "listScanSchedules" => schedules::list(app, &request).await,
        "getScanSchedule" => schedules::show(app, &request).await,
        "deleteScanSchedule" => schedules::delete(app, &request).await,
        "listDetectors" => detectors::list(app, &request).await,
        "getDetector" => detectors::show(app, &request).await,
        "putDetector" => detectors::put(app, &request).await,
        "deleteDetector" => detectors::remove(app, &request).await,
        "checkDetector" => detectors::check(app, &request).await,
        other => Err(NOT_FOUND.because(format_args!("no operation `{other}`"))),
    };
    answer.unwrap_or_else(|problem| problem.into_response(&request.request_id))
}

async fn create(app: &App, request: &Request) -> Result<Response, Problem> {
    let once = Once::of(request)?;
    if let Some(answer) = once.answered(&*app.store).await? {
        return Ok(answer);
    }
    let asked: NewScan = request.json()?;
    let (given, deployed) = given(&asked, app.chain.as_deref()).await?;
    let (input, code_sha256, size_bytes) = match &given {
        Given::Bytecode(code) => (Input::Bytecode, code.sha256(), code.as_bytes().len()),
        Given::Solidity(project) => (Input::Solidity, project.sha256(), project.size_bytes()),
    };
    let lines = input::lines(&asked, &given)?;
    let mut scan = ScanRecord {
        id: new_id("scn", &*app.clock),
        label: asked.label.map(label).transpose()?,
        sensitivity: asked.sensitivity.map(sensitivity).transpose()?,
        status: Status::Queued,
        input,
        deployed,
        compiled: None,
        priority: asked.priority,
        rescan: None,
        budget: asked.budget,
        code_sha256,
        size_bytes,
        requested_by: request.principal()?.subject.clone(),
        requested_at: request.received_at.to_string(),
        finished_at: None,
        result: None,
        failure: None,
    };
    let tenant = request.tenant()?;
    let event = priority::request(&scan, tenant, &request.actor()?, &*app.clock);
    // The worker must find the code, so it is durable before anybody hears of the scan.
    match &given {
        Given::Bytecode(code) => app.scans.keep_code(code).await?,
        Given::Solidity(project) => app.scans.keep_project(project).await?,
    }
    if let Some(lines) = &lines {
        scan.compiled = Some(app.scans.keep_lines(lines).await?);
    }
    let mut writes = vec![scans::put_new(tenant, &scan), Write::emit(event)];
    if scan.priority == Priority::High {
        writes.push(priority::count_high(tenant, request.received_at));
    }
    let response = Response::json(StatusCode::ACCEPTED, &view(scan, None));
    let too_many = |index| {
        let text = format_args!(
            "a tenant asks for at most {} scans of high priority an hour",
            priority::HIGH_IN_HOUR_MAX
        );
        let left_s = priority::counted_anew_in_s(request.received_at);
        (index == 2).then(|| TOO_MANY_REQUESTS.because(text).retry_after_s(left_s))
    };
    once.commit_or(&*app.store, &*app.clock, writes, response, too_many).await
}

fn label(text: String) -> Result<String, Problem> {
    let fine =
        !text.is_empty() && text.chars().count() <= LABEL_CHARS_MAX && !text.chars().any(char::is_control);
    match fine {
        true => Ok(text),
        false => Err(INVALID_REQUEST
            .because(format_args!(
                "`label` is 1 to {LABEL_CHARS_MAX} characters, none of them a control character"
            ))
            .at("/label", "not a label")),
    }
}

fn sensitivity(level: u8) -> Result<u8, Problem> {
    match level {
        0..=4 => Ok(level),
        _ => Err(INVALID_REQUEST.because("`sensitivity` is 0 to 4").at("/sensitivity", "not 0 to 4")),
    }
}

/// A scan as policies see it.
fn thing<'a>(request: &'a Request, scan: &'a ScanRecord) -> Result<Thing<'a>, Problem> {
    let thing = Thing::new(Kind::Scan, &scan.id, request.tenant()?);
    Ok(thing.owned_by(&scan.requested_by).sensitive(scan.sensitivity))
}

fn view(scan: ScanRecord, shown: Option<Shown>) -> ScanView {
    let this = format!("/v1/scans/{}", scan.id);
    let links = Links { sarif: format!("{this}/sarif"), this };
    let (report, source_report) = match shown {
        Some(Shown::Bytecode(report)) => (Some(*report), None),
        Some(Shown::Solidity(report)) => (None, Some(*report)),
        None => (None, None),
    };
    ScanView { scan, links, progress: None, triage: Vec::new(), report, source_report }
}

async fn list(app: &App, request: &Request) -> Result<Response, Problem> {
    let from = cursor::open(LIST, request)?;
    let (scans, page) = app.scans.newest(request.tenant()?, request.limit()?, from).await?;
    let mut shown = Vec::new();
    let (status, input) = (filter::<Status>(request, "status")?, filter::<Input>(request, "input")?);
    for scan in scans {
        if status.is_some_and(|it| it != scan.status) || input.is_some_and(|it| it != scan.input) {
            continue;
        }
        if request.sees(thing(request, &scan)?).await? {
            shown.push(view(scan, None));
        }
    }
    let scans = shown;
    Ok(Response::json(StatusCode::OK, &ScanList { scans, pagination: Pagination::after(LIST, &page) }))
}

/// One of the words of a filter; `None` when it is not asked for.
fn filter<T: DeserializeOwned>(request: &Request, name: &'static str) -> Result<Option<T>, Problem> {
    let Some(word) = request.query.get(name) else { return Ok(None) };
    serde_json::from_value(serde_json::Value::String(word.clone())).map(Some).map_err(|_| {
        INVALID_REQUEST
            .because(format_args!("`{name}` is none of its words"))
            .at(format!("/{name}"), "unknown")
    })
}

async fn find(app: &App, request: &Request) -> Result<ScanRecord, Problem> {
    find_as(app, request, request.parameter("id")?).await
}

async fn find_as(app: &App, request: &Request, id: &str) -> Result<ScanRecord, Problem> {
    Ok(find_versioned(app, request, id).await?.0)
}

/// The scan and the version of its record, if the caller may see it.
async fn find_versioned(app: &App, request: &Request, id: &str) -> Result<(ScanRecord, u64), Problem> {
    let unknown = || problem(ShowError::Unknown { id: id.chars().take(60).collect() });
    if !is_id("scn", id) {
        return Err(unknown());
    }
    let found = app.scans.find(request.tenant()?, id).await?;
    let (scan, version) = found.ok_or_else(unknown)?;
    request.judge(thing(request, &scan)?).await?;
    Ok((scan, version))
}

async fn cancel(app: &App, request: &Request) -> Result<Response, Problem> {
    let once = Once::of(request)?;
    if let Some(answer) = once.answered(&*app.store).await? {
        return Ok(answer);
    }
    let (mut scan, version) = find_versioned(app, request, request.parameter("id")?).await?;
    if scan.status != Status::Queued {
        return Err(SCAN_FINISHED.because("the scan is over; there is nothing to call off"));
    }
    scan.status = Status::Cancelled;
    scan.finished_at = Some(request.received_at.to_string());
    let tenant = request.tenant()?;
    let fact = ScanCancelled { scan_id: scan.id.clone(), code_sha256: scan.code_sha256.clone() };
    // The request was the scan's first event; the worker's is conditional on the same version.
    let event = Event::of(&fact, &scan.id, 2, tenant, &request.actor()?, &*app.clock);
    let writes = vec![scans::put_finished(tenant, &scan, version), Write::emit(event)];
    let response = Response::json(StatusCode::OK, &view(scan, None));
    once.commit(&*app.store, &*app.clock, writes, response).await
}

async fn show(app: &App, request: &Request) -> Result<Response, Problem> {
    let scan = find(app, request).await?;
    let report = match &scan.result {
        Some(result) => Some(shown_with_lines(app, &scan, result).await?),
        None => None,
    };
    let decided = match &report {
        Some(shown) => {
            app.triage.of(request.tenant()?, shown.fingerprints().into_iter(), request.received_at).await?
        }
        None => BTreeMap::new(),
    };
    let triage = decided.into_values().collect();
    let progress = app.scans.progress(request.tenant()?, &scan).await?;
    Ok(Response::json(StatusCode::OK, &ScanView { progress, triage, ..view(scan, report) }))
}

async fn show_sarif(app: &App, request: &Request) -> Result<Response, Problem> {
    let scan = find(app, request).await?;
    let report = report_of(app, &scan).await.map_err(problem)?;
    let mut document = match &report {
        Shown::Bytecode(report) => sarif::document_with(report, lines_of(app, &scan).await?.as_ref()),
        Shown::Solidity(report) => sarif::source_document(report),
    };
    let fingerprints = report.fingerprints().into_iter();
    let decided = app.triage.of(request.tenant()?, fingerprints, request.received_at).await?;
    document.suppress(|fingerprint| {
        let decision = decided.get(fingerprint).filter(|it| it.state.suppresses())?;
        Some(decision.reason.clone())
    });
    let mut response = Response::json(StatusCode::OK, &document);
    response.headers.retain(|(name, _)| name != "content-type");
    Ok(response.with_header("content-type", sarif::CONTENT_TYPE))
}

#[cfg(test)]
mod compiled_tests;
#[cfg(test)]
mod findings_tests;
#[cfg(test)]
mod tests;
