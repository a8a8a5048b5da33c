//! Statements, one after the other.

use std::rc::Rc;

use super::facts::{Condition, What};
use super::state::State;
use super::value::{Source, Test, Val};
use super::{Walk, bound, named_returns};
use crate::syntax::ast::{Expr, Local, Span, Stmt, StmtKind};

impl<'p> Walk<'p> {
    pub(super) fn statements(&mut self, all: &'p [Stmt], state: &mut State) {
        for statement in all {
            self.statement(statement, state);
        }
    }

    fn statement(&mut self, statement: &'p Stmt, state: &mut State) {
        if state.dead || !self.step() {
            return;
        }
        if self.nesting >= super::NESTING_MAX {
            self.gap(statement.span, "nested more deeply than is followed");
            return;
        }
        self.nesting += 1;
        self.executed(statement, state);
        self.nesting -= 1;
    }

    fn executed(&mut self, statement: &'p Stmt, state: &mut State) {
        match &statement.kind {
            StmtKind::Block { unchecked, body } => {
                self.unchecked(u32::from(*unchecked));
                self.statements(body, state);
                self.checked(u32::from(*unchecked));
            }
            StmtKind::Assembly(body) => self.statements(body, state),
            StmtKind::If { condition, then, other } => {
                let test = self.test(condition, state);
                let mut otherwise = state.clone();
                self.know(condition.span, &test, true, state);
                self.statement(then, state);
                self.know(condition.span, &test, false, &mut otherwise);
                if let Some(other) = other {
                    self.statement(other, &mut otherwise);
                }
                state.meet(otherwise);
            }
            StmtKind::Loop { first, condition, step, body } => {
                if let Some(first) = first {
                    self.statement(first, state);
                }
                self.repeat(condition.as_ref(), step.as_ref(), body, state);
            }
            StmtKind::Return(value) => {
                let value = match value {
                    Some(value) => self.eval(value, state),
                    None => {
                        self.frames.last().map_or_else(Val::default, |it| named_returns(it.function, state))
                    }
                };
                self.leave(value, statement.span, state);
            }
            StmtKind::Expr(expression) => {
                self.eval(expression, state);
            }
            StmtKind::Declare { locals, value } => self.declare(locals, value.as_ref(), state),
            StmtKind::Emit(call) => {
                if let crate::syntax::ast::ExprKind::Call { args, .. } = &call.kind {
                    self.eval_all(args, state);
                }
                self.event(What::Emit, statement.span, state);
            }
            StmtKind::Revert(args) => {
                for arg in args {
                    self.revert_argument(arg, state);
                }
                state.dead = true;
            }
            StmtKind::Try { attempt, returns, body, catches } => {
                let before = std::mem::replace(&mut self.in_try, true);
                let value = self.eval(attempt, state);
                self.in_try = before;
                self.facts.mark_used(&value);
                let failed = state.clone();
                self.bind(returns, &value, state);
                self.statement(body, state);
                for clause in catches {
                    let mut caught = failed.clone();
                    self.statement(clause, &mut caught);
                    state.meet(caught);
                }
            }
            StmtKind::Placeholder => self.placeholder(state),
            StmtKind::Break => self.jump(true, state),
            StmtKind::Continue => self.jump(false, state),
        }
    }

    /// `revert Error(a, b)`: the error is no function.
    fn revert_argument(&mut self, arg: &'p Expr, state: &mut State) {
        match &arg.kind {
            crate::syntax::ast::ExprKind::Call { args, .. } => {
                self.eval_all(args, state);
            }
            crate::syntax::ast::ExprKind::Name(_) | crate::syntax::ast::ExprKind::Member(..) => {}
            _ => {
                self.eval(arg, state);
            }
        }
    }

    fn unchecked(&mut self, more: u32) {
        if let Some(frame) = self.frames.last_mut() {
            frame.unchecked += more;
        }
    }

    fn checked(&mut self, less: u32) {
        if let Some(frame) = self.frames.last_mut() {
            frame.unchecked = frame.unchecked.saturating_sub(less);
        }
    }

    fn jump(&mut self, out: bool, state: &mut State) {
        if let Some(frame) = self.frames.last_mut() {
            let targets = if out { &mut frame.breaks } else { &mut frame.continues };
            if let Some(target) = targets.last_mut() {
                target.push(state.clone());
            }
        }
        state.dead = true;
    }

    fn repeat(
        &mut self,
        condition: Option<&'p Expr>,
        step: Option<&'p Expr>,
        body: &'p Stmt,
        state: &mut State,
    ) {
        let mut left = Vec::new();
        self.loops += 1;
        // Twice: what the first round did can be seen by the second.
        for _ in 0..2 {
            let mut inside = state.clone();
            if let Some(condition) = condition {
                let test = self.test(condition, &mut inside);
                self.know(condition.span, &test, true, &mut inside);
            }
            if let Some(frame) = self.frames.last_mut() {
                frame.breaks.push(Vec::new());
                frame.continues.push(Vec::new());
            }
            self.statement(body, &mut inside);
            if let Some(frame) = self.frames.last_mut() {
                left.extend(frame.breaks.pop().unwrap_or_default());
                for again in frame.continues.pop().unwrap_or_default() {
                    inside.meet(again);
                }
            }
            if let (Some(step), false) = (step, inside.dead) {
                self.eval(step, &mut inside);
            }
            state.meet(inside);
        }
        self.loops -= 1;
        for out in left {
            state.meet(out);
        }
    }

    fn declare(&mut self, locals: &'p [Option<Local>], value: Option<&'p Expr>, state: &mut State) {
        let value = match value {
            Some(value) => self.eval(value, state),
            None => Val { unset: true, ..Val::default() },
        };
        if let [Some(only)] = locals {
            let mut kept = bound(value, &only.ty, only.location.as_deref());
            // In memory it is there, and empty.
            kept.unset &= !matches!(only.location.as_deref(), Some("memory" | "calldata"));
            state.set_local(&only.name, kept);
            return;
        }
        for (index, local) in locals.iter().enumerate() {
            let Some(local) = local else { continue };
            let part = part_of(&value, index);
            state.set_local(&local.name, bound(part, &local.ty, local.location.as_deref()));
        }
    }

    fn bind(&mut self, locals: &'p [Local], value: &Val, state: &mut State) {
        for (index, local) in locals.iter().enumerate() {
            state.set_local(&local.name, bound(part_of(value, index), &local.ty, local.location.as_deref()));
        }
    }

    /// A condition that is looked at.
    pub(super) fn test(&mut self, condition: &'p Expr, state: &mut State) -> Rc<Test> {
        let value = self.eval(condition, state);
        self.facts.mark_used(&value);
        let test = Test::of(&value);
        test.values(&mut |it| {
            let mut part = it.clone();
            part.parts = None;
            for source in &part.from {
                if let Source::Ok(event) | Source::Returned(event) = source {
                    self.facts.used.insert(*event);
                }
            }
        });
        test
    }

    /// From here on the condition is known.
    pub(super) fn know(&mut self, span: Span, test: &Rc<Test>, holds: bool, state: &mut State) {
        let condition = Rc::new(Condition { span, test: Rc::clone(test), holds });
        self.event(What::Condition(Rc::clone(&condition)), span, state);
        state.know(condition);
    }
}

/// One of several values.
pub(super) fn part_of(value: &Val, index: usize) -> Val {
    match &value.parts {
        Some(parts) => parts.get(index).cloned().unwrap_or_default(),
        None if index == 0 => value.clone(),
        None => Val { from: value.from.clone(), ..Val::default() },
    }
}
