//! The platform is killed at every named point, under load, and nothing that it said is lost or doubled.
//!
//! 20 rounds here; `SCORPIUS_DEATH_ROUNDS=200 cargo test -p scorpius-tests death -- --nocapture` runs more.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use scorpius::client::Client;
use scorpius::host::{Host, Settings};
use scorpius_core::Store;
use scorpius_core::crash::CrashPoint;
use serde_json::{Value, json};

use crate::entries::{all, ledger, only_tenant};
use crate::hooks::Hooks;
use crate::platform::Platform;

const ROUNDS: usize = 20;
const CLIENTS: u64 = 4;
/// How long a round may take to reach its point under load.
const PATIENCE: Duration = Duration::from_secs(60);
/// PUSH1 0 CALLDATALOAD SELFDESTRUCT: a contract that anyone may destroy.
const CONTRACT: &str = "0x600035ff";

/// What clients were told, and what they do not know.
#[derive(Default)]
struct Told {
    /// Idempotency key -> verdict id that was answered 200.
    verdicts: BTreeMap<String, String>,
    /// Idempotency key -> scan id that was answered 202.
    scans: BTreeMap<String, String>,
    /// Requests whose answer was lost: asked again after the restart.
    unanswered: BTreeSet<(String, bool)>,
    /// Answers that contradict an earlier one.
    contradictions: Vec<String>,
}

impl Told {
    fn heard(&mut self, key: &str, is_scan: bool, id: &str) {
        let memory = if is_scan { &mut self.scans } else { &mut self.verdicts };
        if let Some(before) = memory.insert(key.to_owned(), id.to_owned())
            && before != id
        {
            self.contradictions.push(format!("{key}: {before}, then {id}"));
        }
        self.unanswered.remove(&(key.to_owned(), is_scan));
    }
}

#[test]
fn a_killed_platform_loses_and_doubles_nothing() {
    let rounds =
        std::env::var("SCORPIUS_DEATH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    assert!(rounds >= CrashPoint::ALL.len(), "every point needs its round");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(rounds_of_death(rounds));
}

async fn rounds_of_death(rounds: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let hooks = Hooks::start().await;
    let told = Arc::new(Mutex::new(Told::default()));
    let numbers = Arc::new(AtomicU64::new(0));

    let first = Platform::start(folder.path(), &hooks.start_allowing(None));
    let api_key = first.api_key.clone().expect("the first start shows a key");
    subscribe(&first.url, &api_key, &hooks).await;
    drop(first);

    for round in 0..rounds {
        let point = CrashPoint::ALL[round % CrashPoint::ALL.len()];
        // Late enough to be under load, and later each time around, to meet the point in different states.
        let often = matches!(point, CrashPoint::CommitBeforeSync | CrashPoint::CommitAfterSync);
        let visit = if often { 60 } else { 4 } + round / CrashPoint::ALL.len() % 3;
        let crash_at = format!("{}:{visit}", point.name());
        let mut platform = Platform::start(folder.path(), &hooks.start_allowing(Some(&crash_at)));
        if !platform.url.is_empty() {
            let stop = Arc::new(AtomicBool::new(false));
            let load = start_load(&platform.url, &api_key, &told, &numbers, &stop);
            let reached = tokio::task::block_in_place(|| platform.reaches_its_crash_point(PATIENCE));
            assert!(reached, "round {round}: {crash_at} was not reached");
            crate::say(&format!("round {round}: killed at {crash_at}"));
            platform.kill();
            stop.store(true, Ordering::SeqCst);
            for client in load {
                client.await.expect("a client of the load does not panic");
            }
        }
        drop(platform);
    }

    let last = Platform::start(folder.path(), &hooks.start_allowing(None));
    ask_again(&last.url, &api_key, &told).await;
    let redriven = wait_until_quiet(&last.url, &api_key).await;
    drop(last);
    judge(folder.path(), &told, &hooks, redriven).await;
}

async fn subscribe(url: &str, api_key: &str, hooks: &Hooks) {
    let client = Client::new(url).expect("a URL").with_key(api_key);
    let events = ["scorpius.risk.scored.v1", "scorpius.scan.completed.v1"];
    let hook = json!({"url": hooks.url(), "events": events});
    client.post("/v1/config/webhooks", &hook).await.expect("a webhook");
}

fn start_load(
    url: &str,
    api_key: &str,
    told: &Arc<Mutex<Told>>,
    numbers: &Arc<AtomicU64>,
    stop: &Arc<AtomicBool>,
) -> Vec<tokio::task::JoinHandle<()>> {
    (0..CLIENTS)
        .map(|_| {
            let client = Client::new(url).expect("a URL").with_key(api_key);
            let (told, numbers, stop) = (Arc::clone(told), Arc::clone(numbers), Arc::clone(stop));
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let number = numbers.fetch_add(1, Ordering::SeqCst);
                    let (key, is_scan) = (format!("load-{number}"), number % 10 == 0);
                    told.lock().expect("no poison").unanswered.insert((key.clone(), is_scan));
                    match ask(&client, &key, is_scan).await {
                        Some(id) => told.lock().expect("no poison").heard(&key, is_scan, &id),
                        // Dead, or about to be.
                        None => tokio::time::sleep(Duration::from_millis(20)).await,
                    }
                }
            })
        })
        .collect()
}

/// Asks once; `None` when there is no answer.
async fn ask(client: &Client, key: &str, is_scan: bool) -> Option<String> {
    let number: u64 = key.rsplit('-').next()?.parse().ok()?;
    let (path, body) = match is_scan {
        true => ("/v1/scans", json!({"bytecode": CONTRACT, "label": key})),
        false => ("/v1/risk/address", json!({"chain": "eip155:1", "address": format!("0x{number:040x}")})),
    };
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    let asked = client.send("POST", path, &headers, body.to_string());
    let answer = tokio::time::timeout(Duration::from_secs(10), asked).await.ok()?.ok()?;
    match answer.status {
        200..300 => {
            let document: Value = serde_json::from_slice(&answer.body).expect("JSON");
            Some(document["id"].as_str().expect("an id").to_owned())
        }
        429 | 503 => None,
        status => panic!("{path} was answered {status}: {}", String::from_utf8_lossy(&answer.body)),
    }
}

async fn ask_again(url: &str, api_key: &str, told: &Mutex<Told>) {
    let client = Client::new(url).expect("a URL").with_key(api_key);
    // Answers that were given are asked for again too: the same key gets the same answer.
    let again: Vec<_> = {
        let told = told.lock().expect("no poison");
        let heard = told.verdicts.keys().take(50).map(|key| (key.clone(), false));
        told.unanswered.iter().cloned().chain(heard).collect()
    };
    for (key, is_scan) in again {
        let id = ask(&client, &key, is_scan).await.expect("a living platform answers");
        told.lock().expect("no poison").heard(&key, is_scan, &id);
    }
}

/// Waits until all queues are empty; puts dead letters back to work as an operator would. A message
/// becomes one when the process dies too often while it is handed out, since it may be what kills it.
/// Answers how many there were.
async fn wait_until_quiet(url: &str, api_key: &str) -> u64 {
    let client = Client::new(url).expect("a URL").with_key(api_key);
    let started = Instant::now();
    let (mut quiet, mut redriven) = (0, 0);
    while quiet < 5 {
        assert!(started.elapsed() < Duration::from_secs(240), "the queues do not drain");
        let answer = client.get("/v1/admin/queues").await.expect("queues");
        let mut waiting = 0;
        for queue in answer["queues"].as_array().expect("a list") {
            let number = |name: &str| queue[name].as_u64().expect("a number");
            waiting += number("messages");
            if number("dead_letters") > 0 {
                let path = format!("/v1/admin/queues/{}/redrive", queue["queue"].as_str().expect("a name"));
                client.post(&path, &json!({})).await.expect("it is redriven");
                redriven += number("dead_letters");
                waiting += number("dead_letters");
            }
        }
        quiet = if waiting == 0 { quiet + 1 } else { 0 };
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    redriven
}

async fn judge(folder: &Path, told: &Mutex<Told>, hooks: &Hooks, redriven: u64) {
    let (host, _) = Host::open(Settings::in_folder(folder.to_owned())).await.expect("the folder opens");
    assert!(host.drain(100).await.expect("it drains"), "work was left");
    let told = std::mem::take(&mut *told.lock().expect("no poison"));
    assert_eq!(told.contradictions, Vec::<String>::new());
    assert!(told.unanswered.is_empty(), "{:?}", told.unanswered);

    // Every effect once: as many records as keys, and those that were named.
    let store: &dyn Store = &host.local.store;
    let tenant = only_tenant(&host).await;
    let verdicts = ids(store, &format!("{tenant}#verdict")).await;
    let scans = ids(store, &format!("{tenant}#scans")).await;
    assert_eq!(verdicts, told.verdicts.values().cloned().collect());
    assert_eq!(scans, told.scans.values().cloned().collect());

    // The ledger: each event once, and every verdict and scan among them once.
    let entries = ledger(&host).await;
    let (mut scored, mut completed) = (BTreeSet::new(), BTreeSet::new());
    for entry in entries.values() {
        let aggregate = entry["payload"]["aggregate"].as_str().expect("an aggregate").to_owned();
        match entry["type"].as_str().expect("a type") {
            "scorpius.risk.scored.v1" => assert!(scored.insert(aggregate), "scored twice"),
            "scorpius.scan.completed.v1" => assert!(completed.insert(aggregate), "completed twice"),
            _ => {}
        }
    }
    assert_eq!(scored, verdicts);
    assert_eq!(completed, scans);

    // Webhooks: each event under exactly one `webhook-id`, at least once.
    let seen = hooks.seen();
    let about: BTreeSet<_> = seen.events.keys().map(|(_, subject)| subject.clone()).collect();
    assert_eq!(about, verdicts.union(&scans).cloned().collect());
    for ((kind, subject), ids) in &seen.events {
        assert_eq!(ids.len(), 1, "{kind} about {subject} came as {ids:?}");
    }
    let line = format!(
        "{} verdicts, {} scans, {} ledger entries, {} webhooks of which {} came again with the same webhook-id, \
         {redriven} dead letters put back to work",
        verdicts.len(),
        scans.len(),
        entries.len(),
        seen.events.len(),
        seen.repeats
    );
    crate::say(&line);
}

async fn ids(store: &dyn Store, partition: &str) -> BTreeSet<String> {
    all(store, partition).await.into_iter().map(|record| record.key.sort).collect()
}
