//! Expressions.
//!
//! The grammar finds operands and operators and puts them together wrongly: it reads `a && b.c` as `(a && b).c`, and
//! `!a.b` as `(!a).b`. So its tree is taken apart into what stands in the text, one after the other, and put
//! together again by the language's own precedence (Solidity, "Order of Precedence of Operators").

use tree_sitter::Node;

use super::ast::{Expr, ExprKind, Operator, Span, Type};
use super::{DEPTH_MAX, Lowering, parts, parts_of};

/// One piece of an expression.
enum Piece {
    Operand(Expr),
    /// Before an operand: `!`, `-`, `delete`; `true` for `++` and `--`.
    Prefix(Operator, bool, Span),
    /// Between operands.
    Binary(Operator),
    Assign(Option<Operator>),
    Question,
    Colon,
    /// Behind an operand.
    Member(String, Span),
    Index(Option<Expr>, Span),
    Call(Vec<Expr>, Span),
    Options(Vec<(String, Expr)>, Span),
    Step(Operator, Span),
}

/// How tightly what stands between operands binds; the second binds what stands on its right.
fn binding(piece: &Piece) -> Option<(u8, u8)> {
    Some(match piece {
        Piece::Assign(_) => (2, 1),
        Piece::Question => (4, 3),
        Piece::Binary(operator) => match operator {
            Operator::Or => (5, 6),
            Operator::And => (7, 8),
            Operator::Eq | Operator::Ne => (9, 10),
            Operator::Lt | Operator::Le | Operator::Gt | Operator::Ge => (11, 12),
            Operator::BitOr => (13, 14),
            Operator::BitXor => (15, 16),
            Operator::BitAnd => (17, 18),
            Operator::Shl | Operator::Shr => (19, 20),
            Operator::Add | Operator::Sub => (21, 22),
            Operator::Mul | Operator::Div | Operator::Mod => (23, 24),
            Operator::Exp => (26, 25),
            Operator::BitNot | Operator::Not | Operator::Delete => return None,
        },
        _ => return None,
    })
}

/// What stands before an operand binds tighter than anything between operands.
const PREFIX: u8 = 27;

/// The pieces of one expression while they are put together.
struct Pieces {
    left: std::vec::IntoIter<Piece>,
    next: Option<Piece>,
}

impl Pieces {
    fn new(pieces: Vec<Piece>) -> Self {
        let mut left = pieces.into_iter();
        let next = left.next();
        Self { left, next }
    }

    fn take(&mut self) -> Option<Piece> {
        std::mem::replace(&mut self.next, self.left.next())
    }
}

impl Lowering<'_> {
    pub(super) fn expression(&mut self, node: Node<'_>) -> Expr {
        let mut pieces = Vec::new();
        self.take_apart(node, &mut pieces);
        let whole = self.span(node);
        let mut pieces = Pieces::new(pieces);
        let made = self.put_together(&mut pieces, 0, 0, whole);
        if pieces.next.is_some() {
            self.error(node, "an expression that was not understood");
        }
        made
    }

    fn take_apart(&mut self, node: Node<'_>, pieces: &mut Vec<Piece>) {
        let done = self.deeper(node, |this| this.take_apart_here(node, pieces));
        if done.is_none() {
            pieces.push(Piece::Operand(Expr { kind: ExprKind::Other(Vec::new()), span: self.span(node) }));
        }
    }

    fn take_apart_here(&mut self, node: Node<'_>, pieces: &mut Vec<Piece>) {
        let span = self.span(node);
        let field = |name: &str| node.child_by_field_name(name);
        let operator = |this: &Self| field("operator").and_then(|it| Operator::of(this.text(it)));
        let each = |this: &mut Self, name: &str, pieces: &mut Vec<Piece>| match field(name) {
            Some(part) => this.take_apart(part, pieces),
            None => pieces.push(Piece::Operand(Expr { kind: ExprKind::Other(Vec::new()), span })),
        };
        match node.kind() {
            "expression" => match parts(node).first() {
                // A wrapper is no nesting of the source.
                Some(&only) => self.take_apart_here(only, pieces),
                None => pieces.push(Piece::Operand(Expr { kind: ExprKind::Name(self.owned(node)), span })),
            },
            "binary_expression" => {
                each(self, "left", pieces);
                pieces.push(Piece::Binary(operator(self).unwrap_or(Operator::BitOr)));
                each(self, "right", pieces);
            }
            "unary_expression" => {
                pieces.push(Piece::Prefix(operator(self).unwrap_or(Operator::Not), false, span));
                each(self, "argument", pieces);
            }
            "update_expression" => {
                let said = operator(self).unwrap_or(Operator::Add);
                let first = field("operator").is_some_and(|it| it.start_byte() == node.start_byte());
                if first {
                    pieces.push(Piece::Prefix(said, true, span));
                }
                each(self, "argument", pieces);
                if !first {
                    pieces.push(Piece::Step(said, span));
                }
            }
            "assignment_expression" | "augmented_assignment_expression" => {
                let mut cursor = node.walk();
                let word = node.children(&mut cursor).find(|child| !child.is_named());
                let said = word.and_then(|word| Operator::of(self.text(word)));
                each(self, "left", pieces);
                pieces.push(Piece::Assign(said));
                each(self, "right", pieces);
            }
            "ternary_expression" => {
                for (index, part) in parts(node).into_iter().enumerate() {
                    match index {
                        0 => {}
                        1 => pieces.push(Piece::Question),
                        _ => pieces.push(Piece::Colon),
                    }
                    self.take_apart(part, pieces);
                }
            }
            "member_expression" => {
                each(self, "object", pieces);
                let name = field("property").map(|name| self.owned(name)).unwrap_or_default();
                pieces.push(Piece::Member(name, span));
            }
            "array_access" | "slice_access" => {
                each(self, "base", pieces);
                let index = field("index").map(|index| self.expression(index));
                pieces.push(Piece::Index(index, span));
            }
            "call_expression" => {
                each(self, "function", pieces);
                let args = self.arguments(node);
                pieces.push(Piece::Call(args, span));
            }
            // `f{value: 1}`, or a struct with names.
            "struct_expression" => {
                each(self, "type", pieces);
                let options = self.options(node);
                pieces.push(Piece::Options(options, span));
            }
            _ => {
                let kind = self.operand(node);
                pieces.push(Piece::Operand(Expr { kind, span }));
            }
        }
    }

    /// Puts pieces together as long as they bind at least as tightly as `least` (Pratt).
    fn put_together(&mut self, pieces: &mut Pieces, least: u8, depth: usize, whole: Span) -> Expr {
        let nothing = || Expr { kind: ExprKind::Other(Vec::new()), span: whole };
        if depth > DEPTH_MAX {
            pieces.next = None;
            pieces.left = Vec::new().into_iter();
            if self.errors.len() < super::ERRORS_MAX {
                self.errors.push((whole, "nested too deeply".to_owned()));
            }
            return nothing();
        }
        let mut made = match pieces.take() {
            Some(Piece::Operand(operand)) => operand,
            Some(Piece::Prefix(operator, step, span)) => {
                let inner = self.put_together(pieces, PREFIX, depth + 1, whole);
                let span = Span { end: inner.span.end, ..span };
                let inner = Box::new(inner);
                let kind =
                    if step { ExprKind::Step(operator, inner) } else { ExprKind::Unary(operator, inner) };
                Expr { kind, span }
            }
            _ => return nothing(),
        };
        loop {
            made = match &pieces.next {
                Some(
                    Piece::Member(..)
                    | Piece::Index(..)
                    | Piece::Call(..)
                    | Piece::Options(..)
                    | Piece::Step(..),
                ) => match pieces.take() {
                    Some(piece) => self.behind(made, piece),
                    None => made,
                },
                Some(piece) => {
                    let Some((_, right)) = binding(piece).filter(|(left, _)| *left >= least) else {
                        return made;
                    };
                    let Some(piece) = pieces.take() else { return made };
                    self.between(made, piece, right, pieces, depth, whole)
                }
                None => return made,
            };
        }
    }

    fn between(
        &mut self,
        left: Expr,
        piece: Piece,
        right_binding: u8,
        pieces: &mut Pieces,
        depth: usize,
        whole: Span,
    ) -> Expr {
        let right = self.put_together(pieces, right_binding, depth + 1, whole);
        let (start, mut end) = (left.span.start, right.span.end);
        let (left, right) = (Box::new(left), Box::new(right));
        let kind = match piece {
            Piece::Assign(operator) => ExprKind::Assign(operator, left, right),
            Piece::Binary(operator) => ExprKind::Binary(operator, left, right),
            _ => {
                // `a ? b : c`
                if matches!(pieces.next, Some(Piece::Colon)) {
                    pieces.take();
                }
                let other = self.put_together(pieces, right_binding, depth + 1, whole);
                end = other.span.end;
                ExprKind::Ternary(left, right, Box::new(other))
            }
        };
        Expr { kind, span: Span { start, end, ..whole } }
    }

    fn behind(&mut self, base: Expr, piece: Piece) -> Expr {
        let start = base.span.start;
        let (kind, span) = match piece {
            Piece::Member(name, span) => (ExprKind::Member(Box::new(base), name), span),
            Piece::Index(index, span) => (ExprKind::Index(Box::new(base), index.map(Box::new)), span),
            Piece::Call(args, span) => (self.call(base, args), span),
            Piece::Options(options, span) => {
                (ExprKind::Call { callee: Box::new(base), options, args: Vec::new() }, span)
            }
            Piece::Step(operator, span) => (ExprKind::Step(operator, Box::new(base)), span),
            _ => return base,
        };
        Expr { kind, span: Span { start, ..span } }
    }

    /// What no precedence takes apart.
    fn operand(&mut self, node: Node<'_>) -> ExprKind {
        let span = self.span(node);
        let inner = parts(node);
        match node.kind() {
            "identifier" => ExprKind::Name(self.owned(node)),
            "user_defined_type" => self.named_path(node, span),
            "primitive_type" => ExprKind::TypeName(self.type_of(node)),
            "number_literal" => {
                ExprKind::Number(self.text(node).split_whitespace().collect::<Vec<_>>().join(" "))
            }
            "boolean_literal" => ExprKind::Bool(self.text(node) == "true"),
            "string_literal" | "hex_string_literal" | "unicode_string_literal" => {
                ExprKind::Text(self.owned(node))
            }
            "parenthesized_expression" => match inner.first() {
                Some(&only) => self.expression(only).kind,
                None => ExprKind::Other(Vec::new()),
            },
            "tuple_expression" => self.tuple(node),
            "inline_array_expression" => ExprKind::Array(self.all(&inner)),
            "new_expression" => {
                let ty = node.child_by_field_name("name").map_or(Type::Other, |name| self.type_of(name));
                let made = Expr { kind: ExprKind::New(ty), span };
                match super::has_word(node, "(") {
                    true => {
                        let args = self.arguments(node);
                        self.call(made, args)
                    }
                    false => made.kind,
                }
            }
            "type_cast_expression" | "payable_conversion_expression" => {
                let ty = match inner.first() {
                    Some(first) if first.kind() == "primitive_type" => self.type_of(*first),
                    _ => Type::Elementary("address payable".to_owned()),
                };
                cast(ty, self.arguments(node), span)
            }
            "meta_type_expression" => {
                let ty = inner.first().map_or(Type::Other, |&only| self.type_of(only));
                ExprKind::TypeName(ty)
            }
            _ => ExprKind::Other(self.all(&inner)),
        }
    }

    fn named_path(&self, node: Node<'_>, span: Span) -> ExprKind {
        let path = self.path(node);
        let mut names = path.split('.');
        let first = ExprKind::Name(names.next().unwrap_or_default().to_owned());
        names.fold(first, |object, name| {
            ExprKind::Member(Box::new(Expr { kind: object, span }), name.to_owned())
        })
    }

    fn tuple(&mut self, node: Node<'_>) -> ExprKind {
        let mut items = vec![None];
        let mut cursor = node.walk();
        let children: Vec<_> = node.children(&mut cursor).collect();
        for child in children {
            match child.kind() {
                "," => items.push(None),
                "(" | ")" | "comment" => {}
                _ => {
                    let item = self.expression(child);
                    if let Some(last) = items.last_mut() {
                        *last = Some(item);
                    }
                }
            }
        }
        ExprKind::Tuple(items)
    }

    fn all(&mut self, nodes: &[Node<'_>]) -> Vec<Expr> {
        nodes.iter().map(|&node| self.expression(node)).collect()
    }

    /// A call, with the two old and the new way to say its options folded into one.
    fn call(&mut self, callee: Expr, args: Vec<Expr>) -> ExprKind {
        let (mut callee, mut options) = (callee, Vec::new());
        loop {
            match callee.kind {
                // `f{value: 1}(..)`: the inner one has only options.
                ExprKind::Call { callee: inner, options: said, args: none }
                    if none.is_empty() && !said.is_empty() =>
                {
                    options.extend(said);
                    callee = *inner;
                }
                // `f.value(1)(..)`
                ExprKind::Call { callee: inner, options: said, args: mut given }
                    if is_option(&inner, &given) =>
                {
                    if let (ExprKind::Member(object, name), Some(value)) = (inner.kind, given.pop()) {
                        options.extend(said);
                        options.push((name, value));
                        callee = *object;
                    } else {
                        return ExprKind::Other(args);
                    }
                }
                kind => {
                    callee = Expr { kind, span: callee.span };
                    break;
                }
            }
        }
        match callee.kind {
            ExprKind::TypeName(ty @ Type::Elementary(_)) => cast(ty, args, callee.span),
            kind => ExprKind::Call { callee: Box::new(Expr { kind, span: callee.span }), options, args },
        }
    }

    fn options(&mut self, node: Node<'_>) -> Vec<(String, Expr)> {
        parts_of(node, "struct_field_assignment")
            .into_iter()
            .filter_map(|field| {
                let name = self.owned(field.child_by_field_name("name")?);
                Some((name, self.expression(field.child_by_field_name("value")?)))
            })
            .collect()
    }

    pub(super) fn arguments(&mut self, node: Node<'_>) -> Vec<Expr> {
        let mut all = Vec::new();
        for argument in parts_of(node, "call_argument") {
            for inner in parts(argument) {
                match inner.kind() {
                    "call_struct_argument" => {
                        all.extend(inner.child_by_field_name("value").map(|value| self.expression(value)));
                    }
                    _ => all.push(self.expression(inner)),
                }
            }
        }
        all
    }
}

/// Whether `f.value(..)` or `f.gas(..)` says an option of a call and is no function of its own.
fn is_option(callee: &Expr, given: &[Expr]) -> bool {
    let ExprKind::Member(object, name) = &callee.kind else { return false };
    let callable = matches!(object.kind, ExprKind::Member(..) | ExprKind::Call { .. } | ExprKind::New(_));
    given.len() == 1 && (name == "value" || name == "gas") && callable
}

/// `uint8(x)`
fn cast(ty: Type, mut args: Vec<Expr>, span: Span) -> ExprKind {
    match args.pop() {
        Some(argument) if args.is_empty() => ExprKind::Cast(ty, Box::new(argument)),
        _ => ExprKind::Cast(ty, Box::new(Expr { kind: ExprKind::Other(args), span })),
    }
}
