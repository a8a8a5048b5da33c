//! Variables: reading and writing them.

use std::rc::Rc;

use super::facts::What;
use super::state::State;
use super::statement::part_of;
use super::value::{Source, Val, VarId};
use super::{Walk, bound};
use crate::syntax::ast::{Expr, ExprKind, Operator, Span};

impl<'p> Walk<'p> {
    /// The variable that a name means in the function that is being run: that of the contract in whose text it
    /// stands, or of one of its bases.
    pub(super) fn variable_named(&self, name: &str) -> Option<VarId> {
        let frame = self.frames.last()?;
        let all = self.by_name.get(name)?;
        if frame.foreign {
            return None;
        }
        let place = |id: VarId| {
            let contract = self.facts.variable(id)?.contract;
            self.facts.order.iter().position(|&it| it == contract)
        };
        let own = self.facts.order.iter().position(|&it| it == frame.contract)?;
        all.iter().copied().find(|&id| place(id).is_some_and(|at| at >= own)).or_else(|| all.first().copied())
    }

    pub(super) fn read(&mut self, id: VarId, state: &mut State) -> Val {
        let Some(variable) = self.facts.variable(id) else { return Val::default() };
        let (fixed, ty) = (variable.fixed, variable.ty.clone());
        if !state.read.contains(&id) {
            Rc::make_mut(&mut state.read).insert(id);
        }
        if let Some(entry) = self.facts.entries.get_mut(self.entry as usize) {
            entry.reads.insert(id);
        }
        if fixed {
            return Val { ty: Some(ty), ..Val::of(Source::Fixed) };
        }
        Val { ty: Some(ty), place: Some(id), ..Val::of(Source::Var(id)) }
    }

    /// `left = value`
    pub(super) fn assign(
        &mut self,
        left: &'p Expr,
        value: Val,
        operator: Option<Operator>,
        span: Span,
        state: &mut State,
    ) {
        match &left.kind {
            ExprKind::Name(name) => {
                if let Some(old) = state.local(name) {
                    let (ty, was_pointer) = (old.ty.clone(), old.place.is_some() || old.unset);
                    let kept = match ty {
                        Some(ty) => {
                            let value_place = value.place;
                            let kept = bound(value, &ty, None);
                            Val { place: if was_pointer { value_place } else { kept.place }, ..kept }
                        }
                        None => Val { place: None, ..value },
                    };
                    state.set_local(name, Val { unset: false, ..kept });
                } else if let Some(id) = self.variable_named(name) {
                    self.write(id, Vec::new(), value, operator, span, state);
                }
            }
            ExprKind::Tuple(items) => {
                for (index, item) in items.iter().enumerate() {
                    if let Some(item) = item {
                        self.assign(item, part_of(&value, index), operator, span, state);
                    }
                }
            }
            ExprKind::Member(object, member) => {
                let mut keys = Vec::new();
                match self.root(object, &mut keys, state) {
                    Some(id) => {
                        // The length of an array is a place of its own.
                        if member == "length" {
                            keys.push(Val::literal("length", "string"));
                        }
                        self.write(id, keys, value, operator, span, state);
                    }
                    None => self.write_local(object, &value, state),
                }
            }
            ExprKind::Index(base, index) => {
                let key = index.as_ref().map(|index| self.eval(index, state)).unwrap_or_default();
                let mut keys = vec![key];
                match self.root(base, &mut keys, state) {
                    Some(id) => self.write(id, keys, value, operator, span, state),
                    None => self.write_local(base, &value, state),
                }
            }
            _ => {
                let target = self.eval(left, state);
                if let Some(id) = target.place {
                    self.write(id, Vec::new(), value, operator, span, state);
                }
            }
        }
    }

    /// The variable that a place belongs to, and the keys that lead there.
    fn root(&mut self, expression: &'p Expr, keys: &mut Vec<Val>, state: &mut State) -> Option<VarId> {
        match &expression.kind {
            ExprKind::Name(name) => match state.local(name) {
                Some(local) => {
                    let (place, choice, sender) = (local.place, local.keyed_by_choice, local.keyed_by_sender);
                    if local.unset {
                        let what = self.read_unset(name, local);
                        self.event(what, expression.span, state);
                    }
                    if choice {
                        keys.push(Val::of(Source::Param(0)));
                    }
                    if sender {
                        keys.push(Val::of(Source::Sender));
                    }
                    place
                }
                None => self.variable_named(name),
            },
            ExprKind::Index(base, index) => {
                let key = index.as_ref().map(|index| self.eval(index, state)).unwrap_or_default();
                keys.push(key);
                self.root(base, keys, state)
            }
            ExprKind::Member(object, _) => self.root(object, keys, state),
            _ => self.eval(expression, state).place,
        }
    }

    /// Something in a local struct or array is written: it may now be either.
    fn write_local(&mut self, expression: &'p Expr, value: &Val, state: &mut State) {
        let mut root = expression;
        while let ExprKind::Index(base, _) | ExprKind::Member(base, _) = &root.kind {
            root = base;
        }
        if let ExprKind::Name(name) = &root.kind
            && let Some(old) = state.local(name)
        {
            let ty = old.ty.clone();
            let joined = Val { ty, parts: None, ..old.joined(value) };
            state.set_local(name, Val { unset: false, ..joined });
        }
    }

    pub(super) fn write(
        &mut self,
        var: VarId,
        keys: Vec<Val>,
        value: Val,
        operator: Option<Operator>,
        span: Span,
        state: &mut State,
    ) {
        self.facts.mark_used(&value);
        self.event(What::Write { var, keys, value, operator }, span, state);
        if !state.written.contains(&var) {
            Rc::make_mut(&mut state.written).insert(var);
        }
    }
}
