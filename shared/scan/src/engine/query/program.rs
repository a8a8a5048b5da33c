//! A detector's queries, checked: every name is a field, every comparison is of one type with itself.

use alloy_primitives::U256;

use super::schema::{Entity, Field, Relation, WordField};
use crate::engine::report::{Confidence, Severity};
use crate::engine::taint::Taint;

/// One `find`.
pub(crate) struct Query {
    /// The variables, in the order in which they are bound.
    pub(super) bindings: Vec<Entity>,
    /// What has to hold once as many variables are bound: by their number, from 1.
    pub(super) tests: Vec<Vec<Test>>,
    pub(super) report: Report,
}

/// What a query tells.
pub(super) struct Report {
    /// The variable whose place it is.
    pub(super) variable: usize,
    /// What the finding is about; the thing's own word unless said.
    pub(super) about: Option<Value>,
    pub(super) severity: Severity,
    pub(super) confidence: Sure,
    pub(super) message: Vec<Piece>,
}

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sure {
    Always(Confidence),
    /// `Possible` where a condition on storage is on the way.
    ByPath,
}

/// A part of a message.
pub(super) enum Piece {
    Text(String),
    Value(Value),
}

/// A condition.
pub(super) enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    /// Something about things of another kind.
    Related {
        how: How,
        entities: Vec<Entity>,
        test: Option<Box<Test>>,
    },
    Flag(Value),
    Compare(Value, Compare, Value),
    Among(Value, Vec<Value>),
    From(Value, Taint),
    /// Of two variables.
    Order(Relation, usize, usize),
    /// Of a variable and a word.
    Place(Relation, usize, Value),
    /// Of two words.
    Parts(Relation, Value, Value),
}

/// How many things have to be so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Exists,
    Every,
    Count(Compare, u64),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Compare {
    pub(super) const ALL: [Self; 6] =
        [Self::Equal, Self::Unequal, Self::Less, Self::AtMost, Self::More, Self::AtLeast];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }

    pub(super) fn is_order(self) -> bool {
        !matches!(self, Self::Equal | Self::Unequal)
    }

    pub(super) fn holds<T: Ord>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Unequal => left != right,
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::More => left > right,
            Self::AtLeast => left >= right,
        }
    }
}

/// What is compared.
#[derive(Clone)]
pub(super) enum Value {
    /// A variable's field, and fields of the words that it leads to.
    Field {
        variable: usize,
        field: &'static Field,
        path: Vec<&'static WordField>,
    },
    Number(U256),
    Function(Option<u32>),
    Name(&'static str),
}

impl Test {
    /// How many of the query's own variables have to be bound for it.
    pub(super) fn needs(&self, own: usize) -> usize {
        let of = |value: &Value| match value {
            Value::Field { variable, .. } if *variable < own => variable + 1,
            _ => 0,
        };
        let bound = |variable: usize| if variable < own { variable + 1 } else { 0 };
        match self {
            Self::All(tests) | Self::Any(tests) => tests.iter().map(|it| it.needs(own)).max().unwrap_or(0),
            Self::Not(test) => test.needs(own),
            Self::Related { test, .. } => test.as_ref().map_or(0, |test| test.needs(own)),
            Self::Flag(value) | Self::Among(value, _) | Self::From(value, _) => of(value),
            Self::Compare(a, _, b) | Self::Parts(_, a, b) => of(a).max(of(b)),
            Self::Order(_, a, b) => bound(*a).max(bound(*b)),
            Self::Place(_, a, b) => bound(*a).max(of(b)),
        }
    }
}
