//! The score of the risk engine's results: per set and class, and how good its probabilities are.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::{corpus, risk};
use crate::terminal::Terminal;

/// Bins of the reliability curve.
const BINS: usize = 10;

/// What came out for the lines of one class of one set.
#[derive(Debug, Default, Serialize)]
struct Counts {
    lines: u32,
    /// `danger` or `critical`.
    flagged: u32,
    caution: u32,
    unknown: u32,
    safe: u32,
    errors: u32,
    missing: u32,
}

#[derive(Debug, Default, Serialize)]
struct Bin {
    lines: u32,
    harmful: u32,
    sum: f64,
}

/// The score of all sets.
#[derive(Debug, Serialize)]
pub(super) struct Score {
    /// By set, then by class.
    sets: BTreeMap<String, BTreeMap<String, Counts>>,
    /// Lines with a probability and a label.
    judged: u32,
    brier: Option<f64>,
    calibration_error: Option<f64>,
    bins: Vec<Bin>,
    /// p50, p99 and most, in seconds.
    seconds: Option<[f64; 3]>,
}

impl Score {
    pub(super) fn of(inputs: &[PathBuf], results: &Path) -> Result<Self, Box<dyn Error>> {
        let results = risk::results(results)?;
        let mut sets: BTreeMap<_, BTreeMap<_, Counts>> = BTreeMap::new();
        let mut bins: Vec<Bin> = (0..BINS).map(|_| Bin::default()).collect();
        let (mut judged, mut squares, mut seconds) = (0_u32, 0.0, Vec::new());
        for path in inputs {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            for line in corpus::open(path)? {
                let case: Value = serde_json::from_str(&line?)?;
                let class = class(&case, path);
                let only_lists = case.get("lists_only") == Some(&Value::Bool(true));
                let shown = if only_lists { format!("{class} (lists only)") } else { class.to_owned() };
                let counts = sets.entry(name.clone()).or_default().entry(shown).or_default();
                counts.lines += 1;
                let id = case.get("id").and_then(Value::as_str).unwrap_or_default();
                let Some(result) = results.get(id) else {
                    counts.missing += 1;
                    continue;
                };
                seconds.push(result.seconds);
                match result.level.as_deref() {
                    Some("danger" | "critical") => counts.flagged += 1,
                    Some("caution") => counts.caution += 1,
                    Some("unknown") => counts.unknown += 1,
                    Some(_) => counts.safe += 1,
                    None => counts.errors += 1,
                }
                let harmful = match class {
                    "malicious" => true,
                    "neutral" | "hard_negative" => false,
                    _ => continue,
                };
                let Some(probability) = result.probability.filter(|_| !only_lists) else { continue };
                let truth = f64::from(u8::from(harmful));
                judged += 1;
                squares += (probability - truth).powi(2);
                let last = BINS - 1;
                if let Some(bin) = bins.get_mut(((probability * BINS as f64) as usize).min(last)) {
                    bin.lines += 1;
                    bin.harmful += u32::from(harmful);
                    bin.sum += probability;
                }
            }
        }
        let total = f64::from(judged);
        let gap = |bin: &Bin| (bin.sum - f64::from(bin.harmful)).abs() / total;
        seconds.sort_by(f64::total_cmp);
        let quantile = |share: f64| seconds.get(((seconds.len() as f64 - 1.0) * share) as usize).copied();
        Ok(Self {
            sets,
            judged,
            brier: (judged > 0).then(|| squares / total),
            calibration_error: (judged > 0).then(|| bins.iter().map(gap).sum()),
            seconds: quantile(0.5).zip(quantile(0.99)).zip(seconds.last()).map(|((a, b), c)| [a, b, *c]),
            bins,
        })
    }

    pub(super) fn print(&self) {
        let terminal = Terminal::default();
        terminal.line(format!(
            "{:42}{:26}{:>7}{:>11}{:>11}{:>11}{:>9}{:>8}{:>9}",
            "set", "class", "lines", "flagged %", "caution %", "unknown %", "safe %", "errors", "missing"
        ));
        for (set, classes) in &self.sets {
            for (class, counts) in classes {
                let percent = |part: u32| format!("{:.2}", 100.0 * f64::from(part) / f64::from(counts.lines));
                terminal.line(format!(
                    "{set:42}{class:26}{:>7}{:>11}{:>11}{:>11}{:>9}{:>8}{:>9}",
                    counts.lines,
                    percent(counts.flagged),
                    percent(counts.caution),
                    percent(counts.unknown),
                    percent(counts.safe),
                    counts.errors,
                    counts.missing
                ));
            }
        }
        if let (Some(brier), Some(error)) = (self.brier, self.calibration_error) {
            terminal.line(format!(
                "probabilities of {} lines: Brier score {brier:.4}, calibration error {error:.4}",
                self.judged
            ));
        }
        if let Some([p50, p99, most]) = self.seconds {
            terminal.line(format!("seconds a line: p50 {p50:.6}, p99 {p99:.6}, max {most:.4}"));
        }
    }

    /// The share of harmful lines against the printed probability, a bin a point.
    pub(super) fn plot(&self) -> String {
        const SIDE: f64 = 400.0;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-50 -20 {w} {h}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect x=\"-50\" y=\"-20\" width=\"{w}\" height=\"{h}\" fill=\"white\"/>\n<rect width=\"{SIDE}\" height=\"{SIDE}\" fill=\"none\" stroke=\"#888\"/>\n<line x1=\"0\" y1=\"{SIDE}\" x2=\"{SIDE}\" y2=\"0\" stroke=\"#bbb\" stroke-dasharray=\"4\"/>\n",
            w = SIDE + 80.0,
            h = SIDE + 70.0
        );
        for bin in self.bins.iter().filter(|bin| bin.lines > 0) {
            let lines = f64::from(bin.lines);
            let (x, y) = (SIDE * bin.sum / lines, SIDE * (1.0 - f64::from(bin.harmful) / lines));
            let radius = 2.0 + lines.log10() * 2.0;
            // Writing to a text cannot fail.
            if writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" fill=\"#1f5fa8\"><title>{lines} lines</title></circle>").is_err() {
                return svg;
            }
        }
        svg + &format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">printed probability of harm</text>\n<text transform=\"rotate(-90)\" x=\"{}\" y=\"-12\" text-anchor=\"middle\">share that was harmful</text>\n</svg>\n",
            SIDE / 2.0,
            SIDE + 30.0,
            -SIDE / 2.0
        )
    }
}

fn class<'a>(case: &'a Value, path: &Path) -> &'a str {
    if let Some(class) = case.get("class").and_then(Value::as_str) {
        return class;
    }
    match case.get("label").and_then(Value::as_str) {
        Some("phishing" | "scam" | "malicious") => "malicious",
        Some("benign" | "legitimate") => "neutral",
        _ if path.components().any(|part| part.as_os_str() == "sanctions") => "malicious",
        _ => "unlabelled",
    }
}
