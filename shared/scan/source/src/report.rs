//! From hits to a report: places, excerpts, fingerprints, and what was not explored.

use std::collections::{BTreeMap, BTreeSet};

use scorpius_scan::engine::{Budget, Confidence, SOURCE_RULES};
use scorpius_scan::source::{
    ENGINE, Place, Project, Related, SOURCE_FINDINGS_MAX, SourceContract, SourceFile, SourceFinding,
    SourceGap, SourceReport,
};
use sha2::{Digest, Sha256};

use crate::detect::Hit;
use crate::model::{ContractId, Program};
use crate::syntax::ast::{Contract, ContractKind, Span};
use crate::walk::facts::Facts;

/// Things not explored that are told.
const NOT_EXPLORED_MAX: usize = 100;
/// Characters of an excerpt.
const EXCERPT_CHARS_MAX: usize = 200;
/// Other places of one finding.
const RELATED_MAX: usize = 20;

/// What was not read or not followed.
#[derive(Default)]
pub(crate) struct Gaps {
    found: BTreeSet<(&'static str, Option<Span>, String)>,
    unread: Vec<String>,
    stopped_by_time: bool,
}

impl Gaps {
    pub(crate) fn new(program: &Program, unread: Vec<String>) -> Self {
        let mut gaps = Self { stopped_by_time: !unread.is_empty(), unread, ..Self::default() };
        for unit in &program.units {
            for (span, why) in &unit.errors {
                gaps.stopped_by_time |= why == crate::syntax::OUT_OF_TIME;
                gaps.found.insert(("syntax", Some(*span), why.clone()));
            }
        }
        for (span, path) in &program.missing {
            gaps.found.insert(("import", Some(*span), format!("there is no `{path}`")));
        }
        for (span, why) in &program.unresolved {
            gaps.found.insert(("inheritance", Some(*span), why.clone()));
        }
        gaps
    }

    /// A contract that nobody had time for.
    pub(crate) fn late(&mut self, contract: &Contract) {
        self.stopped_by_time = true;
        self.found.insert((
            "contract",
            Some(contract.span),
            format!("no time was left for `{}`", contract.name),
        ));
    }

    /// What walking one contract left out.
    pub(crate) fn of(&mut self, facts: &Facts, contract: &Contract) {
        for (&span, &why) in &facts.gaps {
            self.found.insert(("function", Some(span), why.to_owned()));
        }
        if facts.out_of_time {
            self.stopped_by_time = true;
            self.found.insert(("contract", Some(contract.span), "time ran out".to_owned()));
        }
        if facts.out_of_steps {
            let why = format!("`{}` is longer than the budget follows", contract.name);
            self.found.insert(("contract", Some(contract.span), why));
        }
    }
}

/// One file's text with the start of each line.
struct Text<'p> {
    path: &'p str,
    text: &'p str,
    lines: Vec<usize>,
}

impl<'p> Text<'p> {
    fn new(path: &'p str, text: &'p str) -> Self {
        let starts = text.bytes().zip(1usize..).filter(|(byte, _)| *byte == b'\n').map(|(_, next)| next);
        Self { path, text, lines: std::iter::once(0).chain(starts).collect() }
    }

    /// Line and column of a byte, from 1.
    fn at(&self, offset: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|&start| start <= offset).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count());
        (line, column + 1)
    }

    fn place(&self, span: Span) -> Place {
        let (line, column) = self.at(span.start as usize);
        let (end_line, end_column) = self.at(span.end as usize);
        Place { path: self.path.to_owned(), line, column, end_line, end_column }
    }

    fn excerpt(&self, span: Span) -> String {
        let (line, _) = self.at(span.start as usize);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let rest = self.text.get(start..).unwrap_or_default();
        let whole = rest.lines().next().unwrap_or_default().trim();
        whole.chars().filter(|letter| !letter.is_control()).take(EXCERPT_CHARS_MAX).collect()
    }

    /// The words of a stretch, without what formatting changes.
    fn words(&self, span: Span) -> String {
        let text = self.text.get(span.start as usize..span.end as usize).unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// Puts everything together.
pub(crate) fn report(
    project: &Project,
    budget: Budget,
    program: &Program,
    walked: &[ContractId],
    gaps: Gaps,
    hits: Vec<Hit>,
) -> SourceReport {
    let texts: Vec<Text<'_>> = project.files().map(|(path, text)| Text::new(path, text)).collect();
    let place = |span: Span| texts.get(span.file as usize).map(|text| text.place(span));
    let mut findings = findings(program, &texts, hits);
    let mut not_explored: Vec<SourceGap> = gaps
        .found
        .into_iter()
        .map(|(what, span, why)| SourceGap { what: what.to_owned(), place: span.and_then(place), why })
        .collect();
    not_explored.extend(gaps.unread.into_iter().map(|path| SourceGap {
        what: "time".to_owned(),
        place: None,
        why: format!("no time was left to read `{path}`"),
    }));
    if findings.len() > SOURCE_FINDINGS_MAX {
        let why = format!("{} more findings are left out", findings.len() - SOURCE_FINDINGS_MAX);
        findings.truncate(SOURCE_FINDINGS_MAX);
        not_explored.insert(0, SourceGap { what: "findings".to_owned(), place: None, why });
    }
    not_explored.truncate(NOT_EXPLORED_MAX);
    let contracts = program.contracts().into_iter().map(|id| {
        let contract = program.contract(id);
        SourceContract {
            path: texts.get(id.file as usize).map_or_else(String::new, |text| text.path.to_owned()),
            name: contract.name.clone(),
            kind: kind_name(contract.kind).to_owned(),
            walked: walked.contains(&id),
        }
    });
    SourceReport {
        engine: ENGINE.to_owned(),
        budget,
        project_sha256: project.sha256(),
        files: project
            .files()
            .zip(program.units.iter().map(Some).chain(std::iter::repeat(None)))
            .map(|((path, text), unit)| SourceFile {
                path: path.to_owned(),
                sha256: hex::encode(Sha256::digest(text)),
                size_bytes: text.len(),
                dependency: project.is_dependency(path),
                pragma: unit.and_then(|unit| unit.pragma.clone()),
            })
            .collect(),
        contracts: contracts.collect(),
        incomplete: !not_explored.is_empty(),
        stopped_by_time: gaps.stopped_by_time,
        not_explored,
        findings,
    }
}

/// The report of a scan that did not begin.
pub(crate) fn nothing(project: &Project, budget: Budget, why: &str) -> SourceReport {
    let mut gaps = Gaps { stopped_by_time: true, ..Gaps::default() };
    gaps.unread.extend(project.files().map(|(path, _)| path.to_owned()));
    let mut report = report(project, budget, &Program::default(), &[], gaps, Vec::new());
    for gap in &mut report.not_explored {
        gap.why = format!("{}: {why}", gap.why);
    }
    report
}

fn kind_name(kind: ContractKind) -> &'static str {
    match kind {
        ContractKind::Contract => "contract",
        ContractKind::Abstract => "abstract",
        ContractKind::Interface => "interface",
        ContractKind::Library => "library",
    }
}

fn findings(program: &Program, texts: &[Text<'_>], hits: Vec<Hit>) -> Vec<SourceFinding> {
    // One place counts once for each rule, however many contracts inherit it: the surest and worst stays.
    let mut kept: BTreeMap<(&str, Span), Hit> = BTreeMap::new();
    for hit in hits {
        match kept.entry((hit.rule, hit.span)) {
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert(hit);
            }
            std::collections::btree_map::Entry::Occupied(mut there) => {
                let known = there.get();
                if (hit.severity, hit.confidence) > (known.severity, known.confidence) {
                    there.insert(hit);
                }
            }
        }
    }
    let mut ordinals: BTreeMap<String, usize> = BTreeMap::new();
    let mut all: Vec<SourceFinding> = Vec::new();
    for hit in kept.into_values() {
        let Some(rule) = SOURCE_RULES.iter().find(|rule| rule.id == hit.rule) else { continue };
        let Some(text) = texts.get(hit.span.file as usize) else { continue };
        let contract = hit.contract.map(|id| program.contract(id).name.clone()).unwrap_or_default();
        let subject = format!("{}\n{contract}\n{}\n{}", rule.id, hit.function, text.words(hit.span));
        let ordinal = ordinals.entry(subject.clone()).or_default();
        let fingerprint = Sha256::digest(format!("{subject}\n{ordinal}"));
        *ordinal += 1;
        let related = hit.related.iter().take(RELATED_MAX).filter_map(|(span, what)| {
            let place = texts.get(span.file as usize)?.place(*span);
            Some(Related { place, what: what.clone() })
        });
        all.push(SourceFinding {
            detector: rule.id.to_owned(),
            title: rule.title.to_owned(),
            category: rule.category.to_owned(),
            swc: rule.swc,
            cwe: rule.cwe,
            severity: hit.severity,
            confidence: hit.confidence,
            place: text.place(hit.span),
            contract,
            function: (!hit.function.is_empty()).then(|| hit.function.clone()),
            summary: hit.summary.clone(),
            excerpt: text.excerpt(hit.span),
            related: related.collect(),
            fingerprint: hex::encode(&fingerprint[..16]),
        });
    }
    all.sort_by(|a, b| {
        let worst =
            |it: &SourceFinding| std::cmp::Reverse((it.severity, it.confidence == Confidence::Likely));
        worst(a).cmp(&worst(b)).then_with(|| (&a.place, &a.detector).cmp(&(&b.place, &b.detector)))
    });
    all
}
