//! `scorpius witness`: cosigns checkpoints of logs that only ever grew. <https://c2sp.org/tlog-witness>

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use clap::Args;
use http::StatusCode;
use scorpius_core::SystemClock;
use scorpius_core::error::chain;
use scorpius_ledger::Origin;
use scorpius_ledger::witness::Witness;
use scorpius_local::{Local, LocalOptions};

use super::{Done, Verdict, runtime};
use crate::terminal::Terminal;

/// Bytes of a request: a proof and a note with its cosignatures.
const REQUEST_BYTES_MAX: usize = 320_000;

/// Run a witness: it cosigns checkpoints of the logs that you name, and only what continues what it saw before.
#[derive(Args)]
pub struct RunWitness {
    /// The witness's own folder, with its key and its memory; not a host's.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:7380", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The witness's name: a URL without scheme, such as `witness.example/w1`.
    #[arg(long, value_name = "NAME")]
    name: Origin,
    /// A file with the verifier key of a log to watch; may be given several times.
    #[arg(long, value_name = "FILE", required = true)]
    log: Vec<PathBuf>,
}

impl RunWitness {
    pub(crate) fn run(self) -> Done {
        runtime()?.block_on(self.serve())
    }

    async fn serve(self) -> Done {
        let mut logs = Vec::new();
        for file in &self.log {
            let text =
                std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
            logs.push(text.trim().parse()?);
        }
        std::fs::create_dir_all(&self.data)?;
        let clock = Arc::new(SystemClock);
        let local = Local::open(&self.data, clock.clone(), LocalOptions::default())?;
        let (store, keys) = (Arc::new(local.store.clone()), Arc::new(local.keys.clone()));
        let witness = Arc::new(Witness::new(store, keys, clock, &self.name, logs).await?);
        let listener = tokio::net::TcpListener::bind(self.listen).await?;
        let terminal = Terminal::default();
        // A program that starts a witness reads these two lines.
        terminal.line(format!("witness {}", witness.key()));
        terminal.line(format!("listening on http://{}", listener.local_addr()?));
        let router = Router::new().route("/add-checkpoint", post(add_checkpoint)).with_state(witness);
        let stop = async {
            // Without a handler for the signal the process ends at once, which loses nothing.
            tokio::signal::ctrl_c().await.unwrap_or_default();
        };
        axum::serve(listener, router).with_graceful_shutdown(stop).await?;
        Ok(Verdict::Fine)
    }
}

async fn add_checkpoint(State(witness): State<Arc<Witness>>, request: Request) -> Response {
    let Ok(body) = to_bytes(request.into_body(), REQUEST_BYTES_MAX).await else {
        return answer(413, "text/plain; charset=utf-8", "too long\n".to_owned());
    };
    match witness.add_checkpoint(&body).await {
        Ok(said) => {
            let (status, kind, body) = said.to_http();
            answer(status, kind, body)
        }
        Err(error) => {
            Terminal::default().failure(&chain(&error));
            answer(500, "text/plain; charset=utf-8", "the witness cannot answer now\n".to_owned())
        }
    }
}

fn answer(status: u16, kind: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}
