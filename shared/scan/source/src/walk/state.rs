//! What is known at one point of a path, and how paths meet again.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::facts::{Condition, Pending};
use super::value::{Val, VarId};

/// Calls that are kept in mind at once.
const PENDING_MAX: usize = 32;

/// One point of all paths that lead there.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// Locals of each function that is being run, outermost first.
    pub(crate) frames: Vec<Rc<HashMap<String, Val>>>,
    pub(crate) conditions: Rc<Vec<Rc<Condition>>>,
    pub(crate) pending: Rc<Vec<Pending>>,
    pub(crate) read: Rc<BTreeSet<VarId>>,
    pub(crate) written: Rc<BTreeSet<VarId>>,
    pub(crate) named_lock: bool,
    /// Whether no path leads here.
    pub(crate) dead: bool,
}

impl State {
    pub(crate) fn local(&self, name: &str) -> Option<&Val> {
        self.frames.last()?.get(name)
    }

    pub(crate) fn set_local(&mut self, name: &str, value: Val) {
        if name.is_empty() {
            return;
        }
        if let Some(frame) = self.frames.last_mut() {
            Rc::make_mut(frame).insert(name.to_owned(), value);
        }
    }

    pub(crate) fn know(&mut self, condition: Rc<Condition>) {
        Rc::make_mut(&mut self.conditions).push(condition);
    }

    pub(crate) fn wait_for(&mut self, event: u32) {
        if self.pending.len() < PENDING_MAX {
            let read = Rc::clone(&self.read);
            Rc::make_mut(&mut self.pending).push(Pending { event, read });
        }
    }

    /// What is known where `self` and `other` meet.
    pub(crate) fn meet(&mut self, other: Self) {
        if other.dead {
            return;
        }
        if self.dead {
            *self = other;
            return;
        }
        for (mine, theirs) in self.frames.iter_mut().zip(&other.frames) {
            if Rc::ptr_eq(mine, theirs) {
                continue;
            }
            let mine = Rc::make_mut(mine);
            for (name, value) in theirs.iter() {
                match mine.get_mut(name) {
                    Some(known) => *known = known.joined(value),
                    None => {
                        mine.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        if !Rc::ptr_eq(&self.conditions, &other.conditions) {
            let both = |it: &Rc<Condition>| other.conditions.iter().any(|theirs| Rc::ptr_eq(it, theirs));
            let kept: Vec<_> = self.conditions.iter().filter(|it| both(it)).cloned().collect();
            self.conditions = Rc::new(kept);
        }
        if !Rc::ptr_eq(&self.pending, &other.pending) {
            let mine = Rc::make_mut(&mut self.pending);
            for pending in other.pending.iter() {
                match mine.iter().position(|it| it.event == pending.event) {
                    Some(at) if !Rc::ptr_eq(&mine[at].read, &pending.read) => {
                        mine[at].read = Rc::new(mine[at].read.union(&pending.read).copied().collect());
                    }
                    Some(_) => {}
                    None if mine.len() < PENDING_MAX => mine.push(pending.clone()),
                    None => {}
                }
            }
        }
        for (mine, theirs) in [(&mut self.read, &other.read), (&mut self.written, &other.written)] {
            if !Rc::ptr_eq(mine, theirs) {
                Rc::make_mut(mine).extend(theirs.iter().copied());
            }
        }
        self.named_lock &= other.named_lock;
    }
}
