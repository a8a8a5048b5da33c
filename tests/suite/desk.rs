//! A host in this process, and someone who asks it things.

use std::sync::Arc;

use scorpius::host::gateway::WireRequest;
use scorpius::host::{Host, Settings};
use scorpius_account::Cost;
use scorpius_core::{Actor, Clock, CommitId, Condition, ManualClock, Store, UnixMillis, Write, new_id};
use scorpius_edge::{Assurance, Factor, HttpAnswer, Role};
use scorpius_identity::ApiSecret;
use scorpius_letter::DataKeys;
use scorpius_local::SqliteStore;
use scorpius_token::sessions::{Beginning, Granted};
use scorpius_token::{IdentitySettings, Method, Sessions, User, UserStatus, Who, may_issue};
use serde_json::Value;
use tempfile::TempDir;

use crate::entries::all;

/// A host with a clock of its own, and the first key.
pub(crate) struct Desk {
    pub(crate) host: Arc<Host>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) api_key: String,
    folder: Arc<TempDir>,
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) answer: HttpAnswer,
    pub(crate) json: Value,
}

impl Desk {
    /// A new platform.
    pub(crate) async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    /// A new platform with other settings.
    pub(crate) async fn open_with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        // 2026-11-21T09:40:40Z: after every date that the fixtures name.
        let clock = Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)));
        let mut settings = Self::settings(&folder, &clock);
        change(&mut settings);
        let (host, first) = Host::open(settings).await.expect("it opens");
        let api_key = first.expect("a new folder").api_key;
        Self { host, clock, api_key, folder }
    }

    /// Passwords cost little here: their real cost has a test of its own.
    fn settings(folder: &TempDir, clock: &Arc<ManualClock>) -> Settings {
        Settings {
            clock: clock.clone(),
            password_cost: Cost::FLOOR,
            ..Settings::in_folder(folder.path().to_owned())
        }
    }

    /// The same folder in a new process, as far as the host can tell.
    pub(crate) async fn restart(self) -> Self {
        let Self { host, clock, api_key, folder } = self;
        drop(host);
        let settings = Self::settings(&folder, &clock);
        let (host, first) = Host::open(settings).await.expect("it opens again");
        assert!(first.is_none(), "the first start is over");
        Self { host, clock, api_key, folder }
    }

    /// An administrator's key of another tenant. No door makes tenants yet, so its records are written
    /// as the first start writes them, under another store's first tenant.
    pub(crate) async fn second_tenant(&self) -> String {
        let elsewhere = SqliteStore::in_memory(self.clock.clone()).expect("a store");
        let made = scorpius_identity::bootstrap(&elsewhere, &*self.clock, "another").await.expect("a tenant");
        for partition in [format!("tenant#{}", made.tenant), format!("{}#apikey", made.tenant)] {
            for record in all(&elsewhere, &partition).await {
                let mut document: Value = record.document().expect("a document");
                if document["operator"] == true {
                    document["operator"] = false.into();
                }
                if let Some(roles) = document["roles"].as_array_mut() {
                    // An administrator of its tenant, and no operator of the platform.
                    roles.retain(|role| role != "operator");
                }
                let copy = Write::put(record.key, &document, Condition::Absent);
                let id = CommitId::new(&*self.clock);
                self.host.local.store.commit(id, &[copy]).await.expect("it is copied");
            }
        }
        made.api_key
    }

    /// A person of the first tenant who has just signed in, and what they hold. Their record is written here.
    pub(crate) async fn person(&self, role: Role) -> Granted {
        self.signed_in(role, false).await
    }

    /// Such a person, in a browser if `cookies`.
    pub(crate) async fn signed_in(&self, role: Role, cookies: bool) -> Granted {
        let (user, sessions) = (self.user(role).await, self.sessions());
        let put = Write::put(User::at(&user.tenant, &user.id), &user, Condition::Absent);
        self.host.local.store.commit(CommitId::new(&*self.clock), &[put]).await.expect("a user");
        let standing = sessions.standing(&user.tenant, &user.id).await.expect("the store answers");
        let who = Who::User { user: standing.user(), locked_until: None };
        let permit = may_issue(standing.tenant.as_ref(), who, Method::SignIn, self.clock.now());
        let how = Beginning {
            acr: Assurance::Aal1,
            amr: &[Factor::Pwd],
            network: "192.0.2.7",
            agent: "",
            cookies,
            dpop_jkt: None,
            new_device: false,
        };
        let actor = Actor::request(user.id.clone(), None);
        let granted = sessions.begin(&permit.expect("leave"), &user, how, &actor, Vec::new()).await;
        granted.expect("a session")
    }

    async fn user(&self, role: Role) -> User {
        let key: ApiSecret = self.api_key.parse().expect("a key");
        let id = new_id("usr", &*self.clock);
        let local = &self.host.local;
        let data_keys = DataKeys {
            store: Arc::new(local.store.clone()),
            keys: Arc::new(local.keys.clone()),
            clock: self.clock.clone(),
        };
        let data_key = data_keys.of(key.tenant()).await.expect("a key");
        let seal = |member: &str, text: &str| {
            data_key.seal(&format!("{id}#{member}"), text.as_bytes(), &*self.clock)
        };
        User {
            email: seal("email", &format!("{id}@example.com")),
            name: seal("name", "a person"),
            id,
            tenant: key.tenant().clone(),
            roles: vec![role],
            status: UserStatus::Active,
            second_factor: false,
            sessions_from: UnixMillis(0),
            created_at: self.clock.now(),
            created_by: "system:test".to_owned(),
            events: 0,
        }
    }

    /// Where its state is.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The sessions of the host's own store.
    pub(crate) fn sessions(&self) -> Sessions {
        let settings = Settings::in_folder(self.folder.path().to_owned());
        Sessions {
            store: Arc::new(self.host.local.store.clone()),
            keys: Arc::new(self.host.local.keys.clone()),
            clock: self.clock.clone(),
            settings: IdentitySettings { issuer: settings.public_url, audience: "scorpius".to_owned() },
            limits: settings.sessions,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Said {
        self.ask("GET", path, &[], b"").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Said {
        let headers = [("content-type", "application/json")];
        self.ask("POST", path, &headers, body.to_string().as_bytes()).await
    }

    pub(crate) async fn post_once(&self, path: &str, key: &str, body: &Value) -> Said {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        self.ask("POST", path, &headers, body.to_string().as_bytes()).await
    }

    /// With the first key, unless a credential is among `headers`.
    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Said {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut headers: Vec<_> = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        if !headers.iter().any(|(name, _)| name == "x-api-key" || name == "authorization") {
            headers.push(("x-api-key".to_owned(), self.api_key.clone()));
        }
        let request = WireRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body: body.to_vec(),
            source_ip: "192.0.2.7".to_owned(),
        };
        let answer = self.host.ask(request).await;
        let json = serde_json::from_str(&answer.body).unwrap_or_default();
        Said { status: answer.status_code, answer, json }
    }

    /// With nothing but `headers`: a browser, whose credential is in its cookies.
    pub(crate) async fn browse(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Said {
        let request = WireRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            query: String::new(),
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            body: body.to_string().into_bytes(),
            source_ip: "192.0.2.7".to_owned(),
        };
        let answer = self.host.ask(request).await;
        let json = serde_json::from_str(&answer.body).unwrap_or_default();
        Said { status: answer.status_code, answer, json }
    }

    /// Lets the relay and all workers do what there is to do.
    pub(crate) async fn settle(&self) {
        assert!(self.host.drain(100).await.expect("it drains"), "there is always more to do");
    }
}

impl Said {
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.answer.body);
        self.json
    }

    #[track_caller]
    pub(crate) fn text(&self, name: &str) -> &str {
        self.json[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {}", self.answer.body))
    }
}
