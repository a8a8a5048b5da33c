//! How paths become one state, and in which order states are followed.

use std::collections::VecDeque;

use alloy_primitives::U256;

use super::explore::GUARDS_MAX;
use super::expr::{Arena, Id};
use super::machine::{Machine, State};
use super::opcode::ISZERO;
use super::taint::Taint;

/// Whether every caller that gets to `other` gets to `state`, with the same answers to what was asked so far.
pub(crate) fn lets_in_more(arena: &Arena, state: &State, other: &State) -> bool {
    let among = |guard: &u32| other.guards.binary_search(guard).is_ok();
    if state.conditioned && !other.conditioned || !state.guards.iter().all(among) {
        return false;
    }
    // `return true` behind a guard is not `return false` before it.
    let answer = |id: Id| arena.as_const(id).filter(|word| *word <= U256::ONE);
    state.guards.len() == other.guards.len()
        || state
            .stack
            .iter()
            .zip(&other.stack)
            .all(|(&mine, &theirs)| mine == theirs || answer(mine).is_none() || answer(theirs).is_none())
}

/// States to follow, those behind the fewest guards first: they make most of the others unnecessary.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: [VecDeque<usize>; 2 * (GUARDS_MAX + 1)],
}

impl Queue {
    pub(crate) fn push(&mut self, index: usize, state: &State) {
        let rank = 2 * state.guards.len() + usize::from(state.conditioned);
        if let Some(queue) = self.waiting.get_mut(rank) {
            queue.push_back(index);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<usize> {
        self.waiting.iter_mut().find_map(VecDeque::pop_front)
    }

    /// States that wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.iter().map(VecDeque::len).sum()
    }
}

/// One word for two. The same place merges to the same word again, with more origins at most, so that
/// loops come to rest.
pub(crate) fn merged(machine: &mut Machine<'_>, site: u32, slot: u32, mine: Id, theirs: Id) -> Id {
    if mine == theirs {
        return mine;
    }
    let taint = machine.arena.taint(mine) | machine.arena.taint(theirs);
    let word = machine.arena.merge(site, slot, taint);
    machine.arena.remember(word, mine);
    machine.arena.remember(word, theirs);
    if taint.has(Taint::SUCCESS) {
        let mut calls = machine.successes(mine);
        calls.extend(machine.successes(theirs));
        machine.merged_successes.entry(word).or_default().extend(calls);
    }
    word
}

/// Puts what a branch has shown about its condition into the words that are still to be used.
pub(crate) fn assume(arena: &mut Arena, state: &mut State, condition: Id, holds: bool) {
    let (mut core, mut truth) = (condition, holds);
    while let Some([inner, _]) = arena.as_op(core, ISZERO) {
        (core, truth) = (inner, !truth);
    }
    let negated = arena.op1(ISZERO, core);
    let affirmed = arena.op1(ISZERO, negated);
    let (yes, no) = (arena.number(u64::from(truth)), arena.number(u64::from(!truth)));
    let core_is_known = !truth || arena.is_boolean(core);
    for word in &mut state.stack {
        if *word == affirmed || *word == core && core_is_known {
            *word = yes;
        } else if *word == negated {
            *word = no;
        }
    }
}
