use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use scorpius_core::{Chain, ListQuery, ManualClock, TenantId, UnixMillis};
use scorpius_edge::{Caller, HttpEvent, Principal, Role, Strength};
use scorpius_local::{FolderBlobs, SqliteStore};
use scorpius_risk::engine::replay::replay;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

mod analyses;
mod doors;
mod sent;

const RONIN_EXPLOITER: &str = "0x098B716B8Aaf21512996dC57EB0615e2383E2f96";
const USDC: &str = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
const UNISWAP_ROUTER: &str = "0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D";
const WALLET: &str = "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb";
/// The examples of EIP-55: on no list.
const NOBODY: &str = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359";
const SOMEBODY: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

struct Bench {
    app: App,
    clock: Arc<ManualClock>,
    _folder: TempDir,
}

fn bench() -> Bench {
    let clock = Arc::new(ManualClock::at(UnixMillis(1_795_254_040_000)));
    let folder = tempfile::tempdir().expect("a folder");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::in_memory(clock.clone()).expect("a store"));
    let blobs = FolderBlobs::open(folder.path(), clock.clone(), "http://127.0.0.1").expect("blobs");
    let risk = scorpius_risk::api::App::new(Arc::clone(&store), Arc::new(blobs), clock.clone());
    let app = App { store, clock: clock.clone(), risk };
    Bench { app, clock, _folder: folder }
}

fn reading(chain: Arc<dyn Chain>) -> Bench {
    let Bench { app, clock, _folder } = bench();
    Bench { app: App { risk: app.risk.reading(Some(chain)), ..app }, clock, _folder }
}

fn tenant(number: u64) -> TenantId {
    format!("ten_{number:032x}").parse().expect("a tenant")
}

/// One request.
#[derive(Clone)]
struct Ask {
    operation: &'static str,
    parameters: Vec<(&'static str, String)>,
    query: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
    body: String,
    tenant: u64,
}

fn ask(operation: &'static str, body: &Value) -> Ask {
    Ask {
        operation,
        parameters: Vec::new(),
        query: Vec::new(),
        headers: Vec::new(),
        body: if body.is_null() { String::new() } else { body.to_string() },
        tenant: 1,
    }
}

impl Ask {
    fn of(mut self, wallet: &str) -> Self {
        self.parameters.push(("id", wallet.to_owned()));
        self
    }

    fn on(mut self, list: &str, address: &str) -> Self {
        self.parameters.push(("list", list.to_owned()));
        self.parameters.push(("address", address.to_owned()));
        self
    }

    fn asking(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn by(mut self, tenant: u64) -> Self {
        self.tenant = tenant;
        self
    }
}

impl Bench {
    async fn ask(&self, ask: Ask) -> (u16, Value) {
        let owned = |pairs: Vec<(&str, String)>| -> BTreeMap<String, String> {
            pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
        };
        let mut headers = owned(ask.headers);
        headers.insert("content-type".to_owned(), "application/json".to_owned());
        let request = Request {
            operation: ask.operation,
            path: format!("/v1/wallets/{:?}", ask.parameters),
            parameters: owned(ask.parameters),
            query: owned(ask.query),
            headers,
            body: Bytes::from(ask.body),
            caller: Caller::Known(Principal {
                tenant: tenant(ask.tenant),
                subject: "key_1".to_owned(),
                roles: vec![Role::Admin],
                scopes: None,
                strength: Strength::ApiKey,
                sign_in: None,
                network_tag: None,
                standing: Default::default(),
                allowance: scorpius_edge::Allowance::default(),
            }),
            request_id: "req_1".to_owned(),
            network: "127.0.0.1".to_owned(),
            received_at: self.clock.now(),
            judge: scorpius_edge::Judge::absent(),
        };
        let response = handle(&self.app, request).await;
        let value = match response.body.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&response.body).expect("JSON"),
        };
        (response.status.as_u16(), value)
    }

    /// As `ask`, and its status must be `status`.
    #[track_caller]
    fn expect(&self, status: u16, ask: Ask) -> impl Future<Output = Value> + '_ {
        let caller = std::panic::Location::caller();
        async move {
            let (given, value) = self.ask(ask).await;
            assert_eq!(given, status, "{caller}: {value}");
            value
        }
    }

    async fn protected(&self) -> String {
        let wallet = self.expect(201, ask("protectWallet", &of_address(WALLET))).await;
        wallet["wallet_id"].as_str().expect("an id").to_owned()
    }

    async fn analyzed(&self, wallet: &str, transaction: &Value) -> Value {
        let body = json!({"transaction": transaction});
        self.expect(200, ask("analyzeTransaction", &body).of(wallet)).await
    }

    async fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for shard in 0..scorpius_core::store::OUTBOX_PARTITIONS {
            let page = self.app.store.list(&ListQuery::all(format!("outbox#{shard}"))).await.expect("a page");
            events.extend(page.records.iter().map(|record| record.document::<Event>().expect("an event")));
        }
        events.sort_by(|one, two| one.id.cmp(&two.id));
        events
    }

    async fn told(&self, kind: &str) -> Vec<Event> {
        self.events().await.into_iter().filter(|event| event.kind == kind).collect()
    }
}

fn of_address(address: &str) -> Value {
    json!({"address": address, "chain": "ethereum", "name": "Treasury"})
}

fn word(text: &str) -> String {
    format!("{:0>64}", text.strip_prefix("0x").unwrap_or(text).to_lowercase())
}

fn approval(spender: &str, amount: &str) -> Value {
    json!({"to": USDC, "value": "0", "data": format!("0x095ea7b3{}{}", word(spender), word(amount))})
}

fn payment(to: &str, wei: &str) -> Value {
    json!({"to": to, "value": wei})
}

/// An approval without limit for a key's account on no list.
fn drainer() -> Value {
    let mut drainer = approval(NOBODY, &"f".repeat(64));
    drainer["accounts"] = json!([{"address": NOBODY, "code": "none"}]);
    drainer
}

fn rule(analyzed: &Value) -> (&str, &str) {
    let decision = &analyzed["decision"];
    (decision["action"].as_str().expect("an action"), decision["rule"].as_str().expect("a rule"))
}

fn has(analyzed: &Value, id: &str) -> bool {
    analyzed["verdict"]["signals"].as_array().expect("signals").iter().any(|signal| signal["id"] == id)
}

fn policy(limits: Value) -> Value {
    json!({"global_risk_threshold": 60, "auto_block_threshold": 90, "transaction_limits": limits})
}
