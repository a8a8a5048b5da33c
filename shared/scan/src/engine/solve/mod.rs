//! From a finding to calls that may show it: a path's conditions solved for calldata and ether.
//!
//! Storage, the block and who calls are given, as a `World`; what is left is the input. Each condition is handed
//! down through its expression until it meets a word of the input. A condition that only storage could meet is
//! told as `Wanted`, for a call before that writes it. Nothing here is a proof: whoever runs the calls sees.

mod input;
mod words;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alloy_primitives::U256;

use super::explore::{Explored, Visit};
use super::expr::{Expr, Id};
use super::graph::Graph;
use super::guard::Kind;
use super::machine::Effect;
use super::opcode::{ADD, EQ, MUL, SUB, XOR};
use input::Input;
use words::Solver;

/// Branches of a path that are solved.
const BRANCHES_MAX: usize = 200;
/// Ways to a finding that are looked at.
const WAYS_MAX: usize = 4;
/// Attempts for one finding or one word of storage.
const ATTEMPTS_MAX: usize = 24;
/// Times that all conditions are gone through: one may undo what another asked for.
const ROUNDS_MAX: usize = 4;
/// States looked at on the way from the finding to an end that is kept.
const AHEAD_MAX: usize = 400;
/// Writers of one word that are looked at.
const WRITERS_MAX: usize = 8;

/// What a contract reads besides its input.
pub trait World {
    /// A word of the contract's storage.
    fn storage(&self, slot: U256) -> U256;
    /// What an instruction without arguments reads, by its code; `None` if that is not known.
    fn environment(&self, op: u8) -> Option<U256>;
    /// Wei of an address.
    fn balance(&self, address: U256) -> U256;
    /// Bytes of code at an address.
    fn code_size(&self, address: U256) -> U256;
    /// The hash of the block of this height.
    fn block_hash(&self, number: U256) -> U256;
}

/// What the call is to do where the finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Get there.
    Reach,
    /// Call this address there, with this much ether if the contract lets it choose.
    Call {
        /// Whom.
        to: U256,
        /// Wei; `None` leaves it open.
        value: Option<U256>,
    },
    /// Write this word there, at this place if one is named.
    Write {
        /// Where.
        slot: Option<U256>,
        /// What.
        word: U256,
    },
    /// Make the sum, product or difference wrap.
    Wrap {
        /// What is to be left of a sum; of a product twice that.
        rest: U256,
    },
    /// Reach a call of the same function that pays this address.
    Payout {
        /// Whom.
        to: U256,
    },
}

/// A word that storage would have to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Where.
    pub slot: U256,
    /// What, or something like it.
    pub word: U256,
    hashed: BTreeMap<U256, Vec<U256>>,
}

/// One call that may show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The function; `None` is the fallback.
    pub selector: Option<u32>,
    /// Wei that go along.
    pub value: U256,
    /// Calldata.
    pub data: Vec<u8>,
    /// What a call before would have to write. Empty if every condition that can be told is met.
    pub wanted: Vec<Wanted>,
}

/// One way to a finding.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    pub(crate) visit: usize,
    pub(crate) pc: usize,
    pub(crate) subject: Id,
}

/// The paths of one contract, for solving.
pub struct Paths {
    explored: Explored,
    graph: Graph,
    /// For each finding of the report, its ways.
    ways: Vec<Vec<Way>>,
}

struct Condition {
    id: Id,
    holds: bool,
}

impl Paths {
    pub(crate) fn new(explored: Explored, graph: Graph, ways: Vec<Vec<Way>>) -> Self {
        Self { explored, graph, ways }
    }

    /// Calls that may show the finding of this number; those that miss nothing first.
    #[must_use]
    pub fn attempts(&self, finding: usize, goal: Goal, fills: &[U256], world: &dyn World) -> Vec<Attempt> {
        let mut ways = self.ways.get(finding).cloned().unwrap_or_default();
        match goal {
            Goal::Payout { .. } => ways = self.payouts(&ways),
            Goal::Wrap { .. } => ways = [self.blocks(&ways), ways].concat(),
            Goal::Reach | Goal::Call { .. } | Goal::Write { .. } => {}
        }
        let mut attempts = Vec::new();
        let mut functions = BTreeSet::new();
        for way in ways {
            let selector = self.selector(way.visit);
            // Another way into the same function differs in what came before, which is solved for anyway.
            if functions.len() >= WAYS_MAX || !functions.insert((selector, way.visit)) {
                continue;
            }
            for &fill in fills {
                let wishes = |solver: &mut Solver<'_>| self.wish(solver, &way, goal);
                attempts.push(self.solved(way.visit, fill, world, &BTreeMap::new(), wishes));
            }
        }
        told_apart(attempts)
    }

    /// The states at the block that the instruction is in: the same formula counts in one function and is made in another.
    fn blocks(&self, ways: &[Way]) -> Vec<Way> {
        let Some(way) = ways.first() else { return Vec::new() };
        let visits = &self.explored.visits;
        let start = visits.iter().map(|visit| visit.state.pc).filter(|&pc| pc <= way.pc).max();
        let there = visits.iter().enumerate().filter(|(_, visit)| Some(visit.state.pc) == start);
        there.map(|(visit, _)| Way { visit, ..*way }).take(WAYS_MAX).collect()
    }

    /// The calls with ether in the functions that the ways are in.
    fn payouts(&self, ways: &[Way]) -> Vec<Way> {
        let functions: BTreeSet<Option<u32>> = ways.iter().map(|way| self.selector(way.visit)).collect();
        let visits = self.explored.visits.iter().enumerate();
        let of_function = visits
            .filter(|(index, visit)| functions.contains(&visit.state.selector) && self.graph.kept(*index));
        of_function
            .flat_map(|(index, visit)| visit.effects.iter().map(move |effect| (index, effect)))
            .filter_map(|(visit, effect)| match effect {
                Effect::Call(call) => {
                    let value = call.value?;
                    let pays = self.explored.arena.as_const(value).is_none_or(|value| !value.is_zero());
                    pays.then_some(Way { visit, pc: call.pc, subject: value })
                }
                _ => None,
            })
            .collect()
    }

    /// Calls that may write a word that was wanted.
    #[must_use]
    pub fn setups(&self, wanted: &Wanted, fills: &[U256], world: &dyn World) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        let mut writers = BTreeSet::new();
        for (visit, state) in self.explored.visits.iter().enumerate() {
            for effect in &state.effects {
                let &Effect::Write { pc, slot, value } = effect else { continue };
                if !self.graph.kept(visit)
                    || writers.len() >= WRITERS_MAX
                    || !self.may_be(visit, slot, wanted, world)
                    || !writers.insert((pc, self.selector(visit)))
                {
                    continue;
                }
                for &fill in fills {
                    let wishes = |solver: &mut Solver<'_>| {
                        solver.set(slot, wanted.slot);
                        solver.set(value, wanted.word);
                    };
                    attempts.push(self.solved(visit, fill, world, &wanted.hashed, wishes));
                }
            }
        }
        told_apart(attempts)
    }

    /// What storage holds once the account that `world` says calls is the one that guards let in.
    #[must_use]
    pub fn trusting(&self, world: &dyn World) -> BTreeMap<U256, U256> {
        let mut seeds = BTreeMap::new();
        let arena = &self.explored.arena;
        for guard in &self.explored.guards {
            let fact = &guard.fact;
            let compares = match arena.expr(fact.condition) {
                Expr::Op(EQ, _) => Some(true),
                Expr::Op(SUB | XOR, _) => Some(false),
                _ => None,
            };
            let of_one = fact.trusts.iter().all(|&slot| arena.as_const(slot).is_some());
            let (Some(holds), true, Kind::Caller | Kind::Origin) = (compares, of_one, fact.kind) else {
                continue;
            };
            let mut solver = Solver::new(arena, world, Input::new(None, U256::ZERO));
            solver.input.frozen = true;
            solver.seeds = Some(seeds.clone());
            if solver.make(fact.condition, holds) {
                seeds = solver.seeds.unwrap_or_default();
            }
        }
        seeds
    }

    /// The functions that callers can choose.
    pub fn functions(&self) -> impl Iterator<Item = u32> {
        self.explored.functions.keys().copied()
    }

    fn selector(&self, visit: usize) -> Option<u32> {
        self.explored.visits.get(visit).and_then(|visit| visit.state.selector)
    }

    /// Whether a write to `slot` can be one to the place that is wanted.
    fn may_be(&self, visit: usize, slot: Id, wanted: &Wanted, world: &dyn World) -> bool {
        let input = Input::new(self.selector(visit), U256::ZERO);
        let mut solver = Solver::new(&self.explored.arena, world, input);
        solver.knows(&wanted.hashed);
        solver.set(slot, wanted.slot)
    }

    fn wish(&self, solver: &mut Solver<'_>, way: &Way, goal: Goal) {
        let Some(visit) = self.explored.visits.get(way.visit) else { return };
        match goal {
            Goal::Reach => {}
            Goal::Payout { to } => {
                if let Some((target, paid)) = called(visit, way.pc) {
                    solver.set(target, to);
                    // One ether, if the contract lets the caller say.
                    if let Some(paid) = paid {
                        solver.set(paid, U256::from(1_000_000_000_000_000_000_u64));
                    }
                }
            }
            Goal::Call { to, value } => {
                if let Some((target, paid)) = called(visit, way.pc) {
                    solver.set(target, to);
                    if let (Some(paid), Some(value)) = (paid, value) {
                        solver.set(paid, value);
                    }
                }
            }
            Goal::Write { slot, word } => {
                let written = visit.effects.iter().find_map(|effect| match *effect {
                    Effect::Write { pc, slot, value } if pc == way.pc => Some((slot, value)),
                    _ => None,
                });
                if let Some((place, written)) = written {
                    if let Some(slot) = slot {
                        solver.set(place, slot);
                    }
                    solver.set(written, word);
                }
            }
            Goal::Wrap { rest } => self.wrap(solver, way.subject, rest),
        }
    }

    /// Wishes for operands that do not fit.
    fn wrap(&self, solver: &mut Solver<'_>, subject: Id, rest: U256) {
        let Some((op, a, b)) = self.explored.arena.operands(subject) else { return };
        let half = U256::ONE << 255;
        let (left, right) = (solver.word(a).unwrap_or_default(), solver.word(b).unwrap_or_default());
        match op {
            // What is taken is more than what is there.
            SUB => {
                let more = left.saturating_add(U256::ONE);
                _ = solver.set(b, more) || right > U256::ZERO && solver.set(a, U256::ZERO);
            }
            ADD => {
                let enough = |there: U256| (U256::MAX - there.saturating_sub(U256::ONE)).saturating_add(rest);
                if left.is_zero() && right.is_zero() {
                    _ = solver.set(a, U256::MAX) && solver.set(b, rest.saturating_add(U256::ONE));
                } else {
                    _ = !left.is_zero() && solver.set(b, enough(left))
                        || !right.is_zero() && solver.set(a, enough(right));
                }
            }
            MUL => {
                // 2^256 by what is there, or the next number: the product is then 0 or small.
                let enough = |there: U256| match there.is_power_of_two() {
                    true => U256::ONE << (256 - there.trailing_zeros().clamp(1, 255)),
                    false => U256::MAX.checked_div(there).unwrap_or(half).saturating_add(U256::ONE),
                };
                let (two, half) = (U256::from(2), half.saturating_add(rest));
                _ = solver.set(a, two) && solver.set(b, half)
                    || solver.set(b, two) && solver.set(a, half)
                    || left > U256::ONE && solver.set(b, enough(left))
                    || right > U256::ONE && solver.set(a, enough(right));
            }
            _ => {}
        }
    }

    /// An input for one path to the state and on to an end that is kept; what `wishes` asks for comes first.
    fn solved(
        &self,
        visit: usize,
        fill: U256,
        world: &dyn World,
        hashed: &BTreeMap<U256, Vec<U256>>,
        wishes: impl FnOnce(&mut Solver<'_>),
    ) -> Attempt {
        let selector = self.selector(visit);
        let mut conditions = self.before(visit);
        conditions.extend(self.ahead(visit));
        let mut solver = Solver::new(&self.explored.arena, world, Input::new(selector, fill));
        solver.knows(hashed);
        wishes(&mut solver);
        solver.input.pin();
        let wished = std::mem::take(&mut solver.wanted);
        for _ in 0..ROUNDS_MAX {
            let before = (solver.input.data(), solver.input.value());
            for condition in &conditions {
                solver.make(condition.id, condition.holds);
            }
            if before == (solver.input.data(), solver.input.value()) {
                break;
            }
        }
        // What still does not hold, only storage can make hold.
        solver.input.frozen = true;
        solver.wanted = wished;
        for condition in &conditions {
            solver.make(condition.id, condition.holds);
        }
        Attempt { selector, value: solver.input.value(), data: solver.input.data(), wanted: solver.wanted }
    }

    /// The branches on the way to a state, the first one first.
    fn before(&self, visit: usize) -> Vec<Condition> {
        let mut conditions = Vec::new();
        let mut at = Some(visit);
        while let Some(visit) = at.and_then(|index| self.explored.visits.get(index)) {
            if let Some((_, Some(taken))) = visit.parent
                && conditions.len() < BRANCHES_MAX
            {
                conditions.push(Condition { id: taken.condition, holds: taken.holds });
            }
            // A parent is older than its child, so this ends.
            at = visit.parent.map(|(parent, _)| parent);
        }
        conditions.reverse();
        conditions
    }

    /// The branches from a state to the nearest end that is kept.
    fn ahead(&self, from: usize) -> Vec<Condition> {
        let mut came: BTreeMap<usize, usize> = BTreeMap::new();
        let mut open = VecDeque::from([from]);
        let mut looked_at = 0;
        while let Some(at) = open.pop_front() {
            looked_at += 1;
            let Some(visit) = self.explored.visits.get(at) else { break };
            if visit.keeps {
                return self.branches(from, at, &came);
            }
            if looked_at > AHEAD_MAX {
                break;
            }
            for &next in visit.next.iter().filter(|&&next| self.graph.kept(next)) {
                if next != from && !came.contains_key(&next) {
                    came.insert(next, at);
                    open.push_back(next);
                }
            }
        }
        Vec::new()
    }

    fn branches(&self, from: usize, to: usize, came: &BTreeMap<usize, usize>) -> Vec<Condition> {
        let mut conditions = Vec::new();
        let mut at = to;
        while at != from {
            let Some(&before) = came.get(&at) else { break };
            let branch = self.explored.visits.get(before).and_then(|visit| visit.branch.as_ref());
            if let Some(branch) = branch.filter(|branch| branch.yes.contains(&at) != branch.no.contains(&at))
            {
                conditions.push(Condition { id: branch.condition, holds: branch.yes.contains(&at) });
            }
            at = before;
        }
        conditions.reverse();
        conditions
    }
}

/// Target and ether of the call at `pc`; of the first one, where there is none at `pc`.
fn called(visit: &Visit, pc: usize) -> Option<(Id, Option<Id>)> {
    let mut calls = visit.effects.iter().filter_map(|effect| match effect {
        Effect::Call(call) => Some((call.pc, (call.target, call.value))),
        Effect::SelfDestruct { pc, beneficiary } => Some((*pc, (*beneficiary, None))),
        _ => None,
    });
    let first = calls.next()?;
    match first.0 == pc {
        true => Some(first.1),
        false => calls.find(|(at, _)| *at == pc).or(Some(first)).map(|(_, call)| call),
    }
}

/// Each once, those that want nothing first.
fn told_apart(attempts: Vec<Attempt>) -> Vec<Attempt> {
    let mut seen = BTreeSet::new();
    let mut attempts: Vec<Attempt> =
        attempts.into_iter().filter(|attempt| seen.insert((attempt.value, attempt.data.clone()))).collect();
    attempts.sort_by_key(|attempt| attempt.wanted.len());
    attempts.truncate(ATTEMPTS_MAX);
    attempts
}

#[cfg(test)]
mod tests;
