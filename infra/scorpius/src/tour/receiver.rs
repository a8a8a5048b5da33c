//! The tour's own webhook endpoint, on a free loopback port: what a customer would run.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// Waits for webhooks.
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    inbox: mpsc::Receiver<Delivery>,
    stop: Option<oneshot::Sender<()>>,
}

/// One request that came in.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// `webhook-id`, `webhook-timestamp`, `webhook-signature` and the rest.
    pub headers: HeaderMap,
    /// As sent.
    pub body: Bytes,
}

impl Receiver {
    /// Listens.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (sender, inbox) = mpsc::channel(64);
        let (stop, stopped) = oneshot::channel::<()>();
        let router = Router::new().route("/hook", post(take)).with_state(Arc::new(sender));
        tokio::spawn(async move {
            let served = axum::serve(listener, router)
                .with_graceful_shutdown(async { stopped.await.unwrap_or_default() })
                .await;
            if let Err(error) = served {
                tracing::warn!(%error, "the tour's webhook endpoint stopped");
            }
        });
        Ok(Self { address, inbox, stop: Some(stop) })
    }

    /// The next delivery whose event has `kind` and is about `subject`; others that come before it are passed over.
    pub async fn wait_for(&mut self, kind: &str, subject: &str, patience: Duration) -> Option<Delivery> {
        let wanted = async {
            while let Some(delivery) = self.inbox.recv().await {
                let event: serde_json::Value = serde_json::from_slice(&delivery.body).unwrap_or_default();
                if event["type"] == kind && event["subject"] == subject {
                    return Some(delivery);
                }
            }
            None
        };
        tokio::time::timeout(patience, wanted).await.ok().flatten()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that it has stopped already.
            stop.send(()).unwrap_or_default();
        }
    }
}

async fn take(
    State(inbox): State<Arc<mpsc::Sender<Delivery>>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    match inbox.try_send(Delivery { headers, body }) {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
