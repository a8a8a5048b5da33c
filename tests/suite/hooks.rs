//! A customer's webhook endpoint that remembers what came.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::net::TcpListener;

use crate::platform::Start;

/// What came so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// (type, subject) of each event -> the `webhook-id`s that it came under.
    pub(crate) events: BTreeMap<(String, String), BTreeSet<String>>,
    /// Deliveries that came again.
    pub(crate) repeats: u64,
    /// Every request, as (`webhook-id`, status answered).
    pub(crate) requests: Vec<(String, u16)>,
}

/// The endpoint.
pub(crate) struct Hooks {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

impl Hooks {
    /// Listens on a free loopback port for as long as the test's runtime lives.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let seen = Arc::new(Mutex::new(Seen::default()));
        let router = Router::new().route("/hook", post(take)).with_state(Arc::clone(&seen));
        tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { address, seen }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where a webhook points.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// How a platform is started that may call this endpoint.
    pub(crate) fn start_allowing(&self, crash_at: Option<&str>) -> Start<'static> {
        Start {
            crash_at: crash_at.map(str::to_owned),
            allow_target: Some(self.address.to_string()),
            arguments: &[],
        }
    }

    /// What came so far.
    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().expect("no poison").clone()
    }
}

async fn take(State(seen): State<Arc<Mutex<Seen>>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let event: serde_json::Value = serde_json::from_slice(&body).expect("an event");
    let text = |name: &str| event[name].as_str().expect("a text").to_owned();
    let id = headers["webhook-id"].to_str().expect("visible ASCII").to_owned();
    let mut seen = seen.lock().expect("no poison");
    seen.requests.push((id.clone(), 204));
    let ids = seen.events.entry((text("type"), text("subject"))).or_default();
    if !ids.insert(id) {
        seen.repeats += 1;
    }
    StatusCode::NO_CONTENT
}
