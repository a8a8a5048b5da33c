//! Risk: what to think of an address, a transaction or a message before it is signed, and why.
//!
//! ```text
//! api ─> calldata, message (what it asks for) ─> lists + lookalike (who is in it) ─> engine::decide ─> verdicts
//! ```
//!
//! `engine` and `lists` need no platform:
//!
//! ```
//! use scorpius_core::{Clock, SystemClock, new_id};
//! use scorpius_risk::engine::inputs::{Inputs, Question};
//! use scorpius_risk::engine::rules::RuleSet;
//! use scorpius_risk::engine::{decide, verdict::Level};
//! use scorpius_risk::lists::Lists;
//!
//! let address = "0x098B716B8Aaf21512996dC57EB0615e2383E2f96".parse()?;
//! let question = Question::Address { chain: "ethereum".parse()?, address };
//! let clock = SystemClock;
//! let inputs = Inputs::gather(question, &[], &Lists::seed(), new_id("vrd", &clock), clock.now());
//! assert_eq!(decide(&inputs, RuleSet::base()).level, Level::Critical);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod address;
pub mod api;
pub mod calldata;
pub mod code;
pub mod domain;
pub mod engine;
pub mod events;
pub mod foreign;
pub mod intel;
pub mod likelihood;
pub mod lists;
pub mod lookalike;
pub mod message;
pub mod model;
pub mod request;
pub mod token;
pub mod typed;
pub mod verdicts;

pub use events::events;
