//! What shows in a function's text alone.

use scorpius_scan::engine::Severity;

use super::Hit;
use crate::model::{ContractId, Program};
use crate::syntax::ast::{
    Expr, ExprKind, Function, FunctionKind, Operator, Stmt, StmtKind, Type, Visibility,
};
use crate::syntax::visit::{direct, expressions, has_call, inside, mentions, statements};

pub(super) fn detect(program: &Program, id: ContractId, hits: &mut Vec<Hit>) {
    let contract = program.contract(id);
    for function in &contract.functions {
        let mut found = Vec::new();
        expressions(function, &mut |expression| of_expression(expression, &mut found));
        statements(function, &mut |statement| of_statement(statement, &mut found));
        overwritten(function, &mut found);
        for hit in found {
            hits.push(Hit { contract: Some(id), ..hit }.within(&function.name));
        }
        if returns_from_assembly(function) && is_called_midway(program, id, function) {
            let what = "`return` in assembly ends the call; what its caller does afterwards never happens.";
            let hit = Hit::of("assembly-return", Severity::Medium, function.span, Some(id), what);
            hits.push(hit.within(&function.name));
        }
    }
}

/// Whether the function calls `name`.
pub(super) fn calls(function: &Function, name: &str) -> bool {
    let mut found = false;
    expressions(function, &mut |it| {
        if let ExprKind::Call { callee, .. } = &it.kind {
            found |= matches!(&callee.kind, ExprKind::Name(other) if other == name);
        }
    });
    found
}

fn of_expression(expression: &Expr, found: &mut Vec<Hit>) {
    let mut hit =
        |rule, severity, what: String| found.push(Hit::of(rule, severity, expression.span, None, what));
    match &expression.kind {
        ExprKind::Binary(Operator::BitXor, left, right) if is_power(left, right) => {
            hit("caret-exponent", Severity::High, "`^` is exclusive or; the power is `**`.".to_owned());
        }
        ExprKind::Binary(Operator::And | Operator::Or, left, right)
            if is_constant(left) || is_constant(right) =>
        {
            let what = "One side of the condition is a constant.".to_owned();
            hit("boolean-constant", Severity::Medium, what);
        }
        ExprKind::Call { callee, .. } => {
            if let ExprKind::Name(name) = &callee.kind
                && matches!(name.as_str(), "suicide" | "sha3")
            {
                hit("deprecated-construct", Severity::Info, format!("`{name}` is gone from the language."));
            }
        }
        ExprKind::Member(object, member) => {
            let of = |name: &str| matches!(&object.kind, ExprKind::Name(other) if other == name);
            if member == "callcode" || of("block") && member == "blockhash" || of("msg") && member == "gas" {
                hit("deprecated-construct", Severity::Info, format!("`{member}` is gone from the language."));
            }
        }
        ExprKind::Name(name) if name == "now" => {
            hit("deprecated-construct", Severity::Info, "`now` is gone from the language.".to_owned());
        }
        _ => {}
    }
}

/// `10^18`, `2^n`
fn is_power(left: &Expr, right: &Expr) -> bool {
    let decimal = |text: &str| !text.starts_with("0x") && !text.starts_with("0X");
    match (&left.kind, &right.kind) {
        (ExprKind::Number(base), ExprKind::Number(exponent)) => decimal(base) && decimal(exponent),
        (ExprKind::Number(base), ExprKind::Name(_)) => base == "10" || base == "2",
        // `amount * 10 ^ 18` is `(amount * 10) ^ 18`.
        (ExprKind::Binary(Operator::Mul, _, base), ExprKind::Number(exponent)) => {
            matches!(&base.kind, ExprKind::Number(base) if base == "10") && decimal(exponent)
        }
        _ => false,
    }
}

fn is_constant(expression: &Expr) -> bool {
    matches!(expression.kind, ExprKind::Bool(_))
}

fn of_statement(statement: &Stmt, found: &mut Vec<Hit>) {
    match &statement.kind {
        StmtKind::If { condition, .. } if is_constant(condition) => {
            let what = "The condition is a constant, so one branch is dead.";
            found.push(Hit::of("boolean-constant", Severity::Medium, condition.span, None, what));
        }
        StmtKind::Declare { locals, .. } => {
            let inferred = |ty: &Type| matches!(ty, Type::Elementary(name) if name == "var");
            if let Some(local) = locals.iter().flatten().find(|local| inferred(&local.ty)) {
                let what = "`var` is gone from the language.";
                found.push(Hit::of("deprecated-construct", Severity::Info, local.span, None, what));
            }
        }
        _ => {}
    }
}

/// `x = a; x = b;` with nothing between that reads `x`.
fn overwritten(function: &Function, found: &mut Vec<Hit>) {
    let mut look = |body: &[Stmt]| {
        for (index, first) in body.iter().enumerate() {
            let Some((name, _)) = assigned(first) else { continue };
            for later in body.iter().skip(index + 1) {
                match assigned(later) {
                    Some((other, value)) if other == name && !mentions(value, name) && !has_call(value) => {
                        let what = format!("What was assigned to `{name}` just before is lost.");
                        let hit = Hit::of("write-after-write", Severity::Low, later.span, None, what);
                        found.push(hit.with(first.span, "the first assignment"));
                        break;
                    }
                    Some((other, value)) if other != name && !mentions(value, name) && !has_call(value) => {}
                    _ => break,
                }
            }
        }
    };
    look(function.body.as_deref().unwrap_or_default());
    statements(function, &mut |statement| {
        if let StmtKind::Block { body, .. } = &statement.kind {
            look(body);
        }
    });
}

fn assigned(statement: &Stmt) -> Option<(&str, &Expr)> {
    let StmtKind::Expr(Expr { kind: ExprKind::Assign(None, left, right), .. }) = &statement.kind else {
        return None;
    };
    match &left.kind {
        ExprKind::Name(name) => Some((name, right)),
        _ => None,
    }
}

fn returns_from_assembly(function: &Function) -> bool {
    let internal = matches!(function.visibility, Visibility::Internal | Visibility::Private);
    let mut found = false;
    statements(function, &mut |statement| {
        if let StmtKind::Assembly(body) = &statement.kind {
            for inner in body {
                crate::syntax::visit::below(inner, &mut |it| {
                    for expression in direct(it) {
                        inside(expression, &mut |part| {
                            found |= matches!(&part.kind, ExprKind::Instruction(name, _) if name == "return");
                        });
                    }
                });
            }
        }
    });
    found && internal && function.kind == FunctionKind::Function
}

/// Whether some caller goes on after the call.
fn is_called_midway(program: &Program, id: ContractId, callee: &Function) -> bool {
    program.contract(id).functions.iter().any(|caller| {
        let Some(body) = &caller.body else { return false };
        let last = body.len().saturating_sub(1);
        body.iter().enumerate().any(|(index, statement)| {
            let mut called = false;
            crate::syntax::visit::below(statement, &mut |it| {
                for expression in direct(it) {
                    inside(expression, &mut |part| {
                        if let ExprKind::Call { callee: name, .. } = &part.kind {
                            called |= matches!(&name.kind, ExprKind::Name(other) if *other == callee.name);
                        }
                    });
                }
            });
            called && index < last
        })
    })
}
