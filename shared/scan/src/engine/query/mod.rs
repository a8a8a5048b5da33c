//! Detectors as text: a small language of questions to the facts about a contract. `docs/detector-language.md` is its reference.
//!
//! ```text
//! text ─> tokens ─> queries, checked against the schema ─> run over the facts, on fuel ─> candidates
//! ```
//!
//! Evaluation is total: it goes through things of which there are finitely many, each step costs fuel before it is made, and
//! a detector without fuel ends with what it has found and a note.

mod check;
mod detector;
mod error;
mod eval;
mod facts;
mod fields;
mod lexer;
mod limits;
mod parse;
mod program;
mod reference;
mod schema;
mod sites;
mod words;

pub use detector::{Confident, Detector, DetectorAbout, DetectorSet, NotASet, PREFIX};
pub use error::{BadDetector, Fault};
pub use limits::{
    DETECTORS_MAX, FINDINGS_OF_ONE_MAX, FINDINGS_OF_SET_MAX, SOURCE_BYTES_MAX, fuel_of_one, fuel_of_set,
};
pub use parse::is_id;
pub use reference::reference;

pub(crate) use detector::shipped;
pub(crate) use eval::run;
pub(crate) use facts::{Facts, Halt};

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
