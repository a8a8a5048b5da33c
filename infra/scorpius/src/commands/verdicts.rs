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
use scorpius_wallets::feedback::page_of_closed;
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
    /// Write every verdict of which an outcome or the reason of a closed alert tells what it was about, as feedback for
    /// `scorpius train risk`: one JSON line each.
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
            What::Feedback(feedback) => runtime()?.block_on(feedback.labels()),
            What::Replay(replay) => replay.run(),
        }
    }
}

/// Lines of one page, and where to go on.
type Lines = Result<(Vec<Vec<u8>>, Option<String>), Box<dyn std::error::Error>>;

impl Export {
    async fn verdicts(self) -> Done {
        let mut out = self.begin().await?;
        out.take(async |kept: &Kept, cursor: Option<&str>| -> Lines {
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
        .await?;
        out.end("verdicts")
    }

    /// What was said of verdicts, then what was said of alerts whose verdicts nothing was said of.
    async fn labels(self) -> Done {
        let mut out = self.begin().await?;
        out.take(async |kept: &Kept, cursor: Option<&str>| -> Lines {
            let (outcomes, next) = kept.page_of_outcomes(cursor).await?;
            let lines = outcomes
                .iter()
                .map(|(outcome, verdict)| feedback_line(&outcome.verdict_id, outcome.label, verdict));
            Ok((lines.collect::<Result<_, _>>()?, next))
        })
        .await?;
        out.take(async |kept: &Kept, cursor: Option<&str>| -> Lines {
            let (closed, next) = page_of_closed(kept, cursor).await?;
            let lines = closed.iter().map(|(id, label, verdict)| feedback_line(id, *label, verdict));
            Ok((lines.collect::<Result<_, _>>()?, next))
        })
        .await?;
        out.end("labels")
    }

    async fn begin(self) -> Result<Out, Box<dyn std::error::Error>> {
        let (host, _) = Host::open(Settings::in_folder(self.data)).await?;
        let store = Arc::new(host.local.store.clone());
        let kept = Kept { store, blobs: Arc::new(host.local.blobs.clone()) };
        let file = BufWriter::new(File::create_new(&self.to)?);
        Ok(Out { _host: host, kept, file, path: self.to, count: 0 })
    }
}

/// A file that lines go to.
struct Out {
    /// The folder is its own for as long as this is.
    _host: Arc<Host>,
    kept: Kept,
    file: BufWriter<File>,
    path: PathBuf,
    count: u64,
}

impl Out {
    /// Writes every line that the pages have.
    async fn take(
        &mut self,
        page: impl AsyncFn(&Kept, Option<&str>) -> Lines,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let mut cursor = None;
        loop {
            let (lines, next) = page(&self.kept, cursor.as_deref()).await?;
            for line in lines {
                self.file.write_all(&line)?;
                self.file.write_all(b"\n")?;
                self.count += 1;
            }
            cursor = next;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    fn end(mut self, what: &str) -> Done {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        Terminal::default().line(format!("{} {what} in {}", self.count, self.path.display()));
        Ok(Verdict::Fine)
    }
}

fn feedback_line(
    verdict_id: &str,
    label: Label,
    verdict: &scorpius_risk::verdicts::Kept,
) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&FeedbackLine { verdict_id, label, inputs: serde_json::from_slice(&verdict.inputs)? })
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
