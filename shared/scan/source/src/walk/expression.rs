//! Expressions: what they are made of, and what happens on the way.

use std::rc::Rc;

use super::facts::What;
use super::state::State;
use super::value::{Source, Test, Val};
use super::{Walk, tuple};
use crate::syntax::ast::{Expr, ExprKind, Operator, Span, Type};

impl<'p> Walk<'p> {
    pub(super) fn eval(&mut self, expression: &'p Expr, state: &mut State) -> Val {
        if state.dead || !self.step() {
            return Val::default();
        }
        if self.nesting >= super::NESTING_MAX {
            self.gap(expression.span, "nested more deeply than is followed");
            return Val::default();
        }
        self.nesting += 1;
        let value = self.evaluated(expression, state);
        self.nesting -= 1;
        value
    }

    fn evaluated(&mut self, expression: &'p Expr, state: &mut State) -> Val {
        let span = expression.span;
        match &expression.kind {
            ExprKind::Name(name) => self.name(name, span, state),
            ExprKind::Number(text) => Val::literal(text, "uint256"),
            ExprKind::Text(text) => Val::literal(text, "string"),
            ExprKind::Bool(value) => Val::literal(if *value { "true" } else { "false" }, "bool"),
            ExprKind::Member(object, member) => self.member(object, member, state),
            ExprKind::Index(base, index) => {
                let base = self.eval(base, state);
                let key = index.as_ref().map(|index| self.eval(index, state)).unwrap_or_default();
                indexed(&base, &key)
            }
            ExprKind::Call { callee, options, args } => self.call(callee, options, args, span, state),
            ExprKind::Cast(ty, argument) => {
                let value = self.eval(argument, state);
                Val { ty: Some(ty.clone()), ..value }
            }
            ExprKind::New(ty) | ExprKind::TypeName(ty) => {
                Val { ty: Some(ty.clone()), ..Val::of(Source::Fixed) }
            }
            ExprKind::Binary(operator, left, right) => self.binary(*operator, left, right, span, state),
            ExprKind::Unary(operator, argument) => self.unary(*operator, argument, span, state),
            ExprKind::Step(operator, argument) => {
                let old = self.eval(argument, state);
                let one = Val::literal("1", "uint256");
                let new = self.arithmetic(*operator, old.clone(), one, span, state);
                self.assign(argument, new, Some(*operator), span, state);
                old
            }
            ExprKind::Assign(operator, left, right) => {
                let mut value = self.eval(right, state);
                if let Some(operator) = operator {
                    let old = self.eval(left, state);
                    value = self.arithmetic(*operator, old, value, span, state);
                }
                self.assign(left, value.clone(), *operator, span, state);
                value
            }
            ExprKind::Ternary(condition, then, other) => {
                let test = self.test(condition, state);
                let mut otherwise = state.clone();
                self.know(condition.span, &test, true, state);
                let first = self.eval(then, state);
                self.know(condition.span, &test, false, &mut otherwise);
                let second = self.eval(other, &mut otherwise);
                state.meet(otherwise);
                first.joined(&second)
            }
            ExprKind::Tuple(items) => {
                let values = items.iter().map(|item| match item {
                    Some(item) => self.eval(item, state),
                    None => Val::default(),
                });
                tuple(values.collect())
            }
            ExprKind::Array(items) => {
                let values = self.eval_all(items, state);
                let from = values.iter().flat_map(|value| value.from.iter().copied()).collect();
                let element = values.first().and_then(|value| value.ty.clone()).unwrap_or(Type::Other);
                Val { from, ty: Some(Type::Array(Box::new(element), true)), ..Val::default() }
            }
            ExprKind::Instruction(name, args) => self.instruction(name, args, span, state),
            ExprKind::Other(items) => {
                let values = self.eval_all(items, state);
                let from = values.iter().flat_map(|value| value.from.iter().copied()).collect();
                Val { from, ..Val::default() }
            }
        }
    }

    fn name(&mut self, name: &str, span: Span, state: &mut State) -> Val {
        if let Some(local) = state.local(name) {
            let value = local.clone();
            if value.unset {
                let what = self.read_unset(name, &value);
                self.event(what, span, state);
            }
            return value;
        }
        match name {
            "this" => return Val::of(Source::This).typed("address"),
            "now" => return Val::of(Source::Time).typed("uint256"),
            _ => {}
        }
        if let Some(id) = self.variable_named(name) {
            return self.read(id, state);
        }
        // A constant outside of contracts, or the name of a type.
        Val::of(Source::Fixed)
    }

    fn member(&mut self, object: &'p Expr, member: &str, state: &mut State) -> Val {
        if let ExprKind::Name(name) = &object.kind
            && state.local(name).is_none()
        {
            let known = match (name.as_str(), member) {
                ("msg", "sender") => Val::of(Source::Sender).typed("address"),
                ("msg", "value") => Val::of(Source::Value).typed("uint256"),
                ("msg", "data" | "sig") => Val::of(Source::Data).typed("bytes"),
                ("tx", "origin") => Val::of(Source::Origin).typed("address"),
                ("block", "timestamp") => Val::of(Source::Time).typed("uint256"),
                ("block", "number") => Val::of(Source::Number).typed("uint256"),
                ("block", "chainid") => Val::of(Source::Chain).typed("uint256"),
                ("block", _) => Val::of(Source::Chance).typed("uint256"),
                ("msg" | "tx" | "abi", _) => Val::of(Source::Fixed).typed("uint256"),
                _ => Val::default(),
            };
            if known.exact.is_some() {
                return known;
            }
            if self.variable_named(name).is_none()
                && name != "this"
                && let Some(value) = self.of_contract(name, member, state)
            {
                return value;
            }
        }
        if let ExprKind::TypeName(_) = &object.kind {
            return Val::of(Source::Fixed);
        }
        let value = self.eval(object, state);
        match member {
            "balance" if value.exact == Some(Source::This) => Val::of(Source::OwnEther).typed("uint256"),
            "balance"
                if value.ty.as_ref().is_none_or(|ty| !matches!(ty, Type::User(_)))
                    || !self.has_member(&value, "balance") =>
            {
                Val::of(Source::Holding).typed("uint256")
            }
            "length" => {
                Val { exact: None, place: None, literal: None, parts: None, ..value }.typed("uint256")
            }
            "slot" | "offset" => {
                if let Some(id) = value.place {
                    self.facts.escaped.insert(id);
                }
                Val { exact: None, ..value }
            }
            "code" | "codehash" | "selector" | "address" => {
                Val { exact: None, place: None, ty: None, parts: None, ..value }
            }
            _ => {
                let ty = self.member_type(&value, member);
                Val { exact: None, ty, test: None, literal: None, parts: None, ..value }
            }
        }
    }

    /// A local is read that nothing was assigned to.
    pub(super) fn read_unset(&self, name: &str, value: &Val) -> What {
        let frame = self.frames.last().map(|frame| frame.contract).unwrap_or_default();
        let mut order = vec![frame];
        order.extend(&self.facts.order);
        let (reference, address) = match &value.ty {
            Some(Type::Array(..) | Type::Mapping(..)) => (true, false),
            Some(Type::User(path)) => {
                let structure = self.program.structure(frame.file, &order, path).is_some();
                (structure, !structure && self.program.lookup(frame.file, path).is_some())
            }
            Some(ty) => (false, ty.is_address()),
            None => (false, false),
        };
        What::ReadUnset { name: name.to_owned(), reference, address }
    }

    /// Whether the value's type is a struct with this member.
    fn has_member(&self, value: &Val, member: &str) -> bool {
        self.member_type(value, member).is_some()
    }

    fn member_type(&self, value: &Val, member: &str) -> Option<Type> {
        let Some(Type::User(path)) = &value.ty else { return None };
        let frame = self.frames.last()?;
        let mut order = vec![frame.contract];
        order.extend(&self.facts.order);
        let found = self.program.structure(frame.contract.file, &order, path)?;
        found.members.iter().find(|(name, _)| name == member).map(|(_, ty)| ty.clone())
    }

    /// `Library.CONSTANT`, `Base.variable`, `Enum.Value`.
    fn of_contract(&mut self, name: &str, member: &str, state: &mut State) -> Option<Val> {
        let file = self.frames.last()?.contract.file;
        if let Some(id) = self.program.lookup(file, name) {
            let own = self.facts.order.contains(&id);
            let found = self.by_name.get(member).and_then(|all| {
                all.iter().copied().find(|&it| self.facts.variable(it).is_some_and(|it| it.contract == id))
            });
            return match found {
                Some(variable) if own => Some(self.read(variable, state)),
                _ => Some(Val::of(Source::Fixed)),
            };
        }
        let is_enum =
            self.facts.order.iter().any(|&id| self.program.contract(id).enums.iter().any(|it| it == name));
        is_enum.then(|| Val::of(Source::Fixed))
    }

    fn unary(&mut self, operator: Operator, argument: &'p Expr, span: Span, state: &mut State) -> Val {
        match operator {
            Operator::Delete => {
                if let Some(ty) = self.eval(argument, state).ty {
                    self.event(What::Deleted(ty), span, state);
                }
                self.assign(argument, Val::literal("0", "uint256"), Some(Operator::Delete), span, state);
                Val::default()
            }
            Operator::Not => {
                let value = self.eval(argument, state);
                let test = Some(Rc::new(Test::Not(Test::of(&value))));
                Val { from: value.from, test, ..Val::default() }.typed("bool")
            }
            _ => {
                let value = self.eval(argument, state);
                Val { exact: None, place: None, test: None, literal: None, parts: None, ..value }
            }
        }
    }

    fn binary(
        &mut self,
        operator: Operator,
        left: &'p Expr,
        right: &'p Expr,
        span: Span,
        state: &mut State,
    ) -> Val {
        if matches!(operator, Operator::And | Operator::Or) {
            let first = self.eval(left, state);
            let test = Test::of(&first);
            // The second is looked at only if the first does not decide.
            let mut second_state = state.clone();
            self.know(left.span, &test, operator == Operator::And, &mut second_state);
            let second = self.eval(right, &mut second_state);
            state.meet(second_state);
            let (a, b) = (test, Test::of(&second));
            let test = if operator == Operator::And { Test::And(a, b) } else { Test::Or(a, b) };
            return Val { test: Some(Rc::new(test)), ..first.mixed(&second) }.typed("bool");
        }
        let (first, second) = (self.eval(left, state), self.eval(right, state));
        if operator.compares() {
            let mixed = first.mixed(&second);
            let in_text = decides(left, right);
            let what = What::Compare { operator, left: first.clone(), right: second.clone(), in_text };
            self.event(what, span, state);
            let test = Some(Rc::new(Test::Compare(operator, first, second)));
            return Val { test, ..mixed }.typed("bool");
        }
        self.arithmetic(operator, first, second, span, state)
    }

    pub(super) fn arithmetic(
        &mut self,
        operator: Operator,
        left: Val,
        right: Val,
        span: Span,
        state: &mut State,
    ) -> Val {
        let ty = match &left.ty {
            Some(ty) if left.literal.is_none() => Some(ty.clone()),
            _ => right.ty.clone().or(left.ty.clone()),
        };
        let mut mixed = left.mixed(&right);
        let both_literal = left.literal.is_some() && right.literal.is_some();
        let unchecked = self.frames.last().is_some_and(|frame| frame.unchecked > 0);
        let checked = self.facts.checks_arithmetic && !unchecked;
        let event =
            self.event(What::Arithmetic { operator, left, right, checked, assembly: false }, span, state);
        if operator == Operator::Div && !both_literal {
            mixed.from.insert(Source::Quotient(event));
        }
        Val { ty, ..mixed }
    }
}

/// Whether the text alone says how a comparison may end.
fn decides(left: &Expr, right: &Expr) -> bool {
    match (&left.kind, &right.kind) {
        (ExprKind::Number(_), _) | (_, ExprKind::Number(_)) => true,
        (ExprKind::Name(a), ExprKind::Name(b)) => a == b,
        _ => false,
    }
}

/// `base[key]`
pub(super) fn indexed(base: &Val, key: &Val) -> Val {
    let ty = match &base.ty {
        Some(Type::Mapping(_, value)) => Some((**value).clone()),
        Some(Type::Array(element, _)) => Some((**element).clone()),
        _ => None,
    };
    Val {
        from: base.from.clone(),
        ty,
        place: base.place,
        keyed_by_sender: base.keyed_by_sender || key.exact == Some(Source::Sender),
        keyed_by_choice: base.keyed_by_choice || key.is_argument(),
        keyed_by_hash: base.keyed_by_hash || key.has(Source::Hash),
        ..Val::default()
    }
}
