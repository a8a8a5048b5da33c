//! Runs queries over the facts, on fuel.

use std::collections::BTreeSet;

use super::detector::Detector;
use super::facts::{Datum, Facts, Halt, Site, What};
use super::program::{Compare, How, Piece, Query, Report, Sure, Test, Value};
use super::schema::{Entity, Relation};
use crate::engine::detect::{Candidate, Heading};
use crate::engine::evidence::hex_selector;
use crate::engine::expr::{Id, render};

/// Steps that putting a word into words costs.
const RENDER_STEPS: usize = 60;

/// What a detector found, and why it stopped before the end, if it did.
pub(crate) struct Ran<'d> {
    pub(crate) candidates: Vec<Candidate<Heading<'d>>>,
    pub(crate) halted: Option<Halt>,
}

/// Asks one detector, with `fuel` steps. Each query tells of a thing once, with the first others that go with it.
pub(crate) fn run<'d>(detector: &'d Detector, facts: &Facts<'_>, fuel: u64, places_max: usize) -> Ran<'d> {
    facts.refuel(fuel);
    let about = &detector.about;
    let heading = Heading {
        id: &about.id,
        title: &about.title,
        category: &about.category,
        swc: about.swc,
        cwe: about.cwe,
    };
    let (places, told) = (BTreeSet::new(), BTreeSet::new());
    let mut run = Run { facts, heading, places, places_max, told, candidates: Vec::new() };
    let mut halted = None;
    for query in &detector.queries {
        run.told.clear();
        let mut bound = Vec::with_capacity(query.bindings.len());
        if let Err(halt) = run.search(query, &mut bound) {
            halted = Some(halt);
            break;
        }
    }
    // Without time, what is known of conditions is not known, and what follows from their absence is not to be told.
    if halted == Some(Halt::Time) || facts.contract.is_cut() {
        return Ran { candidates: Vec::new(), halted: Some(Halt::Time) };
    }
    Ran { candidates: run.candidates, halted }
}

struct Run<'f, 'c, 'd> {
    facts: &'f Facts<'c>,
    heading: Heading<'d>,
    places: BTreeSet<usize>,
    places_max: usize,
    /// Things that the query has told of: their states, places and subjects. Bounds what is kept by the number of things,
    /// where tuples of them would be millions.
    told: BTreeSet<(usize, usize, Option<Id>)>,
    candidates: Vec<Candidate<Heading<'d>>>,
}

impl<'f> Run<'f, '_, '_> {
    fn search(&mut self, query: &Query, bound: &mut Vec<&'f Site>) -> Result<(), Halt> {
        let (Some(&entity), Some(tests)) = (query.bindings.get(bound.len()), query.tests.get(bound.len()))
        else {
            return Ok(());
        };
        let facts = self.facts;
        for site in facts.sites(entity)? {
            facts.burn(1)?;
            bound.push(site);
            let found = all(facts, tests, bound).and_then(|holds| {
                match (holds, bound.len() == query.bindings.len()) {
                    (false, _) => Ok(()),
                    (true, true) => self.tell(&query.report, bound),
                    (true, false) => self.search(query, bound),
                }
            });
            bound.pop();
            found?;
        }
        Ok(())
    }

    fn tell(&mut self, report: &Report, bound: &[&'f Site]) -> Result<(), Halt> {
        let Some(site) = bound.get(report.variable) else { return Ok(()) };
        let thing = (site.visit, site.pc, site.subject);
        if self.told.contains(&thing) {
            return Ok(());
        }
        let subject = match &report.about {
            Some(value) => word(value_of(self.facts, value, bound)?),
            None => site.subject,
        };
        // Nothing to name is nothing to tell: a fingerprint is made of it.
        let Some(subject) = subject else { return Ok(()) };
        if !self.places.contains(&site.pc) && self.places.len() == self.places_max {
            return Err(Halt::Findings);
        }
        let summary = message(self.facts, &report.message, bound)?;
        self.places.insert(site.pc);
        self.told.insert(thing);
        let contract = self.facts.contract;
        let confidence = match report.confidence {
            Sure::Always(confidence) => confidence,
            Sure::ByPath => contract.certainty(site.visit),
        };
        let candidate = Candidate {
            rule: self.heading,
            pc: site.pc,
            visit: site.visit,
            subject,
            severity: report.severity,
            confidence,
            summary,
        };
        self.candidates.push(candidate);
        Ok(())
    }
}

fn all<'f>(facts: &'f Facts<'_>, tests: &[Test], bound: &[&'f Site]) -> Result<bool, Halt> {
    for test in tests {
        if !holds(facts, test, bound)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn holds<'f>(facts: &'f Facts<'_>, test: &Test, bound: &[&'f Site]) -> Result<bool, Halt> {
    facts.burn(1)?;
    match test {
        Test::All(tests) => all(facts, tests, bound),
        Test::Any(tests) => {
            for test in tests {
                if holds(facts, test, bound)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Test::Not(test) => holds(facts, test, bound).map(|holds| !holds),
        Test::Related { how, entities, test } => {
            let test = test.as_deref();
            let mut bound = bound.to_vec();
            match how {
                How::Exists => Ok(counted(facts, entities, test, false, 1, &mut bound)? > 0),
                How::Every => Ok(counted(facts, entities, test, true, 1, &mut bound)? == 0),
                How::Count(compare, wanted) => {
                    // One more than wanted settles every comparison.
                    let found = counted(facts, entities, test, false, wanted.saturating_add(1), &mut bound)?;
                    Ok(compare.holds(&found, wanted))
                }
            }
        }
        Test::Flag(value) => Ok(value_of(facts, value, bound)? == Datum::Flag(true)),
        Test::Compare(left, compare, right) => {
            let (left, right) = (value_of(facts, left, bound)?, value_of(facts, right, bound)?);
            Ok(compares(facts, left, *compare, right))
        }
        Test::Among(value, members) => {
            let value = value_of(facts, value, bound)?;
            for member in members {
                facts.burn(1)?;
                let member = value_of(facts, member, bound)?;
                if compares(facts, value, Compare::Equal, member) {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Test::From(value, origins) => {
            let word = word(value_of(facts, value, bound)?);
            Ok(word.is_some_and(|word| facts.contract.taint(word).has(*origins)))
        }
        Test::Order(relation, left, right) => {
            let (Some(left), Some(right)) = (bound.get(*left), bound.get(*right)) else { return Ok(false) };
            match relation {
                Relation::After => facts.leads(right, left),
                Relation::Before => facts.leads(left, right),
                _ => facts.always(right, left),
            }
        }
        Test::Place(relation, left, right) => {
            let (Some(site), Some(place)) = (bound.get(*left), word_of(facts, right, bound)?) else {
                return Ok(false);
            };
            match (relation, &site.what) {
                (Relation::Trusts, What::Guard(number)) => {
                    let guard = facts.contract.explored.guards.get(*number as usize);
                    Ok(guard.is_some_and(|guard| guard.fact.trusts.iter().any(|&it| place.is(facts, it))))
                }
                (Relation::Trusts, _) => Ok(false),
                _ => Ok(facts.decided_on(site)?.iter().any(|&it| place.is(facts, it))),
            }
        }
        Test::Parts(relation, left, right) => {
            let left = word(value_of(facts, left, bound)?);
            let (Some(left), Some(right)) = (left, word_of(facts, right, bound)?) else { return Ok(false) };
            match relation {
                Relation::Reads => Ok(facts.slots_inside(left)?.into_iter().any(|it| right.is(facts, it))),
                Relation::Contains => Ok(facts.inside(left)?.into_iter().any(|it| right.is(facts, it))),
                _ => Ok(match right {
                    Part::Word(right) => facts.contract.same_variable(left, right),
                    Part::Number(_) => right.is(facts, left),
                }),
            }
        }
    }
}

/// How often `test` holds (or, with `failing`, does not), until it is `enough`.
fn counted<'f>(
    facts: &'f Facts<'_>,
    entities: &[Entity],
    test: Option<&Test>,
    failing: bool,
    enough: u64,
    bound: &mut Vec<&'f Site>,
) -> Result<u64, Halt> {
    let Some((&entity, rest)) = entities.split_first() else {
        let found = match test {
            Some(test) => holds(facts, test, bound)? != failing,
            None => !failing,
        };
        return Ok(u64::from(found));
    };
    let mut found = 0;
    for site in facts.sites(entity)? {
        facts.burn(1)?;
        bound.push(site);
        let inner = counted(facts, rest, test, failing, enough - found, bound);
        bound.pop();
        found += inner?;
        if found >= enough {
            break;
        }
    }
    Ok(found)
}

/// What stands on the right of a relation.
#[derive(Clone, Copy)]
enum Part {
    Word(Id),
    /// Any word that is this constant.
    Number(alloy_primitives::U256),
}

impl Part {
    fn is(self, facts: &Facts<'_>, word: Id) -> bool {
        match self {
            Self::Word(own) => own == word,
            Self::Number(number) => facts.contract.arena().as_const(word) == Some(number),
        }
    }
}

fn word_of(facts: &Facts<'_>, value: &Value, bound: &[&Site]) -> Result<Option<Part>, Halt> {
    Ok(match value_of(facts, value, bound)? {
        Datum::Word(word) => Some(Part::Word(word)),
        Datum::Number(number) => Some(Part::Number(number)),
        Datum::Absent | Datum::Flag(_) | Datum::Function(_) | Datum::Name(_) => None,
    })
}

fn word(datum: Datum) -> Option<Id> {
    match datum {
        Datum::Word(word) => Some(word),
        Datum::Absent | Datum::Flag(_) | Datum::Number(_) | Datum::Function(_) | Datum::Name(_) => None,
    }
}

fn value_of(facts: &Facts<'_>, value: &Value, bound: &[&Site]) -> Result<Datum, Halt> {
    match value {
        Value::Number(number) => Ok(Datum::Number(*number)),
        Value::Function(function) => Ok(Datum::Function(*function)),
        Value::Name(name) => Ok(Datum::Name(name)),
        Value::Field { variable, field, path } => {
            facts.burn(1 + path.len())?;
            let Some(site) = bound.get(*variable) else { return Ok(Datum::Absent) };
            let mut datum = (field.get)(facts, site)?;
            for step in path {
                datum = match datum {
                    Datum::Word(word) => (step.get)(facts, word)?,
                    _ => return Ok(Datum::Absent),
                };
            }
            Ok(datum)
        }
    }
}

/// What is absent equals nothing, and is in no order with anything.
fn compares(facts: &Facts<'_>, left: Datum, compare: Compare, right: Datum) -> bool {
    let number = |datum| match datum {
        Datum::Number(number) => Some(number),
        Datum::Word(word) => facts.contract.arena().as_const(word),
        Datum::Absent | Datum::Flag(_) | Datum::Function(_) | Datum::Name(_) => None,
    };
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        return compare.holds(&left, &right);
    }
    match compare {
        Compare::Equal => left == right && left != Datum::Absent,
        Compare::Unequal => !(left == right && left != Datum::Absent),
        Compare::Less | Compare::AtMost | Compare::More | Compare::AtLeast => false,
    }
}

fn message(facts: &Facts<'_>, pieces: &[Piece], bound: &[&Site]) -> Result<String, Halt> {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(plain) => {
                facts.burn(plain.len())?;
                text.push_str(plain);
            }
            Piece::Value(value) => {
                facts.burn(RENDER_STEPS)?;
                match value_of(facts, value, bound)? {
                    Datum::Absent => text.push_str("nothing"),
                    Datum::Flag(flag) => text.push_str(if flag { "yes" } else { "no" }),
                    Datum::Number(number) => text.push_str(&format!("{number:#x}")),
                    Datum::Word(word) => text.push_str(&render(facts.contract.arena(), word)),
                    Datum::Function(Some(selector)) => text.push_str(&hex_selector(selector)),
                    Datum::Function(None) => text.push_str("the fallback"),
                    Datum::Name(name) => text.push_str(name),
                }
            }
        }
    }
    Ok(text)
}
