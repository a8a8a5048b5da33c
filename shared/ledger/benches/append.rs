//! Appending to the ledger, and proving from it, on the local adapters: everything is synced to disk.
//!
//! `cargo bench -p scorpius-ledger`. The state is in a temporary folder: `TMPDIR` says on which disk.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput};
use scorpius_core::{Event, KeyName, Keys, SystemClock, TenantId};
use scorpius_edge::queue::BATCH_EVENTS_MAX;
use scorpius_edge::{Caller, Principal, Request, Role, Strength};
use scorpius_ledger::{Origin, Proofs, Sequencer, VerifierKey, api, verify};
use scorpius_local::{Local, LocalOptions};
use serde_json::json;
use tokio::runtime::Builder;

struct Host {
    local: Local,
    sequencer: Sequencer,
    tenant: TenantId,
}

fn origin() -> Origin {
    "example.com/audit".parse().expect("an origin")
}

impl Host {
    fn open(dir: &Path) -> Self {
        let clock = Arc::new(SystemClock);
        let local = Local::open(dir, clock.clone(), LocalOptions::default()).expect("a folder");
        let (store, blobs, keys) =
            (Arc::new(local.store.clone()), Arc::new(local.blobs.clone()), Arc::new(local.keys.clone()));
        let tenant = TenantId::new(&*clock);
        Self { sequencer: Sequencer::new(store, blobs, keys, clock, origin()), local, tenant }
    }

    /// About 600 bytes each, as a verdict's event is.
    fn batch(&self, from: u64) -> Vec<Event> {
        let one = |number: u64| Event {
            specversion: "1.0".to_owned(),
            id: format!("evt_{number:032x}"),
            source: "/scorpius/risk".to_owned(),
            kind: "scorpius.risk.scored.v1".to_owned(),
            subject: format!("vrd_{number:032x}"),
            time: "2026-11-21T09:40:40.123Z".to_owned(),
            datacontenttype: "application/json".to_owned(),
            tenantid: self.tenant.clone(),
            actor: "key_019ab5d2a0007c3e8f2b6a51d4e09c77".to_owned(),
            strength: None,
            network: None,
            traceparent: None,
            aggregate: format!("vrd_{number:032x}"),
            sequence: 1,
            hops: 0,
            data: json!({"level": "caution", "score": 41, "rules_sha256": "ab".repeat(32), "inputs_sha256": "cd".repeat(32)}),
        };
        (from..from + BATCH_EVENTS_MAX as u64).map(one).collect()
    }

    fn request(&self, event_ids: &[String]) -> Request {
        Request {
            operation: "makeBundle",
            path: "/v1/audit/bundles".to_owned(),
            parameters: Default::default(),
            query: Default::default(),
            headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
            body: json!({"event_ids": event_ids}).to_string().into(),
            caller: Caller::Known(Principal {
                tenant: self.tenant.clone(),
                subject: "key_1".to_owned(),
                roles: vec![Role::Auditor],
                scopes: None,
                strength: Strength::ApiKey,
                sign_in: None,
                network_tag: None,
                standing: Default::default(),
                allowance: scorpius_edge::Allowance::default(),
            }),
            request_id: "req_bench".to_owned(),
            network: "127.0.0.1".to_owned(),
            received_at: Default::default(),
            judge: scorpius_edge::Judge::absent(),
        }
    }
}

fn append(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let host = Host::open(folder.path());
    let mut group = criterion.benchmark_group("append");
    group.throughput(Throughput::Elements(BATCH_EVENTS_MAX as u64)).sample_size(30);
    let mut next = 0;
    group.bench_function("batch of 97, durable", |bencher| {
        bencher.iter_batched(
            || {
                next += BATCH_EVENTS_MAX as u64;
                (next, host.batch(next))
            },
            |(next, events)| {
                runtime.block_on(host.sequencer.append(&format!("bat_{next}"), &events)).expect("appended")
            },
            BatchSize::PerIteration,
        );
    });
    for batches in [3, 10] {
        let count = batches * BATCH_EVENTS_MAX;
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("{batches} batches of 97 together, durable"), |bencher| {
            bencher.iter_batched(
                || {
                    let batch = |_| {
                        next += BATCH_EVENTS_MAX as u64;
                        (format!("bat_{next}"), host.batch(next))
                    };
                    (0..batches).map(batch).collect::<Vec<_>>()
                },
                |all| {
                    let all: Vec<_> = all.iter().map(|(id, events)| (id.as_str(), &events[..])).collect();
                    for appended in runtime.block_on(host.sequencer.append_all(&all)) {
                        appended.expect("appended");
                    }
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn prove(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let host = Host::open(folder.path());
    for number in 0..20 {
        let events = host.batch(number * BATCH_EVENTS_MAX as u64);
        runtime.block_on(host.sequencer.append(&format!("bat_{number}"), &events)).expect("appended");
    }
    let store: Arc<dyn scorpius_core::Store> = Arc::new(host.local.store.clone());
    let blobs: Arc<dyn scorpius_core::Blobs> = Arc::new(host.local.blobs.clone());
    let proofs = Proofs { store: store.clone(), blobs: blobs.clone() };
    let id = format!("evt_{:032x}", 700);
    criterion.bench_function("proof made, 1,940 entries", |bencher| {
        bencher.iter(|| {
            runtime
                .block_on(proofs.of_event(&host.tenant, black_box(&id)))
                .expect("an answer")
                .expect("a proof")
        });
    });

    let keys: Arc<dyn Keys> = Arc::new(host.local.keys.clone());
    let app = api::App::new(store, blobs, keys.clone(), Arc::new(SystemClock));
    let bundle = runtime.block_on(api::handle(&app, host.request(&[id]))).body;
    let public_key = runtime.block_on(keys.public_key(KeyName::Ledger)).expect("a key");
    let trusted = [VerifierKey::new(&origin(), &public_key).expect("a key")];
    assert_eq!(verify::bundle(&bundle, &trusted).verdict, verify::Verdict::Verified);
    criterion.bench_function("bundle of one event checked", |bencher| {
        bencher.iter(|| verify::bundle(black_box(&bundle), &trusted));
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    append(&mut criterion);
    prove(&mut criterion);
    criterion.final_summary();
}
