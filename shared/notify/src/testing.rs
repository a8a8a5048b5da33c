//! What the tests of the doors and workers share: a store in memory, real keys, a scripted way out.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use scorpius_core::{
    Clock, Egress, EgressError, EgressRequest, EgressResponse, Event, Keys, ListQuery, ManualClock, Store,
    TenantId, TopicError, TopicMessage, Topics, UnixMillis,
};
use scorpius_edge::{Caller, Message, Principal, Request, Response, Role, Strength};
use scorpius_egress::{EgressOptions, GuardedEgress};
use scorpius_local::{FileKeys, ScriptedStore, SqliteStore};
use serde_json::{Value, json};

pub(crate) const NOW: UnixMillis = UnixMillis(1_795_254_040_000);
pub(crate) const TENANT: &str = "ten_00000000000000000000000000000001";
pub(crate) const OTHER_TENANT: &str = "ten_00000000000000000000000000000002";
pub(crate) const SCANNED: &str = "scorpius.scan.completed.v1";

/// One installation.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<ScriptedStore>,
    pub(crate) keys: Arc<FileKeys>,
    pub(crate) egress: Arc<ScriptedEgress>,
    pub(crate) topics: Arc<ScriptedTopics>,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let inner = SqliteStore::in_memory(Arc::clone(&clock) as Arc<dyn Clock>).expect("a store");
        let keys = FileKeys::open(folder.path(), Arc::clone(&clock) as Arc<dyn Clock>).expect("keys");
        Self {
            clock,
            store: Arc::new(ScriptedStore::over(Arc::new(inner))),
            keys: Arc::new(keys),
            egress: Arc::new(ScriptedEgress::new()),
            topics: Arc::default(),
            _folder: folder,
        }
    }

    pub(crate) fn doors(&self) -> crate::api::App {
        crate::api::App {
            store: Arc::clone(&self.store) as Arc<dyn Store>,
            keys: Arc::clone(&self.keys) as Arc<dyn Keys>,
            egress: Arc::clone(&self.egress) as Arc<dyn Egress>,
            topics: Arc::clone(&self.topics) as Arc<dyn Topics>,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
        }
    }

    pub(crate) fn fanout(&self) -> crate::fanout::App {
        crate::fanout::App {
            store: Arc::clone(&self.store) as Arc<dyn Store>,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
        }
    }

    pub(crate) fn deliver(&self) -> crate::deliver::App {
        crate::deliver::App {
            store: Arc::clone(&self.store) as Arc<dyn Store>,
            keys: Arc::clone(&self.keys) as Arc<dyn Keys>,
            egress: Arc::clone(&self.egress) as Arc<dyn Egress>,
            topics: Arc::clone(&self.topics) as Arc<dyn Topics>,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
        }
    }

    pub(crate) async fn ask(&self, asked: Asked<'_>) -> Response {
        let mut headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
        headers.extend(asked.key.map(|key| ("idempotency-key".to_owned(), key.to_owned())));
        let principal = Principal {
            tenant: asked.tenant.parse().expect("a tenant"),
            subject: "key_1".to_owned(),
            roles: vec![Role::Admin],
            scopes: None,
            strength: Strength::ApiKey,
            sign_in: None,
            network_tag: None,
            standing: Default::default(),
            allowance: scorpius_edge::Allowance::default(),
        };
        let text = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let request = Request {
            operation: asked.operation,
            path: "/v1/config/webhooks".to_owned(),
            parameters: text(&asked.id.map(|id| ("id", id)).into_iter().collect::<Vec<_>>()),
            query: text(asked.query),
            headers,
            body: Bytes::from(asked.body),
            caller: Caller::Known(principal),
            request_id: "req_1".to_owned(),
            network: "192.0.2.1".to_owned(),
            received_at: self.clock.now(),
            judge: scorpius_edge::Judge::absent(),
        };
        crate::api::handle(&self.doors(), request).await
    }

    /// Adds a webhook of `TENANT`; answers its id and secret.
    pub(crate) async fn webhook(&self, patterns: &[&str]) -> (String, String) {
        let body = json!({"url": "https://hooks.example.com/in", "events": patterns}).to_string();
        let answer = self.ask(Asked { body, ..Asked::of("createWebhook") }).await;
        let shown = json_of(&answer);
        assert_eq!(answer.status, 201, "{shown}");
        let text = |name: &str| shown[name].as_str().expect("text").to_owned();
        (text("id"), text("secret"))
    }

    pub(crate) async fn deliveries(&self, webhook: &str) -> Vec<Value> {
        let answer = self.ask(Asked { id: Some(webhook), ..Asked::of("listWebhookDeliveries") }).await;
        json_of(&answer)["deliveries"].as_array().expect("a list").clone()
    }

    /// What is in the outbox, of types that start with `prefix`.
    pub(crate) async fn emitted(&self, prefix: &str) -> Vec<Event> {
        let mut events = Vec::new();
        for shard in 0..16 {
            let page = self.store.list(&ListQuery::all(format!("outbox#{shard}"))).await.expect("the outbox");
            assert_eq!(page.cursor, None);
            events.extend(page.records.iter().map(|row| row.document::<Event>().expect("an event")));
        }
        events.retain(|event| event.kind.starts_with(prefix));
        events.sort_by(|a, b| a.id.cmp(&b.id));
        events
    }

    /// An event of `TENANT`, as the queue carries it.
    pub(crate) fn event(&self, kind: &str) -> Event {
        let id = scorpius_core::new_id("evt", self.clock.as_ref());
        let json = json!({
            "specversion": "1.0", "id": id, "source": "/scorpius/scan", "type": kind, "subject": "scn_1",
            "time": self.clock.now().to_string(), "datacontenttype": "application/json", "tenantid": TENANT,
            "actor": "key_1", "aggregate": "scn_1", "sequence": 1, "hops": 0, "data": {"findings": 2},
        });
        Event::parse(json.to_string().as_bytes()).expect("an event")
    }

    /// Fans one event out to one new webhook; answers the event, the message for delivery, the webhook and its secret.
    pub(crate) async fn requested(&self) -> Requested {
        let (webhook, secret) = self.webhook(&["scorpius.scan.*"]).await;
        let event = self.event(SCANNED);
        let outcome = crate::fanout::handle(&self.fanout(), &message(&event, 1)).await;
        assert_eq!(outcome, scorpius_edge::Outcome::Done);
        let request = self.emitted("scorpius.notify.delivery_requested.v1").await.pop().expect("a request");
        Requested { event, request, webhook, secret }
    }
}

/// A delivery that is due.
pub(crate) struct Requested {
    pub(crate) event: Event,
    pub(crate) request: Event,
    pub(crate) webhook: String,
    pub(crate) secret: String,
}

/// One call of a door.
pub(crate) struct Asked<'a> {
    pub(crate) operation: &'static str,
    pub(crate) tenant: &'a str,
    pub(crate) id: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
    pub(crate) query: &'a [(&'a str, &'a str)],
    pub(crate) body: String,
}

impl Asked<'_> {
    pub(crate) fn of(operation: &'static str) -> Self {
        Self { operation, tenant: TENANT, id: None, key: None, query: &[], body: String::new() }
    }
}

pub(crate) fn json_of(response: &Response) -> Value {
    serde_json::from_slice(&response.body).expect("JSON")
}

pub(crate) fn message(event: &Event, receives: u32) -> Message {
    Message { id: "1".to_owned(), body: Bytes::from(event.to_json()), receives }
}

pub(crate) fn tenant() -> TenantId {
    TENANT.parse().expect("a tenant")
}

/// A way out that says what it is told, in order; then 204.
pub(crate) struct ScriptedEgress {
    guard: GuardedEgress,
    script: Mutex<VecDeque<Result<EgressResponse, EgressError>>>,
    sent: Mutex<Vec<EgressRequest>>,
}

impl ScriptedEgress {
    fn new() -> Self {
        let guard = GuardedEgress::new(EgressOptions::default());
        Self { guard, script: Mutex::default(), sent: Mutex::default() }
    }

    pub(crate) fn will(&self, answer: Result<EgressResponse, EgressError>) {
        self.script.lock().expect("no panic holds it").push_back(answer);
    }

    pub(crate) fn will_answer(&self, status: u16) {
        self.will(Ok(EgressResponse { status, headers: Vec::new(), body: Bytes::new() }));
    }

    pub(crate) fn sent(&self) -> Vec<EgressRequest> {
        self.sent.lock().expect("no panic holds it").clone()
    }
}

#[async_trait]
impl Egress for ScriptedEgress {
    async fn send(&self, request: EgressRequest) -> Result<EgressResponse, EgressError> {
        self.sent.lock().expect("no panic holds it").push(request);
        let fine = || Ok(EgressResponse { status: 204, headers: Vec::new(), body: Bytes::new() });
        self.script.lock().expect("no panic holds it").pop_front().unwrap_or_else(fine)
    }

    fn check_url(&self, url: &str) -> Result<(), EgressError> {
        self.guard.check_url(url)
    }
}

/// The one topic of `TENANT`, which says what it is told, in order; then yes.
pub(crate) const TOPIC: &str = "arn:aws:sns:eu-west-1:000000000000:alerts";

#[derive(Default)]
pub(crate) struct ScriptedTopics {
    script: Mutex<VecDeque<Result<String, TopicError>>>,
    sent: Mutex<Vec<TopicMessage>>,
}

impl ScriptedTopics {
    pub(crate) fn will(&self, answer: Result<String, TopicError>) {
        self.script.lock().expect("no panic holds it").push_back(answer);
    }

    pub(crate) fn sent(&self) -> Vec<TopicMessage> {
        self.sent.lock().expect("no panic holds it").clone()
    }
}

#[async_trait]
impl Topics for ScriptedTopics {
    fn check(&self, tenant: &TenantId, topic: &str) -> Result<(), TopicError> {
        match (tenant.to_string().as_str(), topic) {
            (TENANT, TOPIC) => Ok(()),
            _ => Err(TopicError::NotAllowed { reason: "not this tenant's" }),
        }
    }

    async fn publish(&self, tenant: &TenantId, message: TopicMessage) -> Result<String, TopicError> {
        self.check(tenant, &message.topic)?;
        self.sent.lock().expect("no panic holds it").push(message);
        let fine = || Ok("published-1".to_owned());
        self.script.lock().expect("no panic holds it").pop_front().unwrap_or_else(fine)
    }
}
