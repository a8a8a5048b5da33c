//! Statements.

use tree_sitter::Node;

use super::ast::{Expr, ExprKind, Local, Stmt, StmtKind, Type};
use super::{Lowering, has_word, part, parts, parts_of};

impl Lowering<'_> {
    pub(super) fn statement(&mut self, node: Node<'_>) -> Option<Stmt> {
        self.deeper(node, |this| this.statement_at(node)).flatten()
    }

    fn statement_at(&mut self, node: Node<'_>) -> Option<Stmt> {
        let span = self.span(node);
        let inner = parts(node);
        let field = |name: &str| node.child_by_field_name(name);
        let kind = match node.kind() {
            "statement" => return self.statement_at(*inner.first()?),
            "block_statement" => {
                let unchecked = part(node, "unchecked").is_some();
                let body = inner.into_iter().filter(|it| it.kind() == "statement");
                StmtKind::Block { unchecked, body: body.filter_map(|it| self.statement(it)).collect() }
            }
            "expression_statement" => {
                let expression = self.expression(*inner.first()?);
                match &expression.kind {
                    ExprKind::Name(name) if name == "_" => StmtKind::Placeholder,
                    ExprKind::Name(name) if name == "throw" => StmtKind::Revert(Vec::new()),
                    _ => StmtKind::Expr(expression),
                }
            }
            "variable_declaration_statement" => self.declaration(node)?,
            "if_statement" => {
                let condition = self.expression(field("condition")?);
                let mut branches = parts_of(node, "statement").into_iter();
                let (then, other) = (branches.next()?, branches.next());
                StmtKind::If {
                    condition,
                    then: Box::new(self.statement(then)?),
                    other: other.and_then(|other| self.statement(other)).map(Box::new),
                }
            }
            "for_statement" => {
                let first = field("initial").filter(Node::is_named).and_then(|it| self.statement(it));
                let condition = field("condition").filter(Node::is_named).and_then(|it| {
                    let only = *parts(it).first()?;
                    Some(self.expression(only))
                });
                StmtKind::Loop {
                    first: first.map(Box::new),
                    condition,
                    step: field("update").map(|step| self.expression(step)),
                    body: Box::new(self.statement(field("body")?)?),
                }
            }
            "while_statement" | "do_while_statement" => StmtKind::Loop {
                first: None,
                condition: field("condition").map(|it| self.expression(it)),
                step: None,
                body: Box::new(self.statement(field("body")?)?),
            },
            "continue_statement" => StmtKind::Continue,
            "break_statement" => StmtKind::Break,
            "return_statement" => StmtKind::Return(inner.first().map(|&it| self.expression(it))),
            "emit_statement" => {
                let callee = Box::new(self.expression(field("name")?));
                let args = self.arguments(node);
                StmtKind::Emit(Expr { kind: ExprKind::Call { callee, options: Vec::new(), args }, span })
            }
            "revert_statement" => {
                let mut args: Vec<Expr> = part(node, "revert_arguments")
                    .map(|arguments| self.arguments(arguments))
                    .unwrap_or_default();
                args.extend(field("error").map(|error| self.expression(error)));
                StmtKind::Revert(args)
            }
            "try_statement" => {
                let attempt = self.expression(field("attempt")?);
                let body = Box::new(self.statement(field("body")?)?);
                let clauses = parts_of(node, "catch_clause");
                let catches = clauses
                    .into_iter()
                    .filter_map(|clause| self.statement(clause.child_by_field_name("body")?))
                    .collect();
                StmtKind::Try { attempt, returns: self.params(node), body, catches }
            }
            "assembly_statement" => StmtKind::Assembly(self.yul_statements(node)),
            _ => return None,
        };
        Some(Stmt { kind, span })
    }

    fn declaration(&mut self, node: Node<'_>) -> Option<StmtKind> {
        let value = node.child_by_field_name("value").map(|value| self.expression(value));
        if let Some(one) = part(node, "variable_declaration") {
            return Some(StmtKind::Declare { locals: vec![self.local(one)], value });
        }
        let tuple = part(node, "variable_declaration_tuple")?;
        let inferred = has_word(tuple, "var");
        let mut locals = vec![None];
        let mut cursor = tuple.walk();
        let children: Vec<_> = tuple.children(&mut cursor).collect();
        for child in children {
            let local = match child.kind() {
                "," => {
                    locals.push(None);
                    continue;
                }
                "variable_declaration" => self.local(child),
                "identifier" if inferred => Some(Local {
                    name: self.owned(child),
                    ty: Type::Elementary("var".to_owned()),
                    location: None,
                    span: self.span(child),
                }),
                _ => continue,
            };
            if let Some(last) = locals.last_mut() {
                *last = local;
            }
        }
        Some(StmtKind::Declare { locals, value })
    }
}
