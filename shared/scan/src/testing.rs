//! What the tests of doors and worker share.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use scorpius_core::{Blobs, Clock, Event, ListQuery, ManualClock, Store, UnixMillis};
use scorpius_edge::{Caller, Message, Principal, Request, Response, Role, Strength};
use scorpius_local::{FolderBlobs, SqliteStore};
use serde_json::Value;

use crate::engine::{self, Budget};
use crate::engines::Engines;
use crate::source::{self, Project, SourceFile, SourceReport};
use crate::{api, worker};

pub(crate) const NOW: UnixMillis = UnixMillis(1_795_254_040_000);
pub(crate) const TENANT: &str = "ten_00000000000000000000000000000001";
pub(crate) const OTHER_TENANT: &str = "ten_00000000000000000000000000000002";

/// One installation.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) doors: api::App,
    pub(crate) worker: worker::App,
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let manual = Arc::new(ManualClock::at(NOW));
        let clock = Arc::clone(&manual) as Arc<dyn Clock>;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store: Arc<dyn Store> =
            Arc::new(SqliteStore::in_memory(Arc::clone(&clock)).expect("a store in memory"));
        let blobs: Arc<dyn Blobs> =
            Arc::new(FolderBlobs::open(folder.path(), Arc::clone(&clock), "").expect("a folder of blobs"));
        let doors = api::App::new(Arc::clone(&store), Arc::clone(&blobs), Arc::clone(&clock));
        let worker = worker::App::new(Arc::clone(&store), Arc::clone(&blobs), clock, ENGINES);
        Self { clock: manual, store, blobs, doors, worker, folder }
    }

    /// Answers an operation for a tenant's security role.
    pub(crate) async fn ask(&self, request: Request) -> Response {
        self.clock.advance_ms(1);
        api::handle(&self.doors, request).await
    }

    /// The events in the outbox, oldest first.
    pub(crate) async fn emitted(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for shard in 0..16 {
            let page = self.store.list(&ListQuery::all(format!("outbox#{shard}"))).await.expect("the outbox");
            events.extend(page.records.iter().map(|record| record.document::<Event>().expect("an event")));
        }
        events.sort_by(|a, b| a.id.cmp(&b.id));
        events
    }

    /// Asks for a scan of `bytecode` and gives its id.
    pub(crate) async fn scan(&self, bytecode: &str) -> String {
        let body = serde_json::json!({"bytecode": bytecode, "budget": "quick"});
        let answer = self.ask(post("createScan", &body)).await;
        assert_eq!(answer.status.as_u16(), 202, "{answer:?}");
        json(&answer)["id"].as_str().expect("an id").to_owned()
    }

    /// The message that asks the worker for the scan `id`.
    pub(crate) async fn message(&self, id: &str) -> Message {
        let event = self.emitted().await.into_iter().find(|event| event.aggregate == id).expect("an event");
        Message { id: "1".to_owned(), body: Bytes::from(event.to_json()), receives: 1 }
    }
}

/// A request without body by `tenant`.
pub(crate) fn get(operation: &'static str, tenant: &str, id: Option<&str>) -> Request {
    let principal = Principal {
        tenant: tenant.parse().expect("a tenant"),
        subject: "key_1".to_owned(),
        roles: vec![Role::Security],
        scopes: None,
        strength: Strength::ApiKey,
        sign_in: None,
        network_tag: None,
        standing: Default::default(),
        allowance: scorpius_edge::Allowance::default(),
    };
    Request {
        operation,
        path: "/v1/scans".to_owned(),
        parameters: id.map(|id| ("id".to_owned(), id.to_owned())).into_iter().collect(),
        query: BTreeMap::new(),
        headers: BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]),
        body: Bytes::new(),
        caller: Caller::Known(principal),
        request_id: "req_1".to_owned(),
        network: "192.0.2.1".to_owned(),
        received_at: NOW,
        judge: scorpius_edge::Judge::absent(),
    }
}

/// A request with a body by the first tenant.
pub(crate) fn post(operation: &'static str, body: &Value) -> Request {
    Request { body: Bytes::from(body.to_string()), ..get(operation, TENANT, None) }
}

/// An answer's body.
pub(crate) fn json(response: &Response) -> Value {
    serde_json::from_slice(&response.body).expect("JSON")
}

/// Without replays, which are made by a crate that uses this one, as Solidity is read by one.
pub(crate) const ENGINES: Engines = Engines { bytecode: engine::scan_asking, solidity };

/// In place of the engine, which is a crate that uses this one: a report that names what it was given.
pub(crate) fn solidity(project: &Project, budget: Budget) -> SourceReport {
    let files = project.files().map(|(path, text)| SourceFile {
        path: path.to_owned(),
        sha256: "00".repeat(32),
        size_bytes: text.len(),
        dependency: false,
        pragma: None,
    });
    SourceReport {
        engine: source::ENGINE.to_owned(),
        budget,
        project_sha256: project.sha256(),
        files: files.collect(),
        contracts: Vec::new(),
        incomplete: false,
        stopped_by_time: false,
        not_explored: Vec::new(),
        findings: Vec::new(),
    }
}
