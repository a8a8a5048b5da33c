//! `scorpius verdicts`: verdicts with all that they were made from, taken out and made again.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::{Args, Subcommand};
use scorpius_core::error::chain;
use scorpius_risk::engine::replay::{Exported, replay};
use scorpius_risk::events::Label;
use scorpius_risk::verdicts::Verdicts as Kept;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{Done, Verdict, runtime};
use crate::host::{Host, Settings};
use crate::terminal::Terminal;

/// Bytes of a line: the largest inputs and their verdict.
const LINE_BYTES_MAX: u64 = 6_000_000;
/// Verdicts that are not made again as they were, and that are shown.
const SHOWN_MAX: usize = 20;

/// Take verdicts out with all that they were made from, and make them again.
#[derive(Args)]
pub struct Verdicts {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Write every verdict of a data folder that no host uses, with its inputs: one JSON line each.
    Export(Export),
    /// Write every verdict whose subject's nature was told, as feedback for `scorpius train risk`: one JSON line each.
    Feedback(Export),
    /// Make every verdict of such a file again, with no store and no chain, and compare the bytes.
    Replay(Replay),
}

#[derive(Args)]
struct Export {
    /// The folder with all state.
    #[arg(long, default_value = ".scorpius", value_name = "DIR")]
    data: PathBuf,
    /// A new file.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

#[derive(Args)]
struct Replay {
    /// What `export` wrote.
    file: PathBuf,
    /// Where the verdicts are written as they were made now, one line each.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

impl Verdicts {
    pub(crate) fn run(self) -> Done {
        match self.what {
            What::Export(export) => runtime()?.block_on(export.verdicts()),
            What::Feedback(feedback) => runtime()?.block_on(feedback.outcomes()),
            What::Replay(replay) => replay.run(),
        }
    }
}

/// Lines of one page, and where to go on.
type Lines = Result<(Vec<Vec<u8>>, Option<String>), Box<dyn std::error::Error>>;

impl Export {
    async fn verdicts(self) -> Done {
        self.write("verdicts", async |kept: &Kept, cursor: Option<&str>| -> Lines {
            let (verdicts, next) = kept.page_of_all(cursor).await?;
            let mut lines = Vec::with_capacity(verdicts.len());
            for verdict in verdicts {
                let (inputs, judged) = (std::str::from_utf8(&verdict.inputs)?, verdict.verdict.as_str());
                lines.push(serde_json::to_vec(&Exported {
                    event_id: &verdict.event_id,
                    inputs: serde_json::from_str(inputs)?,
                    verdict: serde_json::from_str(judged)?,
                })?);
            }
            Ok((lines, next))
        })
        .await
    }

    async fn outcomes(self) -> Done {
        self.write("outcomes", async |kept: &Kept, cursor: Option<&str>| -> Lines {
            let (outcomes, next) = kept.page_of_outcomes(cursor).await?;
            let mut lines = Vec::with_capacity(outcomes.len());
            for (outcome, verdict) in outcomes {
                let inputs: &RawValue = serde_json::from_slice(&verdict.inputs)?;
                let line = FeedbackLine { verdict_id: &outcome.verdict_id, label: outcome.label, inputs };
                lines.push(serde_json::to_vec(&line)?);
            }
            Ok((lines, next))
        })
        .await
    }

    /// Writes every line that the pages have.
    async fn write(self, what: &str, page: impl AsyncFn(&Kept, Option<&str>) -> Lines) -> Done {
        let (host, _) = Host::open(Settings::in_folder(self.data.clone())).await?;
        let store = Arc::new(host.local.store.clone());
        let kept = Kept { store, blobs: Arc::new(host.local.blobs.clone()) };
        let mut out = BufWriter::new(File::create_new(&self.to)?);
        let (mut count, mut cursor) = (0_u64, None);
        loop {
            let (lines, next) = page(&kept, cursor.as_deref()).await?;
            for line in lines {
                out.write_all(&line)?;
                out.write_all(b"\n")?;
                count += 1;
            }
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        out.flush()?;
        out.get_ref().sync_all()?;
        Terminal::default().line(format!("{count} {what} in {}", self.to.display()));
        Ok(Verdict::Fine)
    }
}

/// What a verdict's subject turned out to be, with what the verdict was made from. Reasons and who gave them stay.
#[derive(Serialize)]
struct FeedbackLine<'a> {
    verdict_id: &'a str,
    label: Label,
    inputs: &'a RawValue,
}

/// A line, as it is read again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    event_id: String,
    #[serde(borrow)]
    inputs: &'a RawValue,
    #[serde(borrow)]
    verdict: &'a RawValue,
}

impl Replay {
    fn run(self) -> Done {
        let terminal = Terminal::default();
        let started = Instant::now();
        let mut input = BufReader::new(File::open(&self.file)?);
        let mut out = self.to.as_ref().map(File::create_new).transpose()?.map(BufWriter::new);
        let (mut all, mut count, mut wrong) = (Sha256::new(), 0_u64, 0_usize);
        loop {
            let mut line = Vec::new();
            let length = input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
            if length == 0 {
                break;
            }
            count += 1;
            let text = std::str::from_utf8(&line)?.trim_end();
            let read: Line<'_> =
                serde_json::from_str(text).map_err(|error| format!("line {count}: {error}"))?;
            let why = match replay(read.verdict.get(), read.inputs.get().as_bytes()) {
                Ok(replayed) => {
                    all.update(&replayed.bytes);
                    all.update(b"\n");
                    if let Some(out) = &mut out {
                        out.write_all(&replayed.bytes)?;
                        out.write_all(b"\n")?;
                    }
                    (!replayed.same).then(|| "other bytes came out".to_owned())
                }
                Err(error) => Some(chain(&error)),
            };
            if let Some(why) = why {
                wrong += 1;
                if wrong <= SHOWN_MAX {
                    terminal.line(format!("line {count}, {}: {why}", read.event_id));
                }
            }
        }
        if let Some(mut out) = out {
            out.flush()?;
        }
        let same = count - u64::try_from(wrong)?;
        terminal.line(format!(
            "{same} of {count} verdicts are the same bytes, after {} ms",
            started.elapsed().as_millis()
        ));
        terminal.line(format!("SHA-256 of all that were made now: {}", hex::encode(all.finalize())));
        Ok(if wrong == 0 && count > 0 { Verdict::Fine } else { Verdict::NotFine })
    }
}
