//! The facts about one contract, as queries ask for them: things with their places, on fuel.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use alloy_primitives::U256;

use super::limits::SITES_MAX;
use super::schema::Entity;
use crate::engine::contract::Contract;
use crate::engine::expr::{Expr, Id};
use crate::engine::machine::{CallMade, Effect};

/// Bytes of answers about what comes after what that are kept.
const ORDER_BYTES_MAX: usize = 16 << 20;
/// Steps that finding the reads costs: each of the words that are used is looked into.
const READS_STEPS: usize = 20_000;
/// Steps between two looks at the time.
const STEPS_OF_A_LOOK: u64 = 4_096;

/// What a field says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Datum {
    /// There is no such thing here: no comparison with it holds.
    Absent,
    Flag(bool),
    Number(U256),
    Word(Id),
    /// `None` is the fallback.
    Function(Option<u32>),
    Name(&'static str),
}

impl From<Option<Id>> for Datum {
    fn from(id: Option<Id>) -> Self {
        id.map_or(Self::Absent, Self::Word)
    }
}

/// Why evaluation stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// The detector's own steps, or those of the set, are used up.
    Fuel,
    /// The scan's time is.
    Time,
    /// So many places as are told were found.
    Findings,
}

/// One thing that a query goes through.
pub(crate) struct Site {
    pub(crate) visit: usize,
    /// Among the effects of the state; branches come after all of them.
    pub(crate) place: usize,
    pub(crate) pc: usize,
    /// What a finding at it is about.
    pub(crate) subject: Option<Id>,
    pub(crate) what: What,
}

/// What it is.
pub(crate) enum What {
    Function,
    Call(Rc<CallMade>),
    Write { slot: Id, value: Id },
    Read { slot: Id, used_by: &'static str },
    Branch { condition: Id },
    Guard(u32),
    Selfdestruct { beneficiary: Id },
    Creation { value: Id },
    Log,
}

/// The facts, and the fuel that is left for asking about them.
pub(crate) struct Facts<'c> {
    pub(crate) contract: &'c Contract<'c>,
    /// Of one detector.
    left: Cell<u64>,
    /// Of all of them.
    left_of_set: Cell<u64>,
    since_look: Cell<u64>,
    sites: [OnceCell<Vec<Site>>; Entity::ALL.len()],
    /// Entities of which there are more than are gone through.
    crowded: RefCell<BTreeSet<&'static str>>,
    after: RefCell<BTreeMap<usize, Rc<Vec<bool>>>>,
    decided: RefCell<BTreeMap<usize, Rc<Vec<Id>>>>,
    fails: RefCell<BTreeMap<usize, bool>>,
}

impl<'c> Facts<'c> {
    pub(crate) fn new(contract: &'c Contract<'c>, fuel_of_set: u64) -> Self {
        Self {
            contract,
            left: Cell::new(0),
            left_of_set: Cell::new(fuel_of_set),
            since_look: Cell::new(0),
            sites: Default::default(),
            crowded: RefCell::default(),
            after: RefCell::default(),
            decided: RefCell::default(),
            fails: RefCell::default(),
        }
    }

    /// Fills up for the next detector.
    pub(crate) fn refuel(&self, fuel: u64) {
        self.left.set(fuel);
    }

    /// Steps that are left of the set's.
    #[cfg(test)]
    pub(crate) fn left_of_set(&self) -> u64 {
        self.left_of_set.get()
    }

    /// Takes `steps`, before they are made.
    pub(crate) fn burn(&self, steps: usize) -> Result<(), Halt> {
        let steps = steps as u64;
        let (left, of_set) = (self.left.get().checked_sub(steps), self.left_of_set.get().checked_sub(steps));
        let (Some(left), Some(of_set)) = (left, of_set) else {
            self.left.set(0);
            return Err(Halt::Fuel);
        };
        self.left.set(left);
        self.left_of_set.set(of_set);
        self.since_look.set(self.since_look.get().saturating_add(steps));
        if self.since_look.get() >= STEPS_OF_A_LOOK {
            self.since_look.set(0);
            if self.contract.out_of_time() {
                return Err(Halt::Time);
            }
        }
        Ok(())
    }

    /// Entities of which there are more than are gone through.
    pub(crate) fn crowded(&self) -> BTreeSet<&'static str> {
        self.crowded.borrow().clone()
    }

    /// The things of one kind, in the order of the states.
    pub(crate) fn sites(&self, entity: Entity) -> Result<&[Site], Halt> {
        let cell = &self.sites[Entity::ALL.iter().position(|it| *it == entity).unwrap_or_default()];
        if let Some(sites) = cell.get() {
            return Ok(sites);
        }
        let steps = self.contract.visits().len() / 8;
        self.burn(if entity == Entity::Reads { steps + READS_STEPS } else { steps })?;
        let mut sites = super::sites::of(self.contract, entity);
        let has_more = match entity {
            Entity::Calls => self.contract.has_more_calls,
            Entity::Writes => self.contract.has_more_writes,
            _ => sites.len() > SITES_MAX,
        };
        sites.truncate(SITES_MAX);
        if has_more {
            self.crowded.borrow_mut().insert(entity.name());
        }
        Ok(cell.get_or_init(|| sites))
    }

    /// Whether some path leads from `earlier` to `later`.
    pub(crate) fn leads(&self, earlier: &Site, later: &Site) -> Result<bool, Halt> {
        if earlier.visit == later.visit && earlier.place < later.place {
            return Ok(true);
        }
        let known = self.after.borrow().get(&earlier.visit).cloned();
        let after = match known {
            Some(after) => after,
            None => {
                self.burn(self.contract.visits().len() / 4)?;
                let after = Rc::new(self.contract.after(earlier.visit));
                let mut kept = self.after.borrow_mut();
                if (kept.len() + 1) * after.len() > ORDER_BYTES_MAX {
                    kept.clear();
                }
                kept.insert(earlier.visit, Rc::clone(&after));
                after
            }
        };
        Ok(after.get(later.visit).copied().unwrap_or(false))
    }

    /// Whether every path to `later` comes through `earlier`.
    pub(crate) fn always(&self, earlier: &Site, later: &Site) -> Result<bool, Halt> {
        if let What::Guard(number) = earlier.what {
            return Ok(self.contract.visit(later.visit).state.guards.contains(&number));
        }
        if earlier.visit == later.visit {
            return Ok(earlier.place < later.place);
        }
        for visit in self.contract.graph.always_before(later.visit) {
            self.burn(1)?;
            if visit == earlier.visit {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Places of storage that decide whether `site` is reached.
    pub(crate) fn decided_on(&self, site: &Site) -> Result<Rc<Vec<Id>>, Halt> {
        if let Some(known) = self.decided.borrow().get(&site.visit) {
            return Ok(Rc::clone(known));
        }
        let known = self.contract.known(site.visit);
        self.burn(50 * (known.len() + 1))?;
        let slots = Rc::new(self.contract.slots_decided_on(&known));
        self.decided.borrow_mut().insert(site.visit, Rc::clone(&slots));
        Ok(slots)
    }

    /// Whether a path that makes the call ends undone when the call fails.
    pub(crate) fn fails_with(&self, pc: usize) -> Result<bool, Halt> {
        if let Some(&known) = self.fails.borrow().get(&pc) {
            return Ok(known);
        }
        self.burn(self.contract.visits().len() + 1)?;
        let fails = self.contract.fails_with(pc);
        self.fails.borrow_mut().insert(pc, fails);
        Ok(fails)
    }

    /// The parts of a word, itself included.
    pub(crate) fn inside(&self, word: Id) -> Result<Vec<Id>, Halt> {
        self.burn(20)?;
        let inside = self.contract.inside(word);
        self.burn(inside.len())?;
        Ok(inside)
    }

    /// The places of storage that a word may be made of.
    pub(crate) fn slots_inside(&self, word: Id) -> Result<Vec<Id>, Halt> {
        let arena = self.contract.arena();
        let slot = |part: Id| match arena.expr(part) {
            Expr::Storage(slot) => Some(*slot),
            _ => None,
        };
        Ok(self.inside(word)?.into_iter().filter_map(slot).collect())
    }

    /// Whether a call of the function can end well with ether.
    pub(crate) fn takes_ether(&self, selector: Option<u32>) -> Result<bool, Halt> {
        for (index, visit) in self.contract.visits().iter().enumerate() {
            self.burn(1)?;
            if visit.keeps && visit.state.selector == selector {
                self.burn(50)?;
                if !self.contract.refuses_ether(index) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// The order of an effect inside its state.
pub(super) fn effects<'a>(contract: &'a Contract<'_>) -> impl Iterator<Item = (usize, usize, &'a Effect)> {
    let visits = contract.visits().iter().enumerate();
    visits.flat_map(|(index, visit)| {
        visit.effects.iter().enumerate().map(move |(place, it)| (index, place, it))
    })
}
