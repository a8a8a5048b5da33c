//! Sums, products and differences that may wrap, and whose result counts.

use std::collections::{BTreeMap, HashSet};

use super::Candidate;
use crate::engine::contract::Contract;
use crate::engine::expr::{Arena, Expr, Id, render};
use crate::engine::opcode::{ADD, AND, DIV, EQ, LT, MUL, NOT, SUB};
use crate::engine::report::{Confidence, Severity};
use crate::engine::rules;
use crate::engine::taint::Taint;

/// Words that count and are looked at.
const WORDS_MAX: usize = 3_000;

pub(super) fn find(contract: &Contract<'_>) -> Vec<Candidate> {
    let checks = Checks::of(contract);
    let mut found: BTreeMap<Id, Candidate> = BTreeMap::new();
    for (visit, word) in words_that_count(contract) {
        if !contract.open(visit) {
            continue;
        }
        for part in contract.inside(word) {
            if found.contains_key(&part) {
                continue;
            }
            if let Some(candidate) = judge(contract, &checks, visit, part) {
                found.insert(part, candidate);
            }
        }
    }
    found.into_values().collect()
}

/// Values that are stored or sent, and sides of comparisons with storage, each with a state that uses it.
fn words_that_count(contract: &Contract<'_>) -> Vec<(usize, Id)> {
    let stored = contract.writes.iter().map(|write| (write.visit, write.value));
    let sent = contract.calls.iter().filter_map(|site| site.call.value.map(|value| (site.visit, value)));
    let compared = contract.visits().iter().enumerate().filter_map(|(index, visit)| {
        let condition = visit.branch.as_ref()?.condition;
        (contract.taint(condition).has(Taint::STORAGE) && contract.graph.kept(index))
            .then_some((index, condition))
    });
    let mut words: Vec<(usize, Id)> = stored.chain(sent).chain(compared).collect();
    words.sort_by_key(|&(visit, word)| (word, visit));
    words.dedup_by_key(|(_, word)| *word);
    words.truncate(WORDS_MAX);
    words
}

/// A sum, product or difference that is really one.
enum Made {
    Sum(Id, Id),
    Product(Id, Id),
    Difference(Id, Id),
}

fn made(arena: &Arena, id: Id) -> Option<Made> {
    match arena.expr(id) {
        // A constant that is added moves a pointer, a time or a counter.
        Expr::Op(ADD, [a, _, _]) if arena.as_const(*a).is_some() => None,
        Expr::Op(ADD, [a, b, _]) => Some(Made::Sum(*a, *b)),
        Expr::Op(MUL, [a, b, _]) => Some(Made::Product(*a, *b)),
        Expr::Op(SUB, [a, b, _]) => Some(Made::Difference(*a, *b)),
        _ => None,
    }
}

fn judge(contract: &Contract<'_>, checks: &Checks, visit: usize, part: Id) -> Option<Candidate> {
    let arena = contract.arena();
    let made = made(arena, part)?;
    let pc = *contract.explored.made_at.get(&part)?;
    let (a, b) = match made {
        Made::Sum(a, b) | Made::Product(a, b) | Made::Difference(a, b) => (a, b),
    };
    let (ta, tb) = (arena.taint(a), arena.taint(b));
    let both = ta | tb;
    // Ether, time and what only the chain says do not come close to 2^256.
    let small = |taint: Taint| {
        taint.has(Taint::VALUE | Taint::TIME | Taint::NUMBER | Taint::BALANCE) && !taint.has(Taint::STORAGE)
    };
    if !both.has(Taint::CALLDATA) || small(ta) || small(tb) || checks.holds(arena, part, &made) {
        return None;
    }
    let bounded = [(a, ta), (b, tb)]
        .into_iter()
        .any(|(word, taint)| taint.has(Taint::CALLDATA) && checks.is_bounded(contract, word));
    if contract.checks_arithmetic && bounded {
        // Whoever writes `unchecked` behind a comparison has thought of it.
        return None;
    }
    let (rule, verb) = match made {
        Made::Sum(..) => (&rules::OVERFLOW, "sum"),
        Made::Product(..) => (&rules::OVERFLOW, "product"),
        Made::Difference(..) => (&rules::UNDERFLOW, "difference"),
    };
    let severity = match (contract.checks_arithmetic, bounded) {
        (true, _) | (_, true) => Severity::Low,
        (false, false) => Severity::Medium,
    };
    Some(Candidate {
        rule,
        pc,
        visit,
        subject: part,
        severity,
        confidence: if bounded { Confidence::Possible } else { contract.certainty(visit) },
        summary: format!("The {verb} `{}` may wrap, and nothing finds it out.", render(arena, part)),
    })
}

/// Comparisons that find out about wrapping, wherever in the contract they are made.
struct Checks {
    /// `a < b` is asked.
    less: HashSet<(Id, Id)>,
    /// Words whose quotient is compared for equality.
    divided: HashSet<Id>,
    /// Words that are compared with storage: an amount that is at most a balance.
    bounded: HashSet<Id>,
}

impl Checks {
    fn of(contract: &Contract<'_>) -> Self {
        let arena = contract.arena();
        let mut checks = Self { less: HashSet::new(), divided: HashSet::new(), bounded: HashSet::new() };
        for branch in contract.visits().iter().filter_map(|visit| visit.branch.as_ref()) {
            for part in contract.comparisons(branch.condition) {
                match arena.expr(part) {
                    Expr::Op(LT, [a, b, _]) => {
                        checks.less.insert((*a, *b));
                        for (word, other) in [(*a, *b), (*b, *a)] {
                            if arena.taint(other).has(Taint::STORAGE) || arena.as_const(other).is_some() {
                                checks.bounded.insert(contract.bare(word));
                            }
                        }
                    }
                    Expr::Op(EQ, [a, b, _]) => {
                        for side in [*a, *b] {
                            if let Some([numerator, _]) = arena.as_op(side, DIV) {
                                checks.divided.insert(numerator);
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        checks
    }

    fn asks(&self, a: Id, b: Id) -> bool {
        self.less.contains(&(a, b)) || self.less.contains(&(b, a))
    }

    /// Whether some comparison is one that finds out whether `word` wrapped.
    fn holds(&self, arena: &Arena, word: Id, made: &Made) -> bool {
        match *made {
            Made::Difference(a, b) => self.asks(a, b) || self.asks(word, a),
            Made::Sum(a, b) => {
                self.asks(word, a)
                    || self.asks(word, b)
                    // Before 0.8.16 `a > max - b`; a wrapped sum may be masked first.
                    || self.less.iter().any(|&(left, right)| {
                        let room = |of: Id| match arena.expr(left) {
                            Expr::Op(NOT, [inner, ..]) => *inner == of,
                            Expr::Op(SUB, [max, inner, _]) => arena.as_const(*max).is_some() && *inner == of,
                            _ => false,
                        };
                        right == a && room(b) || right == b && room(a) || is_masked(arena, left, word)
                    })
            }
            Made::Product(a, b) => {
                self.divided.contains(&word)
                    || self.less.iter().any(|&(left, right)| {
                        let room = |of: Id| {
                            arena
                                .as_op(left, DIV)
                                .is_some_and(|[max, by]| arena.as_const(max).is_some() && by == of)
                        };
                        right == a && room(b) || right == b && room(a)
                    })
            }
        }
    }

    fn is_bounded(&self, contract: &Contract<'_>, word: Id) -> bool {
        self.bounded.contains(&contract.bare(word))
    }
}

fn is_masked(arena: &Arena, id: Id, word: Id) -> bool {
    arena.as_op(id, AND).is_some_and(|[mask, inner]| arena.as_const(mask).is_some() && inner == word)
}
