//! Every statement and expression of a function, outermost first.

use super::ast::{Expr, ExprKind, Function, Stmt, StmtKind};

/// Calls `each` with every expression of `function`, those of its modifiers too.
pub(crate) fn expressions<'a>(function: &'a Function, each: &mut dyn FnMut(&'a Expr)) {
    for argument in function.modifiers.iter().flat_map(|(_, arguments)| arguments) {
        inside(argument, each);
    }
    statements(function, &mut |statement| {
        for expression in direct(statement) {
            inside(expression, each);
        }
    });
}

/// Calls `each` with every statement of `function`.
pub(crate) fn statements<'a>(function: &'a Function, each: &mut dyn FnMut(&'a Stmt)) {
    for statement in function.body.iter().flatten() {
        below(statement, each);
    }
}

/// Calls `each` with a statement and all in it.
pub(crate) fn below<'a>(statement: &'a Stmt, each: &mut dyn FnMut(&'a Stmt)) {
    each(statement);
    match &statement.kind {
        StmtKind::Block { body, .. } | StmtKind::Assembly(body) => {
            for inner in body {
                below(inner, each);
            }
        }
        StmtKind::If { then, other, .. } => {
            below(then, each);
            if let Some(other) = other {
                below(other, each);
            }
        }
        StmtKind::Loop { first, body, .. } => {
            if let Some(first) = first {
                below(first, each);
            }
            below(body, each);
        }
        StmtKind::Try { body, catches, .. } => {
            below(body, each);
            for clause in catches {
                below(clause, each);
            }
        }
        StmtKind::Return(_)
        | StmtKind::Expr(_)
        | StmtKind::Declare { .. }
        | StmtKind::Emit(_)
        | StmtKind::Revert(_)
        | StmtKind::Placeholder
        | StmtKind::Break
        | StmtKind::Continue => {}
    }
}

/// The expressions that stand in a statement itself.
pub(crate) fn direct(statement: &Stmt) -> Vec<&Expr> {
    match &statement.kind {
        StmtKind::If { condition, .. } => vec![condition],
        StmtKind::Loop { condition, step, .. } => condition.iter().chain(step).collect(),
        StmtKind::Return(value) => value.iter().collect(),
        StmtKind::Expr(expression) | StmtKind::Emit(expression) => vec![expression],
        StmtKind::Declare { value, .. } => value.iter().collect(),
        StmtKind::Revert(arguments) => arguments.iter().collect(),
        StmtKind::Try { attempt, .. } => vec![attempt],
        StmtKind::Block { .. }
        | StmtKind::Assembly(_)
        | StmtKind::Placeholder
        | StmtKind::Break
        | StmtKind::Continue => Vec::new(),
    }
}

/// Calls `each` with an expression and all in it.
pub(crate) fn inside<'a>(expression: &'a Expr, each: &mut dyn FnMut(&'a Expr)) {
    each(expression);
    match &expression.kind {
        ExprKind::Member(object, _) => inside(object, each),
        ExprKind::Index(base, index) => {
            inside(base, each);
            if let Some(index) = index {
                inside(index, each);
            }
        }
        ExprKind::Call { callee, options, args } => {
            inside(callee, each);
            for argument in options.iter().map(|(_, value)| value).chain(args) {
                inside(argument, each);
            }
        }
        ExprKind::Cast(_, inner) | ExprKind::Unary(_, inner) | ExprKind::Step(_, inner) => {
            inside(inner, each)
        }
        ExprKind::Binary(_, left, right) | ExprKind::Assign(_, left, right) => {
            inside(left, each);
            inside(right, each);
        }
        ExprKind::Ternary(condition, then, other) => {
            inside(condition, each);
            inside(then, each);
            inside(other, each);
        }
        ExprKind::Tuple(items) => {
            for item in items.iter().flatten() {
                inside(item, each);
            }
        }
        ExprKind::Array(items) | ExprKind::Instruction(_, items) | ExprKind::Other(items) => {
            for item in items {
                inside(item, each);
            }
        }
        ExprKind::Name(_)
        | ExprKind::Number(_)
        | ExprKind::Text(_)
        | ExprKind::Bool(_)
        | ExprKind::New(_)
        | ExprKind::TypeName(_) => {}
    }
}

/// Whether `name` stands in the expression.
pub(crate) fn mentions(expression: &Expr, name: &str) -> bool {
    let mut found = false;
    inside(expression, &mut |it| found |= matches!(&it.kind, ExprKind::Name(other) if other == name));
    found
}

/// Whether the expression calls anything.
pub(crate) fn has_call(expression: &Expr) -> bool {
    let mut found = false;
    inside(expression, &mut |it| {
        found |= matches!(it.kind, ExprKind::Call { .. } | ExprKind::Instruction(..))
    });
    found
}

/// Whether something in the array or struct `name` is assigned.
pub(crate) fn sets(function: &Function, name: &str) -> bool {
    let mut found = false;
    expressions(function, &mut |it| {
        if let ExprKind::Assign(_, left, _) | ExprKind::Step(_, left) = &it.kind
            && matches!(left.kind, ExprKind::Index(..) | ExprKind::Member(..))
        {
            found |= mentions(left, name);
        }
    });
    found
}
