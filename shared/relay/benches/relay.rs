//! Carrying events out of the outbox on the local adapters: everything is synced to disk.
//!
//! `cargo bench -p scorpius-relay`. The state is in a temporary folder: `TMPDIR` says on which disk.

use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput};
use scorpius_core::{Clock, CommitId, Condition, Event, Store, SystemClock, TenantId, Write, new_id};
use scorpius_edge::queue::BATCH_EVENTS_MAX;
use scorpius_local::{Local, LocalOptions, QueueSpec};
use scorpius_relay::Relay;
use serde_json::json;
use tokio::runtime::Builder;

/// Events in the outbox when the relay comes by.
const EVENTS: usize = 10 * BATCH_EVENTS_MAX;

fn queues() -> Vec<QueueSpec> {
    let queue =
        |name: &str, patterns: Vec<String>| QueueSpec { name: name.to_owned(), patterns, receives_max: 5 };
    vec![queue("audit", Vec::new()), queue("notify", vec!["scorpius.risk.*".to_owned()])]
}

/// About 600 bytes, as a verdict's event is.
fn event(tenant: &TenantId, clock: &dyn Clock) -> Event {
    let verdict = new_id("vrd", clock);
    Event {
        specversion: "1.0".to_owned(),
        id: new_id("evt", clock),
        source: "/scorpius/risk".to_owned(),
        kind: "scorpius.risk.scored.v1".to_owned(),
        subject: verdict.clone(),
        time: clock.now().to_string(),
        datacontenttype: "application/json".to_owned(),
        tenantid: tenant.clone(),
        actor: "key_019ab5d2a0007c3e8f2b6a51d4e09c77".to_owned(),
        strength: None,
        network: None,
        traceparent: None,
        aggregate: verdict,
        sequence: 1,
        hops: 0,
        data: json!({"level": "caution", "score": 41, "rules_sha256": "ab".repeat(32), "inputs_sha256": "cd".repeat(32)}),
    }
}

async fn fill(store: &dyn Store, clock: &dyn Clock, tenant: &TenantId) {
    for _ in 0..EVENTS / BATCH_EVENTS_MAX {
        let put = |event: Event| {
            let (key, attributes) = event.outbox_row();
            Write::Put { key, attributes, expires_at: None, condition: Condition::Absent }
        };
        let writes: Vec<_> = (0..BATCH_EVENTS_MAX).map(|_| put(event(tenant, clock))).collect();
        store.commit(CommitId::new(clock), &writes).await.expect("the outbox takes them");
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let options = LocalOptions { queues: queues(), ..LocalOptions::default() };
    let local = Local::open(folder.path(), Arc::clone(&clock), options).expect("a folder");
    let store: Arc<dyn Store> = Arc::new(local.store.clone());
    let relay = Relay {
        store: Arc::clone(&store),
        blobs: Arc::new(local.blobs.clone()),
        bus: Arc::new(local.queues.clone()),
        clock: Arc::clone(&clock),
    };
    let tenant = TenantId::new(&*clock);
    let mut group = criterion.benchmark_group("relay");
    group.throughput(Throughput::Elements(EVENTS as u64)).sample_size(20);
    group.bench_function("970 events to a queue and into audit batches, durable", |bencher| {
        bencher.iter_batched(
            || runtime.block_on(fill(&*store, &*clock, &tenant)),
            |()| {
                let swept = runtime.block_on(relay.sweep(0, EVENTS)).expect("carried");
                assert_eq!(swept.relayed.claimed, EVENTS);
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
    criterion.final_summary();
}
