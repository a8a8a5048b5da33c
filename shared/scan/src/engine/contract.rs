//! What is known of one contract, in the form in which detectors ask.

use std::cell::Cell;
use std::collections::HashSet;
use std::rc::Rc;

use alloy_primitives::U256;

use super::deadline::Deadline;
use super::explore::{Explored, Visit};
use super::expr::{Arena, Expr, Id};
use super::graph::{Graph, Known};
use super::machine::{CallMade, Effect};
use super::opcode::{self, ADD, AND, CALL, CALLCODE, CALLVALUE, ISZERO, MUL, OR, SHL};
use super::report::Confidence;
use super::taint::Taint;
use super::writers::Writers;

/// Calls and writes that are looked at: what more there is, is a table of the same thing.
const SITES_MAX: usize = 4_000;
/// Gas that a transfer of ether gives along: too little to call back.
const STIPEND_GAS: u64 = 2_300;
/// A number with so many bits may be a hash: hardly any hash has fewer.
const HASH_BITS_MIN: usize = 224;
/// Expressions that one question looks at.
const PARTS_MAX: usize = 400;

/// A call, and where it is made.
pub(crate) struct CallSite {
    pub(crate) visit: usize,
    /// Among the effects of the state.
    pub(crate) place: usize,
    pub(crate) call: Rc<CallMade>,
}

/// A write to storage, and where it is made.
#[derive(Clone, Copy)]
pub(crate) struct WriteSite {
    pub(crate) visit: usize,
    pub(crate) place: usize,
    pub(crate) pc: usize,
    pub(crate) slot: Id,
    pub(crate) value: Id,
}

/// One contract.
pub(crate) struct Contract<'a> {
    pub(crate) explored: &'a Explored,
    pub(crate) graph: Graph,
    pub(crate) writers: Writers,
    /// Calls of paths that may keep their effects.
    pub(crate) calls: Vec<CallSite>,
    /// Writes of such paths.
    pub(crate) writes: Vec<WriteSite>,
    /// Whether there are more calls than are looked at.
    pub(crate) has_more_calls: bool,
    /// Whether there are more writes.
    pub(crate) has_more_writes: bool,
    /// Whether the compiler checks sums by itself.
    pub(crate) checks_arithmetic: bool,
    deadline: &'a Deadline,
    /// Whether a question was not answered since time ran out.
    cut: Cell<bool>,
}

impl<'a> Contract<'a> {
    pub(crate) fn new(explored: &'a Explored, checks_arithmetic: bool, deadline: &'a Deadline) -> Self {
        let graph = Graph::of(&explored.visits);
        let writers = Writers::of(explored, graph.kept_all(), deadline);
        let (mut calls, mut writes) = (Vec::new(), Vec::new());
        let (mut has_more_calls, mut has_more_writes) = (false, false);
        for (visit, state) in explored.visits.iter().enumerate().filter(|&(index, _)| graph.kept(index)) {
            for (place, effect) in state.effects.iter().enumerate() {
                match effect {
                    Effect::Call(call) if calls.len() < SITES_MAX => {
                        calls.push(CallSite { visit, place, call: Rc::clone(call) });
                    }
                    &Effect::Write { pc, slot, value } if writes.len() < SITES_MAX => {
                        writes.push(WriteSite { visit, place, pc, slot, value });
                    }
                    Effect::Call(_) => has_more_calls = true,
                    Effect::Write { .. } => has_more_writes = true,
                    _ => {}
                }
            }
        }
        let cut = Cell::new(writers.stopped_by_time);
        Self {
            explored,
            graph,
            writers,
            calls,
            writes,
            has_more_calls,
            has_more_writes,
            checks_arithmetic,
            deadline,
            cut,
        }
    }

    /// Whether a question was not answered since time ran out: what was concluded from answers is then void.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut.get()
    }

    /// Whether time has run out; whoever hears so is to stop.
    pub(crate) fn out_of_time(&self) -> bool {
        if !self.cut.get() && self.deadline.passed() {
            self.cut.set(true);
        }
        self.cut.get()
    }

    pub(crate) fn arena(&self) -> &Arena {
        &self.explored.arena
    }

    pub(crate) fn visits(&self) -> &[Visit] {
        &self.explored.visits
    }

    pub(crate) fn visit(&self, index: usize) -> &Visit {
        // INVARIANT: sites are made of the visits themselves, which are never removed.
        &self.explored.visits[index]
    }

    pub(crate) fn taint(&self, id: Id) -> Taint {
        self.arena().taint(id)
    }

    pub(crate) fn selector(&self, visit: usize) -> Option<u32> {
        self.visit(visit).state.selector
    }

    /// Whether any caller gets to the state: no guard that counts is behind it.
    pub(crate) fn open(&self, visit: usize) -> bool {
        self.visit(visit).state.guards.iter().all(|&guard| self.writers.voids(self.explored, guard).is_some())
    }

    /// How sure a path to the state makes.
    pub(crate) fn certainty(&self, visit: usize) -> Confidence {
        match self.visit(visit).state.conditioned {
            true => Confidence::Possible,
            false => Confidence::Likely,
        }
    }

    /// What is known whenever the state is reached; nothing once time has run out.
    pub(crate) fn known(&self, visit: usize) -> Vec<Known> {
        if self.out_of_time() {
            return Vec::new();
        }
        self.graph.known(self.visits(), visit)
    }

    /// Which states may follow; none once time has run out.
    pub(crate) fn after(&self, visit: usize) -> Vec<bool> {
        if self.out_of_time() {
            return Vec::new();
        }
        self.graph.after(self.visits(), visit)
    }

    /// Words of storage that what is known at the state depends on.
    pub(crate) fn slots_decided_on(&self, known: &[Known]) -> Vec<Id> {
        let mut slots: Vec<Id> = known.iter().flat_map(|known| self.slots_inside(known.condition)).collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// Words of storage that `id` may be made of, through merged words too.
    pub(crate) fn slots_inside(&self, id: Id) -> Vec<Id> {
        let slot = |part: Id| match self.arena().expr(part) {
            Expr::Storage(slot) => Some(*slot),
            _ => None,
        };
        self.inside(id).into_iter().filter_map(slot).collect()
    }

    /// The words of storage that a condition is made of, through merged words too. What a mapping is asked with is left out:
    /// it says whose word it is, and not what it is. None once time has run out.
    pub(crate) fn slots_looked_at(&self, condition: Id) -> Vec<Id> {
        let (mut slots, mut seen, mut open) = (Vec::new(), HashSet::new(), vec![condition]);
        if self.out_of_time() {
            return slots;
        }
        while let Some(part) = open.pop() {
            if seen.len() > PARTS_MAX || !seen.insert(part) {
                continue;
            }
            match self.arena().expr(part) {
                Expr::Storage(slot) => slots.push(*slot),
                _ => {
                    open.extend(self.arena().parts(part));
                    open.extend_from_slice(self.arena().alternatives(part));
                }
            }
        }
        slots.sort_unstable();
        slots
    }

    /// Every expression in `id`, itself included and what merged words may be, a few hundred at most.
    pub(crate) fn inside(&self, id: Id) -> Vec<Id> {
        let (mut all, mut at) = (vec![id], 0);
        if self.out_of_time() {
            return all;
        }
        while let Some(&part) = all.get(at) {
            at += 1;
            if all.len() > PARTS_MAX {
                break;
            }
            for inner in
                self.arena().parts(part).into_iter().chain(self.arena().alternatives(part).iter().copied())
            {
                if !all.contains(&inner) {
                    all.push(inner);
                }
            }
        }
        all
    }

    /// Whether the word is the number 0.
    pub(crate) fn is_zero(&self, id: Id) -> bool {
        self.arena().as_const(id).is_some_and(|word| word.is_zero())
    }

    /// The word without masks that cut it to an address or a smaller number.
    pub(crate) fn bare(&self, mut id: Id) -> Id {
        for _ in 0..8 {
            match self.arena().expr(id) {
                Expr::Op(AND, [mask, word, _]) if self.arena().as_const(*mask).is_some() => id = *word,
                _ => break,
            }
        }
        id
    }

    /// The slot that `id` is read from, through masks and shifts.
    pub(crate) fn slot_of(&self, id: Id) -> Option<Id> {
        let mut id = id;
        for _ in 0..8 {
            id = match self.arena().expr(id) {
                Expr::Storage(slot) => return Some(*slot),
                Expr::Op(AND | opcode::SHR | opcode::DIV, [a, b, _]) => {
                    if self.arena().as_const(*a).is_some() { *b } else { *a }
                }
                _ => return None,
            };
        }
        None
    }

    /// The numbers of the mapping that a slot is in, from the outermost key to the innermost, and its base.
    pub(crate) fn mapping(&self, slot: Id) -> Option<(Vec<Id>, Id)> {
        let (mut keys, mut at) = (Vec::new(), self.element(slot));
        for _ in 0..6 {
            let Expr::Hash(words) = self.arena().expr(at) else { break };
            let [key, base] = words[..] else { break };
            keys.push(key);
            at = self.element(base);
        }
        keys.reverse();
        (!keys.is_empty()).then_some((keys, at))
    }

    // A member of a struct is a constant away from its start.
    fn element(&self, slot: Id) -> Id {
        match self.arena().as_op(slot, ADD) {
            Some([offset, rest]) if self.arena().as_const(offset).is_some() => rest,
            _ => slot,
        }
    }

    /// The bits of `slot` that `reader` is made of, through merged words too; all, if that takes looking at more
    /// than a few hundred expressions. None once time has run out.
    pub(crate) fn bits_read(&self, reader: Id, slot: Id) -> U256 {
        let (mut open, mut seen) = (vec![(reader, U256::MAX)], HashSet::new());
        let mut bits = U256::ZERO;
        if self.out_of_time() {
            return bits;
        }
        while let Some((id, used)) = open.pop() {
            if !seen.insert((id, used)) {
                continue;
            }
            if seen.len() > PARTS_MAX {
                return U256::MAX;
            }
            match self.arena().expr(id) {
                Expr::Storage(read) if *read == slot => bits |= used,
                Expr::Merge { .. } => open.extend(self.arena().alternatives(id).iter().map(|&id| (id, used))),
                Expr::Op(AND, [mask, word, _]) if let Some(mask) = self.arena().as_const(*mask) => {
                    open.push((*word, used & mask));
                }
                Expr::Op(opcode::SHR, [by, word, _]) if let Some(by) = self.arena().as_u64(*by) => {
                    open.push((*word, used << usize::try_from(by.min(256)).unwrap_or(256)));
                }
                _ => open.extend(self.arena().parts(id).into_iter().map(|id| (id, U256::MAX))),
            }
        }
        bits
    }

    /// The bits of its slot that a write sets, and what it sets them to: a word packed with others keeps theirs.
    pub(crate) fn packed(&self, write: &WriteSite) -> (U256, Vec<Id>) {
        let (mut kept, mut set, mut open) = (U256::ZERO, Vec::new(), vec![write.value]);
        let mut looked_at = 0;
        while let Some(part) = open.pop() {
            looked_at += 1;
            match self.arena().expr(part) {
                // So many parts have a word of 16 variables; of more, the rest counts as set.
                Expr::Op(OR, [a, b, _]) if looked_at < 32 => open.extend([*a, *b]),
                Expr::Op(AND, [mask, word, _]) if *self.arena().expr(*word) == Expr::Storage(write.slot) => {
                    kept |= self.arena().as_const(*mask).unwrap_or_default();
                }
                _ => set.push(part),
            }
        }
        (!kept, set)
    }

    /// Whether it is where an array's elements begin: the hash of one word, which optimisers put in as a number. A number that is
    /// near 0 or near 2^256, which is what a difference adds, is hardly any hash.
    pub(crate) fn is_start_of_array(&self, id: Id) -> bool {
        match self.arena().expr(id) {
            Expr::Hash(words) => words.len() == 1,
            Expr::Const(word) => word.bit_len() > HASH_BITS_MIN && (!*word).bit_len() > HASH_BITS_MIN,
            _ => false,
        }
    }

    /// Whether two slots are of one mapping, or one slot.
    pub(crate) fn same_variable(&self, a: Id, b: Id) -> bool {
        a == b
            || match (self.mapping(a), self.mapping(b)) {
                (Some((keys, base)), Some((other_keys, other))) => {
                    base == other && keys.len() == other_keys.len()
                }
                _ => false,
            }
    }

    /// Whether whoever calls decides the word: says it outright, or may have put it into storage.
    pub(crate) fn is_chosen(&self, id: Id) -> bool {
        self.taint(id).has(Taint::CHOSEN)
    }

    /// Whether storage that anyone may write decides the word.
    pub(crate) fn is_written_by_anyone(&self, id: Id) -> bool {
        self.arena()
            .slots_read(id)
            .into_iter()
            .any(|slot| self.writers.of_slot(self.arena(), slot, id).is_some())
    }

    /// Whether the call gives so little gas that the callee can do nothing but take ether.
    pub(crate) fn is_stipend(&self, call: &CallMade) -> bool {
        match self.arena().expr(call.gas) {
            Expr::Const(gas) => *gas <= U256::from(STIPEND_GAS),
            // `iszero(value) * 2300`, as `transfer` and `send` are compiled.
            Expr::Op(MUL, [constant, _, _]) => {
                self.arena().as_const(*constant).is_some_and(|gas| gas <= U256::from(STIPEND_GAS))
            }
            _ => false,
        }
    }

    /// Whether ether may go along with the call.
    pub(crate) fn sends_ether(&self, call: &CallMade) -> bool {
        matches!(call.op, CALL | CALLCODE) && call.value.is_some_and(|value| !self.is_zero(value))
    }

    /// Whether the call goes to a contract that is part of the EVM, or to the contract itself.
    pub(crate) fn is_internal(&self, call: &CallMade) -> bool {
        self.arena().as_const(call.target).is_some_and(|target| target <= U256::from(0x11))
            || self.taint(call.target).has(Taint::SELF)
    }

    /// Whether a path that makes the call ends undone when the call fails.
    pub(crate) fn fails_with(&self, pc: usize) -> bool {
        self.visits().iter().enumerate().any(|(index, visit)| {
            let Some(branch) = &visit.branch else { return false };
            if !self.graph.kept(index) || !self.taint(branch.condition).has(Taint::SUCCESS) {
                return false;
            }
            let tests = self
                .inside(branch.condition)
                .iter()
                .any(|&part| *self.arena().expr(part) == Expr::Success { pc });
            let alive = |side: &[usize]| side.iter().any(|&next| self.graph.kept(next));
            tests && alive(&branch.yes) != alive(&branch.no)
        })
    }

    /// Whether the path to a state requires that no ether came along.
    pub(crate) fn refuses_ether(&self, visit: usize) -> bool {
        self.known(visit).iter().any(|known| {
            let (core, holds) = self.core(known.condition, known.holds);
            match self.arena().expr(core) {
                Expr::Env(CALLVALUE) => !holds,
                Expr::Op(ISZERO, [inner, ..]) => *self.arena().expr(*inner) == Expr::Env(CALLVALUE) && holds,
                _ => false,
            }
        })
    }

    /// The comparison that a condition is about, and whether it holds: without the `ISZERO`s around it.
    pub(crate) fn core(&self, mut condition: Id, mut holds: bool) -> (Id, bool) {
        while let Some([inner, _]) = self.arena().as_op(condition, ISZERO) {
            (condition, holds) = (inner, !holds);
        }
        (condition, holds)
    }

    /// The comparisons in a condition: what is joined by AND and OR, and negated.
    pub(crate) fn comparisons(&self, condition: Id) -> Vec<Id> {
        let (mut all, mut open) = (Vec::new(), vec![condition]);
        while let Some(part) = open.pop() {
            if all.len() > 64 {
                break;
            }
            match self.arena().expr(part) {
                Expr::Op(ISZERO, [inner, ..]) => open.push(*inner),
                Expr::Op(AND | OR, [a, b, _]) => open.extend([*a, *b]),
                Expr::Op(SHL | opcode::SHR, [_, word, _]) => open.push(*word),
                _ => {}
            }
            all.push(part);
        }
        all
    }
}
