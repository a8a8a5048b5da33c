//! HTTP/1.1 on a loopback port (or where the operator says), one request at a time to the host.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode};
use scorpius_edge::HttpAnswer;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use super::Host;
use super::gateway::{self, BODY_BYTES_MAX, WireRequest};

/// Requests in work at once; more are answered 503 at once, as by a Lambda without free concurrency.
const IN_FLIGHT_MAX: usize = 1_000;
/// API Gateway's own patience.
const GATEWAY_TIMEOUT: Duration = Duration::from_secs(30);

struct Shared {
    host: Arc<Host>,
    in_flight: Semaphore,
}

/// Serves until `stop` says so, then lets the requests in work end.
///
/// # Errors
/// When the listener fails.
pub(super) async fn serve(
    host: Arc<Host>,
    listener: TcpListener,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let shared = Arc::new(Shared { host, in_flight: Semaphore::new(IN_FLIGHT_MAX) });
    let router = Router::new().fallback(answer).with_state(shared);
    axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(async move {
            // An error means that the sender is gone, which is a stop too.
            stop.wait_for(|&stopped| stopped).await.map(drop).unwrap_or_default();
        })
        .await
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let Ok(_permit) = shared.in_flight.try_acquire() else {
        return to_wire(gateway::own_answer(503));
    };
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return to_wire(gateway::own_answer(413));
    };
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let request = WireRequest {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers,
        body: body.to_vec(),
        source_ip: peer.ip().to_string(),
    };
    match tokio::time::timeout(GATEWAY_TIMEOUT, shared.host.ask(request)).await {
        Ok(answer) => to_wire(answer),
        Err(_) => to_wire(gateway::own_answer(504)),
    }
}

fn to_wire(answer: HttpAnswer) -> Response {
    let body = answer.body_bytes().unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status_code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let cookies = answer.cookies.into_iter().map(|value| ("set-cookie".to_owned(), value));
    for (name, value) in answer.headers.into_iter().chain(cookies) {
        match (HeaderName::try_from(&name), HeaderValue::try_from(&value)) {
            (Ok(name), Ok(value)) => {
                response.headers_mut().append(name, value);
            }
            _ => tracing::error!(name, "a door answered a header that HTTP does not allow"),
        }
    }
    response
}
