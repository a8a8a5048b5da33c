//! From text to a tree that the rest reads. tree-sitter is named in this module alone.

pub(crate) mod ast;
mod expression;
mod lower;
mod statement;
pub(crate) mod visit;
mod yul;

pub(crate) use lower::parse;

use tree_sitter::Node;

use ast::Span;

/// Why a file was not parsed to its end.
pub(crate) const OUT_OF_TIME: &str = "time ran out";
/// How deep a file may be nested. Each level costs about 1 KB of stack on the way down.
const DEPTH_MAX: usize = 250;
/// Places that are not Solidity, told of one file.
const ERRORS_MAX: usize = 50;

/// One file while it is lowered.
struct Lowering<'a> {
    text: &'a str,
    file: u32,
    depth: usize,
    errors: Vec<(Span, String)>,
}

impl Lowering<'_> {
    fn span(&self, node: Node<'_>) -> Span {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span { file: self.file, start: offset(node.start_byte()), end: offset(node.end_byte()) }
    }

    fn text(&self, node: Node<'_>) -> &str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    fn owned(&self, node: Node<'_>) -> String {
        self.text(node).to_owned()
    }

    fn error(&mut self, node: Node<'_>, what: &str) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push((self.span(node), what.to_owned()));
        }
    }

    /// Runs `work` one level down; `None` when that is too deep.
    fn deeper<T>(&mut self, node: Node<'_>, work: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.depth >= DEPTH_MAX {
            self.error(node, "nested too deeply");
            return None;
        }
        self.depth += 1;
        let done = work(self);
        self.depth -= 1;
        Some(done)
    }
}

/// The named children without comments.
fn parts(node: Node<'_>) -> Vec<Node<'_>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).filter(|child| child.kind() != "comment").collect()
}

fn part<'a>(node: Node<'a>, kind: &str) -> Option<Node<'a>> {
    parts(node).into_iter().find(|child| child.kind() == kind)
}

fn parts_of<'a>(node: Node<'a>, kind: &str) -> Vec<Node<'a>> {
    parts(node).into_iter().filter(|child| child.kind() == kind).collect()
}

/// Whether one of the unnamed children is the keyword.
fn has_word(node: Node<'_>, word: &str) -> bool {
    let mut cursor = node.walk();
    node.children(&mut cursor).any(|child| child.kind() == word)
}
