//! The ledger beside two flat chains of hashes, in one run on one disk: what is durable, how fast, and what can be proved of it.
//!
//! ```sh
//! cargo run --release -p scorpius-ledger --example chains -- DIR [SECONDS] [PSQL ARGUMENTS…]
//! cargo run --release -p scorpius-ledger --example chains -- /tmp/chains 5 -h 127.0.0.1 -p 55432 -U postgres
//! ```
//!
//! Every system gets the same events, about 300 bytes each as canonical JSON, and answers only when they are on the disk: the
//! ledger as it always does, SQLite with `synchronous=FULL`, PostgreSQL with its defaults (`fsync` and `synchronous_commit` on).

#[path = "common/event.rs"]
mod event;

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use scorpius_core::{Event, SystemClock, TenantId};
use scorpius_edge::queue::BATCH_EVENTS_MAX;
use scorpius_ledger::{Origin, Proofs, Sequencer};
use scorpius_local::{Local, LocalOptions};
use sha2::{Digest, Sha256};

const BATCHES: [usize; 3] = [1, 256, 1_000];

type Done<T> = Result<T, Box<dyn Error>>;

/// What appends a batch, durably, before it answers.
trait Chain {
    fn name(&self) -> &'static str;
    fn append(&mut self, events: &[Event]) -> Done<()>;
}

fn main() -> Done<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let Some((folder, rest)) = arguments.split_first() else {
        return Err("chains DIR [SECONDS] [PSQL…]".into());
    };
    let (seconds, psql) = match rest.split_first() {
        Some((seconds, psql)) => (seconds.parse()?, psql),
        None => (5, rest),
    };
    let folder = PathBuf::from(folder);
    std::fs::create_dir_all(&folder)?;
    let mut chains: Vec<Box<dyn Chain>> =
        vec![Box::new(Ledger::open(&folder)?), Box::new(Flat::open(&folder)?)];
    if !psql.is_empty() {
        chains.push(Box::new(Postgres::open(psql)?));
    }
    let mut out = std::io::stdout();
    writeln!(
        out,
        "| system | batch | entries/s | p50 of a batch | p99 of a batch |\n| --- | --- | --- | --- | --- |"
    )?;
    let (mut next, tenant) = (0, TenantId::new(&SystemClock));
    for size in BATCHES {
        for chain in &mut chains {
            let (mut took, started) = (Vec::new(), Instant::now());
            while started.elapsed() < Duration::from_secs(seconds) {
                let events: Vec<_> =
                    (next..next + size as u64).map(|number| event::event(number, &tenant)).collect();
                next += size as u64;
                let at = Instant::now();
                chain.append(&events)?;
                took.push(at.elapsed());
            }
            took.sort_unstable();
            let busy: Duration = took.iter().sum();
            let rate = (took.len() * size) as f64 / busy.as_secs_f64();
            let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
            let name = chain.name();
            writeln!(out, "| {name} | {size} | {rate:.0} | {:.1} ms | {:.1} ms |", at(0.5), at(0.99))?;
        }
    }
    Ok(())
}

/// This ledger: entries, their leaves, tiles, a signed checkpoint; what was appended is proved once, outside the clock.
struct Ledger {
    runtime: tokio::runtime::Runtime,
    sequencer: Sequencer,
    proofs: Proofs,
    number: u64,
}

impl Ledger {
    fn open(folder: &Path) -> Done<Self> {
        let clock = Arc::new(SystemClock);
        let local = Local::open(&folder.join("ledger"), clock.clone(), LocalOptions::default())?;
        let origin: Origin = "scorpius.local/ledger".parse()?;
        let (store, blobs, keys) = (Arc::new(local.store), Arc::new(local.blobs), Arc::new(local.keys));
        let proofs = Proofs { store: store.clone(), blobs: blobs.clone() };
        let sequencer = Sequencer::new(store, blobs, keys, clock, origin);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, sequencer, proofs, number: 0 })
    }
}

impl Chain for Ledger {
    fn name(&self) -> &'static str {
        "this ledger, to an inclusion proof"
    }

    fn append(&mut self, events: &[Event]) -> Done<()> {
        let names: Vec<_> = (0..)
            .map(|at| format!("bat_{}_{at}", self.number))
            .take(events.len().div_ceil(BATCH_EVENTS_MAX))
            .collect();
        self.number += 1;
        let batches: Vec<_> = names.iter().map(String::as_str).zip(events.chunks(BATCH_EVENTS_MAX)).collect();
        self.runtime.block_on(async {
            for appended in self.sequencer.append_all(&batches).await {
                appended?;
            }
            let last = events.last().ok_or("an empty batch")?;
            let proof = self.proofs.of_event(&last.tenantid, &last.id).await?;
            proof.map(drop).ok_or_else(|| "no proof of what was appended".into())
        })
    }
}

/// A row for each event with the hash of the one before, in SQLite.
struct Flat {
    connection: Connection,
    head: Vec<u8>,
}

impl Flat {
    fn open(folder: &Path) -> Done<Self> {
        let connection = Connection::open(folder.join("chain.sqlite"))?;
        connection.execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
             CREATE TABLE chain (n INTEGER PRIMARY KEY, event TEXT NOT NULL, hash BLOB NOT NULL);",
        )?;
        Ok(Self { connection, head: vec![0; 32] })
    }
}

impl Chain for Flat {
    fn name(&self) -> &'static str {
        "flat chain in SQLite"
    }

    fn append(&mut self, events: &[Event]) -> Done<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached("INSERT INTO chain (event, hash) VALUES (?1, ?2)")?;
            for event in events {
                let text = text(event)?;
                self.head = Sha256::new().chain_update(&self.head).chain_update(&text).finalize().to_vec();
                insert.execute(params![text, self.head])?;
            }
        }
        Ok(transaction.commit()?)
    }
}

/// The same in PostgreSQL: a function there chains the rows, with the head locked; one call a batch over `psql`.
struct Postgres {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

const SCHEMA: &str = "
DROP TABLE IF EXISTS chain; DROP TABLE IF EXISTS chain_head;
CREATE TABLE chain (n bigint PRIMARY KEY, event text NOT NULL, hash bytea NOT NULL);
CREATE TABLE chain_head (n bigint NOT NULL, hash bytea NOT NULL);
INSERT INTO chain_head VALUES (0, decode(repeat('00', 32), 'hex'));
CREATE OR REPLACE FUNCTION chain_append(events jsonb) RETURNS bigint AS $$
DECLARE place bigint; head bytea; one text;
BEGIN
  SELECT n, hash INTO place, head FROM chain_head FOR UPDATE;
  FOR one IN SELECT jsonb_array_elements_text(events) LOOP
    place := place + 1; head := sha256(head || convert_to(one, 'UTF8'));
    INSERT INTO chain VALUES (place, one, head);
  END LOOP;
  UPDATE chain_head SET n = place, hash = head;
  RETURN place;
END $$ LANGUAGE plpgsql;
SELECT 'ready';
";

impl Postgres {
    fn open(arguments: &[String]) -> Done<Self> {
        let mut child = Command::new("psql")
            .args(["-q", "-t", "-A", "-v", "ON_ERROR_STOP=1"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take().ok_or("no input")?;
        let output = BufReader::new(child.stdout.take().ok_or("no output")?);
        let mut opened = Self { child, input, output };
        match opened.ask(SCHEMA)?.as_str() {
            "ready" => Ok(opened),
            other => Err(format!("psql said `{other}`").into()),
        }
    }

    fn ask(&mut self, statement: &str) -> Done<String> {
        writeln!(self.input, "{statement}")?;
        self.input.flush()?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }
}

impl Chain for Postgres {
    fn name(&self) -> &'static str {
        "chain in PostgreSQL"
    }

    fn append(&mut self, events: &[Event]) -> Done<()> {
        let texts = events.iter().map(text).collect::<Result<Vec<_>, _>>()?;
        let array = serde_json::to_string(&texts)?.replace('\'', "''");
        let said = self.ask(&format!("SELECT chain_append('{array}'::jsonb);"))?;
        said.parse::<u64>().map(drop).map_err(|_| format!("psql said `{said}`").into())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn text(event: &Event) -> Result<String, serde_json::Error> {
    scorpius_ledger::entry::canonical(event)
}
