//! The doors of `policy`.

mod change;
mod documents;
mod elevate;
mod explain;

use std::sync::{Arc, LazyLock};

use http::StatusCode;
use scorpius_core::{Clock, Store};
use scorpius_edge::cursor::{self, Pagination};
use scorpius_edge::operation::PAGING;
use scorpius_edge::problem::NOT_FOUND;
use scorpius_edge::{Access, Answer, Assurance, Operation, Problem, ProblemType, Request, Response};

use crate::check::{Checker, Faults};
use crate::elevation::Elevations;
use crate::versions::{Current, Versions};

pub use documents::{
    Approved, AssignmentText, Checked, Compared, CurrentPolicies, Delegate, Delegated, Draft, ElevationList,
    ElevationView, Explain, Explained, MomentText, RequestElevation, RoleAnswer, Rollback, SubjectAnswer,
    ThingText, VersionList, Who, WhoMay,
};

/// A draft cannot count.
pub const INVALID_POLICY: ProblemType =
    ProblemType { code: "invalid-policy", title: "Invalid policy", status: StatusCode::BAD_REQUEST };
/// Under these policies their author could not change them again.
pub const POLICY_LOCKS_OUT: ProblemType = ProblemType {
    code: "policy-locks-out",
    title: "These policies would lock you out",
    status: StatusCode::CONFLICT,
};
/// The tenant has not said how glass is broken, or not for so long.
pub const NO_BREAK_GLASS: ProblemType =
    ProblemType { code: "no-break-glass", title: "Glass cannot be broken so", status: StatusCode::CONFLICT };
/// This agreement does not count.
pub const APPROVAL_REFUSED: ProblemType = ProblemType {
    code: "approval-refused",
    title: "This approval does not count",
    status: StatusCode::CONFLICT,
};
/// The role cannot be lent so.
pub const DELEGATION_REFUSED: ProblemType = ProblemType {
    code: "delegation-refused",
    title: "The role cannot be lent so",
    status: StatusCode::CONFLICT,
};

/// Problems that only these doors answer with.
pub const PROBLEMS: [&ProblemType; 5] =
    [&INVALID_POLICY, &POLICY_LOCKS_OUT, &NO_BREAK_GLASS, &APPROVAL_REFUSED, &DELEGATION_REFUSED];

/// The actions of people who break glass and of those who agree.
const READ: Access = Access::Action("policy:read");
const WRITE: Access = Access::Action("policy:write");

/// How lately whoever agrees must have proved a second factor, in seconds.
const FRESH_S: u64 = 900;

/// What these doors need.
pub struct App {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) checker: &'static LazyLock<Checker>,
}

impl App {
    /// Doors on these ports.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, checker: Checker::shared() }
    }

    fn versions(&self) -> Versions {
        Versions(Arc::clone(&self.store))
    }

    fn elevations(&self) -> Elevations {
        Elevations(Arc::clone(&self.store))
    }

    /// What counts now for whoever asks.
    async fn current(&self, request: &Request) -> Result<Current, Problem> {
        let current = self.versions().current(request.tenant()?).await?;
        current.ok_or_else(|| NOT_FOUND.because("no such tenant"))
    }
}

/// What is offered.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let mut operations = policies();
    operations.extend(trying());
    operations.extend(lending());
    operations
}

fn policies() -> Vec<Operation> {
    vec![
        Operation::new(
            "GET /v1/policies",
            "getPolicies",
            "Shows the policies, roles and assignments that count.",
            READ,
        )
        .answers(Answer::json::<CurrentPolicies>(200, "They, with their version as `ETag`.")),
        Operation::new(
            "PUT /v1/policies",
            "putPolicies",
            "Replaces the policies, by `If-Match`: a new version, which binds the next request.",
            WRITE,
        )
        .takes::<Draft>(documents::DRAFT)
        .answers(Answer::json::<CurrentPolicies>(200, "They count."))
        .fails(&INVALID_POLICY)
        .fails(&POLICY_LOCKS_OUT),
        Operation::new(
            "GET /v1/policies/versions",
            "listPolicyVersions",
            "Lists versions, newest first.",
            READ,
        )
        .asks(&PAGING)
        .answers(Answer::json::<VersionList>(200, "A page of versions.")),
        Operation::new(
            "POST /v1/policies/rollback",
            "rollBackPolicies",
            "Takes an older version's policies and roles up again, as a new version.",
            WRITE,
        )
        .takes::<Rollback>(r#"{"version": 1}"#)
        .answers(Answer::json::<CurrentPolicies>(200, "They count."))
        .fails(&INVALID_POLICY)
        .fails(&POLICY_LOCKS_OUT),
    ]
}

fn trying() -> Vec<Operation> {
    vec![
        Operation::new(
            "POST /v1/policies/check",
            "checkPolicies",
            "Checks a draft and compares what each role could do before and after. Changes nothing.",
            READ,
        )
        .takes::<Draft>(documents::DRAFT)
        .answers(Answer::json::<Checked>(200, "What is wrong with it, and what it would change.")),
        Operation::new(
            "POST /v1/policies/explain",
            "explainPolicies",
            "Says whether somebody may do something, and which policies decide. Changes nothing.",
            READ,
        )
        .takes::<Explain>(
            r#"{"role": "security", "action": "scan:read", "thing": {"kind": "scan", "sensitivity": 3}}"#,
        )
        .answers(Answer::json::<Explained>(200, "The decision, and why."))
        .fails(&INVALID_POLICY),
        Operation::new(
            "POST /v1/policies/who",
            "whoMay",
            "Says who may do something: each role, and each person and key. Changes nothing.",
            READ,
        )
        .takes::<Who>(r#"{"action": "webhook:write"}"#)
        .answers(Answer::json::<WhoMay>(200, "Who may, and who may not."))
        .fails(&INVALID_POLICY),
    ]
}

fn lending() -> Vec<Operation> {
    let ask = Access::Action("elevation:write");
    vec![
        Operation::new(
            "POST /v1/policies/delegations",
            "delegateRole",
            "Lends a role that one has, for at most 30 days.",
            Access::Action("role:delegate"),
        )
        .takes::<Delegate>(
            r#"{"role": "viewer", "to": "usr_0199d5c8c3d47e5fa0617c8d9e0f1a2b", "minutes": 480}"#,
        )
        .answers(Answer::json::<Delegated>(201, "It is lent."))
        .fails(&DELEGATION_REFUSED),
        Operation::new(
            "GET /v1/elevations",
            "listElevations",
            "Lists requests to break glass, newest first.",
            Access::Action("elevation:read"),
        )
        .asks(&PAGING)
        .answers(Answer::json::<ElevationList>(200, "A page of requests.")),
        Operation::new(
            "POST /v1/elevations",
            "requestElevation",
            "Breaks glass: asks for the role that the tenant keeps for emergencies.",
            ask,
        )
        .takes::<RequestElevation>(
            r#"{"reason": "the bridge is being drained and its owner does not answer", "minutes": 60}"#,
        )
        .answers(Answer::json::<ElevationView>(201, "People may agree now."))
        .fails(&NO_BREAK_GLASS),
        Operation::new(
            "POST /v1/elevations/{id}/approve",
            "approveElevation",
            "Agrees that somebody breaks glass. Each person counts once, whatever they hold.",
            Access::Action("elevation:approve"),
        )
        .demands(Assurance::Aal2, FRESH_S)
        .answers(Answer::json::<Approved>(200, "How many agreed, and whether the role is granted."))
        .fails(&APPROVAL_REFUSED),
    ]
}

/// Request in, answer or problem out.
pub async fn handle(app: &App, request: Request) -> Response {
    let answer = match request.operation {
        "getPolicies" => change::show(app, &request).await,
        "putPolicies" => change::put(app, &request).await,
        "listPolicyVersions" => versions(app, &request).await,
        "rollBackPolicies" => change::roll_back(app, &request).await,
        "checkPolicies" => explain::check(app, &request).await,
        "explainPolicies" => explain::explain(app, &request).await,
        "whoMay" => explain::who(app, &request).await,
        "delegateRole" => elevate::delegate(app, &request).await,
        "listElevations" => elevate::list(app, &request).await,
        "requestElevation" => elevate::ask(app, &request).await,
        "approveElevation" => elevate::approve(app, &request).await,
        other => Err(NOT_FOUND.because(format_args!("no operation `{other}`"))),
    };
    answer.unwrap_or_else(|problem| problem.into_response(&request.request_id))
}

async fn versions(app: &App, request: &Request) -> Result<Response, Problem> {
    const LIST: &str = "policy-versions";
    let cursor = cursor::open(LIST, request)?;
    let (versions, page) = app.versions().page(request.tenant()?, request.limit()?, cursor).await?;
    let list = VersionList { versions, pagination: Pagination::after(LIST, &page) };
    Ok(Response::json(StatusCode::OK, &list))
}

fn invalid(Faults(faults): Faults) -> Problem {
    let mut problem = INVALID_POLICY.because("the draft cannot count; see `errors`");
    problem.errors = faults;
    problem
}
