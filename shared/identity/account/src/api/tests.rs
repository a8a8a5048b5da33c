//! What doors cost, seen from the store: nobody can tell by the work whose address has an account.

use std::collections::BTreeMap;

use bytes::Bytes;
use scorpius_core::{Attributes, Condition, ListQuery, ManualClock, UnixMillis, Value as Stored};
use scorpius_edge::limit::Allowance;
use scorpius_edge::{Anonymous, Caller, Principal, Role, Strength};
use scorpius_local::{Asked, FileKeys, ScriptedStore, SqliteStore};
use scorpius_token::Tenant;
use serde_json::{Value, json};

use super::*;
use crate::password::Cost;

const NOW: UnixMillis = UnixMillis(1_795_254_040_000);
const PASSWORD: &str = "correct horse battery staple";

struct World {
    app: App,
    store: Arc<ScriptedStore>,
    clock: Arc<ManualClock>,
    tenant: Tenant,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        let folder = tempfile::tempdir().expect("a folder");
        let inner = SqliteStore::in_memory(clock.clone()).expect("a store");
        let store = Arc::new(ScriptedStore::over(Arc::new(inner)));
        let keys = Arc::new(FileKeys::open(folder.path(), clock.clone()).expect("keys"));
        let settings = IdentitySettings { issuer: "https://a.example".to_owned(), audience: "a".to_owned() };
        let app =
            App::new((store.clone(), keys, clock.clone()), settings, SessionLimits::default(), Cost::FLOOR);
        let tenant = Tenant::new(TenantId::new(&*clock), "a", false, &*clock);
        let put = Write::put(Tenant::at(&tenant.id), &tenant, Condition::Absent);
        app.commit(&[put]).await.expect("a commit");
        Self { app, store, clock, tenant, _folder: folder }
    }

    async fn ask(&self, operation: &'static str, caller: Caller, body: &Value) -> Response {
        let request = Request {
            operation,
            path: "/".to_owned(),
            parameters: BTreeMap::new(),
            query: BTreeMap::new(),
            headers: BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]),
            body: Bytes::from(body.to_string()),
            caller,
            request_id: "req_1".to_owned(),
            network: "192.0.2.7".to_owned(),
            received_at: self.clock.now(),
            judge: scorpius_edge::authorize::Judge::absent(),
        };
        handle(&self.app, request).await
    }

    async fn public(&self, operation: &'static str, body: &Value) -> Response {
        self.ask(operation, Caller::Anonymous(Anonymous::NoCredential), body).await
    }

    /// Ada, who has registered.
    async fn ada(&self) {
        let admin = Caller::Known(Principal {
            tenant: self.tenant.id.clone(),
            subject: "key_1".to_owned(),
            roles: vec![Role::Admin],
            scopes: None,
            strength: Strength::ApiKey,
            sign_in: None,
            network_tag: None,
            allowance: Allowance::default(),
            standing: scorpius_edge::principal::Standing::default(),
        });
        let body = json!({"email": "ada@example.com", "roles": ["viewer"], "by_letter": false});
        let invited = json_of(&self.ask("inviteUser", admin, &body).await);
        let body =
            json!({"invitation_token": invited["invitation_token"], "name": "Ada", "password": PASSWORD});
        let registered = self.public("registerUser", &body).await;
        assert_eq!(registered.status, 201, "{:?}", registered.body);
    }
}

fn commits(asked: &[Asked]) -> usize {
    asked.iter().filter(|it| **it == Asked::Commit).count()
}

fn json_of(response: &Response) -> Value {
    serde_json::from_slice(&response.body).expect("JSON")
}

#[tokio::test]
async fn a_wrong_password_costs_the_same_whether_the_address_has_an_account_or_not() {
    let world = World::new().await;
    world.ada().await;
    let mut costs = Vec::new();
    for address in ["nobody@example.com", "ada@example.com", "nobody@example.com", "ada@example.com"] {
        world.store.asked();
        let body = json!({"email": address, "password": "another horse battery staple"});
        let said = world.public("logIn", &body).await;
        assert_eq!(said.status, 401);
        costs.push(world.store.asked());
    }
    // The first one also makes the platform's secret.
    assert_eq!(costs[1], costs[2]);
    assert_eq!(costs[1], costs[3]);
    assert_eq!(commits(&costs[1]), 2, "{:?}", costs[1]);
}

#[tokio::test]
async fn a_reset_that_nobody_gets_takes_one_commit_as_one_that_somebody_gets() {
    let world = World::new().await;
    world.ada().await;
    let asked = async |address: &str| {
        world.store.asked();
        let said = world.public("requestPasswordReset", &json!({"email": address})).await;
        assert_eq!(said.status, 202);
        world.store.asked()
    };
    asked("somebody@example.com").await;
    let (unknown, unconfirmed) = (asked("nobody@example.com").await, asked("ada@example.com").await);
    assert_eq!(unknown, unconfirmed);
    assert_eq!(commits(&unknown), 1);
}

#[tokio::test]
async fn a_record_that_is_damaged_is_no_sign_in_and_no_panic() {
    let world = World::new().await;
    world.ada().await;
    let page = world.store.list(&ListQuery::all(format!("{}#login", world.tenant.id))).await.expect("a list");
    let key = page.records[0].key.clone();
    let attributes = Attributes::new().with("doc", Stored::Text("{}".to_owned()));
    let put = Write::Put { key, attributes, expires_at: None, condition: Condition::Always };
    world.app.commit(&[put]).await.expect("a commit");
    let said = world.public("logIn", &json!({"email": "ada@example.com", "password": PASSWORD})).await;
    assert_eq!(said.status, 503);
}
