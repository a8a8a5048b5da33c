//! What a value is made of, and what a condition compares.

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::syntax::ast::{Operator, Type};

/// A variable of the contract that is walked: index into `Facts::variables`.
pub(crate) type VarId = u32;

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Source {
    /// A parameter of the function that the transaction calls, by its place.
    Param(u32),
    /// `msg.sender`
    Sender,
    /// `tx.origin`
    Origin,
    /// `msg.value`
    Value,
    /// `msg.data`, `msg.sig`
    Data,
    /// `block.timestamp`, `now`
    Time,
    /// `block.number`
    Number,
    /// `blockhash`, `block.difficulty`, `block.coinbase` and the like
    Chance,
    /// `block.chainid`
    Chain,
    /// A variable of the contract, or something in it.
    Var(VarId),
    /// The contract's own ether.
    OwnEther,
    /// What an account holds of a token or of ether, as somebody else books it.
    Holding,
    /// `address(this)`
    This,
    /// What the call of this event gave back.
    Returned(u32),
    /// Whether the call of this event succeeded.
    Ok(u32),
    /// A quotient, so that digits are gone; the event of the division.
    Quotient(u32),
    /// What `abi.encodePacked` of this event made.
    Packed(u32),
    /// A hash of something that the block says.
    Drawn,
    /// A hash.
    Hash,
    /// Who signed, of `ecrecover` and its like.
    Signer,
    /// A price or a reserve that another contract quotes.
    Quote,
    /// A literal, a constant or an immutable.
    Fixed,
}

impl Source {
    /// Whether whoever sends the transaction chooses it.
    pub(crate) fn is_chosen(self) -> bool {
        matches!(self, Self::Param(_) | Self::Data | Self::Sender | Self::Origin | Self::Value)
    }

    /// Whether whoever makes the block has a hand in it.
    pub(crate) fn is_of_block(self) -> bool {
        matches!(self, Self::Time | Self::Number | Self::Chance)
    }
}

/// What is known of a value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Val {
    /// Everything that it was computed from.
    pub(crate) from: BTreeSet<Source>,
    /// Set when it is this and nothing else.
    pub(crate) exact: Option<Source>,
    pub(crate) ty: Option<Type>,
    /// The variable that it lies in; what is written through it is written there.
    pub(crate) place: Option<VarId>,
    /// Whether it was looked up by `msg.sender`.
    pub(crate) keyed_by_sender: bool,
    /// Whether it was looked up by something that the sender chooses.
    pub(crate) keyed_by_choice: bool,
    /// Whether it was looked up by a hash: somebody committed to what was hashed.
    pub(crate) keyed_by_hash: bool,
    /// A literal, as written.
    pub(crate) literal: Option<Rc<str>>,
    /// What it says, if it is the outcome of a comparison.
    pub(crate) test: Option<Rc<Test>>,
    /// Whether nothing was ever assigned to it.
    pub(crate) unset: bool,
    /// The parts of a tuple.
    pub(crate) parts: Option<Rc<Vec<Val>>>,
}

impl Val {
    pub(crate) fn of(source: Source) -> Self {
        Self { from: BTreeSet::from([source]), exact: Some(source), ..Self::default() }
    }

    pub(crate) fn typed(mut self, name: &str) -> Self {
        self.ty = Some(Type::Elementary(name.to_owned()));
        self
    }

    pub(crate) fn literal(text: &str, ty: &str) -> Self {
        Self { literal: Some(text.into()), ..Self::of(Source::Fixed) }.typed(ty)
    }

    /// Computed from both.
    pub(crate) fn mixed(&self, other: &Self) -> Self {
        Self { from: self.from.union(&other.from).copied().collect(), ..Self::default() }
    }

    /// Either of both.
    pub(crate) fn joined(&self, other: &Self) -> Self {
        let same_test = matches!((&self.test, &other.test), (Some(a), Some(b)) if Rc::ptr_eq(a, b));
        let parts = match (&self.parts, &other.parts) {
            (Some(a), Some(b)) if a.len() == b.len() => {
                Some(Rc::new(a.iter().zip(b.iter()).map(|(a, b)| a.joined(b)).collect()))
            }
            _ => None,
        };
        Self {
            from: self.from.union(&other.from).copied().collect(),
            exact: if self.exact == other.exact { self.exact } else { None },
            ty: self.ty.clone().or_else(|| other.ty.clone()),
            place: self.place.or(other.place),
            keyed_by_sender: self.keyed_by_sender && other.keyed_by_sender,
            keyed_by_choice: self.keyed_by_choice || other.keyed_by_choice,
            keyed_by_hash: self.keyed_by_hash || other.keyed_by_hash,
            literal: if self.literal == other.literal { self.literal.clone() } else { None },
            test: if same_test { self.test.clone() } else { None },
            unset: self.unset && other.unset,
            parts,
        }
    }

    pub(crate) fn has(&self, source: Source) -> bool {
        self.from.contains(&source)
    }

    pub(crate) fn any(&self, question: impl Fn(Source) -> bool) -> bool {
        self.from.iter().any(|&source| question(source))
    }

    /// Whether the sender chooses it, other than by being the sender.
    pub(crate) fn is_argument(&self) -> bool {
        self.any(|source| matches!(source, Source::Param(_) | Source::Data))
    }

    /// Whether nothing but literals, constants and immutables went into it.
    pub(crate) fn is_fixed(&self) -> bool {
        self.from.iter().all(|source| matches!(source, Source::Fixed | Source::This))
    }

    /// Variables that went into it.
    pub(crate) fn variables(&self) -> impl Iterator<Item = VarId> + '_ {
        self.from.iter().filter_map(|source| match source {
            Source::Var(id) => Some(*id),
            _ => None,
        })
    }

    /// `0`, `address(0)`, `false`, `""`.
    pub(crate) fn is_zero(&self) -> bool {
        self.literal.as_deref().is_some_and(|text| {
            let digits = text.trim_start_matches("0x");
            text == "false"
                || text == "\"\""
                || (!digits.is_empty() && digits.chars().all(|it| it == '0'))
                || text == "0x"
        })
    }
}

/// What a condition compares.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    Compare(Operator, Val, Val),
    Truth(Val),
    Not(Rc<Test>),
    And(Rc<Test>, Rc<Test>),
    Or(Rc<Test>, Rc<Test>),
}

impl Test {
    /// What `value` says as a condition.
    pub(crate) fn of(value: &Val) -> Rc<Self> {
        value.test.clone().unwrap_or_else(|| Rc::new(Self::Truth(value.clone())))
    }

    /// Calls `each` with every value that is compared.
    pub(crate) fn values<'a>(&'a self, each: &mut dyn FnMut(&'a Val)) {
        match self {
            Self::Compare(_, left, right) => {
                each(left);
                each(right);
            }
            Self::Truth(value) => each(value),
            Self::Not(inner) => inner.values(each),
            Self::And(left, right) | Self::Or(left, right) => {
                left.values(each);
                right.values(each);
            }
        }
    }

    /// Everything that is compared.
    pub(crate) fn sources(&self) -> BTreeSet<Source> {
        let mut all = BTreeSet::new();
        self.values(&mut |value| all.extend(value.from.iter().copied()));
        all
    }

    /// Whether `holds` follows from one of the parts that must be true (or, with `truth` false, false).
    pub(crate) fn implies(&self, truth: bool, question: &dyn Fn(&Self, bool) -> bool) -> bool {
        match (self, truth) {
            (Self::Not(inner), _) => inner.implies(!truth, question),
            (Self::And(left, right), true) | (Self::Or(left, right), false) => {
                left.implies(truth, question) || right.implies(truth, question)
            }
            (Self::Or(left, right), true) | (Self::And(left, right), false) => {
                left.implies(truth, question) && right.implies(truth, question)
            }
            (leaf, _) => question(leaf, truth),
        }
    }
}
