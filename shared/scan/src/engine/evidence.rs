//! Findings with what shows them.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::U256;
use sha2::{Digest, Sha256};

use super::code::{Code, Instruction};
use super::detect::{Candidate, Heading};
use super::explore::Explored;
use super::expr::{Id, render};
use super::guard::Kind;
use super::opcode::{JUMP, JUMPDEST, JUMPI};
use super::report::{Branch, Evidence, Finding, GuardSeen};
use super::writers::Writers;

/// Blocks of a path that are told.
const PATH_MAX: usize = 200;
/// Branches of a path that are told.
const CONDITIONS_MAX: usize = 50;
/// Selectors that are told.
const SELECTORS_MAX: usize = 50;
/// Calls of internal functions that are told.
const CALLERS_MAX: usize = 16;
/// Words and instructions that are looked at for the callers of one finding.
const CALLERS_WORK_MAX: usize = 1 << 20;
/// Guards that are told.
const GUARDS_MAX: usize = 20;

/// What findings are seen in.
pub(crate) struct Seen<'s> {
    pub(crate) explored: &'s Explored,
    pub(crate) code: &'s Code<'s>,
    pub(crate) writers: &'s Writers,
}

impl Seen<'_> {
    /// The finding that `ways`, all to one place and surest first, amount to.
    pub(crate) fn finding(&self, ways: &[Candidate<Heading<'_>>]) -> Option<Finding> {
        let best = ways.first()?;
        let selectors: BTreeSet<u32> =
            ways.iter().filter_map(|way| self.explored.visits[way.visit].state.selector).collect();
        let selector = self.explored.visits[best.visit].state.selector.map(hex_selector);
        let subject = render(&self.explored.arena, best.subject);
        let (path, conditions) = path(self.explored, best.visit);
        let (guards, callers) = (guards(self.explored, self.writers, best), self.callers(best.visit));
        let rule = best.rule;
        Some(Finding {
            detector: rule.id.to_owned(),
            title: rule.title.to_owned(),
            category: rule.category.to_owned(),
            swc: rule.swc,
            cwe: rule.cwe,
            severity: best.severity,
            confidence: best.confidence,
            pc: best.pc,
            origin: None,
            called_from: None,
            fingerprint: fingerprint(rule.id, selector.as_deref(), &subject),
            selector,
            selectors: selectors.into_iter().take(SELECTORS_MAX).map(hex_selector).collect(),
            summary: best.summary.clone(),
            evidence: Evidence { path, conditions, callers, guards, subject },
            replay: None,
        })
    }

    /// Where the calls of internal functions begin that a state is in, the nearest first.
    fn callers(&self, of: usize) -> Vec<usize> {
        let stack =
            self.explored.visits.get(of).map(|visit| visit.state.stack.as_slice()).unwrap_or_default();
        let (mut callers, mut left) = (Vec::new(), CALLERS_WORK_MAX);
        for &word in stack.iter().rev() {
            // A word that is a place to jump to is where a call returns to, or a number that happens to be one.
            let returns_to = self.explored.arena.as_const(word).filter(|it| self.code.jumpdest(it).is_some());
            let Some(returns_to) = returns_to else { continue };
            let block = self.pusher(of, word, &mut left);
            let caller = block.and_then(|block| self.push(block, returns_to, &mut left));
            callers.extend(caller.filter(|caller| !callers.contains(caller)));
            if callers.len() == CALLERS_MAX {
                break;
            }
        }
        callers
    }

    /// The nearest block on the path to a state that puts `word`, which is on the state's stack, there.
    fn pusher(&self, of: usize, word: Id, left: &mut usize) -> Option<usize> {
        let mut at = of;
        loop {
            // A parent is older than its child, so this ends.
            let (parent, _) = self.explored.visits.get(at)?.parent?;
            let state = &self.explored.visits.get(parent)?.state;
            *left = left.checked_sub(1 + state.stack.len())?;
            if !state.stack.contains(&word) {
                return Some(state.pc);
            }
            at = parent;
        }
    }

    /// The instruction of a block that pushes `word`.
    fn push(&self, block: usize, word: U256, left: &mut usize) -> Option<usize> {
        let mut pc = block;
        while pc < self.code.bytes().len() {
            *left = left.checked_sub(1)?;
            let Instruction { op, next } = self.code.at(pc);
            if next > pc + 1 && self.code.pushed(pc) == word {
                return Some(pc);
            }
            if matches!(op, JUMP | JUMPI) || op == JUMPDEST && pc != block {
                return None;
            }
            pc = next;
        }
        None
    }
}

/// `0x` and 8 hex digits.
pub(crate) fn hex_selector(selector: u32) -> String {
    format!("{selector:#010x}")
}

/// One path to a state: the blocks' starts, and the branches between them.
fn path(explored: &Explored, to: usize) -> (Vec<usize>, Vec<Branch>) {
    let (mut blocks, mut branches) = (Vec::new(), Vec::new());
    let mut at = Some(to);
    while let Some(visit) = at.and_then(|index| explored.visits.get(index)) {
        if blocks.len() < PATH_MAX {
            blocks.push(visit.state.pc);
        }
        if let Some((parent, Some(taken))) = visit.parent
            && branches.len() < CONDITIONS_MAX
        {
            let condition = render(&explored.arena, taken.condition);
            let block = explored.visits.get(parent).map_or(taken.pc, |visit| visit.state.pc);
            branches.push(Branch { block, pc: taken.pc, place: None, condition, holds: taken.holds });
        }
        // A parent is older than its child, so this ends.
        at = visit.parent.map(|(parent, _)| parent);
    }
    blocks.reverse();
    branches.reverse();
    (blocks, branches)
}

/// The guards on the reported path, then those on other paths to the same instruction.
fn guards(explored: &Explored, writers: &Writers, way: &Candidate<Heading<'_>>) -> Vec<GuardSeen> {
    let state = &explored.visits[way.visit].state;
    let mut numbers: BTreeMap<u32, bool> = state.guards.iter().map(|&number| (number, true)).collect();
    for other in explored.visits.iter().filter(|visit| visit.state.pc == state.pc) {
        for &number in &other.state.guards {
            numbers.entry(number).or_insert(false);
        }
    }
    let mut seen: Vec<GuardSeen> = numbers
        .into_iter()
        .filter_map(|(number, on_path)| {
            let guard = explored.guards.get(number as usize)?;
            Some(GuardSeen {
                pc: guard.pc,
                kind: kind(guard.fact.kind).to_owned(),
                condition: render(&explored.arena, guard.fact.condition),
                on_path,
                void_because: writers
                    .voids(explored, number)
                    .map(|writer| format!("anyone may write it: {writer}")),
            })
        })
        .collect();
    seen.sort_by_key(|guard| (!guard.on_path, guard.pc));
    seen.truncate(GUARDS_MAX);
    seen
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Caller => "caller",
        Kind::Origin => "origin",
        Kind::Lookup => "lookup",
        Kind::Signature => "signature",
    }
}

/// Knows rule, function and formula, and no place in the code: recompiling elsewhere does not change it.
fn fingerprint(rule: &str, selector: Option<&str>, subject: &str) -> String {
    let text = [rule, selector.unwrap_or("fallback"), subject].join("\0");
    let mut digest = hex::encode(Sha256::digest(text));
    digest.truncate(32);
    digest
}

/// Numbers findings that would have one fingerprint, in the order of the code.
pub(crate) fn tell_apart(findings: &mut [Finding]) {
    let mut order: Vec<usize> = (0..findings.len()).collect();
    order.sort_by_key(|&index| findings.get(index).map(|finding| finding.pc));
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for index in order {
        let Some(finding) = findings.get_mut(index) else { continue };
        let count = seen.entry(finding.fingerprint.clone()).or_default();
        *count += 1;
        if *count > 1 {
            finding.fingerprint = format!("{}-{count}", finding.fingerprint);
        }
    }
}
