//! What only some compilers do.

use std::collections::BTreeSet;

use scorpius_scan::engine::Severity;

use super::Hit;
use crate::model::{ContractId, Program};
use crate::syntax::ast::{Expr, ExprKind, Function, Stmt, StmtKind, Type};
use crate::syntax::visit::{expressions, inside, statements};

pub(super) fn detect(program: &Program, id: ContractId, hits: &mut Vec<Hit>) {
    let version = program.version(id.file);
    let contract = program.contract(id);
    let order = program.linearized(id);
    if version < (0, 5, 0) {
        nested_mappings(program, id, hits);
        for function in contract.functions.iter().filter(|it| it.reads_only) {
            writes_in_view(program, id, function, hits);
        }
    }
    for function in &contract.functions {
        if version < (0, 5, 0) {
            statements(function, &mut |it| inferred_counter(id, function, it, hits));
        }
        if version < (0, 4, 12) {
            expressions(function, &mut |it| empty_literal(id, function, it, hits));
        }
        if version < (0, 4, 5) {
            let enums: Vec<&String> = order.iter().flat_map(|&base| &program.contract(base).enums).collect();
            expressions(function, &mut |it| enum_conversion(id, function, it, &enums, hits));
        }
        if ((0, 4, 7)..=(0, 5, 9)).contains(&version) {
            expressions(function, &mut |it| signed_array(program, &order, function, it, id, hits));
            if program.units.get(id.file as usize).is_some_and(|unit| unit.new_encoder) {
                statements(function, &mut |it| encoded(program, &order, function, it, id, hits));
            }
        }
    }
}

fn variable<'p>(program: &'p Program, order: &[ContractId], expression: &Expr) -> Option<&'p Type> {
    let ExprKind::Name(name) = &expression.kind else { return None };
    let mut all = order.iter().flat_map(|&base| &program.contract(base).variables);
    all.find(|it| it.name == *name).map(|it| &it.ty)
}

fn nested_mappings(program: &Program, id: ContractId, hits: &mut Vec<Hit>) {
    let order = program.linearized(id);
    let contract = program.contract(id);
    for variable in contract.variables.iter().filter(|it| it.public) {
        let Type::Mapping(_, value) = &variable.ty else { continue };
        let Type::User(path) = &**value else { continue };
        let Some(outer) = program.structure(id.file, &order, path) else { continue };
        let nested = outer.members.iter().any(
            |(_, ty)| matches!(ty, Type::User(path) if program.structure(id.file, &order, path).is_some()),
        );
        if nested {
            let what =
                format!("The getter of `{}` that this compiler makes gives wrong values.", variable.name);
            hits.push(Hit::of("public-nested-mapping", Severity::High, variable.span, Some(id), what));
        }
    }
}

fn writes_in_view(program: &Program, id: ContractId, function: &Function, hits: &mut Vec<Hit>) {
    let order = program.linearized(id);
    let mut locals: BTreeSet<&str> =
        function.params.iter().chain(&function.returns).map(|it| it.name.as_str()).collect();
    let mut place = None;
    statements(function, &mut |statement| {
        if let StmtKind::Declare { locals: declared, .. } = &statement.kind {
            locals.extend(declared.iter().flatten().map(|it| it.name.as_str()));
        }
        if let StmtKind::Assembly(_) = &statement.kind {
            place.get_or_insert((statement.span, "assembly"));
        }
    });
    expressions(function, &mut |it| {
        if let ExprKind::Assign(_, left, _) | ExprKind::Step(_, left) = &it.kind {
            let mut root: &Expr = left;
            while let ExprKind::Index(base, _) | ExprKind::Member(base, _) = &root.kind {
                root = base;
            }
            let local = matches!(&root.kind, ExprKind::Name(name) if locals.contains(name.as_str()));
            if !local && variable(program, &order, root).is_some() {
                place.get_or_insert((it.span, "a write to storage"));
            }
        }
    });
    if let Some((span, what)) = place {
        let severity = if what == "assembly" { Severity::Low } else { Severity::Medium };
        let text = format!("`{}` promises to change nothing, and has {what}.", function.name);
        let hit = Hit::of("view-changes-state", severity, span, Some(id), text);
        hits.push(hit.within(&function.name));
    }
}

fn enum_conversion(
    id: ContractId,
    function: &Function,
    expression: &Expr,
    enums: &[&String],
    hits: &mut Vec<Hit>,
) {
    let ExprKind::Call { callee, args, .. } = &expression.kind else { return };
    let ExprKind::Name(name) = &callee.kind else { return };
    let literal = args.iter().any(|it| matches!(it.kind, ExprKind::Number(_)));
    if args.len() == 1 && !literal && enums.contains(&name) {
        let what = format!("This compiler does not look whether the number is one of `{name}`.");
        let hit = Hit::of("enum-conversion", Severity::Medium, expression.span, Some(id), what);
        hits.push(hit.within(&function.name));
    }
}

/// `for (var i = 0; i < n; i++)`
fn inferred_counter(id: ContractId, function: &Function, statement: &Stmt, hits: &mut Vec<Hit>) {
    let StmtKind::Loop { first: Some(first), condition: Some(condition), .. } = &statement.kind else {
        return;
    };
    let StmtKind::Declare { locals, value: Some(value) } = &first.kind else { return };
    let ([Some(local)], ExprKind::Number(_)) = (locals.as_slice(), &value.kind) else { return };
    let inferred = matches!(&local.ty, Type::Elementary(name) if name == "var");
    let ExprKind::Binary(_, left, right) = &condition.kind else { return };
    let bounded = [left, right].into_iter().any(|side| match &side.kind {
        ExprKind::Number(text) => text.parse::<u32>().is_ok_and(|number| number < 256),
        _ => false,
    });
    if inferred && !bounded {
        let what = format!("`{}` is a `uint8` and never reaches 256.", local.name);
        let hit = Hit::of("inferred-counter", Severity::Medium, local.span, Some(id), what);
        hits.push(hit.within(&function.name));
    }
}

/// `x.f("", y)`
fn empty_literal(id: ContractId, function: &Function, expression: &Expr, hits: &mut Vec<Hit>) {
    let ExprKind::Call { callee, args, .. } = &expression.kind else { return };
    let outside = matches!(&callee.kind, ExprKind::Member(object, _)
        if !matches!(&object.kind, ExprKind::Name(name) if name == "abi"));
    let empty =
        args.iter().position(|it| matches!(&it.kind, ExprKind::Text(text) if text == "\"\"" || text == "''"));
    if outside && empty.is_some_and(|at| at + 1 < args.len()) {
        let what = "This compiler leaves the empty text out, and what follows takes its place.";
        let hit = Hit::of("skipped-empty-literal", Severity::High, expression.span, Some(id), what);
        hits.push(hit.within(&function.name));
    }
}

fn signed_array(
    program: &Program,
    order: &[ContractId],
    function: &Function,
    expression: &Expr,
    id: ContractId,
    hits: &mut Vec<Hit>,
) {
    let ExprKind::Assign(None, left, right) = &expression.kind else { return };
    let signed = match variable(program, order, left) {
        Some(Type::Array(element, _)) => {
            matches!(&**element, Type::Elementary(name) if name.starts_with("int"))
        }
        _ => false,
    };
    if signed && matches!(right.kind, ExprKind::Array(_)) {
        let what = "This compiler stores wrong numbers here.";
        let hit = Hit::of("signed-storage-array", Severity::High, expression.span, Some(id), what);
        hits.push(hit.within(&function.name));
    }
}

/// A call, an event or `abi.encode` gets an array in storage of arrays or structs.
fn encoded(
    program: &Program,
    order: &[ContractId],
    function: &Function,
    statement: &Stmt,
    id: ContractId,
    hits: &mut Vec<Hit>,
) {
    for expression in crate::syntax::visit::direct(statement) {
        inside(expression, &mut |it| {
            let ExprKind::Call { callee, args, .. } = &it.kind else { return };
            let outside = match &callee.kind {
                ExprKind::Member(object, method) => {
                    let abi = matches!(&object.kind, ExprKind::Name(name) if name == "abi");
                    !matches!(method.as_str(), "push" | "pop") && (!abi || method.starts_with("encode"))
                }
                ExprKind::Name(_) => matches!(statement.kind, StmtKind::Emit(_)),
                _ => false,
            };
            let wrong = |arg: &Expr| match variable(program, order, arg) {
                Some(Type::Array(element, _)) => match &**element {
                    Type::Array(..) => true,
                    Type::User(path) => program.structure(id.file, order, path).is_some(),
                    _ => false,
                },
                _ => false,
            };
            if outside && args.iter().any(wrong) {
                let what = "This compiler's experimental encoder encodes the array wrongly.";
                let hit = Hit::of("encoder-array", Severity::High, it.span, Some(id), what);
                hits.push(hit.within(&function.name));
            }
        });
    }
}
