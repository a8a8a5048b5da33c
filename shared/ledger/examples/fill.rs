//! Makes a log of many entries in a new data folder, for other programs to read:
//!
//! ```sh
//! cargo run --release -p scorpius-ledger --example fill -- DIR 100000
//! ```

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use scorpius_core::{Event, SystemClock, TenantId};
use scorpius_edge::queue::BATCH_EVENTS_MAX;
use scorpius_ledger::{Origin, Sequencer, VerifierKey};
use scorpius_local::{Local, LocalOptions};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(count)) = (arguments.next(), arguments.next()) else {
        return Err("fill DIR COUNT".into());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(fill(Path::new(&folder), count.parse()?))
}

async fn fill(folder: &Path, count: u64) -> Result<(), Box<dyn Error>> {
    let clock = Arc::new(SystemClock);
    let local = Local::open(folder, clock.clone(), LocalOptions::default())?;
    let origin: Origin = "scorpius.local/ledger".parse()?;
    let key = VerifierKey::of_log(&local.keys, &origin).await?;
    std::fs::write(folder.join("ledger.vkey"), format!("{key}\n"))?;
    let tenant = TenantId::new(&*clock);
    let (store, blobs, keys) = (Arc::new(local.store), Arc::new(local.blobs), Arc::new(local.keys));
    let sequencer = Sequencer::new(store, blobs, keys, clock, origin);
    let (started, step) = (Instant::now(), BATCH_EVENTS_MAX as u64);
    for from in (0..count).step_by(BATCH_EVENTS_MAX) {
        let events: Vec<_> = (from..(from + step).min(count)).map(|number| event(number, &tenant)).collect();
        sequencer.append(&format!("bat_{from}"), &events).await?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let line = format!("{count} entries in {seconds:.1} s, every batch durable and published\n");
    std::io::Write::write_all(&mut std::io::stdout(), line.as_bytes())?;
    Ok(())
}

fn event(number: u64, tenant: &TenantId) -> Event {
    Event {
        specversion: "1.0".to_owned(),
        id: format!("evt_{number:032x}"),
        source: "/scorpius/risk".to_owned(),
        kind: "scorpius.risk.scored.v1".to_owned(),
        subject: format!("vrd_{number:032x}"),
        time: "2026-11-21T09:40:40.123Z".to_owned(),
        datacontenttype: "application/json".to_owned(),
        tenantid: tenant.clone(),
        actor: "key_019ab5d2a0007c3e8f2b6a51d4e09c77".to_owned(),
        strength: Some("api_key".to_owned()),
        network: None,
        traceparent: None,
        aggregate: format!("vrd_{number:032x}"),
        sequence: 1,
        hops: 0,
        data: json!({"level": "caution", "score": 41}),
    }
}
