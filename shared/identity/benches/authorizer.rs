//! What it takes to say who asks, on the local store: `cargo bench -p scorpius-identity`.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use scorpius_core::{Clock, Keys, Store, SystemClock};
use scorpius_edge::gateway::{AuthorizerAnswerContext, AuthorizerContext, AuthorizerEvent, HttpEvent};
use scorpius_edge::limit::Defaults;
use scorpius_edge::serve::Door;
use scorpius_edge::{Caller, Limiter, Tier, serve};
use scorpius_identity::authorizer::{App, handle};
use scorpius_identity::{IdentitySettings, LastUsed, SessionLimits, api, bootstrap};
use scorpius_local::{FileKeys, SqliteStore};

/// Requests of each kind.
const REQUESTS: usize = 5_000;

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("identity-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let told = runtime.block_on(measured(&folder)).map_err(std::io::Error::other);
    std::fs::remove_dir_all(&folder)?;
    writeln!(std::io::stdout().lock(), "{}", told?)
}

async fn measured(folder: &std::path::Path) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(folder, Arc::clone(&clock))?);
    let keys: Arc<dyn Keys> = Arc::new(FileKeys::open(folder, Arc::clone(&clock))?);
    let settings =
        IdentitySettings { issuer: "https://scorpius.example".to_owned(), audience: "scorpius".to_owned() };
    let key = bootstrap(&*store, &*clock, "bench").await?.api_key;
    let app = App {
        store: Arc::clone(&store),
        keys: Arc::clone(&keys),
        clock: Arc::clone(&clock),
        settings: settings.clone(),
        used: LastUsed::default(),
    };
    let by_key = event("x-api-key", &key);
    let caller = handle(&app, by_key.clone()).await?.context.caller;
    let auth =
        api::App::new(Arc::clone(&store), keys, Arc::clone(&clock), settings, SessionLimits::default());
    let token = token(&auth, &*clock, caller.clone()).await?;
    let by_token = event("authorization", &format!("Bearer {token}"));

    let mut lines = vec![format!("{:<44}{:>10}{:>10}", "", "p50 us", "p99 us")];
    for (name, asked) in [("a caller with a key", &by_key), ("a caller with a key's token", &by_token)] {
        let mut times = Vec::with_capacity(REQUESTS);
        for _ in 0..REQUESTS {
            let began = Instant::now();
            handle(&app, asked.clone()).await?;
            times.push(began.elapsed());
        }
        lines.push(line(name, times));
    }
    let defaults = Defaults { tier: Tier::Enterprise, address_minute: None };
    let limiter = Limiter::new(store, clock, defaults);
    let caller: Caller = serde_json::from_str(&caller)?;
    let limited = match caller {
        Caller::Known(mut principal) => {
            principal.allowance.tier = Some(Tier::Enterprise);
            Caller::Known(principal)
        }
        Caller::Anonymous(_) => return Err("the first key counts".into()),
    };
    let mut times = Vec::with_capacity(REQUESTS);
    for _ in 0..REQUESTS {
        let began = Instant::now();
        limiter.admit(&limited, "192.0.2.7").await?;
        times.push(began.elapsed());
    }
    lines.push(line("a permit of a minute and of an hour", times));
    Ok(lines.join("\n"))
}

fn event(header: &str, value: &str) -> AuthorizerEvent {
    AuthorizerEvent { headers: [(header.to_owned(), value.to_owned())].into(), ..AuthorizerEvent::default() }
}

async fn token(
    auth: &api::App,
    clock: &dyn Clock,
    caller: String,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let operations = api::operations();
    let gate = scorpius_edge::authorize::RoleTable::shared();
    let door =
        Door { function: "auth", operations: &operations, gate, clock, limiter: None, signatures: None };
    let mut asked = HttpEvent { route_key: "POST /v1/auth/token".to_owned(), ..HttpEvent::default() };
    asked.request_context.authorizer = Some(AuthorizerContext { lambda: AuthorizerAnswerContext { caller } });
    let answer = serve(&door, asked, std::future::pending(), |request| api::handle(auth, request)).await;
    let answer: serde_json::Value = serde_json::from_str(&answer.body)?;
    Ok(answer["access_token"].as_str().ok_or("no token")?.to_owned())
}

fn line(name: &str, mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).map_or(0, Duration::as_micros);
    format!("{name:<44}{:>10}{:>10}", at(50), at(99))
}
