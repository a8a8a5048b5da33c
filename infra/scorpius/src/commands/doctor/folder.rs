//! This machine, and a folder with all state.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use scorpius_core::{Bus, Clock, SystemClock, UnixMillis};
use scorpius_ledger::anchor::LogLook;
use scorpius_ledger::audit::AuditError;
use scorpius_ledger::audit_log;

use super::Finding;
use crate::host::{Host, Settings};

/// 2026-01-01T00:00:00Z: a machine whose clock is before this has lost the time.
const EARLIEST: UnixMillis = UnixMillis(1_767_225_600_000);

/// Logs of tenants that are looked at.
const OWN_LOGS_MAX: usize = 1_000;

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
    found.extend(logs(&host).await);
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

/// One line for each log: the shared one, and tenants' own.
async fn logs(host: &Host) -> Vec<Finding> {
    let anchorer = host.functions.anchorer();
    let mut found = vec![log(&anchorer.look().await)];
    match anchorer.look_own(OWN_LOGS_MAX).await {
        Ok((looks, more)) => {
            found.extend(looks.iter().map(log));
            if more {
                found.push(Ok(format!("only the first {OWN_LOGS_MAX} logs of tenants were looked at")));
            }
        }
        Err(error) => {
            let why = scorpius_core::error::chain(&error);
            found.push(Err(format!("it cannot be read which tenants have a log of their own: {why}")));
        }
    }
    found
}

fn log(look: &LogLook) -> Finding {
    let LogLook { origin, size, waiting, minimum, held, anchors: (anchors, anchored), faults } = look;
    if !faults.is_empty() {
        return Err(format!(
            "log {origin}: {}; docs/runbooks/ledger-alarm.md says what to do",
            faults.join("; ")
        ));
    }
    let mut said = format!("log {origin}: {size} entries");
    match waiting {
        0 => {}
        waiting => said.push_str(&format!(", {waiting} more wait for a checkpoint")),
    }
    match minimum {
        0 => {}
        minimum => said.push_str(&format!(", kept from {minimum} on")),
    }
    match anchors {
        0 => said.push_str(", no anchor yet"),
        anchors => said.push_str(&format!(", {anchors} anchors, the last of {anchored}")),
    }
    if let Some((hold, index)) = held {
        said.push_str(&format!(", none ends from {index} on: {hold} is a legal hold"));
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use scorpius_core::{Attributes, CommitId, Condition, Key, Store, TenantId, Write};

    use super::*;

    #[tokio::test]
    async fn each_log_of_a_folder_has_its_line() {
        let data = tempfile::tempdir().expect("a folder");
        let tenant = TenantId::new(&SystemClock);
        {
            let settings = Settings::in_folder(data.path().to_owned());
            let (host, _) = Host::open(settings).await.expect("a host");
            let beginning = serde_json::json!({"since_ms": 0, "asked_ms": 0, "asked_by": "usr_1"});
            let begun = Write::Put {
                key: Key::new("ledger#logs", tenant.as_str()),
                attributes: Attributes::document(&beginning),
                expires_at: None,
                condition: Condition::Absent,
            };
            host.local.store.commit(CommitId::new(&SystemClock), &[begun]).await.expect("begun");
        }
        let shared = "log scorpius.local/ledger: 0 entries, no anchor yet".to_owned();
        let own = format!("log scorpius.local/ledger/{tenant}: 0 entries, no anchor yet");
        let found = folder(data.path()).await;
        for line in [shared, own] {
            assert!(found.contains(&Ok(line.clone())), "{line}: {found:?}");
        }
    }

    #[test]
    fn a_log_s_line_says_what_is_so_or_what_is_wrong() {
        let well = LogLook {
            origin: "example.com/log".to_owned(),
            size: 700,
            waiting: 3,
            minimum: 256,
            held: Some(("hld_1".to_owned(), 300)),
            anchors: (2, 700),
            faults: Vec::new(),
        };
        let said = "log example.com/log: 700 entries, 3 more wait for a checkpoint, kept from 256 on, 2 anchors, the last of 700, none ends from 300 on: hld_1 is a legal hold";
        assert_eq!(log(&well), Ok(said.to_owned()));
        let bad = LogLook { faults: vec!["its `tile/0/000` is missing".to_owned()], ..well };
        assert!(
            log(&bad).expect_err("a fault").starts_with("log example.com/log: its `tile/0/000` is missing; ")
        );
    }
}
