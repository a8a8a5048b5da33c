//! Which storage any caller may write. A guard that trusts such storage protects nothing: whoever wants to
//! pass writes first (the step from one function to the next that took Parity's library in 2017).

use std::collections::HashSet;
use std::fmt;

use alloy_primitives::U256;

use super::deadline::Deadline;
use super::explore::Explored;
use super::expr::{Arena, Expr, Id};
use super::machine::Effect;
use super::opcode::{AND, OR, SHR};
use super::taint::Taint;

/// Rounds in which guards fall because other guards fell.
const ROUNDS_MAX: usize = 4;
/// Writes that are remembered.
const WRITES_MAX: usize = 2_000;

/// A write that any caller can make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writer {
    slot: Id,
    /// Bits of the slot that it changes.
    bits: U256,
    pub(crate) selector: Option<u32>,
    pub(crate) pc: usize,
}

impl fmt::Display for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.selector {
            Some(selector) => write!(f, "SSTORE at {:#x} through {selector:#010x}", self.pc),
            None => write!(f, "SSTORE at {:#x} through the fallback", self.pc),
        }
    }
}

/// All such writes.
pub(crate) struct Writers {
    writes: Vec<Writer>,
    /// For each guard, the write that makes it worthless.
    void: Vec<Option<Writer>>,
    /// Whether some guards were not judged.
    pub(crate) stopped_by_time: bool,
}

impl Writers {
    /// Finds them; `kept` says from which states a path may end with its effects kept. Guards that are not
    /// judged by the deadline count as guards.
    pub(crate) fn of(explored: &Explored, kept: &[bool], deadline: &Deadline) -> Self {
        let mut writers =
            Self { writes: Vec::new(), void: vec![None; explored.guards.len()], stopped_by_time: false };
        for _ in 0..ROUNDS_MAX {
            let before = writers.void.iter().flatten().count();
            writers.collect(explored, kept);
            writers.judge(explored, deadline);
            if writers.stopped_by_time || writers.void.iter().flatten().count() == before {
                break;
            }
        }
        writers
    }

    /// Who makes the guard of this number worthless.
    pub(crate) fn voids(&self, explored: &Explored, guard: u32) -> Option<Writer> {
        debug_assert!(self.void.len() == explored.guards.len());
        self.void.get(guard as usize).copied().flatten()
    }

    /// Who may write the bits of `slot` that `reader` uses.
    pub(crate) fn of_slot(&self, arena: &Arena, slot: Id, reader: Id) -> Option<Writer> {
        let read = bits_read(arena, reader, slot, U256::MAX, &mut 200);
        self.writes
            .iter()
            .copied()
            .find(|write| same_slot(arena, write.slot, slot) && !(write.bits & read).is_zero())
    }

    fn collect(&mut self, explored: &Explored, kept: &[bool]) {
        self.writes.clear();
        let mut known = HashSet::new();
        for (index, visit) in explored.visits.iter().enumerate() {
            let state = &visit.state;
            let guarded = state.guards.iter().any(|&guard| self.voids(explored, guard).is_none());
            // A condition on storage is how initializers run once only.
            if guarded || state.conditioned || !kept.get(index).copied().unwrap_or(false) {
                continue;
            }
            for effect in &visit.effects {
                let Effect::Write { pc, slot, value } = *effect else { continue };
                let bits = bits_chosen(&explored.arena, slot, value);
                if !bits.is_zero() && self.writes.len() < WRITES_MAX && known.insert((slot, bits)) {
                    self.writes.push(Writer { slot, bits, selector: state.selector, pc });
                }
            }
        }
    }

    fn judge(&mut self, explored: &Explored, deadline: &Deadline) {
        for (index, guard) in explored.guards.iter().enumerate() {
            if index % 64 == 63 && deadline.passed() {
                self.stopped_by_time = true;
                return;
            }
            let writer = guard
                .fact
                .trusts
                .iter()
                .find_map(|&slot| self.of_slot(&explored.arena, slot, guard.fact.condition));
            if let Some(void) = self.void.get_mut(index) {
                *void = void.or(writer);
            }
        }
    }
}

/// The bits that writing `value` to `slot` sets as the caller likes; none if it does not.
fn bits_chosen(arena: &Arena, slot: Id, value: Id) -> U256 {
    let mut kept = U256::ZERO;
    let mut chosen = false;
    let mut open = vec![value];
    let mut looked_at = 0;
    while let Some(part) = open.pop() {
        looked_at += 1;
        match arena.expr(part) {
            Expr::Op(OR, [a, b, _]) if looked_at < 16 => open.extend([*a, *b]),
            Expr::Op(AND, [mask, rest, _]) if *arena.expr(*rest) == Expr::Storage(slot) => {
                kept |= arena.as_const(*mask).unwrap_or_default();
            }
            // For a place that is the caller's own, any value but zero is a permission taken.
            Expr::Const(word) => chosen |= !word.is_zero() && arena.taint(slot).has(Taint::CHOSEN),
            _ => chosen |= arena.taint(part).has(Taint::CHOSEN) || arena.taint(slot).has(Taint::CHOSEN),
        }
    }
    if chosen { !kept } else { U256::ZERO }
}

/// The bits of `slot` that `reader` depends on, when `used` of the reader's are used; all, if that takes
/// looking at more expressions than are left.
fn bits_read(arena: &Arena, reader: Id, slot: Id, used: U256, left: &mut usize) -> U256 {
    if *left == 0 {
        return U256::MAX;
    }
    *left -= 1;
    match arena.expr(reader) {
        Expr::Storage(read) if *read == slot => used,
        Expr::Op(AND, [mask, rest, _]) if let Some(mask) = arena.as_const(*mask) => {
            bits_read(arena, *rest, slot, used & mask, left)
        }
        Expr::Op(SHR, [bits, rest, _]) if let Some(bits) = arena.as_u64(*bits) => {
            bits_read(arena, *rest, slot, used << usize::try_from(bits.min(256)).unwrap_or(256), left)
        }
        _ => arena
            .parts(reader)
            .into_iter()
            .fold(U256::ZERO, |bits, part| bits | bits_read(arena, part, slot, U256::MAX, left)),
    }
}

/// Whether a write to one place may hit the other: the same place, or the same mapping at a key that the
/// writer chooses.
fn same_slot(arena: &Arena, written: Id, trusted: Id) -> bool {
    if written == trusted {
        return true;
    }
    match (arena.expr(written), arena.expr(trusted)) {
        (Expr::Hash(a), Expr::Hash(b)) => match (&a[..], &b[..]) {
            ([key, base], [_, other]) => base == other && arena.taint(*key).has(Taint::CHOSEN),
            _ => false,
        },
        _ => false,
    }
}
