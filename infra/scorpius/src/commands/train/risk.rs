//! `scorpius train risk`: folders of sets in, weights, models, calibration and a card out.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use scorpius_risk::likelihood::Calibration;
use scorpius_train::{Builder, Learned, Series, Settings, card, learn, plot};
use serde_json::json;

use crate::commands::eval::corpus;
use crate::commands::{Done, Verdict};
use crate::terminal::{Progress, Terminal};

/// Folders within folders.
const DEPTH_MAX: usize = 8;
/// Files of all folders together.
const FILES_MAX: usize = 1_000;

/// Learn weights of evidence and shallow trees from every set below some folders. The same files and the same seed give the
/// same bytes.
#[derive(Args)]
pub(super) struct TrainRisk {
    /// Folders of sets: JSON lines, plain or gzip, of contracts with code, sites, payments and wallets' requests.
    #[arg(long, required = true, num_args = 1.., value_name = "DIR")]
    corpus: Vec<PathBuf>,
    /// Folders and files of these names are left out: what their licence keeps out of a model, for one.
    #[arg(long, num_args = 1.., default_values = ["copyleft", "mev", "bridge"], value_name = "NAME")]
    skip: Vec<String>,
    /// What `scorpius verdicts feedback` wrote.
    #[arg(long, value_name = "FILE")]
    feedback: Option<PathBuf>,
    /// A new folder for what is learned.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Decides which groups are in which fold.
    #[arg(long, default_value_t = 20_261_126)]
    seed: u64,
    /// What the models are called, after their class.
    #[arg(long, default_value = "2026-11", value_name = "NAME")]
    name: String,
}

impl TrainRisk {
    pub(crate) fn run(self) -> Done {
        let terminal = Terminal::default();
        let mut files = Vec::new();
        for folder in &self.corpus {
            self.files(folder, 0, &mut files)?;
        }
        files.sort();
        files.dedup();
        if files.is_empty() {
            return Err("no set in these folders".into());
        }
        fs::create_dir(&self.out)?;
        terminal.line(format!("seed {}, {} files", self.seed, files.len()));
        let mut builder = Builder::new();
        for path in &files {
            read(&mut builder, path)?;
        }
        if let Some(path) = &self.feedback {
            for line in corpus::open(path)? {
                builder.feedback(&line?).map_err(|error| format!("{}: {error}", path.display()))?;
            }
        }
        let (sets, skipped) = builder.finish();
        let settings = Settings { seed: self.seed, name: self.name.clone() };
        let mut learned: Vec<Learned<'_>> = Vec::new();
        for set in &sets {
            terminal.line(format!("{}: {} rows", set.kind.name(), set.rows.len()));
            learned.push((set, set.sha256()?, learn(set, &settings)));
        }
        for (set, _, outcome) in &learned {
            let said = match outcome {
                Ok(outcome) => {
                    self.write(set.kind.name(), outcome)?;
                    outcome.reason.clone()
                }
                Err(error) => error.to_string(),
            };
            terminal.line(format!("{}: {said}", set.kind.name()));
        }
        self.calibration(&learned)?;
        fs::write(self.out.join("card.md"), card(self.seed, &learned, &skipped)?)?;
        terminal.good(&format!("written to {}", self.out.display()));
        Ok(Verdict::Fine)
    }

    /// The curves of all classes as one file, and what they said against what was true.
    fn calibration(&self, learned: &[Learned<'_>]) -> Result<(), Box<dyn std::error::Error>> {
        let curves = || {
            let learned = learned.iter().filter_map(|(set, _, outcome)| Some((set, outcome.as_ref().ok()?)));
            learned.filter_map(|(set, outcome)| Some((set.kind.likelihood()?.0, outcome.curve.as_ref()?)))
        };
        let by_class = curves().map(|(class, of)| (class, of.curve.clone())).collect();
        let calibration = Calibration::of(format!("calibration-{}", self.name), by_class)?;
        fs::write(self.out.join("calibration.json"), calibration.canonical()?)?;
        let colours = [("#1f5fa8", "#9bbbe0"), ("#b5651d", "#e3bf95")];
        let names: Vec<_> = curves()
            .zip(colours)
            .map(|((class, of), colours)| {
                let name = class.name();
                (format!("{name}, likelihood"), format!("{name}, probability by the rules"), of, colours)
            })
            .collect();
        let series: Vec<Series<'_>> = names
            .iter()
            .flat_map(|(curve, rules, of, (dark, light))| {
                let rules: Series<'_> = (rules, light, &of.by_rules.alike);
                [rules, (curve, dark, &of.applied.alike)]
            })
            .collect();
        fs::write(self.out.join("likelihood.svg"), plot(&series)?)?;
        Ok(())
    }

    fn write(&self, kind: &str, outcome: &scorpius_train::Outcome) -> Result<(), Box<dyn std::error::Error>> {
        let weights: BTreeMap<_, _> =
            outcome.weights.iter().map(|(id, weight)| (id.name(), weight)).collect();
        let document = json!({
            "seed": self.seed,
            "intercept": outcome.intercept,
            "weights": weights,
            "calibration": outcome.calibration,
            "measures": outcome.contenders,
            "trees_ship": outcome.ships,
            "reason": outcome.reason,
        });
        let text = serde_json::to_string_pretty(&document)? + "\n";
        fs::write(self.out.join(format!("{kind}.weights.json")), text)?;
        if let Some(model) = &outcome.model {
            fs::write(self.out.join(format!("{kind}.model.json")), model.canonical()?)?;
        }
        Ok(())
    }

    /// Every file of JSON lines below `folder`, by name.
    fn files(
        &self,
        folder: &Path,
        depth: usize,
        found: &mut Vec<PathBuf>,
    ) -> Result<(), Box<dyn std::error::Error>> {
        if depth > DEPTH_MAX {
            return Err(format!("{}: folders within more than {DEPTH_MAX} folders", folder.display()).into());
        }
        let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if self.skip.contains(&name) {
                continue;
            }
            // Links are not followed, so that no folder is its own.
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.files(&path, depth + 1, found)?;
            } else if kind.is_file() && [".jsonl", ".jsonl.gz"].iter().any(|end| name.ends_with(end)) {
                found.push(path);
            }
            if found.len() > FILES_MAX {
                return Err(format!("more than {FILES_MAX} files").into());
            }
        }
        Ok(())
    }
}

fn read(builder: &mut Builder, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let source = name.split('.').next().unwrap_or_default();
    let lines = corpus::open(path)?.collect::<Result<Vec<_>, _>>()?;
    let mut progress = Progress::new("lines");
    for (index, line) in lines.iter().enumerate() {
        builder
            .line(source, line)
            .map_err(|error| format!("{}: line {}: {error}", path.display(), index + 1))?;
        progress.at(index as u64 + 1, lines.len() as u64);
    }
    progress.end();
    Ok(())
}
