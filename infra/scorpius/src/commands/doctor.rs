//! `scorpius doctor`: looks at a data folder and at this machine, and says what is wrong and what to do.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use clap::Args;
use scorpius_core::{Bus, Clock, SystemClock, UnixMillis};
use scorpius_ledger::audit::AuditError;
use scorpius_ledger::audit_log;

use super::{Done, Verdict, runtime};
use crate::host::{Host, Settings};
use crate::terminal::Terminal;

/// 2026-01-01T00:00:00Z: a machine whose clock is before this has lost the time.
const EARLIEST: UnixMillis = UnixMillis(1_767_225_600_000);

/// Look at a data folder and at this machine, and say what is wrong.
#[derive(Args)]
pub struct Doctor {
    /// The folder with all state; no host may be using it.
    #[arg(long, default_value = ".scorpius", value_name = "DIR")]
    data: PathBuf,
    /// Where the host would listen.
    #[arg(long, default_value = "127.0.0.1:8480", value_name = "ADDRESS")]
    listen: SocketAddr,
}

impl Doctor {
    pub(crate) fn run(self) -> Done {
        let terminal = Terminal::default();
        let mut fine = true;
        let mut look = |good: Result<String, String>| match good {
            Ok(text) => terminal.good(&text),
            Err(text) => {
                fine = false;
                terminal.bad(&text);
            }
        };
        let now = SystemClock.now();
        look(match now > EARLIEST {
            true => Ok(format!("the clock says {now}")),
            false => {
                Err(format!("the clock says {now}: set the time, or tokens and signatures will be refused"))
            }
        });
        look(match TcpListener::bind(self.listen) {
            Ok(_) => Ok(format!("{} is free", self.listen)),
            Err(error) => Err(format!("{}: {error}; choose another with --listen", self.listen)),
        });
        if self.data.exists() {
            for found in runtime()?.block_on(self.folder()) {
                look(found);
            }
        } else {
            look(Ok(format!("{} does not exist yet: `scorpius up` makes it", self.data.display())));
        }
        Ok(if fine { Verdict::Fine } else { Verdict::NotFine })
    }

    async fn folder(&self) -> Vec<Result<String, String>> {
        let host = match Host::open(Settings::in_folder(self.data.clone())).await {
            Ok((host, _)) => host,
            Err(error) => {
                let why = scorpius_core::error::chain(&error);
                return vec![Err(format!("{}: {why}", self.data.display()))];
            }
        };
        let mut found =
            vec![Ok(format!("{} opens: records, queues, blobs and keys are there", self.data.display()))];
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
}
