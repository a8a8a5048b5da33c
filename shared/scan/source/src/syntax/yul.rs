//! Assembly, in the words of the rest: variables, conditions and instructions.

use tree_sitter::Node;

use super::ast::{Expr, ExprKind, Local, Stmt, StmtKind, Type};
use super::{Lowering, parts, parts_of};

impl Lowering<'_> {
    pub(super) fn yul_statements(&mut self, node: Node<'_>) -> Vec<Stmt> {
        parts(node)
            .into_iter()
            .filter_map(|it| self.deeper(it, |this| this.yul_statement(it)).flatten())
            .collect()
    }

    fn yul_block(&mut self, node: Node<'_>) -> Stmt {
        let span = self.span(node);
        Stmt { kind: StmtKind::Block { unchecked: true, body: self.yul_statements(node) }, span }
    }

    fn yul_statement(&mut self, node: Node<'_>) -> Option<Stmt> {
        let span = self.span(node);
        let kind = match node.kind() {
            "yul_block" => return Some(self.yul_block(node)),
            "yul_variable_declaration" => {
                let mut cursor = node.walk();
                let names: Vec<_> = node.children_by_field_name("left", &mut cursor).collect();
                let locals = names
                    .into_iter()
                    .filter(Node::is_named)
                    .map(|name| {
                        Some(Local {
                            name: self.owned(name),
                            ty: Type::Elementary("uint256".to_owned()),
                            location: None,
                            span: self.span(name),
                        })
                    })
                    .collect();
                let value = node.child_by_field_name("right").map(|value| self.yul_expression(value));
                StmtKind::Declare { locals, value }
            }
            "yul_assignment" => {
                let mut inner = parts(node);
                let right = self.yul_expression(inner.pop()?);
                let mut left: Vec<Expr> = inner.into_iter().map(|it| self.yul_expression(it)).collect();
                let target = match left.len() {
                    0 => return Some(Stmt { kind: StmtKind::Expr(right), span }),
                    1 => left.remove(0),
                    _ => Expr { kind: ExprKind::Tuple(left.into_iter().map(Some).collect()), span },
                };
                StmtKind::Expr(Expr { kind: ExprKind::Assign(None, Box::new(target), Box::new(right)), span })
            }
            "yul_if_statement" => {
                let inner = parts(node);
                let condition = self.yul_expression(*inner.first()?);
                let then = Box::new(self.yul_block(*inner.last()?));
                StmtKind::If { condition, then, other: None }
            }
            "yul_for_statement" => {
                let inner = parts(node);
                let [first, condition, step, body] = inner.as_slice() else { return None };
                let mut body = vec![self.yul_block(*body)];
                body.push(self.yul_block(*step));
                StmtKind::Loop {
                    first: Some(Box::new(self.yul_block(*first))),
                    condition: Some(self.yul_expression(*condition)),
                    step: None,
                    body: Box::new(Stmt { kind: StmtKind::Block { unchecked: true, body }, span }),
                }
            }
            "yul_switch_statement" => self.yul_switch(node)?,
            // Its body is followed where it stands: rarely wrong, and never silent.
            "yul_function_definition" => {
                let body = parts_of(node, "yul_block");
                let then = Box::new(self.yul_block(*body.first()?));
                let condition = Expr { kind: ExprKind::Name("yul function".to_owned()), span };
                StmtKind::If { condition, then, other: None }
            }
            "yul_break" => StmtKind::Break,
            "yul_continue" => StmtKind::Continue,
            "yul_leave" => StmtKind::Return(None),
            "yul_function_call" => StmtKind::Expr(self.yul_expression(node)),
            _ => return None,
        };
        Some(Stmt { kind, span })
    }

    /// Nested `if`s, the last case innermost.
    fn yul_switch(&mut self, node: Node<'_>) -> Option<StmtKind> {
        let inner = parts(node);
        let span = self.span(node);
        let condition = self.yul_expression(*inner.first()?);
        let blocks: Vec<Stmt> =
            parts_of(node, "yul_block").into_iter().map(|it| self.yul_block(it)).collect();
        let mut all: Option<Stmt> = None;
        for block in blocks.into_iter().rev() {
            let kind = StmtKind::If {
                condition: condition.clone(),
                then: Box::new(block),
                other: all.take().map(Box::new),
            };
            all = Some(Stmt { kind, span });
        }
        all.map(|statement| statement.kind)
    }

    fn yul_expression(&mut self, node: Node<'_>) -> Expr {
        let span = self.span(node);
        let kind = self.deeper(node, |this| this.yul_kind(node));
        Expr { kind: kind.unwrap_or_else(|| ExprKind::Other(Vec::new())), span }
    }

    fn yul_kind(&mut self, node: Node<'_>) -> ExprKind {
        let span = self.span(node);
        match node.kind() {
            "yul_path" => {
                let names: Vec<_> = parts(node).into_iter().map(|it| self.owned(it)).collect();
                let mut names = names.into_iter();
                let first = ExprKind::Name(names.next().unwrap_or_default());
                names
                    .fold(first, |object, name| ExprKind::Member(Box::new(Expr { kind: object, span }), name))
            }
            "yul_identifier" | "identifier" => ExprKind::Name(self.owned(node)),
            "yul_function_call" => {
                let Some(function) = node.child_by_field_name("function") else {
                    return ExprKind::Other(Vec::new());
                };
                let arguments = parts(node).into_iter().filter(|it| it.id() != function.id());
                let arguments: Vec<Expr> = arguments.map(|it| self.yul_expression(it)).collect();
                ExprKind::Instruction(self.owned(function), arguments)
            }
            "yul_string_literal" | "yul_hex_string_literal" => ExprKind::Text(self.owned(node)),
            "yul_boolean" => ExprKind::Bool(self.text(node) == "true"),
            _ => ExprKind::Number(self.owned(node)),
        }
    }
}
