//! `scorpius eval risk`: the risk engine on labelled addresses, domains, wallet requests and payments.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use scorpius_core::UnixMillis;
use scorpius_risk::address::Account;
use scorpius_risk::engine::decide;
use scorpius_risk::engine::inputs::Inputs;
use scorpius_risk::engine::verdict::Verdict as Judged;
use scorpius_risk::lists::{List, ListKind, Lists};
use scorpius_train::{BadCase, question};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::corpus;
use super::risk_score::Score;
use crate::commands::{Done, Verdict};
use crate::terminal::Progress;

/// Judge every line of labelled sets. Labels are read by `--score` alone, after the last result is written.
#[derive(Args)]
pub(super) struct EvalRisk {
    /// Sets: JSON lines, plain or gzip, of addresses, domains, wallet requests, or payments with a history.
    #[arg(long, required = true, num_args = 1..)]
    input: Vec<PathBuf>,
    /// Where the results go, one JSON line each.
    #[arg(long)]
    results: PathBuf,
    /// Ask no list of sanctions or threats. The registries of well-known contracts stay.
    #[arg(long)]
    no_lists: bool,
    /// More lists: documents as `lists/` has them, or JSON lines with an address as `id`. A list never judges
    /// the set that it was made from: the file of the same name.
    #[arg(long, num_args = 1.., conflicts_with = "no_lists")]
    lists: Vec<PathBuf>,
    /// What every spender, operator and delegate of the requests is said to be: `eoa`, `fresh` or `unverified`.
    #[arg(long, value_parser = ["eoa", "fresh", "unverified"])]
    spenders: Option<String>,
    /// When the questions are asked, in milliseconds since 1970: permissions are far or near from there.
    #[arg(long, default_value_t = 1_795_254_040_000)]
    asked_at_ms: u64,
    /// Compare the results with the sets' labels, and print the score.
    #[arg(long)]
    score: bool,
    /// Also write the score as JSON to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also draw the reliability of the probabilities as SVG.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

/// One result line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) level: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) score: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) probability: Option<f64>,
    #[serde(default)]
    pub(super) signals: Vec<Value>,
    #[serde(default)]
    pub(super) seconds: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

impl EvalRisk {
    pub(crate) fn run(self) -> Done {
        self.measure()?;
        if self.score {
            let score = Score::of(&self.input, &self.results)?;
            score.print();
            if let Some(path) = &self.json {
                serde_json::to_writer_pretty(File::create(path)?, &score)?;
            }
            if let Some(path) = &self.plot {
                std::fs::write(path, score.plot())?;
            }
        }
        Ok(Verdict::Fine)
    }

    fn measure(&self) -> Result<(), Box<dyn std::error::Error>> {
        let more = self.lists.iter().map(|path| more(path)).collect::<Result<Vec<_>, _>>()?;
        let mut out = BufWriter::new(File::create(&self.results)?);
        let mut progress = Progress::new("lines");
        for path in &self.input {
            let lists = self.lists_for(path, &more)?;
            let lines = corpus::open(path)?.collect::<Result<Vec<_>, _>>()?;
            for (index, line) in lines.iter().enumerate() {
                let started = Instant::now();
                let mut result = self.case(line, &lists);
                result.seconds = started.elapsed().as_secs_f64();
                serde_json::to_writer(&mut out, &result)?;
                out.write_all(b"\n")?;
                progress.at(index as u64 + 1, lines.len() as u64);
            }
        }
        out.flush()?;
        progress.end();
        Ok(())
    }

    fn lists_for(
        &self,
        input: &Path,
        more: &[(String, Vec<u8>)],
    ) -> Result<Lists, Box<dyn std::error::Error>> {
        let kept = List::seeds().filter(|list| !self.no_lists || list.kind() == ListKind::Registry);
        let name = stem(input);
        let others = more.iter().filter(|(source, _)| *source != name).map(|(_, bytes)| List::parse(bytes));
        Ok(Lists::of(kept.map(Ok).chain(others).collect::<Result<Vec<_>, _>>()?)?)
    }

    fn case(&self, line: &str, lists: &Lists) -> Line {
        let id = serde_json::from_str::<Value>(line)
            .ok()
            .and_then(|case| Some(case.get("id")?.as_str()?.to_owned()));
        let id = id.unwrap_or_default();
        match self.judge(line, lists) {
            Ok(verdict) => Line {
                id,
                level: Some(verdict.level.name().to_owned()),
                score: Some(verdict.score),
                probability: verdict.probability.parse().ok(),
                signals: verdict
                    .signals
                    .iter()
                    .map(|signal| json!({"id": signal.id, "contribution": signal.contribution}))
                    .collect(),
                seconds: 0.0,
                error: None,
            },
            // What is of no chain that is screened is not known, which is no error.
            Err(error) if matches!(error.downcast_ref(), Some(BadCase::NotScreened)) => Line {
                id,
                level: Some("unknown".to_owned()),
                score: None,
                probability: None,
                signals: Vec::new(),
                seconds: 0.0,
                error: None,
            },
            Err(error) => Line {
                id,
                level: None,
                score: None,
                probability: None,
                signals: Vec::new(),
                seconds: 0.0,
                error: Some(error.to_string()),
            },
        }
    }

    fn judge(&self, line: &str, lists: &Lists) -> Result<Judged, Box<dyn std::error::Error>> {
        let case: Value = serde_json::from_str(line)?;
        let (question, history) = question(&case)?;
        let mut inputs =
            Inputs::gather(question, &history, lists, "vrd_0".to_owned(), UnixMillis(self.asked_at_ms));
        if let Some(kind) = &self.spenders {
            let states = inputs
                .question
                .spenders()
                .into_iter()
                .map(|address| state(address, kind))
                .collect::<Vec<_>>();
            inputs = inputs.told(&states);
        }
        Ok(decide(&inputs, inputs.rules()))
    }
}

fn state(address: Account, kind: &str) -> scorpius_risk::engine::inputs::AccountState {
    use scorpius_risk::engine::inputs::{AccountState, Code};
    let contract = Some(Code::Contract);
    match kind {
        "eoa" => AccountState { address, code: Some(Code::None), age_days: None, verified: None },
        "fresh" => AccountState { address, code: contract, age_days: Some(1), verified: None },
        _ => AccountState { address, code: contract, age_days: None, verified: Some(false) },
    }
}

fn stem(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.split('.').next().unwrap_or_default().to_owned()
}

/// A list of its own form, or one made of the addresses of a set.
fn more(path: &Path) -> Result<(String, Vec<u8>), Box<dyn std::error::Error>> {
    let name = stem(path);
    let lines = corpus::open(path)?.collect::<Result<Vec<_>, _>>()?;
    let whole = lines.concat();
    if List::parse(whole.as_bytes()).is_ok() {
        return Ok((name, whole.into_bytes()));
    }
    let mut addresses: BTreeSet<Account> = BTreeSet::new();
    for line in &lines {
        let row: Value = serde_json::from_str(line)?;
        let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
        if !["", "malicious"].contains(&text("class")) {
            continue;
        }
        let id = text("id").to_lowercase();
        addresses.extend(id.parse::<Account>().ok());
    }
    let rows: Vec<_> = addresses
        .iter()
        .map(|address| json!({"address": address.to_string(), "name": name, "source": name, "date": "2026-11-21"}))
        .collect();
    let list = json!({"name": name, "kind": "threats", "as_of": "2026-11-21", "about": "Made of a set.", "rows": rows});
    Ok((name, list.to_string().into_bytes()))
}

/// Results by id.
pub(super) fn results(path: &Path) -> Result<BTreeMap<String, Line>, Box<dyn std::error::Error>> {
    let mut found = BTreeMap::new();
    for line in corpus::open(path)? {
        let line: Line = serde_json::from_str(&line?)?;
        found.insert(line.id.clone(), line);
    }
    Ok(found)
}
