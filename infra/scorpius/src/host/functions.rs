//! Every function of the manifest by its name: the host's counterpart of `functions/*/src/main.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use scorpius_chain::{BadEndpoint, RpcChain};
use scorpius_core::{Blobs, Bus, Chain, Clock, Egress, Keys, Mail, NoTopics, Store};
use scorpius_edge::gateway::{AuthorizerAnswer, AuthorizerAnswerContext, AuthorizerEvent};
use scorpius_edge::problem::NOT_FOUND;
use scorpius_edge::{
    Authorize, HttpEvent, Message, Operation, Outcome, Request, Response, Signatures, health,
};
use scorpius_egress::{AllowedTarget, EgressOptions, GuardedEgress};
use scorpius_feeds::SyncError;
use scorpius_identity::authorizer::AuthorizerError;
use scorpius_identity::first_start::{self, FirstStart};
use scorpius_identity::{AwsSignatures, Bootstrap, BootstrapError, IdentitySettings};
use scorpius_ledger::VerifierKey;
use scorpius_ledger::witness::WitnessClient;
use scorpius_letter::DataKeys;
use scorpius_local::Local;
use scorpius_policy::CedarGate;

use super::{HostError, Settings};

/// How long the key that a tour is given counts.
const TOUR_KEY_S: u64 = 3_600;

/// The capabilities, wired to one folder.
pub struct Functions {
    operations: BTreeMap<String, Vec<Operation>>,
    gate: Arc<dyn Authorize>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    verifier_key: VerifierKey,
    admin: scorpius_relay::api::App,
    audit: scorpius_ledger::api::App,
    pub(super) audit_anchor: scorpius_ledger::Anchorer,
    audit_append: scorpius_ledger::worker::App,
    audit_custody: scorpius_ledger::custody::App,
    auth: scorpius_identity::api::App,
    authorizer: scorpius_identity::authorizer::App,
    bootstrap: first_start::App,
    health: health::App,
    pub(super) intel_sync: scorpius_feeds::Sync,
    mailer: scorpius_letter::worker::App,
    notifier: scorpius_notify::fanout::App,
    notifier_deliver: scorpius_notify::deliver::App,
    policy: scorpius_policy_api::api::App,
    qldb: scorpius_qldb_api::api::App,
    qldb_signatures: AwsSignatures,
    risk_score: scorpius_risk::api::App,
    scan: scorpius_scan::api::App,
    scan_job: scorpius_scan::worker::App,
    pub(super) scan_rescan: scorpius_scan::Rescans,
    users: scorpius_account::api::App,
    wallet_guard: scorpius_wallets::api::App,
    webhooks: scorpius_notify::api::App,
}

/// The sequencer asks the witnesses that the settings name.
fn asking(
    app: scorpius_ledger::worker::App,
    settings: &Settings,
    egress: &Arc<dyn Egress>,
) -> scorpius_ledger::worker::App {
    let of = |policy| WitnessClient::new(Arc::clone(egress), Arc::clone(&settings.clock), policy);
    app.asking(settings.witnesses.clone().map(of))
}

/// Chains at the endpoints that the operator names, which may be on this machine.
///
/// # Errors
/// When one is not `<EIP-155 id>=<URL>`.
pub(crate) fn chain(endpoints: &str, clock: Arc<dyn Clock>) -> Result<Option<Arc<dyn Chain>>, BadEndpoint> {
    let mut options = EgressOptions::default();
    options.allow.extend(endpoints.split_whitespace().filter_map(|entry| {
        let url = url::Url::parse(entry.split_once('=')?.1).ok()?;
        Some(AllowedTarget { host: url.host_str()?.to_owned(), port: url.port_or_known_default()? })
    }));
    let egress = || -> Arc<dyn Egress> { Arc::new(GuardedEgress::new(options)) };
    RpcChain::configured(egress, clock, Some(endpoints))
}

impl Functions {
    pub(super) async fn wire(local: &Local, settings: &Settings) -> Result<Self, HostError> {
        let store: Arc<dyn Store> = Arc::new(local.store.clone());
        let blobs: Arc<dyn Blobs> = Arc::new(local.blobs.clone());
        let keys: Arc<dyn Keys> = Arc::new(local.keys.clone());
        let bus: Arc<dyn Bus> = Arc::new(local.queues.clone());
        let mail: Arc<dyn Mail> = Arc::new(local.mail.clone());
        let clock = Arc::clone(&settings.clock);
        let options = EgressOptions { allow: settings.egress_allow.clone(), ..EgressOptions::default() };
        let egress: Arc<dyn Egress> = Arc::new(GuardedEgress::new(options));
        let chain = chain(&settings.chains, Arc::clone(&settings.clock))?;
        let origin: scorpius_ledger::Origin = settings.origin.clone();
        let verifier_key = VerifierKey::of_log(&*keys, &origin).await?;
        let identity =
            IdentitySettings { issuer: settings.public_url.clone(), audience: "scorpius".to_owned() };

        Ok(Self {
            operations: crate::doors::operations(),
            gate: CedarGate::shared(Arc::clone(&store)),
            bootstrap: first_start::App {
                store: Arc::clone(&store),
                clock: Arc::clone(&clock),
                ledger_key: verifier_key.to_string(),
            },
            verifier_key,
            admin: scorpius_relay::api::App { store: Arc::clone(&store), bus, clock: Arc::clone(&clock) },
            audit: scorpius_ledger::api::App::new(
                Arc::clone(&store),
                Arc::clone(&blobs),
                Arc::clone(&keys),
                Arc::clone(&clock),
            ),
            audit_anchor: scorpius_ledger::Anchorer::new(
                (Arc::clone(&store), Arc::clone(&blobs), Arc::new(local.anchors.clone())),
                Arc::clone(&keys),
                Arc::clone(&clock),
                origin.clone(),
            )
            .keeping(settings.keep_days),
            // Nothing on this machine makes backups of its own accord.
            audit_custody: scorpius_ledger::custody::App::new(
                Arc::clone(&store),
                Arc::clone(&keys),
                Arc::clone(&clock),
                0,
            ),
            audit_append: asking(
                scorpius_ledger::worker::App::new(
                    Arc::clone(&store),
                    Arc::clone(&blobs),
                    Arc::clone(&keys),
                    Arc::clone(&clock),
                    origin,
                ),
                settings,
                &egress,
            ),
            users: scorpius_account::api::App::new(
                (Arc::clone(&store), Arc::clone(&keys), Arc::clone(&clock)),
                identity.clone(),
                settings.sessions,
                settings.password_cost,
            )
            .asking(settings.breached_passwords.as_deref(), Arc::clone(&egress))?,
            mailer: scorpius_letter::worker::App {
                store: Arc::clone(&store),
                data_keys: DataKeys {
                    store: Arc::clone(&store),
                    keys: Arc::clone(&keys),
                    clock: Arc::clone(&clock),
                },
                mail,
                clock: Arc::clone(&clock),
            },
            auth: scorpius_identity::api::App::new(
                Arc::clone(&store),
                Arc::clone(&keys),
                Arc::clone(&clock),
                identity.clone(),
                settings.sessions,
            ),
            authorizer: scorpius_identity::authorizer::App {
                store: Arc::clone(&store),
                keys: Arc::clone(&keys),
                clock: Arc::clone(&clock),
                settings: identity,
                used: scorpius_identity::LastUsed::default(),
            },
            health: health::App {
                store: Arc::clone(&store),
                blobs: Arc::clone(&blobs),
                keys: Arc::clone(&keys),
                openapi: crate::doors::openapi(),
            },
            intel_sync: scorpius_feeds::Sync {
                store: Arc::clone(&store),
                blobs: Arc::clone(&blobs),
                egress: Arc::clone(&egress),
                clock: Arc::clone(&clock),
                feeds: settings.feeds.clone(),
            },
            notifier: scorpius_notify::fanout::App { store: Arc::clone(&store), clock: Arc::clone(&clock) },
            notifier_deliver: scorpius_notify::deliver::App {
                store: Arc::clone(&store),
                keys: Arc::clone(&keys),
                egress: Arc::clone(&egress),
                topics: Arc::new(NoTopics),
                clock: Arc::clone(&clock),
            },
            policy: scorpius_policy_api::api::App::new(Arc::clone(&store), Arc::clone(&clock)),
            qldb: scorpius_qldb_api::api::App::new(
                Arc::clone(&store),
                Arc::clone(&blobs),
                Arc::clone(&keys),
                Arc::clone(&clock),
            ),
            qldb_signatures: AwsSignatures::new(
                Arc::clone(&store),
                Arc::clone(&keys),
                Arc::clone(&clock),
                "qldb",
            ),
            risk_score: scorpius_risk::api::App::new(
                Arc::clone(&store),
                Arc::clone(&blobs),
                Arc::clone(&clock),
            )
            .reading(chain.clone()),
            wallet_guard: scorpius_wallets::api::App {
                store: Arc::clone(&store),
                clock: Arc::clone(&clock),
                risk: scorpius_risk::api::App::new(
                    Arc::clone(&store),
                    Arc::clone(&blobs),
                    Arc::clone(&clock),
                )
                .reading(chain.clone()),
            },
            scan: scorpius_scan::api::App::new(Arc::clone(&store), Arc::clone(&blobs), Arc::clone(&clock))
                .reading(chain.clone()),
            scan_rescan: scorpius_scan::Rescans::new(
                Arc::clone(&store),
                Arc::clone(&blobs),
                Arc::clone(&clock),
                chain,
            ),
            scan_job: scorpius_scan::worker::App::new(
                Arc::clone(&store),
                blobs,
                Arc::clone(&clock),
                scorpius_scan::Engines {
                    bytecode: scorpius_replay::scan_watched,
                    solidity: scorpius_source::scan_watched,
                },
            ),
            webhooks: scorpius_notify::api::App {
                store: Arc::clone(&store),
                keys,
                egress,
                topics: Arc::new(NoTopics),
                clock: Arc::clone(&clock),
            },
            store,
            clock,
        })
    }

    /// Makes the first tenant and its key, unless they were made before.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn bootstrap(&self, asked: FirstStart) -> Result<first_start::Answer, BootstrapError> {
        first_start::handle(&self.bootstrap, asked).await
    }

    pub(super) async fn read_feeds(&self) -> Result<BTreeMap<String, scorpius_feeds::Outcome>, SyncError> {
        let operator = scorpius_core::operator::first_tenant_of(&*self.store).await?;
        self.intel_sync.run(operator.as_ref()).await
    }

    /// A key of the first tenant for a tour: whoever runs the host holds the folder, and so every key anyway.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn tour_key(&self) -> Result<Bootstrap, BootstrapError> {
        let expires_at = self.clock.now().plus_s(TOUR_KEY_S);
        scorpius_identity::recover(&*self.store, &*self.clock, "tour", Some(expires_at)).await
    }

    /// One more administrator's key, for whoever lost the first.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn new_key(&self) -> Result<Bootstrap, BootstrapError> {
        scorpius_identity::recover(&*self.store, &*self.clock, "recovery", None).await
    }

    /// The ledger's public key, as note verifiers write it.
    #[must_use]
    pub fn verifier_key(&self) -> &VerifierKey {
        &self.verifier_key
    }

    /// What anchors the logs, and can look at how they stand.
    pub(crate) fn anchorer(&self) -> &scorpius_ledger::Anchorer {
        &self.audit_anchor
    }

    /// What a function offers; nothing when it has no doors.
    #[must_use]
    pub fn operations(&self, function: &str) -> &[Operation] {
        self.operations.get(function).map_or(&[], Vec::as_slice)
    }

    /// What says who signed a request as a whole, where a function takes such requests.
    pub(super) fn signatures(&self, function: &str) -> Option<&dyn Signatures> {
        match function {
            "qldb" => Some(&self.qldb_signatures),
            _ => None,
        }
    }

    /// What decides who may do what.
    pub(super) fn gate(&self) -> Arc<dyn Authorize> {
        Arc::clone(&self.gate)
    }

    /// Who asks, for a request that is on its way to a door.
    pub(super) async fn authorize(
        &self,
        event: &HttpEvent,
    ) -> Result<AuthorizerAnswerContext, AuthorizerError> {
        let event = AuthorizerEvent {
            headers: event.headers.clone(),
            cookies: event.cookies.clone(),
            route_key: event.route_key.clone(),
            request_context: event.request_context.clone(),
        };
        Ok(self.authorizer(event).await?.context)
    }

    /// The authorizer.
    ///
    /// # Errors
    /// When it cannot be said who asks.
    pub async fn authorizer(&self, event: AuthorizerEvent) -> Result<AuthorizerAnswer, AuthorizerError> {
        scorpius_identity::authorizer::handle(&self.authorizer, event).await
    }

    pub(super) async fn http(&self, function: &str, request: Request) -> Response {
        match function {
            "admin" => scorpius_relay::api::handle(&self.admin, request).await,
            "audit" => scorpius_ledger::api::handle(&self.audit, request).await,
            "audit-custody" => scorpius_ledger::custody::handle(&self.audit_custody, request).await,
            "auth" => scorpius_identity::api::handle(&self.auth, request).await,
            "health" => health::handle(&self.health, request).await,
            "policy" => scorpius_policy_api::api::handle(&self.policy, request).await,
            "qldb" => scorpius_qldb_api::api::handle(&self.qldb, request).await,
            "risk-score" => scorpius_risk::api::handle(&self.risk_score, request).await,
            "scan" => scorpius_scan::api::handle(&self.scan, request).await,
            "users" => scorpius_account::api::handle(&self.users, request).await,
            "wallet-guard" => scorpius_wallets::api::handle(&self.wallet_guard, request).await,
            "webhooks" => scorpius_notify::api::handle(&self.webhooks, request).await,
            other => {
                NOT_FOUND.because(format_args!("no function `{other}`")).into_response(&request.request_id)
            }
        }
    }

    pub(super) async fn message(&self, function: &str, message: &Message) -> Outcome {
        match function {
            "audit-append" => scorpius_ledger::worker::handle(&self.audit_append, message).await,
            "mailer" => scorpius_letter::worker::handle(&self.mailer, message).await,
            "notifier" => scorpius_notify::fanout::handle(&self.notifier, message).await,
            "notifier-deliver" => scorpius_notify::deliver::handle(&self.notifier_deliver, message).await,
            "scan-job" => scorpius_scan::worker::handle(&self.scan_job, message).await,
            other => Outcome::reject(format_args!("no consumer `{other}`")),
        }
    }
}
