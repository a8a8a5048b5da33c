//! Makes a log of many entries in a new data folder, for other programs to read; reads all of it back against its signed
//! checkpoint; and, asked to, writes it as the folder of tiles that C2SP names, as `scorpius ledger export` does:
//!
//! ```sh
//! cargo run --release -p scorpius-ledger --example fill -- DIR 100000 [EXPORT]
//! ```

#[path = "common/event.rs"]
mod event;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use scorpius_core::{PortError, SystemClock, TenantId};
use scorpius_edge::queue::BATCH_EVENTS_MAX;
use scorpius_ledger::audit::{Against, Seen, walk_log};
use scorpius_ledger::files::BlobFiles;
use scorpius_ledger::{Origin, Policy, Sequencer, VerifierKey};
use scorpius_local::{FolderBlobs, Local, LocalOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(count)) = (arguments.next(), arguments.next()) else {
        return Err("fill DIR COUNT [EXPORT]".into());
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        fill(Path::new(&folder), count.parse()?).await?;
        read_back(Path::new(&folder), arguments.next().as_deref().map(Path::new)).await
    })
}

/// Every entry is hashed, every tile compared, the signature checked; what was read is written to `export`.
async fn read_back(folder: &Path, export: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let key = std::fs::read_to_string(folder.join("ledger.vkey"))?;
    let policy = Policy::of_logs(&[key.trim().parse()?]);
    let blobs = FolderBlobs::for_reading(folder);
    let started = Instant::now();
    let against = Against { policy: &policy, kept: &[] };
    let mut put = |seen: Seen<'_>| match export {
        Some(export) => {
            let file = export.join(&seen.path);
            let written = std::fs::create_dir_all(file.parent().unwrap_or(export))
                .and_then(|()| std::fs::write(&file, seen.bytes));
            written.map_err(|error| PortError::new("export", error))
        }
        None => Ok(()),
    };
    let log = walk_log(&BlobFiles::shared(&blobs), &against, &mut put).await?;
    let (size, seconds) = (log.checkpoint.size, started.elapsed().as_secs_f64());
    say(&format!("{size} entries read back and verified in {seconds:.1} s"))
}

fn say(line: &str) -> Result<(), Box<dyn Error>> {
    Ok(std::io::Write::write_all(&mut std::io::stdout(), format!("{line}\n").as_bytes())?)
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
    let (started, step) = (Instant::now(), (10 * BATCH_EVENTS_MAX) as u64);
    for from in (0..count).step_by(10 * BATCH_EVENTS_MAX) {
        let events: Vec<_> =
            (from..(from + step).min(count)).map(|number| event::event(number, &tenant)).collect();
        let names: Vec<_> = (0..10).map(|batch| format!("bat_{from}_{batch}")).collect();
        let batches: Vec<_> = names.iter().map(String::as_str).zip(events.chunks(BATCH_EVENTS_MAX)).collect();
        for appended in sequencer.append_all(&batches).await {
            appended?;
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    say(&format!("{count} entries in {seconds:.1} s, every batch durable, a checkpoint for ten"))
}
