//! Symbolic words: expressions, each kept once, so that equal formulas are one number.

use std::collections::HashMap;

use alloy_primitives::U256;

use super::opcode::{self, Op};
use super::taint::Taint;

/// One expression of an `Arena`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(u32);

/// Fills the places of an operation that takes fewer than three words.
const NO_ARGUMENT: Id = Id(u32::MAX);

/// What is known of a word.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Expr {
    /// This number.
    Const(U256),
    /// What an instruction without arguments reads: `CALLER`, `TIMESTAMP`, ...
    Env(Op),
    /// The first four bytes of the call's data.
    Selector,
    /// The word of the call's data at this place.
    CallData(Id),
    /// The word of storage at this place.
    Storage(Id),
    /// The word of transient storage at this place.
    Transient(Id),
    /// Keccak-256 of these words.
    Hash(Box<[Id]>),
    /// An instruction applied to one to three words.
    Op(Op, [Id; 3]),
    /// What the call at `pc` answered.
    Answer { pc: usize, target: Id, taint: Taint },
    /// Whether the call at `pc` succeeded.
    Success { pc: usize },
    /// One of several words, which one depends on the path to `site`.
    Merge { site: u32, slot: u32, taint: Taint },
    /// Not followed; made at `pc`.
    Unknown { pc: usize, taint: Taint },
}

struct Node {
    expr: Expr,
    taint: Taint,
}

/// All expressions of one scan.
pub(crate) struct Arena {
    nodes: Vec<Node>,
    known: HashMap<Expr, Id>,
    /// For merged words: some of what they are merged from.
    merged: HashMap<Id, Vec<Id>>,
}

/// Words that are remembered of a merged one.
const MERGED_MAX: usize = 4;

impl Arena {
    pub(crate) fn new() -> Self {
        Self { nodes: Vec::new(), known: HashMap::new(), merged: HashMap::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn expr(&self, id: Id) -> &Expr {
        // INVARIANT: ids are made by `intern` alone, and nodes are never removed.
        &self.nodes[id.0 as usize].expr
    }

    pub(crate) fn taint(&self, id: Id) -> Taint {
        self.nodes[id.0 as usize].taint
    }

    pub(crate) fn constant(&mut self, word: U256) -> Id {
        self.intern(Expr::Const(word), Taint::NONE)
    }

    pub(crate) fn number(&mut self, number: u64) -> Id {
        self.constant(U256::from(number))
    }

    pub(crate) fn as_const(&self, id: Id) -> Option<U256> {
        match self.expr(id) {
            Expr::Const(word) => Some(*word),
            _ => None,
        }
    }

    pub(crate) fn as_u64(&self, id: Id) -> Option<u64> {
        self.as_const(id).and_then(|word| u64::try_from(word).ok())
    }

    /// The arguments of `op` when the expression is such an operation.
    pub(crate) fn as_op(&self, id: Id, wanted: Op) -> Option<[Id; 2]> {
        match self.expr(id) {
            Expr::Op(op, [a, b, _]) if *op == wanted => Some([*a, *b]),
            _ => None,
        }
    }

    /// What an instruction without arguments reads.
    pub(crate) fn env(&mut self, op: Op) -> Id {
        let taint = match op {
            opcode::CALLER => Taint::CALLER,
            opcode::ORIGIN => Taint::ORIGIN,
            opcode::ADDRESS => Taint::SELF,
            opcode::CALLVALUE => Taint::CALLDATA | Taint::VALUE,
            opcode::CALLDATASIZE => Taint::CALLDATA,
            opcode::TIMESTAMP => Taint::CHAIN | Taint::TIME,
            opcode::NUMBER => Taint::CHAIN | Taint::NUMBER,
            opcode::COINBASE | opcode::PREVRANDAO | opcode::GASLIMIT => Taint::CHAIN | Taint::BLOCK,
            opcode::SELFBALANCE => Taint::CHAIN | Taint::BALANCE,
            _ => Taint::CHAIN,
        };
        self.intern(Expr::Env(op), taint)
    }

    pub(crate) fn selector(&mut self) -> Id {
        self.intern(Expr::Selector, Taint::CALLDATA)
    }

    pub(crate) fn call_data(&mut self, at: Id) -> Id {
        self.intern(Expr::CallData(at), Taint::CALLDATA)
    }

    pub(crate) fn storage(&mut self, slot: Id) -> Id {
        let taint = Taint::STORAGE | self.keyed_by(slot);
        self.intern(Expr::Storage(slot), taint)
    }

    pub(crate) fn transient(&mut self, slot: Id) -> Id {
        let taint = Taint::STORAGE | self.keyed_by(slot);
        self.intern(Expr::Transient(slot), taint)
    }

    fn keyed_by(&self, slot: Id) -> Taint {
        let key = self.taint(slot);
        let mut taint = Taint::NONE;
        for (part, keyed) in [
            (Taint::CALLER | Taint::CALLER_KEYED, Taint::CALLER_KEYED),
            (Taint::ORIGIN | Taint::ORIGIN_KEYED, Taint::ORIGIN_KEYED),
            (Taint::SIGNER | Taint::SIGNER_KEYED, Taint::SIGNER_KEYED),
        ] {
            if key.has(part) {
                taint |= keyed;
            }
        }
        taint
    }

    pub(crate) fn hash(&mut self, words: Vec<Id>) -> Id {
        let taint = words.iter().fold(Taint::NONE, |taint, &word| taint | self.taint(word));
        self.intern(Expr::Hash(words.into()), taint)
    }

    pub(crate) fn answer(&mut self, pc: usize, target: Id, taint: Taint) -> Id {
        self.intern(Expr::Answer { pc, target, taint }, taint)
    }

    pub(crate) fn success(&mut self, pc: usize) -> Id {
        self.intern(Expr::Success { pc }, Taint::CHAIN | Taint::SUCCESS)
    }

    pub(crate) fn merge(&mut self, site: u32, slot: u32, taint: Taint) -> Id {
        self.intern(Expr::Merge { site, slot, taint }, taint)
    }

    /// Remembers that `merged` may be `word`.
    pub(crate) fn remember(&mut self, merged: Id, word: Id) {
        let words = self.merged.entry(merged).or_default();
        if words.len() < MERGED_MAX && word != merged && !words.contains(&word) {
            words.push(word);
        }
    }

    /// Some of the words that a merged one may be: for questions that a guess does not harm.
    pub(crate) fn alternatives(&self, merged: Id) -> &[Id] {
        self.merged.get(&merged).map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn unknown(&mut self, pc: usize, taint: Taint) -> Id {
        self.intern(Expr::Unknown { pc, taint }, taint)
    }

    /// `op` applied to three words.
    pub(crate) fn op3(&mut self, op: Op, a: Id, b: Id, c: Id) -> Id {
        let taint = self.taint(a) | self.taint(b) | self.taint(c);
        self.intern(Expr::Op(op, [a, b, c]), taint)
    }

    /// The operation itself, not simplified.
    pub(super) fn raw(&mut self, op: Op, a: Id, b: Option<Id>) -> Id {
        let taint = match op {
            // The balance or the code at an address says nothing of who asks.
            opcode::BALANCE => Taint::CHAIN | Taint::BALANCE,
            opcode::BLOCKHASH => Taint::CHAIN | Taint::BLOCK,
            0x3b | 0x3f | 0x49 => Taint::CHAIN,
            _ => self.taint(a) | b.map_or(Taint::NONE, |b| self.taint(b)),
        };
        self.intern(Expr::Op(op, [a, b.unwrap_or(NO_ARGUMENT), NO_ARGUMENT]), taint)
    }

    fn intern(&mut self, expr: Expr, taint: Taint) -> Id {
        if let Some(&id) = self.known.get(&expr) {
            return id;
        }
        let id = Id(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX - 1));
        self.nodes.push(Node { expr: expr.clone(), taint });
        self.known.insert(expr, id);
        id
    }

    /// The two words of an operation that takes two.
    pub(crate) fn operands(&self, id: Id) -> Option<(Op, Id, Id)> {
        match self.expr(id) {
            Expr::Op(op, [a, b, c]) if *b != NO_ARGUMENT && *c == NO_ARGUMENT => Some((*op, *a, *b)),
            _ => None,
        }
    }

    /// The expressions directly inside `id`.
    pub(crate) fn parts(&self, id: Id) -> Vec<Id> {
        match self.expr(id) {
            Expr::CallData(at) | Expr::Storage(at) | Expr::Transient(at) => vec![*at],
            Expr::Hash(words) => words.to_vec(),
            Expr::Op(_, arguments) => {
                arguments.iter().copied().filter(|&argument| argument != NO_ARGUMENT).collect()
            }
            Expr::Answer { target, .. } => vec![*target],
            Expr::Const(_)
            | Expr::Env(_)
            | Expr::Selector
            | Expr::Success { .. }
            | Expr::Merge { .. }
            | Expr::Unknown { .. } => Vec::new(),
        }
    }

    /// The words of storage that `id` is made of: 8 at most, among 200 expressions.
    pub(crate) fn slots_read(&self, id: Id) -> Vec<Id> {
        let mut slots = Vec::new();
        let mut open = vec![id];
        let mut looked_at = 0;
        while let Some(id) = open.pop() {
            looked_at += 1;
            if looked_at > 200 || slots.len() >= 8 {
                break;
            }
            match self.expr(id) {
                Expr::Storage(slot) if !slots.contains(slot) => slots.push(*slot),
                _ => {}
            }
            open.extend(self.parts(id));
        }
        slots
    }
}

/// Bytes of an expression in words, about.
const RENDERED_BYTES_MAX: usize = 300;

/// An expression in words, with no place of the code in it: equal for equal formulas wherever they are.
pub(crate) fn render(arena: &Arena, id: Id) -> String {
    let mut text = String::new();
    let mut nodes_left = 60;
    write(arena, id, 8, &mut nodes_left, &mut text);
    text
}

fn write(arena: &Arena, id: Id, depth: usize, nodes_left: &mut usize, text: &mut String) {
    if depth == 0 || *nodes_left == 0 || text.len() > RENDERED_BYTES_MAX {
        text.push('…');
        return;
    }
    *nodes_left -= 1;
    match arena.expr(id) {
        Expr::Const(word) => text.push_str(&format!("{word:#x}")),
        Expr::Env(op) => text.push_str(opcode::name(*op)),
        Expr::Selector => text.push_str("selector"),
        Expr::CallData(_) => list(arena, "calldata", &arena.parts(id), depth, nodes_left, text),
        Expr::Storage(_) => list(arena, "storage", &arena.parts(id), depth, nodes_left, text),
        Expr::Transient(_) => list(arena, "transient", &arena.parts(id), depth, nodes_left, text),
        Expr::Hash(_) => list(arena, "keccak", &arena.parts(id), depth, nodes_left, text),
        Expr::Answer { .. } => list(arena, "answer_of", &arena.parts(id), depth, nodes_left, text),
        Expr::Op(opcode::AND, [mask, word, _]) if arena.as_const(*mask).is_some_and(is_address_mask) => {
            list(arena, "address", &[*word], depth, nodes_left, text);
        }
        Expr::Op(op, _) if is_commutative(*op) => {
            // Which side is first depends on what was seen first: not on the formula.
            let mut sides: Vec<String> = arena
                .parts(id)
                .into_iter()
                .map(|part| {
                    let mut side = String::new();
                    write(arena, part, depth - 1, nodes_left, &mut side);
                    side
                })
                .collect();
            sides.sort_unstable();
            text.push_str(&format!("{}({})", opcode::name(*op), sides.join(", ")));
        }
        Expr::Op(op, _) => list(arena, opcode::name(*op), &arena.parts(id), depth, nodes_left, text),
        Expr::Success { .. } => text.push_str("success"),
        Expr::Merge { taint, .. } | Expr::Unknown { taint, .. } => {
            text.push_str("unknown");
            if *taint != Taint::NONE {
                text.push_str(&format!("<{}>", taint.names().join("|")));
            }
        }
    }
}

fn list(arena: &Arena, name: &str, parts: &[Id], depth: usize, nodes_left: &mut usize, text: &mut String) {
    text.push_str(name);
    text.push('(');
    for (index, &part) in parts.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        write(arena, part, depth - 1, nodes_left, text);
    }
    text.push(')');
}

fn is_commutative(op: Op) -> bool {
    matches!(op, opcode::ADD | opcode::MUL | opcode::EQ | opcode::AND | opcode::OR | opcode::XOR)
}

fn is_address_mask(word: U256) -> bool {
    word == (U256::ONE << 160) - U256::ONE
}
