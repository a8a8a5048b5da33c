//! Small models of shallow trees: data that is named by its hash, evaluated in whole numbers.
//!
//! ```text
//! features (i64) ─> trees ─> one number a feature, which add up ─> scaled ─> bounded ─> one term of the score
//! ```
//!
//! A node has the value that is expected there. A step from a node to its child moves the sum by the difference of both, and
//! the feature that decided gets that difference. So what the features get and where the trees begin add up to the leaves
//! exactly, on every machine.

mod file;
mod registry;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use file::{BadModel, Model, Node, Parts, Split};
pub use registry::{Listed, ListedCalibration, ListedCurve, Registry, listed};

/// What a model is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A contract, by its code.
    Contract,
    /// A site, by its name.
    Domain,
}

impl Class {
    /// Every class that can have a model.
    pub const ALL: [Self; 2] = [Self::Contract, Self::Domain];

    /// As documents name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::Domain => "domain",
        }
    }

    /// The names of its features, in their order.
    #[must_use]
    pub fn features(self) -> Vec<String> {
        match self {
            Self::Contract => crate::code::features::names(),
            Self::Domain => crate::domain::features::NAMES.iter().map(|name| (*name).to_owned()).collect(),
        }
    }
}

/// What a model says of something, in thousandths of log-odds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Where the trees begin.
    pub start: i64,
    /// What each feature moved; those that moved nothing are left out.
    pub moved: BTreeMap<usize, i64>,
    /// What the scale takes off or adds.
    pub scaled: i64,
    /// What the bounds take off or add.
    pub bounded: i64,
}

impl Said {
    /// The sum: what is counted.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.start + self.moved.values().sum::<i64>() + self.scaled + self.bounded
    }
}
