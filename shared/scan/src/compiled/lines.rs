//! The table that is kept of a source map: program counters and the stretches of text that they are made of.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::sourcemap::Entry;
use super::text;
use crate::engine::{Report, instruction_places};
use crate::source::Place;

/// Branches of one report that get a place: the report is to stay what one answer holds.
const BRANCHES_MAX: usize = 2_000;
/// What a run of the table stands for, beside a place: nothing that is known.
const UNKNOWN: usize = 0;
/// The same: code of the compiler's own.
const COMPILER: usize = 1;
/// The number of the first place.
const PLACES: usize = 2;

/// What an instruction is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[schemars(rename = "FindingOrigin")]
pub enum Origin {
    /// Text of a file.
    Source {
        /// Which.
        place: Place,
        /// Its first line, at most 200 characters.
        excerpt: String,
    },
    /// Nothing that anybody wrote: the compiler adds it.
    Compiler,
}

/// A call of code that nobody wrote, in text that somebody did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CalledFrom {
    /// The instruction.
    pub pc: usize,
    /// What it is made of.
    pub place: Place,
    /// Its first line, at most 200 characters.
    pub excerpt: String,
}

/// Which text each instruction of one contract is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines {
    contract: String,
    files: Vec<LinesFile>,
    /// File, first line and column, last line and the column after the last.
    places: Vec<[usize; 5]>,
    /// A program counter, and what is from there to the next: `UNKNOWN`, `COMPILER` or a place.
    runs: Vec<(usize, usize)>,
}

/// A file that code is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinesFile {
    /// As the compiler calls it.
    pub path: String,
    /// SHA-256 of its text, in hex.
    pub sha256: String,
    /// Bytes of its text.
    pub size_bytes: usize,
    /// Lines with which places begin, trimmed and cut.
    excerpts: BTreeMap<usize, String>,
}

impl Lines {
    /// The table of `code`, of whose instructions each has its entry in the order of the code. `texts` has paths and texts by the
    /// id of the file; what is of files in `generated` is the compiler's own.
    pub(super) fn of(
        contract: String,
        code: &[u8],
        entries: &[Entry],
        texts: &BTreeMap<u64, (&str, &str)>,
        generated: &BTreeSet<u64>,
    ) -> Self {
        let mut table = Self { contract, files: Vec::new(), places: Vec::new(), runs: Vec::new() };
        let numbers = table.add_places(entries, texts, generated);
        let known = entries.iter().map(|entry| number_of(entry, &numbers, generated));
        // After the last entry comes data.
        let all = known.chain(std::iter::repeat(UNKNOWN));
        for (pc, number) in instruction_places(code).into_iter().zip(all) {
            if table.runs.last().is_none_or(|&(_, before)| before != number) {
                table.runs.push((pc, number));
            }
        }
        table
    }

    /// Adds the files and places that entries speak of; the number of each stretch that is one.
    fn add_places(
        &mut self,
        entries: &[Entry],
        texts: &BTreeMap<u64, (&str, &str)>,
        generated: &BTreeSet<u64>,
    ) -> BTreeMap<Span, usize> {
        let mut spans: BTreeMap<u64, BTreeSet<(usize, usize)>> = BTreeMap::new();
        for span in entries.iter().filter_map(span).filter(|span| !generated.contains(&span.0)) {
            spans.entry(span.0).or_default().insert((span.1, span.2));
        }
        let mut numbers = BTreeMap::new();
        for (id, spans) in spans {
            let Some(&(path, text)) = texts.get(&id) else { continue };
            let offsets = spans.iter().flat_map(|&(start, end)| [start, end]).collect();
            let positions = text::positions(text, &offsets);
            let lines: Vec<&str> = text.split('\n').collect();
            let mut excerpts = BTreeMap::new();
            for (start, end) in spans {
                let (Some(&(line, column)), Some(&(end_line, end_column))) =
                    (positions.get(&start), positions.get(&end))
                else {
                    continue;
                };
                numbers.insert((id, start, end), self.places.len() + PLACES);
                self.places.push([self.files.len(), line, column, end_line, end_column]);
                excerpts
                    .entry(line)
                    .or_insert_with(|| lines.get(line - 1).map(|it| text::excerpt(it)).unwrap_or_default());
            }
            self.files.push(LinesFile {
                path: path.to_owned(),
                sha256: hex::encode(Sha256::digest(text)),
                size_bytes: text.len(),
                excerpts,
            });
        }
        numbers
    }

    /// The contract, `path:Name`.
    #[must_use]
    pub fn contract(&self) -> &str {
        &self.contract
    }

    /// The files that the code is made of.
    #[must_use]
    pub fn files(&self) -> &[LinesFile] {
        &self.files
    }

    /// What the instruction at `pc` is made of, if that is known.
    #[must_use]
    pub fn at(&self, pc: usize) -> Option<Origin> {
        let run = self.runs.partition_point(|&(start, _)| start <= pc).checked_sub(1)?;
        match self.runs.get(run)?.1 {
            UNKNOWN => None,
            COMPILER => Some(Origin::Compiler),
            number => {
                let &[file, line, column, end_line, end_column] = self.places.get(number - PLACES)?;
                let file = self.files.get(file)?;
                let place = Place { path: file.path.clone(), line, column, end_line, end_column };
                let excerpt = file.excerpts.get(&line).cloned().unwrap_or_default();
                Some(Origin::Source { place, excerpt })
            }
        }
    }

    /// The stretch of text that the instruction at `pc` is made of, if somebody wrote it.
    #[must_use]
    pub fn place(&self, pc: usize) -> Option<Place> {
        match self.at(pc) {
            Some(Origin::Source { place, .. }) => Some(place),
            Some(Origin::Compiler) | None => None,
        }
    }

    /// The first of `callers` that somebody wrote.
    pub(crate) fn called_from(&self, callers: &[usize]) -> Option<CalledFrom> {
        callers.iter().find_map(|&pc| match self.at(pc)? {
            Origin::Source { place, excerpt } => Some(CalledFrom { pc, place, excerpt }),
            Origin::Compiler => None,
        })
    }

    /// Says of each finding of the code's report, and of the branches on its path, where it is; of branches, the first 2,000.
    pub fn mark(&self, report: &mut Report) {
        let mut left = BRANCHES_MAX;
        for finding in &mut report.findings {
            finding.origin = self.at(finding.pc);
            finding.called_from = match finding.origin {
                Some(Origin::Source { .. }) => None,
                Some(Origin::Compiler) | None => self.called_from(&finding.evidence.callers),
            };
            for branch in finding.evidence.conditions.iter_mut().take(left) {
                branch.place = self.place(branch.pc);
            }
            left = left.saturating_sub(finding.evidence.conditions.len());
        }
    }
}

/// A file's id, and the first byte of a stretch in it and the one after the last.
type Span = (u64, usize, usize);

fn span(entry: &Entry) -> Option<Span> {
    let (file, start) = (entry.file?, entry.start?);
    Some((file, start, start.checked_add(entry.length?)?))
}

fn number_of(entry: &Entry, numbers: &BTreeMap<Span, usize>, generated: &BTreeSet<u64>) -> usize {
    match entry.file {
        None => COMPILER,
        Some(file) if generated.contains(&file) => COMPILER,
        Some(_) => span(entry).and_then(|span| numbers.get(&span)).copied().unwrap_or(UNKNOWN),
    }
}
