//! The whole platform in one process: what API Gateway, SQS, EventBridge and Lambda do on AWS.
//!
//! ```text
//! server ─> gateway ─> authorizer ─> edge::serve ─> door ─> commit ─> outbox ─> relay ─> queues ─> workers
//! ```
//!
//! It imitates no IAM. Everything else is as on AWS: the same events, the same answers, delivery at least once.

mod blobs;
mod functions;
pub mod gateway;
mod schedule;
mod server;
mod workers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use scorpius_account::Cost;
use scorpius_core::{Clock, EgressError, PortError};
use scorpius_edge::gateway::AuthorizerContext;
use scorpius_edge::limit::Defaults;
use scorpius_edge::manifest::{From, Manifest, Trigger};
use scorpius_edge::serve::{Cors, Door};
use scorpius_edge::{HttpAnswer, HttpEvent, Limiter, serve};
use scorpius_egress::AllowedTarget;
use scorpius_feeds::{Feed, Outcome, SyncError};
use scorpius_identity::first_start::{FirstStart, Started};
use scorpius_identity::{Bootstrap, SessionLimits};
use scorpius_ledger::KeepDays;
use scorpius_ledger::anchor::AnchorError;
use scorpius_ledger::{Origin, Policy};
use scorpius_local::{Local, LocalOptions, QueueSpec};
use scorpius_relay::{Relay, RelayError};
use scorpius_scan::rescan::RescanError;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use functions::Functions;
pub(crate) use functions::chain;
use gateway::{Routes, WireRequest};

/// Rows that one sweep takes on; the next one follows at once when there are more.
const SWEEP_ROWS_MAX: usize = 2_000;
/// How old a row is before the scheduled sweep thinks that the relay missed it.
const SWEEP_AGE_MS: u64 = 60_000;
/// How long the relay rests when nothing wakes it.
const RELAY_POLL: Duration = Duration::from_secs(1);
/// How long the body of a batch is kept that nobody claimed, or whose dead letter nobody put back: longer than queues keep messages,
/// 14 days alive and 14 days dead. As the bucket's rule in `terraform/data.tf`.
const BATCHES_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// What a door may take.
const DOOR_DEADLINE: Duration = Duration::from_secs(25);

/// How a host is run.
#[derive(Clone)]
pub struct Settings {
    /// The folder with all state.
    pub data: PathBuf,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
    /// Origins that browsers may call from.
    pub cors: Cors,
    /// Targets of webhooks that may be plain HTTP or private.
    pub egress_allow: Vec<AllowedTarget>,
    /// Feeds of threats and sanctions that are read every quarter of an hour.
    pub feeds: Vec<Feed>,
    /// Nodes of EVM chains, each as `<EIP-155 id>=<URL>`, with spaces between; those of one chain in the order in which they
    /// are asked.
    pub chains: String,
    /// The ledger's name, which tokens carry too. It never changes for a folder.
    pub origin: Origin,
    /// Whom the ledger asks to cosign its checkpoints, and how many must.
    pub witnesses: Option<Policy>,
    /// How long entries of the ledger are kept; without it for ever.
    pub keep_days: Option<KeepDays>,
    /// The URL that people and programs reach it under: `iss` of tokens, and what proofs of possession are for.
    pub public_url: String,
    /// How long people's sessions last.
    pub sessions: SessionLimits,
    /// How often those may ask of whom no record says more.
    pub limits: Defaults,
    /// What a guess at a password costs.
    pub password_cost: Cost,
    /// The range API that is asked whether a new password was stolen.
    pub breached_passwords: Option<String>,
    /// Whether the relay runs. Without it only the scheduled sweep carries events: what a dead stream looks like.
    pub relay: bool,
}

impl Settings {
    /// As `scorpius up` runs it, with state in `data`.
    ///
    /// # Panics
    /// Never: the ledger's name is a constant.
    #[must_use]
    pub fn in_folder(data: PathBuf) -> Self {
        Self {
            data,
            clock: Arc::new(scorpius_core::SystemClock),
            cors: Cors::default(),
            egress_allow: Vec::new(),
            feeds: Vec::new(),
            chains: String::new(),
            keep_days: None,
            origin: "scorpius.local/ledger".parse().expect("a constant origin"),
            witnesses: None,
            public_url: "http://localhost:8480".to_owned(),
            sessions: SessionLimits::default(),
            limits: Defaults::UNLIMITED,
            password_cost: Cost::default(),
            breached_passwords: None,
            relay: true,
        }
    }
}

/// Why a host does not start or work.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A port of the host: usually the data folder.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The first tenant and key could not be made.
    #[error("the first tenant could not be made")]
    Bootstrap(#[from] scorpius_identity::BootstrapError),
    /// The service of breached passwords cannot be called.
    #[error("the service of breached passwords cannot be asked")]
    BreachedPasswords(#[from] EgressError),
    /// Nothing listens.
    #[error("cannot listen on {address}")]
    Listen {
        /// Asked for.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The chains are not as they must be.
    #[error(transparent)]
    Chains(#[from] scorpius_chain::BadEndpoint),
    /// The relay.
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// The reading of feeds.
    #[error(transparent)]
    Feeds(#[from] SyncError),
    /// The start of scans that are due.
    #[error("scheduled scans are not started")]
    Rescan(#[from] RescanError),
    /// The anchoring of the ledger.
    #[error("the ledger's checkpoint is not anchored")]
    Anchor(#[from] AnchorError),
}

/// The platform.
pub struct Host {
    /// The wiring.
    pub manifest: Manifest,
    /// The ports.
    pub local: Local,
    /// The capabilities behind their doors.
    pub functions: Functions,
    /// Carries the outbox.
    pub relay: Relay,
    settings: Settings,
    routes: Routes,
    limiter: Limiter,
}

impl Host {
    /// Opens the data folder and wires everything. On the first start also makes the tenant, the
    /// administrator and a key, which are answered once.
    ///
    /// # Errors
    /// When the folder is in use, of a newer version, or cannot be written.
    pub async fn open(settings: Settings) -> Result<(Arc<Self>, Option<Bootstrap>), HostError> {
        let manifest = crate::doors::manifest();
        let options = LocalOptions { queues: queues(&manifest), ..LocalOptions::default() };
        let local = Local::open(&settings.data, Arc::clone(&settings.clock), options)?;
        let functions = Functions::wire(&local, &settings).await?;
        let relay = Relay {
            store: Arc::new(local.store.clone()),
            blobs: Arc::new(local.blobs.clone()),
            bus: Arc::new(local.queues.clone()),
            clock: Arc::clone(&settings.clock),
        };
        let first = match functions.bootstrap(FirstStart::default()).await?.started {
            Started::Created(first) => Some(first),
            Started::AlreadyDone => None,
        };
        let routes = Routes::of(&manifest);
        let clock = Arc::clone(&settings.clock);
        let limiter = Limiter::new(Arc::new(local.store.clone()), clock, settings.limits);
        Ok((Arc::new(Self { manifest, local, functions, relay, settings, routes, limiter }), first))
    }

    /// Answers one HTTP request as the deployed platform would.
    pub async fn ask(&self, request: WireRequest) -> HttpAnswer {
        let header = |wanted: &str| {
            request
                .headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.clone())
        };
        let origin = header("origin");
        if let (Some(origin), "OPTIONS") = (&origin, request.method.as_str()) {
            let mut answer = gateway::own_answer(404);
            let headers = self.settings.cors.headers(origin, true);
            if !headers.is_empty() {
                (answer.status_code, answer.body) = (204, String::new());
                answer.headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            }
            return answer;
        }
        if let Some(answer) = self.signed_blob(&request).await {
            return answer;
        }
        let mut answer = self.route(request).await;
        if let Some(origin) = origin {
            let headers = self.settings.cors.headers(&origin, false);
            answer.headers.extend(headers.into_iter().map(|(name, value)| (name.to_owned(), value)));
        }
        answer
    }

    async fn route(&self, request: WireRequest) -> HttpAnswer {
        let Some(found) = self.routes.find(&request.method, &request.path) else {
            return gateway::own_answer(404);
        };
        let function = found.function.to_owned();
        let mut event = gateway::event(request, found, &*self.settings.clock);
        match self.functions.authorize(&event).await {
            Ok(lambda) => event.request_context.authorizer = Some(AuthorizerContext { lambda }),
            Err(error) => {
                tracing::error!(error = scorpius_core::error::chain(&error), "the authorizer failed");
                return gateway::own_answer(500);
            }
        }
        self.door(&function, event).await
    }

    /// Hands one event to a function's door, as Lambda would: who asks is what the event says.
    pub async fn door(&self, function: &str, event: HttpEvent) -> HttpAnswer {
        let door = Door {
            function,
            operations: self.functions.operations(function),
            gate: self.functions.gate(),
            clock: &*self.settings.clock,
            limiter: Some(&self.limiter),
            signatures: self.functions.signatures(function),
        };
        let patience = tokio::time::sleep(DOOR_DEADLINE);
        serve(&door, event, patience, |request| self.functions.http(function, request)).await
    }

    /// Hands one message to a queue's consumer.
    pub async fn message(&self, function: &str, message: &scorpius_edge::Message) -> scorpius_edge::Outcome {
        self.functions.message(function, message).await
    }

    /// Runs a scheduled function once.
    ///
    /// # Errors
    /// When it fails; the next time it finds the same work.
    pub async fn tick(&self, function: &str) -> Result<(), HostError> {
        match function {
            "outbox-sweep" => {
                while self.relay.sweep(SWEEP_AGE_MS, SWEEP_ROWS_MAX).await?.goes_on() {}
                let since = SystemTime::now().checked_sub(BATCHES_KEPT).unwrap_or(SystemTime::UNIX_EPOCH);
                self.local.blobs.expire("audit-batches", since).await?;
                Ok(())
            }
            "audit-anchor" => {
                self.functions.audit_anchor.run().await?;
                Ok(())
            }
            "intel-sync" => {
                self.read_feeds().await?;
                Ok(())
            }
            "scan-rescan" => {
                self.functions.scan_rescan.run().await?;
                Ok(())
            }
            other => {
                tracing::error!(function = other, "no such scheduled function");
                Ok(())
            }
        }
    }

    /// Reads every feed once, as `intel-sync` does, and says what became of each.
    ///
    /// # Errors
    /// When the lists cannot be published; a feed that is refused is no error.
    pub async fn read_feeds(&self) -> Result<BTreeMap<String, Outcome>, HostError> {
        Ok(self.functions.read_feeds().await?)
    }

    /// Works until every queue and the outbox are empty, or `rounds` have passed; answers whether they are.
    /// For tests and one-shot commands: a running host does this by itself.
    ///
    /// # Errors
    /// When the store or a queue fails.
    pub async fn drain(self: &Arc<Self>, rounds: usize) -> Result<bool, HostError> {
        for _ in 0..rounds {
            let mut worked = self.relay.sweep(0, SWEEP_ROWS_MAX).await?.relayed.published > 0;
            for (function, entry) in &self.manifest.functions {
                if !entry.trigger.queues().is_empty() {
                    let mut turn = 0;
                    while workers::work_once(self, function, turn, Duration::ZERO).await? {
                        (worked, turn) = (true, turn + 1);
                    }
                }
            }
            if !worked {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Listens on `address` and starts workers, schedules and the relay.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(self: &Arc<Self>, address: SocketAddr) -> Result<Running, HostError> {
        let listener =
            TcpListener::bind(address).await.map_err(|source| HostError::Listen { address, source })?;
        let address = listener.local_addr().map_err(|source| HostError::Listen { address, source })?;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = workers::start(self, &stopped);
        tasks.extend(self.start_schedules(&stopped));
        if self.settings.relay {
            tasks.push(tokio::spawn(Arc::clone(self).relay_loop(stopped.clone())));
        }
        let server = tokio::spawn(server::serve(Arc::clone(self), listener, stopped));
        Ok(Running { address, stop, tasks, server })
    }

    fn start_schedules(self: &Arc<Self>, stop: &watch::Receiver<bool>) -> Vec<JoinHandle<()>> {
        let mut tasks = Vec::new();
        for (function, entry) in &self.manifest.functions {
            let Trigger::Schedule(expression) = &entry.trigger else { continue };
            let Some(every) = schedule::every(expression) else {
                tracing::error!(function, expression, "a schedule that the host cannot read");
                continue;
            };
            let (host, function, mut stop) = (Arc::clone(self), function.clone(), stop.clone());
            // Nobody waits a quarter of an hour for the first lists.
            let mut first = function == "intel-sync" && !host.settings.feeds.is_empty();
            tasks.push(tokio::spawn(async move {
                while std::mem::take(&mut first) || !pause(&mut stop, every).await {
                    if let Err(error) = host.tick(&function).await {
                        tracing::error!(
                            function,
                            error = scorpius_core::error::chain(&error),
                            "a scheduled function failed"
                        );
                    }
                }
            }));
        }
        tasks
    }

    async fn relay_loop(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut emitted = self.local.store.on_emit();
        loop {
            emitted.mark_unchanged();
            match self.relay.sweep(0, SWEEP_ROWS_MAX).await {
                Ok(swept) if swept.goes_on() => continue,
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(
                        error = scorpius_core::error::chain(&error),
                        "the relay failed and goes on"
                    );
                }
            }
            tokio::select! {
                changed = emitted.changed() => if changed.is_err() { return },
                stopped = pause(&mut stop, RELAY_POLL) => if stopped { return },
            }
        }
    }
}

/// Waits; answers whether the host stops.
async fn pause(stop: &mut watch::Receiver<bool>, patience: Duration) -> bool {
    tokio::time::timeout(patience, stop.wait_for(|&stopped| stopped)).await.is_ok()
}

fn queues(manifest: &Manifest) -> Vec<QueueSpec> {
    manifest
        .queues
        .iter()
        .map(|(name, queue)| QueueSpec {
            name: name.clone(),
            patterns: match &queue.from {
                From::Events(patterns) => patterns.clone(),
                From::Relay(_) => Vec::new(),
            },
            receives_max: queue.receives_max,
        })
        .collect()
}

/// A host at work.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// Takes no more requests, ends what is in work, and returns when all is quiet.
    ///
    /// # Errors
    /// When the listener had failed.
    pub async fn stop(self) -> std::io::Result<()> {
        self.stop.send_replace(true);
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the host ended badly");
            }
        }
        match self.server.await {
            Ok(served) => served,
            Err(error) => Err(std::io::Error::other(error)),
        }
    }
}
