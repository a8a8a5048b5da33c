//! What a durable commit costs on this machine's disk: `cargo bench -p scorpius-local`.
//!
//! Each line is beside the disk's own time for a sync, without which the others say nothing.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use scorpius_core::{
    Actor, Attributes, CommitId, Condition, Event, Fact, Key, Store, SystemClock, TenantId, Value, Write,
};
use scorpius_local::SqliteStore;
use serde::Serialize;

/// A fact of the size of a verdict's.
#[derive(Debug, Serialize, schemars::JsonSchema)]
struct Measured {
    note: String,
}

impl Fact for Measured {
    const TYPE: &'static str = "scorpius.bench.measured.v1";
    const MEANING: &'static str = "A benchmark says so.";
}

fn main() -> std::io::Result<()> {
    // The folder is below `target`: on the disk where the repository is, not in memory.
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("store-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let mut out = std::io::stdout().lock();
    let cores = std::thread::available_parallelism()?;
    writeln!(out, "{}, {cores} cores, {}", processor(), folder.display())?;
    writeln!(out, "{:<44}{:>10}{:>10}{:>12}", "", "p50 us", "p99 us", "a second")?;
    writeln!(out, "{}", line("sync of 4 KB appended", &mut syncs(&folder.join("sync"), 500)?))?;

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let open = |name: &str| SqliteStore::open(&folder.join(name), Arc::new(SystemClock));
    let store = open("store").map_err(std::io::Error::other)?;
    for (committers, each) in [(1, 500), (8, 200), (64, 100)] {
        let name = format!("durable commit (2 puts, 1 event), {committers} at once");
        writeln!(out, "{}", line(&name, &mut runtime.block_on(commits(&store, committers, each))))?;
    }
    for (readers, each) in [(1, 5_000), (64, 500)] {
        let name = format!("get, {readers} at once");
        writeln!(out, "{}", line(&name, &mut runtime.block_on(gets(&store, readers, each))))?;
    }
    for (adders, each) in [(1, 5_000), (64, 500)] {
        let name = format!("add to a counter, {adders} at once");
        writeln!(out, "{}", line(&name, &mut runtime.block_on(adds(&store, adders, each))))?;
    }
    drop(store);
    let mut opened = Vec::new();
    let began = Instant::now();
    for _ in 0..20 {
        let began = Instant::now();
        drop(open("store").map_err(std::io::Error::other)?);
        opened.push(began.elapsed());
    }
    writeln!(out, "{}", line("open and close", &mut (opened, began.elapsed())))?;
    std::fs::remove_dir_all(&folder)
}

type Times = (Vec<Duration>, Duration);

fn line(name: &str, (times, all): &mut Times) -> String {
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).map_or(0, Duration::as_micros);
    let rate = times.len() as f64 / all.as_secs_f64();
    format!("{name:<44}{:>10}{:>10}{rate:>12.0}", at(50), at(99))
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, model)| model.to_owned())
}

fn syncs(path: &Path, count: usize) -> std::io::Result<Times> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    let began = Instant::now();
    let mut times = Vec::new();
    for _ in 0..count {
        let began = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    Ok((times, began.elapsed()))
}

/// Runs `work` in `tasks` tasks, `each` times in each.
async fn measure<F: Future<Output = ()> + Send>(
    store: &SqliteStore,
    tasks: usize,
    each: usize,
    work: impl Fn(SqliteStore, usize) -> F + Copy + Send + 'static,
) -> Times {
    let began = Instant::now();
    let tasks: Vec<_> = (0..tasks)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut times = Vec::with_capacity(each);
                for number in 0..each {
                    let began = Instant::now();
                    work(store.clone(), task * each + number).await;
                    times.push(began.elapsed());
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.expect("no task panics"));
    }
    (times, began.elapsed())
}

async fn commits(store: &SqliteStore, tasks: usize, each: usize) -> Times {
    let times = measure(store, tasks, each, move |store, number| async move {
        let clock = SystemClock;
        let fact = Measured { note: "x".repeat(500) };
        let aggregate = format!("agg_{tasks}_{number}");
        let event =
            Event::of(&fact, &aggregate, 1, &TenantId::new(&clock), &Actor::request("bench", None), &clock);
        let put = |partition: &str, bytes| Write::Put {
            key: Key::new(partition, aggregate.clone()),
            attributes: Attributes::new().with("doc", Value::Text("x".repeat(bytes))),
            expires_at: None,
            condition: Condition::Absent,
        };
        let writes = [put("ten#verdict", 1_500), put("ten#once", 1_500), Write::emit(event)];
        store.commit(CommitId::new(&clock), &writes).await.expect("the disk works");
    });
    times.await
}

async fn gets(store: &SqliteStore, tasks: usize, each: usize) -> Times {
    let times = measure(store, tasks, each, move |store, number| async move {
        let key = Key::new("ten#verdict", format!("agg_1_{}", number % 500));
        assert!(store.get(&key).await.expect("the disk works").is_some());
    });
    times.await
}

async fn adds(store: &SqliteStore, tasks: usize, each: usize) -> Times {
    let times = measure(store, tasks, each, move |store, number| async move {
        let key = Key::new(format!("counter#{}", number % 100), "a");
        store.add(&key, &[("n", 1)], None, None).await.expect("the disk works");
    });
    times.await
}
