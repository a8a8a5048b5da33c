//! Follows every path of a contract on symbolic words, as far as the limits allow.
//!
//! Paths that reach a block in the same function with the same return addresses are one state, as long as
//! the guards behind one of them are among those behind the other: whatever the fewer guards let through
//! decides. What they know besides is joined. So each internal function is seen once for each caller, and a
//! guard in a shared subroutine counts for exactly the paths that passed it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use alloy_primitives::U256;

use super::code::Code;
use super::deadline::{Deadline, Limits};
use super::expr::{Arena, Expr, Id};
use super::guard::{self, Fact, Guard};
use super::join::{self, Queue, assume, lets_in_more};
use super::machine::{Effect, Exit, Machine, State};
use super::opcode::ISZERO;
use super::recovery::Recovered;
use super::run::Stage;
use super::taint::Taint;

/// Guards that are told apart on one path.
pub(crate) const GUARDS_MAX: usize = 6;

/// Calls of a function to itself that are followed. Loops written as recursion have shown all by then.
const RECURSION_MAX: usize = 7;

/// A branch that a path took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) pc: usize,
    pub(crate) condition: Id,
    pub(crate) holds: bool,
}

/// A branch that ends a block, and where its sides lead.
#[derive(Clone, Debug)]
pub(crate) struct Branch {
    pub(crate) pc: usize,
    pub(crate) condition: Id,
    /// States after it where the condition is non-zero.
    pub(crate) yes: Vec<usize>,
    /// States after it where the condition is zero.
    pub(crate) no: Vec<usize>,
}

/// One state: what all paths to it have in common.
pub(crate) struct Visit {
    pub(crate) state: State,
    /// The first path to here: its state before this, and the branch between.
    pub(crate) parent: Option<(usize, Option<Taken>)>,
    pub(crate) next: Vec<usize>,
    /// The branch that ends it, if one does.
    pub(crate) branch: Option<Branch>,
    pub(crate) effects: Vec<Effect>,
    /// Whether a path may end here with its effects kept.
    pub(crate) keeps: bool,
    waiting: bool,
}

/// Why something was not explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gap {
    /// Time ran out.
    Deadline,
    /// A limit on states, steps or expressions.
    Limit(&'static str),
    /// Too many states at the block at `pc`.
    Crowded { pc: usize },
    /// The block at `pc` is reached by a function that calls itself, again and again.
    Recursion { pc: usize },
    /// The jump at `pc` goes nobody knows where.
    Jump { pc: usize },
}

/// What exploring found out.
pub(crate) struct Explored {
    pub(crate) arena: Arena,
    pub(crate) visits: Vec<Visit>,
    pub(crate) guards: Vec<Guard>,
    pub(crate) gaps: BTreeSet<Gap>,
    /// By selector: where the function starts.
    pub(crate) functions: BTreeMap<u32, usize>,
    /// Jumps that were reached.
    pub(crate) jumps: BTreeSet<usize>,
    /// Of these, those whose destination only evmole knew.
    pub(crate) jumps_recovered: BTreeSet<usize>,
    pub(crate) steps: u64,
    /// Where each sum, difference and product was first made.
    pub(crate) made_at: HashMap<Id, usize>,
    /// Calls after which somebody looks whether they succeeded.
    pub(crate) looked_at: BTreeSet<usize>,
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    pc: usize,
    selector: Option<u32>,
    depth: usize,
    // Return addresses and open decisions, by place on the stack.
    context: Vec<(usize, Id)>,
}

struct Explorer<'a> {
    machine: Machine<'a>,
    limits: Limits,
    deadline: &'a Deadline,
    /// evmole's view, once it is needed.
    hints: Option<&'a Recovered>,
    visits: Vec<Visit>,
    words: usize,
    known: HashMap<Key, Vec<usize>>,
    crowd: HashMap<(usize, Option<u32>), u32>,
    queue: Queue,
    guards: Vec<Guard>,
    guard_numbers: HashMap<(usize, Id), u32>,
    facts: HashMap<(Id, bool), Rc<[Fact]>>,
    gaps: BTreeSet<Gap>,
    functions: BTreeMap<u32, usize>,
    jumps: BTreeSet<usize>,
    jumps_recovered: BTreeSet<usize>,
}

/// Explores `code` from its first instruction; where a jump has no known destination, as `hints` say.
pub(crate) fn explore(
    code: &Code<'_>,
    hints: Option<&Recovered>,
    limits: Limits,
    deadline: &Deadline,
) -> Explored {
    let machine = Machine::new(code);
    let mut explorer = Explorer {
        machine,
        limits,
        deadline,
        hints,
        visits: Vec::new(),
        words: 0,
        known: HashMap::new(),
        crowd: HashMap::new(),
        queue: Queue::default(),
        guards: Vec::new(),
        guard_numbers: HashMap::new(),
        facts: HashMap::new(),
        gaps: BTreeSet::new(),
        functions: BTreeMap::new(),
        jumps: BTreeSet::new(),
        jumps_recovered: BTreeSet::new(),
    };
    explorer.arrive(State::start(), None);
    explorer.run();
    Explored {
        steps: explorer.machine.steps,
        made_at: explorer.machine.made_at,
        looked_at: explorer.machine.looked_at,
        arena: explorer.machine.arena,
        visits: explorer.visits,
        guards: explorer.guards,
        gaps: explorer.gaps,
        functions: explorer.functions,
        jumps: explorer.jumps,
        jumps_recovered: explorer.jumps_recovered,
    }
}

impl Explorer<'_> {
    fn run(&mut self) {
        let mut done = 0;
        while let Some(index) = self.queue.pop() {
            self.deadline.tell(Stage::Engine, done, done + self.queue.len() + 1);
            done += 1;
            if let Some(gap) = self.exhausted() {
                self.give_up(gap);
                return;
            }
            let Some(visit) = self.visits.get_mut(index) else { return };
            visit.waiting = false;
            visit.next.clear();
            visit.branch = None;
            let mut state = visit.state.clone();
            let exit = self.machine.run(&mut state);
            let visit = &mut self.visits[index];
            visit.effects.clone_from(&self.machine.effects);
            visit.keeps = matches!(exit, Exit::Kept);
            self.leave(index, state, exit);
        }
    }

    /// Ends here. What was not followed may keep its effects.
    fn give_up(&mut self, gap: Gap) {
        self.gaps.insert(gap);
        for visit in &mut self.visits {
            visit.keeps |= visit.waiting;
        }
    }

    fn exhausted(&self) -> Option<Gap> {
        if self.deadline.passed() {
            return Some(Gap::Deadline);
        }
        let limits = &self.limits;
        [
            (self.visits.len() >= limits.states, "states"),
            (self.machine.steps >= limits.steps, "steps"),
            (self.machine.arena.len() >= limits.expressions, "expressions"),
            (self.words >= limits.words, "words"),
        ]
        .into_iter()
        .find_map(|(reached, what)| reached.then_some(Gap::Limit(what)))
    }

    fn leave(&mut self, index: usize, state: State, exit: Exit) {
        match exit {
            Exit::Kept | Exit::Undone => {}
            Exit::Falls(pc) => self.arrive(State { pc, ..state }, Some((index, None))),
            Exit::Jump { pc, target } => {
                for to in self.destinations(index, pc, target) {
                    let selector = state.selector.or(to.selector);
                    self.arrive(State { pc: to.pc, selector, ..state.clone() }, Some((index, None)));
                }
            }
            Exit::Branch { pc, target, condition, falls } => {
                if let Some(visit) = self.visits.get_mut(index) {
                    visit.branch = Some(Branch { pc, condition, yes: Vec::new(), no: Vec::new() });
                }
                if self.may_be(condition, true) {
                    for to in self.destinations(index, pc, target) {
                        let taken = Taken { pc, condition, holds: true };
                        let selector = state.selector.or(to.selector);
                        self.branch(index, State { selector, ..state.clone() }, taken, to.pc);
                    }
                }
                if self.may_be(condition, false) {
                    self.branch(index, state, Taken { pc, condition, holds: false }, falls);
                }
            }
        }
    }

    fn may_be(&self, condition: Id, holds: bool) -> bool {
        self.machine.arena.as_const(condition).is_none_or(|word| word.is_zero() != holds)
    }

    /// Where the jump at `pc` goes. A constant that is no `JUMPDEST` is how old compilers throw.
    fn destinations(&mut self, index: usize, pc: usize, target: Id) -> Vec<Destination> {
        self.jumps.insert(pc);
        if let Some(word) = self.machine.arena.as_const(target) {
            let known = self.machine.code.jumpdest(&word);
            return known.map(|pc| Destination { pc, selector: None }).into_iter().collect();
        }
        let Some(visit) = self.visits.get_mut(index) else { return Vec::new() };
        let hints = self.hints.map(|hints| hinted(hints, pc, visit.state.selector)).unwrap_or_default();
        if hints.is_empty() {
            self.gaps.insert(Gap::Jump { pc });
            visit.keeps = true;
        } else {
            self.jumps_recovered.insert(pc);
        }
        for hint in &hints {
            if let Some(selector) = hint.selector {
                self.functions.entry(selector).or_insert(hint.pc);
            }
        }
        hints
    }

    fn branch(&mut self, index: usize, mut state: State, taken: Taken, to: usize) {
        let Taken { pc, condition, holds } = taken;
        let arena = &mut self.machine.arena;
        if arena.as_const(condition).is_none() {
            // In this form differences are equalities.
            let zero = arena.op1(ISZERO, condition);
            if let (None, Some(selector)) = (state.selector, guard::selected(arena, zero, !holds)) {
                state.selector = Some(selector);
                self.functions.entry(selector).or_insert(to);
            }
            let on_storage = arena.taint(condition).has(Taint::STORAGE | Taint::ANSWER)
                && !guard::is_wrap_check(arena, condition);
            assume(arena, &mut state, condition, holds);
            let facts = Rc::clone(self.facts(zero, !holds));
            match facts.is_empty() {
                true => state.conditioned |= on_storage && self.facts(zero, holds).is_empty(),
                false => facts.iter().for_each(|fact| self.pass(&mut state, pc, fact)),
            }
        }
        self.arrive(State { pc: to, ..state }, Some((index, Some(taken))));
    }

    fn facts(&mut self, condition: Id, holds: bool) -> &Rc<[Fact]> {
        let arena = &self.machine.arena;
        self.facts.entry((condition, holds)).or_insert_with(|| guard::facts(arena, condition, holds).into())
    }

    fn pass(&mut self, state: &mut State, pc: usize, fact: &Fact) {
        let next = u32::try_from(self.guards.len()).unwrap_or(u32::MAX);
        let number = *self.guard_numbers.entry((pc, fact.condition)).or_insert(next);
        if number == next {
            self.guards.push(Guard { pc, fact: fact.clone() });
        }
        if state.guards.len() < GUARDS_MAX
            && let Err(at) = state.guards.binary_search(&number)
        {
            state.guards.insert(at, number);
        }
    }

    fn key(&self, state: &State) -> Key {
        let (arena, code) = (&self.machine.arena, self.machine.code);
        let depth = state.stack.len();
        let open = |(at, &id): (usize, &Id)| {
            let matters = match arena.expr(id) {
                Expr::Const(word) => code.jumpdest(word).is_some() || at + 1 == depth && *word <= U256::ONE,
                // What was decided about the caller and not yet acted on.
                Expr::Op(..) => arena.is_flag(id) && arena.taint(id).has(Taint::IDENTITY | Taint::KEYED),
                _ => false,
            };
            matters.then_some((at, id))
        };
        Key {
            pc: state.pc,
            selector: state.selector,
            depth,
            context: state.stack.iter().enumerate().filter_map(open).collect(),
        }
    }

    fn arrive(&mut self, state: State, parent: Option<(usize, Option<Taken>)>) {
        let key = self.key(&state);
        let same_place = self.known.get(&key).map(Vec::as_slice).unwrap_or_default();
        let wider = |index: &usize| {
            self.visits
                .get(*index)
                .is_some_and(|visit| lets_in_more(&self.machine.arena, &visit.state, &state))
        };
        if let Some(&index) = same_place.iter().find(|index| wider(index)) {
            self.join(index, &state);
            self.link(parent, index);
            return;
        }
        if is_deep_recursion(&key) {
            return self.drop_path(Gap::Recursion { pc: state.pc }, parent);
        }
        let crowd = self.crowd.entry((state.pc, state.selector)).or_default();
        if *crowd >= self.limits.visits_of_block {
            return self.drop_path(Gap::Crowded { pc: state.pc }, parent);
        }
        *crowd += 1;
        let index = self.visits.len();
        self.words += state.stack.len() + state.memory.len();
        let visit = Visit {
            state,
            parent,
            next: Vec::new(),
            branch: None,
            effects: Vec::new(),
            keeps: false,
            waiting: true,
        };
        self.queue.push(index, &visit.state);
        self.visits.push(visit);
        self.known.entry(key).or_default().push(index);
        self.link(parent, index);
    }

    /// Does not follow a path; it may keep its effects for all that is known.
    fn drop_path(&mut self, gap: Gap, parent: Option<(usize, Option<Taken>)>) {
        self.gaps.insert(gap);
        if let Some(visit) = parent.and_then(|(from, _)| self.visits.get_mut(from)) {
            visit.keeps = true;
        }
    }

    fn link(&mut self, parent: Option<(usize, Option<Taken>)>, to: usize) {
        let Some((from, taken)) = parent else { return };
        let Some(visit) = self.visits.get_mut(from) else { return };
        if !visit.next.contains(&to) {
            visit.next.push(to);
        }
        if let (Some(taken), Some(branch)) = (taken, &mut visit.branch) {
            let side = if taken.holds { &mut branch.yes } else { &mut branch.no };
            if !side.contains(&to) {
                side.push(to);
            }
        }
    }

    /// Adds another path to a state, and follows it again if that says less than before.
    fn join(&mut self, index: usize, other: &State) {
        let machine = &mut self.machine;
        let Some(visit) = self.visits.get_mut(index) else { return };
        let site = u32::try_from(index).unwrap_or(u32::MAX);
        let mut changed = false;
        let mut merge = |slot: u32, mine: Id, theirs: Id| {
            let merged = join::merged(machine, site, slot, mine, theirs);
            changed |= merged != mine;
            merged
        };
        for (slot, (mine, &theirs)) in (0..).zip(visit.state.stack.iter_mut().zip(&other.stack)) {
            *mine = merge(slot, *mine, theirs);
        }
        let words = visit.state.memory.len();
        // Places of the stack end at 1,024.
        visit.state.memory.join(&other.memory, |slot, mine, theirs| merge(2_000 + slot, mine, theirs));
        visit.state.answer = match (visit.state.answer, other.answer) {
            (Some(mine), Some(theirs)) => Some(merge(1_999, mine, theirs)),
            _ => None,
        };
        let loose = visit.state.loose | other.loose;
        changed |= loose != visit.state.loose;
        visit.state.loose = loose;
        if (changed || visit.state.memory.len() != words) && !visit.waiting {
            visit.waiting = true;
            self.queue.push(index, &visit.state);
        }
    }
}

/// Whether one return address is on the stack so often that a function must be calling itself.
fn is_deep_recursion(key: &Key) -> bool {
    if key.context.len() <= RECURSION_MAX {
        return false;
    }
    let mut words: Vec<Id> = key.context.iter().map(|(_, id)| *id).collect();
    words.sort_unstable();
    words.chunk_by(|a, b| a == b).any(|same| same.len() > RECURSION_MAX)
}

/// Where a jump may go, and the function that is chosen by it.
struct Destination {
    pc: usize,
    selector: Option<u32>,
}

/// Where evmole sees the jump at `pc` go. Before a function is chosen, a jump that nobody resolves is taken
/// for a dispatch through a table, as Vyper writes it: to every function that evmole lists.
fn hinted(hints: &Recovered, pc: usize, selector: Option<u32>) -> Vec<Destination> {
    if let Some(known) = hints.jumps.get(&pc) {
        return known.iter().map(|&pc| Destination { pc, selector: None }).collect();
    }
    match selector {
        Some(_) => Vec::new(),
        None => hints
            .functions
            .iter()
            .map(|(&selector, &pc)| Destination { pc, selector: Some(selector) })
            .collect(),
    }
}
