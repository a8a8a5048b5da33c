//! Code that is looked at by itself: as what it is known, and what a model can see in it.

pub mod features;
mod seen;

pub use seen::{CodeSays, Looked, Part, indicators, look};
