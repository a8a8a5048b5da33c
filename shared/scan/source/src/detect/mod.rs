//! Detectors: questions to facts, to declarations, and to the text itself.

mod access;
mod calls;
mod declarations;
mod guard;
mod interface;
mod numbers;
mod order;
mod reentrancy;
mod spelling;
mod storage;
mod token;
mod tree;
mod versions;

use std::collections::BTreeSet;

use scorpius_scan::engine::{Confidence, Deadline, Severity};
use scorpius_scan::source::Project;

use crate::model::{ContractId, Program};
use crate::syntax::ast::Span;
use crate::walk::facts::{Event, Facts};
use crate::walk::value::Test;
use guard::Guards;

/// Something that a detector found.
#[derive(Clone, Debug)]
pub(crate) struct Hit {
    /// One of `SOURCE_RULES`.
    pub(crate) rule: &'static str,
    pub(crate) severity: Severity,
    pub(crate) confidence: Confidence,
    pub(crate) span: Span,
    pub(crate) contract: Option<ContractId>,
    /// Empty outside of functions.
    pub(crate) function: String,
    pub(crate) summary: String,
    pub(crate) related: Vec<(Span, String)>,
}

impl Hit {
    /// At an event.
    fn at(rule: &'static str, severity: Severity, event: &Event, summary: impl Into<String>) -> Self {
        Self {
            rule,
            severity,
            confidence: Confidence::Likely,
            span: event.span,
            contract: Some(event.contract),
            function: event.function.to_string(),
            summary: summary.into(),
            related: Vec::new(),
        }
    }

    /// At a declaration.
    fn of(
        rule: &'static str,
        severity: Severity,
        span: Span,
        contract: Option<ContractId>,
        summary: impl Into<String>,
    ) -> Self {
        Self {
            rule,
            severity,
            confidence: Confidence::Likely,
            span,
            contract,
            function: String::new(),
            summary: summary.into(),
            related: Vec::new(),
        }
    }

    fn within(self, function: &str) -> Self {
        Self { function: function.to_owned(), ..self }
    }

    fn possible(self) -> Self {
        Self { confidence: Confidence::Possible, ..self }
    }

    fn with(mut self, span: Span, what: impl Into<String>) -> Self {
        self.related.push((span, what.into()));
        self
    }
}

/// One contract's facts, and what detectors ask of them again and again.
struct Case<'a> {
    program: &'a Program,
    facts: &'a Facts,
    guards: Guards,
}

/// A detector on facts.
type Detector = fn(&Case<'_>, &mut Vec<Hit>);

/// Those on facts, in the order in which they run.
const DETECTORS: [Detector; 7] = [
    access::detect,
    calls::detect,
    reentrancy::detect,
    numbers::detect,
    order::detect,
    storage::detect,
    token::detect,
];

/// What the facts of one contract show; `false` when time ran out before all were asked.
pub(crate) fn in_facts(program: &Program, facts: &Facts, deadline: &Deadline) -> (Vec<Hit>, bool) {
    let case = Case { program, facts, guards: Guards::of(facts) };
    let mut hits = Vec::new();
    for detect in DETECTORS {
        if deadline.passed() {
            return (hits, false);
        }
        detect(&case, &mut hits);
    }
    (hits, true)
}

/// What one contract's declarations and bodies show, without walking.
pub(crate) fn in_contract(program: &Program, id: ContractId) -> Vec<Hit> {
    let mut hits = Vec::new();
    declarations::detect(program, id, &mut hits);
    interface::detect(program, id, &mut hits);
    tree::detect(program, id, &mut hits);
    versions::detect(program, id, &mut hits);
    hits
}

/// What the text of the files shows.
pub(crate) fn in_text(project: &Project, program: &Program) -> Vec<Hit> {
    let mut hits = Vec::new();
    spelling::detect(project, program, &mut hits);
    hits
}

/// Calls `each` with every part of a condition that compares or is looked at by itself.
fn each_leaf(test: &Test, each: &mut dyn FnMut(&Test)) {
    match test {
        Test::Not(inner) => each_leaf(inner, each),
        Test::And(left, right) | Test::Or(left, right) => {
            each_leaf(left, each);
            each_leaf(right, each);
        }
        leaf => each(leaf),
    }
}

/// Keeps the first of each place.
fn once(seen: &mut BTreeSet<Span>, span: Span) -> bool {
    seen.insert(span)
}
