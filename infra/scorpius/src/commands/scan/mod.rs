//! `scorpius scan`: the scanner as a program for a repository's own checks.

mod address;
mod baseline;
mod compiled;
mod detectors;
mod files;
mod source;
mod watch;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use scorpius_scan::engine::query::DetectorSet;
use scorpius_scan::engine::{Budget, CODE_BYTES_MAX, Finding, Replay, Report, Severity};
use scorpius_scan::external;
use scorpius_scan::source::Project;

use self::baseline::Baseline;
use super::{Done, Verdict};
use crate::terminal::{Progress, Terminal};

/// Scan Solidity or a contract's runtime bytecode, without a server. Exit code 1: something at `--fail-on` or worse
/// was found.
#[derive(Args)]
pub struct Scan {
    /// A Solidity file, a folder or zip of them, the compiler's standard JSON input; a file with bytes or hex, or the
    /// hex itself; with `--chain`, a contract's address.
    input: String,
    /// A node of the chain that the address is on, as its EIP-155 number, `=` and a URL.
    #[arg(long, value_name = "ID=URL")]
    chain: Option<String>,
    /// How long it may take: 1, 10 or 60 s.
    #[arg(long, value_enum, default_value = "standard")]
    budget: BudgetName,
    /// Print SARIF 2.1.0 instead of a table.
    #[arg(long)]
    sarif: bool,
    /// Print the report as JSON instead of a table.
    #[arg(long, conflicts_with = "sarif")]
    json: bool,
    /// An earlier report of `--json` or `--sarif`: what it has already is only named in the table, and does not fail.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Reports of other tools on the same Solidity: JSON of Slither, Mythril or Aderyn, or SARIF. What they say of the
    /// same places is shown beside ours, in the table and in `--json`; it fails nothing.
    #[arg(long, value_name = "FILE", conflicts_with = "sarif")]
    import: Vec<PathBuf>,
    /// A folder of detectors: each file `*.det` in it is asked about bytecode, too.
    #[arg(long, value_name = "DIR")]
    detectors: Option<PathBuf>,
    /// The standard JSON output of the compiler that made the bytecode, or a build-info file of Hardhat or Foundry:
    /// findings then have the file and line that they are made of.
    #[arg(long, value_name = "FILE")]
    compiled: Option<PathBuf>,
    /// With `--compiled`: the standard JSON input, or an object of texts by path. A build-info file has it in it.
    #[arg(long, value_name = "FILE", requires = "compiled")]
    sources: Option<PathBuf>,
    /// With `--compiled`: which contract it is, `path:Name`, where more than one has this code.
    #[arg(long, value_name = "NAME", requires = "compiled")]
    contract: Option<String>,
    /// Show no bar on standard error while the scan runs; without a terminal, with `--json`, `--sarif` or the variable
    /// `CI` there is none anyway.
    #[arg(long)]
    quiet: bool,
    /// Fail when something at least this bad is found.
    #[arg(long, value_enum, default_value = "high")]
    fail_on: SeverityName,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum BudgetName {
    Quick,
    Standard,
    Deep,
}

impl BudgetName {
    pub(crate) fn budget(self) -> Budget {
        match self {
            Self::Quick => Budget::Quick,
            Self::Standard => Budget::Standard,
            Self::Deep => Budget::Deep,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum SeverityName {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

impl SeverityName {
    pub(crate) fn severity(self) -> Severity {
        match self {
            Self::Info => Severity::Info,
            Self::Low => Severity::Low,
            Self::Medium => Severity::Medium,
            Self::High => Severity::High,
            Self::Critical => Severity::Critical,
        }
    }
}

impl Scan {
    pub(crate) fn run(self) -> Done {
        // Read first: a baseline that is none fails before time is spent.
        let known = match &self.baseline {
            Some(path) => Baseline::read(path)?,
            None => Baseline::default(),
        };
        let set = match &self.detectors {
            Some(folder) => detectors::read(folder)?,
            None => DetectorSet::default(),
        };
        let found = match &self.chain {
            Some(node) => {
                let (code, at) = address::read(&self.input, node)?;
                if !self.sarif && !self.json {
                    address::explain(&at).iter().for_each(|line| Terminal::default().line(line));
                }
                self.bytecode(&code, &set, &known)?
            }
            None => match files::project(Path::new(&self.input))? {
                Some(project) => self.solidity(&project, &known)?,
                None => self.bytecode(&read(&self.input)?, &set, &known)?,
            },
        };
        let limit = self.fail_on.severity();
        let failed =
            found.iter().any(|(fingerprint, severity)| *severity >= limit && !known.has(fingerprint));
        Ok(if failed { Verdict::NotFine } else { Verdict::Fine })
    }

    fn bar(&self) -> Option<Progress> {
        watch::bar(!self.quiet && !self.json && !self.sarif)
    }

    fn solidity(&self, project: &Project, known: &Baseline) -> Found {
        if self.detectors.is_some() {
            return Err("`--detectors` goes with bytecode".into());
        }
        if self.compiled.is_some() {
            return Err("`--compiled` goes with bytecode".into());
        }
        let mut imported = Vec::new();
        for path in &self.import {
            imported.extend(others(path)?);
        }
        let report = watch::watched(self.bar(), Some(project.files().count()), |run| {
            scorpius_source::scan_watched(project, self.budget.budget(), run)
        });
        let imported = external::merged(&report, imported);
        let terminal = Terminal::default();
        if self.sarif {
            terminal.text(
                &(serde_json::to_string_pretty(&scorpius_scan::sarif::source_document(&report))? + "\n"),
            );
        } else if self.json {
            let mut document = serde_json::to_value(&report)?;
            if !self.import.is_empty() {
                document["imported"] = serde_json::to_value(&imported)?;
            }
            terminal.text(&(serde_json::to_string_pretty(&document)? + "\n"));
        } else {
            source::table(project, &report, known, &terminal);
            source::others(&imported, &terminal);
        }
        Ok(report.findings.into_iter().map(|finding| (finding.fingerprint, finding.severity)).collect())
    }

    fn bytecode(&self, code: &[u8], set: &DetectorSet, known: &Baseline) -> Found {
        if !self.import.is_empty() {
            return Err("`--import` goes with Solidity".into());
        }
        // Read first: an output of other code fails before time is spent.
        let lines = match &self.compiled {
            Some(output) => {
                Some(compiled::lines(output, self.sources.as_deref(), self.contract.as_ref(), code)?)
            }
            None => None,
        };
        let mut report = watch::watched(self.bar(), None, |run| {
            scorpius_replay::scan_watched(code, self.budget.budget(), set, run)
        });
        if let Some(lines) = &lines {
            lines.mark(&mut report);
        }
        let terminal = Terminal::default();
        if self.sarif {
            let document = scorpius_scan::sarif::document_with(&report, lines.as_ref());
            terminal.text(&(serde_json::to_string_pretty(&document)? + "\n"));
        } else if self.json {
            terminal.text(&(serde_json::to_string_pretty(&report)? + "\n"));
        } else {
            table(&report, known, &terminal);
        }
        Ok(report.findings.into_iter().map(|finding| (finding.fingerprint, finding.severity)).collect())
    }
}

/// Fingerprint and severity of each finding.
type Found = Result<Vec<(String, Severity)>, Box<dyn std::error::Error>>;

/// The code that `input` names: a file of bytes or of hex, or hex.
fn read(input: &str) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let path = Path::new(input);
    let bytes = match path.is_file() {
        true => {
            let size = path.metadata()?.len();
            if size > 3 * CODE_BYTES_MAX as u64 {
                return Err(format!("{input} has {size} bytes: more than any contract").into());
            }
            std::fs::read(path)?
        }
        false => input.as_bytes().to_vec(),
    };
    let text = std::str::from_utf8(&bytes).map(str::trim).unwrap_or_default();
    let digits = text.strip_prefix("0x").unwrap_or(text);
    match hex::decode(digits) {
        Ok(code) if !code.is_empty() => Ok(code),
        Ok(_) => Err("there is no code in it".into()),
        Err(_) if path.is_file() => Ok(bytes),
        Err(error) => Err(format!("neither a file nor hex: {error}").into()),
    }
}

/// What another tool's report says.
fn others(path: &Path) -> Result<Vec<external::ExternalFinding>, Box<dyn std::error::Error>> {
    if path.metadata()?.len() > external::REPORT_BYTES_MAX as u64 {
        return Err(format!("{} is too large for a report", path.display()).into());
    }
    external::read(&std::fs::read(path)?).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// The findings that no baseline has; says what became of those that one has, and when there are none.
fn fresh<'f, F>(
    findings: &'f [F],
    named: impl Fn(&F) -> (&str, String),
    (known, incomplete): (&Baseline, bool),
    terminal: &Terminal,
) -> Vec<&'f F> {
    let all: Vec<_> = findings.iter().map(&named).collect();
    known.tell(&all, incomplete, terminal);
    let new: Vec<_> =
        findings.iter().zip(&all).filter(|(_, (it, _))| !known.has(it)).map(|(it, _)| it).collect();
    if new.is_empty() {
        terminal.line(if incomplete { "no finding, and not all code was explored" } else { "no finding" });
    }
    new
}

fn table(report: &Report, known: &Baseline, terminal: &Terminal) {
    let coverage = &report.coverage;
    terminal.line(format!(
        "{}: {} functions, {} blocks, {} of {} jumps resolved",
        report.engine,
        report.functions.len(),
        coverage.blocks,
        coverage.jumps_resolved,
        coverage.jumps
    ));
    for gap in &report.not_explored {
        terminal.line(format!("not explored: {} ({})", gap.what, gap.why));
    }
    let new = fresh(&report.findings, named, (known, report.incomplete), terminal);
    if new.is_empty() {
        return;
    }
    terminal.line(format!(
        "{:<9} {:<9} {:<28} {:>6}  {:<11} finding",
        "severity", "sure", "rule", "pc", "function"
    ));
    for finding in new {
        terminal.line(format!(
            "{:<9} {:<9} {:<28} {:>6}  {:<11} {}",
            finding.severity.name(),
            finding.confidence.name(),
            finding.detector,
            finding.pc,
            finding.selector.as_deref().unwrap_or("fallback"),
            finding.summary,
        ));
        if let Some(origin) = &finding.origin {
            terminal.line(compiled::explain(origin));
        }
        if let Some(caller) = &finding.called_from {
            terminal.line(compiled::explain_caller(caller));
        }
        if let Some(replay) = &finding.replay {
            steps(replay, terminal);
        }
    }
}

fn named(finding: &Finding) -> (&str, String) {
    let line = finding.written_at().map(|place| (place.path.as_str(), place.line));
    (&finding.fingerprint, baseline::place(&finding.detector, Some(finding.pc), line))
}

/// The transactions of a replay, each as `cast send` takes it.
fn steps(replay: &Replay, terminal: &Terminal) {
    let Replay { fork, given, steps, effect } = replay;
    terminal.line(format!("  replayed ({fork}): {}", effect.summary));
    terminal.line(format!("    contract {} with {} wei", given.contract, given.contract_wei));
    for (slot, word) in &given.storage {
        terminal.line(format!("    its storage {slot} is {word}"));
    }
    for (number, step) in (1..).zip(steps) {
        let to = step.to.as_ref().map_or_else(|| "--create".to_owned(), Clone::clone);
        terminal.line(format!("    {number}. {}", step.explain));
        terminal.line(format!("       from {} to {to} value {} data {}", step.from, step.value, step.data));
    }
}
