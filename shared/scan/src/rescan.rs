//! The work of function `scan-rescan`: starts the scans that schedules say are due.
//!
//! A scan and the schedule's next turn are one commit, on condition that the schedule is as it was read: whoever is killed
//! before it has started nothing, and whoever comes after it finds the schedule due later.

use std::sync::Arc;
use std::time::Duration;

use scorpius_core::error::chain;
use scorpius_core::operator::{Standing, standing_of, tenant_at};
use scorpius_core::{
    Actor, Blobs, Chain, Clock, CommitId, Condition, Key, PortError, Store, StoreError, UnixMillis, Write,
    new_id,
};
use scorpius_edge::idempotency::commit_with_retry;
use tokio::time::timeout;

use crate::deployed::{DeployedAt, NoCode};
use crate::priority::{self, Priority};
use crate::scans::{self, Input, Rescan, ScanRecord, Scans, Status};
use crate::schedules::{Due, Missed, Schedule, Schedules, Target};

/// Schedules that one run looks at; the next run goes on. Each may ask a node, and the function has two minutes.
const DUE_MAX: usize = 100;
/// How soon a target is tried again whose chain could not be read.
const AGAIN_MS: u64 = 15 * 60_000;
/// How long a run begins with one more schedule.
const RUN_MS: u64 = 60_000;
/// How long a target is read: with `RUN_MS` less than the two minutes, so that what holds a run up is put off and not first again.
const READ_MAX: Duration = Duration::from_secs(45);

/// Starts what is due.
pub struct Rescans {
    store: Arc<dyn Store>,
    scans: Scans,
    schedules: Schedules,
    clock: Arc<dyn Clock>,
    chain: Option<Arc<dyn Chain>>,
    read_max: Duration,
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// Scans that it started.
    pub started: usize,
    /// Turns that brought no scan.
    pub missed: usize,
    /// Schedules that failed, and are due still.
    pub failed: usize,
}

/// Why a run, or one schedule of it, ended early. What is due stays due.
#[derive(Debug, thiserror::Error)]
pub enum RescanError {
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The blobs did not answer.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What became of one schedule.
enum Turn {
    Started,
    Missed,
    /// Somebody else was faster, or there is no such schedule.
    Nothing,
}

impl Rescans {
    /// Over the ports; targets are read from `chain`.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        blobs: Arc<dyn Blobs>,
        clock: Arc<dyn Clock>,
        chain: Option<Arc<dyn Chain>>,
    ) -> Self {
        let scans = Scans::new(Arc::clone(&store), blobs);
        let schedules = Schedules::new(Arc::clone(&store));
        Self { store, scans, schedules, clock, chain, read_max: READ_MAX }
    }

    /// Starts what is due, once. One schedule that fails keeps none from its turn.
    ///
    /// # Errors
    /// When it cannot be told what is due.
    pub async fn run(&self) -> Result<Ran, RescanError> {
        let began = self.clock.now();
        let mut ran = Ran::default();
        for (row, due) in self.schedules.due(began, DUE_MAX).await? {
            if self.clock.now().since_ms(began) > RUN_MS {
                break;
            }
            match self.turn(&row, &due).await {
                Ok(Turn::Started) => ran.started += 1,
                Ok(Turn::Missed) => ran.missed += 1,
                Ok(Turn::Nothing) => {}
                Err(error) => {
                    ran.failed += 1;
                    let (schedule, error) = (&due.schedule_id, chain(&error));
                    tracing::error!(schedule, error, "a scheduled scan was not started");
                }
            }
        }
        Ok(ran)
    }

    async fn turn(&self, row: &Key, due: &Due) -> Result<Turn, RescanError> {
        let now = self.clock.now();
        let found = self.schedules.find(&due.tenant, &due.schedule_id).await?;
        let Some((schedule, version)) = found.filter(|(schedule, _)| schedule.due() <= now) else {
            // Left by a list that saw a commit in flight; a row is removed with its schedule.
            let removed = Write::Delete { key: row.clone(), condition: Condition::Always };
            self.commit(&[removed]).await?;
            return Ok(Turn::Nothing);
        };
        let standing = match standing_of(&*self.store, &due.tenant).await? {
            Standing::Gone => {
                let done = self.commit(&schedule.removing(&due.tenant, version)).await?;
                return Ok(if done { Turn::Missed } else { Turn::Nothing });
            }
            Standing::Suspended => return self.miss(due, &schedule, version, Missed::Suspended).await,
            Standing::Active(standing) => standing,
        };
        let (input, code_sha256, size_bytes, deployed) = match self.read(&schedule.target).await? {
            Ok(read) => read,
            Err(missed) => return self.miss(due, &schedule, version, missed).await,
        };
        let scan = ScanRecord {
            id: new_id("scn", &*self.clock),
            label: schedule.label.clone(),
            sensitivity: schedule.sensitivity,
            status: Status::Queued,
            input,
            deployed,
            compiled: match &schedule.target {
                Target::Given(given) => given.compiled.clone(),
                Target::Deployed(_) => None,
            },
            priority: Priority::Low,
            rescan: Some(Rescan {
                schedule_id: schedule.id.clone(),
                previous_scan_id: schedule.last_scan_id.clone(),
            }),
            budget: schedule.budget,
            code_sha256,
            size_bytes,
            requested_by: schedule.created_by.clone(),
            requested_at: now.to_string(),
            finished_at: None,
            result: None,
            failure: None,
        };
        let next = Schedule {
            next_at: schedule.after(now).to_string(),
            runs: schedule.runs.saturating_add(1),
            last_scan_id: Some(scan.id.clone()),
            missed: None,
            ..schedule.clone()
        };
        let actor = Actor::request("system:scan-rescan", None);
        let mut writes = Vec::from(schedule.followed_by(&next, &due.tenant, version));
        writes.push(scans::put_new(&due.tenant, &scan));
        // Suspended in the meantime is suspended.
        writes.push(Write::Check { key: tenant_at(&due.tenant), condition: Condition::VersionIs(standing) });
        writes.push(Write::emit(priority::request(&scan, &due.tenant, &actor, &*self.clock)));
        Ok(if self.commit(&writes).await? { Turn::Started } else { Turn::Nothing })
    }

    /// What there is to scan: kind, SHA-256, bytes, and where it was read.
    async fn read(
        &self,
        target: &Target,
    ) -> Result<Result<(Input, String, usize, Option<DeployedAt>), Missed>, PortError> {
        match target {
            Target::Given(given) => Ok(Ok((given.input, given.code_sha256.clone(), given.size_bytes, None))),
            Target::Deployed(deployed) => {
                match timeout(self.read_max, deployed.read(self.chain.as_deref())).await {
                    Err(_) => Ok(Err(Missed::ChainUnreachable)),
                    Ok(Ok((code, at))) => {
                        // The worker must find the code, so it is durable before anybody hears of the scan.
                        self.scans.keep_code(&code).await?;
                        Ok(Ok((Input::Bytecode, code.sha256(), code.as_bytes().len(), Some(at))))
                    }
                    Ok(Err(error)) => Ok(Err(missed(&error))),
                }
            }
        }
    }

    /// A turn that brings no scan: the schedule says why, and is due at its next one, or soon where that may help.
    async fn miss(
        &self,
        due: &Due,
        schedule: &Schedule,
        version: u64,
        missed: Missed,
    ) -> Result<Turn, RescanError> {
        let now = self.clock.now();
        let regular = schedule.after(now);
        let next_at = match missed {
            Missed::ChainUnreachable => UnixMillis(regular.0.min(now.plus_ms(AGAIN_MS).0)),
            Missed::NoEndpoint | Missed::NoContract | Missed::BadCode | Missed::Suspended => regular,
        };
        let next = Schedule { next_at: next_at.to_string(), missed: Some(missed), ..schedule.clone() };
        let done = self.commit(&schedule.followed_by(&next, &due.tenant, version)).await?;
        Ok(if done { Turn::Missed } else { Turn::Nothing })
    }

    /// Whether it was applied; otherwise something is not as it was read.
    async fn commit(&self, writes: &[Write]) -> Result<bool, StoreError> {
        match commit_with_retry(&*self.store, CommitId::new(&*self.clock), writes).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn missed(error: &NoCode) -> Missed {
    match error {
        NoCode::NoNode(_) => Missed::NoEndpoint,
        NoCode::Unreachable(_) => Missed::ChainUnreachable,
        NoCode::Empty(_) => Missed::NoContract,
        NoCode::BadChain(_) | NoCode::BadAddress | NoCode::Code(_) => Missed::BadCode,
    }
}

#[cfg(test)]
mod tests;
