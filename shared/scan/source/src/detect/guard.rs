//! Who may get to a place: conditions that ask for the caller, and what they are worth.

use std::collections::BTreeSet;

use crate::syntax::ast::{FunctionKind, Operator, Type};
use crate::walk::facts::{Condition, Event, Facts, What};
use crate::walk::value::{Source, Test, Val, VarId};

/// What guards of one contract trust, and which of it anyone may write.
#[derive(Debug, Default)]
pub(crate) struct Guards {
    /// Variables that a condition compares with the caller.
    pub(crate) trusted: BTreeSet<VarId>,
    /// Variables that anyone sets to what he likes.
    pub(crate) open: BTreeSet<VarId>,
}

impl Guards {
    pub(crate) fn of(facts: &Facts) -> Self {
        let mut guards = Self::default();
        for event in &facts.events {
            if let What::Condition(condition) = &event.what {
                condition.test.values(&mut |value| {
                    if value.keyed_by_sender {
                        guards.trusted.extend(value.variables());
                    }
                });
                compared_with_sender(&condition.test, &mut |other| guards.trusted.extend(other.variables()));
            }
        }
        let mut open = BTreeSet::new();
        for (event, var, keys, value) in facts.writes() {
            let by_anyone = !is_constructor(facts, event)
                && !guards.authorized(facts, event)
                && !is_once(facts, event)
                && gives_rights(facts, var, keys, value);
            if by_anyone {
                open.insert(var);
            }
        }
        guards.open = open;
        guards
    }

    /// Whether only somebody who is named, or who signed, gets here.
    pub(crate) fn authorized(&self, facts: &Facts, event: &Event) -> bool {
        is_constructor(facts, event) || event.conditions.iter().any(|it| self.authorizes(facts, it))
    }

    fn authorizes(&self, facts: &Facts, condition: &Condition) -> bool {
        condition.test.implies(condition.holds, &|leaf, truth| self.leaf_authorizes(facts, leaf, truth))
    }

    fn leaf_authorizes(&self, facts: &Facts, leaf: &Test, truth: bool) -> bool {
        match leaf {
            // What is done was asked for before, by whoever may ask; `!used[hash]` only keeps it from being done twice.
            Test::Compare(_, left, right) if left.keyed_by_hash != right.keyed_by_hash => {
                let one = if left.keyed_by_hash { left } else { right };
                self.is_trusted(one)
            }
            Test::Compare(operator, left, right) => {
                let equal = matches!((operator, truth), (Operator::Eq, true) | (Operator::Ne, false));
                let unequal = matches!((operator, truth), (Operator::Ne, true) | (Operator::Eq, false));
                for (one, other) in [(left, right), (right, left)] {
                    let asks_caller = one.has(Source::Sender) || one.has(Source::Origin);
                    if equal && asks_caller && !one.is_argument() && self.is_name(other) {
                        return true;
                    }
                    // Who signed is somebody that the contract knows.
                    if equal && one.has(Source::Signer) && self.is_trusted(other) && !other.is_argument() {
                        return true;
                    }
                    // A secret or a proof: a hash of what is given is one that the contract keeps.
                    if equal
                        && one.has(Source::Hash)
                        && other.variables().next().is_some()
                        && !other.is_argument()
                    {
                        return true;
                    }
                    // `wards[msg.sender] == 1`, `role[msg.sender] != Role.None`
                    if (equal || unequal) && one.keyed_by_sender && other.is_fixed() && self.is_trusted(one) {
                        let switch =
                            !one.ty.as_ref().is_some_and(Type::is_integer) || equal && !other.is_zero();
                        return switch && (equal != other.is_zero());
                    }
                }
                false
            }
            Test::Truth(value) if truth => {
                (value.keyed_by_sender || value.keyed_by_hash) && self.is_trusted(value)
                    || self.is_permission(facts, value)
            }
            _ => false,
        }
    }

    /// Something that the contract keeps and that not everybody sets.
    fn is_trusted(&self, value: &Val) -> bool {
        value.variables().all(|it| !self.open.contains(&it))
    }

    /// Somebody's name: stored, constant, or told by another contract.
    fn is_name(&self, other: &Val) -> bool {
        let somebody =
            other.any(|it| matches!(it, Source::Var(_) | Source::Fixed | Source::This | Source::Returned(_)));
        let caller = other.any(|it| matches!(it, Source::Sender | Source::Origin));
        somebody && !caller && !other.is_argument() && !other.is_zero() && self.is_trusted(other)
    }

    /// What another contract says about the caller.
    fn is_permission(&self, facts: &Facts, value: &Val) -> bool {
        value.from.iter().any(|source| match source {
            Source::Returned(event) => facts.call(*event).is_some_and(|(_, call)| {
                call.args.iter().any(|arg| arg.exact == Some(Source::Sender))
                    && !call.target.is_argument()
                    && self.is_trusted(&call.target)
                    && call.reads_only
            }),
            _ => false,
        })
    }
}

/// Calls `each` with what the caller is compared with.
fn compared_with_sender(test: &Test, each: &mut dyn FnMut(&Val)) {
    match test {
        Test::Compare(Operator::Eq | Operator::Ne, left, right) => {
            for (one, other) in [(left, right), (right, left)] {
                if one.has(Source::Sender) || one.has(Source::Origin) {
                    each(other);
                }
            }
        }
        Test::Compare(..) | Test::Truth(_) => {}
        Test::Not(inner) => compared_with_sender(inner, each),
        Test::And(left, right) | Test::Or(left, right) => {
            compared_with_sender(left, each);
            compared_with_sender(right, each);
        }
    }
}

pub(crate) fn is_constructor(facts: &Facts, event: &Event) -> bool {
    facts.entry(event).is_some_and(|entry| entry.kind == FunctionKind::Constructor)
}

/// Whether a condition on the way holds only the first time: it asks for a variable that the same function writes,
/// and for nothing that the caller says.
pub(crate) fn is_once(facts: &Facts, event: &Event) -> bool {
    event.conditions.iter().any(|condition| {
        let sources = condition.test.sources();
        let variables: Vec<VarId> = sources
            .iter()
            .filter_map(|source| if let Source::Var(id) = source { Some(*id) } else { None })
            .collect();
        let plain = sources.iter().all(|source| !source.is_chosen() && !source.is_of_block());
        plain
            && !variables.is_empty()
            && variables.iter().any(|&id| {
                facts.writes_in(event.entry).any(|(var, _, value)| var == id && settles(condition, value))
            })
    })
}

/// Whether after this value was written the condition no longer holds: it is not what it was compared with.
fn settles(condition: &Condition, value: &Val) -> bool {
    let mut same = false;
    condition.test.values(&mut |compared| {
        same |= compared.literal.is_some() && compared.literal == value.literal && condition.holds;
    });
    !same
}

/// Whether the write hands rights to somebody whom the caller chooses: an address, or a switch for one.
fn gives_rights(facts: &Facts, var: VarId, keys: &[Val], value: &Val) -> bool {
    let Some(variable) = facts.variable(var) else { return false };
    let chosen_key = keys.iter().any(|key| key.any(Source::is_chosen));
    let stored = innermost(&variable.ty);
    let switch = matches!(stored, Type::Elementary(name) if name == "bool");
    let chosen = value.any(Source::is_chosen);
    match keys.is_empty() {
        true => chosen && (stored.is_address() || matches!(stored, Type::User(_))),
        false => {
            chosen_key && switch && !value.is_zero()
                || chosen && stored.is_address() && keys.iter().all(|key| key.is_argument())
        }
    }
}

/// What mappings and arrays lead to.
pub(crate) fn innermost(ty: &Type) -> &Type {
    match ty {
        Type::Mapping(_, value) => innermost(value),
        Type::Array(element, _) => innermost(element),
        ty => ty,
    }
}
