//! The doors to schedules: targets that are scanned again and again.

use http::StatusCode;
use schemars::JsonSchema;
use scorpius_core::id::is_id;
use scorpius_core::{CommitId, Event, UnixMillis, Write, new_id};
use scorpius_edge::cursor::{self, Pagination};
use scorpius_edge::idempotency::{Once, commit_with_retry};
use scorpius_edge::operation::PAGING;
use scorpius_edge::problem::{CONFLICT, INVALID_REQUEST, NOT_FOUND};
use scorpius_edge::{Access, Answer, Kind, Operation, Problem, Request, Response, Thing};
use serde::{Deserialize, Serialize};

use super::input::no_code;
use super::{App, TOO_MANY_SCHEDULES, find_as, label, sensitivity};
use crate::deployed::Deployed;
use crate::engine::Budget;
use crate::facts::{ScheduleCreated, ScheduleDeleted};
use crate::schedules::{GivenOnce, INTERVAL_HOURS, SCHEDULES_MAX, Schedule, Target};

/// The name of the list of schedules, for cursors.
const LIST: &str = "scan-schedules";
const HOUR_S: u64 = 3_600;

/// What is to be scanned again and again: exactly one of `deployed` and `scan_id`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSchedule {
    /// Whatever runs at an address of a chain at the time, behind proxies. The first scan starts within minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed: Option<Deployed>,
    /// What an earlier scan was of: the same address if it had one, otherwise the same code or files. It is the first that a
    /// rescan is compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan_id: Option<String>,
    /// Hours between two scans.
    #[schemars(range(min = 1, max = 720))]
    pub interval_hours: u32,
    /// What to call its scans: at most 100 characters; as the earlier scan unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// How much each scan may cost; `standard` unless said.
    #[serde(default)]
    pub budget: Budget,
    /// How much harm disclosure of its scans would do: 0 to 4; as the earlier scan's unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 4))]
    pub sensitivity: Option<u8>,
}

/// A page of schedules.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ScheduleList {
    /// Oldest first.
    pub schedules: Vec<Schedule>,
    /// How the list goes on.
    pub pagination: Pagination,
}

/// What is offered.
pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            "POST /v1/scan-schedules",
            "createScanSchedule",
            "Has a target scanned again and again, and told of what changes.",
            Access::Action("scan:write"),
        )
        .takes::<NewSchedule>(
            r#"{"deployed": {"chain": "ethereum", "address": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"}, "interval_hours": 24}"#,
        )
        .answers(Answer::json::<Schedule>(201, "The schedule."))
        .fails(&TOO_MANY_SCHEDULES),
        Operation::new(
            "GET /v1/scan-schedules",
            "listScanSchedules",
            "Lists what is scanned again and again.",
            Access::Action("scan:read"),
        )
        .asks(&PAGING)
        .answers(Answer::json::<ScheduleList>(200, "A page of schedules.")),
        Operation::new(
            "GET /v1/scan-schedules/{id}",
            "getScanSchedule",
            "Shows a schedule: its last scan, and when the next is due.",
            Access::Action("scan:read"),
        )
        .about(Kind::Scan)
        .answers(Answer::json::<Schedule>(200, "The schedule.")),
        Operation::new(
            "DELETE /v1/scan-schedules/{id}",
            "deleteScanSchedule",
            "Ends a schedule; its scans stay.",
            Access::Action("scan:write"),
        )
        .about(Kind::Scan)
        .answers(Answer::empty(204, "It is ended."))
        .fails(&CONFLICT),
    ]
}

/// A schedule is to policies what its scans are.
fn thing<'a>(request: &'a Request, schedule: &'a Schedule) -> Result<Thing<'a>, Problem> {
    let thing = Thing::new(Kind::Scan, &schedule.id, request.tenant()?);
    Ok(thing.owned_by(&schedule.created_by).sensitive(schedule.sensitivity))
}

/// Takes a schedule.
pub(super) async fn create(app: &App, request: &Request) -> Result<Response, Problem> {
    let once = Once::of(request)?;
    if let Some(answer) = once.answered(&*app.store).await? {
        return Ok(answer);
    }
    let asked: NewSchedule = request.json()?;
    if !INTERVAL_HOURS.contains(&asked.interval_hours) {
        let text = format!("`interval_hours` is {} to {}", INTERVAL_HOURS.start(), INTERVAL_HOURS.end());
        return Err(INVALID_REQUEST.because(&text).at("/interval_hours", "out of range"));
    }
    let now = request.received_at;
    let found = target(app, request, &asked, now).await?;
    let schedule = Schedule {
        id: new_id("rsc", &*app.clock),
        label: asked.label.map(label).transpose()?.or(found.label),
        sensitivity: asked.sensitivity.map(sensitivity).transpose()?.or(found.sensitivity),
        target: found.target,
        budget: asked.budget,
        interval_hours: asked.interval_hours,
        created_by: request.principal()?.subject.clone(),
        created_at: now.to_string(),
        next_at: found.first_at.to_string(),
        runs: 0,
        last_scan_id: found.compared_with,
        missed: None,
    };
    let tenant = request.tenant()?;
    let fact = ScheduleCreated { schedule_id: schedule.id.clone(), interval_hours: schedule.interval_hours };
    let event = Event::of(&fact, &schedule.id, 1, tenant, &request.actor()?, &*app.clock);
    let mut writes = Vec::from(schedule.adding(tenant));
    writes.push(Write::emit(event));
    let response = Response::json(StatusCode::CREATED, &schedule);
    let too_many = |index| {
        let text = format_args!("a tenant has at most {SCHEDULES_MAX} schedules of scans");
        (index == 1).then(|| TOO_MANY_SCHEDULES.because(text))
    };
    once.commit_or(&*app.store, &*app.clock, writes, response, too_many).await
}

/// What a schedule is about, and what it takes from an earlier scan.
struct Found {
    target: Target,
    first_at: UnixMillis,
    compared_with: Option<String>,
    label: Option<String>,
    sensitivity: Option<u8>,
}

async fn target(
    app: &App,
    request: &Request,
    asked: &NewSchedule,
    now: UnixMillis,
) -> Result<Found, Problem> {
    match (&asked.deployed, &asked.scan_id) {
        (Some(deployed), None) => {
            let target = Target::Deployed(deployed.checked().map_err(no_code)?);
            Ok(Found { target, first_at: now, compared_with: None, label: None, sensitivity: None })
        }
        (None, Some(id)) => {
            let scan = find_as(app, request, id).await?;
            let target = match scan.deployed {
                Some(at) => Target::Deployed(Deployed { chain: at.chain, address: at.address }),
                None => Target::Given(GivenOnce {
                    scan_id: scan.id.clone(),
                    input: scan.input,
                    code_sha256: scan.code_sha256,
                    size_bytes: scan.size_bytes,
                    compiled: scan.compiled,
                }),
            };
            let first_at = now.plus_s(u64::from(asked.interval_hours) * HOUR_S);
            Ok(Found {
                target,
                first_at,
                compared_with: Some(scan.id),
                label: scan.label,
                sensitivity: scan.sensitivity,
            })
        }
        _ => {
            let text = "one of `deployed` and `scan_id` is to be said";
            Err(INVALID_REQUEST.because(text).at("", text))
        }
    }
}

/// One page of schedules.
pub(super) async fn list(app: &App, request: &Request) -> Result<Response, Problem> {
    let from = cursor::open(LIST, request)?;
    let (schedules, page) = app.schedules.page(request.tenant()?, request.limit()?, from).await?;
    let mut shown = Vec::new();
    for schedule in schedules {
        if request.sees(thing(request, &schedule)?).await? {
            shown.push(schedule);
        }
    }
    let list = ScheduleList { schedules: shown, pagination: Pagination::after(LIST, &page) };
    Ok(Response::json(StatusCode::OK, &list))
}

/// The schedule that the path names and the version of its record, if the caller may see it.
async fn find(app: &App, request: &Request) -> Result<(Schedule, u64), Problem> {
    let id = request.parameter("id")?;
    let unknown = || {
        let id: String = id.chars().take(60).collect();
        NOT_FOUND.because(format_args!("there is no schedule `{id}`"))
    };
    if !is_id("rsc", id) {
        return Err(unknown());
    }
    let (schedule, version) = app.schedules.find(request.tenant()?, id).await?.ok_or_else(unknown)?;
    request.judge(thing(request, &schedule)?).await?;
    Ok((schedule, version))
}

/// One schedule.
pub(super) async fn show(app: &App, request: &Request) -> Result<Response, Problem> {
    Ok(Response::json(StatusCode::OK, &find(app, request).await?.0))
}

/// Ends a schedule.
pub(super) async fn delete(app: &App, request: &Request) -> Result<Response, Problem> {
    let (schedule, version) = find(app, request).await?;
    let tenant = request.tenant()?;
    let fact = ScheduleDeleted { schedule_id: schedule.id.clone() };
    let event = Event::of(&fact, &schedule.id, 2, tenant, &request.actor()?, &*app.clock);
    let mut writes = Vec::from(schedule.removing(tenant, version));
    writes.push(Write::emit(event));
    // Lost when a scan of it was started at this moment, or somebody else ended it.
    commit_with_retry(&*app.store, CommitId::new(&*app.clock), &writes).await?;
    Ok(Response::new(StatusCode::NO_CONTENT))
}
