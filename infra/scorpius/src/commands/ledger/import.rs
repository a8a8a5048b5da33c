//! `scorpius ledger import-qldb`: an export of QLDB's journal is checked, and each of its blocks enters the ledger.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use scorpius_core::{Event, SystemClock, TenantId, UnixMillis};
use scorpius_edge::queue::BATCH_EVENTS_MAX;
use scorpius_ledger::sequencer::Appended;
use scorpius_ledger::{Sequencer, VerifierKey};
use scorpius_local::{Local, LocalOptions};
use scorpius_qldb::{Block, Export, ExportError, Report, Seen, Visitor, hash};
use scorpius_qldb_api::Journals;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;

use super::super::{Done, Verdict, runtime};
use super::serve::Served;
use crate::terminal::{Progress, Terminal};

/// The type of an imported block's entry. It is appended, not emitted: it happened years ago, and nobody waits for it.
const BLOCK_IMPORTED: &str = "scorpius.audit.qldb_block_imported.v1";
/// Batches that are published together.
const TOGETHER: usize = 10;
/// Bytes of a saved proof.
const PROOF_BYTES_MAX: u64 = 1_000_000;

/// Check an export of QLDB's journal, and append one entry for each block. Exit code 1: something in it is wrong, and nothing
/// was appended.
#[derive(Args)]
pub(super) struct ImportQldb {
    /// The folder that the export was copied to from S3, with its manifests.
    export: PathBuf,
    /// The folder with all state, of a host that does not run now.
    #[arg(long, default_value = ".scorpius", value_name = "DIR")]
    data: PathBuf,
    /// Whose entries they will be; the first tenant's by default.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<TenantId>,
    /// Check only, and append nothing.
    #[arg(long, conflicts_with = "serve")]
    check: bool,
    /// Also keep the blocks, sealed under the tenant's key, and answer GetDigest, GetBlock and GetRevision for them as the
    /// ledger of this name: letters, digits and hyphens.
    #[arg(long, value_name = "NAME")]
    serve: Option<String>,
    /// A digest that was saved when QLDB still answered `GetDigest`, in Base64.
    #[arg(long, value_name = "BASE64", requires_all = ["proof", "block"])]
    digest: Option<String>,
    /// The proof that `GetBlock` gave for that digest: Ion text, a list of blobs.
    #[arg(long, value_name = "FILE", requires = "digest")]
    proof: Option<PathBuf>,
    /// The block that the proof is of: its sequence number.
    #[arg(long, value_name = "NUMBER", requires = "digest")]
    block: Option<u64>,
}

type Error = Box<dyn std::error::Error>;

impl ImportQldb {
    pub(super) fn run(self) -> Done {
        let terminal = Terminal::default();
        let export = Export::open(&self.export)?;
        let mut anchored = None;
        let report = walk(&export, "blocks", &mut |seen| {
            if Some(seen.block.sequence_no) == self.block {
                anchored = Some(seen.block.block_hash.clone());
            }
            moment(seen.block).map(|_| ())
        })?;
        say(&terminal, &export, &report);
        let mut sound = report.is_sound() && report.blocks > 0;
        if let Some(digest) = &self.digest {
            sound &= self.anchored(&terminal, digest, anchored)?;
        } else {
            terminal.note("not anchored: no saved digest was given, and none can be made from an export");
        }
        if !sound {
            terminal.bad("not what it should be: nothing is appended");
            return Ok(Verdict::NotFine);
        }
        if !self.check {
            let served = self.serve.as_ref().map(|name| Served::new(name, &report)).transpose()?;
            let mut into = Into::open(&self.data, self.tenant.clone(), served)?;
            let again =
                walk(&export, "entries", &mut |seen| into.put(seen).map_err(|error| error.to_string()))?;
            into.flush()?;
            if again != report {
                return Err(
                    "the export changed while it was read; what is in the ledger is what it was at first"
                        .into(),
                );
            }
            let known = report.blocks - into.fresh;
            terminal.good(&format!("{} blocks are in the ledger now, {known} were before", into.fresh));
            if let Some(served) = &into.served {
                let (name, fresh) = (served.name(), served.fresh);
                terminal.good(&format!("{fresh} blocks more answer as the ledger `{name}` at /v1/qldb"));
            }
        }
        Ok(Verdict::Fine)
    }

    /// Whether the block's hash leads to the digest.
    fn anchored(&self, terminal: &Terminal, digest: &str, block: Option<hash::Hash>) -> Result<bool, Error> {
        let digest = STANDARD.decode(digest).map_err(|_| "the digest is no Base64")?;
        let proof = self.proof.as_deref().ok_or("no proof was given")?;
        if fs::metadata(proof)?.len() > PROOF_BYTES_MAX {
            return Err(format!("{} is larger than a proof is", proof.display()).into());
        }
        let proof = hash::proof_of_ion(&fs::read(proof)?)?;
        let block = block.ok_or("the block that the proof is of is not in the export")?;
        let leads = hash::fold(&block, &proof) == digest;
        match leads {
            true => terminal.good("anchored: the saved digest covers the block, and so all blocks before it"),
            false => terminal.bad("the saved proof does not lead from the block to the saved digest"),
        }
        Ok(leads)
    }
}

fn say(terminal: &Terminal, export: &Export, report: &Report) {
    let range = report.first.zip(report.last).map_or_else(String::new, |(a, b)| format!(", {a} to {b}"));
    terminal.line(format!("strand {}: {} blocks{range}", report.strand, report.blocks));
    let contents = report.contents;
    match report.json_blocks == report.blocks && report.blocks > 0 {
        true => terminal.note("contents not checked: JSON has lost the types that were hashed; export as Ion"),
        false => terminal.note(&format!(
            "contents: {} revisions ({} of them redacted), {} statements and {} descriptions are what was hashed; of {} revisions only hashes were exported",
            contents.revisions, contents.redacted, contents.statements, contents.descriptions, contents.hash_only
        )),
    }
    if contents.unexplained > 0 {
        terminal.note(&format!(
            "{} entries are hashes that nothing explains: the system's own, and what may have been taken out before you got this",
            contents.unexplained
        ));
    }
    if export.manifests == 0 {
        terminal.note("no manifest: that all of it is there is said by the blocks' numbers alone");
    }
    for name in &export.unlisted {
        terminal.note(&format!("{name}: no manifest lists it"));
    }
    terminal.note(
        "not covered by any hash of QLDB's: a block's own time and ids, and in which order the entries of a block came",
    );
    for (object, block, what) in &report.faults {
        let block = block.map_or_else(String::new, |block| format!(" block {block}:"));
        terminal.bad(&format!("{object}:{block} {what}"));
    }
    let more = report.faults_count - report.faults.len() as u64;
    if more > 0 {
        terminal.bad(&format!("and {more} more"));
    }
    if report.is_sound() && report.first == Some(0) {
        terminal.good("chain: every block leads to the next, from the first one on");
    } else if report.is_sound() {
        terminal.good(
            "chain: every block leads to the next; what came before the first one is not in the export",
        );
    }
}

/// An imported block as the ledger keeps it. The same block has the same id in every import, so that it enters once.
fn event(seen: Seen<'_>, tenant: &TenantId) -> Result<Event, String> {
    let Seen { block, object, object_sha256, .. } = seen;
    let at = moment(block)?;
    let digest = Sha256::new()
        .chain_update(tenant.as_str())
        .chain_update(&block.strand)
        .chain_update(block.sequence_no.to_be_bytes())
        .chain_update(&block.block_hash)
        .finalize();
    let tail = hex::encode(digest);
    let aggregate = format!("qldb_{}", block.strand.chars().take(100).collect::<String>());
    Ok(Event {
        specversion: "1.0".to_owned(),
        // A UUIDv7 of the block's time, so that it is found by time as everything else.
        id: format!("evt_{:012x}7{}8{}", at.0, &tail[..3], &tail[3..18]),
        source: "/scorpius/audit".to_owned(),
        kind: BLOCK_IMPORTED.to_owned(),
        subject: aggregate.clone(),
        time: at.to_string(),
        datacontenttype: "application/json".to_owned(),
        tenantid: tenant.clone(),
        actor: "system:import-qldb".to_owned(),
        strength: None,
        network: None,
        traceparent: None,
        aggregate,
        sequence: block.sequence_no.saturating_add(1),
        hops: 0,
        data: json!({
            "strand_id": block.strand,
            "sequence_no": block.sequence_no,
            "transaction_id": block.transaction_id,
            "block_hash": hex::encode(&block.block_hash),
            "previous_block_hash": hex::encode(&block.previous_block_hash),
            "block_ion_hash": block.ion_hash.as_ref().map(hex::encode),
            "object": object.name,
            "object_sha256": object_sha256,
        }),
    })
}

/// Ion writes a time's offset in its own way.
fn moment(block: &Block) -> Result<UnixMillis, String> {
    let text = ["+00:00", "-00:00"].iter().find_map(|utc| block.timestamp.strip_suffix(utc));
    let text = text.map_or_else(|| block.timestamp.clone(), |text| format!("{text}Z"));
    text.parse().map_err(|error| format!("block {}: {error}", block.sequence_no))
}

/// Reads all blocks, and shows how far it is.
fn walk(export: &Export, what: &'static str, visit: &mut Visitor<'_>) -> Result<Report, ExportError> {
    let mut progress = Progress::new(what);
    let (mut done, of) = (0, export.promised());
    let report = export.walk(&mut |seen| {
        done += 1;
        progress.at(done, of);
        visit(seen)
    });
    progress.end();
    report
}

/// The ledger of a data folder, and what is on its way into it.
struct Into {
    runtime: Runtime,
    sequencer: Sequencer,
    tenant: TenantId,
    batch: Vec<Event>,
    served: Option<Served>,
    /// Entries that were not there before.
    fresh: u64,
}

impl Into {
    fn open(data: &Path, tenant: Option<TenantId>, served: Option<Served>) -> Result<Self, Error> {
        let key = data.join("ledger.vkey");
        let why = |error| format!("{}: {error}; start a host in the folder once", key.display());
        let key: VerifierKey = fs::read_to_string(&key).map_err(why)?.trim().parse()?;
        let runtime = runtime()?;
        let local = Local::open(data, Arc::new(SystemClock), LocalOptions::default())?;
        let tenant = match tenant {
            Some(tenant) => tenant,
            None => runtime
                .block_on(scorpius_core::operator::first_tenant_of(&local.store))?
                .ok_or(scorpius_identity::BootstrapError::NotDone)?,
        };
        let (store, blobs, keys) = (Arc::new(local.store), Arc::new(local.blobs), Arc::new(local.keys));
        let clock = Arc::new(SystemClock);
        let journals = Journals::new(store.clone(), blobs.clone(), keys.clone(), clock.clone());
        let served = served.map(|served| served.into(journals));
        let sequencer = Sequencer::new(store, blobs, keys, clock, key.name().parse()?);
        Ok(Self { runtime, sequencer, tenant, batch: Vec::new(), served, fresh: 0 })
    }

    fn put(&mut self, seen: Seen<'_>) -> Result<(), Error> {
        self.batch.push(event(seen, &self.tenant)?);
        if let Some(served) = &mut self.served {
            self.runtime.block_on(served.put(&self.tenant, seen))?;
        }
        if self.batch.len() == TOGETHER * BATCH_EVENTS_MAX { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Error> {
        if let Some(served) = &mut self.served {
            self.runtime.block_on(served.flush(&self.tenant))?;
        }
        let chunks: Vec<_> =
            self.batch.chunks(BATCH_EVENTS_MAX).map(|events| (name_of(events), events)).collect();
        let batches: Vec<_> = chunks.iter().map(|(name, events)| (name.as_str(), *events)).collect();
        for appended in self.runtime.block_on(self.sequencer.append_all(&batches)) {
            match appended? {
                Appended::Committed { entries } => self.fresh += entries as u64,
                Appended::Known => {}
            }
        }
        self.batch.clear();
        Ok(())
    }
}

/// A batch's id comes from its entries', so that the same one is known again.
fn name_of(events: &[Event]) -> String {
    let ids: Vec<_> = events.iter().map(|event| event.id.as_str()).collect();
    format!("bat_{}", &hex::encode(Sha256::digest(ids.concat()))[..32])
}
