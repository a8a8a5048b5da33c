//! The states of a contract as a graph: what comes before, after, always before, and again and again.

use std::collections::BTreeSet;

use super::explore::Visit;
use super::expr::Id;

/// Branches that are looked back at from one state.
const BRANCHES_MAX: usize = 400;

/// A condition that holds, or does not, whenever a state is reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// The state that ends with the branch.
    pub(crate) visit: usize,
    pub(crate) condition: Id,
    pub(crate) holds: bool,
    /// Whether the other side ends with everything undone: a `require`.
    pub(crate) required: bool,
}

/// What the edges between states say.
#[derive(Default)]
pub(crate) struct Graph {
    before: Vec<Vec<usize>>,
    /// Whether a path from the state may end with its effects kept.
    kept: Vec<bool>,
    /// The state through which every path to a state comes last; itself for the first one and those not reached.
    dominator: Vec<usize>,
    /// Which loop a state is in, if it is in one.
    circle: Vec<Option<usize>>,
}

impl Graph {
    pub(crate) fn of(visits: &[Visit]) -> Self {
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); visits.len()];
        for (index, visit) in visits.iter().enumerate() {
            for &next in &visit.next {
                if let Some(before) = before.get_mut(next) {
                    before.push(index);
                }
            }
        }
        let kept = kept(visits, &before);
        let dominator = dominators(visits, &before);
        let circle = circles(visits);
        Self { before, kept, dominator, circle }
    }

    /// Whether a path from the state may end with its effects kept.
    pub(crate) fn kept(&self, visit: usize) -> bool {
        self.kept.get(visit).copied().unwrap_or(false)
    }

    /// For each state, whether a path from it may end with its effects kept.
    pub(crate) fn kept_all(&self) -> &[bool] {
        &self.kept
    }

    /// Which loop the state is in; loops are numbered by one of their states.
    pub(crate) fn circle(&self, visit: usize) -> Option<usize> {
        self.circle.get(visit).copied().flatten()
    }

    /// The states through which every path to `visit` comes, the nearest first, without itself.
    pub(crate) fn always_before(&self, visit: usize) -> impl Iterator<Item = usize> {
        let mut at = visit;
        std::iter::from_fn(move || {
            let next = *self.dominator.get(at)?;
            let moved = next != at;
            at = next;
            moved.then_some(next)
        })
    }

    /// Every state that a path from `visit` may reach; `visit` itself only through a loop.
    pub(crate) fn after(&self, visits: &[Visit], visit: usize) -> Vec<bool> {
        let mut reached = vec![false; visits.len()];
        let mut open: Vec<usize> = visits.get(visit).map(|visit| visit.next.clone()).unwrap_or_default();
        while let Some(index) = open.pop() {
            let Some(seen) = reached.get_mut(index) else { continue };
            if !std::mem::replace(seen, true) {
                open.extend(&visits[index].next);
            }
        }
        reached
    }

    /// Every state from which a path may reach one of `visits`; itself only through a loop or to another.
    pub(crate) fn leading_to(&self, visits: &BTreeSet<usize>) -> Vec<bool> {
        let mut reached = vec![false; self.before.len()];
        let mut open: Vec<usize> =
            visits.iter().filter_map(|&visit| self.before.get(visit)).flatten().copied().collect();
        while let Some(index) = open.pop() {
            let Some(seen) = reached.get_mut(index) else { continue };
            if !std::mem::replace(seen, true) {
                open.extend(&self.before[index]);
            }
        }
        reached
    }

    /// What is known whenever `visit` is reached, the nearest branch first.
    pub(crate) fn known(&self, visits: &[Visit], visit: usize) -> Vec<Known> {
        let mut known = Vec::new();
        // The states that dominate `visit`, and itself: a side that begins with one of them was taken.
        let mut later = vec![visit];
        for at in self.always_before(visit).take(BRANCHES_MAX) {
            if let Some(branch) = visits.get(at).and_then(|visit| visit.branch.as_ref()) {
                let leads = |side: &[usize]| {
                    side.iter().any(|next| later.contains(next) && self.before[*next].as_slice() == [at])
                };
                let alive = |side: &[usize]| side.iter().any(|&next| self.kept(next));
                let (yes, no) = (alive(&branch.yes), alive(&branch.no));
                let holds = match (leads(&branch.yes), leads(&branch.no)) {
                    (true, false) => Some(true),
                    (false, true) => Some(false),
                    _ if self.kept(visit) && yes != no => Some(yes),
                    _ => None,
                };
                if let Some(holds) = holds {
                    let required = if holds { !no } else { !yes };
                    known.push(Known { visit: at, condition: branch.condition, holds, required });
                }
            }
            later.push(at);
        }
        known
    }
}

fn kept(visits: &[Visit], before: &[Vec<usize>]) -> Vec<bool> {
    let mut kept = vec![false; visits.len()];
    let mut open: Vec<usize> =
        visits.iter().enumerate().filter(|(_, visit)| visit.keeps).map(|(index, _)| index).collect();
    while let Some(index) = open.pop() {
        if !std::mem::replace(&mut kept[index], true) {
            open.extend(before[index].iter().copied().filter(|&earlier| !kept[earlier]));
        }
    }
    kept
}

/// States in the order in which they are left for good, the first state last.
fn post_order(visits: &[Visit]) -> Vec<usize> {
    let mut order = Vec::with_capacity(visits.len());
    let mut seen = vec![false; visits.len()];
    let mut open: Vec<(usize, usize)> = Vec::new();
    if let Some(first) = seen.first_mut() {
        *first = true;
        open.push((0, 0));
    }
    while let Some((index, child)) = open.last_mut() {
        match visits[*index].next.get(*child) {
            Some(&next) => {
                *child += 1;
                if !std::mem::replace(&mut seen[next], true) {
                    open.push((next, 0));
                }
            }
            None => {
                order.push(*index);
                open.pop();
            }
        }
    }
    order
}

/// Cooper, Harvey, Kennedy: A Simple, Fast Dominance Algorithm.
fn dominators(visits: &[Visit], before: &[Vec<usize>]) -> Vec<usize> {
    let order = post_order(visits);
    let mut rank = vec![0; visits.len()];
    for (number, &index) in order.iter().enumerate() {
        rank[index] = number;
    }
    let none = usize::MAX;
    let mut dominator = vec![none; visits.len()];
    if let Some(first) = dominator.first_mut() {
        *first = 0;
    }
    let mut changed = true;
    while changed {
        changed = false;
        for &index in order.iter().rev().filter(|&&index| index != 0) {
            let mut new = none;
            for &earlier in &before[index] {
                if dominator[earlier] == none {
                    continue;
                }
                new = if new == none { earlier } else { common(&dominator, &rank, earlier, new) };
            }
            if new != none && dominator[index] != new {
                dominator[index] = new;
                changed = true;
            }
        }
    }
    for (index, dominator) in dominator.iter_mut().enumerate() {
        if *dominator == none {
            *dominator = index;
        }
    }
    dominator
}

fn common(dominator: &[usize], rank: &[usize], mut a: usize, mut b: usize) -> usize {
    while a != b {
        while rank[a] < rank[b] {
            a = dominator[a];
        }
        while rank[b] < rank[a] {
            b = dominator[b];
        }
    }
    a
}

/// Tarjan's strongly connected components with more than one state, or with an edge to itself.
fn circles(visits: &[Visit]) -> Vec<Option<usize>> {
    let mut circle = vec![None; visits.len()];
    let mut number = vec![usize::MAX; visits.len()];
    let mut low = vec![0; visits.len()];
    let mut on_stack = vec![false; visits.len()];
    let (mut stack, mut next_number) = (Vec::new(), 0);
    for (start, _) in visits.iter().enumerate() {
        if number[start] != usize::MAX {
            continue;
        }
        let mut open = vec![(start, 0)];
        while let Some(&(index, child)) = open.last() {
            if child == 0 {
                number[index] = next_number;
                low[index] = next_number;
                next_number += 1;
                stack.push(index);
                on_stack[index] = true;
            }
            if let Some(&next) = visits[index].next.get(child) {
                if let Some(top) = open.last_mut() {
                    top.1 += 1;
                }
                if number[next] == usize::MAX {
                    open.push((next, 0));
                } else if on_stack[next] {
                    low[index] = low[index].min(number[next]);
                }
                continue;
            }
            open.pop();
            if let Some(&(parent, _)) = open.last() {
                low[parent] = low[parent].min(low[index]);
            }
            if low[index] == number[index] {
                let from = stack.iter().rposition(|&other| other == index).unwrap_or(0);
                let members = stack.split_off(from);
                let loops = members.len() > 1 || visits[index].next.contains(&index);
                for member in members {
                    on_stack[member] = false;
                    circle[member] = loops.then_some(index);
                }
            }
        }
    }
    circle
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::code::Code;
    use crate::engine::deadline::{Budget, Deadline};
    use crate::engine::explore::explore;

    fn graph(code: &[u8]) -> (Vec<Visit>, Graph) {
        let deadline = Deadline::after(std::time::Duration::from_secs(60));
        let explored = explore(&Code::new(code), None, Budget::Quick.limits(), &deadline);
        let graph = Graph::of(&explored.visits);
        (explored.visits, graph)
    }

    fn at(visits: &[Visit], pc: usize) -> usize {
        visits.iter().position(|visit| visit.state.pc == pc).expect("a state there")
    }

    #[test]
    fn a_requirement_is_known_behind_it() {
        // CALLDATALOAD(0) PUSH 8 JUMPI; REVERT(0, 0); 8: JUMPDEST STOP
        let (visits, graph) = graph(&[0x5f, 0x35, 0x60, 8, 0x57, 0x5f, 0x5f, 0xfd, 0x5b, 0x00]);
        let stop = at(&visits, 8);
        let known = graph.known(&visits, stop);
        assert_eq!(known.len(), 1);
        assert!(known[0].holds && known[0].required);
        assert!(graph.kept(stop) && !graph.kept(at(&visits, 5)));
    }

    #[test]
    fn what_both_sides_reach_knows_nothing_of_the_branch() {
        // CALLDATALOAD(0) PUSH 6 JUMPI; PC; 6: JUMPDEST STOP, with the stacks of both sides equal
        let (visits, graph) = graph(&[0x5f, 0x35, 0x60, 5, 0x57, 0x5b, 0x00]);
        assert!(graph.known(&visits, at(&visits, 5)).is_empty());
    }

    #[test]
    fn a_loop_is_a_circle_and_what_follows_it_is_not() {
        // 0: JUMPDEST CALLDATALOAD(0) PUSH 0 JUMPI; STOP
        let (visits, graph) = graph(&[0x5b, 0x5f, 0x35, 0x5f, 0x57, 0x00]);
        assert!(graph.circle(at(&visits, 0)).is_some());
        assert!(graph.circle(at(&visits, 5)).is_none());
        assert!(graph.after(&visits, 0)[0] && graph.leading_to(&BTreeSet::from([0]))[0]);
    }
}
