//! The worker of function `scan-job`: one message is one contract to scan.

mod watch;

use std::sync::Arc;
use std::time::Duration;

use scorpius_core::error::chain;
use scorpius_core::{Actor, Blobs, Clock, CommitId, Event, PortError, Store, StoreError, TenantId, Write};
use scorpius_edge::idempotency::commit_with_retry;
use scorpius_edge::{Message, Outcome};

use crate::changes::CompareError;
use crate::detectors::{ActiveError, Detectors};
use crate::engine::query::DetectorSet;
use crate::engine::{self, ENGINE, Report, Run, Stage};
use crate::engines::Engines;
use crate::facts::{FailureReason, FindingCounts, ScanCompleted, ScanFailed};
use crate::priority;
use crate::scans::{self, Input, ResultSummary, ScanRecord, Scans, Status};
use crate::source::{self, Project, SourceReport};

/// The function's name, as an actor.
const FUNCTION: &str = "scan-job";
/// Hand-outs after which code that is not there counts as lost.
const CODE_TRIES: u32 = 3;

/// What the worker needs.
pub struct App {
    /// Has the outbox.
    pub store: Arc<dyn Store>,
    /// What was asked for, and what became of it.
    pub scans: Scans,
    /// The tenants' own detectors.
    detectors: Detectors,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
    /// What reads contracts.
    pub engines: Engines,
    /// Between two words about how far a scan is.
    tell_every: Duration,
}

impl App {
    /// Over the ports.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        blobs: Arc<dyn Blobs>,
        clock: Arc<dyn Clock>,
        engines: Engines,
    ) -> Self {
        let scans = Scans::new(Arc::clone(&store), blobs);
        let detectors = Detectors::new(Arc::clone(&store));
        Self { store, scans, detectors, clock, engines, tell_every: watch::TELL_EVERY }
    }
}

/// Why a message is not done.
#[derive(Debug, thiserror::Error)]
enum ScanJobError {
    #[error("not a request to scan")]
    NotARequest,
    #[error("not the data of a request to scan")]
    BadRequest(#[source] serde_json::Error),
    #[error("there is no scan `{0}`")]
    UnknownScan(String),
    #[error("the code is not there yet")]
    CodeNotThere,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Port(#[from] PortError),
    #[error("it cannot be told what changed")]
    Compare(#[from] CompareError),
}

impl From<ActiveError> for ScanJobError {
    fn from(error: ActiveError) -> Self {
        match error {
            ActiveError::Store(error) => error.into(),
            ActiveError::Port(error) => error.into(),
        }
    }
}

/// Message in, outcome out. The same message again changes nothing.
pub async fn handle(app: &App, message: &Message) -> Outcome {
    let event = match message.event() {
        Ok(event) => event,
        Err(outcome) => return outcome,
    };
    match scan(app, &event, message.receives).await {
        Ok(()) => Outcome::Done,
        Err(
            error @ (ScanJobError::NotARequest | ScanJobError::BadRequest(_) | ScanJobError::UnknownScan(_)),
        ) => Outcome::reject(chain(&error)),
        Err(
            error @ (ScanJobError::CodeNotThere
            | ScanJobError::Store(_)
            | ScanJobError::Port(_)
            | ScanJobError::Compare(_)),
        ) => Outcome::retry(chain(&error)),
    }
}

async fn scan(app: &App, event: &Event, receives: u32) -> Result<(), ScanJobError> {
    let request =
        priority::requested(event).map_err(ScanJobError::BadRequest)?.ok_or(ScanJobError::NotARequest)?;
    let tenant = &event.tenantid;
    let found = app.scans.find(tenant, &request.scan_id).await?;
    let (scan, version) = found.ok_or(ScanJobError::UnknownScan(request.scan_id))?;
    match scan.status {
        Status::Queued => {}
        Status::Completed | Status::Failed | Status::Cancelled => return Ok(()),
    }
    let job = Job { app, event, tenant, version };
    let engine = match scan.input {
        Input::Bytecode => ENGINE,
        Input::Solidity => source::ENGINE,
    };
    // Read once: the report names the set that it was made with, whatever is changed meanwhile.
    let set = match scan.input {
        Input::Bytecode => app.detectors.active(tenant).await?,
        Input::Solidity => DetectorSet::default(),
    };
    if let Some(summary) = app.scans.earlier(tenant, &scan, engine, set.sha256()).await? {
        return job.complete(scan, summary, false).await;
    }
    let run = Arc::new(Run::default());
    let id = scan.id.clone();
    watch::watched(&job, &id, &run, work(&job, scan, set, receives, &run)).await
}

async fn work(
    job: &Job<'_>,
    scan: ScanRecord,
    set: DetectorSet,
    receives: u32,
    run: &Arc<Run>,
) -> Result<(), ScanJobError> {
    let app = job.app;
    run.tell(Stage::Fetching, 0, 0);
    let Some(given) = given(app, &scan).await? else {
        return match receives < CODE_TRIES {
            true => Err(ScanJobError::CodeNotThere),
            false => job.fail(scan, FailureReason::CodeMissing).await,
        };
    };
    run.tell(Stage::Engine, 0, 0);
    let (engines, budget) = (app.engines, scan.budget);
    let detectors_sha256 = set.sha256().map(str::to_owned);
    // The engines are not supposed to panic; if one does, one scan fails and not the function.
    let ran = watch::on_a_thread(run, move |run| match &given {
        Given::Bytecode(code) => Ran::Bytecode(Box::new((engines.bytecode)(code, budget, &set, run))),
        Given::Solidity(project) => Ran::Solidity(Box::new((engines.solidity)(project, budget, run))),
    });
    let Ok(ran) = ran.await else {
        return job.fail(scan, FailureReason::EngineBroke).await;
    };
    if run.is_stopped() {
        return job.is_over(&scan.id).await;
    }
    run.tell(Stage::Storing, 0, 0);
    let (summary, again) = match &ran {
        Ran::Bytecode(report) => {
            let summary = ResultSummary {
                report_sha256: app.scans.keep_report(&**report).await?,
                engine: report.engine.clone(),
                findings: FindingCounts::of(report.findings.iter().map(|it| it.severity)),
                incomplete: report.incomplete,
                detectors_sha256,
            };
            (summary, is_repeatable(report))
        }
        Ran::Solidity(report) => {
            let summary = ResultSummary {
                report_sha256: app.scans.keep_report(&**report).await?,
                engine: report.engine.clone(),
                findings: FindingCounts::of(report.findings.iter().map(|it| it.severity)),
                incomplete: report.incomplete,
                detectors_sha256: None,
            };
            (summary, !report.stopped_by_time)
        }
    };
    job.complete(scan, summary, again).await
}

/// What was handed in.
enum Given {
    Bytecode(bytes::Bytes),
    Solidity(Project),
}

/// What came out.
enum Ran {
    Bytecode(Box<Report>),
    Solidity(Box<SourceReport>),
}

async fn given(app: &App, scan: &ScanRecord) -> Result<Option<Given>, PortError> {
    Ok(match scan.input {
        Input::Bytecode => app.scans.code(&scan.code_sha256).await?.map(Given::Bytecode),
        Input::Solidity => app.scans.project(&scan.code_sha256).await?.map(Given::Solidity),
    })
}

/// Whether the same bytes give the same report again: what only time cut short may come out better.
fn is_repeatable(report: &Report) -> bool {
    !report.stopped_by_time && matches!(report.cross_check, engine::CrossCheck::Compared { .. })
}

struct Job<'a> {
    app: &'a App,
    event: &'a Event,
    tenant: &'a TenantId,
    version: u64,
}

impl Job<'_> {
    async fn complete(
        &self,
        mut scan: ScanRecord,
        summary: ResultSummary,
        remember: bool,
    ) -> Result<(), ScanJobError> {
        let now = self.app.clock.now();
        scan.status = Status::Completed;
        scan.finished_at = Some(now.to_string());
        let fact = ScanCompleted {
            scan_id: scan.id.clone(),
            code_sha256: scan.code_sha256.clone(),
            report_sha256: summary.report_sha256.clone(),
            engine: summary.engine.clone(),
            findings: summary.findings,
            incomplete: summary.incomplete,
            detectors_sha256: summary.detectors_sha256.clone(),
        };
        let mut writes = Vec::new();
        if remember {
            writes.push(scans::put_earlier(self.tenant, &scan, &summary, now));
        }
        let changed = self.app.scans.changed(self.tenant, &scan, &summary).await?;
        scan.result = Some(summary);
        writes.push(scans::put_finished(self.tenant, &scan, self.version));
        writes.push(self.tell(&fact, &scan, 2));
        if let Some(changed) = changed {
            writes.push(self.tell(&changed, &scan, 3));
        }
        self.commit(&writes, &scan.id).await
    }

    async fn fail(&self, mut scan: ScanRecord, reason: FailureReason) -> Result<(), ScanJobError> {
        scan.status = Status::Failed;
        scan.finished_at = Some(self.app.clock.now().to_string());
        scan.failure = Some(reason);
        let fact = ScanFailed { scan_id: scan.id.clone(), code_sha256: scan.code_sha256.clone(), reason };
        let writes = [scans::put_finished(self.tenant, &scan, self.version), self.tell(&fact, &scan, 2)];
        self.commit(&writes, &scan.id).await
    }

    /// The request was the scan's first event.
    fn tell<F: scorpius_core::Fact>(&self, fact: &F, scan: &ScanRecord, sequence: u64) -> Write {
        let actor = Actor::reacting(FUNCTION, self.event);
        Write::emit(Event::of(fact, &scan.id, sequence, self.tenant, &actor, &*self.app.clock))
    }

    async fn commit(&self, writes: &[Write], id: &str) -> Result<(), ScanJobError> {
        let app = self.app;
        match commit_with_retry(&*app.store, CommitId::new(&*app.clock), writes).await {
            Ok(_) => Ok(()),
            // Somebody else had the same message and was first, or it was called off.
            Err(StoreError::Conflict { .. }) => self.is_over(id).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Done, if the scan is over; otherwise its record changed under this worker, and another try finds it as it is.
    async fn is_over(&self, id: &str) -> Result<(), ScanJobError> {
        match self.app.scans.find(self.tenant, id).await? {
            Some((scan, _)) if scan.status != Status::Queued => Ok(()),
            _ => Err(StoreError::Busy.into()),
        }
    }
}

#[cfg(test)]
mod tests;
