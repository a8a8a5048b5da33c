//! This machine, and a folder with all state.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use scorpius_core::{Bus, Clock, SystemClock, UnixMillis};
use scorpius_ledger::audit::AuditError;
use scorpius_ledger::audit_log;

use super::Finding;
use crate::host::{Host, Settings};

/// 2026-01-01T00:00:00Z: a machine whose clock is before this has lost the time.
const EARLIEST: UnixMillis = UnixMillis(1_767_225_600_000);

pub(super) async fn look(data: &Path, listen: SocketAddr) -> Vec<Finding> {
    let now = SystemClock.now();
    let mut found = vec![
        match now > EARLIEST {
            true => Ok(format!("the clock says {now}")),
            false => {
                Err(format!("the clock says {now}: set the time, or tokens and signatures will be refused"))
            }
        },
        match TcpListener::bind(listen) {
            Ok(_) => Ok(format!("{listen} is free")),
            Err(error) => Err(format!("{listen}: {error}; choose another with --listen")),
        },
    ];
    match data.exists() {
        true => found.extend(folder(data).await),
        false => found.push(Ok(format!("{} does not exist yet: `scorpius up` makes it", data.display()))),
    }
    found
}

async fn folder(data: &Path) -> Vec<Finding> {
    let host = match Host::open(Settings::in_folder(data.to_owned())).await {
        Ok((host, _)) => host,
        Err(error) => {
            let why = scorpius_core::error::chain(&error);
            return vec![Err(format!("{}: {why}", data.display()))];
        }
    };
    let mut found = vec![Ok(format!("{} opens: records, queues, blobs and keys are there", data.display()))];
    found.push(
        match audit_log(&host.local.blobs, std::slice::from_ref(host.functions.verifier_key())).await {
            Ok(log) => Ok(format!("the ledger's {} entries make its signed root", log.checkpoint.size)),
            Err(AuditError::NoCheckpoint) => Ok("the ledger has no entry yet".to_owned()),
            Err(error) => Err(format!("the ledger: {}", scorpius_core::error::chain(&error))),
        },
    );
    match host.local.queues.depths().await {
        Ok(depths) => found.extend(depths.into_iter().map(|depth| match depth.dead_letters {
            0 => Ok(format!("queue {}: {} waiting", depth.queue, depth.messages)),
            dead => Err(format!(
                "queue {}: {dead} dead letters; see `scorpius queues --redrive {}`",
                depth.queue, depth.queue
            )),
        })),
        Err(error) => found.push(Err(scorpius_core::error::chain(&error))),
    }
    found
}
