//! Sixty-four callers in four processes: the test runs itself again, as the other processes.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use scorpius_core::{ManualClock, UnixMillis};
use scorpius_edge::limit::{Allowance, Defaults, Limiter};
use scorpius_edge::{Caller, Principal, Role, Strength, Tier};
use scorpius_local::SqliteStore;
use serde::{Deserialize, Serialize};

use super::remote::{Calls, Remote, serve};
use crate::say;

const PROCESSES: usize = 4;
const CALLERS: usize = 16;
/// How this test is called, for itself.
const NAME: &str = "limits::processes::sixty_four_callers_in_four_processes_never_pass_a_limit";
/// What another process is to do, as JSON.
const TASK: &str = "SCORPIUS_LIMITS_TASK";
/// What it says when it is done.
const DONE: &str = "LET THROUGH ";
/// The first second of an hour.
const HOUR: UnixMillis = UnixMillis(1_795_251_600_000);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Task {
    store: SocketAddr,
    tier: Tier,
    key_minute: Option<NonZeroU32>,
    /// Minutes, from the beginning of an hour.
    minutes: u64,
    /// Of each caller, in each minute.
    requests: u32,
}

/// Requests that were let through, by minute.
type LetThrough = BTreeMap<u64, u64>;

/// One of the four processes.
async fn process(task: Task) -> LetThrough {
    let remote = Arc::new(Remote::at(task.store).await);
    let clock = Arc::new(ManualClock::at(HOUR));
    let defaults = Defaults { tier: task.tier, address_minute: None };
    let limiter = Arc::new(Limiter::new(remote.clone(), clock.clone(), defaults));
    let caller = Arc::new(Caller::Known(Principal {
        tenant: "ten_00000000000000000000000000000001".parse().expect("a tenant"),
        subject: "key_00000000000000000000000000000002".to_owned(),
        roles: vec![Role::Viewer],
        scopes: None,
        strength: Strength::ApiKey,
        sign_in: None,
        network_tag: None,
        standing: Default::default(),
        allowance: Allowance { tier: None, key_minute: task.key_minute },
    }));
    let mut let_through = LetThrough::new();
    for minute in 0..task.minutes {
        remote.meet().await;
        let callers = (0..CALLERS).map(|_| {
            let (limiter, caller) = (Arc::clone(&limiter), Arc::clone(&caller));
            tokio::spawn(async move {
                let mut taken = 0;
                for _ in 0..task.requests {
                    let standing = limiter.admit(&caller, "192.0.2.7").await.expect("the store answers");
                    taken += u64::from(standing.check().is_ok());
                    tokio::task::yield_now().await;
                }
                taken
            })
        });
        for taken in futures::future::join_all(callers).await {
            *let_through.entry(minute).or_default() += taken.expect("a caller does not panic");
        }
        remote.meet().await;
        clock.advance_ms(60_000);
    }
    let_through
}

/// Runs four processes, and adds up what they let through.
async fn together(tier: Tier, key_minute: u32, minutes: u64, requests: u32) -> (LetThrough, Arc<Calls>) {
    let store = SqliteStore::in_memory(Arc::new(ManualClock::at(HOUR))).expect("a store");
    let (address, calls) = serve(store, PROCESSES).await;
    let task = Task { store: address, tier, key_minute: NonZeroU32::new(key_minute), minutes, requests };
    let task = serde_json::to_string(&task).expect("a task");
    let children: Vec<_> = (0..PROCESSES)
        .map(|_| {
            Command::new(std::env::current_exe().expect("a test knows its own path"))
                .args([NAME, "--exact", "--nocapture", "--test-threads=1"])
                .env(TASK, &task)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::inherit())
                .spawn()
                .expect("it starts")
        })
        .collect();
    let mut sum = LetThrough::new();
    for child in children {
        let said = tokio::task::spawn_blocking(|| child.wait_with_output()).await.expect("it is waited for");
        let said = said.expect("it ends");
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
        let text = String::from_utf8(said.stdout).expect("text");
        let line = text.lines().find_map(|line| line.split_once(DONE)).expect("it says what it did").1;
        let one: LetThrough = serde_json::from_str(line).expect("by minute");
        for (minute, taken) in one {
            *sum.entry(minute).or_default() += taken;
        }
    }
    (sum, calls)
}

/// Says what was let through and what it cost; answers the cost for each that was let through, in thousandths.
fn cost(name: &str, asked: u64, let_through: &LetThrough, calls: &Calls) -> u64 {
    let sum: u64 = let_through.values().sum();
    let [reads, writes, refused] =
        [&calls.reads, &calls.writes, &calls.refused].map(|count| count.load(Ordering::SeqCst));
    let each = |calls: u64| calls as f64 / sum as f64;
    say(&format!(
        "limits, {name}: {sum} of {asked} requests let through by {PROCESSES} processes; {} calls to the store ({writes} writes, \
         {refused} of them refused, and {reads} reads): {:.3} calls and {:.3} writes for each let through",
        reads + writes,
        each(reads + writes),
        each(writes),
    ));
    (reads + writes) * 1_000 / sum
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_callers_in_four_processes_never_pass_a_limit() {
    if let Ok(task) = std::env::var(TASK) {
        let let_through = process(serde_json::from_str(&task).expect("a task")).await;
        let said = serde_json::to_string(&let_through).expect("by minute");
        writeln!(std::io::stdout(), "\n{DONE}{said}").expect("somebody listens");
        return;
    }
    let callers = (PROCESSES * CALLERS) as u64;

    let (free, calls) = together(Tier::Free, 0, 14, 20).await;
    cost("free", callers * 20 * 14, &free, &calls);
    assert!(free.values().all(|taken| *taken <= 100), "{free:?}");
    let hour: u64 = free.values().sum();
    assert!((900..=1_000).contains(&hour), "{hour} in an hour: {free:?}");

    let (enterprise, calls) = together(Tier::Enterprise, 0, 4, 100).await;
    let each = cost("enterprise", callers * 100 * 4, &enterprise, &calls);
    assert!(enterprise.values().all(|taken| (1_800..=2_000).contains(taken)), "{enterprise:?}");
    assert!(each < 100, "{each} thousandths of a call for each request");

    let (key, calls) = together(Tier::Unlimited, 30, 3, 10).await;
    cost("a key of 30", callers * 10 * 3, &key, &calls);
    assert!(key.values().all(|taken| (20..=30).contains(taken)), "{key:?}");
}
