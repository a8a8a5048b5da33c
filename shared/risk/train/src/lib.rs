//! Learns from labelled sets, offline: weights of evidence, and small trees as one more term of the score.
//!
//! ```text
//! sets, feedback ─> cases ─> rows by class ─> folds by group ─┬─> additive weights ─┐
//!                                                             └─> trees on top ─────┴─> measures ─> model, weights, card
//! ```
//!
//! The same lines and the same seed give the same bytes: there is no clock and no randomness, sums run in one order, and
//! `exp` and `ln` are those of the pinned `libm`. Nothing of this runs in a function, and nothing that it writes counts
//! before it is part of a release.

mod additive;
mod calibration;
mod card;
mod cases;
mod curve;
mod learn;
mod measures;
mod plot;
mod set;
mod trees;

pub use calibration::{Calibration, isotonic};
pub use card::{Learned, card};
pub use cases::{Asked, BadCase, question};
pub use curve::LearnedCurve;
pub use learn::{Contender, LearnError, Outcome, Settings, learn};
pub use measures::{Alike, AtRate, Measures, Shifted};
pub use plot::{Series, plot};
pub use set::{Builder, DataSet, Kind, Row, SetError};

#[cfg(test)]
mod tests;
