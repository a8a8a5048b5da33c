//! A platform of one store, for the tests of this crate.

use std::collections::BTreeMap;
use std::sync::Arc;

use scorpius_core::{
    CommitId, Condition, KeyName, Keys, ListQuery, ManualClock, Store, TenantId, UnixMillis, Write, new_id,
};
use scorpius_edge::gateway::{AuthorizerAnswerContext, AuthorizerContext, AuthorizerEvent, HttpEvent};
use scorpius_edge::serve::Door;
use scorpius_edge::{Caller, HttpAnswer, Role, serve};
use scorpius_local::{FileKeys, SqliteStore};
use scorpius_token::{Tenant, TenantStatus};
use serde_json::Value;

use crate::bootstrap::{Bootstrap, bootstrap};
use crate::keys::{ApiKey, creation};
use crate::last_used::LastUsed;
use crate::secret::{ApiSecret, KeyKind};
use crate::{IdentitySettings, SessionLimits, api, authorizer};

/// Where the clock stands: 2026-11-21T09:40:40Z.
pub(crate) const NOW: UnixMillis = UnixMillis(1_795_254_040_000);

/// Everything that the doors and the authorizer need, and the first administrator.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keys: Arc<dyn Keys>,
    pub(crate) first: Bootstrap,
    _keys_folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(UnixMillis(NOW.0 - 1)));
        let store = SqliteStore::in_memory(clock.clone()).expect("there is room for a store");
        let folder = tempfile::tempdir().expect("there is room for keys");
        let keys = FileKeys::open(folder.path(), clock.clone()).expect("there is room for keys");
        let first = bootstrap(&store, &*clock, "first tenant").await.expect("an empty store");
        // Ids of one millisecond have no order; the first key is the oldest.
        clock.advance_ms(1);
        Self { clock, store: Arc::new(store), keys: Arc::new(keys), first, _keys_folder: folder }
    }

    pub(crate) fn settings(&self) -> IdentitySettings {
        IdentitySettings {
            issuer: "https://scorpius.example".to_owned(),
            audience: "scorpius-api".to_owned(),
        }
    }

    pub(crate) fn auth(&self) -> api::App {
        let (store, keys, clock) = (self.store.clone(), self.keys.clone(), self.clock.clone());
        api::App::new(store, keys, clock, self.settings(), SessionLimits::default())
    }

    pub(crate) fn authorizer(&self) -> authorizer::App {
        let (store, keys, clock) = (self.store.clone(), self.keys.clone(), self.clock.clone());
        authorizer::App { store, keys, clock, settings: self.settings(), used: LastUsed::default() }
    }

    /// Who the authorizer says it is.
    pub(crate) async fn caller(&self, headers: &[(&str, &str)]) -> Caller {
        let event = AuthorizerEvent { headers: owned(headers), ..AuthorizerEvent::default() };
        let answer = authorizer::handle(&self.authorizer(), event).await.expect("the store answers");
        assert!(answer.is_authorized);
        serde_json::from_str(&answer.context.caller).expect("a caller")
    }

    /// One request to `auth` with the header `credential`, from the gateway's event to its answer.
    pub(crate) async fn ask(&self, route: &str, credential: (&str, &str), body: &Value) -> HttpAnswer {
        self.ask_with(route, &[credential], "", body).await
    }

    /// As `ask`, with more headers and with what the route leaves open.
    pub(crate) async fn ask_with(
        &self,
        route: &str,
        headers: &[(&str, &str)],
        id: &str,
        body: &Value,
    ) -> HttpAnswer {
        let mut headers = owned(headers);
        headers.insert("content-type".to_owned(), "application/json".to_owned());
        let (path, query) = route.split_once('?').unwrap_or((route, ""));
        let query = query.split('&').filter_map(|pair| pair.split_once('='));
        let mut event = HttpEvent {
            route_key: path.to_owned(),
            raw_path: path.split_once(' ').expect("method and path").1.replace("{id}", id),
            query_string_parameters: Some(query.map(|(k, v)| (k.to_owned(), v.to_owned())).collect()),
            path_parameters: Some(BTreeMap::from([("id".to_owned(), id.to_owned())])),
            headers: headers.clone(),
            ..HttpEvent::default()
        };
        if !body.is_null() {
            event.set_body(body.to_string().as_bytes());
        }
        let asked = AuthorizerEvent { headers, ..AuthorizerEvent::default() };
        let said = authorizer::handle(&self.authorizer(), asked).await.expect("the store answers");
        event.request_context.authorizer =
            Some(AuthorizerContext { lambda: AuthorizerAnswerContext { caller: said.context.caller } });
        self.serve(event).await
    }

    /// One event of the gateway to `auth`.
    pub(crate) async fn serve(&self, event: HttpEvent) -> HttpAnswer {
        let (app, operations) = (self.auth(), api::operations());
        let door = Door {
            function: "auth",
            operations: &operations,
            gate: scorpius_edge::authorize::RoleTable::shared(),
            clock: &*self.clock,
            limiter: None,
            signatures: None,
        };
        serve(&door, event, std::future::pending(), |request| async {
            let request = request;
            api::handle(&app, request).await
        })
        .await
    }

    /// A key that `maker` makes.
    pub(crate) async fn make_key(&self, maker: &str, body: Value) -> (String, String) {
        let answer = self.ask("POST /v1/auth/api-keys", ("x-api-key", maker), &body).await;
        assert_eq!(answer.status_code, 201, "{}", answer.body);
        let made = json(&answer);
        let text = |name: &str| made[name].as_str().expect("text").to_owned();
        (text("key_id"), text("api_key"))
    }

    /// A token that `key` is exchanged for.
    pub(crate) async fn token(&self, key: &str) -> String {
        let answer = self.ask("POST /v1/auth/token", ("x-api-key", key), &Value::Null).await;
        assert_eq!(answer.status_code, 200, "{}", answer.body);
        json(&answer)["access_token"].as_str().expect("a token").to_owned()
    }

    /// An administrator's key of another tenant.
    pub(crate) async fn other_tenant(&self) -> (TenantId, String, String) {
        let id = TenantId::new(&*self.clock);
        let tenant = Tenant::new(id.clone(), "another", false, &*self.clock);
        let key_id = new_id("key", &*self.clock);
        let secret = ApiSecret::generate(KeyKind::Live, &id, &key_id, &*self.clock);
        let key = ApiKey {
            id: key_id.clone(),
            tenant: id.clone(),
            name: "admin".to_owned(),
            kind: KeyKind::Live,
            sha256: hex::encode(secret.hash()),
            roles: vec![Role::Admin],
            permissions: None,
            rate_limit: None,
            expires_at: None,
            created_at: NOW,
            created_by: "system:test".to_owned(),
            shown_to: None,
            revoked_at: None,
            rotated_at: None,
            previous: None,
            signing: None,
            events: 1,
        };
        let mut writes = creation(&key).to_vec();
        writes.push(Write::put(Tenant::at(&id), &tenant, Condition::Absent));
        self.commit(&writes).await;
        (id, key_id, secret.reveal().to_owned())
    }

    pub(crate) async fn suspend(&self, id: &TenantId) {
        let record = self.store.get(&Tenant::at(id)).await.expect("a store").expect("a tenant");
        let mut tenant: Tenant = record.document().expect("a tenant");
        tenant.status = TenantStatus::Suspended;
        self.commit(&[Write::put(Tenant::at(id), &tenant, Condition::Always)]).await;
    }

    pub(crate) async fn commit(&self, writes: &[Write]) {
        self.store.commit(CommitId::new(&*self.clock), writes).await.expect("a commit");
    }

    /// Everything that is stored, as text: records, then the outbox.
    pub(crate) async fn everything(&self) -> (String, String) {
        let records = self.store.scan(0, 1, None).await.expect("a scan");
        assert!(records.cursor.is_none(), "tests store little");
        let mut outbox = Vec::new();
        for shard in 0..scorpius_core::store::OUTBOX_PARTITIONS {
            let query = ListQuery::all(format!("outbox#{shard}"));
            outbox.extend(self.store.list(&query).await.expect("a list").records);
        }
        outbox.sort_by(|a, b| a.key.sort.cmp(&b.key.sort));
        (format!("{:?}", records.records), format!("{outbox:?}"))
    }

    pub(crate) async fn public_key(&self) -> [u8; 32] {
        self.keys.public_key(KeyName::Token).await.expect("a key")
    }
}

pub(crate) fn json(answer: &HttpAnswer) -> Value {
    serde_json::from_str(&answer.body).expect("JSON")
}

fn owned(headers: &[(&str, &str)]) -> BTreeMap<String, String> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
