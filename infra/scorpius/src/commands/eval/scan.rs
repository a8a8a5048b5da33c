//! `scorpius eval scan`: the scanner on labelled contracts.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use clap::Args;
use scorpius_scan::{Engines, engine, evaluation};

use super::corpus;
use super::scan_score::{Scored, print};
use crate::commands::scan::{BudgetName, SeverityName};
use crate::commands::{Done, Verdict};
use crate::terminal::Progress;

/// Scan every contract of labelled sets. Labels are read by `--score` alone, after the last result is written.
#[derive(Args)]
pub(super) struct EvalScan {
    /// Corpora: JSON lines with `id` and `runtime_bytecode`, `source` (Solidity) or both, plain or gzip.
    #[arg(long, required = true, num_args = 1..)]
    corpus: Vec<PathBuf>,
    /// Where the results go, one JSON line a contract.
    #[arg(long)]
    results: PathBuf,
    /// How long one contract may take: 1, 10 or 60 s.
    #[arg(long, value_enum, default_value = "standard")]
    budget: BudgetName,
    /// Do not try findings on an EVM: for what trying costs.
    #[arg(long)]
    without_replay: bool,
    /// Contracts scanned at once; 1 for times that can be compared.
    #[arg(long, default_value = "1")]
    jobs: NonZeroUsize,
    /// Compare the results with the corpora's labels, and print the score.
    #[arg(long)]
    score: bool,
    /// Print the score of results that are there, and scan nothing.
    #[arg(long, conflicts_with = "score")]
    score_only: bool,
    /// Score without labels that only this data set gave (CGT's field `by`).
    #[arg(long, value_name = "DATASET")]
    without_source: Vec<String>,
    /// Score without contracts whose opcodes are those of one in this corpus.
    #[arg(long, value_name = "FILE")]
    novel_to: Vec<PathBuf>,
    /// Score contracts with the same opcodes once.
    #[arg(long)]
    by_group: bool,
    /// Score findings of at least this severity.
    #[arg(long, value_enum, default_value = "info")]
    min_severity: SeverityName,
    /// Also write the score as JSON to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl EvalScan {
    pub(crate) fn run(self) -> Done {
        if !self.score_only {
            self.measure()?;
        }
        if self.score || self.score_only {
            let score = Scored {
                corpora: &self.corpus,
                results: &self.results,
                novel_to: &self.novel_to,
                without_sources: &self.without_source,
                by_group: self.by_group,
                min_severity: self.min_severity.severity(),
            }
            .score()?;
            print(&score);
            if let Some(path) = &self.json {
                serde_json::to_writer_pretty(File::create(path)?, &score)?;
            }
        }
        Ok(Verdict::Fine)
    }

    fn measure(&self) -> Result<(), Box<dyn std::error::Error>> {
        let mut lines = Vec::new();
        for path in &self.corpus {
            for line in corpus::open(path)? {
                lines.push(line?);
            }
        }
        let mut out = BufWriter::new(File::create(&self.results)?);
        let mut progress = Progress::new("contracts");
        let budget = self.budget.budget();
        let bytecode = if self.without_replay { engine::scan_asking } else { scorpius_replay::scan };
        let engines = Engines { bytecode, solidity: scorpius_source::scan };
        let next = AtomicUsize::new(0);
        // Results are written in the order of the corpus, so that two runs can be compared line by line.
        let mut waiting = std::collections::BTreeMap::new();
        let mut written = 0;
        std::thread::scope(|scope| -> Result<(), Box<dyn std::error::Error>> {
            let (give, take) = sync_channel(64);
            for _ in 0..self.jobs.get() {
                let (give, lines, next) = (give.clone(), &lines, &next);
                let work = move || {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(line) = lines.get(index) else { return };
                        // Nobody listens any more when writing has failed.
                        if give.send((index, evaluation::case(line, budget, engines))).is_err() {
                            return;
                        }
                    }
                };
                std::thread::Builder::new().stack_size(16 << 20).spawn_scoped(scope, work)?;
            }
            drop(give);
            for (index, result) in take {
                waiting.insert(index, result?);
                while let Some(result) = waiting.remove(&written) {
                    serde_json::to_writer(&mut out, &result)?;
                    out.write_all(b"\n")?;
                    written += 1;
                    progress.at(written as u64, lines.len() as u64);
                }
            }
            Ok(())
        })?;
        out.flush()?;
        progress.end();
        Ok(())
    }
}
